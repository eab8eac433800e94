//! Notifications read back as what they say of changes, with what was decided about them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};

use super::at_once::{SMALL_FILES, at_once};
use super::names;
use super::notifications::Kept;
use super::store::{Store, StoreError};
use crate::counterpart::Change;
use crate::event::{Event, Record, Service};
use crate::webhook::{Decision, Notification};

/// A notification that was kept.
#[derive(Debug, Clone)]
pub struct Announced {
    /// The receipt's name
    pub receipt: String,
    /// What it says of a change
    pub change: Change,
    /// What was decided about it; none if nothing was yet
    pub decision: Option<Decision>,
}

/// The names of the receipts of notifications that were received within one of the spans, in order.
///
/// # Errors
/// Those of the store.
pub async fn received_within(
    store: &impl Store,
    spans: &[RangeInclusive<DateTime<Utc>>],
) -> Result<BTreeSet<String>, StoreError> {
    let days = |span: &RangeInclusive<DateTime<Utc>>| {
        let last = span.end().date_naive();
        span.start().date_naive().iter_days().take_while(move |day| *day <= last)
    };
    let dates: BTreeSet<NaiveDate> = spans.iter().flat_map(days).collect();
    let mut found = BTreeSet::new();
    for date in dates {
        for entry in store.list(&names::receipts_of(date)).await? {
            let is_within = |time: DateTime<Utc>| spans.iter().any(|span| span.contains(&time));
            if names::received_at(&entry.name).is_some_and(is_within) {
                found.insert(entry.name);
            }
        }
    }
    Ok(found)
}

/// What notifications say, by the names of their receipts. Those that are gone or damaged are left out: they say nothing.
///
/// # Errors
/// Those of the store.
pub async fn announced(
    store: &impl Store,
    receipts: impl IntoIterator<Item = String>,
) -> Result<Vec<Announced>, StoreError> {
    let mut found = Vec::new();
    let reads = receipts.into_iter().map(|receipt| read(store, receipt));
    at_once(SMALL_FILES, reads, |one: Option<Announced>| found.extend(one)).await?;
    Ok(found)
}

async fn read(store: &impl Store, receipt: String) -> Result<Option<Announced>, StoreError> {
    let Some(stored) = store.get(&receipt).await? else { return Ok(None) };
    let Some(change) = Kept::parse(&receipt, &stored.content).ok().and_then(|kept| change_of(&kept)) else {
        return Ok(None);
    };
    let decision = store.get(&names::decision(&receipt)).await?;
    let decision = decision.and_then(|stored| serde_json::from_slice(&stored.content).ok());
    Ok(Some(Announced { receipt, change, decision }))
}

fn change_of(kept: &Kept) -> Option<Change> {
    let receipt = &kept.receipt;
    let notification = Notification::read(&receipt.kind, &receipt.body()?, receipt.received);
    let record = Record::parse(notification.record.as_bytes()).ok()?;
    Change::of(&Event::of_service(&record, Service::Webhook))
}
