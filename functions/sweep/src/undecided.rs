//! Notifications of webhooks that were kept and never decided, because the function died, the lake failed or no pack was
//! in force: decided now, to the same end.

use chrono::{TimeDelta, Utc};
use immuta_watch::function::telemetry::{Metric, Severity};
use immuta_watch::function::{InForce, Invocation};
use immuta_watch::lake::{Judge, Kept, names, undecided};

use crate::task::Sweeper;

/// Whoever received it may be at it still; nobody is for so long.
const AT_IT: TimeDelta = TimeDelta::minutes(10);

/// How many are decided in one run; the others are for the next.
const MOST: usize = 500;

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
    /// Decides what was kept on this day and the day before, and says so if there was anything. What that leaves in the
    /// outbox is delivered at once, as far as time allows, and else by the task `deliver`.
    pub(crate) async fn decide_the_undecided(&self, in_force: &InForce, invocation: &Invocation) {
        let found = self.decide_all(in_force, invocation).await;
        if found == Caught::default() {
            return;
        }
        let severity = if found.left > 0 || found.reason.is_some() { Severity::Error } else { Severity::Warn };
        let line = invocation.line(severity, "Notifications decided late.").with("decided", found.decided);
        let line = line.count(Metric::WebhooksUndecided, found.left);
        self.desk.log.write(&match found.reason {
            Some(reason) => line.with("reason", reason),
            None => line,
        });
    }

    async fn decide_all(&self, in_force: &InForce, invocation: &Invocation) -> Caught {
        let mut found = Caught::default();
        let now = Utc::now();
        let mut receipts = Vec::new();
        for date in [(now - TimeDelta::days(1)).date_naive(), now.date_naive()] {
            match undecided(&self.desk.store, date).await {
                Ok(names) => receipts.extend(names),
                Err(error) => found.reason = Some(error.to_string()),
            }
        }
        receipts.retain(|name| names::received_at(name).is_some_and(|received| now - received > AT_IT));
        found.left = receipts.len().saturating_sub(MOST) as u64;
        let judge = Judge { pack: &in_force.pack, configuration: &in_force.configuration, lake: &self.desk.lake };
        let office = self.desk.office(in_force, invocation);
        for name in receipts.iter().take(MOST) {
            match self.decide(&judge, name).await {
                Err(reason) => {
                    found.left += 1;
                    found.reason.get_or_insert(reason);
                }
                Ok(entries) => {
                    found.decided += 1;
                    let (_, error) = office.deliver(&entries).await;
                    found.reason = found.reason.take().or(error.map(|error| error.to_string()));
                }
            }
        }
        found
    }

    /// Decides one; what its entries in the outbox begin with.
    async fn decide(&self, judge: &Judge<'_>, name: &str) -> Result<String, String> {
        let kept = Kept::read(&self.desk.store, name).await.map_err(|error| error.to_string())?;
        let kept = kept.ok_or_else(|| format!("{name} is gone"))?;
        judge.decide(&self.desk.store, &kept, Utc::now()).await.map_err(|error| error.to_string())?;
        Ok(judge.outbox_of(&kept))
    }
}
