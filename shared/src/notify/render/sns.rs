//! What SNS wants of a message: a subject, a body for each protocol, and attributes for filter policies.
//!
//! The limits are those of `Publish` in the Amazon SNS API reference.

use super::clean::{ascii, line};
use super::json::json_within;
use super::{level, text};
use crate::config::Zone;
use crate::notify::Message;

/// "Less than 100 characters long".
const LONGEST_SUBJECT: usize = 99;

/// Message and attributes together, in bytes.
const MOST_BYTES: usize = 262_144;

/// An SMS of ASCII characters that is not split.
const LONGEST_SMS: usize = 140;

/// The longest value of an attribute, in characters: filter policies compare whole values of up to 256.
const LONGEST_ATTRIBUTE: usize = 256;

/// The protocols that are given JSON.
const MACHINES: [&str; 4] = ["sqs", "lambda", "http", "https"];

/// The parts of a `Publish` request that come from a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Printable ASCII, less than 100 characters
    pub subject: String,
    /// A JSON object with a text for each protocol, for `MessageStructure=json`
    pub body: String,
    /// Of type `String`, none of them empty
    pub attributes: Vec<(&'static str, String)>,
}

/// A message as SNS takes it: at most 262,144 bytes together, its mail with times in the reader's zone.
#[must_use]
pub fn publication(message: &Message, zone: Option<&Zone>) -> Publication {
    let subject = subject(message);
    let attributes = attributes(message);
    let size = |(name, value): &(&str, String)| name.len() + value.len() + "String".len();
    let taken = subject.len() + attributes.iter().map(size).sum::<usize>();
    let text = text(message, zone);
    let sms = ascii(&subject, LONGEST_SMS);
    let body = |json: &str| {
        let mut body = serde_json::Map::new();
        let mut add = |protocol: &str, text: &str| body.insert(protocol.to_owned(), text.into());
        add("default", &text);
        add("email", &text);
        add("sms", &sms);
        for protocol in MACHINES {
            add(protocol, json);
        }
        serde_json::Value::Object(body).to_string()
    };
    // The text is at most some 60 KB, twice: measured with it, JSON takes what it leaves.
    let json = json_within(message, MOST_BYTES - taken, |json| body(json).len());
    let body = body(&json);
    Publication { subject, body, attributes }
}

/// The subject of a mail: the level, and what happened.
#[must_use]
pub fn subject(message: &Message) -> String {
    let repeated = if message.possibly_repeated { "Possibly repeated: " } else { "" };
    ascii(&format!("{repeated}{}: {}", level(message.level), message.headline), LONGEST_SUBJECT)
}

/// What filter policies choose by.
fn attributes(message: &Message) -> Vec<(&'static str, String)> {
    let kind = match message.kind {
        crate::notify::Kind::Alert => "alert",
        crate::notify::Kind::Storm => "storm",
        crate::notify::Kind::Late => "late",
        crate::notify::Kind::Notice => "notice",
    };
    let attributes = [
        ("kind", Some(kind)),
        ("level", Some(message.level.as_str())),
        ("question", Some(message.question.as_str())),
        ("route", Some(message.route.as_str())),
        ("rule", message.rule.as_deref()),
        ("rule_name", message.rule_name.as_deref()),
        ("tenant", message.tenant.as_deref()),
    ];
    let cleaned =
        attributes.into_iter().map(|(name, value)| (name, line(value.unwrap_or_default(), LONGEST_ATTRIBUTE)));
    cleaned.filter(|(_, value)| !value.is_empty()).collect()
}
