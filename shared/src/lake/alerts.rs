//! Reading alerts back from the lake: folding the contributions of all exports.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

use chrono::NaiveDate;

use super::manifest::read_manifests;
use super::names;
use super::store::{Store, StoreError};
use crate::alerts::{Alert, AlertId, Contribution};

/// Alerts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The lake failed.
    #[error("the lake failed: {0}")]
    Store(#[from] StoreError),
    /// A file is not as it was written.
    #[error("{name} line {line} is damaged: {reason}; `immuta-watch verify` says what else is")]
    Damaged {
        /// The file
        name: String,
        /// Its line, counted from 1
        line: usize,
        /// What is wrong with it
        reason: String,
    },
}

/// Shows every alert whose window begins on one of the dates, in the order of ids. Only files that a manifest names
/// count: what an attempt left half done is not there. No more than one date's alerts are in memory.
///
/// # Errors
/// [`ReadError`]
pub async fn visit_alerts(
    store: &impl Store,
    dates: impl RangeBounds<NaiveDate>,
    visit: &mut (dyn FnMut(Alert) + Send),
) -> Result<(), ReadError> {
    let mut by_date: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
    for name in committed_names(store).await? {
        let Some(date) = names::date_of(&name).filter(|date| dates.contains(date)) else { continue };
        by_date.entry(date).or_default().push(name);
    }
    for files in by_date.values() {
        let mut contributions = Vec::new();
        for name in files {
            contributions.extend(read_contributions(store, name).await?);
        }
        Alert::fold(contributions).into_values().for_each(&mut *visit);
    }
    Ok(())
}

/// One alert; `None` if the lake has none of this id.
///
/// # Errors
/// [`ReadError`]
pub async fn read_alert(store: &impl Store, id: &AlertId) -> Result<Option<Alert>, ReadError> {
    let folder = names::alerts_of(id.date());
    let mut contributions = Vec::new();
    for name in committed_names(store).await?.into_iter().filter(|name| name.starts_with(&folder)) {
        contributions.extend(read_contributions(store, &name).await?.into_iter().filter(|found| found.alert == *id));
    }
    Ok(Alert::fold(contributions).remove(id))
}

async fn committed_names(store: &impl Store) -> Result<BTreeSet<String>, StoreError> {
    let manifests = read_manifests(store).await?;
    let files = manifests.into_iter().filter_map(|(_, manifest)| manifest.ok()).flat_map(|manifest| manifest.files);
    Ok(files.map(|file| file.name).filter(|name| name.starts_with(names::ALERTS)).collect())
}

async fn read_contributions(store: &impl Store, name: &str) -> Result<Vec<Contribution>, ReadError> {
    let damaged = |line, reason: String| ReadError::Damaged { name: name.to_owned(), line, reason };
    let Some(stored) = store.get(name).await? else { return Err(damaged(1, "the file is missing".to_owned())) };
    let lines = stored.content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate();
    lines
        .map(|(index, line)| serde_json::from_slice(line).map_err(|error| damaged(index + 1, error.to_string())))
        .collect()
}
