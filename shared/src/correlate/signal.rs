//! Signals: matches that correlations count, kept small.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};

use crate::digest;
use crate::event::{Event, EventKey, Field};
use crate::rules::{KeyField, Rule};

/// So many values of one field a signal keeps: what a query over a thousand tables has in common with others is beyond
/// what a person is told.
const MOST_VALUES: usize = 100;
/// What people are told of an event besides, and so many values of each.
const TOLD: [Field; 6] = [Field::Actor, Field::Subject, Field::Object, Field::Permission, Field::Tag, Field::Policy];
const MOST_TOLD: usize = 3;
/// So many bytes of a value.
const LONGEST_VALUE: usize = 300;

/// A match that a correlation counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// The rule that matched, by its id
    pub rule: String,
    /// Event time, to the microsecond
    pub time: DateTime<Utc>,
    /// Event key
    pub event: EventKey,
    /// The export's address
    pub export: Arc<str>,
    /// The line in the export, counted from 1
    pub line: u64,
    /// The values of the fields that correlations ask for
    pub fields: BTreeMap<String, Vec<String>>,
}

impl Signal {
    /// The signal of a match; none if no correlation counts the rule, or if nobody knows when it was.
    #[must_use]
    pub fn of(rule: &Rule, event: &Event<'_>, export: &str, line: u64) -> Option<Self> {
        if !rule.is_counted {
            return None;
        }
        let time = event.time()?.trunc_subsecs(6); // as ledgers keep it
        let mut fields = BTreeMap::new();
        let asked = rule.kept_fields.iter().map(|field| (field.clone(), MOST_VALUES));
        let told = TOLD.into_iter().map(KeyField::Derived).filter(|field| !rule.kept_fields.contains(field));
        for (field, most) in asked.chain(told.map(|field| (field, MOST_TOLD))) {
            let mut values = field.values(event);
            values.truncate(most);
            for value in &mut values {
                shorten(value);
            }
            if !values.is_empty() {
                fields.insert(field.name().to_owned(), values);
            }
        }
        Some(Self { rule: rule.id.clone(), time, event: event.key(), export: Arc::from(export), line, fields })
    }

    /// The values of a field.
    #[must_use]
    pub fn values(&self, field: &str) -> &[String] {
        self.fields.get(field).map_or(&[], Vec::as_slice)
    }
}

/// Cuts a long value short. What is cut off is told by its hash, so that two that differ there are not taken for one.
fn shorten(value: &mut String) {
    if value.len() > LONGEST_VALUE {
        let rest = digest::short(value.as_bytes());
        value.truncate(value.floor_char_boundary(LONGEST_VALUE));
        value.push_str("… ");
        value.push_str(&rest);
    }
}
