//! Delivering what the outbox holds: each alert to each of its destinations, once.
//!
//! Every send is claimed first, by a conditional write to the destination's [`Book`]; what became of it is entered
//! behind it, together with the next claim. A process that dies in between leaves a claim that runs out, and whoever
//! takes it over marks its message *possibly repeated*. Destinations are served side by side, so that one that is down
//! neither delays nor repeats another. An entry leaves the outbox once nothing of it is left to do.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use serde::Serialize;

use super::announcement::{Announcement, Candidate, Commit, RuleWindow};
use super::book::{Book, Claim, Item, State};
use super::compose;
use super::message::Message;
use super::messenger::{Messenger, Sent};
use super::open_book::OpenBook;
use crate::alerts::Approvals;
use crate::config::{Destination, NotifyConfiguration};
use crate::lake::{Clock, Manifest, ReadError, Store, StoreError, names, read_approvals};

/// A destination that fails so many times in a row is left alone until the next round.
const FAILURES_IN_A_ROW: u32 = 2;

/// An entry whose commit has not come after this long never will: its export was replaced before it was committed.
const ABANDONED: TimeDelta = TimeDelta::days(1);

/// A message is sent only if its claim lasts for so much longer: more than one attempt may take.
const ATTEMPT: TimeDelta = TimeDelta::seconds(30);

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
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.possibly_repeated += other.possibly_repeated;
        self.rejected += other.rejected;
        self.pending += other.pending;
        self.folded += other.folded;
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
            match self.deliver_entry(&entry.name).await {
                Ok(came_of_it) => tally += came_of_it,
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        (tally, first_error)
    }

    /// Delivers one entry.
    ///
    /// # Errors
    /// [`DeliverError`]
    pub async fn deliver_entry(&self, name: &str) -> Result<Tally, DeliverError> {
        let Some(stored) = self.store.get(name).await? else { return Ok(Tally::default()) };
        let announcement: Announcement = serde_json::from_slice(&stored.content)
            .map_err(|error| DeliverError::Damaged { name: name.to_owned(), reason: error.to_string() })?;
        if let Some(commit) = &announcement.commit
            && !self.is_in_force(commit).await?
        {
            if self.clock.now() - announcement.written > ABANDONED {
                self.store.remove(name).await?;
            }
            return Ok(Tally::default());
        }
        let parcels = self.parcels(&announcement).await?;
        let holder = format!("{}.{}", self.store.holder(), RUNS.fetch_add(1, Ordering::Relaxed));
        let rounds = parcels.into_iter().map(|(destination, parcels)| {
            let round = Round { office: self, name: destination, holder: &holder };
            async move { round.hand_over(parcels).await }
        });
        let mut tally = Tally::default();
        for came_of_it in try_join_all(rounds).await? {
            tally += came_of_it;
        }
        if tally.pending == 0 {
            self.store.remove(name).await?;
        }
        Ok(tally)
    }

    /// Whether the commit that an announcement belongs to is the one that the manifest stands for.
    async fn is_in_force(&self, commit: &Commit) -> Result<bool, StoreError> {
        let Some(stored) = self.store.get(&commit.manifest).await? else { return Ok(false) };
        let manifest: Option<Manifest> = serde_json::from_slice(&stored.content).ok();
        Ok(manifest.is_some_and(|manifest| Commit::of(&manifest) == *commit))
    }

    /// What each destination is to get.
    async fn parcels(&self, announcement: &Announcement) -> Result<BTreeMap<&str, Vec<Parcel>>, ReadError> {
        let approvals = self.approvals_for(&announcement.candidates).await?;
        let mut parcels: BTreeMap<&str, BTreeMap<&RuleWindow, Vec<Message>>> = BTreeMap::new();
        for candidate in &announcement.candidates {
            let Some(message) = candidate.judged(&approvals) else { continue };
            for (destination, _) in self.destinations_of(&message) {
                parcels.entry(destination).or_default().entry(&candidate.of).or_default().push(message.clone());
            }
        }
        let surplus = |of: &RuleWindow| announcement.surplus.iter().find(|surplus| surplus.of == *of);
        let mut found: BTreeMap<&str, Vec<Parcel>> = BTreeMap::new();
        for (destination, by_window) in parcels {
            let parcel = |(of, mut messages): (&RuleWindow, Vec<Message>)| {
                messages.sort_by_key(|message| std::cmp::Reverse(message.level));
                let further = surplus(of).map_or(0, |surplus| surplus.alerts);
                Parcel {
                    folder: names::deliveries_of(&of.rule, of.start),
                    contents: Contents::Alerts(of.clone(), messages, further),
                }
            };
            found.entry(destination).or_default().extend(by_window.into_iter().map(parcel));
        }
        let day = announcement.written.date_naive();
        for name in self.notify.destinations.keys() {
            let for_it = announcement.late.iter().filter(|late| {
                let rule = [late.rule.as_str(), late.rule_name.as_str()];
                self.notify.destinations_of(late.level, late.question, &rule).any(|(to, _)| to == name)
            });
            if let Some(summary) = compose::late(format!("late-{day}"), for_it, self.lake) {
                let parcel =
                    Parcel { folder: names::late_deliveries_of(day), contents: Contents::Summary(Box::new(summary)) };
                found.entry(name).or_default().push(parcel);
            }
        }
        Ok(found)
    }

    fn destinations_of(&self, message: &Message) -> impl Iterator<Item = (&str, &Destination)> {
        let rule = [message.rule.as_deref().unwrap_or_default(), message.rule_name.as_deref().unwrap_or_default()];
        self.notify.destinations_of(message.level, message.question, &rule)
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

/// What one destination is to get from one delivery record.
struct Parcel {
    /// The record's folder
    folder: String,
    contents: Contents,
}

enum Contents {
    /// Alerts of one rule and window, the gravest first, and how many more there are
    Alerts(RuleWindow, Vec<Message>, u64),
    /// The summary of alerts about old events
    Summary(Box<Message>),
}

/// One round to one destination.
struct Round<'r, 'o, S, M> {
    office: &'r Office<'o, S, M>,
    name: &'r str,
    holder: &'r str,
}

/// What was sent and has yet to be entered.
type Unsettled = Option<(Item, Sent)>;

impl<S: Store, M: Messenger> Round<'_, '_, S, M> {
    async fn hand_over(&self, parcels: Vec<Parcel>) -> Result<Tally, DeliverError> {
        let mut tally = Tally::default();
        let mut failures = 0;
        for parcel in parcels {
            let name = format!("{}{}.json", parcel.folder, self.name);
            let mut book = OpenBook::open(self.office.store, name).await?;
            tally += match parcel.contents {
                Contents::Summary(message) => {
                    let item = Item::Folded(message.count);
                    self.all(&mut book, vec![(item, *message)], &mut failures).await?
                }
                Contents::Alerts(of, messages, further) => {
                    self.alerts(&mut book, &of, messages, further, &mut failures).await?
                }
            };
        }
        Ok(tally)
    }

    /// Alerts of one rule and window: each by itself, and past the limit one message about all.
    async fn alerts(
        &self,
        book: &mut OpenBook<'_, S>,
        of: &RuleWindow,
        messages: Vec<Message>,
        further: u64,
        failures: &mut u32,
    ) -> Result<Tally, DeliverError> {
        let Some(gravest) = messages.first().cloned() else { return Ok(Tally::default()) };
        let items: Vec<(Item, Message)> =
            messages.into_iter().filter_map(|message| Some((Item::Alert(message.alert.clone()?), message))).collect();
        let mut tally = self.all(book, items, failures).await?;
        tally.folded += further;
        if tally.folded > 0 {
            let told = book.book().alerts.len() as u64;
            let id = format!("storm-{}-{}", of.rule, of.start.format("%Y%m%dT%H%MZ"));
            let message = compose::storm(of, id, &gravest, told + tally.folded, told, self.office.lake);
            let item = Item::Folded(message.count);
            tally += self.all(book, vec![(item, message)], failures).await?;
        }
        Ok(tally)
    }

    /// Claims, sends and settles one after the other.
    async fn all(
        &self,
        book: &mut OpenBook<'_, S>,
        items: Vec<(Item, Message)>,
        failures: &mut u32,
    ) -> Result<Tally, DeliverError> {
        let mut tally = Tally::default();
        let mut unsettled: Unsettled = None;
        for (item, message) in &items {
            if *failures >= FAILURES_IN_A_ROW {
                // Not claimed: only what is settled or folded already needs nothing more.
                tally.pending += u64::from(!book.book().needs_nothing(item, self.office.notify.storm));
                continue;
            }
            let claim = self.enter(book, unsettled.take(), Some(item)).await?;
            match claim {
                Claim::Settled => {}
                Claim::Folded => tally.folded += 1,
                Claim::Later(_) => tally.pending += 1,
                Claim::Send { possibly_repeated } => {
                    unsettled = self.send(book, item, message, possibly_repeated).await;
                    match &unsettled {
                        Some((_, Sent::Accepted { .. } | Sent::Rejected { .. })) => *failures = 0,
                        _ => *failures += 1,
                    }
                    tally += came_of(unsettled.as_ref(), possibly_repeated);
                }
            }
        }
        if unsettled.is_some() {
            self.enter(book, unsettled, None).await?;
        }
        Ok(tally)
    }

    /// One attempt. None if the claim has too little time left for one: it was not made.
    async fn send(&self, book: &OpenBook<'_, S>, item: &Item, message: &Message, possibly_repeated: bool) -> Unsettled {
        let office = self.office;
        let until: DateTime<Utc> = book.book().delivery(item)?.until;
        let destination = office.notify.destinations.get(self.name)?;
        if office.clock.now() + ATTEMPT > until {
            let reason = "the claim came too late".to_owned();
            return Some((item.clone(), Sent::NotTaken { reason, retry_after: None }));
        }
        let message = Message { possibly_repeated, ..message.clone() };
        Some((item.clone(), office.messenger.send(self.name, destination, &message).await))
    }

    /// Enters what became of the last attempt and claims the next item, in one write.
    async fn enter(
        &self,
        book: &mut OpenBook<'_, S>,
        unsettled: Unsettled,
        next: Option<&Item>,
    ) -> Result<Claim, StoreError> {
        let office = self.office;
        let give_up = office.notify.max_age.delta();
        book.update(|book: &mut Book| {
            let now = office.clock.now();
            if let Some((item, sent)) = &unsettled {
                book.settle(item, sent, self.holder, give_up, now);
            }
            next.map_or(Claim::Settled, |item| book.claim(item, office.notify.storm, self.holder, now))
        })
        .await
    }
}

/// What one attempt adds to the tally.
fn came_of(unsettled: Option<&(Item, Sent)>, possibly_repeated: bool) -> Tally {
    let mut tally = Tally::default();
    match unsettled {
        Some((_, Sent::Accepted { .. })) if possibly_repeated => tally.possibly_repeated = 1,
        Some((_, Sent::Accepted { .. })) => tally.sent = 1,
        Some((_, Sent::Rejected { .. })) => tally.rejected = 1,
        Some((_, Sent::NotTaken { .. } | Sent::Unknown { .. })) | None => tally.pending = 1,
    }
    tally
}

impl Book {
    /// Whether an item needs no attempt of anybody's.
    fn needs_nothing(&self, item: &Item, most: u32) -> bool {
        match self.delivery(item) {
            Some(delivery) => matches!(delivery.state, State::Sent | State::PossiblyRepeated | State::Rejected),
            None => matches!(item, Item::Alert(_)) && self.alerts.len() >= usize::try_from(most).unwrap_or(usize::MAX),
        }
    }
}
