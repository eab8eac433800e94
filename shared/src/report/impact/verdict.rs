//! What the counts of an impact show, said so that nobody takes chance, or a rise everywhere, for the change's effect.

use serde::Serialize;

use super::interval::{Certainty, Interval, Share, difference, share};
use super::{Impact, Scope};

/// So many queries must have been refused before a change of their share is notable.
pub const LEAST_DENIED: u64 = 10;
/// So many users must have been newly reached, left out or refused to be notable.
pub const LEAST_USERS: u64 = 3;

/// What a measure did in the scope, and in the rest of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// In the scope
    pub inside: Interval,
    /// In the rest; none if there is no rest, or too little of it
    pub outside: Option<Interval>,
    /// By how much the scope moved more than the rest
    pub beyond: Option<Interval>,
}

/// Where a measure moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Up, more than by chance and more than elsewhere
    Rose,
    /// Down, more than by chance and more than elsewhere
    Fell,
    /// More than by chance, but elsewhere as well, or too little was counted elsewhere to tell
    AsElsewhere,
    /// Chance explains it
    Unclear,
}

/// Why an impact is worth a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Users read what they did not read before
    UsersReached,
    /// More is refused
    DeniedRose,
    /// Users no longer read what they read before
    UsersLeft,
    /// Less is refused
    DeniedFell,
}

impl Effect {
    fn of(inside: Option<Interval>, outside: Option<Interval>) -> Option<Self> {
        let inside = inside?;
        Some(Self { inside, outside, beyond: outside.map(|outside| inside.minus(&outside)) })
    }

    /// Where it moved from a number that means no difference.
    #[must_use]
    pub fn direction(&self, neutral: f64) -> Direction {
        let beyond = self.beyond;
        if self.inside.is_above(neutral) {
            if beyond.is_none_or(|beyond| beyond.is_above(0.0)) { Direction::Rose } else { Direction::AsElsewhere }
        } else if self.inside.is_below(neutral) {
            if beyond.is_none_or(|beyond| beyond.is_below(0.0)) { Direction::Fell } else { Direction::AsElsewhere }
        } else {
            Direction::Unclear
        }
    }
}

/// Of the users that moved, as many as came by chance leave.
const AS_MANY_LEFT: f64 = 0.5;

impl Impact {
    /// By how much the share of refused queries rose, from -1 to 1. None if there was no query in one of the windows.
    #[must_use]
    pub fn denied_share(&self, certainty: Certainty) -> Option<Effect> {
        let rise = |compared: &super::Compared| {
            let share = |counts: &super::Counts| Share { part: counts.denied, whole: counts.queries };
            difference(share(&compared.before), share(&compared.after), certainty)
        };
        Effect::of(rise(&self.inside), self.outside.as_ref().and_then(rise))
    }

    /// Of the users who read in one window only, the share of those who did after. None if there are none.
    #[must_use]
    pub fn share_reached(&self, certainty: Certainty) -> Option<Effect> {
        let reached = |compared: &super::Compared| {
            let (reached, left) = (compared.moves.users_reached.total, compared.moves.users_left.total);
            share(Share { part: reached, whole: reached + left }, certainty)
        };
        Effect::of(reached(&self.inside), self.outside.as_ref().and_then(reached))
    }

    fn denied_moved(&self, certainty: Certainty) -> Direction {
        self.denied_share(certainty).map_or(Direction::Unclear, |effect| effect.direction(0.0))
    }

    fn users_moved(&self, certainty: Certainty) -> Direction {
        self.share_reached(certainty).map_or(Direction::Unclear, |effect| effect.direction(AS_MANY_LEFT))
    }

    /// The first reason why somebody should be told of it, if there is one: a measure moved more than by chance and more
    /// than elsewhere, with [`Certainty::High`], and at least [`LEAST_DENIED`] queries or [`LEAST_USERS`] users are
    /// concerned.
    #[must_use]
    pub fn is_notable(&self) -> Option<Reason> {
        let (inside, moves) = (&self.inside, &self.inside.moves);
        let (denied, users) = (self.denied_moved(Certainty::High), self.users_moved(Certainty::High));
        let rose = inside.after.denied >= LEAST_DENIED || moves.users_denied.total >= LEAST_USERS;
        if users == Direction::Rose && moves.users_reached.total >= LEAST_USERS {
            Some(Reason::UsersReached)
        } else if denied == Direction::Rose && rose {
            Some(Reason::DeniedRose)
        } else if users == Direction::Fell && moves.users_left.total >= LEAST_USERS {
            Some(Reason::UsersLeft)
        } else if denied == Direction::Fell && inside.before.denied >= LEAST_DENIED {
            Some(Reason::DeniedFell)
        } else {
            None
        }
    }

