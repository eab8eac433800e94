//! `publish`: checks a pack and a configuration, puts them in force for a lake, and says what that changed.

use anyhow::{Context, Result, bail};
use chrono::SecondsFormat;
use immuta_watch::config::Configuration;
use immuta_watch::lake::packs::{self, Bundle, Current, PacksError, Published};
use immuta_watch::lake::{Clock, DirectoryStore, Store, SystemClock};
use immuta_watch::rules::Pack;
use serde_json::{Value, json};

use super::publish_changes::Changes;
use super::{account, create_lake, rules};
use crate::arguments::{PackOptions, Publish};
use crate::examples::Examples;
use crate::exit::Exit;
use crate::pack;
use crate::place::Place;
use crate::runtime::block_on;
use crate::stores::AnyStore;
use crate::terminal::{DIM, GREEN, RED, YELLOW, counted, harmless, program, say, styled};

pub(crate) fn publish(arguments: &Publish) -> Result<Exit> {
    if arguments.show {
        return block_on(show(&open(arguments)?, arguments))?;
    }
    if arguments.rollback {
        return block_on(roll_back_in(&open(arguments)?, arguments))?;
    }
    let Some(bundle) = checked(&arguments.pack)? else { return Ok(Exit::Failed) };
    block_on(publish_to(&open(arguments)?, &bundle, arguments))?
}

fn open(arguments: &Publish) -> Result<AnyStore> {
    // A prefix in a bucket is always there; a folder may be a slip of the pen.
    let Place::Local(folder) = &arguments.lake else { return create_lake(&arguments.lake) };
    if (arguments.show || arguments.rollback) && !folder.is_dir() {
        bail!("there is no lake in {}; `{} publish` without this option makes one", folder.display(), program());
    }
    if arguments.show || arguments.dry_run {
        Ok(AnyStore::Folder(DirectoryStore::open_to_read(folder)))
    } else {
        create_lake(&arguments.lake)
    }
}

/// The bundle, if its pack compiles and its examples pass; otherwise it was said what is wrong.
fn checked(options: &PackOptions) -> Result<Option<Bundle>> {
    let files = match pack::files(options.rules.as_deref()) {
        Ok(files) => files,
        Err(errors) => {
            rules::report(&errors);
            return Ok(None);
        }
    };
    let configuration = pack::configuration(options.config.as_deref())?;
    let pack = match Pack::compile(&files, &configuration) {
        Ok(pack) => pack,
        Err(errors) => {
            rules::report(&errors);
            return Ok(None);
        }
    };
    // Without a configuration there is nothing that it could change.
    let by_default = options.config.as_ref().and_then(|_| Pack::compile(&files, &Configuration::default()).ok());
    let examples = Examples::run(&pack, by_default.as_ref());
    for failure in examples.failures() {
        anstream::eprintln!("{failure}");
    }
    if examples.failed() > 0 {
        let failed = counted(examples.failed() as u64, "example");
        anstream::eprintln!("{failed} failed; the pack is not published until they pass");
        return Ok(None);
    }
    Ok(Some(pack::bundle(files, options.config.as_deref())?))
}

async fn publish_to(store: &impl Store, bundle: &Bundle, arguments: &Publish) -> Result<Exit> {
    if arguments.dry_run {
        let former = packs::current(store).await?;
        let outcome = match &former {
            Some(current) if current.hash == bundle.hash() => Outcome::Unchanged(current),
            _ => Outcome::WouldPublish,
        };
        let before = former.as_ref().map(|current| current.hash.as_str());
        return report(store, &outcome, before, bundle, arguments).await;
    }
    let published = packs::publish(store, bundle, &who(arguments), SystemClock.now())
        .await
        .context("it is not sure that anything was published")?;
    match &published {
        Published::AlreadyCurrent(current) => {
            report(store, &Outcome::Unchanged(current), Some(&current.hash), bundle, arguments).await
        }
        Published::Flipped(flip) => report(store, &Outcome::Published, flip.from.as_deref(), bundle, arguments).await,
    }
}

async fn roll_back_in(store: &impl Store, arguments: &Publish) -> Result<Exit> {
    let flip = match packs::roll_back(store, &who(arguments), SystemClock.now()).await {
        Ok(flip) => flip,
        Err(error @ PacksError::Store(_)) => {
            let look = "look with --show before you try again: another rollback would go further back";
            return Err(error).context(look);
        }
        Err(error) => return Err(error.into()),
    };
    let bundle = packs::load(store, &flip.to).await?;
    report(store, &Outcome::RolledBack, flip.from.as_deref(), &bundle, arguments).await
}

/// Who publishes, for the history.
fn who(arguments: &Publish) -> String {
    arguments.by.clone().unwrap_or_else(account)
}

