//! Days compared with the weeks before: what is unusual for a group, by what it did itself.
//!
//! 1. [`Profiling`] counts the signals of one day: what each group did, hour by hour, and which values it had.
//! 2. [`Baselines`] goes through the profiles of days in order, and says of each day what was not so before.

mod before;
mod profile;
mod usual;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

pub use before::Before;
pub use profile::{OfGroup, Profile, Profiling};
use usual::Usual;

use super::group::{GroupKey, Numbers};
use super::incident::{Incident, Stretch};
use crate::event::{EventKey, time::midnight};
use crate::rules::{Baseline, Correlation, Test, Unusual};

/// So many new values are kept to be named.
const NAMED_VALUES: usize = 100;
/// In so many weeks a group must have done anything at all, for a number of events to be unusual.
const FEWEST_WEEKS: usize = 3;

/// Goes through the days of a correlation that compares them with the weeks before, in order.
pub struct Baselines<'c> {
    correlation: &'c Correlation,
    baseline: &'c Baseline,
    values: Numbers<String>,
    groups: HashMap<GroupKey, Past>,
}

/// What is known of a group's past.
#[derive(Default)]
struct Past {
    /// The days on which there was anything, the oldest first
    days: VecDeque<PastDay>,
    /// The last day of each value
    values: HashMap<u32, NaiveDate>,
}

struct PastDay {
    date: NaiveDate,
    /// The events of each hour
    events: BTreeMap<u32, u64>,
    /// Whether the field that is asked for was there: a rule may not have kept it yet
    has_values: bool,
}

/// What is unusual about a group's day.
struct Found {
    stretches: Vec<(i64, i64)>,
    events: u64,
    value: f64,
    before: Before,
}

impl<'c> Baselines<'c> {
    /// For a correlation; none if it compares nothing with the weeks before.
    #[must_use]
    pub fn new(correlation: &'c Correlation) -> Option<Self> {
        let Test::Unusual(baseline) = &correlation.test else { return None };
        Some(Self { correlation, baseline, values: Numbers::new(), groups: HashMap::new() })
    }

    /// What is unusual about a day, given the days that were taken in.
    #[must_use]
    pub fn judge(&mut self, date: NaiveDate, profile: &Profile) -> Vec<Incident> {
        let mut incidents = Vec::new();
        for (key, day) in profile.groups() {
            let found = match self.groups.get_mut(key) {
                Some(past) => {
                    past.forget_before(date - self.correlation.timespan);
                    past.judge(date, day, self.baseline, &self.values)
                }
                None => None,
            };
            let Some(Found { stretches, events, value, before }) = found else { continue };
            let names = self.correlation.group_by.iter().map(|group| group.name.clone());
            let time = DateTime::from_timestamp_micros;
            let stretches =
                stretches.iter().filter_map(|(from, to)| Some(Stretch { from: time(*from)?, to: time(*to)? }));
            incidents.push(Incident {
                window_start: midnight(date),
                group: names.zip(key.iter().cloned()).collect(),
                stretches: stretches.collect(),
                events,
                value,
                before: Some(before),
                moments: Vec::new(),
            });
        }
        incidents
    }

    /// Takes a day in, after all days before it.
    pub fn take(&mut self, date: NaiveDate, profile: Profile) {
        let oldest = date - self.correlation.timespan;
        self.groups.retain(|_, past| past.days.back().is_some_and(|last| last.date >= oldest));
        for (key, day) in profile.into_groups() {
            let past = self.groups.entry(key).or_default();
            past.forget_before(oldest);
            let events = day.hours.iter().map(|(hour, of)| (*hour, of.events)).collect();
            past.days.push_back(PastDay { date, events, has_values: !day.values.is_empty() });
            for (value, _) in day.values {
                past.values.insert(self.values.of(value), date);
            }
        }
    }
}

impl Past {
    /// Whatever is older bears on nothing, so that it makes no difference from which day on the days were taken in.
    fn forget_before(&mut self, oldest: NaiveDate) {
        while self.days.front().is_some_and(|first| first.date < oldest) {
            self.days.pop_front();
        }
        self.values.retain(|_, last| *last >= oldest);
    }

    fn judge(&self, date: NaiveDate, day: &OfGroup, baseline: &Baseline, numbers: &Numbers<String>) -> Option<Found> {
        let asks_for_values = matches!(baseline.looks_for, Unusual::Value { .. });
        let since = self.days.iter().find(|day| day.has_values || !asks_for_values)?.date;
        if since > date - baseline.known {
            return None;
        }
        match &baseline.looks_for {
            Unusual::Count { at_least, deviations } => self.more_than_usual(date, day, *at_least, *deviations),
            Unusual::Hour { at_least } => self.at_another_hour(date, day, *at_least),
            Unusual::Value { at_least, .. } => self.with_new_values(day, *at_least, since, numbers),
            Unusual::Return { silent } => self.back_after(date, day, *silent),
        }
    }

