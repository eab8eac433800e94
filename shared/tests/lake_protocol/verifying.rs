//! Verification finds nothing wrong with a sound lake, and each damage that is done to one.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use bytes::Bytes;
use immuta_watch::export::Limits;
use immuta_watch::findings::Blob;
use immuta_watch::lake::{Manifest, MemoryStore, OpenExport, Store, Verification, names, verify};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::records::{access_approved, export, grant, query, unknown};
use super::world::{Moment, assert_same};
use super::world::{PACK, Process, TestClock, TestExport, commit, lake_of, run, sha256, store_with};

/// A lake of two exports, and what tests break in it.
struct Sound {
    store: MemoryStore,
    exports: Vec<TestExport>,
}

fn sound() -> Sound {
    let queries = [
        query(1, "ann", "2026-11-02T09:00:00Z", "SUCCESS", "HIGHLY_SENSITIVE"),
        query(2, "ann", "2026-11-02T09:30:00Z", "UNAUTHORIZED", "SENSITIVE"),
        query(3, "bob", "2026-11-02T10:00:00Z", "SUCCESS", "NONSENSITIVE"),
        "no json".to_owned(),
        "[1]".to_owned(),
        access_approved(1, "2026-11-02T11:00:00Z"),
    ];
    let changes = [grant(1, "ann", "2026-11-03T09:00:00Z", "GOVERNANCE"), String::new(), unknown(2)];
    let exports = vec![
        TestExport::new("s3://audit/queries", queries.join("\n")),
        TestExport::new("s3://audit/changes", changes.join("\n")),
    ];
    let store = store_with(&lake_of(&exports, &PACK));
    for entry in run(store.list(names::TOUCHED)).unwrap() {
        run(store.remove(&entry.name)).unwrap();
    }
    Sound { store, exports }
}

fn verified(store: &MemoryStore, exports: &[TestExport]) -> Verification {
    let mut found = run(verify(store, exports, |_: &str| None, Limits::default(), &mut || {})).unwrap();
    // Nobody correlates here.
    found.problems.retain(|problem| !problem.about.starts_with(names::TOUCHED));
    found
}

impl Sound {
    fn verified(&self) -> Verification {
        verified(&self.store, &self.exports)
    }

    /// The one file of the first export in a folder.
    fn file(&self, folder: &str) -> String {
        let id = self.exports[0].source().id.to_string();
        let found: Vec<_> =
            self.store.files().into_keys().filter(|name| name.starts_with(folder) && name.contains(&id)).collect();
        // Of signals there is one for each rule.
        assert!(found.len() == 1 || folder == names::SIGNALS, "{found:?}");
        found[0].clone()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        self.store.files()[name].to_vec()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        run(self.store.put(name, &mut Blob::of(content.as_ref()))).unwrap();
    }

    fn remove(&self, name: &str) {
        run(self.store.remove(name)).unwrap();
    }

    fn manifest(&self) -> Manifest {
        serde_json::from_slice(&self.read(&self.file(names::MANIFESTS))).unwrap()
    }

    fn write_manifest(&self, manifest: &Manifest) {
        self.write(&self.file(names::MANIFESTS), encoded(manifest));
    }

    /// What somebody does who knows how manifests are sealed: the file's entry fits its content again.
    fn reseal(&self, file: &str, rows: u64, change: impl FnOnce(&mut Manifest)) {
        let mut manifest = self.manifest();
        let content = self.read(file);
        let entry = manifest.files.iter_mut().find(|entry| entry.name == file).unwrap();
        (entry.rows, entry.bytes, entry.sha256) = (rows, content.len() as u64, sha256(&content));
        change(&mut manifest);
        manifest.seal = String::new();
        manifest.seal = sha256(&encoded(&manifest));
        assert!(manifest.is_intact());
        self.write_manifest(&manifest);
    }
}

fn encoded(manifest: &Manifest) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(manifest).unwrap();
    text.push(b'\n');
    text
}

fn rows_of(content: &[u8]) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(content)).unwrap().build().unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    batches[0].clone()
}

fn as_parquet(rows: &RecordBatch) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
    out
}

/// That there is a problem with the file or export, said in these words.
#[track_caller]
fn assert_found(found: &Verification, about: &str, words: &str) {
    let held = found.problems.iter().any(|problem| problem.about == about && problem.what.contains(words));
    assert!(held, "nothing says of {about} that {words:?}: {:#?}", found.problems);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn verify_finds_nothing_wrong_with_a_sound_lake(contents in prop::collection::vec(export(), 0..4)) {
        let exports: Vec<_> =
            contents.iter().enumerate().map(|(number, content)| TestExport::new(&format!("s3://b/{number}"), content)).collect();
        let store = store_with(&lake_of(&exports, &PACK));
        let found = verified(&store, &exports);
        prop_assert!(found.problems.is_empty(), "{:#?}", found.problems);
        prop_assert_eq!((found.manifests, found.exports_recounted), (exports.len() as u64, exports.len() as u64));
        prop_assert!(found.counts.are_conserved());
    }
}

