//! `rules explain`: why a rule matches an event, or why it does not.

use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use immuta_watch::circumstances::Manual;
use immuta_watch::event::{Event, Record, Service};
use immuta_watch::export::{Content, ExportReader, Limits};
use immuta_watch::rules::{Comparison, Explanation, Pack, Rule, Step, Trace};
use immuta_watch::webhook::{Notification, Receipt};
use serde_json::json;

use crate::arguments::ExplainRule;
use crate::exit::Exit;
use crate::pack;
use crate::terminal::{BOLD, DIM, GREEN, RED, harmless, say, styled, wrapped};

pub(super) fn explain(arguments: &ExplainRule) -> Result<Exit> {
    let (pack, _) = pack::load(&arguments.pack)?;
    let Some(rule) = pack.rule(&arguments.rule) else { bail!("{}", no_such_rule(&pack, &arguments.rule)) };
    let Found { place, line, text } = find(arguments, rule)?;
    let text = if rule.service == Service::Webhook { of_receipt(text) } else { text };
    let record = match Record::parse(&text) {
        Ok(record) => record,
        Err(reason) => bail!("{place} cannot be read as an event: {reason}"),
    };
    let event = Event::of_service(&record, rule.service);
    let explanation = pack.explain(rule, &event, false);
    let matched = pack.matches(&event).into_iter().find(|matched| matched.rule.id == rule.id);
    if arguments.json {
        let report = json!({
            "rule": rule.name, "rule_id": rule.id, "line": line, "event": event.key(), "kind": event.kind(),
            "matched": explanation.matched,
            "level": matched.as_ref().map(|matched| matched.outcome.level),
            "route": matched.as_ref().map(|matched| matched.outcome.route),
            "explanation": explanation,
        });
        say!("{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(Exit::Done);
    }
    let verdict = match &matched {
        Some(matched) => {
            let outcome = &matched.outcome;
            styled(GREEN, format!("matches: {}, {}", outcome.level, outcome.route))
        }
        None => styled(RED, "does not match"),
    };
    say!("{} {verdict}", styled(BOLD, &rule.name))?;
    say!("  {}", styled(DIM, format!("the {} in {}", harmless(event.kind(), 60), harmless(&place, 300))))?;
    print(&explanation)?;
    let manual = pack.installation().circumstances(&event).manual().clone();
    if matches!(manual, Manual::UnlessApproved(_)) && rule.fields.iter().any(|field| field == "watch.manual") {
        say!("\nThis command knows no other event, and so no approved request; `run` looks for one in every export.")?;
    }
    print_others(&pack, rule, &event, matched.is_some())?;
    Ok(Exit::Done)
}

/// The record that a kept notification makes; what is none is taken for a record.
fn of_receipt(text: Vec<u8>) -> Vec<u8> {
    let read = || {
        let receipt = Receipt::read(&text).ok()?;
        Some(Notification::read(&receipt.kind, &receipt.body()?, receipt.received).record.into_bytes())
    };
    read().unwrap_or(text)
}

/// The record that is asked about.
struct Found {
    /// Where it stands, in words
    place: String,
    line: Option<u64>,
    text: Vec<u8>,
}

fn find(arguments: &ExplainRule, rule: &Rule) -> Result<Found> {
    if let Some(correlation) = rule.correlation() {
        let rules: Vec<&str> = correlation.all_rules().map(|rule| rule.name.as_str()).collect();
        bail!(
            "{} is a correlation, and matches no event by itself: {}. `rules test` runs its time lines; `rules explain` \
             explains the rules that it counts: {}",
            rule.name,
            correlation.in_words(),
            rules.join(", ")
        );
    }
    if let Some(name) = &arguments.example {
        let Some(record) = rule.example(name) else {
            let names: Vec<String> = rule.example_names().map(|name| format!("\n  {name}")).collect();
            bail!("{} has no example {name:?}; it has{}", rule.name, names.concat());
        };
        return Ok(Found { place: format!("the example {name:?}"), line: None, text: record.as_bytes().to_vec() });
    }
    // Clap asks for one of the two.
    let path = arguments.event.as_deref().unwrap_or(Path::new("-"));
    let (line, text) = find_in(path, arguments)?;
    Ok(Found { place: format!("line {line} of {}", path.display()), line: Some(line), text })
}

/// The line and the text of the record, in a file.
fn find_in(path: &Path, arguments: &ExplainRule) -> Result<(u64, Vec<u8>)> {
    let bytes: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?)
    };
    let mut whole = Vec::new();
    let mut reader = io::BufReader::new(bytes);
    // One record that stands on many lines, as a person would write or copy it, is no export.
    reader.read_to_end(&mut whole).with_context(|| format!("{} cannot be read", path.display()))?;
    if arguments.line.is_none() && arguments.id.is_none() && Record::parse(&whole).is_ok() {
        return Ok((1, whole));
    }
    let mut export = ExportReader::new(whole.as_slice(), Limits::default())?;
    while let Some(line) = export.next_line()? {
        let Content::Text(text) = &line.content else { continue };
        let wanted = match (&arguments.line, &arguments.id) {
            (Some(number), _) => line.number == *number,
            (None, Some(id)) => {
                let of = |record: &Record<'_>| record.json().get("id").and_then(|id| Some(id.as_text()?.into_owned()));
                Record::parse(text).is_ok_and(|record| of(&record).as_ref() == Some(id))
            }
            (None, None) => true,
        };
        if wanted {
            return Ok((line.number, text.to_vec()));
        }
    }
    match (&arguments.line, &arguments.id) {
        (Some(number), _) => bail!("{} has no record on line {number}", path.display()),
        (None, Some(id)) => bail!("{} has no record with the id {id}", path.display()),
        (None, None) => bail!("{} has no record", path.display()),
    }
}

