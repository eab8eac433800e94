//! The forms that a message takes: Slack's blocks, plain text, JSON, and what SNS wants of it. No I/O and no clock.

mod clean;
mod json;
mod slack;
mod sns;
mod text;

use chrono::{DateTime, Utc};

pub use json::{VERSION, json};
pub use slack::slack;
pub use sns::{Publication, publication, subject};
pub use text::text;

use super::{Kind, Message};
use crate::config::Zone;
use crate::rules::Level;

pub(super) use clean::line;

/// A message names this many facts at the most; past that it says how many there are.
const MOST_FACTS: usize = 18;

/// The longest value of a fact, in characters: longer ones are not read in a message.
const LONGEST_VALUE: usize = 500;

/// The longest label of a fact, in characters.
const LONGEST_LABEL: usize = 100;

/// A message names this many places of records at the most.
const MOST_PLACES: usize = 3;

/// A message has this many steps, and reasons, at the most.
const MOST_SENTENCES: usize = 12;

/// The longest sentence, headlines among them, in characters.
const LONGEST_SENTENCE: usize = 500;

/// The longest address of an export, in characters: a key in S3 has up to 1,024 bytes, and a bucket's name 63.
const LONGEST_PLACE: usize = 1_100;

/// The longest command, in characters: the key of an export may stand in it.
const LONGEST_COMMAND: usize = 1_500;

/// What a message says that may have come before.
const POSSIBLY_REPEATED: &str = "Possibly repeated: it is not known whether this message reached you before.";

/// The level, as people should see it first.
fn level(level: Level) -> String {
    level.as_str().to_uppercase()
}

/// What kind of message it is, in words.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Alert => "alert",
        Kind::Storm => "many alerts of one rule",
        Kind::Late => "alerts about older events",
        Kind::Notice => "notice about the watcher itself",
    }
}

/// What the steps are headed by.
const WHAT_TO_DO: &str = "What to do";

/// What the reasons are headed by.
fn why(kind: Kind) -> &'static str {
    match kind {
        Kind::Alert => "Why it interrupts you",
        Kind::Storm | Kind::Late => "Why this is one message",
        Kind::Notice => "What it means",
    }
}

/// What is known, each with its label: who and what, when, how many. Labels and values are cut and one line each.
fn rows(message: &Message, zone: Option<&Zone>) -> Vec<(String, String)> {
    let facts = message.facts.iter().take(MOST_FACTS);
    let mut rows: Vec<(String, String)> =
        facts.map(|fact| (line(&fact.label, LONGEST_LABEL), line(&fact.value, LONGEST_VALUE))).collect();
    rows.retain(|(_, value)| !value.is_empty());
    let mut add = |label: &str, value: String| rows.push((label.to_owned(), value));
    if message.facts.len() > MOST_FACTS {
        add("and more", format!("{} further facts", message.facts.len() - MOST_FACTS));
    }
    let times = match message.kind {
        Kind::Alert | Kind::Notice => "when",
        Kind::Storm => "window from",
        Kind::Late => "events from",
    };
    if let Some(when) = when(message.first, message.last, zone) {
        add(times, when);
    }
    match message.kind {
        Kind::Alert => add("events", message.count.to_string()),
        Kind::Storm | Kind::Late => add("alerts", message.count.to_string()),
        Kind::Notice => {}
    }
    if let Some(tenant) =
        message.tenant.as_deref().map(|tenant| line(tenant, LONGEST_VALUE)).filter(|it| !it.is_empty())
    {
        add("tenant", tenant);
    }
    rows
}

/// The time in the reader's zone: `2026-11-21 02:37 CET to 2026-11-21 04:11 CET (Europe/Berlin)`.
fn when(first: Option<DateTime<Utc>>, last: Option<DateTime<Utc>>, zone: Option<&Zone>) -> Option<String> {
    let clock = |time: DateTime<Utc>| match zone {
        Some(zone) => zone.clock(time),
        None => time.format("%Y-%m-%d %H:%M UTC").to_string(),
    };
    let (first, last) = (first.map(clock), last.map(clock));
    let times = match (first, last) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(time), _) | (None, Some(time)) => time,
        (None, None) => return None,
    };
    Some(match zone {
        Some(zone) if zone.name() != "UTC" => format!("{times} ({})", zone.name()),
        _ => times,
    })
}

/// Sentences, one line each, and no more than are read.
fn sentences(sentences: &[String]) -> Vec<String> {
    let lines =
        sentences.iter().map(|sentence| line(sentence, LONGEST_SENTENCE)).filter(|sentence| !sentence.is_empty());
    lines.take(MOST_SENTENCES).collect()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(in crate::notify) mod samples;
