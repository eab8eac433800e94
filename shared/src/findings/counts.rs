//! What became of every line of an export: the sums that must come out even.

use serde::{Deserialize, Serialize};

/// Counts of one export, or summed over several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Lines read, or elements where the export is a JSON array
    pub read: u64,
    /// Events: lines that were read as records
    pub classified: u64,
    /// Lines that could not be read
    pub quarantined: u64,
    /// Lines of white space
    pub blank: u64,
    /// Events in the ledger `access`
    pub access: u64,
    /// Events in the ledger `changes`
    pub changes: u64,
    /// Events without a readable time; they lie in the partition of 1970-01-01
    pub undated: u64,
    /// Matches of rules with events, of those rules that alert
    pub matches: u64,
    /// Matches that correlations count
    #[serde(default)]
    pub signals: u64,
}

impl Counts {
    /// Whether nothing was lost: read = classified + quarantined + blank, and classified = rows of both ledgers.
    #[must_use]
    pub fn are_conserved(&self) -> bool {
        self.unaccounted() == 0
    }

    /// Lines of which nobody knows where they are: 0, or something is wrong.
    #[must_use]
    pub fn unaccounted(&self) -> u64 {
        let placed = self.classified + self.quarantined + self.blank;
        self.read.abs_diff(placed) + self.classified.abs_diff(self.access + self.changes)
    }

    /// `4 read = 3 classified + 1 quarantined + 0 blank; 3 classified = 1 access + 2 changes`
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self { read, classified, quarantined, blank, access, changes, .. } = self;
        format!(
            "{read} read = {classified} classified + {quarantined} quarantined + {blank} blank; \
             {classified} classified = {access} access + {changes} changes"
        )
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.classified += other.classified;
        self.quarantined += other.quarantined;
        self.blank += other.blank;
        self.access += other.access;
        self.changes += other.changes;
        self.undated += other.undated;
        self.matches += other.matches;
        self.signals += other.signals;
    }
}
