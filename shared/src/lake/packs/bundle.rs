//! A bundle: the pack and the configuration in one object, as a function needs them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{Configuration, ConfigurationError, ReadFile};
use crate::digest;
use crate::rules::{Pack, PackFile, RuleErrors};

/// The version of the bundle's form. A reader refuses a later one: it cannot know what it would leave out.
const VERSION: u32 = 1;

/// The files of a pack and of a configuration. Two bundles of the same files are the same bytes, and so have one hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    #[serde(rename = "bundle_version")]
    version: u32,
    /// Texts by path within the pack's folder
    pack: BTreeMap<String, String>,
    configuration: ConfigurationFile,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigurationFile {
    text: String,
    /// Texts of the files that it names, by the name that it gives them
    files: BTreeMap<String, String>,
}

/// A bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Its bytes are none.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// A later release made it.
    #[error("its form is version {0}, and this release reads version {VERSION}; a later release made it")]
    Later(u32),
    /// The configuration in it is refused.
    #[error("its configuration cannot be used: {0}")]
    Configuration(#[from] ConfigurationError),
    /// The pack in it is refused.
    #[error("its pack cannot be used:\n{0}")]
    Pack(#[from] RuleErrors),
}

impl Bundle {
    /// Puts the files of a pack, the text of a configuration file and the files that it names into one. An empty text is
    /// the default configuration. The pack is looked at by [`Bundle::compile`] only.
    ///
    /// # Errors
    /// Those of [`Configuration::parse`], which says what files are named.
    pub fn gather(
        pack: impl IntoIterator<Item = PackFile>,
        configuration: &str,
        read: ReadFile<'_>,
    ) -> Result<Self, ConfigurationError> {
        let files = RefCell::new(BTreeMap::new());
        let noting = |name: &str| {
            read(name).inspect(|text| {
                files.borrow_mut().insert(name.to_owned(), text.clone());
            })
        };
        Configuration::parse(configuration, &noting)?;
        Ok(Self {
            version: VERSION,
            pack: pack.into_iter().map(|file| (file.path, file.text)).collect(),
            configuration: ConfigurationFile { text: configuration.to_owned(), files: files.into_inner() },
        })
    }

    /// What it says, ready to use.
    ///
    /// # Errors
    /// [`BundleError::Configuration`] and [`BundleError::Pack`], with file and line.
    pub fn compile(&self) -> Result<(Configuration, Pack), BundleError> {
        let configuration = self.configuration()?;
        let pack = Pack::compile(&self.pack_files().collect::<Vec<_>>(), &configuration)?;
        Ok((configuration, pack))
    }

    /// The configuration alone.
    ///
    /// # Errors
    /// [`BundleError::Configuration`]
    pub fn configuration(&self) -> Result<Configuration, BundleError> {
        let ConfigurationFile { text, files } = &self.configuration;
        let read = |name: &str| files.get(name).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into());
        Ok(Configuration::parse(text, &read)?)
    }

    /// The files of the pack.
    pub fn pack_files(&self) -> impl Iterator<Item = PackFile> + '_ {
        self.pack.iter().map(|(path, text)| PackFile { path: path.clone(), text: text.clone() })
    }

    /// The text of the configuration file.
    #[must_use]
    pub fn configuration_text(&self) -> &str {
        &self.configuration.text
    }

    /// Name and text of every file that the configuration names.
    pub fn configuration_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.configuration.files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The first 128 bits of SHA-256 over its bytes, as 32 hexadecimal digits: its name.
    #[must_use]
    pub fn hash(&self) -> String {
        digest::short(&self.encode())
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Texts in maps of texts: there is nothing that JSON cannot say.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads the bytes of a bundle.
    ///
    /// # Errors
    /// [`BundleError::Unreadable`] and [`BundleError::Later`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(rename = "bundle_version")]
            version: u32,
        }
        let unreadable = |error: serde_json::Error| BundleError::Unreadable(error.to_string());
        let Head { version } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if version > VERSION {
            return Err(BundleError::Later(version));
        }
        serde_json::from_slice(bytes).map_err(unreadable)
    }
}
