//! What people read about exports and lakes, as data: no layout, no I/O.

mod inspection;
mod lateness;

pub use inspection::{BlindRule, FieldResolution, HandsSeen, Inspection, MOST_KEYS, MOST_KINDS};
pub use lateness::Lateness;
