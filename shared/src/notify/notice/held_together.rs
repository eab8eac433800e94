//! What the notice says that somebody holds permissions together that should be apart.

use chrono::{DateTime, Utc};

use super::text::{fact, in_words, quoted};
use crate::inventory::{Combination, Known};
use crate::notify::compose::NoticeText;
use crate::rules::Level;

/// A grant that gave somebody the second permission of a pair, long after the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTogether {
    /// Who holds both, as people read it
    pub who: String,
    /// The two permissions
    pub pair: [&'static str; 2],
    /// What whoever holds both can do
    pub because: &'static str,
    /// The permission that was given now
    pub given: &'static str,
    /// When
    pub at: DateTime<Utc>,
    /// By whom
    pub by: String,
    /// How the other one is known
    pub other: Known,
}

impl HeldTogether {
    /// What there is to say of a combination; none if it was not a grant that made it so.
    #[must_use]
    pub fn of(combination: &Combination<'_>) -> Option<Self> {
        let [(given, last), (_, other)] = combination.last_and_first();
        let Known::Event { at, by, .. } = last else { return None };
        Some(Self {
            who: combination.who.in_words(),
            pair: combination.pair.permissions,
            because: combination.pair.because,
            given,
            at: *at,
            by: by.clone(),
            other: other.clone(),
        })
    }

    /// What makes it the same: the person and the pair, whatever gave it.
    pub(super) fn key(&self) -> Vec<(String, Vec<String>)> {
        let permissions = self.pair.map(ToOwned::to_owned).to_vec();
        vec![("who".to_owned(), vec![self.who.to_lowercase()]), ("permissions".to_owned(), permissions)]
    }

    /// What is said.
    pub(super) fn text(&self, lake: &str) -> NoticeText {
        let [one, other] = self.pair;
        let held = if self.given == one { other } else { one };
        let since = match &self.other {
            Known::List(date) => format!("{held}, on the list of {date}"),
            Known::Event { at, by, .. } => format!("{held}, given at {} by {by}", in_words(*at)),
        };
        NoticeText {
            level: Level::High,
            headline: format!("{one} and {other} are held by one person"),
            facts: vec![
                fact("who", self.who.clone()),
                fact("given now", format!("{}, at {} by {}", self.given, in_words(self.at), self.by)),
                fact("held before", since),
            ],
            why: vec![
                self.because.to_owned(),
                "Most companies keep the two apart. The first was there for so long, or since before the first export, that no \
                 rule over grants sees both."
                    .to_owned(),
            ],
            what_to_do: vec![
                "Check in Immuta whether the person holds both permissions now.".to_owned(),
                "If they do, ask who decided it, and whether another person can take one of the two.".to_owned(),
                "If both must stay, write down why and until when. The command below lists everybody who holds both.".to_owned(),
            ],
            look: format!("immuta-watch inventory combinations --lake {}", quoted(lake)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Notice;

    fn held(given: &'static str, by: &str, at: &str) -> HeldTogether {
        HeldTogether {
            who: "Ann Lee (ann@example.com)".to_owned(),
            pair: ["GOVERNANCE", "USER_ADMIN"],
            because: "Can do both.",
            given,
            at: at.parse().unwrap(),
            by: by.to_owned(),
            other: Known::List("2026-11-01".parse().unwrap()),
        }
    }

    #[test]
    fn it_names_who_what_was_given_and_what_was_held_before() {
        let text = held("GOVERNANCE", "marta@example.com", "2026-11-20T11:02:00Z").text("s3://b/a lake");
        let facts: Vec<String> = text.facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect();
        assert_eq!(
            facts,
            [
                "who: Ann Lee (ann@example.com)",
                "given now: GOVERNANCE, at 2026-11-20T11:02:00Z by marta@example.com",
                "held before: USER_ADMIN, on the list of 2026-11-01",
            ]
        );
        assert!(text.look.ends_with("--lake 's3://b/a lake'"));
    }

    #[test]
    fn a_second_grant_of_the_day_is_the_same_notice_and_one_to_somebody_else_is_another() {
        let id = |held: HeldTogether| Notice::HeldTogether(held).id();
        let first = held("GOVERNANCE", "marta@example.com", "2026-11-20T11:02:00Z");
        assert_eq!(id(first.clone()), id(held("USER_ADMIN", "tom@example.com", "2026-11-20T15:00:00Z")));
        assert_ne!(id(first.clone()), id(HeldTogether { who: "Tom".to_owned(), ..first }));
    }
}
