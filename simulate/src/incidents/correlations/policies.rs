//! Policies that go and are not made again, and data sources that nothing looks at.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::{Deed, When, Who};
use super::{Act, Correlation, LATENESS, NearMissOfMany, Pattern, act, tale};
use crate::activity::{Activity, column_of, found_in, named_policy, registered, tag_applied};
use crate::catalogue::Level;
use crate::dice::{uuid, word};
use crate::names::{BUSINESS_TAGS, POLICIES};
use crate::plan::HOUR;
use crate::tenant::Person;

/// A global policy that is deleted, and no policy of its name within a day.
pub(super) const NOT_REPLACED: Pattern = Pattern {
    question: "policies",
    rule: "policy_deleted_not_replaced",
    level: "high",
    route: "notification",
    by: &["watch.policy"],
    due: 24 * HOUR + LATENESS,
};

/// A data source that is registered, and no tag on it within seven days.
const NEVER_CLASSIFIED: Pattern = Pattern {
    question: "classification",
    rule: "data_source_never_classified",
    level: "low",
    route: "dashboard",
    by: &["watch.object_id"],
    due: 7 * 24 * HOUR + LATENESS,
};

/// All of this area.
pub(super) const CORRELATIONS: &[Correlation] = &[
    Correlation {
        pattern: &NOT_REPLACED,
        name: "global policy deleted and another one made in its place",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let (policy, other) = (Policy::new(rng), Policy::new(rng));
            vec![policy.deleted(scene.person, 0), other.made(rng, scene.person, 2 * HOUR).uncounted()]
        }),
        near: &[NearMissOfMany {
            name: "global policy deleted and made again within the day",
            why: "A policy of the same name is there again after less than a day.",
            tale: tale(When::BeforeMidnight, Who::Somebody, |rng, scene| {
                let policy = Policy::new(rng);
                let after = rng.random_range(1..23) * HOUR;
                vec![policy.deleted(scene.person, 0), policy.made(rng, scene.person, after).late(rng)]
            }),
        }],
    },
    Correlation {
        pattern: &NEVER_CLASSIFIED,
        name: "data source registered and never tagged",
        tale: tale(When::Open, Who::Steward, |rng, scene| {
            let source = scene.table(rng, Level::Plain);
            vec![act(0, Deed::Done(registered(scene.person, &source, source.target.clone())))]
        }),
        near: &[
            NearMissOfMany {
                name: "data source registered and identified after six days",
                why: "Identification names its tags within seven days, though the record arrives a day later still.",
                tale: tale(When::Open, Who::Steward, |rng, scene| {
                    let source = scene.table(rng, Level::Sensitive);
                    let created = registered(scene.person, &source, source.target.clone());
                    let found = found_in(scene.tenant, &source, source.target.clone());
                    vec![act(0, Deed::Done(created)), act(6 * 24 * HOUR, Deed::Done(found)).late(rng)]
                }),
            },
            NearMissOfMany {
                name: "data source registered and tagged by hand on the next day",
                why: "Somebody has put a tag on one of its columns within seven days.",
                tale: tale(When::Open, Who::Steward, |rng, scene| {
                    let source = scene.table(rng, Level::Plain);
                    let created = registered(scene.person, &source, source.target.clone());
                    let column = column_of(&source, &scene.tenant.tables[source.table].columns[0]);
                    let applied = Activity::by(scene.person, "TagApplied", "CREATE");
                    let tag = word(rng, &BUSINESS_TAGS[..4]);
                    let tagged = tag_applied(applied, &source, column, tag, "curated");
                    vec![act(0, Deed::Done(created)), act(24 * HOUR, Deed::Done(tagged))]
                }),
            },
        ],
    },
];

/// A global policy that the tenant has beside its usual ones.
struct Policy {
    id: String,
    name: String,
}

impl Policy {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        Self { id: uuid(rng), name: format!("{} {}", word(rng, POLICIES), rng.random_range(1_000..1_000_000)) }
    }

    fn deleted(&self, by: &Person, after: i64) -> Act {
        act(after, Deed::Done(named_policy(by, "GlobalPolicyDeleted", &self.id, &self.name)))
    }

    /// A policy of the name is made; it has an id of its own.
    fn made(&self, rng: &mut ChaCha8Rng, by: &Person, after: i64) -> Act {
        act(after, Deed::Done(named_policy(by, "GlobalPolicyCreated", &uuid(rng), &self.name)))
    }
}
