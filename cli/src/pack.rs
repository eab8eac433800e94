//! The pack that a command works with, a folder or the one inside the program, and the configuration it is compiled for.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use immuta_watch::config::Configuration;
use immuta_watch::rules::{Pack, PackFile, RuleErrors};

use crate::arguments::PackOptions;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/pack.rs"));
}

/// Loads the pack, telling whatever is wrong with it apart from other failures.
pub(crate) fn try_load(folder: Option<&Path>, configuration: &Configuration) -> Result<Pack, RuleErrors> {
    if let Some(folder) = folder {
        return Pack::load(folder, configuration);
    }
    let file = |(path, text): &(&str, &str)| PackFile { path: (*path).to_owned(), text: (*text).to_owned() };
    Pack::compile(&embedded::FILES.iter().map(file).collect::<Vec<_>>(), configuration)
}

/// Loads the pack and the configuration for a command that cannot work without them.
pub(crate) fn load(options: &PackOptions) -> Result<(Pack, Configuration)> {
    let configuration = configuration(options.config.as_deref())?;
    let folder = options.rules.as_deref();
    let pack = try_load(folder, &configuration).with_context(|| format!("the pack {} cannot be used", name(folder)))?;
    Ok((pack, configuration))
}

/// Reads a configuration file; without one everything has its default.
pub(crate) fn configuration(file: Option<&Path>) -> Result<Configuration> {
    let Some(file) = file else { return Ok(Configuration::default()) };
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let beside = file.parent().unwrap_or(Path::new("."));
    let read = |named: &str| fs::read_to_string(beside.join(named));
    Configuration::parse(&text, &read).with_context(|| format!("the configuration {} cannot be used", file.display()))
}

/// The pack in words.
pub(crate) fn name(folder: Option<&Path>) -> String {
    folder.map_or_else(|| "inside this program".to_owned(), |folder| format!("in {}", folder.display()))
}
