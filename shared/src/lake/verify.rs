//! Verification: counting again from the exports and the files, never from manifests alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::at_once::at_once;
use super::columns::{column, each_batch};
use super::commit::OpenExport;
use super::correlated;
use super::inventory;
use super::manifest::{CommittedFile, Manifest, read_manifests};
use super::names;
use super::profiles;
use super::store::{Store, StoreError};
use crate::digest;
use crate::event::Service;
use crate::export::Limits;
use crate::findings::ledger::Ledger;
use crate::findings::quarantine::Quarantined;
use crate::findings::recount::{Place, Recount};
use crate::findings::{Aggregate, Counts};

/// How many files are fetched while one is counted; each is held in memory as a whole.
const FILES_AHEAD: usize = 4;

/// One thing that is wrong with a lake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file or export that it is about
    pub about: String,
    /// What is wrong, and what to do
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.what)
    }
}

/// What verification found.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// Everything that is wrong; empty if all is well
    pub problems: Vec<Problem>,
    /// Manifests read
    pub manifests: u64,
    /// Files of manifests read
    pub files: u64,
    /// Lists of the inventory read
    pub lists: u64,
    /// Exports counted again, line by line
    pub exports_recounted: u64,
    /// Manifests whose export was not there to count
    pub exports_absent: u64,
    /// The sums over all manifests
    pub counts: Counts,
}

impl Verification {
    fn problem(&mut self, about: &str, what: impl Into<String>) {
        self.problems.push(Problem { about: about.to_owned(), what: what.into() });
    }
}

/// Verifies a lake against its own files and against exports, by their address.
///
/// `expected` are the exports that must all have a manifest; every other manifest's export is looked for by `find`.
/// `progress` is called once per manifest.
///
/// # Errors
/// Those of the store: a lake that cannot be read is neither right nor wrong.
pub async fn verify<E: OpenExport>(
    store: &impl Store,
    expected: &[E],
    find: impl Fn(&str) -> Option<E>,
    limits: Limits,
    progress: &mut (dyn FnMut() + Send),
) -> Result<Verification, StoreError> {
    let mut found = Verification::default();
    let mut named = BTreeSet::new();
    let mut uris = BTreeSet::new();
    for (name, manifest) in read_manifests(store).await? {
        found.manifests += 1;
        match manifest {
            Err(reason) => {
                let mend = "`run --again` writes it anew, or `webhooks decide` if it is that of a notification";
                found.problem(&name, format!("the manifest is damaged ({reason}); {mend}"));
            }
            Ok(manifest) => {
                named.extend(manifest.file_names());
                uris.insert(manifest.uri.clone());
                let is_export = manifest.service == Service::Audit;
                let export = expected.iter().find(|export| export.source().uri == manifest.uri);
                let sought = if export.is_none() && is_export { find(&manifest.uri) } else { None };
                check_manifest(store, &name, &manifest, export.or(sought.as_ref()), limits, &mut found).await?;
                found.counts += manifest.counts;
            }
        }
        progress();
    }
    for export in expected.iter().filter(|export| !uris.contains(&export.source().uri)) {
        found.problem(&export.source().uri, "the export has no manifest; `immuta-watch run` classifies it");
    }
    for folder in names::DATA {
        for entry in store.list(folder).await?.into_iter().filter(|entry| !named.contains(&entry.name)) {
            found.problem(&entry.name, "no manifest names this file; if no run is at work, remove it");
        }
    }
    for entry in store.list(names::TOUCHED).await? {
        let what = "what a commit changed has yet to be correlated; the next turn of `sweep` does it, or `run`";
        found.problem(&entry.name, what);
    }
    for entry in store.list(names::CORRELATED).await? {
        let Some(stored) = store.get(&entry.name).await? else { continue };
        if let Err(what) = correlated::check(&entry.name, &stored.content) {
            let mend = "remove it, and `run --again` an export with events of that day";
            found.problem(&entry.name, format!("it is damaged ({what}); {mend}"));
        }
    }
    for entry in store.list(names::PROFILES).await? {
        let Some(stored) = store.get(&entry.name).await? else { continue };
        if let Err(what) = profiles::check(&entry.name, &stored.content) {
            found.problem(
                &entry.name,
                format!("it is damaged ({what}); remove it, and it is counted again when it is asked for"),
            );
        }
    }
    for entry in store.list(names::INVENTORY).await? {
        let Some(stored) = store.get(&entry.name).await? else { continue };
        found.lists += 1;
        if let Err(what) = inventory::check(&entry.name, &stored.content) {
            found.problem(&entry.name, what);
        }
    }
    for entry in store.list(names::LEASES).await? {
        found.problem(&entry.name, "an export is being classified, or its attempt died; run again to finish it");
    }
    found.problems.sort();
    Ok(found)
}

/// The name of a notification in its lake, by its address.
fn receipt_of(uri: &str) -> &str {
    uri.find(names::WEBHOOKS).map_or(uri, |at| &uri[at..])
}

