//! By which of Immuta's two ways an event came: in the audit log, or by a webhook. Rules say which they are about, as
//! `service` in their `logsource`.

use serde::{Deserialize, Serialize};

use super::kind;

/// Where an event comes from. It is known by the way it came, never by what a record says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// A record of an export
    #[default]
    Audit,
    /// A notification of a webhook
    Webhook,
}

impl Service {
    /// Both.
    pub const ALL: [Service; 2] = [Service::Audit, Service::Webhook];

    /// The word that rules use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Service::Audit => "audit",
            Service::Webhook => "webhook",
        }
    }

    /// The service that rules call so.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.as_str() == word)
    }

    /// The kinds of its events that Immuta's documentation names. The list is open.
    #[must_use]
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Service::Audit => kind::KNOWN,
            Service::Webhook => NOTIFICATION_TYPES,
        }
    }

    /// A kind in the spelling of Immuta's documentation; one that is not there as it is. Case says nothing.
    #[must_use]
    pub fn spelled(self, kind: &str) -> &str {
        self.kinds().iter().find(|known| known.eq_ignore_ascii_case(kind)).copied().unwrap_or(kind)
    }
}

/// Notification types.
/// Source: Immuta's documentation of webhooks (2026); `GET /webhooks/actions` of a tenant lists those that it knows.
const NOTIFICATION_TYPES: &[&str] = &[
    "acknowledgedAccess",
    "addedToProject",
    "apiKeyRevoked",
    "attributeAdded",
    "attributeRemoved",
    "attributeUpdated",
    "automaticDomainAssignmentFailure",
    "bulkJobStatus",
    "certificationRequired",
    "collectionCreated",
    "collectionDataSourceAdded",
    "collectionDataSourceRemoved",
    "collectionDeleted",
    "collectionPermissionGranted",
    "collectionPermissionRevoked",
    "collectionUpdated",
    "conflictingGlobalPolicies",
    "dataSourceExpired",
    "dataSourceExpiring",
    "dataSourceUpdated",
    "deletedDatasourceRemovedFromProject",
    "expiredDatasourceRemovedFromProject",
    "firstQuery",
    "frameworkCreated",
    "frameworkDeleted",
    "frameworkUpdated",
    "globalPolicyCreated",
    "globalPolicyDeleted",
    "globalPolicyDisabled",
    "globalPolicyUpdated",
    "groupUserAdded",
    "groupUserDeleted",
    "healthCheckFailed",
    "healthCheckResolved",
    "modelAccessApproved",
    "modelAccessDenied",
    "modelAccessRequested",
    "modelAccessRevoked",
    "modelAccessUpdated",
    "modelCopied",
    "modelCreated",
    "modelDeleted",
    "modelTagAdded",
    "modelTagRemoved",
    "modelUserAdded",
    "modelUserDeleted",
    "modelUserJoined",
    "nativeIntegrationValidationFailed",
    "permissionsUpdated",
    "policyCertificationExpired",
    "policyUpdated",
    "projectDisabled",
    "projectEqualizationMemberNotInCompliance",
    "projectEqualizationToggled",
    "projectUpdated",
    "purposeCreated",
    "purposeDeleted",
    "purposeUpdated",
    "queryCanceled",
    "removedFromProject",
    "switchedCurrentProject",
    "tagCreated",
    "tagDeleted",
    "tagUpdated",
    "taskDeleted",
    "taskValidated",
    "userCloned",
    "userCreated",
    "userDeleted",
    "userDisabled",
    "userEnabled",
    "userMigrated",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_its_service() {
        for service in Service::ALL {
            assert_eq!(Service::named(service.as_str()), Some(service));
            assert_eq!(serde_json::to_value(service).unwrap(), service.as_str());
        }
        assert_eq!(Service::named("Audit"), None);
    }

    #[test]
    fn each_service_spells_kinds_in_its_own_way() {
        assert_eq!(Service::Audit.spelled("globalpolicycreated"), "GlobalPolicyCreated");
        assert_eq!(Service::Webhook.spelled("GlobalPolicyCreated"), "globalPolicyCreated");
        assert_eq!(Service::Webhook.spelled("somethingNew"), "somethingNew");
        assert!(NOTIFICATION_TYPES.is_sorted());
    }
}
