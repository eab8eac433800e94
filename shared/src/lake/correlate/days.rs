//! Days that are compared with the weeks before, once they are closed.
//!
//! 1. Whoever correlates leaves word of the days that commits changed.
//! 2. When the log is whole beyond such a day, its profile is counted anew, and it is compared with the profiles of the days
//!    before. So are the days after it that had been compared with it.
//! 3. The word of the day is removed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::windows::Work;
use super::{CorrelateError, CorrelatedTally, Correlator, Starts};
use crate::correlate::{Baselines, Incident, Outcome, Profile, Profiling, TimeLines};
use crate::event::time::midnight;
use crate::findings::Blob;
use crate::lake::at_once::at_once;
use crate::lake::lease::Lease;
use crate::lake::names;
use crate::lake::profiles::Kept;
use crate::lake::signals::{SignalFiles, Sources, list_signals};
use crate::lake::store::{Store, StoreError};
use crate::rules::{Correlation, Rule};

/// So many profiles are read at once, and held in memory.
const DAYS_AT_ONCE: usize = 8;

/// So many days are compared before what is done is entered: whoever has little time goes on from there.
const DAYS_IN_A_TURN: usize = 14;

/// The word that was left of a day.
pub(super) struct OpenDay {
    name: String,
    pub(super) date: NaiveDate,
    /// Whether people are told of what comes of it
    pub(super) announce: bool,
}

impl<S: Store> Correlator<'_, S> {
    /// Leaves word of the days that commits changed.
    pub(super) async fn leave_days_open(&self, rule: &Rule, days: &Starts) -> Result<(), StoreError> {
        for (start, announce) in days {
            let name = names::open_day(&rule.id, start.date_naive(), *announce, fastrand::u64(..));
            self.store.put(&name, &mut Blob::of(b"{}")).await?;
        }
        Ok(())
    }

    /// The days that have yet to be compared.
    pub(super) async fn open_days(&self, rule: &Rule) -> Result<Vec<OpenDay>, StoreError> {
        let entries = self.store.list(&names::open_of(&rule.id)).await?.into_iter();
        let open = entries.filter_map(|entry| {
            let (date, announce) = names::open_day_of(&entry.name)?;
            Some(OpenDay { name: entry.name, date, announce })
        });
        Ok(open.collect())
    }

    /// Compares the days that are closed now. Whether all of them were: what is not is left to somebody else.
    pub(super) async fn close_days(
        &self,
        rule: &Rule,
        correlation: &Correlation,
        complete: DateTime<Utc>,
        tally: &mut CorrelatedTally,
    ) -> Result<bool, CorrelateError> {
        let mut due = self.open_days(rule).await?;
        due.retain(|day| is_closed(day.date, complete));
        // What comes late into a day bears on all that were compared with it.
        let compared_with = |changed: NaiveDate| {
            let days = changed.iter_days().take_while(move |day| *day - changed <= correlation.timespan);
            days.take_while(|day| is_closed(*day, complete))
        };
        let mut starts = Starts::new();
        for open in &due {
            for day in compared_with(open.date) {
                *starts.entry(midnight(day)).or_default() |= open.announce;
            }
        }
        let mut changed: BTreeSet<NaiveDate> = due.iter().map(|open| open.date).collect();
        let starts: Vec<(DateTime<Utc>, bool)> = starts.into_iter().collect();
        for turn in starts.chunks(DAYS_IN_A_TURN) {
            let Some((last, _)) = turn.last() else { continue };
            let turn: Starts = turn.iter().copied().collect();
            if !self.windows(rule, correlation, &turn, (Some(complete), &changed), tally).await? {
                return Ok(false);
            }
            // Their profiles are written, and need not be counted again.
            changed.retain(|date| *date > last.date_naive());
            let (done, left) =
                due.into_iter().partition(|open| compared_with(open.date).all(|day| midnight(day) <= *last));
            due = left;
            let done: Vec<OpenDay> = done;
            for open in done {
                self.store.remove(&open.name).await?;
            }
        }
        Ok(true)
    }
}

fn is_closed(date: NaiveDate, complete: DateTime<Utc>) -> bool {
    midnight(date) + TimeDelta::days(1) <= complete
}

