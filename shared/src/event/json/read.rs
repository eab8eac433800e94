//! Reading a text into a document: quickly where it is right, with the judgement of `serde_json` where it is not.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::{Document, Node, first_byte};

/// How deep values may be nested.
pub const DEEPEST: usize = 127;

impl<'a> Document<'a> {
    /// Reads one value and nothing after it.
    ///
    /// # Errors
    /// Whatever `serde_json` finds wrong, nesting of more than [`DEEPEST`] levels included.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        // The quick reader says little about what is wrong, and nothing where `serde_json` is the judge.
        // Simulated records have a value for every 11 to 16 bytes.
        let mut nodes = Vec::with_capacity(text.len() / 11);
        let mut reader = sonic_rs::Deserializer::from_str(text);
        let seed = Append { nodes: &mut nodes, depth: 0 };
        if seed.deserialize(&mut reader).is_ok() && reader.end().is_ok() {
            return Ok(Self { nodes });
        }
        nodes.clear();
        let mut reader = serde_json::Deserializer::from_str(text);
        Append { nodes: &mut nodes, depth: 0 }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(Self { nodes })
    }
}

/// Reads a value to the end of the list.
struct Append<'n, 'a> {
    nodes: &'n mut Vec<Node<'a>>,
    depth: usize,
}

impl<'a> Append<'_, 'a> {
    /// Begins a container; returns where it stands and how deep its content is.
    fn open<E: de::Error>(&mut self) -> Result<(usize, usize), E> {
        if self.depth >= DEEPEST {
            return Err(E::custom("recursion limit exceeded"));
        }
        self.nodes.push(Node::Null);
        Ok((self.nodes.len() - 1, self.depth + 1))
    }

    fn close<E: de::Error>(self, at: usize, container: fn(u32) -> Node<'a>) -> Result<(), E> {
        let end = u32::try_from(self.nodes.len()).map_err(|_| E::custom("too many values"))?;
        self.nodes[at] = container(end);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Append<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Append<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.nodes.push(Node::Null);
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.nodes.push(Node::Bool(value));
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.nodes.push(Node::Number(value.into()));
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.nodes.push(Node::Number(value.into()));
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.nodes.push(Number::from_f64(value).map_or(Node::Null, Node::Number));
        Ok(())
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<(), E> {
        self.nodes.push(Node::Plain(first_byte(text), text));
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.nodes.push(Node::Unescaped(text.into()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<(), A::Error> {
        let (at, depth) = self.open()?;
        while sequence.next_element_seed(Append { nodes: &mut *self.nodes, depth })?.is_some() {}
        self.close(at, Node::Array)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let (at, depth) = self.open()?;
        while map.next_key_seed(Name(&mut *self.nodes))?.is_some() {
            map.next_value_seed(Append { nodes: &mut *self.nodes, depth })?;
        }
        self.close(at, Node::Object)
    }
}

/// Reads the name of a member to the end of the list.
struct Name<'n, 'a>(&'n mut Vec<Node<'a>>);

impl<'de> DeserializeSeed<'de> for Name<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(Append { nodes: self.0, depth: 0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::json::tests_support::any_value;

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let line = r#"{"plain":"a","escaped":"a\nb"}"#;
        let document = Document::parse(line).unwrap();
        assert!(document.nodes.contains(&Node::Plain(b'a', "a")));
        assert!(document.nodes.contains(&Node::Unescaped("a\nb".into())));
        assert_eq!(document.root().get("escaped").unwrap().as_str(), Some("a\nb"));
    }

    #[test]
    fn nesting_past_the_limit_is_an_error_not_a_crash() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for too_deep in [DEEPEST + 1, DEEPEST + 2, 10_000] {
            assert!(Document::parse(&nested(too_deep)).unwrap_err().to_string().contains("recursion limit"));
        }
        assert!(Document::parse(&nested(DEEPEST)).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_serde_json() {
        for text in ["", "{\"a\":", "{\"a\":1}}", "nul", "\"\\ud800\"", "[1,]", "1e999", "{a:1}", "\"a\nb\""] {
            let error = Document::parse(text).unwrap_err().to_string();
            let judge = serde_json::from_str::<serde_json::Value>(text).unwrap_err().to_string();
            assert_eq!(error, judge);
        }
    }

    /// JSON that is nearly right: a valid text with a few bytes changed.
    fn nearly_json() -> impl Strategy<Value = String> {
        let change =
            (any::<prop::sample::Index>(), prop::sample::select(b"{}[]\",:\\ 0-eE.truefalsn\x01\xc3".as_slice()));
        (any_value(), prop::collection::vec(change, 0..3)).prop_map(|(value, changes)| {
            let mut text = value.to_string().into_bytes();
            for (index, byte) in changes {
                let at = index.index(text.len());
                text[at] = byte;
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    }

    proptest! {
        /// The quick reader takes what `serde_json` takes, and nothing else, and reads the same from it.
        #[test]
        fn the_quick_reader_agrees_with_serde_json(text in nearly_json()) {
            let judge = serde_json::from_str::<serde_json::Value>(&text);
            let found = Document::parse(&text);
            prop_assert_eq!(found.is_ok(), judge.is_ok(), "{}", text);
            if let (Ok(found), Ok(judge)) = (found, judge) {
                prop_assert_eq!(serde_json::to_value(found.root()).unwrap(), judge);
            }
        }
    }
}
