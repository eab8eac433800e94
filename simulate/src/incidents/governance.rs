//! Policies, settings, tags and classifiers: what decides over many data sources at once.

use super::{Case, Incident, NearMiss, When, Who, alone, case};
use crate::activity::{
    Activity, classifier, configuration_updated, deleted, disabled_policy, domain_updated, global_policy, license,
    newly_found, purpose, tag_deleted, tag_removed,
};
use crate::catalogue::Level;
use crate::dice::{pick, word};
use crate::names::{BUSINESS_TAGS, SENSITIVE_TAGS};

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

/// Numbers of the tables that are deleted.
const DELETED: std::ops::Range<u32> = 300_000..400_000;

/// All of this area.
pub(super) const INCIDENTS: &[Incident] = &[
    incident(
        "global policy deleted",
        ("policies", "global_policy_deleted"),
        "medium",
        "dashboard",
        case(When::Any, Who::Somebody, |rng, scene| {
            alone(global_policy(rng, scene.person, "GlobalPolicyDeleted", "DELETE"))
        }),
        &[NearMiss {
            name: "purpose deleted",
            why: "No policy went with it.",
            case: case(When::Open, Who::Steward, |rng, scene| alone(purpose(rng, scene.person, "PurposeDeleted"))),
        }],
    ),
    incident(
        "global policy changed at night",
        ("policies", "global_policy_changed"),
        "medium",
        "dashboard",
        case(When::Night, Who::Somebody, |rng, scene| {
            alone(global_policy(rng, scene.person, "GlobalPolicyUpdated", "UPDATE"))
        }),
        &[NearMiss {
            name: "global policy changed at night in UTC, in the daytime of Singapore",
            why: "The actor belongs to the office in Singapore, which is open.",
            case: case(When::OpenAtNightInBerlin, Who::StewardInSingapore, |rng, scene| {
                alone(global_policy(rng, scene.person, "GlobalPolicyUpdated", "UPDATE"))
            }),
        }],
    ),
    incident(
        "policy disabled on a data source outside office hours",
        ("policy-impact", "policy_disabled_on_data_source"),
        "medium",
        "dashboard",
        case(When::Shut, Who::Somebody, |rng, scene| {
            let source = scene.tenant.source(rng);
            alone(disabled_policy(rng, scene.person, source))
        }),
        &[NearMiss {
            name: "policy disabled on a data source in office hours",
            why: "The office of the actor is open.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                let source = scene.tenant.source(rng);
                alone(disabled_policy(rng, scene.person, source))
            }),
        }],
    ),
    incident(
        "classifier deleted",
        ("classification", "classifier_changed"),
        "medium",
        "dashboard",
        case(When::Any, Who::Somebody, |rng, scene| {
            alone(classifier(rng, scene.person, "SDDClassifierDeleted", "DELETE"))
        }),
        &[NearMiss {
            name: "classifier changed",
            why: "What it finds may differ, but it still looks.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                alone(classifier(rng, scene.person, "SDDClassifierUpdated", "UPDATE"))
            }),
        }],
    ),
    incident(
        "data source deleted outside office hours",
        ("data-sources", "data_source_deleted"),
        "medium",
        "dashboard",
        case(When::Shut, Who::Somebody, |rng, scene| {
            let model = scene.tenant.source(rng);
            alone(deleted(scene.person, newly_found(rng, model, DELETED)))
        }),
        &[NearMiss {
            name: "data source deleted when the main office has closed",
            why: "The office of the actor is another one, and it is open.",
            case: case(When::OpenAtNightInBerlin, Who::Steward, |rng, scene| {
                let model = scene.tenant.source(rng);
                alone(deleted(scene.person, newly_found(rng, model, DELETED)))
            }),
        }],
    ),
    incident(
        "configuration changed in office hours",
        ("configuration", "configuration_updated"),
        "medium",
        "notification",
        case(When::Open, Who::Somebody, |rng, scene| alone(configuration_updated(rng, scene.person))),
        &[NearMiss {
            name: "licence put in",
            why: "It stands on the page of the settings and changes none of them.",
            case: case(When::Open, Who::LocalAdministrator, |rng, scene| {
                alone(license(rng, scene.person, "LicenseCreated"))
            }),
        }],
    ),
    incident(
        "configuration changed at night",
        ("configuration", "configuration_updated"),
        "high",
        "notification",
        case(When::Night, Who::Somebody, |rng, scene| alone(configuration_updated(rng, scene.person))),
        &[NearMiss {
            name: "description of a domain changed at night",
            why: "It is no setting of the tenant.",
            case: case(When::Night, Who::Somebody, |rng, scene| alone(domain_updated(rng, scene.person))),
        }],
    ),
    incident(
        "sensitive tag removed from a column",
        ("tagging", "tag_on_data_changed"),
        "medium",
        "dashboard",
        case(When::Any, Who::Somebody, |rng, scene| {
            let source = &scene.table(rng, Level::Sensitive);
            let column = pick(rng, &scene.tenant.tables[source.table].columns);
            let removal = Activity::by(scene.person, "TagRemoved", "DELETE");
            alone(tag_removed(removal, source, column, word(rng, SENSITIVE_TAGS)))
        }),
        &[NearMiss {
            name: "everyday tag removed from a sensitive column",
            why: "The column keeps the tags that say how sensitive it is.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                let source = &scene.table(rng, Level::Sensitive);
                let columns = &scene.tenant.tables[source.table].columns;
                let column = columns.iter().find(|column| column.level() >= Level::Sensitive)?;
                let removal = Activity::by(scene.person, "TagRemoved", "DELETE");
                alone(tag_removed(removal, source, column, word(rng, &BUSINESS_TAGS[..4])))
            }),
        }],
    ),
    incident(
        "sensitive tag deleted",
        ("tag-definitions", "tag_definition_changed"),
        "medium",
        "dashboard",
        case(When::Any, Who::Somebody, |rng, scene| alone(tag_deleted(scene.person, word(rng, SENSITIVE_TAGS)))),
        &[NearMiss {
            name: "everyday tag deleted",
            why: "The tag says nothing about sensitivity.",
            case: case(When::Open, Who::Steward, |rng, scene| {
                alone(tag_deleted(scene.person, word(rng, &BUSINESS_TAGS[..4])))
            }),
        }],
    ),
];
