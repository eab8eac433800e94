//! Reconciliation: every export in the bucket has a manifest at its current version, or is counted as missing one, put
//! into the queue, and in the end told of.
//!
//! Exports are listed page by page and compared with the manifests, which are listed by name: names come from addresses.
//! What is held in memory is twenty bytes a manifest and the exports that are to be put into the queue, a thousand at
//! the most. [`Compared`] says when a manifest need not be read; [`Missing`] is what one run leaves to the next.

mod compared;
mod missing;
mod run;

pub use compared::Compared;
pub use missing::{Known, Missing, MissingError};
pub use run::{Counts, Due, Run};
