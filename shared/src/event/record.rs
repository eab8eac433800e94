//! A parsed record, and the typed view of it that rules and ledgers read.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};

use super::fields::{Field, Fields};
use super::json::{Document, Json};
use super::key::EventKey;
use super::{Service, kind, time};
use crate::export::Content;

/// Why a line cannot be read as an event. The texts go into quarantine as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The line is not UTF-8.
    #[error("not UTF-8 from byte {0} of the line on")]
    NotUtf8(usize),
    /// The line is no JSON.
    #[error("no JSON: {0}")]
    NotJson(String),
    /// JSON, but no object.
    #[error("JSON, but no object")]
    NotAnObject,
    /// An object that does not say what happened.
    #[error("neither auditPayload.type nor action and targetType say what happened")]
    NoKind,
    /// The line is longer than the reader's cap; holds its length in bytes.
    #[error("{0} bytes long, past the cap for one line; only its beginning is kept here")]
    TooLong(u64),
}

/// One line of an export, parsed.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    raw: &'a str,
    json: Document<'a>,
}

impl<'a> Record<'a> {
    /// Parses a line.
    ///
    /// # Errors
    /// [`Unreadable`], with the reason that quarantine keeps.
    pub fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        let raw = std::str::from_utf8(line).map_err(|error| Unreadable::NotUtf8(error.valid_up_to()))?.trim();
        let json = Document::parse(raw).map_err(|error| Unreadable::NotJson(without_line_number(&error)))?;
        if !json.root().is_object() {
            return Err(Unreadable::NotAnObject);
        }
        if kind::of(json.root()).is_none() {
            return Err(Unreadable::NoKind);
        }
        Ok(Self { raw, json })
    }

    /// Reads what stands on a line of an export; `None` if that is nothing.
    ///
    /// # Errors
    /// [`Unreadable`], with the reason that quarantine keeps.
    #[must_use]
    pub fn of_line(content: &Content<'a>) -> Option<Result<Self, Unreadable>> {
        match content {
            Content::Blank => None,
            Content::TooLong { bytes, .. } => Some(Err(Unreadable::TooLong(*bytes))),
            Content::Text(text) => Some(Self::parse(text)),
        }
    }

    /// The record's text as it stands in the export, without surrounding white space.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The whole record.
    #[must_use]
    pub fn json(&self) -> Json<'_> {
        self.json.root()
    }
}

/// `serde_json` counts lines within the text it was given, which is always one line here.
fn without_line_number(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&position) {
        Some(message) if error.line() <= 1 => format!("{message} at byte {}", error.column()),
        Some(message) => format!("{message}{position}"),
        None => text,
    }
}

/// One event: the typed view of a record.
#[derive(Debug, Clone)]
pub struct Event<'r> {
    record: &'r Record<'r>,
    service: Service,
    kind: Cow<'r, str>,
    key: EventKey,
    time: Option<DateTime<Utc>>,
    received: Option<DateTime<Utc>>,
    fields: Fields<'r>,
}

impl<'r> Event<'r> {
    /// The view of a record of an export.
    #[must_use]
    pub fn of(record: &'r Record<'r>) -> Self {
        Self::of_service(record, Service::Audit)
    }

    /// The view of a record that came by this way.
    #[must_use]
    pub fn of_service(record: &'r Record<'r>, service: Service) -> Self {
        let json = record.json();
        let kind = kind::of(json).unwrap_or(Cow::Borrowed("")); // `Record::parse` lets none through without
        let received = time::read(json.get("receivedTimestamp"));
        Self {
            kind: kind.clone(),
            key: EventKey::of(json),
            time: time::read(json.get("eventTimestamp")).or(received),
            received,
            fields: Fields::derive(json, kind, service),
            service,
            record,
        }
    }

    /// The record behind the view.
    #[must_use]
    pub fn record(&self) -> &'r Record<'r> {
        self.record
    }

    /// By which way it came.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    /// The event's name (`TagApplied`; `Query` for every query).
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether this is a query, on whatever platform.
    #[must_use]
    pub fn is_query(&self) -> bool {
        self.service == Service::Audit && self.kind == kind::QUERY
    }

    /// What makes two copies of the event the same.
    #[must_use]
    pub fn key(&self) -> EventKey {
        self.key
    }

    /// When it happened: `eventTimestamp`, or `receivedTimestamp` where that cannot be read. Event time is the only
    /// clock that windows, partitions and charts go by.
    #[must_use]
    pub fn time(&self) -> Option<DateTime<Utc>> {
        self.time
    }

    /// When the audit service took it.
    #[must_use]
    pub fn received(&self) -> Option<DateTime<Utc>> {
        self.received
    }

    /// The UTC date of the partition that the event belongs to; [`time::UNDATED`] for one without a readable time.
    #[must_use]
    pub fn date(&self) -> NaiveDate {
        self.time.map_or(time::UNDATED, |time| time.date_naive())
    }

    /// The values of a derived field, in the order of the record; empty where nothing said so.
    #[must_use]
    pub fn field(&self, field: Field) -> &[Cow<'r, str>] {
        self.fields.values(field)
    }

    /// All derived fields.
    #[must_use]
    pub fn fields(&self) -> &Fields<'r> {
        &self.fields
    }

    /// The text at a path of the raw record, through objects only; numbers and booleans as text.
    #[must_use]
    pub fn text_at(&self, path: &[&str]) -> Option<Cow<'r, str>> {
        self.record.json().at(path)?.as_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &[u8]) -> Unreadable {
        Record::parse(line).unwrap_err()
    }

    #[test]
    fn only_what_cannot_be_an_event_is_refused() {
        assert_eq!(refused(b"{\"a\":\"\xff\"}"), Unreadable::NotUtf8(6));
        assert_eq!(refused(b"[1]"), Unreadable::NotAnObject);
        assert_eq!(refused(b"{}"), Unreadable::NoKind);
        assert!(refused(b"{\"a\":").to_string().starts_with("no JSON: EOF while parsing a value at byte"));
        assert!(refused(b"{\"score\":NaN}").to_string().starts_with("no JSON: "));
        assert!(refused(br#"{"a":"\ud800"}"#).to_string().starts_with("no JSON: "));
        assert!(refused(br#"{"a":1} {"b":2}"#).to_string().starts_with("no JSON: trailing characters"));
    }

    #[test]
    fn missing_null_retyped_and_extra_fields_pass_through() {
        let line = br#"{"id":7,"eventTimestamp":null,"actor":"somebody","targets":"none","action":null,
            "auditPayload":{"type":"TagAppliedAuditPayload","tag":5},"new":{"in":["this","release"]}}"#;
        let record = Record::parse(line).unwrap();
        let event = Event::of(&record);
        assert_eq!(event.kind(), "TagApplied");
        assert_eq!(event.time(), None);
        assert_eq!(event.date(), time::UNDATED);
        assert_eq!(event.field(Field::Actor), ["somebody"]);
        assert_eq!(event.field(Field::Tag), ["5"]);
    }

    #[test]
    fn the_time_of_receipt_stands_in_for_an_unreadable_event_time() {
        let record = Record::parse(
            br#"{"auditPayload":{"type":"X"},"eventTimestamp":"soon","receivedTimestamp":"2026-11-02T23:30:00-02:00"}"#,
        )
        .unwrap();
        let event = Event::of(&record);
        assert_eq!(event.time(), event.received());
        assert_eq!(event.date().to_string(), "2026-11-03");
    }
}
