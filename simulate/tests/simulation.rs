//! What a simulation promises to those who build on it, seen from outside: files, lines and records.

// The lint leaves test functions alone, but not what they share.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use immuta_watch_simulate::{Plan, SimulateError, Summary, kinds, records, write};
use serde_json::Value;

fn small() -> Plan {
    Plan { events_per_day: 120, users: 40, data_sources: 60, ..Plan::default() }
}

fn simulate(plan: &Plan, out: &Path) -> Summary {
    write(plan, out, &mut |_| {}).unwrap()
}

fn files(out: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&out.join("exports"), &mut found);
    found.sort();
    found
}

fn text(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn kind(record: &Value) -> &str {
    record["auditPayload"]["type"].as_str().unwrap().strip_suffix("AuditPayload").unwrap()
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_gives_others() {
    let (one, same, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = Plan { days: 3, ..small() };
    simulate(&plan, one.path());
    simulate(&plan, same.path());
    simulate(&Plan { seed: 2, ..plan }, other.path());
    let all = |out: &Path| -> Vec<Vec<u8>> { files(out).iter().map(|path| fs::read(path).unwrap()).collect() };
    assert_eq!(all(one.path()), all(same.path()));
    assert_ne!(all(one.path()), all(other.path()));
    let truth = |out: &Path| fs::read(out.join("truth.json")).unwrap();
    assert_eq!(truth(one.path()), truth(same.path()));
}

#[test]
fn the_summary_counts_what_is_there_and_the_truth_agrees() {
    let out = tempfile::tempdir().unwrap();
    let mut progress = Vec::new();
    let summary = write(&small(), out.path(), &mut |events| progress.push(events)).unwrap();
    let mut counted = Summary { incidents: summary.incidents, ..Summary::default() };
    let mut ids: BTreeMap<String, u64> = BTreeMap::new();
    for path in files(out.path()) {
        counted.exports += 1;
        let text = text(&path);
        counted.bytes += text.len() as u64;
        for line in text.split_terminator('\n') {
            match serde_json::from_str::<Value>(line) {
                Ok(record) => {
                    counted.events += 1;
                    if let Some(id) = record["id"].as_str() {
                        *ids.entry(id.to_owned()).or_default() += 1;
                    }
                }
                Err(_) if line.is_empty() => counted.blank += 1,
                Err(_) => counted.damaged += 1,
            }
        }
    }
    assert_eq!(summary, counted);
    assert!(summary.blank >= 2 && summary.damaged >= 3, "{summary:?}");
    assert_eq!(progress.last(), Some(&summary.events));

    let truth: Value = serde_json::from_slice(&fs::read(out.path().join("truth.json")).unwrap()).unwrap();
    assert_eq!(truth["events"], summary.events);
    assert_eq!(truth["damaged"], summary.damaged);
    assert_eq!(truth["plan"]["start"], "2026-10-01");
    let incidents = truth["incidents"].as_array().unwrap();
    assert_eq!(incidents.len() as u64, summary.incidents);
    for incident in incidents {
        let id = incident["event_id"].as_str().unwrap();
        assert_eq!(ids.get(id), Some(&1), "{incident}");
    }
}

#[test]
fn every_incident_is_what_the_truth_says_and_each_rule_has_one_in_a_week() {
    let out = tempfile::tempdir().unwrap();
    let plan = Plan { days: 7, ..small() };
    simulate(&plan, out.path());
    let truth: Value = serde_json::from_slice(&fs::read(out.path().join("truth.json")).unwrap()).unwrap();
    let by_id: BTreeMap<String, Value> =
        records(&plan).unwrap().filter_map(|record| Some((record["id"].as_str()?.to_owned(), record))).collect();
    let mut rules = BTreeSet::new();
    for incident in truth["incidents"].as_array().unwrap() {
        let record = &by_id[incident["event_id"].as_str().unwrap()];
        assert_eq!(kind(record), incident["kind"]);
        assert_eq!(record["eventTimestamp"], incident["at"]);
        assert_eq!(record["actor"]["id"], incident["actor"]);
        assert!(notifies(record) || incident["route"] == "dashboard", "{record}");
        rules.insert(incident["rule"].as_str().unwrap().to_owned());
    }
    assert_eq!(rules.len(), 9);
}

#[test]
fn fewer_days_than_a_week_have_incidents_too() {
    for days in 1..7 {
        let plan = Plan { days, events_per_day: 1, users: 1, data_sources: 1, ..Plan::default() };
        let out = tempfile::tempdir().unwrap();
        let summary = simulate(&plan, out.path());
        assert!(summary.incidents >= 2, "{days} days: {summary:?}");
    }
}

#[test]
fn every_kind_occurs_within_thirty_days() {
    let found: BTreeSet<String> = records(&small()).unwrap().map(|record| kind(&record).to_owned()).collect();
    let missing: Vec<_> = kinds::all().filter(|kind| !found.contains(*kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(kinds::UNLISTED.iter().all(|kind| found.contains(*kind)));
}

/// Whether a record has one of the shapes that send a notification.
fn notifies(record: &Value) -> bool {
    let payload = &record["auditPayload"];
    let names = |name: &str| payload.to_string().contains(&format!("\"{name}\""));
    match kind(record) {
        "PermissionApplied" => [
            "APPLICATION_ADMIN",
            "USER_ADMIN",
            "GOVERNANCE",
            "AUDIT",
            "IMPERSONATE_USER",
            "IMPERSONATE_HDFS_USER",
            "Manage Policies",
        ]
        .into_iter()
        .any(names),
        "PermissionRemoved" => names("AUDIT"),
        "DomainPermissionsUpdated" => names("Manage Policies"),
        "UserCreated" | "UserCloned" => payload["identityProvider"] == "bim",
        "ConfigurationUpdated" | "WebhookDeleted" | "ApiKeyCreated" => true,
        _ => false,
    }
}

#[test]
fn a_quiet_tenant_has_nothing_that_notifies() {
    let plan = Plan { incidents: false, events_per_day: 1000, ..small() };
    let mut granted = BTreeSet::new();
    for record in records(&plan).unwrap() {
        assert!(!notifies(&record), "{record}");
        assert_ne!(kind(&record), "GlobalPolicyDeleted");
        if kind(&record) == "TagRemoved" {
            assert!(!record["auditPayload"]["tagName"].as_str().unwrap().starts_with("Discovered"));
        }
        // Access is given only to those who asked for it and were approved.
        let about = |place: &str| {
            let of = |r#type: &str| {
                let list = record[place].as_array()?;
                let found = list.iter().find(|entry| entry["type"] == r#type)?;
                Some(found["id"].as_str()?.to_owned())
            };
            (of("DATASOURCE"), of("USER"))
        };
        match kind(&record) {
            "SubscriptionRequestApproved" => {
                granted.insert((about("targets").0, about("relatedResources").1));
            }
            "SubscriptionCreated" => assert!(granted.contains(&about("targets")), "{record}"),
            "AttributeApplied" | "AttributeRemoved" | "SubscriptionDeleted" => {
                assert_eq!(record["actor"]["type"], "SYSTEM_ACTOR");
            }
            _ => {}
        }
    }
    assert!(!granted.is_empty());
}

#[test]
fn incidents_change_nothing_else() {
    let ids = |incidents| -> BTreeSet<String> {
        let plan = Plan { days: 8, incidents, ..small() };
        records(&plan).unwrap().filter_map(|record| Some(record["id"].as_str()?.to_owned())).collect()
    };
    let (with, without) = (ids(true), ids(false));
    assert!(without.is_subset(&with));
    assert!(with.len() > without.len());
}

#[test]
fn an_export_holds_what_was_received_in_the_hours_before_it_ran() {
    for export_hours in [1, 6, 24] {
        let out = tempfile::tempdir().unwrap();
        let plan = Plan { days: 4, export_hours, ..small() };
        let summary = simulate(&plan, out.path());
        let files = files(out.path());
        assert_eq!(summary.exports, u64::from(4 * 24 / export_hours));
        assert_eq!(files.len() as u64, summary.exports);
        assert!(files.last().unwrap().ends_with("exports/2026/10/05/0000.json.gz"));
        for path in files {
            let name = path.strip_prefix(out.path().join("exports")).unwrap().to_str().unwrap().to_owned();
            let parts: Vec<&str> = name.trim_end_matches(".json.gz").split('/').collect();
            let ran = format!("{}-{}-{}T{}:{}:00Z", parts[0], parts[1], parts[2], &parts[3][..2], &parts[3][2..]);
            let ran = DateTime::parse_from_rfc3339(&ran).unwrap().timestamp_millis();
            for line in text(&path).lines() {
                let Ok(record) = serde_json::from_str::<Value>(line) else {
                    continue;
                };
                let Some(received) = record["receivedTimestamp"].as_str() else {
                    continue;
                };
                let received = DateTime::parse_from_rfc3339(received).unwrap().timestamp_millis();
                let happened = record["eventTimestamp"].as_str().unwrap();
                let happened = DateTime::parse_from_rfc3339(happened).unwrap().timestamp_millis();
                assert!(happened <= received && received < ran);
                assert!(received >= ran - i64::from(export_hours) * 3_600_000);
            }
        }
    }
}

#[test]
fn records_have_the_shape_that_is_known() {
    let plan = Plan { days: 10, events_per_day: 1500, ..Plan::default() };
    let (mut queries, mut all) = (0_u32, 0_u32);
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for record in records(&plan).unwrap() {
        all += 1;
        for key in ["eventTimestamp", "action", "actionStatus", "targetType"] {
            assert!(record[key].is_string(), "{key}: {record}");
        }
        assert!(record["actor"]["id"].is_string() && record["targets"].is_array());
        let payload = &record["auditPayload"];
        if kind(&record) != "Query" {
            assert!(!record["targets"].as_array().unwrap().is_empty(), "{record}");
            continue;
        }
        queries += 1;
        assert_eq!(record["action"], "QUERY");
        assert!(payload["queryId"].is_string() && payload["queryText"].is_string());
        assert!(payload["technologyContext"]["type"].as_str().unwrap().ends_with("Context"));
        let score = payload["securityProfile"]["sensitivity"]["score"].as_str();
        let mut note = |name| *seen.entry(name).or_default() += 1;
        match score {
            Some("SENSITIVE") => note("sensitive"),
            Some("HIGHLY_SENSITIVE") => note("highly"),
            Some("Highly Sensitive") => {
                note("highly");
                note("spelled out");
            }
            Some(_) => {}
            None => note("opaque"),
        }
        match record["actionStatus"].as_str().unwrap() {
            "UNAUTHORIZED" => {
                assert!(record["actionStatusReason"].is_string());
                note("unauthorized");
            }
            "FAILURE" => {
                assert!(payload["errorCode"].is_string());
                note("failure");
            }
            _ => assert!(record["actionStatusReason"].is_null()),
        }
        if record["actor"]["id"] == "unknown" {
            assert!(payload["technologyContext"]["account"]["username"].is_string());
            note("unknown");
        }
    }
    let per_mille = |name: &str| seen.get(name).copied().unwrap_or_default() * 1000 / queries;
    assert!((920..955).contains(&(queries * 1000 / all)), "{queries} of {all}");
    assert!((70..130).contains(&per_mille("sensitive")), "{seen:?} of {queries}");
    assert!((8..25).contains(&per_mille("highly")), "{seen:?} of {queries}");
    assert!((12..30).contains(&per_mille("unauthorized")), "{seen:?} of {queries}");
    assert!((5..17).contains(&per_mille("failure")), "{seen:?} of {queries}");
    assert!(["spelled out", "opaque", "unknown"].iter().all(|name| seen.contains_key(name)), "{seen:?}");
}

#[test]
fn some_records_come_twice_and_some_queries_are_several_records() {
    let plan = Plan { days: 5, events_per_day: 3000, ..Plan::default() };
    let mut whole: BTreeMap<String, u32> = BTreeMap::new();
    let mut by_query: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mut record in records(&plan).unwrap() {
        if let Some(query) = record["auditPayload"]["queryId"].as_str() {
            let target = record["targets"][0]["id"].as_str().unwrap_or_default().to_owned();
            by_query.entry(query.to_owned()).or_default().insert(target);
        }
        record.as_object_mut().unwrap().remove("receivedTimestamp");
        *whole.entry(record.to_string()).or_default() += 1;
    }
    assert!(whole.values().filter(|times| **times > 1).count() >= 3);
    assert!(by_query.values().filter(|targets| targets.len() > 1).count() > 50);
}

#[test]
fn a_folder_that_holds_exports_is_left_alone() {
    let out = tempfile::tempdir().unwrap();
    let plan = Plan { days: 1, events_per_day: 10, ..small() };
    simulate(&plan, out.path());
    let again = write(&plan, out.path(), &mut |_| {});
    assert!(matches!(again, Err(SimulateError::NotEmpty(_))));
}

#[test]
fn a_plan_out_of_range_writes_nothing() {
    let out = tempfile::tempdir().unwrap();
    let plan = Plan { export_hours: 7, ..small() };
    let error = write(&plan, out.path(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("export hours is 7"), "{error}");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    assert!(records(&plan).is_err());
}
