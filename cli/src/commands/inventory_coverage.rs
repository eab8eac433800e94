//! `inventory coverage`: which data sources were never classified, reached by a policy, or queried.

use anyhow::{Context, Result};
use immuta_watch::inventory::{Coverage, Covered, ListKind};
use immuta_watch::lake::coverage as covered;
use serde_json::json;

use super::impact::heading;
use super::inventory::{Found, UNREADABLE, unclear};
use crate::arguments::AskInventory;
use crate::exit::Exit;
use crate::runtime::block_on;
use crate::terminal::{BOLD, Cell, DIM, Table, counted, harmless, number, program, say, styled, wrapped};

/// So many names of a list are shown.
const SHOWN: usize = 20;

/// What may have happened to a data source: what it is called where it did, and where it did not, and whether it did.
type Mark = (&'static str, &'static str, fn(&Covered) -> bool);

const MARKS: [Mark; 3] = [
    ("classified", "Never classified", |source| source.classified),
    ("reached by a policy", "Never reached by a policy", |source| source.policy),
    ("queried", "Never queried", |source| source.queried),
];

pub(crate) fn coverage(arguments: &AskInventory) -> Result<Exit> {
    let found = Found::in_lake(&arguments.lake)?;
    let covered = block_on(covered(&found.store, &found.files, &found.standing))?.context(UNREADABLE)?;
    if arguments.json {
        print_json(&found, &covered)?;
    } else {
        print(arguments, &found, &covered)?;
    }
    Ok(Exit::Done)
}

fn print(arguments: &AskInventory, found: &Found, covered: &Coverage) -> Result<()> {
    let count = covered.sources.len() as u64;
    let of_what = found.of_what(ListKind::DataSource);
    if count == 0 {
        say!("No data source is known, {of_what}.")?;
        return next_step(arguments, found);
    }
    say!("{}, {of_what}", styled(BOLD, counted(count, "data source")))?;
    let mut table = Table::new(&[1, 2]);
    table.head(&["", "EVER", "NEVER"]);
    for (name, _, is) in MARKS {
        let ever = covered.sources.iter().filter(|source| is(source)).count() as u64;
        table.row(vec![Cell::plain(name), Cell::plain(number(ever)), Cell::plain(number(count - ever))]);
    }
    say!("{}", table.lines())?;
    let from = found.files.first_date().map_or_else(
        || "The lake has no event with a time yet.".to_owned(),
        |first| format!("Ever means since {first}: the lake has no event from before."),
    );
    say!("  {}", styled(DIM, from))?;
    for (_, title, is) in MARKS {
        print_never(title, covered.sources.iter().filter(|source| !is(source)))?;
    }
    if covered.unmatched > 0 {
        let text = format!(
            "Queries read {} that no data source is called by: one may have another name in Immuta than its table has in a \
             query, and then seems never to be queried.",
            counted(covered.unmatched, "table")
        );
        say!("\n{}", wrapped(&text, "", ""))?;
    }
    if let Some(unclear) = unclear(&found.standing) {
        say!("\n{}", wrapped(&unclear, "", ""))?;
    }
    next_step(arguments, found)
}

fn print_never<'c>(title: &str, sources: impl Iterator<Item = &'c Covered>) -> Result<()> {
    let sources: Vec<&Covered> = sources.collect();
    if sources.is_empty() {
        return Ok(());
    }
    heading(&format!("{title}: {}", number(sources.len() as u64)))?;
    for covered in sources.iter().take(SHOWN) {
        say!("  {}", harmless(&covered.source.in_words(), 120))?;
    }
    if sources.len() > SHOWN {
        say!("  and {} more; --json has all", number((sources.len() - SHOWN) as u64))?;
    }
    Ok(())
}

fn next_step(arguments: &AskInventory, found: &Found) -> Result<()> {
    let (lake, program) = (&arguments.lake, program());
    if found.standing.basis(ListKind::DataSource).list.is_none() {
        say!("\nData sources that no event names are not known. A list of all says them:")?;
        say!("  {program} inventory import FILE --lake {lake}")?;
    } else {
        say!("\nWhat happened to one of them: {program} alerts --lake {lake} --about NAME")?;
    }
    Ok(())
}

fn print_json(found: &Found, covered: &Coverage) -> Result<()> {
    let source = |each: &Covered| {
        json!({
            "source": each.source, "known": each.known, "classified": each.classified, "policy": each.policy,
            "queried": each.queried,
        })
    };
    let never = |is: fn(&Covered) -> bool| covered.sources.iter().filter(|source| !is(source)).count();
    let report = json!({
        "known": found.basis_as_json(ListKind::DataSource),
        "count": covered.sources.len(),
        "never_classified": never(|source| source.classified),
        "never_reached_by_a_policy": never(|source| source.policy),
        "never_queried": never(|source| source.queried),
        "tables_of_no_data_source": covered.unmatched,
        "data_sources": covered.sources.iter().map(source).collect::<Vec<_>>(),
        "unclear": found.standing.unclear,
    });
    say!("{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
