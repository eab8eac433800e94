//! What one export contributes to one alert.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::id::AlertId;
use crate::circumstances::Grant;
use crate::correlate::{Before, Incident, Moment, Stretch};
use crate::event::{Event, EventKey};
use crate::export::SourceId;
use crate::findings::Fold;
use crate::rules::{Condition, Correlation, Level, Match, Outcome, Question, Route, Rule};

/// How many example events an alert shows whole: the gravest, and of these the first by event time and event key.
pub const EXAMPLES: usize = 5;

/// How many grants are kept whole on top of that while it is open whether they were approved: those that were are shown
/// last, and which they are is known only when the alert is read.
const OPEN_EXAMPLES: usize = 20;

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
    /// Grants that are worth more unless an approved request stands behind them, which another export may hold
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unless_approved: BTreeMap<EventKey, UnlessApproved>,
    /// The gravest events, whole
    pub examples: Vec<Example>,
    /// What a correlation found, if this is of one
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub found: Option<Found>,
}

/// What a correlation found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// What it counts and when that is an alert, in words
    pub counts: String,
    /// How many events there are
    pub events: u64,
    /// The highest value that what is counted came to, if it is a number that is counted
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<f64>,
    /// How it was before, if that is what it is compared with
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Before>,
    /// From when on it could be known, where that is later than its last event: of something that did not happen, and of days
    /// that are compared
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub known_from: Option<DateTime<Utc>>,
    /// The stretches of time in which it held, if that is not all of the time from its first event to its last
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stretches: Option<Vec<Stretch>>,
    /// The titles of the rules that it counts, by their ids
    pub rules: BTreeMap<String, String>,
    /// The events worth showing, in order of time
    pub moments: Vec<Moment>,
}

/// What a grant comes to if no approved request stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlessApproved {
    /// What the request must be about
    pub grant: Grant,
    /// The level then
    pub level: Level,
    /// The route then
    pub route: Route,
    /// What raises it then
    pub raised: BTreeSet<String>,
}

impl UnlessApproved {
    fn weight(&self) -> impl Ord {
        (self.level, self.route, self.raised.clone(), self.grant.from, self.grant.until)
    }
}

/// An example event of an alert.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Example {
    /// Event time
    pub time: Option<DateTime<Utc>>,
    /// Event key
    pub key: EventKey,
    /// What the event by itself makes of the alert; without an approval, for a grant that one may stand behind
    pub level: Level,
    /// As `level`
    pub route: Route,
    /// The export that it came in
    pub source: SourceId,
    /// The line in it
    pub line: u64,
    /// The conditions of the rule that held
    pub conditions: Vec<Condition>,
    /// How it is known whether it was done by hand, where the rule asks
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hands: Option<String>,
    /// Further ones that hold if no approved request stands behind a grant
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unless_approved: Vec<Condition>,
    /// The whole record, with its query text as configured
    pub record: Box<RawValue>,
}

/// What examples are ordered by: the gravest first, then by event time and event key. Of two copies of an event, the one
/// in the export that sorts first comes first, so that the order of adding is of no account.
type ExampleOrder<'e> = (Reverse<(Level, Route)>, Option<DateTime<Utc>>, EventKey, &'e SourceId, u64);

impl Example {
    fn order(&self) -> ExampleOrder<'_> {
        (Reverse((self.level, self.route)), self.time, self.key, &self.source, self.line)
    }

    fn is_open(&self) -> bool {
        !self.unless_approved.is_empty()
    }
}

/// What an example keeps of a match.
pub struct Details {
    /// The record's text, as it may be kept
    pub record: String,
    /// The conditions that held
    pub conditions: Vec<Condition>,
    /// How it is known whether it was done by hand, where the rule asks
    pub hands: Option<String>,
    /// Those that hold if no approved request stands behind it
    pub unless_approved: Vec<Condition>,
}

