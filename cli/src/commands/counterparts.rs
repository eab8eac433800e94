//! The same change at the other end: what a webhook told of an alert's events, or what the audit log has of them. A part of
//! `explain`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use chrono::{Days, Utc};
use immuta_watch::alerts::{Alert, AlertId, Example};
use immuta_watch::counterpart::{AFTER, BEFORE, Certainty, Change, kinds};
use immuta_watch::event::{Event, EventKey, Record, Service, time};
use immuta_watch::lake::{Audited, AuditedFile, Store, announced, names, received_within, visit_alerts};
use immuta_watch::reconcile::changes::Known;
use serde_json::{Value, json};

/// Windows of alerts are no longer than this, so that the alert of an event began at most so long before it.
const LONGEST_WINDOW: Days = Days::new(7);

/// What the other end says of one event.
pub(super) enum Counterpart {
    /// Immuta told of it by webhook
    Told { receipt: String, at: String, certainty: Certainty, alerts: Vec<AlertId> },
    /// The audit log has it
    Audited { event: EventKey, at: String, source: String, line: u64, certainty: Certainty, alerts: Vec<AlertId> },
    /// Immuta did not tell of it, as far as is known
    NotTold,
    /// The audit log does not have it, as far as is known
    NotAudited,
}

/// What the other end says of each example event that may have a counterpart.
pub(super) async fn counterparts(store: &impl Store, alert: &Alert) -> Result<Vec<Counterpart>> {
    let mut found = Vec::new();
    for example in &alert.detail().examples {
        let Some((service, change)) = change_of(example) else { continue };
        let counterpart = match service {
            Service::Audit => told(store, &change).await?,
            Service::Webhook => audited(store, &change).await?,
        };
        // Where nobody registered a webhook of that type, there is nothing to say.
        if !matches!(counterpart, Counterpart::NotTold) || is_expected(store, &change.kind).await? {
            found.push(counterpart);
        }
    }
    Ok(found)
}

/// Whether notifications of some type that tells of such events have ever come.
async fn is_expected(store: &impl Store, kind: &str) -> Result<bool> {
    let (known, _) = Known::read(store).await?;
    Ok(kinds::notification_types(kind).any(|name| known.first_received.contains_key(name)))
}

/// What an example says of a change, and by which way it came; none if it is of a kind that has no counterpart.
fn change_of(example: &Example) -> Option<(Service, Change)> {
    let record = Record::parse(example.record.get().as_bytes()).ok()?;
    let of = |service| Change::of(&Event::of_service(&record, service)).map(|change| (service, change));
    let (_, change) = of(Service::Audit)?;
    if kinds::is_announced(&change.kind) {
        Some((Service::Audit, change))
    } else if kinds::audit_kinds(&change.kind).is_empty() {
        None
    } else {
        of(Service::Webhook)
    }
}

async fn told(store: &impl Store, change: &Change) -> Result<Counterpart> {
    let span = change.time - BEFORE..=change.time + AFTER;
    let receipts = received_within(store, &[span]).await.context("the notifications cannot be listed")?;
    let read = announced(store, receipts).await.context("the notifications cannot be read")?;
    let with_certainty = read.into_iter().filter_map(|announced| {
        let certainty = change.counterpart(&announced.change)?;
        Some((certainty, announced))
    });
    Ok(with_certainty.max_by_key(|(certainty, _)| *certainty).map_or(Counterpart::NotTold, |(certainty, announced)| {
        let matches = announced.decision.iter().flat_map(immuta_watch::webhook::Decision::matches);
        let alerts = matches.map(|decided| decided.alert.clone()).collect();
        Counterpart::Told { receipt: announced.receipt, at: time::text(announced.change.time), certainty, alerts }
    }))
}

async fn audited(store: &impl Store, notification: &Change) -> Result<Counterpart> {
    let (first, last) = ((notification.time - AFTER).date_naive(), (notification.time + BEFORE).date_naive());
    let mut best: Option<(Certainty, Audited)> = None;
    for date in first.iter_days().take_while(|date| *date <= last) {
        for entry in store.list(&names::changes_of(date)).await.context("the ledger cannot be listed")? {
            let Some(mut file) = AuditedFile::open(store, &entry.name).await? else { continue };
            while let Some(batch) = file.next_batch(Utc::now())? {
                for audited in batch.events {
                    let certainty = audited.change.counterpart(notification);
                    if let Some(certainty) = certainty.filter(|new| best.as_ref().is_none_or(|(best, _)| new > best)) {
                        best = Some((certainty, audited));
                    }
                }
            }
        }
    }
    let Some((certainty, audited)) = best else { return Ok(Counterpart::NotAudited) };
    let date = audited.change.time.date_naive();
    let first = date.checked_sub_days(LONGEST_WINDOW).unwrap_or(date);
    let mut alerts = BTreeSet::new();
    let mut take = |alert: Alert| {
        if alert.detail().events.contains(&audited.event) {
            alerts.insert(alert.detail().alert.clone());
        }
    };
    visit_alerts(store, first..=date, &mut take).await?;
    let alerts = alerts.into_iter().collect();
    let Audited { event, change, source, line } = audited;
    Ok(Counterpart::Audited { event, at: time::text(change.time), source, line, certainty, alerts })
}

impl Counterpart {
    /// One sentence.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Told { at, certainty, alerts, .. } => {
                format!("Immuta told of it by webhook at {at} ({certainty}){}.", named(alerts))
            }
            Self::Audited { at, source, line, certainty, alerts, .. } => {
                format!("The audit log has it at {at}, export {source} line {line} ({certainty}){}.", named(alerts))
            }
            Self::NotTold => "No webhook told of it, as far as is known.".to_owned(),
            Self::NotAudited => "The audit log does not have it, as far as exports have come.".to_owned(),
        }
    }

    pub(super) fn as_json(&self) -> Value {
        match self {
            Self::Told { receipt, at, certainty, alerts } => {
                json!({ "told_by_webhook": true, "receipt": receipt, "at": at, "certainty": certainty, "alerts": alerts })
            }
            Self::Audited { event, at, source, line, certainty, alerts } => json!({
                "audited": true, "event": event.to_string(), "at": at, "export": source, "line": line,
                "certainty": certainty, "alerts": alerts,
            }),
            Self::NotTold => json!({ "told_by_webhook": false }),
            Self::NotAudited => json!({ "audited": false }),
        }
    }
}

fn named(alerts: &[AlertId]) -> String {
    match alerts {
        [] => String::new(),
        [one] => format!(": alert {one}"),
        several => format!(": alerts {}", several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}
