//! Users made where they should not be, attributes set by hand, and what takes the watching itself apart: webhooks and keys.

use rand::RngExt;

use super::{Case, Incident, NearMiss, When, Who, alone, case};
use crate::activity::{Activity, api_key, attribute_applied, user_made, webhook};
use crate::dice::chance;
use crate::offices::OFFICES;
use crate::tenant::{provisioning_actor, service_actor, someone};

const fn incident(
    name: &'static str,
    of: (&'static str, &'static str),
    level: &'static str,
    case: Case,
    near: &'static [NearMiss],
) -> Incident {
    Incident { name, question: of.0, rule: of.1, level, route: "notification", case, near }
}

/// All of this area.
pub(super) const INCIDENTS: &[Incident] = &[
    incident(
        "user made in Immuta instead of the identity provider",
        ("users", "user_made_locally"),
        "medium",
        case(When::Any, Who::Somebody, |rng, scene| {
            let number = rng.random_range(1_000_000..1_100_000);
            let newcomer = someone(rng, number, "bim", OFFICES[scene.person.office].domain);
            if chance(rng, 250) {
                let cloned = user_made(Activity::by(scene.person, "UserCloned", "CREATE"), &newcomer);
                return alone(cloned.with(scene.other(rng).resource()));
            }
            alone(user_made(Activity::by(scene.person, "UserCreated", "CREATE"), &newcomer))
        }),
        &[NearMiss {
            name: "user of the identity provider made by a local administrator",
            why: "Only the actor lives in Immuta; the account that was made belongs to the identity provider.",
            case: case(When::Open, Who::LocalAdministrator, |rng, scene| {
                let number = rng.random_range(1_100_000..1_200_000);
                let newcomer = someone(rng, number, "okta", OFFICES[scene.person.office].domain);
                alone(user_made(Activity::by(scene.person, "UserCreated", "CREATE"), &newcomer))
            }),
        }],
    ),
    incident(
        "attribute set by hand",
        ("attributes", "user_attribute_changed"),
        "medium",
        case(When::Any, Who::Somebody, |rng, scene| {
            let holder = scene.other(rng).resource();
            alone(attribute_applied(rng, Activity::by(scene.person, "AttributeApplied", "UPDATE"), holder))
        }),
        &[
            NearMiss {
                name: "attribute set by the identity provider",
                why: "The actor is on the list of provisioning accounts.",
                case: case(When::Any, Who::Machine, |rng, scene| {
                    let holder = scene.other(rng).resource();
                    alone(attribute_applied(
                        rng,
                        Activity::of(provisioning_actor(), "AttributeApplied", "UPDATE"),
                        holder,
                    ))
                }),
            },
            NearMiss {
                name: "attribute set at night by a service account",
                why: "The actor is on the list of service accounts.",
                case: case(When::Night, Who::Machine, |rng, scene| {
                    let holder = scene.other(rng).resource();
                    let by = Activity::of(service_actor("svc-lifecycle"), "AttributeApplied", "UPDATE");
                    alone(attribute_applied(rng, by, holder))
                }),
            },
        ],
    ),
    incident(
        "webhook deleted",
        ("watcher", "webhook_deleted"),
        "high",
        case(When::Any, Who::Somebody, |rng, scene| alone(webhook(rng, scene.person, "WebhookDeleted", "DELETE"))),
        &[NearMiss {
            name: "webhook made",
            why: "Nothing is lost by a webhook more.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                alone(webhook(rng, scene.person, "WebhookCreated", "CREATE"))
            }),
        }],
    ),
    incident(
        "API key made in office hours",
        ("watcher", "api_key_changed"),
        "medium",
        case(When::Open, Who::Somebody, |rng, scene| alone(api_key(rng, scene.person, "ApiKeyCreated", "CREATE"))),
        &[NearMiss {
            name: "API key deleted in office hours",
            why: "A key less lets nobody in.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                alone(api_key(rng, scene.person, "ApiKeyDeleted", "DELETE"))
            }),
        }],
    ),
    incident(
        "API key made at night",
        ("watcher", "api_key_changed"),
        "high",
        case(When::Night, Who::Somebody, |rng, scene| alone(api_key(rng, scene.person, "ApiKeyCreated", "CREATE"))),
        &[NearMiss {
            name: "API key deleted at night",
            why: "A key less lets nobody in, at any hour.",
            case: case(When::Night, Who::Somebody, |rng, scene| {
                alone(api_key(rng, scene.person, "ApiKeyDeleted", "DELETE"))
            }),
        }],
    ),
];
