//! Text from events is hostile: it is made one visible line, cut to length, and escaped for where it goes.

use crate::notify::{Fact, Message, Place};

/// Ends a text that was cut.
const ELLIPSIS: char = '…';

/// Stands for a character that nobody would see, so that a name with one does not look like another name.
const UNSEEN: char = '\u{FFFD}';

/// A text as one line of at most `most` characters: line breaks and other white space become single spaces, and what is
/// not seen or turns the direction of writing becomes `�`.
pub(in crate::notify) fn line(text: &str, most: usize) -> String {
    // A hostile text may be megabytes long. White space shrinks, so rather more is looked at than is kept.
    let mut line = String::new();
    let mut is_after_space = true;
    for character in text.chars().take(most.saturating_mul(4).saturating_add(1)) {
        if character.is_whitespace() || character.is_control() {
            if !is_after_space {
                line.push(' ');
            }
            is_after_space = true;
        } else {
            line.push(if is_unseen(character) { UNSEEN } else { character });
            is_after_space = false;
        }
    }
    cut(line.trim_end(), most)
}

/// A text of at most `most` characters, with an ellipsis if something is missing.
///
/// Characters are counted as UTF-16 does: whoever counts code points instead finds no more.
pub(super) fn cut(text: &str, most: usize) -> String {
    cut_as(text, most, |character, kept| kept.push(character))
}

/// Writes a text, character by character, as `write` does, for as long as the result has at most `most` characters; what
/// stands for one character is never cut in two.
fn cut_as(text: &str, most: usize, write: impl Fn(char, &mut String)) -> String {
    let mut kept = String::new();
    let mut length = 0;
    // Where to go back to so that the ellipsis finds room.
    let mut room = 0;
    for character in text.chars() {
        let before = kept.len();
        write(character, &mut kept);
        length += kept.get(before..).unwrap_or_default().encode_utf16().count();
        if length > most {
            kept.truncate(room);
            if most > 0 {
                kept.push(ELLIPSIS);
            }
            return kept;
        }
        if length < most {
            room = kept.len();
        }
    }
    kept
}

/// A line of Slack's `mrkdwn`, at most `most` characters once escaped, in which nothing formats, links or pings.
///
/// There is no escape for `*`, `_`, `~` and `` ` ``: characters that look like them take their place. Not for what
/// people copy, then: that goes into a `plain_text` or into a [`code`].
pub(super) fn mrkdwn(text: &str, most: usize) -> String {
    cut_as(&line(text, most), most, |character, kept| match character {
        '*' => kept.push('∗'),
        '_' => kept.push('ˍ'),
        '~' => kept.push('∼'),
        '`' => kept.push('ˋ'),
        other => escape(other, kept),
    })
}

/// A code span of Slack's `mrkdwn`, at most `most` characters with its ticks: nothing but a tick ends it.
pub(super) fn code(text: &str, most: usize) -> String {
    let within = cut_as(&line(text, most), most.saturating_sub(2), |character, kept| match character {
        '`' => kept.push('ˋ'),
        other => escape(other, kept),
    });
    if within.is_empty() { String::new() } else { format!("`{within}`") }
}

/// A line for Slack where nothing formats: a `plain_text` object, or the top-level `text`, in which links and mentions are
/// read all the same.
pub(super) fn escaped(text: &str, most: usize) -> String {
    cut_as(&line(text, most), most, escape)
}

/// The three characters that control what Slack reads (docs.slack.dev, "Formatting message text", "Escaping text").
fn escape(character: char, kept: &mut String) {
    match character {
        '&' => kept.push_str("&amp;"),
        '<' => kept.push_str("&lt;"),
        '>' => kept.push_str("&gt;"),
        other => kept.push(other),
    }
}

/// A line of printable ASCII, at most `most` characters.
pub(super) fn ascii(text: &str, most: usize) -> String {
    let mut ascii = String::new();
    for character in line(text, most).chars() {
        match character {
            ' '..='~' => ascii.push(character),
            '→' => ascii.push_str("->"),
            ELLIPSIS => ascii.push_str("..."),
            '–' | '—' => ascii.push('-'),
            '‘' | '’' => ascii.push('\''),
            '“' | '”' => ascii.push('"'),
            _ => ascii.push('?'),
        }
    }
    if ascii.len() > most {
        ascii.truncate(most.saturating_sub(3));
        ascii.push_str("...");
        ascii.truncate(most);
    }
    ascii
}

