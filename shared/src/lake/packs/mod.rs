//! Pack and configuration in the lake's store: what functions load, and how it is changed under them.
//!
//! A [`Bundle`] is immutable and named by its hash. `packs/current` names the one in force, with a history. Publishing
//! writes the bundle first and then changes that one small file by a conditional write: whoever reads it finds the old
//! bundle or the new one, whole, wherever the publisher died. A bundle that was written and never came in force is in
//! nobody's way, and publishing again takes it up.

mod bundle;
mod current;
mod told;

use chrono::{DateTime, SubsecRound, Utc};

pub use bundle::{Bundle, BundleError};
pub use current::{Current, Flip, REMEMBERED};
pub use told::{last_told, note_told};

use super::names;
use super::store::{Condition, ETag, Store, StoreError, Written};
use crate::RELEASE;
use crate::digest;
use current::Hashes;

/// What became of publishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The bundle is in force now.
    Flipped(Flip),
    /// It was in force already; nothing changed.
    AlreadyCurrent(Current),
}

/// Bundles cannot be read or changed. What was in force is in force, but after [`PacksError::Store`], which leaves it
/// open whether the last write took effect.
#[derive(Debug, thiserror::Error)]
pub enum PacksError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else changed what is in force at the same time.
    #[error("somebody else published meanwhile: {by}, at {at}; see what that changed, then publish again")]
    Conflict {
        /// Who it was
        by: String,
        /// When it was
        at: DateTime<Utc>,
    },
    /// `packs/current` was there a moment ago and is gone.
    #[error("{} was removed meanwhile; publish again", names::CURRENT)]
    Removed,
    /// `packs/current` says nothing that can be understood.
    #[error("{current} is damaged ({0}); remove it and publish again, the history is lost", current = names::CURRENT)]
    DamagedCurrent(String),
    /// The bundle is not there.
    #[error("the bundle {0} is missing; publish again")]
    MissingBundle(String),
    /// The bundle is there, with other bytes than its hash says.
    #[error("the bundle {0} is damaged: its bytes are not those that its hash was taken of; publish again")]
    DamagedBundle(String),
    /// The bundle is what its hash says, and cannot be used.
    #[error("the bundle {hash} cannot be used: {error}")]
    Bundle {
        /// Its hash
        hash: String,
        /// What is wrong with it
        error: BundleError,
    },
    /// Nothing was published before, as far as the history goes.
    #[error("there is nothing to go back to: the history knows of no bundle before this one")]
    NothingBefore,
    /// Nothing was published at all.
    #[error("there is nothing to go back to: nothing was ever published")]
    NothingPublished,
}

/// What is in force; `None` if nothing was ever published.
///
/// # Errors
/// [`PacksError::Store`] and [`PacksError::DamagedCurrent`].
pub async fn current(store: &impl Store) -> Result<Option<Current>, PacksError> {
    Ok(read_current(store).await?.map(|(current, _)| current))
}

/// Reads a bundle by its hash, which its bytes must have.
///
/// # Errors
/// [`PacksError::Store`], [`PacksError::MissingBundle`], [`PacksError::DamagedBundle`] and [`PacksError::Bundle`].
pub async fn load(store: &impl Store, hash: &str) -> Result<Bundle, PacksError> {
    let Some(stored) = store.get(&names::bundle(hash)).await? else {
        return Err(PacksError::MissingBundle(hash.to_owned()));
    };
    if digest::short(&stored.content) != hash {
        return Err(PacksError::DamagedBundle(hash.to_owned()));
    }
    Bundle::decode(&stored.content).map_err(|error| PacksError::Bundle { hash: hash.to_owned(), error })
}

/// Writes a bundle and puts it in force, unless it is. It must compile; that its rules pass their examples is for the
/// caller to see to.
///
/// A bundle that is damaged in the store is mended on the way.
///
/// # Errors
/// [`PacksError::Bundle`] if it does not compile, [`PacksError::Conflict`] if somebody else published meanwhile, and
/// those of [`current()`]. To publish again after any of them is safe.
pub async fn publish(
    store: &impl Store,
    bundle: &Bundle,
    who: &str,
    now: DateTime<Utc>,
) -> Result<Published, PacksError> {
    let hashes = hashes_of(bundle)?;
    let former = read_current(store).await?;
    write_bundle(store, bundle, &hashes.bundle).await?;
    if let Some((current, _)) = former.as_ref().filter(|(current, _)| current.hash == hashes.bundle) {
        return Ok(Published::AlreadyCurrent(current.clone()));
    }
    flip(store, former, hashes, who, now, false).await
}

