//! What is not as it was in the weeks before: what the truth lists is so, and no near miss is, in the plainest words.

use std::collections::{BTreeMap, BTreeSet};

use immuta_watch_simulate::Plan;
use serde_json::Value;

use super::small;
use super::tenant::{Tenant, happened};
use super::together::{fields, rules};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The correlations that compare with the weeks before.
pub(crate) const COMPARED: [&str; 5] = [
    "sensitive_volume_unusual",
    "sensitive_object_first_read",
    "service_account_unusual_hour",
    "service_account_new_object",
    "dormant_user_returned",
];

/// A query that ran.
struct Read {
    at: i64,
    id: String,
    object: String,
    sensitive: bool,
}

/// What each actor read, in order of time.
fn reads(tenant: &Tenant) -> BTreeMap<String, Vec<Read>> {
    let mut known = BTreeSet::new();
    let mut reads: BTreeMap<String, Vec<Read>> = BTreeMap::new();
    for record in &tenant.records {
        let matched = rules(record);
        let fields = fields(record);
        let value = |field: &str| fields[field].first().cloned().unwrap_or_default();
        let mut canonical = record.clone();
        canonical.as_object_mut().unwrap().remove("receivedTimestamp");
        if matched.contains(&"read") && known.insert(canonical.to_string()) {
            reads.entry(value("watch.actor")).or_default().push(Read {
                at: happened(record),
                id: record["id"].as_str().unwrap_or_default().to_owned(),
                object: value("watch.object_id"),
                sensitive: matched.contains(&"sensitive_query"),
            });
        }
    }
    for of_actor in reads.values_mut() {
        of_actor.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    }
    reads
}

/// The reads of an actor that a correlation looks at.
fn of<'r>(rule: &str, reads: &'r [Read]) -> Vec<&'r Read> {
    let sensitive = rule.starts_with("sensitive");
    reads.iter().filter(|read| read.sensitive || !sensitive).collect()
}

/// The ids of the reads of a day of an actor that are unusual; none if the day is as others were.
fn unusual(rule: &str, actor: &str, day: i64, reads: &[Read]) -> BTreeSet<String> {
    let all = of(rule, reads);
    let of_day: Vec<&&Read> = all.iter().filter(|read| read.at.div_euclid(DAY) == day).collect();
    let weeks = if rule == "dormant_user_returned" { 26 } else { 8 };
    let before: Vec<&&Read> =
        all.iter().filter(|read| (day - weeks * 7..day).contains(&read.at.div_euclid(DAY))).collect();
    let first = before.iter().map(|read| read.at.div_euclid(DAY)).min();
    let is_known = first.is_some_and(|first| first <= day - 28);
    let in_hour = |begin: i64| before.iter().filter(|read| (begin..begin + HOUR).contains(&read.at)).count();
    // At the same hour of each week since the first, or an hour beside it.
    let usually = |hour: i64| -> Vec<usize> {
        let weeks = (1..=8).take_while(|week| first.is_some_and(|first| day - week * 7 >= first));
        // Weeks without anything at all say nothing.
        let was_there = |week: &i64| {
            let of_week = day - week * 7 - 6..=day - week * 7;
            before.iter().any(|read| of_week.contains(&read.at.div_euclid(DAY)))
        };
        let weeks = weeks.filter(was_there);
        weeks.map(|week| (-1..=1).map(|beside| in_hour(hour + beside * HOUR - week * 7 * DAY)).max().unwrap()).collect()
    };
    let in_hours = |is_unusual: &dyn Fn(usize, Vec<usize>) -> bool| -> BTreeSet<String> {
        let hours: BTreeMap<i64, usize> = of_day.iter().fold(BTreeMap::new(), |mut hours, read| {
            *hours.entry(read.at.div_euclid(HOUR) * HOUR).or_default() += 1;
            hours
        });
        let hours: BTreeSet<i64> = hours
            .into_iter()
            .filter(|(hour, many)| usually(*hour).len() >= 3 && is_unusual(*many, usually(*hour)))
            .map(|(hour, _)| hour)
            .collect();
        let in_one = |read: &&&&Read| hours.contains(&(read.at.div_euclid(HOUR) * HOUR));
        of_day.iter().filter(in_one).map(|read| read.id.clone()).collect()
    };
    match rule {
        "dormant_user_returned" => {
            let last = before.iter().map(|read| read.at.div_euclid(DAY)).max();
            let is_back = last.is_some_and(|last| day - last > 30);
            of_day.iter().filter(|_| is_back).map(|read| read.id.clone()).collect()
        }
        _ if !is_known => BTreeSet::new(),
        "sensitive_volume_unusual" => in_hours(&|many, usual| many >= 30 && far_above(many, usual)),
        "service_account_unusual_hour" if actor.starts_with("svc-") => {
            in_hours(&|many, usual| many >= 5 && usual.iter().all(|many| *many == 0))
        }
        "sensitive_object_first_read" | "service_account_new_object"
            if rule.starts_with("sensitive") != actor.starts_with("svc-") =>
        {
            let known: BTreeSet<&str> = before.iter().map(|read| read.object.as_str()).collect();
            let mut new = BTreeSet::new();
            let is_first = |read: &&&&Read| !known.contains(read.object.as_str()) && new.insert(read.object.clone());
            of_day.iter().filter(is_first).map(|read| read.id.clone()).collect()
        }
        _ => BTreeSet::new(),
    }
}

