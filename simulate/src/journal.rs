//! Taking down what happened in an hour: the bytes of each record, and when the audit service received it.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::dice::chance;
use crate::plan::HOUR;
use crate::record::{Record, zulu};

/// One record, written and received.
pub(crate) struct Line {
    /// Milliseconds since the epoch.
    pub(crate) received: i64,
    /// JSON without a newline.
    pub(crate) text: Vec<u8>,
}

/// The lines of one hour, in the order in which they were made.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) lines: Vec<Line>,
}

/// What a record may lack or be given twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// As it comes: now and then an id or a time of receipt is missing, or the record comes twice.
    Usual,
    /// A planted incident: complete, and once.
    Exact,
}

impl Journal {
    /// How many lines there are.
    pub(crate) fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Takes down a record that was received at `received`.
    pub(crate) fn note<P: Serialize>(
        &mut self,
        rng: &mut ChaCha8Rng,
        mut record: Record<P>,
        received: i64,
        care: Care,
    ) -> Result<(), serde_json::Error> {
        record.received_timestamp = Some(zulu(received));
        record.order = rng.random_range(0..3);
        let oddity = if care == Care::Exact { 0 } else { rng.random_range(1..=20_000_u32) };
        match oddity {
            1 => record.id = None,
            2 | 3 => record.received_timestamp = None,
            _ => {}
        }
        self.push(&record, received)?;
        // One record in a thousand comes again, in a later export.
        if care == Care::Usual && chance(rng, 1) {
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
