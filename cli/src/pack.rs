//! The pack that a command works with, a folder or the one inside the program, and the configuration it is compiled for.

use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};
use immuta_watch::config::{Configuration, ConfigurationError, ReadFile};
use immuta_watch::lake::packs::Bundle;
use immuta_watch::rules::{Pack, PackFile, RuleErrors, read_folder};

use crate::arguments::PackOptions;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/pack.rs"));
}

/// The files of the pack, not yet looked at.
pub(crate) fn files(folder: Option<&Path>) -> Result<Vec<PackFile>, RuleErrors> {
    let Some(folder) = folder else {
        let file = |(path, text): &(&str, &str)| PackFile { path: (*path).to_owned(), text: (*text).to_owned() };
        return Ok(embedded::FILES.iter().map(file).collect());
    };
    read_folder(folder)
}

/// Loads the pack, telling whatever is wrong with it apart from other failures.
pub(crate) fn try_load(folder: Option<&Path>, configuration: &Configuration) -> Result<Pack, RuleErrors> {
    Pack::compile(&files(folder)?, configuration)
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
    with_configuration(file, |text, read| Configuration::parse(text, read))
}

/// Puts the files of a pack, the configuration file and the files that it names into one bundle.
pub(crate) fn bundle(files: Vec<PackFile>, configuration: Option<&Path>) -> Result<Bundle> {
    with_configuration(configuration, |text, read| Bundle::gather(files, text, read))
}

/// Reads a configuration file (none is an empty one) for whoever makes something of it; the files that it names lie
/// beside it.
fn with_configuration<T>(
    file: Option<&Path>,
    make: impl FnOnce(&str, ReadFile<'_>) -> Result<T, ConfigurationError>,
) -> Result<T> {
    let Some(file) = file else { return Ok(make("", &|_| Err(io::ErrorKind::NotFound.into()))?) };
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let beside = file.parent().unwrap_or(Path::new("."));
    let read = |named: &str| fs::read_to_string(beside.join(named));
    make(&text, &read).with_context(|| format!("the configuration {} cannot be used", file.display()))
}

/// The pack in words.
pub(crate) fn name(folder: Option<&Path>) -> String {
    folder.map_or_else(|| "inside this program".to_owned(), |folder| format!("in {}", folder.display()))
}
