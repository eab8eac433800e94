//! The alert that contributions add up to.

use std::collections::BTreeMap;

use super::contribution::Contribution;
use super::id::AlertId;
use crate::findings::Fold;

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
}
