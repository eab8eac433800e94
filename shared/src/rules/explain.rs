//! Which conditions of a rule held for an event, with the values that they compared.

use rsigma_eval::{ConditionTrace, DetectionTrace, ItemTrace, explain_rule};
use serde::{Deserialize, Serialize};

use super::lists::ListUses;
use super::pack::{Pack, Rule};
use super::sigma_event::SigmaEvent;
use crate::event::Event;

/// One comparison that held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Condition {
    /// The selection of the rule that it belongs to; `raise` for what took the alert further.
    pub selection: String,
    /// The field; `None` for a keyword.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<String>,
    /// The event's value, as JSON.
    pub value: String,
    /// What it was compared with.
    pub pattern: String,
    /// The list that this came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub list: Option<String>,
}

impl Pack {
    /// The comparisons that held when `rule` matched `event`, those of what raised it included.
    #[must_use]
    pub fn conditions(&self, rule: &Rule, event: &Event<'_>) -> Vec<Condition> {
        let view = SigmaEvent(event);
        let mut held = Vec::new();
        // The engine keeps rules in the order in which they were added, which is that of `self.rules`.
        if let Some(compiled) = self.by_id.get(&rule.id).and_then(|index| self.engine.rules().get(*index)) {
            for trace in explain_rule(compiled, &view).conditions {
                collect(&trace, "", &rule.lists, &mut held);
            }
        }
        for entry in &rule.raises {
            let explanation = explain_rule(&entry.condition, &view);
            if explanation.matched {
                for trace in explanation.conditions {
                    collect(&trace, "raise", &entry.lists, &mut held);
                }
            }
        }
        held
    }
}

/// Takes what held; what stands below a `not` held by not matching, and says nothing about the event.
fn collect(trace: &ConditionTrace, under: &str, lists: &ListUses, held: &mut Vec<Condition>) {
    if !trace.matched() {
        return;
    }
    match trace {
        ConditionTrace::Selection { name, detection, .. } => {
            collect_detection(detection, Place { selection: name, under }, lists, held);
        }
        ConditionTrace::And { children, .. } | ConditionTrace::Or { children, .. } => {
            for child in children {
                collect(child, under, lists, held);
            }
        }
        ConditionTrace::Quantified { branches, .. } => {
            for branch in branches.iter().filter(|branch| branch.matched) {
                collect_detection(&branch.detection, Place { selection: &branch.name, under }, lists, held);
            }
        }
        ConditionTrace::Not { .. } => {}
    }
}

/// Where a comparison stands: its selection, and what to call that if not by its name.
#[derive(Clone, Copy)]
struct Place<'p> {
    selection: &'p str,
    under: &'p str,
}

fn collect_detection(trace: &DetectionTrace, place: Place<'_>, lists: &ListUses, held: &mut Vec<Condition>) {
    if !trace.matched() {
        return;
    }
    match trace {
        DetectionTrace::AllOf { items, .. } => {
            items.iter().filter(|item| item.matched).for_each(|item| held.push(condition(item, place, lists)));
        }
        DetectionTrace::AnyOf { branches, .. } | DetectionTrace::And { branches, .. } => {
            for branch in branches {
                collect_detection(branch, place, lists, held);
            }
        }
        DetectionTrace::Keywords { item, .. } => held.push(condition(item, place, lists)),
        DetectionTrace::ArrayMatch { members, .. } => {
            for member in members {
                collect_detection(&member.detection, place, lists, held);
            }
        }
        DetectionTrace::Conditional { condition, .. } => collect(condition, place.selection, lists, held),
        DetectionTrace::Other { .. } => {}
    }
}

fn condition(item: &ItemTrace, place: Place<'_>, lists: &ListUses) -> Condition {
    let list = lists.iter().find(|used| used.selection == place.selection && item.field.as_ref() == Some(&used.field));
    Condition {
        selection: if place.under.is_empty() { place.selection } else { place.under }.to_owned(),
        field: item.field.clone(),
        value: item.actual.as_ref().map_or_else(String::new, ToString::to_string),
        pattern: item.pattern.clone().unwrap_or_default(),
        list: list.map(|used| used.list.clone()),
    }
}
