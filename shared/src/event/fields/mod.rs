//! The derived fields (`watch.*`), from one table of candidate places.
//!
//! Which key of a payload carries a permission's, tag's or policy's name is not public for most events. So every
//! derived field has an ordered list of places where it may stand; the first place that holds a value wins. Rules,
//! ledgers and reports read the derived names, and `immuta-watch inspect` says how often each place held. A wrong
//! guess is one line in [`table::TABLE`].

pub(super) mod table;

use std::borrow::Cow;
use std::collections::HashSet;

use self::table::{Candidates, NO_KIND, Place, TABLE, starts_with_one};
use super::json::{Json, View};
use super::party::Party;
use super::{Service, sensitivity};

/// A derived field. The discriminant is its row in [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Field {
    /// What happened
    Kind,
    /// How it ended: `SUCCESS`, `FAILURE`, `UNAUTHORIZED`
    Status,
    /// Who did it; never empty
    Actor,
    /// The user or group that it was done to
    Subject,
    /// The groups concerned
    Group,
    /// Data sources, or the tables that a query read
    Object,
    /// Columns
    Column,
    /// Permissions given or taken
    Permission,
    /// User attributes given or taken
    Attribute,
    /// Tags, as dotted paths
    Tag,
    /// Policies
    Policy,
    /// Domains
    Domain,
    /// Projects
    Project,
    /// Purposes
    Purpose,
    /// The identity provider of the user concerned
    IdentityProvider,
    /// The highest sensitivity level that a query touched
    Sensitivity,
    /// The platform that a query ran on
    Platform,
    /// Who acted in the name of the actor
    ImpersonatedBy,
    /// Whether the actor did it to themselves: `true` or `false`
    Myself,
    /// Tags that a column or data source carries already, as dotted paths
    CarriedTag,
    /// The user or group that it was done to, by its id
    SubjectId,
    /// Data sources, by their ids
    ObjectId,
    /// Every id of who did it
    ActorId,
}

/// The number of derived fields.
const COUNT: usize = Field::ActorId as usize + 1;

/// Under which members an object says its name, in order.
const NAMES: &[&str] = &["name", "tagName", "displayName", "id"];

/// The same where events of different kinds are to be brought together: names differ from one kind to the next, and change.
const IDS: &[&str] = &["id", "name", "displayName"];

impl Field {
    /// Every derived field.
    pub fn all() -> impl Iterator<Item = Field> {
        TABLE.iter().map(|row| row.field)
    }

    /// The name that rules use (`watch.permission`).
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE[self as usize].name
    }

    /// The field that rules call `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Field> {
        if !name.starts_with(PREFIX) {
            return None;
        }
        TABLE.iter().find(|row| row.name == name).map(|row| row.field)
    }

    /// Whether every event has a value for it, so that an alert key with it is never empty.
    #[must_use]
    pub fn is_never_empty(self) -> bool {
        matches!(self, Field::Kind | Field::Actor)
    }

    /// Whether events of this kind ought to say it.
    #[must_use]
    pub fn is_expected_of(self, kind: &str) -> bool {
        let expected = TABLE[self as usize].expected_of;
        expected.is_empty() || starts_with_one(kind, expected)
    }

    /// Whether it is there only when there is something to say, so that its absence says nothing.
    #[must_use]
    pub fn is_optional(self) -> bool {
        TABLE[self as usize].expected_of == NO_KIND
    }

    /// Nine records in ten are queries, and of the fields that only changes have they say nothing but by accident.
    fn is_looked_for_in_queries(self) -> bool {
        self.is_expected_of(super::kind::QUERY)
            || matches!(self, Field::Tag | Field::Purpose | Field::ImpersonatedBy | Field::ObjectId)
    }

    /// What stands for an object at the end of a path, in order.
    fn members(self) -> &'static [&'static str] {
        if matches!(self, Field::SubjectId | Field::ObjectId) { IDS } else { NAMES }
    }

    /// The candidate places in their order, in words.
    #[must_use]
    pub fn places(self) -> Vec<String> {
        TABLE[self as usize].places.iter().map(Place::in_words).collect()
    }
}

/// What the names of all derived fields start with.
pub const PREFIX: &str = "watch.";

/// The derived fields of one event.
#[derive(Debug, Clone)]
pub struct Fields<'r> {
    /// The values of all fields, one field after the other
    values: Vec<Cow<'r, str>>,
    /// Where the values of each field begin and end
    ranges: [(u32, u32); COUNT],
    /// For each field the place that held, as an index into its candidates.
    places: [Option<u8>; COUNT],
}

