//! Where alert windows are cut, and what a late or a many-valued signal does.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::config::Configuration;
use crate::event::{Event, Record};
use crate::rules::{Pack, PackFile};

const COUNTED: &str = "00000000-0000-0000-0000-000000000001";

/// Three events by one person within an hour, told by the day.
fn pack() -> Pack {
    let counted = format!(
        "title: a\nid: {COUNTED}\nstatus: test\nlogsource: {{product: immuta, service: audit}}\ndetection: {{a: {{watch.kind: A}}, \
         condition: a}}\nwatch: {{examples: {{positive: [{{name: one, event: {{}}}}], negative: [{{name: other, event: {{}}}}]}}}}\n"
    );
    let correlation = "title: c\nid: 00000000-0000-0000-0000-000000000002\nstatus: test\ncorrelation: {type: event_count, rules: [a], \
                       group-by: [watch.actor], timespan: 1h, condition: {gte: 3}}\nlevel: high\nwatch:\n  question: denied-queries\n  \
                       route: notification\n  window: 1d\n  runbook: [Look.]\n  examples:\n    positive: [{name: one, events: []}]\n    \
                       negative: [{name: other, events: []}]\n";
    let file = |path: &str, text: &str| PackFile { path: path.to_owned(), text: text.to_owned() };
    Pack::compile(&[file("a.yml", &counted), file("c.yml", correlation)], &Configuration::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn signal(time: &str, actors: &[&str]) -> Signal {
    let id = format!("{time} {}", actors.join(" "));
    let line = format!(r#"{{"id":"{id}","auditPayload":{{"type":"A"}}}}"#);
    let event = Event::of(&Record::parse(line.as_bytes()).unwrap()).key();
    let actors = actors.iter().map(|actor| (*actor).to_owned()).collect();
    Signal {
        rule: COUNTED.to_owned(),
        time: time.parse().unwrap(),
        event,
        export: Arc::from("e"),
        line: 1,
        fields: BTreeMap::from([("watch.actor".to_owned(), actors)]),
    }
}

/// Day of November, actor and number of events of what comes about in all windows.
fn found(signals: &[Signal]) -> Vec<(String, String, u64)> {
    let pack = pack();
    let (rule, correlation) = pack.correlations().next().unwrap();
    let spans = signals.iter().flat_map(|signal| touched(correlation, rule.window, signal.time, signal.time));
    let mut replay = Replay::new(rule, correlation, spans.collect(), None);
    replay.take(signals);
    let incidents = replay.finish().incidents;
    let one = |found: Incident| (found.window_start.format("%d").to_string(), found.group[0].1.clone(), found.events);
    incidents.into_iter().map(one).collect()
}

fn of_ann(times: &[&str]) -> Vec<(String, u64)> {
    let signals: Vec<Signal> = times.iter().map(|time| signal(&format!("2026-11-{time}:00Z"), &["ann"])).collect();
    found(&signals).into_iter().map(|(day, _, events)| (day, events)).collect()
}

fn days(days: &[(&str, u64)]) -> Vec<(String, u64)> {
    days.iter().map(|(day, events)| ((*day).to_owned(), *events)).collect()
}

#[test]
fn what_comes_about_after_midnight_is_that_days_with_what_led_to_it() {
    assert_eq!(of_ann(&["02T23:40", "02T23:50", "03T00:10"]), days(&[("03", 3)]));
}

#[test]
fn what_goes_on_over_midnight_is_told_once() {
    assert_eq!(of_ann(&["02T23:30", "02T23:40", "02T23:50", "03T00:10", "03T00:15"]), days(&[("02", 3)]));
}

#[test]
fn as_much_again_after_midnight_is_another_alert() {
    let times = ["02T23:30", "02T23:40", "02T23:50", "03T00:10", "03T00:15", "03T00:20", "03T00:25"];
    assert_eq!(of_ann(&times), days(&[("02", 3), ("03", 4)]));
}

#[test]
fn what_is_far_apart_is_nothing_and_at_the_very_edge_is_within() {
    assert_eq!(of_ann(&["02T10:00", "02T10:30", "02T11:01"]), days(&[]));
    assert_eq!(of_ann(&["02T10:00", "02T10:30", "02T11:00"]), days(&[("02", 3)]));
}

#[test]
fn a_storm_counts_each_event_once() {
    let times: Vec<String> = (0..60).map(|minute| format!("02T10:{minute:02}")).collect();
    assert_eq!(of_ann(&times.iter().map(String::as_str).collect::<Vec<_>>()), days(&[("02", 60)]));
}

#[test]
fn an_event_of_several_counts_for_each_and_one_of_nobody_for_none() {
    let time = |minute: u32| format!("2026-11-02T10:{minute:02}:00Z");
    let signals = [
        signal(&time(1), &["ann", "bob"]),
        signal(&time(2), &["ann", "bob"]),
        signal(&time(3), &["ann"]),
        signal(&time(4), &[]),
        signal(&time(4), &[]),
    ];
    assert_eq!(found(&signals), [("02".to_owned(), "ann".to_owned(), 3)]);
    let twice: Vec<Signal> = signals.iter().chain(&signals).cloned().collect();
    assert_eq!(found(&twice), found(&signals), "an event that was exported twice counts once");
}
