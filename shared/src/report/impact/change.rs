//! Changes of policies, tags and attributes: what an impact is asked of, and which other changes are of the same thing.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::event::{EventKey, Party};

/// What a change is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// A policy, for everything or on one data source
    Policy,
    /// A tag, or where it is put
    Tag,
    /// An attribute of a user
    Attribute,
}

impl Family {
    /// The family of a kind; none if it can change nobody's access in one of these ways.
    #[must_use]
    pub fn of(kind: &str) -> Option<Self> {
        let begins = |words: &[&str]| words.iter().any(|word| kind.starts_with(word));
        if begins(&["GlobalPolicy", "LocalPolicy", "DatasourceGlobalPolicy", "DatasourcePolicy"]) {
            Some(Self::Policy)
        } else if begins(&["Tag"]) || kind == "SDDDatasourceTagUpdated" {
            Some(Self::Tag)
        } else if ["AttributeApplied", "AttributeRemoved"].contains(&kind) {
            Some(Self::Attribute)
        } else {
            None
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Tag => "tag",
            Self::Attribute => "attribute",
        }
    }
}

/// A change of a policy, tag or attribute, as the ledger `changes` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The event's key
    pub event: EventKey,
    /// The record's `id`, not surely unique
    pub id: Option<String>,
    /// When it happened
    pub time: DateTime<Utc>,
    /// The event's kind
    pub kind: String,
    /// What it is a change of
    pub family: Family,
    /// How it ended; none if the record does not say
    pub status: Option<String>,
    /// Who did it
    pub actor: Option<String>,
    /// The policies, tags or attributes, as the family has it
    pub names: Vec<String>,
    /// Data sources concerned
    pub objects: Vec<String>,
    /// Columns concerned
    pub columns: Vec<String>,
    /// Groups concerned
    pub groups: Vec<String>,
    /// Users and groups concerned, by name
    pub subjects: Vec<String>,
    /// The same by everything that the record calls them
    #[serde(skip)]
    pub parties: Vec<Party>,
}

impl Change {
    /// Whether it took place: the log has attempts that failed or were refused, too.
    #[must_use]
    pub fn took_place(&self) -> bool {
        took_place(self.status.as_deref())
    }

    /// What it is of, and where, by the names in the event; of several one and how many more.
    #[must_use]
    pub fn in_words(&self) -> String {
        let some = |names: &[String]| match names {
            [] => None,
            [one] => Some(one.clone()),
            [first, rest @ ..] => Some(format!("{first} and {} more", rest.len())),
        };
        let what = some(&self.names).unwrap_or_else(|| format!("an unnamed {}", self.family.as_str()));
        let place = some(&self.columns).or_else(|| some(&self.objects)).or_else(|| some(&self.subjects));
        place.map_or_else(|| what.clone(), |place| format!("{what} · {place}"))
    }

    /// Whether it is of a policy as a whole, so that what it does to data sources follows as events of their own.
    #[must_use]
    pub fn is_of_a_whole_policy(&self) -> bool {
        self.family == Family::Policy && self.kind.starts_with("GlobalPolicy")
    }

    /// Whether it says that a policy as a whole came to some data sources, or left them.
    fn is_consequence(&self) -> bool {
        ["DatasourceGlobalPolicyApplied", "DatasourceGlobalPolicyRemoved"].contains(&self.kind.as_str())
    }

    /// Somebody vouched for a policy, or no longer does: nobody's access depends on it.
    fn is_certification(&self) -> bool {
        self.kind.starts_with("DatasourcePolicyCertif") || self.kind == "DatasourcePolicyDecertified"
    }

    /// Whether it is of a tag itself, and not of where it is put.
    fn is_of_a_whole_tag(&self) -> bool {
        ["TagCreated", "TagUpdated", "TagDeleted"].contains(&self.kind.as_str())
    }

    /// Whether the data sources of another event are some that this change reached.
    #[must_use]
    pub fn reached(&self, other: &Self) -> bool {
        self.is_of_a_whole_policy()
            && other.is_consequence()
            && other.took_place()
            && share_one(&self.names, &other.names)
    }

    /// Whether another event changed the same thing, so that what followed may be its doing as well.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        if self.event == other.event || self.family != other.family || !other.took_place() {
            return false;
        }
        if !share_one(&self.names, &other.names) {
            return false;
        }
        let same_place =
            |one: &[String], another: &[String]| one.is_empty() || another.is_empty() || share_one(one, another);
        match self.family {
            Family::Policy => {
                let follows = self.is_of_a_whole_policy() && other.is_consequence();
                !follows && !other.is_certification() && same_place(&self.objects, &other.objects)
            }
            // What is done to a tag as a whole shows in events of every table that carries it.
            Family::Tag if self.is_of_a_whole_tag() => other.is_of_a_whole_tag(),
            Family::Tag => {
                other.is_of_a_whole_tag()
                    || same_place(&self.objects, &other.objects) && same_place(&self.columns, &other.columns)
            }
            Family::Attribute => self.parties.iter().any(|one| other.parties.iter().any(|another| one.is(another))),
        }
    }
}

