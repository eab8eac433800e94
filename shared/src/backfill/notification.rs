//! The message that tells of an export, in the form of S3's own notifications.

use chrono::SecondsFormat;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::export::MARK;
use crate::lake::ListedObject;

/// The notification that S3 would send for an object, as the body of a message, and beside its records whether somebody
/// is to be told of the alerts: `"immutaWatch": {"announce": false}`.
///
/// The form: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
#[must_use]
pub fn notification(object: &ListedObject, announce: bool) -> String {
    let (bucket, key) = (object.address.bucket(), object.address.key());
    let mut record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": { "name": bucket, "arn": format!("arn:aws:s3:::{bucket}") },
            "object": { "key": encoded(key), "size": object.bytes, "eTag": object.etag },
        },
    });
    if let Some(time) = object.last_modified {
        record["eventTime"] = time.to_rfc3339_opts(SecondsFormat::Millis, true).into();
    }
    json!({ "Records": [record], MARK: { "announce": announce } }).to_string()
}

/// What stands in a key of a notification as it is; everything else is `%XX`, as in a form.
const CODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

/// A key as it stands in a notification: as in a form, a space is a plus.
fn encoded(key: &str) -> String {
    utf8_percent_encode(key, CODED).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_message_looks_like_one_of_s3_and_says_whether_to_announce() {
        let object = ListedObject {
            address: "s3://audit-logs/dt=2026/a b+c=ü:1.json".parse().unwrap(),
            bytes: 7,
            etag: "abc".to_owned(),
            last_modified: DateTime::from_timestamp(1_793_613_600, 0),
        };
        let message: Value = serde_json::from_str(&notification(&object, false)).unwrap();
        assert_eq!(message["immutaWatch"]["announce"], false);
        let record = &message["Records"][0];
        assert_eq!(record["eventTime"], "2026-11-02T10:00:00.000Z");
        assert_eq!(record["s3"]["bucket"]["name"], "audit-logs");
        assert_eq!(record["s3"]["object"]["key"], "dt%3D2026/a+b%2Bc%3D%C3%BC%3A1.json");
        assert_eq!((&record["s3"]["object"]["size"], &record["s3"]["object"]["eTag"]), (&7.into(), &"abc".into()));
    }
}
