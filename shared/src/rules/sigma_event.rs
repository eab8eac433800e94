//! An event as the Sigma engine sees it: derived fields by their names, everything else by its path in the record.

use std::borrow::Cow;

use rsigma_eval::{Event as SigmaEventTrait, EventValue};

use crate::circumstances::{Circumstance, Circumstances, Value};
use crate::event::{Event, Field, Json, fields};

/// Lends an event to the engine, so that nothing is parsed or copied twice.
pub(super) struct SigmaEvent<'e> {
    pub(super) event: &'e Event<'e>,
    pub(super) circumstances: &'e Circumstances<'e>,
    /// Whether what may have been approved is taken to have been
    pub(super) approved: bool,
}

impl SigmaEventTrait for SigmaEvent<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        if path.starts_with(fields::PREFIX) {
            if let Some(circumstance) = Circumstance::named(path) {
                return self.circumstances.value(circumstance, self.approved).map(|value| match value {
                    Value::Text(text) => EventValue::Str(Cow::Borrowed(text)),
                    Value::Number(number) => EventValue::Int(number.into()),
                });
            }
            let values = self.event.field(Field::named(path)?);
            return one_or_many(values.iter().map(|value| EventValue::Str(Cow::Borrowed(value.as_ref()))).collect());
        }
        let mut found = Vec::new();
        let path: Vec<&str> = path.split('.').collect();
        self.event.record().json().each_at(&path, &mut |value| found.push(engine_value(value)));
        one_or_many(found)
    }

    fn any_string_value(&self, predicate: &dyn Fn(&str) -> bool) -> bool {
        any_string(self.event.record().json(), predicate)
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let mut strings = Vec::new();
        each_string(self.event.record().json(), &mut |text| strings.push(Cow::Owned(text.to_owned())));
        strings
    }

    fn visit_string_values(&self, visit: &mut dyn FnMut(&str)) {
        each_string(self.event.record().json(), visit);
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self.event.record().json()).unwrap_or(serde_json::Value::Null)
    }
}

fn one_or_many(mut values: Vec<EventValue<'_>>) -> Option<EventValue<'_>> {
    match values.len() {
        0 => None,
        1 => values.pop(),
        _ => Some(EventValue::Array(values)),
    }
}

fn engine_value<'e>(value: &'e Json<'_>) -> EventValue<'e> {
    match value {
        Json::Null => EventValue::Null,
        Json::Bool(value) => EventValue::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => EventValue::Int(integer),
            None => EventValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => EventValue::Str(Cow::Borrowed(text)),
        Json::Array(elements) => EventValue::Array(elements.iter().map(engine_value).collect()),
        Json::Object(members) => EventValue::Map(
            members.iter().map(|(name, value)| (Cow::Borrowed(name.as_ref()), engine_value(value))).collect(),
        ),
    }
}

fn any_string(value: &Json<'_>, predicate: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Json::String(text) => predicate(text),
        Json::Array(elements) => elements.iter().any(|element| any_string(element, predicate)),
        Json::Object(members) => members.iter().any(|(_, value)| any_string(value, predicate)),
        _ => false,
    }
}

fn each_string(value: &Json<'_>, visit: &mut dyn FnMut(&str)) {
    match value {
        Json::String(text) => visit(text),
        Json::Array(elements) => elements.iter().for_each(|element| each_string(element, visit)),
        Json::Object(members) => members.iter().for_each(|(_, value)| each_string(value, visit)),
        _ => {}
    }
}
