//! Running the time lines that correlations have for examples.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::baseline::{Baselines, Profiling};
use super::incident::Incident;
use super::replay::Replay;
use super::signal::Signal;
use crate::event::{Event, Record};
use crate::rules::{Correlation, ExampleKind, ExampleResult, Pack, Rule, TimelineExample};

/// Runs every example of a pack: those of rules, and the time lines of correlations. The log is taken to be whole: what did
/// not come in a time line never came.
#[must_use]
pub fn run_examples(pack: &Pack) -> Vec<ExampleResult> {
    let mut results = pack.run_examples();
    for (rule, correlation) in pack.correlations() {
        for example in rule.time_lines() {
            results.push(ExampleResult {
                rule: rule.name.clone(),
                file: rule.file.clone(),
                line: example.line,
                name: example.name.clone(),
                kind: example.kind,
                failure: failure(pack, rule, correlation, example),
                also: Vec::new(),
            });
        }
    }
    results
}

fn failure(pack: &Pack, rule: &Rule, correlation: &Correlation, example: &TimelineExample) -> Option<String> {
    let signals = match signals(pack, example) {
        Ok(signals) => signals,
        Err(reason) => return Some(reason),
    };
    let incidents = correlated(rule, correlation, &signals);
    match (example.kind, incidents.is_empty()) {
        (ExampleKind::Positive, true) => Some(nothing(correlation, &signals)),
        (ExampleKind::Negative, false) => {
            let group = incidents[0].group.iter().map(|(name, value)| format!("{name} {value}"));
            Some(format!("the correlation finds something, for {}", group.collect::<Vec<_>>().join(", ")))
        }
        (ExampleKind::Negative, true) => None,
        (ExampleKind::Positive, false) => {
            let level = example.level.filter(|level| *level != rule.level);
            let route = example.route.filter(|route| *route != rule.route);
            match (level, route) {
                (Some(level), _) => Some(format!("its level is {}, not {level}", rule.level)),
                (None, Some(route)) => Some(format!("its route is {}, not {route}", rule.route)),
                (None, None) => None,
            }
        }
    }
}

/// What there is to find in signals that are all there are.
fn correlated(rule: &Rule, correlation: &Correlation, signals: &[Signal]) -> Vec<Incident> {
    if let Some(baselines) = Baselines::new(correlation) {
        return compared(baselines, correlation, signals);
    }
    let wanted = signals.iter().map(|signal| rule.window.start(Some(signal.time))).collect();
    let mut replay = Replay::new(rule, correlation, wanted, Some(DateTime::<Utc>::MAX_UTC));
    replay.take(signals);
    replay.finish().incidents
}

/// What is unusual about any day, compared with those before it.
fn compared(mut baselines: Baselines<'_>, correlation: &Correlation, signals: &[Signal]) -> Vec<Incident> {
    let mut days: BTreeMap<NaiveDate, Profiling<'_>> = BTreeMap::new();
    for signal in signals {
        let day = days.entry(signal.time.date_naive()).or_insert_with(|| Profiling::new(correlation));
        day.take([signal]);
    }
    let mut incidents = Vec::new();
    for (date, day) in days {
        let profile = day.finish();
        incidents.extend(baselines.judge(date, &profile));
        baselines.take(date, profile);
    }
    incidents
}

/// Says how often each rule matched, which is where to look.
fn nothing(correlation: &Correlation, signals: &[Signal]) -> String {
    let count = |id: &str| signals.iter().filter(|signal| signal.rule == id).count();
    let counts = correlation.all_rules().map(|rule| format!("{} {}", rule.name, count(&rule.id)));
    format!("the correlation finds nothing; matches: {}", counts.collect::<Vec<_>>().join(", "))
}

fn signals(pack: &Pack, example: &TimelineExample) -> Result<Vec<Signal>, String> {
    let mut signals = Vec::new();
    for (number, text) in (1..).zip(example.records(pack)?) {
        let record =
            Record::parse(text.as_bytes()).map_err(|error| format!("event {number} cannot be read: {error}"))?;
        let event = Event::of(&record);
        let matches = pack.matches(&event);
        signals.extend(matches.iter().filter_map(|matched| Signal::of(matched.rule, &event, "example", number)));
    }
    Ok(signals)
}
