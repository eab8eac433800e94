//! Where exports or a lake are: in a folder, or in S3.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use immuta_watch::lake::{S3Address, S3AddressError, is_s3};

/// A file or folder, or a bucket and what it holds below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this machine
    Local(PathBuf),
    /// `s3://bucket/prefix`
    S3(S3Address),
}

impl Place {
    /// Reads an argument. What begins with `s3:` is meant to be an address.
    fn parse(text: OsString) -> Result<Self, S3AddressError> {
        match text.to_str() {
            Some(address) if is_s3(address) => Ok(Self::S3(address.parse()?)),
            _ => Ok(Self::Local(text.into())),
        }
    }

    /// How clap reads one.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(Self::parse)
    }

    /// The path, if it is on this machine.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::S3(_) => None,
        }
    }

    /// The address, if it is in S3.
    pub(crate) fn address(&self) -> Option<&S3Address> {
        match self {
            Self::Local(_) => None,
            Self::S3(address) => Some(address),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::S3(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_an_address() {
        let parse = |text: &str| Place::parse(text.into());
        assert!(matches!(parse("exports/s3"), Ok(Place::Local(_))));
        assert!(matches!(parse("s3://bucket/exports"), Ok(Place::S3(_))));
        assert!(parse("s3:/bucket/exports").is_err());
        assert_eq!(parse("s3://bucket/a b").unwrap().to_string(), "s3://bucket/a b");
    }
}
