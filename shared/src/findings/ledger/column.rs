//! What a column is: its name, type and meaning, and how its value is read from an event.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_schema::{DataType, Field as ArrowField, Schema, TimeUnit};
use chrono::{DateTime, Utc};

use crate::config::QueryText;
use crate::event::{Event, Field};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text
    Text,
    /// A list of UTF-8 texts, empty where the record has none
    Texts,
    /// A 64-bit integer
    Integer,
    /// Microseconds since 1970-01-01T00:00Z
    Time,
}

impl ColumnKind {
    /// The type in the words of the documentation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ColumnKind::Text => "text",
            ColumnKind::Texts => "list of text",
            ColumnKind::Integer => "integer",
            ColumnKind::Time => "timestamp (UTC)",
        }
    }

    fn data_type(self) -> DataType {
        match self {
            ColumnKind::Text => DataType::Utf8,
            ColumnKind::Texts => DataType::List(Arc::new(ArrowField::new("item", DataType::Utf8, true))),
            ColumnKind::Integer => DataType::Int64,
            ColumnKind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

/// One column of a ledger.
pub struct Column {
    /// Its name
    pub name: &'static str,
    /// What it means, for the documentation
    pub meaning: &'static str,
    pub(super) read: Read,
}

/// How a column's value is read; the variant is the column's type.
pub(super) enum Read {
    Text(for<'r> fn(&RowSource<'_, 'r>) -> Option<Cow<'r, str>>),
    /// The text at a path of the record
    Path(&'static [&'static str]),
    /// A derived field with one value at most, or the first one
    First(Field),
    /// A derived field with all its values
    All(Field),
    Integer(fn(&RowSource<'_, '_>) -> Option<i64>),
    Time(fn(&RowSource<'_, '_>) -> Option<DateTime<Utc>>),
}

impl Column {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> ColumnKind {
        match self.read {
            Read::Text(_) | Read::Path(_) | Read::First(_) => ColumnKind::Text,
            Read::All(_) => ColumnKind::Texts,
            Read::Integer(_) => ColumnKind::Integer,
            Read::Time(_) => ColumnKind::Time,
        }
    }
}

/// What a row is made of.
pub(in crate::findings) struct RowSource<'e, 'r> {
    pub(in crate::findings) event: &'e Event<'r>,
    pub(in crate::findings) source: &'r str,
    pub(in crate::findings) line: u64,
    pub(in crate::findings) query_text: QueryText,
}

/// The schema of a table with these columns. Every column may be null: a record may lack anything.
pub(super) fn schema(columns: &[Column]) -> Schema {
    let fields = columns.iter().map(|column| ArrowField::new(column.name, column.kind().data_type(), true));
    Schema::new(fields.collect::<Vec<_>>())
}