#[test]
fn verify_counts_what_it_looked_at() {
    let lake = sound();
    let found = lake.verified();
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
    assert_eq!((found.manifests, found.exports_recounted, found.exports_absent), (2, 2, 0));
    assert_eq!(
        (found.counts.read, found.counts.classified, found.counts.quarantined, found.counts.blank),
        (9, 6, 2, 1)
    );
    let files =
        lake.store.files().into_keys().filter(|name| names::DATA.iter().any(|folder| name.starts_with(folder))).count();
    assert_eq!(found.files, files as u64);
}

#[test]
fn verify_finds_a_row_that_was_removed_from_a_ledger() {
    let lake = sound();
    let ledger = lake.file("ledger/access/");
    let rows = rows_of(&lake.read(&ledger));
    lake.write(&ledger, as_parquet(&rows.slice(1, rows.num_rows() - 1)));
    let found = lake.verified();
    assert_found(&found, &ledger, "it has 2 rows, and its manifest says 3");
    assert_found(&found, &lake.file(names::MANIFESTS), "the ledger access holds 2 of its lines, and it says 3");
    assert_found(&found, &lake.file(names::MANIFESTS), "differ from line 1 of the export on");
}

/// Ledger, rollups, counts and seal all say that the event never was; the export says that it was.
#[test]
fn verify_finds_a_removed_row_even_when_everything_else_was_made_to_fit() {
    let lake = sound();
    let ledger = lake.file("ledger/access/");
    let rows = rows_of(&lake.read(&ledger));
    // Neither the first nor the last, which the manifest names.
    let others = [rows.slice(0, 1), rows.slice(2, rows.num_rows() - 2)];
    lake.write(&ledger, as_parquet(&arrow_select::concat::concat_batches(&rows.schema(), &others).unwrap()));
    lake.reseal(&ledger, 2, |manifest| {
        manifest.counts.read -= 1;
        manifest.counts.classified -= 1;
        manifest.counts.access -= 1;
    });
    let rollups = lake.file("rollups/");
    let rows = rows_of(&lake.read(&rollups));
    let aggregates = rows.column_by_name("aggregate").unwrap().as_string::<i32>().clone();
    let values = rows.column_by_name("events").unwrap().as_primitive::<arrow_array::types::Int64Type>().clone();
    let one_query =
        (0..rows.num_rows()).find(|row| aggregates.value(*row) == "kind" && values.value(*row) == 1).unwrap();
    let others = [rows.slice(0, one_query), rows.slice(one_query + 1, rows.num_rows() - one_query - 1)];
    let fewer = arrow_select::concat::concat_batches(&rows.schema(), &others).unwrap();
    lake.write(&rollups, as_parquet(&fewer));
    lake.reseal(&rollups, fewer.num_rows() as u64, |_| {});

    let found = lake.verified();
    let manifest = lake.file(names::MANIFESTS);
    assert_found(&found, &manifest, "the export has 6 lines, 0 of them blank, and it says 5 and 0");
    assert_found(&found, &manifest, "the export has 3 lines for the ledger access, which holds 2");
    assert_eq!(found.problems.len(), 2, "{:#?}", found.problems);
}

#[test]
fn verify_finds_a_quarantined_line_that_was_removed() {
    let lake = sound();
    let quarantine = lake.file("quarantine/");
    let text = String::from_utf8(lake.read(&quarantine)).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    lake.write(&quarantine, rest);
    assert_found(&lake.verified(), &quarantine, "it has 1 rows, and its manifest says 2");
    lake.reseal(&quarantine, 1, |manifest| {
        manifest.counts.quarantined -= 1;
        manifest.counts.read -= 1;
    });
    assert_found(
        &lake.verified(),
        &lake.file(names::MANIFESTS),
        "the export has 2 lines for quarantine, which holds 1",
    );
}

#[test]
fn verify_finds_a_changed_manifest() {
    let lake = sound();
    let mut manifest = lake.manifest();
    manifest.counts.matches += 1;
    lake.write_manifest(&manifest);
    let name = lake.file(names::MANIFESTS);
    assert_found(&lake.verified(), &name, "the manifest was changed after it was written");
    lake.write(&name, b"{");
    assert_found(&lake.verified(), &name, "the manifest is damaged");
}

