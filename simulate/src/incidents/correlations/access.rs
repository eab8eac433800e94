//! Access: many changes at once, requests that people approve on their own, and access that nobody asked for.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::{Deed, Scene, When, Who};
use super::{Act, Correlation, LATENESS, NearMissOfMany, Pattern, act, tale};
use crate::activity::{Activity, asked, decided, granted, updated};
use crate::catalogue::Level;
use crate::dice::{pick, uuid};
use crate::plan::{HOUR, MINUTE};
use crate::record::Resource;
use crate::tenant::{Person, newcomer, service_actor};

/// Fifty changes of subscriptions by one person within an hour.
const MASS: Pattern = Pattern {
    question: "grants",
    rule: "mass_subscription_changes",
    level: "medium",
    route: "notification",
    by: &["watch.actor"],
    due: 0,
};

/// A request and its approval by one person within seven days.
pub(super) const SELF_APPROVED: Pattern = Pattern {
    question: "approvals",
    rule: "self_approval",
    level: "high",
    route: "notification",
    by: &["watch.actor", "watch.object_id"],
    due: 0,
};

/// Access that a person gives, with no approval of the same access within seven days before or after it.
pub(super) const UNREQUESTED: Pattern = Pattern {
    question: "grants",
    rule: "granted_without_request",
    level: "medium",
    route: "dashboard",
    by: &["watch.subject_id", "watch.object_id"],
    due: 7 * 24 * HOUR + LATENESS,
};

/// What access is by itself that a person gives with no approval before it.
const GRANTED: &str = "access granted without any request";
/// What an approval of one's own request is by itself.
const APPROVED: &str = "request approved by the one who made it";

/// All of this area.
pub(super) const CORRELATIONS: &[Correlation] = &[
    Correlation {
        pattern: &MASS,
        name: "access of many people taken away by one person within the hour",
        tale: tale(When::BeforeMidnight, Who::Somebody, |rng, scene| {
            let (many, person) = (rng.random_range(54..70), newcomer(rng));
            taken_away(rng, scene, &[by(&person)], many, 50 * MINUTE)
        }),
        near: &[
            NearMissOfMany {
                name: "access of almost fifty people taken away by one person within the hour",
                why: "Forty-eight changes are fewer than fifty.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let person = newcomer(rng);
                    taken_away(rng, scene, &[by(&person)], 48, 50 * MINUTE)
                }),
            },
            NearMissOfMany {
                name: "access of many people taken away by one person over six hours",
                why: "No hour has as many as fifty changes.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let person = newcomer(rng);
                    taken_away(rng, scene, &[by(&person)], 60, 6 * HOUR)
                }),
            },
            NearMissOfMany {
                name: "access of many people taken away by two people within the hour",
                why: "Each of them makes thirty changes.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let (person, other) = (newcomer(rng), newcomer(rng));
                    taken_away(rng, scene, &[by(&person), by(&other)], 60, 50 * MINUTE)
                }),
            },
            NearMissOfMany {
                name: "access of many people taken away by a service account within the hour",
                why: "The actor is on the list of service accounts.",
                tale: tale(When::Any, Who::Machine, |rng, scene| {
                    let service = Activity::of(service_actor("svc-lifecycle"), "SubscriptionDeleted", "DELETE");
                    taken_away(rng, scene, &[service], 70, 50 * MINUTE)
                }),
            },
        ],
    },
    Correlation {
        pattern: &SELF_APPROVED,
        name: "request approved days later by the one who made it",
        tale: tale(When::Any, Who::Steward, |rng, scene| {
            let wait = *pick(rng, &[9, 30, 100]) * HOUR;
            let request = Request::new(rng, scene);
            vec![
                request.asked(rng, scene.person, 0).late(rng),
                request.approved(scene.person, scene.person, wait).alone(APPROVED),
            ]
        }),
        near: &[
            NearMissOfMany {
                name: "request approved by somebody else",
                why: "Whoever approved it is not the one who made it.",
                tale: tale(When::Any, Who::Steward, |rng, scene| {
                    let (other, request) = (scene.other(rng), Request::new(rng, scene));
                    vec![request.asked(rng, scene.person, 0), request.approved(other, scene.person, 20 * HOUR)]
                }),
            },
            NearMissOfMany {
                name: "somebody else's request approved by one who asked for another table",
                why: "What was asked for and what was approved are different data sources.",
                tale: tale(When::Any, Who::Steward, |rng, scene| {
                    let (other, own, theirs) = (scene.other(rng), Request::new(rng, scene), Request::new(rng, scene));
                    vec![
                        own.asked(rng, scene.person, 0),
                        theirs.asked(rng, other, 5 * MINUTE).uncounted(),
                        theirs.approved(scene.person, other, 2 * HOUR),
                    ]
                }),
            },
        ],
    },
    Correlation {
        pattern: &UNREQUESTED,
        name: "access granted by hand after the request for it was denied",
        tale: tale(When::Open, Who::Steward, |rng, scene| {
            let (other, request) = (scene.other(rng), Request::new(rng, scene));
            let denied =
                decided("SubscriptionRequestDenied", scene.person, other.resource(), &request.table, &request.number);
            vec![
                request.asked(rng, other, -5 * HOUR).uncounted(),
                act(-4 * HOUR, Deed::Done(denied)).uncounted(),
                request.granted(scene.person, other, 0).alone(GRANTED),
            ]
        }),
        near: &[NearMissOfMany {
            name: "access granted by hand, and its approval put down three days later",
            why: "An approval of the same access follows within seven days, though its record arrives a day later still.",
            tale: tale(When::Open, Who::Steward, |rng, scene| {
                let person = scene.other(rng);
                let approver = newcomer(rng);
                let request = Request::new(rng, scene);
                vec![
                    request.granted(scene.person, person, 0).alone(GRANTED),
                    request.asked(rng, person, 70 * HOUR).uncounted(),
                    request.approved(&approver, person, 72 * HOUR).late(rng),
                ]
            }),
        }],
    },
];

