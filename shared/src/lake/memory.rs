//! A lake in memory: for tests, and for trying things out.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::store::{Condition, ETag, Entry, Store, StoreError, Stored, Written};
use crate::digest;
use crate::findings::Blob;

/// Files in a map. Clones share the same files. It keeps no times of writing, unless it is told what time it is.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
    times: Arc<Mutex<Times>>,
    holder: String,
}

/// When files were written.
#[derive(Debug, Default)]
struct Times {
    now: Option<DateTime<Utc>>,
    written: BTreeMap<String, DateTime<Utc>>,
}

impl MemoryStore {
    /// The same files, seen by a process of another name.
    #[must_use]
    pub fn as_holder(&self, holder: &str) -> Self {
        Self { holder: holder.to_owned(), ..self.clone() }
    }

    /// Says what time it is: what is written from here on is dated so.
    pub fn set_time(&self, now: DateTime<Utc>) {
        self.times().now = Some(now);
    }

    /// All files with their content.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Bytes> {
        self.lock().clone()
    }

    fn insert(&self, files: &mut BTreeMap<String, Bytes>, name: &str, content: Vec<u8>) {
        let mut times = self.times();
        if let Some(now) = times.now {
            times.written.insert(name.to_owned(), now);
        }
        files.insert(name.to_owned(), content.into());
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.insert(&mut self.lock(), name, content);
        Ok(())
    }

    async fn put_if(&self, name: &str, content: Vec<u8>, condition: Condition) -> Result<Written, StoreError> {
        let mut files = self.lock();
        let current = files.get(name).map(|content| etag_of(content));
        if !condition.holds_for(current.as_ref()) {
            return Ok(Written::Conflict);
        }
        let etag = etag_of(&content);
        self.insert(&mut files, name, content);
        Ok(Written::Done(etag))
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.lock().remove(name);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let files = self.lock();
        let times = self.times();
        let found = files.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(name, content)| {
            let written = times.written.get(name).copied();
            Entry { name: name.clone(), bytes: content.len() as u64, written }
        });
        Ok(found.collect())
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
