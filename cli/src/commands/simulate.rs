//! `simulate`: the exports of a made-up tenant.

use anyhow::Result;
use immuta_watch_simulate::{Plan, write};

use crate::arguments::Simulate;
use crate::exit::Exit;
use crate::terminal::{bytes, counted, number, progress, say};

pub(crate) fn simulate(arguments: &Simulate) -> Result<Exit> {
    let plan = Plan {
        seed: arguments.seed,
        start: arguments.start,
        days: arguments.days,
        events_per_day: arguments.events_per_day,
        users: arguments.users,
        data_sources: arguments.data_sources,
        export_hours: arguments.export_hours,
        incidents: !arguments.quiet_tenant,
    };
    let bar = progress(u64::from(plan.days).saturating_mul(plan.events_per_day), "Simulating");
    let summary = write(&plan, &arguments.out, &mut |events| {
        bar.set_position(events);
        bar.set_message(counted(events, "event"));
    })?;
    bar.finish_and_clear();
    let out = arguments.out.display();
    say!(
        "Simulated {} of a tenant with {} and {} (seed {}):",
        counted(u64::from(plan.days), "day"),
        counted(u64::from(plan.users), "user"),
        counted(u64::from(plan.data_sources), "data source"),
        plan.seed
    )?;
    say!(
        "  {} with {} ({} before compression) in {out}/exports",
        counted(summary.exports, "export"),
        counted(summary.events, "event"),
        bytes(summary.bytes)
    )?;
    say!(
        "  {} planted, and {} of several events, with {} beside them, listed in {out}/truth.json; {} unreadable and {} blank lines",
        counted(summary.incidents, "incident"),
        number(summary.correlations),
        if summary.near_misses == 1 {
            "1 near miss".to_owned()
        } else {
            format!("{} near misses", number(summary.near_misses))
        },
        number(summary.damaged),
        number(summary.blank)
    )?;
    say!("  its calendars and lists in {out}/immuta-watch.yml: pass it to run with --config")?;
    Ok(Exit::Done)
}