#[test]
fn verify_finds_a_manifest_under_another_name() {
    let lake = sound();
    let name = lake.file(names::MANIFESTS);
    lake.write("manifests/0123.json", lake.read(&name));
    lake.remove(&name);
    assert_found(&lake.verified(), "manifests/0123.json", "this is not the name of the manifest of s3://audit/queries");
}

#[test]
fn verify_finds_counts_that_do_not_come_out_even() {
    let lake = sound();
    lake.reseal(&lake.file("quarantine/"), 2, |manifest| manifest.counts.read += 1);
    assert_found(&lake.verified(), &lake.file(names::MANIFESTS), "its counts do not come out even");
}

#[test]
fn verify_finds_a_file_that_no_manifest_names() {
    for folder in names::DATA {
        let lake = sound();
        let astray = format!("{folder}date=2026-11-02/astray");
        lake.write(&astray, b"x");
        let found = lake.verified();
        assert_found(&found, &astray, "no manifest names this file");
        assert_eq!(found.problems.len(), 1, "{:#?}", found.problems);
    }
}

#[test]
fn verify_finds_an_export_without_a_manifest() {
    let lake = sound();
    let manifest = lake.file(names::MANIFESTS);
    lake.remove(&manifest);
    let found = lake.verified();
    assert_found(&found, "s3://audit/queries", "the export has no manifest");
    assert_found(&found, &lake.file("ledger/access/"), "no manifest names this file");
}

#[test]
fn verify_finds_a_missing_file_in_every_folder() {
    for folder in names::DATA.into_iter().filter(|folder| *folder != "ledger/").chain(["ledger/access/"]) {
        let lake = sound();
        let name = lake.file(folder);
        lake.remove(&name);
        assert_found(&lake.verified(), &name, "the file is missing");
    }
}

#[test]
fn verify_finds_an_export_that_changed() {
    let lake = sound();
    lake.exports[0].replace("something else");
    assert_found(&lake.verified(), "s3://audit/queries", "the export changed since it was classified");
}

#[test]
fn verify_counts_an_export_that_is_gone() {
    let lake = sound();
    lake.exports[0].remove();
    let found = lake.verified();
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
    assert_eq!((found.exports_recounted, found.exports_absent), (1, 1));
}

#[test]
fn verify_finds_an_attempt_that_died_at_every_store_call() {
    let mut export =
        TestExport::new("s3://audit/queries", query(1, "ann", "2026-11-02T09:00:00Z", "SUCCESS", "SENSITIVE"));
    let expected = lake_of([&export], &PACK);
    let mut call = 1;
    loop {
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        let dying = Process::on(store.as_holder("dying")).that_dies(call, Moment::BeforeTheEffect);
        let finished = commit(&dying, &clock, &export, &PACK).is_ok();
        let exports = [export];
        let found = verified(&store, &exports);
        let [back] = exports;
        if finished {
            assert_same(&store.files(), &expected, "not dead");
            assert!(found.problems.is_empty(), "{:#?}", found.problems);
            break;
        }
        assert!(!found.problems.is_empty(), "died in call {call}");
        export = back;
        call += 1;
    }
}

/// Whatever byte of whatever file is damaged, verification says so, and says it of that file.
#[test]
fn verify_finds_a_changed_byte_wherever_it_is() {
    let lake = sound();
    let sound_files = lake.store.files();
    let mut missed = BTreeMap::new();
    for (name, content) in &sound_files {
        // All bytes of the footer and the head, and every thirteenth between.
        for at in (0..content.len()).filter(|at| at % 13 == 0 || *at + 24 > content.len()) {
            let mut damaged = content.to_vec();
            damaged[at] ^= 1 << (at % 8);
            lake.write(name, damaged);
            let found = lake.verified();
            if !found.problems.iter().any(|problem| problem.about == *name) {
                missed.insert((name.clone(), at), found.problems);
            }
        }
        lake.write(name, content);
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn verify_finds_a_manifest_that_names_another_time() {
    let lake = sound();
    let (mut manifest, ledger) = (lake.manifest(), lake.file("ledger/access/"));
    let last = manifest.last_event.unwrap();
    let rows = manifest.files.iter().find(|file| file.name == ledger).unwrap().rows;
    manifest.last_event = Some(last + chrono::TimeDelta::seconds(1));
    lake.reseal(&ledger, rows, |found| found.last_event = manifest.last_event);
    assert_found(&lake.verified(), &lake.file(names::MANIFESTS), "the first or last event that it names");
}
