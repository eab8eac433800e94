//! Who or what a record speaks of: by identifier where it has one, by name where it has not.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::fields::table::{DATA_SOURCES, USERS};
use super::fields::{Field, resources};
use super::json::Json;
use super::record::Event;

/// The identifiers and names of the users or data sources that a record speaks of.
///
/// Two people may share a name, so names count only where one side has no identifier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Identifiers, in whatever form the record has them
    pub ids: Vec<String>,
    /// Names
    pub names: Vec<String>,
}

impl Party {
    /// Who did it.
    #[must_use]
    pub fn actor(record: Json<'_>) -> Self {
        let mut party = Self::default();
        for member in ["id", "profileId"] {
            add(&mut party.ids, record.at(&["actor", member]));
        }
        add(&mut party.names, record.at(&["actor", "name"]));
        party
    }

    /// The users that it was done to. `named` are their names as derived.
    #[must_use]
    pub(super) fn subject(record: Json<'_>, named: &[Cow<'_, str>]) -> Self {
        Self::of(record, USERS, named)
    }

    /// The users that an event is about.
    #[must_use]
    pub fn subject_of(event: &Event<'_>) -> Self {
        Self::of(event.record().json(), USERS, event.field(Field::Subject))
    }

    /// The data sources that an event is about.
    #[must_use]
    pub fn object_of(event: &Event<'_>) -> Self {
        Self::of(event.record().json(), DATA_SOURCES, event.field(Field::Object))
    }

    fn of(record: Json<'_>, types: &[&str], named: &[Cow<'_, str>]) -> Self {
        let mut party = Self::default();
        for list in ["targets", "relatedResources"] {
            resources(record, list, types, &mut |entry| {
                add(&mut party.ids, entry.get("id"));
                add(&mut party.names, entry.get("name"));
            });
        }
        party.names.extend(named.iter().map(ToString::to_string));
        party.names.sort();
        party.names.dedup();
        party
    }

    /// Whether the record says nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.names.is_empty()
    }

    /// Whether any of one is any of the other.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let common = |a: &[String], b: &[String]| a.iter().any(|a| b.iter().any(|b| a.eq_ignore_ascii_case(b)));
        common(&self.ids, &other.ids)
            || common(&self.ids, &other.names)
            || common(&self.names, &other.ids)
            || ((self.ids.is_empty() || other.ids.is_empty()) && common(&self.names, &other.names))
    }

    /// Whether this one is among the others; `None` where the record does not say who they are.
    pub(super) fn is_one_of(&self, others: &Self) -> Option<bool> {
        (!others.is_empty()).then(|| self.meets(others))
    }
}

fn add(to: &mut Vec<String>, value: Option<Json<'_>>) {
    let text = value.and_then(Json::as_text);
    to.extend(
        text.map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty() && !text.eq_ignore_ascii_case("unknown")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(ids: &[&str], names: &[&str]) -> Party {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Party { ids: owned(ids), names: owned(names) }
    }

    #[test]
    fn two_people_of_one_name_are_told_apart_by_their_ids() {
        assert!(!party(&["1"], &["Julia Weber"]).meets(&party(&["2"], &["Julia Weber"])));
        assert!(party(&["1"], &["Julia Weber"]).meets(&party(&[], &["julia weber"])));
        assert!(party(&["ann@x"], &["Ann"]).meets(&party(&["7"], &["Ann@x"])));
        assert!(party(&["a", "7"], &[]).meets(&party(&["7"], &["whoever"])));
        assert!(!party(&[], &[]).meets(&party(&[], &[])));
    }
}
