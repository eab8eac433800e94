//! Governance monitoring for Immuta's audit logs: the library that the functions and the command line share.
//!
//! An event's way, one direction, no way back:
//!
//! ```text
//! export ─▶ event ─▶ rules ─▶ findings ─▶ lake
//! (bytes,   (typed   (Sigma   (rows,      (commit)
//!  lines)    view)    match)   counts,
//!                              alerts)
//! ```
//!
//! A webhook's notification takes the shorter way: [`webhook`] ─▶ event ─▶ rules ─▶ alerts.
//!
//! [`webhook`], [`event`], [`counterpart`], [`circumstances`], [`rules`], [`findings`], [`alerts`], [`inventory`] and [`report`] are
//! pure: no I/O but temporary files for what does not fit in memory, no clock, no cloud type. [`export`], [`lake`], [`backfill`], [`reconcile`],
//! [`immuta`] and the senders of [`notify`] are the edges; [`function`] is what the functions share; [`doctor`] looks at all of
//! it; [`aws`] says how AWS is called.

pub mod alerts;
pub mod aws;
pub mod backfill;
pub mod circumstances;
pub mod config;
pub mod correlate;
pub mod counterpart;
mod digest;
pub mod doctor;
pub mod event;
pub mod export;
pub mod findings;
pub mod function;
pub mod immuta;
pub mod inventory;
pub mod lake;
pub mod notify;
pub mod reconcile;
#[cfg(test)]
mod replies;
pub mod report;
pub mod rules;
mod spelling;
pub mod webhook;

/// The release that is named in every manifest.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");
