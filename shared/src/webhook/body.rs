//! The body of a notification, as a record.
//!
//! Immuta shapes it for Slack: a sentence in `text`, and in `attachments[].text` a JSON object as a string, of which no key
//! is documented. So the record keeps all of it, where the candidate table and rules find it (docs/webhooks.md says
//! where), and what cannot be parsed is kept as text. A body that was verified always becomes an event.

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Map, Value, json};

use super::said::Said;
use super::slack::Parts;
use crate::digest;
use crate::event::{Record, Service, time};

/// Members that may say which notification it is, where they hold one of the known types.
const TYPES: [&str; 5] = ["notificationType", "type", "eventType", "event", "action"];

/// Members that say who did it, the plainest first. What may name somebody else is not among them: whoever made a user once
/// (`createdBy`) did not change it now, and where that is an account of provisioning, a change by hand would pass for one of
/// its own.
const ACTORS: [&str; 10] = [
    "actor",
    "performedBy",
    "changedBy",
    "modifiedBy",
    "updatedBy",
    "grantedBy",
    "approvedBy",
    "revokedBy",
    "deniedBy",
    "deletedBy",
];

/// Under which members of an actor its identifier may stand.
const IDS: [&str; 6] = ["id", "userid", "userId", "username", "email", "iamUserId"];

/// Members that an audit record has at its top level, too, where the derived fields look for them.
const ENVELOPE: [&str; 5] = ["targets", "relatedResources", "tenantId", "actionStatus", "requestId"];

/// So many texts of a notification are listed: hostile input could hold any number.
const MOST_STRINGS: usize = 1000;

/// The longest text that is listed, in bytes: longer than any name.
const LONGEST_STRING: usize = 1000;

/// What a notification tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its type
    pub kind: String,
    /// The record, as one line of JSON
    pub record: String,
    /// Whether the body was what Immuta sends: JSON with a JSON object in it. Otherwise only its text is known
    pub is_understood: bool,
}

impl Notification {
    /// Reads a body that was verified. `kind` is the type in the path; a type that the body itself names counts before
    /// that, since the path is not signed.
    #[must_use]
    pub fn read(kind: &str, body: &[u8], received: DateTime<Utc>) -> Self {
        let parsed: Option<Value> = serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).ok();
        let parts = Parts::of(body, parsed.as_ref());
        let mut said = Said::default();
        match &parsed {
            Some(parsed) => said.value(parsed),
            None => said.text(&String::from_utf8_lossy(body)),
        }
        let (said, is_whole) = said.finished();
        let kind = said_kind(&parts.objects).unwrap_or_else(|| Service::Webhook.spelled(kind)).to_owned();
        let id = id(body, received);
        let is_understood = parts.is_understood && is_whole;
        let record = json_of(&kind, &id, received, &parts, &said).to_string();
        // What is nested as deep as may be is one record's depth deeper here, and cannot be read as one.
        if Record::parse(record.as_bytes()).is_ok() {
            return Self { kind, record, is_understood };
        }
        let record = json_of(&kind, &id, received, &Parts::of(body, None), &said).to_string();
        Self { kind, record, is_understood: false }
    }
}

/// Names what was received: the first 128 bits of SHA-256 over body and time. The same words an hour later are another
/// change.
fn id(body: &[u8], received: DateTime<Utc>) -> String {
    let mut named = format!("{}\n", received.timestamp_millis()).into_bytes();
    named.extend(body);
    digest::short(&named)
}

/// The type that an object names, in Immuta's spelling; none if it is none of the known ones, for many things have a
/// member `type`.
fn said_kind(objects: &[Map<String, Value>]) -> Option<&'static str> {
    let known = |word: &str| Service::Webhook.kinds().iter().copied().find(|known| known.eq_ignore_ascii_case(word));
    objects.iter().flat_map(|object| TYPES.iter().filter_map(|name| object.get(*name)?.as_str())).find_map(known)
}

fn json_of(kind: &str, id: &str, received: DateTime<Utc>, parts: &Parts, said: &[String]) -> Value {
    let mut payload = Map::new();
    for (name, value) in parts.objects.iter().flatten() {
        payload.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let mut record = Map::new();
    record.insert("id".to_owned(), id.into());
    record.insert("eventTimestamp".to_owned(), time::text(received.trunc_subsecs(3)).into());
    for name in ENVELOPE {
        if let Some(value) = payload.get(name) {
            record.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(actor) = ACTORS.iter().chain(doers(kind)).find_map(|name| actor(payload.get(*name)?)) {
        record.insert("actor".to_owned(), actor);
    }
    record.insert("text".to_owned(), parts.text.clone());
    record.insert("attachments".to_owned(), parts.attachments.clone().into());
    record.insert("strings".to_owned(), strings(&parts.attachments, &payload).into());
    record.insert("said".to_owned(), said.into());
    // Whatever an object calls its type: the record's is that of the notification.
    payload.insert("type".to_owned(), kind.into());
    record.insert("auditPayload".to_owned(), payload.into());
    Value::Object(record)
}

/// Further members that say who did it, where that is what the notification tells of.
fn doers(kind: &str) -> &'static [&'static str] {
    if kind.ends_with("Created") {
        &["createdBy"]
    } else if kind == "modelAccessRequested" {
        &["requestedBy"]
    } else {
        &[]
    }
}

/// An actor as audit records have it: an object with an `id`.
fn actor(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(json!({ "id": text })),
        Value::Number(number) => Some(json!({ "id": number.to_string() })),
        Value::Object(object) => {
            let mut actor = object.clone();
            let is_said =
                |value: &&Value| value.is_number() || value.as_str().is_some_and(|text| !text.trim().is_empty());
            let id = IDS.iter().find_map(|name| object.get(*name).filter(is_said)).cloned();
            if let Some(id) = id {
                actor.insert("id".to_owned(), id);
            }
            (!actor.is_empty()).then_some(Value::Object(actor))
        }
        _ => None,
    }
}

/// Every text in the attachments and beside them, wherever it stands, each once, in the order of the notification.
fn strings(attachments: &[Value], payload: &Map<String, Value>) -> Vec<String> {
    fn collect<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            _ if found.len() >= MOST_STRINGS => {}
            Value::String(text) if text.len() <= LONGEST_STRING => found.push(text),
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            Value::Object(object) => object.values().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    attachments.iter().chain(payload.values()).for_each(|value| collect(value, &mut found));
    let mut seen = std::collections::BTreeSet::new();
    found.into_iter().filter(|text| seen.insert(*text)).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests;
