//! Going through the signals of a correlation: in which groups and alert windows what it asks for came about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::absence::Awaited;
use super::group::{GroupKey, Numbers, combinations, groups_of};
use super::incident::{Incident, Stretch};
use super::signal::Signal;
use super::sliding::{Hit, Sliding};
use crate::rules::{Correlation, Look, Rule, Test, Window};

/// Numbers beyond are taken for damage, and not counted: a few of them would be more than can be added up.
const LARGEST: f64 = 1e15;

/// How far before the beginning of an alert window, and beyond its end, signals bear on what comes of it.
///
/// Twice the timespan before: a window's own incidents reach back once, and whether one of them is the former window's going
/// on takes the other.
#[must_use]
pub fn reach(correlation: &Correlation) -> (TimeDelta, TimeDelta) {
    let (span, nothing) = (correlation.timespan, TimeDelta::zero());
    match correlation.test {
        Test::Absent(Look::After) => (nothing, span),
        Test::Absent(Look::Before) | Test::Unusual(_) => (span, nothing),
        Test::Absent(Look::Around) => (span, span),
        _ => (span * 2, nothing),
    }
}

/// The beginnings of the alert windows that signals between two times may bear on.
pub fn touched(
    correlation: &Correlation,
    window: Window,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> impl Iterator<Item = DateTime<Utc>> {
    let (before, after) = reach(correlation);
    let first = from.checked_sub_signed(after).map(|time| window.start(Some(time)));
    let last = to.checked_add_signed(before);
    std::iter::successors(first, move |start| start.checked_add_signed(window.length()))
        .take_while(move |start| last.is_some_and(|last| *start <= last))
}

/// What going through came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// What came about, in the order of windows and groups
    pub incidents: Vec<Incident>,
    /// Windows with something that cannot be judged yet, and from when on the log must be whole for the first of it
    pub open: BTreeMap<DateTime<Utc>, DateTime<Utc>>,
}

/// Goes through the signals of one correlation, for alert windows that lie within each other's reach.
pub struct Replay<'c> {
    correlation: &'c Correlation,
    window: Window,
    wanted: BTreeSet<DateTime<Utc>>,
    /// Up to when the log is known to be whole
    complete: Option<DateTime<Utc>>,
    groups: Numbers<GroupKey>,
    values: Numbers<GroupKey>,
    known: Known,
    /// What was taken in since the last turn
    hits: Vec<Hit>,
    found: Vec<(DateTime<Utc>, u32, Draft)>,
}

enum Known {
    Sliding(HashMap<u32, InGroup>),
    Awaited(Look, HashMap<u32, Awaited>),
}

/// What is known of a group.
struct InGroup {
    /// All of its hits
    all: Sliding,
    /// Those of the present alert window alone, if what lies before it belongs to the former one
    own: Option<Sliding>,
    /// The present alert window
    start: DateTime<Utc>,
    /// The last hit
    last: i64,
    last_held: Option<i64>,
    draft: Option<Draft>,
}

/// An incident in the making.
#[derive(Debug, Default)]
struct Draft {
    stretches: Vec<(i64, i64)>,
    events: u64,
    /// How many of the events that came were looked at
    counted: u64,
    /// The highest value so far
    value: Option<f64>,
}

