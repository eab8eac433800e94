//! Access given by hand, access that people give to themselves, and entitlements changed past the requests.
//!
//! What nobody asked for is given on tables that no quiet event touches, so that no request can stand behind it by chance.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Acts, Case, Deed, Incident, NearMiss, Scene, When, Who, alone, case};
use crate::activity::{Activity, asked, decided, granted, member_added, updated};
use crate::catalogue::Level;
use crate::dice::uuid;
use crate::plan::{MINUTE, SECOND};
use crate::record::Resource;
use crate::tenant::{Person, provisioning_actor, service_actor, system_actor};

const fn incident(
    name: &'static str,
    of: (&'static str, &'static str),
    level: &'static str,
    route: &'static str,
    case: Case,
    near: &'static [NearMiss],
) -> Incident {
    Incident { name, question: of.0, rule: of.1, level, route, case, near }
}

/// All of this area.
pub(super) const INCIDENTS: &[Incident] = &[
    incident(
        "access granted without any request",
        ("grants", "access_granted"),
        "medium",
        "notification",
        case(When::Open, Who::Steward, |rng, scene| {
            let other = scene.other(rng).resource();
            let grant = Activity::by(scene.person, "SubscriptionCreated", "CREATE");
            alone(granted(grant, other, scene.table(rng, Level::Plain).target))
        }),
        &[
            NearMiss {
                name: "access granted two hours after its approval",
                why: "An approved request of the same person for the same data source stands two hours behind it, mostly in an earlier export.",
                case: case(When::Open, Who::Steward, |rng, scene| {
                    let other = scene.other(rng);
                    let grant = Activity::by(scene.person, "SubscriptionCreated", "CREATE");
                    approved_before(rng, scene, other, |subject, table| granted(grant, subject, table))
                }),
            },
            NearMiss {
                name: "access granted at night by a service account without a request",
                why: "The actor is on the list of service accounts.",
                case: case(When::Night, Who::Machine, |rng, scene| {
                    let grant = Activity::of(service_actor("svc-onboarding"), "SubscriptionCreated", "CREATE");
                    alone(granted(grant, scene.other(rng).resource(), scene.table(rng, Level::Plain).target))
                }),
            },
            NearMiss {
                name: "access granted by Immuta itself",
                why: "The actor is the system: a policy lets the person in.",
                case: case(When::Shut, Who::Machine, |rng, scene| {
                    let grant = Activity::of(system_actor(), "SubscriptionCreated", "CREATE");
                    alone(granted(grant, scene.other(rng).resource(), scene.table(rng, Level::Plain).target))
                }),
            },
        ],
    ),
    incident(
        "access that somebody granted to themselves",
        ("grants", "access_granted"),
        "high",
        "notification",
        case(When::Open, Who::Steward, |rng, scene| {
            let grant = Activity::by(scene.person, "SubscriptionCreated", "CREATE");
            alone(granted(grant, scene.person.resource(), scene.table(rng, Level::Plain).target))
        }),
        &[NearMiss {
            name: "access that somebody took up after another had approved it",
            why: "The actor is the subject, but an approved request by somebody else stands behind it.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                let grant = Activity::by(scene.person, "SubscriptionCreated", "CREATE");
                approved_before(rng, scene, scene.person, |subject, table| granted(grant, subject, table))
            }),
        }],
    ),
    incident(
        "request approved by the one who made it",
        ("approvals", "access_approved"),
        "high",
        "notification",
        case(When::Open, Who::Steward, |rng, scene| {
            let subject = scene.person.resource();
            approved(rng, scene, scene.person, subject)
        }),
        &[NearMiss {
            name: "request of a colleague of the same name approved",
            why: "The actor and the colleague share a display name, but their ids differ.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                let namesake = scene.namesake(rng);
                approved(rng, scene, &namesake, namesake.resource())
            }),
        }],
    ),
    incident(
        "access changed without any request",
        ("entitlements", "subscription_updated"),
        "medium",
        "dashboard",
        case(When::Open, Who::Steward, |rng, scene| {
            let other = scene.other(rng).resource();
            alone(updated(
                Activity::by(scene.person, "SubscriptionUpdated", "UPDATE"),
                other,
                scene.table(rng, Level::Plain).target,
            ))
        }),
        &[
            NearMiss {
                name: "access changed two hours after its approval",
                why: "An approved request of the same person for the same data source stands behind it.",
                case: case(When::Open, Who::Steward, |rng, scene| {
                    let other = scene.other(rng);
                    let change = Activity::by(scene.person, "SubscriptionUpdated", "UPDATE");
                    approved_before(rng, scene, other, |subject, table| updated(change, subject, table))
                }),
            },
            NearMiss {
                name: "access changed by Immuta itself",
                why: "The actor is the system: a policy changed.",
                case: case(When::Any, Who::Machine, |rng, scene| {
                    let change = Activity::of(system_actor(), "SubscriptionUpdated", "UPDATE");
                    alone(updated(change, scene.other(rng).resource(), scene.table(rng, Level::Plain).target))
                }),
            },
        ],
    ),
    incident(
        "group membership given by hand",
        ("entitlements", "group_membership_changed"),
        "medium",
        "dashboard",
        case(When::Open, Who::Steward, |rng, scene| {
            let member = scene.other(rng).resource();
            alone(member_added(rng, Activity::by(scene.person, "GroupMemberAdded", "UPDATE"), member))
        }),
        &[NearMiss {
            name: "group membership given by the identity provider",
            why: "The actor is on the list of provisioning accounts.",
            case: case(When::Any, Who::Machine, |rng, scene| {
                let member = scene.other(rng).resource();
                alone(member_added(rng, Activity::of(provisioning_actor(), "GroupMemberAdded", "UPDATE"), member))
            }),
        }],
    ),
];

/// `subject` asks, somebody else approves in time and within their own hours, and two hours or more later `last` follows.
fn approved_before(
    rng: &mut ChaCha8Rng,
    scene: &Scene,
    subject: &Person,
    last: impl FnOnce(Resource, Resource) -> Activity,
) -> Option<Acts> {
    let before = rng.random_range(125..200) * MINUTE;
    let asked_before = before + rng.random_range(5..25) * MINUTE;
    if scene.at - asked_before < scene.start {
        return None;
    }
    let source = scene.table(rng, Level::Plain);
    let approver = scene.tenant.approver(rng, scene.clocks, subject, &source, scene.at - before)?;
    let (table, number) = (source.target, uuid(rng));
    let approval = decided("SubscriptionRequestApproved", approver, subject.resource(), &table, &number);
    Some(vec![
        (-asked_before, Deed::Done(asked(rng, subject, &table, &number))),
        (-before, Deed::Done(approval)),
        (0, Deed::Done(last(subject.resource(), table))),
    ])
}

/// `subject` asks, the person of the scene approves, and Immuta itself lets them in.
fn approved(rng: &mut ChaCha8Rng, scene: &Scene, subject: &Person, resource: Resource) -> Option<Acts> {
    let before = rng.random_range(2..40) * MINUTE;
    if scene.at - before < scene.start {
        return None;
    }
    let (table, number) = (scene.table(rng, Level::Plain).target, uuid(rng));
    let approval = decided("SubscriptionRequestApproved", scene.person, resource.clone(), &table, &number);
    let grant = Activity::of(system_actor(), "SubscriptionCreated", "CREATE");
    Some(vec![
        (-before, Deed::Done(asked(rng, subject, &table, &number))),
        (0, Deed::Done(approval)),
        (20 * SECOND, Deed::Done(granted(grant, resource, table))),
    ])
}
