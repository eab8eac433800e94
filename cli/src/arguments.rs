//! The command line.

// The comments here are what --help prints, where marks of Markdown would stand as they are.
#![allow(clippy::doc_markdown)]

mod impact;
mod inventory;
mod webhooks;

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand};
use immuta_watch::alerts::AlertId;
use immuta_watch::lake::S3Address;
use immuta_watch::rules::{Level, Question};

use crate::place::Place;

pub(crate) use impact::ShowImpact;
pub(crate) use inventory::{AskInventory, ImportInventory, Inventory, InventoryCommand};
pub(crate) use webhooks::{
    Action, DEFAULT_KEY, DecideWebhooks, ImmutaOptions, ListWebhooks, MatchesOfWebhooks, PlanWebhooks,
    RegisterWebhooks, RemoveWebhooks, Replay, TargetOptions, Webhooks, WebhooksCommand,
};

/// Governance monitoring for Immuta's audit logs: exports in, alerts and a verifiable lake out.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "Start with: immuta-watch inspect FOLDER\n\nExit codes: 0 done · 1 done, and something needs a look \
                  (an export that failed or ended early, a failed example, a damaged lake) · 2 wrong arguments · \
                  3 could not be done"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Classify exports: write ledgers, rollups and alerts to a lake
    Run(Run),
    /// Look at exports before anything else: kinds, fields found, lateness, duplicates, rules that would be blind
    Inspect(Inspect),
    /// List alerts
    Alerts(ListAlerts),
    /// Explain one alert: what happened, each condition and why it held, what raised it, what to do
    Explain(ExplainAlert),
    /// Compare access before and after a change of a policy, tag or attribute
    Impact(ShowImpact),
    /// Take in what you list in Immuta, and ask who holds what, who holds too much, and which data sources were left out
    Inventory(Inventory),
    /// Check a pack of rules, run its examples, or explain why a rule matches an event or does not
    Rules(Rules),
    /// Check a pack and a configuration, and put them in force for the functions that watch a lake
    Publish(Publish),
    /// Put the exports that lie in S3 already into the queue that the function reads
    Backfill(Backfill),
    /// Register Immuta's webhooks, list and remove them, or try notifications on the rules
    Webhooks(Webhooks),
    /// Count a lake again from the exports and its own files
    Verify(Verify),
    /// Look at everything that a deployment needs: lake, exports, pack, configuration, destinations, webhooks, outbox
    Doctor(Doctor),
    /// Write the exports of a made-up tenant, with planted incidents and a file that names them
    Simulate(Simulate),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Exports, or folders of exports, or s3://bucket/prefix: NDJSON or JSON arrays, plain, gzip or zstd
    #[arg(required = true, value_parser = Place::parser())]
    pub(crate) exports: Vec<Place>,
    /// The lake, a folder or s3://bucket/prefix; made if there is none
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    /// Classify exports that are committed already once more, as after a change of rules
    #[arg(long)]
    pub(crate) again: bool,
    /// Tell the destinations of the configuration of the alerts, and of what an earlier run could not deliver; without
    /// it nobody is told. In a lake that functions watch (something was published to it) they do the telling
    #[arg(long)]
    pub(crate) notify: bool,
    /// How many exports to read at once [default: one per core; into a lake in S3 at least 8]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PackOptions {
    /// The folder of the pack [default: the pack inside this program]
    #[arg(long)]
    pub(crate) rules: Option<PathBuf>,
    /// The configuration file (YAML): calendars, lists, what ledgers hold, who is told what
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Exports, or folders of exports, or s3://bucket/prefix
    #[arg(required = true, value_parser = Place::parser())]
    pub(crate) exports: Vec<Place>,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListAlerts {
    /// The lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    /// Only alerts of this level or above
    #[arg(long, value_parser = level)]
    pub(crate) level: Option<Level>,
    /// Only alerts that would interrupt somebody
    #[arg(long)]
    pub(crate) notify: bool,
    /// Only alerts of this question (permissions, policies, ...)
    #[arg(long, value_parser = question)]
    pub(crate) question: Option<Question>,
    /// Only alerts of this rule, by name or id
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Only alerts with this text in their alert key (actor, subject, ...)
    #[arg(long)]
    pub(crate) about: Option<String>,
    /// Only windows that begin on or after this date (UTC)
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<NaiveDate>,
    /// Only windows that begin on or before this date (UTC)
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<NaiveDate>,
    /// At most so many, the highest levels and latest windows first; 0 for all
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    /// Print one JSON object per alert, a line each
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainAlert {
    /// The alert's id, as the list prints it
    pub(crate) id: AlertId,
    /// The lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    /// The folder of the pack, for the texts of its rules [default: the pack inside this program]
    #[arg(long)]
    pub(crate) rules: Option<PathBuf>,
    /// Of what a correlation found, show every event, and not only the first and the last of them
    #[arg(long)]
    pub(crate) whole: bool,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Load a pack and report everything that is wrong with it, with file and line
    Check(PackOptions),
    /// Run the examples inside the rules
    Test(PackOptions),
    /// Show, condition by condition, why a rule matches an event or does not
    Explain(ExplainRule),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainRule {
    /// The rule, by name or id
    pub(crate) rule: String,
    /// A file whose first record is the event, or - for standard input; an export will do
    #[arg(required_unless_present = "example")]
    pub(crate) event: Option<PathBuf>,
    /// Take an example of the rule, by its name, instead
    #[arg(long, value_name = "NAME", conflicts_with_all = ["event", "id", "line"])]
    pub(crate) example: Option<String>,
    /// Take the record with this id instead of the first one
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Take this line instead of the first record
    #[arg(long, conflicts_with = "id")]
    pub(crate) line: Option<u64>,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Publish {
    /// The lake whose functions are to use it, a folder or s3://bucket/prefix; made if there is none
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    /// Check everything and say what would change, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Put in force again what was before; a second time goes further back
    #[arg(long, conflicts_with_all = ["rules", "config", "dry_run"])]
    pub(crate) rollback: bool,
    /// Show what is in force, since when and by whom, and what was before
    #[arg(long, conflicts_with_all = ["rules", "config", "dry_run", "rollback"])]
    pub(crate) show: bool,
    /// Who publishes, for the history [default: the name of the account on this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The rate: a message is an export, and an export of a few MB keeps a function busy for about a second. \
                  Five a second thus keep some five functions busy, and leave the others, and the queue, to the exports \
                  that arrive meanwhile. Raise it where the function may run more often at once.\n\n\
                  How far it came stands in the state file, which is written after every ten exports at the most and removed \
                  at the end: stopped or killed, the same call goes on where it was. An export that is fed twice is \
                  classified once. Exports that are written meanwhile are for S3's own notifications to tell of."
)]
pub(crate) struct Backfill {
    /// The exports, s3://bucket/prefix
    pub(crate) exports: S3Address,
    /// The queue that the function reads, by its URL
    #[arg(long, value_name = "URL", required_unless_present = "dry_run", value_parser = queue_url)]
    pub(crate) queue: Option<String>,
    /// So many exports a second, at the most
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rate: u32,
    /// Only exports written to S3 on or after this date (UTC)
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<NaiveDate>,
    /// Only exports written to S3 on or before this date (UTC) [default: without --notify, until an hour ago]
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<NaiveDate>,
    /// Feed so many exports at the most, and stop there; the same call goes on with the next ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Where it keeps how far it came, and goes on from [default: backfill-BUCKET.json in this folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// The lake, s3://bucket/prefix: its own files, and exports that it has committed as they are now, are passed over
    #[arg(long)]
    pub(crate) lake: Option<S3Address>,
    /// Let the alerts of these exports notify somebody; without it they only stand in the lake
    #[arg(long)]
    pub(crate) notify: bool,
    /// Count what would be fed, and feed nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    /// Exports, folders or s3://bucket/prefix that must all be in the lake; may be given more than once
    #[arg(long, value_name = "PATH", value_parser = Place::parser())]
    pub(crate) exports: Vec<Place>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Each check takes ten seconds at the most, and each is told, whatever became of the others. Into the lake it \
                  writes one small file, below doctor/, and removes it again; nothing is sent without --send.\n\n\
                  A deployment's template makes the destinations `topic` and `slack`. To have them looked at, set \
                  IMMUTA_WATCH_TOPIC, IMMUTA_WATCH_SLACK_URL_FROM and IMMUTA_WATCH_ZONE here as the template does.\n\n\
                  Exit codes: 0 all is well, or there are warnings only · 1 something failed · 2 wrong arguments · \
                  3 could not be done"
)]
pub(crate) struct Doctor {
    /// The lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    /// The exports, s3://bucket/prefix: whether they come, can be read, and are in the lake
    #[arg(long)]
    pub(crate) exports: Option<S3Address>,
    /// Send a test message to each destination; it says that nothing is wrong, and who sent it
    #[arg(long)]
    pub(crate) send: bool,
    /// Look at this configuration file (YAML), with the rules in force [default: the configuration in force]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the secret is kept that Immuta signs webhooks with, secretsmanager:NAME or ssm:NAME; may be given more than once
    #[arg(long, value_name = "PLACE")]
    pub(crate) webhook_secret_from: Vec<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The folder to write to: exports/, immuta-watch.yml and truth.json
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Chooses the tenant and everything that happens in it
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The first day (UTC)
    #[arg(long, default_value = "2026-10-01")]
    pub(crate) start: NaiveDate,
    /// How many days
    #[arg(long, default_value_t = 30)]
    pub(crate) days: u32,
    /// Events per day, on average over a week
    #[arg(long, default_value_t = 10_000)]
    pub(crate) events_per_day: u64,
    /// People of the tenant
    #[arg(long, default_value_t = 1000)]
    pub(crate) users: u32,
    /// Registered data sources
    #[arg(long, default_value_t = 800)]
    pub(crate) data_sources: u32,
    /// Hours between two exports; must divide 24
    #[arg(long, default_value_t = 2)]
    pub(crate) export_hours: u32,
    /// Plant no incidents: a tenant in which nothing should interrupt anybody
    #[arg(long)]
    pub(crate) quiet_tenant: bool,
}

/// Reads a queue's URL.
fn queue_url(text: &str) -> Result<String, String> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return Ok(text.to_owned());
    }
    Err(format!("that is no URL; `aws sqs get-queue-url --queue-name {text}` prints the one of a queue with this name"))
}

/// Reads a level by its name.
fn level(text: &str) -> Result<Level, String> {
    one_of(text, &Level::ALL, Level::as_str)
}

/// Reads a question by its name.
fn question(text: &str) -> Result<Question, String> {
    one_of(text, &Question::ALL, Question::as_str)
}

fn one_of<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| format!("it is one of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
