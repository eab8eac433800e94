//! Everything that a notification says, as texts in which whole words can be found.
//!
//! Which member of a body holds a permission or a tag is not documented, and a body may come damaged, or wrapped once more
//! than expected. So rules look for names in all of it: keys and values of every level, decoded, and what is no JSON as the
//! text that it is. Words stand between single spaces, so that a rule that asks for ` AUDIT ` does not find an auditor.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

/// The most that is kept of what a notification says, in bytes. Immuta's are a few kilobytes.
pub(super) const LONGEST: usize = 64 * 1024;

/// So many times JSON is looked for in a text of JSON: Immuta wraps it once.
pub(super) const MOST_WRAPPED: usize = 4;

/// A name that is spelt with spaces has so many words at the most (`Impersonate HDFS User` has three).
const MOST_WORDS: usize = 4;

/// What may stand inside a word: names of tags, mail addresses and permissions have it.
const WITHIN: &str = "_-.@+'";

/// Everything that a notification says.
#[derive(Debug, Default)]
pub(super) struct Said {
    texts: Vec<String>,
    seen: BTreeSet<String>,
}

impl Said {
    /// All of a value: its texts and the names of its members.
    pub(super) fn value(&mut self, value: &Value) {
        self.decoded(value, 0);
    }

    /// A text, which may be JSON.
    pub(super) fn text(&mut self, text: &str) {
        self.string(text, 0);
    }

    fn decoded(&mut self, value: &Value, wrapped: usize) {
        match value {
            Value::String(text) => self.string(text, wrapped),
            Value::Array(values) => values.iter().for_each(|value| self.decoded(value, wrapped)),
            Value::Object(members) => {
                for (name, value) in members {
                    self.keep(name.clone());
                    self.decoded(value, wrapped);
                }
            }
            _ => {}
        }
    }

    fn string(&mut self, text: &str, wrapped: usize) {
        match unwrapped(text).filter(|_| wrapped < MOST_WRAPPED) {
            Some(inner) => self.decoded(&inner, wrapped + 1),
            None if text.contains('\\') => self.keep(unescaped(text)),
            None => self.keep(text.to_owned()),
        }
    }

    fn keep(&mut self, text: String) {
        if self.seen.insert(text.clone()) {
            self.texts.push(text);
        }
    }

    /// The texts as rules see them, and whether that is all of them. Each begins and ends with a space. First comes what was
    /// said, as it was said and as words alone; then, for names that are spelt with spaces, words that stand together joined
    /// by `_`.
    pub(super) fn finished(self) -> (Vec<String>, bool) {
        let words: Vec<Vec<Run>> = self.texts.iter().map(|text| runs(&spaced(text))).collect();
        let as_said = self.texts.iter().map(|text| spaced(text));
        let alone = words.iter().map(|runs| runs.concat().join(" "));
        let joined = words.iter().map(|runs| runs.iter().flat_map(joined).collect::<Vec<_>>().join(" "));
        let (mut kept, mut seen, mut left) = (Vec::new(), BTreeSet::new(), LONGEST);
        for text in as_said.chain(alone).chain(joined).filter(|text| !text.is_empty()) {
            let mut text = format!(" {text} ");
            if !seen.insert(text.clone()) {
                continue;
            }
            let is_whole = text.len() <= left;
            if !is_whole {
                // At the last space, for half a name is none.
                let end = (0..=left).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
                text.truncate(text[..end].rfind(' ').map_or(0, |space| space + 1));
            }
            left -= text.len();
            if text.len() > 1 {
                kept.push(text);
            }
            if !is_whole {
                return (kept, false);
            }
        }
        (kept, true)
    }
}

/// The value in a text of JSON; none if it is no JSON, or a number or word that is also a plain text.
pub(super) fn unwrapped(text: &str) -> Option<Value> {
    text.trim_start().starts_with(['{', '[', '"']).then(|| serde_json::from_str(text).ok())?
}

/// A text with JSON's escapes resolved as far as they can be, of what is no JSON as a whole: an `\n` in front of a name would
/// make it another.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match rest.next() {
            // Several, as of what is wrapped several times.
            Some('\\') => while rest.next_if_eq(&'\\').is_some() {},
            Some('n' | 'r' | 't' | 'b' | 'f') => plain.push(' '),
            Some('u') => {
                let digits: String = std::iter::from_fn(|| rest.next_if(char::is_ascii_hexdigit)).take(4).collect();
                plain.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or(' '));
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

/// A text with single spaces, without what cannot be seen, and without the spaces around the dots of a tag.
fn spaced(text: &str) -> String {
    let seen: String = text.chars().filter(|letter| letter.is_whitespace() || !is_invisible(*letter)).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ").replace(" . ", ".")
}

/// Words with nothing but a space between them.
type Run = Vec<String>;

