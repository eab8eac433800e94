//! Correlating what commits have touched: what makes each result in the lake one that has seen all signals.
//!
//! 1. Take the entries that say which signals commits changed, of those commits that are in force.
//! 2. For each correlation: which alert windows can come out otherwise for it. However many exports touched one, it is looked
//!    at once.
//! 3. Take the correlation's lease. Who does not get it leaves the entries to whoever comes next.
//! 4. Read the results of these windows with their versions, *then* list and read the signals, and go through them.
//! 5. Where a result is another than before: leave in the outbox what people have to be told of it, then write it, if it is
//!    still the version that was read; if not, begin again. So whoever writes last has seen everything.
//! 6. Remove the entries.
//!
//! A crash anywhere leaves the entries, and doing it again does it over.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::alerts::ReadError;
use super::clock::Clock;
use super::commit::Announce as _;
use super::correlated::{self, Correlated, Header};
use super::lease::{Asked, Lease, LeaseError};
use super::names;
use super::signals::Sources;
use super::store::{Condition, Store, StoreError, Written};
use super::touched::{Standing, Touched, standing};
use super::watermark::remembered_watermark;
use crate::alerts::{AlertId, Contribution};
use crate::config::Configuration;
use crate::correlate::{Outcome, Replay, TimeLines, reach, touched};
use crate::event::time;
use crate::export::Source;
use crate::findings::Blob;
use crate::notify::{Announcer, Commit, RuleWindow, Withdrawn};
use crate::rules::{Correlation, Pack, Rule};

/// So often a result that somebody else wrote meanwhile is looked at anew.
const ATTEMPTS: u32 = 5;

/// How long a correlation's lease lasts unless it is renewed, which it is with each date that is read: whoever dies over it
/// holds it up for no longer.
const LEASE: TimeDelta = TimeDelta::minutes(4);

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
    fn takes(self, touched: &Touched) -> bool {
        match self {
            Self::All => true,
            Self::Announced => touched.announce,
            Self::Silent => !touched.announce,
        }
    }
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
    /// From when on the log must be whole for the first of it
    due: DateTime<Utc>,
}

/// What became of the windows of one correlation.
enum Came {
    Done,
    Busy,
}

impl<S: Store> Correlator<'_, S> {
    /// Correlates what commits have touched.
    ///
    /// # Errors
    /// [`CorrelateError`]
    pub async fn correlate(&self) -> Result<CorrelatedTally, CorrelateError> {
        let mut tally = CorrelatedTally::default();
        let mut ready: BTreeMap<String, Touched> = BTreeMap::new();
        let mut first_error = None;
        for entry in self.store.list(names::TOUCHED).await? {
            let standing = match standing(self.store, &entry.name).await {
                Ok(standing) => standing,
                // One that fails holds up no other.
                Err(error) => {
                    first_error.get_or_insert(error);
                    continue;
                }
            };
            match standing {
                Standing::InForce(touched) if self.taken.takes(&touched) => {
                    ready.insert(entry.name, touched);
                }
                Standing::NotInForce if entry.written.is_some_and(|at| self.clock.now() - at > ABANDONED) => {
                    self.store.remove(&entry.name).await?;
                }
                // For somebody else, or for later.
                Standing::InForce(_) | Standing::NotInForce | Standing::Gone => {}
            }
        }
        if ready.is_empty() {
            return first_error.map_or(Ok(tally), |error| Err(error.into()));
        }
        let complete = remembered_watermark(self.store).await?;
        let mut unfinished = false;
        for (rule, correlation) in self.correlations() {
            let starts = windows(rule, correlation, ready.values());
            if starts.is_empty() {
                continue;
            }
            unfinished |= self.windows(rule, correlation, &starts, complete, &mut tally).await?;
        }
        if unfinished {
            tally.left += ready.len() as u64;
        } else {
            for name in ready.keys() {
                self.store.remove(name).await?;
                tally.entries += 1;
            }
        }
        first_error.map_or(Ok(tally), |error| Err(error.into()))
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

    /// Judges what could not be judged before, and can be now that the log is known to be whole up to then.
    ///
    /// # Errors
    /// [`CorrelateError`]
    pub async fn close(&self, complete: DateTime<Utc>) -> Result<CorrelatedTally, CorrelateError> {
        let mut tally = CorrelatedTally::default();
        for (rule, correlation) in self.correlations() {
            let mut starts = Starts::new();
            for entry in self.store.list(&names::open_of(&rule.id)).await? {
                let Some(window_start) = names::open_window_of(&entry.name) else { continue };
                let Some(stored) = self.store.get(&entry.name).await? else { continue };
                // One that cannot be read is looked at, and written anew.
                let open = serde_json::from_slice::<OpenWindow>(&stored.content);
                if open.is_ok_and(|open| open.due >= complete) {
                    continue;
                }
                starts.insert(window_start, self.taken != Taken::Silent);
            }
            if !starts.is_empty() && self.windows(rule, correlation, &starts, Some(complete), &mut tally).await? {
                tally.left += 1;
            }
        }
        Ok(tally)
    }

    /// Correlates windows of one correlation. Whether some of them are left to somebody else.
    async fn windows(
        &self,
        rule: &Rule,
        correlation: &Correlation,
        starts: &Starts,
        complete: Option<DateTime<Utc>>,
        tally: &mut CorrelatedTally,
    ) -> Result<bool, CorrelateError> {
        if self.until.is_some_and(|until| self.clock.now() > until) {
            return Ok(true);
        }
        let source = source_of(rule);
        let asked = Lease::ask(self.store, &source.id, self.clock.now(), LEASE).await?;
        let Asked::Held(mut lease) = asked else { return Ok(true) };
        let mut came = Ok(Came::Done);
        for near in near_each_other(rule, correlation, starts) {
            let work = Work { correlator: self, rule, correlation, complete, starts, source: &source };
            came = work.together(&near, &mut lease, tally).await;
            if !matches!(came, Ok(Came::Done)) {
                break;
            }
        }
        // Should the lease stay, it runs out.
        let _ = lease.give_up(self.clock.now()).await;
        Ok(matches!(came?, Came::Busy))
    }
}

