//! The notifications of the last days by when they were received, read when something is compared with them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};

use crate::counterpart::{AFTER, BEFORE};
use crate::lake::{Announced, Store, StoreError, announced, names};

/// So many are held in memory; then they are read anew when they are needed.
const MOST_HELD: usize = 2000;

/// A receipt in a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub(super) received: DateTime<Utc>,
    pub(super) name: String,
    /// None in a store that keeps no times: then it always counts as new
    pub(super) written: Option<DateTime<Utc>>,
}

pub(super) struct Receipts {
    listed: Vec<Listed>,
    held: BTreeMap<String, Announced>,
}

impl Receipts {
    /// Lists those that were received from one date to another, both included.
    pub(super) async fn list(store: &impl Store, dates: RangeInclusive<NaiveDate>) -> Result<Self, StoreError> {
        let mut listed = Vec::new();
        for date in dates.start().iter_days().take_while(|date| date <= dates.end()) {
            for entry in store.list(&names::receipts_of(date)).await? {
                if let Some(received) = names::received_at(&entry.name) {
                    listed.push(Listed { received, name: entry.name, written: entry.written });
                }
            }
        }
        listed.sort();
        Ok(Self { listed, held: BTreeMap::new() })
    }

    /// Those that were written from one time to before another, in that order.
    pub(super) fn written_within(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Listed> {
        let is_new = |listed: &&Listed| listed.written.is_none_or(|written| from <= written && written < until);
        let mut found: Vec<Listed> = self.listed.iter().filter(is_new).cloned().collect();
        found.sort_by_key(|listed| listed.written);
        found
    }

    /// Reads some of them.
    pub(super) async fn read(&mut self, store: &impl Store, names: &[String]) -> Result<(), StoreError> {
        if self.held.len() > MOST_HELD {
            self.held.clear();
        }
        let missing: Vec<String> = names.iter().filter(|name| !self.held.contains_key(*name)).cloned().collect();
        for read in announced(store, missing).await? {
            self.held.insert(read.receipt.clone(), read);
        }
        Ok(())
    }

    /// One that was read.
    pub(super) fn get(&self, name: &str) -> Option<&Announced> {
        self.held.get(name)
    }

    /// The names of those that may tell of events of these times.
    pub(super) fn near(&self, events: impl Iterator<Item = DateTime<Utc>>) -> Vec<String> {
        let mut names: Vec<String> =
            events.flat_map(|time| self.around(time)).map(|listed| listed.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Those that were received so close to an event that they may tell of it.
    pub(super) fn around(&self, event: DateTime<Utc>) -> &[Listed] {
        let first = self.listed.partition_point(|listed| listed.received < event - BEFORE);
        let last = self.listed.partition_point(|listed| listed.received <= event + AFTER);
        &self.listed[first..last.max(first)]
    }
}
