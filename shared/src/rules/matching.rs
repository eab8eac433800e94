//! Matching an event: which rules hold, and how far each is raised.

use rsigma_eval::evaluate_rule;

use super::pack::{Pack, Rule};
use super::settings::Raise;
use super::sigma_event::SigmaEvent;
use super::vocabulary::{Level, Route};
use crate::circumstances::{Circumstances, Grant, Manual};
use crate::event::Event;

/// A rule that held for an event.
pub struct Match<'p> {
    /// The rule.
    pub rule: &'p Rule,
    /// How far it was raised. For a grant that is manual unless it was approved: what it is without an approval.
    pub outcome: Outcome<'p>,
    /// Set where an approved request makes a difference.
    pub if_approved: Option<IfApproved<'p>>,
}

/// What it comes to if an approved request stands behind a grant.
pub struct IfApproved<'p> {
    /// What the request must be about.
    pub grant: Grant,
    /// How far the match is raised then.
    pub outcome: Outcome<'p>,
}

/// How far a match is raised.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome<'p> {
    /// The rule's level, or what it was raised to.
    pub level: Level,
    /// The rule's route, or what it was raised to.
    pub route: Route,
    /// What raised it, in the order of the rule.
    pub raised: Vec<&'p Raise>,
}

impl Pack {
    /// The rules that hold for an event, in the order of their files: those of its service.
    #[must_use]
    pub fn matches(&self, event: &Event<'_>) -> Vec<Match<'_>> {
        let circumstances = self.installation.circumstances(event);
        let view = SigmaEvent { event, circumstances: &circumstances, approved: false };
        let mut found: Vec<usize> = self
            .engine
            .evaluate(&view)
            .iter()
            .filter_map(|result| self.by_id.get(result.header.rule_id.as_deref()?).copied())
            .filter(|index| self.rules[*index].service == event.service())
            .collect();
        found.sort_unstable();
        found.into_iter().map(|index| self.rules[index].matched(event, &circumstances)).collect()
    }
}

impl Rule {
    fn matched(&self, event: &Event<'_>, circumstances: &Circumstances<'_>) -> Match<'_> {
        let outcome = |approved| self.outcome(&SigmaEvent { event, circumstances, approved });
        let without = outcome(false);
        let if_approved = match self.asks_for_hands().then(|| circumstances.manual()) {
            Some(Manual::UnlessApproved(grant)) => {
                Some(IfApproved { grant: grant.clone(), outcome: outcome(true) }).filter(|with| with.outcome != without)
            }
            _ => None,
        };
        Match { rule: self, outcome: without, if_approved }
    }

    fn outcome(&self, view: &SigmaEvent<'_>) -> Outcome<'_> {
        let mut outcome = Outcome { level: self.level, route: self.route, raised: Vec::new() };
        for entry in &self.raises {
            if evaluate_rule(&entry.condition, view).is_some() {
                outcome.level = entry.raise.level.map_or(outcome.level, |to| to.max(outcome.level));
                outcome.route = entry.raise.route.map_or(outcome.route, |to| to.max(outcome.route));
                outcome.raised.push(&entry.raise);
            }
        }
        outcome
    }
}
