//! A lake in memory: for tests, and for trying things out.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::store::{Condition, ETag, Entry, Store, StoreError, Stored, Written};
use crate::digest;
use crate::findings::Blob;

/// Files in a map. Clones share the same files.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
    holder: String,
}

impl MemoryStore {
    /// The same files, seen by a process of another name.
    #[must_use]
    pub fn as_holder(&self, holder: &str) -> Self {
        Self { files: Arc::clone(&self.files), holder: holder.to_owned() }
    }

    /// All files with their content.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Bytes> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn etag_of(content: &[u8]) -> ETag {
    ETag(digest::full(content))
}

impl Store for MemoryStore {
    async fn get(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        let content = self.lock().get(name).cloned();
        Ok(content.map(|content| Stored { etag: etag_of(&content), content }))
    }

    async fn put(&self, name: &str, blob: &mut Blob) -> Result<(), StoreError> {
        let mut content = Vec::new();
        blob.reader()
            .and_then(|mut reader| reader.read_to_end(&mut content))
            .map_err(|error| StoreError::new("write", name, error))?;
        self.lock().insert(name.to_owned(), content.into());
        Ok(())
    }

    async fn put_if(&self, name: &str, content: Vec<u8>, condition: Condition) -> Result<Written, StoreError> {
        let mut files = self.lock();
        let current = files.get(name).map(|content| etag_of(content));
        if !condition.holds_for(current.as_ref()) {
            return Ok(Written::Conflict);
        }
        let etag = etag_of(&content);
        files.insert(name.to_owned(), content.into());
        Ok(Written::Done(etag))
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.lock().remove(name);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let files = self.lock();
        let found = files.iter().filter(|(name, _)| name.starts_with(prefix));
        Ok(found
            .map(|(name, content)| Entry { name: name.clone(), bytes: content.len() as u64, written: None })
            .collect())
    }

    fn holder(&self) -> String {
        self.holder.clone()
    }

    fn is_gone(&self, _holder: &str) -> bool {
        false
    }
}

impl Condition {
    pub(super) fn holds_for(&self, current: Option<&ETag>) -> bool {
        match self {
            Condition::Absent => current.is_none(),
            Condition::Matches(etag) => current == Some(etag),
        }
    }
}
