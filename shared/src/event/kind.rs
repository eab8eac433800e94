//! The kind of an event: its name, which no field of the record holds by itself.

use std::borrow::Cow;

use super::Service;
use super::json::Json;
use crate::spelling::distance;

/// The kind of every query, on every platform.
pub const QUERY: &str = "Query";

/// The ending that `auditPayload.type` adds to an event's name.
const SUFFIX: &str = "AuditPayload";

/// The kinds that Immuta's documentation names; the list is open, and an unknown kind is only counted.
/// Source: the event names of Immuta's universal audit model, in alphabetical order within each subject.
pub const KNOWN: &[&str] = &[
    QUERY,
    "ApiKeyCreated",
    "ApiKeyDeleted",
    "AttributeApplied",
    "AttributeRemoved",
    "ConfigurationUpdated",
    "DatasourceAppliedToProject",
    "DatasourceCatalogSynced",
    "DatasourceCreated",
    "DatasourceDeleted",
    "DatasourceDisabled",
    "DatasourceGlobalPolicyApplied",
    "DatasourceGlobalPolicyConflictResolved",
    "DatasourceGlobalPolicyDisabled",
    "DatasourceGlobalPolicyRemoved",
    "DatasourcePolicyCertificationExpired",
    "DatasourcePolicyCertified",
    "DatasourcePolicyDecertified",
    "DatasourceUpdated",
    "DomainCreated",
    "DomainDataSourcesUpdated",
    "DomainDeleted",
    "DomainPermissionsUpdated",
    "DomainUpdated",
    "GlobalPolicyApproved",
    "GlobalPolicyCreated",
    "GlobalPolicyDeleted",
    "GlobalPolicyUpdated",
    "GroupCreated",
    "GroupDeleted",
    "GroupMemberAdded",
    "GroupMemberRemoved",
    "GroupUpdated",
    "LicenseCreated",
    "LicenseDeleted",
    "LocalPolicyCreated",
    "LocalPolicyUpdated",
    "PermissionApplied",
    "PermissionRemoved",
    "ProjectCreated",
    "ProjectDeleted",
    "ProjectDisabled",
    "ProjectPurposeApproved",
    "ProjectPurposeDenied",
    "ProjectPurposesAcknowledged",
    "ProjectUpdated",
    "PurposeCreated",
    "PurposeDeleted",
    "PurposeUpdated",
    "SDDClassifierCreated",
    "SDDClassifierDeleted",
    "SDDClassifierUpdated",
    "SDDDatasourceTagUpdated",
    "SubscriptionCreated",
    "SubscriptionDeleted",
    "SubscriptionRequestApproved",
    "SubscriptionRequestDenied",
    "SubscriptionRequested",
    "SubscriptionUpdated",
    "TagApplied",
    "TagCreated",
    "TagDeleted",
    "TagRemoved",
    "TagUpdated",
    "UserAuthenticated",
    "UserCloned",
    "UserCreated",
    "UserDeleted",
    "UserLogout",
    "UserUpdated",
    "WebhookCreated",
    "WebhookDeleted",
];

/// Reads the kind off a record.
///
/// `auditPayload.type` without its suffix; in its absence `Query` for the action `QUERY`, else target type and
/// action joined by a colon, which is no kind of Immuta's and says that it stands in (`USER:UPDATE`).
/// `None` if the record has neither.
#[must_use]
pub fn of(record: Json<'_>) -> Option<Cow<'_, str>> {
    if let Some(name) = text_at(record, &["auditPayload", "type"]) {
        return Some(Cow::Borrowed(match name.strip_suffix(SUFFIX) {
            Some("") | None => name,
            Some(short) => short,
        }));
    }
    let action = text_at(record, &["action"])?;
    let target = text_at(record, &["targetType"])?;
    if action.eq_ignore_ascii_case("QUERY") {
        return Some(Cow::Borrowed(QUERY));
    }
    Some(Cow::Owned(format!("{target}:{action}")))
}

/// Whether Immuta's documentation names this kind.
#[must_use]
pub fn is_known(kind: &str) -> bool {
    KNOWN.contains(&kind)
}

/// The documented kind of a service that a name is within two letters of, if it is not one itself: most likely a slip.
#[must_use]
pub fn nearly(kind: &str, service: Service) -> Option<&'static str> {
    const SLIP: usize = 2;
    if service.kinds().contains(&kind) {
        return None;
    }
    service.kinds().iter().copied().find(|known| (1..=SLIP).contains(&distance(kind, known)))
}

fn text_at<'r>(record: Json<'r>, path: &[&str]) -> Option<&'r str> {
    record.at(path)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json::Document;

    fn kind(text: &str) -> Option<String> {
        of(Document::parse(text).unwrap().root()).map(Cow::into_owned)
    }

    #[test]
    fn a_slip_is_told_from_a_kind_of_its_own() {
        assert_eq!(nearly("DatasouceDeleted", Service::Audit), Some("DatasourceDeleted"));
        assert_eq!(nearly("DatasourceDeleted", Service::Audit), None);
        assert_eq!(nearly("LocalPolicyDeleted", Service::Audit), None);
        assert_eq!(nearly("tagDeleted", Service::Webhook), None, "nor from one that is nearly another");
    }

    #[test]
    fn the_payload_names_the_kind() {
        assert_eq!(kind(r#"{"auditPayload":{"type":"TagAppliedAuditPayload"}}"#).unwrap(), "TagApplied");
        assert_eq!(kind(r#"{"auditPayload":{"type":"SomethingNew"}}"#).unwrap(), "SomethingNew");
        assert_eq!(kind(r#"{"auditPayload":{"type":"AuditPayload"}}"#).unwrap(), "AuditPayload");
    }

    #[test]
    fn action_and_target_stand_in_and_say_so() {
        assert_eq!(kind(r#"{"action":"QUERY","targetType":"DATASOURCE"}"#).unwrap(), "Query");
        assert_eq!(kind(r#"{"action":"UPDATE","targetType":"USER","auditPayload":null}"#).unwrap(), "USER:UPDATE");
        assert_eq!(
            kind(r#"{"action":"UPDATE","targetType":"USER","auditPayload":{"type":7}}"#).unwrap(),
            "USER:UPDATE"
        );
    }

    #[test]
    fn without_either_there_is_no_kind() {
        assert_eq!(kind(r#"{"action":"UPDATE"}"#), None);
        assert_eq!(kind(r#"{"action":"UPDATE","targetType":""}"#), None);
        assert_eq!(kind("{}"), None);
    }
}
