//! What holds for every message in every form, and how the messages sound: the golden files in
//! `shared/tests/golden/messages/`, which `UPDATE_DOCS=1 cargo test -p immuta-watch --lib notify::render` writes anew.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::{json, publication, samples, slack, text};
use crate::config::Zone;
use crate::notify::{Fact, Kind, Message, Place};

fn berlin() -> Zone {
    Zone::named("Europe/Berlin").unwrap()
}

#[test]
fn messages_read_as_their_golden_files() {
    let messages = [
        ("alert", samples::alert()),
        ("storm", samples::storm()),
        ("late", samples::late()),
        ("notice", samples::notice()),
        ("hostile", samples::hostile()),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/messages");
    let mut differ = Vec::new();
    for (name, message) in messages {
        let zone = berlin();
        let forms = [
            ("slack.json", serde_json::to_string_pretty(&slack(&message, Some(&zone))).unwrap() + "\n"),
            ("txt", text(&message, Some(&zone))),
            ("subject", publication(&message, None).subject + "\n"),
            ("json", json(&message) + "\n"),
        ];
        for (form, found) in forms {
            let file = format!("{name}.{form}");
            let path = folder.join(&file);
            if std::env::var_os("UPDATE_DOCS").is_some() {
                std::fs::write(&path, found).unwrap();
            } else if std::fs::read_to_string(&path).unwrap_or_default() != found {
                differ.push(file);
            }
        }
    }
    assert!(differ.is_empty(), "{differ:?} differ; UPDATE_DOCS=1 writes them anew, then read them");
}

/// Every text object in a Slack message.
fn text_objects(value: &Value) -> Vec<(&str, &str)> {
    match value {
        Value::Array(values) => values.iter().flat_map(text_objects).collect(),
        Value::Object(object) => match (object.get("type"), object.get("text")) {
            (Some(Value::String(kind)), Some(Value::String(text))) => vec![(kind, text)],
            _ => object.values().flat_map(text_objects).collect(),
        },
        _ => Vec::new(),
    }
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn check_slack(value: &Value) {
    let blocks = |value: &Value| value["blocks"].as_array().unwrap().clone();
    let blocks: Vec<Value> = blocks(value).into_iter().chain(blocks(&value["attachments"][0])).collect();
    assert!(blocks.len() <= 50, "{} blocks", blocks.len());
    for block in &blocks {
        match block["type"].as_str().unwrap() {
            "header" => {
                assert_eq!(block["text"]["type"], "plain_text");
                assert!((1..=150).contains(&length(block["text"]["text"].as_str().unwrap())));
            }
            "section" if block.get("fields").is_some() => {
                let fields = block["fields"].as_array().unwrap();
                assert!((1..=10).contains(&fields.len()));
                assert!(fields.iter().all(|field| length(field["text"].as_str().unwrap()) <= 2000));
            }
            "section" => assert!(length(block["text"]["text"].as_str().unwrap()) <= 3000),
            "context" => assert!((1..=10).contains(&block["elements"].as_array().unwrap().len())),
            other => panic!("unexpected block {other}"),
        }
    }
    let unescaped = |text: &str| {
        let rest = text.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "");
        rest.contains(['<', '>', '&'])
    };
    for (kind, text) in blocks.iter().flat_map(text_objects) {
        assert!(!text.is_empty() && length(text) <= 3000, "{text:?}");
        assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
        assert!(!unescaped(text), "{text:?}");
        if kind == "mrkdwn" {
            assert!(!text.contains('\n'), "{text:?}");
            assert!(text.matches('`').count() % 2 == 0, "a tick stands alone: {text:?}");
            let outside: String = text.split('`').step_by(2).collect();
            assert!(!outside.contains(['_', '~']) && matches!(outside.matches('*').count(), 0 | 2), "{text:?}");
        }
    }
    let fallback = value["text"].as_str().unwrap();
    assert!(!unescaped(fallback) && !fallback.contains('\n') && length(fallback) <= 3000, "{fallback:?}");
}

fn check_text(text: &str, message: &Message) {
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
    let labels = text.lines().filter(|line| line.starts_with("events: ")).count();
    let own = message.facts.iter().filter(|fact| fact.label.trim().starts_with("events")).count();
    assert!(labels <= 1 + own, "a value forged a line: {text}");
}

fn check_sns(message: &Message) {
    let publication = publication(message, None);
    let subject = &publication.subject;
    assert!(subject.len() < 100 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{subject:?}");
    assert!(subject.starts_with(|first: char| first.is_ascii_alphanumeric()), "{subject:?}");
    let attributes: usize =
        publication.attributes.iter().map(|(name, value)| name.len() + value.len() + "String".len()).sum();
    assert!(subject.len() + publication.body.len() + attributes <= 262_144);
    assert!(publication.attributes.iter().all(|(_, value)| !value.is_empty() && value.len() <= 1024));
    let body: Value = serde_json::from_str(&publication.body).unwrap();
    for protocol in ["sqs", "lambda", "http", "https"] {
        let json: Value = serde_json::from_str(body[protocol].as_str().unwrap()).unwrap();
        assert_eq!(json["version"], 1);
    }
    assert_eq!(body["default"], body["email"]);
    assert!(body["sms"].as_str().unwrap().len() <= 140);
}

#[test]
fn a_hostile_message_keeps_within_every_limit_and_pings_nobody() {
    let message = samples::hostile();
    check_slack(&slack(&message, None));
    check_text(&text(&message, None), &message);
    check_sns(&message);
}

/// Who reads a Slack message sees the names that are in the record, no more and no less, and nobody is called.
#[test]
fn hostile_names_are_shown_as_they_are_and_call_nobody() {
    for (name, shown) in [
        ("<!channel> <!here> <@U024BE7LH>", "&lt;!channel&gt; &lt;!here&gt; &lt;@U024BE7LH&gt;"),
        ("&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;"),
        ("@here @everyone #general", "@here @everyone #general"),
        ("*b* _i_ ~s~ `c` :tada:", "*b* _i_ ~s~ `c` :tada:"),
        ("R&D <hr.pay>", "R&amp;D &lt;hr.pay&gt;"),
        ("ad\u{200B}min \u{202E}gpj.exe\u{2066}", "ad\u{FFFD}min \u{FFFD}gpj.exe\u{FFFD}"),
    ] {
        let mut message = samples::alert();
        message.headline = format!("Permission granted: {name}");
        message.facts = vec![Fact { label: "actor".to_owned(), value: name.to_owned() }];
        let slack = slack(&message, None);
        check_slack(&slack);
        let texts = text_objects(&slack);
        assert!(texts.contains(&("plain_text", shown)), "{name}: {texts:?}");
        assert!(texts.contains(&("plain_text", &format!("HIGH: Permission granted: {shown}"))), "{name}: {texts:?}");
        assert!(texts.iter().all(|(kind, text)| *kind == "plain_text" || !text.contains(shown)), "{name}");
        // Nothing in the fallback, either, which has links and mentions but no formatting.
        assert_eq!(slack["text"], format!("HIGH: Permission granted: {shown}"));
        assert_eq!(slack["mrkdwn"], false);
        assert!(slack.get("link_names").is_none() && slack.get("parse").is_none());
    }
}

/// Texts that are hard on escapes and limits, short and very long.
fn hard() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<String>(),
        "[<>&*_~`\\n\"\\\\ ]{0,40}",
        Just("\nevents: 0\n".to_owned()),
        Just("<!channel>\u{202E}\u{0}\u{FFFF}🦀".to_owned()),
    ];
    (pieces, prop_oneof![4 => Just(1_usize), 1 => 1..400_usize]).prop_map(|(piece, times)| piece.repeat(times))
}

