//! Which types of notification stand for which kinds of audit events.
//!
//! Source: what Immuta's documentation says of each type of notification and each event of the audit log, side by side;
//! nothing says it for both. A type that is not here has no counterpart that is known (a health check, a bulk job), or too
//! many (`policyUpdated` comes as a consequence of other changes).

/// Each type with the kinds that it may stand for, in the order of types.
const COUNTERPARTS: &[(&str, &[&str])] = &[
    ("addedToProject", &["DatasourceAppliedToProject"]),
    ("apiKeyRevoked", &["ApiKeyDeleted"]),
    ("attributeAdded", &["AttributeApplied"]),
    ("attributeRemoved", &["AttributeRemoved"]),
    ("attributeUpdated", &["AttributeApplied"]),
    ("collectionCreated", &["DomainCreated"]),
    ("collectionDataSourceAdded", &["DomainDataSourcesUpdated"]),
    ("collectionDataSourceRemoved", &["DomainDataSourcesUpdated"]),
    ("collectionDeleted", &["DomainDeleted"]),
    ("collectionPermissionGranted", &["DomainPermissionsUpdated"]),
    ("collectionPermissionRevoked", &["DomainPermissionsUpdated"]),
    ("collectionUpdated", &["DomainUpdated"]),
    ("dataSourceUpdated", &["DatasourceUpdated"]),
    ("globalPolicyCreated", &["GlobalPolicyCreated"]),
    ("globalPolicyDeleted", &["GlobalPolicyDeleted"]),
    ("globalPolicyDisabled", &["GlobalPolicyUpdated"]),
    ("globalPolicyUpdated", &["GlobalPolicyApproved", "GlobalPolicyUpdated"]),
    ("groupUserAdded", &["GroupMemberAdded"]),
    ("groupUserDeleted", &["GroupMemberRemoved"]),
    ("modelAccessApproved", &["SubscriptionCreated", "SubscriptionRequestApproved"]),
    ("modelAccessDenied", &["SubscriptionRequestDenied"]),
    ("modelAccessRequested", &["SubscriptionRequested"]),
    ("modelAccessRevoked", &["SubscriptionDeleted"]),
    ("modelAccessUpdated", &["SubscriptionUpdated"]),
    ("modelCreated", &["DatasourceCreated", "ProjectCreated"]),
    ("modelDeleted", &["DatasourceDeleted", "ProjectDeleted"]),
    ("modelTagAdded", &["TagApplied"]),
    ("modelTagRemoved", &["TagRemoved"]),
    ("modelUserAdded", &["SubscriptionCreated"]),
    ("modelUserDeleted", &["SubscriptionDeleted"]),
    ("modelUserJoined", &["SubscriptionCreated"]),
    ("permissionsUpdated", &["PermissionApplied", "PermissionRemoved"]),
    ("policyCertificationExpired", &["DatasourcePolicyCertificationExpired"]),
    ("projectDisabled", &["ProjectDisabled"]),
    ("projectUpdated", &["ProjectUpdated"]),
    ("purposeCreated", &["PurposeCreated"]),
    ("purposeDeleted", &["PurposeDeleted"]),
    ("purposeUpdated", &["PurposeUpdated"]),
    ("tagCreated", &["TagCreated"]),
    ("tagDeleted", &["TagDeleted"]),
    ("tagUpdated", &["TagUpdated"]),
    ("userCloned", &["UserCloned", "UserCreated"]),
    ("userCreated", &["GroupCreated", "UserCreated"]),
    ("userDeleted", &["GroupDeleted", "UserDeleted"]),
    ("userDisabled", &["UserUpdated"]),
    ("userEnabled", &["UserUpdated"]),
];

/// The kinds of audit events that a type of notification may stand for; none for one without a known counterpart.
#[must_use]
pub fn audit_kinds(notification_type: &str) -> &'static [&'static str] {
    let found = COUNTERPARTS.iter().find(|(name, _)| *name == notification_type);
    found.map_or(&[], |(_, kinds)| *kinds)
}

/// The types of notification that may stand for a kind of audit event.
pub fn notification_types(kind: &str) -> impl Iterator<Item = &'static str> {
    COUNTERPARTS.iter().filter(move |(_, kinds)| kinds.contains(&kind)).map(|(name, _)| *name)
}

/// Whether some type of notification stands for a kind of audit event.
#[must_use]
pub fn is_announced(kind: &str) -> bool {
    notification_types(kind).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Service;

    #[test]
    fn both_sides_are_named_as_the_documentation_names_them() {
        assert!(COUNTERPARTS.is_sorted_by_key(|(name, _)| *name));
        for (name, kinds) in COUNTERPARTS {
            assert!(Service::Webhook.kinds().contains(name), "{name}");
            for kind in *kinds {
                assert!(Service::Audit.kinds().contains(kind), "{kind}");
            }
        }
    }

    #[test]
    fn each_side_finds_the_other() {
        assert_eq!(audit_kinds("permissionsUpdated"), ["PermissionApplied", "PermissionRemoved"]);
        assert_eq!(
            notification_types("SubscriptionDeleted").collect::<Vec<_>>(),
            ["modelAccessRevoked", "modelUserDeleted"]
        );
        assert!(
            audit_kinds("policyUpdated").is_empty() && !is_announced("Query") && !is_announced("permissionsUpdated")
        );
    }
}
