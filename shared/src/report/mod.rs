//! What people read about exports and lakes, as data: no layout, no I/O.

mod cadence;
pub mod impact;
mod inspection;
mod lateness;

pub use cadence::{Arrivals, Silence};
pub use inspection::{BlindRule, FieldResolution, HandsSeen, Inspection, MOST_KEYS, MOST_KINDS};
pub use lateness::Lateness;
