//! What a notification or an audit event says of a change, as far as two of them can be compared.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event::{Event, Field, Party, Service};

/// So much of what a notification says in free words is compared, in bytes: far more than a sentence.
const MOST_TEXT: usize = 8 * 1024;

/// What is compared by name alone.
const NAMED: [Field; 9] = [
    Field::Permission,
    Field::Attribute,
    Field::Tag,
    Field::Policy,
    Field::Domain,
    Field::Group,
    Field::Project,
    Field::Purpose,
    Field::Column,
];

/// What one of the two says of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The kind of the audit event, or the type of the notification
    pub kind: String,
    /// When it happened; of a notification, when it was received
    pub time: DateTime<Utc>,
    /// Who did it; none if that is not said
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Party>,
    /// The users and groups that it was done to
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Party>,
    /// The data sources concerned
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Party>,
    /// Permissions, tags, policies and so on, in lower case, by the derived field that holds them
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<String, BTreeSet<String>>,
    /// Everything that a notification says in free words or anywhere else, in lower case; empty for an audit event
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
}

impl Change {
    /// What an event says of a change; none if it does not say when.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let actor = Some(Party::actor(event.record().json())).filter(|actor| *actor != Party::default());
        let values = |field: Field| {
            let values: BTreeSet<String> = event
                .field(field)
                .iter()
                .map(|value| value.trim().to_lowercase())
                .filter(|value| !value.is_empty())
                .collect();
            (!values.is_empty()).then(|| (field.name().to_owned(), values))
        };
        let texts = match event.service() {
            Service::Audit => Vec::new(),
            Service::Webhook => texts(event),
        };
        Some(Self {
            kind: event.kind().to_owned(),
            time: event.time()?,
            actor,
            subjects: Party::subjects_of(event),
            objects: Party::objects_of(event),
            named: NAMED.into_iter().filter_map(values).collect(),
            texts,
        })
    }
}

/// The sentence of a notification, and every text in its attachments.
fn texts(event: &Event<'_>) -> Vec<String> {
    let json = event.record().json();
    let mut found: Vec<String> = event.text_at(&["text"]).into_iter().map(|text| text.to_lowercase()).collect();
    json.each_at(&["strings"], &mut |text| {
        found.extend(text.as_text().map(|text| text.to_lowercase()).filter(|text| !text.is_empty()));
    });
    let mut length = 0;
    found.retain(|text| {
        length += text.len();
        length <= MOST_TEXT
    });
    found
}
