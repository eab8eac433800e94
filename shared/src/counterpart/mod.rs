//! The same change comes twice: by webhook within seconds, and in an export hours later, with no id in common. What tells
//! that the two are *counterparts* is what they say: what happened, when, by whom, to whom and on what.
//!
//! [`kinds`] says which types of notification stand for which kinds of audit events, [`Change`] is what one of the two says
//! of a change, and [`Change::counterpart`] how surely two of them tell of one. Pure: who reads them from the lake is
//! [`crate::lake`], what follows for people is the business of [`crate::notify`] and [`crate::reconcile`].

mod agreement;
mod change;
pub mod kinds;
mod matching;

pub use change::Change;
pub use matching::{AFTER, BEFORE, Certainty, SURELY_AFTER, SURELY_BEFORE};
