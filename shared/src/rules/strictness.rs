//! What Sigma allows and can never mean anything here: caught when a pack is loaded, for a rule that silently never
//! matches, or an exception that silently never applies, is worse than none.

use rsigma_parser::{ConditionExpr, Detections, Quantifier};
use serde_json::Value;

use super::settings::unknown_field;
use crate::circumstances::Circumstance;
use crate::event::{Field, fields};
use crate::spelling::did_you_mean;

/// What is wrong, with the text of the file that it is about.
pub(super) type Finding = (String, String);

/// Keys of a detection section that are no selections.
const NOT_SELECTIONS: [&str; 2] = ["condition", "timeframe"];

/// Looks at a detection section as it stands in the file.
pub(super) fn check_form(detection: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(section) = detection.as_object() else {
        return vec![(String::new(), "a detection is selections by name, and a condition".to_owned())];
    };
    if let Some(timeframe) = section.get("timeframe") {
        found.push((
            "timeframe".to_owned(),
            format!("timeframe ({timeframe}) is not supported: a rule is about single events"),
        ));
    }
    match section.get("condition") {
        Some(Value::String(_)) => {}
        Some(Value::Array(conditions)) if !conditions.is_empty() && conditions.iter().all(Value::is_string) => {}
        _ => found.push(("condition".to_owned(), "there is no condition, or it is no text".to_owned())),
    }
    for (name, selection) in section.iter().filter(|(name, _)| !NOT_SELECTIONS.contains(&name.as_str())) {
        check_selection(name, selection, &mut found);
    }
    found
}

fn check_selection(name: &str, selection: &Value, found: &mut Vec<Finding>) {
    match selection {
        Value::Object(items) if !items.is_empty() => {
            for (field, value) in items {
                check_item(field, value, found);
            }
        }
        Value::Array(alternatives) if !alternatives.is_empty() => {
            for alternative in alternatives {
                match alternative {
                    Value::Object(_) => check_selection(name, alternative, found),
                    Value::String(_) => {}
                    other => found
                        .push((name.to_owned(), format!("{other} in {name} is neither a keyword (a text) nor fields"))),
                }
            }
        }
        Value::String(_) => {}
        other => {
            found.push((name.to_owned(), format!("the selection {name} is {other}; write fields with their values")));
        }
    }
}

fn check_item(key: &str, value: &Value, found: &mut Vec<Finding>) {
    let mut parts = key.split('|');
    let field = parts.next().unwrap_or_default();
    let modifiers: Vec<&str> = parts.collect();
    let mut wrong = |message: String| found.push((key.to_owned(), message));
    if key == "<<" {
        return wrong("merge keys (<<) are not supported; write the fields out".to_owned());
    }
    if field.is_empty() {
        return wrong(format!("{key}: keywords with modifiers are not supported"));
    }
    check_field(field, &mut wrong);
    match value {
        Value::Object(_) => {
            wrong(format!("{field} has fields below it; write their path, as in `{field}.name: value`"));
        }
        Value::Array(values) if values.is_empty() => wrong(format!("{field} has no value to be compared with")),
        Value::Array(values) if values.iter().any(|value| value.is_object() || value.is_array()) => {
            wrong(format!("{field} is compared with something that is no plain value"));
        }
        _ => {}
    }
    if modifiers.contains(&"exists") && !value.is_boolean() {
        wrong(format!("{key} takes true or false"));
    }
    if modifiers.is_empty() {
        match value {
            Value::Array(values) => values.iter().for_each(|value| check_value(field, value, &mut wrong)),
            one => check_value(field, one, &mut wrong),
        }
    }
    let compares_numbers = modifiers.iter().any(|modifier| ["gt", "gte", "lt", "lte"].contains(modifier));
    if compares_numbers && field.starts_with(fields::PREFIX) && field != Circumstance::Hour.name() {
        wrong(format!("{field} is text, and cannot be compared as a number"));
    }
    if modifiers.contains(&"fieldref")
        && let Some(other) = value.as_str()
    {
        check_field(other, &mut wrong);
        if other == Circumstance::Manual.name() {
            wrong(format!("{other} cannot be compared with another field; ask for `{other}: 'true'` in a raise"));
        }
    }
}

