//! One comparison of webhooks and exports.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, TimeDelta, Utc};
use serde::Serialize;

use super::known::{Known, KnownError, Waiting};
use super::receipts::Receipts;
use crate::counterpart::{Certainty, kinds};
use crate::digest;
use crate::event::EventKey;
use crate::lake::{Audited, AuditedFile, Condition, ReadError, Store, StoreError, names};
use crate::notify::Notice;
use crate::webhook::Decision;

/// What is younger is for the next run. S3 dates a file that was uploaded in parts by when that began, so that it may come to
/// light later than others of its time; and clocks differ.
const MARGIN: TimeDelta = TimeDelta::minutes(30);

/// A notification waits so long for its event: twice the longest interval at which Immuta exports.
const PATIENCE: TimeDelta = TimeDelta::hours(48);

/// The audit log must have gone on so far beyond a notification before anything is said to be missing in it.
const BEYOND: TimeDelta = TimeDelta::hours(1);

/// If the audit log does not get there, nothing is known after so many days. Older events are of no account.
const LOOKS_BACK: Days = Days::new(7);

/// Ledger files of so long before a notification was received may have its event: an export may be under way while it comes.
const OVERLAP: TimeDelta = TimeDelta::hours(2);

/// So many notifications wait at the most; each takes some hundred bytes.
const MOST_WAITING: usize = 20_000;

/// A notice names so many at the most.
const EXAMPLES: usize = 5;

/// What a run counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Notifications that were looked at for the first time and have a counterpart to wait for
    pub notifications: u64,
    /// Notifications whose event was found
    pub found: u64,
    /// Notifications that wait still
    pub waiting: u64,
    /// New notifications that are not waited for, since too many wait
    pub not_awaited: u64,
    /// Notifications whose event never came
    pub missing: u64,
    /// Audit events of kinds that webhooks tell of
    pub events: u64,
    /// Of those: events that no notification told of
    pub untold: u64,
    /// Of those: events of kinds of which notifications have proved to come
    pub suspicious: u64,
}

/// A run.
pub struct Run<'r, S> {
    store: &'r S,
    now: DateTime<Utc>,
    /// Written from here on is new
    from: DateTime<Utc>,
    /// Up to here
    until: DateTime<Utc>,
    known: Known,
    condition: Condition,
    receipts: Receipts,
    /// New notifications that are to wait
    arrived: BTreeMap<String, (Waiting, Option<DateTime<Utc>>)>,
    /// How surely the event of a notification was found
    found: BTreeMap<String, Certainty>,
    /// Events that are counted already, since they may be in two exports
    seen: BTreeSet<EventKey>,
    /// Suspicious events by kind: how many, and the first few
    suspicious: BTreeMap<String, (Vec<EventKey>, Vec<Audited>)>,
    counts: Counts,
}

/// What is due after a run.
pub struct Due {
    /// To be told before `known` is written
    pub tell: Vec<Notice>,
    /// To be left to the next run
    pub known: Known,
    /// On which condition
    pub condition: Condition,
    /// What was counted
    pub counts: Counts,
}

