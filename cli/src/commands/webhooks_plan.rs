//! `webhooks plan` and `webhooks register`: from what the rules ask for to what the tenant has.

use std::collections::BTreeMap;

use anyhow::Result;
use immuta_watch::immuta::{
    Client, FunctionUrl, Hidden, Kept, NewWebhook, Plan, Planned, Registered, SecretPlace, State, Webhook,
    plan as planned,
};

use super::webhooks::{client, kept, read, wrong};
use super::webhooks_select::{Selected, select, wanted};
use crate::arguments::{Action, DEFAULT_KEY, PlanWebhooks, RegisterWebhooks, TargetOptions};
use crate::exit::Exit;
use crate::runtime::block_on;
use crate::terminal::{harmless, program, say};

pub(super) fn plan(arguments: &PlanWebhooks) -> Result<Exit> {
    let target = Target::read(&arguments.target)?;
    let client = arguments.immuta.as_deref().map(|immuta| client(immuta, &arguments.key)).transpose()?;
    let found = target.compare(client.as_ref())?;
    if arguments.target.json {
        say!("{}", serde_json::to_string_pretty(&target.json(&found, "plan", &BTreeMap::new()))?)?;
        return Ok(found.exit());
    }
    target.print(&found, &BTreeMap::new())?;
    let missing = found.plan.missing().len() as u64;
    if missing > 0 || !found.is_asked {
        let (url, secret) = (harmless(&target.url.to_string(), 300), target.verified_by());
        let chosen = target.chosen(&arguments.key.key_from);
        let immuta = client.as_ref().map_or_else(|| "URL".to_owned(), |client| client.tenant().to_string());
        let secret = if secret.is_empty() { " --secret-from PLACE".to_owned() } else { secret };
        say!("\nRegister: {} webhooks register --immuta {immuta} --url {url}{secret}{chosen}", program())?;
    }
    Ok(found.exit())
}

pub(super) fn register(arguments: &RegisterWebhooks) -> Result<Exit> {
    let options = &arguments.target;
    if options.secret_from.is_none() && options.token_from.is_none() {
        wrong(
            "say by what the function knows Immuta: --secret-from PLACE, or --token-from PLACE where nothing is signed",
        );
    }
    let target = Target::read(options)?;
    let secret = options.secret_from.as_deref().map(|place| read("--secret-from", place));
    let secret = secret.map(|place: SecretPlace| kept(&place, Kept::Secret)).transpose()?;
    let client = client(&arguments.tenant.immuta, &arguments.tenant.key)?;
    let found = target.compare(Some(&client))?;
    let missing = found.plan.missing();
    let mut done = BTreeMap::new();
    if !arguments.dry_run && !missing.is_empty() {
        let action = options.action_type.into();
        let asked = client.register(&missing, action, secret.as_ref(), target.token.as_ref());
        done = outcomes(&found.plan, &block_on(asked)??);
    }
    let has_failed = done.values().any(|outcome| matches!(outcome, Outcome::Failed(_)));
    if options.json {
        let what = if arguments.dry_run { "dry_run" } else { "register" };
        say!("{}", serde_json::to_string_pretty(&target.json(&found, what, &done))?)?;
    } else {
        target.print(&found, &done)?;
        let tenant = client.tenant();
        if arguments.dry_run {
            say!("\nNothing was registered; without --dry-run it is.")?;
        } else if has_failed {
            say!("\nMend what it says and call it again: what is there by then is left alone.")?;
        } else {
            say!("\nTry it: change something in Immuta as another user, and look at the last request:")?;
            say!("  {} webhooks list --immuta {tenant}", program())?;
        }
    }
    Ok(if has_failed { Exit::LookNeeded } else { found.exit() })
}

/// Where webhooks are to lead, and for which types.
pub(super) struct Target<'t> {
    pub(super) options: &'t TargetOptions,
    pub(super) url: FunctionUrl,
    pub(super) token: Option<Hidden>,
    pub(super) selected: Selected,
    pub(super) wanted: BTreeMap<String, Vec<String>>,
}

/// The plan, and how much of the tenant it knows.
pub(super) struct Compared {
    pub(super) plan: Plan,
    /// Whether a tenant was asked
    pub(super) is_asked: bool,
    /// Why its types are not known, if they could not be asked
    pub(super) types_unknown: Option<String>,
    /// Whether all of its webhooks are known
    pub(super) is_complete: bool,
}

