//! The delivery record of one destination for one rule and window: what it was told, what it has yet to be told, and
//! where that is not known. Pure: who reads and writes it in the lake is [`super::deliver`].
//!
//! One record holds all alerts of the rule and window, for two reasons: how many were told one by one is then decided in
//! one conditional write, and an export with many alerts needs few of them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::messenger::Sent;
use crate::alerts::AlertId;
use crate::rules::Level;

/// How long a claim lasts: several times what one attempt may take, so that nobody takes over from a living sender.
const CLAIM: TimeDelta = TimeDelta::minutes(2);
/// The wait after the first attempt that failed; it doubles with each further one.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);
/// The longest wait between two attempts.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// An attempt failed; another one is due at `until`
    Pending,
    /// Somebody is at it, until `until` at most
    Leased,
    /// The destination took it, once
    Sent,
    /// The destination took it, and may have taken it before: that attempt's answer was lost
    PossiblyRepeated,
    /// The destination will never take it, or did not for too long
    Rejected,
    /// The destination was told of the same change by the alert of a notification, and this one confirms that
    Confirmed,
}

/// One alert, or one message about many, to one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where it stands
    pub state: State,
    /// The level of what is told, by itself
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Attempts so far, one that is under way included
    pub attempts: u32,
    /// When it was first claimed
    pub since: DateTime<Utc>,
    /// Until when it is leased, or when the next attempt is due; when it was settled
    pub until: DateTime<Utc>,
    /// Whose lease it is
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Whether the destination may have taken an earlier attempt
    #[serde(default)]
    pub in_doubt: bool,
    /// What the last attempt that failed came to
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The destination's name for it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Stands for what the destination was when it was told: another channel may bear its name by now
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// When events that came later had withdrawn the alert
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<DateTime<Utc>>,
    /// The alert of a notification that the destination was told instead
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<AlertId>,
}

/// A message about many alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folded {
    /// How many alerts it speaks of
    pub alerts: u64,
    /// Its delivery
    pub delivery: Delivery,
}

/// What a destination was told of one rule and window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Alerts that are told one by one
    pub alerts: BTreeMap<AlertId, Delivery>,
    /// The message about those beyond, or about old ones
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folded: Option<Folded>,
    /// The message that says, once the window is over, how many there were in all
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Folded>,
    /// Alerts beyond those that are told one by one, and who said so: each commit may have but one of them
    #[serde(default, skip_serializing_if = "Beyond::is_empty")]
    pub beyond: Beyond,
}

/// Alerts that are not told one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beyond {
    /// Each with its level
    alerts: BTreeMap<AlertId, Level>,
    /// How many more there are, by the entry of the outbox that says so
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    further: BTreeMap<String, u64>,
}

/// So many are told apart; more are only said to be at least so many.
const MOST_BEYOND: usize = 10_000;

impl Beyond {
    /// Adds alerts that an entry of the outbox has, and how many more it has.
    pub(super) fn add(&mut self, entry: &str, alerts: &[(AlertId, Level)], further: u64) {
        for (alert, level) in alerts {
            if self.alerts.len() < MOST_BEYOND || self.alerts.contains_key(alert) {
                let known = self.alerts.entry(alert.clone()).or_insert(*level);
                *known = (*known).max(*level);
            }
        }
        if further > 0 && self.further.len() < MOST_BEYOND {
            self.further.insert(entry.to_owned(), further);
        }
    }

    /// Whether an alert is one of them.
    pub(super) fn holds(&self, alert: &AlertId) -> bool {
        self.alerts.contains_key(alert)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty() && self.further.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.alerts.len() as u64 + self.further.values().sum::<u64>()
    }
}

/// What a delivery is entered under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An alert of its own, of this level
    Alert(AlertId, Level),
    /// The message about so many alerts
    Folded(u64),
    /// The message at the end of the window about so many alerts
    Closing(u64),
}

/// What became of asking to send an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is to be sent now, by whoever asked
    Send {
        /// Whether the destination may have it already
        possibly_repeated: bool,
    },
    /// Nothing is left to do
    Settled,
    /// Somebody else is at it, or the next attempt is not due before then
    Later(DateTime<Utc>),
    /// It is told in the message about many
    Folded,
}

