//! Counting an export again, with no rules and no manifest: what verification holds the lake against.

use std::io::{self, Read};

use crate::event::{Record, kind};
use crate::export::{ExportReader, Limits};

use super::ledger::Ledger;

/// Where the lines of an export belong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recount {
    /// For each line, from 1 on, where it must be found
    pub lines: Vec<Place>,
}

/// Where a line must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is blank
    Nowhere,
    /// In quarantine
    Quarantine,
    /// In this ledger
    Ledger(Ledger),
}

impl Recount {
    /// Reads an export to its end.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn of(export: impl Read, limits: Limits) -> io::Result<Self> {
        let mut reader = ExportReader::new(export, limits)?;
        let mut recount = Self::default();
        while let Some(line) = reader.next_line()? {
            recount.lines.push(match Record::of_line(&line.content) {
                None => Place::Nowhere,
                Some(Err(_)) => Place::Quarantine,
                Some(Ok(record)) => Place::Ledger(Ledger::of_kind(&kind::of(record.json()).unwrap_or_default())),
            });
        }
        Ok(recount)
    }

    /// How many lines belong to a place.
    #[must_use]
    pub fn count(&self, place: Place) -> u64 {
        self.lines.iter().filter(|found| **found == place).count() as u64
    }
}
