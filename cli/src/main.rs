//! `immuta-watch` on a laptop: audit exports in, alerts and a verifiable lake out; and the operator's tool.

mod arguments;
mod commands;
mod examples;
mod exit;
mod exports;
mod pack;
mod place;
mod runtime;
mod stores;
mod terminal;

use clap::Parser;

use arguments::{Arguments, Command};
use exit::Exit;

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Command::Run(run) => commands::run::run(run),
        Command::Inspect(inspect) => commands::inspect::inspect(inspect),
        Command::Alerts(alerts) => commands::alerts::list(alerts),
        Command::Explain(explain) => commands::explain::explain(explain),
        Command::Impact(impact) => commands::impact::impact(impact),
        Command::Inventory(inventory) => commands::inventory::inventory(inventory),
        Command::Rules(rules) => commands::rules::rules(rules),
        Command::Publish(publish) => commands::publish::publish(publish),
        Command::Backfill(backfill) => commands::backfill::backfill(backfill),
        Command::Webhooks(webhooks) => commands::webhooks::webhooks(webhooks),
        Command::Verify(verify) => commands::verify::verify(verify),
        Command::Doctor(doctor) => commands::doctor::doctor(doctor),
        Command::Simulate(simulate) => commands::simulate::simulate(simulate),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) if exit::is_closed_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            anstream::eprintln!("{}error:{} {error:#}", terminal::RED, terminal::PLAIN);
            Exit::Failed.into()
        }
    }
}