fn runs(text: &str) -> Vec<Run> {
    let mut runs = vec![Run::new()];
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.peek().copied() {
        if is_of_word(letter) {
            let word = word(&mut rest);
            let word = word.trim_matches(|letter| WITHIN.contains(letter));
            if let (false, Some(run)) = (word.is_empty(), runs.last_mut()) {
                run.push(word.to_owned());
            }
            continue;
        }
        rest.next();
        if letter != ' ' {
            runs.push(Run::new());
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// Whether a letter shows nothing: controls, and characters that only join, part or turn others (Unicode's general
/// categories Cc and, of Cf, those that occur in texts).
pub(super) fn is_invisible(letter: char) -> bool {
    let only_shapes = ['\u{200b}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2060}'..='\u{206f}'];
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || only_shapes.iter().any(|range| range.contains(&letter))
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || WITHIN.contains(letter)
}

/// The word that begins here. An address of the web is one: many have `audit` for a part of their path.
fn word(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut word: String = std::iter::from_fn(|| rest.next_if(|letter| is_of_word(*letter))).collect();
    if rest.clone().take(3).eq("://".chars()) {
        let ends = |letter: &char| letter.is_whitespace() || "\"'`<>|()[]{},;\\".contains(*letter);
        word.extend(std::iter::from_fn(|| rest.next_if(|letter| !ends(letter))));
    }
    word
}

/// Each two to [`MOST_WORDS`] words that stand together, joined by `_`; words with hyphens likewise.
fn joined(run: &Run) -> Vec<String> {
    let is_plain = |word: &String| word.chars().all(|letter| letter.is_alphanumeric() || letter == '-');
    let mut found: Vec<String> =
        run.iter().filter(|word| is_plain(word) && word.contains('-')).map(|word| word.replace('-', "_")).collect();
    for plain in run.split(|word| !is_plain(word)) {
        for many in 2..=MOST_WORDS {
            found.extend(plain.windows(many).map(|words| words.join("_")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(value: &Value) -> Vec<String> {
        let mut said = Said::default();
        said.value(value);
        let (texts, is_whole) = said.finished();
        assert!(is_whole);
        texts
    }

    fn says(value: &Value, name: &str) -> bool {
        let name = format!(" {} ", name.to_lowercase());
        said(value).iter().any(|text| text.to_lowercase().contains(&name))
    }

    #[test]
    fn a_name_is_found_wherever_and_however_it_is_written() {
        let wrapped = json!({"permissions": ["USER_ADMIN"]}).to_string();
        let twice = Value::from(wrapped.clone()).to_string();
        for value in [
            json!("USER_ADMIN"),
            json!("user_admin"),
            json!("Ann gave User Admin to Tom"),
            json!("CREATE_PROJECT, USER_ADMIN"),
            json!("CREATE_PROJECT,USER_ADMIN;x"),
            json!("*USER_ADMIN* or `USER_ADMIN`: _USER_ADMIN_."),
            json!("user-admin"),
            json!("USER\u{200b}_ADMIN"),
            json!({"a": [{"b": {"USER_ADMIN": true}}]}),
            json!(wrapped),
            json!(twice),
            json!(Value::from(twice.clone()).to_string()),
            json!({"text": twice}),
            json!(&wrapped[..wrapped.len() - 1]),
            json!(r#"{"a":"\ud800","b":"x\nUSER_ADMIN"}"#),
            json!(r#"{"a":1e999,"b":"USER\u005fADMIN"}"#),
            json!(r#"{\\\"a\\\":\\\"USER_ADMIN\\\""#),
        ] {
            assert!(says(&value, "USER_ADMIN"), "{value} {:?}", said(&value));
        }
        assert!(says(&json!("Tag Discovered . Entity . DNI Number put on."), "Discovered.Entity.DNI Number"));
        assert!(says(&json!("Medical/Dental (new)"), "Medical/Dental (new)"), "it stays as it was said, too");
    }

    #[test]
    fn half_a_word_is_none() {
        for text in [
            "Permissions of auditor.jane@example.com and audit@example.com updated",
            "https://example.com/audit/7?audit=1",
            "<https://example.com/#/audit|Look>",
            "audit_id",
            "Discovered.AUDIT",
            "re-audit",
            "Audits",
        ] {
            assert!(!says(&json!(text), "AUDIT"), "{text} {:?}", said(&json!(text)));
        }
        assert!(!says(&json!("Tom is a user, admin of nothing"), "USER_ADMIN"));
    }

    #[test]
    fn each_text_stands_for_itself() {
        assert_eq!(said(&json!({"a": ["Tom  Day", "Tom  Day"]})), [" a ", " Tom Day ", " Tom_Day "]);
        assert_eq!(said(&json!([7, true, null, "", " ", "- . -"])), [" -.- "]);
    }

    #[test]
    fn what_is_too_long_is_cut_between_words_and_counts_as_cut() {
        let mut said = Said::default();
        said.value(&json!(["ü".repeat(LONGEST / 4), "word ".repeat(LONGEST), "AUDIT"]));
        let (texts, is_whole) = said.finished();
        assert!(!is_whole && texts.len() == 2);
        assert!(texts.iter().map(String::len).sum::<usize>() <= LONGEST);
        assert!(texts[1].ends_with(" word "));
    }
}
