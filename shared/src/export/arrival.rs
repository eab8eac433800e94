//! What S3 tells of objects that arrived, in every form in which that reaches a function: from S3 itself, through
//! EventBridge, through SNS, and any of these in a message of SQS.
//!
//! The forms are those of AWS's documentation: *Event message structure* and *Using EventBridge* in the S3 user guide,
//! *Parsing message formats* in the SNS developer guide. What is not needed of them is not looked at, so that a form
//! that gains a member is still read.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// An object that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its bucket
    pub bucket: String,
    /// Its key, decoded
    pub key: String,
    /// Its version, as S3 tells it (`ETag`, without quotes)
    pub etag: Option<String>,
    /// When it arrived, by S3's clock
    pub at: Option<DateTime<Utc>>,
}

/// Everything that one notification tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notification {
    /// The objects that arrived
    pub arrivals: Vec<Arrival>,
    /// How many other things it tells of: objects removed or restored, S3's test event
    pub others: u64,
    /// Whether people are to be told of what the objects hold; `backfill` asks for silence
    pub announce: bool,
    /// What of it could not be understood, though the rest was; the first such part
    pub error: Option<NotificationError>,
}

/// A member that `backfill` adds to what S3 says: `{"announce": false}` asks for silence.
pub const MARK: &str = "immutaWatch";

/// How many envelopes may lie in one another. SNS in SQS is two; a bucket that tells EventBridge, which tells SNS, three.
const MOST_ENVELOPES: usize = 4;

/// This is no notification of S3's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// It is something else.
    #[error("it is no notification of S3's: {0}")]
    Unknown(&'static str),
    /// A key in it cannot be decoded.
    #[error("the key {0} cannot be decoded: it is not UTF-8")]
    Key(String),
}

impl Notification {
    /// Reads a notification from text, such as the body of a message.
    ///
    /// # Errors
    /// [`NotificationError`]
    pub fn parse(text: &str) -> Result<Self, NotificationError> {
        Self::read(&json(text)?)
    }

    /// Reads a notification.
    ///
    /// # Errors
    /// [`NotificationError`]
    pub fn read(value: &Value) -> Result<Self, NotificationError> {
        let mut found = Self { arrivals: Vec::new(), others: 0, announce: true, error: None };
        found.take(value, 0)?;
        Ok(found)
    }

    fn take(&mut self, value: &Value, envelopes: usize) -> Result<(), NotificationError> {
        if envelopes > MOST_ENVELOPES {
            return Err(NotificationError::Unknown("too many envelopes lie in one another"));
        }
        if value[MARK]["announce"] == false {
            self.announce = false;
        }
        if let Some(records) = value["Records"].as_array() {
            for record in records {
                let taken = self.take_record(record, envelopes);
                self.error = self.error.take().or(taken.err());
            }
            return match &self.error {
                // Where nothing else was understood, it is as if all were wrong.
                Some(error) if self.arrivals.is_empty() && self.others == 0 => Err(error.clone()),
                _ => Ok(()),
            };
        }
        if value["source"] == "aws.s3" {
            return self.take_of_event_bridge(value);
        }
        if value["Event"] == "s3:TestEvent" {
            self.others += 1;
            return Ok(());
        }
        match (value["Type"].as_str(), value["Message"].as_str()) {
            (Some("Notification"), Some(message)) => self.take(&json(message)?, envelopes + 1),
            (Some("SubscriptionConfirmation"), _) => {
                Err(NotificationError::Unknown("SNS asks whether to subscribe; confirm the subscription"))
            }
            _ => Err(NotificationError::Unknown("it has neither Records nor the form of EventBridge or SNS")),
        }
    }

    fn take_record(&mut self, record: &Value, envelopes: usize) -> Result<(), NotificationError> {
        if let Some(message) = record["Sns"]["Message"].as_str() {
            return self.take(&json(message)?, envelopes + 1);
        }
        let Some(name) = record["eventName"].as_str().filter(|_| record["s3"].is_object()) else {
            return Err(NotificationError::Unknown("one of its Records is neither of S3 nor of SNS"));
        };
        // MinIO and others that speak as S3 does write `s3:ObjectCreated:Put`.
        if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
            self.others += 1;
            return Ok(());
        }
        let s3 = &record["s3"];
        let (bucket, key) = named(&s3["bucket"]["name"], &s3["object"]["key"])?;
        let decoded = percent_decode_str(&key.replace('+', " ")).decode_utf8().map(Cow::into_owned);
        let key = decoded.map_err(|_| NotificationError::Key(key))?;
        self.arrivals.push(Arrival { bucket, key, etag: etag(&s3["object"]["eTag"]), at: time(&record["eventTime"]) });
        Ok(())
    }

    /// EventBridge gives keys as they are.
    fn take_of_event_bridge(&mut self, value: &Value) -> Result<(), NotificationError> {
        if value["detail-type"] != "Object Created" {
            self.others += 1;
            return Ok(());
        }
        let detail = &value["detail"];
        let (bucket, key) = named(&detail["bucket"]["name"], &detail["object"]["key"])?;
        self.arrivals.push(Arrival { bucket, key, etag: etag(&detail["object"]["etag"]), at: time(&value["time"]) });
        Ok(())
    }
}

