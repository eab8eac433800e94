//! Webhooks: whether what they are verified by can be read and used, and when the last one came.

use aws_config::SdkConfig;
use chrono::{DateTime, Days, SecondsFormat, Utc};

use super::destinations::advice;
use super::exports::length;
use super::finding::{Area, Finding};
use crate::lake::{Store, StoreError, names};
use crate::notify::senders::secrets::{Secrets, Wanted};
use crate::webhook::Keys;

/// So many days are looked back for the last receipt.
const DAYS: u64 = 31;

/// Looks at the secret at a place that webhooks are verified by.
pub async fn look_at_keys(aws: &SdkConfig, place: &str) -> Finding {
    let about = "secret";
    if !["secretsmanager:", "ssm:"].iter().any(|store| place.starts_with(store)) {
        // It may be the secret itself.
        let found = "what was named is no place of a secret";
        return Finding::failed(
            Area::Webhooks,
            about,
            found,
            "Write secretsmanager:NAME or ssm:NAME, never the secret itself.",
        );
    }
    match Secrets::new(aws).get(place, Wanted::Whole).await {
        Err(error) => Finding::failed(Area::Webhooks, about, error.to_string(), advice(&error)),
        Ok(secret) => keys(place, secret.expose()),
    }
}

/// Whether a text can be verified by; nothing of it is shown.
fn keys(place: &str, text: &str) -> Finding {
    match Keys::read(Some(text), None) {
        Ok(_) => Finding::ok(
            Area::Webhooks,
            "secret",
            format!("{place} can be read, and holds what webhooks are verified by"),
        ),
        Err(error) => {
            let to_do =
                "Keep there the secret that Immuta signs with, as it is or as {\"current\": ..., \"previous\": ...}.";
            Finding::failed(Area::Webhooks, "secret", format!("{place}: {error}"), to_do)
        }
    }
}

/// Looks when the last notification came. `is_expected` is whether any is.
pub async fn look_at_receipts(store: &impl Store, is_expected: bool, now: DateTime<Utc>) -> Vec<Finding> {
    match last(store, now).await {
        Ok(last) => received(last, is_expected, now).into_iter().collect(),
        Err(error) => {
            vec![Finding::failed(Area::Webhooks, "last one", error.to_string(), "Mend the lake first; see above.")]
        }
    }
}

async fn last(store: &impl Store, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
    let today = now.date_naive();
    for date in (0..DAYS).filter_map(|days| today.checked_sub_days(Days::new(days))) {
        let entries = store.list(&names::receipts_of(date)).await?;
        let last = entries.iter().filter_map(|entry| names::received_at(&entry.name)).max();
        if last.is_some() {
            return Ok(last);
        }
    }
    Ok(None)
}

fn received(last: Option<DateTime<Utc>>, is_expected: bool, now: DateTime<Utc>) -> Option<Finding> {
    match last {
        Some(last) => {
            let at = last.to_rfc3339_opts(SecondsFormat::Secs, true);
            Some(Finding::ok(Area::Webhooks, "last one", format!("received {} ago, at {at}", length(now - last))))
        }
        None if is_expected => {
            let to_do = "Look with GET /webhooks and GET /webhooks/history of the tenant whether Immuta sends any, and what it was \
                         answered; then at the log of the function webhook.";
            Some(Finding::warning(Area::Webhooks, "last one", format!("none in the last {DAYS} days"), to_do))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::finding::Verdict;
    use super::*;
    use crate::lake::{Condition, MemoryStore};

    #[test]
    fn what_is_kept_must_be_something_to_verify_by_and_is_never_shown() {
        for (text, verdict) in [
            ("hush-hush-hush-hush", Verdict::Ok),
            (r#"{"current":"hush-hush-hush-hush","previous":"hush-hush-hush-hash"}"#, Verdict::Ok),
            ("hush", Verdict::Failed),
            (r#"{"key":"hush"}"#, Verdict::Failed),
        ] {
            let finding = keys("ssm:/webhook", text);
            assert_eq!(finding.verdict, verdict, "{text}");
            assert!(!format!("{finding:?}").contains("hush"));
        }
    }

    #[tokio::test]
    async fn the_last_receipt_is_found_and_missed_only_where_one_is_expected() {
        let (store, now) = (MemoryStore::default(), "2026-11-20T12:00:00Z".parse().unwrap());
        assert_eq!(look_at_receipts(&store, false, now).await, []);
        assert_eq!(look_at_receipts(&store, true, now).await[0].verdict, Verdict::Warning);
        for hours in [50, 49] {
            let name = names::receipt("5c0f", now - TimeDelta::hours(hours));
            store.put_if(&name, b"{}".to_vec(), Condition::Absent).await.unwrap();
            store.put_if(&names::decision(&name), b"{}".to_vec(), Condition::Absent).await.unwrap();
        }
        let found = look_at_receipts(&store, true, now).await.remove(0);
        assert_eq!(
            (found.verdict, found.found.as_str()),
            (Verdict::Ok, "received 2 days ago, at 2026-11-18T11:00:00Z")
        );
    }
}
