//! `inventory combinations`: who holds permissions together that should be apart.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use immuta_watch::alerts::{Alert, AlertId};
use immuta_watch::event::EventKey;
use immuta_watch::inventory::{Combination, Known, ListKind, PAIRS, combinations as combined};
use immuta_watch::lake::visit_alerts_on;
use immuta_watch::rules::Question;
use serde_json::{Value, json};

use super::impact::heading;
use super::inventory::{Found, since, unclear};
use crate::arguments::AskInventory;
use crate::exit::Exit;
use crate::runtime::block_on;
use crate::terminal::{Cell, DIM, Table, harmless, number, program, say, wrapped};

/// So many of a pair are shown, the latest first.
const SHOWN: usize = 50;

/// The alert of an event, by which it is explained.
type Alerts = BTreeMap<EventKey, AlertId>;

pub(crate) fn combinations(arguments: &AskInventory) -> Result<Exit> {
    let found = Found::in_lake(&arguments.lake)?;
    let combinations = combined(&found.standing);
    let alerts = alerts_of(&found, &combinations)?;
    if arguments.json {
        print_json(&found, &combinations, &alerts)?;
    } else {
        print(arguments, &found, &combinations, &alerts)?;
    }
    Ok(Exit::Done)
}

/// The alerts that the grants raised.
fn alerts_of(found: &Found, combinations: &[Combination<'_>]) -> Result<Alerts> {
    let mut wanted = BTreeMap::new();
    for known in combinations.iter().flat_map(|combination| combination.known) {
        if let Known::Event { event, at, .. } = known {
            wanted.insert(*event, at.date_naive());
        }
    }
    let dates: BTreeSet<NaiveDate> = wanted.values().copied().collect();
    let mut alerts = Alerts::new();
    let mut visit = |alert: Alert| {
        let detail = alert.detail();
        // Those of a correlation are on more than the grant.
        if detail.question != Question::Permissions || detail.found.is_some() {
            return;
        }
        let of_events = wanted.keys().filter(|event| detail.events.contains(event));
        alerts.extend(of_events.map(|event| (*event, detail.alert.clone())));
    };
    if !dates.is_empty() {
        block_on(visit_alerts_on(&found.store, |date| dates.contains(&date), &mut visit))?
            .context("the alerts cannot be read")?;
    }
    Ok(alerts)
}

fn print(arguments: &AskInventory, found: &Found, combinations: &[Combination<'_>], alerts: &Alerts) -> Result<()> {
    let of_what = found.of_what(ListKind::Permission);
    if combinations.is_empty() {
        say!("Nobody holds two permissions together that should be apart, {of_what}.")?;
    } else {
        say!("Permissions that should be apart, held together, {of_what}")?;
    }
    for pair in &PAIRS {
        let of_pair: Vec<_> = combinations.iter().filter(|combination| combination.pair == pair).collect();
        if of_pair.is_empty() {
            continue;
        }
        let [one, other] = pair.permissions;
        heading(&format!("{one} with {other}: {}", number(of_pair.len() as u64)))?;
        say!("{}", wrapped(pair.because, "  ", "  "))?;
        let mut table = Table::new(&[]);
        table.head(&["WHO", "SINCE (UTC)", "PERMISSION", "HOW IT IS KNOWN"]);
        for combination in of_pair.iter().take(SHOWN) {
            let mut who = harmless(&combination.who.in_words(), 60);
            for (permission, known) in combination.last_and_first() {
                table.row(vec![
                    Cell::plain(std::mem::take(&mut who)),
                    Cell::plain(since(known)),
                    Cell::plain(permission),
                    Cell::styled(DIM, in_words(known, alerts)),
                ]);
            }
        }
        say!("{}", table.lines())?;
        if of_pair.len() > SHOWN {
            say!("  and {} more; --json has all", number((of_pair.len() - SHOWN) as u64))?;
        }
    }
    if let Some(unclear) = unclear(&found.standing) {
        say!("\n{}", wrapped(&unclear, "", ""))?;
    }
    let (lake, program) = (&arguments.lake, program());
    if found.standing.basis(ListKind::Permission).list.is_none() {
        say!("\nWhat was given before is not known. A list of who holds what says it:")?;
        say!("  {program} inventory import FILE --lake {lake}")?;
    } else if combinations.iter().flat_map(|each| each.known).any(|known| alert_of(known, alerts).is_some()) {
        say!("\nExplain a grant: {program} explain ALERT --lake {lake}")?;
    } else {
        say!("\nWho holds what, as JSON: {program} inventory show --lake {lake} --json")?;
    }
    Ok(())
}

fn alert_of<'a>(known: &Known, alerts: &'a Alerts) -> Option<&'a AlertId> {
    match known {
        Known::Event { event, .. } => alerts.get(event),
        Known::List(_) => None,
    }
}

fn in_words(known: &Known, alerts: &Alerts) -> String {
    match known {
        Known::List(date) => format!("on the list of {date}"),
        Known::Event { event, by, .. } => {
            let by = harmless(by, 60);
            match alerts.get(event) {
                Some(alert) => format!("given by {by}, alert {alert}"),
                None => format!("given by {by}, event {event}"),
            }
        }
    }
}

fn print_json(found: &Found, combinations: &[Combination<'_>], alerts: &Alerts) -> Result<()> {
    let held = |(permission, known): (&str, &Known)| -> Value {
        let mut held = json!({ "permission": permission, "since": known.since() });
        match known {
            Known::List(date) => held["list"] = json!(date),
            Known::Event { event, by, .. } => {
                held["event"] = json!(event);
                held["by"] = json!(by);
                held["alert"] = json!(alerts.get(event));
            }
        }
        held
    };
    let each = |combination: &Combination<'_>| {
        json!({
            "who": combination.who,
            "pair": combination.pair.permissions,
            "because": combination.pair.because,
            "since": combination.since(),
            "held": combination.last_and_first().map(held),
        })
    };
    let report = json!({
        "known": found.basis_as_json(ListKind::Permission),
        "combinations": combinations.iter().map(each).collect::<Vec<_>>(),
        "unclear": found.standing.unclear,
    });
    say!("{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