impl<'c> Replay<'c> {
    /// For a correlation, by its rule, and the alert windows that begin at these times. `complete` is up to when the log is
    /// known to be whole; none if that is not known at all.
    #[must_use]
    pub fn new(
        rule: &Rule,
        correlation: &'c Correlation,
        wanted: BTreeSet<DateTime<Utc>>,
        complete: Option<DateTime<Utc>>,
    ) -> Self {
        let known = match correlation.test {
            Test::Absent(look) => Known::Awaited(look, HashMap::new()),
            _ => Known::Sliding(HashMap::new()),
        };
        let (groups, values) = (Numbers::new(), Numbers::new());
        Self {
            correlation,
            window: rule.window,
            wanted,
            complete,
            groups,
            values,
            known,
            hits: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Takes signals of a stretch of time in, in whatever order; what lies before it was taken in before. A signal that comes
    /// twice counts once. Nothing is counted before [`Self::turn`].
    pub fn take<'s>(&mut self, signals: impl IntoIterator<Item = &'s Signal>) {
        for signal in signals {
            self.hits_of(signal);
        }
    }

    /// Counts what was taken in: the stretch of time is over.
    pub fn turn(&mut self) {
        let mut hits = std::mem::take(&mut self.hits);
        hits.sort_unstable();
        hits.dedup();
        let timespan = self.correlation.timespan.num_microseconds().unwrap_or(i64::MAX);
        for (index, hit) in hits.iter().enumerate() {
            // What an event says of a group in several hits is judged as a whole.
            let goes_on = |next: &Hit| {
                (next.time, next.position, next.event, next.group) == (hit.time, hit.position, hit.event, hit.group)
            };
            let judge = !hits.get(index + 1).is_some_and(goes_on);
            match &mut self.known {
                Known::Awaited(look, groups) => groups.entry(hit.group).or_default().take(hit, *look, timespan),
                Known::Sliding(groups) => {
                    let start = self.window.start(DateTime::from_timestamp_micros(hit.time));
                    let group = groups.entry(hit.group).or_insert_with(|| InGroup {
                        all: Sliding::new(self.correlation),
                        own: None,
                        start,
                        last: hit.time,
                        last_held: None,
                        draft: None,
                    });
                    if let Some((start, draft)) = group.take(hit, judge, start, self.correlation, timespan) {
                        self.found.push((start, hit.group, draft));
                    }
                }
            }
        }
        if let (Known::Sliding(groups), Some(last)) = (&mut self.known, hits.last()) {
            let (found, window) = (&mut self.found, self.window);
            groups.retain(|number, group| {
                group.is_needed_after(last.time, timespan, window) || {
                    found.extend(group.draft.take().map(|draft| (group.start, *number, draft)));
                    false
                }
            });
        }
    }

    fn hits_of(&mut self, signal: &Signal) {
        let keeps_positions = matches!(self.correlation.test, Test::Together(_) | Test::InOrder | Test::Absent(_));
        let positions = self.correlation.all_rules().enumerate().filter(|(_, rule)| rule.id == signal.rule);
        for (position, _) in positions {
            let groups = groups_of(self.correlation, position, signal);
            if groups.is_empty() {
                continue;
            }
            let values = self.values_of(signal);
            let position = if keeps_positions { u16::try_from(position).unwrap_or(u16::MAX) } else { 0 };
            for group in groups {
                let group = self.groups.of(group);
                let time = signal.time.timestamp_micros();
                self.hits.extend(values.iter().map(|value| Hit {
                    time,
                    position,
                    event: signal.event,
                    group,
                    value: *value,
                }));
            }
        }
    }

    /// What is counted of a signal; none if it has nothing of the kind.
    fn values_of(&mut self, signal: &Signal) -> Vec<u64> {
        match &self.correlation.test {
            Test::Distinct { fields, .. } => {
                let values = combinations(fields.iter().map(|field| signal.values(field)));
                values.into_iter().map(|value| self.values.of(value).into()).collect()
            }
            Test::Number { field, .. } => {
                let values = field.iter().flat_map(|field| signal.values(field));
                values
                    .filter_map(|value| value.parse::<f64>().ok().filter(|value| value.abs() <= LARGEST))
                    .map(f64::to_bits)
                    .collect()
            }
            Test::Events(_) | Test::Together(_) | Test::InOrder | Test::Absent(_) | Test::Unusual(_) => vec![0],
        }
    }

    /// What came about.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        self.turn();
        let Self { correlation, window, wanted, complete, groups, known, mut found, .. } = self;
        let mut open: BTreeMap<DateTime<Utc>, DateTime<Utc>> = BTreeMap::new();
        match known {
            Known::Sliding(known) => {
                for (number, group) in known {
                    found.extend(group.draft.map(|draft| (group.start, number, draft)));
                }
            }
            Known::Awaited(look, known) => {
                let timespan = correlation.timespan.num_microseconds().unwrap_or(i64::MAX);
                let complete = complete.map_or(i64::MIN, |complete| complete.timestamp_micros());
                let window_of = |time: i64| window.start(DateTime::from_timestamp_micros(time));
                for (number, awaited) in known {
                    let (alone, waiting) = awaited.judged(look, timespan, complete);
                    for time in waiting {
                        let due = if look == Look::Before { time } else { time.saturating_add(timespan) };
                        let Some(due) = DateTime::from_timestamp_micros(due) else { continue };
                        let first = open.entry(window_of(time)).or_insert(due);
                        *first = due.min(*first);
                    }
                    let mut drafts: BTreeMap<DateTime<Utc>, Draft> = BTreeMap::new();
                    for time in alone {
                        drafts.entry(window_of(time)).or_default().alone(time);
                    }
                    found.extend(drafts.into_iter().map(|(start, draft)| (start, number, draft)));
                }
            }
        }
        let keys = groups.into_values();
        let names = || correlation.group_by.iter().map(|group| group.name.clone());
        let incident = |(window_start, number, draft): (DateTime<Utc>, u32, Draft)| {
            let group = names().zip(keys.get(number as usize)?.iter().cloned()).collect();
            let time = DateTime::from_timestamp_micros;
            let stretches =
                draft.stretches.iter().filter_map(|(from, to)| Some(Stretch { from: time(*from)?, to: time(*to)? }));
            let stretches = stretches.collect();
            Some(Incident {
                window_start,
                group,
                stretches,
                events: draft.events,
                value: draft.value.unwrap_or_default(),
                before: None,
                moments: Vec::new(),
            })
        };
        let found = found.into_iter().filter(|(start, _, _)| wanted.contains(start));
        let mut incidents: Vec<Incident> = found.filter_map(incident).collect();
        incidents.sort_by(|a, b| (a.window_start, &a.group).cmp(&(b.window_start, &b.group)));
        open.retain(|start, _| wanted.contains(start));
        Outcome { incidents, open }
    }
}

