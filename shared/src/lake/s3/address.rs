//! Addresses in S3, `s3://bucket/prefix`: the one place where they are read, and where keys are told apart.

use std::fmt;
use std::str::FromStr;

use crate::lake::names;

/// A bucket and what it holds below a key: a folder of exports, a lake, or one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct S3Address {
    bucket: String,
    key: String,
}

/// Text that is no address in S3.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum S3AddressError {
    /// It does not begin as an address does.
    #[error("{0} is no address in S3; one looks like s3://bucket/prefix")]
    Scheme(String),
    /// It names no bucket.
    #[error("{0} names no bucket; an address in S3 looks like s3://bucket/prefix")]
    NoBucket(String),
    /// No bucket can have this name.
    #[error(
        "no bucket can be called {0}: 3 to 63 lower-case letters, digits, dots and hyphens, of which the first and the \
         last are letters or digits"
    )]
    Bucket(String),
    /// No object can have this key.
    #[error("{0} has a key of more than 1024 bytes, which S3 does not take")]
    Key(String),
}

/// Whether text is meant to be an address in S3 rather than a path.
#[must_use]
pub fn is_s3(text: &str) -> bool {
    text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("s3:"))
}

impl S3Address {
    /// The address of a key; of the whole bucket if the key is empty. The key is taken as it is: nothing in it is decoded.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Result<Self, S3AddressError> {
        let address = Self { bucket: bucket.into(), key: key.into() };
        let (bucket, at_an_end) = (&address.bucket, |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let is_inside = |byte: u8| at_an_end(byte) || matches!(byte, b'.' | b'-');
        if bucket.is_empty() {
            return Err(S3AddressError::NoBucket(address.to_string()));
        }
        let ends = [bucket.bytes().next(), bucket.bytes().last()];
        let ends_well = ends.into_iter().flatten().all(at_an_end);
        if !(3..=63).contains(&bucket.len()) || !ends_well || !bucket.bytes().all(is_inside) {
            return Err(S3AddressError::Bucket(bucket.clone()));
        }
        if address.key.len() > 1024 {
            return Err(S3AddressError::Key(address.to_string()));
        }
        Ok(address)
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key as it was given: of one object, or of a folder with or without the slash.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the keys of a folder begin with: the key with a slash at its end, and nothing for a whole bucket. So
    /// `s3://b/audit` does not take in `s3://b/audit-2025/x`.
    #[must_use]
    pub fn folder(&self) -> String {
        if self.key.is_empty() || self.key.ends_with('/') { self.key.clone() } else { format!("{}/", self.key) }
    }

    /// Another key of the same bucket.
    #[must_use]
    pub fn at(&self, key: impl Into<String>) -> Self {
        Self { bucket: self.bucket.clone(), key: key.into() }
    }

    /// The key's name within the folder at this address; `None` if it lies elsewhere.
    #[must_use]
    pub fn name_within<'k>(&self, bucket: &str, key: &'k str) -> Option<&'k str> {
        if bucket == self.bucket { key.strip_prefix(self.folder().as_str()) } else { None }
    }

    /// Whether a key is one of the lake's own at this address, when exports are looked for below `exports`.
    ///
    /// Everything below a lake is its own. But where the lake holds the exports' folder (a lake at the root of the
    /// bucket), only what the lake gives names to is.
    #[must_use]
    pub fn is_lakes_own(&self, exports: &Self, bucket: &str, key: &str) -> bool {
        let holds_the_exports = self.name_within(&exports.bucket, &exports.folder()).is_some();
        self.name_within(bucket, key).is_some_and(|name| !holds_the_exports || names::is_in_a_folder(name))
    }
}

impl FromStr for S3Address {
    type Err = S3AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("s3://").ok_or_else(|| S3AddressError::Scheme(text.to_owned()))?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Self::new(bucket, key)
    }
}

impl fmt::Display for S3Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.key.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> S3Address {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_a_bucket_and_a_key_as_it_is() {
        let found = address("s3://audit-logs/a b/c+d=%20/ü:e");
        assert_eq!((found.bucket(), found.key()), ("audit-logs", "a b/c+d=%20/ü:e"));
        assert_eq!(found.to_string(), "s3://audit-logs/a b/c+d=%20/ü:e");
        assert_eq!(address("s3://audit-logs").to_string(), "s3://audit-logs");
        assert_eq!(address("s3://audit-logs/").folder(), "");
        assert_eq!(address("s3://audit-logs/x").folder(), "x/");
        assert_eq!(address("s3://audit-logs/x/").folder(), "x/");
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        let refused = |text: &str| text.parse::<S3Address>().unwrap_err().to_string();
        assert!(refused("S3://bucket/x").contains("no address in S3"));
        assert!(refused("s3:/bucket/x").contains("no address in S3"));
        assert!(refused("s3:///x").contains("names no bucket"));
        assert!(refused("s3://My_Bucket/x").contains("no bucket can be called My_Bucket"));
        assert!(refused("s3://-bucket/x").contains("no bucket can be called"));
        assert!(refused(&format!("s3://bucket/{}", "k".repeat(1025))).contains("1024"));
    }

    #[test]
    fn an_address_is_told_from_a_path() {
        assert!(["s3://b", "s3:/b", "S3://b"].into_iter().all(is_s3));
        assert!(!["s3", "./s3:", "a/s3://b", "", "日本"].into_iter().any(is_s3));
    }

    #[test]
    fn a_folder_takes_in_what_lies_below_it_and_not_its_neighbour() {
        let folder = address("s3://bucket/audit");
        assert_eq!(folder.name_within("bucket", "audit/x"), Some("x"));
        assert_eq!(folder.name_within("bucket", "audit-2025/x"), None);
        assert_eq!(folder.name_within("another", "audit/x"), None);
    }

    #[test]
    fn the_lakes_own_files_are_told_from_exports() {
        let exports = address("s3://bucket/exports");
        let beside = address("s3://bucket/lake");
        assert!(beside.is_lakes_own(&exports, "bucket", "lake/anything"));
        assert!(!beside.is_lakes_own(&exports, "bucket", "exports/x"));
        let below = address("s3://bucket/exports/lake");
        assert!(below.is_lakes_own(&exports, "bucket", "exports/lake/manifests/x.json"));
        let at_the_root = address("s3://bucket");
        assert!(at_the_root.is_lakes_own(&exports, "bucket", "manifests/x.json"));
        assert!(!at_the_root.is_lakes_own(&exports, "bucket", "exports/x"));
        assert!(!at_the_root.is_lakes_own(&exports, "another", "manifests/x.json"));
    }
}
