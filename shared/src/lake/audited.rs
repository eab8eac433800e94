//! The changes that the audit log tells of, read back from the ledger `changes`.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, Utc};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::alerts::ReadError;
use super::columns::{column, reader};
use super::store::Store;
use crate::counterpart::{Change, kinds};
use crate::event::{Event, EventKey, Record};

/// An event of the audit log that notifications may tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// The event's key
    pub event: EventKey,
    /// What it says of a change
    pub change: Change,
    /// The stem of its export's files
    pub source: String,
    /// The line in the export, counted from 1
    pub line: u64,
}

/// A file of the ledger `changes` that is being read. Whether a manifest names it is of no account: what an attempt left half
/// done holds events all the same.
pub struct AuditedFile {
    name: String,
    batches: ParquetRecordBatchReader,
}

/// Some rows of a file.
#[derive(Debug, Default)]
pub struct AuditedBatch {
    /// The events of kinds that notifications tell of, those that say when they happened
    pub events: Vec<Audited>,
    /// The latest event of whatever kind, those of the future left out
    pub latest: Option<DateTime<Utc>>,
}

/// What is read of each row.
const COLUMNS: [&str; 5] = ["kind", "event_time", "raw", "source", "line"];

impl AuditedFile {
    /// Opens a file; `None` if it is gone.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn open(store: &impl Store, name: &str) -> Result<Option<Self>, ReadError> {
        let Some(stored) = store.get(name).await? else { return Ok(None) };
        let batches = reader(&stored.content, &COLUMNS).map_err(|reason| damaged(name, reason))?;
        Ok(Some(Self { name: name.to_owned(), batches }))
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError::Damaged`]
    pub fn next_batch(&mut self, now: DateTime<Utc>) -> Result<Option<AuditedBatch>, ReadError> {
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let batch = batch.map_err(|error| error.to_string()).and_then(|batch| read(&batch, now));
        batch.map(Some).map_err(|reason| damaged(&self.name, reason))
    }
}

fn damaged(name: &str, reason: String) -> ReadError {
    ReadError::Damaged { name: name.to_owned(), line: 1, reason }
}

fn read(batch: &RecordBatch, now: DateTime<Utc>) -> Result<AuditedBatch, String> {
    let text = |name: &'static str| {
        column(batch, name)?.as_string_opt::<i32>().ok_or_else(|| format!("its column {name} holds no text"))
    };
    let (kinds, raw, source) = (text("kind")?, text("raw")?, text("source")?);
    let lines = column(batch, "line")?.as_primitive_opt::<Int64Type>().ok_or("its column line holds no integers")?;
    let times = column(batch, "event_time")?.as_primitive_opt::<TimestampMicrosecondType>();
    let times = times.ok_or("its column event_time holds no times in microseconds")?;
    let until_now = times.iter().flatten().filter(|time| *time <= now.timestamp_micros());
    let latest = until_now.max().and_then(DateTime::from_timestamp_micros);
    let mut events = Vec::new();
    for (row, kind) in kinds.iter().enumerate() {
        if !kind.is_some_and(kinds::is_announced) {
            continue;
        }
        let Ok(record) = Record::parse(raw.value(row).as_bytes()) else { continue };
        let event = Event::of(&record);
        let Some(change) = Change::of(&event) else { continue };
        let (source, line) = (source.value(row).to_owned(), u64::try_from(lines.value(row)).unwrap_or(0));
        events.push(Audited { event: event.key(), change, source, line });
    }
    Ok(AuditedBatch { events, latest })
}
