//! The table of candidate places: what to change when a record says something where nobody looked.

use std::borrow::Cow;

use super::Field;
use crate::event::sensitivity;

/// Where a value may stand in a record. Paths follow every element of an array on the way; an object at their end
/// stands for its name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Below the record itself
    Record(&'static [&'static str]),
    /// Below `auditPayload`
    Payload(&'static [&'static str]),
    /// Below `auditPayload`, for kinds that start with one of the words only: keys too general for every event
    PayloadOf(&'static [&'static str], &'static [&'static str]),
    /// Below `auditPayload` of a webhook's notification, for types that start with one of the words only
    Notification(&'static [&'static str], &'static [&'static str]),
    /// An entry of `targets[]` whose `type` is one of these
    Target(&'static [&'static str]),
    /// An entry of `relatedResources[]` whose `type` is one of these
    Related(&'static [&'static str]),
    /// Below such an entry of `targets[]`
    BelowTarget(&'static [&'static str], &'static [&'static str]),
    /// Below such an entry of `relatedResources[]`
    BelowRelated(&'static [&'static str], &'static [&'static str]),
    /// Whether the actor is the user that the event is about, as [`crate::event::Party`] tells
    ActorIsSubject,
    /// The kind that [`crate::event::kind::of`] found
    Kind,
    /// A fixed word, so that a field is never empty
    Always(&'static str),
}

/// One derived field and its candidates.
pub(super) struct Candidates {
    pub(super) field: Field,
    pub(super) name: &'static str,
    /// The kinds that ought to say it, by how they start; empty for every kind.
    pub(super) expected_of: &'static [&'static str],
    pub(super) places: &'static [Place],
    /// Whether every place counts, not only the first that holds a value.
    pub(super) every_place: bool,
    /// Brings spellings together; the empty text drops a value that says nothing.
    pub(super) normalise: fn(&str) -> Cow<'_, str>,
}

use Place::{
    ActorIsSubject, Always, BelowRelated, BelowTarget, Notification, Payload, PayloadOf, Record, Related, Target,
};

/// The types of entries that stand for a user.
pub(in crate::event) const USERS: &[&str] = &["USER", "PROFILE", "SERVICE_ACCOUNT"];
/// The types of entries that stand for a group.
pub(in crate::event) const GROUPS: &[&str] = &["GROUP", "USER_GROUP"];
/// The types of entries that stand for a user or a group.
pub(in crate::event) const USERS_AND_GROUPS: &[&str] = &["USER", "PROFILE", "SERVICE_ACCOUNT", "GROUP", "USER_GROUP"];
/// The types of entries that stand for a data source.
pub(in crate::event) const DATA_SOURCES: &[&str] = &["DATASOURCE", "DATA_SOURCE", "TABLE", "VIEW"];
const COLUMNS: &[&str] = &["COLUMN", "DATASOURCE_COLUMN"];
const TAGGED: &[&str] = &["COLUMN", "DATASOURCE_COLUMN", "DATASOURCE", "DATA_SOURCE", "TABLE", "VIEW"];
const POLICIES: &[&str] = &["POLICY", "GLOBAL_POLICY", "LOCAL_POLICY"];

/// Every type of notification.
const ANY: &[&str] = &[""];

/// Of fields that no kind is bound to say.
pub(super) const NO_KIND: &[&str] = &["(none)"];

