//! Correlating what commits have touched: what makes each result in the lake one that has seen all signals.
//!
//! 1. Take the entries that say which signals commits changed, of those commits that are in force.
//! 2. For each correlation: which alert windows can come out otherwise for it. However many exports touched one, it is looked
//!    at once.
//! 3. Take the correlation's lease. Who does not get it leaves the entries to whoever comes next.
//! 4. Go through its windows, as [`windows`] says. Of those that compare days with the weeks before, leave word for later, as
//!    [`days`] says.
//! 5. Enter what was done, and remove the entries of which nothing is left to do.
//!
//! A crash anywhere leaves the entries, and doing it again does it over.

mod days;
mod stale;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use self::windows::Work;
use super::alerts::ReadError;
use super::clock::Clock;
use super::lease::{Asked, Lease};
use super::names;
use super::store::{Condition, ETag, Store, StoreError};
use super::touched::{Standing, Touched, standing};
use crate::config::Configuration;
use crate::correlate::{reach, touched};
use crate::export::Source;
use crate::rules::{Correlation, Pack, Rule, RuleId, Test};

/// How long a correlation's lease lasts unless it is renewed, which it is with each date that is read: whoever dies over it
/// holds it up for no longer.
const LEASE: TimeDelta = TimeDelta::minutes(4);

/// An entry for another pack is looked at after this long: longer than any function runs, so that whoever that pack is in
/// force for has had time to.
const OF_ANOTHER_PACK: TimeDelta = TimeDelta::minutes(16);

/// An entry whose commit is not in force after this long never will be.
const ABANDONED: TimeDelta = TimeDelta::days(1);

/// Correlates windows of a lake.
#[derive(Clone, Copy)]
pub struct Correlator<'c, S> {
    /// The lake
    pub store: &'c S,
    /// The clock that leases go by
    pub clock: &'c dyn Clock,
    /// The correlations, and the rules that they count
    pub pack: &'c Pack,
    /// The configuration
    pub configuration: &'c Configuration,
    /// The lake's address, as messages name it
    pub lake: &'c str,
    /// Which entries it takes
    pub taken: Taken,
    /// Whether nobody else correlates in this lake, with another pack perhaps
    pub alone: bool,
    /// No correlation is begun after this
    pub until: Option<DateTime<Utc>>,
}

/// Which entries are taken: what comes of them must be told by whoever takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// All of them
    All,
    /// Those of commits that people are told of; the others are in no hurry
    Announced,
    /// Those of commits that nobody is told of
    Silent,
}

impl Taken {
    fn folder(self) -> &'static str {
        match self {
            Self::All => names::TOUCHED,
            Self::Announced => names::TOUCHED_ANNOUNCED,
            Self::Silent => names::TOUCHED_SILENT,
        }
    }
}

/// An entry that is looked at.
struct Ready {
    name: String,
    etag: ETag,
    touched: Touched,
}

/// The alert windows of a correlation that are to be looked at, each with whether people are told of what comes of it.
type Starts = BTreeMap<DateTime<Utc>, bool>;

/// What came of correlating.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CorrelatedTally {
    /// Entries of which everything was looked at
    pub entries: u64,
    /// Entries, and correlations with something to judge, that are left: somebody else is at it, or there was no time
    pub left: u64,
    /// Windows that were looked at
    pub windows: u64,
    /// Results that are others than before
    pub changed: u64,
    /// Alerts that were not there before, or have become graver
    pub alerts: u64,
    /// Alerts that were there before, and no longer are
    pub withdrawn: u64,
}

impl std::ops::AddAssign for CorrelatedTally {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.left += other.left;
        self.windows += other.windows;
        self.changed += other.changed;
        self.alerts += other.alerts;
        self.withdrawn += other.withdrawn;
    }
}

