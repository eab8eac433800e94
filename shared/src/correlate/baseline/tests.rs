use std::sync::Arc;

use super::*;
use crate::config::Configuration;
use crate::correlate::Signal;
use crate::event::{Event, Record};
use crate::rules::{Pack, PackFile};

const COUNTED: &str = "00000000-0000-0000-0000-000000000001";

/// A pack with one correlation of a type, by the actor.
fn pack(kind: &str, timespan: &str, condition: &str) -> Pack {
    let counted = format!(
        "title: a\nid: {COUNTED}\nstatus: test\nlogsource: {{product: immuta, service: audit}}\ndetection: {{a: {{watch.kind: A}}, \
         condition: a}}\nwatch: {{examples: {{positive: [{{name: one, event: {{}}}}], negative: [{{name: other, event: {{}}}}]}}}}\n"
    );
    let correlation = format!(
        "title: c\nid: 00000000-0000-0000-0000-000000000002\nstatus: test\ncorrelation: {{type: {kind}, rules: [a], group-by: \
         [watch.actor], timespan: {timespan}, condition: {{{condition}}}}}\nlevel: high\nwatch:\n  question: denied-queries\n  \
         route: notification\n  window: 1d\n  runbook: [Look.]\n  examples:\n    positive: [{{name: one, events: []}}]\n    \
         negative: [{{name: other, events: []}}]\n"
    );
    let file = |path: &str, text: &str| PackFile { path: path.to_owned(), text: text.to_owned() };
    Pack::compile(&[file("a.yml", &counted), file("c.yml", &correlation)], &Configuration::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn of(pack: &Pack) -> &Correlation {
    pack.correlations().next().unwrap().1
}

/// A signal of `who` at a time, with a value; no two are the same event.
fn signal(who: &str, time: &str, object: &str) -> Signal {
    let record = format!(r#"{{"id":"{who}-{time}-{object}","auditPayload":{{"type":"X"}}}}"#);
    let fields = [("watch.actor", who), ("watch.object", object)];
    Signal {
        rule: COUNTED.to_owned(),
        time: time.parse().unwrap(),
        event: Event::of(&Record::parse(record.as_bytes()).unwrap()).key(),
        export: Arc::from("e"),
        line: 1,
        fields: fields.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).into(),
    }
}

fn days(signals: &[Signal], correlation: &Correlation) -> BTreeMap<NaiveDate, Profile> {
    let mut days: BTreeMap<NaiveDate, Profiling<'_>> = BTreeMap::new();
    for signal in signals {
        days.entry(signal.time.date_naive()).or_insert_with(|| Profiling::new(correlation)).take([signal]);
    }
    days.into_iter().map(|(date, day)| (date, day.finish())).collect()
}

/// Every incident of a log.
fn judged(signals: &[Signal], pack: &Pack) -> Vec<Incident> {
    let correlation = of(pack);
    let mut baselines = Baselines::new(correlation).unwrap();
    let mut incidents = Vec::new();
    for (date, profile) in days(signals, correlation) {
        incidents.extend(baselines.judge(date, &profile));
        baselines.take(date, profile);
    }
    incidents
}

/// On a Thursday at ten, for some weeks, so many queries a week; the day is the Thursday after.
fn thursdays(counts: &[u64]) -> Vec<Signal> {
    let first: DateTime<Utc> = "2026-09-03T10:00:00Z".parse().unwrap();
    let mut signals = Vec::new();
    for (week, count) in (0..).zip(counts) {
        for minute in 0..*count {
            let time = first + TimeDelta::weeks(week) + TimeDelta::seconds(i64::try_from(minute).unwrap());
            signals.push(signal("ann", &time.to_rfc3339(), "t"));
        }
    }
    signals
}

#[test]
fn more_than_usual_at_that_hour_is_found_and_as_much_as_usual_is_not() {
    let count = pack("unusual_count", "8w", "gte: 20, deviations: 6");
    let found = judged(&thursdays(&[3, 4, 2, 5, 3, 40]), &count);
    assert_eq!(found.len(), 1);
    let incident = &found[0];
    assert_eq!((incident.events, incident.window_start), (40, "2026-10-08T00:00:00Z".parse().unwrap()));
    let Some(Before::Counts { weeks, median, .. }) = &incident.before else { panic!("{incident:?}") };
    assert_eq!((weeks.as_slice(), *median), ([3, 5, 2, 4, 3].as_slice(), 3.0));
    // Fewer than are asked for; usual for whoever always does as much; and nobody known for long enough.
    assert!(judged(&thursdays(&[3, 4, 2, 5, 3, 19]), &count).is_empty());
    assert!(judged(&thursdays(&[30, 44, 29, 41, 35, 45]), &count).is_empty());
    assert!(judged(&thursdays(&[3, 4, 2, 40]), &count).is_empty());
}

#[test]
fn what_is_usual_an_hour_earlier_or_later_is_usual() {
    let count = pack("unusual_count", "8w", "gte: 20, deviations: 6");
    let mut signals = thursdays(&[30, 31, 29, 33, 30]);
    for minute in 0..35 {
        signals.push(signal("ann", &format!("2026-10-08T09:{minute:02}:00Z"), "t"));
    }
    assert!(judged(&signals, &count).is_empty());
}

#[test]
fn an_hour_at_which_nothing_ever_was_is_found() {
    let hour = pack("unusual_hour", "8w", "gte: 2");
    let mut signals = thursdays(&[1, 1, 1, 1, 1]);
    assert!(judged(&signals, &hour).is_empty());
    for minute in [10, 20] {
        signals.push(signal("ann", &format!("2026-10-09T02:{minute}:00Z"), "t"));
    }
    // Enough, but nobody else's hours count.
    signals.push(signal("bob", "2026-10-09T02:10:00Z", "t"));
    let found = judged(&signals, &hour);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].before,
        Some(Before::NeverAt { hours: vec!["2026-10-09T02:00:00Z".parse().unwrap()], weeks: 5 })
    );
}

