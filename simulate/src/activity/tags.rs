//! Tags, and the discovery of sensitive data that puts them on.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{Activity, Occasion, Setting};
use crate::catalogue::{Column, Level};
use crate::dice::{chance, pick};
use crate::names::{BUSINESS_TAGS, NEW};
use crate::plan::{HOUR, MINUTE};
use crate::record::Resource;
use crate::tenant::{Person, Source, Tenant, resource, system_actor};

/// A kind of this area as a quiet tenant has it.
pub(super) fn quiet(rng: &mut ChaCha8Rng, occasion: &Occasion, kind: &'static str) -> Option<Activity> {
    let tenant = occasion.tenant;
    let source = tenant.source(rng);
    let steward = occasion.steward(rng);
    Some(match kind {
        "TagApplied" => {
            let by = matches!(occasion.setting, Setting::Administration).then_some(steward);
            tagged(rng, tenant, by, source)
        }
        "TagRemoved" => {
            let column = *pick(rng, &columns(tenant, source, Level::Plain));
            let tag = *pick(rng, BUSINESS_TAGS);
            tag_removed(Activity::by(steward, kind, "DELETE"), source, column, tag)
        }
        "TagCreated" => {
            let tag = *pick(rng, BUSINESS_TAGS);
            Activity::by(steward, kind, "CREATE")
                .on(resource("TAG", tag, tag))
                .says("tag", json!({"name": tag, "source": "curated"}))
        }
        "TagUpdated" => {
            let tag = *pick(rng, BUSINESS_TAGS);
            Activity::by(steward, kind, "UPDATE")
                .on(resource("TAG", tag, tag))
                .says("tags", json!([{"name": tag, "description": "Reviewed each quarter"}]))
        }
        "TagDeleted" => {
            let tag = format!("Legacy.Import {}", rng.random_range(1..60));
            tag_deleted(steward, &tag)
        }
        "SDDDatasourceTagUpdated" => found_in(tenant, source, source.target.clone()),
        "SDDClassifierCreated" => classifier(rng, steward, kind, "CREATE"),
        "SDDClassifierUpdated" => classifier(rng, steward, kind, "UPDATE"),
        _ => return None,
    })
}

/// Identification looks at a table that was just registered, after `source`, minutes or hours later.
pub(crate) fn identified(rng: &mut ChaCha8Rng, tenant: &Tenant, source: &Source, target: Resource) -> (i64, Activity) {
    (rng.random_range(10 * MINUTE..20 * HOUR), found_in(tenant, source, target))
}

/// Identification names what it found in the first columns of a table, which has those of `source`. Every table of the
/// catalogue has a column that it knows.
pub(crate) fn found_in(tenant: &Tenant, source: &Source, target: Resource) -> Activity {
    let found = columns(tenant, source, Level::Highly).into_iter();
    let tags = found.filter_map(|column| Some(json!({"name": column.tags.first()?, "column": column.name})));
    let tags: Vec<_> = tags.take(3).collect();
    Activity::of(system_actor(), "SDDDatasourceTagUpdated", "UPDATE").on(target).says("tags", tags)
}

/// A tag is put on a column: a sensitive one by discovery, another by a steward, or by a catalogue where there is none. A
/// column that is `New` never gets a sensitive tag here.
fn tagged(rng: &mut ChaCha8Rng, tenant: &Tenant, by: Option<&Person>, source: &Source) -> Activity {
    let kind = "TagApplied";
    let system = || Activity::of(system_actor(), kind, "CREATE");
    let sensitive = columns(tenant, source, Level::Highly);
    let sensitive: Vec<_> = sensitive.into_iter().filter(|column| column.level() >= Level::Sensitive).collect();
    if !sensitive.is_empty() && chance(rng, 500) {
        let column = *pick(rng, &sensitive);
        let tag = *pick(rng, column.tags);
        return tag_applied(system(), source, column_of(source, column), tag, "discovered");
    }
    let column = *pick(rng, &columns(tenant, source, Level::Plain));
    let tag = *pick(rng, BUSINESS_TAGS);
    let activity = match by {
        // Only Immuta itself calls a column new.
        Some(steward) if tag != NEW => Activity::by(steward, kind, "CREATE"),
        _ => system(),
    };
    tag_applied(activity, source, column_of(source, column), tag, "curated")
}

/// A tag is put on a column: named by `tag`, the data source is the target and the column stands beside it.
pub(crate) fn tag_applied(
    activity: Activity,
    source: &Source,
    column: Resource,
    tag: &str,
    origin: &'static str,
) -> Activity {
    activity.on(source.target.clone()).with(column).says("tag", json!({"name": tag, "source": origin}))
}

/// A tag is deleted for the whole tenant: named by the target alone.
pub(crate) fn tag_deleted(by: &Person, tag: &str) -> Activity {
    Activity::by(by, "TagDeleted", "DELETE").on(resource("TAG", tag, tag))
}

/// What identification looks for changes.
pub(crate) fn classifier(rng: &mut ChaCha8Rng, by: &Person, kind: &'static str, action: &'static str) -> Activity {
    let name = *pick(rng, &["LOYALTY_NUMBER", "VENDOR_CODE", "EMPLOYEE_BADGE", "MERCHANT_ID"]);
    Activity::by(by, kind, action).on(resource("SDD_CLASSIFIER", name, name)).says("name", name)
}

/// A tag is taken off a column: named by `tagName`, the column is the target and the data source stands beside it.
pub(crate) fn tag_removed(activity: Activity, source: &Source, column: &Column, tag: &str) -> Activity {
    activity.on(column_of(source, column)).with(source.target.clone()).says("tagName", tag)
}

/// Columns of the data source that are at most this sensitive.
fn columns<'a>(tenant: &'a Tenant, source: &Source, most: Level) -> Vec<&'a Column> {
    let all = &tenant.tables[source.table].columns;
    all.iter().filter(|column| column.level() <= most).collect()
}

/// A column as what an event is about.
pub(crate) fn column_of(source: &Source, column: &Column) -> Resource {
    resource("COLUMN", &format!("{}.{}", source.target.id, column.name), column.name)
}
