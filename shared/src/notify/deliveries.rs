//! Who was told of an alert: read back from the delivery records and the outbox.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::announcement::Announcement;
use super::book::{Book, Delivery, Folded};
use crate::alerts::AlertId;
use crate::lake::{Store, StoreError, names};

/// How a destination was told of an alert, or is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Telling {
    /// In a message of its own
    ByItself(Delivery),
    /// In one message about many alerts of its rule and window
    AmongMany(Folded),
}

/// A summary of old alerts that a destination was told, or is to be. Which alerts it speaks of stands nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The day on which the alerts were found
    pub day: NaiveDate,
    /// The destination
    pub destination: String,
    /// How many alerts it speaks of, and its delivery
    pub summary: Folded,
}

/// How each destination was told of an alert of this rule and window. A destination that was never to be told, or that
/// nobody got round to yet, is not there.
///
/// # Errors
/// Those of the store, and a record that is damaged.
pub async fn deliveries_of(
    store: &impl Store,
    rule: &str,
    window_start: DateTime<Utc>,
    alert: &AlertId,
) -> Result<BTreeMap<String, Telling>, StoreError> {
    let mut found = BTreeMap::new();
    for entry in store.list(&names::deliveries_of(rule, window_start)).await? {
        let (Some(destination), Some(book)) = (names::source_of(&entry.name), read_book(store, &entry.name).await?)
        else {
            continue;
        };
        // Once the message about many is there, it speaks of every alert that has no place of its own.
        let telling = match (book.alerts.get(alert), book.folded) {
            (Some(delivery), _) => Telling::ByItself(delivery.clone()),
            (None, Some(folded)) => Telling::AmongMany(folded),
            (None, None) => continue,
        };
        found.insert(destination.to_owned(), telling);
    }
    Ok(found)
}

/// How each destination was told of an alert that is no longer there, by its id alone.
///
/// # Errors
/// Those of the store, and a record that is damaged.
pub async fn withdrawn(store: &impl Store, alert: &AlertId) -> Result<BTreeMap<String, Delivery>, StoreError> {
    let mut found = BTreeMap::new();
    for entry in store.list(&names::deliveries_on(alert.date())).await? {
        let (Some(destination), Some(mut book)) = (names::source_of(&entry.name), read_book(store, &entry.name).await?)
        else {
            continue;
        };
        let delivery = book.alerts.remove(alert).filter(|delivery| delivery.withdrawn.is_some());
        found.extend(delivery.map(|delivery| (destination.to_owned(), delivery)));
    }
    Ok(found)
}

/// Every summary of old alerts that was found on `first` or later.
///
/// # Errors
/// Those of the store, and a record that is damaged.
pub async fn summaries_since(store: &impl Store, first: NaiveDate) -> Result<Vec<Summary>, StoreError> {
    let mut found = Vec::new();
    for entry in store.list(names::DELIVERIES).await? {
        let Some(day) = names::late_day_of(&entry.name).filter(|day| *day >= first) else { continue };
        let (Some(destination), Some(book)) = (names::source_of(&entry.name), read_book(store, &entry.name).await?)
        else {
            continue;
        };
        found.extend(book.folded.map(|summary| Summary { day, destination: destination.to_owned(), summary }));
    }
    Ok(found)
}

/// Whether something that speaks of an alert is in the outbox still. An entry that cannot be read says nothing.
///
/// # Errors
/// Those of the store.
pub async fn is_in_the_outbox(store: &impl Store, alert: &AlertId) -> Result<bool, StoreError> {
    for entry in store.list(names::OUTBOX).await? {
        let Some(stored) = store.get(&entry.name).await? else { continue };
        let announcement = serde_json::from_slice::<Announcement>(&stored.content);
        if announcement.is_ok_and(|found| found.candidates.iter().any(|candidate| candidate.alert == *alert)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A delivery record; none if it went meanwhile.
async fn read_book(store: &impl Store, name: &str) -> Result<Option<Book>, StoreError> {
    let Some(stored) = store.get(name).await? else { return Ok(None) };
    let book = serde_json::from_slice(&stored.content);
    book.map(Some).map_err(|error| StoreError::new("read", name, format!("the delivery record is damaged: {error}")))
}
