//! A JSON value that borrows from the line it was read from: what every later step reads a record through.
//!
//! Objects keep their members in the order of the line, duplicates included; where a name stands twice, the
//! last one counts, as it does in Python, JavaScript and `serde_json`.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde_json::Number;

/// One JSON value. Strings borrow from the input unless they hold an escape.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number: a 64-bit integer where it is one, else the nearest 64-bit float.
    Number(Number),
    /// A string
    String(Cow<'a, str>),
    /// An array
    Array(Vec<Json<'a>>),
    /// An object, in the order of the line
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads one value and nothing after it.
    ///
    /// # Errors
    /// Whatever `serde_json` finds wrong, nesting of more than 128 levels included.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The member called `name`, or `None` if there is none or this is no object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        match self {
            Json::Object(members) => members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value below this one along `path`, through objects only.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Json<'a>> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// Calls `visit` with every value at `path`; an array on the way stands for each of its elements.
    pub fn each_at<'s>(&'s self, path: &[&str], visit: &mut dyn FnMut(&'s Json<'a>)) {
        if let Json::Array(elements) = self {
            for element in elements {
                element.each_at(path, visit);
            }
            return;
        }
        match path.split_first() {
            None => visit(self),
            Some((name, rest)) => {
                if let Some(value) = self.get(name) {
                    value.each_at(rest, visit);
                }
            }
        }
    }

    /// The string, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// A string, or a number or boolean as text: for fields that change their type between releases.
    #[must_use]
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Json::String(text) => Some(Cow::Borrowed(text)),
            Json::Number(number) => Some(Cow::Owned(number.to_string())),
            Json::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            _ => None,
        }
    }

    /// The number as an integer, if it is one; digits in a string count.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Writes the canonical form: members sorted by the bytes of their names, the last of equal names only, no
    /// white space, and at the top level without the members named in `leave_out`.
    ///
    /// For a record without floating-point numbers this is what Python's
    /// `json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` prints.
    pub fn write_canonical(&self, leave_out: &[&str], out: &mut Vec<u8>) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(true) => out.extend_from_slice(b"true"),
            Json::Bool(false) => out.extend_from_slice(b"false"),
            Json::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Json::String(text) => write_string(text, out),
            Json::Array(elements) => {
                out.push(b'[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    element.write_canonical(&[], out);
                }
                out.push(b']');
            }
            Json::Object(members) => write_members(members, leave_out, out),
        }
    }
}

fn write_members(members: &[(Cow<'_, str>, Json<'_>)], leave_out: &[&str], out: &mut Vec<u8>) {
    let mut order: Vec<usize> = (0..members.len()).collect();
    // Stable, so that of equal names the last in the line stays last.
    order.sort_by(|&a, &b| members[a].0.cmp(&members[b].0));
    out.push(b'{');
    let mut first = true;
    for (position, &index) in order.iter().enumerate() {
        let (name, value) = &members[index];
        let shadowed = order.get(position + 1).is_some_and(|&next| members[next].0 == *name);
        if shadowed || leave_out.contains(&name.as_ref()) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        write_string(name, out);
        out.push(b':');
        value.write_canonical(&[], out);
    }
    out.push(b'}');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    let plain = text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        let written = serde_json::to_writer(&mut *out, text);
        debug_assert!(written.is_ok(), "a string always serialises into a vector");
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some(Name(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(Json::Object(members))
    }
}

/// A member's name. `Cow` alone would always be deserialised as an owned string.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Serialises in the order of the line; of a name that stands twice, every occurrence.
impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Number(number) => number.serialize(serializer),
            Json::String(text) => serializer.serialize_str(text),
            Json::Array(elements) => serializer.collect_seq(elements),
            Json::Object(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str, leave_out: &[&str]) -> String {
        let mut out = Vec::new();
        Json::parse(text).unwrap().write_canonical(leave_out, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let line = r#"{"plain":"a","escaped":"a\nb"}"#;
        let value = Json::parse(line).unwrap();
        assert!(matches!(value.get("plain"), Some(Json::String(Cow::Borrowed("a")))));
        assert!(matches!(value.get("escaped"), Some(Json::String(Cow::Owned(text))) if text == "a\nb"));
    }

    #[test]
    fn the_last_of_equal_names_counts_in_lookups_and_in_the_canonical_form() {
        let text = r#"{"b":1,"a":1,"b":{"z":1,"y":2}}"#;
        assert_eq!(Json::parse(text).unwrap().at(&["b", "y"]), Some(&Json::Number(2.into())));
        assert_eq!(canonical(text, &[]), r#"{"a":1,"b":{"y":2,"z":1}}"#);
    }

    #[test]
    fn members_are_left_out_at_the_top_level_only() {
        assert_eq!(canonical(r#"{"x":1,"y":{"x":2}}"#, &["x"]), r#"{"y":{"x":2}}"#);
    }

    #[test]
    fn arrays_on_a_path_stand_for_their_elements() {
        let value = Json::parse(r#"{"a":[{"b":["x","y"]},{"c":1},{"b":"z"}]}"#).unwrap();
        let mut found = Vec::new();
        value.each_at(&["a", "b"], &mut |value| found.push(value.as_str().unwrap()));
        assert_eq!(found, ["x", "y", "z"]);
    }

    #[test]
    fn nesting_past_the_limit_is_an_error_not_a_crash() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(Json::parse(&deep).unwrap_err().to_string().contains("recursion limit"));
    }

    fn any_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// `serde_json::Value` sorts its members by name, so its text is an independent canonical form.
        #[test]
        fn the_canonical_form_is_that_of_serde_json(value in any_value()) {
            let text = value.to_string();
            prop_assert_eq!(canonical(&text, &[]), text);
        }
    }
}
