//! Finding exports in files and folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use immuta_watch::lake::{LocalExport, OpenExport};

/// Exports, and what was found on the way that cannot be one.
pub(crate) struct Found {
    /// Every export once, in the order of their addresses
    pub(crate) exports: Vec<LocalExport>,
    /// Paths that cannot be read, with the reason
    pub(crate) notes: Vec<(String, String)>,
}

/// Finds every file below the given paths.
///
/// Nothing is read from names. Hidden files and folders are passed over, and so is the lake itself; links are followed.
/// One path that cannot be read holds up no other.
///
/// # Errors
/// A path that was given cannot be read, or there is nothing to do.
pub(crate) fn find(paths: &[PathBuf], lake: Option<&Path>) -> Result<Found> {
    let mut search = Search::default();
    // A lake that does not exist yet holds no exports.
    search.visited.extend(lake.and_then(|lake| fs::canonicalize(lake).ok()));
    for path in paths {
        fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
        search.take(path);
    }
    if search.exports.is_empty() && search.notes.is_empty() {
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("there is no export in {}; give a file or folder that holds some", paths.join(", "));
    }
    Ok(Found { exports: search.exports.into_values().collect(), notes: search.notes })
}

#[derive(Default)]
struct Search {
    exports: BTreeMap<String, LocalExport>,
    notes: Vec<(String, String)>,
    /// Folders that were seen, by their real paths: a link may lead back up
    visited: BTreeSet<PathBuf>,
}

impl Search {
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
            self.exports.insert(export.source().uri.clone(), export);
        } else {
            self.notes.push((path.display().to_string(), "is neither a file nor a folder".to_owned()));
        }
        Ok(())
    }
}
