//! What is kept of a notification: everything that it may ever have to be judged by again. It names no sender and no
//! secret.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::digest;

/// A body that comes again within so much time of one that was judged is the same notification: somebody or something in
/// between sent it twice. There is no time in a request that would tell.
pub const SAME_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// The version of the form.
const VERSION: u32 = 1;

/// One notification as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The version of this form
    pub version: u32,
    /// When it was received, to the millisecond
    pub received: DateTime<Utc>,
    /// The type in the path
    pub kind: String,
    /// The body, if it is UTF-8
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
    /// The body in base64 (RFC 4648, with padding), if it is not
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base64: Option<String>,
}

/// A receipt that is not as it was written.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// It is no JSON, or not that of a receipt.
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// It holds no body.
    #[error("it is damaged: there is no body in it that can be read")]
    NoBody,
}

impl Receipt {
    /// The receipt of a body that was verified.
    #[must_use]
    pub fn new(kind: &str, body: &[u8], received: DateTime<Utc>) -> Self {
        let (text, base64) = match std::str::from_utf8(body) {
            Ok(text) => (Some(text.to_owned()), None),
            Err(_) => (None, Some(STANDARD.encode(body))),
        };
        Self { version: VERSION, received: received.trunc_subsecs(3), kind: kind.to_owned(), text, base64 }
    }

    /// Reads a receipt that was kept.
    ///
    /// # Errors
    /// [`ReceiptError`]
    pub fn read(content: &[u8]) -> Result<Self, ReceiptError> {
        let receipt: Self = serde_json::from_slice(content)?;
        receipt.body().map(|_| ()).ok_or(ReceiptError::NoBody)?;
        Ok(receipt)
    }

    /// The body, byte by byte as it came.
    #[must_use]
    pub fn body(&self) -> Option<Vec<u8>> {
        match (&self.text, &self.base64) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(base64)) => STANDARD.decode(base64).ok(),
            (None, None) => None,
        }
    }

    /// Names what was received: the first 128 bits of SHA-256 over type and body. Two types may have the same body, for one
    /// change, and are two notifications.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut named = format!("{}\n", self.kind).into_bytes();
        named.extend(self.body().unwrap_or_default());
        digest::short(&named)
    }

    /// As it is kept.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Of the times at which one and the same notification was received, the one that a given one repeats; none if it is to be
/// judged itself. It depends on the times alone, so that whoever asks, and however often, finds the same.
#[must_use]
pub fn repeat_of(times: &BTreeSet<DateTime<Utc>>, this: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut judged: Option<DateTime<Utc>> = None;
    for time in times.iter().copied().filter(|time| *time < this) {
        if judged.is_none_or(|judged| time - judged >= SAME_WITHIN) {
            judged = Some(time);
        }
    }
    judged.filter(|judged| this - *judged < SAME_WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + 60 * minutes, 0).unwrap()
    }

    #[test]
    fn a_receipt_keeps_every_byte() {
        for body in [&b"{\"text\":\"\xc3\xbc\"}"[..], b"", b"\xff\x00\xfe"] {
            let receipt = Receipt::new("tagCreated", body, at(0));
            let read = Receipt::read(&receipt.encode()).unwrap();
            assert_eq!((read.body().unwrap().as_slice(), &read), (body, &receipt));
        }
        assert!(Receipt::read(b"{").is_err());
        let bodiless = br#"{"version":1,"received":"2026-11-23T14:00:00Z","kind":"tagCreated"}"#;
        assert!(matches!(Receipt::read(bodiless), Err(ReceiptError::NoBody)));
    }

    #[test]
    fn type_and_body_make_the_notification() {
        let hash = |kind: &str, body: &str| Receipt::new(kind, body.as_bytes(), at(0)).hash();
        assert_eq!(hash("tagCreated", "x"), Receipt::new("tagCreated", b"x", at(5)).hash());
        assert_ne!(hash("tagCreated", "x"), hash("tagDeleted", "x"));
        assert_ne!(hash("tagCreated", "x"), hash("tagCreated", "y"));
    }

    #[test]
    fn what_comes_again_within_ten_minutes_is_a_repeat_and_later_it_is_not() {
        let times: BTreeSet<_> = [0, 3, 9, 10, 11, 30].map(at).into();
        let of = |minute| repeat_of(&times, at(minute));
        assert_eq!([0, 3, 9].map(of), [None, Some(at(0)), Some(at(0))]);
        // However often it is repeated: ten minutes after the one that was judged, one is judged again.
        assert_eq!([10, 11, 30].map(of), [None, Some(at(10)), None]);
    }
}
