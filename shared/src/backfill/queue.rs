//! Putting messages into an SQS queue.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use crate::aws::{self, SdkConfig};

/// The most messages that SQS takes in one call.
pub const MESSAGES_AT_ONCE: usize = 10;

/// How often messages are sent that SQS took the call of, but not them.
const ATTEMPTS: u32 = 5;

/// How long to wait before the second attempt; each further wait is twice as long.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Messages could not be put into the queue. Some of them may be in it.
#[derive(Debug, thiserror::Error)]
pub enum FeederError {
    /// The call failed.
    #[error("the queue {queue} takes no messages: {reason}")]
    Call {
        /// The queue's URL
        queue: String,
        /// What SQS said
        reason: String,
    },
    /// The call succeeded, but SQS did not take every message.
    #[error("the queue {queue} did not take {count} of the messages: {reason}")]
    Messages {
        /// The queue's URL
        queue: String,
        /// How many messages are not in the queue
        count: usize,
        /// What SQS said of one of them
        reason: String,
    },
}

/// Puts messages into a queue.
#[derive(Debug)]
pub struct Feeder {
    client: Client,
    queue: String,
}

impl Feeder {
    /// Feeds the queue of this URL.
    #[must_use]
    pub fn new(settings: &SdkConfig, queue: impl Into<String>) -> Self {
        Self { client: Client::new(settings), queue: queue.into() }
    }

    /// Puts messages into the queue, [`MESSAGES_AT_ONCE`] at the most. Once this has returned, all are in it; one whose
    /// answer was lost may be in it twice.
    ///
    /// # Errors
    /// [`FeederError`]
    pub async fn send(&self, bodies: &[String]) -> Result<(), FeederError> {
        let mut left: Vec<usize> = (0..bodies.len()).collect();
        let mut wait = AGAIN_AFTER;
        for attempt in 1.. {
            let failed = self.send_once(bodies, &left).await?;
            let Some((_, reason, is_final)) = failed.first() else { return Ok(()) };
            if *is_final || attempt == ATTEMPTS {
                let (queue, reason) = (self.queue.clone(), reason.clone());
                return Err(FeederError::Messages { queue, count: failed.len(), reason });
            }
            left = failed.into_iter().map(|(index, ..)| index).collect();
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        Ok(())
    }

    /// Sends some of the messages, and says which of them SQS did not take, why, and whether it never will; those that
    /// it never will come first.
    async fn send_once(&self, bodies: &[String], which: &[usize]) -> Result<Vec<(usize, String, bool)>, FeederError> {
        let call_failed = |reason: String| FeederError::Call { queue: self.queue.clone(), reason };
        let entries: Result<Vec<_>, _> = which
            .iter()
            .map(|index| {
                SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(&bodies[*index]).build()
            })
            .collect();
        let entries = entries.map_err(|error| call_failed(error.to_string()))?;
        let request = self.client.send_message_batch().queue_url(&self.queue).set_entries(Some(entries));
        let answer = request.send().await.map_err(|error| {
            let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
            call_failed(if code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist") {
                "there is none of this URL; check it, and that AWS_REGION is its region".to_owned()
            } else if code.contains("AccessDenied") || (code.is_empty() && aws::status(&error) == Some(403)) {
                "access denied; sqs:SendMessage on it is needed".to_owned()
            } else {
                aws::reason(&error)
            })
        })?;
        let index_of = |id: &str| id.parse().unwrap_or_default();
        let in_words = |code: &str, message: Option<&str>| match message {
            Some(message) => format!("{code}: {message}"),
            None => code.to_owned(),
        };
        let failed = answer.failed().iter();
        let mut failed: Vec<_> = failed
            .map(|entry| (index_of(entry.id()), in_words(entry.code(), entry.message()), entry.sender_fault()))
            .collect();
        failed.sort_by_key(|(index, _, is_final)| (!is_final, *index));
        Ok(failed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::replies::{Replies, Reply};

    /// An SQS that says of each call which entries it does not take, by their ids; and what it took.
    fn queue(mut fails: impl FnMut(usize, &str) -> Option<bool> + Send + 'static) -> Replies {
        let mut calls = 0;
        Replies::given_by(move |request| {
            calls += 1;
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let (mut successful, mut failed) = (Vec::new(), Vec::new());
            for entry in body["Entries"].as_array().unwrap() {
                let id = entry["Id"].as_str().unwrap();
                match fails(calls, id) {
                    None => successful.push(json!({ "Id": id, "MessageId": id, "MD5OfMessageBody": "-" })),
                    Some(is_senders) => failed.push(json!({ "Id": id, "Code": "No", "SenderFault": is_senders })),
                }
            }
            Reply::ok(json!({ "Successful": successful, "Failed": failed }).to_string())
        })
    }

    fn ids(s: &Replies) -> Vec<Vec<String>> {
        let body = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
        let id = |entry: &Value| entry["MessageBody"].as_str().unwrap().to_owned();
        s.requests()
            .iter()
            .map(|call| body(&call.body)["Entries"].as_array().unwrap().iter().map(id).collect())
            .collect()
    }

    fn messages() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    #[tokio::test]
    async fn messages_that_were_not_taken_are_sent_again_and_no_others() {
        let sqs = queue(|call, id| (call == 1 && id != "1").then_some(false));
        Feeder::new(&sqs.settings(), "http://127.0.0.1/1/queue").send(&messages()).await.unwrap();
        assert_eq!(ids(&sqs), [vec!["a", "b", "c"], vec!["a", "c"]]);
    }

    #[tokio::test]
    async fn a_message_that_will_never_be_taken_is_an_error_at_once() {
        let sqs = queue(|_, id| (id == "1").then_some(true));
        let error = Feeder::new(&sqs.settings(), "http://127.0.0.1/1/queue").send(&messages()).await.unwrap_err();
        assert!(matches!(error, FeederError::Messages { count: 1, .. }), "{error}");
        assert_eq!(ids(&sqs).len(), 1);
    }
}
