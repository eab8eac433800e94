//! Why a rule holds for an event, or why it does not: each condition with the values that it compared.

use rsigma_eval::{
    CompiledRule, ConditionTrace, DetectionTrace, ItemTrace, MatchReason, SelectionBranch, explain_rule,
};
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use super::lists::{ListUse, ListUses};
use super::pack::{Filter, Pack, Rule};
use super::settings::Raise;
use super::sigma_event::SigmaEvent;
use crate::circumstances::{Circumstance, Circumstances, Manual};
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
    /// What it was compared with: of a list, the entry that fits.
    pub pattern: String,
    /// The list that this came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub list: Option<String>,
    /// How the value came about, where the configuration had a part in it: the calendar, or whose hands it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

/// The name under which conditions of raises are kept.
const RAISE: &str = "raise";

/// Why a rule holds for an event or does not, as a tree.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// Whether the rule matches.
    pub matched: bool,
    /// Its condition.
    pub condition: Vec<Trace>,
    /// What would raise it.
    pub raises: Vec<RaiseExplanation>,
}

/// Why something raises a match or does not.
#[derive(Debug, Clone, Serialize)]
pub struct RaiseExplanation {
    /// Whether it does.
    pub held: bool,
    /// What the rule says of it.
    pub because: String,
    /// Its condition.
    pub condition: Vec<Trace>,
}

/// A part of a condition, and whether it held.
#[derive(Debug, Clone, Serialize)]
pub struct Trace {
    /// Whether it held.
    pub held: bool,
    /// What it asks.
    #[serde(flatten)]
    pub step: Step,
    /// What it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Trace>,
}

/// What a part of a condition asks.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "asks", rename_all = "snake_case")]
pub enum Step {
    /// Every part must hold
    All,
    /// One part must hold
    Any,
    /// The part must not hold
    Not,
    /// So many of the parts must hold
    AtLeast {
        /// How many
        count: u64,
    },
    /// What the rule calls so must hold
    Selection {
        /// Its name
        name: String,
    },
    /// A field is compared with a value
    Comparison(Comparison),
}

/// A comparison, whether it held or not.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The field; `None` where any text of the record would do
    pub field: Option<String>,
    /// The event's value, as JSON; `None` if it has none
    pub value: Option<String>,
    /// What it was compared with: of a list, the entry that fits, if one does
    pub pattern: String,
    /// The list that this came from
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// How the value came about, where the configuration had a part in it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether only the case of letters differs
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub differs_in_case: bool,
}

impl Pack {
    /// The comparisons that held when `rule` matched `event`, those of what raised it included. `approved` says whether a
    /// grant that is manual unless it was approved is taken to have been.
    #[must_use]
    pub fn conditions(&self, rule: &Rule, event: &Event<'_>, approved: bool) -> Vec<Condition> {
        let mut held = Vec::new();
        let explanation = self.explain(rule, event, approved);
        for trace in &explanation.condition {
            trace.collect("", None, &mut held);
        }
        for raise in explanation.raises.iter().filter(|raise| raise.held) {
            for trace in &raise.condition {
                trace.collect(RAISE, Some(RAISE), &mut held);
            }
        }
        held
    }

    /// How it is known whether an event was done by hand, for a rule that asks.
    #[must_use]
    pub fn hands(&self, rule: &Rule, event: &Event<'_>) -> Option<String> {
        rule.asks_for_hands().then(|| match self.installation.circumstances(event).manual() {
            Manual::No(reason) => format!("not by hand: {reason}"),
            manual => format!("by hand: {manual}"),
        })
    }