prop_compose! {
    fn any_message()(
        base in prop_oneof![
            Just(samples::alert()), Just(samples::storm()), Just(samples::late()), Just(samples::notice()),
        ],
        headline in hard(),
        names in prop::collection::vec(prop::option::of(hard()), 3),
        facts in prop::collection::vec((hard(), hard()), 0..40),
        why in prop::collection::vec(hard(), 0..20),
        what_to_do in prop::collection::vec(hard(), 0..20),
        places in prop::collection::vec((hard(), any::<u64>()), 0..12),
        look in hard(),
        id in hard(),
        possibly_repeated in any::<bool>(),
    ) -> Message {
        let [rule, rule_name, tenant] = names.try_into().unwrap();
        let facts = facts.into_iter().map(|(label, value)| Fact { label, value }).collect();
        let places = places.into_iter().map(|(export, line)| Place { export, line }).collect();
        Message { id, rule, rule_name, tenant, headline, facts, why, what_to_do, places, look, possibly_repeated, ..base }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_in_any_field_keeps_within_every_limit(message in any_message()) {
        let zone = berlin();
        check_slack(&slack(&message, Some(&zone)));
        if message.kind == Kind::Alert {
            check_text(&text(&message, Some(&zone)), &message);
        }
        check_sns(&message);
        let body: Message = serde_json::from_str(&json(&message)).unwrap();
        prop_assert_eq!(body.count, message.count);
    }
}
