//! The task `close-day`: what can be told only once the log is known to be whole. What did not happen, and what changes did to
//! access, and who came to hold permissions together that should be apart.

use std::collections::BTreeSet;

use chrono::Utc;
use immuta_watch::event::time;
use immuta_watch::function::telemetry::Severity;
use immuta_watch::function::{InForce, Invocation, tallied};
use immuta_watch::lake::{CorrelatedTally, Taken, move_watermark, remembered_watermark, watermark};
use serde_json::json;

use crate::task::{Came, Sweeper};

impl Sweeper {
    /// Sees up to when the log is whole, compares access around changes, correlates what is left, and judges what can be judged
    /// by then.
    pub(crate) async fn close_day(&self, in_force: &InForce, invocation: &Invocation) -> Came {
        let lateness = in_force.configuration.correlations.lateness.delta();
        let (store, now) = (&self.desk.store, Utc::now());
        let moved = match (remembered_watermark(store).await, watermark(store, lateness, now).await) {
            (Ok(former), Ok(complete)) => former.zip(complete).filter(|(former, complete)| former < complete),
            (Err(error), _) | (_, Err(error)) => return Came::failed(invocation, error.to_string()),
        };
        // Before the watermark is moved: what fails is done again with the next run.
        let (moved_access, held_together) = match moved {
            Some(stretch) => {
                let moved_access = Box::pin(self.tell_of_impacts(in_force, stretch, invocation)).await;
                (moved_access, Box::pin(self.tell_of_combinations(in_force, stretch, invocation)).await)
            }
            None => (Ok(0), Ok(0)),
        };
        let (moved_access, held_together) = match (moved_access, held_together) {
            (Ok(moved_access), Ok(held_together)) => (moved_access, held_together),
            (Err(reason), _) | (_, Err(reason)) => return Came::failed(invocation, reason),
        };
        let complete = match move_watermark(store, lateness, now).await {
            Ok(complete) => complete,
            Err(error) => return Came::failed(invocation, error.to_string()),
        };
        let correlated = self.desk.correlate(in_force, Taken::All, invocation).await;
        let closed = match complete {
            Some(complete) => self.desk.close(in_force, complete, invocation).await,
            None => Ok(CorrelatedTally::default()),
        };
        // What was found is told at once; should that fail, it lies in the outbox, and is tried again each minute.
        let delivered = self.desk.deliver_outbox(in_force, usize::MAX, &BTreeSet::new(), invocation).await;
        let tally = delivered.map(|delivered| delivered.tally).unwrap_or_default();
        let complete = complete.map(time::text);
        let line = tallied(invocation.line(Severity::Info, "Day closed."), tally);
        let line = match &complete {
            Some(complete) => line.with("complete_until", complete.clone()),
            None => line,
        };
        let (correlated, closed) = match (correlated, closed) {
            (Ok(correlated), Ok(closed)) => (correlated, closed),
            // What was found is told all the same; Lambda tries the rest again.
            (Err(reason), _) | (_, Err(reason)) => return Came { line, answer: Err(reason) },
        };
        let answer = json!({
            "complete_until": complete,
            "windows": correlated.windows + closed.windows,
            "alerts": correlated.alerts + closed.alerts,
            "withdrawn": correlated.withdrawn + closed.withdrawn,
            "left": correlated.left + closed.left,
            "moved_access": moved_access,
            "held_together": held_together,
        });
        Came { line, answer: Ok(answer) }
    }
}
