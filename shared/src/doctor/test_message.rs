//! The message that says nothing but that it arrived.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::notify::{Fact, Kind, Message};
use crate::rules::{Level, Question, Route};

/// A test message: whoever reads it knows at once that nothing is wrong, and who sent it.
pub(super) fn test_message(by: &str, lake: &str, now: DateTime<Utc>) -> Message {
    let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
    Message {
        kind: Kind::Notice,
        id: format!("test-{}", now.format("%Y%m%dT%H%M%S%3fZ")),
        alert: None,
        level: Level::Informational,
        route: Route::Notification,
        question: Question::Watcher,
        rule: None,
        rule_name: None,
        tenant: None,
        headline: "Test: nothing is wrong, and nothing happened".to_owned(),
        facts: vec![
            fact("sent by", by.to_owned()),
            fact("sent at", now.to_rfc3339_opts(SecondsFormat::Secs, true)),
            fact("lake", lake.to_owned()),
        ],
        count: 1,
        first: None,
        last: None,
        why: vec!["Somebody tried out whether messages arrive here. This one did.".to_owned()],
        what_to_do: vec!["Nothing.".to_owned()],
        places: Vec::new(),
        look: format!("immuta-watch doctor --lake {lake}"),
        possibly_repeated: false,
    }
}
