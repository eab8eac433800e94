//! Whether a notification that somebody says was not delivered had arrived all the same.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::names;
use super::store::{Store, StoreError};
use crate::webhook::{Receipt, SAME_WITHIN};

/// So many receipts are read at the most, where the bytes that were sent are not known.
const MOST_READ: usize = 300;

/// The name of a receipt of this body and type that was kept within [`SAME_WITHIN`] of a time, before or after. With
/// `is_exact` the bytes must be the same; without it, the JSON.
///
/// # Errors
/// Those of the store.
pub async fn find_receipt(
    store: &impl Store,
    kind: &str,
    body: &[u8],
    is_exact: bool,
    around: DateTime<Utc>,
) -> Result<Option<String>, StoreError> {
    let hash = Receipt::new(kind, body, around).hash();
    let is_near =
        |name: &str| names::received_at(name).is_some_and(|received| (received - around).abs() <= SAME_WITHIN);
    let dates = BTreeSet::from([(around - SAME_WITHIN).date_naive(), (around + SAME_WITHIN).date_naive()]);
    for date in &dates {
        let listed = store.list(&format!("{}{hash}-", names::receipts_of(*date))).await?;
        if let Some(found) = listed.into_iter().find(|entry| is_near(&entry.name)) {
            return Ok(Some(found.name));
        }
    }
    let Some(wanted) = (!is_exact).then(|| serde_json::from_slice::<Value>(body).ok()).flatten() else {
        return Ok(None);
    };
    let mut read = 0;
    for date in dates {
        let listed = store.list(&names::receipts_of(date)).await?;
        for entry in listed.into_iter().filter(|entry| is_near(&entry.name)) {
            if read == MOST_READ {
                return Ok(None);
            }
            read += 1;
            let Some(stored) = store.get(&entry.name).await? else { continue };
            let Ok(receipt) = Receipt::read(&stored.content) else { continue };
            let is_same = || serde_json::from_slice::<Value>(&receipt.body()?).ok().map(|found| found == wanted);
            if receipt.kind == kind && is_same() == Some(true) {
                return Ok(Some(entry.name));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::{MemoryStore, keep};
    use super::*;

    #[tokio::test]
    async fn a_receipt_is_found_within_ten_minutes_by_its_bytes_or_its_json() {
        let store = MemoryStore::default();
        // Five minutes before midnight: the receipts of two days are looked at.
        let at = DateTime::parse_from_rfc3339("2026-11-23T23:55:00Z").unwrap().to_utc();
        let body = br#"{"b": 1, "a": 2}"#;
        let kept = keep(&store, "tagCreated", body, at + TimeDelta::minutes(7)).await.unwrap().name;
        let find = async |kind: &str, body: &[u8], is_exact, minutes| {
            find_receipt(&store, kind, body, is_exact, at + TimeDelta::minutes(minutes)).await.unwrap()
        };
        assert_eq!(find("tagCreated", body, true, 0).await, Some(kept.clone()));
        assert_eq!(find("tagCreated", body, true, 17).await, Some(kept.clone()));
        assert_eq!(find("tagCreated", body, true, -4).await, None);
        assert_eq!(find("tagDeleted", body, false, 0).await, None);
        assert_eq!(find("tagCreated", br#"{"a":2,"b":1}"#, true, 0).await, None);
        assert_eq!(find("tagCreated", br#"{"a":2,"b":1}"#, false, 0).await, Some(kept));
        assert_eq!(find("tagCreated", br#"{"a":2,"b":2}"#, false, 0).await, None);
    }
}