/// Stands for a correlation where an export's address would stand.
fn source_of(rule: &Rule) -> Source {
    Source::at(format!("correlation:{}", rule.id))
}

/// The alert windows of a correlation that come out otherwise for what was touched, perhaps.
fn windows<'t>(rule: &Rule, correlation: &Correlation, entries: impl Iterator<Item = &'t Touched>) -> Starts {
    let rules: Vec<_> = correlation.all_rules().filter_map(|counted| counted.id.parse().ok()).collect();
    // Several exports touch the same hours.
    let mut spans: BTreeMap<_, bool> = BTreeMap::new();
    for entry in entries {
        for span in rules.iter().flat_map(|rule| entry.spans_of(*rule)) {
            *spans.entry(span).or_default() |= entry.announce;
        }
    }
    let mut starts = Starts::new();
    for ((from, to), announce) in spans {
        for start in touched(correlation, rule.window, from, to) {
            *starts.entry(start).or_default() |= announce;
        }
    }
    starts
}

/// Cuts windows into runs of such as share signals.
fn near_each_other(rule: &Rule, correlation: &Correlation, starts: &Starts) -> Vec<BTreeSet<DateTime<Utc>>> {
    let (before, after) = reach(correlation);
    let mut runs: Vec<BTreeSet<DateTime<Utc>>> = Vec::new();
    for start in starts.keys() {
        let joins = runs
            .last()
            .and_then(BTreeSet::last)
            .is_some_and(|last| *last + rule.window.length() + after + before >= *start);
        match runs.last_mut().filter(|_| joins) {
            Some(run) => {
                run.insert(*start);
            }
            None => runs.push(BTreeSet::from([*start])),
        }
    }
    runs
}

/// What stands in the lake for some windows, by their beginnings.
type Results = BTreeMap<DateTime<Utc>, Correlated>;

/// The windows of one correlation, while its lease is held.
struct Work<'w, 'c, S> {
    correlator: &'w Correlator<'c, S>,
    rule: &'w Rule,
    correlation: &'w Correlation,
    complete: Option<DateTime<Utc>>,
    /// Of all windows, whether people are told of what comes of them
    starts: &'w Starts,
    source: &'w Source,
}

