//! A list in an answer: an array, or an object that holds one and may say how many there are in all.

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::ShapeError;
use crate::webhook::is_kind;

/// Under which members a list may stand, the plainest first.
const LISTS: [&str; 10] =
    ["webhooks", "hits", "results", "history", "records", "items", "actions", "notifications", "types", "data"];

/// Under which members the count of everything may stand.
const TOTALS: [&str; 4] = ["total", "totalCount", "count", "totalHits"];

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) items: Vec<Value>,
    /// How many there are in all, if the answer says so
    pub(super) total: Option<u64>,
}

impl Page {
    /// Reads an answer.
    pub(super) fn read(answer: &Value) -> Result<Self, ShapeError> {
        Self::find(answer).ok_or_else(|| ShapeError::new("a list", answer))
    }

    fn find(answer: &Value) -> Option<Self> {
        match answer {
            Value::Array(items) => Some(Self { items: items.clone(), total: None }),
            Value::Object(object) => {
                let total = || TOTALS.iter().find_map(|name| object.get(*name)?.as_u64());
                let page = LISTS.iter().find_map(|name| match object.get(*name)? {
                    Value::Array(items) => Some(Self { items: items.clone(), total: None }),
                    // A search engine nests its hits; once is enough.
                    Value::Object(inner) => LISTS.iter().find_map(|name| {
                        let items = inner.get(*name)?.as_array()?.clone();
                        Some(Self { items, total: TOTALS.iter().find_map(|name| inner.get(*name)?.as_u64()) })
                    }),
                    _ => None,
                })?;
                Some(Self { total: page.total.or_else(total), ..page })
            }
            _ => None,
        }
    }
}

/// The notification types that an answer lists: texts, objects that name one, groups of either, or the keys of an object.
pub(super) fn types_in(answer: &Value) -> Result<BTreeSet<String>, ShapeError> {
    let mut types = BTreeSet::new();
    collect(answer, 3, &mut types);
    if types.is_empty()
        && let Value::Object(object) = answer
    {
        types.extend(object.keys().filter(|key| is_kind(key) && !LISTS.contains(&key.as_str())).cloned());
    }
    if types.is_empty() { Err(ShapeError::new("a list of notification types", answer)) } else { Ok(types) }
}

fn collect(value: &Value, depth: usize, types: &mut BTreeSet<String>) {
    const NAMES: [&str; 7] = ["notificationType", "type", "action", "name", "value", "key", "id"];
    match value {
        _ if depth == 0 => {}
        Value::Array(items) => {
            for item in items {
                let found = match item {
                    Value::String(text) => Some(text.as_str()),
                    Value::Object(object) => NAMES.iter().find_map(|name| object.get(*name)?.as_str()),
                    _ => None,
                };
                match found {
                    Some(name) if is_kind(name) => _ = types.insert(name.to_owned()),
                    Some(_) => {}
                    None => collect(item, depth - 1, types),
                }
            }
        }
        Value::Object(object) => object.values().filter(|value| !value.is_string()).for_each(|value| {
            collect(value, depth - 1, types);
        }),
        _ => {}
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_found_wherever_it_stands() {
        for (answer, items, total) in [
            (json!([1, 2]), 2, None),
            (json!({"webhooks": [1]}), 1, None),
            (json!({"count": 7, "hits": [1, 2]}), 2, Some(7)),
            (json!({"hits": {"total": 9, "hits": [1]}}), 1, Some(9)),
            (json!({"results": [], "total": 0}), 0, Some(0)),
        ] {
            let page = Page::read(&answer).unwrap();
            assert_eq!((page.items.len(), page.total), (items, total));
        }
        let error = Page::read(&json!({"stuff": [1], "key": "hush"})).unwrap_err().to_string();
        assert_eq!(error, "a list was wanted, and what came is an object with the keys key, stuff");
    }

    #[test]
    fn types_are_found_in_every_form_of_a_list() {
        let expected = BTreeSet::from(["tagCreated".to_owned(), "tagDeleted".to_owned()]);
        for answer in [
            json!(["tagCreated", "tagDeleted", "ALL_NOTIFICATIONS"]),
            json!([{"name": "tagCreated", "description": "x"}, {"type": "tagDeleted"}]),
            json!({"actions": ["tagCreated", "tagDeleted"]}),
            json!({"admin": ["tagCreated"], "user": [{"notificationType": "tagDeleted"}]}),
            json!({"tagCreated": "A tag is created", "tagDeleted": "A tag is deleted"}),
        ] {
            assert_eq!(types_in(&answer).unwrap(), expected, "{answer}");
        }
        assert!(types_in(&json!([])).is_err() && types_in(&json!(7)).is_err());
    }

    /// Any JSON: what it is made of is what answers are made of.
    pub(in crate::immuta) fn any_json() -> impl Strategy<Value = Value> {
        let key = prop::sample::select(
            [
                &LISTS[..],
                &TOTALS[..],
                &[
                    "id",
                    "url",
                    "name",
                    "notificationType",
                    "request",
                    "response",
                    "body",
                    "status",
                    "error",
                    "createdAt",
                    "webhookId",
                    "webhook",
                    "success",
                    "x",
                ][..],
            ]
            .concat(),
        );
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            Just(json!("https://x.example.com/a/tagCreated")),
            Just(json!("2026-11-23T14:00:05.120Z")),
            Just(json!("immuta-watch: tagCreated")),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..6)
                    .prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(answer in any_json()) {
            let _ = types_in(&answer);
            let _ = Page::read(&answer);
        }
    }
}
