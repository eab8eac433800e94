//! A JSON value that borrows from the line it was read from: what every later step reads a record through.
//!
//! A record is one flat list of [`Node`]s, in the order of the line: a container is followed by what it holds and knows
//! where that ends. So reading one takes a single allocation, and looking something up walks over memory that lies side by
//! side. Objects keep their members in the order of the line, duplicates included; where a name stands twice, the last
//! one counts, as it does in Python, JavaScript and `serde_json`.

mod canonical;
mod read;

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::Number;

pub use self::read::DEEPEST;

/// One value, or the name of a member, without what it holds.
#[derive(Debug, Clone, PartialEq)]
enum Node<'a> {
    Null,
    Bool(bool),
    Number(Number),
    /// Without escapes in the input, and so without anything that needs one; with its first byte, which tells most
    /// names apart without a look at the text
    Plain(u8, &'a str),
    /// With escapes, undone
    Unescaped(Box<str>),
    /// The index after its last element
    Array(u32),
    /// The index after its last member; each is a name and a value
    Object(u32),
}

/// A text that was read as one JSON value.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<'a> {
    nodes: Vec<Node<'a>>,
}

impl Document<'_> {
    /// The value.
    #[must_use]
    pub fn root(&self) -> Json<'_> {
        Json { nodes: &self.nodes, at: 0 }
    }
}

/// One value of a document.
#[derive(Clone, Copy)]
pub struct Json<'r> {
    nodes: &'r [Node<'r>],
    at: usize,
}

/// What a value is.
#[derive(Debug)]
pub enum View<'r> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number: a 64-bit integer where it is one, else the nearest 64-bit float.
    Number(&'r Number),
    /// A string
    String(&'r str),
    /// An array
    Array(Elements<'r>),
    /// An object, in the order of the line
    Object(Members<'r>),
}

/// The elements of an array.
#[derive(Debug, Clone)]
pub struct Elements<'r> {
    nodes: &'r [Node<'r>],
    at: usize,
    end: usize,
}

impl<'r> Iterator for Elements<'r> {
    type Item = Json<'r>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.at < self.end).then(|| {
            let element = Json { nodes: self.nodes, at: self.at };
            self.at = element.end();
            element
        })
    }
}

/// The members of an object.
#[derive(Debug, Clone)]
pub struct Members<'r>(Elements<'r>);

impl<'r> Iterator for Members<'r> {
    type Item = (&'r str, Json<'r>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.0.next()?;
        Some((name.as_str().unwrap_or_default(), self.0.next()?))
    }
}

impl<'r> Json<'r> {
    fn node(self) -> &'r Node<'r> {
        &self.nodes[self.at]
    }

    /// The index after this value.
    fn end(self) -> usize {
        match self.node() {
            Node::Array(end) | Node::Object(end) => *end as usize,
            _ => self.at + 1,
        }
    }