    /// Why a rule holds for an event, or why it does not. `approved` as in [`Self::conditions`].
    #[must_use]
    pub fn explain(&self, rule: &Rule, event: &Event<'_>, approved: bool) -> Explanation {
        let circumstances = self.installation.circumstances(event);
        let view = SigmaEvent { event, circumstances: &circumstances, approved };
        let traced = |compiled: &CompiledRule, lists: &ListUses, words: &[String]| {
            let explainer = Explainer { pack: self, circumstances: &circumstances, words };
            let found = explain_rule(compiled, &view);
            let condition = found.conditions.iter().map(|trace| explainer.condition(trace, lists)).collect();
            (found.matched, condition)
        };
        // The engine keeps rules in the order in which they were added, which is that of `self.rules`.
        let compiled = self.by_id.get(&rule.id).and_then(|index| self.engine.rules().get(*index));
        let (matched, condition) =
            compiled.map_or((false, Vec::new()), |compiled| traced(compiled, &rule.lists, &rule.words));
        let raises = rule.raises.iter().map(|entry| {
            let (held, condition) = traced(&entry.condition, &entry.lists, &entry.words);
            let Raise { because, .. } = &entry.raise;
            RaiseExplanation { held, because: because.clone(), condition }
        });
        Explanation { matched, condition, raises: raises.collect() }
    }
}

impl Trace {
    /// Takes what held; what stands below a `not` held by not matching, and says nothing about the event.
    fn collect(&self, selection: &str, under: Option<&str>, held: &mut Vec<Condition>) {
        if !self.held {
            return;
        }
        match &self.step {
            Step::Not => {}
            Step::Comparison(found) => held.push(Condition {
                selection: selection.to_owned(),
                field: found.field.clone(),
                value: found.value.clone().unwrap_or_default(),
                pattern: found.pattern.clone(),
                list: found.list.clone(),
                note: found.note.clone(),
            }),
            Step::Selection { name } => {
                let selection = under.unwrap_or(name);
                self.parts.iter().for_each(|part| part.collect(selection, under, held));
            }
            Step::All | Step::Any | Step::AtLeast { .. } => {
                self.parts.iter().for_each(|part| part.collect(selection, under, held));
            }
        }
    }
}

/// Puts the engine's traces into our words, with what it does not know: lists and circumstances.
struct Explainer<'e> {
    pack: &'e Pack,
    circumstances: &'e Circumstances<'e>,
    /// The texts of the rule, as its file spells them
    words: &'e [String],
}