fn json(text: &str) -> Result<Value, NotificationError> {
    serde_json::from_str(text).map_err(|error| NotificationError::NotJson(error.to_string()))
}

fn named(bucket: &Value, key: &Value) -> Result<(String, String), NotificationError> {
    match (bucket.as_str(), key.as_str()) {
        (Some(bucket), Some(key)) if !key.is_empty() => Ok((bucket.to_owned(), key.to_owned())),
        _ => Err(NotificationError::Unknown("one of its objects has no bucket or key")),
    }
}

fn etag(value: &Value) -> Option<String> {
    Some(value.as_str()?.trim_matches('"').to_owned())
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn s3(name: &str, key: &str) -> Value {
        json!({ "eventSource": "aws:s3", "eventName": name, "eventTime": "2026-11-02T10:05:01.123Z",
                "s3": { "bucket": { "name": "audit" }, "object": { "key": key } } })
    }

    fn keys(value: &Value) -> Vec<String> {
        Notification::read(value).unwrap().arrivals.into_iter().map(|arrival| arrival.key).collect()
    }

    #[test]
    fn s3_encodes_keys_and_event_bridge_does_not() {
        let coded = "t%3Dacme%3Aeu/Pr%C3%BCfung+2026%2BQ4.ndjson";
        assert_eq!(keys(&json!({ "Records": [s3("ObjectCreated:Put", coded)] })), ["t=acme:eu/Prüfung 2026+Q4.ndjson"]);
        let bridge = json!({ "source": "aws.s3", "detail-type": "Object Created", "time": "2026-11-02T10:05:01Z",
            "detail": { "bucket": { "name": "audit" }, "object": { "key": "a%20b+c d" } } });
        assert_eq!(keys(&bridge), ["a%20b+c d"]);
    }

    #[test]
    fn envelopes_are_opened() {
        let inner = json!({ "Records": [s3("ObjectCreated:CompleteMultipartUpload", "x")] });
        let topic = json!({ "Type": "Notification", "Message": inner.to_string() });
        assert_eq!(keys(&topic), ["x"]);
        assert_eq!(keys(&json!({ "Records": [{ "Sns": { "Message": inner.to_string() } }] })), ["x"]);
        assert_eq!(Notification::parse(&topic.to_string()).unwrap().arrivals.len(), 1);
        let wrap = |value: &Value| json!({ "Type": "Notification", "Message": value.to_string() });
        let deep = (0..20).fold(inner, |value, _| wrap(&value));
        assert!(matches!(Notification::read(&deep), Err(NotificationError::Unknown(_))));
    }

    #[test]
    fn what_is_no_arrival_is_counted() {
        let records = json!({ "Records": [s3("ObjectRemoved:Delete", "x"), s3("s3:ObjectCreated:Copy", "y")] });
        let found = Notification::read(&records).unwrap();
        assert_eq!((found.arrivals.len(), found.others, found.announce), (1, 1, true));
        assert_eq!(Notification::read(&json!({ "Event": "s3:TestEvent" })).unwrap().others, 1);
        assert_eq!(Notification::read(&json!({ "Records": [] })).unwrap().others, 0);
    }

    #[test]
    fn what_cannot_be_understood_does_not_keep_the_rest_back() {
        let records = json!({ "Records": [s3("ObjectCreated:Put", "x"), s3("ObjectCreated:Put", "%FF"), {}] });
        let found = Notification::read(&records).unwrap();
        assert_eq!(found.arrivals.len(), 1);
        assert_eq!(found.error, Some(NotificationError::Key("%FF".to_owned())));
    }

    #[test]
    fn silence_can_be_asked_for() {
        let quiet = json!({ "Records": [s3("ObjectCreated:Put", "x")], MARK: { "announce": false } });
        assert!(!Notification::read(&quiet).unwrap().announce);
    }

    #[test]
    fn what_is_no_notification_is_refused_with_the_reason() {
        for value in [json!({}), json!([]), json!(null), json!({ "Records": [{}] }), json!({ "Type": "Notification" })]
        {
            assert!(matches!(Notification::read(&value), Err(NotificationError::Unknown(_))), "{value}");
        }
        assert!(matches!(Notification::parse("{"), Err(NotificationError::NotJson(_))));
        let bad = json!({ "Records": [s3("ObjectCreated:Put", "%FF")] });
        assert_eq!(Notification::read(&bad).unwrap_err(), NotificationError::Key("%FF".to_owned()));
    }

    proptest! {
        #[test]
        fn any_key_that_s3_encodes_is_read(key in "\\PC{1,40}") {
            // As S3 does: everything but letters, digits and some marks, and a space as +.
            const CODED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');
            let coded = percent_encoding::utf8_percent_encode(&key, CODED).to_string().replace("%20", "+");
            let records = json!({ "Records": [s3("ObjectCreated:Put", &coded)] });
            prop_assert_eq!(keys(&records), [key]);
        }

        #[test]
        fn no_text_is_too_much(text in "\\PC{0,200}") {
            let _ = Notification::parse(&text);
        }
    }
}