async fn check_manifest<E: OpenExport>(
    store: &impl Store,
    name: &str,
    manifest: &Manifest,
    export: Option<&E>,
    limits: Limits,
    found: &mut Verification,
) -> Result<(), StoreError> {
    let mend = match manifest.service {
        Service::Audit => "`run --again` writes it anew".to_owned(),
        Service::Webhook => format!("`webhooks decide {}` writes it anew", receipt_of(&manifest.uri)),
    };
    if !manifest.is_intact() {
        found.problem(name, format!("the manifest was changed after it was written; {mend}"));
    }
    if names::manifest(&crate::export::Source::at(&*manifest.uri).id) != name {
        found.problem(name, format!("this is not the name of the manifest of {}", manifest.uri));
    }
    let counts = manifest.counts;
    if !counts.are_conserved() {
        let Counts { read, classified, quarantined, blank, access, changes, .. } = counts;
        found.problem(
            name,
            format!(
                "its counts do not come out even: {read} read, {classified} classified ({access} access, {changes} \
                 changes), {quarantined} quarantined, {blank} blank"
            ),
        );
    }
    let mut held = Held::default();
    found.files += manifest.files.len() as u64;
    let (its_own, others): (Vec<_>, Vec<_>) =
        manifest.files.iter().partition(|file| names::is_of(&file.name, &manifest.source));
    for CommittedFile { name: other, .. } in others {
        found.problem(name, format!("it names {other}, which is no file of its export; {mend}"));
    }
    let reads = its_own.into_iter().map(async |file| Ok::<_, StoreError>((file, store.get(&file.name).await?)));
    at_once(FILES_AHEAD, reads, |(file, stored)| match stored {
        None => found.problem(&file.name, format!("the file is missing; {mend}")),
        Some(stored) => {
            if let Err(what) = check_file(file, &stored.content, &mut held) {
                found.problem(&file.name, format!("{what}; {mend}"));
            }
        }
    })
    .await?;
    held.lines.compare_with_counts(name, &counts, found);
    if held.events_by_kind != counts.classified {
        let (by_kind, classified) = (held.events_by_kind, counts.classified);
        found.problem(name, format!("its rollups count {by_kind} events by kind, and it says {classified} classified"));
    }
    if held.undated != counts.undated {
        let (rows, undated) = (held.undated, counts.undated);
        found.problem(name, format!("{rows} of its rows have no time, and it says {undated}"));
    }
    let micros = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_micros());
    if held.times != micros(manifest.first_event).zip(micros(manifest.last_event)) {
        found.problem(name, "the first or last event that it names is not that of its rows");
    }
    match export {
        // A notification has no lines to count. It is kept in the lake itself, and never removed.
        _ if manifest.service == Service::Webhook => {
            let receipt = manifest.uri.rfind(names::WEBHOOKS).map(|at| &manifest.uri[at..]).unwrap_or_default();
            if names::received_at(receipt).is_none() || store.get(receipt).await?.is_none() {
                found.problem(name, format!("the notification {} that it is about is missing", manifest.uri));
            }
        }
        None => found.exports_absent += 1,
        Some(export) => check_export(name, manifest, export, limits, &held.lines, found).await,
    }
    Ok(())
}

/// What an export's files hold.
#[derive(Default)]
struct Held {
    lines: Lines,
    undated: u64,
    /// The first and last time of an event, in microseconds since 1970
    times: Option<(i64, i64)>,
    events_by_kind: u64,
}

/// The lines that an export's files hold, by place.
#[derive(Default)]
struct Lines {
    held: BTreeMap<u8, Vec<u64>>,
}

fn slot(place: Place) -> u8 {
    match place {
        Place::Ledger(Ledger::Access) => 0,
        Place::Ledger(Ledger::Changes) => 1,
        Place::Quarantine => 2,
        Place::Nowhere => 3,
    }
}

const PLACES: [(Place, &str); 3] = [
    (Place::Ledger(Ledger::Access), "the ledger access"),
    (Place::Ledger(Ledger::Changes), "the ledger changes"),
    (Place::Quarantine, "quarantine"),
];

impl Lines {
    fn add(&mut self, place: Place, lines: impl IntoIterator<Item = u64>) {
        self.held.entry(slot(place)).or_default().extend(lines);
    }

    fn of(&self, place: Place) -> Vec<u64> {
        let mut lines = self.held.get(&slot(place)).cloned().unwrap_or_default();
        lines.sort_unstable();
        lines
    }

    fn compare_with_counts(&self, name: &str, counts: &Counts, found: &mut Verification) {
        let expected = [counts.access, counts.changes, counts.quarantined];
        for ((place, words), expected) in PLACES.into_iter().zip(expected) {
            let held = self.held.get(&slot(place)).map_or(0, Vec::len) as u64;
            if held != expected {
                found.problem(name, format!("{words} holds {held} of its lines, and it says {expected}"));
            }
        }
    }

