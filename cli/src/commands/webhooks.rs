//! `webhooks`: what its parts share, the tenant's client and the reading of arguments that may hold a secret by mistake.

use std::str::FromStr;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::CommandFactory;
use clap::error::ErrorKind;
use immuta_watch::immuta::{Client, Hidden, Kept, SecretPlace, Tenant};

use super::{webhooks_decide, webhooks_list, webhooks_matches, webhooks_plan, webhooks_replay};
use crate::arguments::{Arguments, ImmutaOptions, Webhooks, WebhooksCommand};
use crate::exit::Exit;
use crate::runtime::{self, block_on};

pub(crate) fn webhooks(arguments: &Webhooks) -> Result<Exit> {
    match &arguments.command {
        WebhooksCommand::Plan(plan) => webhooks_plan::plan(plan),
        WebhooksCommand::Register(register) => webhooks_plan::register(register),
        WebhooksCommand::List(list) => webhooks_list::list(list),
        WebhooksCommand::Remove(remove) => webhooks_list::remove(remove),
        WebhooksCommand::Replay(replay) => webhooks_replay::replay(replay),
        WebhooksCommand::Matches(matches) => webhooks_matches::matches(matches),
        WebhooksCommand::Decide(decide) => webhooks_decide::decide(decide),
    }
}

/// Reads an argument that is not quoted if it is wrong. Ends the program as any wrong argument does.
pub(super) fn read<T>(name: &str, text: &str) -> T
where
    T: FromStr<Err: std::fmt::Display>,
{
    text.parse().unwrap_or_else(|error| wrong(&format!("{name}: {error}")))
}

/// Ends the program, since the arguments are wrong.
pub(super) fn wrong(reason: &str) -> ! {
    Arguments::command().bin_name("immuta-watch").error(ErrorKind::ValueValidation, reason).exit()
}

/// The text that is kept at a place.
pub(super) fn kept(place: &SecretPlace, what: Kept) -> Result<Hidden> {
    let aws = if place.is_in_aws() { Some(runtime::aws_settings()?) } else { None };
    Ok(block_on(place.read(what, aws))??)
}

/// A client of the tenant at an address, with the key from where it is kept.
pub(super) fn client(address: &str, options: &ImmutaOptions) -> Result<Client> {
    let tenant: Tenant = read("--immuta", address);
    let place: SecretPlace = read("--key-from", &options.key_from);
    let key = kept(&place, Kept::Key).context("there is no API key (--key-from says where it is kept)")?;
    Ok(Client::new(tenant, key)?)
}

/// A time to the minute, as tables show it.
pub(super) fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}
