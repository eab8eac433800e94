//! The truth file: what was planted, for whoever wants to know whether everything was found.

use serde::Serialize;

use crate::plan::{Plan, Summary};
use crate::record::zulu;
use crate::schedule::Planted;

/// `truth.json`.
#[derive(Serialize)]
pub(crate) struct Truth<'a> {
    seed: u64,
    plan: PlanNote,
    exports: u64,
    events: u64,
    bytes: u64,
    blank: u64,
    damaged: u64,
    incidents: Vec<IncidentNote<'a>>,
}

#[derive(Serialize)]
struct PlanNote {
    seed: u64,
    start: String,
    days: u32,
    events_per_day: u64,
    users: u32,
    data_sources: u32,
    export_hours: u32,
    incidents: bool,
}

#[derive(Serialize)]
struct IncidentNote<'a> {
    name: &'a str,
    question: &'a str,
    rule: &'a str,
    level: &'a str,
    route: &'a str,
    event_id: &'a str,
    kind: &'a str,
    at: String,
    actor: &'a str,
}

impl<'a> Truth<'a> {
    /// The truth about a simulation that came out as `summary` says.
    pub(crate) fn new(plan: &Plan, summary: &Summary, planted: &'a [Planted]) -> Self {
        let note = |planted: &'a Planted| IncidentNote {
            name: planted.incident.name,
            question: planted.incident.question,
            rule: planted.incident.rule,
            level: planted.incident.level,
            route: planted.incident.route,
            event_id: &planted.event_id,
            kind: planted.event.kind,
            at: zulu(planted.at),
            actor: &planted.event.actor.id,
        };
        Self {
            seed: plan.seed,
            plan: PlanNote {
                seed: plan.seed,
                start: plan.start.to_string(),
                days: plan.days,
                events_per_day: plan.events_per_day,
                users: plan.users,
                data_sources: plan.data_sources,
                export_hours: plan.export_hours,
                incidents: plan.incidents,
            },
            exports: summary.exports,
            events: summary.events,
            bytes: summary.bytes,
            blank: summary.blank,
            damaged: summary.damaged,
            incidents: planted.iter().map(note).collect(),
        }
    }
}
