//! The keys that webhooks are verified by, read from where they are kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::WebhookKeys;
use crate::notify::senders::secrets::{Secrets, Wanted};
use crate::webhook::{Keys, NoKeys};

/// How often keys are read anew because something was not verified by them: a secret may just have been changed, and
/// somebody who knocks with wrong ones must not make the function read at every knock.
const ANEW: Duration = Duration::from_secs(30);

/// The keys cannot be had. Says where they should be, never what they are.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// A place cannot be read.
    #[error("{0}")]
    Unread(String),
    /// What is there are no keys.
    #[error("{0}: {1}")]
    NoKeys(String, #[source] NoKeys),
}

/// Holds the keys, and reads them when they are old.
pub struct KeyRing {
    secrets: Secrets,
    places: WebhookKeys,
    known: Mutex<Option<Known>>,
}

struct Known {
    keys: Arc<Keys>,
    read: Instant,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("places", &self.places).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// The keys at these places, with the settings that AWS clients are made with. Nothing is read yet.
    #[must_use]
    pub fn new(places: WebhookKeys, aws: &SdkConfig) -> Self {
        Self { secrets: Secrets::new(aws), places, known: Mutex::new(None) }
    }

    /// The keys, as they were a few minutes ago. Those that are known are used on if they cannot be read again: better
    /// an old secret for a while than a notification that nobody takes.
    ///
    /// # Errors
    /// [`KeyRingError`]
    pub async fn keys(&self) -> Result<Arc<Keys>, KeyRingError> {
        let mut known = self.known.lock().await;
        match (self.read().await, &*known) {
            (Ok(keys), _) => {
                let keys = Arc::new(keys);
                let read = known.as_ref().map_or_else(Instant::now, |known| known.read);
                *known = Some(Known { keys: Arc::clone(&keys), read });
                Ok(keys)
            }
            (Err(_), Some(known)) => Ok(Arc::clone(&known.keys)),
            (Err(error), None) => Err(error),
        }
    }

    /// The keys, read anew since something was not verified by those that are known; none if that was done a moment ago,
    /// or cannot be done.
    pub async fn anew(&self) -> Option<Arc<Keys>> {
        let mut known = self.known.lock().await;
        if known.as_ref().is_some_and(|known| known.read.elapsed() < ANEW) {
            return None;
        }
        for place in [&self.places.secret_from, &self.places.token_from].into_iter().flatten() {
            self.secrets.forget(place).await;
        }
        let read = self.read().await;
        if let Some(known) = &mut *known {
            known.read = Instant::now();
        }
        let keys = Arc::new(read.ok()?);
        *known = Some(Known { keys: Arc::clone(&keys), read: Instant::now() });
        Some(keys)
    }

    async fn read(&self) -> Result<Keys, KeyRingError> {
        let secret = self.text(self.places.secret_from.as_deref()).await?;
        let token = self.text(self.places.token_from.as_deref()).await?;
        let named = || [&self.places.secret_from, &self.places.token_from].into_iter().flatten().cloned();
        Keys::read(secret.as_deref(), token.as_deref())
            .map_err(|error| KeyRingError::NoKeys(named().collect::<Vec<_>>().join(" and "), error))
    }

    async fn text(&self, place: Option<&str>) -> Result<Option<String>, KeyRingError> {
        let Some(place) = place else { return Ok(None) };
        let read = self.secrets.get(place, Wanted::Whole).await;
        read.map(|secret| Some(secret.expose().to_owned())).map_err(|error| KeyRingError::Unread(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::senders::fake::{Answer, Server};
    use crate::webhook::{Refusal, Request};

    fn kept(text: &str) -> Answer {
        Answer::json(&serde_json::json!({ "Name": "webhook", "SecretString": text }).to_string())
    }

    async fn ring(answers: Vec<Answer>) -> (KeyRing, Server) {
        let server = Server::start(answers).await;
        let places = WebhookKeys { secret_from: None, token_from: Some("secretsmanager:webhook".to_owned()) };
        (KeyRing::new(places, &server.settings()), server)
    }

    fn takes(keys: &Keys, token: &str) -> bool {
        let (kind, token, signature) = ("tagCreated".to_owned(), Some(token.to_owned()), None);
        keys.verify(&Request { kind, token, signature, body: Vec::new() }) != Err(Refusal::Unverified)
    }

    #[tokio::test]
    async fn keys_are_read_once_and_anew_when_they_no_longer_fit_but_not_at_every_knock() {
        let (ring, server) = ring(["one", "two"].map(kept).into()).await;
        for _ in 0..3 {
            assert!(takes(&ring.keys().await.unwrap(), "one"));
        }
        assert!(ring.anew().await.is_none(), "they were read a moment ago");
        ring.known.lock().await.as_mut().unwrap().read -= ANEW;
        assert!(takes(&ring.anew().await.unwrap(), "two"));
        assert!(ring.anew().await.is_none());
        assert!(takes(&ring.keys().await.unwrap(), "two"));
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn an_error_names_the_place_and_shows_nothing() {
        let (ring, _server) = ring(vec![kept(r#"{"hush": "hush"}"#)]).await;
        let error = ring.keys().await.unwrap_err().to_string();
        assert!(error.starts_with("secretsmanager:webhook: it holds neither"), "{error}");
        assert!(!format!("{ring:?} {error}").contains("hush"));
    }

    #[tokio::test]
    async fn known_keys_are_used_on_while_they_cannot_be_read() {
        let refusal =
            Answer::status(400, "content-type: application/x-amz-json-1.1\r\n", r#"{"__type":"AccessDenied"}"#);
        let (ring, _server) = ring(vec![kept("one"), refusal]).await;
        assert!(takes(&ring.keys().await.unwrap(), "one"));
        ring.secrets.forget("secretsmanager:webhook").await;
        assert!(takes(&ring.keys().await.unwrap(), "one"));
    }
}
