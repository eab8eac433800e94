//! A rule's own settings: the custom top-level attribute `watch:` of its Sigma document.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::error::Reporter;
use super::vocabulary::{Level, Question, Route};
use crate::circumstances::Circumstance;
use crate::event::{Event, Field, fields, time};
use crate::spelling::did_you_mean;

/// The attribute as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchAttribute {
    pub(super) question: Question,
    pub(super) route: Route,
    pub(super) alert_key: Spanned<Vec<Spanned<String>>>,
    pub(super) window: Spanned<String>,
    #[serde(default)]
    pub(super) raise: Vec<RaiseAttribute>,
    pub(super) runbook: Vec<String>,
    #[serde(default)]
    pub(super) controls: Vec<String>,
    pub(super) examples: Spanned<ExamplesAttribute>,
}

/// One entry of `raise`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RaiseAttribute {
    pub(super) when: Spanned<Value>,
    #[serde(default)]
    pub(super) level: Option<Level>,
    #[serde(default)]
    pub(super) route: Option<Route>,
    pub(super) because: String,
}

/// The examples that `rules test` runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExamplesAttribute {
    pub(super) positive: Vec<Spanned<ExampleAttribute>>,
    pub(super) negative: Vec<Spanned<ExampleAttribute>>,
}

/// One example.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExampleAttribute {
    pub(super) name: String,
    #[serde(default)]
    pub(super) level: Option<Level>,
    #[serde(default)]
    pub(super) route: Option<Route>,
    pub(super) event: Value,
}

/// What takes an alert further, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    /// The level that the alert has at least.
    pub level: Option<Level>,
    /// The route that the alert has at least.
    pub route: Option<Route>,
    /// One sentence for the reader of the alert.
    pub because: String,
}

/// The length of a rule's windows: they tumble, in UTC, by event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    hours: u32,
}

const HOURS_PER_DAY: u32 = 24;
const HOURS_PER_WEEK: i64 = 168;
/// 1970-01-05 was a Monday, so windows of whole weeks begin on Mondays.
const FIRST_MONDAY: i64 = 96;
/// The longest window, in hours: 31 days.
const LONGEST: u32 = 31 * HOURS_PER_DAY;

impl Window {
    /// A day.
    pub const DAY: Self = Self { hours: HOURS_PER_DAY };

    /// Reads `6h` or `1d`: hours that divide a day, or whole days up to 31.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let number: u32 = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
        let hours = match unit {
            "h" if number > 0 && HOURS_PER_DAY.is_multiple_of(number) => number,
            "d" if number > 0 => number.checked_mul(HOURS_PER_DAY)?,
            _ => return None,
        };
        (hours <= LONGEST).then_some(Self { hours })
    }

    /// The length in hours.
    #[must_use]
    pub fn hours(self) -> u32 {
        self.hours
    }

    /// The length.
    #[must_use]
    pub fn length(self) -> chrono::TimeDelta {
        chrono::TimeDelta::hours(self.hours.into())
    }

    /// The beginning of the window that a time lies in. Events without a readable time share the first window of all.
    #[must_use]
    pub fn start(self, time: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let length = i64::from(self.hours);
        let origin = if length % HOURS_PER_WEEK == 0 { FIRST_MONDAY } else { 0 };
        let hour = time.map_or(origin, time::hour);
        let start = origin + (hour - origin).div_euclid(length) * length;
        DateTime::from_timestamp(start * 3600, 0).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hours.is_multiple_of(HOURS_PER_DAY) {
            write!(f, "{}d", self.hours / HOURS_PER_DAY)
        } else {
            write!(f, "{}h", self.hours)
        }
    }
}

/// A field of the alert key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyField {
    /// A derived field
    Derived(Field),
    /// A path of the raw record, such as `actor.id`
    Raw(String),
}

impl KeyField {
    /// The name as it stands in the rule.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            KeyField::Derived(field) => field.name(),
            KeyField::Raw(path) => path,
        }
    }

    /// The values in an event, sorted, since two records may list the same names in another order.
    #[must_use]
    pub fn values(&self, event: &Event<'_>) -> Vec<String> {
        let mut values: Vec<String> = match self {
            KeyField::Derived(field) => event.field(*field).iter().map(ToString::to_string).collect(),
            KeyField::Raw(path) => {
                let mut values = Vec::new();
                event.record().json().each_at_dotted(path, &mut |value| {
                    values.extend(value.as_text().map(Cow::into_owned));
                });
                values
            }
        };
        values.sort();
        values.dedup();
        values
    }
}

