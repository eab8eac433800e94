//! Who or what a record speaks of: by identifier where it has one, by name where it has not.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::fields::table::{DATA_SOURCES, GROUPS, USERS, USERS_AND_GROUPS};
use super::fields::{Field, resources};
use super::json::Json;
use super::record::Event;

/// One user, group or data source: its identifiers and names.
///
/// Two people may share a name, so names count only where the identifiers say nothing: where one side has none, or they are
/// of different kinds (`7` and `ann@example.com`).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Party {
    /// Identifiers, in whatever form the record has them, in lower case
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ids: Vec<String>,
    /// Names, in lower case
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<String>,
}

/// Where a payload itself names who or what a change is about.
const SUBJECT_KEYS: [&str; 3] = ["user", "subject", "group"];
const USER_KEYS: [&str; 2] = ["user", "subject"];
const GROUP_KEYS: [&str; 1] = ["group"];
const OBJECT_KEYS: [&str; 4] = ["dataSource", "datasource", "dataSources", "datasources"];

impl Party {
    /// As a list has it: by an identifier, a name, or both.
    #[must_use]
    pub fn called_so(id: &str, name: &str) -> Self {
        let mut party = Self::default();
        add_text(&mut party.ids, id);
        add_text(&mut party.names, name);
        party
    }

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

    /// The users and groups that an event is about.
    #[must_use]
    pub fn subjects_of(event: &Event<'_>) -> Vec<Self> {
        Self::subjects(event.record().json(), event.field(Field::Subject))
    }

    /// The users alone that an event is about.
    #[must_use]
    pub fn users_of(event: &Event<'_>) -> Vec<Self> {
        let groups = event.field(Field::Group);
        let named: Vec<Cow<'_, str>> =
            event.field(Field::Subject).iter().filter(|name| !groups.contains(name)).cloned().collect();
        parties(event.record().json(), USERS, &USER_KEYS, &named)
    }

    /// The groups alone that an event is about.
    #[must_use]
    pub fn groups_of(event: &Event<'_>) -> Vec<Self> {
        parties(event.record().json(), GROUPS, &GROUP_KEYS, event.field(Field::Group))
    }

    /// The data sources that an event is about.
    #[must_use]
    pub fn objects_of(event: &Event<'_>) -> Vec<Self> {
        parties(event.record().json(), DATA_SOURCES, &OBJECT_KEYS, event.field(Field::Object))
    }

    /// As [`Self::subjects_of`], while the event is in the making. `named` are the names as derived.
    pub(super) fn subjects(record: Json<'_>, named: &[Cow<'_, str>]) -> Vec<Self> {
        parties(record, USERS_AND_GROUPS, &SUBJECT_KEYS, named)
    }

    /// Whether the two are the same, as far as can be told.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let common = |a: &[String], b: &[String]| a.iter().any(|a| b.contains(a));
        let comparable = self.ids.iter().any(|a| other.ids.iter().any(|b| is_number(a) == is_number(b)));
        common(&self.ids, &other.ids)
            || common(&self.ids, &other.names)
            || common(&self.names, &other.ids)
            || (!comparable && common(&self.names, &other.names))
    }

    /// Everything that it is called.
    pub fn called(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().chain(&self.names).map(String::as_str)
    }
}

/// The entries of these types, what the payload names, and names that stand anywhere else.
fn parties(record: Json<'_>, types: &[&str], keys: &[&str], named: &[Cow<'_, str>]) -> Vec<Party> {
    let mut found: Vec<Party> = Vec::new();
    let mut take = |entry: Json<'_>| {
        let mut party = Party::default();
        add(&mut party.ids, entry.get("id"));
        add(&mut party.names, entry.get("name"));
        if party != Party::default() && !found.contains(&party) {
            found.push(party);
        }
    };
    for list in ["targets", "relatedResources"] {
        resources(record, list, types, &mut take);
    }
    for key in keys {
        record.each_at(&["auditPayload", key], &mut take);
    }
    for name in named {
        let name = name.to_lowercase();
        if !found.iter().any(|party| party.called().any(|known| known == name)) {
            found.push(Party { ids: Vec::new(), names: vec![name] });
        }
    }
    found
}

fn is_number(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit())
}

fn add(to: &mut Vec<String>, value: Option<Json<'_>>) {
    if let Some(text) = value.and_then(Json::as_text) {
        add_text(to, &text);
    }
}

fn add_text(to: &mut Vec<String>, text: &str) {
    let text = text.trim().to_lowercase();
    to.extend((!text.is_empty() && text != "unknown").then_some(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;

    fn party(ids: &[&str], names: &[&str]) -> Party {
        let owned = |texts: &[&str]| texts.iter().map(|text| text.to_lowercase()).collect();
        Party { ids: owned(ids), names: owned(names) }
    }

    #[test]
    fn two_people_of_one_name_are_told_apart_by_their_ids() {
        assert!(!party(&["1"], &["Julia Weber"]).is(&party(&["2"], &["Julia Weber"])));
        assert!(party(&["1"], &["Julia Weber"]).is(&party(&[], &["julia weber"])));
        assert!(party(&["ann@x"], &["Ann"]).is(&party(&["7"], &["Ann@x"])));
        assert!(party(&["a", "7"], &[]).is(&party(&["7"], &["whoever"])));
        assert!(party(&["JÖRG@x"], &[]).is(&party(&["jörg@X"], &[])));
        assert!(!party(&[], &[]).is(&party(&[], &[])));
    }

    #[test]
    fn identifiers_of_two_kinds_say_nothing_about_each_other() {
        assert!(party(&["marta@x"], &["Marta"]).is(&party(&["12"], &["Marta"])));
        assert!(!party(&["marta@x", "12"], &["Marta"]).is(&party(&["13"], &["Marta"])));
    }

    #[test]
    fn each_entry_is_a_party_of_its_own_and_a_name_elsewhere_adds_none() {
        let line = r#"{"targets":[{"type":"USER","id":"7","name":"Ann"},{"type":"GROUP","id":"8","name":"sales"},{"type":"DATASOURCE","id":"9"}],
            "auditPayload":{"type":"SubscriptionCreatedAuditPayload","user":{"id":12,"name":"Bob"},"username":"ann"}}"#;
        let record = Record::parse(line.as_bytes()).unwrap();
        let event = Event::of(&record);
        assert_eq!(
            Party::subjects_of(&event),
            [party(&["7"], &["Ann"]), party(&["8"], &["sales"]), party(&["12"], &["Bob"])]
        );
        assert_eq!(Party::objects_of(&event), [party(&["9"], &[])]);
    }

    #[test]
    fn the_user_of_a_membership_is_told_from_the_group() {
        for (line, user) in [
            (
                r#"{"targets":[{"type":"GROUP","id":"31","name":"Auditors"}],"relatedResources":[{"type":"USER","id":"977","name":"Tom"}],
                    "auditPayload":{"type":"GroupMemberAddedAuditPayload"}}"#,
                party(&["977"], &["Tom"]),
            ),
            (
                r#"{"auditPayload":{"type":"GroupMemberAddedAuditPayload","groupName":"Auditors","user":{"id":"6030","name":"Ana"}}}"#,
                party(&["6030"], &["Ana"]),
            ),
        ] {
            let record = Record::parse(line.as_bytes()).unwrap();
            let event = Event::of(&record);
            assert_eq!(Party::users_of(&event), [user]);
            let [group] = &Party::groups_of(&event)[..] else { panic!("{line}") };
            assert!(group.is(&party(&[], &["auditors"])));
        }
    }
}
