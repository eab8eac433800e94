//! What is compared with the weeks before, which Sigma does not have: more than usual, something for the first time, an hour
//! at which nothing ever was, a return after long silence.

use chrono::TimeDelta;
use serde_json::{Map, Value};

use super::in_units;
use crate::config::Period;
use crate::rules::error::Reporter;

/// How far back is looked at the most: a day's counts are small, but each day is a file.
pub(super) const LONGEST: TimeDelta = TimeDelta::weeks(26);

/// A group is compared with itself once it was there this long before, if the correlation does not say: each hour of the week
/// was there four times then.
const KNOWN: TimeDelta = TimeDelta::weeks(4);

/// More than that nobody does in an hour or a day.
const MOST: u64 = 1_000_000;

/// The types, as a correlation names them.
pub(super) const TYPES: [&str; 4] = ["unusual_count", "unusual_hour", "first_value", "return"];

/// What a group's day is compared with, and what is looked for in it. How far back is looked is the correlation's timespan.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// What is looked for
    pub looks_for: Unusual,
    /// How long before that day the group must have been there; one that is newer is not judged
    pub known: TimeDelta,
}

/// What a group's day is looked at for.
#[derive(Debug, Clone, PartialEq)]
pub enum Unusual {
    /// More events in an hour than is usual for it at that hour of the week (`unusual_count`)
    Count {
        /// So many events at least, however few are usual
        at_least: u64,
        /// So many deviations above the median
        deviations: f64,
    },
    /// Events at an hour of the week at which there never were any (`unusual_hour`)
    Hour {
        /// So many events at least
        at_least: u64,
    },
    /// Values of a field that it never had (`first_value`)
    Value {
        /// The field, in a list of one
        field: Vec<String>,
        /// So many values at least
        at_least: u64,
    },
    /// Events after so many days without any (`return`)
    Return {
        /// How long there was none
        silent: TimeDelta,
    },
}

impl Unusual {
    /// The fields of which it takes the values.
    pub(super) fn fields(&self) -> &[String] {
        match self {
            Self::Value { field, .. } => field,
            Self::Count { .. } | Self::Hour { .. } | Self::Return { .. } => &[],
        }
    }

    pub(super) fn in_words(&self, rules: &str, before: &str) -> String {
        match self {
            Self::Count { at_least, deviations } => format!(
                "at least {at_least} events of {rules} in an hour, and {deviations} deviations more than is usual at that \
                 hour of the week in the {before} before"
            ),
            Self::Hour { at_least } => format!(
                "at least {at_least} events of {rules} at an hour of the week at which there was none in the {before} before"
            ),
            Self::Value { field, at_least } => {
                let field = field.join("");
                let values = if *at_least == 1 { "a value".to_owned() } else { format!("at least {at_least} values") };
                format!("{values} of {field} in {rules} that there was not in the {before} before")
            }
            Self::Return { silent } => {
                format!("{rules} after {} or more without, and with some in the {before} before", in_units(*silent))
            }
        }
    }
}

/// A length of time in weeks, if it is some.
pub(super) fn in_weeks(length: TimeDelta) -> String {
    match length.num_days() {
        days if days % 7 == 0 && days > 7 => format!("{} weeks", days / 7),
        _ => in_units(length),
    }
}

/// What stands in the condition of a baseline.
#[derive(Default)]
struct Said {
    at_least: Option<u64>,
    deviations: Option<f64>,
    field: Option<String>,
    known: Option<TimeDelta>,
    silent: Option<TimeDelta>,
}

