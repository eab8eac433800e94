//! One record of Immuta's history of webhooks: what was sent where, when, and how that ended.
//!
//! "Historical records for webhook requests, including requests and responses" is all that is documented. So each fact is
//! looked for in several places, and where a record does not say how a request ended, it is not taken to have failed: the
//! same would be told again and again.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Webhook;
use super::address::normal;
use super::error::ShapeError;
use super::webhooks::text_of;
use crate::digest;

/// Where facts may stand, as pointers into a record, the plainest first.
const IDS: [&str; 3] = ["/id", "/historyId", "/_id"];
const WEBHOOKS: [&str; 3] = ["/webhookId", "/webhook/id", "/webhook"];
const URLS: [&str; 8] = [
    "/url",
    "/requestUrl",
    "/request/url",
    "/request/uri",
    "/request/href",
    "/webhookUrl",
    "/webhook/url",
    "/endpoint",
];
const BODIES: [&str; 9] = [
    "/request/body",
    "/requestBody",
    "/request/payload",
    "/request/data",
    "/request/json",
    "/requestPayload",
    "/payload",
    "/body",
    "/data",
];
const TIMES: [&str; 9] = [
    "/createdAt",
    "/timestamp",
    "/requestedAt",
    "/sentAt",
    "/triggeredAt",
    "/time",
    "/date",
    "/request/timestamp",
    "/created",
];
const STATUSES: [&str; 11] = [
    "/response/statusCode",
    "/response/status",
    "/responseStatusCode",
    "/responseStatus",
    "/responseCode",
    "/statusCode",
    "/httpStatus",
    "/response/code",
    "/status",
    "/result",
    "/response",
];
const SUCCESSES: [&str; 4] = ["/success", "/successful", "/isSuccess", "/delivered"];
const FAILURES: [&str; 4] = ["/failed", "/failure", "/isFailure", "/timedOut"];
const ERRORS: [&str; 4] = ["/error", "/errorMessage", "/response/error", "/errors"];

/// Words for a request that failed, or did not, where there is a word in place of a status.
const FAILED: [&str; 8] = ["failed", "failure", "error", "errored", "timeout", "timed out", "timed_out", "rejected"];
const DELIVERED: [&str; 7] = ["success", "succeeded", "successful", "delivered", "ok", "complete", "completed"];

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered with 2xx
    Delivered,
    /// It was answered otherwise, or not at all
    Failed,
    /// The record does not say
    Unclear,
}

/// The body of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Its bytes
    pub bytes: Vec<u8>,
    /// Whether they are those that were sent. False where the record has it as JSON: then members may stand in another
    /// order
    pub is_exact: bool,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// One record of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRecord {
    /// Its id, if it has one
    pub id: Option<String>,
    /// Names the record even if it has none
    pub known_by: String,
    /// The webhook's id
    pub webhook: Option<String>,
    /// Where it was sent to. A token may stand in it
    pub(super) url: Option<String>,
    /// What was sent
    pub body: Option<Body>,
    /// When it was sent
    pub time: Option<DateTime<Utc>>,
    /// How that ended
    pub outcome: Outcome,
}

impl HistoryRecord {
    /// Reads a record. Only what is no object is none.
    pub(super) fn read(record: &Value) -> Result<Self, ShapeError> {
        if !record.is_object() {
            return Err(ShapeError::new("a record of the history", record));
        }
        let at = |places: &'static [&str]| places.iter().filter_map(|place| record.pointer(place));
        let id = at(&IDS).find_map(text_of);
        let is_url = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
        Ok(Self {
            known_by: id.clone().unwrap_or_else(|| digest::short(record.to_string().as_bytes())),
            id,
            webhook: at(&WEBHOOKS).find_map(text_of),
            url: at(&URLS).filter_map(Value::as_str).find(is_url).map(normal),
            body: at(&BODIES).find_map(body_of).or_else(|| record.get("request").and_then(request_itself)),
            time: at(&TIMES).find_map(time_of),
            outcome: outcome_of(record),
        })
    }

    /// Whether it is of a request of this webhook: by the webhook's id, or by where it was sent to.
    #[must_use]
    pub fn is_of(&self, webhook: &Webhook) -> bool {
        self.webhook.as_ref() == Some(&webhook.id) || self.url.as_ref() == Some(&webhook.url)
    }
}

fn body_of(value: &Value) -> Option<Body> {
    match value {
        Value::String(text) if !text.is_empty() => Some(Body { bytes: text.clone().into_bytes(), is_exact: true }),
        Value::Object(object) if !object.is_empty() => {
            Some(Body { bytes: value.to_string().into_bytes(), is_exact: false })
        }
        _ => None,
    }
}

/// A request that is nothing but its body: an object shaped for Slack, or a text that is JSON.
fn request_itself(request: &Value) -> Option<Body> {
    let is_body = match request {
        Value::String(text) => text.trim_start().starts_with('{'),
        Value::Object(object) => object.contains_key("text") || object.contains_key("attachments"),
        _ => false,
    };
    is_body.then(|| body_of(request)).flatten()
}

