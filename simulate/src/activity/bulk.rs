//! One of the many events of a job: what a service account, or Immuta itself, does hundreds of times within minutes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{Activity, Happening, Occasion, access, happening, identified, newly_found, tag_applied, tag_removed};
use crate::catalogue::{Column, Level};
use crate::dice::{pick, word};
use crate::names::{BUSINESS_TAGS, NEW, PROJECTS};
use crate::tenant::{resource, service_actor};

/// Numbers of the tables that a release registers.
const REGISTERED: std::ops::Range<u32> = 1_000_000..9_999_999;

/// An event of `kind` by the service account, or as Immuta itself does it where there is none, with what follows on it.
pub(crate) fn bulk(
    rng: &mut ChaCha8Rng,
    occasion: &Occasion,
    account: Option<&'static str>,
    kind: &'static str,
) -> Happening {
    let tenant = occasion.tenant;
    let Some(account) = account else {
        let mut happening = happening(rng, occasion, kind);
        return happening.pop().map(|(_, activity)| vec![(0, activity)]).unwrap_or_default();
    };
    let by = |action| Activity::of(service_actor(account), kind, action);
    let source = tenant.source(rng);
    let target = source.target.clone();
    let columns = tenant.tables[source.table].columns.iter();
    let plain: Vec<&Column> = columns.filter(|column| column.level() <= Level::Plain).collect();
    // Every table begins with its key, so that there is a plain one always.
    let column = *pick(rng, &plain);
    // A service account does not know what is new.
    let tags: Vec<&'static str> = BUSINESS_TAGS.iter().copied().filter(|tag| *tag != NEW).collect();
    let activity = match kind {
        "SubscriptionCreated" => access::granted(by("CREATE"), tenant.anyone(rng).resource(), target),
        "SubscriptionUpdated" => access::updated(by("UPDATE"), tenant.anyone(rng).resource(), target),
        "SubscriptionDeleted" => access::updated(by("DELETE"), tenant.anyone(rng).resource(), target),
        "TagApplied" => {
            let column = super::column_of(source, column);
            tag_applied(by("CREATE"), source, column, word(rng, &tags), "curated")
        }
        "TagRemoved" => tag_removed(by("DELETE"), source, column, word(rng, &tags)),
        "DatasourceUpdated" => by("UPDATE").on(target).says("updatedFields", json!(["documentation"])),
        "DatasourceCreated" => {
            let target = newly_found(rng, source, REGISTERED);
            let created = by("CREATE")
                .on(target.clone())
                .says("technology", source.platform.technology())
                .says("batch", rng.random_range(1..900_u32));
            return vec![(0, created), identified(rng, tenant, source, target)];
        }
        "DatasourceAppliedToProject" => {
            let name = *pick(rng, PROJECTS);
            by("UPDATE").on(target).with(resource("PROJECT", name, name))
        }
        _ => return Happening::new(),
    };
    vec![(0, activity)]
}
