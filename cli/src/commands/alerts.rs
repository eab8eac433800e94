//! `alerts`: listing them, and showing one.

use std::ops::Bound;

use anyhow::{Context, Result, bail};
use immuta_watch::alerts::{Alert, Contribution};
use immuta_watch::event::time;
use immuta_watch::lake::{read_alert, visit_alerts};
use immuta_watch::rules::{Route, Rule};
use serde_json::json;

use super::{block_on, open_lake};
use crate::arguments::{Alerts, AlertsCommand, ListAlerts, ShowAlert};
use crate::exit::Exit;
use crate::pack;
use crate::terminal::{BOLD, Cell, DIM, Table, counted, harmless, number, of_level, program, say, styled, wrapped};

pub(crate) fn alerts(arguments: &Alerts) -> Result<Exit> {
    match &arguments.show {
        Some(AlertsCommand::Show(show)) => show_one(show),
        None => list(&arguments.list),
    }
}

/// The highest levels first, the latest windows first within a level; `most` at the most, 0 for all.
pub(crate) fn most_pressing(mut alerts: Vec<Alert>, most: usize) -> Vec<Alert> {
    alerts.sort_by(|a, b| {
        let (a, b) = (a.detail(), b.detail());
        b.level.cmp(&a.level).then(b.window_start.cmp(&a.window_start)).then(a.alert.cmp(&b.alert))
    });
    if most > 0 {
        alerts.truncate(most);
    }
    alerts
}

fn list(arguments: &ListAlerts) -> Result<Exit> {
    let Some(folder) = &arguments.lake else { bail!("give the folder of the lake: --lake FOLDER") };
    let store = open_lake(folder)?;
    let dates = (
        arguments.since.map_or(Bound::Unbounded, Bound::Included),
        arguments.until.map_or(Bound::Unbounded, Bound::Included),
    );
    let (mut wanted, mut others) = (Vec::new(), 0);
    let mut visit = |alert: Alert| {
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
    if shown.is_empty() {
        say!("No alert is of that kind; {} are of others.", number(others))?;
        return Ok(Exit::Done);
    }
    say!("{}", alert_rows(&shown))?;
    if shown.len() < count {
        say!("  and {} more; --limit 0 shows all", number((count - shown.len()) as u64))?;
    }
    say!("\nShow one: {} alerts show ID --lake {}", program(), folder.display())?;
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
    table.head(&["LEVEL", "FIRST EVENT", "EVENTS", "ID", "WHAT", "WHO AND WHAT"]);
    for alert in alerts {
        let detail = alert.detail();
        let first =
            detail.first.map_or_else(|| "no time".to_owned(), |first| first.format("%Y-%m-%d %H:%M").to_string());
        table.row(vec![
            Cell::styled(of_level(detail.level), detail.level.as_str()),
            Cell::plain(first),
            Cell::plain(number(alert.count() as u64)),
            Cell::styled(DIM, detail.alert.to_string()),
            Cell::plain(harmless(&detail.title, 40)),
            Cell::plain(harmless(&in_words(alert), 160)),
        ]);
    }
    table.lines()
}

/// The values of the alert key, and what else the events are about.
fn in_words(alert: &Alert) -> String {
    let values: Vec<String> = alert.detail().key.iter().filter_map(|(field, _)| alert.key_text(field)).collect();
    let matter = alert.subject_matter();
    if matter.is_empty() { values.join(" → ") } else { format!("{}: {}", values.join(" → "), matter.join(", ")) }
}

fn show_one(arguments: &ShowAlert) -> Result<Exit> {
    let store = open_lake(&arguments.lake)?;
    let Some(alert) = block_on(read_alert(&store, &arguments.id))?.context("the alert cannot be read")? else {
        bail!(
            "there is no alert {} in this lake; `immuta-watch alerts --lake {}` lists those there are",
            arguments.id,
            arguments.lake.display()
        );
    };
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&as_json(&alert))?)?;
        return Ok(Exit::Done);
    }
    // The rule's texts are the pack's; an alert of a rule that is no longer in it is shown without.
    let pack = pack::load(&arguments.pack)?;
    print_one(&alert, pack.rule(&alert.detail().rule))?;
    Ok(Exit::Done)
}

