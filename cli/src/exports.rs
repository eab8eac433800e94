//! Finding exports in files and folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use immuta_watch::lake::{LocalExport, OpenExport};

/// Every file below the given paths, once each, in the order of their addresses.
///
/// Nothing is read from names. Hidden files and folders are passed over, and so is the lake itself.
pub(crate) fn find(paths: &[PathBuf], lake: Option<&Path>) -> Result<Vec<LocalExport>> {
    // A lake that does not exist yet holds no exports.
    let lake = lake.and_then(|lake| fs::canonicalize(lake).ok());
    let mut found = BTreeMap::new();
    for path in paths {
        let metadata = fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
        if metadata.is_dir() {
            add_below(path, lake.as_deref(), &mut found)?;
        } else {
            add(path, &mut found)?;
        }
    }
    if found.is_empty() {
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("there is no export in {}; give a file or folder that holds some", paths.join(", "));
    }
    Ok(found.into_values().collect())
}

fn add(path: &Path, found: &mut BTreeMap<String, LocalExport>) -> Result<()> {
    let export = LocalExport::at(path).with_context(|| format!("{} cannot be read", path.display()))?;
    found.insert(export.source().uri.clone(), export);
    Ok(())
}

fn add_below(folder: &Path, lake: Option<&Path>, found: &mut BTreeMap<String, LocalExport>) -> Result<()> {
    if lake.is_some() && fs::canonicalize(folder).ok().as_deref() == lake {
        return Ok(());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("{} cannot be read", folder.display()))?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // A link to a folder could lead back up; a link to a file is a file.
        let file_type = entry.file_type()?;
        if file_type.is_dir() {
            add_below(&entry.path(), lake, found)?;
        } else if file_type.is_file() || entry.path().is_file() {
            add(&entry.path(), found)?;
        }
    }
    Ok(())
}
