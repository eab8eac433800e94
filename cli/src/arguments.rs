//! The command line.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand};
use immuta_watch::alerts::AlertId;
use immuta_watch::rules::{Level, Question};

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
    /// Check a pack of rules, run its examples, or explain why a rule matches an event or does not
    Rules(Rules),
    /// Check a pack and a configuration, and put them in force for the functions that watch a lake
    Publish(Publish),
    /// Count a lake again from the exports and its own files
    Verify(Verify),
    /// Write the exports of a made-up tenant, with planted incidents and a file that names them
    Simulate(Simulate),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Exports, or folders of exports: NDJSON or JSON arrays, plain, gzip or zstd
    #[arg(required = true)]
    pub(crate) exports: Vec<PathBuf>,
    /// The folder of the lake; made if there is none
    #[arg(long)]
    pub(crate) lake: PathBuf,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    /// Classify exports that are committed already once more, as after a change of rules
    #[arg(long)]
    pub(crate) again: bool,
    /// How many exports to read at once [default: one per core]
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
    /// The configuration file (YAML): calendars, lists, what ledgers hold
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Exports, or folders of exports
    #[arg(required = true)]
    pub(crate) exports: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListAlerts {
    /// The folder of the lake
    #[arg(long)]
    pub(crate) lake: PathBuf,
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
    /// The folder of the lake
    #[arg(long)]
    pub(crate) lake: PathBuf,
    /// The folder of the pack, for the texts of its rules [default: the pack inside this program]
    #[arg(long)]
    pub(crate) rules: Option<PathBuf>,
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
    /// The folder of the lake whose functions are to use it; made if there is none
    #[arg(long)]
    pub(crate) lake: PathBuf,
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
pub(crate) struct Verify {
    /// The folder of the lake
    #[arg(long)]
    pub(crate) lake: PathBuf,
    /// Exports or folders that must all be in the lake; may be given more than once
    #[arg(long, value_name = "PATH")]
    pub(crate) exports: Vec<PathBuf>,
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