/// The only values that some fields have: comparing them with anything else never holds.
const CLOSED: [(&str, &[&str]); 6] = [
    ("watch.weekday", &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]),
    ("watch.business_hours", YES_OR_NO),
    ("watch.holiday", YES_OR_NO),
    ("watch.manual", YES_OR_NO),
    ("watch.self", YES_OR_NO),
    ("watch.status", &["SUCCESS", "FAILURE", "UNAUTHORIZED"]),
];
const YES_OR_NO: &[&str] = &["true", "false"];

fn check_value(field: &str, value: &Value, wrong: &mut dyn FnMut(String)) {
    let Some((_, words)) = CLOSED.iter().find(|(closed, _)| *closed == field) else { return };
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !words.iter().any(|word| word.eq_ignore_ascii_case(&text)) && !text.contains(['*', '?']) {
        let hint = did_you_mean(&text.to_lowercase(), words.iter().copied());
        wrong(format!("{field} is never {text}{hint}; it is {}", words.join(", ")));
    }
}

/// What every record may have at its top level, in Immuta's audit model.
const ENVELOPE: [&str; 17] = [
    "id",
    "eventTimestamp",
    "receivedTimestamp",
    "action",
    "actionStatus",
    "actionStatusReason",
    "targetType",
    "targets",
    "relatedResources",
    "actor",
    "actorIp",
    "sessionId",
    "requestId",
    "tenantId",
    "userAgent",
    "customerId",
    "auditPayload",
];

/// A field is a derived one that there is, or a path of the record.
fn check_field(field: &str, wrong: &mut dyn FnMut(String)) {
    let is_derived = field.to_ascii_lowercase().starts_with(fields::PREFIX) || field.eq_ignore_ascii_case("watch");
    let is_known = |name: &str| Field::named(name).is_some() || Circumstance::named(name).is_some();
    if is_derived && !is_known(field) {
        wrong(unknown_field(field));
    } else if !ENVELOPE.contains(&field) && is_known(&format!("{}{field}", fields::PREFIX)) {
        wrong(format!("{field} is no member of a record; did you mean {}{field}?", fields::PREFIX));
    } else if field.contains(['[', ']']) {
        wrong(format!("{field}: brackets are not supported; a path follows every element of an array by itself"));
    } else if field.contains('*')
        || field.split('.').any(|part| part.is_empty() || part.bytes().all(|byte| byte.is_ascii_digit()))
    {
        wrong(format!("{field} is no path of a record; it names members only, and follows arrays by itself"));
    }
}

/// Looks at conditions together with the selections that they speak of.
pub(super) fn check_conditions(detections: &Detections) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut used = Vec::new();
    for condition in &detections.conditions {
        walk(condition, detections, &mut used, &mut found);
    }
    let mut unused: Vec<&String> = detections.named.keys().filter(|name| !used.contains(name)).collect();
    unused.sort();
    if !found.is_empty() {
        return found; // a misspelt name leaves a selection unused
    }
    unused.into_iter().map(|name| (name.clone(), format!("no condition uses the selection {name}"))).collect()
}

fn walk<'d>(
    condition: &'d ConditionExpr,
    detections: &'d Detections,
    used: &mut Vec<&'d String>,
    found: &mut Vec<Finding>,
) {
    match condition {
        ConditionExpr::And(parts) | ConditionExpr::Or(parts) => {
            for part in parts {
                walk(part, detections, used, found);
            }
        }
        ConditionExpr::Not(part) => walk(part, detections, used, found),
        ConditionExpr::Identifier(name) => {
            if detections.named.contains_key(name) {
                used.push(name);
            } else {
                found.push((
                    "condition".to_owned(),
                    format!("the condition speaks of {name}, and there is no such selection"),
                ));
            }
        }
        ConditionExpr::Selector { quantifier, pattern } => {
            let named: Vec<&String> =
                detections.named.keys().filter(|name| pattern.matches_detection_name(name)).collect();
            let wanted = match quantifier {
                Quantifier::Any | Quantifier::All => 1,
                Quantifier::Count(count) => *count,
            };
            if wanted == 0 || (named.len() as u64) < wanted {
                let message = format!("{condition}: there are {} such selections", named.len());
                found.push(("condition".to_owned(), message));
            }
            used.extend(named);
        }
    }
}
