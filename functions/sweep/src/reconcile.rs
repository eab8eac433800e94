//! The task `reconcile`: exports that are not in the lake as they are now, and exports that do not come at all.

use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use immuta_watch::backfill::{Feeder, MESSAGES_AT_ONCE, notification};
use immuta_watch::function::telemetry::{Line, Metric, Severity};
use immuta_watch::function::{InForce, Invocation, tallied};
use immuta_watch::lake::{Condition, ExportPages, S3Address, S3Store};
use immuta_watch::notify::{Notice, Tally};
use immuta_watch::reconcile::exports::{Due, Run};
use serde_json::json;

use crate::task::{Came, Sweeper};

/// What of the time left may be used for comparing: the rest is kept for telling and for feeding the queue. What is not
/// reached is left to the next run.
const FOR_COMPARING: f64 = 0.4;

/// The outcome of a run that could not feed the queue.
const FAILED: &str = "failed";

/// What became of feeding the queue.
struct Fed {
    outcome: &'static str,
    enqueued: u64,
    reason: Option<String>,
}

impl Sweeper {
    /// Compares every export with its manifest, puts those that are missing into the queue, and tells of those of which
    /// nothing comes, and of a silence.
    pub(crate) async fn reconcile(&self, in_force: &InForce, invocation: &Invocation) -> Came {
        let settings = &self.desk.settings;
        let (exports, queue) = match (settings.needed_exports(), settings.needed_queue()) {
            (Ok(exports), Ok(queue)) => (exports, queue),
            (Err(error), _) | (_, Err(error)) => return Came::failed(invocation, error.to_string()),
        };
        let (due, is_complete) = match self.compare(exports, invocation).await {
            Ok(compared) => compared,
            Err(reason) => return Came::failed(invocation, reason),
        };
        let tally = match self.tell(in_force, exports, &due, invocation).await {
            Ok(tally) => tally,
            Err(reason) => return Came::failed(invocation, reason),
        };
        // Entered before anything is sent: of two runs at once one sends.
        let fed = match due.missing.write(&self.desk.store, due.condition.clone()).await {
            Err(error) => return Came::failed(invocation, error.to_string()),
            Ok(None) => Fed { outcome: "overtaken", enqueued: 0, reason: Some("another run was quicker".to_owned()) },
            Ok(Some(etag)) => self.feed(queue, &due, Condition::Matches(etag)).await,
        };
        let line = line_of(invocation, &due, &fed, tally, is_complete);
        let counts = due.counts;
        let answer = match fed.reason {
            Some(reason) if fed.outcome == FAILED => Err(reason),
            _ => Ok(json!({
                "outcome": fed.outcome, "exports": counts.exports, "missing": counts.missing, "under_way": counts.under_way,
                "refused": counts.refused, "enqueued": fed.enqueued,
                "waiting": counts.waiting, "given_up": counts.given_up, "complete": is_complete,
                "silent": due.silence.is_some(),
            })),
        };
        Came { line, answer }
    }

    /// What is due, and whether the end of the listing was reached.
    async fn compare(&self, exports: &S3Address, invocation: &Invocation) -> Result<(Due, bool), String> {
        let until = Instant::now() + invocation.left().mul_f64(FOR_COMPARING);
        let run = Run::begin(&self.desk.store, exports, Utc::now()).await;
        let mut run: Run<'_, S3Store> = run.map_err(|error| error.to_string())?;
        let pages = ExportPages::new(&self.desk.s3, exports, Some(&self.desk.settings.lake));
        let mut pages = match run.after() {
            Some(key) => pages.after(key),
            None => pages,
        };
        while let Some(page) = pages.next().await.map_err(|error| error.to_string())? {
            run.take(page).await.map_err(|error| error.to_string())?;
            if Instant::now() >= until {
                return Ok((run.finish(false), false));
            }
        }
        Ok((run.finish(true), true))
    }

    /// Tells of what is given up and of a silence. What was told before and could not be entered is told of once.
    async fn tell(
        &self,
        in_force: &InForce,
        exports: &S3Address,
        due: &Due,
        invocation: &Invocation,
    ) -> Result<Tally, String> {
        let silence = due.silence.map(|silence| Notice::ExportsSilent {
            exports: exports.to_string(),
            since: silence.since,
            usual_gap: silence.usual_gap,
        });
        let mut tally = Tally::default();
        for notice in due.tell.iter().chain(&silence) {
            tally += self.desk.tell_once(in_force, notice, invocation).await?.unwrap_or_default();
        }
        Ok(tally)
    }

    /// Puts what is due into the queue. What could not be put there is due again.
    async fn feed(&self, queue: &str, due: &Due, condition: Condition) -> Fed {
        let feeder = Feeder::new(&self.aws, queue);
        let mut enqueued = 0;
        for batch in due.enqueue.chunks(MESSAGES_AT_ONCE) {
            let bodies: Vec<String> = batch.iter().map(|export| notification(export, true)).collect();
            if let Err(error) = feeder.send(&bodies).await {
                let left = due.without(due.enqueue.iter().skip(enqueued));
                let reason = match left.write(&self.desk.store, condition).await {
                    Ok(_) => error.to_string(),
                    Err(also) => format!("{error}; and that it failed could not be entered: {also}"),
                };
                return Fed { outcome: FAILED, enqueued: enqueued as u64, reason: Some(reason) };
            }
            enqueued += batch.len();
        }
        Fed { outcome: "reconciled", enqueued: enqueued as u64, reason: None }
    }
}

fn line_of(invocation: &Invocation, due: &Due, fed: &Fed, tally: Tally, is_complete: bool) -> Line {
    let counts = due.counts;
    let severity = match due.silence {
        _ if fed.outcome == FAILED => Severity::Error,
        None if counts.missing == 0 => Severity::Info,
        _ => Severity::Warn,
    };
    let mut line = invocation
        .line(severity, "Exports reconciled.")
        .with("outcome", fed.outcome)
        .with("exports", counts.exports)
        .with("manifests", due.manifests as u64)
        .with("manifests_read", counts.read)
        .with("under_way", counts.under_way)
        .with("refused", counts.refused)
        .with("given_up", counts.given_up)
        .with("waiting", counts.waiting)
        .with("complete", is_complete)
        .with("silent", due.silence.is_some())
        .count(Metric::ExportsMissing, counts.missing)
        .count(Metric::ExportsEnqueued, fed.enqueued);
    if let Some(newest) = due.newest {
        line = line.with("newest", newest.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    if let Some(silence) = due.silence {
        line = line.with("usual_gap_seconds", silence.usual_gap.num_seconds());
    }
    if let Some(reason) = &fed.reason {
        line = line.with("reason", reason.clone());
    }
    tallied(line, tally)
}
