//! An event as the Sigma engine sees it: derived fields by their names, everything else by its path in the record.

use std::borrow::Cow;

use rsigma_eval::{Event as SigmaEventTrait, EventValue};

use crate::circumstances::{Circumstance, Circumstances, Value};
use crate::event::{Event, Field, Json, View, fields};

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
            return match values {
                [] => None,
                [one] => Some(EventValue::Str(Cow::Borrowed(one))),
                more => Some(EventValue::Array(more.iter().map(|one| EventValue::Str(Cow::Borrowed(one))).collect())),
            };
        }
        // One value, as nearly every path has, needs no list.
        let (mut first, mut rest) = (None, Vec::new());
        self.event.record().json().each_at_dotted(path, &mut |value| match first {
            None => first = Some(engine_value(value)),
            Some(_) => rest.push(engine_value(value)),
        });
        if rest.is_empty() {
            return first;
        }
        rest.splice(0..0, first);
        Some(EventValue::Array(rest))
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

fn engine_value(value: Json<'_>) -> EventValue<'_> {
    match value.view() {
        View::Null => EventValue::Null,
        View::Bool(value) => EventValue::Bool(value),
        View::Number(number) => match number.as_i64() {
            Some(integer) => EventValue::Int(integer),
            None => EventValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        View::String(text) => EventValue::Str(Cow::Borrowed(text)),
        View::Array(elements) => EventValue::Array(elements.map(engine_value).collect()),
        View::Object(members) => {
            EventValue::Map(members.map(|(name, value)| (Cow::Borrowed(name), engine_value(value))).collect())
        }
    }
}

fn any_string(value: Json<'_>, predicate: &dyn Fn(&str) -> bool) -> bool {
    match value.view() {
        View::String(text) => predicate(text),
        View::Array(mut elements) => elements.any(|element| any_string(element, predicate)),
        View::Object(mut members) => members.any(|(_, value)| any_string(value, predicate)),
        _ => false,
    }
}

fn each_string(value: Json<'_>, visit: &mut dyn FnMut(&str)) {
    match value.view() {
        View::String(text) => visit(text),
        View::Array(elements) => elements.for_each(|element| each_string(element, visit)),
        View::Object(members) => members.for_each(|(_, value)| each_string(value, visit)),
        _ => {}
    }
}
