//! Which types of notification stand for which kinds of audit events.
//!
//! Source: what Immuta's documentation says of each type of notification and each event of the audit log, side by side;
//! nothing says it for both. A type that is not here has no counterpart that is known (a health check, a bulk job), or too
//! many (`policyUpdated` comes as a consequence of other changes).

use crate::event::Field;

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
    ("globalPolicyDisabled", &["DatasourceGlobalPolicyDisabled", "GlobalPolicyUpdated"]),
    ("globalPolicyUpdated", &["GlobalPolicyApproved", "GlobalPolicyUpdated"]),
    ("groupUserAdded", &["GroupMemberAdded"]),
    ("groupUserDeleted", &["GroupMemberRemoved"]),
    ("modelAccessApproved", &["ProjectUpdated", "SubscriptionCreated", "SubscriptionRequestApproved"]),
    ("modelAccessDenied", &["ProjectUpdated", "SubscriptionRequestDenied"]),
    ("modelAccessRequested", &["ProjectUpdated", "SubscriptionRequested"]),
    ("modelAccessRevoked", &["ProjectUpdated", "SubscriptionDeleted"]),
    ("modelAccessUpdated", &["ProjectUpdated", "SubscriptionUpdated"]),
    ("modelCreated", &["DatasourceCreated", "ProjectCreated"]),
    ("modelDeleted", &["DatasourceDeleted", "ProjectDeleted"]),
    ("modelTagAdded", &["TagApplied"]),
    ("modelTagRemoved", &["TagRemoved"]),
    ("modelUserAdded", &["ProjectUpdated", "SubscriptionCreated"]),
    ("modelUserDeleted", &["ProjectUpdated", "SubscriptionDeleted"]),
    ("modelUserJoined", &["ProjectUpdated", "SubscriptionCreated"]),
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

/// What both must say for it to be sure that they tell of one change, by the kind of the audit event. Of a kind that is not
/// here it is never sure: what was changed stands in values that are not compared (an attribute's, a policy's rules), or
/// the type does not say in which direction (`DomainPermissionsUpdated`).
const REQUIRED: &[(&str, &[Respect])] = &[
    ("DatasourceCreated", &[Respect::Object]),
    ("DatasourceDeleted", &[Respect::Object]),
    ("DomainCreated", &[Respect::Named(Field::Domain)]),
    ("DomainDeleted", &[Respect::Named(Field::Domain)]),
    ("GlobalPolicyCreated", &[Respect::Named(Field::Policy)]),
    ("GlobalPolicyDeleted", &[Respect::Named(Field::Policy)]),
    ("GroupMemberAdded", &[Respect::Subject, Respect::Named(Field::Group)]),
    ("GroupMemberRemoved", &[Respect::Subject, Respect::Named(Field::Group)]),
    ("PermissionApplied", &[Respect::Subject, Respect::Named(Field::Permission)]),
    ("PermissionRemoved", &[Respect::Subject, Respect::Named(Field::Permission)]),
    ("ProjectCreated", &[Respect::Named(Field::Project)]),
    ("ProjectDeleted", &[Respect::Named(Field::Project)]),
    ("PurposeCreated", &[Respect::Named(Field::Purpose)]),
    ("PurposeDeleted", &[Respect::Named(Field::Purpose)]),
    ("SubscriptionCreated", &[Respect::Subject, Respect::Object]),
    ("SubscriptionDeleted", &[Respect::Subject, Respect::Object]),
    ("SubscriptionRequestApproved", &[Respect::Subject, Respect::Object]),
    ("SubscriptionRequestDenied", &[Respect::Subject, Respect::Object]),
    ("SubscriptionRequested", &[Respect::Subject, Respect::Object]),
    ("TagApplied", &[Respect::Object, Respect::Named(Field::Tag)]),
    ("TagCreated", &[Respect::Named(Field::Tag)]),
    ("TagDeleted", &[Respect::Named(Field::Tag)]),
    ("TagRemoved", &[Respect::Object, Respect::Named(Field::Tag)]),
    ("UserCloned", &[Respect::Subject]),
    ("UserCreated", &[Respect::Subject]),
    ("UserDeleted", &[Respect::Subject]),
];

/// Something that is compared, beside who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Respect {
    /// To whom
    Subject,
    /// On which data source
    Object,
    /// A permission, a tag and so on
    Named(Field),
}

/// What must be said of a kind of audit event; none if it is never sure.
pub(super) fn required(kind: &str) -> Option<&'static [Respect]> {
    REQUIRED.iter().find(|(name, _)| *name == kind).map(|(_, required)| *required)
}

/// Words that say which way a change went, in a sentence in lower case: of giving, and of taking.
const GIVES: &[&str] = &["added", "applied", "assigned", "gave", "given", "grant"];
const TAKES: &[&str] = &["deleted", "removed", "revoke", "taken", "took"];

/// Whether a sentence says that a change went the other way than a kind of audit event does. Of types that stand for both ways
/// it is all that says so.
pub(super) fn is_contradicted(kind: &str, sentence: &str) -> bool {
    let says = |words: &[&str]| words.iter().any(|word| sentence.contains(word));
    match kind {
        "PermissionApplied" => says(TAKES),
        "PermissionRemoved" => says(GIVES),
        _ => false,
    }
}

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
        assert!(REQUIRED.is_sorted_by_key(|(name, _)| *name));
        assert!(REQUIRED.iter().all(|(kind, _)| is_announced(kind)));
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