impl<S: Store> Work<'_, '_, S> {
    async fn together(
        &self,
        starts: &BTreeSet<DateTime<Utc>>,
        lease: &mut Lease<'_, S>,
        tally: &mut CorrelatedTally,
    ) -> Result<Came, CorrelateError> {
        for _ in 0..ATTEMPTS {
            let before = self.results(starts).await?;
            let outcome = match self.outcome(starts, lease).await? {
                Some(outcome) => outcome,
                None => return Ok(Came::Busy),
            };
            match self.enter(starts, before, outcome, lease, tally).await {
                Ok(true) => {
                    tally.windows += starts.len() as u64;
                    return Ok(Came::Done);
                }
                Ok(false) => {}
                Err(LeaseError::Lost) => return Ok(Came::Busy),
                Err(LeaseError::Store(error)) => return Err(error.into()),
            }
        }
        Err(CorrelateError::Disturbed(self.rule.name.clone()))
    }

    /// What stands in the lake now, with its versions.
    async fn results(&self, starts: &BTreeSet<DateTime<Utc>>) -> Result<Results, StoreError> {
        let store = self.correlator.store;
        let dates: BTreeSet<NaiveDate> = starts.iter().map(DateTime::date_naive).collect();
        let mut there = BTreeSet::new();
        for date in dates {
            there.extend(
                store.list(&names::correlated_on(date, &self.rule.id)).await?.into_iter().map(|entry| entry.name),
            );
        }
        let mut results = BTreeMap::new();
        for start in starts {
            let name = names::correlated(&self.rule.id, *start);
            if there.contains(&name)
                && let Some(found) = Correlated::read(store, &name).await?
            {
                results.insert(*start, found);
            }
        }
        Ok(results)
    }

