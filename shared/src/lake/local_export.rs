//! An export in a local file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::commit::{OpenExport, Version};
use crate::digest;
use crate::export::{Source, local_uri};

/// An export in a local file. Its version is the hash of its content: a copy with another date is the same export.
#[derive(Debug, Clone)]
pub struct LocalExport {
    path: PathBuf,
    source: Source,
}

impl LocalExport {
    /// The export in the file at `path`, which must exist.
    ///
    /// # Errors
    /// The path does not lead to a file, or is not UTF-8.
    pub fn at(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        let uri = local_uri(&path)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8; rename the file"))?;
        Ok(Self { source: Source::at(uri), path })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl OpenExport for LocalExport {
    fn source(&self) -> &Source {
        &self.source
    }

    async fn version(&self) -> io::Result<Option<Version>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut bytes = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            bytes += count as u64;
        }
        let etag = format!("sha256:{}", digest::text(&hasher.finalize()));
        Ok(Some(Version { etag, bytes }))
    }

    async fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(&self.path)?))
    }
}
