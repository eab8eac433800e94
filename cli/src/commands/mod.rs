//! One module per command: call the library, print what came of it.

pub(crate) mod alerts;
pub(crate) mod backfill;
mod backfill_state;
mod counterparts;
pub(crate) mod doctor;
mod doctor_report;
pub(crate) mod explain;
pub(crate) mod impact;
mod impact_report;
pub(crate) mod inspect;
pub(crate) mod inventory;
mod inventory_combinations;
mod inventory_coverage;
mod inventory_import;
mod inventory_show;
pub(crate) mod publish;
mod publish_changes;
pub(crate) mod rules;
mod rules_explain;
pub(crate) mod run;
mod run_report;
pub(crate) mod simulate;
mod told;
pub(crate) mod verify;
pub(crate) mod webhooks;
mod webhooks_decide;
mod webhooks_list;
mod webhooks_matches;
mod webhooks_plan;
mod webhooks_plan_report;
mod webhooks_replay;
mod webhooks_select;

use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use immuta_watch::lake::{DirectoryStore, S3Address, S3Store, names};

use crate::place::Place;
use crate::runtime::{self, block_on};
use crate::stores::AnyStore;

/// Who calls: the name of the account on this machine.
fn account() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_else(|| "unknown".to_owned())
}

/// Opens a lake that is there already, to read it.
fn open_lake(place: &Place) -> Result<AnyStore> {
    let (store, is_there) = match place {
        Place::Local(folder) => {
            let is_there = folder.join(names::MANIFESTS).is_dir();
            (AnyStore::Folder(DirectoryStore::open_to_read(folder)), is_there)
        }
        Place::S3(address) => {
            let (store, is_there) = reach_lake(address)?;
            (AnyStore::S3(store), is_there)
        }
    };
    if !is_there {
        bail!("there is no lake in {place}; `immuta-watch run EXPORTS --lake {place}` makes one");
    }
    Ok(store)
}

/// What stands in a lake's place, to look into before anything is made there.
fn look_into(place: &Place) -> Result<AnyStore> {
    Ok(match place {
        // Where something else lies it cannot be opened, and that is said as when it is made.
        Place::Local(folder) if folder.exists() && !folder.is_dir() => AnyStore::Folder(create_folder(folder)?),
        Place::Local(folder) => AnyStore::Folder(DirectoryStore::open_to_read(folder)),
        Place::S3(address) => AnyStore::S3(reach_lake(address)?.0),
    })
}

/// Opens a lake, which is made if there is none. A bucket is not made.
fn create_lake(place: &Place) -> Result<AnyStore> {
    match place {
        Place::Local(folder) => Ok(AnyStore::Folder(create_folder(folder)?)),
        Place::S3(address) => Ok(AnyStore::S3(reach_lake(address)?.0)),
    }
}

/// A lake in S3, and whether anything is in it: a bucket that cannot be reached is said before any work is done.
fn reach_lake(address: &S3Address) -> Result<(S3Store, bool)> {
    let store = S3Store::new(runtime::s3()?, address);
    let is_there =
        block_on(store.has_manifests())?.with_context(|| format!("the lake in {address} cannot be opened"))?;
    Ok((store, is_there))
}

fn create_folder(folder: &Path) -> Result<DirectoryStore> {
    DirectoryStore::open(folder).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "; choose a folder that you may write"
            }
            io::ErrorKind::StorageFull => "; make room, or choose another disk",
            _ => "; choose another folder with --lake",
        };
        anyhow::anyhow!("the lake in {} cannot be opened: {error}{hint}", folder.display())
    })
}
