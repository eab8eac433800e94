//! Leases: attempts on one export exclude each other, and an attempt that died leaves word of what it may have touched.
//!
//! A lease saves work; it is not what makes the lake right. Two attempts on the same content write the same bytes under
//! the same names, and the manifest's conditional write lets one of them commit. What a lease does guard against is an
//! attempt on *former* content that writes after the export was replaced; so an attempt writes only while its lease is
//! surely its own.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::names;
use super::store::{Condition, ETag, Store, StoreError, Written};
use crate::export::SourceId;

/// How long a lease lasts unless it is renewed or the attempt is known to be over earlier: as long as a Lambda function
/// can run.
pub(super) const DURATION: TimeDelta = TimeDelta::minutes(15);

/// A holder stops writing this long before its lease ends, so that clocks may differ by as much.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LeaseRecord {
    holder: String,
    /// Which of its holder's attempts this is, so that no two leases are ever alike: a store that lost its answer to a
    /// conditional write tells by the content whether the write was its own.
    #[serde(default)]
    attempt: u64,
    expires: DateTime<Utc>,
    /// Every file that this or an earlier, unfinished attempt may have written or has yet to remove.
    touched: BTreeSet<String>,
}

/// Attempts of this process so far.
static ATTEMPTS: AtomicU64 = AtomicU64::new(0);

/// The lease on an export, held.
pub(super) struct Lease<'s, S> {
    store: &'s S,
    /// How long it lasts unless it is renewed
    duration: TimeDelta,
    name: String,
    etag: ETag,
    record: LeaseRecord,
}

/// What became of asking for a lease.
pub(super) enum Asked<'s, S> {
    Held(Lease<'s, S>),
    /// Another process has it, until then at most.
    Busy {
        until: DateTime<Utc>,
    },
}

/// The lease ran out or went to somebody else before the work was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    #[error("the lease ran out before the export was committed")]
    Lost,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'s, S: Store> Lease<'s, S> {
    /// Asks for the lease on an export, for an attempt that takes so long at the most. An expired lease, and one whose
    /// holder is gone, is taken over.
    pub(super) async fn ask(
        store: &'s S,
        source: &SourceId,
        now: DateTime<Utc>,
        longest: TimeDelta,
    ) -> Result<Asked<'s, S>, StoreError> {
        let duration = (longest + MARGIN).min(DURATION);
        let name = names::lease(source);
        let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        loop {
            let (holder, touched) = (store.holder(), BTreeSet::new());
            let mut record = LeaseRecord { holder, attempt, expires: now + duration, touched };
            let condition = match store.get(&name).await? {
                None => Condition::Absent,
                Some(stored) => {
                    // A lease that cannot be read is nobody's.
                    if let Ok(found) = serde_json::from_slice::<LeaseRecord>(&stored.content) {
                        if found.expires > now && !store.is_gone(&found.holder) {
                            return Ok(Asked::Busy { until: found.expires });
                        }
                        record.touched = found.touched;
                    }
                    Condition::Matches(stored.etag)
                }
            };
            if let Written::Done(etag) = store.put_if(&name, encode(&record), condition).await? {
                return Ok(Asked::Held(Lease { store, duration, name, etag, record }));
            }
        }
    }

    /// Whether an attempt before this one had begun to write and did not finish.
    pub(super) fn follows_an_unfinished_attempt(&self) -> bool {
        !self.record.touched.is_empty()
    }

    /// Enters the files that are about to be written or removed, and renews the lease.
    pub(super) async fn plan(
        &mut self,
        touched: impl IntoIterator<Item = String>,
        now: DateTime<Utc>,
    ) -> Result<(), LeaseError> {
        self.record.touched.extend(touched);
        self.renew(now).await
    }

    /// Makes sure that the lease lasts long enough for another write.
    pub(super) async fn keep(&mut self, now: DateTime<Utc>) -> Result<(), LeaseError> {
        let left = self.record.expires - now;
        if left <= MARGIN {
            return Err(LeaseError::Lost);
        }
        if left < self.duration / 2 { self.renew(now).await } else { Ok(()) }
    }

    async fn renew(&mut self, now: DateTime<Utc>) -> Result<(), LeaseError> {
        self.record.expires = now + self.duration;
        let condition = Condition::Matches(self.etag.clone());
        match self.store.put_if(&self.name, encode(&self.record), condition).await? {
            Written::Done(etag) => {
                self.etag = etag;
                Ok(())
            }
            Written::Conflict => Err(LeaseError::Lost),
        }
    }

    /// Every file that this or an earlier, unfinished attempt may have touched.
    pub(super) fn touched(&self) -> &BTreeSet<String> {
        &self.record.touched
    }

    /// Gives the lease back: nothing is left to do.
    pub(super) async fn release(self, now: DateTime<Utc>) -> Result<(), LeaseError> {
        if self.record.expires - now <= MARGIN {
            return Err(LeaseError::Lost); // it may be somebody else's by now
        }
        Ok(self.store.remove(&self.name).await?)
    }

    /// Gives the lease back although the work is not done, so that nobody need wait for it to run out. Only for an
    /// attempt that has no write under way; what an earlier one left to clean up stays entered.
    pub(super) async fn give_up(mut self, now: DateTime<Utc>) -> Result<(), LeaseError> {
        if self.record.touched.is_empty() {
            return self.release(now).await;
        }
        self.record.expires = now;
        self.store.put_if(&self.name, encode(&self.record), Condition::Matches(self.etag)).await?;
        Ok(())
    }
}

fn encode(record: &LeaseRecord) -> Vec<u8> {
    serde_json::to_vec(record).unwrap_or_default()
}
