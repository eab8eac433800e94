//! Permissions given and taken away: the strong ones, the ones at odd hours, and the ones that people give to themselves.
//!
//! Strong ones go to newcomers, who do nothing else, so that nobody seems to use what they were just given.

use rand_chacha::ChaCha8Rng;

use super::{Acts, Case, Incident, NearMiss, Scene, When, Who, alone, case};
use crate::activity::{domain_permissions_updated, permission_applied, permission_removed};
use crate::dice::word;
use crate::names::{MILD_DOMAIN_PERMISSIONS, MILD_PERMISSIONS, STRONG_PERMISSIONS};
use crate::tenant::newcomer;

const fn incident(
    name: &'static str,
    rule: &'static str,
    level: &'static str,
    case: Case,
    near: &'static [NearMiss],
) -> Incident {
    Incident { name, question: "permissions", rule, level, route: "notification", case, near }
}

/// All of this area.
pub(super) const INCIDENTS: &[Incident] = &[
    incident(
        "high-risk permission granted",
        "permission_granted",
        "high",
        case(When::Any, Who::Somebody, strong_granted),
        &[NearMiss {
            name: "everyday permission granted in office hours",
            why: "The permission is not on the high-risk list and the office of the actor is open.",
            case: case(When::Open, Who::Steward, mild_granted),
        }],
    ),
    incident(
        "high-risk permission that somebody gave to themselves",
        "permission_granted",
        "high",
        case(When::Any, Who::Somebody, |rng, _| {
            let person = newcomer(rng);
            alone(permission_applied(&person, &person, word(rng, STRONG_PERMISSIONS)))
        }),
        &[NearMiss {
            name: "everyday permission granted to a colleague of the same name",
            why: "The actor and the colleague share a display name, but their ids differ.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                let namesake = scene.namesake(rng);
                alone(permission_applied(scene.person, &namesake, word(rng, MILD_PERMISSIONS)))
            }),
        }],
    ),
    incident(
        "everyday permission granted at night",
        "permission_granted",
        "medium",
        case(When::Night, Who::Somebody, mild_granted),
        &[
            NearMiss {
                name: "everyday permission granted at night in UTC, in the daytime of Singapore",
                why: "The actor belongs to the office in Singapore, which is open.",
                case: case(When::OpenAtNightInBerlin, Who::StewardInSingapore, mild_granted),
            },
            NearMiss {
                name: "everyday permission granted in office hours and received many hours later",
                why: "Business hours go by the time of the event, not by that of its receipt.",
                case: Case { when: When::Open, who: Who::Steward, late: true, make: mild_granted },
            },
        ],
    ),
    incident(
        "everyday permission granted at the weekend",
        "permission_granted",
        "medium",
        case(When::Weekend, Who::Somebody, mild_granted),
        &[NearMiss {
            name: "everyday permission granted when the main office has closed",
            why: "The office of the actor is another one, and it is open.",
            case: case(When::OpenAtNightInBerlin, Who::Steward, mild_granted),
        }],
    ),
    incident(
        "everyday permission granted on a holiday of the actor's office",
        "permission_granted",
        "medium",
        case(When::Holiday, Who::Somebody, mild_granted),
        &[NearMiss {
            name: "everyday permission granted on a holiday of another office",
            why: "The office of the actor has no holiday and is open.",
            case: case(When::OpenOnAHolidayElsewhere, Who::Steward, mild_granted),
        }],
    ),
    incident(
        "high-risk permission removed",
        "permission_removed",
        "high",
        case(When::Any, Who::Somebody, |rng, scene| {
            // In turn, so that a longer plan has both.
            let permission = ["AUDIT", "USER_ADMIN"][scene.turn % 2];
            alone(permission_removed(scene.person, scene.other(rng), permission))
        }),
        &[NearMiss {
            name: "everyday permission removed in office hours",
            why: "The permission is not on the high-risk list and the office of the actor is open.",
            case: case(When::Open, Who::Steward, mild_removed),
        }],
    ),
    incident(
        "everyday permission removed outside office hours",
        "permission_removed",
        "medium",
        case(When::Shut, Who::Somebody, mild_removed),
        &[NearMiss {
            name: "everyday permission removed at night in UTC, in the daytime of Singapore",
            why: "The actor belongs to the office in Singapore, which is open.",
            case: case(When::OpenAtNightInBerlin, Who::StewardInSingapore, mild_removed),
        }],
    ),
    incident(
        "domain permission to manage policies granted",
        "domain_permissions_updated",
        "high",
        case(When::Any, Who::Somebody, |rng, scene| {
            let other = newcomer(rng);
            alone(domain_permissions_updated(rng, scene.person, &other, "Manage Policies"))
        }),
        &[NearMiss {
            name: "everyday domain permission granted in office hours",
            why: "The permission is not on the high-risk list and the office of the actor is open.",
            case: case(When::Open, Who::Steward, mild_in_a_domain),
        }],
    ),
    incident(
        "everyday domain permission granted outside office hours",
        "domain_permissions_updated",
        "medium",
        case(When::Shut, Who::Somebody, mild_in_a_domain),
        &[NearMiss {
            name: "everyday domain permission granted when the main office has closed",
            why: "The office of the actor is another one, and it is open.",
            case: case(When::OpenAtNightInBerlin, Who::Steward, mild_in_a_domain),
        }],
    ),
];

fn strong_granted(rng: &mut ChaCha8Rng, scene: &Scene) -> Option<Acts> {
    alone(permission_applied(scene.person, &newcomer(rng), word(rng, STRONG_PERMISSIONS)))
}

fn mild_granted(rng: &mut ChaCha8Rng, scene: &Scene) -> Option<Acts> {
    alone(permission_applied(scene.person, scene.other(rng), word(rng, MILD_PERMISSIONS)))
}

fn mild_removed(rng: &mut ChaCha8Rng, scene: &Scene) -> Option<Acts> {
    alone(permission_removed(scene.person, scene.other(rng), word(rng, MILD_PERMISSIONS)))
}

fn mild_in_a_domain(rng: &mut ChaCha8Rng, scene: &Scene) -> Option<Acts> {
    let (other, permission) = (scene.other(rng), word(rng, MILD_DOMAIN_PERMISSIONS));
    alone(domain_permissions_updated(rng, scene.person, other, permission))
}
