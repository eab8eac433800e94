//! Reconciliation: what should agree and may not. Each run leaves to the next what it has yet to settle, as a file below
//! `reconcile/` in the lake; of two runs at once, the one that writes that file first has won.

mod backlog;
pub mod changes;
pub mod exports;

pub use backlog::Backlog;
