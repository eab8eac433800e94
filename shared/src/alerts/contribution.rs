//! What one export contributes to one alert.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::id::AlertId;
use crate::event::{Event, EventKey};
use crate::export::SourceId;
use crate::findings::Fold;
use crate::rules::{Condition, Level, Match, Question, Route};

/// How many example events an alert keeps whole: the first ones by event time and event key.
pub const EXAMPLES: usize = 5;

/// A match, with where its event stands.
pub struct Finding<'f, 'r> {
    /// The rule that held, and how far it was raised
    pub matched: &'f Match<'f>,
    /// The event
    pub event: &'f Event<'r>,
    /// The export
    pub source: &'f SourceId,
    /// The line in it
    pub line: u64,
}

impl Finding<'_, '_> {
    fn key(&self) -> Vec<(String, Vec<String>)> {
        let fields = self.matched.rule.alert_key.iter();
        fields.map(|field| (field.name().to_owned(), field.values(self.event))).collect()
    }

    /// The alert that the match belongs to.
    #[must_use]
    pub fn alert_id(&self) -> AlertId {
        let rule = self.matched.rule;
        AlertId::new(&rule.id, rule.window.start(self.event.time()), &self.key())
    }
}

/// What an export, or several added up, say of an alert.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contribution {
    /// The alert
    pub alert: AlertId,
    /// The rule's id
    pub rule: String,
    /// The rule's name
    pub rule_name: String,
    /// The rule's title
    pub title: String,
    /// The question it answers
    pub question: Question,
    /// The highest level of a match
    pub level: Level,
    /// The furthest route of a match
    pub route: Route,
    /// The alert key: each field with its values
    pub key: Vec<(String, Vec<String>)>,
    /// When the window begins
    pub window_start: DateTime<Utc>,
    /// How long it is, in hours
    pub window_hours: u32,
    /// Why a match was raised
    pub raised: BTreeSet<String>,
    /// The first event with a readable time
    pub first: Option<DateTime<Utc>>,
    /// The last event with a readable time
    pub last: Option<DateTime<Utc>>,
    /// The keys of all events: what makes the count exact when an event comes twice
    pub events: BTreeSet<EventKey>,
    /// The first events, whole
    pub examples: Vec<Example>,
}

/// An example event of an alert.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Example {
    /// Event time
    pub time: Option<DateTime<Utc>>,
    /// Event key
    pub key: EventKey,
    /// The export that it came in
    pub source: SourceId,
    /// The line in it
    pub line: u64,
    /// The conditions of the rule that held
    pub conditions: Vec<Condition>,
    /// The whole record, with its query text as configured
    pub record: Box<RawValue>,
}

impl Example {
    fn order(&self) -> (Option<DateTime<Utc>>, EventKey, &SourceId, u64) {
        (self.time, self.key, &self.source, self.line)
    }
}

/// What a contribution takes in memory beside its texts, and what each event key adds to it.
const BYTES: usize = 600;
const KEY_BYTES: usize = 40;

impl Contribution {
    /// An empty contribution to the alert of a match, and about how many bytes it takes.
    #[must_use]
    pub fn begin(finding: &Finding<'_, '_>) -> (Self, usize) {
        let rule = finding.matched.rule;
        let contribution = Self {
            alert: finding.alert_id(),
            rule: rule.id.clone(),
            rule_name: rule.name.clone(),
            title: rule.title.clone(),
            question: rule.question,
            level: finding.matched.level,
            route: finding.matched.route,
            key: finding.key(),
            window_start: rule.window.start(finding.event.time()),
            window_hours: rule.window.hours(),
            raised: BTreeSet::new(),
            first: None,
            last: None,
            events: BTreeSet::new(),
            examples: Vec::new(),
        };
        (contribution, BYTES)
    }

    /// Adds a match. `details` gives the record and the conditions that held; it is asked only for an event that may
    /// become an example. Returns by about how many bytes the contribution grew.
    pub fn add(&mut self, finding: &Finding<'_, '_>, details: impl FnOnce() -> (String, Vec<Condition>)) -> usize {
        let event = finding.event;
        self.level = self.level.max(finding.matched.level);
        self.route = self.route.max(finding.matched.route);
        for raise in &finding.matched.raised {
            if !self.raised.contains(&raise.because) {
                self.raised.insert(raise.because.clone());
            }
        }
        self.widen(event.time(), event.time());
        let mut bytes = if self.events.insert(event.key()) { KEY_BYTES } else { 0 };
        let order = (event.time(), event.key(), finding.source, finding.line);
        let wanted = self.examples.len() < EXAMPLES || self.examples.last().is_some_and(|last| order < last.order());
        if wanted {
            let (record, conditions) = details();
            bytes += record.len() + conditions.len() * 128;
            // The record was parsed once, so it is JSON; should it not be, the event still counts.
            if let Ok(record) = RawValue::from_string(record) {
                let (source, line) = (finding.source.clone(), finding.line);
                self.examples.push(Example { time: event.time(), key: event.key(), source, line, conditions, record });
                self.keep_first_examples();
            }
        }
        bytes
    }

    /// The date on which the alert's window begins.
    #[must_use]
    pub fn date(&self) -> NaiveDate {
        self.alert.date()
    }

    fn widen(&mut self, first: Option<DateTime<Utc>>, last: Option<DateTime<Utc>>) {
        self.first = self.first.into_iter().chain(first).min();
        self.last = self.last.into_iter().chain(last).max();
    }

    /// Of two copies of an event, the one in the export that sorts first stays, so that the order of adding is
    /// of no account.
    fn keep_first_examples(&mut self) {
        self.examples.sort_by(|a, b| a.order().cmp(&b.order()));
        // Copies need not stand side by side: one without an event time is dated by its receipt.
        let mut seen = BTreeSet::new();
        self.examples.retain(|example| seen.insert(example.key));
        self.examples.truncate(EXAMPLES);
    }
}

impl Fold for Contribution {
    fn fold(&mut self, other: Self) {
        self.level = self.level.max(other.level);
        self.route = self.route.max(other.route);
        // A rule that was renamed between two exports: either text would do, and the choice must not depend on the
        // order of folding.
        if other.title > self.title {
            self.title = other.title;
        }
        if other.rule_name > self.rule_name {
            self.rule_name = other.rule_name;
        }
        self.question = self.question.max(other.question);
        self.raised.extend(other.raised);
        self.widen(other.first, other.last);
        self.events.extend(other.events);
        self.examples.extend(other.examples);
        self.keep_first_examples();
    }
}
