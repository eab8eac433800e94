//! The API key, the secret that signs and the token in the path: where they are kept, and that nothing shows them.

use std::fmt;
use std::str::FromStr;

use aws_config::SdkConfig;
use serde_json::Value;

use crate::notify::senders::secrets::{Secrets, Wanted};

/// A text that no output, log or error shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for its one use.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it can stand in a path as it is: letters, digits, `-`, `_`, `.` and `~`.
    #[must_use]
    pub fn is_path_part(&self) -> bool {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        !self.0.is_empty() && self.0.bytes().all(fits) && !self.0.starts_with('.')
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// What is kept at a place; it says under which members of a JSON object it may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The API key
    Key,
    /// The secret that webhooks are signed with; the one in use, where the one before is kept, too
    Secret,
    /// The token in the path of webhooks, the same way
    Token,
}

impl Kept {
    fn members(self) -> &'static [&'static str] {
        match self {
            Kept::Key => &["key", "api_key", "apiKey"],
            Kept::Secret => &["current", "secret"],
            Kept::Token => &["current", "token"],
        }
    }
}

/// Where a secret text is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// In an environment variable of this process: `env:NAME`
    Environment(String),
    /// With AWS: `secretsmanager:NAME` or `ssm:NAME`
    Aws(String),
}

/// A secret text could not be had. Says where it should be, never what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The text names no place. It is not quoted, since it may be the secret itself.
    #[error("write env:NAME, secretsmanager:NAME or ssm:NAME, never the secret itself")]
    NoPlace,
    /// There is no such variable, or it is empty.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The place cannot be read.
    #[error("{0}")]
    Unread(String),
    /// What is there is not what it should be.
    #[error("{0} holds neither a plain text nor a JSON object with a text `{1}`")]
    Lacks(String, &'static str),
    /// It has a character that it may not have.
    #[error("{0}: {1}")]
    Unfit(String, &'static str),
}

impl FromStr for SecretPlace {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let named = |scheme: &str| text.strip_prefix(scheme).map(str::trim).filter(|name| !name.is_empty());
        if let Some(name) = named("env:") {
            return Ok(Self::Environment(name.to_owned()));
        }
        let is_aws = named("secretsmanager:").or_else(|| named("ssm:")).is_some();
        if is_aws { Ok(Self::Aws(text.to_owned())) } else { Err(PlaceError::NoPlace) }
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::Aws(place) => f.write_str(place),
        }
    }
}

impl SecretPlace {
    /// Whether AWS is asked.
    #[must_use]
    pub fn is_in_aws(&self) -> bool {
        matches!(self, Self::Aws(_))
    }

    /// Reads what is kept. `aws` is needed where [`SecretPlace::is_in_aws`].
    ///
    /// # Errors
    /// [`PlaceError`]
    pub async fn read(&self, kept: Kept, aws: Option<&SdkConfig>) -> Result<Hidden, PlaceError> {
        let text = match (self, aws) {
            (Self::Environment(name), _) => {
                let text = std::env::var(name).ok().filter(|text| !text.trim().is_empty());
                text.ok_or_else(|| PlaceError::NotSet(name.clone()))?
            }
            (Self::Aws(place), Some(aws)) => {
                let read = Secrets::new(aws).get(place, Wanted::Whole).await;
                read.map_err(|error| PlaceError::Unread(error.to_string()))?.expose().to_owned()
            }
            (Self::Aws(place), None) => {
                return Err(PlaceError::Unread(format!("{place} cannot be read: no AWS settings")));
            }
        };
        self.part(&text, kept)
    }

    /// The text itself, or the part of it that is wanted, where it is a JSON object.
    fn part(&self, text: &str, kept: Kept) -> Result<Hidden, PlaceError> {
        let lacks = || PlaceError::Lacks(self.to_string(), kept.members().last().copied().unwrap_or_default());
        let found = match serde_json::from_str(text.trim()) {
            Ok(Value::Object(object)) => {
                let member = |name: &&str| Some(object.get(*name)?.as_str()?.trim().to_owned());
                kept.members().iter().find_map(member).unwrap_or_default()
            }
            _ => text.trim().to_owned(),
        };
        let hidden = Hidden(found);
        if hidden.0.is_empty() {
            return Err(lacks());
        }
        match kept {
            Kept::Key if !hidden.0.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(PlaceError::Unfit(self.to_string(), "an API key has no spaces and no line breaks"))
            }
            Kept::Token if !hidden.is_path_part() => Err(PlaceError::Unfit(
                self.to_string(),
                "a token has characters that a path may have (openssl rand -hex 24 makes one)",
            )),
            _ => Ok(hidden),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str, kept: Kept) -> Result<String, String> {
        let place: SecretPlace = "ssm:/watch/x".parse().unwrap();
        let found = place.part(text, kept);
        assert!(!format!("{found:?}").contains("hush"), "{found:?}");
        found.map(|hidden| hidden.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_place_is_named_and_a_secret_in_its_stead_is_not_quoted() {
        assert_eq!("env:KEY".parse(), Ok(SecretPlace::Environment("KEY".to_owned())));
        assert_eq!("ssm:/a/b".parse::<SecretPlace>().unwrap().to_string(), "ssm:/a/b");
        for text in ["hush", "", "env:", "ssm: ", "file:hush"] {
            let error = text.parse::<SecretPlace>().unwrap_err();
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    #[test]
    fn what_is_kept_is_a_text_or_a_member_of_an_object() {
        assert_eq!(part(" hush\n", Kept::Key).unwrap(), "hush");
        assert_eq!(part(r#"{"key":"hush"}"#, Kept::Key).unwrap(), "hush");
        assert_eq!(part(r#"{"previous":"old","current":"hush"}"#, Kept::Secret).unwrap(), "hush");
        assert_eq!(part(r#"{"token":"hush"}"#, Kept::Token).unwrap(), "hush");
        for (text, kept) in [("", Kept::Key), (r#"{"other":"hush"}"#, Kept::Secret), (r#"{"token":7}"#, Kept::Token)] {
            assert!(part(text, kept).unwrap_err().starts_with("ssm:/watch/x holds neither"));
        }
        assert!(part("hush hush", Kept::Key).unwrap_err().contains("no spaces"));
        assert!(part("hush/hush", Kept::Token).unwrap_err().contains("a path may have"));
    }
}