impl<'r> Fields<'r> {
    /// Looks every field up in its candidate places.
    pub(super) fn derive(record: Json<'r>, kind: Cow<'r, str>, service: Service) -> Self {
        let mut fields = Fields { values: Vec::with_capacity(24), ranges: [(0, 0); COUNT], places: [None; COUNT] };
        let source = Source { record, payload: record.get("auditPayload"), kind, service };
        let is_query = service == Service::Audit && source.kind == super::kind::QUERY;
        for row in TABLE.iter().filter(|row| !is_query || row.field.is_looked_for_in_queries()) {
            fields.row(row, &source);
        }
        fields
    }

    fn row(&mut self, row: &Candidates, source: &Source<'r>) {
        let start = self.values.len();
        for (index, place) in row.places.iter().enumerate() {
            if matches!(place, Place::ActorIsSubject) {
                let actor = Party::actor(source.record);
                let subjects = Party::subjects(source.record, self.values(Field::Subject));
                let is_among = if subjects.iter().any(|subject| subject.is(&actor)) { "true" } else { "false" };
                self.values.extend((!subjects.is_empty()).then_some(Cow::Borrowed(is_among)));
            } else {
                source.collect(place, row, start, &mut self.values);
            }
            each_once(&mut self.values, start);
            if self.values.len() == start {
                continue;
            }
            self.places[row.field as usize].get_or_insert(u8::try_from(index).unwrap_or(u8::MAX));
            if !row.every_place {
                break;
            }
        }
        if row.field == Field::Sensitivity {
            sensitivity::keep_highest(&mut self.values, start);
        }
        // A record of more values than fit into 32 bits is larger than any line that is read.
        let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.ranges[row.field as usize] = (index(start), index(self.values.len()));
    }

    /// The values of a field, in the order of the record, each once.
    #[must_use]
    pub fn values(&self, field: Field) -> &[Cow<'r, str>] {
        let (start, end) = self.ranges[field as usize];
        &self.values[start as usize..end as usize]
    }

    /// The place that held, as an index into [`Field::places`].
    #[must_use]
    pub fn place(&self, field: Field) -> Option<usize> {
        self.places[field as usize].map(usize::from)
    }
}

/// What candidates are looked up in.
struct Source<'r> {
    record: Json<'r>,
    payload: Option<Json<'r>>,
    kind: Cow<'r, str>,
    service: Service,
}

impl<'r> Source<'r> {
    /// Adds what a place holds to the values of the field that begin at `start`.
    fn collect(&self, place: &Place, row: &Candidates, start: usize, into: &mut Vec<Cow<'r, str>>) {
        let (normalise, members) = (row.normalise, row.field.members());
        let mut take = |value: Json<'r>| {
            if let Some(name) = name_of(value, members) {
                push(name, normalise, start, into);
            }
        };
        match *place {
            Place::Kind => push(self.kind.clone(), normalise, start, into),
            Place::Always(word) => into.push(Cow::Borrowed(word)),
            Place::Record(path) => self.record.each_at(path, &mut take),
            Place::Payload(path) => {
                if let Some(payload) = self.payload {
                    payload.each_at(path, &mut take);
                }
            }
            Place::PayloadOf(kinds, path) => {
                if let Some(payload) = self.payload.filter(|_| starts_with_one(&self.kind, kinds)) {
                    payload.each_at(path, &mut take);
                }
            }
            Place::Notification(kinds, path) => {
                let is_one = self.service == Service::Webhook && starts_with_one(&self.kind, kinds);
                if let Some(payload) = self.payload.filter(|_| is_one) {
                    payload.each_at(path, &mut take);
                }
            }
            Place::Target(types) => resources(self.record, "targets", types, &mut take),
            Place::Related(types) => resources(self.record, "relatedResources", types, &mut take),
            Place::BelowTarget(types, path) => {
                resources(self.record, "targets", types, &mut |entry| entry.each_at(path, &mut take));
            }
            Place::BelowRelated(types, path) => {
                resources(self.record, "relatedResources", types, &mut |entry| entry.each_at(path, &mut take));
            }
            // Told by `derive`, which knows the subjects.
            Place::ActorIsSubject => {}
        }
    }
}