impl WatchAttribute {
    /// The window, or an error.
    pub(super) fn checked_window(&self, report: &mut Reporter<'_>) -> Option<Window> {
        checked_window(&self.window, report)
    }

    /// The alert key, or errors. A key of which every field can be missing would merge what has nothing in common.
    pub(super) fn checked_alert_key(&self, report: &mut Reporter<'_>) -> Vec<KeyField> {
        let mut key = Vec::new();
        for name in &self.alert_key.value {
            match Field::named(&name.value) {
                Some(field) => key.push(KeyField::Derived(field)),
                None if name.value == "auditPayload.queryText" => {
                    let message = "the text of a query is no alert key: every query would be an alert of its own";
                    report.at(name.referenced.line(), message);
                }
                None if Circumstance::named(&name.value).is_some() => {
                    let message = format!(
                        "{} is what the configuration says, and no part of an alert's identity: use facts of the record",
                        name.value
                    );
                    report.at(name.referenced.line(), message);
                }
                None if name.value.starts_with(fields::PREFIX) => {
                    report.at(name.referenced.line(), unknown_field(&name.value));
                }
                None => key.push(KeyField::Raw(name.value.clone())),
            }
        }
        if !key.iter().any(|field| matches!(field, KeyField::Derived(field) if field.is_never_empty())) {
            report.at(
                self.alert_key.referenced.line(),
                "every field of this alert key can be missing, and then unrelated incidents would be one alert; \
                 add watch.actor or watch.kind, which every event has",
            );
        }
        key
    }

    /// Reports what a rule must have and this one has not.
    pub(super) fn check_texts(&self, report: &mut Reporter<'_>) {
        if self.runbook.is_empty() {
            report.near("runbook:", "watch:", EMPTY_RUNBOOK);
        }
    }
}

/// The message about a runbook with no steps.
pub(super) const EMPTY_RUNBOOK: &str = "the runbook is empty; write two or three steps that a person can carry out";

/// A window as it stands in the file, or an error.
pub(super) fn checked_window(window: &Spanned<String>, report: &mut Reporter<'_>) -> Option<Window> {
    let checked = Window::parse(&window.value);
    if checked.is_none() {
        let message = format!(
            "{:?} is no window; write hours that divide a day (1h, 2h, 3h, 4h, 6h, 8h, 12h) or days up to 31 (1d, 7d)",
            window.value
        );
        report.at(window.referenced.line(), message);
    }
    checked
}

/// The message about a derived field that does not exist.
pub(super) fn unknown_field(name: &str) -> String {
    let circumstances = Circumstance::ALL.into_iter().map(Circumstance::name);
    let hint = did_you_mean(name, Field::all().map(Field::name).chain(circumstances));
    format!("there is no derived field {name}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(window: &str, time: &str) -> String {
        let time = DateTime::parse_from_rfc3339(time).unwrap().to_utc();
        time::text(Window::parse(window).unwrap().start(Some(time)))
    }

    #[test]
    fn windows_tumble_in_utc() {
        assert_eq!(start("1h", "2026-11-04T23:59:59Z"), "2026-11-04T23:00:00Z");
        assert_eq!(start("6h", "2026-11-04T23:59:59Z"), "2026-11-04T18:00:00Z");
        assert_eq!(start("1d", "2026-11-04T23:59:59-05:00"), "2026-11-05T00:00:00Z");
        assert_eq!(start("1d", "1969-12-31T23:00:00Z"), "1969-12-31T00:00:00Z");
    }

    #[test]
    fn windows_of_whole_weeks_begin_on_mondays() {
        assert_eq!(start("7d", "2026-11-08T23:59:59Z"), "2026-11-02T00:00:00Z");
        assert_eq!(start("7d", "2026-11-09T00:00:00Z"), "2026-11-09T00:00:00Z");
    }

    #[test]
    fn other_lengths_are_refused() {
        for text in ["", "h", "5h", "24", "1w", "0d", "-1d", "+1d", "32d", "1.5h", "1é"] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
        assert_eq!(Window::parse("24h").unwrap().to_string(), "1d");
        assert_eq!(Window::parse("4h").unwrap().to_string(), "4h");
    }
}
