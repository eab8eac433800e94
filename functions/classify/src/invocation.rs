//! One invocation: which messages it brings, what becomes of each, and the answer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use immuta_watch::export::Notification;
use immuta_watch::function::InForce;
use immuta_watch::function::telemetry::{Line, Metric, Severity};
use lambda_runtime::{Context, Error, LambdaEvent};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::classifier::Classifier;
use crate::export::Came;

/// Where a piece of work comes from, for the log, and until when it must be done.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    /// The message of the queue, if one brought it
    pub(crate) message_id: Option<String>,
    /// When Lambda ends the function
    pub(crate) deadline: Instant,
}

impl Invocation {
    fn of(context: &Context) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = Duration::from_millis(context.deadline).saturating_sub(now);
        Self { request_id: context.request_id.clone(), message_id: None, deadline: Instant::now() + left }
    }

    /// A line of the log about this work.
    pub(crate) fn line(&self, severity: Severity, message: &'static str) -> Line {
        let line = Line::new(severity, message).with("request_id", self.request_id.clone());
        match &self.message_id {
            Some(message_id) => line.with("message_id", message_id.clone()),
            None => line,
        }
    }
}

/// Does what an invocation asks for. Messages of a queue fail one by one; anything else fails as an invocation, which
/// Lambda or the caller repeats.
pub(crate) async fn answer(classifier: Arc<Classifier>, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let invocation = Invocation::of(&event.context);
    let is_of_a_queue = event.payload["Records"][0]["eventSource"] == "aws:sqs";
    let in_force = match classifier.in_force(&invocation).await {
        Ok(in_force) => in_force,
        Err(error) => {
            let line = invocation.line(Severity::Error, "Nothing can be classified.").with("reason", error.to_string());
            classifier.log.write(&line);
            return Err(error.into());
        }
    };
    let answer = if is_of_a_queue {
        let batch: SqsEvent = serde_json::from_value(event.payload)?;
        serde_json::to_value(take_batch(&classifier, &in_force, &invocation, batch).await)?
    } else {
        let done = take_message(&classifier, &in_force, invocation.clone(), Notification::read(&event.payload)).await;
        match done.failure {
            None => json!({ "exports": done.exports, "passed_over": done.passed_over }),
            Some(reason) => return Err(reason.into()),
        }
    };
    classifier.deliver_the_rest(&in_force, &invocation).await;
    Ok(answer)
}

/// One message after the other: an export may take all the memory there is.
async fn take_batch(
    classifier: &Arc<Classifier>,
    in_force: &Arc<InForce>,
    invocation: &Invocation,
    batch: SqsEvent,
) -> SqsBatchResponse {
    let mut failures = SqsBatchResponse::default();
    for message in batch.records {
        let message_id = message.message_id.unwrap_or_default();
        let invocation = Invocation { message_id: Some(message_id.clone()), ..invocation.clone() };
        let notification = Notification::parse(message.body.as_deref().unwrap_or_default());
        if take_message(classifier, in_force, invocation, notification).await.failure.is_some() {
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
    notification: Result<Notification, impl std::fmt::Display>,
) -> Done {
    let notification = match notification {
        Ok(notification) => notification,
        Err(error) => {
            let reason = error.to_string();
            let line = invocation.line(Severity::Error, "Message not understood.").with("reason", reason.clone());
            classifier.log.write(&line.count(Metric::ExportsFailed, 1));
            return Done { failure: Some(reason), ..Done::default() };
        }
    };
    let mut done = Done { passed_over: notification.others, ..Done::default() };
    if notification.others > 0 {
        let line = invocation.line(Severity::Info, "Notification passed over.");
        let reason = "it tells of something else than an object that arrived";
        classifier.log.write(&line.with("reason", reason).count(Metric::PassedOver, notification.others));
    }
    for arrival in notification.arrivals {
        let (worker, pack, about) = (Arc::clone(classifier), Arc::clone(in_force), invocation.clone());
        let announce = notification.announce;
        let address = format!("s3://{}/{}", arrival.bucket, arrival.key);
        let work = move || Handle::current().block_on(worker.export(&pack, &arrival, announce, &about));
        let came = on_a_thread_of_its_own(work).await.unwrap_or_else(|| {
            let reason = "the program failed at an assumption of its own; the log above says where";
            let line = invocation.line(Severity::Error, "Export failed.").with("export", address);
            classifier.log.write(&line.with("reason", reason).count(Metric::ExportsFailed, 1));
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

/// Classifying takes the thread that it runs on. A panic ends that, and nothing else: then there is no answer.
async fn on_a_thread_of_its_own<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_own_work_alone() {
        assert_eq!(on_a_thread_of_its_own(|| -> u8 { panic!("as it may happen") }).await, None);
        assert_eq!(on_a_thread_of_its_own(|| 7).await, Some(7));
    }
}
