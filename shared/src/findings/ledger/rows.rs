//! The rows of one ledger, cut into one table per date in bounded memory.
//!
//! Rows are collected in the order of the export. When they take too much memory they are sorted by date, stably, and
//! written to a temporary file, one piece per date. A date's table is its pieces in the order in which they were
//! written, so its rows stand in the order of the export, however often that happened.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::take::take_record_batch;
use chrono::NaiveDate;

use super::super::blob::Blob;
use super::Ledger;
use super::builder::BatchBuilder;
use super::column::{RowSource, schema};
use super::table::TableWriter;

/// A batch never holds more rows than this, so that Arrow's 32-bit offsets suffice for every column.
const BATCH_ROWS: usize = 1 << 18;

/// The rows of one ledger.
pub(in crate::findings) struct Rows {
    ledger: Ledger,
    schema: SchemaRef,
    builder: BatchBuilder,
    dates: Vec<NaiveDate>,
    bytes: usize,
    budget: usize,
    /// Each date's pieces, in the order of the export.
    pieces: BTreeMap<NaiveDate, Vec<Piece>>,
    spill: Option<BufWriter<File>>,
    spilled: u64,
}

enum Piece {
    Memory(RecordBatch),
    /// An Arrow stream at this offset of the temporary file
    File(u64),
}

impl Rows {
    pub(in crate::findings) fn new(ledger: Ledger, budget: usize) -> Self {
        Self {
            ledger,
            schema: Arc::new(schema(ledger.columns())),
            builder: BatchBuilder::new(ledger.columns()),
            dates: Vec::new(),
            bytes: 0,
            budget,
            pieces: BTreeMap::new(),
            spill: None,
            spilled: 0,
        }
    }

    pub(in crate::findings) fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// Adds a row.
    pub(in crate::findings) fn push(&mut self, row: &RowSource<'_, '_>) -> Result<(), ArrowError> {
        self.bytes += self.builder.push(row);
        self.dates.push(row.event.date());
        if self.bytes > self.budget || self.dates.len() >= BATCH_ROWS { self.cut(true) } else { Ok(()) }
    }

    /// Ends the collecting.
    pub(in crate::findings) fn finish(&mut self) -> Result<(), ArrowError> {
        // Once something lies in the file, everything does: a table is then read from one place.
        self.cut(self.spill.is_some())
    }

    /// The dates that have rows; complete once [`Self::finish`] was called.
    pub(in crate::findings) fn dates(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.pieces.keys().copied()
    }

    /// Cuts the collected rows into pieces by date.
    fn cut(&mut self, to_file: bool) -> Result<(), ArrowError> {
        if self.dates.is_empty() {
            return Ok(());
        }
        let dates = std::mem::take(&mut self.dates);
        self.bytes = 0;
        let batch = self.builder.finish(&self.schema)?;
        let mut order: Vec<u32> = (0..).take(dates.len()).collect();
        order.sort_by_key(|&row| dates[row as usize]);
        let sorted =
            if order.is_sorted() { batch } else { take_record_batch(&batch, &UInt32Array::from(order.clone()))? };
        let mut start = 0;
        while start < order.len() {
            let date = dates[order[start] as usize];
            let rows = order[start..].iter().take_while(|&&row| dates[row as usize] == date).count();
            let piece = sorted.slice(start, rows);
            let piece = if to_file { Piece::File(self.write_piece(&piece)?) } else { Piece::Memory(piece) };
            self.pieces.entry(date).or_default().push(piece);
            start += rows;
        }
        Ok(())
    }

    fn write_piece(&mut self, piece: &RecordBatch) -> Result<u64, ArrowError> {
        let file = match &mut self.spill {
            Some(file) => file,
            none => none.insert(BufWriter::new(tempfile::tempfile()?)),
        };
        let offset = self.spilled;
        let mut counted = Counted { inner: file, bytes: 0 };
        let mut writer = StreamWriter::try_new(&mut counted, &self.schema)?;
        writer.write(piece)?;
        writer.finish()?;
        drop(writer);
        self.spilled += counted.bytes;
        Ok(offset)
    }

    /// The next date's table as a Parquet file, with its number of rows. Dates come in order; `None` after the last.
    pub(in crate::findings) fn next_table(&mut self) -> Result<Option<(NaiveDate, Blob, u64)>, ArrowError> {
        let Some((date, pieces)) = self.pieces.pop_first() else { return Ok(None) };
        let mut table = TableWriter::new(Arc::clone(&self.schema))?;
        for piece in pieces {
            match piece {
                Piece::Memory(batch) => table.write(&batch)?,
                Piece::File(offset) => {
                    let file = self.spill.as_mut().ok_or_else(|| io::Error::other("the temporary file is gone"))?;
                    file.flush()?;
                    let mut file = file.get_ref();
                    file.seek(SeekFrom::Start(offset))?;
                    for batch in StreamReader::try_new(BufReader::new(file), None)? {
                        table.write(&batch?)?;
                    }
                }
            }
        }
        let (blob, rows) = table.finish()?;
        Ok(Some((date, blob, rows)))
    }
}

struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
