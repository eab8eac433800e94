//! Impacts of changes, read from the ledgers: the dates that are needed, one file at a time, a batch at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::accesses::{Row, Wanted, each_change, each_grant, each_query};
use super::alerts::ReadError;
use super::ledgers::LedgerFiles;
use super::store::Store;
use crate::event::EventKey;
use crate::findings::ledger::Ledger;
use crate::report::impact::{Change, Comparison, Family, Impact, NothingLeft, Scope, Tally, Windows, matched, wanted};

/// So much of a key or an id must be given at least.
const LEAST_LETTERS: usize = 6;
/// So many events are named where more than one is meant.
const MOST_NAMED: usize = 5;

/// There is no such change.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It could be any.
    #[error("{0:?} is too short: give at least 6 characters of an event's key or id")]
    TooShort(String),
    /// There is no event of this name.
    #[error("no change in this lake has a key or id that begins with {0:?}")]
    Unknown(String),
    /// The event is of another kind.
    #[error("the event {0} is no change of a policy, tag or attribute, but a {1}")]
    NoChange(EventKey, String),
    /// The event does not say when it happened.
    #[error("the event {0} has no time, so that there is no before and after")]
    NoTime(EventKey),
    /// It failed, or was refused.
    #[error("the event {0} ended with {1}: it changed nothing")]
    DidNotTakePlace(EventKey, String),
    /// Several are meant.
    #[error("{0:?} may be any of several events; give the key of one: {list}", list = .1.join(", "))]
    Several(String, Vec<String>),
}

/// The change with this event key or record id, or the only one whose key or id begins so.
///
/// # Errors
/// [`FindError`]
pub async fn find_change(store: &impl Store, files: &LedgerFiles, text: &str) -> Result<Change, FindError> {
    let text = text.trim();
    if text.chars().count() < LEAST_LETTERS {
        return Err(FindError::TooShort(text.to_owned()));
    }
    let (mut exact, mut beginning) = (BTreeMap::new(), BTreeMap::new());
    for date in files.dates_of_changes() {
        for name in files.of(Ledger::Changes, date) {
            let mut take = |row: Row| {
                let is = |name: &str| name.eq_ignore_ascii_case(text);
                if is(&row.event.to_string()) || row.id.as_deref().is_some_and(is) {
                    exact.insert(row.event, row);
                } else if beginning.len() <= MOST_NAMED {
                    beginning.insert(row.event, row);
                }
            };
            each_change(store, name, Wanted::Beginning(text), &mut take).await?;
        }
    }
    let mut found = if exact.is_empty() { beginning } else { exact };
    if found.len() > 1 {
        let named = found.values().take(MOST_NAMED).map(|row| format!("{} ({})", row.event, row.kind));
        return Err(FindError::Several(text.to_owned(), named.collect()));
    }
    let Some((event, row)) = found.pop_first() else { return Err(FindError::Unknown(text.to_owned())) };
    if Family::of(&row.kind).is_none() {
        return Err(FindError::NoChange(event, row.kind));
    }
    let change = row.change.ok_or(FindError::NoTime(event))?;
    if !change.took_place() {
        return Err(FindError::DidNotTakePlace(event, change.status.unwrap_or_default()));
    }
    Ok(change)
}

/// The newest changes of some dates.
#[derive(Debug, Default)]
pub struct NewestChanges {
    /// The changes, newest first
    pub changes: Vec<Change>,
    /// Whether there are older ones
    pub more: bool,
}

/// The newest changes that took place on some dates, `most` at the most.
///
/// # Errors
/// [`ReadError`]
pub async fn newest_changes(
    store: &impl Store,
    files: &LedgerFiles,
    dates: impl RangeBounds<NaiveDate>,
    most: usize,
) -> Result<NewestChanges, ReadError> {
    let mut newest = NewestChanges::default();
    for date in files.dates_of_changes().rev().filter(|date| dates.contains(date)) {
        let mut of_date = BTreeMap::new();
        for name in files.of(Ledger::Changes, date) {
            let mut take = |row: Row| {
                if let Some(change) = row.change.filter(Change::took_place) {
                    of_date.insert((change.time, change.event), change);
                    if of_date.len() > most {
                        of_date.pop_first();
                        newest.more = true;
                    }
                }
            };
            each_change(store, name, Wanted::Changes, &mut take).await?;
        }
        for change in of_date.into_values().rev() {
            if newest.changes.len() == most {
                newest.more = true;
                return Ok(newest);
            }
            newest.changes.push(change);
        }
    }
    Ok(newest)
}

