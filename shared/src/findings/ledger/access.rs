//! The columns of the ledger `access`: one row per query.

use super::column::{Column, Read};
use crate::event::Field;

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
    Column { name: "status", meaning: "`SUCCESS`, `FAILURE` or `UNAUTHORIZED`", read: Read::First(Field::Status) },
    Column { name: "status_reason", meaning: "Why it was denied", read: Read::Path(&["actionStatusReason"]) },
    Column {
        name: "actor",
        meaning: "Who queried: `actor.id`, else the name, else the login on the platform",
        read: Read::First(Field::Actor),
    },
    Column { name: "actor_name", meaning: "`actor.name`", read: Read::Path(&["actor", "name"]) },
    Column { name: "actor_type", meaning: "`actor.type`", read: Read::Path(&["actor", "type"]) },
    Column { name: "actor_profile", meaning: "`actor.profileId`", read: Read::Path(&["actor", "profileId"]) },
    Column {
        name: "identity_provider",
        meaning: "`actor.identityProvider`",
        read: Read::Path(&["actor", "identityProvider"]),
    },
    Column {
        name: "impersonated_by",
        meaning: "`actor.impersonatedBy`, or its name or id where it is an object",
        read: Read::Text(|row| {
            let by = row.event.record().json().at(&["actor", "impersonatedBy"])?;
            by.as_text().or_else(|| by.get("name")?.as_text()).or_else(|| by.get("id")?.as_text())
        }),
    },
    Column { name: "actor_ip", meaning: "`actorIp`", read: Read::Path(&["actorIp"]) },
    Column { name: "user_agent", meaning: "`userAgent`", read: Read::Path(&["userAgent"]) },
    Column { name: "tenant", meaning: "`tenantId`", read: Read::Path(&["tenantId"]) },
    Column { name: "session_id", meaning: "`sessionId`", read: Read::Path(&["sessionId"]) },
    Column {
        name: "platform",
        meaning: "Where it ran: Snowflake, Databricks and so on",
        read: Read::First(Field::Platform),
    },
    Column {
        name: "account",
        meaning: "The login on the platform",
        read: Read::Path(&["auditPayload", "technologyContext", "account", "username"]),
    },
    Column {
        name: "query_id",
        meaning: "The platform's id of the query; several records may share it",
        read: Read::Path(&["auditPayload", "queryId"]),
    },
    Column {
        name: "query_text",
        meaning: "The query: kept, hashed or left out, as `ledger.query_text` is configured",
        read: Read::Text(|row| {
            let text = row.event.text_at(&["auditPayload", "queryText"])?;
            match row.query_text {
                crate::config::QueryText::Keep => Some(text),
                other => other.apply(&text).map(Into::into),
            }
        }),
    },
    Column {
        name: "duration",
        meaning: "`auditPayload.duration` as written",
        read: Read::Path(&["auditPayload", "duration"]),
    },
    Column {
        name: "rows_produced",
        meaning: "Rows that the query returned",
        read: Read::Integer(|row| {
            row.event.record().json().at(&["auditPayload", "technologyContext", "rowsProduced"])?.as_i64()
        }),
    },
    Column { name: "error_code", meaning: "The platform's error", read: Read::Path(&["auditPayload", "errorCode"]) },
    Column {
        name: "sensitivity",
        meaning: "The highest level that it touched: `INDETERMINATE`, `NONSENSITIVE`, `SENSITIVE`, `HIGHLY_SENSITIVE`, or what else the record says",
        read: Read::First(Field::Sensitivity),
    },
    Column { name: "objects", meaning: "Tables and data sources", read: Read::All(Field::Object) },
    Column {
        name: "columns",
        meaning: "Columns; a platform may list some that the user did not name",
        read: Read::All(Field::Column),
    },
    Column { name: "tags", meaning: "Tags of those columns", read: Read::All(Field::Tag) },
    Column { name: "purposes", meaning: "Purposes that it ran under", read: Read::All(Field::Purpose) },
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
