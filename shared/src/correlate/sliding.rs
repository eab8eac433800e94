//! What is known of one group's hits within the timespan, as time goes on.
//!
//! Each hit costs the same however many there are, but for medians and percentiles, which keep their values in order. What
//! comes out is what `rsigma-eval` finds by counting anew with every event; a property test compares the two.

use std::collections::{HashMap, VecDeque};

use crate::rules::{Aggregate, Correlation, Test};

/// A hit: a match that counts in one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    /// Event time, in microseconds since 1970
    pub(super) time: i64,
    /// Which of the correlation's rules; 0 for all where that makes no difference
    pub(super) position: u16,
    /// Event key
    pub(super) event: crate::event::EventKey,
    /// The group's number
    pub(super) group: u32,
    /// What is counted of it: the number that stands for a value, or the bits of a number
    pub(super) value: u64,
}

/// Numbers are added up in millionths, so that the order of adding and taking away is of no account.
const MILLIONTHS: f64 = 1e6;

/// The hits of a group within the timespan.
#[derive(Debug)]
pub(super) struct Sliding {
    /// Times and values, the oldest first
    hits: VecDeque<(i64, u64)>,
    /// Events that came so far: several hits of one event are one
    events: u64,
    /// For each hit in `hits` how many events had come before it
    events_before: VecDeque<u64>,
    last_event: Option<crate::event::EventKey>,
    tally: Tally,
}

/// What is counted.
#[derive(Debug)]
enum Tally {
    Events,
    /// How often each value is there
    Distinct(HashMap<u64, u32>),
    Sum {
        millionths: i128,
        mean: bool,
    },
    /// Values in order
    Ranked {
        sorted: Vec<f64>,
        rank: f64,
    },
    /// The time of the last hit of each rule
    Together(Vec<Option<i64>>),
    /// For each rule, when the latest chain began that ends with it
    InOrder(Vec<Option<i64>>),
}

impl Sliding {
    pub(super) fn new(correlation: &Correlation) -> Self {
        let rules = correlation.rules.len();
        let tally = match &correlation.test {
            Test::Events(_) | Test::Absent(_) | Test::Unusual(_) => Tally::Events,
            Test::Distinct { .. } => Tally::Distinct(HashMap::new()),
            Test::Number { of: Aggregate::Sum, .. } => Tally::Sum { millionths: 0, mean: false },
            Test::Number { of: Aggregate::Average, .. } => Tally::Sum { millionths: 0, mean: true },
            Test::Number { of: Aggregate::Percentile(rank), .. } => Tally::Ranked { sorted: Vec::new(), rank: *rank },
            Test::Together(_) => Tally::Together(vec![None; rules]),
            Test::InOrder => Tally::InOrder(vec![None; rules]),
        };
        Self { hits: VecDeque::new(), events: 0, events_before: VecDeque::new(), last_event: None, tally }
    }

    /// Takes a hit in. `timespan` is in microseconds.
    pub(super) fn take(&mut self, hit: &Hit, correlation: &Correlation, timespan: i64) {
        self.forget_before(hit.time.saturating_sub(timespan));
        let position = usize::from(hit.position);
        if position >= correlation.rules.len() {
            // It breaks every chain that it would lie in.
            *self = Self { events: self.events, ..Self::new(correlation) };
            return;
        }
        self.events_before.push_back(self.events);
        if self.last_event != Some(hit.event) {
            self.last_event = Some(hit.event);
            self.events += 1;
        }
        self.hits.push_back((hit.time, hit.value));
        match &mut self.tally {
            Tally::Events => {}
            Tally::Distinct(values) => *values.entry(hit.value).or_default() += 1,
            Tally::Sum { millionths, .. } => *millionths += in_millionths(hit.value),
            Tally::Ranked { sorted, .. } => {
                let value = f64::from_bits(hit.value);
                let at = sorted.partition_point(|other| other.total_cmp(&value).is_lt());
                sorted.insert(at, value);
            }
            Tally::Together(last) => last[position] = Some(hit.time),
            Tally::InOrder(begun) => {
                begun[position] = if position == 0 { Some(hit.time) } else { begun[position - 1] };
            }
        }
    }

