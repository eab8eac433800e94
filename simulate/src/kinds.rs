//! The kinds of event that a simulation holds.

/// The kind of every query, on every platform.
pub const QUERY: &str = "Query";

/// Application kinds that happen in a quiet tenant.
pub const QUIET: &[&str] = &[
    "ApiKeyDeleted",
    "AttributeApplied",
    "AttributeRemoved",
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
    "GlobalPolicyUpdated",
    "GroupCreated",
    "GroupDeleted",
    "GroupMemberAdded",
    "GroupMemberRemoved",
    "GroupUpdated",
    "LicenseCreated",
    "LicenseDeleted",
    "LocalPolicyCreated",
    "LocalPolicyDeleted",
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
];

/// Application kinds that happen only as planted incidents.
pub const INCIDENT_ONLY: &[&str] =
    &["ApiKeyCreated", "ConfigurationUpdated", "GlobalPolicyDeleted", "SDDClassifierDeleted", "WebhookDeleted"];

/// Kinds that stand for what a later release of Immuta may bring: no list of known kinds holds them.
pub const UNLISTED: &[&str] = &["DataProductPublished", "DataProductRequestSubmitted"];

/// Every known kind; all of them occur in a simulation of 30 days with incidents.
pub fn all() -> impl Iterator<Item = &'static str> {
    [QUERY].into_iter().chain(QUIET.iter().copied()).chain(INCIDENT_ONLY.iter().copied())
}
