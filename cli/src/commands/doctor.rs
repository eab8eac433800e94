//! `doctor`: one look at everything that a deployment needs, side by side where one does not need the other.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use immuta_watch::aws;
use immuta_watch::config::{Configuration, Destination};
use immuta_watch::doctor::{
    Area, Destinations, Finding, InForce, Verdict, bounded, look_at_calendars, look_at_deliveries, look_at_exports,
    look_at_keys, look_at_lake, look_at_lists, look_at_outbox, look_at_pack, look_at_receipts, look_at_routes, patient,
    worst,
};
use immuta_watch::function::{Settings, SettingsError};
use immuta_watch::lake::{Clock, DirectoryStore, S3Store, SystemClock, names};
use immuta_watch::rules::Pack;

use super::{account, doctor_report};
use crate::arguments::Doctor;
use crate::exit::Exit;
use crate::pack;
use crate::place::Place;
use crate::runtime::{self, block_on};
use crate::stores::AnyStore;

/// What the template of a deployment says about destinations.
const OF_THE_TEMPLATE: [&str; 3] = ["IMMUTA_WATCH_TOPIC", "IMMUTA_WATCH_SLACK_URL_FROM", "IMMUTA_WATCH_ZONE"];

pub(crate) fn doctor(arguments: &Doctor) -> Result<Exit> {
    let mut found = block_on(look(arguments))??;
    // Each area together, in the order in which they build on each other.
    found.sort_by_key(|finding| finding.area);
    if arguments.json {
        doctor_report::print_json(&found)?;
    } else {
        doctor_report::print(&found, arguments)?;
    }
    Ok(if worst(&found) == Verdict::Failed { Exit::LookNeeded } else { Exit::Done })
}

async fn look(arguments: &Doctor) -> Result<Vec<Finding>> {
    let now = SystemClock.now();
    let store = match open(&arguments.lake)? {
        Ok(store) => store,
        Err(finding) => {
            let mut found = vec![finding];
            found.extend(without_a_lake(arguments, now).await?);
            return Ok(found);
        }
    };
    let mut found = bounded(Area::Lake, "list", look_at_lake(&store)).await;
    if found.iter().all(|finding| finding.verdict == Verdict::Failed) {
        // Each of the others would say the same once more.
        found.extend(without_a_lake(arguments, now).await?);
        return Ok(found);
    }
    let lake = arguments.lake.to_string();
    let is_local = arguments.lake.address().is_none();
    let own = pack::try_load(None, &Configuration::default()).context("the pack inside this program cannot be used")?;
    let in_force = async {
        let mut in_force = None;
        let look = async {
            let (found, whole) = look_at_pack(&store, &lake, own.hash(), is_local).await;
            in_force = whole;
            found
        };
        let found = bounded(Area::Pack, "in force", look).await;
        (found, in_force)
    };
    let is_expected = !arguments.webhook_secret_from.is_empty();
    let ((of_the_pack, in_force), of_exports, of_receipts, of_keys, waiting, refused) = tokio::join!(
        in_force,
        exports(arguments, Some(&store), now),
        bounded(Area::Webhooks, "last one", look_at_receipts(&store, is_expected, now)),
        keys(arguments),
        bounded(Area::Outbox, "waiting", look_at_outbox(&store, now)),
        bounded(Area::Outbox, "refused", look_at_deliveries(&store, now)),
    );
    let has_pack_failed = worst(&of_the_pack) == Verdict::Failed;
    for each in [of_the_pack, of_exports?, of_receipts, of_keys?, waiting, refused] {
        found.extend(each);
    }
    let mut configured = match chosen(arguments, in_force, own, has_pack_failed) {
        Ok(configured) => configured,
        Err(finding) => {
            found.push(*finding);
            None
        }
    };
    match of_the_template() {
        Ok(destinations) => match &mut configured {
            Some((configuration, _)) => configuration.notify.add_defaults(&destinations),
            // Of those alone something is known.
            None => found.extend(destinations_of(arguments, destinations, now).await?),
        },
        Err(error) => {
            let to_do = "Set it as the template of the deployment does, or not at all.";
            found.push(Finding::failed(Area::Destinations, "template", error.to_string(), to_do));
        }
    }
    if let Some((configuration, pack)) = configured {
        found.extend(look_at_calendars(&configuration, now));
        found.extend(look_at_lists(&pack));
        found.extend(destinations_of(arguments, configuration.notify.destinations.clone(), now).await?);
        found.extend(look_at_routes(&configuration.notify, &pack));
    }
    Ok(found)
}

