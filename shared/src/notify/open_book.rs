//! A delivery record in the lake, changed by conditional writes.

use super::book::Book;
use crate::lake::{Condition, ETag, Store, StoreError, Written};

/// How often a change is tried that others keep getting in the way of. Of those who try at once one succeeds each time,
/// so this is how many may.
const TRIES: usize = 200;

/// How often the store may fail at one change. What is to be entered may be known to nobody else, so it is worth more
/// than one attempt; how long to wait between them is the store's business.
const FAILURES: usize = 3;

/// A record as it was last seen.
pub(super) struct OpenBook<'s, S> {
    store: &'s S,
    name: String,
    book: Book,
    etag: Option<ETag>,
    /// Whether it may have changed since: somebody else was quicker, or a write had no answer
    is_stale: bool,
}

impl<'s, S: Store> OpenBook<'s, S> {
    /// Reads the record; one that is not there is empty.
    pub(super) async fn open(store: &'s S, name: String) -> Result<Self, StoreError> {
        let mut open = Self { store, name, book: Book::default(), etag: None, is_stale: true };
        open.read().await?;
        Ok(open)
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let stored = self.store.get(&self.name).await?;
        self.etag = stored.as_ref().map(|stored| stored.etag.clone());
        self.book = match stored {
            None => Book::default(),
            Some(stored) => serde_json::from_slice(&stored.content)
                .map_err(|error| StoreError::new("read", &self.name, format!("the record is damaged: {error}")))?,
        };
        self.is_stale = false;
        Ok(())
    }

    /// The record as it was last seen.
    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    /// Changes the record: `change` is applied to it as it stands, again if somebody else was quicker or the store
    /// failed. A write that failed may have taken effect, so `change` must know its own work when it meets it.
    pub(super) async fn update<T>(&mut self, change: impl Fn(&mut Book) -> T) -> Result<T, StoreError> {
        let mut failures = 0;
        for _ in 0..TRIES {
            match self.try_to_update(&change).await {
                Ok(Some(result)) => return Ok(result),
                Ok(None) => {}
                Err(error) => {
                    failures += 1;
                    if failures == FAILURES {
                        return Err(error);
                    }
                }
            }
        }
        Err(StoreError::new("write", &self.name, "too many others are changing it at once"))
    }

    /// One attempt; none if somebody else was quicker.
    async fn try_to_update<T>(&mut self, change: impl Fn(&mut Book) -> T) -> Result<Option<T>, StoreError> {
        if self.is_stale {
            self.read().await?;
        }
        let mut changed = self.book.clone();
        let result = change(&mut changed);
        if changed == self.book {
            return Ok(Some(result));
        }
        let condition = self.etag.clone().map_or(Condition::Absent, Condition::Matches);
        let content = serde_json::to_vec(&changed).unwrap_or_default();
        self.is_stale = true;
        match self.store.put_if(&self.name, content, condition).await? {
            Written::Done(etag) => {
                (self.etag, self.book, self.is_stale) = (Some(etag), changed, false);
                Ok(Some(result))
            }
            Written::Conflict => Ok(None),
        }
    }
}
