//! What was decided about a notification. It stands beside the receipt, and what has none has yet to be decided.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::AlertId;
use crate::rules::{Level, Question, Route};

/// The version of the form.
pub(crate) const VERSION: u32 = 1;

/// What was decided about one notification. No clock is in it: judged again by the same pack, it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The version of this form
    pub version: u32,
    /// The receipt's name in the lake
    pub receipt: String,
    /// When it was received
    pub received: DateTime<Utc>,
    /// The type, as the body or the path says
    pub kind: String,
    /// What came of it
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The same came before, and was judged then
    Repeat {
        /// The other receipt's name in the lake
        of: String,
    },
    /// It was judged
    Judged {
        /// Whether the body has the form that Immuta documents; if not, only its text was looked at
        is_understood: bool,
        /// The rules that hold for it; none if nobody need know of it
        matches: Vec<Decided>,
        /// The pack's hash
        pack: String,
        /// The configuration's hash
        configuration: String,
        /// The release
        release: String,
    },
}

/// One rule that holds for a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The rule's id
    pub rule: String,
    /// The rule's name
    pub rule_name: String,
    /// The question it answers
    pub question: Question,
    /// The alert that it belongs to
    pub alert: AlertId,
    /// When the alert's window begins
    pub window_start: DateTime<Utc>,
    /// How much it matters
    pub level: Level,
    /// Where it shows
    pub route: Route,
}

impl Decision {
    /// The rules that hold; none for a repeat.
    #[must_use]
    pub fn matches(&self) -> &[Decided] {
        match &self.outcome {
            Outcome::Repeat { .. } => &[],
            Outcome::Judged { matches, .. } => matches,
        }
    }

    /// Whether it came before.
    #[must_use]
    pub fn is_repeat(&self) -> bool {
        matches!(self.outcome, Outcome::Repeat { .. })
    }

    /// As it is kept.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}
