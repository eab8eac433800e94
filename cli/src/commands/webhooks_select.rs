//! Which notification types webhooks are needed for, and by which pack that is told.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use immuta_watch::event::Service;
use immuta_watch::rules::Pack;
use immuta_watch::webhook::is_kind;

use super::look_into;
use super::webhooks::wrong;
use crate::arguments::PackOptions;
use crate::pack::{self, Chosen};
use crate::place::Place;
use crate::terminal::harmless;

/// A pack, and which it is, in words.
pub(super) struct Selected {
    pub(super) pack: Pack,
    pub(super) name: String,
}

/// The pack that is in force in a lake, the one that is named, or the one inside the program.
pub(super) fn select(lake: Option<&Place>, options: &PackOptions) -> Result<Selected> {
    let name = pack::name(options.rules.as_deref());
    let Some(lake) = lake else {
        let (pack, _) = pack::load(options)?;
        return Ok(Selected { pack, name });
    };
    // A prefix in a bucket is always there; a folder may be a slip of the pen.
    if let Place::Local(folder) = lake
        && !folder.is_dir()
    {
        bail!("there is no lake in {}", folder.display());
    }
    let Chosen { pack, in_force, .. } = pack::load_for(options, &look_into(lake)?)?;
    let is_named = options.rules.is_some() || options.config.is_some();
    let shown = harmless(&lake.to_string(), 300);
    let name = match in_force {
        _ if is_named => name,
        Some(_) => format!("in force in {shown}"),
        None => format!("{name}, since nothing is in force in {shown},"),
    };
    Ok(Selected { pack, name })
}

/// The types that webhooks are to be registered for, each with the rules that ask for it.
pub(super) fn wanted(pack: &Pack, named: &[String]) -> BTreeMap<String, Vec<String>> {
    let asked = pack.notification_types();
    let owned = |rules: &[&str]| rules.iter().map(ToString::to_string).collect();
    if named.is_empty() {
        return asked.iter().map(|(kind, rules)| ((*kind).to_owned(), owned(rules))).collect();
    }
    let one = |kind: &String| {
        let kind = Service::Webhook.spelled(kind);
        if !is_kind(kind) {
            wrong(
                "--type: a type is letters, digits, _ and -, and begins with a small letter, as in permissionsUpdated",
            );
        }
        (kind.to_owned(), asked.get(kind).map(|rules| owned(rules)).unwrap_or_default())
    };
    named.iter().map(one).collect()
}