impl<S: Store> Work<'_, '_, S> {
    /// Compares the days of these windows with those before; none if the lease is lost, there is no more time, or somebody
    /// else counted at the same time.
    pub(super) async fn compared(
        &self,
        starts: &BTreeSet<DateTime<Utc>>,
        mut baselines: Baselines<'_>,
        lease: &mut Lease<'_, S>,
    ) -> Result<Option<Outcome>, CorrelateError> {
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Ok(Some(Outcome::default())) };
        let (first, last) = (first.date_naive() - self.correlation.timespan, last.date_naive());
        let files = list_signals(self.correlator.store, &self.counted(), first, last).await?;
        // Where there are no signals nobody did anything, whatever a profile says that was counted before they went.
        let mut days: BTreeSet<NaiveDate> = files.values().flat_map(BTreeMap::keys).copied().collect();
        days.extend(self.changed.range(first..=last));
        let days: Vec<NaiveDate> = days.into_iter().collect();
        let mut incidents = Vec::new();
        for days in days.chunks(DAYS_AT_ONCE) {
            if lease.keep(self.correlator.clock.now()).await.is_err() || self.correlator.is_late() {
                return Ok(None);
            }
            let Some(profiles) = self.profiles(days, &files, lease).await? else { return Ok(None) };
            for (date, profile) in profiles {
                if starts.contains(&midnight(date)) {
                    incidents.extend(baselines.judge(date, &profile));
                }
                baselines.take(date, profile);
            }
        }
        let Some(incidents) = self.with_moments(incidents, &files, lease).await? else { return Ok(None) };
        Ok(Some(Outcome { incidents, open: BTreeMap::new() }))
    }

    /// The profiles of some days. Those that are missing or of other files than there are, and those of days that commits have
    /// changed, are counted from signals, which are listed after the profiles were read: so that none is written over another
    /// that had seen more.
    async fn profiles(
        &self,
        days: &[NaiveDate],
        listed: &SignalFiles,
        lease: &mut Lease<'_, S>,
    ) -> Result<Option<Vec<(NaiveDate, Profile)>>, CorrelateError> {
        let store = self.correlator.store;
        let mut kept = Vec::new();
        let reads = days.iter().map(|date| Kept::read(store, self.rule, self.correlation, *date));
        at_once(DAYS_AT_ONCE, reads, |read| kept.push(read)).await?;
        let mut sources = Sources::default();
        let mut profiles = Vec::new();
        for kept in kept {
            let date = kept.date;
            if !self.changed.contains(&date) && kept.is_of(&of_date(listed, date)) {
                profiles.extend(kept.into_profile().map(|profile| (date, profile)));
                continue;
            }
            let files = list_signals(store, &self.counted(), date, date).await?;
            let mut profiling = Profiling::new(self.correlation);
            sources.each_file(store, &files, date, |signals| profiling.take(&signals)).await?;
            let profile = profiling.finish();
            let mut names = of_date(&files, date);
            names.retain(|name| sources.is_committed(name));
            let is_held = lease.keep(self.correlator.clock.now()).await.is_ok();
            if !is_held || !kept.write(store, self.rule, self.correlation, &profile, &names).await? {
                return Ok(None);
            }
            profiles.push((date, profile));
        }
        Ok(Some(profiles))
    }

    /// The incidents, each with the events worth showing; none if the lease is lost.
    async fn with_moments(
        &self,
        incidents: Vec<Incident>,
        files: &SignalFiles,
        lease: &mut Lease<'_, S>,
    ) -> Result<Option<Vec<Incident>>, CorrelateError> {
        let dates: BTreeSet<NaiveDate> = incidents.iter().map(|incident| incident.window_start.date_naive()).collect();
        let mut lines = TimeLines::new(self.correlation, incidents);
        let mut sources = Sources::default();
        for date in dates {
            if lease.keep(self.correlator.clock.now()).await.is_err() {
                return Ok(None);
            }
            sources.each_file(self.correlator.store, files, date, |signals| lines.take(&signals)).await?;
        }
        Ok(Some(lines.finish()))
    }

    fn counted(&self) -> BTreeSet<String> {
        self.correlation.all_rules().map(|rule| rule.id.clone()).collect()
    }
}

/// The names of the files of a date, in order.
fn of_date(files: &SignalFiles, date: NaiveDate) -> Vec<&str> {
    let mut names: Vec<&str> =
        files.values().filter_map(|dates| dates.get(&date)).flatten().map(String::as_str).collect();
    names.sort_unstable();
    names
}
