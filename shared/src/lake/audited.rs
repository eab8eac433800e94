//! The changes that the audit log tells of, read back from a ledger.

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;

use super::alerts::ReadError;
use super::columns::{column, each_batch};
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

/// Shows every event of a file of the ledger `changes` that is of a kind which notifications tell of, and says when it
/// happened. Whether a manifest names the file is of no account: what an attempt left half done holds events all the same.
///
/// # Errors
/// [`ReadError`]
pub async fn audited(store: &impl Store, file: &str, take: &mut (dyn FnMut(Audited) + Send)) -> Result<(), ReadError> {
    let Some(stored) = store.get(file).await? else { return Ok(()) };
    let damaged = |reason: String| ReadError::Damaged { name: file.to_owned(), line: 1, reason };
    each_batch(&stored.content, &["kind", "raw", "source", "line"], &mut |batch| {
        let text = |name: &'static str| {
            column(batch, name)?.as_string_opt::<i32>().ok_or_else(|| format!("its column {name} holds no text"))
        };
        let (kind, raw, source) = (text("kind")?, text("raw")?, text("source")?);
        let line = column(batch, "line")?.as_primitive_opt::<Int64Type>().ok_or("its column line holds no integers")?;
        for (row, kind) in kind.iter().enumerate() {
            if !kind.is_some_and(kinds::is_announced) {
                continue;
            }
            let Ok(record) = Record::parse(raw.value(row).as_bytes()) else { continue };
            let event = Event::of(&record);
            if let Some(change) = Change::of(&event) {
                let (source, line) = (source.value(row).to_owned(), u64::try_from(line.value(row)).unwrap_or(0));
                take(Audited { event: event.key(), change, source, line });
            }
        }
        Ok(())
    })
    .map_err(damaged)
}