fn print_one(alert: &Alert, rule: Option<&Rule>) -> Result<()> {
    let detail = alert.detail();
    let level = styled(of_level(detail.level), detail.level.as_str());
    say!("{} · {level} · {} · {}", styled(BOLD, harmless(&detail.title, 200)), detail.question, detail.route)?;
    if let Some(rule) = rule {
        print_paragraph(&rule.description)?;
    }
    let mut facts = Table::new(&[]);
    for (field, values) in &detail.key {
        let name = field.strip_prefix("watch.").unwrap_or(field);
        let values = if values.is_empty() { "not said".to_owned() } else { values.join(", ") };
        facts.row(vec![Cell::styled(DIM, name), Cell::plain(harmless(&values, 200))]);
    }
    let window =
        format!("{} from {}", counted(u64::from(detail.window_hours), "hour"), time::text(detail.window_start));
    facts.row(vec![Cell::styled(DIM, "window"), Cell::plain(window)]);
    let events = match (detail.first, detail.last) {
        (Some(first), Some(last)) if first != last => {
            format!("{}, from {} to {}", number(alert.count() as u64), time::text(first), time::text(last))
        }
        (Some(first), _) => format!("{}, at {}", number(alert.count() as u64), time::text(first)),
        (None, _) => format!("{}, without a readable time", number(alert.count() as u64)),
    };
    facts.row(vec![Cell::styled(DIM, "events"), Cell::plain(events)]);
    facts.row(vec![Cell::styled(DIM, "rule"), Cell::plain(format!("{} ({})", detail.rule_name, detail.rule))]);
    say!("\n{}", facts.lines())?;
    if !detail.raised.is_empty() {
        say!("\n{}", styled(BOLD, format!("Why it is {}", detail.level)))?;
        for because in &detail.raised {
            print_paragraph(because)?;
        }
    }
    print_examples(alert)?;
    if let Some(rule) = rule {
        say!("\n{}", styled(BOLD, "What to do"))?;
        for (number, step) in (1..).zip(&rule.runbook) {
            print_item(&format!("{number}."), step)?;
        }
        if !rule.falsepositives.is_empty() {
            say!("\n{}", styled(BOLD, "When nothing is wrong"))?;
            for text in &rule.falsepositives {
                print_item("-", text)?;
            }
        }
    }
    Ok(())
}

fn print_examples(alert: &Alert) -> Result<()> {
    let detail = alert.detail();
    let heading = if alert.count() > detail.examples.len() {
        format!("The first {} events", detail.examples.len())
    } else {
        "The events".to_owned()
    };
    say!("\n{}", styled(BOLD, heading))?;
    for example in &detail.examples {
        let when = example.time.map_or_else(|| "no time".to_owned(), time::text);
        say!(
            "  {when}  {}",
            styled(DIM, format!("event {} · export {} line {}", example.key, example.source, example.line))
        )?;
        for held in &example.conditions {
            let field = held.field.as_deref().unwrap_or("any text");
            let list = held.list.as_ref().map_or_else(String::new, |list| format!(", on the list {list}"));
            say!("    {field} is {}{}", harmless(&held.value, 200), styled(DIM, list))?;
        }
        // On one line, so that it can be copied.
        say!("    {}", styled(DIM, harmless(example.record.get(), 2000)))?;
    }
    Ok(())
}

fn print_paragraph(text: &str) -> Result<()> {
    say!("{}", wrapped(&harmless(text, 1000), "  ", "  "))?;
    Ok(())
}

fn print_item(mark: &str, text: &str) -> Result<()> {
    let indent = " ".repeat(mark.len() + 3);
    say!("{}", wrapped(&harmless(text, 1000), &format!("  {mark} "), &indent))?;
    Ok(())
}

fn as_json(alert: &Alert) -> serde_json::Value {
    let detail = alert.detail();
    json!({
        "id": detail.alert, "level": detail.level, "route": detail.route, "question": detail.question,
        "rule": detail.rule_name, "rule_id": detail.rule, "title": detail.title,
        "key": detail.key.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "window_start": detail.window_start, "window_hours": detail.window_hours, "raised": detail.raised,
        "count": alert.count(), "first": detail.first, "last": detail.last, "events": detail.events,
        "examples": detail.examples,
    })
}
