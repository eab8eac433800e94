//! The alert that contributions add up to.

use std::collections::BTreeMap;

use super::contribution::Contribution;
use super::id::AlertId;
use crate::event::{Event, Field, Record};
use crate::findings::Fold;

/// The derived fields that say what an event is about, the most telling first.
const SUBJECT_MATTER: [Field; 9] = [
    Field::Permission,
    Field::Tag,
    Field::Attribute,
    Field::Policy,
    Field::Domain,
    Field::Group,
    Field::Project,
    Field::Object,
    Field::Column,
];

/// An alert: the fold of all its contributions.
#[derive(Debug, Clone)]
pub struct Alert(Contribution);

impl Alert {
    /// Folds contributions into alerts, by id.
    pub fn fold(contributions: impl IntoIterator<Item = Contribution>) -> BTreeMap<AlertId, Alert> {
        let mut alerts: BTreeMap<AlertId, Alert> = BTreeMap::new();
        for contribution in contributions {
            match alerts.get_mut(&contribution.alert) {
                Some(alert) => alert.0.fold(contribution),
                None => {
                    alerts.insert(contribution.alert.clone(), Alert(contribution));
                }
            }
        }
        alerts
    }

    /// What is known of it.
    #[must_use]
    pub fn detail(&self) -> &Contribution {
        &self.0
    }

    /// How many distinct events it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.events.len()
    }

    /// One value of the alert key as text; several values of one field joined by commas.
    #[must_use]
    pub fn key_text(&self, field: &str) -> Option<String> {
        let (_, values) = self.0.key.iter().find(|(name, _)| name == field)?;
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// What the example events are about, beside the alert key: permissions, tags, policies, tables; each once.
    #[must_use]
    pub fn subject_matter(&self) -> Vec<String> {
        let mut found = Vec::new();
        let in_key = |field: Field| self.0.key.iter().any(|(name, _)| name == field.name());
        for example in &self.0.examples {
            let Ok(record) = Record::parse(example.record.get().as_bytes()) else { continue };
            let event = Event::of(&record);
            for field in SUBJECT_MATTER.into_iter().filter(|field| !in_key(*field)) {
                for value in event.field(field) {
                    if !found.iter().any(|known| known == value) {
                        found.push(value.to_string());
                    }
                }
            }
        }
        found
    }
}
