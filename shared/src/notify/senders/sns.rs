//! An SNS topic.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sns::config::{Config, ConfigBag, Intercept, Region, RuntimeComponents};
use aws_sdk_sns::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;

use super::http::{ATTEMPT, CONNECT};
use super::not_taken;
use crate::config::{SnsDestination, Zone};
use crate::digest;
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
        if to.topic.ends_with(FIFO) {
            request = request.message_group_id(GROUP).message_deduplication_id(deduplication(message));
        }
        let handed_over = HandedOver::default();
        let mut request = request.customize().interceptor(handed_over.clone());
        if let Some(region) = region(&to.topic) {
            // A topic is published to in its own region, wherever this runs.
            request = request.config_override(Config::builder().region(Region::new(region.to_owned())));
        }
        match request.send().await {
            Ok(published) => Sent::Accepted { reference: published.message_id },
            Err(error) => failed(&error, handed_over.0.load(Ordering::SeqCst)),
        }
    }
}

/// What the names of topics end with that keep messages in order.
const FIFO: &str = ".fifo";

/// Such a topic keeps the order within a group; all messages are one.
const GROUP: &str = "immuta-watch";

/// Of messages with one such id such a topic passes on the first, for five minutes. One that is marked must not fall away
/// for the first one's sake: it is the copy that the delivery record counts.
fn deduplication(message: &Message) -> String {
    let again = if message.possibly_repeated { "-again" } else { "" };
    format!("{}{again}", digest::short(message.id.as_bytes()))
}

/// Notes that a request was handed to the connection: before that it surely did not arrive.
#[derive(Debug, Clone, Default)]
struct HandedOver(Arc<AtomicBool>);

impl Intercept for HandedOver {
    fn name(&self) -> &'static str {
        "HandedOver"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// The region in a topic's ARN: `arn:aws:sns:eu-west-1:123456789012:alerts`.
fn region(topic: &str) -> Option<&str> {
    topic.split(':').nth(3).filter(|region| !region.is_empty())
}

/// What it means that publishing failed, before or after the request was handed to the connection.
fn failed(error: &SdkError<PublishError, HttpResponse>, was_handed_over: bool) -> Sent {
    match error {
        SdkError::ServiceError(answer) => answered(answer.err(), answer.raw().status().as_u16()),
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            by_status(status, format!("SNS answered {status}, which cannot be read: {}", chain(error)))
        }
        // No credentials, no region, no endpoint; nothing was sent, and it may be mended.
        _ if !was_handed_over => not_taken(format!("nothing was sent: {}", chain(error))),
        SdkError::TimeoutError(_) => Sent::Unknown { reason: "no answer in time".to_owned() },
        SdkError::DispatchFailure(_) if never_connected(error) => {
            not_taken(format!("nothing was sent: {}", chain(error)))
        }
        _ => Sent::Unknown { reason: format!("the answer was lost: {}", chain(error)) },
    }
}

/// What an error that SNS answered means.
fn answered(error: &PublishError, status: u16) -> Sent {
    let code = error.code().unwrap_or("an error without a code");
    let said = error.message().unwrap_or_default();
    let reason = render::line(&format!("SNS answered {status} {code} {said}"), LONGEST_REASON);
    let is_throttled = THROTTLED.iter().any(|part| code.contains(part));
    // `Invalid parameter: TopicArn`: not the message is at fault, but the configuration.
    let is_about_the_topic = TOPIC.iter().any(|name| said.contains(name));
    match error {
        _ if is_throttled => not_taken(reason),
        PublishError::InvalidParameterException(_)
        | PublishError::InvalidParameterValueException(_)
        | PublishError::ValidationException(_)
            if status == 400 && !is_about_the_topic =>
        {
            Sent::Rejected { reason }
        }
        _ => by_status(status, reason),
    }
}

/// What an answer means of which nothing but the status is understood.
fn by_status(status: u16, reason: String) -> Sent {
    match status {
        // Permissions, a topic that is gone, a key that is switched off: somebody can mend that.
        503 | 400..500 => not_taken(reason),
        // It failed midway, or it was taken, and what came back cannot be read.
        _ => Sent::Unknown { reason },
    }
}

/// The codes of throttling contain one of these: `Throttling`, `ThrottledException`, `KMSThrottling`, ...
const THROTTLED: [&str; 4] = ["Throttl", "RequestLimitExceeded", "TooManyRequests", "SlowDown"];

/// What SNS calls the topic in what it says of a parameter.
const TOPIC: [&str; 2] = ["TopicArn", "TargetArn"];

/// What a failure to connect (name, TCP and TLS alike) begins with. There is no other way to tell it from a connection that
/// broke later; should it be called otherwise one day, it only becomes unknown whether SNS took the message.
const CONNECTING: &str = "client error (Connect)";

