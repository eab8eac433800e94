//! The alert that contributions add up to.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::approval::{Approval, Approvals};
use super::contribution::{Contribution, EXAMPLES, Example};
use super::id::AlertId;
use crate::correlate::{Before, Moment};
use crate::event::{Event, EventKey, Field, Record};
use crate::findings::Fold;
use crate::rules::Condition;

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

/// Of what a correlation's events are about, so many are told; a time line may speak of hundreds.
const MOST_MATTERS: usize = 5;

/// The member of a record that names it. In an alert key it keeps alerts apart, and tells people nothing.
const NAME_OF_RECORD: &str = "id";

/// An alert: the fold of all its contributions, with what approvals make of it.
#[derive(Debug, Clone)]
pub struct Alert {
    folded: Contribution,
    /// The approvals that stand behind its grants, by the grant's event
    approved: BTreeMap<EventKey, Approval>,
}

impl Alert {
    /// Folds contributions by the id of their alert.
    pub fn fold(contributions: impl IntoIterator<Item = Contribution>) -> BTreeMap<AlertId, Contribution> {
        let mut folded: BTreeMap<AlertId, Contribution> = BTreeMap::new();
        for contribution in contributions {
            match folded.get_mut(&contribution.alert) {
                Some(alert) => alert.fold(contribution),
                None => {
                    folded.insert(contribution.alert.clone(), contribution);
                }
            }
        }
        folded
    }

    /// The alert that folded contributions make, given the approvals of all exports within [`Self::approvals_sought`].
    #[must_use]
    pub fn of(mut folded: Contribution, approvals: &Approvals) -> Self {
        let mut approved: BTreeMap<EventKey, Approval> = BTreeMap::new();
        for (event, open) in &folded.unless_approved {
            if let Some(approval) = approvals.behind(&open.grant) {
                approved.insert(*event, approval.clone());
            } else {
                folded.level = folded.level.max(open.level);
                folded.route = folded.route.max(open.route);
                folded.raised.extend(open.raised.iter().cloned());
            }
        }
        // A grant that was approved explains nothing of what raised the alert.
        folded.examples.sort_by_key(|example| approved.contains_key(&example.key));
        folded.examples.truncate(EXAMPLES);
        Self { folded, approved }
    }

