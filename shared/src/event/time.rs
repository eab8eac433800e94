//! Times as records write them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike, Utc};

use super::json::Json;

/// The date of the partition that holds events whose time cannot be read.
///
/// A real date, because partition projection in Athena knows no other value.
// The compiler evaluates it: a date that there is none of would not compile.
pub const UNDATED: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();

/// Reads an RFC 3339 time with any offset and any precision.
///
/// `None` for anything else, and for times outside the years 1 to 9999 UTC, which no partition can be named by.
#[must_use]
pub fn read(value: Option<Json<'_>>) -> Option<DateTime<Utc>> {
    let text = value?.as_str()?;
    let time = DateTime::parse_from_rfc3339(text.trim()).ok()?.to_utc();
    (1..=9999).contains(&time.year()).then_some(time)
}

/// When a day begins, UTC.
#[must_use]
pub fn midnight(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

/// Hours since 1970-01-01T00:00Z, rounded down: the unit that rollups count by.
#[must_use]
pub fn hour(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(3600)
}

/// `2026-11-02T09:03:15.123Z`, with as many digits of the second as needed: 0, 3 or 6.
#[must_use]
pub fn text(time: DateTime<Utc>) -> String {
    let format = match time.nanosecond() % 1_000_000_000 {
        0 => chrono::SecondsFormat::Secs,
        n if n % 1_000_000 == 0 => chrono::SecondsFormat::Millis,
        _ => chrono::SecondsFormat::Micros,
    };
    time.to_rfc3339_opts(format, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json::Document;

    fn read_text(text: &str) -> Option<String> {
        let json = format!("{text:?}");
        read(Some(Document::parse(&json).unwrap().root())).map(super::text)
    }

    #[test]
    fn offsets_and_precisions_are_read() {
        assert_eq!(read_text("2026-11-02T10:03:15.123Z").unwrap(), "2026-11-02T10:03:15.123Z");
        assert_eq!(read_text("2026-11-02T10:03:15.123456+02:00").unwrap(), "2026-11-02T08:03:15.123456Z");
        assert_eq!(read_text("2026-11-02t10:03:15z").unwrap(), "2026-11-02T10:03:15Z");
    }

    #[test]
    fn the_first_and_the_last_year_are_read_and_nothing_beyond() {
        assert_eq!(read_text("9999-12-31T23:59:59Z").unwrap(), "9999-12-31T23:59:59Z");
        assert_eq!(read_text("9999-12-31T23:59:59-02:00"), None);
        assert_eq!(read_text("0001-01-01T00:00:00Z").unwrap(), "0001-01-01T00:00:00Z");
        assert_eq!(read_text("0000-12-31T00:00:00Z"), None);
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-02", "1762077795000"] {
            assert_eq!(read_text(text), None, "{text}");
        }
        assert_eq!(read(Some(Document::parse("null").unwrap().root())), None);
        assert_eq!(read(None), None);
    }
}