/// Webhooks and exports could not be compared. Nothing was changed; trying again is safe.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What the last run left cannot be used.
    #[error(transparent)]
    Known(#[from] KnownError),
    /// The lake failed.
    #[error("the lake failed: {0}")]
    Store(#[from] StoreError),
    /// A file of a ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl<'r, S: Store> Run<'r, S> {
    /// Compares what was written since the last run, until `is_time_up`: the rest is for the next one. Unless all exports are in
    /// the lake, nothing is said to be missing in them.
    ///
    /// # Errors
    /// [`RunError`]
    pub async fn of(
        store: &'r S,
        now: DateTime<Utc>,
        all_exports_are_there: bool,
        is_time_up: &(dyn Fn() -> bool + Sync),
    ) -> Result<Due, RunError> {
        let (known, condition) = Known::read(store).await?;
        let until = now - MARGIN;
        let from = known.looked_until.unwrap_or(now - LOOKS_BACK);
        let dates = (now - LOOKS_BACK).date_naive()..=(now + TimeDelta::days(1)).date_naive();
        let receipts = Receipts::list(store, dates).await?;
        let (arrived, found, suspicious) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (seen, counts) = (BTreeSet::new(), Counts::default());
        let mut run =
            Self { store, now, from, until, known, condition, receipts, arrived, found, seen, suspicious, counts };
        run.take_in(is_time_up).await?;
        run.compare(is_time_up).await?;
        Ok(run.finish(all_exports_are_there))
    }

    /// Takes in the notifications that were written since the last run and have a counterpart to wait for.
    async fn take_in(&mut self, is_time_up: &(dyn Fn() -> bool + Sync)) -> Result<(), RunError> {
        for (number, listed) in self.receipts.written_within(self.from, self.until).chunks(500).enumerate() {
            // At least some each time, or there would be no end to it.
            if let Some(written) = listed[0].written.filter(|_| number > 0 && is_time_up()) {
                self.until = self.until.min(written);
                break;
            }
            let names: Vec<String> = listed.iter().map(|listed| listed.name.clone()).collect();
            self.receipts.read(self.store, &names).await?;
            for listed in listed {
                let Some(announced) = self.receipts.get(&listed.name) else { continue };
                let kind = announced.change.kind.clone();
                let is_repeat = announced.decision.as_ref().is_some_and(Decision::is_repeat);
                if is_repeat || kinds::audit_kinds(&kind).is_empty() {
                    continue;
                }
                let first = self.known.first_received.entry(kind.clone()).or_insert(listed.received);
                *first = (*first).min(listed.received);
                let waiting = Waiting { kind, received: listed.received };
                self.arrived.insert(listed.name.clone(), (waiting, listed.written));
            }
        }
        Ok(())
    }

    /// Goes through the ledger files that may have something new, in the order in which they were written.
    async fn compare(&mut self, is_time_up: &(dyn Fn() -> bool + Sync)) -> Result<(), RunError> {
        let oldest = self.arrived.values().map(|(waiting, _)| waiting.received).min();
        let first = oldest.map_or(self.from, |oldest| oldest.min(self.from)) - OVERLAP;
        let mut files = Vec::new();
        let dates = (self.now - LOOKS_BACK).date_naive().iter_days();
        for date in dates.take_while(|date| *date <= (self.now + TimeDelta::days(1)).date_naive()) {
            for entry in self.store.list(&names::changes_of(date)).await? {
                if entry.written.is_none_or(|written| first <= written && written < self.until) {
                    files.push((entry.written, entry.name));
                }
            }
        }
        files.sort();
        // At least one new file each time, or there would be no end to it.
        let mut is_begun = false;
        for (written, name) in files {
            let is_new = written.is_none_or(|written| written >= self.from);
            if let Some(written) = written.filter(|_| is_new && is_begun && is_time_up()) {
                self.until = self.until.min(written);
                break;
            }
            is_begun |= is_new;
            self.compare_file(&name, is_new).await?;
        }
        Ok(())
    }

    async fn compare_file(&mut self, name: &str, is_new: bool) -> Result<(), RunError> {
        let Some(mut file) = AuditedFile::open(self.store, name).await? else { return Ok(()) };
        while let Some(batch) = file.next_batch(self.now)? {
            self.known.log_reaches = self.known.log_reaches.max(batch.latest);
            let near = self.receipts.near(batch.events.iter().map(|audited| audited.change.time));
            // No more at once than are held.
            self.receipts.read(self.store, &near).await?;
            for audited in batch.events {
                match self.compare_event(&audited) {
                    // A notification that says nothing may be of any event: it proves nothing, and excuses nothing.
                    Some(Certainty::Possible) => {}
                    certainty if is_new => self.count(audited, certainty.is_some()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// How surely a notification told of an event; notes which ones did.
    fn compare_event(&mut self, audited: &Audited) -> Option<Certainty> {
        let mut surest = None;
        for listed in self.receipts.around(audited.change.time) {
            let is_settled = self.found.get(&listed.name) == Some(&Certainty::Sure);
            if is_settled && surest >= Some(Certainty::Likely) {
                continue;
            }
            let Some(announced) = self.receipts.get(&listed.name) else { continue };
            if let Some(certainty) = audited.change.counterpart(&announced.change) {
                surest = surest.max(Some(certainty));
                let known = self.found.entry(listed.name.clone()).or_insert(certainty);
                *known = (*known).max(certainty);
            }
        }
        surest
    }

    /// Counts an event of a kind that some type of notification tells of which this tenant has sent before.
    fn count(&mut self, audited: Audited, is_told: bool) {
        let (time, kind) = (audited.change.time, audited.change.kind.clone());
        let was_received = |name: &str| self.known.first_received.get(name).is_some_and(|first| *first <= time);
        let is_expected = kinds::notification_types(&kind).any(was_received);
        if time < self.now - LOOKS_BACK || !is_expected || !self.seen.insert(audited.event) {
            return;
        }
        let rate = self.known.events.entry(kind.clone()).or_default();
        rate.count(time.date_naive(), is_told);
        self.counts.events += 1;
        if is_told {
            return;
        }
        self.counts.untold += 1;
        if rate.is_proven {
            self.counts.suspicious += 1;
            let (all, examples) = self.suspicious.entry(kind).or_default();
            all.push(audited.event);
            if examples.len() < EXAMPLES {
                examples.push(audited);
            }
        }
    }

    /// What follows.
    fn finish(mut self, all_exports_are_there: bool) -> Due {
        for (name, (waiting, written)) in std::mem::take(&mut self.arrived) {
            if written.is_some_and(|written| written >= self.until) {
                continue;
            }
            if self.known.waiting.len() < MOST_WAITING || self.found.contains_key(&name) {
                self.counts.notifications += 1;
                self.known.waiting.insert(name, waiting);
            } else {
                self.counts.not_awaited += 1;
                self.known.settled(&waiting).untold += 1;
            }
        }
        for (name, certainty) in &self.found {
            if let Some(waiting) = self.known.waiting.remove(name) {
                self.counts.found += 1;
                self.known.settled(&waiting).count(*certainty);
            }
        }
        let mut tell = self.missing(all_exports_are_there);
        tell.extend(std::mem::take(&mut self.suspicious).into_iter().map(|(kind, (mut events, examples))| {
            events.sort_unstable();
            let (count, all) = (events.len() as u64, stand_for(events.iter().map(ToString::to_string)));
            let rate = &self.known.events[&kind];
            let (events, told) = (rate.events(), rate.told());
            Notice::ChangesNotAnnounced { kind, count, examples, all, events, told }
        }));
        let today = self.now.date_naive();
        self.known.events.values_mut().for_each(|rate| rate.settle(today));
        self.known.forget_before(today);
        self.known.looked_until = Some(self.until.max(self.from));
        self.counts.waiting = self.known.waiting.len() as u64;
        Due { tell, known: self.known, condition: self.condition, counts: self.counts }
    }

    /// The notifications that have waited in vain, by type.
    fn missing(&mut self, all_exports_are_there: bool) -> Vec<Notice> {
        let mut missing: BTreeMap<String, Vec<(DateTime<Utc>, String)>> = BTreeMap::new();
        let reaches = self.known.log_reaches;
        for (name, waiting) in self.known.waiting.clone() {
            let is_beyond = reaches.is_some_and(|reaches| reaches >= waiting.received + BEYOND);
            let is_over = self.now - waiting.received >= PATIENCE;
            let is_hopeless = waiting.received < self.now - LOOKS_BACK;
            if is_over && is_beyond && all_exports_are_there {
                self.known.settled(&waiting).missing += 1;
                self.counts.missing += 1;
                missing.entry(waiting.kind).or_default().push((waiting.received, name.clone()));
            } else if is_hopeless {
                self.known.settled(&waiting).untold += 1;
            } else {
                continue;
            }
            self.known.waiting.remove(&name);
        }
        let notice = |(kind, mut found): (String, Vec<(DateTime<Utc>, String)>)| {
            found.sort();
            let (count, received) = (found.len() as u64, found[0].0);
            let all = stand_for(found.iter().map(|(_, name)| name.clone()));
            found.truncate(EXAMPLES);
            let receipts = found.into_iter().map(|(_, name)| name).collect();
            Notice::NotificationsNotAudited { kind, count, received, receipts, all }
        };
        missing.into_iter().map(notice).collect()
    }
}

/// A hash of names, so that telling of the same ones again is known, and of others is not.
fn stand_for(names: impl Iterator<Item = String>) -> String {
    digest::short(names.collect::<Vec<_>>().join("\n").as_bytes())
}
