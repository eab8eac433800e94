//! Writing a Parquet table whose bytes depend on its rows alone, however they were cut into batches before.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::findings::blob::{Blob, BlobWriter};

/// A row group is closed when it has about this many bytes, encoded: what a writer holds in memory.
const ROW_GROUP_BYTES: usize = 8 * 1024 * 1024;

/// The Parquet writer cuts pages where it is handed a batch, so batches are cut anew: after so many rows, or so many
/// bytes of text, whichever comes first.
const PORTION_ROWS: usize = 4096;
const PORTION_BYTES: usize = 1024 * 1024;

/// Writes one table.
pub(super) struct TableWriter {
    writer: ArrowWriter<BlobWriter>,
    schema: SchemaRef,
    /// Rows of the portion that is not full yet
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
    rows: u64,
}

impl TableWriter {
    pub(super) fn new(schema: SchemaRef) -> Result<Self, ArrowError> {
        let writer = ArrowWriter::try_new(BlobWriter::new(), SchemaRef::clone(&schema), Some(properties()?))?;
        Ok(Self { writer, schema, pending: Vec::new(), pending_rows: 0, pending_bytes: 0, rows: 0 })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut start = 0;
        for (row, bytes) in text_bytes(batch).into_iter().enumerate() {
            self.pending_rows += 1;
            self.pending_bytes += bytes;
            if self.pending_rows == PORTION_ROWS || self.pending_bytes >= PORTION_BYTES {
                self.pending.push(batch.slice(start, row + 1 - start));
                start = row + 1;
                self.hand_over()?;
            }
        }
        if start < batch.num_rows() {
            self.pending.push(batch.slice(start, batch.num_rows() - start));
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), ArrowError> {
        let portion = concat_batches(&self.schema, &self.pending)?;
        self.pending.clear();
        (self.pending_rows, self.pending_bytes) = (0, 0);
        self.rows += portion.num_rows() as u64;
        self.writer.write(&portion)?;
        if self.writer.in_progress_size() > ROW_GROUP_BYTES {
            self.writer.flush()?;
        }
        Ok(())
    }

    /// The finished file, and the number of its rows.
    pub(super) fn finish(mut self) -> Result<(Blob, u64), ArrowError> {
        if self.pending_rows > 0 {
            self.hand_over()?;
        }
        Ok((self.writer.into_inner()?.finish(), self.rows))
    }
}

/// How many bytes of text each row has.
fn text_bytes(batch: &RecordBatch) -> Vec<usize> {
    let mut bytes = vec![0; batch.num_rows()];
    let length = |from: i32, to: i32| usize::try_from(to - from).unwrap_or(0);
    for column in batch.columns() {
        match column.data_type() {
            DataType::Utf8 => {
                let offsets = column.as_string::<i32>().value_offsets();
                for (row, ends) in offsets.windows(2).enumerate() {
                    bytes[row] += length(ends[0], ends[1]);
                }
            }
            DataType::List(_) => {
                let lists = column.as_list::<i32>();
                let texts = lists.values().as_string::<i32>().value_offsets();
                for (row, ends) in lists.value_offsets().windows(2).enumerate() {
                    let ends = [ends[0], ends[1]].map(|end| usize::try_from(end).unwrap_or(0));
                    bytes[row] += length(texts[ends[0]], texts[ends[1]]);
                }
            }
            _ => {}
        }
    }
    bytes
}

/// Columns that hardly ever hold a value twice: looking each one up in a dictionary only costs time.
const WITHOUT_DICTIONARY: [&str; 9] =
    ["event_key", "event_id", "event_time", "received_time", "session_id", "request_id", "query_text", "raw", "line"];

/// How the lake's Parquet files are written: zstd level 1, which costs less than snappy here and packs better, and the
/// smallest and largest value once per row group, which is what readers leave row groups out by.
pub(in crate::findings) fn properties() -> Result<WriterProperties, ArrowError> {
    let level = ZstdLevel::try_new(1)?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_created_by(concat!("immuta-watch ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in WITHOUT_DICTIONARY {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    Ok(properties.build())
}
