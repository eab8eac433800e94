//! Policies, domains, projects and purposes, and the settings of the tenant.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{Activity, Occasion, verb};
use crate::dice::{pick, uuid};
use crate::names::{DOMAINS, MILD_DOMAIN_PERMISSIONS, POLICIES, PROJECTS, PURPOSES};
use crate::record::Resource;
use crate::tenant::{Person, resource};

/// A kind of this area as a quiet tenant has it.
pub(super) fn quiet(rng: &mut ChaCha8Rng, occasion: &Occasion, kind: &'static str) -> Option<Activity> {
    let tenant = occasion.tenant;
    let steward = occasion.steward(rng);
    let by = |action| Activity::by(steward, kind, action);
    Some(match kind {
        "GlobalPolicyCreated" => {
            let name = format!("{} {}", pick(rng, POLICIES), rng.random_range(2..9));
            by("CREATE")
                .on(resource("GLOBAL_POLICY", &uuid(rng), &name))
                .says("name", name)
                .says("policyType", *pick(rng, &["data", "subscription"]))
        }
        "GlobalPolicyUpdated" => global_policy(rng, steward, kind, "UPDATE")
            .says("changes", json!([{"path": "actions[0].exceptions", "operation": "replace"}])),
        "GlobalPolicyApproved" => global_policy(rng, steward, kind, "UPDATE"),
        "LocalPolicyCreated" | "LocalPolicyUpdated" | "LocalPolicyDeleted" => {
            let source = tenant.source(rng).target.clone();
            by(verb(kind)).on(source).says("policyName", format!("Local policy {}", rng.random_range(1..400)))
        }
        "DomainCreated" | "DomainDeleted" => {
            let name = format!("Pilot {}", rng.random_range(1..80));
            by(verb(kind)).on(resource("DOMAIN", &uuid(rng), &name)).says("name", name)
        }
        "DomainUpdated" => domain_updated(rng, steward),
        "DomainDataSourcesUpdated" => {
            let source = tenant.source(rng).target.clone();
            by("UPDATE").on(domain(rng)).with(source).says("operation", "ADD")
        }
        "DomainPermissionsUpdated" => {
            let permission = *pick(rng, MILD_DOMAIN_PERMISSIONS);
            let subject = tenant.anyone(rng);
            domain_permissions_updated(rng, steward, subject, permission)
        }
        "ProjectCreated" | "ProjectDeleted" | "ProjectUpdated" | "ProjectDisabled" => {
            let name = *pick(rng, PROJECTS);
            by(verb(kind)).on(resource("PROJECT", &uuid(rng), name)).says("name", name)
        }
        "ProjectPurposesAcknowledged" => {
            let (person, project) = (occasion.person(rng), *pick(rng, PROJECTS));
            Activity::by(person, kind, "UPDATE")
                .on(resource("PROJECT", project, project))
                .with(person.resource())
                .says("purposes", json!([*pick(rng, PURPOSES)]))
        }
        "ProjectPurposeApproved" | "ProjectPurposeDenied" => {
            let member = tenant.other_than(rng, steward).resource();
            let project = *pick(rng, PROJECTS);
            by("UPDATE")
                .on(resource("PROJECT", project, project))
                .with(member)
                .says("purpose", json!({"name": *pick(rng, PURPOSES)}))
        }
        "PurposeCreated" | "PurposeUpdated" | "PurposeDeleted" => purpose(rng, steward, kind),
        "LicenseCreated" | "LicenseDeleted" => {
            let admin = pick(rng, tenant.admins());
            license(rng, admin, kind)
        }
        "WebhookCreated" => webhook(rng, steward, kind, "CREATE"),
        _ => return None,
    })
}

/// A global policy is changed: named by the target alone.
pub(crate) fn global_policy(rng: &mut ChaCha8Rng, by: &Person, kind: &'static str, action: &'static str) -> Activity {
    let number = rng.random_range(0..POLICIES.len());
    Activity::by(by, kind, action).on(resource("GLOBAL_POLICY", &(300 + number).to_string(), POLICIES[number]))
}

/// The same for a policy that the tenant has on top of its usual ones.
pub(crate) fn named_policy(by: &Person, kind: &'static str, id: &str, name: &str) -> Activity {
    Activity::by(by, kind, verb(kind)).on(resource("GLOBAL_POLICY", id, name))
}

/// A permission within a domain is granted: the domain is the target, the person stands beside it, and the permission in the
/// list `permissions`.
pub(crate) fn domain_permissions_updated(
    rng: &mut ChaCha8Rng,
    by: &Person,
    subject: &Person,
    permission: &str,
) -> Activity {
    Activity::by(by, "DomainPermissionsUpdated", "UPDATE")
        .on(domain(rng))
        .with(subject.resource())
        .says("permissions", json!([permission]))
        .says("operation", "GRANT")
}

/// A setting of the tenant is changed.
pub(crate) fn configuration_updated(rng: &mut ChaCha8Rng, by: &Person) -> Activity {
    let setting = *pick(
        rng,
        &["session.idleTimeoutMinutes", "authentication.okta.enabled", "audit.exportIntervalHours", "email.smtpHost"],
    );
    Activity::by(by, "ConfigurationUpdated", "UPDATE")
        .on(resource("CONFIGURATION", "app-settings", "App Settings"))
        .says("changedKeys", json!([setting]))
}

/// A webhook is made or deleted.
pub(crate) fn webhook(rng: &mut ChaCha8Rng, by: &Person, kind: &'static str, action: &'static str) -> Activity {
    let name = *pick(rng, &["watch-permissions", "watch-policies", "watch-users", "ticketing"]);
    Activity::by(by, kind, action)
        .on(resource("WEBHOOK", &rng.random_range(1..400_u32).to_string(), name))
        .says("name", name)
        .says("url", format!("https://hooks.northwind.example/{name}"))
        .says("global", true)
}

/// The description of a domain changes.
pub(crate) fn domain_updated(rng: &mut ChaCha8Rng, by: &Person) -> Activity {
    Activity::by(by, "DomainUpdated", "UPDATE").on(domain(rng)).says("updatedFields", json!(["description"]))
}

/// A purpose is made, changed or deleted.
pub(crate) fn purpose(rng: &mut ChaCha8Rng, by: &Person, kind: &'static str) -> Activity {
    let name = *pick(rng, PURPOSES);
    Activity::by(by, kind, verb(kind)).on(resource("PURPOSE", name, name)).says("purposeName", name)
}

/// A licence is put in or taken out.
pub(crate) fn license(rng: &mut ChaCha8Rng, by: &Person, kind: &'static str) -> Activity {
    Activity::by(by, kind, verb(kind)).on(resource("LICENSE", &uuid(rng), "Enterprise")).says("expires", "2027-12-31")
}

fn domain(rng: &mut ChaCha8Rng) -> Resource {
    let number = rng.random_range(0..DOMAINS.len());
    resource("DOMAIN", &(700 + number).to_string(), DOMAINS[number])
}
