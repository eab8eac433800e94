//! The examples inside rules, and running them.

use super::matching::Match;
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

    pub(super) fn record(&self) -> &str {
        &self.record
    }

    pub(super) fn is_positive(&self) -> bool {
        self.kind == ExampleKind::Positive
    }

    fn failure(&self, matched: Option<&Match<'_>>) -> Option<String> {
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
    /// The other rules that match it: such a change would be in more than one alert.
    pub also: Vec<String>,
}

impl Pack {
    /// Runs every example against the whole pack, filters included. What raises a rule needs a positive example that it
    /// raises: one that never holds would be worse than none.
    #[must_use]
    pub fn run_examples(&self) -> Vec<ExampleResult> {
        let mut results = Vec::new();
        for rule in &self.rules {
            let mut reached = vec![false; rule.raises.len()];
            for example in &rule.examples {
                results.push(self.run_example(rule, example, &mut reached));
            }
            for (raise, _) in rule.raises().zip(reached).filter(|(_, reached)| !reached) {
                results.push(ExampleResult {
                    rule: rule.name.clone(),
                    file: rule.file.clone(),
                    line: rule.id_line,
                    name: raise.because.clone(),
                    kind: ExampleKind::Positive,
                    failure: Some("no positive example is raised by this".to_owned()),
                    also: Vec::new(),
                });
            }
        }
        results
    }

    fn run_example(&self, rule: &Rule, example: &Example, reached: &mut [bool]) -> ExampleResult {
        let (rule_name, file, name) = (rule.name.clone(), rule.file.clone(), example.name.clone());
        let mut result = ExampleResult {
            rule: rule_name,
            file,
            line: example.line,
            name,
            kind: example.kind,
            failure: None,
            also: Vec::new(),
        };
        let record = match Record::parse(example.record.as_bytes()) {
            Ok(record) => record,
            Err(error) => {
                result.failure = Some(format!("the event cannot be read: {error}"));
                return result;
            }
        };
        let event = Event::of_service(&record, rule.service);
        let (matched, others): (Vec<_>, Vec<_>) =
            self.matches(&event).into_iter().partition(|matched| matched.rule.id == rule.id);
        let matched = matched.first();
        if let Some(matched) = matched.filter(|_| example.is_positive()) {
            let is_alert = |other: &&Match<'_>| rule.alerts() && other.rule.alerts();
            result.also = others.iter().filter(is_alert).map(|other| other.rule.name.clone()).collect();
            for (raise, reached) in rule.raises().zip(reached) {
                *reached |= matched.outcome.raised.iter().any(|raised| std::ptr::eq(*raised, raise));
            }
        }
        result.failure = example.failure(matched);
        result
    }
}