/// Correlating failed. Nothing that was found before is lost, and trying again is safe.
#[derive(Debug, thiserror::Error)]
pub enum CorrelateError {
    /// Signals or results cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The lake failed.
    #[error("the lake failed: {0}")]
    Store(#[from] StoreError),
    /// Somebody else wrote the same results at the same time, again and again.
    #[error("somebody else correlates {0} at the same time; it is tried again")]
    Disturbed(String),
}

/// What is left under a window's name while something in it cannot be judged.
#[derive(Debug, Serialize, Deserialize)]
struct OpenWindow {
    /// Whether people are told of what comes of it
    announce: bool,
    /// From when on the log must be whole for the first of it
    due: DateTime<Utc>,
}

impl<S: Store> Correlator<'_, S> {
    /// Correlates what commits have touched. One entry or correlation that fails holds up no other; the first error is given
    /// once all were tried.
    ///
    /// # Errors
    /// [`CorrelateError`]
    pub async fn correlate(&self) -> Result<CorrelatedTally, CorrelateError> {
        let mut tally = CorrelatedTally::default();
        let mut first_error: Option<CorrelateError> = None;
        let mut ready = Vec::new();
        for entry in self.store.list(self.taken.folder()).await? {
            let age = entry.written.map(|written| self.clock.now() - written);
            match standing(self.store, &entry.name).await {
                Ok(Standing::InForce(mut touched, etag)) => {
                    if touched.pack != self.pack.hash() {
                        if !self.alone && age.is_some_and(|age| age < OF_ANOTHER_PACK) {
                            continue;
                        }
                        self.pack.hash().clone_into(&mut touched.pack);
                        touched.done.clear();
                    }
                    ready.push(Ready { name: entry.name, etag, touched: *touched });
                }
                Ok(Standing::NotInForce) if age.is_some_and(|age| age > ABANDONED) => {
                    self.store.remove(&entry.name).await?;
                }
                // About to come, or followed by another that has taken it over.
                Ok(Standing::NotInForce | Standing::Gone) => {}
                Err(error) => {
                    first_error.get_or_insert(error.into());
                }
            }
        }
        if ready.is_empty() {
            return first_error.map_or(Ok(tally), Err);
        }
        let standing = self.standing_results(&ready, &mut tally).await?;
        let mut done: BTreeSet<RuleId> = BTreeSet::new();
        for (rule, correlation) in self.correlations() {
            let Ok(id) = rule.id.parse::<RuleId>() else { continue };
            let left = || ready.iter().map(|ready| &ready.touched).filter(|touched| !touched.done.contains(&id));
            let is_of_days = matches!(correlation.test, Test::Unusual(_));
            let mut starts =
                if is_of_days { days_of(rule, correlation, left()) } else { windows_of(rule, correlation, left()) };
            if let Some(found) = standing.get(&rule.id).filter(|_| left().next().is_some()) {
                for (start, announce) in found {
                    *starts.entry(*start).or_default() |= announce;
                }
            }
            let came = if is_of_days {
                self.leave_days_open(rule, &starts).await.map(|()| true).map_err(Into::into)
            } else {
                self.windows(rule, correlation, &starts, (None, &BTreeSet::new()), &mut tally).await
            };
            match came {
                Ok(true) => {
                    done.insert(id);
                }
                Ok(false) => {}
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        self.enter_what_is_done(ready, &done, &mut tally).await?;
        first_error.map_or(Ok(tally), Err)
    }

    /// Removes the entries that every correlation has looked at, and enters in the others which have. An entry that changed
    /// meanwhile stays as it is: then it is looked at once more than it must.
    async fn enter_what_is_done(
        &self,
        ready: Vec<Ready>,
        done: &BTreeSet<RuleId>,
        tally: &mut CorrelatedTally,
    ) -> Result<(), StoreError> {
        for Ready { name, etag, mut touched } in ready {
            touched.done.extend(done);
            let is_done = |rule: &Rule| rule.id.parse().is_ok_and(|id| touched.done.contains(&id));
            if self.pack.correlations().all(|(rule, _)| is_done(rule)) {
                self.store.remove(&name).await?;
                tally.entries += 1;
            } else {
                self.store.put_if(&name, touched.encode(), Condition::Matches(etag)).await?;
                tally.left += 1;
            }
        }
        Ok(())
    }

    /// The correlations, beginning with another one each time: where time is short, those behind have their turn as well.
    fn correlations(&self) -> Vec<(&Rule, &Correlation)> {
        let mut correlations: Vec<_> = self.pack.correlations().collect();
        if self.until.is_some() && !correlations.is_empty() {
            let first = fastrand::usize(..correlations.len());
            correlations.rotate_left(first);
        }
        correlations
    }

    /// Judges what could not be judged before, and can be now that the log is known to be whole up to then: what did not
    /// happen, and days that are compared with the weeks before.
    ///
    /// # Errors
    /// [`CorrelateError`]
    pub async fn close(&self, complete: DateTime<Utc>) -> Result<CorrelatedTally, CorrelateError> {
        let mut tally = CorrelatedTally::default();
        let mut first_error = None;
        for (rule, correlation) in self.correlations() {
            let came = if matches!(correlation.test, Test::Unusual(_)) {
                self.close_days(rule, correlation, complete, &mut tally).await
            } else {
                self.close_windows(rule, correlation, complete, &mut tally).await
            };
            match came {
                Ok(true) => {}
                Ok(false) => tally.left += 1,
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(tally), Err)
    }

    /// Judges the windows of an absence in which something was open, and can be judged now.
    async fn close_windows(
        &self,
        rule: &Rule,
        correlation: &Correlation,
        complete: DateTime<Utc>,
        tally: &mut CorrelatedTally,
    ) -> Result<bool, CorrelateError> {
        let mut starts = Starts::new();
        for entry in self.store.list(&names::open_of(&rule.id)).await? {
            let Some(window_start) = names::open_window_of(&entry.name) else { continue };
            let Some(stored) = self.store.get(&entry.name).await? else { continue };
            match serde_json::from_slice::<OpenWindow>(&stored.content) {
                Ok(open) if open.due >= complete => {}
                Ok(open) => {
                    starts.insert(window_start, open.announce);
                }
                // Looked at, and written anew.
                Err(_) => {
                    starts.insert(window_start, true);
                }
            }
        }
        self.windows(rule, correlation, &starts, (Some(complete), &BTreeSet::new()), tally).await
    }

    /// Correlates windows of one correlation, given up to when the log is known to be whole, and of which days profiles have
    /// to be counted anew. Whether all of them were: what is not is left to somebody else.
    async fn windows(
        &self,
        rule: &Rule,
        correlation: &Correlation,
        starts: &Starts,
        (complete, changed): (Option<DateTime<Utc>>, &BTreeSet<NaiveDate>),
        tally: &mut CorrelatedTally,
    ) -> Result<bool, CorrelateError> {
        if starts.is_empty() {
            return Ok(true);
        }
        let source = source_of(&rule.id);
        let asked = Lease::ask(self.store, &source.id, self.clock.now(), LEASE).await?;
        let Asked::Held(mut lease) = asked else { return Ok(false) };
        let work = Work { correlator: self, rule, correlation, complete, changed, starts };
        let mut came = Ok(true);
        for near in near_each_other(rule, correlation, starts) {
            came = if self.is_late() { Ok(false) } else { work.together(&near, &mut lease, tally).await };
            if !matches!(came, Ok(true)) {
                break;
            }
        }
        // Should the lease stay, it runs out.
        let _ = lease.give_up(self.clock.now()).await;
        came
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| self.clock.now() > until)
    }
}

/// Stands for a correlation where an export's address would stand.
fn source_of(rule: &str) -> Source {
    Source::at(format!("correlation:{rule}"))
}

/// Stretches of time, each with whether people are told of what comes of it.
type Spans = BTreeMap<(DateTime<Utc>, DateTime<Utc>), bool>;

/// What was touched of the rules of a correlation.
fn spans_of<'t>(correlation: &Correlation, entries: impl Iterator<Item = &'t Touched>) -> Spans {
    let rules: Vec<_> = correlation.all_rules().filter_map(|counted| counted.id.parse().ok()).collect();
    // Several exports touch the same hours.
    let mut spans = Spans::new();
    for entry in entries {
        for span in rules.iter().flat_map(|rule| entry.spans_of(*rule)) {
            *spans.entry(span).or_default() |= entry.announce;
        }
    }
    spans
}

/// The alert windows of a correlation that come out otherwise for what was touched, perhaps.
fn windows_of<'t>(rule: &Rule, correlation: &Correlation, entries: impl Iterator<Item = &'t Touched>) -> Starts {
    let mut starts = Starts::new();
    for ((from, to), announce) in spans_of(correlation, entries) {
        for start in touched(correlation, rule.window, from, to) {
            *starts.entry(start).or_default() |= announce;
        }
    }
    starts
}

