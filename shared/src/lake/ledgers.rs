//! Which files of the ledgers are committed, by date, and how far the lake reaches.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::manifest::read_manifests;
use super::names;
use super::store::{Store, StoreError};
use crate::event::{Service, time};
use crate::findings::ledger::Ledger;
use crate::report::impact::Reach;

/// The committed files of both ledgers: only files that a manifest names count, as for alerts.
#[derive(Debug, Default)]
pub struct LedgerFiles {
    access: BTreeMap<NaiveDate, BTreeSet<String>>,
    changes: BTreeMap<NaiveDate, BTreeSet<String>>,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    /// Manifests that cannot be read, so that their files are left out
    pub unreadable: usize,
}

impl LedgerFiles {
    /// Reads every manifest of a lake. Events without a readable time are left out: no window holds them.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn in_lake(store: &impl Store) -> Result<Self, StoreError> {
        let mut files = Self::default();
        let of = |ledger: Ledger| format!("ledger/{}/", ledger.name());
        let (access, changes) = (of(Ledger::Access), of(Ledger::Changes));
        for (_, manifest) in read_manifests(store).await? {
            let Ok(manifest) = manifest else {
                files.unreadable += 1;
                continue;
            };
            if manifest.service != Service::Audit {
                continue;
            }
            files.first = files.first.into_iter().chain(manifest.first_event).min();
            files.last = files.last.into_iter().chain(manifest.last_event).max();
            for file in manifest.files {
                let Some(date) = names::date_of(&file.name).filter(|date| *date != time::UNDATED) else { continue };
                let by_date = if file.name.starts_with(&access) {
                    &mut files.access
                } else if file.name.starts_with(&changes) {
                    &mut files.changes
                } else {
                    continue;
                };
                by_date.entry(date).or_default().insert(file.name);
            }
        }
        Ok(files)
    }

    /// How far the lake reaches; none if it has no event with a time.
    #[must_use]
    pub fn reach(&self) -> Option<Reach> {
        let dates = self.access.keys().chain(self.changes.keys()).copied().collect();
        Some(Reach { first: self.first?, last: self.last?, dates })
    }

    /// The first date that has events; none if no event has a time.
    #[must_use]
    pub fn first_date(&self) -> Option<NaiveDate> {
        self.access.keys().chain(self.changes.keys()).min().copied()
    }

    /// The dates that have changes, in order.
    pub(super) fn dates_of_changes(&self) -> impl DoubleEndedIterator<Item = NaiveDate> + '_ {
        self.changes.keys().copied()
    }

    /// The dates that have queries, in order.
    pub(super) fn dates_of_access(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.access.keys().copied()
    }

    /// The files of a ledger of a date, in the order of names.
    pub(super) fn of(&self, ledger: Ledger, date: NaiveDate) -> impl Iterator<Item = &str> {
        let by_date = match ledger {
            Ledger::Access => &self.access,
            Ledger::Changes => &self.changes,
        };
        by_date.get(&date).into_iter().flatten().map(String::as_str)
    }
}
