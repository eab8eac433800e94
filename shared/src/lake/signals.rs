//! Signals, read back from the lake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate};

use super::alerts::ReadError;
use super::at_once::{SMALL_FILES, at_once};
use super::columns::{column, each_batch};
use super::manifest::Manifest;
use super::names;
use super::store::{Store, StoreError};
use crate::correlate::Signal;

const COLUMNS: [&str; 4] = ["event_key", "event_time", "line", "fields"];

/// What manifests say of the files of signals, each read once.
///
/// It must not be older than the version of a result that is written by it: then whoever wrote that may have seen more.
#[derive(Default)]
pub(super) struct Sources {
    /// By the stem of their files
    known: BTreeMap<String, Known>,
}

/// Beyond so many dates they are listed by the month.
const FEW_DATES: i64 = 5;

/// The files of signals of some rules, by rule and date.
pub(super) type SignalFiles = BTreeMap<String, BTreeMap<NaiveDate, Vec<String>>>;

/// Lists the files of signals of some rules from a date to a date.
pub(super) async fn list_signals(
    store: &impl Store,
    rules: &BTreeSet<String>,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<SignalFiles, StoreError> {
    let mut files = SignalFiles::new();
    for rule in rules {
        let of_rule = files.entry(rule.clone()).or_default();
        let dates = first.iter_days().take_while(|date| *date <= last);
        let prefixes: BTreeSet<String> = if (last - first).num_days() < FEW_DATES {
            dates.map(|date| names::signals_of(rule, date)).collect()
        } else {
            dates.map(|date| names::signals_in_month(rule, date)).collect()
        };
        for prefix in prefixes {
            for entry in store.list(&prefix).await? {
                if let Some(date) = names::date_of(&entry.name).filter(|date| (first..=last).contains(date)) {
                    of_rule.entry(date).or_default().push(entry.name);
                }
            }
        }
    }
    Ok(files)
}

impl Sources {
    /// Whether a manifest that was read names a file.
    pub(super) fn is_committed(&self, name: &str) -> bool {
        let known = names::source_of(name).and_then(|source| self.known.get(source)?.as_ref());
        known.is_some_and(|(_, files)| files.contains(name))
    }

    /// Shows the signals of some rules on a date, of every export that is committed, one file after the other.
    pub(super) async fn each_file(
        &mut self,
        store: &impl Store,
        files: &SignalFiles,
        date: NaiveDate,
        mut take: impl FnMut(Vec<Signal>) + Send,
    ) -> Result<(), ReadError> {
        let of_date = || {
            let rules = files.iter().filter_map(|(rule, dates)| Some((rule, dates.get(&date)?)));
            rules.flat_map(|(rule, names)| names.iter().map(move |name| (rule, name)))
        };
        let unknown: BTreeSet<String> = of_date()
            .filter_map(|(_, name)| names::source_of(name))
            .filter(|source| !self.known.contains_key(*source))
            .map(str::to_owned)
            .collect();
        let reads = unknown.into_iter().map(|source| read_source(store, source));
        at_once(SMALL_FILES, reads, |(source, known)| {
            self.known.insert(source, known);
        })
        .await?;
        let reads = of_date().filter_map(|(rule, name)| {
            let (export, files) = self.known.get(names::source_of(name)?)?.as_ref()?;
            files.contains(name).then(|| read_file(store, rule, name.clone(), Arc::clone(export)))
        });
        at_once(FILES_AHEAD, reads, &mut take).await
    }
}

/// So many files are read while one is gone through; each is held in memory as a whole.
const FILES_AHEAD: usize = 4;

/// An export's address, and its files of signals; none if no manifest that can be read says so.
type Known = Option<(Arc<str>, BTreeSet<String>)>;

async fn read_source(store: &impl Store, source: String) -> Result<(String, Known), StoreError> {
    let Some(stored) = store.get(&names::manifest_named(&source)).await? else { return Ok((source, None)) };
    // One that cannot be read names nothing; `verify` complains of it.
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&stored.content) else { return Ok((source, None)) };
    let files = manifest.files.into_iter().map(|file| file.name).filter(|name| name.starts_with(names::SIGNALS));
    Ok((source, Some((Arc::from(manifest.uri), files.collect()))))
}

async fn read_file(store: &impl Store, rule: &str, name: String, export: Arc<str>) -> Result<Vec<Signal>, ReadError> {
    let damaged = |reason: String| ReadError::Damaged { name: name.clone(), line: 1, reason };
    // Another attempt on its export has removed it, and has left word of that.
    let Some(stored) = store.get(&name).await? else { return Ok(Vec::new()) };
    let mut signals = Vec::new();
    each_batch(&stored.content, &COLUMNS, &mut |batch| read_batch(batch, rule, &export, &mut signals))
        .map_err(damaged)?;
    Ok(signals)
}

fn read_batch(batch: &RecordBatch, rule: &str, export: &Arc<str>, into: &mut Vec<Signal>) -> Result<(), String> {
    let text = |name: &'static str| {
        column(batch, name)?.as_string_opt::<i32>().ok_or_else(|| format!("its column {name} holds no text"))
    };
    let (keys, fields) = (text("event_key")?, text("fields")?);
    let lines = column(batch, "line")?.as_primitive_opt::<Int64Type>().ok_or("its column line holds no integers")?;
    let times = column(batch, "event_time")?.as_primitive_opt::<TimestampMicrosecondType>();
    let times = times.ok_or("its column event_time holds no times in microseconds")?;
    for row in 0..batch.num_rows() {
        into.push(Signal {
            rule: rule.to_owned(),
            time: DateTime::from_timestamp_micros(times.value(row)).ok_or("a time is out of range")?,
            event: keys.value(row).parse().map_err(|_| "an event key is none".to_owned())?,
            export: Arc::clone(export),
            line: u64::try_from(lines.value(row)).unwrap_or(0),
            fields: serde_json::from_str(fields.value(row)).map_err(|error| error.to_string())?,
        });
    }
    Ok(())
}
