//! What stands, read from the lists of the inventory and the ledgers, a file at a time.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use chrono::{DateTime, NaiveDate, Utc};

use super::alerts::ReadError;
use super::columns::{column, each_batch};
use super::inventory::lists;
use super::ledgers::LedgerFiles;
use super::store::Store;
use crate::event::{Event, EventKey, Record};
use crate::findings::ledger::Ledger;
use crate::inventory::{Change, Coverage, Mention, Mentions, Standing, is_change};

/// What stands at a moment, by the lists of a lake and its events.
///
/// # Errors
/// [`ReadError`]
pub async fn standing(store: &impl Store, files: &LedgerFiles, moment: DateTime<Utc>) -> Result<Standing, ReadError> {
    let lists = lists(store).await?;
    let changes = changes(store, files, None).await?;
    Ok(Standing::at(moment, &lists, &changes))
}

/// The events that changed what stands, each once; of all dates, or from one on.
///
/// # Errors
/// [`ReadError`]
pub async fn changes(
    store: &impl Store,
    files: &LedgerFiles,
    from: Option<NaiveDate>,
) -> Result<Vec<Change>, ReadError> {
    let mut found: BTreeMap<EventKey, Change> = BTreeMap::new();
    for date in files.dates_of_changes().filter(|date| from.is_none_or(|from| *date >= from)) {
        for name in files.of(Ledger::Changes, date) {
            let mut take = |event: &Event<'_>| {
                if let Some(change) = Change::of(event) {
                    // Of two copies without a time of their own, the one that was taken first.
                    let known = found.entry(change.event).or_insert_with(|| change.clone());
                    if change.at < known.at {
                        *known = change;
                    }
                }
            };
            each_event(store, name, is_change, &mut take).await?;
        }
    }
    Ok(found.into_values().collect())
}

/// What ever happened to each data source, of those that stand and those that events name.
///
/// # Errors
/// [`ReadError`]
pub async fn coverage(store: &impl Store, files: &LedgerFiles, standing: &Standing) -> Result<Coverage, ReadError> {
    let mut mentions = Mentions::default();
    for date in files.dates_of_changes() {
        for name in files.of(Ledger::Changes, date) {
            let mut take = |event: &Event<'_>| {
                if let Some(mention) = Mention::of(event) {
                    mentions.add(mention);
                }
            };
            each_event(store, name, |_| true, &mut take).await?;
        }
    }
    for date in files.dates_of_access() {
        for name in files.of(Ledger::Access, date) {
            each_read(store, name, &mut |object| mentions.add_query(object)).await?;
        }
    }
    Ok(Coverage::of(standing, mentions))
}

/// Shows the events of wanted kinds of a file of the ledger `changes`. Their records are unpacked only if there is any: they are most of
/// the file.
async fn each_event(
    store: &impl Store,
    name: &str,
    is_wanted: fn(&str) -> bool,
    visit: &mut (dyn FnMut(&Event<'_>) + Send),
) -> Result<(), ReadError> {
    let damaged = |reason: String| ReadError::Damaged { name: name.to_owned(), line: 1, reason };
    let stored = store.get(name).await?.ok_or_else(|| damaged("the file is missing".to_owned()))?;
    let mut any = false;
    let mut look = |batch: &RecordBatch| {
        any |= text(batch, "kind")?.iter().flatten().any(is_wanted);
        Ok(())
    };
    each_batch(&stored.content, &["kind"], &mut look).map_err(damaged)?;
    if !any {
        return Ok(());
    }
    let mut read = |batch: &RecordBatch| {
        for (kind, raw) in text(batch, "kind")?.iter().zip(text(batch, "raw")?) {
            if !kind.is_some_and(is_wanted) {
                continue;
            }
            let Some(Ok(record)) = raw.map(|raw| Record::parse(raw.as_bytes())) else { continue };
            visit(&Event::of(&record));
        }
        Ok(())
    };
    let damaged = |reason: String| ReadError::Damaged { name: name.to_owned(), line: 1, reason };
    each_batch(&stored.content, &["kind", "raw"], &mut read).map_err(damaged)
}

/// Shows the tables that the queries of a file of the ledger `access` read; not those that were refused or failed.
async fn each_read(store: &impl Store, name: &str, visit: &mut (dyn FnMut(&str) + Send)) -> Result<(), ReadError> {
    let damaged = |reason: String| ReadError::Damaged { name: name.to_owned(), line: 1, reason };
    let stored = store.get(name).await?.ok_or_else(|| damaged("the file is missing".to_owned()))?;
    let mut read = |batch: &RecordBatch| {
        let lists = column(batch, "objects")?.as_list_opt::<i32>();
        let lists = lists.ok_or_else(|| "its column objects holds no lists".to_owned())?;
        for (status, objects) in text(batch, "status")?.iter().zip(lists.iter()) {
            if matches!(status, Some("FAILURE" | "UNAUTHORIZED")) {
                continue;
            }
            let Some(objects) = objects else { continue };
            let texts = objects.as_string_opt::<i32>().ok_or_else(|| "its column objects holds no text".to_owned())?;
            texts.iter().flatten().for_each(&mut *visit);
        }
        Ok(())
    };
    each_batch(&stored.content, &["status", "objects"], &mut read).map_err(damaged)
}

fn text<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b arrow_array::StringArray, String> {
    column(batch, name)?.as_string_opt::<i32>().ok_or_else(|| format!("its column {name} holds no text"))
}
