//! The derived fields (`watch.*`), from one table of candidate places.
//!
//! Which key of a payload carries a permission's, tag's or policy's name is not public for most events. So every
//! derived field has an ordered list of places where it may stand; the first place that holds a value wins. Rules,
//! ledgers and reports read the derived names, and `immuta-watch inspect` says how often each place held. A wrong
//! guess is one line in [`TABLE`].

use std::borrow::Cow;

use super::json::Json;
use super::sensitivity;

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
}

/// Where a value may stand in a record. Paths follow every element of an array on the way; an object at their end
/// stands for its name.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Below the record itself
    Record(&'static [&'static str]),
    /// Below `auditPayload`
    Payload(&'static [&'static str]),
    /// Below `auditPayload`, for kinds that start with one of the words only: keys too general for every event
    PayloadOf(&'static [&'static str], &'static [&'static str]),
    /// An entry of `targets[]` whose `type` is one of these
    Target(&'static [&'static str]),
    /// An entry of `relatedResources[]` whose `type` is one of these
    Related(&'static [&'static str]),
    /// The kind that [`super::kind::of`] found
    Kind,
    /// A fixed word, so that a field is never empty
    Always(&'static str),
}

/// One derived field and its candidates.
struct Candidates {
    field: Field,
    name: &'static str,
    /// The kinds that ought to say it, by how they start; empty for every kind.
    expected_of: &'static [&'static str],
    places: &'static [Place],
    /// Whether every place counts, not only the first that holds a value.
    every_place: bool,
    /// Brings spellings together; the empty text drops a value that says nothing.
    normalise: fn(&str) -> Cow<'_, str>,
}

use Place::{Always, Payload, PayloadOf, Record, Related, Target};

const USERS: &[&str] = &["USER", "PROFILE", "SERVICE_ACCOUNT"];
const GROUPS: &[&str] = &["GROUP", "USER_GROUP"];
const USERS_AND_GROUPS: &[&str] = &["USER", "PROFILE", "SERVICE_ACCOUNT", "GROUP", "USER_GROUP"];
const DATA_SOURCES: &[&str] = &["DATASOURCE", "DATA_SOURCE", "TABLE", "VIEW"];
const COLUMNS: &[&str] = &["COLUMN", "DATASOURCE_COLUMN"];
const POLICIES: &[&str] = &["POLICY", "GLOBAL_POLICY", "LOCAL_POLICY"];

