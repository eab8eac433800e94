//! What the notice says that a change moved access.

use chrono::{DateTime, Utc};

use super::text::{fact, quoted};
use crate::event::EventKey;
use crate::notify::compose::NoticeText;
use crate::report::impact::Reason;
use crate::rules::Level;

/// A change of a policy, tag or attribute, and what the counts show of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessMoved {
    /// The key of the change's event
    pub event: EventKey,
    /// When it happened
    pub at: DateTime<Utc>,
    /// The event's kind
    pub kind: String,
    /// Who did it, if the record says so
    pub by: Option<String>,
    /// What was changed, and where
    pub what: String,
    /// What the counts show
    pub verdict: String,
    /// Why that is worth telling
    pub reason: Reason,
}

impl AccessMoved {
    /// What is said.
    pub(super) fn text(&self, lake: &str) -> NoticeText {
        let Self { event, kind, by, what, verdict, reason, .. } = self;
        let (level, headline, means) = match reason {
            Reason::UsersReached => (
                Level::High,
                "After a change, people read what they did not read before",
                "Access was opened further, on purpose or not.",
            ),
            Reason::DeniedRose => (
                Level::Medium,
                "After a change, more queries are refused",
                "People may be kept from their work, or a gap was closed.",
            ),
            Reason::UsersLeft => (
                Level::Medium,
                "After a change, people no longer read what they read before",
                "Access was closed, on purpose or not.",
            ),
            Reason::DeniedFell => (
                Level::Medium,
                "After a change, fewer queries are refused",
                "Access may have been opened further, on purpose or not.",
            ),
        };
        let mut facts = vec![fact("change", format!("{kind}: {what}"))];
        facts.extend(by.iter().map(|by| fact("by", by.clone())));
        facts.push(fact("counted", verdict.clone()));
        NoticeText {
            level,
            headline: headline.to_owned(),
            facts,
            why: vec![
                means.to_owned(),
                "The day after the change is compared with the same hours a week before, and with what the change is not \
                 about. That one came after the other does not prove that it came of it."
                    .to_owned(),
            ],
            what_to_do: vec![
                "See with the command below who reads or is refused what since then.".to_owned(),
                "Ask whoever made the change whether that is what they wanted.".to_owned(),
                "If it is not, undo it, and list what was read meanwhile.".to_owned(),
            ],
            look: format!("immuta-watch impact {event} --lake {}", quoted(lake)),
        }
    }
}
