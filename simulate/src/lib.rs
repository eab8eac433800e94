//! A made-up Immuta tenant that writes realistic audit exports, so that the product can be tried and tested with no real data.
//!
//! A [`Plan`] says how large the tenant is and for how long it runs; [`write()`] lays down the exports and a `truth.json` that
//! names every planted incident; [`records`] gives the same events without writing anything.
//!
//! Everything follows from the seed: the same plan yields the same bytes on every machine and with any number of threads.
//! Where Immuta does not publish the shape of a record, the simulator takes one of the plausible places, a different one for
//! different kinds, so that whoever reads the exports has to be as tolerant as with a real tenant.
//!
//! The way of an event here: `schedule` and `rhythm` say when, `tenant` says who and what, `query` and `activity` say what the
//! record holds, `journal` when it was received, `exports` into which file it goes.

mod activity;
mod catalogue;
mod dice;
mod exports;
mod files;
mod hour;
mod incidents;
mod journal;
pub mod kinds;
mod names;
mod plan;
mod platform;
mod query;
mod record;
mod rhythm;
mod schedule;
mod sql;
mod tenant;
mod truth;

pub use exports::records;
pub use files::write;
pub use plan::{Plan, SimulateError, Summary};