/// Opens a lake to try it out. What is wrong with the place is a finding; a folder is not made.
fn open(place: &Place) -> Result<Result<AnyStore, Finding>> {
    match place {
        Place::S3(address) => {
            let s3 = aws::s3(&patient(runtime::aws_settings()?));
            Ok(Ok(AnyStore::S3(S3Store::new(s3, address))))
        }
        Place::Local(folder) => Ok(open_folder(folder).map(AnyStore::Folder)),
    }
}

fn open_folder(folder: &Path) -> Result<DirectoryStore, Finding> {
    let is_lake = [names::MANIFESTS, names::PACKS].iter().any(|part| folder.join(part).is_dir());
    if !is_lake {
        let to_do = "Check --lake; `immuta-watch run EXPORTS --lake FOLDER` makes a lake, and `publish` does.";
        let found = format!("there is no lake in {}", folder.display());
        return Err(Finding::failed(Area::Lake, "list", found, to_do));
    }
    DirectoryStore::open(folder).map_err(|error| {
        let to_do = "Let whoever runs this write to the folder.";
        Finding::failed(Area::Lake, "write", error.to_string(), to_do)
    })
}

/// What can be looked at where the lake cannot: the exports, the keys, and a configuration that was named.
async fn without_a_lake(arguments: &Doctor, now: DateTime<Utc>) -> Result<Vec<Finding>> {
    let (exports, keys) = tokio::join!(exports(arguments, None, now), keys(arguments));
    let mut found = exports?;
    found.extend(keys?);
    let what = "not looked at: pack, configuration, destinations and outbox, which stand in the lake";
    found.push(Finding::warning(Area::Lake, "the rest", what, "Mend the lake first, then run this again."));
    Ok(found)
}

async fn exports(arguments: &Doctor, store: Option<&AnyStore>, now: DateTime<Utc>) -> Result<Vec<Finding>> {
    let Some(exports) = &arguments.exports else { return Ok(Vec::new()) };
    let s3 = aws::s3(&patient(runtime::aws_settings()?));
    let look = look_at_exports(&s3, exports, store, arguments.lake.address(), now);
    Ok(bounded(Area::Exports, "list", look).await)
}

async fn keys(arguments: &Doctor) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for place in &arguments.webhook_secret_from {
        let aws = runtime::aws_settings()?;
        found.extend(bounded(Area::Webhooks, "secret", async { vec![look_at_keys(aws, place).await] }).await);
    }
    Ok(found)
}

/// The configuration to look at, and the rules compiled for it; none where nothing usable is in force.
fn chosen(
    arguments: &Doctor,
    in_force: Option<InForce>,
    own: Pack,
    has_pack_failed: bool,
) -> Result<Option<(Configuration, Pack)>, Box<Finding>> {
    let Some(file) = &arguments.config else {
        return Ok(match in_force {
            Some(in_force) => Some((in_force.configuration, in_force.pack)),
            None if has_pack_failed => None,
            None => Some((Configuration::default(), own)),
        });
    };
    let failed = |reason: String| {
        let to_do = "Mend what it says; docs/configuration.md names every key.";
        Box::new(Finding::failed(Area::Configuration, "--config", reason, to_do))
    };
    let configuration = pack::configuration(Some(file)).map_err(|error| failed(format!("{error:#}")))?;
    let files = match in_force {
        Some(in_force) => in_force.bundle.pack_files().collect(),
        None => pack::files(None).map_err(|errors| failed(errors.to_string()))?,
    };
    let pack = Pack::compile(&files, &configuration).map_err(|errors| failed(errors.to_string()))?;
    Ok(Some((configuration, pack)))
}

/// The destinations that the template of a deployment makes, by the variables that it sets.
fn of_the_template() -> Result<BTreeMap<String, Destination>, SettingsError> {
    let variables = std::env::vars().filter(|(name, _)| OF_THE_TEMPLATE.contains(&name.as_str()));
    // The others are not needed to read these.
    let lake = ("IMMUTA_WATCH_LAKE".to_owned(), "s3://not-needed".to_owned());
    Ok(Settings::read(variables.chain([lake]))?.destinations)
}

async fn destinations_of(
    arguments: &Doctor,
    destinations: BTreeMap<String, Destination>,
    now: DateTime<Utc>,
) -> Result<Vec<Finding>> {
    if destinations.is_empty() {
        return Ok(Vec::new());
    }
    let asked = Destinations::new(runtime::aws_settings()?);
    let mut found = asked.look(&destinations).await;
    if arguments.send {
        found.extend(asked.send(&destinations, &account(), &arguments.lake.to_string(), now).await);
    }
    Ok(found)
}
