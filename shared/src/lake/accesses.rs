//! Rows of both ledgers, read back as what an impact is made of: queries, grants and removals, and changes.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array as _, ListArray, PrimitiveArray, RecordBatch, StringArray};
use chrono::{DateTime, Utc};

use super::alerts::ReadError;
use super::columns::{column, each_batch};
use super::store::Store;
use crate::event::{Event, EventKey, Party, Record};
use crate::report::impact::{About, Change, Family, GRANTS, Grant, Query, REMOVALS};

/// What is read of a query.
const OF_QUERIES: [&str; 8] =
    ["event_key", "event_time", "status", "sensitivity", "actor", "actor_name", "actor_profile", "objects"];
/// What is read of a grant or removal.
const OF_GRANTS: [&str; 6] = ["event_key", "event_time", "kind", "status", "subjects", "objects"];
/// What is read of a change.
const OF_CHANGES: [&str; 13] = [
    "event_key",
    "event_id",
    "event_time",
    "kind",
    "status",
    "actor",
    "subjects",
    "groups",
    "objects",
    "columns",
    "attributes",
    "tags",
    "policies",
];

/// What a file shows its rows to, a batch at a time.
type Visit<'v> = dyn FnMut(&RecordBatch) -> Result<(), String> + Send + 'v;

