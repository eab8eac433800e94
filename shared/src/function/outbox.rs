//! Delivering what lies in the outbox, whoever left it there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::{Desk, InForce, Invocation};
use crate::lake::{Store, StoreError, names};
use crate::notify::{Tally, written};

/// An entry is begun only if so much time is left: an attempt takes as long at the most.
const TIME_FOR_AN_ENTRY: Duration = Duration::from_secs(20);

/// What came of delivering what lies in the outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Of all entries that were begun
    pub tally: Tally,
    /// Entries that were begun
    pub entries: u64,
    /// Entries that there was no time for, or that were beyond the most
    pub not_reached: u64,
    /// Entries that failed
    pub failed: u64,
    /// When the oldest entry was written of which something could not be delivered
    pub oldest_pending: Option<DateTime<Utc>>,
    /// Why an entry failed, of the first that did
    pub reason: Option<String>,
}

impl Desk {
    /// Delivers `most` entries of the outbox at the most, as far as time allows, but those whose names begin with one of
    /// `handled`. It begins at another entry each time, so that those that cannot be delivered never stand before all
    /// others.
    ///
    /// # Errors
    /// The outbox cannot be listed.
    pub async fn deliver_outbox(
        &self,
        in_force: &InForce,
        most: usize,
        handled: &BTreeSet<String>,
        invocation: &Invocation,
    ) -> Result<Delivered, StoreError> {
        let is_handled = |name: &str| handled.iter().any(|prefix| name.starts_with(prefix));
        let mut entries = self.store.list(names::OUTBOX).await?;
        entries.retain(|entry| !is_handled(&entry.name));
        if !entries.is_empty() {
            let first = fastrand::usize(..entries.len());
            entries.rotate_left(first);
        }
        let mut done = Delivered::default();
        let office = self.office(in_force, invocation);
        for (number, entry) in entries.iter().enumerate() {
            if number == most || Instant::now() + TIME_FOR_AN_ENTRY > invocation.deadline {
                done.not_reached = (entries.len() - number) as u64;
                done.waits_since(entries[number..].iter().filter_map(|entry| entry.written).min());
                break;
            }
            done.entries += 1;
            let is_pending = match office.deliver_entry(&entry.name).await {
                Ok(came_of_it) => {
                    done.tally += came_of_it;
                    came_of_it.pending > 0
                }
                Err(error) => {
                    done.failed += 1;
                    done.reason.get_or_insert_with(|| error.to_string());
                    true
                }
            };
            if is_pending {
                // An entry that cannot be read does not say when it was written; the store does.
                let time = written(&self.store, &entry.name).await.ok().flatten();
                done.waits_since(time.or(entry.written));
            }
        }
        Ok(done)
    }
}

impl Delivered {
    fn waits_since(&mut self, time: Option<DateTime<Utc>>) {
        self.oldest_pending = self.oldest_pending.into_iter().chain(time).min();
    }
}
