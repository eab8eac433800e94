//! Correlating what commits have touched, whoever made them.

use chrono::{DateTime, Utc};

use super::telemetry::{Metric, Severity};
use super::{Desk, InForce, Invocation};
use crate::lake::{CorrelateError, CorrelatedTally, Correlator, S3Store, SystemClock, Taken};

/// What of an invocation's time is kept for telling people of what was found.
const SHARE: f64 = 0.6;

impl Desk {
    /// Correlates what commits have touched. What fails, and what there is no time for, is left to the next run of `sweep`; it
    /// is on the log, and fails nothing else. None if nothing was touched.
    pub async fn correlate(
        &self,
        in_force: &InForce,
        taken: Taken,
        invocation: &Invocation,
    ) -> Result<CorrelatedTally, String> {
        let correlated = Box::pin(self.correlator(in_force, taken, invocation).correlate()).await;
        self.correlated(correlated, "Windows correlated.", invocation)
    }

    /// Judges what could not be judged before the log was whole up to this time.
    ///
    /// # Errors
    /// Why it failed, which is on the log
    pub async fn close(
        &self,
        in_force: &InForce,
        complete: DateTime<Utc>,
        invocation: &Invocation,
    ) -> Result<CorrelatedTally, String> {
        let closed = Box::pin(self.correlator(in_force, Taken::All, invocation).close(complete)).await;
        self.correlated(closed, "Windows closed.", invocation)
    }

    fn correlator<'c>(
        &'c self,
        in_force: &'c InForce,
        taken: Taken,
        invocation: &Invocation,
    ) -> Correlator<'c, S3Store> {
        let time = chrono::TimeDelta::from_std(invocation.left().mul_f64(SHARE)).unwrap_or_default();
        Correlator {
            store: &self.store,
            clock: &SystemClock,
            pack: &in_force.pack,
            configuration: &in_force.configuration,
            lake: &self.lake,
            taken,
            alone: false,
            until: Some(Utc::now() + time),
        }
    }

    fn correlated(
        &self,
        came: Result<CorrelatedTally, CorrelateError>,
        message: &'static str,
        invocation: &Invocation,
    ) -> Result<CorrelatedTally, String> {
        match came {
            Ok(tally) if tally == CorrelatedTally::default() => Ok(tally),
            Ok(tally) => {
                let line = invocation
                    .line(Severity::Info, message)
                    .with("touched", tally.entries)
                    .with("windows", tally.windows)
                    .with("changed", tally.changed)
                    .with("withdrawn", tally.withdrawn)
                    .count(Metric::AlertsCorrelated, tally.alerts)
                    .count(Metric::CorrelationsLeft, tally.left);
                self.log.write(&line);
                Ok(tally)
            }
            Err(error) => {
                let reason = error.to_string();
                let line = invocation.line(Severity::Error, "Correlating failed.").with("reason", reason.clone());
                self.log.write(&line.count(Metric::CorrelationsFailed, 1));
                Err(reason)
            }
        }
    }
}
