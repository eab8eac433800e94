//! A lake and exports of either kind: on this machine or in S3. The library's traits have asynchronous functions, so
//! that the kind is told by an enum and not by a trait object.

use std::io::{self, Read};
use std::path::Path;

use immuta_watch::export::Source;
use immuta_watch::findings::Blob;
use immuta_watch::lake::{
    Condition, DirectoryStore, Entry, LocalExport, OpenExport, S3Export, S3Store, Store, StoreError, Stored, Version,
    Written,
};

use crate::runtime;

/// What holds a lake.
pub(crate) enum AnyStore {
    Folder(DirectoryStore),
    S3(S3Store),
}

impl Store for AnyStore {
    async fn get(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        match self {
            Self::Folder(store) => store.get(name).await,
            Self::S3(store) => store.get(name).await,
        }
    }

    async fn put(&self, name: &str, blob: &mut Blob) -> Result<(), StoreError> {
        match self {
            Self::Folder(store) => store.put(name, blob).await,
            Self::S3(store) => store.put(name, blob).await,
        }
    }

    async fn put_if(&self, name: &str, content: Vec<u8>, condition: Condition) -> Result<Written, StoreError> {
        match self {
            Self::Folder(store) => store.put_if(name, content, condition).await,
            Self::S3(store) => store.put_if(name, content, condition).await,
        }
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        match self {
            Self::Folder(store) => store.remove(name).await,
            Self::S3(store) => store.remove(name).await,
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        match self {
            Self::Folder(store) => store.list(prefix).await,
            Self::S3(store) => store.list(prefix).await,
        }
    }

    fn holder(&self) -> String {
        match self {
            Self::Folder(store) => store.holder(),
            Self::S3(store) => store.holder(),
        }
    }

    fn is_gone(&self, holder: &str) -> bool {
        match self {
            Self::Folder(store) => store.is_gone(holder),
            Self::S3(store) => store.is_gone(holder),
        }
    }
}

/// An export.
#[derive(Debug)]
pub(crate) enum AnyExport {
    Local(LocalExport),
    S3(S3Export),
}

impl AnyExport {
    /// The export at an address as manifests have it; `None` if there can be none.
    pub(crate) fn at(uri: &str) -> Option<Self> {
        if let Some(path) = uri.strip_prefix("file://") {
            return LocalExport::at(Path::new(path)).ok().map(Self::Local);
        }
        Some(Self::S3(S3Export::new(runtime::s3().ok()?, uri.parse().ok()?)))
    }

    /// What it is called where people read it: its path or its address.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Local(export) => export.path().display().to_string(),
            Self::S3(export) => export.address().to_string(),
        }
    }
}

impl OpenExport for AnyExport {
    fn source(&self) -> &Source {
        match self {
            Self::Local(export) => export.source(),
            Self::S3(export) => export.source(),
        }
    }

    async fn version(&self) -> io::Result<Option<Version>> {
        match self {
            Self::Local(export) => export.version().await,
            Self::S3(export) => export.version().await,
        }
    }

    async fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Local(export) => export.open().await,
            Self::S3(export) => export.open().await,
        }
    }
}
