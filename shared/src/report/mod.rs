//! What people read about exports and lakes, as data: no layout, no I/O.

mod inspection;

pub use inspection::{BlindRule, FieldResolution, HandsSeen, Inspection, Lateness, MOST_KEYS, MOST_KINDS};
