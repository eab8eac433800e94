//! What a change of a policy, tag or attribute did to access: counted before and after, over matched windows, within what
//! the change is about and in the rest of the lake. `docs/impact.md` says how to read it.

mod change;
mod counts;
mod interval;
mod scope;
mod verdict;
mod windows;

pub use change::{Change, Family};
pub use counts::{Compared, Counts, GRANTS, Grant, List, Listed, MOST_LISTED, Moves, Query, REMOVALS, Tally};
pub use interval::{Certainty, Interval, Share, difference, ratio, share};
pub use scope::{About, Names, Scope};
pub use verdict::{Direction, Effect, LEAST_DENIED, LEAST_USERS, Reason};
pub use windows::{LATENESS, LEAST, LONGEST, Limit, NothingLeft, Reach, TOGETHER, Window, Windows, matched, wanted};

/// What a change did to access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impact {
    /// The change
    pub change: Change,
    /// What it is about
    pub scope: Scope,
    /// What is compared
    pub windows: Windows,
    /// What was counted in the scope
    pub inside: Compared,
    /// What was counted in the rest of the lake; none if the scope is everything
    pub outside: Option<Compared>,
}

/// What came of comparing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Before and after were compared
    Made(Box<Impact>),
    /// Too little is left of the windows
    NotPossible(Box<Change>, NothingLeft),
}

impl Comparison {
    /// The change.
    #[must_use]
    pub fn change(&self) -> &Change {
        match self {
            Self::Made(impact) => &impact.change,
            Self::NotPossible(change, _) => change,
        }
    }
}
