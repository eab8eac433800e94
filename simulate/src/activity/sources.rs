//! Data sources: registered, changed, put into projects, and what policies do to them.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::Activity;
use crate::dice::pick;
use crate::names::{POLICIES, PROJECTS};
use crate::record::Resource;
use crate::tenant::{Source, Tenant, resource, system_actor};

/// A kind of this area as a quiet tenant has it.
pub(super) fn quiet(rng: &mut ChaCha8Rng, tenant: &Tenant, kind: &'static str) -> Option<Activity> {
    let source = tenant.source(rng);
    let target = source.target.clone();
    let system = |action| Activity::of(system_actor(), kind, action);
    let steward = tenant.steward(rng);
    let policy = *pick(rng, POLICIES);
    Some(match kind {
        "DatasourceCreated" => Activity::by(steward, kind, "CREATE")
            .on(newly_found(rng, source))
            .says("technology", source.platform.technology())
            .says("connection", source.platform.host()),
        "DatasourceDeleted" => Activity::by(steward, kind, "DELETE").on(newly_found(rng, source)),
        "DatasourceUpdated" => Activity::by(steward, kind, "UPDATE")
            .on(target)
            .says("updatedFields", json!([*pick(rng, &["description", "owners", "documentation"])])),
        "DatasourceDisabled" => system("UPDATE").on(target).says("reason", "Connection could not be verified"),
        "DatasourceCatalogSynced" => {
            let tags = rng.random_range(0..4);
            system("UPDATE").on(target).says("catalog", "collibra").says("tagsChanged", tags)
        }
        "DatasourceAppliedToProject" => {
            let name = *pick(rng, PROJECTS);
            Activity::by(steward, kind, "UPDATE").on(target).with(resource("PROJECT", name, name))
        }
        "DatasourceGlobalPolicyApplied" | "DatasourceGlobalPolicyRemoved" => {
            system("UPDATE").on(target).says("policy", json!({"name": policy}))
        }
        "DatasourceGlobalPolicyConflictResolved" | "DatasourceGlobalPolicyDisabled" => {
            Activity::by(steward, kind, "UPDATE").on(target).says("policyName", policy)
        }
        "DatasourcePolicyCertified" | "DatasourcePolicyDecertified" => {
            let related = resource("GLOBAL_POLICY", policy, policy);
            Activity::by(steward, kind, "UPDATE").on(target).with(related)
        }
        "DatasourcePolicyCertificationExpired" => {
            system("UPDATE").on(target).with(resource("GLOBAL_POLICY", policy, policy))
        }
        _ => return None,
    })
}

/// A table that appeared or went away, named after one that is there.
fn newly_found(rng: &mut ChaCha8Rng, model: &Source) -> Resource {
    let number = rng.random_range(500_000..999_999_u32);
    let mut target = model.target.clone();
    target.id = number.to_string();
    target.name = format!("{}_{}", target.name, number % 1000);
    target
}