/// Shows every entry of a list of resources that has one of the types.
pub(super) fn resources<'r>(record: Json<'r>, list: &str, types: &[&str], take: &mut dyn FnMut(Json<'r>)) {
    record.each_at(&[list], &mut |entry| {
        let is_one_of = |word: &str| types.iter().any(|wanted| same_word(word, wanted));
        if entry.get("type").and_then(Json::as_str).is_some_and(is_one_of) {
            take(entry);
        }
    });
}

/// A string or number as it is; an object by the first of these members.
fn name_of<'r>(value: Json<'r>, members: &[&str]) -> Option<Cow<'r, str>> {
    match value.view() {
        View::Object(_) => {
            members.iter().filter_map(|name| value.get(name)?.as_text()).find(|text| !text.trim().is_empty())
        }
        View::Bool(_) => None,
        _ => value.as_text(),
    }
}

fn push<'r>(value: Cow<'r, str>, normalise: fn(&str) -> Cow<'_, str>, start: usize, into: &mut Vec<Cow<'r, str>>) {
    let value = match value {
        Cow::Borrowed(text) => normalise(text.trim()),
        Cow::Owned(text) => Cow::Owned(normalise(text.trim()).into_owned()),
    };
    // A record may list the same name a thousand times in a row; the rest is left to `each_once`.
    if !value.is_empty() && into[start..].last() != Some(&value) {
        into.push(value);
    }
}

/// Of the values from `start` on, leaves the first of equal ones, in time that grows with their number alone.
fn each_once(values: &mut Vec<Cow<'_, str>>, start: usize) {
    const FEW: usize = 16;
    if values.len() - start <= FEW {
        let mut kept = start;
        for index in start..values.len() {
            if !values[start..kept].contains(&values[index]) {
                values.swap(kept, index);
                kept += 1;
            }
        }
        values.truncate(kept);
        return;
    }
    let mut seen: HashSet<Cow<'_, str>> = HashSet::with_capacity(values.len() - start);
    let own = values.split_off(start);
    values.extend(own.into_iter().filter(|value| seen.insert(value.clone())));
}

/// `DATASOURCE`, `DATA_SOURCE` and `Data Source` are the same word.
fn same_word(a: &str, b: &str) -> bool {
    fn letters(text: &str) -> impl Iterator<Item = u8> + '_ {
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
    }
    letters(a).eq(letters(b))
}

#[cfg(test)]
mod tests {
    use super::super::{Event, Record as Parsed};
    use super::*;