    /// What the counts show, in a sentence or two. No text from events is in it.
    #[must_use]
    pub fn verdict(&self) -> String {
        let (before, after) = (&self.inside.before, &self.inside.after);
        if before.queries + after.queries == 0 {
            return "No query was counted in either window: there is nothing to compare.".to_owned();
        }
        let said: Vec<String> = [self.denied_in_words(), self.users_in_words()].into_iter().flatten().collect();
        if said.is_empty() {
            return format!(
                "Denied queries: {} of {} before, {} of {} after. {} before, {} after. These counts can show no difference.",
                before.denied,
                before.queries,
                after.denied,
                after.queries,
                counted(before.readers, &format!("user read {}", self.it()), &format!("users read {}", self.it())),
                after.readers
            );
        }
        said.join(" ")
    }

    /// A few words for a list.
    #[must_use]
    pub fn verdict_in_short(&self) -> String {
        let (before, after, moves) = (&self.inside.before, &self.inside.after, &self.inside.moves);
        if before.queries + after.queries == 0 {
            return "not queried".to_owned();
        }
        let denied = format!("denied {} of {} → {} of {}", before.denied, before.queries, after.denied, after.queries);
        let denied = match self.denied_moved(Certainty::Usual) {
            Direction::Rose | Direction::Fell => Some(denied),
            Direction::AsElsewhere => Some(format!("{denied}, as elsewhere")),
            Direction::Unclear => None,
        };
        let users = match self.users_moved(Certainty::Usual) {
            Direction::Rose => Some(format!("{} reached", counted(moves.users_reached.total, "user", "users"))),
            Direction::Fell => Some(format!("{} left", counted(moves.users_left.total, "user", "users"))),
            Direction::AsElsewhere | Direction::Unclear => None,
        };
        let said: Vec<String> = denied.into_iter().chain(users).collect();
        if said.is_empty() { "no difference shown".to_owned() } else { said.join("; ") }
    }

    /// What is read: what the change is about, where it is about data.
    fn it(&self) -> &'static str {
        match self.scope {
            Scope::Objects(_) | Scope::Columns(_) => "it",
            Scope::Everything(_) | Scope::People(..) => "anything",
        }
    }

    fn denied_in_words(&self) -> Option<String> {
        let effect = self.denied_share(Certainty::Usual)?;
        let (before, after) = (&self.inside.before, &self.inside.after);
        let rose = effect.inside.estimate > 0.0;
        let moved = if rose { "rose" } else { "fell" };
        let counted = format!(
            "Denied queries {moved} from {} of {} to {} of {}",
            before.denied, before.queries, after.denied, after.queries
        );
        match effect.direction(0.0) {
            Direction::Unclear => None,
            Direction::AsElsewhere => Some(format!("{counted}, but {}", self.elsewhere(&effect, rose))),
            Direction::Rose | Direction::Fell => {
                let (low, high) = if rose {
                    (effect.inside.low, effect.inside.high)
                } else {
                    (-effect.inside.high, -effect.inside.low)
                };
                let beyond = if effect.outside.is_some() { ", and more than elsewhere" } else { "" };
                Some(format!(
                    "{counted}: more than chance (95 % sure that their share {moved} by {:.1} to {:.1} points){beyond}.",
                    low * 100.0,
                    high * 100.0
                ))
            }
        }
    }

    fn elsewhere(&self, effect: &Effect, rose: bool) -> String {
        let outside = self.outside.as_ref().map(|outside| (&outside.before, &outside.after));
        let same =
            effect.outside.is_some_and(|outside| if rose { outside.is_above(0.0) } else { outside.is_below(0.0) });
        match outside {
            Some((before, after)) if same => format!(
                "elsewhere as well, from {} of {} to {} of {}: these counts do not show that the change did it.",
                before.denied, before.queries, after.denied, after.queries
            ),
            _ => "too little was counted elsewhere to tell it from a change everywhere.".to_owned(),
        }
    }

    fn users_in_words(&self) -> Option<String> {
        let effect = self.share_reached(Certainty::Usual)?;
        let moves = &self.inside.moves;
        let beyond = if effect.outside.is_some() { ", and more than elsewhere" } else { "" };
        let (reached, left) = (moves.users_reached.total, moves.users_left.total);
        match effect.direction(AS_MANY_LEFT) {
            Direction::Rose => Some(format!(
                "{} {} who did not before, and {} stopped: more than chance{beyond}.",
                counted(reached, "user read", "users read"),
                self.it(),
                none_or(left)
            )),
            Direction::Fell => Some(format!(
                "{} {} before and no longer, and {} began: more than chance{beyond}.",
                counted(left, "user read", "users read"),
                self.it(),
                none_or(reached)
            )),
            Direction::AsElsewhere | Direction::Unclear => None,
        }
    }
}

fn none_or(count: u64) -> String {
    if count == 0 { "none".to_owned() } else { count.to_string() }
}

fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::change::samples::{change, time};
    use super::super::{Compared, Counts, List, windows};
    use super::*;

    fn counts(denied: u64, queries: u64) -> Counts {
        Counts { queries, denied, readers: 9, ..Counts::default() }
    }

    fn part(before: Counts, after: Counts) -> Compared {
        Compared { before, after, ..Compared::default() }
    }

    fn impact(inside: Compared, outside: Option<Compared>) -> Impact {
        let change = change(1, "TagRemoved", "PII", &["hr.pay"]);
        let scope = Scope::of(&change, &[]);
        let windows = windows::wanted(time("2026-11-10T09:00:00Z"), TimeDelta::days(1));
        Impact { change, scope, windows, inside, outside }
    }

    fn moved(reached: u64, left: u64) -> Compared {
        let mut made = part(counts(0, 100), counts(0, 100));
        made.moves.users_reached = List { total: reached, first: Vec::new() };
        made.moves.users_left = List { total: left, first: Vec::new() };
        made
    }

    #[test]
    fn a_rise_that_only_the_scope_has_is_said_with_its_bounds_and_is_notable() {
        let still = part(counts(20, 3000), counts(25, 3100));
        let found = impact(part(counts(2, 340), counts(57, 310)), Some(still));
        assert_eq!(
            found.verdict(),
            "Denied queries rose from 2 of 340 to 57 of 310: more than chance (95 % sure that their share rose by 13.6 to \
             22.5 points), and more than elsewhere."
        );
        assert_eq!(found.is_notable(), Some(Reason::DeniedRose));
        assert_eq!(found.verdict_in_short(), "denied 2 of 340 → 57 of 310");
    }

    #[test]
    fn a_rise_everywhere_is_not_taken_for_the_effect() {
        let everywhere = part(counts(50, 1000), counts(150, 1000));
        let found = impact(part(counts(5, 100), counts(16, 100)), Some(everywhere));
        assert!(found.verdict().contains("elsewhere as well, from 50 of 1000 to 150 of 1000"), "{}", found.verdict());
        assert_eq!(found.is_notable(), None);
        assert!(found.verdict_in_short().ends_with("as elsewhere"));
    }

    #[test]
    fn too_little_elsewhere_is_said() {
        let little = part(counts(0, 2), counts(0, 2));
        let found = impact(part(counts(5, 100), counts(16, 100)), Some(little));
        assert!(found.verdict().contains("too little was counted elsewhere"), "{}", found.verdict());
    }

    #[test]
    fn what_chance_explains_is_no_difference() {
        let found = impact(part(counts(2, 340), counts(4, 310)), None);
        assert_eq!(
            found.verdict(),
            "Denied queries: 2 of 340 before, 4 of 310 after. 9 users read it before, 9 after. These counts can show no \
             difference."
        );
        assert_eq!((found.is_notable(), found.verdict_in_short()), (None, "no difference shown".to_owned()));
        let silent = impact(part(counts(0, 0), counts(0, 0)), None);
        assert!(silent.verdict().starts_with("No query was counted"));
        assert_eq!(silent.verdict_in_short(), "not queried");
    }

    #[test]
    fn a_fall_is_said_and_is_notable_since_something_was_opened() {
        let found = impact(part(counts(57, 310), counts(2, 340)), None);
        assert!(found.verdict().contains("their share fell by 13.6 to 22.5 points)."), "{}", found.verdict());
        assert_eq!(found.is_notable(), Some(Reason::DeniedFell));
    }

    #[test]
    fn users_who_come_and_go_alike_are_chance_and_many_who_come_are_not() {
        assert_eq!(impact(moved(9, 8), None).is_notable(), None);
        let found = impact(moved(34, 2), Some(moved(30, 28)));
        assert_eq!(found.is_notable(), Some(Reason::UsersReached));
        assert_eq!(
            found.verdict(),
            "34 users read it who did not before, and 2 stopped: more than chance, and more than elsewhere."
        );
        assert_eq!(impact(moved(34, 2), Some(moved(140, 9))).is_notable(), None, "elsewhere as many came");
        let few = impact(moved(6, 0), None);
        assert!(few.verdict().starts_with("6 users read it"), "worth saying: {}", few.verdict());
        assert_eq!(few.is_notable(), None, "and, among hundreds of changes a day, not worth a message");
        assert_eq!(impact(moved(0, 12), None).is_notable(), Some(Reason::UsersLeft));
    }

    #[test]
    fn the_limits_are_as_documented() {
        let outside = Some(part(counts(10, 9000), counts(10, 9000)));
        let just = |denied| impact(part(counts(0, 200), counts(denied, 60)), outside.clone());
        assert_eq!(just(LEAST_DENIED).is_notable(), Some(Reason::DeniedRose));
        assert_eq!(just(LEAST_DENIED - 1).is_notable(), None);
        let mut few = just(LEAST_DENIED - 1);
        few.inside.moves.users_denied.total = LEAST_USERS;
        assert_eq!(few.is_notable(), Some(Reason::DeniedRose));
    }
}
