//! The windows of one correlation, while its lease is held.
//!
//! 1. Read their results with their versions, *then* list and read the signals, and go through them.
//! 2. Where a result is another than before: leave in the outbox what people have to be told of it, then write it, if it is
//!    still the version that was read; if not, begin again. So whoever writes last has seen everything.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};

use super::{CorrelateError, CorrelatedTally, Correlator, OpenWindow, Starts, source_of, windows_of};
use crate::alerts::{AlertId, Contribution};
use crate::correlate::{Baselines, Outcome, Replay, TimeLines, reach, touched};
use crate::event::time;
use crate::findings::Blob;
use crate::lake::commit::Announce as _;
use crate::lake::correlated::{self, Correlated, Header};
use crate::lake::lease::{Lease, LeaseError};
use crate::lake::names;
use crate::lake::signals::{SignalFiles, Sources, list_signals};
use crate::lake::store::{Condition, Store, StoreError, Written};
use crate::lake::touched::{Standing, standing};
use crate::lake::watermark::remembered_watermark;
use crate::notify::{Announcer, Commit, RuleWindow, Withdrawn};
use crate::rules::{Correlation, Rule, Test};

/// So often a result that somebody else wrote meanwhile is looked at anew.
const ATTEMPTS: u32 = 5;

/// What stands in the lake for some windows, by their beginnings.
type Results = BTreeMap<DateTime<Utc>, Correlated>;

/// The windows of one correlation, while its lease is held.
pub(super) struct Work<'w, 'c, S> {
    pub(super) correlator: &'w Correlator<'c, S>,
    pub(super) rule: &'w Rule,
    pub(super) correlation: &'w Correlation,
    /// Up to when the log is known to be whole, if that is more than is remembered
    pub(super) complete: Option<DateTime<Utc>>,
    /// The days of which profiles are to be counted anew
    pub(super) changed: &'w BTreeSet<NaiveDate>,
    /// Of all windows, whether people are told of what comes of them
    pub(super) starts: &'w Starts,
}

impl<S: Store> Work<'_, '_, S> {
    /// Correlates windows that share signals. Whether they were: they are not if the lease was lost.
    pub(super) async fn together(
        &self,
        starts: &BTreeSet<DateTime<Utc>>,
        lease: &mut Lease<'_, S>,
        tally: &mut CorrelatedTally,
    ) -> Result<bool, CorrelateError> {
        for _ in 0..ATTEMPTS {
            let before = self.results(starts).await?;
            let Some(outcome) = self.outcome(starts, lease).await? else {
                return Ok(false);
            };
            match self.enter(starts, before, outcome, lease, tally).await {
                Ok(true) => {
                    tally.windows += starts.len() as u64;
                    return Ok(true);
                }
                Ok(false) => {}
                Err(LeaseError::Lost) => return Ok(false),
                Err(LeaseError::Store(error)) => return Err(error.into()),
            }
        }
        Err(CorrelateError::Disturbed(self.rule.name.clone()))
    }

    /// What stands in the lake now, with its versions.
    async fn results(&self, starts: &BTreeSet<DateTime<Utc>>) -> Result<Results, StoreError> {
        let store = self.correlator.store;
        let prefixes: BTreeSet<String> =
            starts.iter().map(|start| names::correlated_on(start.date_naive(), &self.rule.id)).collect();
        let mut there = BTreeSet::new();
        for prefix in prefixes {
            there.extend(store.list(&prefix).await?.into_iter().map(|entry| entry.name));
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
        if let Some(baselines) = Baselines::new(self.correlation) {
            return self.compared(starts, baselines, lease).await;
        }
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Ok(Some(Outcome::default())) };
        let (before, after) = reach(self.correlation);
        let from = (*first - before).date_naive();
        let to = (*last + self.rule.window.length() + after).date_naive();
        let rules: BTreeSet<String> = self.correlation.all_rules().map(|rule| rule.id.clone()).collect();
        let (store, mut sources) = (self.correlator.store, Sources::default());
        // After the results: whoever wrote those may have known more.
        let complete = remembered_watermark(store).await?.max(self.complete);
        let files = list_signals(store, &rules, from, to).await?;
        let dates = dates_that_matter(self.correlation, &files);
        let mut replay = Replay::new(self.rule, self.correlation, starts.clone(), complete);
        for date in &dates {
            if lease.keep(self.correlator.clock.now()).await.is_err() {
                return Ok(None);
            }
            sources.each_file(store, &files, *date, |signals| replay.take(&signals)).await?;
            replay.turn();
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
            if lease.keep(self.correlator.clock.now()).await.is_err() {
                return Ok(None);
            }
            sources.each_file(store, &files, *date, |signals| lines.take(&signals)).await?;
        }
        outcome.incidents = lines.finish();
        Ok(Some(outcome))
    }