    fn values(field: Field, line: &str) -> Vec<String> {
        let record = Parsed::parse(line.as_bytes()).unwrap();
        Event::of(&record).field(field).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_table_stands_in_the_order_of_the_fields() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.field as usize, index, "{}", row.name);
            assert_eq!(Field::named(row.name), Some(row.field));
        }
        assert_eq!(TABLE.len(), COUNT);
        assert_eq!(Field::named("watch.nothing"), None);
    }

    #[test]
    fn a_permission_is_found_in_every_place_it_may_stand_in() {
        for payload in [
            r#""permission":"GOVERNANCE""#,
            r#""permission":{"name":"GOVERNANCE","id":3}"#,
            r#""permissions":["GOVERNANCE"]"#,
            r#""permissions":[{"name":"GOVERNANCE"}]"#,
            r#""permissionName":"GOVERNANCE""#,
            r#""name":"GOVERNANCE""#,
        ] {
            let line = format!(r#"{{"auditPayload":{{"type":"PermissionAppliedAuditPayload",{payload}}}}}"#);
            assert_eq!(values(Field::Permission, &line), ["GOVERNANCE"], "{payload}");
        }
        for list in ["targets", "relatedResources"] {
            let line = format!(
                r#"{{"auditPayload":{{"type":"PermissionAppliedAuditPayload"}},
                    "{list}":[{{"type":"USER","name":"Ann"}},{{"type":"Permission","name":"GOVERNANCE"}}]}}"#
            );
            assert_eq!(values(Field::Permission, &line), ["GOVERNANCE"], "{list}");
            assert_eq!(values(Field::Subject, &line), ["Ann"], "{list}");
        }
    }

    #[test]
    fn a_general_key_counts_for_the_kinds_it_belongs_to_only() {
        let tag = r#"{"auditPayload":{"type":"TagCreatedAuditPayload","name":"HR . Salary"}}"#;
        assert_eq!(values(Field::Tag, tag), ["HR.Salary"]);
        assert!(values(Field::Permission, tag).is_empty());
    }

    #[test]
    fn an_unknown_actor_is_named_by_the_platform_login() {
        let line = r#"{"actor":{"type":"unknown","id":"unknown","name":"Unknown"},"auditPayload":
            {"type":"QueryAuditPayload","technologyContext":{"type":"DatabricksContext","account":{"username":"eve@x.org"}}}}"#;
        assert_eq!(values(Field::Actor, line), ["eve@x.org"]);
        assert_eq!(values(Field::Platform, line), ["Databricks"]);
        assert_eq!(values(Field::Actor, r#"{"auditPayload":{"type":"X"}}"#), ["unknown"]);
    }

    #[test]
    fn a_query_shows_its_objects_columns_tags_and_highest_sensitivity() {
        let line = r#"{"auditPayload":{"type":"QueryAuditPayload","objectsAccessed":[
            {"name":"hr.pay","securityProfile":{"sensitivity":{"score":"Highly Sensitive"}},
             "columns":[{"name":"iban","tags":["Discovered.PCI",{"name":"HR"}]},{"name":"note","tags":[{"tagName":"HR"}]}]},
            {"name":"hr.staff","securityProfile":{"sensitivity":{"score":"SENSITIVE"}},"columns":null}]}}"#;
        assert_eq!(values(Field::Object, line), ["hr.pay", "hr.staff"]);
        assert_eq!(values(Field::Column, line), ["iban", "note"]);
        assert_eq!(values(Field::Tag, line), ["Discovered.PCI", "HR"]);
        assert_eq!(values(Field::Sensitivity, line), ["HIGHLY_SENSITIVE"]);
    }

    #[test]
    fn a_table_that_is_rated_higher_than_its_query_counts() {
        let line = r#"{"auditPayload":{"type":"QueryAuditPayload","securityProfile":{"sensitivity":{"score":"INDETERMINATE"}},
            "objectsAccessed":[{"name":"a","columns":[{"securityProfile":{"sensitivity":{"score":"HIGHLY_SENSITIVE"}}}]}]}}"#;
        assert_eq!(values(Field::Sensitivity, line), ["HIGHLY_SENSITIVE"]);
    }

    #[test]
    fn ids_bring_events_of_different_kinds_together() {
        let query = r#"{"targets":[{"type":"DATASOURCE","id":"9","name":"Pay"}],"auditPayload":{"type":"QueryAuditPayload",
            "objectsAccessed":[{"name":"hr.pay","datasourceId":640},{"name":"hr.staff","datasourceId":"641"}]}}"#;
        assert_eq!(values(Field::ObjectId, query), ["640", "641"]);
        let tag = r#"{"targets":[{"type":"DATASOURCE","id":640,"name":"Pay"}],"auditPayload":{"type":"TagAppliedAuditPayload"}}"#;
        assert_eq!(values(Field::ObjectId, tag), ["640"]);
        let grant = r#"{"targets":[{"type":"USER","id":"ann@x.org","name":"Ann"}],"auditPayload":{"type":"PermissionAppliedAuditPayload"}}"#;
        assert_eq!(values(Field::SubjectId, grant), ["ann@x.org"]);
        assert_eq!(values(Field::Subject, grant), ["Ann"]);
        let without = r#"{"auditPayload":{"type":"QueryAuditPayload","objectsAccessed":[{"name":"hr.pay"}]}}"#;
        assert_eq!(values(Field::ObjectId, without), ["hr.pay"]);
    }

    #[test]
    fn each_value_stands_once_in_the_order_of_the_record() {
        for count in [5, 5_000] {
            let mut expected: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
            let twice: Vec<String> = expected.iter().chain(&expected).map(|tag| format!("\"{tag}\"")).collect();
            let line =
                format!(r#"{{"auditPayload":{{"type":"TagAppliedAuditPayload","tags":[{}]}}}}"#, twice.join(","));
            assert_eq!(values(Field::Tag, &line), std::mem::take(&mut expected));
        }
    }

    #[test]
    fn the_place_that_held_is_known() {
        let record = Parsed::parse(br#"{"auditPayload":{"type":"TagAppliedAuditPayload","tagName":"A"}}"#).unwrap();
        let event = Event::of(&record);
        let place = event.fields().place(Field::Tag).unwrap();
        assert_eq!(Field::Tag.places()[place], "auditPayload.tagName");
        assert_eq!(event.fields().place(Field::Permission), None);
    }
}
