//! The two ledgers: one row per event, the truth that rollups and reports can be checked against.
//!
//! `access` has every query, `changes` every other event. Columns are facts of the record, never of the
//! configuration or the pack: a list that changes tomorrow must not make yesterday's rows wrong.

mod access;
mod builder;
mod changes;
mod column;
mod rows;
mod table;

pub(super) use column::RowSource;
pub use column::{Column, ColumnKind};
pub(super) use rows::Rows;
pub(super) use table::properties;

use crate::event::kind;

/// One of the two ledgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ledger {
    /// Every query
    Access,
    /// Every other event
    Changes,
}

impl Ledger {
    /// The ledger that events of a kind belong to.
    #[must_use]
    pub fn of_kind(kind: &str) -> Self {
        if kind == kind::QUERY { Self::Access } else { Self::Changes }
    }

    /// Its name, which is also its folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Ledger::Access => "access",
            Ledger::Changes => "changes",
        }
    }

    /// Its columns, in the order of the file.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Ledger::Access => access::COLUMNS,
            Ledger::Changes => changes::COLUMNS,
        }
    }
}