/// Reads the condition of a correlation that is compared with the `timespan` before it.
pub(super) fn read(
    kind: &str,
    condition: Option<&Value>,
    timespan: TimeDelta,
    line: u64,
    report: &mut Reporter<'_>,
) -> Option<Baseline> {
    let takes: &[&str] = match kind {
        "unusual_count" => &["gte", "deviations", "known"],
        "unusual_hour" => &["gte", "known"],
        "first_value" => &["field", "gte", "known"],
        _ => &["silent"],
    };
    let nothing = Map::new();
    let condition = match condition {
        None => &nothing,
        Some(Value::Object(condition)) => condition,
        Some(_) => {
            report.at(line, format!("the condition of {kind} holds {}", takes.join(", ")));
            return None;
        }
    };
    let said = said(kind, takes, condition, line, report);
    // What is there and not understood is reported already.
    let must = |key: &str, example: &str, report: &mut Reporter<'_>| {
        if !condition.contains_key(key) {
            report.at(line, format!("{kind} needs `{key}` in its condition, as in `{example}`"));
        }
    };
    if timespan.num_seconds() % TimeDelta::days(1).num_seconds() != 0 {
        report.at(line, format!("{kind} looks back by whole days: write its timespan in days or weeks"));
    }
    let known = said.known.unwrap_or(KNOWN);
    if kind != "return" && known > timespan {
        let is_said = if said.known.is_none() { ", 28 days if not said," } else { "" };
        report.at(line, format!("known{is_said} is longer than the timespan"));
    }
    let looks_for = match kind {
        "unusual_count" => {
            must("gte", "gte: 30", report);
            must("deviations", "deviations: 6", report);
            check_weeks(known, line, report);
            Unusual::Count { at_least: said.at_least?, deviations: said.deviations? }
        }
        "unusual_hour" => {
            must("gte", "gte: 5", report);
            check_weeks(known, line, report);
            Unusual::Hour { at_least: said.at_least? }
        }
        "first_value" => {
            must("field", "field: watch.object", report);
            Unusual::Value { field: vec![said.field?], at_least: said.at_least.unwrap_or(1) }
        }
        _ => {
            must("silent", "silent: 30d", report);
            let silent = said.silent?;
            if silent >= timespan {
                report.at(line, "silent is as long as the timespan, so nobody could be known before");
            }
            return Some(Baseline { looks_for: Unusual::Return { silent }, known: silent });
        }
    };
    Some(Baseline { looks_for, known })
}

/// Each hour of the week must have been there a few times.
fn check_weeks(known: TimeDelta, line: u64, report: &mut Reporter<'_>) {
    if known < TimeDelta::weeks(3) {
        report.after(line, "known", "known is three weeks (21d) at least: fewer say nothing of an hour of the week");
    }
}

fn said(kind: &str, takes: &[&str], condition: &Map<String, Value>, line: u64, report: &mut Reporter<'_>) -> Said {
    let mut said = Said::default();
    for (key, value) in condition {
        let days = || {
            let period = Period::parse(value.as_str()?)?.delta();
            (period > TimeDelta::zero() && period.num_seconds() % 86_400 == 0).then_some(period)
        };
        let understood = match key.as_str() {
            _ if !takes.contains(&key.as_str()) => {
                report.after(line, key, format!("{kind} takes no {key}; its condition holds {}", takes.join(", ")));
                continue;
            }
            "gte" => {
                said.at_least = value.as_u64().filter(|number| (1..=MOST).contains(number));
                said.at_least.is_some()
            }
            "deviations" => {
                said.deviations = value.as_f64().filter(|number| (1.0..=100.0).contains(number));
                said.deviations.is_some()
            }
            "field" => {
                said.field = value.as_str().map(str::to_owned);
                said.field.is_some()
            }
            "known" => {
                said.known = days();
                said.known.is_some()
            }
            _ => {
                said.silent = days();
                said.silent.is_some()
            }
        };
        if !understood {
            let message = match key.as_str() {
                "gte" => "gte is a whole number from 1 to 1,000,000".to_owned(),
                "deviations" => "deviations is a number from 1 to 100".to_owned(),
                "field" => "field is the name of one field".to_owned(),
                _ => format!("{key} is a number of whole days, as in `28d`"),
            };
            report.after(line, key, message);
        }
    }
    said
}