/// Puts the bundle in force again that was there before the present one was published ([`Current::before`]). Another
/// rollback goes further back, so after an error look at [`current()`] first.
///
/// # Errors
/// [`PacksError::NothingBefore`], [`PacksError::NothingPublished`], those of [`load`] where the earlier bundle cannot be
/// read or no longer compiles, and those of [`publish`].
pub async fn roll_back(store: &impl Store, who: &str, now: DateTime<Utc>) -> Result<Flip, PacksError> {
    let former = read_current(store).await?;
    let Some((current, _)) = &former else { return Err(PacksError::NothingPublished) };
    let Some(before) = current.before().map(str::to_owned) else { return Err(PacksError::NothingBefore) };
    let hashes = hashes_of(&load(store, &before).await?)?;
    match flip(store, former, hashes, who, now, true).await? {
        Published::Flipped(flip) => Ok(flip),
        // Somebody else put the same bundle in force in the same moment.
        Published::AlreadyCurrent(current) => Err(PacksError::Conflict { by: current.by, at: current.at }),
    }
}

fn hashes_of(bundle: &Bundle) -> Result<Hashes, PacksError> {
    let hash = bundle.hash();
    match bundle.compile() {
        Ok((configuration, pack)) => {
            Ok(Hashes { bundle: hash, pack: pack.hash().to_owned(), configuration: configuration.hash() })
        }
        Err(error) => Err(PacksError::Bundle { hash, error }),
    }
}

async fn read_current(store: &impl Store) -> Result<Option<(Current, ETag)>, PacksError> {
    let Some(stored) = store.get(names::CURRENT).await? else { return Ok(None) };
    let current = Current::decode(&stored.content).map_err(PacksError::DamagedCurrent)?;
    Ok(Some((current, stored.etag)))
}

/// Sees to it that the bundle stands under its name. Other bytes there are damage, since the name is their hash.
async fn write_bundle(store: &impl Store, bundle: &Bundle, hash: &str) -> Result<(), PacksError> {
    let (name, bytes) = (names::bundle(hash), bundle.encode());
    if store.put_if(&name, bytes.clone(), Condition::Absent).await? != Written::Conflict {
        return Ok(());
    }
    let condition = match store.get(&name).await? {
        Some(stored) if stored.content == bytes => return Ok(()),
        Some(stored) => Condition::Matches(stored.etag),
        None => Condition::Absent,
    };
    match store.put_if(&name, bytes, condition).await? {
        Written::Done(_) => Ok(()),
        // Whoever was faster wrote the same bytes, or it is damaged still.
        Written::Conflict => load(store, hash).await.map(|_| ()),
    }
}

/// Changes what is in force, if it is still what was read.
async fn flip(
    store: &impl Store,
    former: Option<(Current, ETag)>,
    hashes: Hashes,
    who: &str,
    now: DateTime<Utc>,
    rollback: bool,
) -> Result<Published, PacksError> {
    let (former, condition) = match former {
        Some((current, etag)) => (Some(current), Condition::Matches(etag)),
        None => (None, Condition::Absent),
    };
    let flip = Flip {
        from: former.as_ref().map(|former| former.hash.clone()),
        to: hashes.bundle.clone(),
        at: now.trunc_subsecs(3),
        by: who.to_owned(),
        rollback,
        release: RELEASE.to_owned(),
    };
    let next = Current::after(former.as_ref(), hashes, flip.clone());
    if store.put_if(names::CURRENT, next.encode(), condition).await? != Written::Conflict {
        return Ok(Published::Flipped(flip));
    }
    match read_current(store).await? {
        // A store that tries again after a lost answer meets its own write.
        Some((found, _)) if found == next => Ok(Published::Flipped(flip)),
        Some((found, _)) if found.hash == next.hash => Ok(Published::AlreadyCurrent(found)),
        Some((found, _)) => Err(PacksError::Conflict { by: found.by, at: found.at }),
        None => Err(PacksError::Removed),
    }
}
