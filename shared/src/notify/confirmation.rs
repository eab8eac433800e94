//! Of the changes that an export's alert speaks of, which ones a destination was told already, by the alerts of
//! notifications: then it is not told again, and the later alert confirms the earlier.
//!
//! What is withheld by mistake nobody hears of. So only what is surely the same counts ([`crate::counterpart`]), each
//! notification counts for one event alone, and only if the destination, being what it is now, took a message about it as
//! something at least as grave. While such a message is on its way, the later one waits for what becomes of it. Whatever
//! cannot be read or is too much to be read leads to telling.

use std::collections::{BTreeMap, BTreeSet};

use super::announcement::{Announcement, Candidate};
use super::book::{Book, Delivery, State};
use super::deliver::Office;
use super::messenger::Messenger;
use crate::alerts::AlertId;
use crate::config::Destination;
use crate::counterpart::{Certainty, Change, SURELY_AFTER, SURELY_BEFORE};
use crate::event::EventKey;
use crate::lake::{
    Announced, Condition, Store, StoreError, Written, announced, names, receipt_source, received_within,
};
use crate::rules::{Level, Route};
use crate::webhook::Decision;

/// If more notifications than this came around the changes of one export, none of it is withheld: reading them would take
/// longer than telling people.
const MOST: usize = 2000;

/// What is to become of an alert at one destination.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'c> {
    /// It is news
    Tell,
    /// Whether it is news will be known once an earlier alert of the same change has been delivered
    Wait,
    /// The destination was told of the same change by this alert
    Confirmed {
        /// That of a notification
        by: &'c AlertId,
    },
}

/// The alerts of notifications that tell of the same changes as some candidates.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    /// For each candidate, for each of its changes, the alerts of the one notification that surely tells of it
    earlier: BTreeMap<AlertId, Vec<Vec<Earlier>>>,
    /// What destinations were told, by the folder of a rule and window and by destination
    books: BTreeMap<(String, String), Book>,
}

/// The alert of a notification.
#[derive(Debug, Clone)]
struct Earlier {
    alert: AlertId,
    level: Level,
    /// The folder of its delivery records
    folder: String,
    /// Who is to be told of it by what lies in the outbox
    on_its_way_to: BTreeSet<String>,
}

/// Whether a destination knows of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Told,
    OnItsWay,
    Not,
}