fn never_connected(error: &(dyn Error + 'static)) -> bool {
    sources(error).any(|error| error.to_string().starts_with(CONNECTING))
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
        publish_to(&topic(), answer, &samples::alert()).await.0
    }

    async fn publish_to(topic: &SnsDestination, answer: Answer, message: &Message) -> (Sent, String) {
        let server = Server::start(vec![answer]).await;
        let topics = Topics::with_attempt(&server.settings(), Duration::from_millis(500));
        let sent = topics.send(topic, None, message).await;
        let mut requests = server.requests();
        assert_eq!(requests.len(), 1, "one attempt and no other");
        for part in ["Action=Publish", "MessageStructure=json", "Subject=", ".Value.DataType=String"] {
            assert!(requests[0].contains(part), "{part} is not in {}", requests[0]);
        }
        assert!(requests[0].contains("/eu-central-1/sns/"), "it is signed for the topic's region: {}", requests[0]);
        (sent, requests.remove(0))
    }

    fn topic() -> SnsDestination {
        SnsDestination { topic: "arn:aws:sns:eu-central-1:123456789012:alerts".into() }
    }

    fn error(status: u16, code: &str) -> Answer {
        error_that_says(status, code, "no\nluck")
    }

    fn error_that_says(status: u16, code: &str, said: &str) -> Answer {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{said}</Message></Error></ErrorResponse>"
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
    async fn an_answer_that_cannot_be_read_leaves_open_whether_sns_took_it() {
        for body in ["", "<html>welcome</html>", "<PublishResponse><Publ", "\u{1F980}"] {
            for answer in [Answer::status(200, "content-type: text/xml\r\n", body), Answer::status(204, "", body)] {
                let sent = publish(answer.clone()).await;
                let is_open = matches!(sent, Sent::Unknown { .. } | Sent::Accepted { reference: None });
                assert!(is_open, "{answer:?}: {sent:?}");
            }
        }
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n<Publ".to_owned();
        assert!(matches!(publish(Answer::Raw(half)).await, Sent::Unknown { .. }));
        assert!(matches!(publish(Answer::status(502, "", "<html>")).await, Sent::Unknown { .. }));
        // What a proxy refused did not get as far as SNS.
        assert!(matches!(publish(Answer::status(403, "", "<html>")).await, Sent::NotTaken { .. }));
    }

    #[tokio::test]
    async fn a_wrong_topic_can_be_mended_and_a_wrong_message_cannot() {
        for (said, is_mendable) in [
            ("Invalid parameter: TopicArn", true),
            ("Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements", true),
            ("Invalid parameter: Message too long", false),
        ] {
            let sent = publish(error_that_says(400, "InvalidParameter", said)).await;
            assert_eq!(matches!(sent, Sent::NotTaken { .. }), is_mendable, "{said}: {sent:?}");
            assert_eq!(matches!(sent, Sent::Rejected { .. }), !is_mendable, "{said}: {sent:?}");
        }
    }

    #[tokio::test]
    async fn a_topic_that_keeps_order_is_given_a_group_and_an_id_that_a_marked_repeat_does_not_share() {
        let topic = SnsDestination { topic: format!("{}.fifo", topic().topic) };
        let id = |request: &str| {
            assert!(request.contains("MessageGroupId=immuta-watch"), "{request}");
            request.split('&').find(|part| part.starts_with("MessageDeduplicationId=")).unwrap().to_owned()
        };
        let first = publish_to(&topic, Answer::Close, &samples::alert()).await.1;
        let unmarked = publish_to(&topic, Answer::Close, &samples::alert()).await.1;
        let repeat = Message { possibly_repeated: true, ..samples::alert() };
        let marked = publish_to(&topic, Answer::Close, &repeat).await.1;
        assert_eq!(id(&first), id(&unmarked));
        assert_ne!(id(&first), id(&marked));
        let standard = publish_to(&super::tests::topic(), Answer::Close, &samples::alert()).await.1;
        assert!(!standard.contains("MessageGroupId"), "{standard}");
    }

    #[tokio::test]
    async fn the_attributes_are_those_that_the_documented_filter_policy_asks_for() {
        let page = include_str!("../../../../docs/notifications.md");
        let policy = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
        let policy: serde_json::Map<String, serde_json::Value> = serde_json::from_str(policy).unwrap();
        let fits = |message: &Message| {
            let attributes = render::publication(message, None).attributes;
            policy.iter().all(|(name, wanted)| {
                let value = attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
                wanted.as_array().unwrap().iter().any(|wanted| wanted.as_str() == value)
            })
        };
        assert!(fits(&samples::alert()) && fits(&samples::storm()), "high, about permissions");
        assert!(!fits(&samples::notice()) && !fits(&samples::late()));
        let low = Message { level: crate::rules::Level::Low, ..samples::alert() };
        assert!(!fits(&low));
        // On the wire each of them has a name, a type and a value.
        let request = publish_to(&topic(), Answer::Close, &samples::alert()).await.1;
        for name in policy.keys() {
            assert!(request.contains(&format!(".Name={name}&")), "{name}: {request}");
        }
    }

    #[tokio::test]
    async fn without_credentials_nothing_was_taken() {
        let server = Server::start(Vec::new()).await;
        let mut settings = server.settings().to_builder();
        settings.set_credentials_provider(None);
        let settings = settings.build();
        let sent = Topics::new(&settings).send(&topic(), None, &samples::alert()).await;
        assert!(matches!(&sent, Sent::NotTaken { reason, .. } if reason.starts_with("nothing was sent")), "{sent:?}");
        assert!(server.requests().is_empty());
    }
}
