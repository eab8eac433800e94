//! Matching an event: which rules hold, and how far each is raised.

use rsigma_eval::evaluate_rule;

use super::pack::{Pack, Rule};
use super::settings::Raise;
use super::sigma_event::SigmaEvent;
use super::vocabulary::{Level, Route};
use crate::event::Event;

/// A rule that held for an event.
pub struct Match<'p> {
    /// The rule.
    pub rule: &'p Rule,
    /// The rule's level, or what it was raised to.
    pub level: Level,
    /// The rule's route, or what it was raised to.
    pub route: Route,
    /// What raised it, in the order of the rule.
    pub raised: Vec<&'p Raise>,
}

impl Pack {
    /// The rules that hold for an event, in the order of their files.
    #[must_use]
    pub fn matches(&self, event: &Event<'_>) -> Vec<Match<'_>> {
        let view = SigmaEvent(event);
        let mut found: Vec<usize> = self
            .engine
            .evaluate(&view)
            .iter()
            .filter_map(|result| self.by_id.get(result.header.rule_id.as_deref()?).copied())
            .collect();
        found.sort_unstable();
        found.into_iter().map(|index| self.rules[index].matched(&view)).collect()
    }
}

impl Rule {
    fn matched(&self, view: &SigmaEvent<'_>) -> Match<'_> {
        let (mut level, mut route, mut raised) = (self.level, self.route, Vec::new());
        for entry in &self.raises {
            if evaluate_rule(&entry.condition, view).is_some() {
                level = entry.raise.level.map_or(level, |to| to.max(level));
                route = entry.raise.route.map_or(route, |to| to.max(route));
                raised.push(&entry.raise);
            }
        }
        Match { rule: self, level, route, raised }
    }
}
