//! Reading some columns of a Parquet file of the lake.

use std::fmt;

use arrow_array::{ArrayRef, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

/// Reads some columns, a batch at a time; the reason if the file cannot be read.
pub(super) fn reader(content: &Bytes, columns: &[&str]) -> Result<ParquetRecordBatchReader, String> {
    let unreadable = |error: &dyn fmt::Display| format!("it cannot be read as Parquet: {error}");
    let builder = ParquetRecordBatchReaderBuilder::try_new(content.clone()).map_err(|error| unreadable(&error))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    builder.with_projection(mask).build().map_err(|error| unreadable(&error))
}

/// Shows some columns, a batch at a time; the reason if the file cannot be read, or `visit` cannot make anything of it.
pub(super) fn each_batch(
    content: &Bytes,
    columns: &[&str],
    visit: &mut dyn FnMut(&RecordBatch) -> Result<(), String>,
) -> Result<(), String> {
    for batch in reader(content, columns)? {
        visit(&batch.map_err(|error| format!("it cannot be read as Parquet: {error}"))?)?;
    }
    Ok(())
}

/// A column of a batch.
pub(super) fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, String> {
    batch.column_by_name(name).ok_or_else(|| format!("it has no column {name}"))
}
