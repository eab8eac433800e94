//! What a detection section asks for: its fields, the kinds and words that it compares them with, and how it asks for
//! `watch.manual`.

use rsigma_parser::{ConditionExpr, Detection, Detections, SigmaValue};

use crate::circumstances::Circumstance;
use crate::event::Field;

/// Puts comparisons with the kind behind the others of their selection. Of several that would do, the engine finds rules
/// by the first, and most rules of a large pack are about the same few kinds.
pub(super) fn kind_last(detections: &mut Detections) {
    for detection in detections.named.values_mut() {
        if let Detection::AllOf(items) = detection {
            items.sort_by_key(|item| item.field.name.as_deref() == Some(Field::Kind.name()));
        }
    }
}

/// Whether a section compares `watch.manual` with `true` alone, and under no `not`.
pub(super) fn only_asks_for_true(detections: &Detections) -> bool {
    fn asks(detection: &Detection) -> Option<bool> {
        match detection {
            Detection::AllOf(items) => {
                let mut about =
                    items.iter().filter(|item| item.field.name.as_deref() == Some(Circumstance::Manual.name()));
                let is_true = |value: &SigmaValue| {
                    matches!(value, SigmaValue::String(text) if text.original == "true")
                        || matches!(value, SigmaValue::Bool(true))
                };
                about.clone().next()?;
                Some(about.all(|item| item.field.modifiers.is_empty() && item.values.iter().all(is_true)))
            }
            Detection::AnyOf(children) | Detection::And(children) => {
                let answers: Vec<bool> = children.iter().filter_map(asks).collect();
                (!answers.is_empty()).then(|| answers.iter().all(|answer| *answer))
            }
            _ => None,
        }
    }
    fn has_not(condition: &ConditionExpr) -> bool {
        match condition {
            ConditionExpr::Not(_) => true,
            ConditionExpr::And(parts) | ConditionExpr::Or(parts) => parts.iter().any(has_not),
            _ => false,
        }
    }
    let answers: Vec<bool> = detections.named.values().filter_map(asks).collect();
    answers.iter().all(|answer| *answer) && !detections.conditions.iter().any(has_not)
}

/// The texts that a detection section compares with, as the file spells them: the engine keeps them in lower case.
pub(super) fn collect_words(detections: &Detections) -> Vec<String> {
    fn walk(detection: &Detection, words: &mut Vec<String>) {
        let mut take = |values: &[SigmaValue]| {
            words.extend(values.iter().filter_map(|value| match value {
                SigmaValue::String(text) => Some(text.original.clone()),
                _ => None,
            }));
        };
        match detection {
            Detection::AllOf(items) => items.iter().for_each(|item| take(&item.values)),
            Detection::Keywords(values) => take(values),
            Detection::AnyOf(children) | Detection::And(children) => {
                for child in children {
                    walk(child, words);
                }
            }
            Detection::ArrayMatch { body, .. } => walk(body, words),
            Detection::Conditional { named, .. } => named.values().for_each(|child| walk(child, words)),
        }
    }
    let mut words = Vec::new();
    detections.named.values().for_each(|detection| walk(detection, &mut words));
    words.sort();
    words.dedup();
    words
}

/// The names of all fields of a detection section, and the kinds that it compares `watch.kind` with.
pub(super) fn collect_fields(detections: &Detections, names: &mut Vec<String>, kinds: &mut Vec<String>) {
    fn walk(detection: &Detection, names: &mut Vec<String>, kinds: &mut Vec<String>) {
        match detection {
            Detection::AllOf(items) => {
                for item in items {
                    let Some(name) = &item.field.name else { continue };
                    names.push(name.clone());
                    if name == Field::Kind.name() && item.field.modifiers.is_empty() {
                        kinds.extend(item.values.iter().filter_map(|value| match value {
                            SigmaValue::String(text) => text.as_plain(),
                            _ => None,
                        }));
                    }
                }
            }
            Detection::AnyOf(children) | Detection::And(children) => {
                for child in children {
                    walk(child, names, kinds);
                }
            }
            Detection::ArrayMatch { body, field, .. } => {
                names.push(field.clone());
                walk(body, names, kinds);
            }
            Detection::Conditional { named, .. } => named.values().for_each(|child| walk(child, names, kinds)),
            Detection::Keywords(_) => {}
        }
    }
    for detection in detections.named.values() {
        walk(detection, names, kinds);
    }
    names.sort();
    names.dedup();
    kinds.sort();
    kinds.dedup();
}