/// A time as RFC 3339, or as milliseconds or seconds since 1970.
pub(super) fn time_of(value: &Value) -> Option<DateTime<Utc>> {
    /// Seconds have fewer digits until the year 5138.
    const MILLISECONDS_FROM: i64 = 100_000_000_000;
    match value {
        Value::String(text) => DateTime::parse_from_rfc3339(text.trim()).ok().map(|time| time.to_utc()),
        Value::Number(number) => {
            let number = number.as_i64()?;
            if number >= MILLISECONDS_FROM {
                DateTime::from_timestamp_millis(number)
            } else {
                DateTime::from_timestamp(number, 0)
            }
        }
        _ => None,
    }
}

fn outcome_of(record: &Value) -> Outcome {
    let at = |places: &'static [&str]| places.iter().filter_map(|place| record.pointer(place));
    let of_status = |value: &Value| {
        let status = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
        let word = value.as_str().map(|word| word.trim().to_lowercase());
        match (status, word.as_deref()) {
            (Some(200..=299), _) => Some(Outcome::Delivered),
            // 0 is how some clients write that there was none.
            (Some(0 | 100..=599), _) => Some(Outcome::Failed),
            (None, Some(word)) if FAILED.contains(&word) => Some(Outcome::Failed),
            (None, Some(word)) if DELIVERED.contains(&word) => Some(Outcome::Delivered),
            _ => None,
        }
    };
    let of_flags = || {
        let failed = at(&FAILURES).find_map(Value::as_bool);
        let success = at(&SUCCESSES).find_map(Value::as_bool).or(failed.map(|failed| !failed))?;
        Some(if success { Outcome::Delivered } else { Outcome::Failed })
    };
    let has_error = at(&ERRORS).any(|error| match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(errors) => !errors.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    });
    let has_no_response = record.get("response").is_some_and(Value::is_null);
    at(&STATUSES).find_map(of_status).or_else(of_flags).unwrap_or(if has_error || has_no_response {
        Outcome::Failed
    } else {
        Outcome::Unclear
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::page::tests::any_json;
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_442_400, 0).unwrap()
    }

    fn read(record: &Value) -> HistoryRecord {
        HistoryRecord::read(record).unwrap()
    }

    #[test]
    fn how_a_request_ended_is_told_in_many_ways() {
        for (record, outcome) in [
            (json!({"response": {"statusCode": 200}}), Outcome::Delivered),
            (json!({"response": {"status": 503}}), Outcome::Failed),
            (json!({"statusCode": "404"}), Outcome::Failed),
            (json!({"status": "Success"}), Outcome::Delivered),
            (json!({"status": "timeout"}), Outcome::Failed),
            (json!({"success": false}), Outcome::Failed),
            (json!({"failed": false, "response": null}), Outcome::Delivered),
            (json!({"response": null}), Outcome::Failed),
            (json!({"error": "ETIMEDOUT"}), Outcome::Failed),
            (json!({"error": null, "request": {}}), Outcome::Unclear),
            (json!({"status": "enabled"}), Outcome::Unclear),
            (json!({"response": {"body": "x"}}), Outcome::Unclear),
            (json!({"status": 200, "error": "x"}), Outcome::Delivered),
            (json!({"response": 502}), Outcome::Failed),
            (json!({"response": "no_service"}), Outcome::Unclear),
        ] {
            assert_eq!(read(&record).outcome, outcome, "{record}");
        }
    }

    #[test]
    fn body_and_time_are_found_where_they_may_stand() {
        let record =
            read(&json!({"id": 7, "request": {"body": "{\"text\":\"x\"}"}, "createdAt": "2026-11-23T14:00:00Z"}));
        let body = record.body.clone().unwrap();
        assert_eq!((body.bytes.as_slice(), body.is_exact), (&b"{\"text\":\"x\"}"[..], true));
        assert_eq!((record.time, record.id.as_deref()), (Some(now()), Some("7")));
        assert!(!format!("{record:?}").contains("text"), "no body is shown");
        let parsed = read(&json!({"payload": {"text": "x"}, "timestamp": 1_795_442_400_000_i64}));
        assert_eq!((parsed.time, parsed.body.unwrap().is_exact), (Some(now()), false));
        for request in [json!("{\"text\":\"x\"}"), json!({"text": "x"}), json!({"body": {"text": "x"}})] {
            assert_eq!(read(&json!({ "request": request })).body.unwrap().bytes, br#"{"text":"x"}"#);
        }
        for request in [json!("POST"), json!({"url": "https://x.example.com"}), json!(null), json!({"body": ""})] {
            assert_eq!(read(&json!({ "request": request })).body, None);
        }
        assert_eq!(read(&json!({"time": 1_795_442_400})).time, Some(now()));
        assert!(HistoryRecord::read(&json!("x")).is_err());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(record in any_json()) {
            let _ = HistoryRecord::read(&record);
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
                let _ = HistoryRecord::read(&value);
            }
        }
    }
}
