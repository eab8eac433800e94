//! One export: from the notification to the lake and the people concerned.

use std::time::Instant;

use chrono::Utc;
use immuta_watch::export::{Arrival, Limits};
use immuta_watch::findings::{Bounds, Context};
use immuta_watch::function::InForce;
use immuta_watch::function::telemetry::{Line, Metric, Severity};
use immuta_watch::lake::{Announce, Lake, Manifest, OpenExport, Outcome, Store, SystemClock, Version, names};
use immuta_watch::lake::{S3Address, S3Export};
use immuta_watch::notify::{Announcer, Notice};

use crate::classifier::{Classifier, tallied};
use crate::deadline::InTime;
use crate::invocation::Invocation;

/// What of the time left may be used for reading: the rest is kept for writing what was read, and for telling.
const FOR_READING: f64 = 0.75;

/// What came of an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    /// It is in the lake, or it was told why it never will be
    Done,
    /// It is no export
    PassedOver,
    /// It must be tried again
    Failed(String),
}

impl Classifier {
    /// Classifies the object that arrived, and tells the people concerned unless silence was asked for.
    pub(crate) async fn export(
        &self,
        in_force: &InForce,
        arrival: &Arrival,
        announce: bool,
        invocation: &Invocation,
    ) -> Came {
        let begun = Instant::now();
        let (came, line) = match S3Address::new(&*arrival.bucket, &*arrival.key) {
            Err(error) => failed(invocation, error.to_string()),
            Ok(address) => match self.passes_over(&address) {
                Some(reason) => passed_over(invocation, reason),
                None => self.classify(in_force, address, arrival, announce, invocation).await,
            },
        };
        let line = line.with("export", format!("s3://{}/{}", arrival.bucket, arrival.key));
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        // CloudWatch would count an average down by work that took no time.
        let line =
            if came == Came::PassedOver { line } else { line.count(Metric::DurationMilliseconds, milliseconds.max(1)) };
        self.log.write(&line);
        came
    }

