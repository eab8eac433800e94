//! The outbox: what has yet to be told, and what a destination refused for good.

use chrono::{DateTime, Days, TimeDelta, Utc};

use super::exports::{counted, length};
use super::finding::{Area, Finding};
use crate::lake::{SMALL_FILES, Store, StoreError, at_once, names};
use crate::notify::{Announcement, Book, Delivery, State};

/// What waits longer than this waits for a destination that takes nothing, or for a `sweep` that does not run; the same as
/// of the alarm on `OldestPendingSeconds`.
const WAITS_LONG: TimeDelta = TimeDelta::hours(1);

/// Deliveries that were settled within this time are looked at.
const RECENT: TimeDelta = TimeDelta::days(7);

/// Delivery records bear the date on which a window begins, which may be so many days before somebody was told: the
/// longest windows of the pack last a week.
const DAYS: u64 = 15;

/// Counts what has yet to be told, and how long it has been waiting.
pub async fn look_at_outbox(store: &impl Store, now: DateTime<Utc>) -> Vec<Finding> {
    match store.list(names::OUTBOX).await {
        Ok(mut entries) => {
            entries.retain(|entry| !entry.name.starts_with(names::CLOSING));
            let oldest = entries.iter().filter_map(|entry| entry.written).min();
            let mut findings = vec![waiting(entries.len() as u64, oldest.map(|oldest| now - oldest))];
            findings.extend(damaged(store, entries.iter().map(|entry| entry.name.as_str())).await);
            findings
        }
        Err(error) => vec![unreadable("waiting", &error)],
    }
}

/// So many entries are read: whoever has more has other worries.
const READ: usize = 500;

/// The entries that nobody will ever deliver, since they cannot be read.
async fn damaged(store: &impl Store, entries: impl Iterator<Item = &str>) -> Option<Finding> {
    let about = "entries";
    for name in entries.take(READ) {
        match store.get(name).await {
            Err(error) => return Some(unreadable(about, &error)),
            Ok(Some(stored)) if serde_json::from_slice::<Announcement>(&stored.content).is_err() => {
                let to_do = "Remove it; `immuta-watch alerts --notify` lists what it may have spoken of.";
                return Some(Finding::failed(Area::Outbox, about, format!("{name} is damaged"), to_do));
            }
            Ok(_) => {}
        }
    }
    None
}

fn waiting(entries: u64, oldest: Option<TimeDelta>) -> Finding {
    let about = "waiting";
    if entries == 0 {
        return Finding::ok(Area::Outbox, about, "nothing has yet to be told");
    }
    let since = oldest.map_or_else(String::new, |oldest| format!(", the oldest since {}", length(oldest)));
    let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
    let found = format!("{entries} to be told{since}");
    if oldest.is_some_and(|oldest| oldest > WAITS_LONG) {
        let to_do = "Look whether sweep runs each minute with the task `deliver`, and at its lines `Outbox delivered.`; \
                     `immuta-watch explain ID` says why an alert was not told.";
        return Finding::warning(Area::Outbox, about, found, to_do);
    }
    Finding::ok(Area::Outbox, about, format!("{found}; the next turn of sweep delivers them"))
}

/// Counts deliveries that a destination refused for good in the last week.
pub async fn look_at_deliveries(store: &impl Store, now: DateTime<Utc>) -> Vec<Finding> {
    match rejected(store, now).await {
        Ok((refused, damaged)) => {
            let mut findings = vec![refusals(refused)];
            findings.extend(damaged.first().map(|name| {
                let to_do = "Remove it; what it stood for may then be told again, unmarked.";
                Finding::failed(Area::Outbox, "records", format!("{name} is damaged"), to_do)
            }));
            findings
        }
        Err(error) => vec![unreadable("refused", &error)],
    }
}

/// A delivery that was refused.
struct Refused {
    at: DateTime<Utc>,
    destination: String,
    reason: Option<String>,
}

