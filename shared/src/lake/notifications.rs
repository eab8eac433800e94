//! The notifications of webhooks in the lake: kept as they came, decided by a pack, with what they contribute to alerts.
//!
//! 1. Keep the notification under a name of its own. From here on nothing is lost.
//! 2. Look whether the same was received shortly before; then it is not judged again.
//! 3. Judge it.
//! 4. If a rule holds: write the contributions to alerts, what there is to tell, and last the manifest, as for an export.
//! 5. Write the decision. What has none is decided by whoever finds it ([`undecided`]).
//!
//! All names come from the notification, so deciding twice is deciding once. There is no lease: a function has long ended
//! before anybody looks for what it left undecided.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::alerts::ReadError;
use super::names;
use super::store::{Condition, Store, StoreError, Written};
use crate::event::Unreadable;
use crate::export::Source;
use crate::webhook::{Receipt, ReceiptError, SAME_WITHIN, repeat_of};

/// So many of one notification are told apart in one millisecond: each gets the next that is free.
const IN_A_MILLISECOND: usize = 20;

/// A notification that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name in the lake
    pub name: String,
    /// What is kept
    pub receipt: Receipt,
}

/// A notification was kept, and could not be decided. Trying again is safe.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The lake failed.
    #[error("the lake failed: {0}")]
    Store(#[from] StoreError),
    /// What was kept cannot be read.
    #[error("{0}: {1}")]
    Receipt(String, #[source] ReceiptError),
    /// What was decided before cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It makes no record, against all expectation.
    #[error("{0}: it makes no record: {1}")]
    Record(String, #[source] Unreadable),
}

/// Keeps a body that was verified, under a name of its own.
///
/// # Errors
/// Those of the store: then it is not known whether it was kept.
pub async fn keep(store: &impl Store, kind: &str, body: &[u8], received: DateTime<Utc>) -> Result<Kept, StoreError> {
    let mut receipt = Receipt::new(kind, body, received);
    let hash = receipt.hash();
    for _ in 0..IN_A_MILLISECOND {
        let name = names::receipt(&hash, receipt.received);
        match store.put_if(&name, receipt.encode(), Condition::Absent).await? {
            Written::Done(_) => return Ok(Kept { name, receipt }),
            Written::Conflict => receipt.received += TimeDelta::milliseconds(1),
        }
    }
    Err(StoreError::new("write", &names::receipt(&hash, received), "too many of it come at once"))
}

/// The notifications that were received on a date (UTC) and have no decision yet, by their names. One of the last few
/// minutes ([`names::received_at`]) may be in the hands of the function that received it.
///
/// # Errors
/// Those of the store.
pub async fn undecided(store: &impl Store, date: NaiveDate) -> Result<Vec<String>, StoreError> {
    let found: BTreeSet<String> =
        store.list(&names::receipts_of(date)).await?.into_iter().map(|entry| entry.name).collect();
    let has_none = |name: &&String| names::received_at(name).is_some() && !found.contains(&names::decision(name));
    Ok(found.iter().filter(has_none).cloned().collect())
}

impl Kept {
    /// Reads a notification that was kept; `None` if there is none of this name.
    ///
    /// # Errors
    /// [`DecideError`]
    pub async fn read(store: &impl Store, name: &str) -> Result<Option<Self>, DecideError> {
        let Some(stored) = store.get(name).await? else { return Ok(None) };
        Self::parse(name, &stored.content).map(Some)
    }

    pub(super) fn parse(name: &str, content: &[u8]) -> Result<Self, DecideError> {
        let receipt = Receipt::read(content).map_err(|error| DecideError::Receipt(name.to_owned(), error))?;
        Ok(Self { name: name.to_owned(), receipt })
    }

    /// Its place, as that of an export.
    pub(super) fn source(&self, lake: &str) -> Source {
        receipt_source(lake, &self.name)
    }

    /// The name of the one that it repeats, if it does.
    pub(super) async fn repeats(&self, store: &impl Store) -> Result<Option<String>, StoreError> {
        let (hash, this) = (self.receipt.hash(), self.receipt.received);
        let mut times = BTreeSet::from([this]);
        // Shortly after midnight, the one that was judged may lie in the day before.
        for date in BTreeSet::from([(this - SAME_WITHIN).date_naive(), this.date_naive()]) {
            let listed = store.list(&format!("{}{hash}-", names::receipts_of(date))).await?;
            times.extend(listed.iter().filter_map(|entry| names::received_at(&entry.name)));
        }
        Ok(repeat_of(&times, this).map(|judged| names::receipt(&hash, judged)))
    }
}

/// The place of a receipt in the lake at this address, as that of an export.
pub(crate) fn receipt_source(lake: &str, receipt: &str) -> Source {
    Source::at(format!("{}/{receipt}", lake.trim_end_matches('/')))
}
