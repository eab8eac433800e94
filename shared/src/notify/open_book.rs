//! A delivery record in the lake, changed by conditional writes.

use super::book::Book;
use crate::lake::{Condition, ETag, Store, StoreError, Written};

/// How often a change is tried that others keep getting in the way of. Of those who try at once one succeeds each time,
/// so this is how many may.
const TRIES: usize = 200;

/// A record as it was last seen.
pub(super) struct OpenBook<'s, S> {
    store: &'s S,
    name: String,
    book: Book,
    etag: Option<ETag>,
}

impl<'s, S: Store> OpenBook<'s, S> {
    /// Reads the record; one that is not there is empty.
    pub(super) async fn open(store: &'s S, name: String) -> Result<Self, StoreError> {
        let mut open = Self { store, name, book: Book::default(), etag: None };
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
        Ok(())
    }

    /// The record as it was last seen.
    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    /// Changes the record: `change` is applied to it as it stands, again if somebody else was quicker.
    pub(super) async fn update<T>(&mut self, change: impl Fn(&mut Book) -> T) -> Result<T, StoreError> {
        for _ in 0..TRIES {
            let mut changed = self.book.clone();
            let result = change(&mut changed);
            if changed == self.book {
                return Ok(result);
            }
            let condition = self.etag.clone().map_or(Condition::Absent, Condition::Matches);
            let content = serde_json::to_vec(&changed).unwrap_or_default();
            match self.store.put_if(&self.name, content, condition).await? {
                Written::Done(etag) => {
                    self.etag = Some(etag);
                    self.book = changed;
                    return Ok(result);
                }
                Written::Conflict => self.read().await?,
            }
        }
        Err(StoreError::new("write", &self.name, "too many others are changing it at once"))
    }
}
