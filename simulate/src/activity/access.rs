//! Subscriptions: who asks for a data source, who lets them in, and how it ends.
//!
//! In a quiet tenant no access is given by hand: behind every grant stands an approved request of the same person for the
//! same data source, and what is taken away is taken away by Immuta itself.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Activity, Happening};
use crate::dice::{pick, uuid};
use crate::plan::{MINUTE, SECOND};
use crate::tenant::{Tenant, system_actor};

/// The events that end in one of `kind`, if it is of this area.
pub(super) fn story(rng: &mut ChaCha8Rng, tenant: &Tenant, kind: &'static str) -> Option<Happening> {
    let (person, source) = (tenant.anyone(rng), tenant.source(rng));
    let target = || source.target.clone();
    if matches!(kind, "SubscriptionUpdated" | "SubscriptionDeleted") {
        let deleted = kind == "SubscriptionDeleted";
        let activity = Activity::of(system_actor(), kind, if deleted { "DELETE" } else { "UPDATE" })
            .on(target())
            .on(person.resource())
            .says("role", "subscriber")
            .says("reason", if deleted { "Policy no longer grants access" } else { "Policy changed" });
        return Some(vec![(0, activity)]);
    }
    let reason = *pick(rng, &["Quarter close", "Model training", "Customer complaint", "Dashboard repair"]);
    let number = uuid(rng);
    let asked = Activity::by(person, "SubscriptionRequested", "CREATE")
        .on(target())
        .says("requestId", number.clone())
        .says("reason", reason);
    let wait = rng.random_range(2..50) * MINUTE;
    let owner = tenant.steward_for(rng, person);
    let decided = |kind| {
        Activity::by(owner, kind, "UPDATE").on(target()).with(person.resource()).says("requestId", number.clone())
    };
    Some(match kind {
        "SubscriptionRequested" => vec![(0, asked)],
        "SubscriptionRequestDenied" => {
            vec![(0, asked), (wait, decided(kind).says("denialReason", "Use the masked view"))]
        }
        "SubscriptionCreated" | "SubscriptionRequestApproved" => {
            let granted = Activity::by(owner, "SubscriptionCreated", "CREATE")
                .on(target())
                .on(person.resource())
                .says("role", "subscriber");
            vec![(0, asked), (wait, decided("SubscriptionRequestApproved")), (wait + 45 * SECOND, granted)]
        }
        _ => return None,
    })
}
