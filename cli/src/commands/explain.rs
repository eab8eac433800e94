//! `explain`: one alert, or one notice of the watcher's own, from its id alone.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use immuta_watch::alerts::{Alert, Example, Found};
use immuta_watch::event::time;
use immuta_watch::lake::{Store, read_alert, read_time_line};
use immuta_watch::notify::{Delivery, Message, read_notice, withdrawn};
use immuta_watch::rules::{Condition, Route, Rule};
use serde_json::{Value, json};

use super::alerts::as_json;
use super::counterparts::{Counterpart, counterparts};
use super::open_lake;
use super::told::{Told, delivery_in_words};
use crate::arguments::{ExplainAlert, PackOptions};
use crate::exit::Exit;
use crate::pack;
use crate::runtime::block_on;
use crate::terminal::{BOLD, Cell, DIM, Table, counted, harmless, number, of_level, program, say, styled, wrapped};

/// So many values of one field are shown for an event of a time line.
const SHOWN_VALUES: usize = 3;

pub(crate) fn explain(arguments: &ExplainAlert) -> Result<Exit> {
    let store = open_lake(&arguments.lake)?;
    let Some(alert) = block_on(read_alert(&store, &arguments.id))?.context("the alert cannot be read")? else {
        if let Some(notice) = block_on(read_notice(&store, &arguments.id))?.context("the notice cannot be read")? {
            return explain_notice(arguments, &notice, &block_on(Told::of_notice(&store, &notice))??);
        }
        let gone = block_on(withdrawn(&store, &arguments.id))?.context("the delivery records cannot be read")?;
        if !gone.is_empty() {
            return explain_withdrawn(arguments, &gone);
        }
        bail!(
            "there is no alert {} in this lake; `{} alerts --lake {}` lists those there are",
            arguments.id,
            program(),
            arguments.lake
        );
    };
    // What held stands in the alert; the rule's texts are the pack's, and an alert of a rule that is no longer in it is
    // explained without them.
    let named = PackOptions { rules: arguments.rules.clone(), config: None };
    let pack::Chosen { pack, in_force, .. } = pack::load_for(&named, &store)?;
    let name = match (&arguments.rules, in_force) {
        (None, Some(_)) => "in force in this lake".to_owned(),
        (folder, _) => pack::name(folder.as_deref()),
    };
    let rule = pack.rule(&alert.detail().rule);
    let alert = if arguments.whole { with_every_event(&store, alert, rule)? } else { alert };
    let told = block_on(Told::of_alert(&store, &alert))??;
    let counterparts = block_on(counterparts(&store, &alert))??;
    if arguments.json {
        let mut report = in_json(&alert, rule);
        report["told"] = told.as_json();
        report["counterparts"] = counterparts.iter().map(Counterpart::as_json).collect();
        say!("{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        if rule.is_none() {
            let rule = harmless(&alert.detail().rule_name, 100);
            say!("The pack {name} has no rule {rule}: what it says and advises is missing here.")?;
            say!("--rules FOLDER names the pack that has it.\n")?;
        }
        print(&alert, rule, arguments.whole)?;
        print_counterparts(&counterparts)?;
        print_told(&told)?;
    }
    Ok(Exit::Done)
}

/// The alert with every event of what a correlation found. Any other alert has what it has.
fn with_every_event(store: &impl Store, alert: Alert, rule: Option<&Rule>) -> Result<Alert> {
    if alert.detail().found.is_none() {
        return Ok(alert);
    }
    let name = &alert.detail().rule_name;
    let correlation = rule.and_then(Rule::correlation).with_context(|| {
        format!("the pack does not say what {name} counts, so its events cannot be found; --rules FOLDER names a pack that does")
    })?;
    let moments =
        block_on(read_time_line(store, correlation, alert.detail()))?.context("the signals cannot be read")?;
    Ok(alert.with_moments(moments))
}

/// What people were told, and what events that came later have withdrawn.
fn explain_withdrawn(arguments: &ExplainAlert, gone: &BTreeMap<String, Delivery>) -> Result<Exit> {
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&json!({ "id": arguments.id, "withdrawn": gone }))?)?;
        return Ok(Exit::Done);
    }
    say!("{} {}", styled(BOLD, format!("Alert {}", arguments.id)), "was withdrawn: it no longer stands in the lake")?;
    print_paragraph(
        "A correlation had found it, and finds it no more: an event came into the log later, or an export was replaced. \
         Nothing is left to do for it but what was done already.",
    )?;
    say!("\n{}", styled(BOLD, "Who was told"))?;
    for (destination, delivery) in gone {
        print_item(&format!("{}:", harmless(destination, 100)), &delivery_in_words(delivery))?;
    }
    Ok(Exit::Done)
}

