//! What each group did on one day, counted: small enough to be kept for months.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Timelike};
use serde::{Deserialize, Serialize};

use crate::correlate::group::{GroupKey, Numbers, groups_of};
use crate::correlate::signal::Signal;
use crate::event::EventKey;
use crate::rules::Correlation;

/// So many values of one group and day are kept, the first ones in their order.
const MOST_VALUES: usize = 1_000;

/// What the groups of a correlation did on one day, UTC.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile(BTreeMap<GroupKey, OfGroup>);

/// What one group did on one day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OfGroup {
    /// Each hour of the day with an event, 0 to 23
    pub(super) hours: BTreeMap<u32, Hour>,
    /// The first event with each value of the field that the correlation asks for
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) values: BTreeMap<String, First>,
}

/// The first event with a value; its time is in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct First {
    pub(super) time: i64,
    pub(super) event: EventKey,
}

/// The events of one hour; times are in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hour {
    pub(super) events: u64,
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Profile {
    /// Every group with what it did, in order.
    pub fn groups(&self) -> impl Iterator<Item = (&Vec<String>, &OfGroup)> {
        self.0.iter()
    }

    /// Whether nobody did anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every group with what it did, in order.
    pub fn into_groups(self) -> impl Iterator<Item = (Vec<String>, OfGroup)> {
        self.0.into_iter()
    }
}

impl FromIterator<(Vec<String>, OfGroup)> for Profile {
    fn from_iter<I: IntoIterator<Item = (Vec<String>, OfGroup)>>(groups: I) -> Self {
        Self(groups.into_iter().collect())
    }
}

/// Counts the signals of one day.
pub struct Profiling<'c> {
    correlation: &'c Correlation,
    groups: Numbers<GroupKey>,
    days: HashMap<u32, OfGroup>,
    /// An event that comes twice, or that two rules match, counts once
    seen: HashSet<(EventKey, u32)>,
}

impl<'c> Profiling<'c> {
    /// For a correlation.
    #[must_use]
    pub fn new(correlation: &'c Correlation) -> Self {
        Self { correlation, groups: Numbers::new(), days: HashMap::new(), seen: HashSet::new() }
    }

    /// Takes signals of the day in, in whatever order.
    pub fn take<'s>(&mut self, signals: impl IntoIterator<Item = &'s Signal>) {
        for signal in signals {
            let positions = self.correlation.rules.iter().enumerate().filter(|(_, rule)| rule.id == signal.rule);
            for (position, _) in positions {
                for group in groups_of(self.correlation, position, signal) {
                    let group = self.groups.of(group);
                    let day = self.days.entry(group).or_default();
                    let time = signal.time.timestamp_micros();
                    if self.seen.insert((signal.event, group)) {
                        day.count(time);
                    }
                    for value in self.correlation.test.fields().iter().flat_map(|field| signal.values(field)) {
                        day.keep(value, First { time, event: signal.event });
                    }
                }
            }
        }
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> Profile {
        let Self { groups, mut days, .. } = self;
        let keys = (0..).zip(groups.into_values());
        Profile(keys.filter_map(|(number, key)| Some((key, days.remove(&number)?))).collect())
    }
}

impl OfGroup {
    fn keep(&mut self, value: &str, first: First) {
        if let Some(known) = self.values.get_mut(value) {
            *known = first.min(*known);
            return;
        }
        self.values.insert(value.to_owned(), first);
        // Which are left out must not depend on the order in which they come.
        if self.values.len() > MOST_VALUES {
            self.values.pop_last();
        }
    }

    fn count(&mut self, time: i64) {
        let Some(at) = DateTime::from_timestamp_micros(time) else { return };
        let hour = self.hours.entry(at.hour()).or_insert(Hour { events: 0, first: time, last: time });
        hour.events += 1;
        (hour.first, hour.last) = (hour.first.min(time), hour.last.max(time));
    }
}
