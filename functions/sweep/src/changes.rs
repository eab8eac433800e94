//! A part of the task `reconcile`: what Immuta told by webhook against what its audit log has.

use std::time::Instant;

use chrono::Utc;
use immuta_watch::function::telemetry::{Line, Metric, Severity};
use immuta_watch::function::{InForce, Invocation, tallied};
use immuta_watch::notify::Tally;
use immuta_watch::reconcile::changes::{Due, Run};

use crate::task::Sweeper;

/// What of the time left may be used for this: the rest is for telling.
const FOR_COMPARING: f64 = 0.7;

impl Sweeper {
    /// Compares what was written since the last run, and tells of what is missing at one end.
    ///
    /// # Errors
    /// It could not be done, and is for the next run. Nothing else waits for it.
    pub(crate) async fn compare_webhooks(
        &self,
        in_force: &InForce,
        all_exports_are_there: bool,
        invocation: &Invocation,
    ) -> Result<(), String> {
        let compared = self.compare_changes(in_force, all_exports_are_there, invocation).await;
        self.desk.log.write(&match &compared {
            Ok(line) => line.clone(),
            Err(reason) => {
                invocation.line(Severity::Error, "Webhooks could not be compared.").with("reason", reason.clone())
            }
        });
        compared.map(|_| ())
    }

    async fn compare_changes(
        &self,
        in_force: &InForce,
        all_exports_are_there: bool,
        invocation: &Invocation,
    ) -> Result<Line, String> {
        let until = Instant::now() + invocation.left().mul_f64(FOR_COMPARING);
        let is_time_up = || Instant::now() >= until;
        let due = Run::of(&self.desk.store, Utc::now(), all_exports_are_there, &is_time_up).await;
        let due = due.map_err(|error| error.to_string())?;
        // Told before it is entered: should the function die in between, the next run finds that it was told.
        let mut tally = Tally::default();
        for notice in &due.tell {
            tally += self.desk.tell_once(in_force, notice, invocation).await?.unwrap_or_default();
        }
        let line = line_of(invocation, &due, tally);
        let is_first = due.known.write(&self.desk.store, due.condition).await.map_err(|error| error.to_string())?;
        Ok(line.with("outcome", if is_first.is_some() { "compared" } else { "overtaken" }))
    }
}

fn line_of(invocation: &Invocation, due: &Due, tally: Tally) -> Line {
    let counts = due.counts;
    let is_well = counts.missing + counts.suspicious + counts.not_awaited == 0;
    let severity = if is_well { Severity::Info } else { Severity::Warn };
    let line = invocation
        .line(severity, "Webhooks compared.")
        .with("notifications", counts.notifications)
        .with("found", counts.found)
        .with("waiting", counts.waiting)
        .with("not_awaited", counts.not_awaited)
        .with("events", counts.events)
        .with("untold", counts.untold)
        .count(Metric::NotificationsNotAudited, counts.missing)
        .count(Metric::ChangesNotAnnounced, counts.suspicious);
    tallied(line, tally)
}
