//! The keys that webhooks are verified by, read from where they are kept.
//!
//! What is known is used on while it cannot be read again, and is given up only for what was read: better an old secret for a
//! while than a notification that nobody takes, for Immuta does not send it again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::telemetry::{Line, Metric, Severity};
use super::{Log, WebhookKeys};
use crate::notify::senders::secrets::{Secrets, Wanted};
use crate::webhook::{Keys, NoKeys};

/// How long keys are used before they are read again: a secret that was taken out of use is refused after this time.
const KEPT: Duration = Duration::from_mins(5);

/// How often keys are read at the most, once any are known: a secret may just have been changed, and neither somebody who
/// knocks with wrong ones nor a store that does not answer must make the function read at every knock.
const ANEW: Duration = Duration::from_secs(30);

/// How long reading may take once any are known. The function gives verifying two seconds, and what is known is to be used
/// in what is left of them.
const TIME_TO_READ: Duration = Duration::from_secs(1);

/// How often the log says that keys cannot be read again.
const SAID: Duration = Duration::from_mins(5);

/// The keys cannot be had. Says where they should be, never what they are.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// A place cannot be read.
    #[error("{0}")]
    Unread(String),
    /// What is there are no keys.
    #[error("{0}: {1}")]
    NoKeys(String, #[source] NoKeys),
    /// It takes too long.
    #[error("{0}: there was no answer within {time} second", time = TIME_TO_READ.as_secs())]
    TooSlow(String),
}

/// Holds the keys, and reads them when they are old.
pub struct KeyRing {
    secrets: Secrets,
    places: WebhookKeys,
    log: Log,
    known: Mutex<Option<Known>>,
}

struct Known {
    keys: Arc<Keys>,
    /// When they were read
    read: Instant,
    /// When it was last tried to read them
    tried: Instant,
    /// When the log last said that they cannot be read
    said: Option<Instant>,
}

