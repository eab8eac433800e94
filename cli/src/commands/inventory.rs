//! `inventory`: what its parts share, reading what stands and saying how far that goes.

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, Utc};
use immuta_watch::inventory::{Known, ListKind, Standing};
use immuta_watch::lake::{Clock, LedgerFiles, SystemClock, standing};
use serde_json::{Value, json};

use super::{inventory_combinations, inventory_coverage, inventory_import, inventory_show, open_lake};
use crate::arguments::{Inventory, InventoryCommand};
use crate::exit::Exit;
use crate::place::Place;
use crate::runtime::block_on;
use crate::stores::AnyStore;
use crate::terminal::{number, program};

pub(super) const UNREADABLE: &str = "the lists and ledgers cannot be read";

pub(crate) fn inventory(arguments: &Inventory) -> Result<Exit> {
    match &arguments.command {
        InventoryCommand::Import(import) => inventory_import::import(import),
        InventoryCommand::Show(show) => inventory_show::show(show),
        InventoryCommand::Combinations(ask) => inventory_combinations::combinations(ask),
        InventoryCommand::Coverage(ask) => inventory_coverage::coverage(ask),
    }
}

/// A lake, and what stands in it now.
pub(super) struct Found {
    pub(super) store: AnyStore,
    pub(super) files: LedgerFiles,
    pub(super) standing: Standing,
}

impl Found {
    /// Reads what stands in a lake that is there already.
    pub(super) fn in_lake(place: &Place) -> Result<Self> {
        let store = open_lake(place)?;
        let files = block_on(LedgerFiles::in_lake(&store))?.context("the manifests cannot be read")?;
        let standing = block_on(standing(&store, &files, SystemClock.now()))?.context(UNREADABLE)?;
        if files.unreadable > 0 {
            anstream::eprintln!(
                "Left out: the exports of {} manifests that cannot be read; `{} verify --lake {place}` says which.",
                files.unreadable,
                program()
            );
        }
        Ok(Self { store, files, standing })
    }

    /// How far what is known of a kind goes, to stand behind a number: `of the 12 listed on 2026-11-01 and seen since`.
    pub(super) fn of_what(&self, kind: ListKind) -> String {
        let basis = self.standing.basis(kind);
        match (basis.list, self.files.first_date()) {
            (Some(date), _) => format!("of the {} listed on {date} and seen since", number(basis.listed)),
            (None, Some(first)) => format!("of those seen since {first}"),
            (None, None) => "of those seen; the lake has no event with a time".to_owned(),
        }
    }

    /// The same for programs.
    pub(super) fn basis_as_json(&self, kind: ListKind) -> Value {
        let basis = self.standing.basis(kind);
        json!({
            "list": basis.list, "listed": basis.listed, "came_since": basis.came, "went_since": basis.went,
            "seen_since": self.files.first_date(),
        })
    }
}

/// Since when something stands, as far as it is known.
pub(super) fn since(known: &Known) -> String {
    match known {
        Known::List(date) => format!("{date} or before"),
        Known::Event { at, .. } => at.format("%Y-%m-%d %H:%M").to_string(),
    }
}

/// Whether a date has not yet begun anywhere.
pub(super) fn is_to_come(date: NaiveDate, now: DateTime<Utc>) -> bool {
    date > (now + immuta_watch::inventory::EARLIEST).date_naive()
}

/// What to add to an answer where somebody could not be told from another of the same name; empty where that was not so.
pub(super) fn unclear(standing: &Standing) -> Option<String> {
    (standing.unclear > 0).then(|| {
        format!(
            "{} times a row or an event names somebody or something by a name that several have, and no identifier tells \
             them apart. What was given so is counted for one more of that name, and what was taken is not taken from \
             anybody. Lists with identifiers help.",
            number(standing.unclear)
        )
    })
}
