//! The truth file: what was planted, for whoever wants to know whether everything was found, and nothing else.

use serde::Serialize;

use crate::configuration;
use crate::incidents::Finding;
use crate::plan::{Plan, Summary};
use crate::record::zulu;

/// `truth.json`.
#[derive(Serialize)]
pub(crate) struct Truth<'a> {
    seed: u64,
    plan: PlanNote,
    /// The configuration file that the offices keep to.
    configuration: &'static str,
    exports: u64,
    events: u64,
    bytes: u64,
    blank: u64,
    damaged: u64,
    incidents: Vec<IncidentNote<'a>>,
    near_misses: Vec<NearMissNote<'a>>,
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
    #[serde(flatten)]
    event: EventNote<'a>,
}

#[derive(Serialize)]
struct NearMissNote<'a> {
    name: &'a str,
    /// The name of the incident that it looks like.
    near: &'a str,
    why: &'a str,
    #[serde(flatten)]
    event: EventNote<'a>,
}

#[derive(Serialize)]
struct EventNote<'a> {
    event_id: &'a str,
    kind: &'a str,
    at: String,
    actor: &'a str,
}

impl<'a> Truth<'a> {
    /// The truth about a simulation that came out as `summary` says.
    pub(crate) fn new(plan: &Plan, summary: &Summary, findings: &'a [Finding]) -> Self {
        let event = |finding: &'a Finding| EventNote {
            event_id: &finding.event_id,
            kind: finding.kind,
            at: zulu(finding.at),
            actor: &finding.actor,
        };
        let incident = |finding: &'a Finding| IncidentNote {
            name: finding.incident.name,
            question: finding.incident.question,
            rule: finding.incident.rule,
            level: finding.incident.level,
            route: finding.incident.route,
            event: event(finding),
        };
        let near_miss = |finding: &'a Finding| {
            let near_miss = finding.near_miss?;
            Some(NearMissNote {
                name: near_miss.name,
                near: finding.incident.name,
                why: near_miss.why,
                event: event(finding),
            })
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
            configuration: configuration::NAME,
            exports: summary.exports,
            events: summary.events,
            bytes: summary.bytes,
            blank: summary.blank,
            damaged: summary.damaged,
            incidents: findings.iter().filter(|finding| finding.near_miss.is_none()).map(incident).collect(),
            near_misses: findings.iter().filter_map(near_miss).collect(),
        }
    }
}
