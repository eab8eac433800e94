//! Subscriptions: who asks for a data source, who lets them in, and how it ends.
//!
//! In a quiet tenant no access is given by hand: behind every grant stands an approved request of the same person for the
//! same data source, and what is taken away is taken away by Immuta itself or by a service account.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Activity, Happening, Occasion};
use crate::dice::{chance, pick, uuid};
use crate::plan::{HOUR, MINUTE, SECOND};
use crate::record::Resource;
use crate::tenant::{Person, Source, system_actor};

/// How far from each other the moments lie at which a request may be looked at.
const STEP: i64 = 10 * MINUTE;
/// How long a request may lie before somebody looks at it: longer than any weekend with holidays around it.
const PATIENCE: i64 = 6 * 24 * HOUR;

/// How long it takes to work through what came in while all offices were shut.
const BACKLOG: i64 = 8 * HOUR;

/// The events that end in one of `kind`, if it is of this area. Nobody decides what is asked for while all offices are shut:
/// it waits until one opens.
pub(super) fn story(rng: &mut ChaCha8Rng, occasion: &Occasion, kind: &'static str) -> Option<Happening> {
    let Occasion { tenant, clocks, at, .. } = occasion;
    if matches!(kind, "SubscriptionUpdated" | "SubscriptionDeleted") {
        let (person, source) = (tenant.anyone(rng), tenant.source(rng));
        let activity =
            Activity::of(system_actor(), kind, if kind == "SubscriptionDeleted" { "DELETE" } else { "UPDATE" });
        return Some(vec![(0, updated(activity, person.resource(), source.target.clone()))]);
    }
    let ends_with = match kind {
        "SubscriptionRequested" => None,
        "SubscriptionRequestDenied" => Some("SubscriptionRequestDenied"),
        "SubscriptionCreated" | "SubscriptionRequestApproved" => Some("SubscriptionRequestApproved"),
        _ => return None,
    };
    let Some((person, source)) = asking(rng, occasion) else {
        return Some(Happening::new());
    };
    let (target, number) = (&source.target, uuid(rng));
    let mut story = vec![(0, asked(rng, person, target, &number))];
    let Some(decision) = ends_with else {
        return Some(story);
    };
    let first = rng.random_range(2..50) * MINUTE;
    let waits = (0..PATIENCE / STEP).map(|number| first + number * STEP);
    let found =
        waits.into_iter().find_map(|wait| Some((wait, tenant.approver(rng, clocks, person, source, at + wait)?)));
    let Some((mut wait, mut steward)) = found else {
        return Some(story);
    };
    if wait > first {
        // What lay over a night or a weekend is not all done in the first minutes.
        let later = wait + rng.random_range(0..BACKLOG);
        if let Some(other) = tenant.approver(rng, clocks, person, source, at + later) {
            (wait, steward) = (later, other);
        }
    }
    let decided = decided(decision, steward, person.resource(), target, &number);
    if decision == "SubscriptionRequestDenied" {
        story.push((wait, decided.says("denialReason", "Use the masked view")));
        return Some(story);
    }
    story.push((wait, decided));
    // Mostly at once, at times in another export than the approval.
    let later = if chance(rng, 300) { rng.random_range(20 * MINUTE..6 * HOUR) } else { 45 * SECOND };
    let later = if clocks.open(steward.office, at + wait + later) { later } else { 45 * SECOND };
    let by = Activity::by(steward, "SubscriptionCreated", "CREATE");
    story.push((wait + later, granted(by, person.resource(), target.clone())));
    Some(story)
}

/// Somebody at work, and a data source that they may want; nothing if the tenant is too small to have one.
fn asking<'a>(rng: &mut ChaCha8Rng, occasion: &Occasion<'a>) -> Option<(&'a Person, &'a Source)> {
    let tenant = occasion.tenant;
    let mut tries = (0..8).map(|_| (occasion.person(rng), tenant.source(rng)));
    tries.find(|(person, source)| !(tenant.is_steward(person) && tenant.decides(person, source)))
}

/// Somebody asks for access.
pub(crate) fn asked(rng: &mut ChaCha8Rng, person: &Person, target: &Resource, number: &str) -> Activity {
    let reason = *pick(rng, &["Quarter close", "Model training", "Customer complaint", "Dashboard repair"]);
    Activity::by(person, "SubscriptionRequested", "CREATE")
        .on(target.clone())
        .says("requestId", number)
        .says("reason", reason)
}

/// A request of `subject` is decided: the data source is the target, the person stands beside it.
pub(crate) fn decided(kind: &'static str, by: &Person, subject: Resource, target: &Resource, number: &str) -> Activity {
    Activity::by(by, kind, "UPDATE").on(target.clone()).with(subject).says("requestId", number)
}

/// `subject` is let in: both the data source and the person are targets.
pub(crate) fn granted(activity: Activity, subject: Resource, target: Resource) -> Activity {
    activity.on(target).on(subject).says("role", "subscriber")
}

/// The access of `subject` changes or ends.
pub(crate) fn updated(activity: Activity, subject: Resource, target: Resource) -> Activity {
    let deleted = activity.kind == "SubscriptionDeleted";
    activity
        .on(target)
        .on(subject)
        .says("role", "subscriber")
        .says("reason", if deleted { "Policy no longer grants access" } else { "Policy changed" })
}
