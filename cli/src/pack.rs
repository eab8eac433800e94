//! The pack that a command works with, a folder or the one inside the program, and the configuration it is compiled for.

use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};
use immuta_watch::config::{Configuration, ConfigurationError, ReadFile};
use immuta_watch::lake::packs::{self, Bundle, Current};
use immuta_watch::rules::{Pack, PackFile, RuleErrors, read_folder};

use crate::arguments::PackOptions;
use crate::runtime::block_on;
use crate::stores::AnyStore;

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

/// What exports are classified by.
pub(crate) struct Chosen {
    pub(crate) pack: Pack,
    pub(crate) configuration: Configuration,
    /// What was published to the lake, if anything was: functions classify by it, and deliver
    pub(crate) in_force: Option<Current>,
}

/// Chooses for a lake: what was named; where nothing was, what is in force in the lake, so that an export is classified
/// as the functions would; and else the pack inside the program.
pub(crate) fn load_for(options: &PackOptions, store: &AnyStore) -> Result<Chosen> {
    let in_force = block_on(packs::current(store))?.context("what is in force in the lake cannot be read")?;
    let (pack, configuration) = match &in_force {
        Some(current) if options.rules.is_none() && options.config.is_none() => {
            let bundle = block_on(packs::load(store, &current.hash))??;
            let (configuration, pack) = bundle.compile().context("what is in force in the lake cannot be used")?;
            (pack, configuration)
        }
        _ => load(options)?,
    };
    Ok(Chosen { pack, configuration, in_force })
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
