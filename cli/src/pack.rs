//! The pack that a command works with: a folder, or the one inside the program.

use anyhow::{Context, Result};
use immuta_watch::rules::{Pack, PackFile, RuleErrors};

use crate::arguments::PackOption;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/pack.rs"));
}

/// Loads the pack, telling whatever is wrong with it apart from other failures.
pub(crate) fn try_load(option: &PackOption) -> Result<Pack, RuleErrors> {
    if let Some(folder) = &option.rules {
        return Pack::load(folder);
    }
    let file = |(path, text): &(&str, &str)| PackFile { path: (*path).to_owned(), text: (*text).to_owned() };
    Pack::compile(&embedded::FILES.iter().map(file).collect::<Vec<_>>())
}

/// Loads the pack for a command that cannot work without one.
pub(crate) fn load(option: &PackOption) -> Result<Pack> {
    try_load(option).with_context(|| format!("the pack {} cannot be used", name(option)))
}

/// The pack in words.
pub(crate) fn name(option: &PackOption) -> String {
    option.rules.as_ref().map_or_else(|| "inside this program".to_owned(), |folder| format!("in {}", folder.display()))
}
