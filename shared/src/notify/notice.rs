//! Notices: alerts that the watcher raises about its own work.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::announcement::{Announcement, Candidate, RuleWindow, Settled};
use super::compose::{self, NoticeText};
use super::message::{Fact, Message};
use crate::alerts::AlertId;
use crate::config::Destination;
use crate::findings::Blob;
use crate::lake::{Store, StoreError, names};
use crate::rules::{Level, Route};

/// Something that the watcher has to say of its own work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An export is larger than the function may take on
    ExportTooLarge {
        /// Where it lies
        uri: String,
        /// Its version
        etag: String,
        /// Its length in bytes
        bytes: u64,
        /// The most that the function takes on
        most: u64,
        /// When it was written
        at: DateTime<Utc>,
    },
    /// An export was gone before it was read
    ExportGone {
        /// Where it lay
        uri: String,
        /// When it was written
        at: DateTime<Utc>,
    },
    /// An export was put into the queue again and again, and is not in the lake
    ExportNotClassified {
        /// Where it lies
        uri: String,
        /// Its version
        etag: String,
        /// Since when it is known to be missing
        since: DateTime<Utc>,
    },
    /// No export has come for longer than usual
    ExportsSilent {
        /// Where they are looked for
        exports: String,
        /// When the last one came
        since: DateTime<Utc>,
        /// Gaps are seldom longer
        usual_gap: TimeDelta,
    },
    /// Another pack or configuration is in force
    PackChanged {
        /// The bundle before, if there was one
        from: Option<String>,
        /// The bundle now
        to: String,
        /// Who published it, as they said
        by: String,
        /// When
        at: DateTime<Utc>,
    },
}

/// Stands for the rule in the ids of notices; fixed for ever, since ids are derived from it.
const EXPORT_TOO_LARGE: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a01";
const EXPORT_GONE: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a02";
const PACK_CHANGED: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a03";
const EXPORT_NOT_CLASSIFIED: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a21";
const EXPORTS_SILENT: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a22";

impl Notice {
    fn rule(&self) -> (&'static str, &'static str) {
        match self {
            Notice::ExportTooLarge { .. } => (EXPORT_TOO_LARGE, "export_too_large"),
            Notice::ExportGone { .. } => (EXPORT_GONE, "export_gone"),
            Notice::ExportNotClassified { .. } => (EXPORT_NOT_CLASSIFIED, "export_not_classified"),
            Notice::ExportsSilent { .. } => (EXPORTS_SILENT, "exports_silent"),
            Notice::PackChanged { .. } => (PACK_CHANGED, "pack_changed"),
        }
    }

    fn at(&self) -> DateTime<Utc> {
        match self {
            Notice::ExportTooLarge { at, .. } | Notice::ExportGone { at, .. } | Notice::PackChanged { at, .. } => *at,
            Notice::ExportNotClassified { since, .. } | Notice::ExportsSilent { since, .. } => *since,
        }
    }

    /// What makes it the same notice when it comes up again.
    fn key(&self) -> Vec<(String, Vec<String>)> {
        let key = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        match self {
            Notice::ExportTooLarge { uri, etag, .. } | Notice::ExportNotClassified { uri, etag, .. } => {
                vec![key("export", uri), key("etag", etag)]
            }
            Notice::ExportsSilent { exports, since, .. } => {
                vec![key("exports", exports), key("since", &since.timestamp().to_string())]
            }
            Notice::ExportGone { uri, .. } => vec![key("export", uri)],
            Notice::PackChanged { from, to, at, .. } => vec![
                key("from", from.as_deref().unwrap_or_default()),
                key("to", to),
                key("at", &at.timestamp_millis().to_string()),
            ],
        }
    }

