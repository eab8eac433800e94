//! An SNS topic.

use std::error::Error;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::config::{Config, Region};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;

use super::http::{ATTEMPT, CONNECT};
use super::not_taken;
use crate::config::{SnsDestination, Zone};
use crate::notify::{Message, Sent, render};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 300;

/// Publishes to topics.
#[derive(Debug)]
pub(super) struct Topics {
    client: aws_sdk_sns::Client,
}

impl Topics {
    pub(super) fn new(settings: &SdkConfig) -> Self {
        Self::with_attempt(settings, ATTEMPT)
    }

    fn with_attempt(settings: &SdkConfig, attempt: std::time::Duration) -> Self {
        let times = TimeoutConfig::builder().operation_timeout(attempt).connect_timeout(CONNECT).build();
        // The SDK's own second attempt would be a repeat that nobody marks.
        let settings = settings.to_builder().timeout_config(times).retry_config(RetryConfig::disabled()).build();
        Self { client: aws_sdk_sns::Client::new(&settings) }
    }

    /// Publishes a message once.
    pub(super) async fn send(&self, to: &SnsDestination, zone: Option<&Zone>, message: &Message) -> Sent {
        let publication = render::publication(message, zone);
        let mut request = self
            .client
            .publish()
            .topic_arn(&to.topic)
            .subject(publication.subject)
            .message(publication.body)
            .message_structure("json");
        for (name, value) in publication.attributes {
            match MessageAttributeValue::builder().data_type("String").string_value(value).build() {
                Ok(value) => request = request.message_attributes(name, value),
                Err(error) => return Sent::Rejected { reason: format!("attribute {name}: {error}") },
            }
        }
        let mut request = request.customize();
        if let Some(region) = region(&to.topic) {
            // A topic is published to in its own region, wherever this runs.
            request = request.config_override(Config::builder().region(Region::new(region.to_owned())));
        }
        match request.send().await {
            Ok(published) => Sent::Accepted { reference: published.message_id },
            Err(error) => failed(&error),
        }
    }
}

/// The region in a topic's ARN: `arn:aws:sns:eu-west-1:123456789012:alerts`.
fn region(topic: &str) -> Option<&str> {
    topic.split(':').nth(3).filter(|region| !region.is_empty())
}

/// What it means that publishing failed.
fn failed(error: &SdkError<PublishError, HttpResponse>) -> Sent {
    match error {
        // Nothing was sent, and it may be mended.
        SdkError::ConstructionFailure(_) => not_taken(format!("no request: {}", chain(error))),
        SdkError::TimeoutError(_) => Sent::Unknown { reason: "no answer in time".to_owned() },
        SdkError::DispatchFailure(_) if is_before_sending(error) => {
            not_taken(format!("nothing was sent: {}", chain(error)))
        }
        SdkError::ServiceError(answer) => answered(answer.err(), answer.raw().status().as_u16()),
        // Also an answer that cannot be read.
        _ => Sent::Unknown { reason: format!("the answer was lost: {}", chain(error)) },
    }
}

/// What an error that SNS answered means.
fn answered(error: &PublishError, status: u16) -> Sent {
    let code = error.code().unwrap_or("an error without a code");
    let said = error.message().unwrap_or_default();
    let reason = render::line(&format!("SNS answered {status} {code} {said}"), LONGEST_REASON);
    match error {
        PublishError::InvalidParameterException(_)
        | PublishError::InvalidParameterValueException(_)
        | PublishError::ValidationException(_) => Sent::Rejected { reason },
        _ if status == 503 || THROTTLED.iter().any(|part| code.contains(part)) => not_taken(reason),
        _ if status >= 500 => Sent::Unknown { reason },
        // Permissions, a topic that is gone, a key that is switched off: somebody can mend that.
        _ => not_taken(reason),
    }
}

/// The codes of throttling contain one of these: `Throttling`, `ThrottledException`, `KMSThrottling`, ...
const THROTTLED: [&str; 4] = ["Throttl", "RequestLimitExceeded", "TooManyRequests", "SlowDown"];

