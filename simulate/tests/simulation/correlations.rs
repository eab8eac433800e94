//! What several events are together: what the truth lists is what holds, in every season and size, and nothing else does. What
//! is compared with the weeks before has tests of its own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveTime, TimeDelta};
use immuta_watch_simulate::Plan;
use serde_json::Value;

use super::baselines::COMPARED;
use super::small;
use super::tenant::{Tenant, happened};
use super::together::{Held, held};

/// The moment at which the log of a plan ends.
fn end(plan: &Plan) -> i64 {
    let end = plan.start.and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(plan.days.into());
    end.timestamp_millis()
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What is not compared with the weeks before.
fn of_its_own_events(tenant: &Tenant) -> impl Iterator<Item = &Value> {
    tenant.noted("correlations").iter().filter(|noted| !COMPARED.contains(&noted["rule"].as_str().unwrap()))
}

/// What the truth lists, as the judge would say it.
fn listed(tenant: &Tenant) -> Vec<Held> {
    let mut all: Vec<Held> = of_its_own_events(tenant).map(as_held).collect();
    all.sort();
    all
}

fn as_held(noted: &Value) -> Held {
    let group = noted["group"].as_object().unwrap().iter();
    let group = group.map(|(field, value)| (field.clone(), value.as_str().unwrap().to_owned())).collect();
    (noted["rule"].as_str().unwrap().to_owned(), group, texts(&noted["event_ids"]))
}

/// A correlation's near miss is left alone: no more than what the truth lists holds, and none of that is a near miss.
fn check(plan: &Plan) -> Tenant {
    let tenant = Tenant::simulate(plan);
    let (found, listed) = (held(&tenant, end(plan)), listed(&tenant));
    let unlisted: Vec<_> = found.iter().filter(|held| !listed.contains(held)).collect();
    assert!(unlisted.is_empty(), "holds and is not listed, {plan:?}: {unlisted:#?}");
    let missed: Vec<_> = listed.iter().filter(|held| !found.contains(held)).collect();
    assert!(missed.is_empty(), "is listed and does not hold, {plan:?}: {missed:#?}");
    assert_eq!(found.len(), listed.len(), "one is listed twice");
    for near in tenant.noted("correlation_near_misses") {
        let (rule, _, events) = as_held(near);
        assert!(!found.iter().any(|held| held.0 == rule && !held.2.is_disjoint(&events)), "{near}");
    }
    tenant
}

#[test]
fn what_holds_is_what_the_truth_lists_over_many_seeds() {
    for seed in 1..=22 {
        let days = [8, 11, 13][usize::try_from(seed % 3).unwrap()];
        let start = ["2026-10-01", "2026-12-18", "2027-03-08"][usize::try_from(seed % 3).unwrap()].parse().unwrap();
        let export_hours = [2, 24, 6][usize::try_from(seed / 3 % 3).unwrap()];
        check(&Plan { seed, days, start, export_hours, events_per_day: 400, users: 60, data_sources: 80, ..small() });
    }
}

#[test]
fn what_holds_is_what_the_truth_lists_in_a_longer_plan() {
    let plan = Plan { seed: 7, days: 44, ..small() };
    let tenant = check(&plan);
    let mut rules: BTreeMap<String, u32> = BTreeMap::new();
    for noted in of_its_own_events(&tenant) {
        *rules.entry(noted["rule"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(rules.len(), 15, "{rules:?}");
    assert!(rules.values().all(|many| *many >= 2), "{rules:?}");
    assert_eq!(tenant.summary.correlations, tenant.noted("correlations").len() as u64);
}

#[test]
fn a_quiet_tenant_has_no_correlation_however_dense_or_small_it_is() {
    let quiet = Plan { incidents: false, ..small() };
    for plan in [
        // Few people do very much to very few data sources.
        Plan { seed: 1, days: 2, events_per_day: 12_000, users: 4, data_sources: 2, ..quiet.clone() },
        Plan { seed: 2, days: 2, events_per_day: 12_000, users: 30, data_sources: 12, ..quiet.clone() },
        Plan { seed: 3, days: 14, events_per_day: 1500, users: 1, data_sources: 1, ..quiet.clone() },
        Plan { seed: 4, days: 14, events_per_day: 1500, users: 20, data_sources: 20, ..quiet.clone() },
        // All offices are shut for days, and requests pile up.
        Plan { seed: 5, days: 12, start: "2026-12-24".parse().unwrap(), events_per_day: 2500, ..quiet },
    ] {
        let tenant = check(&plan);
        assert!(tenant.noted("correlations").is_empty() && tenant.noted("correlation_near_misses").is_empty());
    }
}

#[test]
fn a_plan_of_two_weeks_has_every_correlation_and_every_near_miss() {
    for seed in 31..34 {
        let tenant = Tenant::simulate(&Plan { seed, days: 14, ..small() });
        let named = |list| {
            let name = |noted: &Value| noted["name"].as_str().unwrap().to_owned();
            tenant.noted(list).iter().map(name).collect::<BTreeSet<_>>()
        };
        let rules: BTreeSet<_> =
            tenant.noted("correlations").iter().map(|noted| noted["rule"].as_str().unwrap()).collect();
        assert_eq!(rules.len(), 15, "{seed}: {rules:?}");
        // Twenty by themselves, and what single incidents amount to.
        assert!(named("correlations").len() >= 20, "{seed}: {:#?}", named("correlations"));
        assert_eq!(named("correlation_near_misses").len(), 42, "{seed}: {:#?}", named("correlation_near_misses"));
    }
}

#[test]
fn what_the_truth_says_of_its_events_is_what_the_records_say() {
    let tenant = Tenant::simulate(&Plan { seed: 9, days: 21, ..small() });
    let by_id = tenant.by_id();
    for noted in tenant.noted("correlations").iter().chain(tenant.noted("correlation_near_misses")) {
        let events: Vec<&Value> =
            noted["event_ids"].as_array().unwrap().iter().map(|id| by_id[id.as_str().unwrap()]).collect();
        let times: Vec<i64> = events.iter().map(|event| happened(event)).collect();
        assert!(times.is_sorted() && !times.is_empty(), "{noted}");
        assert_eq!(noted["first"], events[0]["eventTimestamp"]);
        assert_eq!(noted["last"], events[events.len() - 1]["eventTimestamp"]);
        assert!(!noted["group"].as_object().unwrap().is_empty(), "{noted}");
        assert!(noted["why"].is_null() || noted["why"].as_str().unwrap().ends_with('.'), "{noted}");
    }
}

#[test]
fn some_go_over_midnight_and_some_have_an_event_that_arrives_after_later_ones() {
    let tenant = Tenant::simulate(&Plan { seed: 12, days: 21, ..small() });
    let by_id = tenant.by_id();
    let (mut midnight, mut late, mut apart) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for noted in tenant.noted("correlations") {
        let rule = noted["rule"].as_str().unwrap();
        let events: Vec<&Value> =
            noted["event_ids"].as_array().unwrap().iter().map(|id| by_id[id.as_str().unwrap()]).collect();
        let days: BTreeSet<i64> = events.iter().map(|event| happened(event).div_euclid(24 * 3_600_000)).collect();
        let received: Vec<&str> = events.iter().map(|event| event["receivedTimestamp"].as_str().unwrap()).collect();
        // Exports run every other hour.
        let exports: BTreeSet<_> =
            received.iter().map(|time| (&time[..10], time[11..13].parse::<u32>().unwrap() / 2)).collect();
        midnight.extend((days.len() > 1).then_some(rule));
        apart.extend((exports.len() > 1).then_some(rule));
        let out_of_order = received.windows(2).any(|pair| pair[0] > pair[1] && pair[0][..10] != pair[1][..10]);
        late.extend(out_of_order.then_some(rule));
    }
    assert!(midnight.len() >= 7, "{midnight:?}");
    assert!(late.len() >= 5, "{late:?}");
    assert!(apart.len() >= 8, "{apart:?}");
}
