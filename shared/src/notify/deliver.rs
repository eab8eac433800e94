//! Delivering what the outbox holds: each alert to each of its destinations, once.
//!
//! Every send is claimed first, by a conditional write to the destination's [`Book`](super::Book); what became of it is entered
//! behind it, together with the next claim. A process that dies in between leaves a claim that runs out, and whoever
//! takes it over marks its message *possibly repeated*. Destinations are served side by side, so that one that is down
//! neither delays nor repeats another ([`super::round`]). An entry leaves the outbox once nothing of it is left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures_util::future::join_all;
use serde::Serialize;

use super::announcement::{Announcement, Candidate, Commit, RuleWindow};
use super::compose;
use super::confirmation::Verdict;
use super::message::Message;
use super::messenger::Messenger;
use super::round::{Contents, Messages, Parcel, Round};
use crate::alerts::{AlertId, Approvals};
use crate::config::{Destination, NotifyConfiguration};
use crate::export::Source;
use crate::lake::{
    Clock, ETag, Header, Lake, Manifest, ReadError, Store, StoreError, alerts_committed, names, read_approvals,
    version_of,
};

/// An entry whose commit has not come after this long never will: its export was replaced before it was committed.
const ABANDONED: TimeDelta = TimeDelta::days(1);

/// What came of delivering, in messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Taken by a destination, for the first time
    pub sent: u64,
    /// Taken, and perhaps not for the first time
    pub possibly_repeated: u64,
    /// Refused for good
    pub rejected: u64,
    /// Not delivered yet
    pub pending: u64,
    /// Alerts that a message about many spoke of, or speaks of, instead of one of their own
    pub folded: u64,
    /// Alerts that a destination was not told of since it was told of the same change by webhook
    #[serde(skip_serializing_if = "is_none")]
    pub confirmed: u64,
    /// Alerts that nobody is told of: no destination is there, or no route leads to one
    #[serde(skip_serializing_if = "is_none")]
    pub to_nobody: u64,
    /// Entries of the outbox that were given up: what they told of was replaced before anybody was told
    #[serde(skip_serializing_if = "is_none")]
    pub given_up: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.possibly_repeated += other.possibly_repeated;
        self.rejected += other.rejected;
        self.pending += other.pending;
        self.folded += other.folded;
        self.confirmed += other.confirmed;
        self.to_nobody += other.to_nobody;
        self.given_up += other.given_up;
    }
}

/// An entry of the outbox could not be delivered. It stays, and trying again is safe.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The lake failed.
    #[error("the lake failed: {0}")]
    Store(#[from] StoreError),
    /// Approvals cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The entry cannot be read.
    #[error("{name} in the outbox is damaged: {reason}")]
    Damaged {
        /// Its name
        name: String,
        /// What is wrong with it
        reason: String,
    },
}

/// Delivers what a lake's outbox holds.
pub struct Office<'o, S, M> {
    /// The lake
    pub store: &'o S,
    /// Hands messages over
    pub messenger: &'o M,
    /// The clock that leases go by
    pub clock: &'o dyn Clock,
    /// Who is told what
    pub notify: &'o NotifyConfiguration,
    /// The lake's address, as commands in messages name it
    pub lake: &'o str,
    /// No attempt is begun that might not be over by then; what is left is for another round
    pub until: Option<DateTime<Utc>>,
    /// How often each destination failed in a row
    pub failures: Failures,
}

/// How often each destination failed in a row: one that is down costs a round two attempts, however much it is to get.
#[derive(Debug, Default)]
pub struct Failures(Mutex<BTreeMap<String, u32>>);

/// A destination that fails so many times in a row is left alone until the next round.
const FAILURES_IN_A_ROW: u32 = 2;

impl Failures {
    /// Whether a destination is left alone until the next round.
    pub(super) fn are_enough(&self, destination: &str) -> bool {
        self.lock().get(destination).is_some_and(|failures| *failures >= FAILURES_IN_A_ROW)
    }

