//! The truth file: what was planted, for whoever wants to know whether everything was found, and nothing else.
//!
//! `incidents` and `near_misses` are of one event each. `correlations` and `correlation_near_misses` are of several events, or
//! of one that another should have followed; `group` has the fields that the correlation groups by, and their values.
//! What an incident of one event amounts to together with others stands in both lists. Where something must be missing, only
//! what the log goes on for long enough to say so is listed: the time span, 48 hours for what arrives late, and half a day.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::configuration;
use crate::incidents::{Course, Finding, Planted};
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
    correlations: Vec<CorrelationNote<'a>>,
    correlation_near_misses: Vec<CorrelationNearMissNote<'a>>,
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
struct CorrelationNote<'a> {
    name: &'a str,
    question: &'a str,
    rule: &'a str,
    level: &'a str,
    route: &'a str,
    #[serde(flatten)]
    events: EventsNote<'a>,
}

#[derive(Serialize)]
struct CorrelationNearMissNote<'a> {
    name: &'a str,
    /// The name of the incident that it looks like.
    near: &'a str,
    /// The correlation that must leave it alone.
    rule: &'a str,
    why: &'a str,
    #[serde(flatten)]
    events: EventsNote<'a>,
}

/// The events that the correlation counts, or would count, by time.
#[derive(Serialize)]
struct EventsNote<'a> {
    /// Field and value, as the first of the events has them.
    group: BTreeMap<&'a str, &'a str>,
    first: String,
    last: String,
    event_ids: Vec<&'a str>,
}

impl<'a> EventsNote<'a> {
    fn of(course: &'a Course) -> Self {
        let at = |event: Option<&(i64, String)>| event.map(|(at, _)| zulu(*at)).unwrap_or_default();
        Self {
            group: course.group.iter().map(|(field, value)| (*field, value.as_str())).collect(),
            first: at(course.events.first()),
            last: at(course.events.last()),
            event_ids: course.events.iter().map(|(_, id)| id.as_str()).collect(),
        }
    }
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
    pub(crate) fn new(plan: &Plan, summary: &Summary, planted: &'a Planted) -> Self {
        let Planted { findings, courses, .. } = planted;
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
        let correlation = |course: &'a Course| CorrelationNote {
            name: course.name,
            question: course.pattern.question,
            rule: course.pattern.rule,
            level: course.pattern.level,
            route: course.pattern.route,
            events: EventsNote::of(course),
        };
        let correlation_near_miss = |course: &'a Course| {
            let (near, why) = course.near?;
            let (name, rule) = (course.name, course.pattern.rule);
            Some(CorrelationNearMissNote { name, near, rule, why, events: EventsNote::of(course) })
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
            correlations: courses.iter().filter(|course| course.near.is_none()).map(correlation).collect(),
            correlation_near_misses: courses.iter().filter_map(correlation_near_miss).collect(),
        }
    }
}