/// The table of candidate places, in the order of [`Field`].
pub(super) static TABLE: &[Candidates] = &[
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
            Notification(ANY, &["profile"]),
            Notification(ANY, &["profileName"]),
            Notification(ANY, &["userid"]),
            Notification(ANY, &["email"]),
            Notification(&["user"], &["name"]),
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
            Notification(&["group"], &["name"]),
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
            Notification(ANY, &["model"]),
            Notification(ANY, &["modelName"]),
            Notification(&["model"], &["name"]),
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
            Notification(&["permissions", "collectionPermission"], &["added"]),
            Notification(&["permissions", "collectionPermission"], &["removed"]),
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
            Notification(&["attribute"], &["name"]),
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
            Notification(&["tag"], &["name"]),
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
            Notification(&["globalPolicy", "policy"], &["name"]),
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
            Notification(ANY, &["collection"]),
            Notification(ANY, &["collectionName"]),
            Notification(&["collection"], &["name"]),
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
    Candidates {
        field: Field::ImpersonatedBy,
        name: "watch.impersonated_by",
        expected_of: NO_KIND,
        places: &[Record(&["actor", "impersonatedBy"])],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::Myself,
        name: "watch.self",
        expected_of: &["Permission", "Attribute", "Subscription"],
        places: &[ActorIsSubject],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::CarriedTag,
        name: "watch.carried_tag",
        expected_of: NO_KIND,
        places: &[
            PayloadOf(&["Tag", "SDD"], &["column", "tags"]),
            PayloadOf(&["Tag", "SDD"], &["columns", "tags"]),
            PayloadOf(&["Tag", "SDD"], &["dataSource", "tags"]),
            BelowTarget(TAGGED, &["tags"]),
            BelowRelated(TAGGED, &["tags"]),
        ],
        every_place: true,
        normalise: dotted,
    },
    Candidates {
        field: Field::SubjectId,
        name: "watch.subject_id",
        expected_of: NO_KIND,
        places: &[
            Target(USERS),
            Payload(&["user"]),
            Payload(&["subject"]),
            Related(USERS),
            Payload(&["username"]),
            Payload(&["userName"]),
            Target(USERS_AND_GROUPS),
            Payload(&["group"]),
            Related(USERS_AND_GROUPS),
            PayloadOf(&["User"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::ObjectId,
        name: "watch.object_id",
        expected_of: NO_KIND,
        places: &[
            Payload(&["objectsAccessed", "datasourceId"]),
            Target(DATA_SOURCES),
            Payload(&["dataSourceId"]),
            Payload(&["datasourceId"]),
            Payload(&["dataSource"]),
            Payload(&["datasource"]),
            Payload(&["dataSources"]),
            Payload(&["datasources"]),
            Related(DATA_SOURCES),
            Payload(&["dataSourceName"]),
            Payload(&["datasourceName"]),
            Payload(&["objectsAccessed"]),
            PayloadOf(&["Datasource"], &["name"]),
        ],
        every_place: false,
        normalise: as_it_is,
    },
    Candidates {
        field: Field::ActorId,
        name: "watch.actor_id",
        expected_of: NO_KIND,
        // What a change calls somebody who acts later is one of these.
        places: &[Record(&["actor", "id"]), Record(&["actor", "profileId"])],
        every_place: true,
        normalise: unless_unknown,
    },
];

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

pub(super) fn starts_with_one(kind: &str, words: &[&str]) -> bool {
    words.iter().any(|word| kind.starts_with(word))
}

impl Place {
    pub(super) fn in_words(&self) -> String {
        match self {
            Place::Kind => "auditPayload.type, or targetType and action".to_owned(),
            Always(word) => format!("\"{word}\""),
            Record(path) => path.join("."),
            Payload(path) => format!("auditPayload.{}", path.join(".")),
            PayloadOf(kinds, path) => format!("auditPayload.{} of {}*", path.join("."), kinds.join("*, ")),
            Notification(ANY, path) => format!("auditPayload.{} of a webhook", path.join(".")),
            Notification(kinds, path) => {
                format!("auditPayload.{} of a webhook {}*", path.join("."), kinds.join("*, "))
            }
            Target(types) => format!("targets[] of type {}", types.join(", ")),
            Related(types) => format!("relatedResources[] of type {}", types.join(", ")),
            BelowTarget(types, path) => format!("{} of targets[] of type {}", path.join("."), types.join(", ")),
            BelowRelated(types, path) => {
                format!("{} of relatedResources[] of type {}", path.join("."), types.join(", "))
            }
            ActorIsSubject => "actor against targets[] and relatedResources[] of a user, or watch.subject".to_owned(),
        }
    }
}
