//! Records as they may be kept: with the query text kept, hashed or dropped, as configured.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::config::QueryText;
use crate::event::{Json, Record};
use crate::rules::Condition;

/// The record's text, on one line.
pub(super) fn kept<'r>(record: &'r Record<'r>, query_text: QueryText) -> Cow<'r, str> {
    // A name may stand twice, and then the last one counts everywhere but here.
    let has_query_text =
        || record.json().members().any(|(name, payload)| name == PAYLOAD && payload.get(QUERY_TEXT).is_some());
    if query_text == QueryText::Keep || !has_query_text() {
        // A record of a pretty-printed array stands on several lines.
        return if record.raw().contains(['\n', '\r']) { text_of(&record.json()) } else { Cow::Borrowed(record.raw()) };
    }
    text_of(&Redacted { record: record.json(), query_text })
}

const PAYLOAD: &str = "auditPayload";
const QUERY_TEXT: &str = "queryText";

/// A record without the text of its query.
struct Redacted<'r> {
    record: Json<'r>,
    query_text: QueryText,
}

/// A payload without it.
struct RedactedPayload<'r> {
    payload: Json<'r>,
    query_text: QueryText,
}

impl Serialize for Redacted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.record.members() {
            if name == PAYLOAD && value.is_object() {
                let payload = RedactedPayload { payload: value, query_text: self.query_text };
                map.serialize_entry(name, &payload)?;
            } else {
                map.serialize_entry(name, &value)?;
            }
        }
        map.end()
    }
}

impl Serialize for RedactedPayload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.payload.members() {
            if name == QUERY_TEXT {
                map.serialize_entry(name, &value.as_text().and_then(|text| self.query_text.apply(&text)))?;
            } else {
                map.serialize_entry(name, &value)?;
            }
        }
        map.end()
    }
}

/// Conditions as they may be kept: one that looks into the text of a query shows it.
pub(super) fn conditions(mut conditions: Vec<Condition>, query_text: QueryText) -> Vec<Condition> {
    if query_text != QueryText::Keep {
        for held in &mut conditions {
            if held.field.as_deref().is_none_or(|field| field.starts_with("auditPayload")) {
                held.value = query_text.apply(&held.value).unwrap_or_default();
            }
        }
    }
    conditions
}

fn text_of(value: &impl Serialize) -> Cow<'static, str> {
    Cow::Owned(serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = br#"{"auditPayload":{"queryText":"select 1","type":"QueryAuditPayload"},"id":"1"}"#;

    fn kept_text(line: &[u8], query_text: QueryText) -> String {
        kept(&Record::parse(line).unwrap(), query_text).into_owned()
    }

    #[test]
    fn the_query_text_is_kept_hashed_or_dropped() {
        assert_eq!(kept_text(LINE, QueryText::Keep).as_bytes(), LINE);
        assert_eq!(
            kept_text(LINE, QueryText::Drop),
            r#"{"auditPayload":{"queryText":null,"type":"QueryAuditPayload"},"id":"1"}"#
        );
        let hashed = kept_text(LINE, QueryText::Hash);
        assert!(hashed.contains(r#""queryText":"sha256:"#) && !hashed.contains("select"), "{hashed}");
    }

    #[test]
    fn a_query_text_that_stands_twice_is_dropped_twice() {
        let line = br#"{"auditPayload":{"queryText":"a","queryText":"b","type":"QueryAuditPayload"}}"#;
        assert!(!kept_text(line, QueryText::Drop).contains(['a', 'b'].map(|c| format!("\"{c}\"")).join("").as_str()));
        assert_eq!(kept_text(line, QueryText::Drop).matches("null").count(), 2);
    }

    #[test]
    fn a_payload_that_stands_twice_hides_nothing() {
        let line = br#"{"auditPayload":{"queryText":"secret"},"auditPayload":{"type":"QueryAuditPayload"}}"#;
        assert!(!kept_text(line, QueryText::Drop).contains("secret"));
    }

    #[test]
    fn a_record_over_several_lines_is_kept_on_one() {
        assert_eq!(
            kept_text(b"{\"auditPayload\":\n{\"type\":\"X\"}}", QueryText::Keep),
            r#"{"auditPayload":{"type":"X"}}"#
        );
    }
}