#[test]
fn a_value_is_new_until_it_was_there_within_the_timespan() {
    let value = pack("first_value", "5w", "field: watch.object");
    let mut signals = thursdays(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    signals.push(signal("ann", "2026-10-02T10:00:00Z", "payroll"));
    signals.push(signal("ann", "2026-10-03T10:00:00Z", "payroll"));
    signals.push(signal("ann", "2026-11-09T10:00:00Z", "payroll"));
    let found = judged(&signals, &value);
    let days: Vec<_> = found.iter().map(|incident| incident.window_start.date_naive().to_string()).collect();
    // The last one comes more than five weeks later.
    assert_eq!(days, ["2026-10-02", "2026-11-09"]);
    let Some(Before::NotThere { values, in_all, .. }) = &found[0].before else { panic!("{found:?}") };
    assert_eq!((values.as_slice(), *in_all), (["payroll".to_owned()].as_slice(), 1));
}

#[test]
fn who_comes_back_after_long_is_found_and_who_is_new_is_not() {
    let back = pack("return", "26w", "silent: 30d");
    let at = |times: &[&str]| times.iter().map(|time| signal("ann", time, "t")).collect::<Vec<_>>();
    let found = judged(&at(&["2026-09-01T10:00:00Z", "2026-10-02T10:00:00Z"]), &back);
    assert_eq!(found[0].before, Some(Before::LastSeen { on: "2026-09-01".parse().unwrap() }));
    assert!(judged(&at(&["2026-09-01T10:00:00Z", "2026-10-01T10:00:00Z"]), &back).is_empty());
    assert!(judged(&at(&["2026-01-01T10:00:00Z", "2026-10-01T10:00:00Z"]), &back).is_empty());
    assert!(judged(&at(&["2026-10-01T10:00:00Z"]), &back).is_empty());
}

#[test]
fn it_makes_no_difference_from_which_day_on_days_were_taken_in() {
    let value = pack("first_value", "5w", "field: watch.object");
    let mut signals = thursdays(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    signals.push(signal("ann", "2026-09-03T11:00:00Z", "payroll"));
    signals.push(signal("ann", "2026-10-30T10:00:00Z", "payroll"));
    let days = days(&signals, of(&value));
    let last = "2026-10-30".parse().unwrap();
    let from = |first: NaiveDate| {
        let mut baselines = Baselines::new(of(&value)).unwrap();
        for (date, profile) in days.range(first..last) {
            baselines.take(*date, profile.clone());
        }
        baselines.judge(last, &days[&last])
    };
    let reached = last - of(&value).timespan;
    assert_eq!(from(NaiveDate::MIN), from(reached));
    assert_eq!(from(reached).len(), 1);
}

#[test]
fn an_event_that_comes_twice_counts_once() {
    let count = pack("unusual_count", "8w", "gte: 1, deviations: 6");
    let twice = [signal("ann", "2026-10-01T10:00:00Z", "t"), signal("ann", "2026-10-01T10:00:00Z", "t")];
    let days = days(&twice, of(&count));
    let (_, day) = days.values().next().unwrap().groups().next().unwrap();
    assert_eq!(day.hours[&10].events, 1);
}