    /// Notes what came of an attempt.
    pub(super) fn note(&self, destination: &str, failed: bool) {
        let mut failures = self.lock();
        let so_far = failures.entry(destination.to_owned()).or_default();
        *so_far = if failed { *so_far + 1 } else { 0 };
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When an entry of the outbox was written; none if it is gone.
///
/// # Errors
/// [`DeliverError`]
pub async fn written(store: &impl Store, name: &str) -> Result<Option<DateTime<Utc>>, DeliverError> {
    Ok(read(store, name).await?.map(|(announcement, _)| announcement.written))
}

/// An entry as it stands, with its version; none if it is gone.
async fn read(store: &impl Store, name: &str) -> Result<Option<(Announcement, ETag)>, DeliverError> {
    let Some(stored) = store.get(name).await? else { return Ok(None) };
    let announcement = serde_json::from_slice(&stored.content)
        .map_err(|error| DeliverError::Damaged { name: name.to_owned(), reason: error.to_string() })?;
    Ok(Some((announcement, stored.etag)))
}

/// Runs of this process so far: each claims under a name of its own.
static RUNS: AtomicU64 = AtomicU64::new(0);

impl<S: Store, M: Messenger> Office<'_, S, M> {
    /// Delivers every entry whose name begins with `prefix`. An entry that fails holds up no other; the first error is
    /// given once all were tried.
    ///
    /// # Errors
    /// [`DeliverError`]
    pub async fn deliver(&self, prefix: &str) -> (Tally, Option<DeliverError>) {
        let mut tally = Tally::default();
        let entries = match self.store.list(prefix).await {
            Ok(entries) => entries,
            Err(error) => return (tally, Some(error.into())),
        };
        let mut first_error = None;
        for entry in entries {
            let (came_of_it, error) = self.entry(&entry.name).await;
            tally += came_of_it;
            first_error = first_error.or(error);
        }
        (tally, first_error)
    }

    /// Delivers one entry.
    ///
    /// # Errors
    /// [`DeliverError`]
    pub async fn deliver_entry(&self, name: &str) -> Result<Tally, DeliverError> {
        let (tally, error) = self.entry(name).await;
        error.map_or(Ok(tally), Err)
    }

    /// What came of an entry, as far as it got.
    async fn entry(&self, name: &str) -> (Tally, Option<DeliverError>) {
        let mut tally = Tally::default();
        // In a box: with the requests of an SDK in it, it is large and would make every future around it as large.
        let error = Box::pin(self.tell(name, &mut tally)).await.err();
        (tally, error)
    }

    async fn tell(&self, name: &str, tally: &mut Tally) -> Result<(), DeliverError> {
        let Some((mut announcement, seen)) = read(self.store, name).await? else { return Ok(()) };
        if let Some(closing) = &announcement.closing {
            return Ok(self.close(name, closing, tally).await?);
        }
        let mut is_superseded = false;
        if let Some(commit) = announcement.commit.clone() {
            if self.is_in_force(&commit).await? {
                // Until its commit is in force an entry may be replaced, by one of another day, so what was read before
                // does not count.
                let Some((last, _)) = read(self.store, name).await? else { return Ok(()) };
                announcement = last;
            } else {
                if self.clock.now() - announcement.written > ABANDONED {
                    tally.given_up += u64::from(self.remove_abandoned(name, &seen, &commit).await?);
                    return Ok(());
                }
                is_superseded = true;
                self.keep_what_stands(&commit, &mut announcement).await?;
                if announcement.candidates.is_empty() && !commit.is_of_correlation() {
                    return Ok(());
                }
            }
            self.withdraw(&commit, &announcement.withdrawn).await?;
        }
        let parcels = self.parcels(&announcement, tally).await?;
        let holder = self.holder();
        // All of them to their ends, whatever becomes of one: who is stopped between sending a message and entering
        // that it was taken has it sent again.
        let rounds = parcels.into_iter().map(|(destination, parcels)| {
            let to = announcement.everybody.as_ref().unwrap_or(&self.notify.destinations);
            let destination = (destination, to.get(destination));
            let round =
                Round { office: self, name: destination.0, destination: destination.1, holder: &holder, entry: name };
            async move { round.hand_over(parcels).await }
        });
        let mut first_error = None;
        for (came_of_it, error) in join_all(rounds).await {
            *tally += came_of_it;
            first_error = first_error.or(error);
        }
        if let Some(error) = first_error {
            return Err(error.into());
        }
        if tally.pending > 0 {
            return Ok(());
        }
        match &announcement.commit {
            // The commit that it belongs to may be about to come.
            Some(commit) if is_superseded => {
                // What a correlation finds is soon found otherwise, and its former results never come again.
                if commit.is_of_correlation() {
                    self.remove_abandoned(name, &seen, commit).await?;
                }
            }
            _ => self.store.remove(name).await?,
        }
        Ok(())
    }

    /// What nobody else claims as.
    pub(super) fn holder(&self) -> String {
        format!("{}.{}", self.store.holder(), RUNS.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether the commit that an announcement belongs to is the one that the manifest stands for.
    async fn is_in_force(&self, commit: &Commit) -> Result<bool, StoreError> {
        if commit.is_of_correlation() {
            let found = version_of(self.store, &commit.manifest).await?;
            let stands = |(header, version): (Header, String)| {
                Commit::of_correlated(&commit.uri, &commit.manifest, &header, version) == *commit
            };
            return Ok(found.is_some_and(stands));
        }
        let Some(stored) = self.store.get(&commit.manifest).await? else { return Ok(false) };
        // A manifest that cannot be read says nothing of any commit; none is given up for it.
        let manifest: Manifest = serde_json::from_slice(&stored.content)
            .map_err(|error| StoreError::new("read", &commit.manifest, format!("the manifest is damaged: {error}")))?;
        Ok(Commit::of(&manifest) == *commit)
    }

    /// Removes an entry whose commit never came, while nobody can be about to make that commit after all.
    async fn remove_abandoned(&self, name: &str, seen: &ETag, commit: &Commit) -> Result<bool, StoreError> {
        let is_abandoned_still = async {
            let stored = self.store.get(name).await?;
            Ok(stored.is_some_and(|stored| stored.etag == *seen) && !self.is_in_force(commit).await?)
        };
        let lake = Lake::new(self.store, self.clock);
        lake.remove_at_rest(&Source::at(&commit.uri).id, name, is_abandoned_still).await
    }

    /// Of an entry whose commit was followed by another before everybody was told, or has not come yet: keeps the alerts
    /// that stand in what is committed now.
    async fn keep_what_stands(&self, commit: &Commit, announcement: &mut Announcement) -> Result<(), DeliverError> {
        let examples = announcement.late.iter().map(|late| &late.example);
        let alerts = announcement.candidates.iter().map(|each| &each.alert).chain(examples);
        let dates: BTreeSet<NaiveDate> = alerts.map(AlertId::date).collect();
        let standing = alerts_committed(self.store, &commit.manifest, &dates).await?;
        announcement.candidates.retain(|candidate| standing.contains(&candidate.alert));
        if commit.is_of_correlation() {
            // A later result says only what is news beyond this one; one that never came is done over.
            announcement.late.retain(|late| standing.contains(&late.example));
            if announcement.candidates.is_empty() {
                announcement.surplus.clear();
            }
            return Ok(());
        }
        announcement.surplus.clear();
        announcement.late.clear();
        Ok(())
    }

    /// What each destination is to get.
    async fn parcels<'a>(
        &'a self,
        announcement: &'a Announcement,
        tally: &mut Tally,
    ) -> Result<BTreeMap<&'a str, Vec<Parcel>>, DeliverError> {
        let approvals = self.approvals_for(&announcement.candidates).await?;
        let confirmations = self.confirmations(&announcement.candidates).await?;
        let mut parcels: BTreeMap<&str, BTreeMap<&RuleWindow, Messages>> = BTreeMap::new();
        for candidate in &announcement.candidates {
            let Some(message) = candidate.judged(&approvals) else { continue };
            let destinations = self.destinations_of(&message, announcement.everybody.as_ref());
            tally.to_nobody += u64::from(destinations.is_empty());
            for destination in destinations {
                let to = announcement.everybody.as_ref().unwrap_or(&self.notify.destinations).get(destination);
                let verdict = confirmations.verdict(candidate, message.level, destination, to);
                let messages = parcels.entry(destination).or_default().entry(&candidate.of).or_default();
                match verdict {
                    Verdict::Tell => messages.to_tell.push(message.clone()),
                    Verdict::Confirmed { by } => {
                        messages.confirmed.push((candidate.alert.clone(), message.level, by.clone()));
                    }
                    Verdict::Wait => tally.pending += 1,
                }
            }
        }
        let surplus = |of: &RuleWindow| announcement.surplus.iter().find(|surplus| surplus.of == *of);
        let mut found: BTreeMap<&str, Vec<Parcel>> = BTreeMap::new();
        for (destination, by_window) in parcels {
            let parcel = |(of, mut messages): (&RuleWindow, Messages)| {
                messages.to_tell.sort_by_key(|message| std::cmp::Reverse(message.level));
                messages.further = surplus(of).map_or(0, |surplus| surplus.alerts);
                Parcel {
                    folder: names::deliveries_of(&of.rule, of.start),
                    contents: Contents::Alerts(of.clone(), messages),
                }
            };
            found.entry(destination).or_default().extend(by_window.into_iter().map(parcel));
        }
        for name in self.notify.destinations.keys() {
            let for_it = announcement.late.iter().filter(|late| {
                let rule = [late.rule.as_str(), late.rule_name.as_str()];
                self.notify.destinations_of(late.level, late.question, &rule).any(|(to, _)| to == name)
            });
            if let Some(summary) = compose::late(announcement.written, for_it, self.lake) {
                let folder = names::late_deliveries_of(announcement.written, summary.level.as_str());
                let parcel = Parcel { folder, contents: Contents::Summary(Box::new(summary)) };
                found.entry(name).or_default().push(parcel);
            }
        }
        Ok(found)
    }

    pub(super) fn destinations_of<'a>(
        &'a self,
        message: &Message,
        everybody: Option<&'a BTreeMap<String, Destination>>,
    ) -> Vec<&'a str> {
        if let Some(everybody) = everybody {
            return everybody.keys().map(String::as_str).collect();
        }
        let rule = [message.rule.as_deref().unwrap_or_default(), message.rule_name.as_deref().unwrap_or_default()];
        self.notify.destinations_of(message.level, message.question, &rule).map(|(name, _)| name).collect()
    }

    /// The approvals that may stand behind open grants; nothing is read where there are none.
    async fn approvals_for(&self, candidates: &[Candidate]) -> Result<Approvals, ReadError> {
        let grants = || candidates.iter().flat_map(|candidate| &candidate.open).map(|open| &open.grant);
        let first = grants().map(|grant| grant.from.date_naive()).min();
        let last = grants().map(|grant| grant.until.date_naive()).max();
        match (first, last) {
            (Some(first), Some(last)) => read_approvals(self.store, first, last).await,
            _ => Ok(Approvals::default()),
        }
    }
}