/// What came of it.
enum Outcome<'o> {
    WouldPublish,
    Unchanged(&'o Current),
    Published,
    RolledBack,
}

impl Outcome<'_> {
    fn as_str(&self) -> &'static str {
        match self {
            Self::WouldPublish => "would_publish",
            Self::Unchanged(_) => "unchanged",
            Self::Published => "published",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// Says what came of it, and what is different from what was in force before.
async fn report(
    store: &impl Store,
    outcome: &Outcome<'_>,
    before: Option<&str>,
    bundle: &Bundle,
    arguments: &Publish,
) -> Result<Exit> {
    let changes = match before {
        Some(hash) if hash != bundle.hash() => Some(changes_since(store, hash, bundle).await),
        _ => None,
    };
    if arguments.json {
        let (changes, not_compared) = match &changes {
            Some(Ok(changes)) => (changes.json(), Value::Null),
            Some(Err(reason)) => (Value::Null, json!(reason)),
            None => (Value::Null, Value::Null),
        };
        let answer = json!({
            "outcome": outcome.as_str(),
            "hash": bundle.hash(),
            "before": before,
            "changes": changes,
            "not_compared": not_compared,
        });
        say!("{}", serde_json::to_string_pretty(&answer)?)?;
        return Ok(Exit::Done);
    }
    print(outcome, before, bundle, changes, &arguments.lake)?;
    Ok(Exit::Done)
}

/// What is different from the bundle of this hash, or why that cannot be told.
async fn changes_since(store: &impl Store, hash: &str, bundle: &Bundle) -> Result<Changes, String> {
    let former = packs::load(store, hash).await.map_err(|error| error.to_string())?;
    Changes::between(&former, bundle).map_err(|error| error.to_string())
}

fn print(
    outcome: &Outcome<'_>,
    before: Option<&str>,
    bundle: &Bundle,
    changes: Option<Result<Changes, String>>,
    lake: &Place,
) -> Result<()> {
    let (ok, hash) = (styled(GREEN, "ok"), bundle.hash());
    match outcome {
        Outcome::WouldPublish => say!("{ok} it is sound and its examples pass; nothing was written ({hash})")?,
        Outcome::Unchanged(current) => {
            return Ok(say!("{ok} nothing changed: {hash} is in force {}", since(current))?);
        }
        Outcome::Published => say!("{ok} published: {hash} is in force now")?,
        Outcome::RolledBack => say!("{ok} rolled back: {hash} is in force again")?,
    }
    match (before, changes) {
        (None, _) => say!("Nothing was in force before.")?,
        (_, Some(Ok(changes))) if changes.is_empty() => {
            say!("Only comments and the like differ from {}", before.unwrap_or_default())?;
        }
        (Some(before), Some(Ok(changes))) => say!("Different from {before}:\n{}", changes.lines())?,
        (_, Some(Err(reason))) => {
            say!("{} what was before cannot be compared: {}", styled(YELLOW, "note"), harmless(&reason, 1000))?;
        }
        (Some(_), None) => {}
    }
    if matches!(outcome, Outcome::WouldPublish) {
        return Ok(());
    }
    let (program, lake) = (program(), harmless(&lake.to_string(), 300));
    say!("\nFunctions use it for the exports that come from now on. What is committed already stays as it is.")?;
    Ok(say!("To go back: {program} publish --lake {lake} --rollback")?)
}

fn since(current: &Current) -> String {
    let at = current.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("since {at}, by {}", harmless(&current.by, 100))
}

async fn show(store: &impl Store, arguments: &Publish) -> Result<Exit> {
    let Some(current) = packs::current(store).await? else {
        if arguments.json {
            say!("null")?;
        } else {
            say!("Nothing was ever published; functions use the pack inside their program.")?;
        }
        return Ok(Exit::Done);
    };
    let problem = match packs::load(store, &current.hash).await {
        Ok(bundle) => bundle.compile().err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    let exit = if problem.is_none() { Exit::Done } else { Exit::LookNeeded };
    if arguments.json {
        let answer = json!({ "current": current, "problem": problem });
        say!("{}", serde_json::to_string_pretty(&answer)?)?;
        return Ok(exit);
    }
    say!("{} is in force {}", current.hash, since(&current))?;
    say!("  pack {}, configuration {}", current.pack, current.configuration)?;
    if let Some(problem) = problem {
        say!("{} {}", styled(RED, "wrong"), harmless(&problem, 1000))?;
    }
    say!("{}", styled(DIM, "History, the latest first"))?;
    for flip in &current.history {
        let at = flip.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let what = if flip.rollback { "rolled back to" } else { "published" };
        say!("  {at}  {what} {}, by {}", flip.to, harmless(&flip.by, 100))?;
    }
    Ok(exit)
}