impl Book {
    /// Asks to send an item as `holder`, which nobody else is called, and which has settled what it sent of this item
    /// before. Of alerts that are as grave or graver at most `most` are told one by one: otherwise many small ones would
    /// hide the grave ones. One that was told is told again if it has become graver.
    pub fn claim(&mut self, item: &Item, most: u32, holder: &str, now: DateTime<Utc>) -> Claim {
        if self.folds(item, most) {
            return Claim::Folded;
        }
        let delivery = match item {
            Item::Alert(alert, level) => {
                self.beyond.alerts.remove(alert);
                let new = || Delivery::new(Some(*level), now);
                let delivery = self.alerts.entry(alert.clone()).or_insert_with(new);
                // It stands again, and whoever was told of it was told right.
                delivery.withdrawn = None;
                if delivery.state == State::Confirmed || (delivery.is_settled() && delivery.level < Some(*level)) {
                    *delivery = new();
                }
                delivery
            }
            Item::Folded(alerts) => {
                let new = || Folded { alerts: *alerts, delivery: Delivery::new(None, now) };
                &mut self.folded.get_or_insert_with(new).delivery
            }
            Item::Closing(alerts) => {
                let new = || Folded { alerts: *alerts, delivery: Delivery::new(None, now) };
                &mut self.closing.get_or_insert_with(new).delivery
            }
        };
        delivery.claim(holder, now)
    }

    /// Whether an alert is told in the message about many.
    pub(super) fn folds(&self, item: &Item, most: u32) -> bool {
        let Item::Alert(alert, level) = item else { return false };
        let as_grave = self.told().filter(|(_, delivery)| delivery.level >= Some(*level)).count();
        as_grave >= usize::try_from(most).unwrap_or(usize::MAX) && !self.told().any(|(told, _)| told == alert)
    }

    /// How many alerts there are of each level, those that are told one by one among them, the gravest first.
    pub(super) fn by_level(&self) -> Vec<(Level, u64)> {
        let told = self.told().filter_map(|(_, delivery)| delivery.level);
        let mut counts: BTreeMap<Level, u64> = BTreeMap::new();
        for level in told.chain(self.beyond.alerts.values().copied()) {
            *counts.entry(level).or_default() += 1;
        }
        counts.into_iter().rev().collect()
    }

    /// How many alerts of the rule and window were to be told.
    pub(super) fn in_all(&self) -> u64 {
        self.told_one_by_one() + self.beyond.count()
    }

    /// How many alerts are told one by one.
    pub(super) fn told_one_by_one(&self) -> u64 {
        self.told().count() as u64
    }

    fn told(&self) -> impl Iterator<Item = (&AlertId, &Delivery)> {
        self.alerts.iter().filter(|(_, delivery)| delivery.state != State::Confirmed)
    }

    /// Enters what became of an attempt. It is of no account once somebody else has taken the lease over.
    pub fn settle(&mut self, item: &Item, sent: &Sent, holder: &str, give_up: TimeDelta, now: DateTime<Utc>) {
        if let Some(delivery) = self.delivery_mut(item).filter(|delivery| delivery.is_held_by(holder)) {
            delivery.settle(sent, give_up, now);
        }
    }

    /// Enters that the destination was told of an alert's change by another alert. Whether that is settled: it is not while
    /// somebody is telling it of this one.
    pub fn confirm(&mut self, alert: &AlertId, level: Level, told_by: &AlertId, now: DateTime<Utc>) -> bool {
        let delivery = self.alerts.entry(alert.clone()).or_insert_with(|| Delivery::new(Some(level), now));
        match delivery.state {
            State::Leased if delivery.until > now => return false,
            // Told, or tried in vain: that stands.
            State::Sent | State::PossiblyRepeated | State::Rejected | State::Confirmed => {}
            State::Leased | State::Pending => {
                delivery.state = State::Confirmed;
                delivery.holder = None;
                delivery.until = now;
                delivery.told_by = Some(told_by.clone());
            }
        }
        true
    }

    /// Whether something was to be told of an alert that is not withdrawn.
    pub(super) fn stands(&self, alert: &AlertId) -> bool {
        self.alerts.get(alert).is_some_and(|delivery| delivery.withdrawn.is_none()) || self.beyond.holds(alert)
    }