/// Whether an event of this status took place.
pub(super) fn took_place(status: Option<&str>) -> bool {
    !matches!(status, Some("FAILURE" | "UNAUTHORIZED"))
}

fn share_one(one: &[String], another: &[String]) -> bool {
    let lower = |text: &String| text.to_lowercase();
    one.iter().map(lower).any(|name| another.iter().map(lower).any(|other| other == name))
}

/// Made-up changes for the tests of this folder.
#[cfg(test)]
pub(super) mod samples {
    use super::*;

    pub(in crate::report::impact) fn key(number: u64) -> EventKey {
        format!("{number:032x}").parse().unwrap()
    }

    pub(in crate::report::impact) fn time(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    pub(in crate::report::impact) fn change(number: u64, kind: &str, name: &str, objects: &[&str]) -> Change {
        Change {
            event: key(number),
            id: Some(number.to_string()),
            time: time("2026-11-10T09:00:00Z"),
            kind: kind.to_owned(),
            family: Family::of(kind).unwrap(),
            status: Some("SUCCESS".to_owned()),
            actor: Some("ada@example.com".to_owned()),
            names: vec![name.to_owned()],
            objects: objects.iter().map(ToString::to_string).collect(),
            columns: Vec::new(),
            groups: Vec::new(),
            subjects: Vec::new(),
            parties: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{change, key};
    use super::*;

    #[test]
    fn kinds_that_can_change_access_have_a_family() {
        for (kind, family) in [
            ("GlobalPolicyUpdated", Some(Family::Policy)),
            ("LocalPolicyDeleted", Some(Family::Policy)),
            ("DatasourceGlobalPolicyDisabled", Some(Family::Policy)),
            ("TagRemoved", Some(Family::Tag)),
            ("SDDDatasourceTagUpdated", Some(Family::Tag)),
            ("SDDClassifierUpdated", None),
            ("AttributeRemoved", Some(Family::Attribute)),
            ("DatasourceUpdated", None),
            ("Query", None),
        ] {
            assert_eq!(Family::of(kind), family, "{kind}");
        }
    }

    #[test]
    fn what_a_policy_does_to_data_sources_is_no_other_change_but_a_later_edit_is() {
        let edit = change(1, "GlobalPolicyUpdated", "Mask", &[]);
        let applied = change(2, "DatasourceGlobalPolicyApplied", "mask", &["hr.pay"]);
        assert!(edit.reached(&applied) && !edit.is_of_the_same(&applied));
        assert!(edit.is_of_the_same(&change(3, "GlobalPolicyDeleted", "Mask", &[])));
        assert!(edit.is_of_the_same(&change(4, "DatasourceGlobalPolicyDisabled", "Mask", &["hr.pay"])));
        assert!(!edit.is_of_the_same(&change(5, "DatasourcePolicyCertified", "Mask", &["hr.pay"])));
        assert!(!edit.is_of_the_same(&change(6, "GlobalPolicyUpdated", "Another", &[])));
        assert!(!edit.is_of_the_same(&Change { event: key(1), ..change(7, "GlobalPolicyDeleted", "Mask", &[]) }));
        assert!(applied.is_of_the_same(&edit), "asked of one table, the edit of the whole policy is another change");
        assert!(!applied.is_of_the_same(&change(8, "DatasourceGlobalPolicyRemoved", "Mask", &["sales.orders"])));
    }

    #[test]
    fn what_failed_changed_nothing() {
        let edit = change(1, "GlobalPolicyUpdated", "Mask", &[]);
        let refused =
            Change { status: Some("UNAUTHORIZED".to_owned()), ..change(2, "GlobalPolicyUpdated", "Mask", &[]) };
        assert!(!edit.is_of_the_same(&refused) && !refused.took_place() && edit.took_place());
    }

    #[test]
    fn a_tag_on_another_table_is_another_matter() {
        let here = change(1, "TagRemoved", "PII", &["hr.pay"]);
        assert!(here.is_of_the_same(&change(2, "TagApplied", "PII", &["HR.pay"])));
        assert!(!here.is_of_the_same(&change(3, "TagApplied", "PII", &["sales.orders"])));
        assert!(here.is_of_the_same(&change(4, "TagDeleted", "PII", &[])));
        let (iban, name) = (vec!["iban".to_owned()], vec!["name".to_owned()]);
        let column = Change { columns: iban, ..here.clone() };
        assert!(!column.is_of_the_same(&Change { columns: name, ..change(5, "TagApplied", "PII", &["hr.pay"]) }));
        assert!(!change(6, "TagDeleted", "PII", &[]).is_of_the_same(&here));
    }

    #[test]
    fn an_attribute_of_somebody_else_is_another_matter() {
        let of = |number, person: &str| Change {
            parties: vec![Party { ids: vec![person.to_owned()], names: Vec::new() }],
            ..change(number, "AttributeApplied", "Department", &[])
        };
        assert!(of(1, "ann@example.com").is_of_the_same(&of(2, "ann@example.com")));
        assert!(!of(1, "ann@example.com").is_of_the_same(&of(3, "tom@example.com")));
    }
}
