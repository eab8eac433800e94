//! A file on its way into the lake: in memory while it is small, in a temporary file when it is not.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::{SpooledData, SpooledTempFile};

use crate::digest;

/// Up to here a file stays in memory, in bytes.
const IN_MEMORY: usize = 4 * 1024 * 1024;

/// Bytes that were written once, with their length and hash.
#[derive(Debug)]
pub struct Blob {
    held: Held,
    bytes: u64,
    sha256: String,
}

/// Where a blob's bytes are.
#[derive(Debug)]
pub(crate) enum Held {
    Memory(Bytes),
    /// A temporary file that has no name, and is gone with the last handle to it
    File(File),
}

impl Blob {
    /// A blob of bytes that are there already.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        let (bytes, sha256) = (content.len() as u64, digest::full(content));
        Self { held: Held::Memory(Bytes::copy_from_slice(content)), bytes, sha256 }
    }

    /// Its length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of its content, as 64 hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its content from the beginning.
    pub fn reader(&mut self) -> io::Result<impl Read + '_> {
        let reader: Box<dyn Read + '_> = match &mut self.held {
            Held::Memory(content) => Box::new(&content[..]),
            Held::File(file) => {
                file.seek(SeekFrom::Start(0))?;
                Box::new(file)
            }
        };
        Ok(reader)
    }

    /// Where its bytes are, for a store that sends them more than once.
    pub(crate) fn held(&self) -> &Held {
        &self.held
    }
}

/// Writes a blob.
#[derive(Debug)]
pub(crate) struct BlobWriter {
    file: SpooledTempFile,
    bytes: u64,
    hasher: Sha256,
}

impl BlobWriter {
    pub(crate) fn new() -> Self {
        Self { file: SpooledTempFile::new(IN_MEMORY), bytes: 0, hasher: Sha256::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(crate) fn finish(self) -> Blob {
        let held = match self.file.into_inner() {
            SpooledData::InMemory(content) => Held::Memory(content.into_inner().into()),
            SpooledData::OnDisk(file) => Held::File(file),
        };
        Blob { held, bytes: self.bytes, sha256: digest::text(&self.hasher.finalize()) }
    }
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_the_same_in_memory_and_on_disk() {
        for length in [0, 10, IN_MEMORY + 10] {
            let content = vec![7_u8; length];
            let mut writer = BlobWriter::new();
            content.chunks(1000).for_each(|chunk| writer.write_all(chunk).unwrap());
            let mut blob = writer.finish();
            let mut read = Vec::new();
            blob.reader().unwrap().read_to_end(&mut read).unwrap();
            assert_eq!((read.len(), blob.bytes()), (length, length as u64));
            assert_eq!(blob.sha256(), Blob::of(&content).sha256());
        }
    }
}