    fn forget_before(&mut self, oldest: i64) {
        while let Some((_, value)) = self.hits.front().copied().filter(|(time, _)| *time < oldest) {
            self.hits.pop_front();
            self.events_before.pop_front();
            match &mut self.tally {
                Tally::Distinct(values) => {
                    if let Some(count) = values.get_mut(&value) {
                        *count -= 1;
                        if *count == 0 {
                            values.remove(&value);
                        }
                    }
                }
                Tally::Sum { millionths, .. } => *millionths -= in_millionths(value),
                Tally::Ranked { sorted, .. } => {
                    let value = f64::from_bits(value);
                    let at = sorted.partition_point(|other| other.total_cmp(&value).is_lt());
                    if at < sorted.len() {
                        sorted.remove(at);
                    }
                }
                Tally::Events | Tally::Together(_) | Tally::InOrder(_) => {}
            }
        }
    }

    /// What is counted, if the condition holds. `oldest` is where the timespan begins.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts beyond 2^52 do not come up, and conditions compare with numbers"
    )]
    pub(super) fn value(&self, correlation: &Correlation, oldest: i64) -> Option<f64> {
        let counted = match (&self.tally, &correlation.test) {
            (Tally::Events, _) => self.hits.len() as f64,
            (Tally::Distinct(values), _) => values.len() as f64,
            (Tally::Sum { millionths, mean }, _) => {
                let sum = *millionths as f64 / MILLIONTHS;
                if *mean { sum / self.hits.len().max(1) as f64 } else { sum }
            }
            (Tally::Ranked { sorted, rank }, _) => at_rank(sorted, *rank)?,
            (Tally::Together(last), Test::Together(expression)) => {
                let there = |position: usize| last.get(position).copied().flatten().is_some_and(|time| time >= oldest);
                let matched = (0..last.len()).filter(|position| there(*position)).count();
                return expression.holds(&there).then_some(matched as f64);
            }
            (Tally::InOrder(begun), _) => {
                let whole = begun.last().copied().flatten().is_some_and(|time| time >= oldest);
                return whole.then_some(begun.len() as f64);
            }
            (Tally::Together(_), _) => return None,
        };
        let (Test::Events(holds) | Test::Distinct { holds, .. } | Test::Number { holds, .. }) = &correlation.test
        else {
            return None;
        };
        holds.hold(counted).then_some(counted)
    }

    /// When the hits began that are within the timespan; of a chain, when it began.
    pub(super) fn begun(&self) -> Option<i64> {
        match &self.tally {
            Tally::InOrder(begun) => begun.last().copied().flatten(),
            _ => self.hits.front().map(|(time, _)| *time),
        }
    }

    /// How many events came since, of those from `begun` on, and how many had come before any of this.
    pub(super) fn events_since(&self, counted: u64) -> u64 {
        let begun = self.begun();
        let at = self.hits.partition_point(|(time, _)| begun.is_some_and(|begun| *time < begun));
        let before = self.events_before.get(at).copied().unwrap_or(self.events);
        self.events - before.max(counted).min(self.events)
    }

    /// How many events came so far.
    pub(super) fn events(&self) -> u64 {
        self.events
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float beyond the range is taken to its end")]
fn in_millionths(bits: u64) -> i128 {
    (f64::from_bits(bits) * MILLIONTHS).round() as i128
}

/// The value at a rank of 0 to 100, interpolated between its neighbours, as `rsigma-eval` does.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions in a list"
)]
fn at_rank(sorted: &[f64], rank: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = rank / 100.0 * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let (low, high) = (*sorted.get(below)?, *sorted.get(above)?);
    Some(low + (high - low) * (place - place.floor()))
}

#[cfg(test)]
mod tests;
