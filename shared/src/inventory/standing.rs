//! What stands at a moment: the latest list of each kind, and every change since.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::Serialize;

use super::change::{Change, Deed, permission};
use super::list::{List, ListKind};
use super::named::Named;
use super::roll::{Found, Roll};
use crate::event::EventKey;

/// How something is known to stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// It is on the list of this day, so that it stands since then at the latest
    List(NaiveDate),
    /// An event made it so
    Event {
        /// The event's key
        event: EventKey,
        /// When it happened
        at: DateTime<Utc>,
        /// Who did it
        by: String,
    },
}

impl Known {
    /// Since when it stands, at the latest.
    #[must_use]
    pub fn since(&self) -> DateTime<Utc> {
        match self {
            Self::List(date) => date.and_time(NaiveTime::MIN).and_utc(),
            Self::Event { at, .. } => *at,
        }
    }

    fn by(change: &Change) -> Self {
        Self::Event { event: change.event, at: change.at, by: change.actor.clone() }
    }
}

/// What is known of a kind: the list, and how many changes there were since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Basis {
    /// The date of the latest list; without one, only what was seen is known
    pub list: Option<NaiveDate>,
    /// How many that list has
    pub listed: u64,
    /// How many came since, by an event
    pub came: u64,
    /// How many went since
    pub went: u64,
}

/// Somebody, and the permissions that they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder<'s> {
    /// The user or group
    pub who: &'s Named,
    /// Each permission, and how it is known
    pub permissions: BTreeMap<&'s str, &'s Known>,
}

/// What stands.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    people: Roll,
    groups: Roll,
    pub(super) sources: Roll,
    permissions: BTreeMap<(usize, String), Known>,
    members: BTreeMap<(usize, usize), Known>,
    pub(super) there: BTreeMap<usize, Known>,
    bases: BTreeMap<ListKind, Basis>,
    /// How often a row or an event names somebody or something that could be any of several of that name. What was given is
    /// then held by one more of that name, and what was taken is held still.
    pub unclear: u64,
}