/// What the watcher said of its own work.
fn explain_notice(arguments: &ExplainAlert, notice: &Message, told: &Told) -> Result<Exit> {
    if arguments.json {
        let mut report = serde_json::to_value(notice)?;
        report["told"] = told.as_json();
        say!("{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(Exit::Done);
    }
    let level = styled(of_level(notice.level), notice.level.as_str());
    say!("{} · {level} · a notice about the watcher itself", styled(BOLD, harmless(&notice.headline, 200)))?;
    let mut facts = Table::new(&[]);
    for fact in &notice.facts {
        facts.row(vec![Cell::styled(DIM, harmless(&fact.label, 50)), Cell::plain(harmless(&fact.value, 300))]);
    }
    if let Some(at) = notice.first {
        facts.row(vec![Cell::styled(DIM, "when"), Cell::plain(time::text(at))]);
    }
    say!("\n{}", facts.lines())?;
    say!("\n{}", styled(BOLD, "What it means"))?;
    for because in &notice.why {
        print_item("-", because)?;
    }
    say!("\n{}", styled(BOLD, "What to do"))?;
    for (number, step) in (1..).zip(&notice.what_to_do) {
        print_item(&format!("{number}."), step)?;
    }
    say!("\n  {}", harmless(&notice.look, 2000))?;
    print_told(told)?;
    Ok(Exit::Done)
}

/// Each sentence once: of several events of one notification it is the same.
fn print_counterparts(counterparts: &[Counterpart]) -> Result<()> {
    let mut sentences: Vec<String> = counterparts.iter().map(Counterpart::in_words).collect();
    sentences.dedup();
    if !sentences.is_empty() {
        say!("\n{}", styled(BOLD, "The same change at the other end"))?;
    }
    for sentence in sentences {
        print_paragraph(&sentence)?;
    }
    Ok(())
}

fn print_told(told: &Told) -> Result<()> {
    say!("\n{}", styled(BOLD, "Who was told"))?;
    for (destination, how) in told.in_words() {
        match destination {
            Some(destination) => print_item(&format!("{}:", harmless(&destination, 100)), &how)?,
            None => print_paragraph(&how)?,
        }
    }
    Ok(())
}

fn print(alert: &Alert, rule: Option<&Rule>, whole: bool) -> Result<()> {
    let detail = alert.detail();
    let level = styled(of_level(detail.level), detail.level.as_str());
    say!("{} · {level} · {} · {}", styled(BOLD, harmless(&detail.title, 200)), detail.question, detail.route)?;
    if let Some(rule) = rule {
        print_paragraph(&rule.description)?;
    }
    let mut facts = Table::new(&[]);
    for field in alert.telling_key() {
        let name = field.strip_prefix("watch.").unwrap_or(field);
        let values = alert.key_text(field).unwrap_or_else(|| "not said".to_owned());
        facts.row(vec![Cell::styled(DIM, name), Cell::plain(harmless(&values, 200))]);
    }
    let window =
        format!("{} from {}", counted(u64::from(detail.window_hours), "hour"), time::text(detail.window_start));
    facts.row(vec![Cell::styled(DIM, "window"), Cell::plain(window)]);
    let events = match (detail.first, detail.last) {
        (Some(first), Some(last)) if first != last => {
            format!("{}, from {} to {}", number(alert.count()), time::text(first), time::text(last))
        }
        (Some(first), _) => format!("{}, at {}", number(alert.count()), time::text(first)),
        (None, _) => format!("{}, without a readable time", number(alert.count())),
    };
    facts.row(vec![Cell::styled(DIM, "events"), Cell::plain(events)]);
    let name = harmless(&detail.rule_name, 100);
    facts.row(vec![Cell::styled(DIM, "rule"), Cell::plain(format!("{name} ({})", detail.rule))]);
    if let Some(rule) = rule.filter(|rule| !rule.controls.is_empty()) {
        facts.row(vec![Cell::styled(DIM, "controls"), Cell::plain(rule.controls.join(", "))]);
    }
    say!("\n{}", facts.lines())?;
    print_raises(alert, rule)?;
    print_events(alert, whole)?;
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

/// What the alert would be by its rule alone, and what raised it.
fn print_raises(alert: &Alert, rule: Option<&Rule>) -> Result<()> {
    let detail = alert.detail();
    say!("\n{}", styled(BOLD, format!("Why it is {} and {}", detail.level, in_words(detail.route))))?;
    match rule {
        Some(rule) if detail.raised.is_empty() => {
            print_paragraph(&format!(
                "The rule says so: {}, {}. Nothing raised it.",
                rule.level,
                in_words(rule.route)
            ))?;
        }
        Some(rule) => {
            print_paragraph(&format!("By its rule alone it would be {} and {}.", rule.level, in_words(rule.route)))?;
        }
        None if detail.raised.is_empty() => print_paragraph("Nothing raised it.")?,
        None => {}
    }
    for because in &detail.raised {
        print_item("-", because)?;
    }
    Ok(())
}

fn in_words(route: Route) -> &'static str {
    match route {
        Route::Dashboard => "shown on the dashboard",
        Route::Notification => "a notification",
        Route::Both => "a notification that is shown on the dashboard, too",
    }
}

fn print_events(alert: &Alert, whole: bool) -> Result<()> {
    let detail = alert.detail();
    if let Some(found) = &detail.found {
        return print_time_line(alert, found, whole);
    }
    let heading = if alert.count() > detail.examples.len() as u64 {
        format!("{} of the events, the gravest first, and why the rule held", detail.examples.len())
    } else {
        "The events, and why the rule held".to_owned()
    };
    say!("\n{}", styled(BOLD, heading))?;
    for example in &detail.examples {
        let when = example.time.map_or_else(|| "no time".to_owned(), time::text);
        say!(
            "  {when}  {}",
            styled(DIM, format!("event {} · export {} line {}", example.key, example.source, example.line))
        )?;
        if let Some(status) = example.unusual_status() {
            say!("    it ended with {}", styled(BOLD, harmless(&status, 60)))?;
        }
        for held in alert.conditions(example) {
            print_condition(held)?;
        }
        let asked = alert.conditions(example).iter().any(|held| held.field.as_deref() == Some("watch.manual"));
        if let Some(hands) = example.hands.as_ref().filter(|_| !asked && alert.approval(example.key).is_none()) {
            say!("    {}", harmless(hands, 300))?;
        }
        if let Some(approval) = approval_in_words(alert, example) {
            say!("    {approval}")?;
        }
        // On one line, so that it can be copied.
        say!("    {}", styled(DIM, harmless(example.record.get(), 2000)))?;
    }
    Ok(())
}

/// What a correlation found: its events in order of time.
fn print_time_line(alert: &Alert, found: &Found, whole: bool) -> Result<()> {
    say!("\n{}", styled(BOLD, "What is counted"))?;
    let came_to = found.value.map_or_else(String::new, |value| format!("; here it came to {value}"));
    print_paragraph(&format!("{}{came_to}.", found.counts))?;
    if let Some(before) = &found.before {
        say!("\n{}", styled(BOLD, "How it was before"))?;
        print_paragraph(&format!("{}.", before.in_words()))?;
    }
    let shown = found.moments.len() as u64;
    let heading = if !whole && shown < found.events {
        format!(
            "What happened: {shown} of {} events, the first and the last of them; --whole shows all",
            number(found.events)
        )
    } else {
        "What happened".to_owned()
    };
    say!("\n{}", styled(BOLD, heading))?;
    let in_key = |field: &str| alert.telling_key().any(|known| known == field);
    for moment in &found.moments {
        let title = found.rules.get(&moment.rule).map_or("a rule of another pack", String::as_str);
        say!("  {}  {}", time::text(moment.time), harmless(title, 100))?;
        let said = moment.fields.iter().filter(|(field, _)| !in_key(field));
        let said = said.map(|(field, values)| {
            let name = field.strip_prefix("watch.").unwrap_or(field).replace('_', " ");
            format!("{name} {}", values.iter().take(SHOWN_VALUES).cloned().collect::<Vec<_>>().join(", "))
        });
        let said: Vec<String> = said.collect();
        if !said.is_empty() {
            say!("    {}", harmless(&said.join(" · "), 300))?;
        }
        let place = format!("event {} · {} line {}", moment.event, moment.export, moment.line);
        say!("    {}", styled(DIM, harmless(&place, 500)))?;
    }
    Ok(())
}

fn print_condition(held: &Condition) -> Result<()> {
    let field = held.field.as_deref().unwrap_or("some text");
    let how = match (&held.list, &held.note) {
        (Some(list), _) => format!(", as {} on the list {list}", harmless(&held.pattern, 100)),
        (None, Some(note)) => format!(": {}", harmless(note, 300)),
        (None, None) => String::new(),
    };
    say!("    {field} is {}{}", harmless(&held.value, 200), styled(DIM, how))?;
    Ok(())
}

fn approval_in_words(alert: &Alert, example: &Example) -> Option<String> {
    let approval = alert.approval(example.key)?;
    let (by, at) = (harmless(&approval.by, 100), time::text(approval.time));
    Some(format!("an approved request stands behind it: {by} approved it at {at} (event {})", approval.event))
}

fn in_json(alert: &Alert, rule: Option<&Rule>) -> Value {
    let mut report = as_json(alert);
    report["explained_by"] = rule.map_or(Value::Null, |rule| {
        json!({
            "description": rule.description, "level": rule.level, "route": rule.route, "runbook": rule.runbook,
            "falsepositives": rule.falsepositives, "controls": rule.controls, "file": rule.file,
        })
    });
    report
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