    fn compare_with_export(&self, name: &str, recount: &Recount, found: &mut Verification) {
        for (place, words) in PLACES {
            let held = self.of(place);
            let lines = (1_u64..).zip(&recount.lines);
            let expected: Vec<u64> = lines.filter(|(_, found)| **found == place).map(|(line, _)| line).collect();
            if held != expected {
                let first = held
                    .iter()
                    .zip(&expected)
                    .find_map(|(held, expected)| (held != expected).then_some(held.min(expected)))
                    .or_else(|| held.get(expected.len()).or_else(|| expected.get(held.len())));
                found.problem(
                    name,
                    format!(
                        "the export has {} lines for {words}, which holds {}; they differ from line {} of the export on",
                        expected.len(),
                        held.len(),
                        first.copied().unwrap_or_default()
                    ),
                );
            }
        }
    }
}

async fn check_export(
    name: &str,
    manifest: &Manifest,
    export: &impl OpenExport,
    limits: Limits,
    lines: &Lines,
    found: &mut Verification,
) {
    match export.version().await {
        Ok(None) => return found.exports_absent += 1,
        Err(error) => return found.problem(&manifest.uri, format!("the export cannot be read: {error}")),
        Ok(Some(version)) if version.etag != manifest.etag => {
            return found.problem(&manifest.uri, "the export changed since it was classified; run again");
        }
        Ok(Some(_)) => {}
    }
    let recount = match export.open().await.and_then(|bytes| Recount::of(bytes, limits)) {
        Ok(recount) => recount,
        Err(error) => return found.problem(&manifest.uri, format!("the export cannot be read: {error}")),
    };
    found.exports_recounted += 1;
    let (read, blank) = (recount.lines.len() as u64, recount.count(Place::Nowhere));
    if (read, blank) != (manifest.counts.read, manifest.counts.blank) {
        found.problem(
            name,
            format!(
                "the export has {read} lines, {blank} of them blank, and it says {} and {}",
                manifest.counts.read, manifest.counts.blank
            ),
        );
    }
    lines.compare_with_export(name, &recount, found);
}

/// Checks one file against what its manifest says, and takes in what it holds.
fn check_file(file: &CommittedFile, content: &Bytes, held: &mut Held) -> Result<(), String> {
    let is_ledger = |ledger: &Ledger| file.name.starts_with(&format!("ledger/{}/", ledger.name()));
    let rows = if let Some(ledger) = [Ledger::Access, Ledger::Changes].into_iter().find(is_ledger) {
        let mut rows = 0;
        each_batch(content, &["line", "event_time"], &mut |batch| {
            let lines =
                column(batch, "line")?.as_primitive_opt::<Int64Type>().ok_or("its column line holds no integers")?;
            held.lines.add(Place::Ledger(ledger), lines.iter().flatten().filter_map(|line| u64::try_from(line).ok()));
            let times = column(batch, "event_time")?;
            held.undated += times.null_count() as u64;
            let times = times
                .as_primitive_opt::<TimestampMicrosecondType>()
                .ok_or("its column event_time holds no times in microseconds")?;
            for time in times.iter().flatten() {
                let (first, last) = held.times.unwrap_or((time, time));
                held.times = Some((first.min(time), last.max(time)));
            }
            rows += batch.num_rows() as u64;
            Ok(())
        })?;
        rows
    } else if file.name.starts_with("rollups/") {
        let mut rows = 0;
        each_batch(content, &["aggregate", "events"], &mut |batch| {
            let names =
                column(batch, "aggregate")?.as_string_opt::<i32>().ok_or("its column aggregate holds no text")?;
            let events = column(batch, "events")?
                .as_primitive_opt::<Int64Type>()
                .ok_or("its column events holds no integers")?;
            let by_kind = names.iter().zip(events).filter(|(name, _)| *name == Some(Aggregate::Kind.as_str()));
            held.events_by_kind += by_kind.filter_map(|(_, events)| u64::try_from(events?).ok()).sum::<u64>();
            rows += batch.num_rows() as u64;
            Ok(())
        })?;
        rows
    } else if file.name.starts_with(names::SIGNALS) {
        let mut rows = 0;
        each_batch(content, &["line"], &mut |batch| {
            rows += batch.num_rows() as u64;
            Ok(())
        })?;
        rows
    } else {
        let entries = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        if file.name.starts_with("quarantine/") {
            let read = |line| serde_json::from_slice::<Quarantined>(line).map_err(|error| error.to_string());
            let entries: Vec<_> = entries.map(read).collect::<Result<_, _>>()?;
            held.lines.add(Place::Quarantine, entries.iter().map(|entry| entry.line));
            entries.len() as u64
        } else {
            entries.count() as u64
        }
    };
    if rows != file.rows {
        Err(format!("it has {rows} rows, and its manifest says {}", file.rows))
    } else if digest::full(content) != file.sha256 {
        Err("it is not the file that was committed (its hash differs)".to_owned())
    } else {
        Ok(())
    }
}
