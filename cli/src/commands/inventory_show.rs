//! `inventory show`: which lists there are, and what stands now, in numbers.

use anyhow::{Context, Result};
use immuta_watch::inventory::{List, ListKind};
use immuta_watch::lake::lists;
use serde_json::json;

use super::impact::heading;
use super::inventory::{Found, UNREADABLE, unclear};
use crate::arguments::AskInventory;
use crate::exit::Exit;
use crate::runtime::block_on;
use crate::terminal::{BOLD, Cell, DIM, Table, harmless, number, program, say, styled, wrapped};

/// So many permissions are shown, those that most hold.
const SHOWN: usize = 20;

pub(crate) fn show(arguments: &AskInventory) -> Result<Exit> {
    let found = Found::in_lake(&arguments.lake)?;
    let lists = block_on(lists(&found.store))?.context(UNREADABLE)?;
    if arguments.json {
        print_json(&found, &lists)?;
    } else {
        print(arguments, &found, &lists)?;
    }
    Ok(Exit::Done)
}

fn print(arguments: &AskInventory, found: &Found, lists: &[List]) -> Result<()> {
    say!("{}", styled(BOLD, "Lists"))?;
    if lists.is_empty() {
        say!("  none; what is older than the first export is not known")?;
    } else {
        let mut table = Table::new(&[2]);
        table.head(&["OF", "DATE", "ROWS"]);
        for list in lists {
            table.row(vec![
                Cell::plain(list.kind.in_words()),
                Cell::plain(list.date.to_string()),
                Cell::plain(number(list.rows().len() as u64)),
            ]);
        }
        say!("{}", table.lines())?;
    }
    heading("What stands now")?;
    let mut table = Table::new(&[0]);
    for kind in ListKind::ALL {
        let what = match kind {
            ListKind::DataSource => "data sources",
            ListKind::Permission => "permissions held",
            ListKind::GroupMember => "members of groups",
        };
        table.row(vec![
            Cell::plain(number(found.standing.count(kind))),
            Cell::plain(what),
            Cell::styled(DIM, basis(found, kind)),
        ]);
    }
    say!("{}", table.lines())?;
    print_permissions(found)?;
    if let Some(unclear) = unclear(&found.standing) {
        say!("\n{}", wrapped(&unclear, "", ""))?;
    }
    let (lake, program) = (&arguments.lake, program());
    if lists.is_empty() {
        say!("\nTake in what you list in Immuta: {program} inventory import FILE --lake {lake}")?;
    } else {
        say!("\nSee who holds too much: {program} inventory combinations --lake {lake}")?;
        say!("See which data sources were left out: {program} inventory coverage --lake {lake}")?;
    }
    Ok(())
}

/// Where the number of a kind comes from.
fn basis(found: &Found, kind: ListKind) -> String {
    let basis = found.standing.basis(kind);
    let changed = format!("{} came and {} went", number(basis.came), number(basis.went));
    let seen = match kind {
        ListKind::DataSource => "registered",
        ListKind::Permission => "given",
        ListKind::GroupMember => "added",
    };
    match (basis.list, found.files.first_date()) {
        (Some(date), _) => format!("{} listed on {date}; {changed} since", number(basis.listed)),
        (None, Some(first)) => format!("no list: only those {seen} since {first}; {changed}"),
        (None, None) => "no list, and no event with a time".to_owned(),
    }
}

fn print_permissions(found: &Found) -> Result<()> {
    let mut held: Vec<(&str, u64)> = found.standing.held().into_iter().collect();
    if held.is_empty() {
        return Ok(());
    }
    held.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let holders = found.standing.holders().len() as u64;
    let all =
        if holders == 1 { "one user or group".to_owned() } else { format!("{} users and groups", number(holders)) };
    heading(&format!("Permissions, and how many of {all} hold each"))?;
    let mut table = Table::new(&[0]);
    for (permission, count) in held.iter().take(SHOWN) {
        table.row(vec![Cell::plain(number(*count)), Cell::plain(harmless(permission, 60))]);
    }
    say!("{}", table.lines())?;
    if held.len() > SHOWN {
        say!("  and {} more; --json has all", number((held.len() - SHOWN) as u64))?;
    }
    Ok(())
}

fn print_json(found: &Found, lists: &[List]) -> Result<()> {
    let listed: Vec<_> =
        lists.iter().map(|list| json!({ "kind": list.kind, "date": list.date, "rows": list.rows().len() })).collect();
    let standing = &found.standing;
    let counted = |kind: ListKind| {
        let mut of_kind = found.basis_as_json(kind);
        of_kind["count"] = json!(standing.count(kind));
        (kind.as_str().to_owned(), of_kind)
    };
    let counts: serde_json::Map<_, _> = ListKind::ALL.into_iter().map(counted).collect();
    let holders: Vec<_> = standing
        .holders()
        .into_iter()
        .map(|holder| json!({ "who": holder.who, "permissions": holder.permissions }))
        .collect();
    let members: Vec<_> = standing
        .memberships()
        .into_iter()
        .map(|(group, who, known)| json!({ "group": group, "who": who, "known": known }))
        .collect();
    let sources: Vec<_> = standing
        .data_sources()
        .into_iter()
        .map(|(source, known)| json!({ "source": source, "known": known }))
        .collect();
    let report = json!({
        "lists": listed, "standing": counts, "permissions": standing.held(), "holders": holders,
        "members": members, "data_sources": sources,
        "unclear": standing.unclear,
    });
    say!("{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
