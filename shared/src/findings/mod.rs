//! Findings: all that one export yields, before anything is written.
//!
//! Memory stays flat whatever the size and shape of the export: what does not fit goes to temporary files, and what
//! comes out is the same either way.

mod blob;
mod classify;
mod counts;
mod files;
mod fold_map;
pub mod ledger;
mod notification;
pub mod quarantine;
pub mod recount;
mod redaction;
mod rollup;
mod signals;

pub use blob::Blob;
#[cfg(test)]
pub(crate) use blob::BlobWriter;
pub(crate) use blob::Held;
pub use classify::{Bounds, ClassifyError, Context, Findings, classify};
pub use counts::Counts;
pub use files::{Area, FindingsFile};
pub use fold_map::{Fold, FoldMap};
pub use notification::contributions;
pub use rollup::{Aggregate, RollupKey};
