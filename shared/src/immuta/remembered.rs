//! What one run leaves to the next: which notifications of the history were seen to, so that none is asked for twice.
//!
//! Whoever writes it first has won, as with the exports that are missing: of two runs at once, one asks Immuta.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Tenant, Undelivered, YOUNGER_THAN};
use crate::lake::{Condition, ETag, Store, StoreError, Written, names};

/// The version of this form; a later one may add fields, never change the meaning of one.
const VERSION: u32 = 1;

/// So many records are remembered: some two megabytes. Past that nothing more is asked for until some are forgotten.
const MOST: usize = 10_000;

/// Asking takes seconds. What is still being asked for after this was left in the middle, and is asked for again.
const ASKING: TimeDelta = TimeDelta::minutes(30);

/// What fails within so much time of our asking, at the same address, is what we asked for. Asked for again, it would go
/// round for ever while the function refuses it.
const OF_OURS: TimeDelta = TimeDelta::minutes(2);

/// So much may two clocks differ.
const SKEW: TimeDelta = TimeDelta::seconds(30);

/// What was seen to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    #[serde(rename = "history_version")]
    version: u32,
    /// The tenant whose history it is
    tenant: String,
    /// By the record's id
    records: BTreeMap<String, Seen>,
}

/// What was done about one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When
    pub at: DateTime<Utc>,
    /// What
    pub how: How,
    /// Names where it was sent to
    pub to: String,
}

/// What was done about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Its body was kept in the lake and judged
    Kept,
    /// It had arrived after all
    Arrived,
    /// Immuta is being asked to send it again
    Asking,
    /// Immuta was asked to send it again
    Asked,
    /// Immuta sent it again since it was asked to, and that failed, too
    FailedAgain,
    /// It can neither be read nor asked for: no body and no id, or a body larger than is taken
    Unusable,
}

/// What was left cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RememberedError {
    /// The lake failed.
    #[error("the lake failed: {0}")]
    Store(#[from] StoreError),
    /// It is damaged.
    #[error("{name} is damaged ({0}); remove it, and what failed within seven days is looked at again", name = names::HISTORY)]
    Damaged(String),
}

impl Remembered {
    /// What was left, if it is about this tenant, and the condition on which it may be replaced.
    ///
    /// # Errors
    /// [`RememberedError`]
    pub async fn read(store: &impl Store, tenant: &Tenant) -> Result<(Self, Condition), RememberedError> {
        let nothing = || Self { version: VERSION, tenant: tenant.to_string(), records: BTreeMap::new() };
        let Some(stored) = store.get(names::HISTORY).await? else { return Ok((nothing(), Condition::Absent)) };
        let found: Self =
            serde_json::from_slice(&stored.content).map_err(|error| RememberedError::Damaged(error.to_string()))?;
        let is_about_it = found.tenant == tenant.to_string() && found.version == VERSION;
        Ok((if is_about_it { found } else { nothing() }, Condition::Matches(stored.etag)))
    }

