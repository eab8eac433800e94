//! The examples inside rules, and running them.

use super::pack::{Pack, Rule};
use super::settings::{ExampleAttribute, ExamplesAttribute};
use super::vocabulary::{Level, Route};
use crate::event::{Event, Record};

/// Whether a rule is to match an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExampleKind {
    /// It must match
    Positive,
    /// It must not
    Negative,
}

/// One example of a rule.
#[derive(Debug, Clone)]
pub(super) struct Example {
    kind: ExampleKind,
    name: String,
    line: u64,
    level: Option<Level>,
    route: Option<Route>,
    record: String,
}

impl Example {
    pub(super) fn all(examples: &ExamplesAttribute, first_line: u64) -> Vec<Self> {
        let one = |kind, example: &serde_saphyr::Spanned<ExampleAttribute>| Self {
            kind,
            name: example.value.name.clone(),
            line: first_line + example.referenced.line().saturating_sub(1),
            level: example.value.level,
            route: example.value.route,
            record: example.value.event.to_string(),
        };
        let positive = examples.positive.iter().map(|example| one(ExampleKind::Positive, example));
        let negative = examples.negative.iter().map(|example| one(ExampleKind::Negative, example));
        positive.chain(negative).collect()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_positive(&self) -> bool {
        self.kind == ExampleKind::Positive
    }

    fn failure(&self, pack: &Pack, rule: &Rule) -> Option<String> {
        let record = match Record::parse(self.record.as_bytes()) {
            Ok(record) => record,
            Err(error) => return Some(format!("the event cannot be read: {error}")),
        };
        let event = Event::of(&record);
        let matched = pack.matches(&event).into_iter().find(|matched| matched.rule.id == rule.id);
        match (self.kind, matched) {
            (ExampleKind::Positive, None) => Some("the rule does not match it".to_owned()),
            (ExampleKind::Negative, Some(_)) => Some("the rule matches it".to_owned()),
            (ExampleKind::Negative, None) => None,
            (ExampleKind::Positive, Some(matched)) => {
                let level = self.level.filter(|level| *level != matched.outcome.level);
                let route = self.route.filter(|route| *route != matched.outcome.route);
                match (level, route) {
                    (Some(level), _) => Some(format!("its level is {}, not {level}", matched.outcome.level)),
                    (None, Some(route)) => Some(format!("its route is {}, not {route}", matched.outcome.route)),
                    (None, None) => None,
                }
            }
        }
    }
}

/// What became of one example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleResult {
    /// The rule's name.
    pub rule: String,
    /// The rule's file.
    pub file: String,
    /// The line that the example begins on.
    pub line: u64,
    /// The example's name.
    pub name: String,
    /// Whether it should have matched.
    pub kind: ExampleKind,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

impl Pack {
    /// Runs every example against the whole pack, filters included.
    #[must_use]
    pub fn run_examples(&self) -> Vec<ExampleResult> {
        let examples = self.rules.iter().flat_map(|rule| rule.examples.iter().map(move |example| (rule, example)));
        examples
            .map(|(rule, example)| ExampleResult {
                rule: rule.name.clone(),
                file: rule.file.clone(),
                line: example.line,
                name: example.name.clone(),
                kind: example.kind,
                failure: example.failure(self, rule),
            })
            .collect()
    }
}
