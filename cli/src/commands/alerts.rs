//! `alerts`: listing them.

use std::collections::BTreeSet;
use std::ops::Bound;

use anyhow::{Context, Result};
use immuta_watch::alerts::{Alert, Contribution, Example};
use immuta_watch::lake::visit_alerts;
use immuta_watch::rules::Route;
use serde_json::json;

use super::open_lake;
use crate::arguments::ListAlerts;
use crate::exit::Exit;
use crate::runtime::block_on;
use crate::terminal::{Cell, DIM, Table, harmless, number, of_level, program, say};

/// The highest levels first, the latest first within a level; `most` at the most, 0 for all.
pub(crate) fn most_pressing(mut alerts: Vec<Alert>, most: usize) -> Vec<Alert> {
    alerts.sort_by(|a, b| {
        let (a, b) = (a.detail(), b.detail());
        b.level.cmp(&a.level).then(b.first.cmp(&a.first)).then(a.alert.cmp(&b.alert))
    });
    if most > 0 {
        alerts.truncate(most);
    }
    alerts
}

pub(crate) fn list(arguments: &ListAlerts) -> Result<Exit> {
    let store = open_lake(&arguments.lake)?;
    let dates = (
        arguments.since.map_or(Bound::Unbounded, Bound::Included),
        arguments.until.map_or(Bound::Unbounded, Bound::Included),
    );
    let (mut wanted, mut others, mut rules) = (Vec::new(), 0, BTreeSet::new());
    let mut visit = |alert: Alert| {
        let Contribution { rule, rule_name, .. } = alert.detail();
        if !rules.contains(rule_name) {
            rules.extend([rule.clone(), rule_name.clone()]);
        }
        if is_wanted(arguments, alert.detail()) { wanted.push(alert) } else { others += 1 }
    };
    block_on(visit_alerts(&store, dates, &mut visit))?.context("the alerts cannot be read")?;
    let count = wanted.len();
    let shown = most_pressing(wanted, arguments.limit);
    if arguments.json {
        for alert in &shown {
            say!("{}", as_json(alert))?;
        }
        return Ok(Exit::Done);
    }
    if let Some(rule) = arguments.rule.as_ref().filter(|rule| !rules.contains(*rule)) {
        say!("No alert of a rule {rule} is in this lake; {} are of others.", number(others))?;
        return Ok(Exit::Done);
    }
    if shown.is_empty() {
        say!("No alert is of that kind; {} are of others.", number(others))?;
        return Ok(Exit::Done);
    }
    say!("{}", alert_rows(&shown))?;
    if shown.len() < count {
        say!("  and {} more; --limit 0 shows all", number((count - shown.len()) as u64))?;
    }
    say!("\nExplain one: {} explain ID --lake {}", program(), arguments.lake)?;
    Ok(Exit::Done)
}

fn is_wanted(arguments: &ListAlerts, alert: &Contribution) -> bool {
    let is_about = |text: &String| {
        let text = text.to_lowercase();
        alert.key.iter().flat_map(|(_, values)| values).any(|value| value.to_lowercase().contains(&text))
    };
    arguments.level.is_none_or(|level| alert.level >= level)
        && (!arguments.notify || alert.route > Route::Dashboard)
        && arguments.question.is_none_or(|question| alert.question == question)
        && arguments.rule.as_ref().is_none_or(|rule| alert.rule == *rule || alert.rule_name == *rule)
        && arguments.about.as_ref().is_none_or(is_about)
}

/// One line per alert.
pub(crate) fn alert_rows(alerts: &[Alert]) -> String {
    let mut table = Table::new(&[2]);
    table.head(&["LEVEL", "FIRST EVENT (UTC)", "EVENTS", "ID", "WHAT", "WHO AND WHAT"]);
    for alert in alerts {
        let detail = alert.detail();
        let first =
            detail.first.map_or_else(|| "no time".to_owned(), |first| first.format("%Y-%m-%d %H:%M").to_string());
        table.row(vec![
            Cell::styled(of_level(detail.level), detail.level.as_str()),
            Cell::plain(first),
            Cell::plain(number(alert.count())),
            Cell::styled(DIM, detail.alert.to_string()),
            Cell::plain(format!("{}{}", harmless(&detail.title, 40), ended(alert))),
            Cell::plain(harmless(&alert.in_words(), 160)),
        ]);
    }
    table.lines()
}

/// What became of attempts that all did not succeed.
fn ended(alert: &Alert) -> &'static str {
    match alert.unusual_status().as_deref() {
        Some("UNAUTHORIZED") => " (refused)",
        Some(_) => " (failed)",
        None => "",
    }
}

/// An alert as one JSON object.
pub(super) fn as_json(alert: &Alert) -> serde_json::Value {
    let detail = alert.detail();
    let example = |example: &Example| {
        json!({
            "time": example.time, "key": example.key, "source": example.source, "line": example.line,
            "level": example.level, "route": example.route, "conditions": alert.conditions(example),
            "hands": example.hands, "approval": alert.approval(example.key), "record": example.record,
        })
    };
    let examples: Vec<_> = detail.examples.iter().map(example).collect();
    json!({
        "id": detail.alert, "level": detail.level, "route": detail.route, "question": detail.question,
        "rule": detail.rule_name, "rule_id": detail.rule, "title": detail.title,
        "key": detail.key.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "window_start": detail.window_start, "window_hours": detail.window_hours, "raised": detail.raised,
        "count": alert.count(), "first": detail.first, "last": detail.last, "events": detail.events,
        "examples": examples, "found": detail.found,
    })
}