    /// Why an object is no export, by its address alone.
    fn passes_over(&self, address: &S3Address) -> Option<&'static str> {
        let (bucket, key) = (address.bucket(), address.key());
        let whole_bucket = address.at("");
        let exports = self.settings.exports.as_ref().unwrap_or(&whole_bucket);
        if self.settings.lake.is_lakes_own(exports, bucket, key) {
            Some("it is the lake's own")
        } else if exports.name_within(bucket, key).is_none() {
            Some("it lies outside IMMUTA_WATCH_EXPORTS")
        } else {
            None
        }
    }

    async fn classify(
        &self,
        in_force: &InForce,
        address: S3Address,
        arrival: &Arrival,
        announce: bool,
        invocation: &Invocation,
    ) -> (Came, Line) {
        let export = S3Export::new(self.s3.clone(), address);
        let version = match export.version().await {
            Err(error) => return failed(invocation, error.to_string()),
            Ok(None) => return self.gone(in_force, &export, arrival, invocation).await,
            Ok(Some(version)) if version.bytes == 0 => return passed_over(invocation, "it is empty"),
            Ok(Some(version)) => version,
        };
        if version.bytes > self.settings.largest_export {
            return self.refuse(in_force, &export, &version, invocation).await;
        }
        let uri = export.source().uri.clone();
        let context = Context {
            pack: &in_force.pack,
            configuration: &in_force.configuration,
            limits: Limits::default(),
            bounds: Bounds::default(),
        };
        let lake = Lake { store: &self.store, clock: &SystemClock };
        let mut announcer = Announcer::new(&in_force.pack, in_force.notify(), &self.lake, &uri, Utc::now());
        let announcer = announce.then_some(&mut announcer as &mut dyn Announce);
        let left = invocation.deadline.saturating_duration_since(Instant::now());
        let export = InTime { until: Instant::now() + left.mul_f64(FOR_READING), export };
        // In a box, since it is large and would make every future around it as large.
        match Box::pin(lake.commit(&export, &context, false, announcer, &mut |_| ())).await {
            Err(error) => failed(invocation, error.to_string()),
            Ok(Outcome::Gone) => self.gone(in_force, &export.export, arrival, invocation).await,
            Ok(Outcome::Busy(until)) => {
                let reason = format!("another attempt is at work on it, or died; until {until} at the latest");
                let line = invocation.line(Severity::Warn, "Export put off.").with("outcome", "busy");
                (Came::Failed(reason.clone()), line.with("reason", reason))
            }
            Ok(Outcome::Committed(manifest)) => {
                let line = invocation.line(Severity::Info, "Export classified.").with("outcome", "committed");
                self.deliver(in_force, &manifest, counted(line, &manifest)).await
            }
            Ok(Outcome::AlreadyCommitted(manifest)) => {
                let line = invocation.line(Severity::Info, "Export was classified before.");
                self.deliver(in_force, &manifest, line.with("outcome", "already_committed")).await
            }
        }
    }

    /// Delivers what the commit had to tell. A destination that is down is no failure, since what it has to get stays in
    /// the outbox; a lake that fails is one.
    async fn deliver(&self, in_force: &InForce, manifest: &Manifest, line: Line) -> (Came, Line) {
        let (tally, error) = self.office(in_force).deliver(&names::outbox_of(&manifest.source)).await;
        let line = tallied(line, tally);
        match error {
            None => (Came::Done, line),
            Some(error) => (Came::Failed(error.to_string()), line.with("reason", error.to_string())),
        }
    }

    /// An export that is no longer there: nothing is wrong if it was classified before.
    async fn gone(
        &self,
        in_force: &InForce,
        export: &S3Export,
        arrival: &Arrival,
        invocation: &Invocation,
    ) -> (Came, Line) {
        match self.store.get(&names::manifest(&export.source().id)).await {
            Err(error) => return failed(invocation, error.to_string()),
            Ok(Some(_)) => {
                let line = invocation.line(Severity::Info, "Export was classified before.");
                return (Came::Done, line.with("outcome", "gone_since"));
            }
            Ok(None) => {}
        }
        let notice = Notice::ExportGone { uri: export.source().uri.clone(), at: arrival.at.unwrap_or_else(Utc::now) };
        let line = invocation.line(Severity::Error, "Export gone.").with("outcome", "gone");
        let line = line.count(Metric::ExportsGone, 1).count(Metric::Unaccounted, 0);
        self.told(in_force, &notice, line).await
    }

    async fn refuse(
        &self,
        in_force: &InForce,
        export: &S3Export,
        version: &Version,
        invocation: &Invocation,
    ) -> (Came, Line) {
        let notice = Notice::ExportTooLarge {
            uri: export.source().uri.clone(),
            etag: version.etag.clone(),
            bytes: version.bytes,
            most: self.settings.largest_export,
            at: export.last_modified().unwrap_or_else(Utc::now),
        };
        let line = invocation.line(Severity::Error, "Export refused.").with("outcome", "too_large");
        let line = line.with("largest_export", self.settings.largest_export);
        let line = line.count(Metric::ExportsRefused, 1).count(Metric::Bytes, version.bytes);
        self.told(in_force, &notice, line).await
    }

    async fn told(&self, in_force: &InForce, notice: &Notice, line: Line) -> (Came, Line) {
        let line = line.with("notice", notice.id().to_string());
        match self.tell(in_force, notice).await {
            Ok(tally) => (Came::Done, tallied(line, tally)),
            Err(reason) => (Came::Failed(reason.clone()), line.with("reason", reason)),
        }
    }
}

fn failed(invocation: &Invocation, reason: String) -> (Came, Line) {
    let line = invocation.line(Severity::Error, "Export failed.").with("outcome", "failed");
    (Came::Failed(reason.clone()), line.with("reason", reason).count(Metric::ExportsFailed, 1))
}

fn passed_over(invocation: &Invocation, reason: &'static str) -> (Came, Line) {
    let line = invocation.line(Severity::Info, "Export passed over.").with("outcome", "passed_over");
    (Came::PassedOver, line.with("reason", reason).count(Metric::PassedOver, 1))
}

/// The line of an export that was committed: every number that says whether anything was lost.
fn counted(line: Line, manifest: &Manifest) -> Line {
    let counts = manifest.counts;
    let alerts = manifest.files.iter().filter(|file| file.name.starts_with(names::ALERTS)).map(|file| file.rows).sum();
    let line = line
        .with("source", manifest.source.as_str())
        .with("pack", manifest.pack.clone())
        .with("configuration", manifest.configuration.clone())
        .with("conservation", counts.in_words())
        .with("undated", counts.undated)
        .with("plain_bytes", manifest.plain_bytes)
        .count(Metric::ExportsClassified, 1)
        .count(Metric::Events, counts.classified)
        .count(Metric::Quarantined, counts.quarantined)
        .count(Metric::Unaccounted, counts.unaccounted())
        .count(Metric::Alerts, alerts)
        .count(Metric::Bytes, manifest.bytes);
    let line = match &manifest.ended_early {
        Some(reason) => line.with("ended_early", reason.clone()),
        None => line,
    };
    match manifest.last_event {
        Some(last) => {
            let late = (Utc::now() - last).num_seconds();
            line.count(Metric::LatenessSeconds, u64::try_from(late).unwrap_or(0))
        }
        None => line,
    }
}