/// What failures before anything was sent begin with: to connect (name, TCP and TLS alike), and to find credentials. There
/// is no other way to tell them from a connection that broke later; should they be called otherwise one day, it only
/// becomes unknown whether SNS took the message.
const BEFORE_SENDING: [&str; 2] = ["client error (Connect)", "failed to select an auth scheme"];

fn is_before_sending(error: &(dyn Error + 'static)) -> bool {
    sources(error).any(|error| {
        let text = error.to_string();
        BEFORE_SENDING.iter().any(|start| text.starts_with(start))
    })
}

fn sources<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error and what it came from, as one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = sources(error).map(ToString::to_string).collect();
    render::line(&texts.join(": "), LONGEST_REASON)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fake::{Answer, Server, free_address, settings};
    use super::*;
    use crate::notify::render::samples;

    async fn publish(answer: Answer) -> Sent {
        let server = Server::start(vec![answer]).await;
        let topics = Topics::with_attempt(&server.settings(), Duration::from_millis(500));
        let sent = topics.send(&topic(), None, &samples::alert()).await;
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "one attempt and no other");
        for part in ["Action=Publish", "MessageStructure=json", "Subject=HIGH%3A", ".Value.DataType=String"] {
            assert!(requests[0].contains(part), "{part} is not in {}", requests[0]);
        }
        assert!(requests[0].contains("/eu-central-1/sns/"), "it is signed for the topic's region: {}", requests[0]);
        sent
    }

    fn topic() -> SnsDestination {
        SnsDestination { topic: "arn:aws:sns:eu-central-1:123456789012:alerts".into() }
    }

    fn error(status: u16, code: &str) -> Answer {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no\nluck</Message></Error></ErrorResponse>"
        );
        Answer::status(status, "content-type: text/xml\r\n", &body)
    }

    #[tokio::test]
    async fn what_sns_takes_is_known_by_its_message_id() {
        let body = "<PublishResponse><PublishResult><MessageId>94f20ce6</MessageId></PublishResult></PublishResponse>";
        let sent = publish(Answer::status(200, "content-type: text/xml\r\n", body)).await;
        assert_eq!(sent, Sent::Accepted { reference: Some("94f20ce6".into()) });
    }

    #[tokio::test]
    async fn each_error_of_sns_means_what_it_should() {
        for (status, code, expected) in [
            (400, "InvalidParameter", "rejected"),
            (400, "ParameterValueInvalid", "rejected"),
            (403, "AuthorizationError", "not taken"),
            (404, "NotFound", "not taken"),
            (400, "KMSAccessDenied", "not taken"),
            (400, "KMSThrottling", "not taken"),
            (400, "Throttling", "not taken"),
            (503, "ServiceUnavailable", "not taken"),
            (500, "InternalError", "unknown"),
        ] {
            let (found, reason) = match publish(error(status, code)).await {
                Sent::Rejected { reason } => ("rejected", reason),
                Sent::NotTaken { reason, .. } => ("not taken", reason),
                Sent::Unknown { reason } => ("unknown", reason),
                Sent::Accepted { .. } => ("accepted", String::new()),
            };
            assert_eq!((found, reason), (expected, format!("SNS answered {status} {code} no luck")));
        }
    }

    #[tokio::test]
    async fn without_an_answer_it_is_unknown_whether_sns_took_it() {
        assert_eq!(publish(Answer::Never).await, Sent::Unknown { reason: "no answer in time".into() });
        assert!(matches!(publish(Answer::Close).await, Sent::Unknown { .. }));
    }

    #[tokio::test]
    async fn without_a_connection_nothing_was_taken() {
        let nobody = settings(&format!("http://{}", free_address().await));
        let sent = Topics::new(&nobody).send(&topic(), None, &samples::alert()).await;
        assert!(matches!(&sent, Sent::NotTaken { reason, .. } if reason.starts_with("nothing was sent")), "{sent:?}");
    }

    #[tokio::test]
    async fn without_credentials_nothing_was_taken() {
        let server = Server::start(Vec::new()).await;
        let mut settings = server.settings().to_builder();
        settings.set_credentials_provider(None);
        let settings = settings.build();
        let sent = Topics::new(&settings).send(&topic(), None, &samples::alert()).await;
        assert!(matches!(sent, Sent::NotTaken { .. }), "{sent:?}");
        assert!(server.requests().is_empty());
    }
}