/// A list or a change, in the order of time. A list comes before what happened at the same moment.
enum Step<'s> {
    List(&'s List),
    Change(&'s Change),
}

impl Standing {
    /// What stands at a moment, by lists and changes in whatever order. Events that came twice count once.
    #[must_use]
    pub fn at<'s>(
        moment: DateTime<Utc>,
        lists: impl IntoIterator<Item = &'s List>,
        changes: impl IntoIterator<Item = &'s Change>,
    ) -> Self {
        let mut steps = BTreeMap::new();
        for list in lists {
            steps.insert((list.counts_from(), None, Some(list.kind)), Step::List(list));
        }
        let mut seen = BTreeSet::new();
        let mut in_order: Vec<&Change> = changes.into_iter().collect();
        // Of copies of an event that has no time of its own the one that was taken first counts.
        in_order.sort_by_key(|change| (change.at, change.event));
        for change in in_order {
            if seen.insert(change.event) {
                steps.insert((change.at, Some(change.event), None), Step::Change(change));
            }
        }
        let mut standing = Self::default();
        for ((at, ..), step) in steps {
            if at > moment {
                break;
            }
            match step {
                Step::List(list) => standing.list(list),
                Step::Change(change) => standing.change(change),
            }
        }
        standing
    }

    /// What is known of a kind.
    #[must_use]
    pub fn basis(&self, kind: ListKind) -> Basis {
        self.bases.get(&kind).copied().unwrap_or_default()
    }

    /// How many there are of a kind: data sources, permissions held, memberships.
    #[must_use]
    pub fn count(&self, kind: ListKind) -> u64 {
        let count = match kind {
            ListKind::DataSource => self.there.len(),
            ListKind::Permission => self.permissions.len(),
            ListKind::GroupMember => self.members.len(),
        };
        count as u64
    }

    /// Everybody who holds a permission, in the order of names.
    #[must_use]
    pub fn holders(&self) -> Vec<Holder<'_>> {
        let mut by_person: BTreeMap<usize, BTreeMap<&str, &Known>> = BTreeMap::new();
        for ((person, permission), known) in &self.permissions {
            by_person.entry(*person).or_default().insert(permission, known);
        }
        let holder = |(person, permissions)| Holder { who: self.people.get(person), permissions };
        let mut holders: Vec<Holder<'_>> = by_person.into_iter().map(holder).collect();
        holders.sort_by(|a, b| a.who.cmp(b.who));
        holders
    }

    /// How many hold each permission.
    #[must_use]
    pub fn held(&self) -> BTreeMap<&str, u64> {
        let mut held = BTreeMap::new();
        for (_, permission) in self.permissions.keys() {
            *held.entry(permission.as_str()).or_default() += 1;
        }
        held
    }

    /// Who is in each group: the group, the member, and how that is known; in the order of names.
    #[must_use]
    pub fn memberships(&self) -> Vec<(&Named, &Named, &Known)> {
        let named = |((person, group), known)| (self.groups.get(group), self.people.get(person), known);
        let mut memberships: Vec<_> = self.members.iter().map(|(key, known)| named((*key, known))).collect();
        memberships.sort();
        memberships
    }

    /// The data sources that there are, and how that is known; in the order of names.
    #[must_use]
    pub fn data_sources(&self) -> Vec<(&Named, &Known)> {
        let mut sources: Vec<_> = self.there.iter().map(|(index, known)| (self.sources.get(*index), known)).collect();
        sources.sort();
        sources
    }

    /// A list is complete: what is not on it does not stand. What stood before keeps how it is known.
    fn list(&mut self, list: &List) {
        let known = Known::List(list.date);
        match list.kind {
            ListKind::DataSource => {
                let former = std::mem::take(&mut self.there);
                for row in list.rows() {
                    let (source, unclear) = self.sources.take(&Named::of_row(row));
                    self.unclear += u64::from(unclear);
                    self.there.insert(source, former.get(&source).unwrap_or(&known).clone());
                }
            }
            ListKind::Permission => {
                let former = std::mem::take(&mut self.permissions);
                for row in list.rows() {
                    let (person, unclear) = self.people.take(&Named::of_row(row));
                    self.unclear += u64::from(unclear);
                    let key = (person, permission(&row.permission));
                    let known = former.get(&key).unwrap_or(&known).clone();
                    self.permissions.insert(key, known);
                }
            }
            ListKind::GroupMember => {
                let former = std::mem::take(&mut self.members);
                for row in list.rows() {
                    let (person, unclear) = self.people.take(&Named::of_row(row));
                    let (group, unclear_group) = self.groups.take(&Named::group_of_row(row));
                    self.unclear += u64::from(unclear) + u64::from(unclear_group);
                    let key = (person, group);
                    self.members.insert(key, former.get(&key).unwrap_or(&known).clone());
                }
            }
        }
        let listed = self.count(list.kind);
        self.bases.insert(list.kind, Basis { list: Some(list.date), listed, came: 0, went: 0 });
    }

    fn change(&mut self, change: &Change) {
        let known = Known::by(change);
        match change.deed {
            Deed::Given => {
                for subject in &change.subjects {
                    let person = self.person(subject);
                    for permission in &change.permissions {
                        let key = (person, permission.clone());
                        let is_new = insert(&mut self.permissions, key, &known);
                        self.came(ListKind::Permission, is_new);
                    }
                }
            }
            Deed::Taken => {
                for subject in &change.subjects {
                    let Some(person) = self.known_person(subject) else { continue };
                    for permission in &change.permissions {
                        let is_gone = self.permissions.remove(&(person, permission.clone())).is_some();
                        self.went(ListKind::Permission, u64::from(is_gone));
                    }
                }
            }
            Deed::Registered => {
                for subject in &change.subjects {
                    let (source, unclear) = self.sources.take(subject);
                    self.unclear += u64::from(unclear);
                    let is_new = insert(&mut self.there, source, &known);
                    self.came(ListKind::DataSource, is_new);
                }
            }
            Deed::Deleted => {
                for subject in &change.subjects {
                    // Entered where it was not known, so that what happened to it before does not make it one that is there.
                    let source = match self.sources.find(&subject.party) {
                        Found::Several(_) => None,
                        _ => Some(self.sources.take(subject).0),
                    };
                    self.unclear += u64::from(source.is_none());
                    let is_gone = source.is_some_and(|source| self.there.remove(&source).is_some());
                    self.went(ListKind::DataSource, u64::from(is_gone));
                }
            }
            Deed::Joined => {
                for (subject, group) in pairs(change) {
                    let person = self.person(subject);
                    let (group, unclear) = self.groups.take(group);
                    self.unclear += u64::from(unclear);
                    let is_new = insert(&mut self.members, (person, group), &known);
                    self.came(ListKind::GroupMember, is_new);
                }
            }
            Deed::Left => {
                for (subject, group) in pairs(change) {
                    let (person, group) = (self.known_person(subject), self.known_group(group));
                    let is_gone = person.zip(group).is_some_and(|key| self.members.remove(&key).is_some());
                    self.went(ListKind::GroupMember, u64::from(is_gone));
                }
            }
            Deed::UserGone => {
                for subject in &change.subjects {
                    let Some(person) = self.known_person(subject) else { continue };
                    let range = (person, String::new())..(person + 1, String::new());
                    let held: Vec<_> = self.permissions.range(range).map(|(key, _)| key.clone()).collect();
                    for key in &held {
                        self.permissions.remove(key);
                    }
                    self.went(ListKind::Permission, held.len() as u64);
                    let member: Vec<_> =
                        self.members.range((person, 0)..(person + 1, 0)).map(|(key, _)| *key).collect();
                    for key in &member {
                        self.members.remove(key);
                    }
                    self.went(ListKind::GroupMember, member.len() as u64);
                }
            }
            Deed::GroupGone => {
                for subject in &change.subjects {
                    let Some(group) = self.known_group(subject) else { continue };
                    let before = self.members.len();
                    self.members.retain(|(_, of), _| *of != group);
                    self.went(ListKind::GroupMember, (before - self.members.len()) as u64);
                }
            }
        }
    }

    fn person(&mut self, named: &Named) -> usize {
        let (person, unclear) = self.people.take(named);
        self.unclear += u64::from(unclear);
        person
    }

    fn known_person(&mut self, named: &Named) -> Option<usize> {
        only(&self.people.find(&named.party), &mut self.unclear)
    }

    fn known_group(&mut self, named: &Named) -> Option<usize> {
        only(&self.groups.find(&named.party), &mut self.unclear)
    }

    fn came(&mut self, kind: ListKind, is_new: bool) {
        self.bases.entry(kind).or_default().came += u64::from(is_new);
    }

    fn went(&mut self, kind: ListKind, count: u64) {
        self.bases.entry(kind).or_default().went += count;
    }
}

/// Each user with each group.
fn pairs(change: &Change) -> impl Iterator<Item = (&Named, &Named)> {
    change.subjects.iter().flat_map(|subject| change.groups.iter().map(move |group| (subject, group)))
}

/// The only one that is meant.
fn only(found: &Found, unclear: &mut u64) -> Option<usize> {
    match found {
        Found::One(index) => Some(*index),
        Found::None => None,
        Found::Several(_) => {
            *unclear += 1;
            None
        }
    }
}

/// Whether that is new; how it was known before counts on.
fn insert<K: Ord>(into: &mut BTreeMap<K, Known>, key: K, known: &Known) -> bool {
    let before = into.len();
    into.entry(key).or_insert_with(|| known.clone());
    into.len() > before
}

#[cfg(test)]
mod tests;
