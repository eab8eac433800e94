//! The command line of `webhooks`.

// The comments here are what --help prints, where marks of Markdown would stand as they are.
#![allow(clippy::doc_markdown)]

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use immuta_watch::immuta::ActionType;

use super::PackOptions;
use crate::place::Place;

#[derive(Debug, Args)]
#[command(
    after_help = "Begin with: immuta-watch webhooks plan --url FUNCTION_URL\n\nThe API key, the secret and the token are \
                  named by where they are kept; none of them is ever shown. Exit code 1: something needs a look (a type \
                  that the tenant does not know, a webhook that could not be registered or removed, a request that \
                  failed, a file that cannot be read)."
)]
pub(crate) struct Webhooks {
    #[command(subcommand)]
    pub(crate) command: WebhooksCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// Show which webhooks the rules need, which the tenant has, and what `register` would do
    Plan(PlanWebhooks),
    /// Register what is missing, one webhook for each notification type; what is there is left alone
    Register(RegisterWebhooks),
    /// List the webhooks that were registered for this program, and how their last requests ended
    List(ListWebhooks),
    /// Remove the webhooks that were registered for this program below an address
    Remove(RemoveWebhooks),
    /// Judge notifications on this machine, and say what would become of them; nothing is written and nobody is told
    Replay(Replay),
    /// Show how often notifications and the audit log told of the same changes, and how surely
    Matches(MatchesOfWebhooks),
    /// Decide about notifications of a lake once more, as `verify` advises for what is damaged
    Decide(DecideWebhooks),
}

/// Where the API key is looked for unless it is said.
pub(crate) const DEFAULT_KEY: &str = "env:IMMUTA_API_KEY";

// Addresses and places are read by the command and not by clap, which would quote a wrong one: it may be a key.

#[derive(Debug, Args)]
pub(crate) struct ImmutaOptions {
    /// Where the API key is kept: env:NAME, secretsmanager:NAME or ssm:NAME; its user needs APPLICATION_ADMIN
    #[arg(long, value_name = "PLACE", default_value = DEFAULT_KEY)]
    pub(crate) key_from: String,
}

#[derive(Debug, Args)]
pub(crate) struct TenantOptions {
    /// The tenant's address, as a browser shows it
    #[arg(long, value_name = "URL")]
    pub(crate) immuta: String,
    #[command(flatten)]
    pub(crate) key: ImmutaOptions,
}

#[derive(Debug, Args)]
pub(crate) struct TargetOptions {
    /// The address of the function `webhook`, without token and type
    #[arg(long, value_name = "FUNCTION_URL")]
    pub(crate) url: String,
    /// Where the secret is kept that Immuta is to sign with: env:NAME, secretsmanager:NAME or ssm:NAME
    #[arg(long, value_name = "PLACE")]
    pub(crate) secret_from: Option<String>,
    /// Where the token is kept that is to stand in the path; for a tenant that signs nothing
    #[arg(long, value_name = "PLACE")]
    pub(crate) token_from: Option<String>,
    /// Only these notification types [default: those that the rules about webhooks ask for]
    #[arg(long = "type", value_name = "TYPE", num_args = 1..)]
    pub(crate) types: Vec<String>,
    /// How Immuta's API calls it whose events a webhook is for; all are registered for everybody's (global)
    #[arg(long, value_enum, default_value_t = Action::Triggered)]
    pub(crate) action_type: Action,
    /// Take the rules that are in force in this lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Option<Place>,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// Events that the user triggered, in Immuta's words; its example has this
    Triggered,
    /// Events that the user receives and somebody else triggered, in Immuta's words
    Received,
}

impl From<Action> for ActionType {
    fn from(action: Action) -> Self {
        match action {
            Action::Triggered => Self::Triggered,
            Action::Received => Self::Received,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PlanWebhooks {
    /// The tenant's address, as a browser shows it; without it only what the rules need is shown
    #[arg(long, value_name = "URL")]
    pub(crate) immuta: Option<String>,
    #[command(flatten)]
    pub(crate) key: ImmutaOptions,
    #[command(flatten)]
    pub(crate) target: TargetOptions,
}

#[derive(Debug, Args)]
pub(crate) struct RegisterWebhooks {
    #[command(flatten)]
    pub(crate) tenant: TenantOptions,
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// Show what would be registered, and register nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListWebhooks {
    #[command(flatten)]
    pub(crate) tenant: TenantOptions,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveWebhooks {
    #[command(flatten)]
    pub(crate) tenant: TenantOptions,
    /// The address of the function; webhooks to other addresses stay
    #[arg(long, value_name = "FUNCTION_URL")]
    pub(crate) url: String,
    /// Only those of these notification types
    #[arg(long = "type", value_name = "TYPE", num_args = 1..)]
    pub(crate) types: Vec<String>,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Notifications, or folders of them: files of the lake's folder webhooks/, or bodies as Immuta sends them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The type in the path; needed for a body, which does not reliably say it
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// When it was received, such as 2026-11-23T23:00:00Z [default: as the file says; now for a body]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<DateTime<Utc>>,
    /// Take the rules that are in force in this lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Option<Place>,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    /// Print one JSON object per notification, a line each
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MatchesOfWebhooks {
    /// The lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DecideWebhooks {
    /// The names of notifications in the lake: webhooks/date=YYYY-MM-DD/….json
    #[arg(required = true, value_name = "NAME")]
    pub(crate) receipts: Vec<String>,
    /// The lake, a folder or s3://bucket/prefix; judged by what is in force in it
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
}
