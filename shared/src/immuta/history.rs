//! What Immuta could not deliver to webhooks of ours, by its history.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::address::kind_in;
use super::{HistoryRecord, Outcome, Webhook};
use crate::digest;

/// What failed earlier than this is history: the exports have long told it.
pub const YOUNGER_THAN: TimeDelta = TimeDelta::days(7);

/// A notification that Immuta could not deliver to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Its type, as the path says
    pub kind: String,
    /// Names where it was sent to, without saying it
    pub to: String,
    /// What the history says of it
    pub record: HistoryRecord,
}

/// Of the records of a history, what could not be delivered to webhooks of ours since [`YOUNGER_THAN`], the earliest
/// first, and how many of ours do not say how they ended. A webhook is ours by its name; a record is of ours if it has
/// the id of one, or the same URL. A record without a time counts as young.
#[must_use]
pub fn undelivered(records: Vec<HistoryRecord>, webhooks: &[Webhook], now: DateTime<Utc>) -> (Vec<Undelivered>, u64) {
    let mut unclear = 0;
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for record in records {
        let is_its = |webhook: &&Webhook| webhook.is_ours() && record.is_of(webhook);
        let Some(webhook) = webhooks.iter().find(is_its) else { continue };
        // Where a record has a URL of its own, it is what was asked; the webhook may have been changed since.
        let url = record.url.as_ref().unwrap_or(&webhook.url);
        let Some(kind) = kind_in(url).filter(|kind| webhook.kind() == Some(kind)) else { continue };
        let is_young = record.time.is_none_or(|time| now - time < YOUNGER_THAN);
        match record.outcome {
            Outcome::Unclear if is_young => unclear += 1,
            Outcome::Failed if is_young && seen.insert(record.known_by.clone()) => {
                let (kind, to) = (kind.to_owned(), digest::short(url.as_bytes()));
                found.push(Undelivered { kind, to, record });
            }
            _ => {}
        }
    }
    found.sort_by(|a, b| (a.record.time, &a.record.known_by).cmp(&(b.record.time, &b.record.known_by)));
    (found, unclear)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::page::tests::any_json;
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_442_400, 0).unwrap()
    }

    fn webhooks() -> Vec<Webhook> {
        let read = |id, name, url| Webhook::read(&json!({"id": id, "name": name, "url": url})).unwrap();
        vec![
            read(1, "immuta-watch: tagCreated", "https://x.example.com/hush/tagCreated"),
            read(2, "somebody else's", "https://x.example.com/tagDeleted"),
        ]
    }

    #[test]
    fn what_failed_lately_at_a_webhook_of_ours_is_found_the_earliest_first() {
        let at = |hours| (now() - TimeDelta::hours(hours)).to_rfc3339();
        let ours = "https://X.example.com/hush/tagCreated";
        let records: Vec<HistoryRecord> = [
            json!({"id": "late", "webhookId": 1, "status": 500, "createdAt": at(1)}),
            json!({"id": "early", "url": ours, "status": 500, "createdAt": at(2)}),
            json!({"id": "early", "url": ours, "status": 500, "createdAt": at(2)}),
            json!({"id": "old", "webhookId": 1, "status": 500, "createdAt": at(169)}),
            json!({"id": "fine", "webhookId": 1, "status": 200, "createdAt": at(1)}),
            json!({"id": "unclear", "webhookId": 1, "createdAt": at(1)}),
            json!({"id": "foreign", "webhookId": 2, "status": 500, "createdAt": at(1)}),
            json!({"id": "gone", "webhookId": 3, "status": 500, "createdAt": at(1)}),
            json!({"id": "moved", "webhookId": 1, "url": "https://x.example.com/tagDeleted", "status": 500}),
        ]
        .map(|record| HistoryRecord::read(&record).unwrap())
        .into();
        let (found, unclear) = undelivered(records, &webhooks(), now());
        let ids: Vec<_> = found.iter().filter_map(|found| found.record.id.as_deref()).collect();
        assert_eq!((ids, unclear), (vec!["early", "late"], 1));
        assert!(found.iter().all(|found| found.kind == "tagCreated" && !found.to.contains("hush")));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_gone_through(records in prop::collection::vec(any_json(), 0..5)) {
            let records: Vec<_> = records.iter().filter_map(|record| HistoryRecord::read(record).ok()).collect();
            let _ = undelivered(records, &webhooks(), now());
        }
    }
}
