//! Data sources: registered, changed, put into projects, and what policies do to them.

use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{Activity, Happening, Occasion, identified};
use crate::dice::pick;
use crate::names::{POLICIES, PROJECTS};
use crate::record::Resource;
use crate::tenant::{Person, Source, resource, system_actor};

/// A kind of this area as a quiet tenant has it.
pub(super) fn quiet(rng: &mut ChaCha8Rng, occasion: &Occasion, kind: &'static str) -> Option<Activity> {
    let source = occasion.tenant.source(rng);
    let target = source.target.clone();
    let system = |action| Activity::of(system_actor(), kind, action);
    let steward = occasion.steward(rng);
    let policy = *pick(rng, POLICIES);
    Some(match kind {
        "DatasourceDeleted" => deleted(steward, newly_found(rng, source, QUIET)),
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
        "DatasourceGlobalPolicyDisabled" => disabled_policy(rng, steward, source),
        "DatasourceGlobalPolicyConflictResolved" => {
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

/// A steward registers a table, and within the day identification has looked at it.
pub(super) fn story(rng: &mut ChaCha8Rng, occasion: &Occasion, kind: &'static str) -> Option<Happening> {
    if kind != "DatasourceCreated" {
        return None;
    }
    let (source, steward) = (occasion.tenant.source(rng), occasion.steward(rng));
    let target = newly_found(rng, source, QUIET);
    let created = registered(steward, source, target.clone());
    Some(vec![(0, created), identified(rng, occasion.tenant, source, target)])
}

/// A table is registered.
pub(crate) fn registered(by: &Person, source: &Source, target: Resource) -> Activity {
    Activity::by(by, "DatasourceCreated", "CREATE")
        .on(target)
        .says("technology", source.platform.technology())
        .says("connection", source.platform.host())
}

/// Numbers of the tables that appear and go away in a quiet tenant.
const QUIET: Range<u32> = 500_000..999_999;

/// A table that appeared or went away, named after one that is there, with a number from `numbers`.
pub(crate) fn newly_found(rng: &mut ChaCha8Rng, model: &Source, numbers: Range<u32>) -> Resource {
    let number = rng.random_range(numbers);
    let mut target = model.target.clone();
    target.id = number.to_string();
    target.name = format!("{}_{}", target.name, number % 1000);
    target
}

/// A data source is deleted.
pub(crate) fn deleted(by: &Person, target: Resource) -> Activity {
    Activity::by(by, "DatasourceDeleted", "DELETE").on(target)
}

/// A global policy no longer holds for one data source: named by `policyName`.
pub(crate) fn disabled_policy(rng: &mut ChaCha8Rng, by: &Person, source: &Source) -> Activity {
    Activity::by(by, "DatasourceGlobalPolicyDisabled", "UPDATE")
        .on(source.target.clone())
        .says("policyName", *pick(rng, POLICIES))
}
