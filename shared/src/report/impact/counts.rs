//! Counting access before and after changes, in one pass over the rows of both ledgers, in whatever order they come.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use super::change::took_place;
use super::scope::{About, Scope};
use super::windows::Windows;
use crate::event::EventKey;

/// Kinds by which somebody gets access to a data source.
pub const GRANTS: [&str; 2] = ["SubscriptionCreated", "SubscriptionRequestApproved"];
/// Kinds by which somebody loses it.
pub const REMOVALS: [&str; 1] = ["SubscriptionDeleted"];
/// So many names of a list are kept.
pub const MOST_LISTED: usize = 100;

/// A row of the ledger `access`.
#[derive(Debug, Clone, Copy)]
pub struct Query<'r> {
    /// The event's key
    pub event: EventKey,
    /// When it ran
    pub time: DateTime<Utc>,
    /// How it ended
    pub status: Option<&'r str>,
    /// The highest level that it touched
    pub sensitivity: Option<&'r str>,
    /// Who queried what
    pub about: About<'r>,
}

/// A grant or removal: a row of the ledger `changes`.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'r> {
    /// The event's key
    pub event: EventKey,
    /// When it happened
    pub time: DateTime<Utc>,
    /// Its kind, one of [`GRANTS`] or [`REMOVALS`]
    pub kind: &'r str,
    /// How it ended
    pub status: Option<&'r str>,
    /// To whom
    pub subjects: &'r [&'r str],
    /// Of what
    pub objects: &'r [&'r str],
}

/// What was counted in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Queries, however they ended
    pub queries: u64,
    /// Of these, refused ones (`UNAUTHORIZED`)
    pub denied: u64,
    /// Of these, ones that failed for another reason
    pub failed: u64,
    /// Of these, ones that touched sensitive or highly sensitive data
    pub sensitive: u64,
    /// Users who read something
    pub readers: u64,
    /// Objects that were read
    pub objects_read: u64,
    /// Users who were refused
    pub users_denied: u64,
    /// Grants
    pub grants: u64,
    /// Removals
    pub removals: u64,
}

/// A name of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The user's id, or the object's name
    pub name: String,
    /// The user's name
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// Its queries that put it on the list
    pub queries: u64,
}

/// A list, those with most queries first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct List {
    /// How many there are
    pub total: u64,
    /// The first [`MOST_LISTED`]
    pub first: Vec<Listed>,
}

/// Who and what moved from one window to the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Moves {
    /// Users who read in the window after and not before
    pub users_reached: List,
    /// Users who read before and not after
    pub users_left: List,
    /// Users who read before, were never refused then, and are refused after
    pub users_denied: List,
    /// Objects read after and not before
    pub objects_reached: List,
    /// Objects read before, never refused then, and refused after
    pub objects_denied: List,
}

/// One part of the lake, before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The window before
    pub before: Counts,
    /// The window after
    pub after: Counts,
    /// Who and what moved
    pub moves: Moves,
}

/// How often a user or an object was read from or refused, before and after.
#[derive(Debug, Default)]
struct Seen {
    called: Option<String>,
    read: [u64; 2],
    denied: [u64; 2],
}

/// The part of the lake that counts for a change, or the rest.
#[derive(Debug, Default)]
struct Part {
    counts: [Counts; 2],
    users: HashMap<String, Seen>,
    objects: HashMap<String, Seen>,
}

/// Counts for several changes at once.
pub struct Tally<'c> {
    countings: Vec<Counting<'c>>,
    /// The events of this date that were counted
    seen: HashSet<EventKey>,
}

struct Counting<'c> {
    windows: &'c Windows,
    scope: &'c Scope,
    inside: Part,
    outside: Part,
}

impl<'c> Tally<'c> {
    /// Begins to count for changes of these windows and scopes.
    #[must_use]
    pub fn new(changes: impl IntoIterator<Item = (&'c Windows, &'c Scope)>) -> Self {
        let begin = |(windows, scope)| Counting { windows, scope, inside: Part::default(), outside: Part::default() };
        Self { countings: changes.into_iter().map(begin).collect(), seen: HashSet::new() }
    }

    /// Takes a query in.
    pub fn query(&mut self, query: &Query<'_>) {
        if self.is_new(query.event, query.time) {
            for counting in &mut self.countings {
                if let Some(when) = counting.when(query.time) {
                    counting.query(when, query);
                }
            }
        }
    }

    /// Takes a grant or removal in.
    pub fn grant(&mut self, grant: &Grant<'_>) {
        if took_place(grant.status) && self.is_new(grant.event, grant.time) {
            for counting in &mut self.countings {
                if let Some(when) = counting.when(grant.time) {
                    counting.grant(when, grant);
                }
            }
        }
    }

    /// All rows of a date were seen: the copies of an event are of one date, so that its keys need be held no longer.
    pub fn end_of_date(&mut self) {
        self.seen.clear();
    }

