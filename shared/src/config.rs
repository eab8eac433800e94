//! The configuration: what differs from one installation to the next and is no rule.

use serde::{Deserialize, Serialize};

use crate::digest;

/// The configuration file (YAML). Unknown keys are errors; a key that is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// What the ledgers hold.
    pub ledger: LedgerConfiguration,
}

/// What the ledgers hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfiguration {
    /// What becomes of the text of queries, in ledgers and in the example events of alerts.
    pub query_text: QueryText,
}

/// What becomes of the text of queries, which holds personal data (`WHERE name = 'Ann'`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryText {
    /// It is kept as it is.
    #[default]
    Keep,
    /// It is replaced by `sha256:` and the hash, so that equal queries can still be told.
    Hash,
    /// It is left out.
    Drop,
}

impl QueryText {
    /// The text as it may be kept.
    #[must_use]
    pub fn apply(self, text: &str) -> Option<String> {
        match self {
            QueryText::Keep => Some(text.to_owned()),
            QueryText::Hash => Some(format!("sha256:{}", digest::full(text.as_bytes()))),
            QueryText::Drop => None,
        }
    }
}

/// The configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigurationError(String);

impl Configuration {
    /// Reads the text of a configuration file; an empty one is the default.
    ///
    /// # Errors
    /// What is no YAML, an unknown key, a value of the wrong kind, with line and column.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|error| ConfigurationError(error.without_snippet().to_string()))
    }

    /// The first 128 bits of SHA-256 over the configuration with all defaults filled in, as 32 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        digest::short(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default_and_the_same_hash() {
        let full = Configuration::parse("ledger:\n  query_text: keep\n").unwrap();
        assert_eq!(full, Configuration::parse("# nothing\n\n").unwrap());
        assert_eq!(full.hash(), Configuration::default().hash());
        assert_ne!(full.hash(), Configuration::parse("ledger: {query_text: drop}").unwrap().hash());
    }

    #[test]
    fn unknown_keys_and_values_are_errors_with_their_line() {
        let error = Configuration::parse("ledger:\n  query_txt: keep\n").unwrap_err().to_string();
        assert!(error.contains("unknown field `query_txt`") && error.contains("line 2"), "{error}");
        let error = Configuration::parse("ledger:\n  query_text: sometimes\n").unwrap_err().to_string();
        assert!(error.contains("unknown variant `sometimes`") && error.contains("line 2"), "{error}");
    }
}
