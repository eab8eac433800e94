//! Columns in the making: rows in, an Arrow batch out.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};

use super::column::{Column, ColumnKind, Read, RowSource};

/// Collects rows of one ledger.
pub(super) struct BatchBuilder {
    columns: &'static [Column],
    builders: Vec<ColumnBuilder>,
}

enum ColumnBuilder {
    Text(StringBuilder),
    Texts(ListBuilder<StringBuilder>),
    Integer(Int64Builder),
    Time(TimestampMicrosecondBuilder),
}

/// What a value takes in memory beside its text: offset, validity and the builder's spare room.
const VALUE_BYTES: usize = 12;

impl BatchBuilder {
    pub(super) fn new(columns: &'static [Column]) -> Self {
        let builders = columns.iter().map(|column| ColumnBuilder::new(column.kind())).collect();
        Self { columns, builders }
    }

    /// Adds a row; returns about how many bytes it takes.
    pub(super) fn push(&mut self, row: &RowSource<'_, '_>) -> usize {
        self.columns.iter().zip(&mut self.builders).map(|(column, builder)| builder.push(&column.read, row)).sum()
    }

    /// The rows as a batch; the builder is empty afterwards.
    pub(super) fn finish(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let arrays = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        RecordBatch::try_new(Arc::clone(schema), arrays)
    }
}

impl ColumnBuilder {
    fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text => Self::Text(StringBuilder::new()),
            ColumnKind::Texts => Self::Texts(ListBuilder::new(StringBuilder::new())),
            ColumnKind::Integer => Self::Integer(Int64Builder::new()),
            ColumnKind::Time => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
        }
    }

    fn push(&mut self, read: &Read, row: &RowSource<'_, '_>) -> usize {
        match (self, read) {
            (Self::Text(builder), Read::Text(value)) => push_text(builder, value(row).as_deref()),
            (Self::Text(builder), Read::Path(path)) => push_text(builder, row.event.text_at(path).as_deref()),
            (Self::Text(builder), Read::First(field)) => {
                push_text(builder, row.event.field(*field).first().map(Cow::as_ref))
            }
            (Self::Texts(builder), Read::All(field)) => {
                let values = row.event.field(*field);
                for value in values {
                    builder.values().append_value(value);
                }
                builder.append(true);
                VALUE_BYTES + values.iter().map(|value| value.len() + VALUE_BYTES).sum::<usize>()
            }
            (Self::Integer(builder), Read::Integer(value)) => {
                builder.append_option(value(row));
                VALUE_BYTES
            }
            (Self::Time(builder), Read::Time(value)) => {
                builder.append_option(value(row).map(|time| time.timestamp_micros()));
                VALUE_BYTES
            }
            (Self::Text(_) | Self::Texts(_) | Self::Integer(_) | Self::Time(_), _) => {
                unreachable!("the builder was made from this column's type")
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Texts(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
        }
    }
}

fn push_text(builder: &mut StringBuilder, text: Option<&str>) -> usize {
    builder.append_option(text);
    VALUE_BYTES + text.map_or(0, str::len)
}