impl Explainer<'_> {
    fn condition(&self, trace: &ConditionTrace, lists: &ListUses) -> Trace {
        let all = |children: &[ConditionTrace]| children.iter().map(|child| self.condition(child, lists)).collect();
        match trace {
            ConditionTrace::Selection { name, matched, detection } => self.selection(name, *matched, detection, lists),
            ConditionTrace::And { matched, children } => {
                Trace { held: *matched, step: Step::All, parts: all(children) }
            }
            ConditionTrace::Or { matched, children } => Trace { held: *matched, step: Step::Any, parts: all(children) },
            ConditionTrace::Not { matched, child } => {
                Trace { held: *matched, step: Step::Not, parts: vec![self.condition(child, lists)] }
            }
            ConditionTrace::Quantified { matched, need, branches, .. } => {
                let part =
                    |branch: &SelectionBranch| self.selection(&branch.name, branch.matched, &branch.detection, lists);
                let step = Step::AtLeast { count: *need };
                Trace { held: *matched, step, parts: branches.iter().map(part).collect() }
            }
        }
    }

    fn selection(&self, name: &str, held: bool, detection: &DetectionTrace, lists: &ListUses) -> Trace {
        if let Some((filter, selection)) = self.filter(name) {
            let explainer = Explainer { words: &filter.words, ..*self };
            let title = format!("{selection} of the filter \"{}\" ({})", filter.title, filter.file);
            let mut trace = explainer.selection(selection, held, detection, &filter.lists);
            trace.step = Step::Selection { name: title };
            return trace;
        }
        let found = self.detection(name, detection, lists);
        // A selection of fields is all of them; that needs no line of its own.
        let parts = if matches!(found.step, Step::All) { found.parts } else { vec![found] };
        Trace { held, step: Step::Selection { name: name.to_owned() }, parts }
    }

    fn detection(&self, selection: &str, trace: &DetectionTrace, lists: &ListUses) -> Trace {
        let held = trace.matched();
        let all = |branches: &[DetectionTrace]| {
            branches.iter().map(|branch| self.detection(selection, branch, lists)).collect()
        };
        let (step, parts) = match trace {
            DetectionTrace::AllOf { items, .. } => {
                (Step::All, items.iter().map(|item| self.item(selection, item, lists)).collect())
            }
            DetectionTrace::And { branches, .. } => (Step::All, all(branches)),
            DetectionTrace::AnyOf { branches, .. } => (Step::Any, all(branches)),
            DetectionTrace::Keywords { item, .. } => return self.item(selection, item, lists),
            DetectionTrace::ArrayMatch { members, .. } => {
                (Step::Any, members.iter().map(|member| self.detection(selection, &member.detection, lists)).collect())
            }
            DetectionTrace::Conditional { condition, .. } => return self.condition(condition, lists),
            DetectionTrace::Other { .. } => (Step::All, Vec::new()),
        };
        Trace { held, step, parts }
    }

    fn item(&self, selection: &str, item: &ItemTrace, lists: &ListUses) -> Trace {
        let used = lists.iter().find(|used| used.selection == selection && item.field.as_ref() == Some(&used.field));
        let mut value = item.actual.as_ref().map(ToString::to_string);
        let pattern = match used {
            Some(used) => match self.entry(used, item.actual.as_ref()) {
                Some((entry, fitting)) => {
                    // Of many long texts, the one that the entry is a part of.
                    if used.is_of_parts() {
                        value = Some(fitting.to_string());
                    }
                    entry
                }
                None => "an entry".to_owned(),
            },
            None => self.spelled(item.pattern.as_deref().unwrap_or_default()),
        };
        let circumstance = item.field.as_deref().and_then(Circumstance::named);
        let comparison = Comparison {
            field: item.field.clone(),
            value,
            pattern,
            list: used.map(|used| used.list.clone()),
            note: circumstance.and_then(|circumstance| self.circumstances.because(circumstance)),
            differs_in_case: item.reason == MatchReason::CaseMismatch,
        };
        Trace { held: item.matched, step: Step::Comparison(comparison), parts: Vec::new() }
    }

    /// The filter that a selection was brought in by, and the selection's name there: the engine numbers filters, and puts
    /// their selections into the rules that they are about as `__filter_0_selection`.
    fn filter<'n>(&self, name: &'n str) -> Option<(&Filter, &'n str)> {
        let (number, selection) = name.strip_prefix("__filter_")?.split_once('_')?;
        Some((self.pack.filters.get(number.parse::<usize>().ok()?)?, selection))
    }

    /// What a comparison asks for, in the spelling of the rule; alternatives are joined by "or".
    fn spelled(&self, pattern: &str) -> String {
        let spelling = |text: &str| self.words.iter().find(|word| word.eq_ignore_ascii_case(text)).cloned();
        let each = || pattern.split(", ").map(spelling).collect::<Option<Vec<_>>>();
        let spelled = spelling(pattern).or_else(|| each().map(|words| words.join(" or ")));
        // A word that no rule spells, and one with wildcards, which the engine keeps as a regular expression.
        spelled.unwrap_or_else(|| pattern.replace(", ", " or "))
    }

    /// The first entry of a list that fits one of the event's values, and that value.
    fn entry(&self, used: &ListUse, actual: Option<&serde_json::Value>) -> Option<(String, serde_json::Value)> {
        let values = match actual? {
            serde_json::Value::Array(values) => values.clone(),
            one => vec![one.clone()],
        };
        let entries = &self.pack.lists().get(&used.list)?.values;
        entries.iter().find_map(|entry| {
            let pattern = WildMatch::new_case_insensitive(&used.pattern(entry));
            let fits = |value: &&serde_json::Value| value.as_str().is_some_and(|value| pattern.matches(value));
            Some((entry.clone(), values.iter().find(fits)?.clone()))
        })
    }
}
