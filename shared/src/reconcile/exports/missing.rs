//! What one reconciliation leaves to the next: which exports were put into the queue and are not in the lake yet, and how
//! far comparing came.
//!
//! Whoever writes it first has won: a run enters what it is about to put into the queue, and a run that meanwhile did
//! the same gives up. So nothing is put there by two runs at once.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::lake::{Condition, ETag, S3Address, Store, StoreError, Written, names};

/// The version of this form; a later one may add fields, never change the meaning of one.
const VERSION: u32 = 1;

/// An export is put into the queue so often; if it is missing after that, somebody is told.
pub(super) const TIMES: u32 = 3;

/// Not twice within this time: Lambda repeats an invocation that failed, and schedules may come twice.
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(30);

/// What is known of exports that are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    #[serde(rename = "missing_version")]
    version: u32,
    /// Where exports were looked for
    address: String,
    /// Every export and manifest of before this time was compared
    pub compared_until: Option<DateTime<Utc>>,
    /// The comparison that came to no end
    pub unfinished: Option<Unfinished>,
    /// What was put into the queue and is still missing, by key
    pub exports: BTreeMap<String, Known>,
}

/// A comparison that is to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// When it began
    pub began: DateTime<Utc>,
    /// The last key that it came to
    pub after: String,
    /// Whether an export is missing that it did not put into the queue
    pub left_some: bool,
}

/// An export that was put into the queue and is still missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The version that is missing
    pub etag: String,
    /// Since when it is known to be missing
    pub since: DateTime<Utc>,
    /// How often it was put into the queue
    pub enqueued: u32,
    /// When it last was
    pub enqueued_at: DateTime<Utc>,
    /// Whether somebody was told; then it is not put into the queue again
    pub told: bool,
}

/// What to do about an export that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Enqueue,
    Tell,
    Wait,
}

/// What was left cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MissingError {
    /// The lake failed.
    #[error("the lake failed: {0}")]
    Store(#[from] StoreError),
    /// It is damaged.
    #[error("{name} is damaged ({0}); remove it, and everything is compared again", name = names::MISSING)]
    Damaged(String),
}

impl Known {
    pub(super) fn new(etag: &str, now: DateTime<Utc>) -> Self {
        Self { etag: etag.to_owned(), since: now, enqueued: 1, enqueued_at: now, told: false }
    }

    pub(super) fn step(&self, now: DateTime<Utc>) -> Step {
        if self.told || now - self.enqueued_at < AGAIN_AFTER {
            Step::Wait
        } else if self.enqueued < TIMES {
            Step::Enqueue
        } else {
            Step::Tell
        }
    }
}

impl Missing {
    /// Nothing is known of the exports at an address.
    #[must_use]
    pub fn nothing(address: &S3Address) -> Self {
        let address = address.to_string();
        Self { version: VERSION, address, compared_until: None, unfinished: None, exports: BTreeMap::new() }
    }

    /// What was left, if it is about the exports at this address, and the condition on which it may be replaced.
    ///
    /// # Errors
    /// [`MissingError`]
    pub async fn read(store: &impl Store, address: &S3Address) -> Result<(Self, Condition), MissingError> {
        let Some(stored) = store.get(names::MISSING).await? else {
            return Ok((Self::nothing(address), Condition::Absent));
        };
        let found: Self =
            serde_json::from_slice(&stored.content).map_err(|error| MissingError::Damaged(error.to_string()))?;
        let is_about_these = found.address == address.to_string() && found.version == VERSION;
        let known = if is_about_these { found } else { Self::nothing(address) };
        Ok((known, Condition::Matches(stored.etag)))
    }

    /// Leaves this to the next run; its version, or none if another run was quicker.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn write(&self, store: &impl Store, condition: Condition) -> Result<Option<ETag>, StoreError> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        Ok(match store.put_if(names::MISSING, text, condition).await? {
            Written::Done(etag) => Some(etag),
            Written::Conflict => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::MemoryStore;

    #[tokio::test]
    async fn of_two_runs_one_leaves_its_own() {
        let (store, address) = (MemoryStore::default(), "s3://audit/exports".parse().unwrap());
        let (mut one, condition) = Missing::read(&store, &address).await.unwrap();
        let (other, same) = Missing::read(&store, &address).await.unwrap();
        one.exports.insert("exports/a".to_owned(), Known::new("v", DateTime::UNIX_EPOCH));
        assert!(one.write(&store, condition).await.unwrap().is_some());
        assert_eq!(other.write(&store, same).await.unwrap(), None);
        assert_eq!(Missing::read(&store, &address).await.unwrap().0, one);
        let elsewhere = "s3://audit/others".parse().unwrap();
        assert_eq!(Missing::read(&store, &elsewhere).await.unwrap().0, Missing::nothing(&elsewhere));
    }

    #[tokio::test]
    async fn a_damaged_one_is_an_error_that_says_what_to_do() {
        let (store, address) = (MemoryStore::default(), "s3://audit/exports".parse().unwrap());
        store.put_if(names::MISSING, b"{".to_vec(), Condition::Absent).await.unwrap();
        let error = Missing::read(&store, &address).await.unwrap_err().to_string();
        assert!(error.starts_with("reconcile/missing.json is damaged") && error.contains("remove it"), "{error}");
    }

    #[test]
    fn an_export_is_put_into_the_queue_three_times_and_then_told_of_once() {
        let mut now = DateTime::UNIX_EPOCH;
        let mut known = Known::new("v", now);
        for times in 2..=TIMES {
            assert_eq!(known.step(now + TimeDelta::minutes(29)), Step::Wait);
            now += TimeDelta::hours(1);
            assert_eq!(known.step(now), Step::Enqueue);
            known = Known { enqueued: times, enqueued_at: now, ..known };
        }
        now += TimeDelta::hours(1);
        assert_eq!(known.step(now), Step::Tell);
        known.told = true;
        assert_eq!(known.step(now + TimeDelta::days(9)), Step::Wait);
    }
}
