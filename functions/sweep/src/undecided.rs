//! A part of the task `reconcile`: notifications of webhooks that were kept and never decided, because the function died, the
//! lake failed or no pack was in force: decided now, to the same end.

use std::time::Instant;

use chrono::{NaiveDate, TimeDelta, Utc};
use immuta_watch::function::telemetry::{Metric, Severity};
use immuta_watch::function::{InForce, Invocation};
use immuta_watch::lake::{Judge, Kept, names, undecided};
use immuta_watch::reconcile::Backlog;

use crate::task::Sweeper;

/// Whoever received it may be at it still; nobody is for so long.
const AT_IT: TimeDelta = TimeDelta::minutes(10);

/// What of the time left may be used for this: what else is to be reconciled comes after it.
const FOR_DECIDING: f64 = 0.3;

/// What was caught up with.
#[derive(Debug, Default, PartialEq, Eq)]
struct Caught {
    /// Decided now
    decided: u64,
    /// Left for the next run
    left: u64,
    /// What went wrong, of the first that did
    reason: Option<String>,
}

impl Sweeper {
    /// Decides what was kept and is undecided, the oldest first, and says so. What that leaves in the outbox is delivered at
    /// once, as far as time allows, and else by the task `deliver`.
    ///
    /// # Errors
    /// It could not be looked for, and so nobody knows how many there are. Nothing else waits for it.
    pub(crate) async fn decide_the_undecided(&self, in_force: &InForce, invocation: &Invocation) -> Result<(), String> {
        let found = match self.decide_all(in_force, invocation).await {
            Ok(found) => found,
            Err(reason) => {
                let line = invocation.line(Severity::Error, "Undecided notifications could not be looked for.");
                self.desk.log.write(&line.with("reason", reason.clone()));
                return Err(reason);
            }
        };
        let (severity, message) = match found {
            Caught { left: 0, decided: 0, reason: None } => (Severity::Info, "No notification is undecided."),
            Caught { left: 0, reason: None, .. } => (Severity::Warn, "Notifications decided late."),
            _ => (Severity::Error, "Notifications decided late."),
        };
        let line = invocation.line(severity, message).with("decided", found.decided);
        let line = line.count(Metric::WebhooksUndecided, found.left);
        self.desk.log.write(&match found.reason {
            Some(reason) => line.with("reason", reason),
            None => line,
        });
        Ok(())
    }

    async fn decide_all(&self, in_force: &InForce, invocation: &Invocation) -> Result<Caught, String> {
        let until = Instant::now() + invocation.left().mul_f64(FOR_DECIDING);
        let mut found = Caught::default();
        let now = Utc::now();
        let backlog = Backlog::read(&self.desk.store, now).await.map_err(|error| error.to_string())?;
        let judge = Judge { pack: &in_force.pack, configuration: &in_force.configuration, lake: &self.desk.lake };
        let office = self.desk.office(in_force, invocation);
        let mut earliest_left: Option<NaiveDate> = None;
        for day in backlog.days() {
            let names = undecided(&self.desk.store, day).await.map_err(|error| error.to_string())?;
            let is_left_alone = |name: &&String| names::received_at(name).is_some_and(|at| now - at > AT_IT);
            for name in names.iter().filter(is_left_alone) {
                // At least one each time, or there would be no end to it.
                let is_in_time = found.decided == 0 || Instant::now() < until;
                let decided = if is_in_time { self.decide(&judge, name).await.map(Some) } else { Ok(None) };
                match decided {
                    Ok(Some(entries)) => {
                        found.decided += 1;
                        let (_, error) = office.deliver(&entries).await;
                        found.reason = found.reason.take().or(error.map(|error| error.to_string()));
                        continue;
                    }
                    Ok(None) => {}
                    Err(reason) => {
                        found.reason.get_or_insert(reason);
                    }
                }
                found.left += 1;
                earliest_left.get_or_insert(day);
            }
        }
        backlog.write(&self.desk.store, earliest_left).await.map_err(|error| error.to_string())?;
        Ok(found)
    }

    /// Decides one; what its entries in the outbox begin with.
    async fn decide(&self, judge: &Judge<'_>, name: &str) -> Result<String, String> {
        let kept = Kept::read(&self.desk.store, name).await.map_err(|error| error.to_string())?;
        let kept = kept.ok_or_else(|| format!("{name} is gone"))?;
        judge.decide(&self.desk.store, &kept, Utc::now()).await.map_err(|error| error.to_string())?;
        Ok(judge.outbox_of(&kept))
    }
}
