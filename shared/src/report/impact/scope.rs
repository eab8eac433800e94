//! What a change is about, and so which queries, grants and removals are counted for it.

use std::collections::BTreeSet;

use super::change::{Change, Family};
use crate::event::Party;

/// So many names are shown of a scope.
const SHOWN: usize = 5;

/// What is counted for a change; everything else is what it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything, and why: nothing is left to compare with
    Everything(&'static str),
    /// These data sources
    Objects(Names),
    /// Columns of these names, in whatever table
    Columns(Names),
    /// What these people do
    People(Vec<Party>, Names),
}

/// Names, compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    shown: Vec<String>,
    lower: BTreeSet<String>,
}

impl Names {
    /// As the records have them.
    #[must_use]
    pub fn new<'n>(names: impl IntoIterator<Item = &'n String>) -> Self {
        let shown: BTreeSet<&String> = names.into_iter().collect();
        let lower = shown.iter().map(|name| name.to_lowercase()).collect();
        let mut each_once = BTreeSet::new();
        let shown = shown.into_iter().filter(|name| each_once.insert(name.to_lowercase())).cloned().collect();
        Self { shown, lower }
    }

    fn holds(&self, name: &str) -> bool {
        self.lower.contains(name) || self.lower.contains(&name.to_lowercase())
    }

    /// The names, in their order.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.shown
    }

    fn in_words(&self) -> String {
        let first: Vec<&str> = self.shown.iter().take(SHOWN).map(String::as_str).collect();
        match self.shown.len().saturating_sub(SHOWN) {
            0 => first.join(", "),
            more => format!("{} and {more} more", first.join(", ")),
        }
    }

    fn counted(&self, noun: &str) -> String {
        if self.shown.len() == 1 { format!("the {noun}") } else { format!("{} {noun}s:", self.shown.len()) }
    }
}

/// A query, as much of it as is looked at.
#[derive(Debug, Clone, Copy)]
pub struct About<'r> {
    /// `actor` of the ledger
    pub actor: &'r str,
    /// `actor.name`
    pub actor_name: Option<&'r str>,
    /// `actor.profileId`
    pub actor_profile: Option<&'r str>,
    /// Tables and data sources
    pub objects: &'r [&'r str],
    /// Columns
    pub columns: &'r [&'r str],
}

