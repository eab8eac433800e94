//! Who or what somebody is, with the name to show.

use serde::Serialize;

use super::list::Row;
use crate::event::Party;

/// A user, group or data source: what it is matched by, and what it is called where people read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Named {
    /// Its name as first seen; its identifier where it has none
    pub name: String,
    /// Its identifier, if it has one that is not the name
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it is matched by
    #[serde(skip)]
    pub party: Party,
}

impl Named {
    /// By an identifier, a name, or both.
    #[must_use]
    pub fn new(id: &str, name: &str) -> Self {
        let party = Party::called_so(id, name);
        let (id, name) = (id.trim(), name.trim());
        if name.is_empty() {
            return Self { name: id.to_owned(), id: None, party };
        }
        Self { name: name.to_owned(), id: (!id.is_empty() && id != name).then(|| id.to_owned()), party }
    }

    /// The data source, user or group of a list's row.
    #[must_use]
    pub fn of_row(row: &Row) -> Self {
        Self::new(&row.id, &row.name)
    }

    /// The group of a list's row.
    #[must_use]
    pub fn group_of_row(row: &Row) -> Self {
        Self::new(&row.group_id, &row.group)
    }

    /// As an event has it. `spelt` are names as the record spells them: those of a party are in lower case.
    #[must_use]
    pub fn of_party(party: Party, spelt: &[impl AsRef<str>]) -> Self {
        let as_spelt = |text: &String| {
            let found = spelt.iter().map(AsRef::as_ref).find(|spelt| spelt.to_lowercase() == *text);
            found.map_or_else(|| text.clone(), ToOwned::to_owned)
        };
        let (name, id) = (party.names.first().map(as_spelt), party.ids.first().map(as_spelt));
        let (name, id) = match (name, id) {
            (Some(name), id) => (name, id),
            (None, id) => (id.unwrap_or_default(), None),
        };
        Self { id: id.filter(|id| *id != name), name, party }
    }

    /// The name, and the identifier behind it.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.id.as_ref().map_or_else(|| self.name.clone(), |id| format!("{} ({id})", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_shown_as_it_was_spelt_and_the_identifier_behind_it() {
        let ann = Named::of_party(Party::called_so("ann@x", "Ann Lee"), &["Ann Lee"]);
        assert_eq!(ann.in_words(), "Ann Lee (ann@x)");
        assert_eq!(Named::of_party(Party::called_so("Ann@X", ""), &["Ann@X"]).in_words(), "Ann@X");
        assert_eq!(Named::new("7", "").in_words(), "7");
        assert_eq!(Named::new("ann@x", "ann@x").in_words(), "ann@x");
    }
}
