//! `impact`: what a change of a policy, tag or attribute did to access.

use std::ops::Bound;

use anyhow::{Context, Result, anyhow, bail};
use immuta_watch::lake::{FindError, LedgerFiles, find_change, impacts, newest_changes};
use immuta_watch::report::impact::Comparison;

use super::impact_report::{as_json, print, print_nothing_left};
use super::open_lake;
use crate::arguments::ShowImpact;
use crate::exit::Exit;
use crate::runtime::block_on;
use crate::stores::AnyStore;
use crate::terminal::{BOLD, Cell, DIM, Table, harmless, program, say, styled};

const UNREADABLE: &str = "the ledgers cannot be read";

pub(crate) fn impact(arguments: &ShowImpact) -> Result<Exit> {
    let store = open_lake(&arguments.lake)?;
    let files = block_on(LedgerFiles::in_lake(&store))?.context("the manifests cannot be read")?;
    let done = match &arguments.event {
        Some(event) => show(arguments, event, &store, &files)?,
        None => list(arguments, &store, &files)?,
    };
    if files.unreadable > 0 {
        anstream::eprintln!(
            "Left out: the exports of {} manifests that cannot be read; `{} verify --lake {}` says which.",
            files.unreadable,
            program(),
            arguments.lake
        );
    }
    Ok(done)
}

fn show(arguments: &ShowImpact, event: &str, store: &AnyStore, files: &LedgerFiles) -> Result<Exit> {
    let change = match block_on(find_change(store, files, event))? {
        Ok(change) => change,
        Err(FindError::Read(error)) => return Err(error).context(UNREADABLE),
        Err(error @ FindError::Several(..)) => bail!("{}", harmless(&error.to_string(), 1000)),
        Err(error) => {
            let said = harmless(&error.to_string(), 300);
            bail!("{said}; `{} impact --lake {}` lists those there are", program(), arguments.lake);
        }
    };
    let found = block_on(impacts(store, files, vec![change], arguments.span))?.context(UNREADABLE)?;
    let found = found.into_iter().next().ok_or_else(|| anyhow!("the lake has no event with a time"))?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&as_json(&found))?)?;
        return Ok(Exit::Done);
    }
    match &found {
        Comparison::Made(impact) => print(impact)?,
        Comparison::NotPossible(change, nothing) => print_nothing_left(change, nothing)?,
    }
    Ok(Exit::Done)
}

fn list(arguments: &ShowImpact, store: &AnyStore, files: &LedgerFiles) -> Result<Exit> {
    let dates = (
        arguments.from.map_or(Bound::Unbounded, Bound::Included),
        arguments.to.map_or(Bound::Unbounded, Bound::Included),
    );
    let newest = block_on(newest_changes(store, files, dates, arguments.limit.into()))?.context(UNREADABLE)?;
    let found = block_on(impacts(store, files, newest.changes, arguments.span))?.context(UNREADABLE)?;
    if arguments.json {
        for each in &found {
            say!("{}", as_json(each))?;
        }
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        say!("No policy, tag or attribute was changed on these dates, as far as this lake goes.")?;
        return Ok(Exit::Done);
    }
    say!("{}", rows(&found))?;
    if newest.more {
        say!("  and older ones; --limit shows more of them, --to begins at an earlier date")?;
    }
    say!("\nLook at one: {} impact EVENT --lake {}", program(), arguments.lake)?;
    Ok(Exit::Done)
}

/// One line per change.
fn rows(found: &[Comparison]) -> String {
    let mut table = Table::new(&[]);
    table.head(&["TIME (UTC)", "EVENT", "CHANGE", "OF", "WHAT CAME OF IT"]);
    for each in found {
        let change = each.change();
        let (style, said) = match each {
            Comparison::Made(impact) if impact.is_notable().is_some() => (BOLD, impact.verdict_in_short()),
            Comparison::Made(impact) => (DIM, impact.verdict_in_short()),
            Comparison::NotPossible(..) => (DIM, "cannot be compared".to_owned()),
        };
        let key: String = change.event.to_string().chars().take(12).collect();
        table.row(vec![
            Cell::plain(change.time.format("%Y-%m-%d %H:%M").to_string()),
            Cell::styled(DIM, key),
            Cell::plain(harmless(&change.kind, 40)),
            Cell::plain(harmless(&change.in_words(), 44)),
            Cell::styled(style, said),
        ]);
    }
    table.lines()
}

/// A heading of the report.
pub(super) fn heading(text: &str) -> std::io::Result<()> {
    say!("\n{}", styled(BOLD, text))
}