    /// The windows that an announced commit has touched which is not among the entries that were taken: its signals may have
    /// been seen all the same, and people are to be told of what came of them. Its entry was there before its manifest.
    async fn announced_meanwhile(&self) -> Result<Starts, StoreError> {
        let mut entries = Vec::new();
        for entry in self.correlator.store.list(names::TOUCHED_ANNOUNCED).await? {
            if let Ok(Standing::InForce(touched, _)) = standing(self.correlator.store, &entry.name).await {
                entries.push(*touched);
            }
        }
        let mut starts = windows_of(self.rule, self.correlation, entries.iter());
        // Somebody may have left word of a day since that was looked at.
        for open in self.correlator.open_days(self.rule).await?.into_iter().filter(|open| open.announce) {
            let from = time::midnight(open.date);
            for start in touched(self.correlation, self.rule.window, from, from) {
                starts.insert(start, true);
            }
        }
        Ok(starts)
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
        // Where all that was taken is announced, what else is announced changes nothing.
        let is_silent = starts.iter().any(|start| !self.starts.get(start).copied().unwrap_or_default());
        let meanwhile = if is_silent && !found.is_empty() { self.announced_meanwhile().await? } else { Starts::new() };
        for start in starts {
            lease.keep(self.correlator.clock.now()).await?;
            let is_announced = |starts: &Starts| starts.get(start).copied().unwrap_or_default();
            let announce = is_announced(self.starts) || is_announced(&meanwhile);
            if let Some(due) = outcome.open.get(start) {
                self.leave_open(*start, *due, announce).await?;
            }
            let contributions = found.remove(start).unwrap_or_default();
            if !self.enter_one(*start, before.remove(start), &contributions, announce, tally).await? {
                return Ok(false);
            }
        }
        self.close_the_rest(starts, &outcome).await?;
        Ok(true)
    }

    async fn leave_open(
        &self,
        window_start: DateTime<Utc>,
        due: DateTime<Utc>,
        announce: bool,
    ) -> Result<(), StoreError> {
        let open = serde_json::to_vec(&OpenWindow { announce, due }).unwrap_or_default();
        self.correlator.store.put(&names::open(&self.rule.id, window_start), &mut Blob::of(&open)).await
    }

    /// Of windows in which nothing is open any more, removes what says so.
    async fn close_the_rest(&self, starts: &BTreeSet<DateTime<Utc>>, outcome: &Outcome) -> Result<(), StoreError> {
        if !matches!(self.correlation.test, Test::Absent(_)) {
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
        announce: bool,
        tally: &mut CorrelatedTally,
    ) -> Result<bool, StoreError> {
        let Correlator { pack, configuration, .. } = self.correlator;
        let body = correlated::body(contributions);
        let name = names::correlated(&self.rule.id, window_start);
        let is_as_before = match &before {
            None => contributions.is_empty(),
            Some(before) => before.says(&body),
        };
        if is_as_before {
            return Ok(true);
        }
        let header =
            Header::of(self.rule, window_start, (pack.hash(), &configuration.hash()), (contributions.len(), &body));
        let of = RuleWindow { rule: self.rule.id.clone(), start: window_start, hours: self.rule.window.hours() };
        Replacement { name, of, header, body, before, contributions, announce }.write(self.correlator, tally).await
    }
}

/// A result that is another than before.
pub(super) struct Replacement<'r> {
    pub(super) name: String,
    pub(super) of: RuleWindow,
    pub(super) header: Header,
    pub(super) body: Vec<u8>,
    pub(super) before: Option<Correlated>,
    pub(super) contributions: &'r BTreeMap<AlertId, Contribution>,
    /// Whether people are told of what is new in it
    pub(super) announce: bool,
}

