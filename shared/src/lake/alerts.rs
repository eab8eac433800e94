//! Reading alerts back from the lake: folding the contributions of all exports.

use std::collections::{BTreeMap, BTreeSet};

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

/// Every alert of the lake, by id. Only files that a manifest names count: what an attempt left half done is not there.
///
/// # Errors
/// [`ReadError`]
pub async fn read_alerts(store: &impl Store) -> Result<BTreeMap<AlertId, Alert>, ReadError> {
    let mut alerts = BTreeMap::new();
    let mut by_folder: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in committed_names(store).await? {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        by_folder.entry(folder).or_default().push(name);
    }
    // An alert's contributions all lie in the folder of its date, so one date at a time is folded.
    for files in by_folder.values() {
        let mut contributions = Vec::new();
        for name in files {
            contributions.extend(read_contributions(store, name).await?);
        }
        alerts.extend(Alert::fold(contributions));
    }
    Ok(alerts)
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
