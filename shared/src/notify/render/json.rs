//! A message as JSON, for machines: what queues, functions and webhooks get. docs/notifications.md documents it field by
//! field; a field that is there stays as it is, and new ones may come.

use serde::Serialize;

use super::clean::shortened;
use crate::notify::Message;

/// The version of the form. It rises when a field goes or changes its meaning, not when one comes.
pub const VERSION: u32 = 1;

/// The longest text in it, in characters, and the longest list: from the generous to what always fits.
const SIZES: [(usize, usize); 4] = [(4_000, 50), (1_000, 25), (250, 12), (60, 6)];

/// The longest that a webhook or a queue is given, in bytes.
const MOST: usize = 128 * 1024;

#[derive(Serialize)]
struct Body<'m> {
    version: u32,
    #[serde(flatten)]
    message: &'m Message,
}

/// A message as JSON: one object, at most 128 KiB. Longer texts are cut, with an ellipsis.
#[must_use]
pub fn json(message: &Message) -> String {
    json_within(message, MOST, str::len)
}

/// A message as JSON that is at most `most` long, as `measure` has it. `most` is at least some 64 KiB, which the least of
/// the sizes stays below.
pub(super) fn json_within(message: &Message, most: usize, measure: impl Fn(&str) -> usize) -> String {
    let mut json = String::new();
    for (characters, items) in SIZES {
        let message = shortened(message, characters, items);
        // Serialising plain structs to a string cannot fail.
        json = serde_json::to_string(&Body { version: VERSION, message: &message }).unwrap_or_default();
        if measure(&json) <= most {
            break;
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn every_documented_field_is_there_and_no_other() {
        let page = include_str!("../../../../docs/notifications.md");
        let json: serde_json::Value = serde_json::from_str(&json(&samples::alert())).unwrap();
        for field in json.as_object().unwrap().keys() {
            assert!(page.contains(&format!("| `{field}` |")), "docs/notifications.md lacks {field}");
        }
        let documented = page.lines().filter(|line| line.starts_with("| `")).take_while(|line| !line.contains("`.`"));
        let body = page.split_once("<!-- body: begin -->").unwrap().1.split_once("<!-- body: end -->").unwrap().0;
        let rows = body.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, json.as_object().unwrap().len());
        assert!(documented.count() >= rows);
    }

    #[test]
    fn a_huge_message_is_cut_to_what_a_queue_takes() {
        let mut message = samples::alert();
        message.headline = "\u{1}".repeat(3_000_000);
        message.why = vec!["<\\\"".repeat(1000); 3000];
        let json = json(&message);
        assert!(json.len() <= MOST, "{}", json.len());
        let read: Message = serde_json::from_str(&json).unwrap();
        assert!(read.headline.starts_with('\u{FFFD}') && read.headline.ends_with('…'));
    }
}
