//! An alert's id: derived from its rule, its alert key and its window, so that every export finds the same one.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// `20261102-5c0f…`: the date on which the window begins, which says where in the lake the alert lies, and the first
/// 64 bits of SHA-256 over rule id, window and key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId {
    date: NaiveDate,
    hash: u64,
}

impl AlertId {
    /// The id of the alert of a rule, a window and a key (each field's name and sorted values).
    #[must_use]
    pub fn new(rule: &str, window_start: DateTime<Utc>, key: &[(String, Vec<String>)]) -> Self {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        part(rule.as_bytes());
        part(&window_start.timestamp().to_be_bytes());
        for (name, values) in key {
            part(name.as_bytes());
            part(&(values.len() as u64).to_be_bytes());
            for value in values {
                part(value.as_bytes());
            }
        }
        let mut hash = [0; 8];
        hash.copy_from_slice(&hasher.finalize()[..8]);
        Self { date: window_start.date_naive(), hash: u64::from_be_bytes(hash) }
    }

    /// The date on which the alert's window begins.
    #[must_use]
    pub fn date(&self) -> NaiveDate {
        self.date
    }
}

impl From<&AlertId> for AlertId {
    fn from(id: &AlertId) -> Self {
        id.clone()
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.date.format("%Y%m%d"), self.hash)
    }
}

/// The text is no alert id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no alert id; one looks like 20261102-5c0f3a9be1d24c77")]
pub struct NotAnAlertId(String);

impl FromStr for AlertId {
    type Err = NotAnAlertId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (date, hash) = text.split_once('-')?;
            let well_formed = date.len() == 8 && hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            let date = NaiveDate::parse_from_str(date, "%Y%m%d").ok().filter(|_| well_formed)?;
            Some(Self { date, hash: u64::from_str_radix(hash, 16).ok()? })
        };
        read().ok_or_else(|| NotAnAlertId(text.to_owned()))
    }
}

impl Serialize for AlertId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AlertId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(rule: &str, start: &str, values: &[&str]) -> AlertId {
        let start = DateTime::parse_from_rfc3339(start).unwrap().to_utc();
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        AlertId::new(rule, start, &[("watch.actor".to_owned(), values)])
    }

    #[test]
    fn rule_window_and_key_each_make_another_alert() {
        let one = id("r", "2026-11-02T00:00:00Z", &["ann"]);
        assert_eq!(one, id("r", "2026-11-02T00:00:00Z", &["ann"]));
        assert_ne!(one, id("s", "2026-11-02T00:00:00Z", &["ann"]));
        assert_ne!(one, id("r", "2026-11-03T00:00:00Z", &["ann"]));
        assert_ne!(one, id("r", "2026-11-02T00:00:00Z", &["bob"]));
        assert_ne!(id("r", "2026-11-02T00:00:00Z", &["a", "b"]), id("r", "2026-11-02T00:00:00Z", &["ab"]));
    }

    #[test]
    fn the_text_form_says_the_date_and_reads_back() {
        let one = id("r", "2026-11-02T18:00:00Z", &["ann"]);
        assert!(one.to_string().starts_with("20261102-"));
        assert_eq!(one.to_string().parse(), Ok(one));
        for text in
            ["", "20261102", "2026-1102-5c0f3a9be1d24c77", "20261302-5c0f3a9be1d24c77", "20261102-+c0f3a9be1d24c77"]
        {
            assert!(text.parse::<AlertId>().is_err(), "{text}");
        }
    }
}