/// Shows the queries of a file of the ledger `access`.
pub(super) async fn each_query(
    store: &impl Store,
    name: &str,
    with_columns: bool,
    visit: &mut (dyn FnMut(&Query<'_>) + Send),
) -> Result<(), ReadError> {
    let mut wanted = OF_QUERIES.to_vec();
    wanted.extend(with_columns.then_some("columns"));
    let mut read = |batch: &RecordBatch| queries(batch, with_columns, visit);
    each_batch_of(store, name, &wanted, &mut read).await
}

/// Shows the grants and removals of a file of the ledger `changes`.
pub(super) async fn each_grant(
    store: &impl Store,
    name: &str,
    visit: &mut (dyn FnMut(&Grant<'_>) + Send),
) -> Result<(), ReadError> {
    each_batch_of(store, name, &OF_GRANTS, &mut |batch| grants(batch, visit)).await
}

/// Which rows of the ledger `changes` are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'w> {
    /// Changes of policies, tags and attributes
    Changes,
    /// The same, and everything that the records call their users: takes reading the whole records
    ChangesWithParties,
    /// Events whose key or `id` begins so, of whatever kind
    Beginning(&'w str),
}

/// An event of the ledger `changes`: its kind, and the change that it is if it is one.
pub(super) struct Row {
    pub(super) event: EventKey,
    pub(super) id: Option<String>,
    pub(super) kind: String,
    pub(super) change: Option<Change>,
}

/// Shows rows of a file of the ledger `changes`.
pub(super) async fn each_change(
    store: &impl Store,
    name: &str,
    wanted: Wanted<'_>,
    visit: &mut (dyn FnMut(Row) + Send),
) -> Result<(), ReadError> {
    let mut columns = OF_CHANGES.to_vec();
    columns.extend(matches!(wanted, Wanted::ChangesWithParties).then_some("raw"));
    each_batch_of(store, name, &columns, &mut |batch| changes(batch, wanted, visit)).await
}

async fn each_batch_of(
    store: &impl Store,
    name: &str,
    columns: &[&str],
    visit: &mut Visit<'_>,
) -> Result<(), ReadError> {
    let damaged = |reason: String| ReadError::Damaged { name: name.to_owned(), line: 1, reason };
    let stored = store.get(name).await?.ok_or_else(|| damaged("the file is missing".to_owned()))?;
    each_batch(&stored.content, columns, visit).map_err(damaged)
}

fn queries(batch: &RecordBatch, with_columns: bool, visit: &mut dyn FnMut(&Query<'_>)) -> Result<(), String> {
    let (keys, times) = (text(batch, "event_key")?, times(batch)?);
    let (status, sensitivity) = (text(batch, "status")?, text(batch, "sensitivity")?);
    let (actors, names, profiles) = (text(batch, "actor")?, text(batch, "actor_name")?, text(batch, "actor_profile")?);
    let objects = texts(batch, "objects")?;
    let columns = if with_columns { Some(texts(batch, "columns")?) } else { None };
    let (mut objects_of_row, mut columns_of_row) = (Vec::new(), Vec::new());
    for row in 0..batch.num_rows() {
        let Some(time) = time_of(times, row) else { continue };
        objects_of_row.clear();
        objects_of_row.extend(objects.of(row));
        columns_of_row.clear();
        columns_of_row.extend(columns.iter().flat_map(|columns| columns.of(row)));
        let about = About {
            actor: value(actors, row).unwrap_or("unknown"),
            actor_name: value(names, row),
            actor_profile: value(profiles, row),
            objects: &objects_of_row,
            columns: &columns_of_row,
        };
        let (status, sensitivity) = (value(status, row), value(sensitivity, row));
        visit(&Query { event: key(keys, row)?, time, status, sensitivity, about });
    }
    Ok(())
}

fn grants(batch: &RecordBatch, visit: &mut dyn FnMut(&Grant<'_>)) -> Result<(), String> {
    let (keys, kinds, status, times) =
        (text(batch, "event_key")?, text(batch, "kind")?, text(batch, "status")?, times(batch)?);
    let (subjects, objects) = (texts(batch, "subjects")?, texts(batch, "objects")?);
    for row in 0..batch.num_rows() {
        let is_one = |kind: &&str| GRANTS.contains(kind) || REMOVALS.contains(kind);
        let (Some(kind), Some(time)) = (value(kinds, row).filter(is_one), time_of(times, row)) else { continue };
        let (subjects, objects): (Vec<&str>, Vec<&str>) = (subjects.of(row).collect(), objects.of(row).collect());
        let (event, status) = (key(keys, row)?, value(status, row));
        visit(&Grant { event, time, kind, status, subjects: &subjects, objects: &objects });
    }
    Ok(())
}

fn changes(batch: &RecordBatch, wanted: Wanted<'_>, visit: &mut dyn FnMut(Row)) -> Result<(), String> {
    let (keys, ids, kinds) = (text(batch, "event_key")?, text(batch, "event_id")?, text(batch, "kind")?);
    let (status, actors, times) = (text(batch, "status")?, text(batch, "actor")?, times(batch)?);
    let (subjects, groups) = (texts(batch, "subjects")?, texts(batch, "groups")?);
    let (objects, columns) = (texts(batch, "objects")?, texts(batch, "columns")?);
    let (attributes, tags, policies) = (texts(batch, "attributes")?, texts(batch, "tags")?, texts(batch, "policies")?);
    let raw = if matches!(wanted, Wanted::ChangesWithParties) { Some(text(batch, "raw")?) } else { None };
    for row in 0..batch.num_rows() {
        let (kind, id) = (value(kinds, row).unwrap_or_default(), value(ids, row));
        let family = Family::of(kind);
        let is_wanted = match wanted {
            Wanted::Beginning(text) => {
                begins(value(keys, row).unwrap_or_default(), text) || id.is_some_and(|id| begins(id, text))
            }
            Wanted::Changes | Wanted::ChangesWithParties => family.is_some(),
        };
        if !is_wanted {
            continue;
        }
        let event = key(keys, row)?;
        let owned = |list: &Texts<'_>| list.of(row).map(str::to_owned).collect::<Vec<_>>();
        let change = family.zip(time_of(times, row)).map(|(family, time)| Change {
            event,
            id: id.map(str::to_owned),
            time,
            kind: kind.to_owned(),
            family,
            status: value(status, row).map(str::to_owned),
            actor: value(actors, row).map(str::to_owned),
            names: owned(match family {
                Family::Policy => &policies,
                Family::Tag => &tags,
                Family::Attribute => &attributes,
            }),
            objects: owned(&objects),
            columns: owned(&columns),
            groups: owned(&groups),
            subjects: owned(&subjects),
            parties: parties(raw.and_then(|raw| value(raw, row)), subjects.of(row)),
        });
        visit(Row { event, id: id.map(str::to_owned), kind: kind.to_owned(), change });
    }
    Ok(())
}

/// Whether a text begins so, whatever the case: people copy both.
fn begins(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|head| head.eq_ignore_ascii_case(beginning))
}

/// Everything that a record calls its users; their names alone without the record.
fn parties<'s>(raw: Option<&str>, subjects: impl Iterator<Item = &'s str>) -> Vec<Party> {
    if let Some(record) = raw.and_then(|raw| Record::parse(raw.as_bytes()).ok()) {
        return Party::subjects_of(&Event::of(&record));
    }
    let each_once: BTreeSet<String> = subjects.map(str::to_lowercase).collect();
    each_once.into_iter().map(|name| Party { ids: Vec::new(), names: vec![name] }).collect()
}

fn text<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b StringArray, String> {
    column(batch, name)?.as_string_opt::<i32>().ok_or_else(|| format!("its column {name} holds no text"))
}

fn value(column: &StringArray, row: usize) -> Option<&str> {
    (!column.is_null(row)).then(|| column.value(row))
}

fn key(keys: &StringArray, row: usize) -> Result<EventKey, String> {
    value(keys, row).unwrap_or_default().parse().map_err(|error| format!("{error}"))
}

fn times(batch: &RecordBatch) -> Result<&PrimitiveArray<TimestampMicrosecondType>, String> {
    let column = column(batch, "event_time")?.as_primitive_opt::<TimestampMicrosecondType>();
    column.ok_or_else(|| "its column event_time holds no times in microseconds".to_owned())
}

fn time_of(times: &PrimitiveArray<TimestampMicrosecondType>, row: usize) -> Option<DateTime<Utc>> {
    if times.is_null(row) { None } else { DateTime::from_timestamp_micros(times.value(row)) }
}

/// A column of lists of text.
struct Texts<'b> {
    lists: &'b ListArray,
    values: &'b StringArray,
}

fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Result<Texts<'b>, String> {
    let lists = column(batch, name)?.as_list_opt::<i32>();
    let lists = lists.ok_or_else(|| format!("its column {name} holds no lists"))?;
    let values = lists.values().as_string_opt::<i32>().ok_or_else(|| format!("its column {name} holds no text"))?;
    Ok(Texts { lists, values })
}

impl<'b> Texts<'b> {
    fn of(&self, row: usize) -> impl Iterator<Item = &'b str> + use<'b> {
        let (values, offsets) = (self.values, self.lists.value_offsets());
        let index = |at: usize| usize::try_from(offsets[at]).unwrap_or(0);
        let range = if self.lists.is_null(row) { 0..0 } else { index(row)..index(row + 1) };
        range.filter_map(move |at| value(values, at))
    }
}
