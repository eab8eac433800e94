//! `webhooks matches`: how often webhooks and the audit log told of the same changes, as the sweep has counted.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use immuta_watch::reconcile::changes::{Known, MatchRate, Settled};
use serde_json::{Value, json};

use super::open_lake;
use crate::arguments::MatchesOfWebhooks;
use crate::exit::Exit;
use crate::runtime::block_on;
use crate::terminal::{BOLD, Cell, DIM, GREEN, Table, YELLOW, number, say, styled, wrapped};

pub(crate) fn matches(arguments: &MatchesOfWebhooks) -> Result<Exit> {
    let store = open_lake(&arguments.lake)?;
    let (known, _) = block_on(Known::read(&store))?.context("what the sweep has counted cannot be read")?;
    let types = types(&known);
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&in_json(&known, &types))?)?;
        return Ok(Exit::Done);
    }
    if types.is_empty() {
        say!("No notification has been compared with the audit log in this lake.")?;
        return paragraph("The task `reconcile` of sweep does it each hour, for what is older than half an hour.");
    }
    say!("{}", styled(BOLD, "Notifications of the last four weeks, and what the audit log has of them"))?;
    let mut table = Table::new(&[1, 2, 3, 4, 5, 6]);
    table.head(&["TYPE", "SURE", "LIKELY", "POSSIBLE", "MISSING", "UNKNOWN", "WAITING"]);
    for (kind, row) in &types {
        let Settled { sure, likely, possible, missing, untold } = row.settled;
        let missed = if missing > 0 { Cell::styled(YELLOW, number(missing)) } else { Cell::plain(number(missing)) };
        let counts = [sure, likely, possible].map(|count| Cell::plain(number(count)));
        let rest = [missed, Cell::plain(number(untold)), Cell::plain(number(row.waiting))];
        table.row([Cell::plain(kind.clone())].into_iter().chain(counts).chain(rest).collect());
    }
    say!("{}", table.lines())?;
    say!("\n{}", styled(BOLD, "Events of the audit log, and whether a notification told of them"))?;
    let mut table = Table::new(&[1, 2, 3]);
    table.head(&["KIND", "EVENTS", "TOLD", "NOT TOLD", ""]);
    for (kind, rate) in &known.events {
        let state = if rate.is_proven { Cell::styled(GREEN, "proven") } else { Cell::styled(DIM, "staged") };
        let counts = [rate.events(), rate.told(), rate.events() - rate.told()].map(|count| Cell::plain(number(count)));
        let row = [Cell::plain(kind.clone())].into_iter().chain(counts).chain([state]);
        table.row(row.collect());
    }
    say!("{}", table.lines())?;
    say!("")?;
    paragraph(
        "Of a proven kind, an event that no webhook told of is told of; of a staged one it is only counted, until 30 events on 5 \
         days were told of, 98 in 100. What is sure is not told a second time; if much is only likely or possible, \
         notifications of this tenant name less than is looked for (docs/webhooks.md).",
    )
}

/// What became of the notifications of a type.
#[derive(Default)]
struct Row {
    settled: Settled,
    waiting: u64,
}

fn types(known: &Known) -> BTreeMap<String, Row> {
    let mut types: BTreeMap<String, Row> = BTreeMap::new();
    for (kind, days) in &known.notifications {
        let row = types.entry(kind.clone()).or_default();
        for day in days.values() {
            row.settled += *day;
        }
    }
    for waiting in known.waiting.values() {
        types.entry(waiting.kind.clone()).or_default().waiting += 1;
    }
    types
}

fn in_json(known: &Known, types: &BTreeMap<String, Row>) -> Value {
    let notifications: BTreeMap<&String, Value> = types
        .iter()
        .map(|(kind, Row { settled, waiting })| {
            let Settled { sure, likely, possible, missing, untold } = settled;
            let row = json!({ "sure": sure, "likely": likely, "possible": possible, "missing": missing,
                "unknown": untold, "waiting": waiting });
            (kind, row)
        })
        .collect();
    let event = |rate: &MatchRate| json!({ "events": rate.events(), "told": rate.told(), "proven": rate.is_proven });
    let events: BTreeMap<&String, Value> = known.events.iter().map(|(kind, rate)| (kind, event(rate))).collect();
    json!({ "notifications": notifications, "events": events, "looked_until": known.looked_until })
}

fn paragraph(text: &str) -> Result<Exit> {
    say!("{}", wrapped(text, "", ""))?;
    Ok(Exit::Done)
}