impl Known {
    /// What the log is to say of keys that cannot be read again, if it did not a moment ago.
    fn complaint(&mut self, error: &KeyRingError) -> Option<Line> {
        if self.said.is_some_and(|said| said.elapsed() < SAID) {
            return None;
        }
        self.said = Some(Instant::now());
        let line = Line::new(Severity::Warn, "Keys could not be read again.").with("reason", error.to_string());
        let line = line.with("known_for_seconds", self.read.elapsed().as_secs());
        Some(line.count(Metric::WebhookKeysUnread, 1))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("places", &self.places).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// The keys at these places, with the settings that AWS clients are made with. Nothing is read yet. The log is told when
    /// keys that are known cannot be read again.
    #[must_use]
    pub fn new(places: WebhookKeys, aws: &SdkConfig, log: Log) -> Self {
        Self { secrets: Secrets::in_time_of(aws), places, log, known: Mutex::new(None) }
    }

    /// The keys, as they were a few minutes ago, or longer ago if they cannot be read again. Takes at most a second once
    /// any are known, and however long the store takes before that.
    ///
    /// # Errors
    /// [`KeyRingError`], if none are known.
    pub async fn keys(&self) -> Result<Arc<Keys>, KeyRingError> {
        let mut known = self.known.lock().await;
        if let Some(known) = &mut *known {
            if known.read.elapsed() >= KEPT {
                self.renew(known).await;
            }
            return Ok(Arc::clone(&known.keys));
        }
        let keys = Arc::new(self.read().await?);
        let now = Instant::now();
        *known = Some(Known { keys: Arc::clone(&keys), read: now, tried: now, said: None });
        Ok(keys)
    }

    /// The keys, read anew since something was not verified by those that are known; none if that was done or tried a moment
    /// ago, or cannot be done. Takes at most a second.
    pub async fn anew(&self) -> Option<Arc<Keys>> {
        let mut known = self.known.lock().await;
        let known = known.as_mut()?;
        self.renew(known).await.then(|| Arc::clone(&known.keys))
    }

    /// Reads the keys anew, unless that was tried a moment ago. Whether they were read.
    async fn renew(&self, known: &mut Known) -> bool {
        if known.tried.elapsed() < ANEW {
            return false;
        }
        // Noted before it is tried: whoever waits for it may break it off.
        known.tried = Instant::now();
        let read = timeout(TIME_TO_READ, self.read()).await;
        let error = match read.unwrap_or_else(|_| Err(KeyRingError::TooSlow(self.named()))) {
            Ok(keys) => {
                (known.keys, known.read, known.said) = (Arc::new(keys), Instant::now(), None);
                return true;
            }
            Err(error) => error,
        };
        if let Some(line) = known.complaint(&error) {
            self.log.write(&line);
        }
        false
    }

    async fn read(&self) -> Result<Keys, KeyRingError> {
        let secret = self.text(self.places.secret_from.as_deref()).await?;
        let token = self.text(self.places.token_from.as_deref()).await?;
        Keys::read(secret.as_deref(), token.as_deref()).map_err(|error| KeyRingError::NoKeys(self.named(), error))
    }

    /// The places, by their names.
    fn named(&self) -> String {
        let named = [&self.places.secret_from, &self.places.token_from].into_iter().flatten().cloned();
        named.collect::<Vec<_>>().join(" and ")
    }

    async fn text(&self, place: Option<&str>) -> Result<Option<String>, KeyRingError> {
        let Some(place) = place else { return Ok(None) };
        let read = self.secrets.anew(place, Wanted::Whole).await;
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
        (KeyRing::new(places, &server.settings(), Log::new("webhook")), server)
    }

    fn takes(keys: &Keys, token: &str) -> bool {
        let (kind, token, signatures) = ("tagCreated".to_owned(), Some(token.to_owned()), Vec::new());
        keys.verify(&Request { kind, token, signatures, body: Vec::new() }) != Err(Refusal::Unverified)
    }

    const ONE: &str = "one-of-16-letters";
    const TWO: &str = "two-of-16-letters";

    fn refusal() -> Answer {
        Answer::status(400, "content-type: application/x-amz-json-1.1\r\n", r#"{"__type":"AccessDenied"}"#)
    }

    /// As if so much time had passed.
    async fn later(ring: &KeyRing, time: Duration) {
        let mut known = ring.known.lock().await;
        let known = known.as_mut().unwrap();
        (known.read, known.tried) = (known.read - time, known.tried - time);
        known.said = known.said.map(|said| said - time);
    }

    #[tokio::test]
    async fn keys_are_read_once_and_anew_when_they_no_longer_fit_but_not_at_every_knock() {
        let (ring, server) = ring([ONE, TWO].map(kept).into()).await;
        for _ in 0..3 {
            assert!(takes(&ring.keys().await.unwrap(), ONE));
        }
        assert!(ring.anew().await.is_none(), "they were read a moment ago");
        later(&ring, ANEW).await;
        assert!(takes(&ring.anew().await.unwrap(), TWO));
        assert!(ring.anew().await.is_none());
        assert!(takes(&ring.keys().await.unwrap(), TWO));
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn keys_that_are_old_are_read_again() {
        let (ring, _server) = ring([ONE, TWO].map(kept).into()).await;
        assert!(takes(&ring.keys().await.unwrap(), ONE));
        later(&ring, KEPT).await;
        assert!(takes(&ring.keys().await.unwrap(), TWO));
    }

    #[tokio::test]
    async fn an_error_names_the_place_and_shows_nothing() {
        let (ring, _server) = ring(vec![kept(r#"{"hush": "hush"}"#)]).await;
        let error = ring.keys().await.unwrap_err().to_string();
        assert!(error.starts_with("secretsmanager:webhook: it holds neither"), "{error}");
        assert!(!format!("{ring:?} {error}").contains("hush"));
    }

    #[tokio::test]
    async fn known_keys_are_used_on_while_they_cannot_be_read_whoever_knocks() {
        let (ring, server) = ring(vec![kept(ONE), refusal(), kept("hush"), kept(TWO)]).await;
        assert!(takes(&ring.keys().await.unwrap(), ONE));
        later(&ring, KEPT).await;
        assert!(takes(&ring.keys().await.unwrap(), ONE));
        assert!(ring.known.lock().await.as_ref().unwrap().said.is_some());
        assert!(ring.anew().await.is_none(), "a moment ago they could not be read");
        later(&ring, ANEW).await;
        assert!(ring.anew().await.is_none(), "what is there now is too short");
        assert!(takes(&ring.keys().await.unwrap(), ONE));
        assert_eq!(server.requests().len(), 3);
        later(&ring, ANEW).await;
        assert!(takes(&ring.keys().await.unwrap(), TWO));
        assert!(ring.known.lock().await.as_ref().unwrap().said.is_none());
    }

    #[tokio::test]
    async fn that_keys_cannot_be_read_again_is_said_every_five_minutes_and_counted() {
        let (ring, _server) = ring(vec![kept(ONE)]).await;
        ring.keys().await.unwrap();
        later(&ring, KEPT).await;
        let error = ring.anew().await.map_or(KeyRingError::Unread("it is gone".to_owned()), |_| unreachable!());
        let complaint = async || ring.known.lock().await.as_mut().unwrap().complaint(&error);
        assert!(complaint().await.is_none(), "the failure was just said");
        later(&ring, SAID).await;
        let line = complaint().await.unwrap().encode("webhook", chrono::Utc::now());
        assert!(line.contains(r#""level":"WARN""#) && line.contains("it is gone"), "{line}");
        assert!(line.contains(r#""WebhookKeysUnread":1"#) && !line.contains(ONE), "{line}");
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_waited_for_a_second_twice_a_minute_even_if_nobody_waits() {
        let (ring, server) = ring(vec![kept(ONE), Answer::Never, Answer::Never]).await;
        assert!(takes(&ring.keys().await.unwrap(), ONE));
        later(&ring, KEPT).await;
        let begun = Instant::now();
        assert!(takes(&ring.keys().await.unwrap(), ONE));
        assert!((TIME_TO_READ..2 * TIME_TO_READ).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert!(takes(&ring.keys().await.unwrap(), ONE) && ring.anew().await.is_none());
        later(&ring, ANEW).await;
        assert!(timeout(Duration::from_millis(200), ring.anew()).await.is_err());
        assert!(ring.anew().await.is_none() && takes(&ring.keys().await.unwrap(), ONE));
        assert_eq!(server.requests().len(), 3);
    }
}
