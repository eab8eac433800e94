//! The time lines inside correlations: examples of several events each.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::config::Period;
use crate::rules::examples::ExampleKind;
use crate::rules::{Level, Pack, Route};

/// So many events a time line may have.
const MOST_EVENTS: u32 = 10_000;

/// A time line as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimelineAttribute {
    pub(super) name: String,
    #[serde(default)]
    pub(super) level: Option<Level>,
    #[serde(default)]
    pub(super) route: Option<Route>,
    pub(super) events: Vec<TimelineEvent>,
}

/// One event of a time line, or several that are alike.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimelineEvent {
    /// The record, written out
    #[serde(default)]
    event: Option<Value>,
    /// Or that of an example of this rule
    #[serde(default)]
    rule: Option<String>,
    /// The name of that example
    #[serde(default)]
    example: Option<String>,
    /// When it happened, instead of the time in the record
    #[serde(default)]
    at: Option<DateTime<Utc>>,
    /// Members of the record by their paths, and what they are instead
    #[serde(default)]
    with: BTreeMap<String, Value>,
    /// How often it happens
    #[serde(default = "once")]
    repeat: u32,
    /// How long after each other
    #[serde(default = "a_minute")]
    every: Period,
    /// Members by their paths, and what they are in turn
    #[serde(default)]
    vary: BTreeMap<String, Vec<Value>>,
}

fn once() -> u32 {
    1
}

fn a_minute() -> Period {
    Period::minutes(1)
}

/// A time line, and whether the correlation is to find something in it.
#[derive(Debug, Clone)]
pub struct TimelineExample {
    /// Whether it is
    pub kind: ExampleKind,
    /// Its name
    pub name: String,
    /// The line of the file that it begins on
    pub line: u64,
    /// The level that the alert is to have
    pub level: Option<Level>,
    /// The route that it is to take
    pub route: Option<Route>,
    events: Vec<TimelineEvent>,
}

impl TimelineExample {
    pub(super) fn of(kind: ExampleKind, example: &Spanned<TimelineAttribute>, first_line: u64) -> Self {
        Self {
            kind,
            name: example.value.name.clone(),
            line: first_line + example.referenced.line().saturating_sub(1),
            level: example.value.level,
            route: example.value.route,
            events: example.value.events.clone(),
        }
    }

    /// The records, in the order of the file.
    ///
    /// # Errors
    /// What is wrong with the time line.
    pub fn records(&self, pack: &Pack) -> Result<Vec<String>, String> {
        let mut records = Vec::new();
        let all: u32 = self.events.iter().map(|event| event.repeat).fold(0, u32::saturating_add);
        if all > MOST_EVENTS {
            return Err(format!("{all} events are too many; {MOST_EVENTS} are the most"));
        }
        for event in &self.events {
            let base = event.record(pack)?;
            for copy in 0..event.repeat {
                records.push(event.copy(&base, copy, records.len())?.to_string());
            }
        }
        Ok(records)
    }
}

impl TimelineEvent {
    fn record(&self, pack: &Pack) -> Result<Value, String> {
        match (&self.event, &self.rule, &self.example) {
            (Some(event), None, None) => Ok(event.clone()),
            (None, Some(rule), Some(example)) => {
                let found = pack.rule(rule).ok_or_else(|| format!("there is no rule {rule}"))?;
                let record =
                    found.example(example).ok_or_else(|| format!("the rule {rule} has no example {example:?}"))?;
                serde_json::from_str(record).map_err(|error| error.to_string())
            }
            _ => Err("an event is either `event:` with a record, or `rule:` and `example:`".to_owned()),
        }
    }

    /// The record of one copy. Each has an id of its own, so that no two are the same event.
    fn copy(&self, base: &Value, copy: u32, number: usize) -> Result<Value, String> {
        let mut record = base.clone();
        let step = i32::try_from(copy).unwrap_or(i32::MAX);
        let time = self.at.or_else(|| record.get("eventTimestamp")?.as_str()?.parse().ok());
        let time: Option<DateTime<Utc>> = time.and_then(|time| time.checked_add_signed(self.every.delta() * step));
        if let Some(time) = time {
            set(&mut record, "eventTimestamp", time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into())?;
            // A record is not received before it happened.
            let received = (time + TimeDelta::hours(1)).to_rfc3339_opts(SecondsFormat::AutoSi, true);
            set(&mut record, "receivedTimestamp", received.into())?;
        }
        let id = record.get("id").and_then(Value::as_str).unwrap_or("event");
        let id = format!("{id}-{number}");
        set(&mut record, "id", id.into())?;
        for (path, value) in &self.with {
            set(&mut record, path, value.clone())?;
        }
        for (path, values) in &self.vary {
            let value = usize::try_from(copy).unwrap_or_default().checked_rem(values.len()).map(|at| &values[at]);
            set(&mut record, path, value.ok_or_else(|| format!("{path} has no values to take in turn"))?.clone())?;
        }
        Ok(record)
    }
}

/// Sets a member by its path; elements of arrays by their number.
fn set(record: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let mut at = record;
    for part in path.split('.') {
        at = match at {
            Value::Array(elements) => {
                let place = part.parse::<usize>().ok().and_then(|place| elements.get_mut(place));
                place.ok_or_else(|| format!("{path}: the list has no element {part}"))?
            }
            Value::Object(members) => members.entry(part).or_insert(Value::Null),
            other => {
                *other = Value::Object(serde_json::Map::new());
                match other {
                    Value::Object(members) => members.entry(part).or_insert(Value::Null),
                    _ => return Err(path.to_owned()),
                }
            }
        };
    }
    *at = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_set_by_their_paths() {
        let mut record = json!({"actor": {"id": "a"}, "targets": [{"id": "1"}]});
        set(&mut record, "actor.id", json!("b")).unwrap();
        set(&mut record, "targets.0.id", json!("2")).unwrap();
        set(&mut record, "auditPayload.tag.name", json!("PII")).unwrap();
        assert_eq!(
            record,
            json!({"actor": {"id": "b"}, "targets": [{"id": "2"}], "auditPayload": {"tag": {"name": "PII"}}})
        );
        assert!(set(&mut record, "targets.7.id", json!("2")).is_err());
    }

    #[test]
    fn copies_are_apart_in_time_and_in_id() {
        let event: TimelineEvent = serde_json::from_value(json!({
            "event": {"id": "x", "eventTimestamp": "2026-11-02T10:00:00Z"}, "repeat": 2, "every": "30m",
            "vary": {"actor.id": ["a", "b"]}
        }))
        .unwrap();
        let base = event.event.clone().unwrap();
        let copy = event.copy(&base, 1, 7).unwrap();
        assert_eq!(copy["eventTimestamp"], "2026-11-02T10:30:00Z");
        assert_eq!((&copy["id"], &copy["actor"]["id"]), (&json!("x-7"), &json!("b")));
    }
}