    /// Goes through the signals that bear on these windows; none if the lease is lost.
    async fn outcome(
        &self,
        starts: &BTreeSet<DateTime<Utc>>,
        lease: &mut Lease<'_, S>,
    ) -> Result<Option<Outcome>, CorrelateError> {
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Ok(Some(Outcome::default())) };
        let (before, after) = reach(self.correlation);
        let from = (*first - before).date_naive();
        let to = (*last + self.rule.window.length() + after).date_naive();
        let rules: BTreeSet<String> = self.correlation.all_rules().map(|rule| rule.id.clone()).collect();
        let (store, mut sources) = (self.correlator.store, Sources::default());
        let mut replay = Replay::new(self.rule, self.correlation, starts.clone(), self.complete);
        let mut dates = BTreeSet::new();
        for date in from.iter_days().take_while(|date| *date <= to) {
            if lease.keep(self.correlator.clock.now()).await.is_err() {
                return Ok(None);
            }
            let signals = sources.signals(store, &rules, date).await?;
            if !signals.is_empty() {
                dates.insert(date);
            }
            replay.take(&signals);
        }
        let mut outcome = replay.finish();
        if outcome.incidents.is_empty() {
            return Ok(Some(outcome));
        }
        let stretches: Vec<_> = outcome.incidents.iter().flat_map(|incident| incident.stretches.clone()).collect();
        let is_told_of = |date: &&NaiveDate| {
            stretches.iter().any(|stretch| (stretch.from.date_naive()..=stretch.to.date_naive()).contains(*date))
        };
        let mut lines = TimeLines::new(self.correlation, outcome.incidents);
        for date in dates.iter().filter(is_told_of) {
            lines.take(&sources.signals(store, &rules, *date).await?);
        }
        outcome.incidents = lines.finish();
        Ok(Some(outcome))
    }

    /// Writes what is another than before. Whether nobody else had written meanwhile.
    async fn enter(
        &self,
        starts: &BTreeSet<DateTime<Utc>>,
        mut before: Results,
        outcome: Outcome,
        lease: &mut Lease<'_, S>,
        tally: &mut CorrelatedTally,
    ) -> Result<bool, LeaseError> {
        let mut found: BTreeMap<DateTime<Utc>, BTreeMap<AlertId, Contribution>> = BTreeMap::new();
        for incident in &outcome.incidents {
            let lateness = self.correlator.configuration.correlations.lateness.delta();
            let contribution = Contribution::of_incident(self.rule, self.correlation, incident, lateness);
            found.entry(incident.window_start).or_default().insert(contribution.alert.clone(), contribution);
        }
        for start in starts {
            lease.keep(self.correlator.clock.now()).await?;
            if let Some(due) = outcome.open.get(start) {
                self.leave_open(*start, *due).await?;
            }
            let contributions = found.remove(start).unwrap_or_default();
            if !self.enter_one(*start, before.remove(start), &contributions, tally).await? {
                return Ok(false);
            }
        }
        self.close_the_rest(starts, &outcome).await?;
        Ok(true)
    }

    async fn leave_open(&self, window_start: DateTime<Utc>, due: DateTime<Utc>) -> Result<(), StoreError> {
        let open = serde_json::to_vec(&OpenWindow { due }).unwrap_or_default();
        self.correlator.store.put(&names::open(&self.rule.id, window_start), &mut Blob::of(&open)).await
    }

    /// Of windows in which nothing is open any more, removes what says so.
    async fn close_the_rest(&self, starts: &BTreeSet<DateTime<Utc>>, outcome: &Outcome) -> Result<(), StoreError> {
        if !matches!(self.correlation.test, crate::rules::Test::Absent(_)) {
            return Ok(());
        }
        let store = self.correlator.store;
        let closed: BTreeSet<String> = starts
            .iter()
            .filter(|start| !outcome.open.contains_key(start))
            .map(|start| names::open(&self.rule.id, *start))
            .collect();
        for entry in store.list(&names::open_of(&self.rule.id)).await? {
            if closed.contains(&entry.name) {
                store.remove(&entry.name).await?;
            }
        }
        Ok(())
    }

    async fn enter_one(
        &self,
        window_start: DateTime<Utc>,
        before: Option<Correlated>,
        contributions: &BTreeMap<AlertId, Contribution>,
        tally: &mut CorrelatedTally,
    ) -> Result<bool, StoreError> {
        let Correlator { store, clock, pack, configuration, lake, .. } = self.correlator;
        let body = correlated::body(contributions);
        let name = names::correlated(&self.rule.id, window_start);
        let is_as_before = match &before {
            None => contributions.is_empty(),
            Some(before) => before.says(&body),
        };
        if is_as_before {
            return Ok(true);
        }
        let announce = self.starts.get(&window_start).copied().unwrap_or_default();
        let former = before.as_ref().map_or_else(|| Ok(BTreeMap::new()), |before| before.alerts(&name))?;
        let header =
            Header::of(self.rule, window_start, (pack.hash(), &configuration.hash()), (contributions.len(), &body));
        let content = correlated::file(&header, &body);
        let news: Vec<&Contribution> =
            contributions.values().filter(|found| is_news(found, former.get(&found.alert))).collect();
        let withdrawn: Vec<AlertId> = former.keys().filter(|id| !contributions.contains_key(*id)).cloned().collect();
        let commit = Commit::of_correlated(&self.source.uri, &name, &header, correlated::version(&content));
        let mut announcer =
            Announcer::new(pack, &configuration.notify, lake, &self.source.uri, clock.now().trunc_subsecs(3));
        for contribution in news.iter().filter(|_| announce) {
            announcer.take(contribution);
        }
        let of = RuleWindow { rule: self.rule.id.clone(), start: window_start, hours: self.rule.window.hours() };
        let told = withdrawn.iter().filter(|_| self.correlator.taken != Taken::Silent);
        let withdrawals = told.map(|alert| Withdrawn { alert: alert.clone(), of: of.clone() }).collect();
        if let Some(entry) = announcer.announcement(commit, withdrawals) {
            let window = time::text(window_start);
            store
                .put(&names::outbox(&self.source.id, &[&window, &correlated::version(&content)]), &mut Blob::of(&entry))
                .await?;
        }
        let condition = before.map_or(Condition::Absent, |before| Condition::Matches(before.etag));
        if store.put_if(&name, content, condition).await? == Written::Conflict {
            return Ok(false);
        }
        tally.changed += 1;
        tally.alerts += news.len() as u64;
        tally.withdrawn += withdrawn.len() as u64;
        Ok(true)
    }
}

/// Whether people have not been told as much.
fn is_news(found: &Contribution, before: Option<&Contribution>) -> bool {
    before.is_none_or(|before| found.level > before.level || found.route > before.route)
}
