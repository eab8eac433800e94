//! Signals of an export, on their way into the lake: one file for each rule and date.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::{DateTime, NaiveDate, Utc};
use parquet::arrow::ArrowWriter;
use serde::{Deserialize, Serialize};

use super::blob::BlobWriter;
use super::files::{Area, FindingsFile};
use super::fold_map::{Fold, FoldMap, Merge};
use super::ledger;
use crate::correlate::Signal;
use crate::event::{EventKey, time};
use crate::rules::RuleId;

/// About what a signal takes in memory beside its texts.
const BYTES: usize = 200;

/// What signals are in order by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct SignalKey {
    rule: RuleId,
    time: DateTime<Utc>,
    event: EventKey,
}

impl From<&SignalKey> for SignalKey {
    fn from(key: &SignalKey) -> Self {
        key.clone()
    }
}

impl SignalKey {
    fn file(&self) -> (RuleId, NaiveDate) {
        (self.rule, self.time.date_naive())
    }
}

/// What is kept of a signal beside its key.
#[derive(Debug, Serialize, Deserialize)]
struct SignalBody {
    line: u64,
    /// Its fields, as JSON
    fields: String,
}

impl Fold for SignalBody {
    /// Two with one key are the same event: the first line tells of it.
    fn fold(&mut self, other: Self) {
        if other.line < self.line {
            *self = other;
        }
    }
}

/// The signals of an export.
pub(super) struct Signals {
    kept: FoldMap<SignalKey, SignalBody>,
    files: BTreeSet<(RuleId, NaiveDate)>,
    hours: BTreeSet<(RuleId, i64)>,
}

impl Signals {
    pub(super) fn new(budget: usize) -> Self {
        Self { kept: FoldMap::new(budget), files: BTreeSet::new(), hours: BTreeSet::new() }
    }

    /// Takes a signal in; whether there was none of the rule and event yet is not known.
    pub(super) fn add(&mut self, signal: &Signal) -> io::Result<()> {
        // Loading sees to it that every rule's id is one.
        let Ok(rule) = signal.rule.parse() else { return Ok(()) };
        let key = SignalKey { rule, time: signal.time, event: signal.event };
        self.files.insert(key.file());
        self.hours.insert((rule, time::hour(signal.time)));
        let fields = serde_json::to_string(&signal.fields)?;
        let bytes = BYTES + fields.len();
        let mut body = Some(SignalBody { line: signal.line, fields });
        let line = signal.line;
        let vacant = || (body.take().unwrap_or_else(|| SignalBody { line, fields: String::new() }), bytes);
        self.kept.update(&key, vacant, |_| 0)
    }

    /// The rules and dates of its files.
    pub(super) fn planned(&self) -> impl Iterator<Item = (RuleId, NaiveDate)> + '_ {
        self.files.iter().copied()
    }

    /// Every rule with the hours, since 1970, that it has signals of.
    pub(super) fn hours(&self) -> &BTreeSet<(RuleId, i64)> {
        &self.hours
    }

    pub(super) fn into_files(self) -> io::Result<SignalFiles> {
        Ok(SignalFiles { entries: self.kept.into_sorted()?, next: None })
    }
}

/// One file per rule and date.
pub(super) struct SignalFiles {
    entries: Merge<SignalKey, SignalBody>,
    next: Option<(SignalKey, SignalBody)>,
}

/// Signals are written in batches of this many rows.
const BATCH: usize = 8192;

impl SignalFiles {
    fn file(&mut self) -> Result<Option<FindingsFile>, ArrowError> {
        let Some(first) = self.next.take().map(Ok).or_else(|| self.entries.next()).transpose()? else {
            return Ok(None);
        };
        let file = first.0.file();
        let schema = schema();
        let mut out = BlobWriter::new();
        let mut writer = ArrowWriter::try_new(&mut out, Arc::clone(&schema), Some(ledger::properties()?))?;
        let mut batch = vec![first];
        let mut rows = 0;
        loop {
            let entry = self.entries.next().transpose()?;
            let same_file = entry.as_ref().is_some_and(|(key, _)| key.file() == file);
            if !same_file || batch.len() == BATCH {
                rows += batch.len() as u64;
                writer.write(&record_batch(&schema, &batch)?)?;
                batch.clear();
            }
            match entry {
                Some(entry) if same_file => batch.push(entry),
                other => {
                    self.next = other;
                    break;
                }
            }
        }
        writer.close()?;
        let (rule, date) = file;
        Ok(Some(FindingsFile { area: Area::Signals(rule), date: Some(date), rows, blob: out.finish() }))
    }
}

impl Iterator for SignalFiles {
    type Item = Result<FindingsFile, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.file().transpose()
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("event_key", DataType::Utf8, false),
        Field::new("event_time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("line", DataType::Int64, false),
        Field::new("fields", DataType::Utf8, false),
    ]))
}

fn record_batch(schema: &SchemaRef, entries: &[(SignalKey, SignalBody)]) -> Result<RecordBatch, ArrowError> {
    let times = entries.iter().map(|(key, _)| key.time.timestamp_micros());
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(entries.iter().map(|(key, _)| key.event.to_string()))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(
            entries.iter().map(|(_, body)| i64::try_from(body.line).unwrap_or(i64::MAX)),
        )),
        Arc::new(StringArray::from_iter_values(entries.iter().map(|(_, body)| &body.fields))),
    ];
    RecordBatch::try_new(Arc::clone(schema), arrays)
}