/// The alert windows that the signals lie in which were touched.
fn days_of<'t>(rule: &Rule, correlation: &Correlation, entries: impl Iterator<Item = &'t Touched>) -> Starts {
    let mut starts = Starts::new();
    for ((from, _), announce) in spans_of(correlation, entries) {
        *starts.entry(rule.window.start(Some(from))).or_default() |= announce;
    }
    starts
}

/// A run of windows begins anew after this long: what is kept while it is gone through grows with it.
const LONGEST_RUN: TimeDelta = TimeDelta::days(62);

/// Cuts windows into runs of such as share signals.
fn near_each_other(rule: &Rule, correlation: &Correlation, starts: &Starts) -> Vec<BTreeSet<DateTime<Utc>>> {
    let (before, after) = reach(correlation);
    let mut runs: Vec<BTreeSet<DateTime<Utc>>> = Vec::new();
    for start in starts.keys() {
        let joins = runs.last().and_then(|run| run.first().zip(run.last())).is_some_and(|(first, last)| {
            *last + rule.window.length() + after + before >= *start && *start - *first <= LONGEST_RUN
        });
        match runs.last_mut().filter(|_| joins) {
            Some(run) => {
                run.insert(*start);
            }
            None => runs.push(BTreeSet::from([*start])),
        }
    }
    runs
}
