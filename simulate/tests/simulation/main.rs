//! What a simulation promises to those who build on it, seen from outside: files, lines and records.

// The lint leaves test functions alone, but not what they share.
#![allow(clippy::unwrap_used)]

mod baselines;
mod correlations;
mod judge;
mod offices;
mod planted;
mod tenant;
mod together;

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
    for name in ["truth.json", "immuta-watch.yml", "new-york-holidays.ics", "singapore-office.txt"] {
        let read = |out: &Path| fs::read(out.join(name)).unwrap();
        assert_eq!(read(one.path()), read(same.path()), "{name}");
    }
}

#[test]
fn the_summary_counts_what_is_there_and_the_truth_agrees() {
    let out = tempfile::tempdir().unwrap();
    let mut progress = Vec::new();
    let summary = write(&small(), out.path(), &mut |events| progress.push(events)).unwrap();
    let Summary { incidents, near_misses, correlations, correlation_near_misses, .. } = summary;
    let mut counted = Summary { incidents, near_misses, correlations, correlation_near_misses, ..Summary::default() };
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
    assert!(out.path().join(truth["configuration"].as_str().unwrap()).is_file());
    for (list, many) in [("correlations", correlations), ("correlation_near_misses", correlation_near_misses)] {
        let planted = truth[list].as_array().unwrap();
        assert_eq!(planted.len() as u64, many);
        for id in planted.iter().flat_map(|planted| planted["event_ids"].as_array().unwrap()) {
            assert_eq!(ids.get(id.as_str().unwrap()), Some(&1), "{id}");
        }
    }
    for (list, many) in [("incidents", incidents), ("near_misses", near_misses)] {
        let planted = truth[list].as_array().unwrap();
        assert_eq!(planted.len() as u64, many);
        for planted in planted {
            let id = planted["event_id"].as_str().unwrap();
            assert_eq!(ids.get(id), Some(&1), "{planted}");
        }
    }
}

#[test]
fn every_kind_occurs_within_thirty_days() {
    let found: BTreeSet<String> = records(&small()).unwrap().map(|record| kind(&record).to_owned()).collect();
    let missing: Vec<_> = kinds::all().filter(|kind| !found.contains(*kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(kinds::UNLISTED.iter().all(|kind| found.contains(*kind)));
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
    let mut platforms = BTreeSet::new();
    let quiet = records(&Plan { incidents: false, ..plan.clone() }).unwrap();
    // All have the shape; the shares are those of a quiet tenant.
    let both = quiet.map(|record| (true, record)).chain(records(&plan).unwrap().map(|record| (false, record)));
    for (counts, record) in both {
        all += u32::from(counts);
        for key in ["eventTimestamp", "action", "actionStatus", "targetType"] {
            assert!(record[key].is_string(), "{key}: {record}");
        }
        assert!(record["actor"]["id"].is_string() && record["targets"].is_array());
        let payload = &record["auditPayload"];
        if kind(&record) != "Query" {
            assert!(!record["targets"].as_array().unwrap().is_empty(), "{record}");
            continue;
        }
        queries += u32::from(counts);
        assert_eq!(record["action"], "QUERY");
        assert!(payload["queryId"].is_string() && payload["queryText"].is_string());
        assert!(payload["technologyContext"]["type"].as_str().unwrap().ends_with("Context"));
        let score = payload["securityProfile"]["sensitivity"]["score"].as_str();
        let mut note = |name| *seen.entry(name).or_default() += u32::from(counts);
        match score {
            Some("SENSITIVE" | "Sensitive") => note("sensitive"),
            Some("HIGHLY_SENSITIVE" | "Highly Sensitive") => note("highly"),
            Some("NONSENSITIVE" | "Non-sensitive" | "INDETERMINATE" | "Indeterminate") => {}
            Some(other) => panic!("{other}"),
            None => note("opaque"),
        }
        if score.is_some_and(|score| score.contains(char::is_lowercase)) {
            note("spelled out");
        }
        match &payload["objectsAccessed"] {
            Value::Null => assert!(score.is_none() && record["targets"].as_array().unwrap().is_empty()),
            objects if objects.as_array().unwrap().is_empty() => note("no objects"),
            objects => {
                for tag in objects[0]["columns"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .flat_map(|column| column["tags"].as_array().unwrap())
                {
                    note(match tag {
                        Value::String(_) => "tags as strings",
                        tag if tag["name"].is_string() => "tags with a name",
                        tag => {
                            assert!(tag["tagName"].is_string());
                            "tags with a tag name"
                        }
                    });
                }
            }
        }
        if payload["technologyContext"]["notebookId"].is_number() {
            note("notebook");
        }
        let platform = payload["technologyContext"]["type"].as_str().unwrap().strip_suffix("Context").unwrap();
        platforms.insert(platform.to_owned());
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
    assert!((905..950).contains(&(queries * 1000 / all)), "{queries} of {all}");
    assert!((70..130).contains(&per_mille("sensitive")), "{seen:?} of {queries}");
    assert!((8..25).contains(&per_mille("highly")), "{seen:?} of {queries}");
    assert!((12..30).contains(&per_mille("unauthorized")), "{seen:?} of {queries}");
    assert!((5..17).contains(&per_mille("failure")), "{seen:?} of {queries}");
    let shapes = ["opaque", "unknown", "notebook", "no objects", "tags as strings", "tags with a name"];
    let shapes = shapes.iter().chain(&["tags with a tag name", "spelled out"]);
    assert!(shapes.into_iter().all(|name| seen.contains_key(name)), "{seen:?}");
    let all = ["BigQuery", "Databricks", "Redshift", "Snowflake", "Starburst", "Synapse", "Trino"];
    assert_eq!(platforms.iter().collect::<Vec<_>>(), all);
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
fn some_records_come_late_and_keep_the_time_of_their_event() {
    let plan = Plan { days: 6, events_per_day: 3000, ..Plan::default() };
    let (mut late, mut longest) = (0, 0);
    for record in records(&plan).unwrap().filter(|record| kind(record) != "Query") {
        let Some(received) = record["receivedTimestamp"].as_str() else {
            continue;
        };
        let received = DateTime::parse_from_rfc3339(received).unwrap().timestamp_millis();
        let lag = (received - tenant::happened(&record)) / 3_600_000;
        late += i32::from(lag >= 1);
        longest = longest.max(lag);
    }
    assert!(late > 10, "{late}");
    // Up to two days late, and those that come twice another day later.
    assert!((30..=75).contains(&longest), "{longest}");
}

#[test]
fn jobs_do_hundreds_of_things_within_minutes() {
    // The first of October 2026 is a Thursday.
    let plan = Plan { days: 2, ..Plan::default() };
    let mut by_hour: BTreeMap<(String, String, i64), u32> = BTreeMap::new();
    for record in records(&plan).unwrap() {
        let actor = record["actor"]["id"].as_str().unwrap().to_owned();
        let hour = tenant::happened(&record) / 3_600_000 % 24;
        *by_hour.entry((actor, kind(&record).to_owned(), hour)).or_default() += 1;
    }
    let many = |actor: &str, kind: &str, hour| by_hour[&(actor.to_owned(), kind.to_owned(), hour)];
    assert!(many("svc-onboarding", "SubscriptionCreated", 4) > 100);
    assert!(many("svc-registrar", "DatasourceCreated", 3) > 70);
    assert!(many("immuta-system", "DatasourceCatalogSynced", 1) > 100);
    assert!(many("immuta-system", "TagApplied", 1) > 80);
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
