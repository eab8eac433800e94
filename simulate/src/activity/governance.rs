//! Policies, domains, projects and purposes, and the settings of the tenant.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::Activity;
use crate::dice::{pick, uuid};
use crate::names::{DOMAINS, MILD_DOMAIN_PERMISSIONS, POLICIES, PROJECTS, PURPOSES};
use crate::record::Resource;
use crate::tenant::{Person, Tenant, resource};

/// A kind of this area as a quiet tenant has it.
pub(super) fn quiet(rng: &mut ChaCha8Rng, tenant: &Tenant, kind: &'static str) -> Option<Activity> {
    let steward = tenant.steward(rng);
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
        "LocalPolicyCreated" | "LocalPolicyUpdated" => {
            let source = tenant.source(rng).target.clone();
            by(if kind == "LocalPolicyCreated" { "CREATE" } else { "UPDATE" })
                .on(source)
                .says("policyName", format!("Local policy {}", rng.random_range(1..400)))
        }
        "DomainCreated" | "DomainDeleted" => {
            let name = format!("Pilot {}", rng.random_range(1..80));
            by(if kind == "DomainCreated" { "CREATE" } else { "DELETE" })
                .on(resource("DOMAIN", &uuid(rng), &name))
                .says("name", name)
        }
        "DomainUpdated" => by("UPDATE").on(domain(rng)).says("updatedFields", json!(["description"])),
        "DomainDataSourcesUpdated" => {
            let source = tenant.source(rng).target.clone();
            by("UPDATE").on(domain(rng)).with(source).says("operation", "ADD")
        }
        "DomainPermissionsUpdated" => {
            let permission = *pick(rng, MILD_DOMAIN_PERMISSIONS);
            let subject = tenant.anyone(rng);
            domain_permissions_updated(rng, steward, subject, permission)
        }
        "ProjectCreated" | "ProjectDeleted" | "ProjectUpdated" => {
            let name = *pick(rng, PROJECTS);
            let action = match kind {
                "ProjectCreated" => "CREATE",
                "ProjectDeleted" => "DELETE",
                _ => "UPDATE",
            };
            by(action).on(resource("PROJECT", &uuid(rng), name)).says("name", name)
        }
        "ProjectPurposesAcknowledged" => {
            let (person, project) = (tenant.anyone(rng), *pick(rng, PROJECTS));
            Activity::by(person, kind, "UPDATE")
                .on(resource("PROJECT", project, project))
                .with(person.resource())
                .says("purposes", json!([*pick(rng, PURPOSES)]))
        }
        "PurposeUpdated" | "PurposeDeleted" => {
            let name = *pick(rng, PURPOSES);
            by(if kind == "PurposeUpdated" { "UPDATE" } else { "DELETE" })
                .on(resource("PURPOSE", name, name))
                .says("purposeName", name)
        }
        "LicenseCreated" | "LicenseDeleted" => {
            let license = uuid(rng);
            Activity::by(pick(rng, &tenant.admins), kind, if kind == "LicenseCreated" { "CREATE" } else { "DELETE" })
                .on(resource("LICENSE", &license, "Enterprise"))
                .says("expires", "2027-12-31")
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

fn domain(rng: &mut ChaCha8Rng) -> Resource {
    let number = rng.random_range(0..DOMAINS.len());
    resource("DOMAIN", &(700 + number).to_string(), DOMAINS[number])
}