    /// Whether an event lies in a window and did not come before.
    fn is_new(&mut self, event: EventKey, time: DateTime<Utc>) -> bool {
        self.countings.iter().any(|counting| counting.when(time).is_some()) && self.seen.insert(event)
    }

    /// What was counted for each change, in their order: within its scope, and outside of it if anything can be.
    #[must_use]
    pub fn finish(self) -> Vec<(Compared, Option<Compared>)> {
        let finish = |counting: Counting<'_>| {
            let outside = (!counting.scope.is_everything()).then(|| counting.outside.finish());
            (counting.inside.finish(), outside)
        };
        self.countings.into_iter().map(finish).collect()
    }
}

const BEFORE: usize = 0;
const AFTER: usize = 1;

impl Counting<'_> {
    fn when(&self, time: DateTime<Utc>) -> Option<usize> {
        if self.windows.after.contains(time) {
            Some(AFTER)
        } else {
            self.windows.before.contains(time).then_some(BEFORE)
        }
    }

    fn query(&mut self, when: usize, query: &Query<'_>) {
        let is_inside = self.scope.holds(query.about);
        let part = if is_inside { &mut self.inside } else { &mut self.outside };
        let counts = &mut part.counts[when];
        counts.queries += 1;
        counts.sensitive += u64::from(matches!(query.sensitivity, Some("SENSITIVE" | "HIGHLY_SENSITIVE")));
        let ended: fn(&mut Seen) -> &mut [u64; 2] = match query.status {
            Some("UNAUTHORIZED") => {
                counts.denied += 1;
                |seen| &mut seen.denied
            }
            Some("SUCCESS") => |seen| &mut seen.read,
            Some("FAILURE") => {
                counts.failed += 1;
                return;
            }
            _ => return,
        };
        let user = entry(&mut part.users, query.about.actor);
        ended(user)[when] += 1;
        if let Some(name) = query.about.actor_name {
            // The same one of several, whatever order they come in.
            if user.called.as_deref().is_none_or(|called| name < called) {
                user.called = Some(name.to_owned());
            }
        }
        for object in query.about.objects {
            if !is_inside || self.scope.holds_object(object) {
                ended(entry(&mut part.objects, object))[when] += 1;
            }
        }
    }

    fn grant(&mut self, when: usize, grant: &Grant<'_>) {
        let is_inside = self.scope.holds_grant(grant.subjects, grant.objects);
        let part = if is_inside { &mut self.inside } else { &mut self.outside };
        let counts = &mut part.counts[when];
        if GRANTS.contains(&grant.kind) {
            counts.grants += 1;
        } else if REMOVALS.contains(&grant.kind) {
            counts.removals += 1;
        }
    }
}

/// Most rows are of names that are there already, and need no text of their own.
fn entry<'m>(map: &'m mut HashMap<String, Seen>, name: &str) -> &'m mut Seen {
    map.entry_ref(name).or_default()
}

impl Part {
    fn finish(mut self) -> Compared {
        for when in [BEFORE, AFTER] {
            let some = |map: &HashMap<String, Seen>, count: fn(&Seen) -> &[u64; 2]| {
                map.values().filter(|seen| count(seen)[when] > 0).count() as u64
            };
            self.counts[when].readers = some(&self.users, |seen| &seen.read);
            self.counts[when].users_denied = some(&self.users, |seen| &seen.denied);
            self.counts[when].objects_read = some(&self.objects, |seen| &seen.read);
        }
        let reached = |seen: &Seen| if seen.read[BEFORE] == 0 { seen.read[AFTER] } else { 0 };
        let left = |seen: &Seen| if seen.read[AFTER] == 0 { seen.read[BEFORE] } else { 0 };
        let denied = |seen: &Seen| {
            if seen.read[BEFORE] > 0 && seen.denied[BEFORE] == 0 { seen.denied[AFTER] } else { 0 }
        };
        let moves = Moves {
            users_reached: list(&self.users, reached),
            users_left: list(&self.users, left),
            users_denied: list(&self.users, denied),
            objects_reached: list(&self.objects, reached),
            objects_denied: list(&self.objects, denied),
        };
        let [before, after] = self.counts;
        Compared { before, after, moves }
    }
}

/// Those that have queries of a kind, most of them first, then by name.
fn list(map: &HashMap<String, Seen>, queries: impl Fn(&Seen) -> u64) -> List {
    let mut by_queries: BTreeMap<(Reverse<u64>, &String), &Seen> = BTreeMap::new();
    let mut total = 0;
    for (name, seen) in map {
        let queries = queries(seen);
        if queries > 0 {
            total += 1;
            by_queries.insert((Reverse(queries), name), seen);
            if by_queries.len() > MOST_LISTED {
                by_queries.pop_last();
            }
        }
    }
    let listed = |((queries, name), seen): ((Reverse<u64>, &String), &Seen)| Listed {
        name: name.clone(),
        called: seen.called.clone().filter(|called| called != name),
        queries: queries.0,
    };
    List { total, first: by_queries.into_iter().map(listed).collect() }
}

#[cfg(test)]
mod tests;