/// What a contribution takes in memory beside its texts, and what each event key adds to it.
const BYTES: usize = 600;
const KEY_BYTES: usize = 40;
/// What an open grant adds: its parties' names, and why it would be raised.
const GRANT_BYTES: usize = 600;

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
            // The weakest there is: every match says what it is worth when it is added.
            level: rule.level,
            route: rule.route,
            key: finding.key(),
            window_start: rule.window.start(finding.event.time()),
            window_hours: rule.window.hours(),
            raised: BTreeSet::new(),
            first: None,
            last: None,
            events: BTreeSet::new(),
            unless_approved: BTreeMap::new(),
            examples: Vec::new(),
            found: None,
        };
        (contribution, BYTES)
    }

    /// What a correlation found, in one group and one window. It is the whole of the alert. `lateness` is how late events may
    /// come.
    #[must_use]
    pub fn of_incident(rule: &Rule, correlation: &Correlation, incident: &Incident, lateness: TimeDelta) -> Self {
        let key: Vec<(String, Vec<String>)> =
            incident.group.iter().map(|(name, value)| (name.clone(), vec![value.clone()])).collect();
        let titles = correlation.all_rules().map(|rule| (rule.id.clone(), rule.title.clone()));
        Self {
            alert: AlertId::new(&rule.id, incident.window_start, &key),
            rule: rule.id.clone(),
            rule_name: rule.name.clone(),
            title: rule.title.clone(),
            question: rule.question,
            level: rule.level,
            route: rule.route,
            key,
            window_start: incident.window_start,
            window_hours: rule.window.hours(),
            raised: BTreeSet::new(),
            first: incident.first(),
            last: incident.last(),
            events: BTreeSet::new(),
            unless_approved: BTreeMap::new(),
            examples: Vec::new(),
            found: Some(Found {
                counts: correlation.in_words(),
                events: incident.events,
                value: correlation.test.is_of_a_number().then_some(incident.value),
                before: incident.before.clone(),
                known_from: correlation
                    .known_after(lateness)
                    .and_then(|after| incident.last()?.checked_add_signed(after)),
                stretches: Some(&incident.stretches).filter(|stretches| stretches.len() > 1).cloned(),
                rules: titles.collect(),
                moments: incident.moments.clone(),
            }),
        }
    }

    /// When it was news.
    #[must_use]
    pub fn news_at(&self) -> Option<DateTime<Utc>> {
        self.found.as_ref().and_then(|found| found.known_from).or(self.last)
    }

    /// How many distinct events it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.found.as_ref().map_or(self.events.len() as u64, |found| found.events)
    }

    /// Adds a match. `details` gives what an example keeps of it; it is asked only for an event that may become one.
    /// Returns by about how many bytes the contribution grew.
    pub fn add(&mut self, finding: &Finding<'_, '_>, details: impl FnOnce() -> Details) -> usize {
        let (event, matched) = (finding.event, finding.matched);
        let mut bytes = if self.events.insert(event.key()) { KEY_BYTES } else { 0 };
        let settled = matched.if_approved.as_ref().map_or(&matched.outcome, |with| &with.outcome);
        self.level = self.level.max(settled.level);
        self.route = self.route.max(settled.route);
        for raise in &settled.raised {
            if !self.raised.contains(&raise.because) {
                self.raised.insert(raise.because.clone());
            }
        }
        if let Some(with) = &matched.if_approved {
            let Outcome { level, route, raised } = &matched.outcome;
            let raised = raised.iter().map(|raise| raise.because.clone()).collect();
            let open = UnlessApproved { grant: with.grant.clone(), level: *level, route: *route, raised };
            self.unless_approved.insert(event.key(), open);
            bytes += GRANT_BYTES;
        }
        self.widen(event.time(), event.time());
        let Outcome { level, route, .. } = matched.outcome;
        let order = (Reverse((level, route)), event.time(), event.key(), finding.source, finding.line);
        let is_open = matched.if_approved.is_some();
        let rivals = || self.examples.iter().filter(|example| example.is_open() == is_open);
        let most = if is_open { OPEN_EXAMPLES } else { EXAMPLES };
        let wanted = rivals().count() < most || rivals().next_back().is_some_and(|last| order < last.order());
        if wanted {
            let Details { record, conditions, hands, unless_approved } = details();
            bytes += record.len() + (conditions.len() + unless_approved.len()) * 128;
            // The record was parsed once, so it is JSON; should it not be, the event still counts.
            if let Ok(record) = RawValue::from_string(record) {
                let (source, line) = (finding.source.clone(), finding.line);
                let (time, key) = (event.time(), event.key());
                let example =
                    Example { time, key, level, route, source, line, conditions, hands, unless_approved, record };
                self.examples.push(example);
                self.keep_gravest_examples();
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

    fn keep_gravest_examples(&mut self) {
        self.examples.sort_by(|a, b| a.order().cmp(&b.order()));
        // Copies need not stand side by side: one without an event time is dated by its receipt.
        let mut seen = BTreeSet::new();
        self.examples.retain(|example| seen.insert(example.key));
        let (mut settled, mut open) = (0, 0);
        self.examples.retain(|example| {
            let (count, most) = if example.is_open() { (&mut open, OPEN_EXAMPLES) } else { (&mut settled, EXAMPLES) };
            *count += 1;
            *count <= most
        });
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
        for (event, open) in other.unless_approved {
            // One event that two packs judged differently: the graver judgement, so that the order is of no account.
            let known = self.unless_approved.entry(event).or_insert_with(|| open.clone());
            if open.weight() > known.weight() {
                *known = open;
            }
        }
        self.examples.extend(other.examples);
        self.keep_gravest_examples();
        // A correlation's alert has one contribution.
        self.found = self.found.take().or(other.found);
    }
}