fn by(person: &Person) -> Activity {
    Activity::by(person, "SubscriptionDeleted", "DELETE")
}

/// Subscriptions that end one after the other, evenly spread, those who end them in turn.
fn taken_away(rng: &mut ChaCha8Rng, scene: &Scene, by: &[Activity], many: usize, over: i64) -> Vec<Act> {
    let table = scene.table(rng, Level::Plain).target;
    let step = over / i64::try_from(many).unwrap_or(i64::MAX);
    (0_i64..)
        .zip(by.iter().cycle())
        .take(many)
        .map(|(place, by)| {
            let subject = newcomer(rng).resource();
            let ended = updated(by.clone(), subject, table.clone());
            act(place * step + rng.random_range(0..step / 2), Deed::Done(ended))
        })
        .collect()
}

/// A request for a table to which nothing else happens.
struct Request {
    table: Resource,
    number: String,
}

impl Request {
    fn new(rng: &mut ChaCha8Rng, scene: &Scene) -> Self {
        Self { table: scene.table(rng, Level::Plain).target, number: uuid(rng) }
    }

    fn asked(&self, rng: &mut ChaCha8Rng, person: &Person, after: i64) -> Act {
        act(after, Deed::Done(asked(rng, person, &self.table, &self.number)))
    }

    fn approved(&self, by: &Person, person: &Person, after: i64) -> Act {
        let kind = "SubscriptionRequestApproved";
        act(after, Deed::Done(decided(kind, by, person.resource(), &self.table, &self.number)))
    }

    fn granted(&self, by: &Person, person: &Person, after: i64) -> Act {
        let grant = Activity::by(by, "SubscriptionCreated", "CREATE");
        act(after, Deed::Done(granted(grant, person.resource(), self.table.clone())))
    }
}