impl<S: Store, M: Messenger> Office<'_, S, M> {
    /// Looks for notifications of the changes that candidates speak of. Where there are none, that is one list for each day.
    pub(super) async fn confirmations(&self, candidates: &[Candidate]) -> Result<Confirmations, StoreError> {
        let changes = || candidates.iter().flat_map(|candidate| candidate.changes.values());
        let spans: Vec<_> = changes().map(|change| change.time - SURELY_BEFORE..=change.time + SURELY_AFTER).collect();
        let receipts = received_within(self.store, &spans).await?;
        if receipts.is_empty() || receipts.len() > MOST {
            return Ok(Confirmations::default());
        }
        let announced = announced(self.store, receipts).await?;
        let mut found = Confirmations::default();
        for candidate in candidates.iter().filter(|candidate| !candidate.changes.is_empty()) {
            let mut of_each = Vec::new();
            for (event, change) in &candidate.changes {
                let one = self.notification_of(*event, change, &announced).await?;
                of_each.push(match one {
                    Some(one) => self.earlier(one).await?,
                    None => Vec::new(),
                });
            }
            found.earlier.insert(candidate.alert.clone(), of_each);
        }
        let folders: BTreeSet<&String> =
            found.earlier.values().flatten().flatten().map(|earlier| &earlier.folder).collect();
        for folder in folders {
            for destination in self.notify.destinations.keys() {
                let Some(stored) = self.store.get(&format!("{folder}{destination}.json")).await? else { continue };
                // One that is damaged says of nothing that it was told.
                if let Ok(book) = serde_json::from_slice(&stored.content) {
                    found.books.insert((folder.clone(), destination.clone()), book);
                }
            }
        }
        Ok(found)
    }

    /// The notification that stands for an event, of those that surely tell of it the one closest in time: one that stands for
    /// no other event. That is entered beside it in the lake, once and for all.
    async fn notification_of<'a>(
        &self,
        event: EventKey,
        change: &Change,
        announced: &'a [Announced],
    ) -> Result<Option<&'a Announced>, StoreError> {
        let is_told = |announced: &&Announced| {
            let mut matches = announced.decision.iter().flat_map(Decision::matches);
            matches.any(|decided| decided.route > Route::Dashboard)
        };
        let is_same = |announced: &&Announced| change.counterpart(&announced.change) == Some(Certainty::Sure);
        let mut same: Vec<&Announced> = announced.iter().filter(is_told).filter(is_same).collect();
        same.sort_by_key(|announced| (announced.change.time - change.time).abs());
        for announced in same {
            let (name, content) = (names::stands_for(&announced.receipt), event.to_string());
            let is_its_own = match self.store.put_if(&name, content.clone().into_bytes(), Condition::Absent).await? {
                Written::Done(_) => true,
                Written::Conflict => {
                    let stored = self.store.get(&name).await?;
                    stored.is_some_and(|stored| stored.content == content.as_bytes())
                }
            };
            if is_its_own {
                return Ok(Some(announced));
            }
        }
        Ok(None)
    }

    /// The alerts that a notification contributed to, if anybody was to be told of them.
    async fn earlier(&self, announced: &Announced) -> Result<Vec<Earlier>, StoreError> {
        let mut on_their_way: BTreeMap<AlertId, BTreeSet<String>> = BTreeMap::new();
        for entry in self.store.list(&names::outbox_of(&receipt_source(self.lake, &announced.receipt).id)).await? {
            let Some(stored) = self.store.get(&entry.name).await? else { continue };
            let Ok(announcement) = serde_json::from_slice::<Announcement>(&stored.content) else { continue };
            for message in announcement.candidates.iter().map(|candidate| &candidate.message) {
                let Some(alert) = &message.alert else { continue };
                let to = self.destinations_of(message, announcement.everybody.as_ref());
                on_their_way.entry(alert.clone()).or_default().extend(to.into_iter().map(ToOwned::to_owned));
            }
        }
        let decided = announced.decision.iter().flat_map(Decision::matches);
        let earlier = decided.filter(|decided| decided.route > Route::Dashboard).map(|decided| Earlier {
            alert: decided.alert.clone(),
            level: decided.level,
            folder: names::deliveries_of(&decided.rule, decided.window_start),
            on_its_way_to: on_their_way.remove(&decided.alert).unwrap_or_default(),
        });
        Ok(earlier.collect())
    }
}

impl Confirmations {
    /// What is to become of a candidate of this level at a destination.
    pub(super) fn verdict(
        &self,
        candidate: &Candidate,
        level: Level,
        name: &str,
        destination: Option<&Destination>,
    ) -> Verdict<'_> {
        let (Some(changes), Some(destination)) = (self.earlier.get(&candidate.alert), destination) else {
            return Verdict::Tell;
        };
        let target = destination.target();
        let (mut by, mut waits) = (None, false);
        for earlier in changes {
            let known =
                |how: Known| earlier.iter().find(|each| each.level >= level && self.known(each, name, &target) == how);
            match (known(Known::Told), known(Known::OnItsWay)) {
                (Some(told), _) => by = by.or(Some(&told.alert)),
                (None, Some(_)) => waits = true,
                // One change that is news is enough.
                (None, None) => return Verdict::Tell,
            }
        }
        match by {
            _ if waits => Verdict::Wait,
            Some(by) => Verdict::Confirmed { by },
            None => Verdict::Tell,
        }
    }

    fn known(&self, earlier: &Earlier, name: &str, target: &str) -> Known {
        let book = self.books.get(&(earlier.folder.clone(), name.to_owned()));
        let by_itself = book.and_then(|book| book.alerts.get(&earlier.alert));
        let among_many = book.filter(|book| book.beyond.holds(&earlier.alert)).and_then(|book| book.folded.as_ref());
        let delivery: Option<&Delivery> = by_itself.or(among_many.map(|folded| &folded.delivery));
        let was_taken = |delivery: &Delivery| {
            matches!(delivery.state, State::Sent | State::PossiblyRepeated)
                && delivery.target.as_deref() == Some(target)
        };
        match delivery {
            Some(delivery) if was_taken(delivery) => Known::Told,
            Some(delivery) if delivery.is_settled() => Known::Not,
            // Only while somebody will go on trying.
            _ if earlier.on_its_way_to.contains(name) => Known::OnItsWay,
            _ => Known::Not,
        }
    }
}
