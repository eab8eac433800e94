//! Destinations: whether the secret of each can be read and has the right shape, and whether its topic is there. Nothing is
//! sent unless that is asked for.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_sns::config::{Config, Region};
use aws_sdk_sns::error::ProvideErrorMetadata;
use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use super::finding::{Area, Finding, bounded};
use super::patient;
use super::test_message::test_message;
use crate::aws;
use crate::config::{Destination, SlackDestination, SnsDestination, WebhookDestination};
use crate::notify::senders::secrets::{SecretError, Secrets, Wanted};
use crate::notify::{Message, Messenger, Senders, Sent};

/// A secret that signs messages and is shorter than this, in bytes, can be guessed by trying.
const SHORTEST_SECRET: usize = 16;

/// Looks at destinations.
pub struct Destinations {
    secrets: Secrets,
    topics: aws_sdk_sns::Client,
    senders: Senders,
}

impl Destinations {
    /// With the settings that AWS clients are made of. Nothing is asked yet.
    #[must_use]
    pub fn new(aws: &SdkConfig) -> Self {
        let topics = aws_sdk_sns::Client::new(&patient(aws));
        Self { secrets: Secrets::new(aws), topics, senders: Senders::new(aws) }
    }

    /// Looks at each destination, all at once.
    pub async fn look(&self, destinations: &BTreeMap<String, Destination>) -> Vec<Finding> {
        let looks = destinations.iter().map(async |(name, destination)| {
            let about = format!("destination {name}");
            bounded(Area::Destinations, &about, async { vec![self.look_at(&about, destination).await] }).await
        });
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// Sends a test message to each, all at once; one attempt, of which nothing is kept. `by` is who sends it.
    pub async fn send(
        &self,
        destinations: &BTreeMap<String, Destination>,
        by: &str,
        lake: &str,
        now: DateTime<Utc>,
    ) -> Vec<Finding> {
        let message = test_message(by, lake, now);
        let sends = destinations.iter().map(async |(name, destination)| {
            let about = format!("message to {name}");
            bounded(Area::Destinations, &about, async {
                vec![outcome(&about, self.senders.send(name, destination, &message).await, &message)]
            })
            .await
        });
        join_all(sends).await.into_iter().flatten().collect()
    }

    async fn look_at(&self, about: &str, destination: &Destination) -> Finding {
        match destination {
            Destination { slack: Some(slack), .. } => self.slack(about, slack).await,
            Destination { sns: Some(topic), .. } => self.topic(about, topic).await,
            Destination { webhook: Some(webhook), .. } => self.webhook(about, webhook).await,
            // The configuration was checked when it was read.
            Destination { .. } => {
                let to_do = "Say exactly one of slack, sns and webhook.";
                Finding::failed(Area::Destinations, about, "it is of no kind", to_do)
            }
        }
    }

    async fn slack(&self, about: &str, slack: &SlackDestination) -> Finding {
        match self.secrets.get(&slack.url_from, Wanted::Url).await {
            Err(error) => unread(about, "Slack", &error),
            Ok(url) => slack_url(about, &slack.url_from, url.expose()),
        }
    }

    async fn webhook(&self, about: &str, webhook: &WebhookDestination) -> Finding {
        match self.secrets.get(&webhook.secret_from, Wanted::Secret).await {
            Err(error) => unread(about, "webhook", &error),
            Ok(secret) if secret.expose().len() < SHORTEST_SECRET => {
                let found =
                    format!("webhook; the secret in {} has fewer than {SHORTEST_SECRET} bytes", webhook.secret_from);
                let to_do = "Take a longer one, such as `openssl rand -hex 32` prints, here and at the receiver.";
                Finding::warning(Area::Destinations, about, found, to_do)
            }
            Ok(_) => {
                let found = format!("webhook; the secret in {} can be read", webhook.secret_from);
                Finding::ok(Area::Destinations, about, found)
            }
        }
    }

    async fn topic(&self, about: &str, sns: &SnsDestination) -> Finding {
        let request = self.topics.get_topic_attributes().topic_arn(&sns.topic).customize();
        // A topic is known in its own region alone: `arn:aws:sns:eu-west-1:123456789012:alerts`.
        let request = match sns.topic.split(':').nth(3).filter(|region| !region.is_empty()) {
            Some(region) => request.config_override(Config::builder().region(Region::new(region.to_owned()))),
            None => request,
        };
        match request.send().await {
            Ok(_) => Finding::ok(Area::Destinations, about, format!("SNS topic {}, which is there", sns.topic)),
            Err(error) => {
                let code = error.code().unwrap_or_default().to_owned();
                topic_failed(about, &sns.topic, &code, &aws::reason(&error))
            }
        }
    }
}

/// What it means that a topic could not be asked about.
fn topic_failed(about: &str, topic: &str, code: &str, reason: &str) -> Finding {
    if code.contains("Authorization") || code.contains("AccessDenied") {
        let found = format!("SNS topic {topic}; who runs this may not ask whether it is there");
        let to_do =
            "Allow sns:GetTopicAttributes on it, or try it out with --send. The functions need sns:Publish alone.";
        return Finding::warning(Area::Destinations, about, found, to_do);
    }
    let to_do = if code.contains("NotFound") {
        "Make the topic, or mend its ARN in the configuration or the template."
    } else {
        "Mend what it says, then try again."
    };
    Finding::failed(Area::Destinations, about, format!("SNS topic {topic}: {reason}"), to_do)
}

/// The shape of the URL of an incoming webhook, of which nothing is shown.
fn slack_url(about: &str, place: &str, url: &str) -> Finding {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let has_a_path =
        rest.and_then(|rest| rest.split_once('/')).is_some_and(|(host, path)| !host.is_empty() && !path.is_empty());
    if !has_a_path || url.chars().any(char::is_whitespace) {
        let found = format!("Slack; what is kept in {place} is no URL of an incoming webhook");
        let to_do = format!(
            "Keep in {place} the URL that Slack shows for the incoming webhook (https://hooks.slack.com/services/...), by \
             itself or as {{\"url\": ...}}."
        );
        return Finding::failed(Area::Destinations, about, found, to_do);
    }
    let is_local =
        rest.is_some_and(|rest| ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| rest.starts_with(host)));
    if url.starts_with("http://") && !is_local {
        let found = format!("Slack; the URL in {place} begins with http://, so that alerts go unencrypted");
        return Finding::warning(Area::Destinations, about, found, "Take the URL that begins with https://.");
    }
    Finding::ok(Area::Destinations, about, format!("Slack; the URL in {place} can be read"))
}

