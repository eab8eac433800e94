//! A made-up Immuta tenant that writes realistic audit exports, so that the product can be tried and tested with no real data.
//!
//! A [`Plan`] says how large the tenant is and for how long it runs; [`write()`] lays down the exports, the configuration that
//! the tenant needs, and a `truth.json` that names every planted incident and near miss, whether it is one event or
//! several together; [`records`] gives the same events without writing anything.
//!
//! The company has offices in Berlin, New York and Singapore, each with its own hours, holidays and stewards. In a quiet
//! tenant, people do administration only while their own office is open, and nothing happens that would notify anybody.
//!
//! Everything follows from the seed: the same plan yields the same bytes on every machine and with any number of threads.
//! Where Immuta does not publish the shape of a record, the simulator takes one of the plausible places, a different one for
//! different kinds, so that whoever reads the exports has to be as tolerant as with a real tenant.
//!
//! The way of an event here: `schedule`, `rhythm` and `jobs` say when, by the clocks of `offices`; `tenant` says who and what;
//! `query` and `activity` say what the record holds, `incidents` what is planted; `journal` says when it was received, and
//! `exports` into which file it goes.

mod activity;
mod catalogue;
mod configuration;
mod dice;
mod exports;
mod files;
mod hour;
mod incidents;
mod jobs;
mod journal;
pub mod kinds;
mod names;
mod offices;
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
