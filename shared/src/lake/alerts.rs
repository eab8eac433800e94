//! Reading alerts back from the lake: folding the contributions of all exports.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

use chrono::NaiveDate;
use serde::de::DeserializeOwned;

use super::at_once::{SMALL_FILES, at_once};
use super::correlated::{Correlated, is_correlated};
use super::manifest::{Manifest, read_manifests};
use super::names;
use super::store::{Store, StoreError};
use crate::alerts::{Alert, AlertId, Approval, Approvals, Contribution};
use crate::digest;

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
    visit_alerts_on(store, |date| dates.contains(&date), visit).await
}

/// The same for dates that do not follow on each other.
///
/// # Errors
/// [`ReadError`]
pub async fn visit_alerts_on(
    store: &impl Store,
    is_wanted: impl Fn(NaiveDate) -> bool,
    visit: &mut (dyn FnMut(Alert) + Send),
) -> Result<(), ReadError> {
    let committed = Committed::in_lake(store).await?;
    for (_, files) in committed.alerts.iter().filter(|(date, _)| is_wanted(**date)) {
        let folded = Alert::fold(read_files::<Contribution>(store, files.iter(), |_| true).await?);
        let approvals = committed.approvals_for(store, folded.values()).await?;
        for folded in folded.into_values() {
            visit(Alert::of(folded, &approvals));
        }
    }
    Ok(())
}

/// One alert; `None` if the lake has none of this id.
///
/// # Errors
/// [`ReadError`]
pub async fn read_alert(store: &impl Store, id: &AlertId) -> Result<Option<Alert>, ReadError> {
    let committed = Committed::in_lake(store).await?;
    let files = committed.alerts.get(&id.date()).into_iter().flatten();
    let contributions = read_files::<Contribution>(store, files, |found| found.alert == *id).await?;
    let Some(folded) = Alert::fold(contributions).remove(id) else { return Ok(None) };
    let approvals = committed.approvals_for(store, [&folded]).await?;
    Ok(Some(Alert::of(folded, &approvals)))
}

/// The approvals of some dates, of every export that is committed. Unlike the functions above it looks only at the
/// manifests of exports that have some, so that it is quick in a large lake.
///
/// # Errors
/// [`ReadError`]
pub async fn read_approvals(store: &impl Store, first: NaiveDate, last: NaiveDate) -> Result<Approvals, ReadError> {
    let mut approvals: Vec<Approval> = Vec::new();
    for date in first.iter_days().take_while(|date| *date <= last) {
        let entries = store.list(&names::approvals_of(date)).await?;
        let reads = entries.into_iter().map(|entry| read_if_committed(store, entry.name));
        at_once(SMALL_FILES, reads, |found| approvals.extend(found)).await?;
    }
    Ok(Approvals::new(approvals))
}

/// The approvals of a file, if its export's manifest names it.
async fn read_if_committed(store: &impl Store, name: String) -> Result<Vec<Approval>, ReadError> {
    let Some(source) = names::source_of(&name) else { return Ok(Vec::new()) };
    let Some(stored) = store.get(&names::manifest_named(source)).await? else { return Ok(Vec::new()) };
    let names_it = |manifest: Manifest| manifest.files.iter().any(|file| file.name == name);
    if serde_json::from_slice(&stored.content).is_ok_and(names_it) {
        read_lines(store, name).await
    } else {
        Ok(Vec::new())
    }
}

