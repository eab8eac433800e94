//! What a destination is told, before it takes the form of a Slack message, a mail or JSON.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::AlertId;
use crate::rules::{Level, Question, Route};

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One alert
    Alert,
    /// Many alerts of one rule in one window, folded into one message
    Storm,
    /// Alerts about events that are too old to interrupt anybody one by one
    Late,
    /// Something the watcher has to say of its own work
    Notice,
}

/// A message, to whatever destination. Every text in it may come from an event and is hostile: whoever renders it
/// escapes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What it is about
    pub kind: Kind,
    /// Names it: the same when it is sent once more. An alert's id, or the name of the delivery record of a storm or of
    /// late alerts.
    pub id: String,
    /// The alert, or the gravest of several
    pub alert: Option<AlertId>,
    /// How much it matters
    pub level: Level,
    /// The alert's route
    pub route: Route,
    /// The question that the rule answers
    pub question: Question,
    /// The rule's id; none where it is about alerts of several
    pub rule: Option<String>,
    /// The rule's name
    pub rule_name: Option<String>,
    /// The tenant that the record names
    pub tenant: Option<String>,
    /// What happened, in one line
    pub headline: String,
    /// Who, what, to whom: labels are ours, values may be anybody's
    pub facts: Vec<Fact>,
    /// How many events, or alerts where it is about several
    pub count: u64,
    /// The first event's time
    pub first: Option<DateTime<Utc>>,
    /// The last event's time
    pub last: Option<DateTime<Utc>>,
    /// Why it interrupts somebody, a sentence each
    pub why: Vec<String>,
    /// What to do now, a step each
    pub what_to_do: Vec<String>,
    /// Where the records stand
    pub places: Vec<Place>,
    /// The command that shows more
    pub look: String,
    /// Whether it may have been delivered before: a crash or a lost answer left that open
    #[serde(default)]
    pub possibly_repeated: bool,
}

/// One thing that is known, with its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Such as `actor`
    pub label: String,
    /// Such as `ann@example.com`
    pub value: String,
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The export's address
    pub export: String,
    /// The line in it, counted from 1
    pub line: u64,
}
