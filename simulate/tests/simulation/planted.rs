//! Incidents and near misses: what is planted is what the truth says, and nothing else interrupts anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use immuta_watch_simulate::Plan;

use super::judge::Judge;
use super::tenant::{Tenant, happened};
use super::{kind, small};

const LEVELS: [&str; 4] = ["informational", "low", "medium", "high"];

fn level(name: &str) -> usize {
    LEVELS.iter().position(|level| *level == name).unwrap()
}

/// Tenants of several sizes and seasons, with incidents or without.
fn tenants(incidents: bool) -> &'static [Tenant] {
    static TENANTS: [OnceLock<Vec<Tenant>>; 2] = [const { OnceLock::new() }; 2];
    TENANTS[usize::from(incidents)].get_or_init(|| {
        let plans = [
            Plan { seed: 1, days: 8, ..small() },
            Plan { seed: 2, days: 35, ..small() },
            Plan { seed: 3, days: 10, events_per_day: 1500, ..Plan::default() },
            // Over a new year, when all offices have holidays.
            Plan { seed: 4, days: 16, start: "2026-12-21".parse().unwrap(), ..small() },
            // In spring, when one office after the other changes its clocks.
            Plan { seed: 5, days: 25, start: "2027-03-08".parse().unwrap(), export_hours: 24, ..small() },
            // Two people and three administrators.
            Plan { seed: 6, days: 14, users: 2, data_sources: 1, events_per_day: 900, ..small() },
        ];
        plans.into_iter().map(|plan| Tenant::simulate(&Plan { incidents, ..plan })).collect()
    })
}

#[test]
fn a_quiet_tenant_has_nothing_that_notifies() {
    for tenant in tenants(false) {
        assert!(tenant.noted("incidents").is_empty() && tenant.noted("near_misses").is_empty());
        let judge = Judge::of(tenant);
        for record in &tenant.records {
            let verdict = judge.verdict(record);
            assert!(verdict.is_none_or(|(_, _, route)| route == "dashboard"), "{verdict:?} {record}");
        }
    }
}

#[test]
fn every_incident_has_the_level_and_the_route_that_the_truth_says() {
    for tenant in tenants(true) {
        let (judge, by_id) = (Judge::of(tenant), tenant.by_id());
        for incident in tenant.noted("incidents") {
            let record = by_id[incident["event_id"].as_str().unwrap()];
            assert_eq!(kind(record), incident["kind"]);
            assert_eq!(record["eventTimestamp"], incident["at"]);
            assert_eq!(record["actor"]["id"], incident["actor"]);
            let (rule, level, route) = judge.verdict(record).unwrap();
            let told = ["rule", "level", "route"].map(|key| incident[key].as_str().unwrap());
            assert_eq!([rule, level, route], told, "{incident} {record}");
        }
    }
}

#[test]
fn every_near_miss_stays_below_its_incident_and_notifies_nobody() {
    for tenant in tenants(true) {
        let (judge, by_id) = (Judge::of(tenant), tenant.by_id());
        let levels: BTreeMap<_, _> = tenant
            .noted("incidents")
            .iter()
            .map(|incident| (incident["name"].as_str().unwrap(), level(incident["level"].as_str().unwrap())))
            .collect();
        for near_miss in tenant.noted("near_misses") {
            let record = by_id[near_miss["event_id"].as_str().unwrap()];
            assert_eq!(kind(record), near_miss["kind"]);
            assert_eq!(record["actor"]["id"], near_miss["actor"]);
            assert!(near_miss["why"].as_str().unwrap().ends_with('.'));
            if let Some((_, below, route)) = judge.verdict(record) {
                assert_eq!(route, "dashboard", "{near_miss} {record}");
                if let Some(incident) = levels.get(near_miss["near"].as_str().unwrap()) {
                    assert!(level(below) < *incident, "{near_miss} {record}");
                }
            }
        }
    }
}

#[test]
fn nothing_but_planted_incidents_notifies() {
    for tenant in tenants(true) {
        let judge = Judge::of(tenant);
        let planted: BTreeSet<_> =
            tenant.noted("incidents").iter().map(|incident| incident["event_id"].as_str().unwrap()).collect();
        for record in &tenant.records {
            let notifies = judge.verdict(record).is_some_and(|(_, _, route)| route == "notification");
            let known = record["id"].as_str().is_some_and(|id| planted.contains(id));
            assert!(!notifies || known, "{record}");
        }
    }
}

#[test]
fn no_two_planted_things_of_one_rule_share_their_actor_and_their_day() {
    for tenant in tenants(true) {
        let by_id = tenant.by_id();
        let incidents = tenant.noted("incidents");
        let mut rules = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for incident in incidents {
            rules.insert(incident["name"].as_str().unwrap(), incident["rule"].as_str().unwrap());
        }
        for planted in incidents.iter().chain(tenant.noted("near_misses")) {
            let name = planted["near"].as_str().or(planted["name"].as_str()).unwrap();
            let Some(rule) = rules.get(name) else {
                continue;
            };
            let day = happened(by_id[planted["event_id"].as_str().unwrap()]) / (24 * 3_600_000);
            assert!(seen.insert((*rule, planted["actor"].as_str().unwrap(), day)), "{planted}");
        }
    }
}

#[test]
fn a_week_has_every_incident_and_every_near_miss() {
    for seed in 1..6 {
        // The first Tuesday of October is a holiday in Berlin.
        let tenant = Tenant::simulate(&Plan { seed, days: 7, events_per_day: 20, ..Plan::default() });
        let names: BTreeSet<_> =
            tenant.noted("incidents").iter().map(|incident| incident["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), 33, "{seed}");
        let near: BTreeSet<_> =
            tenant.noted("near_misses").iter().map(|near_miss| near_miss["near"].as_str().unwrap()).collect();
        assert_eq!((tenant.noted("near_misses").len(), near.len()), (40, 33), "{seed}");
        // Some events of correlations are incidents by themselves, and come on top.
        assert!(tenant.summary.incidents > 33 && tenant.summary.near_misses == 40, "{:?}", tenant.summary);
        let questions: BTreeSet<_> =
            tenant.noted("incidents").iter().map(|incident| incident["question"].as_str().unwrap()).collect();
        assert_eq!(questions.len(), 18, "{questions:?}");
    }
}

#[test]
fn a_single_day_has_what_fits_into_it() {
    // A Thursday that is no holiday anywhere.
    let tenant = Tenant::simulate(&Plan { days: 1, events_per_day: 50, ..Plan::default() });
    let names: BTreeSet<_> =
        tenant.noted("incidents").iter().map(|incident| incident["name"].as_str().unwrap()).collect();
    assert!(names.contains("webhook deleted") && names.contains("everyday permission granted at night"));
    assert!(!names.contains("everyday permission granted at the weekend"));
    assert_eq!(names.len(), 31);
}

#[test]
fn the_smallest_tenant_has_incidents_too() {
    for days in 1..7 {
        let plan = Plan { days, events_per_day: 1, users: 1, data_sources: 1, ..Plan::default() };
        let tenant = Tenant::simulate(&plan);
        assert!(tenant.summary.incidents >= 10, "{days} days: {:?}", tenant.summary);
    }
}

#[test]
fn incidents_change_nothing_else() {
    let ids = |incidents| -> BTreeSet<String> {
        let tenant = Tenant::simulate(&Plan { days: 8, incidents, ..small() });
        tenant.by_id().into_keys().map(str::to_owned).collect()
    };
    let (with, without) = (ids(true), ids(false));
    assert!(without.is_subset(&with));
    assert!(with.len() > without.len());
}