    fn below(self) -> Elements<'r> {
        Elements { nodes: self.nodes, at: self.at + 1, end: self.end() }
    }

    /// What it is.
    #[must_use]
    pub fn view(self) -> View<'r> {
        match self.node() {
            Node::Null => View::Null,
            Node::Bool(value) => View::Bool(*value),
            Node::Number(number) => View::Number(number),
            Node::Plain(_, text) => View::String(text),
            Node::Unescaped(text) => View::String(text),
            Node::Array(_) => View::Array(self.below()),
            Node::Object(_) => View::Object(Members(self.below())),
        }
    }

    /// Whether this is an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        matches!(self.node(), Node::Object(_))
    }

    /// Its elements, if this is an array.
    #[must_use]
    pub fn elements(self) -> Option<Elements<'r>> {
        matches!(self.node(), Node::Array(_)).then(|| self.below())
    }

    /// Its members, if this is an object; none otherwise.
    #[must_use]
    pub fn members(self) -> Members<'r> {
        match self.node() {
            Node::Object(_) => Members(self.below()),
            _ => Members(Elements { nodes: self.nodes, at: 0, end: 0 }),
        }
    }

    /// The member called `name`, or `None` if there is none or this is no object.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Json<'r>> {
        if !self.is_object() {
            return None;
        }
        let (nodes, end) = (self.nodes, self.end());
        let (mut at, mut found) = (self.at + 1, None);
        while at < end {
            let (key, value) = (Json { nodes, at }, Json { nodes, at: at + 1 });
            if key.is_called(name) {
                found = Some(value);
            }
            at = value.end();
        }
        found
    }

    /// Whether this is a string that equals `name`. Most names differ in their length or first letter, and then nothing
    /// else is looked at.
    fn is_called(self, name: &str) -> bool {
        match self.node() {
            Node::Plain(first, key) => key.len() == name.len() && *first == first_byte(name) && *key == name,
            Node::Unescaped(key) => **key == *name,
            _ => false,
        }
    }

    /// The value below this one along `path`, through objects only.
    #[must_use]
    pub fn at(self, path: &[&str]) -> Option<Json<'r>> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// Calls `visit` with every value at `path`; an array on the way stands for each of its elements.
    pub fn each_at(self, path: &[&str], visit: &mut dyn FnMut(Json<'r>)) {
        if let Some(elements) = self.elements() {
            elements.for_each(|element| element.each_at(path, visit));
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

    /// As [`Self::each_at`], for a path whose names are joined by dots.
    pub fn each_at_dotted(self, path: &str, visit: &mut dyn FnMut(Json<'r>)) {
        if let Some(elements) = self.elements() {
            elements.for_each(|element| element.each_at_dotted(path, visit));
            return;
        }
        match path.split_once('.') {
            Some((name, rest)) => {
                if let Some(value) = self.get(name) {
                    value.each_at_dotted(rest, visit);
                }
            }
            None => self.each_at(&[path], visit),
        }
    }

    /// The string, if this is one.
    #[must_use]
    pub fn as_str(self) -> Option<&'r str> {
        match self.node() {
            Node::Plain(_, text) => Some(text),
            Node::Unescaped(text) => Some(text),
            _ => None,
        }
    }

    /// A string, or a number or boolean as text: for fields that change their type between releases.
    #[must_use]
    pub fn as_text(self) -> Option<Cow<'r, str>> {
        match self.node() {
            Node::Plain(_, text) => Some(Cow::Borrowed(text)),
            Node::Unescaped(text) => Some(Cow::Borrowed(text)),
            Node::Number(number) => Some(Cow::Owned(number.to_string())),
            Node::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            _ => None,
        }
    }

    /// The number as an integer, if it is one; digits in a string count.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        match self.node() {
            Node::Number(number) => number.as_i64(),
            _ => self.as_str()?.parse().ok(),
        }
    }
}

/// 0 for the empty text.
fn first_byte(text: &str) -> u8 {
    text.as_bytes().first().copied().unwrap_or(0)
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

/// Serialises in the order of the line; of a name that stands twice, every occurrence.
impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.view() {
            View::Null => serializer.serialize_unit(),
            View::Bool(value) => serializer.serialize_bool(value),
            View::Number(number) => number.serialize(serializer),
            View::String(text) => serializer.serialize_str(text),
            View::Array(elements) => serializer.collect_seq(elements),
            View::Object(members) => serializer.collect_map(members),
        }
    }
}

/// What the tests of this module's parts share.
#[cfg(test)]
mod tests_support {
    use proptest::prelude::*;

    /// Any value with whole numbers.
    pub(super) fn any_value() -> impl Strategy<Value = serde_json::Value> {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_names_counts() {
        let document = Document::parse(r#"{"b":1,"a":1,"b":{"z":1,"y":2}}"#).unwrap();
        assert_eq!(document.root().at(&["b", "y"]).unwrap().as_i64(), Some(2));
    }

    #[test]
    fn arrays_on_a_path_stand_for_their_elements() {
        let document = Document::parse(r#"{"a":[{"b":["x","y"]},{"c":1},{"b":"z"}]}"#).unwrap();
        let value = document.root();
        let mut found = Vec::new();
        value.each_at(&["a", "b"], &mut |value| found.push(value.as_str().unwrap()));
        assert_eq!(found, ["x", "y", "z"]);
        let mut dotted = Vec::new();
        value.each_at_dotted("a.b", &mut |value| dotted.push(value.as_str().unwrap()));
        assert_eq!(dotted, found);
    }
}
