//! What an event changes of what stands: who holds a permission, who is in a group, which data sources there are.

use chrono::{DateTime, Utc};

use super::named::Named;
use crate::event::{Event, EventKey, Field, Party};

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    /// Permissions were given
    Given,
    /// Permissions were taken
    Taken,
    /// Data sources were registered
    Registered,
    /// Data sources were deleted
    Deleted,
    /// Users were put into groups
    Joined,
    /// Users were taken out of groups
    Left,
    /// Users were deleted, and with them what they held
    UserGone,
    /// Groups were deleted, and with them who was in them
    GroupGone,
}

impl Deed {
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "PermissionApplied" => Self::Given,
            "PermissionRemoved" => Self::Taken,
            "DatasourceCreated" => Self::Registered,
            "DatasourceDeleted" => Self::Deleted,
            "GroupMemberAdded" => Self::Joined,
            "GroupMemberRemoved" => Self::Left,
            "UserDeleted" => Self::UserGone,
            "GroupDeleted" => Self::GroupGone,
            _ => return None,
        })
    }
}

/// Whether events of this kind change what stands.
#[must_use]
pub fn is_change(kind: &str) -> bool {
    Deed::of(kind).is_some()
}

/// An event that changed what stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The event's key
    pub event: EventKey,
    /// When it happened
    pub at: DateTime<Utc>,
    /// Who did it
    pub actor: String,
    pub(super) deed: Deed,
    /// The users, groups or data sources that it was done to
    pub(super) subjects: Vec<Named>,
    /// The groups that somebody was put into or taken out of
    pub(super) groups: Vec<Named>,
    /// The permissions given or taken, as [`permission`] has them
    pub(super) permissions: Vec<String>,
}

impl Change {
    /// What an event changed. None if it is of another kind, failed, was refused, or does not say when it happened.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let deed = Deed::of(event.kind())?;
        if took_place(event) {
            let at = event.time()?;
            let named = |parties: Vec<Party>, spelt: Field| -> Vec<Named> {
                parties.into_iter().map(|party| Named::of_party(party, event.field(spelt))).collect()
            };
            let (subjects, groups) = match deed {
                Deed::Given | Deed::Taken => (named(Party::subjects_of(event), Field::Subject), Vec::new()),
                Deed::UserGone => (named(Party::users_of(event), Field::Subject), Vec::new()),
                Deed::Registered | Deed::Deleted => (named(Party::objects_of(event), Field::Object), Vec::new()),
                Deed::GroupGone => (named(Party::groups_of(event), Field::Group), Vec::new()),
                Deed::Joined | Deed::Left => {
                    (named(Party::users_of(event), Field::Subject), named(Party::groups_of(event), Field::Group))
                }
            };
            let actor = event.field(Field::Actor).first().map_or_else(|| "unknown".to_owned(), ToString::to_string);
            let permissions = event.field(Field::Permission).iter().map(|text| permission(text)).collect();
            return Some(Self { event: event.key(), at, actor, deed, subjects, groups, permissions });
        }
        None
    }

    /// Whether it gave this permission to somebody.
    #[must_use]
    pub fn gave(&self, permission: &str) -> bool {
        self.deed == Deed::Given && self.permissions.iter().any(|given| given == permission)
    }
}

/// Whether an event neither failed nor was refused.
pub(super) fn took_place(event: &Event<'_>) -> bool {
    !event.field(Field::Status).iter().any(|status| status == "UNAUTHORIZED" || status == "FAILURE")
}

/// A permission in the one spelling that it is compared in: `User Admin` and `USER_ADMIN` are the same.
pub(super) fn permission(text: &str) -> String {
    text.trim().to_uppercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;

    fn change(line: &str) -> Option<Change> {
        let record = Record::parse(line.as_bytes()).unwrap();
        Change::of(&Event::of(&record))
    }

    const GIVEN: &str = r#"{"eventTimestamp":"2026-11-02T09:00:00Z","actionStatus":"SUCCESS","actor":{"id":"marta@x"},
        "targets":[{"type":"USER","id":"ann@x","name":"Ann Lee"}],
        "auditPayload":{"type":"PermissionAppliedAuditPayload","permissions":["GOVERNANCE",{"name":"User Admin"}]}}"#;

    #[test]
    fn a_grant_names_whom_what_and_by_whom() {
        let change = change(GIVEN).unwrap();
        assert_eq!((change.deed, change.actor.as_str()), (Deed::Given, "marta@x"));
        assert_eq!(change.subjects, [Named::new("ann@x", "Ann Lee")]);
        assert_eq!(change.permissions, ["GOVERNANCE", "USER_ADMIN"]);
        assert!(change.gave("USER_ADMIN") && !change.gave("AUDIT"));
    }

    #[test]
    fn what_failed_was_refused_or_has_no_time_changed_nothing() {
        for status in ["UNAUTHORIZED", "failure"] {
            assert_eq!(change(&GIVEN.replace("SUCCESS", status)), None, "{status}");
        }
        assert!(change(&GIVEN.replace("SUCCESS", "")).is_some());
        assert_eq!(change(&GIVEN.replace("2026-11-02T09:00:00Z", "soon")), None);
        assert_eq!(change(&GIVEN.replace("PermissionApplied", "DomainPermissionsUpdated")), None);
    }

    #[test]
    fn a_membership_has_a_user_and_a_group() {
        let change = change(
            r#"{"eventTimestamp":"2026-11-02T09:00:00Z","targets":[{"type":"GROUP","id":"31","name":"Auditors"}],
                "relatedResources":[{"type":"USER","id":"977","name":"Tom"}],"auditPayload":{"type":"GroupMemberAddedAuditPayload"}}"#,
        )
        .unwrap();
        assert_eq!(change.subjects, [Named::new("977", "Tom")]);
        assert_eq!(change.groups, [Named::new("31", "Auditors")]);
    }
}