/// A message of which every text has at most `characters` characters and every list at most `items` items.
///
/// Line breaks stay; characters that XML cannot hold, and SNS and SQS refuse, become `�`.
pub(super) fn shortened(message: &Message, characters: usize, items: usize) -> Message {
    let text = |text: &str| {
        cut_as(text, characters, |character, kept| kept.push(if is_no_xml(character) { UNSEEN } else { character }))
    };
    let maybe = |maybe: &Option<String>| maybe.as_deref().map(text);
    let texts = |texts: &[String]| texts.iter().take(items).map(|each| text(each)).collect();
    let fact = |fact: &Fact| Fact { label: text(&fact.label), value: text(&fact.value) };
    let place = |place: &Place| Place { export: text(&place.export), line: place.line };
    Message {
        kind: message.kind,
        id: text(&message.id),
        alert: message.alert.clone(),
        level: message.level,
        route: message.route,
        question: message.question,
        rule: maybe(&message.rule),
        rule_name: maybe(&message.rule_name),
        tenant: maybe(&message.tenant),
        headline: text(&message.headline),
        facts: message.facts.iter().take(items).map(fact).collect(),
        count: message.count,
        first: message.first,
        last: message.last,
        why: texts(&message.why),
        what_to_do: texts(&message.what_to_do),
        places: message.places.iter().take(items).map(place).collect(),
        look: text(&message.look),
        possibly_repeated: message.possibly_repeated,
    }
}

/// Characters that have no width, turn the direction of writing, or are no characters at all.
fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{FFFE}' | '\u{FFFF}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Characters outside of `Char` in XML 1.0.
fn is_no_xml(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_several_lines_becomes_one() {
        assert_eq!(line(" ann\r\nlevel:\t low\u{2028}\u{0}x ", 100), "ann level: low x");
    }

    #[test]
    fn what_is_not_seen_is_shown() {
        assert_eq!(line("ad\u{200B}min \u{202E}gpj.exe", 100), "ad\u{FFFD}min \u{FFFD}gpj.exe");
    }

    #[test]
    fn a_text_is_cut_with_an_ellipsis_and_only_if_it_is_too_long() {
        assert_eq!(line("abcde", 5), "abcde");
        assert_eq!(line("abcdef", 5), "abcd…");
        assert_eq!(line("abcdef", 0), "");
        // Outside of the basic plane a character counts for two.
        assert_eq!(cut("🦀🦀🦀", 5), "🦀🦀…");
    }

    #[test]
    fn an_escape_is_never_cut_in_two() {
        assert_eq!(escaped("a<<<", 9), "a&lt;…");
        assert_eq!(escaped("a<<<", 10), "a&lt;&lt;…");
        assert_eq!(escaped("a<<<", 13), "a&lt;&lt;&lt;");
    }

    #[test]
    fn nothing_formats_links_or_pings_in_mrkdwn() {
        let text = mrkdwn("*b* _i_ ~s~ `c` <!channel> <@U1> <http://x|y>", 200);
        assert!(!text.contains(['*', '_', '~', '`', '<', '>']), "{text}");
        assert!(text.contains("&lt;!channel&gt;"), "{text}");
    }

    #[test]
    fn nothing_ends_a_code_span_early() {
        assert_eq!(code("a `b` *c*", 100), "`a ˋbˋ *c*`");
        assert_eq!(code("abcdef", 5), "`ab…`");
        assert_eq!(code(" ", 5), "");
    }

    #[test]
    fn a_subject_is_ascii() {
        assert_eq!(ascii("Müller → hr.pay", 99), "M?ller -> hr.pay");
        assert_eq!(ascii("abcdefgh", 6), "abc...");
        assert_eq!(ascii("→→→→→→", 6), "->-...");
    }
}
