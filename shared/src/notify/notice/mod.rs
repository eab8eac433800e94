//! Notices: alerts that the watcher raises about its own work, and about what should agree and does not.

mod access_moved;
mod held_together;
mod text;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

pub use access_moved::AccessMoved;
pub use held_together::HeldTogether;

use super::announcement::{Announcement, Candidate, RuleWindow, Settled};
use super::compose;
use super::message::Message;
use crate::alerts::AlertId;
use crate::config::Destination;
use crate::findings::Blob;
use crate::lake::{Audited, Store, StoreError, names};
use crate::rules::Route;

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
    /// Immuta told of changes by webhook that its audit log does not have
    NotificationsNotAudited {
        /// The type of notification
        kind: String,
        /// How many
        count: u64,
        /// When the first was received
        received: DateTime<Utc>,
        /// The names of the first receipts, at least one
        receipts: Vec<String>,
        /// Stands for all of them
        all: String,
    },
    /// The audit log has changes that Immuta did not tell of, though it usually does
    ChangesNotAnnounced {
        /// The kind of audit event
        kind: String,
        /// How many
        count: u64,
        /// The first of them, at least one
        examples: Vec<Audited>,
        /// Stands for all of them
        all: String,
        /// How many events of this kind there were lately
        events: u64,
        /// Of how many of those Immuta told
        told: u64,
    },
    /// A change of a policy, tag or attribute moved access
    AccessMoved(AccessMoved),
    /// Somebody was given a permission that should be apart from one that they hold already
    HeldTogether(HeldTogether),
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
const NOTIFICATIONS_NOT_AUDITED: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a31";
const CHANGES_NOT_ANNOUNCED: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a32";
const EXPORT_NOT_CLASSIFIED: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a21";
const ACCESS_MOVED: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a41";
const HELD_TOGETHER: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a51";
const EXPORTS_SILENT: &str = "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a22";

impl Notice {
    fn rule(&self) -> (&'static str, &'static str) {
        match self {
            Notice::ExportTooLarge { .. } => (EXPORT_TOO_LARGE, "export_too_large"),
            Notice::ExportGone { .. } => (EXPORT_GONE, "export_gone"),
            Notice::ExportNotClassified { .. } => (EXPORT_NOT_CLASSIFIED, "export_not_classified"),
            Notice::ExportsSilent { .. } => (EXPORTS_SILENT, "exports_silent"),
            Notice::NotificationsNotAudited { .. } => (NOTIFICATIONS_NOT_AUDITED, "notifications_not_audited"),
            Notice::ChangesNotAnnounced { .. } => (CHANGES_NOT_ANNOUNCED, "changes_not_announced"),
            Notice::AccessMoved(_) => (ACCESS_MOVED, "access_moved"),
            Notice::HeldTogether(_) => (HELD_TOGETHER, "held_together"),
            Notice::PackChanged { .. } => (PACK_CHANGED, "pack_changed"),
        }
    }

    fn at(&self) -> DateTime<Utc> {
        match self {
            Notice::ExportTooLarge { at, .. } | Notice::ExportGone { at, .. } | Notice::PackChanged { at, .. } => *at,
            Notice::AccessMoved(moved) => moved.at,
            Notice::HeldTogether(held) => held.at,
            Notice::ExportNotClassified { since, .. } | Notice::ExportsSilent { since, .. } => *since,
            Notice::NotificationsNotAudited { received, .. } => *received,
            Notice::ChangesNotAnnounced { examples, .. } => {
                examples.iter().map(|audited| audited.change.time).min().unwrap_or_default()
            }
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
            Notice::NotificationsNotAudited { kind, all, .. } => vec![key("type", kind), key("receipts", all)],
            Notice::ChangesNotAnnounced { kind, all, .. } => vec![key("kind", kind), key("events", all)],
            Notice::AccessMoved(moved) => vec![key("event", &moved.event.to_string())],
            Notice::HeldTogether(held) => held.key(),
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
        let of = RuleWindow { rule: self.rule().0.to_owned(), start: self.window_start(), hours: 24 };
        let settled = Settled { level: message.level, route: Route::Both, raised: message.why.clone() };
        let candidate = Candidate {
            alert: id.clone(),
            of,
            message: message.clone(),
            settled,
            open: Vec::new(),
            changes: BTreeMap::new(),
        };
        let announcement = Announcement {
            commit: None,
            everybody,
            written: now,
            candidates: vec![candidate],
            surplus: Vec::new(),
            late: Vec::new(),
            withdrawn: Vec::new(),
            closing: None,
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
