//! Correlations: Sigma documents that count what other rules match, over many events and exports.
//!
//! Here is what a correlation says, checked; [`crate::correlate`] counts by it.

mod baseline;
mod condition;
mod document;
mod loading;
mod timeline;

use chrono::TimeDelta;

pub use baseline::{Baseline, Unusual};
pub use condition::{Aggregate, Comparison as Operator, Expression, Look, Predicates, Test};
pub(super) use document::{CorrelationSection, CorrelationWatch, CountedWatch, NO_LEVEL};
pub(super) use loading::PendingCorrelation;
pub use timeline::TimelineExample;

use super::settings::KeyField;

/// What a rule is for.
#[derive(Debug, Clone)]
pub enum Role {
    /// Its matches become alerts
    Alerts,
    /// Correlations count its matches, and nobody is told of a single one
    Counted,
    /// It matches no event itself: it counts what other rules match
    Correlates(Box<Correlation>),
}

/// What a correlation counts, and when that is an alert.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// The rules that it counts, in the order of the file
    pub rules: Vec<CountedRule>,
    /// Rules of which a match breaks an ordered chain; their positions follow those of [`Self::rules`]
    pub unless: Vec<CountedRule>,
    /// What events must have in common; events that lack one of these are not counted
    pub group_by: Vec<GroupField>,
    /// How far apart events may be: windows slide. Of what is compared with the time before, how far back is looked
    pub timespan: TimeDelta,
    /// What must hold of the events of a window
    pub test: Test,
    pub(super) examples: Vec<TimelineExample>,
}

/// A rule that a correlation counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedRule {
    /// The rule's id
    pub id: String,
    /// Its name
    pub name: String,
    /// Its title
    pub title: String,
}

/// Something that events must have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupField {
    /// The field, or the alias of the fields
    pub name: String,
    /// The field that says it, for each rule by its position
    pub fields: Vec<String>,
}

impl Correlation {
    /// Every rule that it looks at, by its position.
    pub fn all_rules(&self) -> impl Iterator<Item = &CountedRule> {
        self.rules.iter().chain(&self.unless)
    }

    /// The fields that it asks of the matches of the rule at a position.
    pub fn fields_of(&self, position: usize) -> impl Iterator<Item = &str> {
        let grouped = self.group_by.iter().filter_map(move |group| group.fields.get(position));
        grouped.map(String::as_str).chain(self.test.fields().iter().map(String::as_str))
    }

    /// How long after its last event it can be known, if events come this late: of what did not happen or is unusual, once the
    /// log is whole.
    #[must_use]
    pub fn known_after(&self, lateness: TimeDelta) -> Option<TimeDelta> {
        match self.test {
            Test::Absent(Look::Before) => Some(lateness),
            Test::Absent(Look::After | Look::Around) => Some(self.timespan + lateness),
            // Days are compared once they are over.
            Test::Unusual(_) => Some(TimeDelta::days(1) + lateness),
            _ => None,
        }
    }

    /// What is counted and when that is an alert, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let rules: Vec<&str> = self.rules.iter().map(|rule| rule.name.as_str()).collect();
        let group: Vec<&str> = self.group_by.iter().map(|group| group.name.as_str()).collect();
        let timespan = match self.test {
            Test::Unusual(_) => baseline::in_weeks(self.timespan),
            _ => in_units(self.timespan),
        };
        let mut words = self.test.in_words(&rules, &timespan);
        if !group.is_empty() {
            words = format!("{words}, by {}", group.join(" and "));
        }
        if !self.unless.is_empty() {
            let unless: Vec<&str> = self.unless.iter().map(|rule| rule.name.as_str()).collect();
            words = format!("{words}, unless {} comes in between", unless.join(" or "));
        }
        words
    }
}

/// A length of time in the largest unit that it is a whole number of.
#[must_use]
pub fn in_units(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let (count, unit) = match seconds {
        seconds if seconds % 86_400 == 0 => (seconds / 86_400, "day"),
        seconds if seconds % 3_600 == 0 => (seconds / 3_600, "hour"),
        seconds if seconds % 60 == 0 => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// A field as rules name it: derived, or a path of the record.
pub(super) fn key_field(name: &str) -> KeyField {
    crate::event::Field::named(name).map_or_else(|| KeyField::Raw(name.to_owned()), KeyField::Derived)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_in_the_largest_unit() {
        for (seconds, words) in [(3_600, "1 hour"), (90, "90 seconds"), (86_400 * 31, "31 days"), (5_400, "90 minutes")]
        {
            assert_eq!(in_units(TimeDelta::seconds(seconds)), words);
        }
    }
}
