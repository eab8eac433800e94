//! Handing messages over: to Slack, to SNS and to anything that takes JSON over HTTP. One attempt, in a bounded time.

mod http;
pub(crate) mod secrets;
mod slack;
mod sns;
mod webhook;

#[cfg(test)]
pub(crate) mod fake;

use aws_config::SdkConfig;

use self::http::Http;
use self::secrets::Secrets;
use self::sns::Topics;
use super::{Message, Messenger, Sent};
use crate::config::Destination;

/// Hands messages to every kind of destination. Connections and secrets are made and read when they are first needed.
#[derive(Debug)]
pub struct Senders {
    http: Http,
    topics: Topics,
    secrets: Secrets,
}

impl Senders {
    /// With the settings that AWS clients are made with.
    #[must_use]
    pub fn new(settings: &SdkConfig) -> Self {
        Self { http: Http::default(), topics: Topics::new(settings), secrets: Secrets::new(settings) }
    }
}

impl Messenger for Senders {
    async fn send(&self, name: &str, destination: &Destination, message: &Message) -> Sent {
        let zone = destination.zone.as_ref();
        match destination {
            Destination { slack: Some(to), .. } => slack::send(&self.http, &self.secrets, to, zone, message).await,
            Destination { sns: Some(to), .. } => self.topics.send(to, zone, message).await,
            Destination { webhook: Some(to), .. } => {
                webhook::send(&self.http, &self.secrets, to, message, chrono::Utc::now()).await
            }
            // The configuration was checked; a destination that is none can be mended there.
            Destination { .. } => not_taken(format!("destination {name} says neither slack nor sns nor webhook")),
        }
    }
}

fn not_taken(reason: String) -> Sent {
    Sent::NotTaken { reason, retry_after: None }
}
