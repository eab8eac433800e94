//! The body of a notification, as a record.
//!
//! Immuta shapes it for Slack: a sentence in `text`, and in `attachments[].text` a JSON object as a string, of which no key
//! is documented. So the record keeps all of it, where the candidate table and rules find it (docs/webhooks.md says
//! where), and what cannot be parsed is kept as text. A body that was verified always becomes an event.

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Map, Value, json};

use crate::digest;
use crate::event::{Record, Service, time};

/// Members that may say which notification it is, where they hold one of the known types.
const TYPES: [&str; 5] = ["notificationType", "type", "eventType", "event", "action"];

/// Members that may say who did it, the plainest first.
const ACTORS: [&str; 13] = [
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
    "createdBy",
    "requestedBy",
    "initiator",
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
        let parsed: Option<Value> = serde_json::from_slice(body).ok();
        let (text, attachments) = match &parsed {
            Some(Value::Object(body)) if body.contains_key("text") || body.contains_key("attachments") => {
                (body.get("text").cloned().unwrap_or(Value::Null), attachments(body.get("attachments")))
            }
            // Not shaped for Slack: then the body is what an attachment would hold.
            Some(object @ Value::Object(_)) => (Value::Null, vec![object.clone()]),
            _ => (String::from_utf8_lossy(body).into_owned().into(), Vec::new()),
        };
        let objects: Vec<&Map<String, Value>> = attachments.iter().filter_map(Value::as_object).collect();
        let kind = said_kind(&objects).unwrap_or_else(|| Service::Webhook.spelled(kind)).to_owned();
        let record = json_of(&kind, body, received, &text, &attachments, &objects).to_string();
        // What is nested as deep as may be is one record's depth deeper here, and cannot be read as one.
        if Record::parse(record.as_bytes()).is_ok() {
            return Self { kind, record, is_understood: !objects.is_empty() };
        }
        let text = String::from_utf8_lossy(body).into_owned().into();
        let record = json_of(&kind, body, received, &text, &[], &[]).to_string();
        Self { kind, record, is_understood: false }
    }
}

/// What each attachment says: parsed where it is JSON, as text where it is not.
fn attachments(attachments: Option<&Value>) -> Vec<Value> {
    let one = |attachment: &Value| {
        let said = attachment.get("text").unwrap_or(attachment);
        match said.as_str() {
            Some(text) => serde_json::from_str(text).unwrap_or_else(|_| said.clone()),
            None => said.clone(),
        }
    };
    match attachments {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(several)) => several.iter().map(one).collect(),
        Some(single) => vec![one(single)],
    }
}

/// The type that an object names, in Immuta's spelling; none if it is none of the known ones, for many things have a
/// member `type`.
fn said_kind(objects: &[&Map<String, Value>]) -> Option<&'static str> {
    let known = |word: &str| Service::Webhook.kinds().iter().copied().find(|known| known.eq_ignore_ascii_case(word));
    objects.iter().flat_map(|object| TYPES.iter().filter_map(|name| object.get(*name)?.as_str())).find_map(known)
}

