//! The event key: what makes two copies of one event the same.
//!
//! An `id` alone will not do: it may be missing, and the several records of one query may share it. So the key is a
//! hash of the whole record in its canonical form, `id` included, without `receivedTimestamp`, which differs when
//! the audit service takes the same event twice.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::json::Json;

/// The member that does not count for the identity of an event.
const NOT_PART_OF_THE_EVENT: &[&str] = &["receivedTimestamp"];

/// So much room for the canonical form is kept from one record to the next, in bytes; few records take more.
const MOST_ROOM: usize = 64 * 1024;

thread_local! {
    /// Room for the canonical form, which is too large to be asked for anew with every record.
    static CANONICAL: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The first 128 bits of SHA-256 over the record's canonical form; 32 hexadecimal digits as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey([u8; 16]);

impl EventKey {
    /// The key of a record.
    #[must_use]
    pub fn of(record: Json<'_>) -> Self {
        CANONICAL.with_borrow_mut(|canonical| {
            canonical.clear();
            record.write_canonical(NOT_PART_OF_THE_EVENT, canonical);
            let digest = Sha256::digest(&canonical);
            canonical.shrink_to(MOST_ROOM);
            let mut key = [0; 16];
            key.copy_from_slice(&digest[..16]);
            Self(key)
        })
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// The text is no event key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no event key: it takes 32 hexadecimal digits")]
pub struct NotAnEventKey(String);

impl FromStr for EventKey {
    type Err = NotAnEventKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let well_formed = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(number) if well_formed => Ok(Self(number.to_be_bytes())),
            _ => Err(NotAnEventKey(text.to_owned())),
        }
    }
}

impl Serialize for EventKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json::Document;

    fn key(text: &str) -> EventKey {
        EventKey::of(Document::parse(text).unwrap().root())
    }

    #[test]
    fn key_order_white_space_and_the_time_of_receipt_do_not_matter() {
        let one = key(r#"{"id":"1","receivedTimestamp":"2026-01-01T00:00:00Z","auditPayload":{"type":"X","a":1}}"#);
        let other = key(r#"{ "auditPayload": {"a":1, "type":"X"}, "id":"1" }"#);
        assert_eq!(one, other);
    }

    #[test]
    fn two_records_that_share_an_id_are_two_events() {
        assert_ne!(key(r#"{"id":"1","targets":[{"name":"a"}]}"#), key(r#"{"id":"1","targets":[{"name":"b"}]}"#));
    }

    #[test]
    fn the_key_is_what_any_other_tool_computes() {
        // printf '%s' '{"a":"ü","id":"1"}' | sha256sum | cut -c1-32
        let expected = Sha256::digest("{\"a\":\"ü\",\"id\":\"1\"}".as_bytes());
        assert_eq!(key(r#"{"id":"1","a":"\u00fc"}"#).to_string(), crate::digest::text(&expected[..16]));
    }

    #[test]
    fn the_text_form_reads_back() {
        let one = key(r#"{"id":"1"}"#);
        assert_eq!(one.to_string().parse(), Ok(one));
        assert!("+0000000000000000000000000000001".parse::<EventKey>().is_err());
        assert!("00".parse::<EventKey>().is_err());
    }
}