    fn more_than_usual(&self, date: NaiveDate, day: &OfGroup, at_least: u64, deviations: f64) -> Option<Found> {
        let mut found: Option<Found> = None;
        for (hour, of) in day.hours.iter().filter(|(_, of)| of.events >= at_least) {
            let weeks = self.at_this_hour(date, *hour);
            let usual = Usual::of(&weeks);
            if weeks.len() < FEWEST_WEEKS || usual.deviations(of.events) < deviations {
                continue;
            }
            let before = || Before::Counts {
                hour: at(date, *hour),
                events: of.events,
                weeks: weeks.clone(),
                median: usual.median,
                deviation: usual.deviation,
                deviations: usual.deviations(of.events),
            };
            let value = as_number(of.events);
            let found = found.get_or_insert_with(|| Found::new(before()));
            found.stretches.push((of.first, of.last));
            found.events += of.events;
            if value > found.value {
                (found.value, found.before) = (value, before());
            }
        }
        found
    }

    /// How many events there were at this hour of the week in each week since the group is known, the latest week first: the
    /// most of that hour and its neighbours, since people do not keep to the minute, and clocks are changed. Weeks in which
    /// the group did nothing at all say nothing: people have leave.
    fn at_this_hour(&self, date: NaiveDate, hour: u32) -> Vec<u64> {
        let Some(first) = self.days.front() else { return Vec::new() };
        let weeks = (1..).map(|week| date - TimeDelta::weeks(week)).take_while(|day| *day >= first.date);
        weeks
            .filter(|day| self.did_anything_in_the_week_to(*day))
            .map(|day| {
                neighbours(day, hour).into_iter().map(|(day, hour)| self.events(day, hour)).max().unwrap_or_default()
            })
            .collect()
    }

    fn events(&self, date: NaiveDate, hour: u32) -> u64 {
        let found = self.days.binary_search_by_key(&date, |day| day.date).ok();
        found.and_then(|at| self.days[at].events.get(&hour)).copied().unwrap_or_default()
    }

    fn did_anything_in_the_week_to(&self, last: NaiveDate) -> bool {
        let at = self.days.partition_point(|day| day.date <= last - TimeDelta::weeks(1));
        self.days.get(at).is_some_and(|day| day.date <= last)
    }

    fn at_another_hour(&self, date: NaiveDate, day: &OfGroup, at_least: u64) -> Option<Found> {
        let mut found: Option<Found> = None;
        for (hour, of) in day.hours.iter().filter(|(_, of)| of.events >= at_least) {
            let weeks = self.at_this_hour(date, *hour);
            if weeks.len() < FEWEST_WEEKS || weeks.iter().any(|events| *events > 0) {
                continue;
            }
            let never = || Before::NeverAt { hours: Vec::new(), weeks: weeks.len() };
            let found = found.get_or_insert_with(|| Found::new(never()));
            found.stretches.push((of.first, of.last));
            found.events += of.events;
            found.value += 1.0;
            if let Before::NeverAt { hours, .. } = &mut found.before {
                hours.push(at(date, *hour));
            }
        }
        found
    }

    fn with_new_values(
        &self,
        day: &OfGroup,
        at_least: u64,
        since: NaiveDate,
        numbers: &Numbers<String>,
    ) -> Option<Found> {
        let is_known = |value: &str| numbers.get(value).is_some_and(|number| self.values.contains_key(&number));
        let new: Vec<_> = day.values.iter().filter(|(value, _)| !is_known(value)).collect();
        if (new.len() as u64) < at_least {
            return None;
        }
        let values = new.iter().take(NAMED_VALUES).map(|(value, _)| (*value).clone()).collect();
        let mut found = Found::new(Before::NotThere { values, in_all: new.len(), since });
        let times: BTreeSet<i64> = new.iter().map(|(_, first)| first.time).collect();
        let events: BTreeSet<EventKey> = new.iter().map(|(_, first)| first.event).collect();
        found.stretches = times.iter().map(|time| (*time, *time)).collect();
        found.events = events.len() as u64;
        found.value = as_number(new.len() as u64);
        Some(found)
    }

    fn back_after(&self, date: NaiveDate, day: &OfGroup, silent: TimeDelta) -> Option<Found> {
        let last = self.days.back().map(|last| last.date).filter(|last| *last < date - silent)?;
        let first = day.hours.values().map(|of| of.first).min()?;
        let last_event = day.hours.values().map(|of| of.last).max()?;
        let mut found = Found::new(Before::LastSeen { on: last });
        found.stretches.push((first, last_event));
        found.events = day.hours.values().map(|of| of.events).sum();
        found.value = as_number((date - last).num_days().unsigned_abs());
        Some(found)
    }
}

impl Found {
    fn new(before: Before) -> Self {
        Self { stretches: Vec::new(), events: 0, value: 0.0, before }
    }
}

/// An hour of a day, the one before and the one after, each with its day.
fn neighbours(date: NaiveDate, hour: u32) -> [(NaiveDate, u32); 3] {
    let day = TimeDelta::days(1);
    let earlier = if hour == 0 { (date - day, 23) } else { (date, hour - 1) };
    let later = if hour == 23 { (date + day, 0) } else { (date, hour + 1) };
    [earlier, (date, hour), later]
}

fn at(date: NaiveDate, hour: u32) -> DateTime<Utc> {
    midnight(date) + TimeDelta::hours(hour.into())
}

/// Numbers of events are far below what a float can hold.
#[expect(clippy::cast_precision_loss, reason = "numbers of events are far below 2^52")]
fn as_number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
