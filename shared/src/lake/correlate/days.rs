//! Days that are compared with the weeks before, once they are closed.
//!
//! 1. Whoever correlates leaves word of the days that commits changed.
//! 2. When the log is whole beyond such a day, its profile is counted anew, and it is compared with the profiles of the days
//!    before. So are the days after it that had been compared with it.
//! 3. The word of the day is removed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::windows::Work;
use super::{CorrelateError, CorrelatedTally, Correlator, Starts};
use crate::correlate::{Baselines, Incident, Outcome, Profile, Profiling, TimeLines};
use crate::findings::Blob;
use crate::lake::at_once::at_once;
use crate::lake::lease::Lease;
use crate::lake::names;
use crate::lake::profiles::Kept;
use crate::lake::signals::{SignalFiles, Sources, list_signals};
use crate::lake::store::{Store, StoreError};
use crate::rules::{Correlation, Rule};

/// So many days are read at once, and held in memory.
const DAYS_AT_ONCE: usize = 8;

/// What is left under the name of a day that has yet to be compared.
#[derive(Debug, Serialize, Deserialize)]
struct OpenDay {
    /// Whether people are told of what comes of it
    announce: bool,
}

impl<S: Store> Correlator<'_, S> {
    /// Leaves word of the days that commits changed.
    pub(super) async fn leave_days_open(&self, rule: &Rule, days: &Starts) -> Result<(), StoreError> {
        for (start, announce) in days {
            let name = names::open_day(&rule.id, start.date_naive(), fastrand::u64(..));
            let open = serde_json::to_vec(&OpenDay { announce: *announce }).unwrap_or_default();
            self.store.put(&name, &mut Blob::of(&open)).await?;
        }
        Ok(())
    }

    /// The days that have yet to be compared, by the names of the word that was left of each, with whether people are told.
    pub(super) async fn open_days(&self, rule: &Rule) -> Result<BTreeMap<String, (NaiveDate, bool)>, StoreError> {
        let mut days = BTreeMap::new();
        for entry in self.store.list(&names::open_of(&rule.id)).await? {
            let Some(date) = names::open_day_of(&entry.name) else { continue };
            let Some(stored) = self.store.get(&entry.name).await? else { continue };
            // One that cannot be read is told of: better twice looked at than never.
            let is_silent = serde_json::from_slice::<OpenDay>(&stored.content).is_ok_and(|open| !open.announce);
            days.insert(entry.name, (date, !is_silent));
        }
        Ok(days)
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
        due.retain(|_, (date, _)| is_closed(*date, complete));
        let mut starts = Starts::new();
        for (date, announce) in due.values() {
            // What comes late into a day bears on all that were compared with it.
            let later =
                date.iter_days().take_while(|day| *day - *date <= correlation.timespan && is_closed(*day, complete));
            for day in later {
                *starts.entry(midnight(day)).or_default() |= announce;
            }
        }
        let changed = due.values().map(|(date, _)| *date).collect();
        if !self.windows(rule, correlation, &starts, (Some(complete), &changed), tally).await? {
            return Ok(false);
        }
        for name in due.keys() {
            self.store.remove(name).await?;
        }
        Ok(true)
    }
}

fn midnight(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

fn is_closed(date: NaiveDate, complete: DateTime<Utc>) -> bool {
    midnight(date) + TimeDelta::days(1) <= complete
}

impl<S: Store> Work<'_, '_, S> {
    /// Compares the days of these windows with those before; none if the lease is lost, or somebody else counted at the same
    /// time.
    pub(super) async fn compared(
        &self,
        starts: &BTreeSet<DateTime<Utc>>,
        baselines: Baselines<'_>,
        lease: &mut Lease<'_, S>,
    ) -> Result<Option<Outcome>, CorrelateError> {
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Ok(Some(Outcome::default())) };
        let days = (first.date_naive() - self.correlation.timespan).iter_days();
        let days: Vec<NaiveDate> = days.take_while(|day| *day <= last.date_naive()).collect();
        let mut baselines = baselines;
        let mut incidents = Vec::new();
        for days in days.chunks(DAYS_AT_ONCE) {
            if lease.keep(self.correlator.clock.now()).await.is_err() {
                return Ok(None);
            }
            let Some(profiles) = self.profiles(days, lease).await? else { return Ok(None) };
            for (date, profile) in profiles {
                if starts.contains(&midnight(date)) {
                    incidents.extend(baselines.judge(date, &profile));
                }
                baselines.take(date, profile);
            }
        }
        let incidents = self.with_moments(incidents).await?;
        Ok(Some(Outcome { incidents, open: BTreeMap::new() }))
    }

    /// The profiles of some days. Those that are missing, and those of days that commits have changed, are counted from
    /// signals, which are listed after the profiles were read: so that none is written over another that had seen more.
    async fn profiles(
        &self,
        days: &[NaiveDate],
        lease: &mut Lease<'_, S>,
    ) -> Result<Option<Vec<(NaiveDate, Profile)>>, CorrelateError> {
        let store = self.correlator.store;
        let mut kept = Vec::new();
        let reads = days.iter().map(|date| Kept::read(store, self.rule, self.correlation, *date));
        at_once(DAYS_AT_ONCE, reads, |read| kept.push(read)).await?;
        let is_of_use = |kept: &Kept| kept.profile.is_some() && !self.changed.contains(&kept.date);
        let mut files = SignalFiles::new();
        if let Some((first, last)) = days.first().zip(days.last()).filter(|_| !kept.iter().all(is_of_use)) {
            files = list_signals(store, &self.counted(), *first, *last).await?;
        }
        let mut sources = Sources::default();
        let mut profiles = Vec::new();
        for kept in kept {
            if is_of_use(&kept) {
                profiles.extend(kept.profile.map(|profile| (kept.date, profile)));
                continue;
            }
            let mut profiling = Profiling::new(self.correlation);
            sources.each_file(store, &files, kept.date, |signals| profiling.take(&signals)).await?;
            let profile = profiling.finish();
            let is_held = lease.keep(self.correlator.clock.now()).await.is_ok();
            if !is_held || !kept.write(store, self.rule, self.correlation, &profile).await? {
                return Ok(None);
            }
            profiles.push((kept.date, profile));
        }
        Ok(Some(profiles))
    }

    /// The incidents, each with the events worth showing.
    async fn with_moments(&self, incidents: Vec<Incident>) -> Result<Vec<Incident>, CorrelateError> {
        let dates: BTreeSet<NaiveDate> = incidents.iter().map(|incident| incident.window_start.date_naive()).collect();
        let mut lines = TimeLines::new(self.correlation, incidents);
        let (store, mut sources) = (self.correlator.store, Sources::default());
        for date in dates {
            let files = list_signals(store, &self.counted(), date, date).await?;
            sources.each_file(store, &files, date, |signals| lines.take(&signals)).await?;
        }
        Ok(lines.finish())
    }

    fn counted(&self) -> BTreeSet<String> {
        self.correlation.all_rules().map(|rule| rule.id.clone()).collect()
    }
}
