//! The columns of the ledger `changes`: one row per event that is no query.

use super::column::{Column, Read};
use crate::event::Field;
use crate::findings::redaction;

pub(super) static COLUMNS: &[Column] = &[
    Column {
        name: "event_key",
        meaning: "Identity of the event; two rows with one key are one event that was exported twice",
        read: Read::Text(|row| Some(row.event.key().to_string().into())),
    },
    Column { name: "event_id", meaning: "`id` of the record, not surely unique", read: Read::Path(&["id"]) },
    Column {
        name: "event_time",
        meaning: "When it happened: `eventTimestamp`, else `receivedTimestamp`; null where neither can be read",
        read: Read::Time(|row| row.event.time()),
    },
    Column {
        name: "received_time",
        meaning: "When the audit service took it",
        read: Read::Time(|row| row.event.received()),
    },
    Column {
        name: "kind",
        meaning: "What happened: `TagApplied`, `UserCreated` and so on",
        read: Read::First(Field::Kind),
    },
    Column { name: "action", meaning: "`action`", read: Read::Path(&["action"]) },
    Column { name: "status", meaning: "`SUCCESS`, `FAILURE` or `UNAUTHORIZED`", read: Read::First(Field::Status) },
    Column {
        name: "actor",
        meaning: "Who did it: `actor.id`, else the name, else `unknown`",
        read: Read::First(Field::Actor),
    },
    Column { name: "actor_name", meaning: "`actor.name`", read: Read::Path(&["actor", "name"]) },
    Column { name: "actor_type", meaning: "`actor.type`", read: Read::Path(&["actor", "type"]) },
    Column { name: "actor_profile", meaning: "`actor.profileId`", read: Read::Path(&["actor", "profileId"]) },
    Column {
        name: "actor_identity_provider",
        meaning: "`actor.identityProvider`",
        read: Read::Path(&["actor", "identityProvider"]),
    },
    Column { name: "actor_ip", meaning: "`actorIp`", read: Read::Path(&["actorIp"]) },
    Column { name: "user_agent", meaning: "`userAgent`", read: Read::Path(&["userAgent"]) },
    Column { name: "tenant", meaning: "`tenantId`", read: Read::Path(&["tenantId"]) },
    Column { name: "session_id", meaning: "`sessionId`", read: Read::Path(&["sessionId"]) },
    Column { name: "request_id", meaning: "`requestId`", read: Read::Path(&["requestId"]) },
    Column { name: "target_type", meaning: "`targetType`", read: Read::Path(&["targetType"]) },
    Column { name: "subjects", meaning: "Users or groups that it was done to", read: Read::All(Field::Subject) },
    Column { name: "groups", meaning: "Groups concerned", read: Read::All(Field::Group) },
    Column { name: "objects", meaning: "Data sources concerned", read: Read::All(Field::Object) },
    Column { name: "columns", meaning: "Columns concerned", read: Read::All(Field::Column) },
    Column { name: "permissions", meaning: "Permissions given or taken", read: Read::All(Field::Permission) },
    Column { name: "attributes", meaning: "User attributes given or taken", read: Read::All(Field::Attribute) },
    Column { name: "tags", meaning: "Tags, as dotted paths", read: Read::All(Field::Tag) },
    Column { name: "policies", meaning: "Policies concerned", read: Read::All(Field::Policy) },
    Column { name: "domains", meaning: "Domains concerned", read: Read::All(Field::Domain) },
    Column { name: "projects", meaning: "Projects concerned", read: Read::All(Field::Project) },
    Column { name: "purposes", meaning: "Purposes concerned", read: Read::All(Field::Purpose) },
    Column {
        name: "identity_provider",
        meaning: "The identity provider of the user concerned",
        read: Read::First(Field::IdentityProvider),
    },
    Column {
        name: "raw",
        meaning: "The whole record as exported",
        read: Read::Text(|row| Some(redaction::kept(row.event.record(), row.query_text))),
    },
    Column {
        name: "source",
        meaning: "The export: the name of its manifest",
        read: Read::Text(|row| Some(row.source.into())),
    },
    Column {
        name: "line",
        meaning: "The line in the export, counted from 1",
        read: Read::Integer(|row| i64::try_from(row.line).ok()),
    },
];
