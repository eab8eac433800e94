//! One invocation: which task the schedule asks for, the task's line, and the answer.

use std::sync::Arc;
use std::time::Instant;

use immuta_watch::aws::SdkConfig;
use immuta_watch::function::telemetry::{Line, Metric, Severity};
use immuta_watch::function::{Desk, Invocation, milliseconds_since};
use immuta_watch::lake::Taken;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;

/// The function.
pub(crate) struct Sweeper {
    pub(crate) desk: Desk,
    pub(crate) aws: SdkConfig,
}

/// What a task came to: its line, and its answer or the reason for which the invocation fails.
pub(crate) struct Came {
    pub(crate) line: Line,
    pub(crate) answer: Result<Value, String>,
}

/// What a schedule may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Deliver,
    Reconcile,
    CloseDay,
}

impl Task {
    fn of(event: &Value) -> Result<Self, String> {
        let advice = r#"give the schedule the input {"task":"deliver"}, {"task":"reconcile"} or {"task":"close-day"}"#;
        match event.get("task") {
            Some(task) if task == "deliver" => Ok(Self::Deliver),
            Some(task) if task == "reconcile" => Ok(Self::Reconcile),
            Some(task) if task == "close-day" => Ok(Self::CloseDay),
            Some(other) => Err(format!("there is no task {other}; {advice}")),
            None => Err(format!("the event names no task; {advice}")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Reconcile => "reconcile",
            Self::CloseDay => "close-day",
        }
    }
}

/// Does what an invocation asks for. One that fails is repeated by Lambda, and by the schedule.
pub(crate) async fn answer(sweeper: Arc<Sweeper>, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let begun = Instant::now();
    let invocation = Invocation::new(&*event.context.request_id, event.context.deadline);
    let (came, task) = match Task::of(&event.payload) {
        Err(reason) => (Came::failed(&invocation, reason), None),
        Ok(task) => (sweeper.run(task, &invocation).await, Some(task)),
    };
    let line = came.line.count(Metric::DurationMilliseconds, milliseconds_since(begun));
    let line = task.into_iter().fold(line, |line, task| line.with("task", task.name()));
    sweeper.desk.log.write(&line);
    Ok(came.answer?)
}

impl Sweeper {
    async fn run(&self, task: Task, invocation: &Invocation) -> Came {
        // Without a pack nobody knows whom to tell, and nothing that is put into the queue is classified.
        let in_force = match self.desk.in_force(invocation).await {
            Ok(in_force) => in_force,
            Err(error) => return Came::failed(invocation, error.to_string()),
        };
        // In boxes, since they are large and would make this future as large.
        match task {
            Task::Deliver => {
                // Should that fail, what lies in the outbox is told all the same.
                let _ = self.desk.correlate(&in_force, Taken::All, invocation).await;
                Box::pin(self.deliver(&in_force, invocation)).await
            }
            Task::CloseDay => Box::pin(self.close_day(&in_force, invocation)).await,
            Task::Reconcile => {
                let decided = Box::pin(self.decide_the_undecided(&in_force, invocation)).await;
                Box::pin(self.fetch_undelivered(&in_force, invocation)).await;
                let came = Box::pin(self.reconcile(&in_force, invocation)).await;
                let is_whole = came.answer.as_ref().is_ok_and(all_exports_are_there);
                let compared = Box::pin(self.compare_webhooks(&in_force, is_whole, invocation)).await;
                // Whatever failed fails the invocation, and is tried again, but holds up nothing of the rest.
                Came { answer: came.answer.and_then(|answer| decided.and(compared).map(|()| answer)), ..came }
            }
        }
    }
}

/// Whether every export that is in the bucket is in the lake, or was given up and told of, by the answer of the part that
/// compared them.
fn all_exports_are_there(answer: &Value) -> bool {
    let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(u64::MAX);
    let is_complete = answer.get("complete") == Some(&true.into());
    is_complete && count("under_way") == 0 && count("missing") == count("given_up").saturating_add(count("refused"))
}

impl Came {
    /// A task that came to nothing.
    pub(crate) fn failed(invocation: &Invocation, reason: String) -> Self {
        let line = invocation.line(Severity::Error, "Task failed.").with("reason", reason.clone());
        Self { line, answer: Err(reason) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn exports_are_there_unless_some_are_to_come() {
        let answer = |missing: u64, under_way: u64, complete: bool| json!({ "missing": missing, "given_up": 1, "refused": 2, "under_way": under_way, "complete": complete });
        assert!(all_exports_are_there(&answer(3, 0, true)));
        for answer in [answer(4, 0, true), answer(3, 1, true), answer(3, 0, false), json!({})] {
            assert!(!all_exports_are_there(&answer), "{answer}");
        }
    }

    #[test]
    fn anything_but_a_task_is_refused_with_the_tasks_there_are() {
        assert_eq!(Task::of(&json!({ "task": "deliver" })), Ok(Task::Deliver));
        assert_eq!(Task::of(&json!({ "task": "reconcile", "more": 1 })), Ok(Task::Reconcile));
        assert_eq!(Task::of(&json!({ "task": "close-day" })), Ok(Task::CloseDay));
        for event in [json!({ "task": "tidy" }), json!({}), json!([]), json!(null), json!({ "task": null })] {
            let reason = Task::of(&event).unwrap_err();
            assert!(reason.contains(r#"{"task":"reconcile"} or {"task":"close-day"}"#), "{reason}");
        }
        assert!(Task::of(&json!({ "task": "tidy" })).unwrap_err().starts_with(r#"there is no task "tidy""#));
    }
}