impl InGroup {
    /// Takes a hit of the alert window that begins at `start` in. Gives what came about in the former window, once the hit is
    /// of another.
    fn take(
        &mut self,
        hit: &Hit,
        judge: bool,
        start: DateTime<Utc>,
        correlation: &Correlation,
        timespan: i64,
    ) -> Option<(DateTime<Utc>, Draft)> {
        self.last = hit.time;
        let mut former = None;
        if self.start != start {
            former = self.draft.take().map(|draft| (self.start, draft));
            self.start = start;
            // What held shortly before is the former window's: here it takes as much again. So something that goes on over
            // midnight is told once.
            let goes_on = self.last_held.is_some_and(|held| held >= start.timestamp_micros().saturating_sub(timespan));
            self.own = goes_on.then(|| Sliding::new(correlation));
        }
        let judged = |hits: &mut Sliding| {
            hits.take(hit, correlation, timespan);
            if judge { hits.value(correlation, hit.time.saturating_sub(timespan)) } else { None }
        };
        let all = judged(&mut self.all);
        self.last_held = all.map(|_| hit.time).or(self.last_held);
        let (held, counted) = match &mut self.own {
            Some(own) => (judged(own), &*own),
            None => (all, &self.all),
        };
        if let Some(value) = held {
            self.draft.get_or_insert_default().held(hit.time, value, counted);
        }
        former
    }
}

impl InGroup {
    /// Whether anything of it bears on hits that come after this time: on what goes on over the end of a window, for as long
    /// as twice the timespan.
    fn is_needed_after(&self, time: i64, timespan: i64, window: Window) -> bool {
        let is_recent = self.last >= time.saturating_sub(timespan.saturating_mul(2));
        is_recent || self.start == window.start(DateTime::from_timestamp_micros(time))
    }
}

impl Draft {
    fn held(&mut self, time: i64, value: f64, hits: &Sliding) {
        let begun = hits.begun().unwrap_or(time);
        match self.stretches.last_mut() {
            Some((_, to)) if *to >= begun => *to = time,
            _ => self.stretches.push((begun, time)),
        }
        self.events += hits.events_since(self.counted);
        self.counted = hits.events();
        self.value = Some(self.value.map_or(value, |known| known.max(value)));
    }

    fn alone(&mut self, time: i64) {
        self.stretches.push((time, time));
        self.events += 1;
        self.value = Some(self.value.unwrap_or_default() + 1.0);
    }
}

#[cfg(test)]
mod tests;
