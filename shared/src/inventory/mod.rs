//! The inventory: what a customer lists in Immuta on a day, and what stands at a moment by the latest lists and the changes
//! since.
//!
//! Exports begin at some day, and what is older is not in them. Without a list only what was seen since can be told, and every
//! answer says so. `docs/inventory.md` has the format of lists and how to read the answers.

mod change;
mod combinations;
mod coverage;
mod list;
mod named;
mod read;
mod roll;
mod standing;

pub use change::{Change, is_change};
pub use combinations::{Combination, PAIRS, Pair, combinations};
pub use coverage::{Coverage, Covered, Mention, Mentions};
pub use list::{EARLIEST, List, ListKind, Row};
pub use named::Named;
pub use read::{COLUMNS, Fault, Faults, LONGEST, MOST_BYTES, Taken, read};
pub use standing::{Basis, Holder, Known, Standing};