impl Scope {
    /// What a change is about. `reached` are the events of its window after by which a policy came to data sources or
    /// left them.
    #[must_use]
    pub fn of<'e>(change: &Change, reached: impl IntoIterator<Item = &'e Change>) -> Self {
        if change.family == Family::Attribute {
            return Self::of_people(change);
        }
        let reached = reached.into_iter().filter(|event| change.reached(event)).flat_map(|event| &event.objects);
        let objects = Names::new(change.objects.iter().chain(reached));
        if !objects.shown.is_empty() {
            return Self::Objects(objects);
        }
        match change.family {
            Family::Tag if !change.columns.is_empty() => Self::Columns(Names::new(&change.columns)),
            Family::Tag => Self::Everything("the event names neither a data source nor a column"),
            _ => Self::Everything("no event names the data sources that the policy came to or left"),
        }
    }

    fn of_people(change: &Change) -> Self {
        let groups = Names::new(&change.groups);
        let people: Vec<Party> =
            change.parties.iter().filter(|party| !party.called().any(|name| groups.holds(name))).cloned().collect();
        if !people.is_empty() {
            let shown = change.subjects.iter().filter(|name| !groups.holds(name));
            return Self::People(people, Names::new(shown));
        }
        Self::Everything(if groups.shown.is_empty() {
            "the event names nobody"
        } else {
            "the attribute is a group's, and the audit log does not say who is in it"
        })
    }

    /// Whether nothing is left to compare with.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::Everything(_))
    }

    /// Whether columns are looked at.
    #[must_use]
    pub fn looks_at_columns(&self) -> bool {
        matches!(self, Self::Columns(_))
    }

    /// Whether a query counts, or a grant (`subjects` are then whom it was given to).
    #[must_use]
    pub fn holds(&self, about: About<'_>) -> bool {
        match self {
            Self::Everything(_) => true,
            Self::Objects(names) => about.objects.iter().any(|name| names.holds(name)),
            Self::Columns(names) => about.columns.iter().any(|name| names.holds(name)),
            Self::People(people, _) => {
                let lower = |text: &str| text.to_lowercase();
                let ids = [Some(about.actor), about.actor_profile].into_iter().flatten().map(lower).collect();
                let actor = Party { ids, names: about.actor_name.map(lower).into_iter().collect() };
                people.iter().any(|person| person.is(&actor))
            }
        }
    }

    /// Whether a grant or removal counts, by whom and what it is about.
    #[must_use]
    pub fn holds_grant(&self, subjects: &[&str], objects: &[&str]) -> bool {
        match self {
            Self::Everything(_) => true,
            Self::Objects(names) => objects.iter().any(|name| names.holds(name)),
            Self::Columns(_) => false,
            Self::People(people, _) => subjects.iter().any(|subject| {
                let subject = subject.to_lowercase();
                people.iter().any(|person| person.called().any(|name| name == subject))
            }),
        }
    }

    /// Whether an object that a query of the scope names is in it.
    #[must_use]
    pub fn holds_object(&self, object: &str) -> bool {
        match self {
            Self::Objects(names) => names.holds(object),
            _ => true,
        }
    }

    /// The scope in words; the names in it come from events.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Everything(why) => format!("the whole lake, since {why}"),
            Self::Objects(names) => format!("{} {}", names.counted("data source"), names.in_words()),
            Self::Columns(names) => {
                let noun = if names.shown.len() == 1 { "columns of the name" } else { "columns of the names" };
                format!("{noun} {}, in whatever table; grants are not of columns", names.in_words())
            }
            Self::People(people, names) => {
                let noun = if people.len() == 1 { "the user" } else { "the users" };
                format!("{noun} {}", names.in_words())
            }
        }
    }

    /// The names that make the scope.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::Everything(_) => &[],
            Self::Objects(names) | Self::Columns(names) | Self::People(_, names) => names.all(),
        }
    }

    /// What kind of scope it is.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Everything(_) => "everything",
            Self::Objects(_) => "objects",
            Self::Columns(_) => "columns",
            Self::People(..) => "people",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::samples::change;
    use super::*;

    fn query<'r>(actor: &'r str, objects: &'r [&'r str], columns: &'r [&'r str]) -> About<'r> {
        About { actor, actor_name: Some("Ann"), actor_profile: Some("7"), objects, columns }
    }

    #[test]
    fn a_tag_on_a_table_is_about_that_table() {
        let scope = Scope::of(&change(1, "TagRemoved", "PII", &["HR.Pay"]), &[]);
        assert!(scope.holds(query("ann", &["sales.orders", "hr.pay"], &[])));
        assert!(!scope.holds(query("ann", &["sales.orders"], &[])) && !scope.holds_object("sales.orders"));
        assert!(scope.holds_grant(&["ann"], &["hr.pay"]) && !scope.holds_grant(&["ann"], &[]));
        assert_eq!(scope.in_words(), "the data source HR.Pay");
    }

    #[test]
    fn a_tag_on_columns_of_no_named_table_is_about_columns_of_that_name() {
        let tagged = Change { columns: vec!["iban".to_owned()], ..change(1, "TagApplied", "PII", &[]) };
        let scope = Scope::of(&tagged, &[]);
        assert!(scope.looks_at_columns() && scope.holds(query("ann", &["a"], &["IBAN"])));
        assert!(!scope.holds(query("ann", &["iban"], &[])));
    }

    #[test]
    fn a_policy_is_about_the_data_sources_that_it_came_to_or_left() {
        let edit = change(1, "GlobalPolicyUpdated", "Mask", &[]);
        assert!(Scope::of(&edit, &[]).is_everything());
        let reached = [
            change(2, "DatasourceGlobalPolicyApplied", "Mask", &["hr.pay"]),
            change(3, "DatasourceGlobalPolicyRemoved", "Mask", &["hr.staff"]),
            change(4, "DatasourceGlobalPolicyApplied", "Another", &["sales.orders"]),
        ];
        assert_eq!(Scope::of(&edit, &reached).names(), ["hr.pay", "hr.staff"]);
        assert_eq!(Scope::of(&reached[0], &reached).names(), ["hr.pay"]);
    }

    #[test]
    fn an_attribute_is_about_its_user_by_id_or_by_name() {
        let by = |ids: &[&str], names: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
            Party { ids: owned(ids), names: owned(names) }
        };
        let given = |party| Change {
            parties: vec![party],
            subjects: vec!["Ann".to_owned()],
            ..change(1, "AttributeApplied", "Department", &[])
        };
        let scope = Scope::of(&given(by(&["ann@example.com"], &["ann"])), &[]);
        assert!(scope.holds(query("Ann@example.com", &[], &[])));
        assert!(!scope.holds(query("another-ann@example.com", &[], &[])), "two people may share a name");
        assert!(scope.holds_grant(&["Ann"], &[]) && !scope.holds_grant(&["Tom"], &[]));
        assert!(Scope::of(&given(by(&[], &["ann"])), &[]).holds(query("ann@example.com", &[], &[])));
    }

    #[test]
    fn an_attribute_of_a_group_is_about_everybody() {
        let given = Change {
            parties: vec![Party { ids: vec!["hr".to_owned()], names: vec!["hr".to_owned()] }],
            subjects: vec!["HR".to_owned()],
            groups: vec!["HR".to_owned()],
            ..change(1, "AttributeApplied", "Department", &[])
        };
        assert!(Scope::of(&given, &[]).is_everything());
    }

    #[test]
    fn many_names_are_shown_in_part() {
        let names: Vec<String> = (0..8).map(|number| format!("t{number}")).collect();
        assert_eq!(Names::new(&names).in_words(), "t0, t1, t2, t3, t4 and 3 more");
    }
}