    /// The earliest and the latest time of approvals that would change anything; `None` if none would.
    #[must_use]
    pub fn approvals_sought(folded: &Contribution) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let grants = || folded.unless_approved.values().map(|open| &open.grant);
        Some((grants().map(|grant| grant.from).min()?, grants().map(|grant| grant.until).max()?))
    }

    /// What is known of it.
    #[must_use]
    pub fn detail(&self) -> &Contribution {
        &self.folded
    }

    /// The same with these events of what a correlation found.
    #[must_use]
    pub fn with_moments(mut self, moments: Vec<Moment>) -> Self {
        if let Some(found) = &mut self.folded.found {
            found.moments = moments;
        }
        self
    }

    /// The approval that stands behind the grant of an event.
    #[must_use]
    pub fn approval(&self, event: EventKey) -> Option<&Approval> {
        self.approved.get(&event)
    }

    /// The conditions that held for an example event, with those of a grant that nobody approved.
    #[must_use]
    pub fn conditions<'e>(&self, example: &'e Example) -> Vec<&'e Condition> {
        let further: &[Condition] =
            if self.approved.contains_key(&example.key) { &[] } else { &example.unless_approved };
        example.conditions.iter().chain(further).collect()
    }

    /// How many distinct events it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.folded.count()
    }

    /// The fields of the alert key that tell people something, in its order.
    pub fn telling_key(&self) -> impl Iterator<Item = &str> {
        self.folded.key.iter().map(|(field, _)| field.as_str()).filter(|field| *field != NAME_OF_RECORD)
    }

    /// One value of the alert key as text; several values of one field joined by commas.
    #[must_use]
    pub fn key_text(&self, field: &str) -> Option<String> {
        let (_, values) = self.folded.key.iter().find(|(name, _)| name == field)?;
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// What the example events are about, beside the alert key: permissions, tags, policies, tables; each once.
    #[must_use]
    pub fn subject_matter(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let in_key = |field: Field| self.folded.key.iter().any(|(name, _)| name == field.name());
        for example in &self.folded.examples {
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
        if let Some(correlated) = &self.folded.found {
            found.extend(match &correlated.before {
                Some(Before::NotThere { values, .. }) => values.iter().take(MOST_MATTERS).cloned().collect(),
                _ => self.matter_of(&correlated.moments),
            });
        }
        found
    }

    /// What the events of a correlation are about, beside the alert key.
    fn matter_of(&self, moments: &[Moment]) -> Vec<String> {
        let named: Vec<&str> = self.telling_key().filter_map(|field| self.name_of(field)).collect();
        let in_key = |field: Field| self.folded.key.iter().any(|(name, _)| name == field.name());
        let of = |moments: &[Moment], is_wanted: fn(Field) -> bool| {
            let fields = SUBJECT_MATTER.into_iter().filter(|field| is_wanted(*field) && !in_key(*field));
            let values =
                fields.flat_map(|field| moments.iter().filter_map(move |moment| moment.fields.get(field.name())));
            let mut found: Vec<String> = Vec::new();
            for value in values.flatten().filter(|value| !named.contains(&value.as_str())) {
                if found.len() < MOST_MATTERS && !found.contains(value) {
                    found.push(value.clone());
                }
            }
            found
        };
        let matter = of(moments, |field| field != Field::Tag);
        // Where a table was read, its tags say less than its name.
        if matter.is_empty() { of(&moments[..moments.len().min(1)], |field| field == Field::Tag) } else { matter }
    }

    /// Where a correlation groups by an identifier: the name that goes with it, if all events have the same.
    fn name_of(&self, field: &str) -> Option<&str> {
        let name = Field::named(field.strip_suffix("_id")?)?.name();
        let moments = self.folded.found.iter().flat_map(|found| &found.moments);
        let names: BTreeSet<&String> = moments.filter_map(|moment| moment.fields.get(name)).flatten().collect();
        names.first().filter(|_| names.len() == 1).map(|name| name.as_str())
    }

    /// Who took part in what a correlation found, where its key names nobody.
    fn actors_beside_key(&self) -> Option<String> {
        const NAMED: usize = 2;
        let names_somebody = |field: &str| {
            field.starts_with("watch.actor") || field.starts_with("watch.subject") || !field.contains('.')
        };
        if self.telling_key().any(names_somebody) {
            return None;
        }
        let moments = self.folded.found.iter().flat_map(|found| &found.moments);
        let actors = moments.filter_map(|moment| moment.fields.get(Field::Actor.name())).flatten();
        let mut named: Vec<&str> = Vec::new();
        for actor in actors {
            if !named.contains(&actor.as_str()) {
                named.push(actor);
            }
        }
        let more = named.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        (!named.is_empty()).then(|| format!("{}{more}", named[..named.len().min(NAMED)].join(", ")))
    }

    /// The values of the alert key, and what else the events are about.
    #[must_use]
    pub fn in_words(&self) -> String {
        let value = |field| self.name_of(field).map(str::to_owned).or_else(|| self.key_text(field));
        let values: Vec<String> =
            self.actors_beside_key().into_iter().chain(self.telling_key().filter_map(value)).collect();
        let matter = self.subject_matter();
        if matter.is_empty() {
            values.join(" → ")
        } else {
            format!("{}: {}", values.join(" → "), matter.join(", "))
        }
    }

    /// How the attempts ended, where none of the examples succeeded: a rule on a change takes those, too.
    #[must_use]
    pub fn unusual_status(&self) -> Option<String> {
        let statuses: Option<Vec<String>> = self.folded.examples.iter().map(Example::unusual_status).collect();
        statuses?.into_iter().next()
    }
}

impl Example {
    /// How the event ended, if it did not succeed.
    #[must_use]
    pub fn unusual_status(&self) -> Option<String> {
        let record = Record::parse(self.record.get().as_bytes()).ok()?;
        Event::of(&record).field(Field::Status).first().filter(|status| *status != "SUCCESS").map(ToString::to_string)
    }
}
