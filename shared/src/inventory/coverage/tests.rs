use std::collections::BTreeSet as Set;

use chrono::{DateTime, NaiveDate, Utc};

use super::*;
use crate::event::Record;
use crate::inventory::{Change, List, ListKind, Row};

fn event(number: u32, kind: &str, source: (&str, &str), payload: &str) -> String {
    let (id, name) = source;
    format!(
        r#"{{"id":"{number}","eventTimestamp":"2026-11-05T12:00:{number:02}Z","targets":[{{"type":"DATASOURCE","id":"{id}","name":"{name}"}}],
            "auditPayload":{{"type":"{kind}AuditPayload"{payload}}}}}"#
    )
}

fn coverage(listed: &[(&str, &str)], events: &[String], queried: &[&str]) -> Coverage {
    let records: Vec<Record<'_>> = events.iter().map(|line| Record::parse(line.as_bytes()).unwrap()).collect();
    let changes: Vec<Change> = records.iter().filter_map(|record| Change::of(&Event::of(record))).collect();
    let row = |(id, name): &(&str, &str)| Row { id: (*id).to_owned(), name: (*name).to_owned(), ..Row::default() };
    let date = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap();
    let list = List::new(ListKind::DataSource, date, listed.iter().map(row).collect::<Set<_>>());
    let lists = if listed.is_empty() { Vec::new() } else { vec![list] };
    let mut mentions = Mentions::default();
    for record in &records {
        if let Some(mention) = Mention::of(&Event::of(record)) {
            mentions.add(mention);
        }
    }
    for name in queried {
        mentions.add_query(name);
    }
    let moment: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    Coverage::of(&Standing::at(moment, &lists, &changes), mentions)
}

/// Each data source: classified, by a policy, queried.
fn shown(coverage: &Coverage) -> Vec<String> {
    let mark = |is: bool, letter: &str| if is { letter.to_owned() } else { "-".to_owned() };
    let line = |covered: &Covered| {
        let marks = [mark(covered.classified, "C"), mark(covered.policy, "P"), mark(covered.queried, "Q")];
        format!("{} {}", covered.source.name, marks.concat())
    };
    coverage.sources.iter().map(line).collect()
}

#[test]
fn what_happened_is_joined_with_what_is_listed() {
    let events = [
        event(1, "TagApplied", ("7", "pay (renamed)"), r#","tag":{"name":"HR"}"#),
        event(2, "DatasourceGlobalPolicyApplied", ("8", "staff"), r#","policy":{"name":"Mask"}"#),
        event(3, "TagApplied", ("9", "new"), r#","tag":{"name":"New"}"#),
    ];
    let found =
        coverage(&[("7", "pay"), ("8", "staff"), ("9", "new"), ("10", "idle")], &events, &["STAFF", "elsewhere"]);
    assert_eq!(shown(&found), ["idle ---", "new ---", "pay C--", "staff -PQ"]);
    assert_eq!(found.unmatched, 1);
    assert!(found.sources.iter().all(|covered| covered.known.is_some()));
}

#[test]
fn without_a_list_those_that_were_seen_count_and_those_that_are_gone_do_not() {
    let events = [
        event(1, "DatasourceCreated", ("7", "pay"), ""),
        event(2, "SDDDatasourceTagUpdated", ("8", "staff"), ""),
        event(3, "DatasourceUpdated", ("9", "old"), ""),
        event(4, "DatasourceDeleted", ("9", "old"), ""),
        event(5, "LocalPolicyUpdated", ("9", "old"), ""),
    ];
    let found = coverage(&[], &events, &[]);
    assert_eq!(shown(&found), ["pay ---", "staff C--"]);
    assert_eq!(found.sources[1].known, None);
}

#[test]
fn what_failed_and_a_tag_that_was_taken_off_classified_nothing() {
    let failed = event(1, "TagApplied", ("7", "pay"), r#","tag":"HR""#)
        .replace("\"id\":\"1\"", "\"id\":\"1\",\"actionStatus\":\"FAILURE\"");
    let events = [failed, event(2, "TagRemoved", ("7", "pay"), r#","tag":"HR""#)];
    assert_eq!(shown(&coverage(&[("7", "pay")], &events, &[])), ["pay ---"]);
}

#[test]
fn a_name_that_several_have_counts_for_each_of_them() {
    let found = coverage(&[("7", "pay"), ("8", "pay")], &[], &["pay"]);
    assert_eq!(shown(&found), ["pay --Q", "pay --Q"]);
}