    /// Enters that an alert is no longer so. What was told stays told.
    pub(super) fn withdraw(&mut self, alert: &AlertId, now: DateTime<Utc>) {
        self.beyond.alerts.remove(alert);
        if let Some(delivery) = self.alerts.get_mut(alert) {
            delivery.withdrawn.get_or_insert(now);
        }
    }

    /// Enters what the destination is that an item is about to be sent to.
    pub(super) fn sent_to(&mut self, item: &Item, target: &str) {
        if let Some(delivery) = self.delivery_mut(item) {
            delivery.target = Some(target.to_owned());
        }
    }

    fn delivery_mut(&mut self, item: &Item) -> Option<&mut Delivery> {
        match item {
            Item::Alert(alert, _) => self.alerts.get_mut(alert),
            Item::Folded(_) => self.folded.as_mut().map(|folded| &mut folded.delivery),
            Item::Closing(_) => self.closing.as_mut().map(|closing| &mut closing.delivery),
        }
    }

    /// How an item stands.
    #[must_use]
    pub fn delivery(&self, item: &Item) -> Option<&Delivery> {
        match item {
            Item::Alert(alert, _) => self.alerts.get(alert),
            Item::Folded(_) => self.folded.as_ref().map(|folded| &folded.delivery),
            Item::Closing(_) => self.closing.as_ref().map(|closing| &closing.delivery),
        }
    }
}

impl Delivery {
    fn new(level: Option<Level>, now: DateTime<Utc>) -> Self {
        Self {
            state: State::Pending,
            level,
            attempts: 0,
            since: now,
            until: now,
            holder: None,
            in_doubt: false,
            reason: None,
            reference: None,
            target: None,
            withdrawn: None,
            told_by: None,
        }
    }

    fn is_held_by(&self, holder: &str) -> bool {
        self.state == State::Leased && self.holder.as_deref() == Some(holder)
    }

    /// Whether nothing is left to do. What was confirmed may have to be told all the same, should a further event turn up
    /// that nobody was told of.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.state, State::Sent | State::PossiblyRepeated | State::Rejected)
    }

    fn claim(&mut self, holder: &str, now: DateTime<Utc>) -> Claim {
        if self.is_settled() {
            return Claim::Settled;
        }
        if self.is_held_by(holder) {
            // Its own claim, of which it did not get the answer: nothing was sent on it.
            return Claim::Send { possibly_repeated: self.in_doubt };
        }
        if self.until > now {
            return Claim::Later(self.until);
        }
        // Whoever held the lease let it run out: it may or may not have sent.
        self.in_doubt |= self.state == State::Leased;
        self.state = State::Leased;
        self.holder = Some(holder.to_owned());
        self.attempts += 1;
        self.until = now + CLAIM;
        Claim::Send { possibly_repeated: self.in_doubt }
    }

    fn settle(&mut self, sent: &Sent, give_up: TimeDelta, now: DateTime<Utc>) {
        self.holder = None;
        self.until = now;
        match sent {
            Sent::Accepted { reference } => {
                self.state = if self.in_doubt { State::PossiblyRepeated } else { State::Sent };
                self.reference.clone_from(reference);
                self.reason = None;
            }
            Sent::Rejected { reason } => {
                self.state = State::Rejected;
                self.reason = Some(reason.clone());
            }
            Sent::NotTaken { reason, retry_after } => self.put_off(reason, *retry_after, give_up, now),
            Sent::Unknown { reason } => {
                self.in_doubt = true;
                self.put_off(reason, None, give_up, now);
            }
        }
    }

    fn put_off(&mut self, reason: &str, wait: Option<TimeDelta>, give_up: TimeDelta, now: DateTime<Utc>) {
        self.reason = Some(reason.to_owned());
        if now - self.since >= give_up {
            self.state = State::Rejected;
            return;
        }
        let doubled = FIRST_WAIT * 2_i32.pow(self.attempts.saturating_sub(1).min(7));
        self.state = State::Pending;
        self.until = now + wait.unwrap_or_default().max(doubled).min(LONGEST_WAIT);
    }
}

#[cfg(test)]
mod tests;