fn far_above(many: usize, mut usual: Vec<usize>) -> bool {
    let median = |sorted: &[f64]| f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    usual.sort_unstable();
    let numbers: Vec<f64> = usual.iter().map(|many| f64::from(u32::try_from(*many).unwrap())).collect();
    let middle = median(&numbers);
    let mut apart: Vec<f64> = numbers.iter().map(|number| (number - middle).abs()).collect();
    apart.sort_by(f64::total_cmp);
    let deviation = (1.4826 * median(&apart)).max(middle.sqrt()).max(1.0);
    (f64::from(u32::try_from(many).unwrap()) - middle) / deviation >= 6.0
}

fn noted<'t>(tenant: &'t Tenant, list: &str) -> Vec<(&'t str, &'t str, i64, BTreeSet<String>)> {
    let compared = tenant.noted(list).iter().filter(|noted| COMPARED.contains(&noted["rule"].as_str().unwrap()));
    let as_read = |noted: &'t Value| {
        let ids: BTreeSet<String> =
            noted["event_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        let at: jiff::Timestamp = noted["first"].as_str().unwrap().parse().unwrap();
        let actor = noted["group"]["watch.actor"].as_str().unwrap();
        (noted["rule"].as_str().unwrap(), actor, at.as_millisecond().div_euclid(DAY), ids)
    };
    compared.map(as_read).collect()
}

#[test]
fn what_the_truth_lists_is_unusual_and_no_near_miss_is_over_many_seeds() {
    for seed in 1..=8 {
        let tenant = Tenant::simulate(&Plan { seed, days: 44, export_hours: 24, ..small() });
        let reads = reads(&tenant);
        let planted = noted(&tenant, "correlations");
        let rules: BTreeSet<&str> = planted.iter().map(|(rule, ..)| *rule).collect();
        assert_eq!(rules, BTreeSet::from(COMPARED), "{seed}");
        for (rule, actor, day, ids) in planted {
            assert_eq!(unusual(rule, actor, day, &reads[actor]), ids, "{rule} of {actor}, seed {seed}");
        }
        let near = noted(&tenant, "correlation_near_misses");
        assert!(near.len() >= 8, "{seed}: {near:?}");
        for (rule, actor, day, _) in near {
            assert_eq!(unusual(rule, actor, day, &reads[actor]), BTreeSet::new(), "{rule} of {actor}, seed {seed}");
        }
    }
}

/// The one that interrupts people; that somebody reads something for the first time is everyday.
#[test]
fn nobody_reads_unusually_much_but_those_who_are_planted() {
    for plan in [
        Plan { seed: 5, days: 44, export_hours: 24, ..small() },
        Plan {
            seed: 6,
            days: 40,
            export_hours: 24,
            events_per_day: 1500,
            users: 12,
            data_sources: 20,
            ..Plan::default()
        },
    ] {
        let tenant = Tenant::simulate(&plan);
        let reads = reads(&tenant);
        let planted: BTreeSet<&str> = noted(&tenant, "correlations").into_iter().map(|(_, actor, ..)| actor).collect();
        let rule = "sensitive_volume_unusual";
        for (actor, reads) in reads.iter().filter(|(actor, _)| !planted.contains(actor.as_str())) {
            let days: BTreeSet<i64> = of(rule, reads).iter().map(|read| read.at.div_euclid(DAY)).collect();
            for day in days {
                assert_eq!(unusual(rule, actor, day, reads), BTreeSet::new(), "{actor} {day}");
            }
        }
    }
}
