//! The task `deliver`: every message that could not be delivered when it came up.

use std::collections::BTreeSet;

use chrono::Utc;
use immuta_watch::function::telemetry::{Metric, Severity};
use immuta_watch::function::{InForce, Invocation, tallied};
use serde_json::json;

use crate::task::{Came, Sweeper};

impl Sweeper {
    /// Delivers what lies in the outbox, as far as time allows. An entry that fails holds up no other, and fails nothing:
    /// it is tried again each minute, and how old it is says how long it has been.
    pub(crate) async fn deliver(&self, in_force: &InForce, invocation: &Invocation) -> Came {
        let done = match self.desk.deliver_outbox(in_force, usize::MAX, &BTreeSet::new(), invocation).await {
            Ok(done) => done,
            Err(error) => return Came::failed(invocation, error.to_string()),
        };
        let waiting = done.oldest_pending.map_or(0, |oldest| (Utc::now() - oldest).num_seconds());
        let severity = if done.failed > 0 { Severity::Warn } else { Severity::Info };
        let line = tallied(invocation.line(severity, "Outbox delivered."), done.tally)
            .with("entries", done.entries)
            .with("not_reached", done.not_reached)
            .with("failed", done.failed)
            .count(Metric::OldestPendingSeconds, u64::try_from(waiting).unwrap_or(0));
        let line = match done.reason {
            Some(reason) => line.with("reason", reason),
            None => line,
        };
        let tally = done.tally;
        let answer = json!({
            "sent": tally.sent, "possibly_repeated": tally.possibly_repeated, "folded": tally.folded,
            "rejected": tally.rejected, "pending": tally.pending,
            "entries": done.entries, "not_reached": done.not_reached, "failed": done.failed,
        });
        Came { line, answer: Ok(answer) }
    }
}
