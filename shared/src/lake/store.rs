//! What the lake asks of whatever holds it: a folder, an S3 bucket, memory in tests.

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::findings::Blob;

/// Identifies a version of a stored file: another content has another tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(pub String);

/// A stored file.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its content
    pub content: Bytes,
    /// Its version
    pub etag: ETag,
}

/// A file in a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name within the lake
    pub name: String,
    /// Its length in bytes
    pub bytes: u64,
    /// When it was written, by the store's clock; none if the store keeps no such time
    pub written: Option<DateTime<Utc>>,
}

/// When a conditional write is to take place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Only if there is no such file (`If-None-Match: *`)
    Absent,
    /// Only if the file has this version (`If-Match`)
    Matches(ETag),
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It took place; the new version.
    Done(ETag),
    /// It did not: the condition does not hold.
    Conflict,
}

/// A store failed. It is not known whether a write took effect.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {name}: {reason}")]
pub struct StoreError {
    /// What was tried, as a verb
    pub operation: &'static str,
    /// On which file
    pub name: String,
    /// What the store said
    pub reason: String,
}

impl StoreError {
    pub(crate) fn new(operation: &'static str, name: &str, reason: impl fmt::Display) -> Self {
        Self { operation, name: name.to_owned(), reason: reason.to_string() }
    }
}

/// Holds files by name. Names have forward slashes, and no part that begins with a dot.
///
/// A write is seen whole or not at all, and by everybody once it has returned.
pub trait Store: Send + Sync {
    /// Reads a file; `None` if there is none.
    fn get(&self, name: &str) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// Writes a file, whatever stands there.
    fn put(&self, name: &str, blob: &mut Blob) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes a small file if a condition holds, in one step.
    fn put_if(
        &self,
        name: &str,
        content: Vec<u8>,
        condition: Condition,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send;

    /// Removes a file; it is no error if there is none.
    fn remove(&self, name: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Every file whose name begins with `prefix`, sorted by name.
    fn list(&self, prefix: &str) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;

    /// Shows every file whose name begins with `prefix`, in the order of names, and holds no more of them in memory than
    /// it must.
    fn visit(
        &self,
        prefix: &str,
        take: &mut (dyn FnMut(Entry) + Send),
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move {
            self.list(prefix).await?.into_iter().for_each(take);
            Ok(())
        }
    }

    /// Names this process in leases.
    fn holder(&self) -> String;

    /// Whether the process of that name is surely gone, so that its leases need not be waited for. A store that cannot
    /// tell says no.
    fn is_gone(&self, holder: &str) -> bool;
}
