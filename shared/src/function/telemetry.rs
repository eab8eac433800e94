//! The log of the functions: one JSON object a line, with everything about one piece of work on it. CloudWatch takes
//! metrics from the same line ([embedded metric format][emf]), so that a number on a chart leads to the lines that it
//! was made of.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "ImmutaWatch";

/// The one dimension of all metrics: the function's name.
pub const DIMENSION: &str = "Function";

/// The longest text on a line, in characters. A line holds a handful of texts, and CloudWatch takes 256 KiB of it.
const LONGEST_TEXT: usize = 4000;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Exports that were classified and committed
    ExportsClassified,
    /// Exports that could not be classified this time
    ExportsFailed,
    /// Alerts that correlations found
    AlertsCorrelated,
    /// Commits of which something is left to correlate
    CorrelationsLeft,
    /// Attempts at correlating that failed
    CorrelationsFailed,
    /// Exports that were refused for good: too large
    ExportsRefused,
    /// Exports that were gone before they were read
    ExportsGone,
    /// Objects that are no exports, and other things that S3 tells of
    PassedOver,
    /// Times that what is in force could not be read
    PacksUnreadable,
    /// Events in the exports
    Events,
    /// Lines that could not be read
    Quarantined,
    /// Lines of which nobody knows where they are
    Unaccounted,
    /// Alerts that the exports contributed to
    Alerts,
    /// Exports that should have a manifest and have none
    ExportsMissing,
    /// Of those, the ones that were put into the queue
    ExportsEnqueued,
    /// Messages that have yet to be delivered
    PendingDeliveries,
    /// How long the oldest of them has been waiting
    OldestPendingSeconds,
    /// Messages that a destination may have got twice; they say so
    PossiblyRepeated,
    /// Messages that a destination refused for good
    RejectedDeliveries,
    /// From an export's last event until it was classified
    LatenessSeconds,
    /// How long the work took
    DurationMilliseconds,
    /// The export's length as it lies in S3
    Bytes,
    /// Notifications of webhooks that were verified
    WebhooksReceived,
    /// Requests that were refused
    WebhooksRefused,
    /// Notifications that came before
    WebhooksRepeated,
    /// Notifications that were kept and are not decided
    WebhooksUndecided,
    /// Notifications of which only the text was looked at
    WebhooksNotUnderstood,
    /// Notifications that were answered with 500
    WebhooksLost,
    /// Times that the keys could not be read again
    WebhookKeysUnread,
    /// From a notification until it was decided
    DecisionMilliseconds,
    /// Notifications whose event never came
    NotificationsNotAudited,
    /// Events that no notification told of, though it should have
    ChangesNotAnnounced,
    /// Notifications that Immuta could not deliver, and that were fetched
    WebhooksRecovered,
    /// Times that Immuta's history of webhooks could not be gone through
    HistoryFailed,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Metric; 34] = [
        Metric::ExportsClassified,
        Metric::ExportsFailed,
        Metric::ExportsRefused,
        Metric::ExportsGone,
        Metric::PassedOver,
        Metric::PacksUnreadable,
        Metric::Events,
        Metric::Quarantined,
        Metric::Unaccounted,
        Metric::Alerts,
        Metric::AlertsCorrelated,
        Metric::CorrelationsLeft,
        Metric::CorrelationsFailed,
        Metric::ExportsMissing,
        Metric::ExportsEnqueued,
        Metric::PendingDeliveries,
        Metric::OldestPendingSeconds,
        Metric::PossiblyRepeated,
        Metric::RejectedDeliveries,
        Metric::LatenessSeconds,
        Metric::DurationMilliseconds,
        Metric::Bytes,
        Metric::WebhooksReceived,
        Metric::WebhooksRefused,
        Metric::WebhooksRepeated,
        Metric::WebhooksUndecided,
        Metric::WebhooksNotUnderstood,
        Metric::WebhooksLost,
        Metric::WebhookKeysUnread,
        Metric::DecisionMilliseconds,
        Metric::NotificationsNotAudited,
        Metric::ChangesNotAnnounced,
        Metric::WebhooksRecovered,
        Metric::HistoryFailed,
    ];

    /// Its name in CloudWatch.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Metric::ExportsClassified => "ExportsClassified",
            Metric::ExportsFailed => "ExportsFailed",
            Metric::ExportsRefused => "ExportsRefused",
            Metric::ExportsGone => "ExportsGone",
            Metric::PassedOver => "PassedOver",
            Metric::PacksUnreadable => "PacksUnreadable",
            Metric::Events => "Events",
            Metric::Quarantined => "Quarantined",
            Metric::Unaccounted => "Unaccounted",
            Metric::Alerts => "Alerts",
            Metric::AlertsCorrelated => "AlertsCorrelated",
            Metric::CorrelationsLeft => "CorrelationsLeft",
            Metric::CorrelationsFailed => "CorrelationsFailed",
            Metric::ExportsMissing => "ExportsMissing",
            Metric::ExportsEnqueued => "ExportsEnqueued",
            Metric::PendingDeliveries => "PendingDeliveries",
            Metric::OldestPendingSeconds => "OldestPendingSeconds",
            Metric::PossiblyRepeated => "PossiblyRepeated",
            Metric::RejectedDeliveries => "RejectedDeliveries",
            Metric::LatenessSeconds => "LatenessSeconds",
            Metric::DurationMilliseconds => "DurationMilliseconds",
            Metric::Bytes => "Bytes",
            Metric::WebhooksReceived => "WebhooksReceived",
            Metric::WebhooksRefused => "WebhooksRefused",
            Metric::WebhooksRepeated => "WebhooksRepeated",
            Metric::WebhooksUndecided => "WebhooksUndecided",
            Metric::WebhooksNotUnderstood => "WebhooksNotUnderstood",
            Metric::WebhooksLost => "WebhooksLost",
            Metric::WebhookKeysUnread => "WebhookKeysUnread",
            Metric::DecisionMilliseconds => "DecisionMilliseconds",
            Metric::NotificationsNotAudited => "NotificationsNotAudited",
            Metric::ChangesNotAnnounced => "ChangesNotAnnounced",
            Metric::WebhooksRecovered => "WebhooksRecovered",
            Metric::HistoryFailed => "HistoryFailed",
        }
    }

    /// Its unit, as CloudWatch names units.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Metric::LatenessSeconds | Metric::OldestPendingSeconds => "Seconds",
            Metric::DurationMilliseconds | Metric::DecisionMilliseconds => "Milliseconds",
            Metric::Bytes => "Bytes",
            _ => "Count",
        }
    }

    /// What it says and what it should be, for the documentation.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Metric::ExportsClassified => "Exports that were classified and committed",
            Metric::ExportsFailed => {
                "Attempts at an export, or at reading a notification, that failed; the queue delivers it again"
            }
            Metric::ExportsRefused => "Exports that are too large for the function; a notice says what to do",
            Metric::ExportsGone => "Exports that were gone before they were read; a notice says so",
            Metric::PassedOver => {
                "Objects that are no exports (outside the prefix, the lake's own, empty), and what else S3 tells of"
            }
            Metric::PacksUnreadable => {
                "Times that the pack in force could not be read; a process that knew one went on with it"
            }
            Metric::Events => "Events that were classified",
            Metric::Quarantined => "Lines that could not be read",
            Metric::Unaccounted => "Lines read that are neither events nor quarantined nor blank; must be 0",
            Metric::Alerts => "Alerts that the export contributed to, those for the dashboard among them",
            Metric::AlertsCorrelated => {
                "Alerts that correlations over several exports found, or found graver than before"
            }
            Metric::CorrelationsLeft => {
                "Exports, and correlations with something to judge, that were left to the next run of `sweep`: somebody else was at it, or there was no time"
            }
            Metric::CorrelationsFailed => "Attempts at correlating that failed; `sweep` tries again",
            Metric::ExportsMissing => {
                "Exports of more than 15 minutes ago that are not in the lake as they are now; those that were refused count"
            }
            Metric::ExportsEnqueued => "Of those, the ones that were put into the queue",
            Metric::PendingDeliveries => "Messages that could not be delivered yet, and will be tried again",
            Metric::OldestPendingSeconds => {
                "How long the oldest message that is not delivered has been waiting; 0 if there is none"
            }
            Metric::PossiblyRepeated => {
                "Messages sent again because it was not known whether the first one was taken; they say so"
            }
            Metric::RejectedDeliveries => "Messages that a destination refused for good",
            Metric::LatenessSeconds => "From the export's last event until it was classified",
            Metric::DurationMilliseconds => "How long the work took: on an export, or on a task of sweep",
            Metric::Bytes => "The export's length as it lies in S3",
            Metric::WebhooksReceived => {
                "Notifications of Immuta's webhooks that were verified and kept, repeats among them"
            }
            Metric::WebhooksRefused => {
                "Requests to the webhooks' address that were refused: not signed, too large, and the like"
            }
            Metric::WebhooksUndecided => {
                "Notifications that were kept more than ten minutes ago and could not be decided; `sweep` tries again"
            }
            Metric::WebhooksRepeated => "Notifications that came before within ten minutes; they are not judged again",
            Metric::WebhooksNotUnderstood => {
                "Notifications that are not of the form that is known, or too long, so that rules had their text alone to go by"
            }
            Metric::WebhooksLost => {
                "Requests answered with 500, since they could not be verified or kept; Immuta does not send them again"
            }
            Metric::WebhookKeysUnread => {
                "Times that the keys could not be read again, so that those before are used on; said every five minutes at most"
            }
            Metric::DecisionMilliseconds => "From a notification until the decision about it was written",
            Metric::NotificationsNotAudited => {
                "Notifications of changes that the audit log does not have after two days; a notice names them"
            }
            Metric::ChangesNotAnnounced => {
                "Events that no webhook told of, of kinds of which this tenant's webhooks always told; a notice names them"
            }
            Metric::WebhooksRecovered => {
                "Notifications that Immuta could not deliver: fetched from its history, or sent again because `sweep` asked"
            }
            Metric::HistoryFailed => {
                "1 if Immuta's history of webhooks could not be gone through to its end; `sweep` tries again in an hour"
            }
        }
    }
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be
    Info,
    /// Somebody may have to look
    Warn,
    /// It did not work
    Error,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "INFO",
            Severity::Warn => "WARN",
            Severity::Error => "ERROR",
        }
    }
}

