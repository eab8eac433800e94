//! S3: a lake in a bucket, and exports in one.
//!
//! What S3 promises is what the protocol needs: a write is seen whole or not at all, by everybody once it was answered,
//! and `If-None-Match: *` and `If-Match` make one winner.

mod address;
mod download;
mod export;
mod failure;
mod listing;
mod store;
mod upload;

pub use address::{S3Address, S3AddressError, is_s3};
pub use export::{S3Export, was_replaced};
pub use listing::{ExportPages, ListedObject, Listing, PassedOver, list_exports};
pub use store::S3Store;
