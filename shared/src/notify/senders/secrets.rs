//! Secrets, from Secrets Manager and the SSM Parameter Store: read when they are needed, kept for a while, never shown.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a secret is kept before it is read anew. One that a destination no longer takes is read anew for the next
/// attempt.
pub(super) const KEPT: Duration = Duration::from_mins(5);

/// The longest that reading a secret may take, with its second attempt.
const READING: Duration = Duration::from_secs(6);

/// Reading twice does no harm.
const ATTEMPTS: u32 = 2;

/// A secret text, which no log shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text itself, for its one use.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What is wanted of a secret that is a JSON object.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    /// All of it, as it is kept
    Whole,
    /// Its `url`
    Url,
    /// Its `secret`
    Secret,
}

/// A secret could not be had. Says where it should be, never what it is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SecretError {
    #[error("{0} is no place of a secret; write secretsmanager:NAME or ssm:NAME")]
    NoPlace(String),
    #[error("{place} cannot be read: {reason}")]
    Unread { place: String, reason: String },
    #[error("{0} holds no text, or an empty one")]
    Empty(String),
    #[error("{place} holds a JSON object without a text {wanted}")]
    Lacks { place: String, wanted: &'static str },
}

/// Reads secrets and keeps them.
pub(crate) struct Secrets {
    manager: aws_sdk_secretsmanager::Client,
    parameters: aws_sdk_ssm::Client,
    kept: Mutex<HashMap<String, (Instant, Secret)>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    pub(crate) fn new(settings: &SdkConfig) -> Self {
        let times = TimeoutConfig::builder().operation_timeout(READING).connect_timeout(super::http::CONNECT).build();
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        Self::in_time_of(&settings.to_builder().timeout_config(times).retry_config(retries).build())
    }

    /// Takes time-outs and attempts from the settings: somebody may be waiting.
    pub(crate) fn in_time_of(settings: &SdkConfig) -> Self {
        Self {
            manager: aws_sdk_secretsmanager::Client::new(settings),
            parameters: aws_sdk_ssm::Client::new(settings),
            kept: Mutex::default(),
        }
    }

    /// The secret at a place, as it was at most [`KEPT`] ago.
    pub(crate) async fn get(&self, place: &str, wanted: Wanted) -> Result<Secret, SecretError> {
        // Held while reading, so that several destinations that wait for one secret read it once.
        let mut kept = self.kept.lock().await;
        if let Some((read, secret)) = kept.get(place)
            && read.elapsed() < KEPT
        {
            return part(place, secret, wanted);
        }
        let secret = Secret(self.read(place).await?);
        kept.insert(place.to_owned(), (Instant::now(), secret.clone()));
        part(place, &secret, wanted)
    }

    /// The secret at a place as it is now, for somebody who keeps it.
    pub(crate) async fn anew(&self, place: &str, wanted: Wanted) -> Result<Secret, SecretError> {
        part(place, &Secret(self.read(place).await?), wanted)
    }

    /// Has a secret read anew when it is needed next: a destination did not take it.
    pub(crate) async fn forget(&self, place: &str) {
        self.kept.lock().await.remove(place);
    }

    async fn read(&self, place: &str) -> Result<String, SecretError> {
        let unread = |reason| SecretError::Unread { place: place.to_owned(), reason };
        let text = if let Some(name) = place.strip_prefix("secretsmanager:") {
            let read = self.manager.get_secret_value().secret_id(name).send().await;
            read.map_err(|error| unread(reason(&error)))?.secret_string
        } else if let Some(name) = place.strip_prefix("ssm:") {
            let read = self.parameters.get_parameter().name(name).with_decryption(true).send().await;
            read.map_err(|error| unread(reason(&error)))?.parameter.and_then(|parameter| parameter.value)
        } else {
            return Err(SecretError::NoPlace(place.to_owned()));
        };
        let text = text.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| SecretError::Empty(place.to_owned()))
    }
}

