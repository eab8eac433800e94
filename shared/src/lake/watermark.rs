//! Up to when the log is known to be whole.

use chrono::{DateTime, TimeDelta, Utc};

use serde::{Deserialize, Serialize};

use super::manifest::{Manifest, read_manifests};
use super::names;
use super::store::{Condition, Store, StoreError, Written};
use crate::event::{Service, time};

/// The version of this form; a later one may add fields, never change the meaning of one.
const VERSION: u32 = 1;

/// What is remembered, so that what was judged once is not open again for whoever has not read all manifests.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    complete_version: u32,
    /// Up to when the log was known to be whole
    complete: DateTime<Utc>,
}

/// Up to when the log was known to be whole when that was last looked at; none if nobody has looked.
///
/// # Errors
/// Those of the store, and a file that is damaged.
pub async fn remembered_watermark(store: &impl Store) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(stored) = store.get(names::COMPLETE).await? else { return Ok(None) };
    let remembered: Remembered = serde_json::from_slice(&stored.content).map_err(|error| {
        StoreError::new("read", names::COMPLETE, format!("it is damaged: {error}; remove it, and it is found again"))
    })?;
    Ok(Some(remembered.complete))
}

/// Looks at all manifests up to when the log is whole, and remembers it. It never goes back.
///
/// # Errors
/// Those of [`watermark`] and [`remembered_watermark`]; that somebody else is at it as well.
pub async fn move_watermark(
    store: &impl Store,
    lateness: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let former = store.get(names::COMPLETE).await?;
    let known = if former.is_some() { remembered_watermark(store).await? } else { None };
    let complete = watermark(store, lateness, now).await?.max(known);
    let Some(complete) = complete.filter(|complete| Some(*complete) != known) else { return Ok(known) };
    let content = serde_json::to_vec(&Remembered { complete_version: VERSION, complete }).unwrap_or_default();
    let condition = former.map_or(Condition::Absent, |former| Condition::Matches(former.etag));
    match store.put_if(names::COMPLETE, content, condition).await? {
        Written::Done(_) => Ok(Some(complete)),
        // Somebody else was quicker, and what is remembered counts: what is not judged now is judged with the next turn.
        Written::Conflict => remembered_watermark(store).await,
    }
}

/// The last event of an export that did not happen after `now`. Of one with a record from the future only the days are known.
fn last_event_before(manifest: &Manifest, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let last = manifest.last_event?;
    if last <= now {
        return Some(last);
    }
    let days =
        manifest.files.iter().filter_map(|file| names::date_of(&file.name)).filter(|date| *date != time::UNDATED);
    days.map(time::midnight).filter(|day| *day <= now).max()
}

/// The time before which no event is expected any more: the latest event of all exports, less the lateness that is allowed.
/// None if there is no event yet. Where no exports come, nothing is said to be whole; a record from the
/// future, after `now`, says nothing either.
///
/// # Errors
/// Those of the store.
pub async fn watermark(
    store: &impl Store,
    lateness: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let manifests = read_manifests(store).await?.into_iter().filter_map(|(_, manifest)| manifest.ok());
    let exports = manifests.filter(|manifest| manifest.service == Service::Audit);
    let latest = exports.filter_map(|manifest| last_event_before(&manifest, now)).max();
    Ok(latest.and_then(|latest| latest.checked_sub_signed(lateness)))
}
