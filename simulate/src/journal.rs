//! Taking down what happened in an hour: the bytes of each record, and when the audit service received it.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::dice::chance;
use crate::plan::{HOUR, SECOND};
use crate::record::{Record, zulu};

/// One record, written and received.
pub(crate) struct Line {
    /// Milliseconds since the epoch.
    pub(crate) received: i64,
    /// JSON without a newline.
    pub(crate) text: Vec<u8>,
}

/// The lines of one hour, in the order in which they were made.
pub(crate) struct Journal {
    pub(crate) lines: Vec<Line>,
    /// The first moment that is no longer simulated.
    end: i64,
}

/// What a record may lack or be given twice, and when it is received.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// As it comes: now and then an id or a time of receipt is missing, or the record comes late, or twice.
    Usual,
    /// A planted event: complete, once, and received this many milliseconds late, which are mostly none.
    Exact(i64),
}

impl Journal {
    /// A journal with nothing in it, of a simulation that ends at `end`.
    pub(crate) fn new(end: i64) -> Self {
        Self { lines: Vec::new(), end }
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    /// When an event of the application is received that happened at `at`: seconds later, now and then up to two days later.
    ///
    /// What would come too late for the last export comes in time: an approval must not be missing behind its grant.
    pub(crate) fn received(&self, rng: &mut ChaCha8Rng, at: i64, care: Care) -> i64 {
        let prompt = at + rng.random_range(SECOND / 2..20 * SECOND);
        let late = match care {
            Care::Usual if chance(rng, 12) => rng.random_range(HOUR..48 * HOUR),
            Care::Usual => 0,
            Care::Exact(late) => late,
        };
        if prompt + late < self.end { prompt + late } else { prompt }
    }

    /// Takes down a record that was received at `received`.
    pub(crate) fn note<P: Serialize>(
        &mut self,
        rng: &mut ChaCha8Rng,
        mut record: Record<P>,
        received: i64,
        care: Care,
    ) -> Result<(), serde_json::Error> {
        let usual = care == Care::Usual;
        record.received_timestamp = Some(zulu(received));
        record.order = rng.random_range(0..3);
        let oddity = if usual { rng.random_range(1..=20_000_u32) } else { 0 };
        match oddity {
            1 => record.id = None,
            2 | 3 => record.received_timestamp = None,
            _ => {}
        }
        self.push(&record, received)?;
        // Two records in a thousand come again, in a later export.
        if usual && chance(rng, 2) {
            let again = received + rng.random_range(HOUR..26 * HOUR);
            record.received_timestamp = Some(zulu(again));
            self.push(&record, again)?;
        }
        Ok(())
    }

    fn push<P: Serialize>(&mut self, record: &Record<P>, received: i64) -> Result<(), serde_json::Error> {
        let mut text = Vec::with_capacity(2560);
        serde_json::to_writer(&mut text, record)?;
        self.lines.push(Line { received, text });
        Ok(())
    }
}