/// Compares access before and after each change, in their order.
///
/// # Errors
/// [`ReadError`]
pub async fn impacts(
    store: &impl Store,
    files: &LedgerFiles,
    changes: Vec<Change>,
    span: TimeDelta,
) -> Result<Vec<Comparison>, ReadError> {
    let Some(reach) = files.reach() else { return Ok(Vec::new()) };
    let found = circumstances(store, files, changes, span).await?;
    let prepared: Vec<(Found, Prepared)> = found
        .into_iter()
        .map(|found| {
            let others: Vec<DateTime<Utc>> = found.others.values().copied().collect();
            let prepared = matched(found.change.time, span, &others, &reach).map(|windows| {
                let scope = found.scope(&windows);
                (windows, scope)
            });
            (found, prepared)
        })
        .collect();
    let comparable = || prepared.iter().filter_map(|(_, prepared)| prepared.as_ref().ok());
    let mut tally = Tally::new(comparable().map(|(windows, scope)| (windows, scope)));
    let dates: BTreeSet<NaiveDate> = comparable().flat_map(|(windows, _)| dates_of(windows)).collect();
    let with_columns = comparable().any(|(_, scope)| scope.looks_at_columns());
    for date in dates {
        for name in files.of(Ledger::Changes, date) {
            each_grant(store, name, &mut |grant| tally.grant(grant)).await?;
        }
        for name in files.of(Ledger::Access, date) {
            each_query(store, name, with_columns, &mut |query| tally.query(query)).await?;
        }
        tally.end_of_date();
    }
    let mut counted = tally.finish().into_iter();
    let join = |(Found { change, .. }, prepared)| match prepared {
        Ok((windows, scope)) => {
            let (inside, outside) = counted.next().unwrap_or_default();
            Comparison::Made(Box::new(Impact { change, scope, windows, inside, outside }))
        }
        Err(nothing) => Comparison::NotPossible(Box::new(change), nothing),
    };
    Ok(prepared.into_iter().map(join).collect())
}

fn dates_of(windows: &Windows) -> impl Iterator<Item = NaiveDate> + use<> {
    windows.before.dates().chain(windows.after.dates())
}

/// What is counted for a change, and over which windows.
type Prepared = Result<(Windows, Scope), NothingLeft>;

/// A change, and what else happened to the same thing.
struct Found {
    change: Change,
    /// When else the same thing was changed, by event
    others: BTreeMap<EventKey, DateTime<Utc>>,
    /// By which events it came to data sources, or left them
    reached: BTreeMap<EventKey, Change>,
}

impl Found {
    /// What the change is about, as far as events of its window after say it.
    fn scope(&self, windows: &Windows) -> Scope {
        let reached = self.reached.values().filter(|event| windows.after.contains(event.time));
        Scope::of(&self.change, reached)
    }
}

/// Looks at the changes from the beginning of the windows before to the end of those after.
async fn circumstances(
    store: &impl Store,
    files: &LedgerFiles,
    changes: Vec<Change>,
    span: TimeDelta,
) -> Result<Vec<Found>, ReadError> {
    let begin = |change| Found { change, others: BTreeMap::new(), reached: BTreeMap::new() };
    let mut found: Vec<Found> = changes.into_iter().map(begin).collect();
    let mut dates = BTreeSet::new();
    for each in &found {
        let Windows { before, after, .. } = wanted(each.change.time, span);
        dates.extend(before.start.date_naive().iter_days().take_while(|date| *date <= after.end.date_naive()));
    }
    let of_people = found.iter().any(|each| each.change.family == Family::Attribute);
    let wanted_rows = if of_people { Wanted::ChangesWithParties } else { Wanted::Changes };
    // Whom an attribute is about takes the whole record, which was not read to find it.
    if of_people {
        let mut parties = BTreeMap::new();
        for date in found.iter().map(|each| each.change.time.date_naive()).collect::<BTreeSet<_>>() {
            for name in files.of(Ledger::Changes, date) {
                let mut take = |row: Row| parties.extend(row.change.map(|change| (change.event, change.parties)));
                each_change(store, name, wanted_rows, &mut take).await?;
            }
        }
        for each in &mut found {
            each.change.parties = parties.remove(&each.change.event).unwrap_or_default();
        }
    }
    for date in dates {
        for name in files.of(Ledger::Changes, date) {
            let mut take = |row: Row| {
                let Some(other) = row.change else { return };
                for each in &mut found {
                    if each.change.is_of_the_same(&other) {
                        each.others.insert(other.event, other.time);
                    }
                    if each.change.reached(&other) {
                        each.reached.insert(other.event, other.clone());
                    }
                }
            };
            each_change(store, name, wanted_rows, &mut take).await?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
