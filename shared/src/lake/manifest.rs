//! Manifests: what one export became. The manifest is the commit point, and has no clock in it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::at_once::{SMALL_FILES, at_once};
use super::names;
use super::store::{Store, StoreError};
use crate::digest;
use crate::event::{Service, time};
use crate::export::{Compression, SourceId};
use crate::findings::Counts;

/// The version of the manifest's form; a later one may add fields, never change the meaning of one.
pub(super) const VERSION: u32 = 1;

/// What one export became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form
    pub manifest_version: u32,
    /// Whether it is of an export or of a webhook's notification, which has contributions to alerts and nothing else
    #[serde(skip_serializing_if = "is_default", default)]
    pub service: Service,
    /// Names every file of the export
    pub source: SourceId,
    /// Where the export lies
    pub uri: String,
    /// The version of the export that was read
    pub etag: String,
    /// The export's length in bytes
    pub bytes: u64,
    /// Its length in bytes once decompressed
    pub plain_bytes: u64,
    /// How it was compressed
    pub compression: Compression,
    /// Why it was not read to its end, if it was not
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_early: Option<String>,
    /// The time of its first event; none if no event has a readable time
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_event: Option<DateTime<Utc>>,
    /// The time of its last event
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_event: Option<DateTime<Utc>>,
    /// The release that read it
    pub release: String,
    /// The pack's hash
    pub pack: String,
    /// The configuration's hash
    pub configuration: String,
    /// What became of every line
    pub counts: Counts,
    /// Every file that it yielded, sorted by name
    pub files: Vec<CommittedFile>,
    /// SHA-256 over this manifest with an empty seal, as JSON: tells a change by accident. Somebody who can write the
    /// lake can seal anew; what tells that is counting again from the export.
    pub seal: String,
}

/// One file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedFile {
    /// Its name within the lake
    pub name: String,
    /// Its rows, or lines
    pub rows: u64,
    /// Its length in bytes
    pub bytes: u64,
    /// SHA-256 of its content
    pub sha256: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Manifest {
    /// Seals the manifest.
    pub(super) fn sealed(mut self) -> Self {
        self.seal = self.expected_seal();
        self
    }

    /// Whether the manifest is as it was when it was written.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.seal == self.expected_seal()
    }

    fn expected_seal(&self) -> String {
        let unsealed = Self { seal: String::new(), ..self.clone() };
        digest::full(&unsealed.encode())
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// The names of its files.
    pub(super) fn file_names(&self) -> impl Iterator<Item = String> + '_ {
        self.files.iter().map(|file| file.name.clone())
    }
}

/// Reads every manifest of a lake. One that cannot be understood is given with the reason.
///
/// # Errors
/// Those of the store.
pub async fn read_manifests(store: &impl Store) -> Result<Vec<(String, Result<Manifest, String>)>, StoreError> {
    let reads = store.list(names::MANIFESTS).await?.into_iter().map(|entry| read_manifest(store, entry.name));
    let mut manifests = Vec::new();
    at_once(SMALL_FILES, reads, |found| manifests.extend(found)).await?;
    Ok(manifests)
}

/// Reads one manifest; `None` if it is there no longer.
async fn read_manifest(
    store: &impl Store,
    name: String,
) -> Result<Option<(String, Result<Manifest, String>)>, StoreError> {
    let Some(stored) = store.get(&name).await? else { return Ok(None) };
    let manifest = serde_json::from_slice(&stored.content).map_err(|error| error.to_string());
    Ok(Some((name, manifest)))
}

/// The dates that the events of exports lie between, those without a readable time left out.
#[must_use]
pub fn dates(manifests: &[Manifest]) -> Option<(NaiveDate, NaiveDate)> {
    let ledgers = manifests.iter().flat_map(|manifest| &manifest.files).filter(|file| file.name.starts_with("ledger/"));
    let dates: Vec<NaiveDate> =
        ledgers.filter_map(|file| names::date_of(&file.name)).filter(|date| *date != time::UNDATED).collect();
    Some((*dates.iter().min()?, *dates.iter().max()?))
}