/// One line of the log.
#[derive(Debug, Clone)]
pub struct Line {
    severity: Severity,
    message: &'static str,
    fields: Map<String, Value>,
    metrics: Vec<(Metric, Value)>,
}

impl Line {
    /// A line that says `message`, the same words each time, so that lines are found by it.
    #[must_use]
    pub fn new(severity: Severity, message: &'static str) -> Self {
        Self { severity, message, fields: Map::new(), metrics: Vec::new() }
    }

    /// The line, of this severity or a higher one.
    #[must_use]
    pub fn at_least(mut self, severity: Severity) -> Self {
        self.severity = self.severity.max(severity);
        self
    }

    /// The line with another message: what was begun did not end as it should.
    #[must_use]
    pub fn saying(mut self, message: &'static str) -> Self {
        self.message = message;
        self
    }

    /// Adds a field. A text that is very long is cut.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) if text.chars().count() > LONGEST_TEXT => {
                Value::String(text.chars().take(LONGEST_TEXT).chain(['…']).collect())
            }
            value => value,
        };
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// Adds a metric.
    #[must_use]
    pub fn count(mut self, metric: Metric, value: u64) -> Self {
        self.metrics.push((metric, value.into()));
        self
    }

    /// The line as it is written: JSON, and no line break in it.
    #[must_use]
    pub fn encode(&self, function: &str, now: DateTime<Utc>) -> String {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), now.to_rfc3339_opts(SecondsFormat::Millis, true).into());
        line.insert("level".to_owned(), self.severity.as_str().into());
        line.insert("message".to_owned(), self.message.into());
        line.extend(self.fields.clone());
        if !self.metrics.is_empty() {
            line.insert(DIMENSION.to_owned(), function.into());
            line.extend(self.metrics.iter().map(|(metric, value)| (metric.name().to_owned(), value.clone())));
            let metrics: Vec<Value> = self
                .metrics
                .iter()
                .map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit() }))
                .collect();
            let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics });
            let directives = json!({ "Timestamp": now.timestamp_millis(), "CloudWatchMetrics": [directive] });
            line.insert("_aws".to_owned(), directives);
        }
        Value::Object(line).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(line: &Line) -> Value {
        let text = line.encode("classify", DateTime::from_timestamp(1_793_613_600, 5_000_000).unwrap());
        assert!(!text.contains('\n'));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn metrics_are_named_where_cloudwatch_looks_for_them() {
        let line = Line::new(Severity::Info, "Export classified.").count(Metric::Events, 7).count(Metric::Bytes, 9);
        let found = encoded(&line);
        assert_eq!((&found["Events"], &found["Function"]), (&json!(7), &json!("classify")));
        assert_eq!(found["_aws"]["Timestamp"], 1_793_613_600_005_i64);
        let directive = &found["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Metrics"][1], json!({ "Name": "Bytes", "Unit": "Bytes" }));
        assert_eq!(
            (&directive["Namespace"], &directive["Dimensions"]),
            (&json!("ImmutaWatch"), &json!([["Function"]]))
        );
    }

    #[test]
    fn a_line_without_metrics_has_no_directive() {
        let found = encoded(&Line::new(Severity::Error, "x").with("reason", "a\nb"));
        assert_eq!((found.get("_aws"), &found["level"], &found["reason"]), (None, &json!("ERROR"), &json!("a\nb")));
    }

    #[test]
    fn a_very_long_text_is_cut() {
        let found = encoded(&Line::new(Severity::Info, "x").with("export", "ü".repeat(5000)));
        assert_eq!(found["export"].as_str().unwrap().chars().count(), LONGEST_TEXT + 1);
    }

    #[test]
    fn names_of_metrics_are_those_of_their_variants() {
        for metric in Metric::ALL {
            assert_eq!(metric.name(), format!("{metric:?}"));
        }
    }
}
