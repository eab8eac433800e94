//! Reading the files of a pack from a folder: the only I/O of this module.

use std::fs;
use std::io;
use std::path::Path;

use super::error::{RuleError, RuleErrors};

/// One file of a pack, already read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackFile {
    /// Relative to the pack's folder, with forward slashes.
    pub path: String,
    /// The file's text.
    pub text: String,
}

/// The folder of the lists, within a pack.
pub(super) const LISTS: &str = "lists/";

/// The files that a pack is made of, read from a folder: rules and filters (`.yml`, `.yaml`) wherever they lie, lists
/// (`.txt`) in `lists/`. Markdown and hidden files are for people; anything else is an error.
///
/// # Errors
/// A file that cannot be read or is not UTF-8, and one whose place or ending means nothing.
pub fn read_folder(folder: &Path) -> Result<Vec<PackFile>, RuleErrors> {
    let mut files = Vec::new();
    let mut errors = Vec::new();
    read_below(folder, "", &mut files, &mut errors);
    if !errors.is_empty() {
        errors.sort();
        return Err(RuleErrors(errors));
    }
    files.sort();
    Ok(files)
}

fn read_below(folder: &Path, prefix: &str, files: &mut Vec<PackFile>, errors: &mut Vec<RuleError>) {
    let mut fail = |path: &str, message: String| {
        errors.push(RuleError { file: if path.is_empty() { ".".into() } else { path.into() }, line: None, message });
    };
    let entries: io::Result<Vec<_>> = fs::read_dir(folder).and_then(Iterator::collect);
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("the folder {} cannot be read: {error}", folder.display());
            return fail(prefix.trim_end_matches('/'), message);
        }
    };
    let mut folders = Vec::new();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if name.starts_with('.') || has_ending(&name, &["md"]) {
            continue;
        }
        if entry.path().is_dir() {
            folders.push((entry.path(), format!("{path}/")));
        } else if has_ending(&name, if prefix == LISTS { &["txt"] } else { &["yml", "yaml"] }) {
            match fs::read_to_string(entry.path()) {
                Ok(text) => files.push(PackFile { path, text }),
                Err(error) => fail(&path, format!("the file cannot be read: {error}")),
            }
        } else {
            let message =
                "neither a rule or filter (.yml) nor a list (lists/*.txt); move it out of the pack".to_owned();
            fail(&path, message);
        }
    }
    for (folder, prefix) in folders {
        read_below(&folder, &prefix, files, errors);
    }
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}