impl Replacement<'_> {
    /// Leaves in the outbox what people have to be told of it, then writes it. Whether nobody else had written meanwhile.
    pub(super) async fn write<S: Store>(
        self,
        correlator: &Correlator<'_, S>,
        tally: &mut CorrelatedTally,
    ) -> Result<bool, StoreError> {
        let Correlator { store, clock, pack, configuration, lake, .. } = correlator;
        let Self { name, of, header, body, before, contributions, announce } = self;
        let source = source_of(&of.rule);
        let former = before.as_ref().map_or_else(|| Ok(BTreeMap::new()), |before| before.alerts(&name))?;
        let content = correlated::file(&header, &body);
        let version = correlated::version(&content);
        let mut announcer =
            Announcer::new(pack, &configuration.notify, lake, &source.uri, clock.now().trunc_subsecs(3));
        let mut alerts = 0;
        for (id, found) in contributions {
            let known = former.get(id);
            if is_news(found, known) {
                alerts += 1;
                if announce {
                    announcer.take(found);
                }
            } else if announce && known.is_some_and(|known| differ(known, found)) {
                // Whoever was told of it is not told again; it may have been found when nobody was to be told.
                announcer.take_if_recent(found);
            }
        }
        let gone: Vec<AlertId> = former.keys().filter(|id| !contributions.contains_key(*id)).cloned().collect();
        let was_told = !gone.is_empty() && !store.list(&names::deliveries_of(&of.rule, of.start)).await?.is_empty();
        let withdrawn = gone.iter().filter(|_| was_told);
        let withdrawn = withdrawn.map(|alert| Withdrawn { alert: alert.clone(), of: of.clone() }).collect();
        let commit = Commit::of_correlated(&source.uri, &name, &header, version.clone());
        let entry = announcer.announcement(commit, withdrawn);
        let in_outbox = names::outbox(&source.id, &[&time::text(of.start), &version]);
        if let Some(entry) = &entry {
            store.put(&in_outbox, &mut Blob::of(entry)).await?;
        }
        let condition = before.map_or(Condition::Absent, |before| Condition::Matches(before.etag));
        if store.put_if(&name, content, condition).await? == Written::Conflict {
            return Ok(false);
        }
        // Held up in between for long, whoever delivers may have taken the entry for one that was given up.
        if let Some(entry) = entry.filter(|_| !announcer.told_late())
            && store.get(&in_outbox).await?.is_none()
        {
            store.put(&in_outbox, &mut Blob::of(&entry)).await?;
        }
        tally.changed += 1;
        tally.alerts += alerts;
        tally.withdrawn += gone.len() as u64;
        Ok(true)
    }
}

/// Whether two say anything different of an alert.
fn differ(one: &Contribution, other: &Contribution) -> bool {
    let text = |contribution| serde_json::to_vec(contribution).unwrap_or_default();
    text(one) != text(other)
}

/// The dates whose signals matter: where every rule must match, those near a match of each. So a correlation of a rare rule with
/// a frequent one reads of the frequent one only what lies around the rare.
fn dates_that_matter(correlation: &Correlation, files: &SignalFiles) -> BTreeSet<NaiveDate> {
    let mut dates: BTreeSet<NaiveDate> = files.values().flat_map(BTreeMap::keys).copied().collect();
    let all_must_match = match &correlation.test {
        Test::InOrder => true,
        Test::Together(expression) => expression.is_of_all(correlation.rules.len()),
        _ => false,
    };
    if !all_must_match {
        return dates;
    }
    // A timespan of an hour may begin on one date and end on the next.
    let near = correlation.timespan.num_days() + 1;
    for rule in &correlation.rules {
        let of_rule: BTreeSet<NaiveDate> = files.get(&rule.id).into_iter().flat_map(BTreeMap::keys).copied().collect();
        dates.retain(|date| {
            let (first, last) = (*date - TimeDelta::days(near), *date + TimeDelta::days(near));
            of_rule.range(first..=last).next().is_some()
        });
    }
    dates
}

/// Whether people have not been told as much.
fn is_news(found: &Contribution, before: Option<&Contribution>) -> bool {
    before.is_none_or(|before| found.level > before.level || found.route > before.route)
}
