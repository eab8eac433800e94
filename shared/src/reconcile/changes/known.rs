//! What one comparison of webhooks and exports leaves to the next.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::rate::{MatchRate, first_day};
use crate::counterpart::Certainty;
use crate::lake::{Condition, ETag, Store, StoreError, Written, names};

/// The version of this form; a later one may add fields, never change the meaning of one.
const VERSION: u32 = 1;

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    #[serde(rename = "changes_version")]
    version: u32,
    /// The receipts and ledger files that were written before were looked at
    pub looked_until: Option<DateTime<Utc>>,
    /// The latest event that the audit log was seen to have
    pub log_reaches: Option<DateTime<Utc>>,
    /// Notifications whose event has not come, by the names of their receipts
    pub waiting: BTreeMap<String, Waiting>,
    /// When each type of notification was first received
    pub first_received: BTreeMap<String, DateTime<Utc>>,
    /// What became of notifications, by type and date of receipt (UTC)
    pub notifications: BTreeMap<String, BTreeMap<NaiveDate, Settled>>,
    /// How often webhooks told of the events of each kind
    pub events: BTreeMap<String, MatchRate>,
}

/// A notification whose event has not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its type
    pub kind: String,
    /// When it was received
    pub received: DateTime<Utc>,
}

/// What became of the notifications of a type and day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The audit log surely has the event
    pub sure: u64,
    /// It likely has
    pub likely: u64,
    /// It has one that may be it
    pub possible: u64,
    /// It has none
    pub missing: u64,
    /// The audit log never went so far that one could tell
    pub untold: u64,
}

/// What was left cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// The lake failed.
    #[error("the lake failed: {0}")]
    Store(#[from] StoreError),
    /// It is damaged.
    #[error("{name} is damaged ({0}); remove it, and webhooks and exports are compared anew", name = names::CHANGES)]
    Damaged(String),
}

impl Default for Known {
    fn default() -> Self {
        Self {
            version: VERSION,
            looked_until: None,
            log_reaches: None,
            waiting: BTreeMap::new(),
            first_received: BTreeMap::new(),
            notifications: BTreeMap::new(),
            events: BTreeMap::new(),
        }
    }
}

impl Known {
    /// What was left, and the condition on which it may be replaced.
    ///
    /// # Errors
    /// [`KnownError`]
    pub async fn read(store: &impl Store) -> Result<(Self, Condition), KnownError> {
        let Some(stored) = store.get(names::CHANGES).await? else { return Ok((Self::default(), Condition::Absent)) };
        let found: Self =
            serde_json::from_slice(&stored.content).map_err(|error| KnownError::Damaged(error.to_string()))?;
        let known = if found.version == VERSION { found } else { Self::default() };
        Ok((known, Condition::Matches(stored.etag)))
    }

    /// Leaves this to the next run; its version, or none if another run was quicker.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn write(&self, store: &impl Store, condition: Condition) -> Result<Option<ETag>, StoreError> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        Ok(match store.put_if(names::CHANGES, text, condition).await? {
            Written::Done(etag) => Some(etag),
            Written::Conflict => None,
        })
    }

    /// Forgets what is too old to say anything.
    pub(super) fn forget_before(&mut self, today: NaiveDate) {
        let first = first_day(today);
        for days in self.notifications.values_mut() {
            days.retain(|date, _| *date > first);
        }
        self.notifications.retain(|_, days| !days.is_empty());
        self.events.retain(|_, rate| rate.events() > 0 || rate.is_proven);
    }

    /// What became of a notification.
    pub(super) fn settled(&mut self, waiting: &Waiting) -> &mut Settled {
        let days = self.notifications.entry(waiting.kind.clone()).or_default();
        days.entry(waiting.received.date_naive()).or_default()
    }
}

impl AddAssign for Settled {
    fn add_assign(&mut self, other: Self) {
        self.sure += other.sure;
        self.likely += other.likely;
        self.possible += other.possible;
        self.missing += other.missing;
        self.untold += other.untold;
    }
}

impl Settled {
    pub(super) fn count(&mut self, certainty: Certainty) {
        match certainty {
            Certainty::Sure => self.sure += 1,
            Certainty::Likely => self.likely += 1,
            Certainty::Possible => self.possible += 1,
        }
    }
}
