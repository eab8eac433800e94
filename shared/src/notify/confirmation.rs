//! Of the changes that an export's alert speaks of, which ones a destination was told already, by the alerts of
//! notifications: then it is not told again, and the later alert confirms the earlier.
//!
//! Only what is surely the same counts ([`crate::counterpart`]), and only if the destination was told of it as something at
//! least as grave. While the earlier alert is still on its way, the later one waits for what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::announcement::Candidate;
use super::book::{Book, State};
use super::deliver::Office;
use super::deliveries::read_book;
use super::messenger::Messenger;
use crate::alerts::AlertId;
use crate::counterpart::{AFTER, BEFORE, Certainty};
use crate::lake::{Announced, Store, StoreError, announced, names, receipt_source, received_within};
use crate::rules::{Level, Route};
use crate::webhook::Decision;

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
    /// For each candidate, for each of its changes, the alerts that surely tell of it
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
    /// Where routes lead it
    to: BTreeSet<String>,
    /// Whether something of it is still to be delivered
    is_in_the_outbox: bool,
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
        let changes = || candidates.iter().flat_map(|candidate| &candidate.changes);
        let spans: Vec<_> = changes().map(|change| change.time - BEFORE..=change.time + AFTER).collect();
        let receipts = received_within(self.store, &spans).await?;
        if receipts.is_empty() {
            return Ok(Confirmations::default());
        }
        let announced = announced(self.store, receipts).await?;
        let outbox: Vec<String> = self.store.list(names::OUTBOX).await?.into_iter().map(|entry| entry.name).collect();
        let mut found = Confirmations::default();
        for candidate in candidates.iter().filter(|candidate| !candidate.changes.is_empty()) {
            let of_each = candidate.changes.iter().map(|change| {
                let is_same = |announced: &&Announced| change.counterpart(&announced.change) == Some(Certainty::Sure);
                announced.iter().filter(is_same).flat_map(|announced| self.earlier(announced, &outbox)).collect()
            });
            found.earlier.insert(candidate.alert.clone(), of_each.collect());
        }
        let folders: BTreeSet<&String> =
            found.earlier.values().flatten().flatten().map(|earlier| &earlier.folder).collect();
        for folder in folders {
            for entry in self.store.list(folder).await? {
                let Some(destination) = names::source_of(&entry.name) else { continue };
                if let Some(book) = read_book(self.store, &entry.name).await? {
                    found.books.insert((folder.clone(), destination.to_owned()), book);
                }
            }
        }
        Ok(found)
    }

    /// The alerts that a notification contributed to, if anybody was to be told of them.
    fn earlier(&self, announced: &Announced, outbox: &[String]) -> Vec<Earlier> {
        let entries = names::outbox_of(&receipt_source(self.lake, &announced.receipt).id);
        let is_in_the_outbox = outbox.iter().any(|name| name.starts_with(&entries));
        let decided = announced.decision.iter().flat_map(Decision::matches);
        let told = decided.filter(|decided| decided.route > Route::Dashboard).map(|decided| {
            let rule = [decided.rule.as_str(), decided.rule_name.as_str()];
            let to = self.notify.destinations_of(decided.level, decided.question, &rule);
            Earlier {
                alert: decided.alert.clone(),
                level: decided.level,
                folder: names::deliveries_of(&decided.rule, decided.window_start),
                to: to.map(|(name, _)| name.to_owned()).collect(),
                is_in_the_outbox,
            }
        });
        told.collect()
    }
}

impl Confirmations {
    /// What is to become of a candidate of this level at a destination.
    pub(super) fn verdict(&self, candidate: &Candidate, level: Level, destination: &str) -> Verdict<'_> {
        let Some(changes) = self.earlier.get(&candidate.alert) else { return Verdict::Tell };
        let (mut by, mut waits) = (None, false);
        for earlier in changes {
            let known =
                |how: Known| earlier.iter().find(|each| each.level >= level && self.known(each, destination) == how);
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

    fn known(&self, earlier: &Earlier, destination: &str) -> Known {
        let book = self.books.get(&(earlier.folder.clone(), destination.to_owned()));
        let delivery = match book.map(|book| (book.alerts.get(&earlier.alert), &book.folded)) {
            Some((Some(delivery), _)) => Some(delivery),
            // Among many; whose alerts that message speaks of is not entered one by one.
            Some((None, Some(folded))) if earlier.to.contains(destination) => Some(&folded.delivery),
            _ => None,
        };
        match delivery.map(|delivery| delivery.state) {
            Some(State::Sent | State::PossiblyRepeated | State::Confirmed) => Known::Told,
            Some(State::Pending | State::Leased) => Known::OnItsWay,
            None if earlier.is_in_the_outbox && earlier.to.contains(destination) => Known::OnItsWay,
            Some(State::Rejected) | None => Known::Not,
        }
    }
}
