//! Records as they may be kept: with the query text kept, hashed or dropped, as configured.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::config::QueryText;
use crate::event::{Json, Record, View};
use crate::rules::Condition;

/// The record's text, on one line.
pub(super) fn kept<'r>(record: &'r Record<'r>, query_text: QueryText) -> Cow<'r, str> {
    if query_text == QueryText::Keep || !has_query_text(record.json()) {
        // A record of a pretty-printed array stands on several lines.
        return if record.raw().contains(['\n', '\r']) { text_of(&record.json()) } else { Cow::Borrowed(record.raw()) };
    }
    text_of(&Redacted { value: record.json(), query_text })
}

/// The member that holds the text of a query, at whatever depth: payloads are not documented in full.
const QUERY_TEXT: &str = "queryText";

fn has_query_text(value: Json<'_>) -> bool {
    value.members().any(|(name, value)| name == QUERY_TEXT || has_query_text(value))
        || value.elements().is_some_and(|mut elements| elements.any(has_query_text))
}

/// A value without the text of queries.
struct Redacted<'r> {
    value: Json<'r>,
    query_text: QueryText,
}

impl Serialize for Redacted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let query_text = self.query_text;
        match self.value.view() {
            View::Array(elements) => serializer.collect_seq(elements.map(|value| Redacted { value, query_text })),
            View::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in members {
                    if name == QUERY_TEXT {
                        map.serialize_entry(name, &value.as_text().and_then(|text| query_text.apply(&text)))?;
                    } else {
                        map.serialize_entry(name, &Redacted { value, query_text })?;
                    }
                }
                map.end()
            }
            _ => self.value.serialize(serializer),
        }
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
    fn a_query_text_is_found_at_any_depth() {
        for line in [
            &br#"{"auditPayload":{"type":"QueryAuditPayload","query":{"queryText":"secret"}}}"#[..],
            br#"{"action":"QUERY","targetType":"X","auditPayload":[{"queryText":"secret"}]}"#,
        ] {
            assert!(!kept_text(line, QueryText::Drop).contains("secret"));
        }
    }

    #[test]
    fn a_record_over_several_lines_is_kept_on_one() {
        assert_eq!(
            kept_text(b"{\"auditPayload\":\n{\"type\":\"X\"}}", QueryText::Keep),
            r#"{"auditPayload":{"type":"X"}}"#
        );
    }
}