    /// Notices are counted by the day.
    fn window_start(&self) -> DateTime<Utc> {
        self.at().date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> AlertId {
        AlertId::new(self.rule().0, self.window_start(), &self.key())
    }

    /// What is said.
    #[must_use]
    pub fn message(&self, lake: &str) -> Message {
        let (rule, name) = self.rule();
        compose::notice(self.id(), rule, name, self.at(), self.text(lake))
    }

    fn text(&self, lake: &str) -> NoticeText {
        let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
        match self {
            Notice::ExportTooLarge { uri, bytes, most, .. } => NoticeText {
                level: Level::High,
                headline: "An export is too large for the function, and was not read".to_owned(),
                facts: vec![
                    fact("export", uri.clone()),
                    fact("size", mebibytes(*bytes)),
                    fact("the most it takes", mebibytes(*most)),
                ],
                why: vec!["Nothing of this export is in the lake yet.".to_owned()],
                what_to_do: vec![
                    "Classify it by hand, on a machine with a disk, with the command below.".to_owned(),
                    "If exports are always this large, give the function more memory or have Immuta export more often."
                        .to_owned(),
                ],
                look: format!("immuta-watch run {} --lake {} --notify", quoted(uri), quoted(lake)),
            },
            Notice::ExportGone { uri, .. } => NoticeText {
                level: Level::High,
                headline: "An export was gone before it was read".to_owned(),
                facts: vec![fact("export", uri.clone())],
                why: vec!["S3 said that it had come, and it is not there. What it held is in no ledger.".to_owned()],
                what_to_do: vec![
                    "Find out who removed it: nobody but a lifecycle rule of your own should remove audit exports."
                        .to_owned(),
                    "If the bucket keeps versions, the command below lists them. Copy the last one onto the same key; it is \
                     then read of itself."
                        .to_owned(),
                ],
                look: format!(
                    "aws s3api list-object-versions --bucket {} --prefix {}",
                    quoted(bucket_of(uri)),
                    quoted(key_of(uri))
                ),
            },
            Notice::ExportNotClassified { uri, since, .. } => NoticeText {
                level: Level::High,
                headline: "An export cannot be classified".to_owned(),
                facts: vec![fact("export", uri.clone()), fact("missing since", in_words(*since))],
                why: vec![
                    "It was put into the queue three times, and is not in the lake. What it holds is in no ledger."
                        .to_owned(),
                ],
                what_to_do: vec![
                    "Find its line in the log of the function classify, or its message in the dead-letter queue: they \
                     say why."
                        .to_owned(),
                    "Mend what they say, then classify it with the command below. It is not put into the queue again \
                     unless it is replaced."
                        .to_owned(),
                ],
                look: format!("immuta-watch run {} --lake {lake} --notify", quoted(uri)),
            },
            Notice::ExportsSilent { exports, since, usual_gap } => NoticeText {
                level: Level::High,
                headline: "No export has come for longer than usual".to_owned(),
                facts: vec![
                    fact("exports", exports.clone()),
                    fact("the last one came", in_words(*since)),
                    fact("they usually come within", length(*usual_gap)),
                ],
                why: vec!["What was done in Immuta since then is in no ledger, and nobody is told of it.".to_owned()],
                what_to_do: vec![
                    "Look in Immuta whether audit logs are still exported, and whether an export failed.".to_owned(),
                    "Look whether Immuta may still write to the bucket: its policy, its key, the role.".to_owned(),
                    "If nobody works with Immuta these days (a holiday), there is nothing to do.".to_owned(),
                ],
                look: format!("aws s3 ls --recursive {} | sort | tail", quoted(exports)),
            },
            Notice::PackChanged { from, to, by, .. } => NoticeText {
                level: Level::Medium,
                headline: "Another pack of rules or configuration is in force".to_owned(),
                facts: vec![
                    fact("before", from.clone().unwrap_or_else(|| "none".to_owned())),
                    fact("now", to.clone()),
                    fact("published by", by.clone()),
                ],
                why: vec!["What is reported, and to whom, may be different from now on.".to_owned()],
                what_to_do: vec![
                    "If you do not know of it, ask whoever published it.".to_owned(),
                    format!(
                        "`immuta-watch publish --rollback --lake {}` puts the one before in force again.",
                        quoted(lake)
                    ),
                ],
                look: format!("immuta-watch publish --show --lake {}", quoted(lake)),
            },
        }
    }

    /// Keeps the notice and leaves it in the outbox to be told, to whom routes say or to `everybody`; the name of the
    /// entry there.
    ///
    /// # Errors
    /// Those of the store; doing it again is safe.
    pub async fn announce(
        &self,
        store: &impl Store,
        lake: &str,
        everybody: Option<BTreeMap<String, Destination>>,
        now: DateTime<Utc>,
    ) -> Result<String, StoreError> {
        let (id, message) = (self.id(), self.message(lake));
        let of = RuleWindow { rule: self.rule().0.to_owned(), start: self.window_start() };
        let settled = Settled { level: message.level, route: Route::Both, raised: message.why.clone() };
        let candidate = Candidate {
            alert: id.clone(),
            of,
            message: message.clone(),
            settled,
            open: Vec::new(),
            changes: Vec::new(),
        };
        let announcement = Announcement {
            commit: None,
            everybody,
            written: now,
            candidates: vec![candidate],
            surplus: Vec::new(),
            late: Vec::new(),
        };
        let entry = names::outbox_notice(&id);
        store.put(&entry, &mut Blob::of(&announcement.encode())).await?;
        store.put(&names::notice(&id), &mut Blob::of(&serde_json::to_vec(&message).unwrap_or_default())).await?;
        Ok(entry)
    }
}

/// A notice that was kept; none if there is none of this id.
///
/// # Errors
/// Those of the store, and a notice that is damaged.
pub async fn read_notice(store: &impl Store, id: &AlertId) -> Result<Option<Message>, StoreError> {
    let name = names::notice(id);
    let Some(stored) = store.get(&name).await? else { return Ok(None) };
    let read = serde_json::from_slice(&stored.content);
    read.map(Some).map_err(|error| StoreError::new("read", &name, format!("the notice is damaged: {error}")))
}

#[expect(clippy::cast_precision_loss, reason = "a size for people to read")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

fn key_of(uri: &str) -> &str {
    uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).map_or("", |(_, key)| key)
}

fn in_words(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A length of time for people to read.
fn length(time: TimeDelta) -> String {
    match (time.num_hours(), time.num_minutes() % 60) {
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn bucket_of(uri: &str) -> &str {
    uri.strip_prefix("s3://").and_then(|rest| rest.split('/').next()).unwrap_or(uri)
}

/// A text as one word of a shell's.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:._-=+@,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
