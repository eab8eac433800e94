//! Which bundle people were told of last: kept apart from `packs/current`, so that whoever changes or removes that file by
//! hand does not change this one with it.

use serde::{Deserialize, Serialize};

use crate::findings::Blob;
use crate::lake::names;
use crate::lake::store::{Store, StoreError};

#[derive(Serialize, Deserialize)]
struct Told {
    hash: String,
}

/// The hash of the bundle that people were told of last, or that was there first; none in a new lake. What cannot be read
/// is as if there were none.
///
/// # Errors
/// Those of the store.
pub async fn last_told(store: &impl Store) -> Result<Option<String>, StoreError> {
    let stored = store.get(names::LAST_TOLD).await?;
    Ok(stored.and_then(|stored| serde_json::from_slice::<Told>(&stored.content).ok()).map(|told| told.hash))
}

/// Notes which bundle people were told of last.
///
/// # Errors
/// Those of the store.
pub async fn note_told(store: &impl Store, hash: &str) -> Result<(), StoreError> {
    let text = serde_json::to_vec(&Told { hash: hash.to_owned() }).unwrap_or_default();
    store.put(names::LAST_TOLD, &mut Blob::of(&text)).await
}
