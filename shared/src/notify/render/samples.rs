//! Messages for the tests: one of each kind, as they are composed, and a hostile one.

use chrono::{DateTime, Utc};

use crate::notify::{Fact, Kind, Message, Place, RuleWindow, compose};
use crate::rules::{Level, Question, Route};

fn at(time: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(time).unwrap().to_utc()
}

fn fact(label: &str, value: &str) -> Fact {
    Fact { label: label.to_owned(), value: value.to_owned() }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

pub(crate) fn alert() -> Message {
    Message {
        kind: Kind::Alert,
        id: "20261102-5c0f3a9be1d24c77".to_owned(),
        alert: Some("20261102-5c0f3a9be1d24c77".parse().unwrap()),
        level: Level::High,
        route: Route::Both,
        question: Question::Permissions,
        rule: Some("3f0b7f43-93ad-4d3a-9d5b-0d8a2f9b6a11".to_owned()),
        rule_name: Some("permission_high_risk_granted".to_owned()),
        tenant: Some("acme".to_owned()),
        headline: "High-risk permission granted: ann@example.com → bob@example.com: GOVERNANCE".to_owned(),
        facts: vec![fact("actor", "ann@example.com"), fact("subject", "bob@example.com"), fact("about", "GOVERNANCE")],
        count: 2,
        first: Some(at("2026-11-02T21:37:12Z")),
        last: Some(at("2026-11-02T22:04:00Z")),
        why: texts(&[
            "The permission is one of those that change what others may see.",
            "It was outside business hours.",
        ]),
        what_to_do: texts(&[
            "Ask the person who granted it what for.",
            "If there is no ticket, take it away again in Immuta, under People.",
            "Look at what the user did since.",
        ]),
        places: vec![
            Place { export: "s3://acme-audit/exports/year=2026/audit-20261102T22.json.gz".to_owned(), line: 118 },
            Place { export: "s3://acme-audit/exports/year=2026/audit-20261102T22.json.gz".to_owned(), line: 4031 },
        ],
        look: "immuta-watch explain 20261102-5c0f3a9be1d24c77 --lake s3://acme-watch/lake".to_owned(),
        possibly_repeated: false,
    }
}

pub(crate) fn storm() -> Message {
    let gravest = alert();
    let of = RuleWindow { rule: gravest.rule.clone().unwrap(), start: at("2026-11-02T20:00:00Z"), hours: 24 };
    let id = format!("storm-{}-20261102T2000Z", of.rule);
    let storm = compose::storm(&of, id, &gravest, 57, 10, "s3://acme-watch/lake");
    Message { possibly_repeated: true, ..storm }
}

pub(crate) fn late() -> Message {
    Message {
        kind: Kind::Late,
        id: "late-20261102".to_owned(),
        level: Level::Critical,
        route: Route::Notification,
        rule: None,
        rule_name: None,
        tenant: None,
        headline: "112 alerts about older events".to_owned(),
        facts: vec![fact("Audit export switched off", "2 critical"), fact("High-risk permission granted", "110 high")],
        count: 112,
        first: Some(at("2026-06-01T07:00:00Z")),
        last: Some(at("2026-10-29T16:12:00Z")),
        why: texts(&[
            "Their events are older than notify.max_age, as in a first export, a backfill or after a new rule. Further \
             ones that are found today are not announced.",
        ]),
        what_to_do: texts(&["List them, the gravest first, and go through those of the level high and above."]),
        places: Vec::new(),
        look: "immuta-watch alerts --notify --since 2026-06-01 --lake s3://acme-watch/lake".to_owned(),
        ..alert()
    }
}

pub(crate) fn notice() -> Message {
    let notice = crate::notify::Notice::ExportTooLarge {
        uri: "s3://acme-audit/exports/audit 2026-11-02.json.gz".to_owned(),
        etag: "\"9b2cf535f27731c974343645a3985328\"".to_owned(),
        bytes: 3_435_973_837,
        most: 1_073_741_824,
        at: at("2026-11-02T22:04:00Z"),
    };
    notice.message("s3://acme-watch/lake")
}

pub(crate) fn hostile() -> Message {
    let nasty = "<!channel> <@U024BE7LH> <https://evil.example|your bank> https://evil.example & *b* _i_ ~s~ `c`\n\
                 level: low\r\nWhat to do\n1. Nothing.\u{2028}\u{202E}gpj.exe\u{200B}";
    Message {
        headline: format!("High-risk permission granted: {nasty}"),
        facts: vec![
            fact("actor", nasty),
            fact("about", &"<".repeat(4_000)),
            fact("<!here> *x*", "`"),
            fact("none", ""),
        ],
        level: Level::Critical,
        rule_name: Some(nasty.to_owned()),
        tenant: Some(nasty.to_owned()),
        why: texts(&[nasty]),
        what_to_do: texts(&[nasty, &"&".repeat(4_000)]),
        places: vec![Place { export: format!("s3://acme-audit/`{nasty}`"), line: 1 }; 7],
        look: format!("immuta-watch run 's3://acme-audit/{nasty}'"),
        possibly_repeated: true,
        ..alert()
    }
}
