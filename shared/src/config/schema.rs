//! The JSON Schema of the configuration file, for editors and for checks before anything runs.
//!
//! Objects and their descriptions follow from the types; what is written as a text with a form of its own is said here.
//! The schema takes whatever [`Configuration::parse`] takes; names that mean nothing and files are beyond it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::calendar::WEEKDAYS;
use super::{Configuration, Days, Hours, Period, Zone};

/// The JSON Schema (draft 2020-12), as the text of a file.
#[must_use]
pub fn schema() -> String {
    let mut text =
        serde_json::to_string_pretty(&sorted(schemars::schema_for!(Configuration).into())).unwrap_or_default();
    text.push('\n');
    text
}

/// Where a secret may be kept.
pub(super) const SECRET: &str = "^(secretsmanager|ssm):.+$";

/// A text of this form.
pub(super) fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// Alternatives, each of which asks for one of these keys.
pub(super) fn any_of<const N: usize>(keys: [&str; N]) -> Value {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}

/// The schema of a type that is written as a text, or as texts.
macro_rules! written_as {
    ($type:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                object($schema)
            }
        }
    };
}

fn object(value: Value) -> Schema {
    match value {
        Value::Object(members) => members.into(),
        _ => Schema::default(),
    }
}

/// A local date: `2026-12-25`.
pub(super) struct Date;

written_as!(
    Date,
    "Date",
    json!({
        "description": "A date: 2026-12-25.",
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    })
);

written_as!(
    Period,
    "Period",
    json!({
        "description": "A number of minutes, hours or days, up to ten years.",
        "type": "string",
        "pattern": "^[0-9]+[mhd]$",
        "examples": ["30m", "12h", "7d"],
    })
);

written_as!(
    Zone,
    "Zone",
    json!({
        "description": "A time zone by its IANA name.",
        "type": "string",
        "pattern": "^[A-Za-z0-9_+/-]+$",
        "examples": ["Europe/Berlin", "America/New_York", "Asia/Singapore", "UTC"],
    })
);

written_as!(
    Days,
    "Days",
    json!({
        "description": "Days of the week, whole or from three letters on: monday, mon.",
        "type": "array",
        "minItems": 1,
        "items": { "anyOf": [{ "enum": WEEKDAYS }, text(&any_weekday())] },
        "examples": [["monday", "tuesday", "wednesday", "thursday", "friday"]],
    })
);

written_as!(Hours, "Hours", {
    let time = "[0-9]{1,2}:[0-9]{1,2}";
    let span = text(&format!("^ *{time} *- *{time} *$"));
    json!({
        "description": "A span of the day, or a list of them; one that ends before it begins passes midnight.",
        "anyOf": [span, { "type": "array", "minItems": 1, "items": span }],
        "examples": ["08:00-18:00", ["08:00-12:00", "13:00-17:00"], "22:00-06:00"],
    })
});

/// `^([Mm][Oo][Nn]([Dd]([Aa]([Yy])?)?)?|...)$`: weekdays in any case, from their first three letters on.
fn any_weekday() -> String {
    let either_case = |letter: char| format!("[{}{letter}]", letter.to_ascii_uppercase());
    let one = |day: &&str| {
        let head: String = day.chars().take(3).map(either_case).collect();
        let tail = day.chars().skip(3).collect::<Vec<_>>();
        let tail =
            tail.into_iter().rev().fold(String::new(), |rest, letter| format!("({}{rest})?", either_case(letter)));
        head + &tail
    };
    format!("^({})$", WEEKDAYS.iter().map(one).collect::<Vec<_>>().join("|"))
}

/// A JSON value whose objects are sorted by name, however the maps of this build are ordered.
#[derive(Serialize)]
#[serde(untagged)]
enum Sorted {
    Object(BTreeMap<String, Sorted>),
    Array(Vec<Sorted>),
    Other(Value),
}

fn sorted(value: Value) -> Sorted {
    match value {
        Value::Object(members) => {
            Sorted::Object(Map::into_iter(members).map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(elements) => Sorted::Array(elements.into_iter().map(sorted).collect()),
        other => Sorted::Other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_refuses_keys_that_it_does_not_know() {
        fn look(value: &Value, at: &str, objects: &mut u32) {
            if let Some(members) = value.as_object() {
                if members.contains_key("properties") {
                    *objects += 1;
                    assert_eq!(members.get("additionalProperties"), Some(&Value::Bool(false)), "{at}");
                }
                members.iter().for_each(|(name, value)| look(value, &format!("{at}/{name}"), objects));
            }
            if let Some(elements) = value.as_array() {
                for value in elements {
                    look(value, at, objects);
                }
            }
        }
        let mut objects = 0;
        look(&serde_json::from_str(&schema()).unwrap(), "", &mut objects);
        assert!(objects >= 10, "{objects} objects");
    }

    #[test]
    fn every_key_has_a_description_in_plain_words() {
        fn look(value: &Value, at: &str) {
            let Some(members) = value.as_object() else { return };
            for (name, property) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let described = property.get("description").and_then(Value::as_str).unwrap_or_default();
                assert!(!described.is_empty() && !described.contains("[`"), "{at}/{name}: {described}");
            }
            members.iter().for_each(|(name, value)| look(value, &format!("{at}/{name}")));
        }
        look(&serde_json::from_str(&schema()).unwrap(), "");
    }
}
