//! What ever happened to each data source: whether it was classified, reached by a policy, queried.

use std::collections::{BTreeMap, BTreeSet};

use super::change::took_place;
use super::named::Named;
use super::roll::Found;
use super::standing::{Known, Standing};
use crate::event::{Event, Field, Party};
use crate::report::impact::Family;

/// The tag by which Immuta calls a data source or column new: it says nothing of what is in it.
const NEW: &str = "New";

/// What an event says of the data sources that it names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Marks {
    classified: bool,
    policy: bool,
}

/// An event that names data sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    sources: Vec<Named>,
    marks: Marks,
}

impl Mention {
    /// What an event says of data sources; none if it names none, failed or was refused.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let named = |party| Named::of_party(party, event.field(Field::Object));
        let sources: Vec<Named> = Party::objects_of(event).into_iter().map(named).collect();
        let tags = event.field(Field::Tag);
        let classified = match event.kind() {
            "SDDDatasourceTagUpdated" => true,
            "TagApplied" => tags.is_empty() || tags.iter().any(|tag| !tag.eq_ignore_ascii_case(NEW)),
            _ => false,
        };
        let policy = Family::of(event.kind()) == Some(Family::Policy);
        (!sources.is_empty() && took_place(event)).then_some(Self { sources, marks: Marks { classified, policy } })
    }
}

/// What many events say, each data source once, in whatever order they come.
#[derive(Debug, Clone, Default)]
pub struct Mentions {
    sources: BTreeMap<Party, (Named, Marks)>,
    /// Names of tables that queries read
    queried: BTreeSet<String>,
}

impl Mentions {
    /// Takes in what an event says.
    pub fn add(&mut self, mention: Mention) {
        for named in mention.sources {
            let (known, marks) =
                self.sources.entry(named.party.clone()).or_insert_with(|| (named.clone(), Marks::default()));
            marks.classified |= mention.marks.classified;
            marks.policy |= mention.marks.policy;
            // Two spellings of one name: the same one is shown, whichever comes first.
            if named < *known {
                *known = named;
            }
        }
    }

    /// Takes in a table that was read.
    pub fn add_query(&mut self, object: &str) {
        let name = object.trim().to_lowercase();
        if !name.is_empty() {
            self.queried.insert(name);
        }
    }
}

/// A data source, and what ever happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The data source
    pub source: Named,
    /// How it is known to be there; none if events name it and no list or registration does
    pub known: Option<Known>,
    /// Whether a tag was put on it, or on one of its columns, or identification ran over it
    pub classified: bool,
    /// Whether a policy came to it, left it or was changed on it
    pub policy: bool,
    /// Whether a query read it
    pub queried: bool,
}

/// What happened to every data source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Those that are there, and those that events name and nothing says are gone; in the order of names
    pub sources: Vec<Covered>,
    /// How many names of tables in queries are that of no data source
    pub unmatched: u64,
}

impl Coverage {
    /// Joins what stands with what happened.
    #[must_use]
    pub fn of(standing: &Standing, mentions: Mentions) -> Self {
        let mut roll = standing.sources.clone();
        let known_so_far = roll.len();
        let (mut marks, mut queried) = (BTreeMap::<usize, Marks>::new(), BTreeSet::new());
        for (named, said) in mentions.sources.into_values() {
            // What may have happened to any of several is counted for all: that it never did could not be said.
            let meant = match roll.find(&named.party) {
                Found::Several(meant) => meant,
                Found::One(_) | Found::None => vec![roll.take(&named).0],
            };
            for index in meant {
                let marks = marks.entry(index).or_default();
                marks.classified |= said.classified;
                marks.policy |= said.policy;
            }
        }
        let mut unmatched = 0;
        for name in mentions.queried {
            let called = roll.called(&name);
            unmatched += u64::from(called.is_empty());
            queried.extend(called.iter().copied());
        }
        let covered = |index: usize| {
            let known = standing.there.get(&index);
            // What lists or events know, and is not there, is gone.
            (known.is_some() || index >= known_so_far).then(|| {
                let Marks { classified, policy } = marks.get(&index).copied().unwrap_or_default();
                Covered {
                    source: roll.get(index).clone(),
                    known: known.cloned(),
                    classified,
                    policy,
                    queried: queried.contains(&index),
                }
            })
        };
        let mut sources: Vec<Covered> = (0..roll.len()).filter_map(covered).collect();
        sources.sort_by(|a, b| a.source.cmp(&b.source));
        Self { sources, unmatched }
    }
}

#[cfg(test)]
mod tests;
