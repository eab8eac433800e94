//! Rollups: events per hour, by one named aggregate at a time. No cross product, so that they stay small.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::io;

use chrono::NaiveDate;
use hashbrown::Equivalent;
use serde::{Deserialize, Serialize};

use super::FoldMap;
use crate::event::{Event, Field, time};
use crate::rules::Match;

/// What a rollup counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// The event's kind; every event counts once, so these sum up to the ledgers' rows
    Kind,
    /// The question of each rule that matched
    Question,
    /// How it ended; events that do not say are left out
    Status,
    /// The highest sensitivity level of a query
    Sensitivity,
    /// Who did it
    Actor,
    /// Each data source or table
    Object,
}

impl Aggregate {
    /// The word in the rollups' column `aggregate`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Aggregate::Kind => "kind",
            Aggregate::Question => "question",
            Aggregate::Status => "status",
            Aggregate::Sensitivity => "sensitivity",
            Aggregate::Actor => "actor",
            Aggregate::Object => "object",
        }
    }
}

/// One count of a rollup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RollupKey {
    /// Hours since 1970-01-01T00:00Z
    pub hour: i64,
    /// What is counted by
    pub aggregate: Aggregate,
    /// Its value
    pub value: String,
}

impl RollupKey {
    /// The partition's date. Events without a readable time are counted in the first hour of 1970.
    pub(super) fn date(&self) -> NaiveDate {
        chrono::DateTime::from_timestamp(self.hour * 3600, 0).map_or(time::UNDATED, |time| time.date_naive())
    }
}

/// A [`RollupKey`] that borrows its value, so that counting allocates nothing for a key that is there already.
#[derive(Clone, Copy)]
struct Borrowed<'v> {
    hour: i64,
    aggregate: Aggregate,
    value: &'v str,
}

impl Hash for Borrowed<'_> {
    /// In the order of the fields of [`RollupKey`], whose derived hash this must equal.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hour.hash(state);
        self.aggregate.hash(state);
        self.value.hash(state);
    }
}

impl Equivalent<RollupKey> for Borrowed<'_> {
    fn equivalent(&self, key: &RollupKey) -> bool {
        self.hour == key.hour && self.aggregate == key.aggregate && self.value == key.value
    }
}

impl From<&Borrowed<'_>> for RollupKey {
    fn from(key: &Borrowed<'_>) -> Self {
        Self { hour: key.hour, aggregate: key.aggregate, value: key.value.to_owned() }
    }
}

/// What an entry takes in memory beside the bytes of its value.
const ENTRY_BYTES: usize = 64;

/// Counts one event.
pub(super) fn count(rollups: &mut FoldMap<RollupKey, u64>, event: &Event<'_>, matches: &[Match<'_>]) -> io::Result<()> {
    let hour = event.time().map_or(0, time::hour);
    let mut one = |aggregate, value: &str| {
        let weight = ENTRY_BYTES + value.len();
        rollups.update(
            &Borrowed { hour, aggregate, value },
            || (0, weight),
            |count| {
                *count += 1;
                0
            },
        )
    };
    one(Aggregate::Kind, event.kind())?;
    let mut questions: Vec<_> = matches.iter().map(|matched| matched.rule.question).collect();
    questions.sort_unstable();
    questions.dedup();
    for question in questions {
        one(Aggregate::Question, question.as_str())?;
    }
    let fields = [
        (Aggregate::Status, Field::Status),
        (Aggregate::Sensitivity, Field::Sensitivity),
        (Aggregate::Actor, Field::Actor),
        (Aggregate::Object, Field::Object),
    ];
    for (aggregate, field) in fields {
        for value in event.field(field).iter().map(Cow::as_ref) {
            one(aggregate, value)?;
        }
    }
    Ok(())
}