fn print(explanation: &Explanation) -> Result<()> {
    for trace in &explanation.condition {
        print_trace(trace, 1)?;
    }
    if !explanation.raises.is_empty() {
        say!("\n{}", styled(BOLD, "What would raise it"))?;
    }
    for raise in &explanation.raises {
        say!("{}", wrapped(&format!("{} {}", mark(raise.held), harmless(&raise.because, 500)), "  ", "    "))?;
        for trace in &raise.condition {
            print_trace(trace, 2)?;
        }
    }
    Ok(())
}

fn mark(held: bool) -> String {
    if held { styled(GREEN, "yes") } else { styled(RED, "no ") }
}

fn print_trace(trace: &Trace, depth: usize) -> Result<()> {
    let text = match &trace.step {
        Step::All if trace.parts.len() < 2 => None,
        Step::All => Some("all of".to_owned()),
        Step::Any => Some("one of".to_owned()),
        Step::Not => Some("not".to_owned()),
        Step::AtLeast { count } => Some(format!("at least {count} of")),
        Step::Selection { name } => Some(harmless(name, 100)),
        Step::Comparison(comparison) => Some(in_words(comparison, trace.held)),
    };
    let below = text.as_ref().map_or(depth, |_| depth + 1);
    if let Some(text) = text {
        say!("{}{} {text}", "  ".repeat(depth), mark(trace.held))?;
    }
    trace.parts.iter().try_for_each(|part| print_trace(part, below))
}

fn in_words(comparison: &Comparison, held: bool) -> String {
    let field = comparison.field.as_deref().unwrap_or("some text of the record");
    let wanted = match &comparison.list {
        Some(list) if held => format!("on the list {list}, as {}", comparison.pattern),
        Some(list) => format!("on the list {list}"),
        None => comparison.pattern.clone(),
    };
    let found = match &comparison.value {
        Some(value) => format!("it is {}", harmless(value, 200)),
        None if comparison.field.is_some() => "the event does not say".to_owned(),
        None => "no text of the record is".to_owned(),
    };
    let case = if comparison.differs_in_case { "; only the case of letters differs" } else { "" };
    let note = comparison.note.as_ref().map_or_else(String::new, |note| format!(" ({})", harmless(note, 300)));
    format!("{field}: wanted {}; {found}{case}{}", harmless(&wanted, 200), styled(DIM, note))
}

/// Which other rules take the event: a change belongs to one rule, and a near one is easily mistaken for it.
fn print_others(pack: &Pack, rule: &Rule, event: &Event<'_>, matched: bool) -> Result<()> {
    let others: Vec<String> = pack
        .matches(event)
        .iter()
        .filter(|matched| matched.rule.id != rule.id)
        .map(|matched| format!("{} ({}, {})", matched.rule.name, matched.outcome.level, matched.outcome.route))
        .collect();
    match (matched, others.is_empty()) {
        (true, true) => {}
        (false, true) => say!("\nNo other rule of the pack matches this event.")?,
        (false, false) => say!("\nThis event is matched by {}.", others.join(", "))?,
        (true, false) => say!("\nAlso matched by {}: one change, and more than one alert.", others.join(", "))?,
    }
    Ok(())
}

fn no_such_rule(pack: &Pack, name: &str) -> String {
    let names: Vec<&str> = pack.rules().iter().map(|rule| rule.name.as_str()).collect();
    let near: Vec<&&str> = names.iter().filter(|known| known.contains(name) || name.contains(**known)).collect();
    let list =
        if near.is_empty() { names.join(", ") } else { near.into_iter().copied().collect::<Vec<_>>().join(", ") };
    format!("the pack has no rule {name}; it has {list}")
}
