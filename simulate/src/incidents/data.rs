//! Sensitive data: read at odd hours, asked for in vain, read in somebody else's name, and newly found.

use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{Acts, Case, Deed, Incident, NearMiss, Scene, When, Who, alone, case};
use crate::activity::{Activity, column_of, tag_applied};
use crate::catalogue::Level;
use crate::dice::{pick, word};
use crate::names::{BUSINESS_TAGS, NEW, SENSITIVE_TAGS};
use crate::query::Reading;
use crate::tenant::system_actor;

const fn incident(
    name: &'static str,
    of: (&'static str, &'static str),
    route: &'static str,
    case: Case,
    near: &'static [NearMiss],
) -> Incident {
    Incident { name, question: of.0, rule: of.1, level: "medium", route, case, near }
}

/// All of this area.
pub(super) const INCIDENTS: &[Incident] = &[
    incident(
        "highly sensitive data read outside business hours",
        ("sensitive-queries", "highly_sensitive_query"),
        "dashboard",
        case(When::Shut, Who::Somebody, |rng, scene| read(rng, scene, Level::Highly, false, false)),
        &[
            NearMiss {
                name: "highly sensitive data read at night by a service account",
                why: "The actor is on the list of service accounts, which run at night.",
                case: case(When::Night, Who::ServiceAccount, |rng, scene| {
                    read(rng, scene, Level::Highly, false, false)
                }),
            },
            NearMiss {
                name: "highly sensitive data read at night in UTC, in the daytime of Singapore",
                why: "The actor belongs to the office in Singapore, which is open.",
                case: case(When::OpenAtNightInBerlin, Who::StewardInSingapore, |rng, scene| {
                    read(rng, scene, Level::Highly, false, false)
                }),
            },
        ],
    ),
    incident(
        "highly sensitive data asked for and refused",
        ("denied-queries", "query_denied"),
        "dashboard",
        case(When::Any, Who::Somebody, |rng, scene| read(rng, scene, Level::Highly, true, false)),
        &[NearMiss {
            name: "harmless data asked for and refused",
            why: "Nothing in it is sensitive.",
            case: case(When::Any, Who::Somebody, |rng, scene| read(rng, scene, Level::Plain, true, false)),
        }],
    ),
    incident(
        "highly sensitive data read in somebody else's name",
        ("access", "query_impersonated"),
        "dashboard",
        case(When::Any, Who::Somebody, |rng, scene| read(rng, scene, Level::Highly, false, true)),
        &[NearMiss {
            name: "harmless data read in somebody else's name",
            why: "Nothing in it is sensitive.",
            case: case(When::Open, Who::Somebody, |rng, scene| read(rng, scene, Level::Plain, false, true)),
        }],
    ),
    incident(
        "sensitive tag put on a new column",
        ("new-sensitive-data", "new_sensitive_data"),
        "notification",
        case(When::Any, Who::Machine, |rng, scene| {
            let source = &scene.table(rng, Level::Plain);
            let mut column = column_of(source, pick(rng, &scene.tenant.tables[source.table].columns));
            let tag = word(rng, SENSITIVE_TAGS);
            let found = Activity::of(system_actor(), "TagApplied", "CREATE");
            // Where a record says what a column carries already is not public: beside it and in the payload, in turn.
            if scene.turn.is_multiple_of(2) {
                column.tags = Some(&[NEW]);
                return alone(tag_applied(found, source, column, tag, "discovered"));
            }
            let carries = json!({"name": column.name, "tags": [NEW]});
            alone(found.on(source.target.clone()).says("column", carries).says("tagName", tag))
        }),
        &[
            NearMiss {
                name: "sensitive tag put on a column that is not new",
                why: "The column carries no tag that calls it new.",
                case: case(When::Any, Who::Machine, |rng, scene| {
                    let source = &scene.table(rng, Level::Plain);
                    let mut column = column_of(source, pick(rng, &scene.tenant.tables[source.table].columns));
                    column.tags = Some(&["Quality.Certified", "Lifecycle.Reviewed"]);
                    let found = Activity::of(system_actor(), "TagApplied", "CREATE");
                    alone(tag_applied(found, source, column, word(rng, SENSITIVE_TAGS), "discovered"))
                }),
            },
            NearMiss {
                name: "new column that carries nothing sensitive",
                why: "It is called new, and none of its tags is a sensitive one.",
                case: case(When::Any, Who::Machine, |rng, scene| {
                    let source = &scene.table(rng, Level::Plain);
                    let mut column = column_of(source, &scene.tenant.tables[source.table].columns[0]);
                    column.tags = Some(&["Business.Geography.Region"]);
                    let found = Activity::of(system_actor(), "TagApplied", "CREATE");
                    alone(tag_applied(found, source, column, NEW, "discovered"))
                }),
            },
        ],
    ),
    incident(
        "column called new and sensitive at once",
        ("new-sensitive-data", "new_sensitive_data"),
        "notification",
        case(When::Any, Who::Steward, |rng, scene| {
            let source = &scene.table(rng, Level::Plain);
            let column = column_of(source, pick(rng, &scene.tenant.tables[source.table].columns));
            let tags = json!([{"name": NEW}, {"name": word(rng, SENSITIVE_TAGS)}]);
            let applied = Activity::by(scene.person, "TagApplied", "CREATE");
            alone(applied.on(source.target.clone()).with(column).says("tags", tags))
        }),
        &[NearMiss {
            name: "column called new and reviewed at once",
            why: "Neither of the tags is a sensitive one.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                let source = &scene.table(rng, Level::Plain);
                let column = column_of(source, &scene.tenant.tables[source.table].columns[0]);
                let tags = json!([{"name": NEW}, {"name": word(rng, &BUSINESS_TAGS[..4])}]);
                let applied = Activity::by(scene.person, "TagApplied", "CREATE");
                alone(applied.on(source.target.clone()).with(column).says("tags", tags))
            }),
        }],
    ),
];

/// A query of the person on data of this level, if the tenant has any on a platform that says what was read.
fn read(rng: &mut ChaCha8Rng, scene: &Scene, level: Level, refused: bool, impersonated: bool) -> Option<Acts> {
    let tenant = scene.tenant;
    let sources = &tenant.by_level[if level >= Level::Highly { 2 } else { 0 }];
    let told: Vec<usize> =
        sources.iter().copied().filter(|index| !tenant.sources[*index].platform.lends_its_query_id()).collect();
    let source = match told.is_empty() {
        true => return None,
        // Whoever is refused on a table that others use could be one too many there.
        false if refused => scene.table(rng, level),
        false => tenant.sources[*pick(rng, &told)].clone(),
    };
    let behind = impersonated.then(|| scene.other(rng).actor.clone());
    Some(vec![(0, Deed::Read(Reading { reader: scene.person.clone(), source, level, refused, behind }))])
}
