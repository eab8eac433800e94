//! The view of an event, given any line: nothing in it may stop the rules, and what the line says does not change
//! with the way in which it is written.

use std::path::Path;
use std::sync::LazyLock;

use immuta_watch::alerts::Finding;
use immuta_watch::config::Configuration;
use immuta_watch::event::{Event, EventKey, Field, Record};
use immuta_watch::export::Source;
use immuta_watch::rules::Pack;

static PACK: LazyLock<Pack> = LazyLock::new(|| {
    Pack::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules"), &Configuration::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
});

pub(crate) fn check(line: &[u8]) {
    let record = match Record::parse(line) {
        Ok(record) => record,
        Err(reason) => return assert!(!reason.to_string().is_empty()),
    };
    let event = Event::of(&record);
    assert!(!event.kind().is_empty());
    assert_eq!(event.key().to_string().parse(), Ok::<EventKey, _>(event.key()));

    let mut canonical = Vec::new();
    record.json().write_canonical(&[], &mut canonical);
    let same = Record::parse(&canonical).expect("the canonical form of a record is one");
    let mut again = Vec::new();
    same.json().write_canonical(&[], &mut again);
    assert_eq!(canonical, again, "the canonical form of the canonical form is another");
    let same = Event::of(&same);
    assert_eq!(
        (same.kind(), same.key(), same.time(), same.date()),
        (event.kind(), event.key(), event.time(), event.date())
    );
    for field in Field::all() {
        assert_eq!(same.field(field), event.field(field), "{}", field.name());
        assert!(!field.is_never_empty() || !event.field(field).is_empty(), "{} is empty", field.name());
    }

    let found = alerts(&event);
    assert_eq!(alerts(&same), found, "another way to write the line, and other alerts");
}

/// The alerts that the shipped rules raise for an event, with their levels.
fn alerts(event: &Event<'_>) -> Vec<(String, String)> {
    let source = Source::at("file:///fuzzed").id;
    let matches = PACK.matches(event);
    matches
        .iter()
        .map(|matched| {
            assert!(
                !PACK.conditions(matched.rule, event, false).is_empty(),
                "{} held for no reason",
                matched.rule.name
            );
            let alert = Finding { matched, event, source: &source, line: 1 }.alert_id();
            assert_eq!(alert.to_string().parse(), Ok(alert.clone()));
            (alert.to_string(), format!("{} {} {}", matched.rule.name, matched.outcome.level, matched.outcome.route))
        })
        .collect()
}