    /// Leaves this to the next run; its version, or none if another run was quicker.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn write(&self, store: &impl Store, condition: Condition) -> Result<Option<ETag>, StoreError> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        Ok(match store.put_if(names::HISTORY, text, condition).await? {
            Written::Done(etag) => Some(etag),
            Written::Conflict => None,
        })
    }

    /// Whether nothing is left to be done about a notification.
    #[must_use]
    pub fn is_done(&self, notification: &Undelivered, now: DateTime<Utc>) -> bool {
        let seen = self.records.get(&notification.record.known_by);
        seen.is_some_and(|seen| seen.how != How::Asking || now - seen.at < ASKING)
    }

    /// Whether a notification failed since we asked Immuta to send it.
    #[must_use]
    pub fn is_of_our_asking(&self, notification: &Undelivered) -> bool {
        let Some(time) = notification.record.time else { return false };
        let asked = |seen: &Seen| {
            matches!(seen.how, How::Asking | How::Asked)
                && seen.to == notification.to
                && time - seen.at > -SKEW
                && time - seen.at < OF_OURS
        };
        self.records.values().any(asked)
    }

    /// Whether another record can be remembered.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.records.len() < MOST
    }

    /// Enters what was done about a notification.
    pub fn enter(&mut self, notification: &Undelivered, how: How, now: DateTime<Utc>) {
        let seen = Seen { at: now, how, to: notification.to.clone() };
        self.records.insert(notification.record.known_by.clone(), seen);
    }

    /// Takes back what was entered: it could not be done.
    pub fn take_back(&mut self, notification: &Undelivered) {
        self.records.remove(&notification.record.known_by);
    }

    /// Forgets what is old and not in the history any more; `listed` is what the history holds of ours.
    pub fn forget_old(&mut self, listed: &[Undelivered], now: DateTime<Utc>) {
        let listed: BTreeSet<&str> = listed.iter().map(|listed| listed.record.known_by.as_str()).collect();
        let is_young = |seen: &Seen| now - seen.at < YOUNGER_THAN + TimeDelta::days(1);
        self.records.retain(|id, seen| is_young(seen) || listed.contains(id.as_str()));
    }

    /// What was done about each record, by its id.
    #[must_use]
    pub fn records(&self) -> &BTreeMap<String, Seen> {
        &self.records
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::HistoryRecord;
    use super::*;
    use crate::lake::MemoryStore;

    fn notification(id: &str, time: DateTime<Utc>) -> Undelivered {
        let record = HistoryRecord::read(&json!({"id": id, "createdAt": time.to_rfc3339()})).unwrap();
        Undelivered { kind: "tagCreated".to_owned(), to: "there".to_owned(), record }
    }

    fn tenant() -> Tenant {
        "https://acme.example.com".parse().unwrap()
    }

    #[tokio::test]
    async fn of_two_runs_one_leaves_its_own_and_another_tenant_begins_anew() {
        let (store, now) = (MemoryStore::default(), DateTime::UNIX_EPOCH);
        let (mut one, condition) = Remembered::read(&store, &tenant()).await.unwrap();
        let (other, same) = Remembered::read(&store, &tenant()).await.unwrap();
        one.enter(&notification("7", now), How::Kept, now);
        assert!(one.write(&store, condition).await.unwrap().is_some());
        assert_eq!(other.write(&store, same).await.unwrap(), None);
        assert_eq!(Remembered::read(&store, &tenant()).await.unwrap().0, one);
        let elsewhere = "https://other.example.com".parse().unwrap();
        assert!(Remembered::read(&store, &elsewhere).await.unwrap().0.records().is_empty());
        store.remove(names::HISTORY).await.unwrap();
        store.put_if(names::HISTORY, b"{".to_vec(), Condition::Absent).await.unwrap();
        let error = Remembered::read(&store, &tenant()).await.unwrap_err().to_string();
        assert!(error.starts_with("reconcile/history.json is damaged") && error.contains("remove it"), "{error}");
    }

    #[tokio::test]
    async fn what_was_left_in_the_middle_is_asked_for_again_and_what_came_of_asking_is_not() {
        let now = DateTime::from_timestamp(1_795_442_400, 0).unwrap();
        let (mut known, _) = Remembered::read(&MemoryStore::default(), &tenant()).await.unwrap();
        let first = notification("1", now - TimeDelta::hours(1));
        assert!(!known.is_done(&first, now));
        known.enter(&first, How::Asking, now);
        assert!(known.is_done(&first, now + TimeDelta::minutes(29)));
        assert!(!known.is_done(&first, now + TimeDelta::minutes(30)));
        known.enter(&first, How::Asked, now);
        assert!(known.is_done(&first, now + TimeDelta::days(6)));
        assert!(known.is_of_our_asking(&notification("2", now + TimeDelta::seconds(3))));
        assert!(!known.is_of_our_asking(&notification("3", now + TimeDelta::minutes(5))));
        assert!(!known.is_of_our_asking(&notification("4", now - TimeDelta::seconds(40))));
        let elsewhere = Undelivered { to: "elsewhere".to_owned(), ..notification("5", now) };
        assert!(!known.is_of_our_asking(&elsewhere));
    }

    #[tokio::test]
    async fn what_is_old_is_forgotten_once_the_history_has() {
        let now = DateTime::from_timestamp(1_795_442_400, 0).unwrap();
        let (mut known, _) = Remembered::read(&MemoryStore::default(), &tenant()).await.unwrap();
        let (one, other) = (notification("1", now), notification("2", now));
        known.enter(&one, How::Asked, now);
        known.enter(&other, How::Asked, now);
        known.forget_old(&[], now + TimeDelta::days(7));
        assert_eq!(known.records().len(), 2);
        known.forget_old(std::slice::from_ref(&one), now + TimeDelta::days(9));
        assert_eq!(known.records().keys().collect::<Vec<_>>(), ["1"]);
        known.take_back(&one);
        assert!(known.records().is_empty() && known.has_room());
    }
}
