//! Correlating: what signals of many exports come to, window by window.
//!
//! Pure. Signals come in the order of their dates, each date as a whole, from whoever reads them back
//! ([`crate::lake`]); what comes out depends on nothing but the signals of the windows asked for and of as much time
//! before them as [`reach`] says. So whoever correlates a window last, and has seen all signals, is right, in whatever order
//! exports came.
//!
//! 1. [`Replay`] goes through the signals as hits, small enough to be kept, and says in which groups and windows what a
//!    correlation asks for came about.
//! 2. [`TimeLines`] goes through them a second time, where anything did, and keeps the events worth showing.
//!
//! What compares days with the weeks before goes through [`Profile`]s of days instead, by [`Baselines`].

mod absence;
mod baseline;
mod examples;
mod group;
mod incident;
mod replay;
mod signal;
mod sliding;
mod time_line;

pub use baseline::{Baselines, Before, OfGroup, Profile, Profiling};
pub use examples::run_examples;
pub use group::MOST_GROUPS;
pub use incident::{Incident, Stretch};
pub use replay::{Outcome, Replay, reach, touched};
pub use signal::Signal;
pub use time_line::{MOMENTS, Moment, TimeLines};
