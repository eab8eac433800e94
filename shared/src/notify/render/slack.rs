//! A message as Slack's blocks, for an incoming webhook.
//!
//! What comes from events stands in `plain_text`, which Slack reads no markup, mention or link in; `mrkdwn` holds words of
//! ours, and in code spans what people copy. In both, `&`, `<` and `>` are escaped, as Slack wants it of every text object.
//! The limits are those of the Block Kit reference, kept with the escapes counted.

use serde_json::{Value, json};

use super::clean::{code, escaped, mrkdwn};
use super::{
    LONGEST_COMMAND, LONGEST_LABEL, LONGEST_PLACE, LONGEST_SENTENCE, LONGEST_VALUE, MOST_PLACES, POSSIBLY_REPEATED,
    WHAT_TO_DO, kind, level, line, rows, sentences, why,
};
use crate::config::Zone;
use crate::notify::Message;
use crate::rules::Level;

/// The longest text of a header, in characters.
const LONGEST_HEADER: usize = 150;
/// The longest text of a section, in characters.
const LONGEST_SECTION: usize = 3_000;
/// The longest text of a field in a section, in characters.
const LONGEST_FIELD: usize = 2_000;
/// The longest line of a list, in characters: with its mark it fits into a section.
const LONGEST_ITEM: usize = 2_900;
/// How many fields a section may have: a label and a value are two.
const MOST_FIELDS: usize = 10;
/// How many elements a context block may have.
const MOST_ELEMENTS: usize = 10;
/// How many blocks a message may have.
const MOST_BLOCKS: usize = 50;

/// A message for Slack, with times in the reader's zone.
///
/// What happened is its header; the rest stands beside a bar in the level's colour. `text` is what a notification on a
/// telephone shows, and is not shown where there are blocks.
#[must_use]
pub fn slack(message: &Message, zone: Option<&Zone>) -> Value {
    let title = format!("{}: {}", level(message.level), line(&message.headline, LONGEST_SENTENCE));
    let repeated = if message.possibly_repeated { "Possibly repeated. " } else { "" };
    let mut above = Vec::new();
    if message.possibly_repeated {
        above.push(section(&formatted(&format!("*{POSSIBLY_REPEATED}*"))));
    }
    above.push(json!({ "type": "header", "text": plain(&title, LONGEST_HEADER) }));
    let mut beside = body(message, zone, &title);
    beside.truncate(MOST_BLOCKS - above.len());
    json!({
        "text": escaped(&format!("{repeated}{title}"), LONGEST_SECTION),
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": above,
        "attachments": [{ "color": colour(message.level), "blocks": beside }],
    })
}

/// What stands beside the bar.
fn body(message: &Message, zone: Option<&Zone>, title: &str) -> Vec<Value> {
    let mut blocks = Vec::new();
    let asks = format!("*Level {}* · {} · {}", message.level, kind(message.kind), message.question.asks());
    blocks.push(context(&[formatted(&asks)]));
    if escaped(title, LONGEST_HEADER) != escaped(title, LONGEST_SECTION) {
        // The header had no room for all of it.
        blocks.push(section(&plain(title, LONGEST_SECTION)));
    }
    for rows in rows(message, zone).chunks(MOST_FIELDS / 2) {
        let fields: Vec<Value> = rows
            .iter()
            .flat_map(|(label, value)| {
                let label = mrkdwn(label, LONGEST_LABEL);
                // Slack takes no empty text, and a bold nothing would be two asterisks.
                let label = if label.is_empty() { "?".to_owned() } else { label };
                [formatted(&format!("*{label}*")), plain(value, LONGEST_FIELD)]
            })
            .collect();
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    let reasons: Vec<String> = sentences(&message.why);
    blocks.extend(list(why(message.kind), &reasons, |_| "• ".to_owned()));
    let steps: Vec<String> = sentences(&message.what_to_do);
    blocks.extend(list(WHAT_TO_DO, &steps, |number| format!("{number}. ")));
    blocks.push(context(&references(message)));
    blocks
}

/// A heading, and sentences below it: as many sections as hold them.
fn list(heading: &str, sentences: &[String], mark: impl Fn(usize) -> String) -> Vec<Value> {
    if sentences.is_empty() {
        return Vec::new();
    }
    let mut texts = vec![String::new()];
    for (number, sentence) in (1..).zip(sentences) {
        let line = format!("{}{}", mark(number), escaped(sentence, LONGEST_ITEM));
        if let Some(text) = texts.last_mut() {
            // In bytes: never less than the characters that Slack counts.
            if text.is_empty() {
                *text = line;
            } else if text.len() + 1 + line.len() <= LONGEST_SECTION {
                text.push('\n');
                text.push_str(&line);
            } else {
                texts.push(line);
            }
        }
    }
    let heading = section(&formatted(&format!("*{heading}*")));
    std::iter::once(heading).chain(texts.iter().map(|text| section(&unformatted(text)))).collect()
}

/// Where the record is, how to see more, and what this is called.
fn references(message: &Message) -> Vec<Value> {
    let mut references: Vec<Value> = message
        .places
        .iter()
        .take(MOST_PLACES)
        .map(|place| formatted(&format!("Record: {} line {}", code(&place.export, LONGEST_PLACE), place.line)))
        .collect();
    if message.places.len() > MOST_PLACES {
        references.push(formatted(&format!("and {} more records", message.places.len() - MOST_PLACES)));
    }
    let named = [
        ("To see more: ", Some(&message.look), LONGEST_COMMAND),
        ("Rule ", message.rule_name.as_ref().or(message.rule.as_ref()), LONGEST_VALUE),
        ("Id ", Some(&message.id), LONGEST_VALUE),
    ];
    for (label, name, longest) in named {
        let name = code(name.map_or("", String::as_str), longest);
        if !name.is_empty() {
            references.push(formatted(&format!("{label}{name}")));
        }
    }
    references.truncate(MOST_ELEMENTS);
    references
}

fn section(text: &Value) -> Value {
    json!({ "type": "section", "text": text })
}

fn context(elements: &[Value]) -> Value {
    json!({ "type": "context", "elements": elements })
}

/// One line that Slack shows as it is, at most `most` characters once escaped.
fn plain(text: &str, most: usize) -> Value {
    unformatted(&escaped(text, most))
}

/// A text without markup, escaped already.
fn unformatted(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// A text with markup of ours; `verbatim` keeps Slack from making links and mentions of its own.
fn formatted(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// The bar's colour. The level is said in words as well, since not everybody sees it.
fn colour(level: Level) -> &'static str {
    match level {
        Level::Critical => "#8b0000",
        Level::High => "#d9480f",
        Level::Medium => "#e6a700",
        Level::Low => "#1c7ed6",
        Level::Informational => "#868e96",
    }
}