impl Compared {
    fn exit(&self) -> Exit {
        let is_odd = |planned: &Planned| match &planned.state {
            State::Unknown => true,
            State::Exists(exists) => !exists.is_for_it || !exists.is_ours,
            State::Missing => false,
        };
        let needs_look = self.plan.planned.iter().any(is_odd) || self.types_unknown.is_some() || !self.is_complete;
        if needs_look { Exit::LookNeeded } else { Exit::Done }
    }
}

/// What became of one that was to be registered.
pub(super) enum Outcome {
    Created(Webhook),
    Failed(String),
}

/// What became of each that was missing. Immuta need not say which one it speaks of.
fn outcomes(plan: &Plan, registered: &Registered) -> BTreeMap<String, Outcome> {
    let unnamed: Vec<&str> = registered
        .failures
        .iter()
        .filter(|failure| failure.kind.is_none())
        .map(|failure| failure.said.as_str())
        .collect();
    let one = |webhook: &NewWebhook| {
        let created = registered.created.iter().find(|created| created.url == webhook.url);
        let failure = registered.failures.iter().find(|failure| failure.kind.as_ref() == Some(&webhook.kind));
        let outcome = match (created, failure) {
            (Some(created), _) => Outcome::Created(created.clone()),
            (None, Some(failure)) => Outcome::Failed(failure.said.clone()),
            (None, None) if unnamed.is_empty() => Outcome::Failed("Immuta does not mention it".to_owned()),
            (None, None) => Outcome::Failed(unnamed.join("; ")),
        };
        (webhook.kind.clone(), outcome)
    };
    plan.missing().iter().map(one).collect()
}

impl<'t> Target<'t> {
    fn read(options: &'t TargetOptions) -> Result<Self> {
        let url: FunctionUrl = read("--url", &options.url);
        let token: Option<SecretPlace> = options.token_from.as_deref().map(|place| read("--token-from", place));
        if let Some(place) = &options.secret_from {
            // Looked at here, so that a plan says what is wrong with it.
            let _: SecretPlace = read("--secret-from", place);
        }
        let selected = select(options.lake.as_ref(), &options.pack)?;
        let wanted = wanted(&selected.pack, &options.types);
        let token = token.map(|place| kept(&place, Kept::Token)).transpose()?;
        Ok(Self { options, url, token, selected, wanted })
    }

    /// Compares with what the tenant has, if one is given. Types that it cannot be asked for count as known.
    fn compare(&self, client: Option<&Client>) -> Result<Compared> {
        let token = self.token.as_ref().map(Hidden::expose);
        let Some(client) = client else {
            let plan = planned(&self.wanted, &self.url, token, &[], None);
            return Ok(Compared { plan, is_asked: false, types_unknown: None, is_complete: true });
        };
        let existing = block_on(client.webhooks())??;
        let (types, types_unknown) = match block_on(client.types())? {
            Ok(types) => (Some(types), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let plan = planned(&self.wanted, &self.url, token, &existing.items, types.as_ref());
        Ok(Compared { plan, is_asked: true, types_unknown, is_complete: existing.is_complete })
    }

    /// The other options that decide what is registered, as they were given.
    fn chosen(&self, key_from: &str) -> String {
        let options = self.options;
        let mut given = Vec::new();
        let mut add = |name: &str, value: String| given.push(format!(" {name} {}", harmless(&value, 300)));
        if key_from != DEFAULT_KEY {
            add("--key-from", key_from.to_owned());
        }
        if !options.types.is_empty() {
            add("--type", options.types.join(" "));
        }
        options.lake.iter().for_each(|lake| add("--lake", lake.to_string()));
        options.pack.rules.iter().for_each(|folder| add("--rules", folder.display().to_string()));
        options.pack.config.iter().for_each(|file| add("--config", file.display().to_string()));
        if options.action_type == Action::Received {
            add("--action-type", "received".to_owned());
        }
        given.concat()
    }

    /// The options that say by what the function knows Immuta, as they were given: places, never what is kept there.
    fn verified_by(&self) -> String {
        let option = |name: &str, place: &Option<String>| {
            place.as_ref().map(|place| format!(" {name} {}", harmless(place, 200))).unwrap_or_default()
        };
        let options = self.options;
        option("--secret-from", &options.secret_from) + &option("--token-from", &options.token_from)
    }
}
