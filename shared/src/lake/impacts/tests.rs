//! A small lake, made by hand: what of it is read, and what is said where it cannot be.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use serde_json::json;

use super::*;
use crate::export::{Source, SourceId};
use crate::findings::{Area, Counts};
use crate::lake::store::Condition;
use crate::lake::{MemoryStore, names};

const CHANGED: &str = "2026-11-10T09:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn key(number: u64) -> String {
    format!("{number:032x}")
}

/// The columns of a row: texts by name, the others are empty.
type Columns<'r> = &'r [(&'r str, &'r str)];

/// A Parquet file of a ledger, of rows at a time with some texts.
fn table(lists: &[&str], texts: &[&str], rows: &[(&str, Columns<'_>)]) -> Vec<u8> {
    let value =
        |row: Columns<'_>, name: &str| row.iter().find(|(of, _)| *of == name).map(|(_, text)| (*text).to_owned());
    let times: Vec<i64> = rows.iter().map(|(time, _)| at(time).timestamp_micros()).collect();
    let mut columns: Vec<(&str, ArrayRef)> =
        vec![("event_time", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")))];
    for name in texts {
        let values: StringArray = rows.iter().map(|(_, row)| value(row, name)).collect();
        columns.push((name, Arc::new(values)));
    }
    for name in lists {
        let mut values = ListBuilder::new(StringBuilder::new());
        for (_, row) in rows {
            values.append_value(value(row, name).map(Some));
        }
        columns.push((name, Arc::new(values.finish())));
    }
    written(
        &RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
            .unwrap(),
    )
}

fn written(batch: &RecordBatch) -> Vec<u8> {
    let mut content = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut content, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    content
}

fn queries(rows: &[(&str, Columns<'_>)]) -> Vec<u8> {
    let texts = ["event_key", "status", "sensitivity", "actor", "actor_name", "actor_profile"];
    table(&["objects", "columns"], &texts, rows)
}

fn changes(rows: &[(&str, Columns<'_>)]) -> Vec<u8> {
    let lists = ["subjects", "groups", "objects", "columns", "attributes", "tags", "policies"];
    table(&lists, &["event_key", "event_id", "kind", "status", "actor", "raw"], rows)
}

async fn put(store: &MemoryStore, name: &str, content: Vec<u8>) {
    store.put_if(name, content, Condition::Absent).await.unwrap();
}

fn file(ledger: Ledger, date: &str, source: &SourceId) -> String {
    names::file(Area::Ledger(ledger), date.parse().ok(), source)
}

/// Commits files under the name of an export.
async fn commit(store: &MemoryStore, address: &str, files: Vec<(Ledger, &str, Vec<u8>)>) {
    let source = Source::at(address).id;
    let mut named = Vec::new();
    for (ledger, date, content) in files {
        let name = file(ledger, date, &source);
        named.push(json!({ "name": name, "rows": 1, "bytes": content.len(), "sha256": "" }));
        put(store, &name, content).await;
    }
    let manifest = json!({
        "manifest_version": 1, "source": source, "uri": address, "etag": "1", "bytes": 1, "plain_bytes": 1,
        "compression": "none", "first_event": "2026-11-01T00:00:00Z", "last_event": "2026-11-12T23:00:00Z",
        "release": "1", "pack": "1", "configuration": "1", "counts": Counts::default(), "files": named, "seal": "",
    });
    put(store, &names::manifest(&source), manifest.to_string().into_bytes()).await;
}

/// A tag is taken off a table; a query before it and two after, one of them refused, and files of each day.
async fn lake() -> MemoryStore {
    let store = MemoryStore::default();
    let (removed, created) = (key(0xabc_def0), key(0xabc_def1));
    let tag = [
        ("event_key", removed.as_str()),
        ("event_id", "record-7"),
        ("kind", "TagRemoved"),
        ("status", "SUCCESS"),
        ("objects", "hr.pay"),
        ("tags", "PII"),
    ];
    let user = [("event_key", created.as_str()), ("event_id", "record-71"), ("kind", "UserCreated")];
    let keys: Vec<String> = (1..=3).map(key).collect();
    let query = |number: usize, status| {
        [("event_key", keys[number].as_str()), ("status", status), ("actor", "ann"), ("objects", "hr.pay")]
    };
    let (read, again, refused) = (query(0, "SUCCESS"), query(1, "SUCCESS"), query(2, "UNAUTHORIZED"));
    let day = |time, row| queries(&[(time, row)]);
    commit(
        &store,
        "one",
        vec![
            (Ledger::Changes, "2026-11-10", changes(&[(CHANGED, &tag), (CHANGED, &user)])),
            (Ledger::Access, "2026-11-03", day("2026-11-03T10:00:00Z", &read)),
            (Ledger::Access, "2026-11-04", day("2026-11-04T20:00:00Z", &read)),
            (Ledger::Access, "2026-11-10", day("2026-11-10T10:00:00Z", &again)),
            (Ledger::Access, "2026-11-11", day("2026-11-11T08:00:00Z", &refused)),
        ],
    )
    .await;
    store
}

async fn only(store: &MemoryStore) -> Result<Impact, ReadError> {
    let files = LedgerFiles::in_lake(store).await.unwrap();
    let change = find_change(store, &files, "record-7").await.unwrap();
    match impacts(store, &files, vec![change], TimeDelta::days(1)).await?.remove(0) {
        Comparison::Made(impact) => Ok(*impact),
        Comparison::NotPossible(_, nothing) => panic!("{nothing}"),
    }
}

#[tokio::test]
async fn a_change_is_found_and_its_windows_are_counted() {
    let found = only(&lake().await).await.unwrap();
    assert_eq!(found.scope.names(), ["hr.pay"]);
    assert_eq!((found.inside.before.queries, found.inside.before.denied), (1, 0));
    assert_eq!((found.inside.after.queries, found.inside.after.denied), (2, 1));
    assert_eq!(found.outside.unwrap().after.queries, 0);
}

#[tokio::test]
async fn a_change_goes_by_its_key_or_id_or_by_how_one_of_them_begins() {
    let store = lake().await;
    let files = LedgerFiles::in_lake(&store).await.unwrap();
    let find = async |text: &str| find_change(&store, &files, text).await;
    let removed = key(0xabc_def0);
    for text in [removed.as_str(), &removed.to_uppercase(), "record-7", " RECORD-7 "] {
        assert_eq!(find(text).await.unwrap().event.to_string(), removed, "{text}");
    }
    assert!(matches!(find("record").await.unwrap_err(), FindError::Several(_, named) if named.len() == 2));
    assert!(matches!(find("record-71").await.unwrap_err(), FindError::NoChange(_, kind) if kind == "UserCreated"));
    assert!(matches!(find("rec").await.unwrap_err(), FindError::TooShort(_)));
    assert!(matches!(find("zzzzzzzz").await.unwrap_err(), FindError::Unknown(_)));
}

#[tokio::test]
async fn files_that_no_manifest_names_do_not_count() {
    let store = lake().await;
    let before = only(&store).await.unwrap();
    let stray = file(Ledger::Access, "2026-11-10", &Source::at("half done").id);
    let row = [("event_key", key(9)), ("status", "UNAUTHORIZED".to_owned()), ("objects", "hr.pay".to_owned())];
    let row: Vec<(&str, &str)> = row.iter().map(|(name, text)| (*name, text.as_str())).collect();
    put(&store, &stray, queries(&[("2026-11-10T11:00:00Z", &row)])).await;
    put(&store, &names::manifest(&Source::at("damaged").id), b"{".to_vec()).await;
    assert_eq!(only(&store).await.unwrap(), before);
    assert_eq!(LedgerFiles::in_lake(&store).await.unwrap().unreadable, 1);
}

#[tokio::test]
async fn a_copy_of_an_event_in_another_export_counts_once() {
    let store = lake().await;
    let before = only(&store).await.unwrap();
    let third = key(3);
    let copy: Columns<'_> =
        &[("event_key", &third), ("status", "UNAUTHORIZED"), ("actor", "ann"), ("objects", "hr.pay")];
    let content = queries(&[("2026-11-11T08:00:00Z", copy), ("2026-11-11T08:00:00Z", copy)]);
    commit(&store, "two", vec![(Ledger::Access, "2026-11-11", content)]).await;
    assert_eq!(only(&store).await.unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_gone_or_is_none_is_an_error_that_names_it() {
    let gone = lake().await;
    let name = file(Ledger::Access, "2026-11-10", &Source::at("one").id);
    gone.remove(&name).await.unwrap();
    assert!(only(&gone).await.unwrap_err().to_string().contains(&name));
    let odd = RecordBatch::try_from_iter([("event_key", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    for content in [b"no Parquet".to_vec(), written(&odd)] {
        gone.remove(&name).await.unwrap();
        put(&gone, &name, content).await;
        let said = only(&gone).await.unwrap_err().to_string();
        assert!(said.contains(&name) && said.contains("damaged"), "{said}");
    }
}

#[tokio::test]
async fn the_newest_changes_come_first_and_say_whether_there_are_older_ones() {
    let store = lake().await;
    let (first, second) = (key(0xaaa), key(0xbbb));
    let row = |event| [("event_key", event), ("kind", "TagApplied"), ("objects", "hr.pay"), ("tags", "PII")];
    let (first, second) = (row(first.as_str()), row(second.as_str()));
    let content = changes(&[("2026-11-05T08:00:00Z", &first), ("2026-11-05T09:00:00Z", &second)]);
    commit(&store, "earlier", vec![(Ledger::Changes, "2026-11-05", content)]).await;
    let files = LedgerFiles::in_lake(&store).await.unwrap();
    let newest = async |most| newest_changes(&store, &files, .., most).await.unwrap();
    let times = |found: &NewestChanges| found.changes.iter().map(|change| change.time).collect::<Vec<_>>();
    let all = newest(3).await;
    assert_eq!(times(&all), [at(CHANGED), at("2026-11-05T09:00:00Z"), at("2026-11-05T08:00:00Z")]);
    assert!(!all.more);
    let two = newest(2).await;
    assert!(two.more && times(&two) == times(&all)[..2]);
    let until = at("2026-11-09T00:00:00Z").date_naive();
    let earlier = newest_changes(&store, &files, ..=until, 1).await.unwrap();
    assert!(earlier.more && times(&earlier) == [at("2026-11-05T09:00:00Z")]);
}
