//! The rule pack: Sigma rules with a `watch:` attribute, filters and lists, compiled once and matched against events.
//!
//! Sigma itself is `rsigma`'s business, and nothing outside this module sees it. Loading is strict: a construct that
//! is not supported, a list that does not exist, a derived field that is not known are errors with file and line,
//! never skipped, for a rule that silently never matches is worse than none.

mod correlation;
mod detections;
mod document;
mod error;
mod examples;
mod explain;
mod folder;
mod lists;
mod loading;
mod matching;
mod pack;
mod rule_id;
mod settings;
mod sigma_event;
mod strictness;
mod vocabulary;

pub use correlation::{
    Aggregate, Baseline, Correlation, CountedRule, Expression, GroupField, Look, Operator, Predicates, Role, Test,
    TimelineExample, Unusual, in_units,
};
pub use error::{RuleError, RuleErrors};
pub use examples::{ExampleKind, ExampleResult};
pub use explain::{Comparison, Condition, Explanation, RaiseExplanation, Step, Trace};
pub use folder::{PackFile, read_folder};
pub use lists::List;
pub use matching::{IfApproved, Match, Outcome};
pub use pack::{Pack, Rule};
pub use rule_id::{NotARuleId, RuleId};
pub use settings::{KeyField, Raise, Window};
pub use vocabulary::{Level, Question, Route};