/// The error's code, or what kind of failure it was: messages of services are not needed and might say too much.
fn reason<E: ProvideErrorMetadata>(error: &E) -> String {
    error.code().unwrap_or("no connection, no credentials, or no answer in time").to_owned()
}

/// The text itself, or the part of it that is wanted, where it is a JSON object.
fn part(place: &str, secret: &Secret, wanted: Wanted) -> Result<Secret, SecretError> {
    let text = secret.0.trim();
    let wanted = match wanted {
        Wanted::Whole => return Ok(Secret(text.to_owned())),
        Wanted::Url => "url",
        Wanted::Secret => "secret",
    };
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) else { return Ok(Secret(text.to_owned())) };
    let found = object.get(wanted).and_then(serde_json::Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    found.map(|text| Secret(text.to_owned())).ok_or_else(|| SecretError::Lacks { place: place.to_owned(), wanted })
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Answer, Server};
    use super::*;

    fn of_manager(text: &str) -> Answer {
        Answer::json(&serde_json::json!({ "Name": "slack", "SecretString": text }).to_string())
    }

    async fn get(answer: Answer, place: &str) -> Result<String, String> {
        let server = Server::start(vec![answer]).await;
        let secrets = Secrets::new(&server.settings());
        let found = secrets.get(place, Wanted::Url).await;
        assert!(!format!("{secrets:?} {found:?}").contains("hush"), "{found:?}");
        found.map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_secret_is_a_text_or_a_part_of_a_json_object() {
        let place = "secretsmanager:slack";
        assert_eq!(get(of_manager(" https://hush\n"), place).await.unwrap(), "https://hush");
        assert_eq!(get(of_manager(r#"{"url":"https://hush"}"#), place).await.unwrap(), "https://hush");
        let error = get(of_manager(r#"{"key":"hush"}"#), place).await.unwrap_err();
        assert_eq!(error, "secretsmanager:slack holds a JSON object without a text url");
        let error = get(of_manager(" "), place).await.unwrap_err();
        assert_eq!(error, "secretsmanager:slack holds no text, or an empty one");
    }

    #[tokio::test]
    async fn a_parameter_is_decrypted() {
        let server = Server::start(vec![Answer::json(r#"{"Parameter":{"Value":"hush"}}"#)]).await;
        let secrets = Secrets::new(&server.settings());
        assert_eq!(secrets.get("ssm:/watch/slack", Wanted::Url).await.unwrap().expose(), "hush");
        let request = server.requests().remove(0);
        assert!(
            request.contains(r#""Name":"/watch/slack""#) && request.contains(r#""WithDecryption":true"#),
            "{request}"
        );
    }

    #[tokio::test]
    async fn an_error_names_the_place_and_the_code_and_nothing_else() {
        let refusal = r#"{"__type":"AccessDeniedException","Message":"hush"}"#;
        let answer = Answer::status(400, "content-type: application/x-amz-json-1.1\r\n", refusal);
        let error = get(answer, "secretsmanager:slack").await.unwrap_err();
        assert_eq!(error, "secretsmanager:slack cannot be read: AccessDeniedException");
        assert!(get(of_manager("x"), "file:x").await.unwrap_err().contains("is no place"));
    }

    #[tokio::test]
    async fn a_secret_is_kept_until_it_is_old_or_no_longer_taken() {
        let server = Server::start(["one", "two", "three"].map(of_manager).into()).await;
        let secrets = Secrets::new(&server.settings());
        let get = async || secrets.get("secretsmanager:slack", Wanted::Url).await.unwrap().expose().to_owned();
        assert_eq!((get().await, get().await), ("one".into(), "one".into()));
        secrets.forget("secretsmanager:slack").await;
        assert_eq!((get().await, get().await), ("two".into(), "two".into()));
        for (read, _) in secrets.kept.lock().await.values_mut() {
            *read = read.checked_sub(KEPT).unwrap();
        }
        assert_eq!(get().await, "three");
    }
}