/// The table of candidate places, in the order of [`Field`].
static TABLE: &[Candidates] = &[
    Candidates {
        field: Field::Kind,
        name: "watch.kind",
        expected_of: &[],
        places: &[Place::Kind],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Status,
        name: "watch.status",
        expected_of: &[],
        places: &[Record(&["actionStatus"])],
        every_place: false,
        normalise: upper_case,
    },
    Candidates {
        field: Field::Actor,
        name: "watch.actor",
        expected_of: &[],
        places: &[
            Record(&["actor", "id"]),
            Record(&["actor", "name"]),
            // A user that Immuta does not know has the word "unknown" for type, id and name; the platform's login
            // is then the only trace of who it was.
            Payload(&["technologyContext", "account", "username"]),
            Payload(&["technologyContext", "account", "id"]),
            Record(&["actor"]),
            Always("unknown"),
        ],
        every_place: false,
        normalise: unless_unknown,
    },
    Candidates {
        field: Field::Subject,
        name: "watch.subject",
        expected_of: &["Permission", "Attribute", "User", "GroupMember", "Subscription"],
        places: &[
            Target(USERS),
            Payload(&["user"]),
            Payload(&["username"]),
            Payload(&["userName"]),
            Payload(&["subject"]),
            Related(USERS),
            Target(USERS_AND_GROUPS),
            Payload(&["group"]),
            Related(USERS_AND_GROUPS),
            PayloadOf(&["User"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Group,
        name: "watch.group",
        expected_of: &["Group"],
        places: &[
            Target(GROUPS),
            Payload(&["group"]),
            Payload(&["groupName"]),
            Payload(&["groups"]),
            Related(GROUPS),
            PayloadOf(&["Group"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Object,
        name: "watch.object",
        expected_of: &["Query", "Datasource", "Tag", "Subscription", "SDDDatasource", "LocalPolicy"],
        places: &[
            Payload(&["objectsAccessed"]),
            Target(DATA_SOURCES),
            Payload(&["dataSource"]),
            Payload(&["datasource"]),
            Payload(&["dataSourceName"]),
            Payload(&["datasourceName"]),
            Payload(&["dataSources"]),
            Payload(&["datasources"]),
            Related(DATA_SOURCES),
            PayloadOf(&["Datasource"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Column,
        name: "watch.column",
        expected_of: &["Query", "SDDDatasource"],
        places: &[
            Payload(&["objectsAccessed", "columns"]),
            Target(COLUMNS),
            Payload(&["column"]),
            Payload(&["columnName"]),
            Payload(&["columns"]),
            Payload(&["fieldName"]),
            Related(COLUMNS),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Permission,
        name: "watch.permission",
        expected_of: &["Permission", "DomainPermissions"],
        places: &[
            Payload(&["permission"]),
            Payload(&["permissions"]),
            Payload(&["permissionName"]),
            Payload(&["permissionNames"]),
            Related(&["PERMISSION"]),
            Target(&["PERMISSION"]),
            PayloadOf(&["Permission"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Attribute,
        name: "watch.attribute",
        expected_of: &["Attribute"],
        places: &[
            Payload(&["attribute"]),
            Payload(&["attributeName"]),
            Payload(&["attributes"]),
            Related(&["ATTRIBUTE"]),
            Target(&["ATTRIBUTE"]),
            PayloadOf(&["Attribute"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Tag,
        name: "watch.tag",
        expected_of: &["Tag", "SDDDatasourceTag"],
        places: &[
            Payload(&["tag"]),
            Payload(&["tags"]),
            Payload(&["tagName"]),
            Payload(&["tagNames"]),
            Payload(&["objectsAccessed", "columns", "tags"]),
            Related(&["TAG"]),
            Target(&["TAG"]),
            PayloadOf(&["Tag"], &["name"]),
        ],
        every_place: false,
        normalise: dotted,
    },
    Candidates {
        field: Field::Policy,
        name: "watch.policy",
        expected_of: &["GlobalPolicy", "LocalPolicy", "DatasourceGlobalPolicy", "DatasourcePolicy"],
        places: &[
            Payload(&["policy"]),
            Payload(&["policyName"]),
            Payload(&["globalPolicy"]),
            Payload(&["policies"]),
            Target(POLICIES),
            Related(POLICIES),
            PayloadOf(&["GlobalPolicy", "LocalPolicy"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Domain,
        name: "watch.domain",
        expected_of: &["Domain"],
        places: &[
            Payload(&["domain"]),
            Payload(&["domainName"]),
            Target(&["DOMAIN"]),
            Related(&["DOMAIN"]),
            PayloadOf(&["Domain"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Project,
        name: "watch.project",
        expected_of: &["Project", "DatasourceAppliedToProject"],
        places: &[
            Payload(&["project"]),
            Payload(&["projectName"]),
            Target(&["PROJECT"]),
            Related(&["PROJECT"]),
            PayloadOf(&["Project"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Purpose,
        name: "watch.purpose",
        expected_of: &["Purpose"],
        places: &[
            Payload(&["purpose"]),
            Payload(&["purposeName"]),
            Payload(&["purposes"]),
            Target(&["PURPOSE"]),
            Related(&["PURPOSE"]),
            PayloadOf(&["Purpose"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::IdentityProvider,
        name: "watch.identity_provider",
        expected_of: &["UserCreated", "UserCloned"],
        places: &[
            Payload(&["identityProvider"]),
            Payload(&["user", "identityProvider"]),
            Payload(&["iam"]),
            Payload(&["iamId"]),
            Record(&["targets", "identityProvider"]),
            Record(&["actor", "identityProvider"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Sensitivity,
        name: "watch.sensitivity",
        expected_of: &["Query"],
        places: &[
            Payload(&["securityProfile", "sensitivity", "score"]),
            Payload(&["objectsAccessed", "securityProfile", "sensitivity", "score"]),
            Payload(&["objectsAccessed", "columns", "securityProfile", "sensitivity", "score"]),
        ],
        // A query as a whole may be rated lower than a table or column that it read.
        every_place: true,
        normalise: sensitivity::normalise,
    },
    Candidates {
        field: Field::Platform,
        name: "watch.platform",
        expected_of: &["Query"],
        places: &[
            Payload(&["technologyContext", "type"]),
            Record(&["targets", "technology"]),
            Record(&["relatedResources", "technology"]),
        ],
        every_place: false,
        normalise: platform,
    },
];

/// The number of derived fields.
const COUNT: usize = Field::Platform as usize + 1;

/// Under which members an object says its name, in order.
const NAMES: &[&str] = &["name", "tagName", "displayName", "id"];

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
    values: [Vec<Cow<'r, str>>; COUNT],
    /// For each field the place that held, as an index into its candidates.
    places: [Option<u8>; COUNT],
}

impl<'r> Fields<'r> {
    /// Looks every field up in its candidate places.
    pub(super) fn derive(record: &'r Json<'r>, kind: Cow<'r, str>) -> Self {
        let mut fields = Fields { values: [const { Vec::new() }; COUNT], places: [None; COUNT] };
        let source = Source { record, payload: record.get("auditPayload"), kind };
        let is_query = source.kind == super::kind::QUERY;
        for row in TABLE {
            // Nine records in ten are queries, and of the fields that only changes have they say nothing but by
            // accident; what queries do have is either expected of them or of every event.
            let of_queries =
                row.field.is_expected_of(super::kind::QUERY) || matches!(row.field, Field::Tag | Field::Purpose);
            if is_query && !of_queries {
                continue;
            }
            for (index, place) in row.places.iter().enumerate() {
                let values = &mut fields.values[row.field as usize];
                source.collect(place, row.normalise, values);
                if values.is_empty() {
                    continue;
                }
                fields.places[row.field as usize].get_or_insert(u8::try_from(index).unwrap_or(u8::MAX));
                if !row.every_place {
                    break;
                }
            }
        }
        sensitivity::keep_highest(&mut fields.values[Field::Sensitivity as usize]);
        fields
    }

    /// The values of a field, in the order of the record, each once.
    #[must_use]
    pub fn values(&self, field: Field) -> &[Cow<'r, str>] {
        &self.values[field as usize]
    }

    /// The place that held, as an index into [`Field::places`].
    #[must_use]
    pub fn place(&self, field: Field) -> Option<usize> {
        self.places[field as usize].map(usize::from)
    }
}

/// What candidates are looked up in.
struct Source<'r> {
    record: &'r Json<'r>,
    payload: Option<&'r Json<'r>>,
    kind: Cow<'r, str>,
}

impl<'r> Source<'r> {
    fn collect(&self, place: &Place, normalise: fn(&str) -> Cow<'_, str>, into: &mut Vec<Cow<'r, str>>) {
        let mut take = |value: &'r Json<'r>| {
            if let Some(name) = name_of(value) {
                push(name, normalise, into);
            }
        };
        match *place {
            Place::Kind => push(self.kind.clone(), normalise, into),
            Always(word) => into.push(Cow::Borrowed(word)),
            Record(path) => self.record.each_at(path, &mut take),
            Payload(path) => {
                if let Some(payload) = self.payload {
                    payload.each_at(path, &mut take);
                }
            }
            PayloadOf(kinds, path) => {
                if let Some(payload) = self.payload.filter(|_| starts_with_one(&self.kind, kinds)) {
                    payload.each_at(path, &mut take);
                }
            }
            Target(types) => self.resources("targets", types, &mut take),
            Related(types) => self.resources("relatedResources", types, &mut take),
        }
    }

    fn resources(&self, list: &str, types: &[&str], take: &mut dyn FnMut(&'r Json<'r>)) {
        self.record.each_at(&[list], &mut |entry| {
            let is_one_of = |word: &str| types.iter().any(|wanted| same_word(word, wanted));
            if entry.get("type").and_then(Json::as_str).is_some_and(is_one_of) {
                take(entry);
            }
        });
    }
}

/// A string or number as it is; an object by its name.
fn name_of<'r>(value: &'r Json<'r>) -> Option<Cow<'r, str>> {
    match value {
        Json::Object(_) => {
            NAMES.iter().filter_map(|name| value.get(name)?.as_text()).find(|text| !text.trim().is_empty())
        }
        Json::Bool(_) => None,
        _ => value.as_text(),
    }
}

fn push<'r>(value: Cow<'r, str>, normalise: fn(&str) -> Cow<'_, str>, into: &mut Vec<Cow<'r, str>>) {
    let value = match value {
        Cow::Borrowed(text) => normalise(text.trim()),
        Cow::Owned(text) => Cow::Owned(normalise(text.trim()).into_owned()),
    };
    if !value.is_empty() && !into.contains(&value) {
        into.push(value);
    }
}

fn as_it_is(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn upper_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Cow::Owned(text.to_ascii_uppercase())
    } else {
        Cow::Borrowed(text)
    }
}

fn unless_unknown(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(if text.eq_ignore_ascii_case("unknown") { "" } else { text })
}

/// Tags are dotted paths; Immuta's pages print them as `Discovered . Entity`.
fn dotted(text: &str) -> Cow<'_, str> {
    if text.contains(" . ") { Cow::Owned(text.replace(" . ", ".")) } else { Cow::Borrowed(text) }
}

/// `SnowflakeContext` is Snowflake.
fn platform(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text.strip_suffix("Context").filter(|name| !name.is_empty()).unwrap_or(text))
}

fn starts_with_one(kind: &str, words: &[&str]) -> bool {
    words.iter().any(|word| kind.starts_with(word))
}

/// `DATASOURCE`, `DATA_SOURCE` and `Data Source` are the same word.
fn same_word(a: &str, b: &str) -> bool {
    fn letters(text: &str) -> impl Iterator<Item = u8> + '_ {
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
    }
    letters(a).eq(letters(b))
}

impl Place {
    fn in_words(&self) -> String {
        match self {
            Place::Kind => "auditPayload.type, or targetType and action".to_owned(),
            Always(word) => format!("\"{word}\""),
            Record(path) => path.join("."),
            Payload(path) => format!("auditPayload.{}", path.join(".")),
            PayloadOf(kinds, path) => format!("auditPayload.{} of {}*", path.join("."), kinds.join("*, ")),
            Target(types) => format!("targets[] of type {}", types.join(", ")),
            Related(types) => format!("relatedResources[] of type {}", types.join(", ")),
        }
    }
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
    fn the_place_that_held_is_known() {
        let record = Parsed::parse(br#"{"auditPayload":{"type":"TagAppliedAuditPayload","tagName":"A"}}"#).unwrap();
        let event = Event::of(&record);
        let place = event.fields().place(Field::Tag).unwrap();
        assert_eq!(Field::Tag.places()[place], "auditPayload.tagName");
        assert_eq!(event.fields().place(Field::Permission), None);
    }
}
