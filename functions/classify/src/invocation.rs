//! One invocation: which messages it brings, what becomes of each, and the answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use immuta_watch::export::{Notification, NotificationError, Source};
use immuta_watch::function::telemetry::{Metric, Severity};
use immuta_watch::function::{InForce, Invocation};
use immuta_watch::lake::{Taken, names};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::classifier::Classifier;
use crate::export::Came;

/// What of an invocation's time is kept for answering.
const FOR_THE_ANSWER: Duration = Duration::from_millis(1500);

/// Does what an invocation asks for. Messages of a queue fail one by one; anything else fails as an invocation, which
/// Lambda or the caller repeats.
pub(crate) async fn answer(classifier: Arc<Classifier>, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let invocation = Invocation::new(&*event.context.request_id, event.context.deadline);
    let is_of_a_queue = event.payload["Records"][0]["eventSource"] == "aws:sqs";
    let in_force = match classifier.desk.in_force(&invocation).await {
        Ok(in_force) => in_force,
        Err(error) => {
            let line = invocation.line(Severity::Error, "Nothing can be classified.").with("reason", error.to_string());
            classifier.desk.log.write(&line);
            return Err(error.into());
        }
    };
    let mut handled = BTreeSet::new();
    let answer = if is_of_a_queue {
        let messages = messages_of(event.payload);
        serde_json::to_value(take_batch(&classifier, &in_force, &invocation, messages, &mut handled).await)?
    } else {
        let notification = Notification::read(&event.payload);
        let done = take_message(&classifier, &in_force, invocation.clone(), notification, &mut handled).await;
        match done.failure {
            None => json!({ "exports": done.exports, "passed_over": done.passed_over }),
            Some(reason) => return Err(reason.into()),
        }
    };
    // Once for all exports of the batch, and for what others have left. What nobody is told of is in no hurry.
    // Should that fail, `sweep` does it; the exports are in the lake.
    let _ = classifier.desk.correlate(&in_force, Taken::Announced, &invocation).await;
    classifier.deliver_the_rest(&in_force, &handled, &invocation).await;
    Ok(answer)
}

/// The messages of a batch. One whose form is not as expected fails alone: of it, its id is enough.
fn messages_of(mut payload: Value) -> Vec<SqsMessage> {
    let records = payload["Records"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let message = |record: Value| {
        let message_id = record["messageId"].as_str().map(str::to_owned);
        serde_json::from_value(record).unwrap_or_else(|_| {
            let mut message = SqsMessage::default();
            message.message_id = message_id;
            message
        })
    };
    records.into_iter().map(message).collect()
}

/// One message after the other: an export may take all the memory there is.
async fn take_batch(
    classifier: &Arc<Classifier>,
    in_force: &Arc<InForce>,
    invocation: &Invocation,
    messages: Vec<SqsMessage>,
    handled: &mut BTreeSet<String>,
) -> SqsBatchResponse {
    let mut failures = SqsBatchResponse::default();
    for message in messages {
        let message_id = message.message_id.unwrap_or_default();
        let invocation = Invocation { message_id: Some(message_id.clone()), ..invocation.clone() };
        let notification = Notification::parse(message.body.as_deref().unwrap_or_default());
        if take_message(classifier, in_force, invocation, notification, handled).await.failure.is_some() {
            failures.add_failure(message_id);
        }
    }
    failures
}

/// What became of a message.
#[derive(Debug, Default)]
struct Done {
    /// Exports that are in the lake, or for which there is nothing more to do
    exports: u64,
    passed_over: u64,
    /// Why it must be tried again, if it must
    failure: Option<String>,
}

async fn take_message(
    classifier: &Arc<Classifier>,
    in_force: &Arc<InForce>,
    invocation: Invocation,
    notification: Result<Notification, NotificationError>,
    handled: &mut BTreeSet<String>,
) -> Done {
    let (notification, error) = match notification {
        Ok(mut notification) => {
            let error = notification.error.take();
            (notification, error)
        }
        Err(error) => (Notification::default(), Some(error)),
    };
    let mut done = Done { passed_over: notification.others, ..Done::default() };
    if let Some(error) = error {
        let reason = error.to_string();
        let line = invocation.line(Severity::Error, "Message not understood.").with("reason", reason.clone());
        classifier.desk.log.write(&line.count(Metric::ExportsFailed, 1));
        done.failure = Some(reason);
    } else if notification.arrivals.is_empty() {
        let line = invocation.line(Severity::Info, "Notification passed over.");
        let reason = "it tells of no object that arrived";
        classifier.desk.log.write(&line.with("reason", reason).count(Metric::PassedOver, notification.others));
    }
    for arrival in notification.arrivals {
        let (worker, pack, about) = (Arc::clone(classifier), Arc::clone(in_force), invocation.clone());
        let announce = notification.announce;
        let address = format!("s3://{}/{}", arrival.bucket, arrival.key);
        handled.insert(names::outbox_of(&Source::at(&*address).id));
        let work = move || Handle::current().block_on(worker.export(&pack, &arrival, announce, &about));
        let came = on_a_thread_of_its_own(work, invocation.left().saturating_sub(FOR_THE_ANSWER)).await;
        let came = came.unwrap_or_else(|reason| {
            let line = invocation.line(Severity::Error, "Export failed.").with("export", address);
            classifier.desk.log.write(&line.with("reason", reason).count(Metric::ExportsFailed, 1));
            Came::Failed(reason.to_owned())
        });
        match came {
            Came::Done => done.exports += 1,
            Came::PassedOver => done.passed_over += 1,
            Came::Failed(reason) => done.failure = done.failure.or(Some(reason)),
        }
    }
    done
}

/// Classifying takes the thread that it runs on. A panic ends that, and nothing else. What takes longer than `most` is no
/// longer waited for, so that the other messages of a batch are not lost with it; its lease runs out a minute after.
async fn on_a_thread_of_its_own<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    most: Duration,
) -> Result<T, &'static str> {
    match tokio::time::timeout(most, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err("the program failed at an assumption of its own; the log above says where"),
        Err(_) => Err("the function's time was up: S3 was too slow, or the function has too little time or memory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_own_work_alone() {
        let most = Duration::from_mins(1);
        assert!(
            on_a_thread_of_its_own(|| -> u8 { panic!("as it may happen") }, most).await.unwrap_err().contains("failed")
        );
        assert_eq!(on_a_thread_of_its_own(|| 7, most).await, Ok(7));
    }

    #[tokio::test]
    async fn what_takes_too_long_is_not_waited_for() {
        let slow = || std::thread::sleep(Duration::from_millis(300));
        assert!(on_a_thread_of_its_own(slow, Duration::from_millis(10)).await.unwrap_err().contains("time was up"));
    }

    #[test]
    fn a_record_of_an_unexpected_form_keeps_its_id_and_no_other_record_back() {
        let batch = json!({ "Records": [{ "messageId": "a", "body": 7 }, { "messageId": "b", "body": "x" }] });
        let messages = messages_of(batch);
        assert_eq!(
            messages.iter().map(|found| found.message_id.as_deref()).collect::<Vec<_>>(),
            [Some("a"), Some("b")]
        );
        assert_eq!((messages[0].body.as_deref(), messages[1].body.as_deref()), (None, Some("x")));
    }
}