/// A secret that could not be had.
fn unread(about: &str, kind: &str, error: &SecretError) -> Finding {
    Finding::failed(Area::Destinations, about, format!("{kind}; {error}"), advice(error))
}

/// What to do about a secret that could not be had.
pub(super) fn advice(error: &SecretError) -> &'static str {
    match error {
        SecretError::NoPlace(_) => "Write secretsmanager:NAME or ssm:NAME.",
        SecretError::Empty(_) | SecretError::Lacks { .. } => {
            "Keep there what belongs there; docs/notifications.md says in which form."
        }
        SecretError::Unread { reason, .. } if reason.contains("NotFound") => {
            "Make it there (`aws secretsmanager create-secret`, `aws ssm put-parameter`), or mend its name or the region."
        }
        SecretError::Unread { reason, .. } if reason.contains("AccessDenied") => {
            "Allow secretsmanager:GetSecretValue or ssm:GetParameter on it, and kms:Decrypt if it has a key of its own, here \
             and to the functions."
        }
        SecretError::Unread { .. } => "Look whether the service can be reached from here, and with which credentials.",
    }
}

fn outcome(about: &str, sent: Sent, message: &Message) -> Finding {
    let look = "Mend what it says, then send again.";
    match sent {
        Sent::Accepted { .. } => {
            Finding::ok(Area::Destinations, about, format!("the test message {} was taken", message.id))
        }
        Sent::NotTaken { reason, .. } => {
            Finding::failed(Area::Destinations, about, format!("not taken: {reason}"), look)
        }
        Sent::Rejected { reason } => Finding::failed(Area::Destinations, about, format!("refused: {reason}"), look),
        Sent::Unknown { reason } => {
            let found = format!("it is not known whether it was taken: {reason}");
            Finding::failed(Area::Destinations, about, found, "Look there whether the test message arrived.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn the_shape_of_a_url_is_judged_and_nothing_of_it_is_shown() {
        for (url, verdict) in [
            ("https://hooks.slack.com/services/T0/B0/hush", Verdict::Ok),
            ("http://127.0.0.1:8080/services/hush", Verdict::Ok),
            ("http://chat.example.com/hooks/hush", Verdict::Warning),
            ("hush", Verdict::Failed),
            ("https://hush", Verdict::Failed),
            ("https://hooks.slack.com/hush hush", Verdict::Failed),
            ("xoxb-hush", Verdict::Failed),
        ] {
            let finding = slack_url("destination slack", "ssm:/slack", url);
            assert_eq!(finding.verdict, verdict, "{url}");
            assert!(!format!("{finding:?}").contains("hush"), "{finding:?}");
        }
    }

    #[test]
    fn a_topic_that_may_not_be_asked_about_may_be_there() {
        let verdict = |code| topic_failed("destination topic", "arn", code, "x").verdict;
        assert_eq!(verdict("AuthorizationErrorException"), Verdict::Warning);
        assert_eq!((verdict("NotFoundException"), verdict("")), (Verdict::Failed, Verdict::Failed));
    }

    #[test]
    fn a_test_message_says_that_it_is_one_and_who_sent_it() {
        let message = test_message("ann", "s3://b/lake", DateTime::UNIX_EPOCH);
        let text = crate::notify::render::json(&message);
        assert!(text.contains("nothing is wrong") && text.contains("ann") && text.contains("Test"), "{text}");
        assert_eq!(message.id, "test-19700101T000000000Z");
    }
}
