//! Finding exports in files and folders, and in S3.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use immuta_watch::lake::{LocalExport, OpenExport, PassedOver, S3Address, S3Export, list_exports};

use crate::place::Place;
use crate::runtime::{self, block_on};
use crate::stores::AnyExport;

/// Exports, and what was found on the way that cannot be one.
#[derive(Default)]
pub(crate) struct Found {
    /// Every export once, in the order of their addresses
    pub(crate) exports: Vec<AnyExport>,
    /// Paths that cannot be read, with the reason
    pub(crate) notes: Vec<(String, String)>,
    /// Objects in S3 that are no exports
    pub(crate) passed_over: PassedOver,
}

/// Finds every file and object below the given places.
///
/// Nothing is read from names. Hidden files and folders are passed over, and so is the lake itself; links are followed.
/// One path that cannot be read holds up no other.
///
/// # Errors
/// A path that was given cannot be read, or there is nothing to do.
pub(crate) fn find(places: &[Place], lake: Option<&Place>) -> Result<Found> {
    let mut search = Search::default();
    // A lake that does not exist yet holds no exports.
    search.visited.extend(lake.and_then(|lake| fs::canonicalize(lake.path()?).ok()));
    for place in places {
        match place {
            Place::Local(path) => {
                fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
                search.take(path);
            }
            Place::S3(address) => search.take_objects(address, lake.and_then(Place::address))?,
        }
    }
    if search.exports.is_empty() && search.notes.is_empty() {
        let places: Vec<_> = places.iter().map(Place::to_string).collect();
        bail!("there is no export in {}; give a file, folder or prefix that holds some", places.join(", "));
    }
    let Search { exports, notes, passed_over, .. } = search;
    Ok(Found { exports: exports.into_values().collect(), notes, passed_over })
}

#[derive(Default)]
struct Search {
    exports: BTreeMap<String, AnyExport>,
    notes: Vec<(String, String)>,
    passed_over: PassedOver,
    /// Folders that were seen, by their real paths: a link may lead back up
    visited: BTreeSet<PathBuf>,
}

impl Search {
    fn take_objects(&mut self, address: &S3Address, lake: Option<&S3Address>) -> Result<()> {
        let client = runtime::s3()?;
        let listing = block_on(list_exports(&client, address, lake))?;
        let listing = listing.with_context(|| format!("the exports in {address} cannot be listed"))?;
        for object in listing.exports {
            let export = S3Export::new(client.clone(), object.address);
            self.exports.insert(export.source().uri.clone(), AnyExport::S3(export));
        }
        self.passed_over.empty += listing.passed_over.empty;
        self.passed_over.lakes_own += listing.passed_over.lakes_own;
        Ok(())
    }

    fn take(&mut self, path: &Path) {
        if let Err(error) = self.try_take(path) {
            self.notes.push((path.display().to_string(), format!("cannot be read: {error}")));
        }
    }

    fn try_take(&mut self, path: &Path) -> std::io::Result<()> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            if !self.visited.insert(fs::canonicalize(path)?) {
                return Ok(());
            }
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                if !entry.file_name().to_string_lossy().starts_with('.') {
                    self.take(&entry.path());
                }
            }
        } else if metadata.is_file() {
            let export = LocalExport::at(path)?;
            self.exports.insert(export.source().uri.clone(), AnyExport::Local(export));
        } else {
            self.notes.push((path.display().to_string(), "is neither a file nor a folder".to_owned()));
        }
        Ok(())
    }
}