fn json_of(
    kind: &str,
    body: &[u8],
    received: DateTime<Utc>,
    text: &Value,
    attachments: &[Value],
    objects: &[&Map<String, Value>],
) -> Value {
    let mut payload = Map::new();
    for (name, value) in objects.iter().flat_map(|object| object.iter()) {
        payload.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let mut record = Map::new();
    record.insert("id".to_owned(), digest::short(body).into());
    record.insert("eventTimestamp".to_owned(), time::text(received.trunc_subsecs(3)).into());
    for name in ENVELOPE {
        if let Some(value) = payload.get(name) {
            record.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(actor) = ACTORS.iter().find_map(|name| actor(payload.get(*name)?)) {
        record.insert("actor".to_owned(), actor);
    }
    record.insert("text".to_owned(), text.clone());
    record.insert("attachments".to_owned(), attachments.into());
    record.insert("strings".to_owned(), strings(attachments).into());
    // Whatever an object calls its type: the record's is that of the notification.
    payload.insert("type".to_owned(), kind.into());
    record.insert("auditPayload".to_owned(), payload.into());
    Value::Object(record)
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

/// Every text in the attachments, wherever it stands, each once, in the order of the notification.
fn strings(attachments: &[Value]) -> Vec<String> {
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
    for attachment in attachments {
        collect(attachment, &mut found);
    }
    let mut seen = std::collections::BTreeSet::new();
    found.into_iter().filter(|text| seen.insert(*text)).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{DEEPEST, Event, Field};

    fn received() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-11-23T14:00:05.123456Z").unwrap().to_utc()
    }

    fn slack(text: &str, inner: &Value) -> Vec<u8> {
        json!({ "text": text, "attachments": [{ "text": inner.to_string() }] }).to_string().into_bytes()
    }

    fn values(notification: &Notification, field: Field) -> Vec<String> {
        let record = Record::parse(notification.record.as_bytes()).unwrap();
        Event::of_service(&record, Service::Webhook).field(field).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_a_notification_says_comes_by_the_same_derived_fields() {
        let inner = json!({
            "performedBy": {"userid": "ann@example.com", "name": "Ann"}, "tenantId": "acme",
            "user": {"id": 7, "name": "tom@example.com"}, "permissions": ["USER_ADMIN", {"name": "AUDIT"}],
        });
        let found = Notification::read("permissionsUpdated", &slack("Ann changed Tom", &inner), received());
        assert!(found.is_understood);
        assert_eq!(values(&found, Field::Kind), ["permissionsUpdated"]);
        assert_eq!(values(&found, Field::Actor), ["ann@example.com"]);
        assert_eq!(values(&found, Field::Subject), ["tom@example.com"]);
        assert_eq!(values(&found, Field::Permission), ["USER_ADMIN", "AUDIT"]);
        let record: Value = serde_json::from_str(&found.record).unwrap();
        assert_eq!(record["eventTimestamp"], "2026-11-23T14:00:05.123Z");
        assert_eq!((&record["text"], &record["tenantId"]), (&json!("Ann changed Tom"), &json!("acme")));
        assert_eq!(record["attachments"], json!([inner]), "it is kept whole");
        assert_eq!(record["strings"].as_array().unwrap().len(), 6);
    }

    #[test]
    fn the_body_knows_better_than_the_path_which_is_not_signed() {
        let read = |inner: Value| Notification::read("tagcreated", &slack("x", &inner), received()).kind;
        assert_eq!(read(json!({"type": "PermissionsUpdated"})), "permissionsUpdated");
        assert_eq!(read(json!({"type": "data source", "action": "modelDeleted"})), "modelDeleted");
        assert_eq!(read(json!({"type": "data source"})), "tagCreated");
        assert_eq!(Notification::read("somethingNew", b"{}", received()).kind, "somethingNew");
    }

    #[test]
    fn what_does_not_parse_is_an_event_all_the_same() {
        let deep = format!("{}{}", "[".repeat(DEEPEST - 1), "]".repeat(DEEPEST - 1));
        for body in
            [&b""[..], b"Ann changed Tom", b"\"Ann changed Tom\"", b"\xff\xfe", b"{\"text\":", b"[7]", deep.as_bytes()]
        {
            let found = Notification::read("tagCreated", body, received());
            assert!(!found.is_understood);
            assert_eq!(values(&found, Field::Kind), ["tagCreated"]);
            assert_eq!(values(&found, Field::Actor), ["unknown"]);
            let record: Value = serde_json::from_str(&found.record).unwrap();
            assert_eq!(record["text"], String::from_utf8_lossy(body).into_owned());
        }
        let found =
            Notification::read("tagCreated", br#"{"text":"x","attachments":[{"text":"no {json"}]}"#, received());
        let record: Value = serde_json::from_str(&found.record).unwrap();
        assert_eq!((found.is_understood, &record["attachments"]), (false, &json!(["no {json"])));
    }

    #[test]
    fn a_body_that_is_not_shaped_for_slack_is_read_as_it_is() {
        let found = Notification::read("tagCreated", br#"{"actor":"ann","tag":"PII"}"#, received());
        assert_eq!(
            (values(&found, Field::Actor), values(&found, Field::Tag)),
            (vec!["ann".into()], vec!["PII".into()])
        );
        let of_objects = br#"{"attachments":{"text":{"tag":"PII"}}}"#;
        assert_eq!(values(&Notification::read("tagCreated", of_objects, received()), Field::Tag), ["PII"]);
    }

    #[test]
    fn of_several_attachments_the_first_that_says_something_counts() {
        let body =
            br#"{"text":"x","attachments":[{"text":"{\"tag\":\"A\"}"},{"text":"{\"tag\":\"B\",\"user\":\"tom\"}"}]}"#;
        let found = Notification::read("modelTagAdded", body, received());
        assert_eq!(
            (values(&found, Field::Tag), values(&found, Field::Subject)),
            (vec!["A".into()], vec!["tom".into()])
        );
    }

    #[test]
    fn texts_are_listed_up_to_a_bound() {
        let inner =
            json!({ "a": (0..2 * MOST_STRINGS).map(|n| n.to_string()).collect::<Vec<_>>(), "b": "x".repeat(5000) });
        let found = Notification::read("tagCreated", &slack("x", &inner), received());
        let record: Value = serde_json::from_str(&found.record).unwrap();
        assert_eq!(record["strings"].as_array().unwrap().len(), MOST_STRINGS);
    }

    fn any_body() -> impl Strategy<Value = Vec<u8>> {
        let texts =
            prop_oneof![".{0,60}", "\\PC{0,20}", Just("{\"actor\":null}".to_owned()), Just("[1e999]".to_owned())];
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            (texts.clone(), texts.clone()).prop_map(|(text, inner)| {
                json!({ "text": text, "attachments": [{ "text": inner }] }).to_string().into_bytes()
            }),
            (texts, any::<i64>()).prop_map(|(text, number)| {
                json!({ "attachments": [{ "text": json!({ "actor": number, "targets": text, "type": number }) }] })
                    .to_string()
                    .into_bytes()
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn whatever_the_body_it_becomes_an_event_of_its_time_and_kind(body in any_body(), kind in "[a-z][A-Za-z0-9]{0,20}") {
            let found = Notification::read(&kind, &body, received());
            let record = Record::parse(found.record.as_bytes()).unwrap();
            let event = Event::of_service(&record, Service::Webhook);
            prop_assert_eq!(event.kind(), &found.kind);
            prop_assert_eq!(event.time(), Some(received().trunc_subsecs(3)));
            prop_assert!(!event.field(Field::Actor).is_empty());
        }
    }
}
