//! The canonical form of a value, which the event key is a hash of.

use super::{Json, Node};

impl<'r> Json<'r> {
    /// Writes the canonical form: members sorted by the bytes of their names, the last of equal names only, no
    /// white space, and at the top level without the members named in `leave_out`.
    ///
    /// For a record without floating-point numbers this is what Python's
    /// `json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` prints.
    pub fn write_canonical(self, leave_out: &[&str], out: &mut Vec<u8>) {
        self.write_sorted(leave_out, out, &mut Vec::with_capacity(64));
    }

    /// `order` is room for the members of this object and of those that it stands in, one after the other.
    fn write_sorted(self, leave_out: &[&str], out: &mut Vec<u8>, order: &mut Vec<SortKey<'r>>) {
        match self.node() {
            Node::Null => out.extend_from_slice(b"null"),
            Node::Bool(true) => out.extend_from_slice(b"true"),
            Node::Bool(false) => out.extend_from_slice(b"false"),
            Node::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Node::Plain(..) | Node::Unescaped(_) => self.write_string(out),
            Node::Array(_) => {
                out.push(b'[');
                for (index, element) in self.below().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    element.write_sorted(&[], out, order);
                }
                out.push(b']');
            }
            Node::Object(_) => self.write_members(leave_out, out, order),
        }
    }

    fn write_members(self, leave_out: &[&str], out: &mut Vec<u8>, order: &mut Vec<SortKey<'r>>) {
        let (start, end) = (order.len(), self.end());
        let mut at = self.at + 1;
        while at < end {
            order.push(SortKey::of(Json { nodes: self.nodes, at }));
            at = Json { nodes: self.nodes, at: at + 1 }.end();
        }
        // Of equal names the last in the line stays last.
        order[start..].sort_unstable();
        let end = order.len();
        out.push(b'{');
        let mut first = true;
        for position in start..end {
            let SortKey { name, at, .. } = order[position];
            let shadowed = order[position + 1..end].first().is_some_and(|next| next.name == name);
            if shadowed || leave_out.contains(&name) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            Json { nodes: self.nodes, at }.write_string(out);
            out.push(b':');
            Json { nodes: self.nodes, at: at + 1 }.write_sorted(&[], out, order);
        }
        out.push(b'}');
        order.truncate(start);
    }

    fn write_string(self, out: &mut Vec<u8>) {
        if let Node::Plain(_, text) = self.node() {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        } else {
            let written = serde_json::to_writer(out, self.as_str().unwrap_or_default());
            debug_assert!(written.is_ok(), "a string always serialises into a vector");
        }
    }
}

/// Sorts members by the bytes of their names. The first eight of them as a number tell most names apart at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SortKey<'r> {
    first_bytes: u64,
    name: &'r str,
    at: usize,
}

impl<'r> SortKey<'r> {
    fn of(name: Json<'r>) -> Self {
        let (text, at) = (name.as_str().unwrap_or_default(), name.at);
        let mut first_bytes = [0; 8];
        let known = text.len().min(8);
        first_bytes[..known].copy_from_slice(&text.as_bytes()[..known]);
        Self { first_bytes: u64::from_be_bytes(first_bytes), name: text, at }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::event::json::Document;
    use crate::event::json::tests_support::any_value;

    fn canonical(text: &str, leave_out: &[&str]) -> String {
        let mut out = Vec::new();
        Document::parse(text).unwrap().root().write_canonical(leave_out, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_last_of_equal_names_stays() {
        assert_eq!(canonical(r#"{"b":1,"a":1,"b":{"z":1,"y":2}}"#, &[]), r#"{"a":1,"b":{"y":2,"z":1}}"#);
    }

    #[test]
    fn names_that_begin_alike_are_sorted_by_what_follows() {
        assert_eq!(
            canonical(r#"{"abcdefgh2":1,"abcdefgh":2,"abcdefg":3,"abcdefgh1":4,"":5}"#, &[]),
            r#"{"":5,"abcdefg":3,"abcdefgh":2,"abcdefgh1":4,"abcdefgh2":1}"#
        );
    }

    #[test]
    fn members_are_left_out_at_the_top_level_only() {
        assert_eq!(canonical(r#"{"x":1,"y":{"x":2}}"#, &["x"]), r#"{"y":{"x":2}}"#);
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