/// The ids of the alerts of some dates that an export contributes to, as it is committed now; its manifest is named, or what a
/// correlation found.
///
/// # Errors
/// [`ReadError`]
pub async fn alerts_committed(
    store: &impl Store,
    manifest: &str,
    dates: &BTreeSet<NaiveDate>,
) -> Result<BTreeSet<AlertId>, ReadError> {
    if is_correlated(manifest) {
        let Some(found) = Correlated::read(store, manifest).await? else { return Ok(BTreeSet::new()) };
        return Ok(found.alerts(manifest)?.into_keys().collect());
    }
    let Some(stored) = store.get(manifest).await? else { return Ok(BTreeSet::new()) };
    let manifest: Manifest = serde_json::from_slice(&stored.content)
        .map_err(|error| StoreError::new("read", manifest, format!("the manifest is damaged: {error}")))?;
    let mut ids = BTreeSet::new();
    for file in manifest.files.iter().filter(|file| file.name.starts_with(names::ALERTS)) {
        if !names::date_of(&file.name).is_some_and(|date| dates.contains(&date)) {
            continue;
        }
        let Some(stored) = store.get(&file.name).await? else { continue };
        // Another attempt may have written it anew, and not have committed that yet.
        if digest::full(&stored.content) == file.sha256 {
            ids.extend(
                read_lines::<Contribution>(store, file.name.clone()).await?.into_iter().map(|found| found.alert),
            );
        }
    }
    Ok(ids)
}

/// The files that manifests name, by date.
struct Committed {
    alerts: BTreeMap<NaiveDate, Vec<String>>,
    approvals: BTreeMap<NaiveDate, Vec<String>>,
}

impl Committed {
    async fn in_lake(store: &impl Store) -> Result<Self, StoreError> {
        let mut committed = Self { alerts: BTreeMap::new(), approvals: BTreeMap::new() };
        let manifests = read_manifests(store).await?;
        let files = manifests.into_iter().filter_map(|(_, manifest)| manifest.ok()).flat_map(|manifest| manifest.files);
        // In the order of names, and each once, whatever order manifests come in.
        let mut names: BTreeSet<String> = files.map(|file| file.name).collect();
        names.extend(store.list(names::CORRELATED).await?.into_iter().map(|entry| entry.name));
        for name in names {
            let Some(date) = names::date_of(&name) else { continue };
            if name.starts_with(names::ALERTS) || is_correlated(&name) {
                committed.alerts.entry(date).or_default().push(name);
            } else if name.starts_with(names::APPROVALS) {
                committed.approvals.entry(date).or_default().push(name);
            }
        }
        Ok(committed)
    }

    /// The approvals that may stand behind grants of these alerts; nothing is read where there are no such grants.
    async fn approvals_for(
        &self,
        store: &impl Store,
        folded: impl IntoIterator<Item = &Contribution>,
    ) -> Result<Approvals, ReadError> {
        let sought: Vec<_> = folded.into_iter().filter_map(Alert::approvals_sought).collect();
        let first = sought.iter().map(|(first, _)| first.date_naive()).min();
        let last = sought.iter().map(|(_, last)| last.date_naive()).max();
        let (Some(first), Some(last)) = (first, last) else { return Ok(Approvals::default()) };
        let files = self.approvals.range(first..=last).flat_map(|(_, names)| names);
        Ok(Approvals::new(read_files(store, files, |_| true).await?))
    }
}

/// The JSON objects of files that are to be kept, in the order of the names.
async fn read_files<T: DeserializeOwned + Send>(
    store: &impl Store,
    names: impl Iterator<Item = &String>,
    keep: impl Fn(&T) -> bool,
) -> Result<Vec<T>, ReadError> {
    let reads = names.map(|name| read_lines::<T>(store, name.clone()));
    let mut kept = Vec::new();
    at_once(SMALL_FILES, reads, |found: Vec<T>| kept.extend(found.into_iter().filter(&keep))).await?;
    Ok(kept)
}

/// The JSON objects of a file, one a line.
pub(super) async fn read_lines<T: DeserializeOwned>(store: &impl Store, name: String) -> Result<Vec<T>, ReadError> {
    let damaged = |line, reason: String| ReadError::Damaged { name: name.clone(), line, reason };
    let Some(stored) = store.get(&name).await? else { return Err(damaged(1, "the file is missing".to_owned())) };
    let lines = stored.content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate();
    // What a correlation found begins with a line about itself.
    let lines = lines.skip(usize::from(is_correlated(&name)));
    lines
        .map(|(index, line)| serde_json::from_slice(line).map_err(|error| damaged(index + 1, error.to_string())))
        .collect()
}
