//! The identity of an export: where it lies.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest;

/// Names every file that an export yields: the first 128 bits of SHA-256 over its address, as 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(String);

impl SourceId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One export at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Derived from the address, so that writing an export's files twice is writing them once.
    pub id: SourceId,
    /// `s3://bucket/key` or `file:///path`.
    pub uri: String,
}

impl Source {
    /// The source at an address.
    #[must_use]
    pub fn at(uri: impl Into<String>) -> Self {
        let uri = uri.into();
        Self { id: SourceId(digest::short(uri.as_bytes())), uri }
    }
}

/// The address of a local file: `file://` and its absolute path. `None` if the path is not UTF-8, since two such
/// paths could come to the same text.
#[must_use]
pub fn local_uri(absolute: &Path) -> Option<String> {
    Some(format!("file://{}", absolute.to_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_a_hash_of_the_address_that_any_tool_computes() {
        // printf s3://b/k | sha256sum | cut -c1-32
        assert_eq!(Source::at("s3://b/k").id.as_str(), "a65db92acac13cb7aabe84c6f0b024e2");
        assert_ne!(Source::at("s3://b/k").id, Source::at("s3://b/k2").id);
    }
}
