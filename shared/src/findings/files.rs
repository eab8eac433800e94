//! Findings as the files that go into the lake, one at a time.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::NaiveDate;
use parquet::arrow::ArrowWriter;
use serde::de::DeserializeOwned;

use super::blob::{Blob, BlobWriter};
use super::classify::Findings;
use super::fold_map::{Fold, Merge};
use super::ledger::{self, Ledger, Rows};
use super::rollup::RollupKey;
use crate::alerts::{AlertId, ApprovalKey, Contribution};
use crate::rules::RuleId;

/// The part of the lake that a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Rows of a ledger (Parquet)
    Ledger(Ledger),
    /// Counts per hour (Parquet)
    Rollups,
    /// Contributions to alerts (one JSON object a line)
    Alerts,
    /// Approved requests (one JSON object a line)
    Approvals,
    /// What correlations count of a rule (Parquet)
    Signals(RuleId),
    /// Lines that could not be read (one JSON object a line)
    Quarantine,
}

/// One file of the findings.
#[derive(Debug)]
pub struct FindingsFile {
    /// Where it belongs
    pub area: Area,
    /// The partition; `None` for quarantine, whose lines have no time
    pub date: Option<NaiveDate>,
    /// Its rows, or lines
    pub rows: u64,
    /// Its content
    pub blob: Blob,
}

type Files<'v> = Box<dyn Iterator<Item = Result<FindingsFile, ArrowError>> + Send + 'v>;

impl Findings {
    /// Areas and dates of all files that [`Self::into_files`] will yield, in its order.
    #[must_use]
    pub fn planned_files(&self) -> Vec<(Area, Option<NaiveDate>)> {
        let mut planned = Vec::new();
        let mut event_dates = BTreeSet::new();
        for rows in &self.ledgers {
            planned.extend(rows.dates().map(|date| (Area::Ledger(rows.ledger()), Some(date))));
            event_dates.extend(rows.dates());
        }
        // Every event is counted by its kind, so rollups have exactly the dates of the ledgers.
        planned.extend(event_dates.into_iter().map(|date| (Area::Rollups, Some(date))));
        planned.extend(self.contribution_dates.iter().map(|date| (Area::Alerts, Some(*date))));
        planned.extend(self.approval_dates.iter().map(|date| (Area::Approvals, Some(*date))));
        planned.extend(self.signals.planned().map(|(rule, date)| (Area::Signals(rule), Some(date))));
        planned.extend((!self.quarantine.is_empty()).then_some((Area::Quarantine, None)));
        planned
    }

    /// The files, each made when it is asked for. `visit` is shown every contribution to an alert as it is written.
    ///
    /// # Errors
    /// Those of the temporary files, here and from the iterator.
    pub fn into_files(self, visit: &mut (dyn FnMut(&Contribution) + Send)) -> Result<Files<'_>, ArrowError> {
        let Findings { ledgers, rollups, contributions, approvals, signals, quarantine, .. } = self;
        let ledgers = ledgers.into_iter().flat_map(ledger_files);
        let rollups = RollupFiles { entries: rollups.into_sorted()?, next: None };
        let alerts = LineFiles {
            area: Area::Alerts,
            date: AlertId::date,
            entries: contributions.into_sorted()?,
            next: None,
            visit: Box::new(visit),
        };
        let approvals = LineFiles {
            area: Area::Approvals,
            date: ApprovalKey::date,
            entries: approvals.into_sorted()?,
            next: None,
            visit: Box::new(|_| ()),
        };
        let signals = signals.into_files()?;
        let quarantine = (!quarantine.is_empty()).then(|| {
            let (blob, rows) = quarantine.finish();
            Ok(FindingsFile { area: Area::Quarantine, date: None, rows, blob })
        });
        Ok(Box::new(ledgers.chain(rollups).chain(alerts).chain(approvals).chain(signals).chain(quarantine)))
    }
}

