//! Permissions that are used as soon as they are there, and permissions that nobody should hold together.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::{Deed, Scene, When, Who};
use super::{Act, Correlation, NearMissOfMany, Pattern, act, tale};
use crate::activity::{global_policy, permission_applied, tag_deleted};
use crate::dice::{chance, pick, word};
use crate::names::{BUSINESS_TAGS, MILD_PERMISSIONS, STRONG_PERMISSIONS};
use crate::plan::{HOUR, MINUTE};
use crate::tenant::{Person, newcomer};

/// A high-risk permission, and a governance change by whoever was given it, within an hour.
const USED: Pattern = pattern("permission_granted_and_used", &["person"]);
/// `GOVERNANCE` and `USER_ADMIN` for one person within 31 days.
const BOTH: Pattern = pattern("governance_with_user_admin", &["watch.subject_id"]);

const fn pattern(rule: &'static str, by: &'static [&'static str]) -> Pattern {
    Pattern { question: "permissions", rule, level: "high", route: "notification", by, due: 0 }
}

/// What the grant of a high-risk permission is by itself.
const GRANTED: &str = "high-risk permission granted";

/// All of this area.
pub(super) const CORRELATIONS: &[Correlation] = &[
    Correlation {
        pattern: &USED,
        name: "high-risk permission granted and used within the hour",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let newcomer = newcomer(rng);
            let after = rng.random_range(5..55) * MINUTE;
            vec![strong(rng, scene, &newcomer), used(rng, &newcomer, after)]
        }),
        near: &[
            NearMissOfMany {
                name: "high-risk permission granted and used later that day",
                why: "More than an hour lies between the two.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let newcomer = newcomer(rng);
                    let after = rng.random_range(65..300) * MINUTE;
                    vec![strong(rng, scene, &newcomer), used(rng, &newcomer, after)]
                }),
            },
            NearMissOfMany {
                name: "high-risk permission granted, and a governance change by somebody else",
                why: "Whoever made the change is not the one who was given the permission.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let (newcomer, other) = (newcomer(rng), newcomer(rng));
                    vec![strong(rng, scene, &newcomer), used(rng, &other, 20 * MINUTE)]
                }),
            },
            NearMissOfMany {
                name: "governance change, and a high-risk permission granted after it",
                why: "The change came before the permission.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let newcomer = newcomer(rng);
                    let before = rng.random_range(5..50) * MINUTE;
                    vec![used(rng, &newcomer, -before), strong(rng, scene, &newcomer)]
                }),
            },
            NearMissOfMany {
                name: "everyday permission granted, and a governance change within the hour",
                why: "The permission is not on the high-risk list.",
                tale: tale(When::Open, Who::Steward, |rng, scene| {
                    let newcomer = newcomer(rng);
                    let granted = permission_applied(scene.person, &newcomer, word(rng, MILD_PERMISSIONS));
                    vec![act(0, Deed::Done(granted)), used(rng, &newcomer, 20 * MINUTE)]
                }),
            },
        ],
    },
    Correlation {
        pattern: &USED,
        name: "high-risk permission granted before midnight, used after it, and received a day later",
        tale: tale(When::BeforeMidnight, Who::Somebody, |rng, scene| {
            let newcomer = newcomer(rng);
            let after = rng.random_range(35..55) * MINUTE;
            vec![strong(rng, scene, &newcomer).late(rng), used(rng, &newcomer, after)]
        }),
        near: &[],
    },
    Correlation {
        pattern: &BOTH,
        name: "governance and user administration granted to one person",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let newcomer = newcomer(rng);
            let after = *pick(rng, &[2, 30, 130]) * HOUR;
            both(rng, scene, (&newcomer, &newcomer), "USER_ADMIN", after)
        }),
        near: &[
            NearMissOfMany {
                name: "governance granted to one person and user administration to another",
                why: "Nobody holds both.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let (newcomer, other) = (newcomer(rng), newcomer(rng));
                    both(rng, scene, (&newcomer, &other), "USER_ADMIN", 3 * HOUR)
                }),
            },
            NearMissOfMany {
                name: "governance and audit granted to one person",
                why: "Whoever sees the audit log cannot change who is in it.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let newcomer = newcomer(rng);
                    both(rng, scene, (&newcomer, &newcomer), "AUDIT", 3 * HOUR)
                }),
            },
        ],
    },
];

/// `GOVERNANCE` for the first of `to`, and `permission`, which somebody else grants, for the second, `after` it.
fn both(rng: &mut ChaCha8Rng, scene: &Scene, to: (&Person, &Person), permission: &str, after: i64) -> Vec<Act> {
    let other = scene.other(rng);
    let granted = permission_applied(scene.person, to.0, "GOVERNANCE");
    let too = permission_applied(other, to.1, permission);
    vec![act(0, Deed::Done(granted)).alone(GRANTED), act(after, Deed::Done(too)).alone(GRANTED)]
}

/// A high-risk permission for `newcomer`.
fn strong(rng: &mut ChaCha8Rng, scene: &Scene, newcomer: &Person) -> Act {
    let granted = permission_applied(scene.person, newcomer, word(rng, STRONG_PERMISSIONS));
    act(0, Deed::Done(granted)).alone(GRANTED)
}

/// Something that takes a high-risk permission, and interrupts nobody by itself.
fn used(rng: &mut ChaCha8Rng, person: &Person, after: i64) -> Act {
    let done = if chance(rng, 600) {
        global_policy(rng, person, "GlobalPolicyUpdated", "UPDATE")
    } else {
        tag_deleted(person, word(rng, &BUSINESS_TAGS[..4]))
    };
    act(after, Deed::Done(done))
}