/// Those that were refused, and the records that are damaged.
async fn rejected(store: &impl Store, now: DateTime<Utc>) -> Result<(Vec<Refused>, Vec<String>), StoreError> {
    let today = now.date_naive();
    let mut records = Vec::new();
    for date in (0..DAYS).filter_map(|days| today.checked_sub_days(Days::new(days))) {
        records.extend(store.list(&names::deliveries_on(date)).await?);
    }
    let reads = records.into_iter().map(async |entry| Ok::<_, StoreError>((store.get(&entry.name).await?, entry.name)));
    let (mut refused, mut damaged) = (Vec::new(), Vec::new());
    at_once(SMALL_FILES, reads, |(stored, name)| {
        let Some(stored) = stored else { return };
        let Ok(book) = serde_json::from_slice::<Book>(&stored.content) else { return damaged.push(name) };
        let destination = names::source_of(&name).unwrap_or_default().to_owned();
        let about_many = book.folded.into_iter().chain(book.closing).map(|folded| folded.delivery);
        let deliveries = book.alerts.into_values().chain(about_many);
        let recent = deliveries.filter(|delivery| delivery.state == State::Rejected && now - delivery.until <= RECENT);
        refused.extend(recent.map(|Delivery { until, reason, .. }| Refused {
            at: until,
            destination: destination.clone(),
            reason,
        }));
    })
    .await?;
    Ok((refused, damaged))
}

fn refusals(refused: Vec<Refused>) -> Finding {
    let (about, count) = ("refused", refused.len() as u64);
    let Some(last) = refused.into_iter().max_by_key(|refused| refused.at) else {
        return Finding::ok(Area::Outbox, about, "no message was refused for good in the last week");
    };
    let reason = last.reason.unwrap_or_else(|| "no reason is known".to_owned());
    let found = format!(
        "{} refused for good in the last week, the last one by {}: {reason}",
        counted(count, "message"),
        last.destination
    );
    let to_do = "Mend the destination; `immuta-watch alerts --notify` lists the alerts, `explain ID` says who was told of one. \
                 What was refused is not sent again.";
    Finding::warning(Area::Outbox, about, found, to_do)
}

fn unreadable(about: &str, error: &StoreError) -> Finding {
    Finding::failed(Area::Outbox, about, error.to_string(), "Mend the lake first; see above.")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;
    use crate::lake::{Condition, MemoryStore};

    #[test]
    fn what_waits_for_more_than_an_hour_is_worth_a_look() {
        for (entries, minutes, verdict, said) in [
            (0, None, Verdict::Ok, "nothing has yet to be told"),
            (
                1,
                Some(2),
                Verdict::Ok,
                "1 entry to be told, the oldest since 2 minutes; the next turn of sweep delivers them",
            ),
            (3, Some(61), Verdict::Warning, "3 entries to be told, the oldest since 61 minutes"),
        ] {
            let found = waiting(entries, minutes.map(TimeDelta::minutes));
            assert_eq!((found.verdict, found.found.as_str()), (verdict, said));
        }
    }

    #[tokio::test]
    async fn what_was_refused_in_the_last_week_is_counted_with_the_last_reason() {
        let (store, now): (_, DateTime<Utc>) = (MemoryStore::default(), "2026-11-20T12:00:00Z".parse().unwrap());
        assert_eq!(look_at_deliveries(&store, now).await[0].verdict, Verdict::Ok);
        for (hour, days_ago, reason) in [(1, 1, "the last"), (2, 2, "an earlier one"), (3, 8, "too old")] {
            let at = now - TimeDelta::days(days_ago);
            let delivery =
                serde_json::json!({ "state": "rejected", "attempts": 1, "since": at, "until": at, "reason": reason });
            let book = serde_json::json!({ "alerts": { format!("20261119-000000000000000{hour}"): delivery } });
            let start = at.date_naive().and_hms_opt(hour, 0, 0).unwrap().and_utc();
            let name = format!("{}chat.json", names::deliveries_of("rule", start));
            store.put_if(&name, book.to_string().into_bytes(), Condition::Absent).await.unwrap();
        }
        let found = look_at_deliveries(&store, now).await.remove(0);
        assert_eq!(found.verdict, Verdict::Warning);
        assert_eq!(found.found, "2 messages refused for good in the last week, the last one by chat: the last");
    }
}
