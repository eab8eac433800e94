//! One export: from the notification to the lake and the people concerned.

use std::time::Instant;

use chrono::{SubsecRound, TimeDelta, Utc};
use immuta_watch::event::time;
use immuta_watch::export::{Arrival, Limits};
use immuta_watch::findings::{Bounds, Context};
use immuta_watch::function::telemetry::{Line, Metric, Severity};
use immuta_watch::function::{InForce, Invocation, milliseconds_since, tallied};
use immuta_watch::lake::{Announce, Lake, Manifest, OpenExport, Outcome, Store, SystemClock, Version, names};
use immuta_watch::lake::{S3Address, S3Export};
use immuta_watch::notify::{Announcer, Notice};

use crate::classifier::Classifier;
use crate::deadline::InTime;

/// What of the time left may be used for reading: the rest is kept for writing what was read, and for telling.
const FOR_READING: f64 = 0.75;

/// What came of an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    /// It is in the lake, or it was told why it never will be; the outbox of its source was tried
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
        // CloudWatch would count an average down by what took no work.
        let line = match came {
            Came::PassedOver => line,
            _ => line.count(Metric::DurationMilliseconds, milliseconds_since(begun)),
        };
        self.desk.log.write(&line);
        came
    }

    /// Why an object is no export, by its address alone.
    fn passes_over(&self, address: &S3Address) -> Option<&'static str> {
        let (bucket, key) = (address.bucket(), address.key());
        let whole_bucket = address.at("");
        let exports = self.desk.settings.exports.as_ref().unwrap_or(&whole_bucket);
        if self.desk.settings.lake.is_lakes_own(exports, bucket, key) {
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
        let export = S3Export::new(self.desk.s3.clone(), address);
        let version = match export.version().await {
            Err(error) => return failed(invocation, error.to_string()),
            Ok(None) => return self.gone(in_force, &export, arrival, announce, invocation).await,
            Ok(Some(version)) => version,
        };
        if version.bytes == 0 || version.bytes > self.desk.settings.largest_export {
            let known = match self.manifest_of(&export).await {
                Err(reason) => return failed(invocation, reason),
                Ok(known) => known,
            };
            match known {
                // What was an export and is empty now has no events any more: that is committed like anything else.
                None if version.bytes == 0 => return passed_over(invocation, "it is empty"),
                // Somebody has classified it elsewhere.
                Some(known) if version.bytes > 0 && known.etag == version.etag => {
                    return self.deliver(in_force, &known, classified_before(invocation), invocation).await;
                }
                _ if version.bytes > 0 => return self.refuse(in_force, &export, &version, announce, invocation).await,
                _ => {}
            }
        }
        let uri = export.source().uri.clone();
        let context = Context {
            pack: &in_force.pack,
            configuration: &in_force.configuration,
            limits: Limits::default(),
            bounds: Bounds::default(),
        };
        let longest = TimeDelta::from_std(invocation.left()).unwrap_or(TimeDelta::MAX);
        let lake = Lake { longest, ..Lake::new(&self.desk.store, &SystemClock) };
        let mut announcer = Announcer::new(&in_force.pack, in_force.notify(), &self.desk.lake, &uri, Utc::now());
        let announcer = announce.then_some(&mut announcer as &mut dyn Announce);
        let export = InTime { until: Instant::now() + invocation.left().mul_f64(FOR_READING), export };
        // In a box, since it is large and would make every future around it as large.
        match Box::pin(lake.commit(&export, &context, false, announcer, &mut |_| ())).await {
            Err(error) => failed(invocation, error.to_string()),
            Ok(Outcome::Gone) => self.gone(in_force, &export.export, arrival, announce, invocation).await,
            Ok(Outcome::Busy(until)) => {
                let until = time::text(until.trunc_subsecs(0));
                let reason = format!("another attempt is at work on it, or died; until {until} at the latest");
                let line = invocation.line(Severity::Warn, "Export put off.").with("outcome", "busy");
                (Came::Failed(reason.clone()), line.with("reason", reason))
            }
            Ok(Outcome::Committed(manifest)) => {
                let line = invocation.line(Severity::Info, "Export classified.").with("outcome", "committed");
                self.deliver(in_force, &manifest, counted(line, &manifest), invocation).await
            }
            Ok(Outcome::AlreadyCommitted(manifest)) => {
                self.deliver(in_force, &manifest, classified_before(invocation), invocation).await
            }
        }
    }

    /// Delivers what the commit had to tell. Whatever fails is no failure of the export, which is in the lake: what has
    /// to be told stays in the outbox.
    async fn deliver(
        &self,
        in_force: &InForce,
        manifest: &Manifest,
        line: Line,
        invocation: &Invocation,
    ) -> (Came, Line) {
        let office = self.desk.office(in_force, invocation);
        let (tally, error) = office.deliver(&names::outbox_of(&manifest.source)).await;
        let line = tallied(line, tally);
        let line = match error {
            None => line,
            Some(error) => line.at_least(Severity::Error).with("delivering_failed", error.to_string()),
        };
        (Came::Done, line)
    }

    async fn manifest_of(&self, export: &S3Export) -> Result<Option<Manifest>, String> {
        let name = names::manifest(&export.source().id);
        let Some(stored) = self.desk.store.get(&name).await.map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        // A damaged one is for the commit to complain of.
        Ok(serde_json::from_slice(&stored.content).ok())
    }

    /// An export that is no longer there: nothing is wrong if it was classified before, in the version that arrived.
    async fn gone(
        &self,
        in_force: &InForce,
        export: &S3Export,
        arrival: &Arrival,
        announce: bool,
        invocation: &Invocation,
    ) -> (Came, Line) {
        let known = match self.manifest_of(export).await {
            Err(reason) => return failed(invocation, reason),
            Ok(known) => known,
        };
        if known.is_some_and(|known| arrival.etag.as_ref().is_none_or(|etag| *etag == known.etag)) {
            let line = invocation.line(Severity::Info, "Export was classified before.");
            return (Came::Done, line.with("outcome", "gone_since"));
        }
        let notice = Notice::ExportGone { uri: export.source().uri.clone(), at: arrival.at.unwrap_or_else(Utc::now) };
        let line = invocation.line(Severity::Error, "Export gone.").with("outcome", "gone");
        let line = line.count(Metric::ExportsGone, 1).count(Metric::Unaccounted, 0);
        self.told(in_force, &notice, line, announce, invocation).await
    }

    async fn refuse(
        &self,
        in_force: &InForce,
        export: &S3Export,
        version: &Version,
        announce: bool,
        invocation: &Invocation,
    ) -> (Came, Line) {
        let notice = Notice::ExportTooLarge {
            uri: export.source().uri.clone(),
            etag: version.etag.clone(),
            bytes: version.bytes,
            most: self.desk.settings.largest_export,
            at: export.last_modified().unwrap_or_else(Utc::now),
        };
        let line = invocation.line(Severity::Error, "Export refused.").with("outcome", "too_large");
        let line = line.with("largest_export", self.desk.settings.largest_export);
        let line = line.count(Metric::ExportsRefused, 1).count(Metric::Bytes, version.bytes);
        self.told(in_force, &notice, line, announce, invocation).await
    }

    /// Tells a notice, unless silence was asked for.
    async fn told(
        &self,
        in_force: &InForce,
        notice: &Notice,
        line: Line,
        announce: bool,
        invocation: &Invocation,
    ) -> (Came, Line) {
        if !announce {
            return (Came::Done, line);
        }
        let line = line.with("notice", notice.id().to_string());
        match self.desk.tell(in_force, notice, invocation).await {
            Ok(tally) => (Came::Done, tallied(line, tally)),
            Err(reason) => (Came::Failed(reason.clone()), line.with("reason", reason)),
        }
    }
}

fn classified_before(invocation: &Invocation) -> Line {
    invocation.line(Severity::Info, "Export was classified before.").with("outcome", "already_committed")
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
