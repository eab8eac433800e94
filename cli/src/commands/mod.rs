//! One module per command: call the library, print what came of it.

pub(crate) mod alerts;
pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod publish;
mod publish_changes;
pub(crate) mod rules;
mod rules_explain;
pub(crate) mod run;
pub(crate) mod simulate;
pub(crate) mod verify;

use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use immuta_watch::lake::{DirectoryStore, names};

/// A runtime for the library's asynchronous edges, on the calling thread.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    Ok(runtime.context("the asynchronous runtime does not start")?.block_on(future))
}

/// Opens a lake that is there already, to read it.
fn open_lake(folder: &Path) -> Result<DirectoryStore> {
    if !folder.join(names::MANIFESTS).is_dir() {
        bail!(
            "there is no lake in {}; `immuta-watch run EXPORTS --lake {}` makes one",
            folder.display(),
            folder.display()
        );
    }
    Ok(DirectoryStore::open_to_read(folder))
}

/// Opens a lake, which is made if there is none.
fn create_lake(folder: &Path) -> Result<DirectoryStore> {
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