fn ledger_files(mut rows: Rows) -> impl Iterator<Item = Result<FindingsFile, ArrowError>> {
    let area = Area::Ledger(rows.ledger());
    std::iter::from_fn(move || rows.next_table().transpose())
        .map(move |table| table.map(|(date, blob, rows)| FindingsFile { area, date: Some(date), rows, blob }))
}

/// One file of rollups per date.
struct RollupFiles {
    entries: Merge<RollupKey, u64>,
    next: Option<(RollupKey, u64)>,
}

/// Rollups are written in batches of this many rows.
const ROLLUP_BATCH: usize = 8192;

impl RollupFiles {
    fn file(&mut self) -> Result<Option<FindingsFile>, ArrowError> {
        let Some(first) = self.next.take().map(Ok).or_else(|| self.entries.next()).transpose()? else {
            return Ok(None);
        };
        let date = first.0.date();
        let schema = rollup_schema();
        let mut out = BlobWriter::new();
        let mut writer = ArrowWriter::try_new(&mut out, Arc::clone(&schema), Some(ledger::properties()?))?;
        let mut batch = vec![first];
        let mut rows = 0;
        loop {
            let entry = self.entries.next().transpose()?;
            let same_file = entry.as_ref().is_some_and(|(key, _)| key.date() == date);
            if !same_file || batch.len() == ROLLUP_BATCH {
                rows += batch.len() as u64;
                writer.write(&rollup_batch(&schema, &batch)?)?;
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
        Ok(Some(FindingsFile { area: Area::Rollups, date: Some(date), rows, blob: out.finish() }))
    }
}

impl Iterator for RollupFiles {
    type Item = Result<FindingsFile, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.file().transpose()
    }
}

fn rollup_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("hour", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("aggregate", DataType::Utf8, false),
        Field::new("value", DataType::Utf8, false),
        Field::new("events", DataType::Int64, false),
    ]))
}

fn rollup_batch(schema: &SchemaRef, entries: &[(RollupKey, u64)]) -> Result<RecordBatch, ArrowError> {
    const MICROSECONDS_PER_HOUR: i64 = 3_600_000_000;
    let hours = entries.iter().map(|(key, _)| key.hour * MICROSECONDS_PER_HOUR);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(TimestampMicrosecondArray::from_iter_values(hours).with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(entries.iter().map(|(key, _)| key.aggregate.as_str()))),
        Arc::new(StringArray::from_iter_values(entries.iter().map(|(key, _)| &key.value))),
        Arc::new(Int64Array::from_iter_values(
            entries.iter().map(|(_, events)| i64::try_from(*events).unwrap_or(i64::MAX)),
        )),
    ];
    RecordBatch::try_new(Arc::clone(schema), arrays)
}

/// One file per date, with a JSON object for each entry; entries come in the order of their dates.
struct LineFiles<'v, K, V> {
    area: Area,
    date: fn(&K) -> NaiveDate,
    entries: Merge<K, V>,
    next: Option<(K, V)>,
    /// Shown every entry that is written
    visit: Box<dyn FnMut(&V) + Send + 'v>,
}

impl<K: Ord + DeserializeOwned, V: Fold> LineFiles<'_, K, V> {
    fn file(&mut self) -> io::Result<Option<FindingsFile>> {
        let mut out = BlobWriter::new();
        let (mut date, mut rows) = (None, 0);
        loop {
            let entry = match self.next.take() {
                Some(entry) => Some(entry),
                None => self.entries.next().transpose()?,
            };
            match entry {
                Some((key, value)) if date.is_none_or(|date| date == (self.date)(&key)) => {
                    date = Some((self.date)(&key));
                    rows += 1;
                    (self.visit)(&value);
                    serde_json::to_writer(&mut out, &value)?;
                    out.write_all(b"\n")?;
                }
                other => {
                    self.next = other;
                    break;
                }
            }
        }
        Ok(date.map(|date| FindingsFile { area: self.area, date: Some(date), rows, blob: out.finish() }))
    }
}

impl<K: Ord + DeserializeOwned, V: Fold> Iterator for LineFiles<'_, K, V> {
    type Item = Result<FindingsFile, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.file().map_err(ArrowError::from).transpose()
    }
}
