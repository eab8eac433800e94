//! People, groups, permissions, attributes and keys.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{Activity, Occasion, verb};
use crate::dice::{chance, pick, uuid};
use crate::names::{ATTRIBUTES, GROUPS, MILD_PERMISSIONS};
use crate::offices::{BERLIN, OFFICES};
use crate::record::{Actor, Resource};
use crate::tenant::{Person, Tenant, provisioning_actor, resource, someone};

/// A kind of this area as a quiet tenant has it.
pub(super) fn quiet(rng: &mut ChaCha8Rng, occasion: &Occasion, kind: &'static str) -> Option<Activity> {
    let tenant = occasion.tenant;
    Some(match kind {
        "UserAuthenticated" => {
            // The local administrators sit in the main office.
            let local = occasion.office == BERLIN && chance(rng, 25);
            let person = if local { pick(rng, tenant.admins()) } else { occasion.person(rng) };
            let activity = Activity::by(person, kind, "AUTHENTICATE")
                .on(person.resource())
                .says("identityProvider", person.actor.identity_provider);
            if chance(rng, 12) { activity.failed() } else { activity }
        }
        "UserLogout" => {
            let person = occasion.person(rng);
            Activity::by(person, kind, "LOGOUT").on(person.resource())
        }
        "UserCreated" => {
            let newcomer = newcomer(rng, "okta");
            user_made(provisioned(kind, "CREATE"), &newcomer)
        }
        "UserCloned" => {
            let newcomer = newcomer(rng, "okta");
            let model = tenant.anyone(rng).resource();
            user_made(Activity::by(occasion.steward(rng), kind, "CREATE"), &newcomer).with(model)
        }
        "UserUpdated" => {
            let person = tenant.anyone(rng);
            provisioned(kind, "UPDATE")
                .on(person.resource())
                .says("identityProvider", person.actor.identity_provider)
                .says("updatedFields", json!(["profile.department"]))
                .says("department", person.department.name)
        }
        "UserDeleted" => {
            let leaver = newcomer(rng, "okta");
            provisioned(kind, "DELETE").on(resource("USER", &leaver.id, &leaver.name)).says("identityProvider", "okta")
        }
        "GroupCreated" | "GroupUpdated" | "GroupDeleted" => {
            let action = verb(kind);
            provisioned(kind, action).on(group(rng)).says("identityProvider", "okta")
        }
        "GroupMemberAdded" | "GroupMemberRemoved" => {
            let member = tenant.anyone(rng).resource();
            membership(provisioned(kind, "UPDATE"), group(rng), member)
        }
        "AttributeApplied" => {
            let holder = holder(rng, tenant);
            attribute_applied(rng, provisioned(kind, "UPDATE"), holder)
        }
        "AttributeRemoved" => {
            let (name, values) = pick(rng, ATTRIBUTES);
            let value = *pick(rng, values);
            provisioned(kind, "UPDATE")
                .on(holder(rng, tenant))
                .says("attributeName", *name)
                .says("attributeValue", value)
        }
        "PermissionApplied" => {
            let steward = occasion.steward(rng);
            let subject = tenant.other_than(rng, steward);
            let permission = *pick(rng, MILD_PERMISSIONS);
            permission_applied(steward, subject, permission)
        }
        "PermissionRemoved" => {
            let steward = occasion.steward(rng);
            let subject = tenant.other_than(rng, steward);
            let permission = *pick(rng, MILD_PERMISSIONS);
            permission_removed(steward, subject, permission)
        }
        "ApiKeyDeleted" => {
            let steward = occasion.steward(rng);
            api_key(rng, steward, kind, "DELETE")
        }
        _ => return None,
    })
}

/// A permission is given: named by `permission`.
pub(crate) fn permission_applied(by: &Person, subject: &Person, permission: &str) -> Activity {
    Activity::by(by, "PermissionApplied", "UPDATE").on(subject.resource()).says("permission", permission)
}

/// A permission is taken away: named in the list `permissions`.
pub(crate) fn permission_removed(by: &Person, subject: &Person, permission: &str) -> Activity {
    Activity::by(by, "PermissionRemoved", "UPDATE").on(subject.resource()).says("permissions", json!([permission]))
}

/// An account is made: whose it is stands in the target, where it lives in the payload.
pub(crate) fn user_made(activity: Activity, newcomer: &Actor) -> Activity {
    activity
        .on(resource("USER", &newcomer.id, &newcomer.name))
        .says("identityProvider", newcomer.identity_provider)
        .says("userName", newcomer.id.clone())
}

/// A key for the interface is made or deleted.
pub(crate) fn api_key(rng: &mut ChaCha8Rng, by: &Person, kind: &'static str, action: &'static str) -> Activity {
    let name = format!("{}-{}", pick(rng, &["ci", "terraform", "catalog-sync", "notebook"]), rng.random_range(1..90));
    Activity::by(by, kind, action).on(resource("APIKEY", &uuid(rng), &name)).with(by.resource()).says("name", name)
}

/// An attribute is put on a person or a group: named by `attribute`.
pub(crate) fn attribute_applied(rng: &mut ChaCha8Rng, activity: Activity, holder: Resource) -> Activity {
    let (name, values) = pick(rng, ATTRIBUTES);
    let value = *pick(rng, values);
    activity.on(holder).says("attribute", json!({"name": name, "value": value}))
}

/// A person is put into a group.
pub(crate) fn member_added(rng: &mut ChaCha8Rng, activity: Activity, member: Resource) -> Activity {
    membership(activity, group(rng), member)
}

/// A membership changes: the group is the target, the person stands beside it.
fn membership(activity: Activity, group: Resource, member: Resource) -> Activity {
    activity.on(group).with(member)
}

fn provisioned(kind: &'static str, action: &'static str) -> Activity {
    Activity::of(provisioning_actor(), kind, action)
}

fn newcomer(rng: &mut ChaCha8Rng, provider: &'static str) -> Actor {
    // Numbers above those of the people that are there.
    let number = rng.random_range(200_000..999_999);
    let domain = pick(rng, &OFFICES).domain;
    someone(rng, number, provider, domain)
}

fn group(rng: &mut ChaCha8Rng) -> Resource {
    let number = rng.random_range(0..GROUPS.len());
    resource("GROUP", &(50 + number).to_string(), &format!("grp-{}", GROUPS[number]))
}

/// An attribute belongs to a person, at times to a group.
fn holder(rng: &mut ChaCha8Rng, tenant: &Tenant) -> Resource {
    if chance(rng, 200) { group(rng) } else { tenant.anyone(rng).resource() }
}
