//! A message as plain text: the body of a mail. Every value is one line, so that none can pretend to be another.

use std::fmt::Write as _;

use super::{
    LONGEST_COMMAND, LONGEST_PLACE, LONGEST_SENTENCE, LONGEST_VALUE, MOST_PLACES, POSSIBLY_REPEATED, WHAT_TO_DO, kind,
    level, line, rows, sentences, why,
};
use crate::config::Zone;
use crate::notify::Message;

/// A message as plain text, with times in the reader's zone: lines that end with a line feed, no other control character.
#[must_use]
pub fn text(message: &Message, zone: Option<&Zone>) -> String {
    let mut text = String::new();
    let mut add = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    if message.possibly_repeated {
        add(POSSIBLY_REPEATED);
        add("");
    }
    add(&format!("{}: {}", level(message.level), line(&message.headline, LONGEST_SENTENCE)));
    add("");
    let rows = rows(message, zone);
    let widest = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0).min(WIDEST_LABEL);
    for (label, value) in &rows {
        add(&format!("{:<width$} {value}", format!("{label}:"), width = widest + 1));
    }
    let reasons = sentences(&message.why);
    if !reasons.is_empty() {
        add("");
        add(why(message.kind));
        for reason in reasons {
            add(&format!("- {reason}"));
        }
    }
    let steps = sentences(&message.what_to_do);
    if !steps.is_empty() {
        add("");
        add(WHAT_TO_DO);
        (1..).zip(&steps).for_each(|(number, step)| add(&format!("{number}. {step}")));
    }
    if !message.places.is_empty() {
        add("");
        add("Where the record is");
        for place in message.places.iter().take(MOST_PLACES) {
            add(&format!("- {}, line {}", line(&place.export, LONGEST_PLACE), place.line));
        }
        if message.places.len() > MOST_PLACES {
            add(&format!("- and {} more", message.places.len() - MOST_PLACES));
        }
    }
    let look = line(&message.look, LONGEST_COMMAND);
    if !look.is_empty() {
        add("");
        add("To see more");
        // Set in, so that it cannot pass for a label and its value.
        add(&format!("  {look}"));
    }
    add("");
    add("--");
    add(&origin(message));
    text
}

/// Labels are set flush up to this width.
const WIDEST_LABEL: usize = 24;

/// What kind of message it is, of which rule, and its name.
fn origin(message: &Message) -> String {
    let mut origin = format!("immuta-watch, {}", kind(message.kind));
    if let Some(name) = message.rule_name.as_deref().or(message.rule.as_deref()) {
        // Writing to a string cannot fail.
        let _ = write!(origin, ", rule {}", line(name, LONGEST_VALUE));
    }
    let _ = write!(origin, ", question {}", message.question.as_str());
    let _ = write!(origin, ", id {}", line(&message.id, LONGEST_VALUE));
    origin
}
