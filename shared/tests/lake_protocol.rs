//! The lake is a function of the exports: in any order, twice, at once, with a crash between any two steps.
//!
//! Every test commits small exports in one process, to a store that fails or waits where the test says so, and holds
//! the files against those of a lake where nothing ever went wrong: byte for byte, and no lease left over.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "lake_protocol/approving.rs"]
mod approving;
#[path = "lake_protocol/correlating.rs"]
mod correlating;
#[path = "lake_protocol/correlating_among_others.rs"]
mod correlating_among_others;
#[path = "lake_protocol/delivering.rs"]
mod delivering;
#[path = "lake_protocol/disturbed.rs"]
mod disturbed;
#[path = "lake_protocol/disturbed_sequences.rs"]
mod disturbed_sequences;
#[path = "lake_protocol/publishing.rs"]
mod publishing;
#[path = "lake_protocol/records.rs"]
mod records;
#[path = "lake_protocol/verifying.rs"]
mod verifying;
#[path = "lake_protocol/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use immuta_watch::alerts::{Alert, Approvals, Contribution};
use immuta_watch::findings::{Area, Bounds, Context, classify};
use immuta_watch::lake::{
    CommitError, DirectoryStore, MemoryStore, OpenExport, Outcome, Store, names, read_manifests, visit_alerts,
};
use immuta_watch::rules::Pack;
use proptest::prelude::*;

use records::{export, grant, grant_without_time, query, unknown};
use world::{
    Committed, Files, MOMENTS, Moment, OTHER_PACK, PACK, Pause, Process, TestClock, TestExport, assert_same, begin,
    commit, commit_again, context, lake_of, poll, run, store_with,
};

/// Two dates, both ledgers, an alert that only the shipped pack has, a line for quarantine.
fn first_version() -> String {
    let query = query(1, "ann", "2026-11-02T09:00:00Z", "UNAUTHORIZED", "SENSITIVE");
    let grant = grant(1, "bob", "2026-11-03T09:00:00Z", "GOVERNANCE");
    format!("{query}\n{grant}\nno json\n\n")
}

/// Another date in place of one of them, nothing for quarantine.
fn second_version() -> String {
    let grant = grant(1, "bob", "2026-11-03T09:00:00Z", "GOVERNANCE");
    format!("{grant}\n{}\n", unknown(7))
}

fn uri(number: usize) -> String {
    format!("s3://audit/export-{number}.ndjson")
}

fn exports(contents: &[Vec<u8>]) -> Vec<TestExport> {
    contents.iter().enumerate().map(|(number, content)| TestExport::new(&uri(number), content)).collect()
}

// ---- Any order, any repetition

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_order_and_any_repetition_gives_the_same_lake(
        contents in prop::collection::vec(export(), 1..4),
        order in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..6),
    ) {
        let exports = exports(&contents);
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        for (index, again) in order {
            let export = index.get(&exports);
            let outcome = if again { commit_again(&store, &clock, export, &PACK) } else { commit(&store, &clock, export, &PACK) };
            prop_assert!(matches!(outcome.unwrap(), Outcome::Committed(_) | Outcome::AlreadyCommitted(_)));
        }
        for export in exports.iter().rev() {
            commit(&store, &clock, export, &PACK).unwrap();
        }
        assert_same(&store.files(), &lake_of(&exports, &PACK), "in another order");
    }

    #[test]
    fn an_export_that_was_replaced_leaves_nothing_of_what_it_was(former in export(), content in export()) {
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        let export = TestExport::new(&uri(0), former);
        commit(&store, &clock, &export, &OTHER_PACK).unwrap();
        export.replace(content);
        commit(&store, &clock, &export, &PACK).unwrap();
        commit_again(&store, &clock, &export, &PACK).unwrap();
        assert_same(&store.files(), &lake_of([&export], &PACK), "after it was replaced");
    }
}

#[test]
fn a_folder_and_memory_hold_the_same_lake() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    let exports = exports(&[first_version().into(), second_version().into()]);
    for export in exports.iter().chain(&exports) {
        commit(&store, &TestClock::new(), export, &PACK).unwrap();
    }
    assert_same(&files_in(&store), &lake_of(&exports, &PACK), "in a folder");
}

fn files_in(store: &impl Store) -> Files {
    let content = |name: &str| run(store.get(name)).unwrap().unwrap().content;
    run(store.list("")).unwrap().into_iter().map(|entry| (entry.name.clone(), content(&entry.name))).collect()
}

#[test]
fn what_is_committed_twice_is_classified_once() {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    let export = TestExport::new(&uri(0), first_version());
    let Outcome::Committed(first) = commit(&store, &clock, &export, &PACK).unwrap() else { panic!("not committed") };
    // Another pack alone is no reason: whoever wants it classified again says so.
    let second = commit(&store, &clock, &export, &OTHER_PACK).unwrap();
    assert_eq!(second, Outcome::AlreadyCommitted(first));
    assert_eq!(export.opened(), 1);
    commit_again(&store, &clock, &export, &OTHER_PACK).unwrap();
    assert_eq!(export.opened(), 2);
}

#[test]
fn an_export_that_is_gone_changes_nothing() {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    let export = TestExport::new(&uri(0), first_version());
    commit(&store, &clock, &export, &PACK).unwrap();
    let before = store.files();
    export.remove();
    assert_eq!(commit(&store, &clock, &export, &PACK).unwrap(), Outcome::Gone);
    assert_same(&store.files(), &before, "after the export was removed");
}

// ---- A crash at any step

/// What was there before, and the commit that dies.
struct Attempt {
    name: &'static str,
    /// The lake before it
    before: Files,
    export: TestExport,
    pack: &'static Pack,
    again: bool,
}

fn attempts() -> Vec<Attempt> {
    let export = |content: String| TestExport::new(&uri(0), content);
    let committed = || lake_of([&export(first_version())], &PACK);
    let (first, second) = (export(first_version()), export(second_version()));
    let first_again = export(first_version());
    vec![
        Attempt { name: "a first commit", before: Files::new(), export: first, pack: &PACK, again: false },
        Attempt { name: "a replaced export", before: committed(), export: second, pack: &PACK, again: false },
        Attempt { name: "another pack", before: committed(), export: first_again, pack: &OTHER_PACK, again: true },
    ]
}

impl Attempt {
    fn lake(&self) -> MemoryStore {
        store_with(&self.before)
    }

    /// Runs it in a process that dies in a call; whether it got that far.
    fn dies_in(&self, call: usize, moment: Moment, lake: &MemoryStore, clock: &TestClock, name: &str) -> bool {
        let process = Process::on(lake.as_holder(name)).that_dies(call, moment);
        let result = run(begin(&process, clock, &self.export, self.pack, self.again));
        assert_eq!(result.is_err(), process.is_dead(), "{}, call {call}: {result:?}", self.name);
        process.is_dead()
    }

    /// Runs it in a process that lives, and holds the lake against one where nothing went wrong.
    fn is_mended(&self, lake: &MemoryStore, clock: &TestClock, knows_the_dead: bool, when: &str) {
        let mut process = Process::on(lake.as_holder("mending"));
        if knows_the_dead {
            process = process.that_knows_the_dead();
        } else {
            clock.outlast_every_lease();
        }
        let outcome = run(begin(&process, clock, &self.export, self.pack, self.again)).unwrap();
        assert!(matches!(outcome, Outcome::Committed(_) | Outcome::AlreadyCommitted(_)), "{when}: {outcome:?}");
        assert_same(&lake.files(), &lake_of([&self.export], self.pack), when);
    }
}

#[test]
fn a_crash_at_every_store_call_in_turn_is_mended_by_committing_again() {
    for attempt in attempts() {
        for moment in MOMENTS {
            for knows_the_dead in [false, true] {
                let mut call = 1;
                loop {
                    let (lake, clock) = (attempt.lake(), TestClock::new());
                    if !attempt.dies_in(call, moment, &lake, &clock, "dying") {
                        break;
                    }
                    let when = format!("{}, died in call {call}, {moment:?}", attempt.name);
                    attempt.is_mended(&lake, &clock, knows_the_dead, &when);
                    call += 1;
                }
                assert!(call > 12, "{} takes more calls than {call}", attempt.name);
            }
        }
    }
}

#[test]
fn a_second_crash_while_mending_the_first_is_mended_as_well() {
    for attempt in attempts() {
        let mut first = 1;
        loop {
            // The moments alternate, which halves the cases and still has each call die both ways, by turns.
            let moment = MOMENTS[first % 2];
            if !attempt.dies_in(first, moment, &attempt.lake(), &TestClock::new(), "one") {
                break;
            }
            let mut second = 1;
            loop {
                let (lake, clock) = (attempt.lake(), TestClock::new());
                attempt.dies_in(first, moment, &lake, &clock, "one");
                clock.outlast_every_lease();
                let second_moment = MOMENTS[(first + second) % 2];
                let died = attempt.dies_in(second, second_moment, &lake, &clock, "two");
                let when =
                    format!("{}, died in calls {first} ({moment:?}) and {second} ({second_moment:?})", attempt.name);
                attempt.is_mended(&lake, &clock, false, &when);
                if !died {
                    break;
                }
                second += 1;
            }
            first += 1;
        }
    }
}

#[test]
fn an_export_replaced_after_a_crash_leaves_nothing_of_what_it_was() {
    for attempt in attempts() {
        for moment in MOMENTS {
            let mut call = 1;
            loop {
                let (lake, clock) = (attempt.lake(), TestClock::new());
                if !attempt.dies_in(call, moment, &lake, &clock, "dying") {
                    break;
                }
                let when = format!("{}, died in call {call}, {moment:?}", attempt.name);
                let replaced = TestExport::new(&uri(0), unknown(1));
                clock.outlast_every_lease();
                commit(&lake, &clock, &replaced, &PACK).unwrap();
                assert_same(&lake.files(), &lake_of([&replaced], &PACK), &when);
                call += 1;
            }
        }
    }
}

#[test]
fn whoever_mends_a_crash_the_lake_is_that_of_the_pack_in_the_manifest() {
    let attempt = &attempts()[2];
    let lake_by_pack: BTreeMap<&str, Files> =
        [&PACK, &OTHER_PACK].map(|pack| (pack.hash(), lake_of([&attempt.export], pack))).into();
    for pack in [&PACK, &OTHER_PACK] {
        let mut call = 1;
        loop {
            let (lake, clock) = (attempt.lake(), TestClock::new());
            if !attempt.dies_in(call, Moment::AfterTheEffect, &lake, &clock, "dying") {
                break;
            }
            clock.outlast_every_lease();
            commit(&lake, &clock, &attempt.export, pack).unwrap();
            let (_, manifest) = run(read_manifests(&lake)).unwrap().remove(0);
            let expected = &lake_by_pack[manifest.unwrap().pack.as_str()];
            assert_same(&lake.files(), expected, &format!("died in call {call}"));
            call += 1;
        }
    }
}

#[test]
fn in_a_folder_a_dead_process_is_known_to_be_gone() {
    let export = TestExport::new(&uri(0), first_version());
    let expected = lake_of([&export], &PACK);
    for moment in MOMENTS {
        let mut call = 1;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let clock = TestClock::new();
            let process = Process::on(DirectoryStore::open(folder.path()).unwrap()).that_dies(call, moment);
            let _ = commit(&process, &clock, &export, &PACK);
            if !process.is_dead() {
                break;
            }
            drop(process);
            let next = DirectoryStore::open(folder.path()).unwrap();
            commit(&next, &clock, &export, &PACK).unwrap();
            assert_same(&files_in(&next), &expected, &format!("died in call {call}, {moment:?}"));
            call += 1;
        }
    }
}

// ---- Two at once

/// Lets two commits go on by turns: `turns` says who is next, as long as both are at work.
fn by_turns(
    one: impl Future<Output = Committed>,
    other: impl Future<Output = Committed>,
    turns: impl IntoIterator<Item = bool>,
) -> [Committed; 2] {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    for turn in turns {
        if turn && first.is_none() {
            first = ready(poll(one.as_mut()));
        } else if !turn && second.is_none() {
            second = ready(poll(other.as_mut()));
        }
    }
    [first.unwrap_or_else(|| run(one)), second.unwrap_or_else(|| run(other))]
}

fn ready<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Whether an attempt may end so while another is at work on the same export.
fn is_harmless(result: &Committed) -> bool {
    matches!(
        result,
        Ok(Outcome::Committed(_) | Outcome::AlreadyCommitted(_) | Outcome::Busy(_)) | Err(CommitError::LeaseLost)
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn two_attempts_interleaved_at_every_store_call_give_the_same_lake(
        turns in prop::collection::vec(any::<bool>(), 0..140),
        scenario in 0..3_usize,
    ) {
        let attempt = &attempts()[scenario];
        let (lake, clock) = (attempt.lake(), TestClock::new());
        let [one, two] = ["one", "two"].map(|name| Process::on(lake.as_holder(name)).that_pauses(Pause::Around));
        let results = by_turns(
            begin(&one, &clock, &attempt.export, attempt.pack, attempt.again),
            begin(&two, &clock, &attempt.export, attempt.pack, attempt.again),
            turns,
        );
        prop_assert!(results.iter().all(is_harmless), "{results:?}");
        prop_assert!(results.iter().any(|result| matches!(result, Ok(Outcome::Committed(_)))), "{results:?}");
        assert_same(&lake.files(), &lake_of([&attempt.export], attempt.pack), attempt.name);
    }

    /// The clock jumps at some point: the lease of whoever is at work runs out, and the other takes it over.
    #[test]
    fn an_attempt_taken_over_while_it_is_still_at_work_gives_the_same_lake(
        turns_before in prop::collection::vec(any::<bool>(), 0..60),
        turns_after in prop::collection::vec(any::<bool>(), 0..100),
        scenario in 0..3_usize,
    ) {
        let attempt = &attempts()[scenario];
        let (lake, clock) = (attempt.lake(), TestClock::new());
        let [one, two] = ["one", "two"].map(|name| Process::on(lake.as_holder(name)).that_pauses(Pause::Around));
        let jump = std::iter::once_with(|| { clock.outlast_every_lease(); true });
        let turns = turns_before.into_iter().chain(jump).chain(turns_after);
        let results = by_turns(
            begin(&one, &clock, &attempt.export, attempt.pack, attempt.again),
            begin(&two, &clock, &attempt.export, attempt.pack, attempt.again),
            turns,
        );
        prop_assert!(results.iter().all(is_harmless), "{results:?}");
        // Both may have lost their lease to each other, or one its life; whoever comes next finishes the work.
        attempt.is_mended(&lake, &clock, false, attempt.name);
    }
}

/// The one held up after each of its calls in turn, and the other run from its beginning to its end meanwhile.
#[test]
fn an_attempt_overtaken_at_every_store_call_gives_the_same_lake() {
    for attempt in attempts() {
        for its_lease_runs_out in [false, true] {
            let mut turns = 0;
            loop {
                let (lake, clock) = (attempt.lake(), TestClock::new());
                let one = Process::on(lake.as_holder("one")).that_pauses(Pause::Around);
                let mut first = pin!(begin(&one, &clock, &attempt.export, attempt.pack, attempt.again));
                if (0..turns).any(|_| poll(first.as_mut()).is_ready()) {
                    break;
                }
                if its_lease_runs_out {
                    clock.outlast_every_lease();
                }
                let two = Process::on(lake.as_holder("two"));
                let results = [run(begin(&two, &clock, &attempt.export, attempt.pack, attempt.again)), run(first)];
                let when = format!("{}, overtaken after {turns} turns: {results:?}", attempt.name);
                assert!(results.iter().all(is_harmless), "{when}");
                if results.iter().all(Result::is_ok) {
                    assert_same(&lake.files(), &lake_of([&attempt.export], attempt.pack), &when);
                } else {
                    attempt.is_mended(&lake, &clock, false, &when); // an attempt that failed is made again
                }
                turns += 1;
            }
            assert!(turns > 24, "{} takes more turns than {turns}", attempt.name);
        }
    }
}

#[test]
fn an_attempt_that_lost_its_lease_does_not_commit() {
    let new = TestExport::new(&uri(0), second_version());
    let expected = lake_of([&new], &PACK);
    let mut calls = 0;
    loop {
        let (lake, clock) = (MemoryStore::default(), TestClock::new());
        let export = TestExport::new(&uri(0), first_version());
        let slow = Process::on(lake.as_holder("slow")).that_pauses(Pause::After);
        let mut attempt = pin!(begin(&slow, &clock, &export, &PACK, false));
        if (0..=calls).any(|_| poll(attempt.as_mut()).is_ready()) {
            break;
        }
        let had_committed = !run(read_manifests(&lake)).unwrap().is_empty();
        // While it sleeps its lease runs out, the export is replaced, and another process commits what it is now.
        clock.outlast_every_lease();
        export.replace(second_version());
        let other = commit(&lake.as_holder("other"), &clock, &export, &PACK);
        assert!(matches!(other, Ok(Outcome::Committed(_))), "{other:?}");
        let result = run(attempt);
        let when = format!("asleep after call {}: {result:?}", calls + 1);
        assert!(had_committed || !matches!(result, Ok(Outcome::Committed(_))), "{when}");
        let but_leases = lake.files().into_iter().filter(|(name, _)| !name.starts_with(names::LEASES)).collect();
        assert_same(&but_leases, &expected, &when);
        // A lease that was granted so late that it had run out by then is cleared away by whoever comes next.
        clock.outlast_every_lease();
        commit(&lake.as_holder("next"), &clock, &export, &PACK).unwrap();
        assert_same(&lake.files(), &expected, &when);
        calls += 1;
    }
    assert!(calls > 12, "a commit takes more calls than {calls}");
}

/// Neither the lease nor the manifest is written but on condition that it is still the one that was read.
#[test]
fn of_two_that_ask_for_the_lease_at_once_one_gets_it_and_reads_the_export() {
    let (lake, clock) = (MemoryStore::default(), TestClock::new());
    let export = TestExport::new(&uri(0), first_version());
    let [one, two] = ["one", "two"].map(|name| Process::on(lake.as_holder(name)).that_pauses(Pause::Around));
    let step_by_step = (0..200).map(|turn| turn % 2 == 0);
    let results =
        by_turns(begin(&one, &clock, &export, &PACK, false), begin(&two, &clock, &export, &PACK, false), step_by_step);
    assert!(matches!(results, [Ok(Outcome::Committed(_)), Ok(Outcome::Busy(_))]), "{results:?}");
    assert_eq!(export.opened(), 1);
}

/// The clock of the one that sleeps stands still, so that it does not know by itself that its lease ran out. That is
/// more than the protocol allows clocks to differ, and even then a manifest is never put in the place of a later one.
#[test]
fn an_attempt_that_does_not_know_that_it_lost_its_lease_does_not_commit() {
    let later = TestExport::new(&uri(0), second_version());
    let name = names::manifest(&later.source().id);
    let expected = lake_of([&later], &PACK)[&name].clone();
    let mut calls = 0;
    loop {
        let (lake, its_clock, clock) = (MemoryStore::default(), TestClock::new(), TestClock::new());
        let export = TestExport::new(&uri(0), first_version());
        let slow = Process::on(lake.as_holder("slow")).that_pauses(Pause::After);
        let mut attempt = pin!(begin(&slow, &its_clock, &export, &PACK, false));
        if (0..=calls).any(|_| poll(attempt.as_mut()).is_ready()) {
            break;
        }
        let had_committed = lake.files().contains_key(&name);
        clock.outlast_every_lease();
        export.replace(second_version());
        commit(&lake.as_holder("other"), &clock, &export, &PACK).unwrap();
        let result = run(attempt);
        let when = format!("asleep after call {}: {result:?}", calls + 1);
        assert!(had_committed || !matches!(result, Ok(Outcome::Committed(_))), "{when}");
        assert_eq!(lake.files()[&name], expected, "{when}");
        calls += 1;
    }
    assert!(calls > 12, "a commit takes more calls than {calls}");
}

#[test]
fn an_export_that_changes_while_it_is_read_is_not_committed_and_holds_nobody_up() {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    let export = TestExport::new(&uri(0), first_version());
    let slow = Process::on(store.as_holder("slow")).that_pauses(Pause::After);
    let mut attempt = pin!(begin(&slow, &clock, &export, &PACK, false));
    assert!(poll(attempt.as_mut()).is_pending());
    export.replace(second_version());
    assert!(matches!(run(attempt), Err(CommitError::Changed)));
    let next = commit(&store.as_holder("next"), &clock, &export, &PACK).unwrap();
    assert!(matches!(next, Outcome::Committed(_)), "{next:?}");
    assert_same(&store.files(), &lake_of([&export], &PACK), "after it changed");
}

// ---- Memory and temporary files

/// Every file of an export, by area and date.
fn files_of(content: &[u8], bounds: Bounds) -> BTreeMap<(Area, String), Vec<u8>> {
    let export = TestExport::new(&uri(0), content);
    let bounded = Context { bounds, ..context(&PACK) };
    let findings = classify(export.source(), content, &bounded, &mut |_| {}).unwrap();
    let mut unseen = |_: &Contribution| ();
    let files = findings.into_files(&mut unseen).unwrap().map(|file| {
        let mut file = file.unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut file.blob.reader().unwrap(), &mut content).unwrap();
        ((file.area, format!("{:?}", file.date)), content)
    });
    files.collect()
}

#[track_caller]
fn assert_spilling_changes_nothing(content: &[u8], bytes: usize) {
    let expected = files_of(content, Bounds::default());
    let found = files_of(content, Bounds { rows: bytes, rollups: bytes, alerts: bytes, signals: bytes });
    assert!(found.keys().eq(expected.keys()));
    let differing: Vec<_> = found.keys().filter(|key| found[*key] != expected[*key]).collect();
    assert!(differing.is_empty(), "with {bytes} bytes of memory these differ: {differing:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn spilling_to_temporary_files_changes_no_byte(content in export(), bytes in prop_oneof![Just(0), Just(1024)]) {
        assert_spilling_changes_nothing(&content, bytes);
    }
}

/// The same event three times, the time of receipt apart, which is the only one that it has. The first copy is so long
/// that it alone is spilled, and the others are added up without it.
#[test]
fn spilling_an_event_that_was_received_twice_changes_no_byte() {
    let received = |id, time: &str| grant_without_time(id, "ann", &format!("2026-11-02T{time}:00Z"));
    let long = received(1, "11:00").replace("\":", &format!("\":{}", " ".repeat(400)));
    let lines = [long, received(1, "13:00"), received(2, "12:00")];
    assert_spilling_changes_nothing(lines.join("\n").as_bytes(), 3000);
}

/// More rows than a Parquet page has (20,000), so that the cuts between pages must not follow those of the spilling.
#[test]
fn spilling_many_rows_of_one_date_changes_no_byte() {
    let lines: Vec<_> = (0..25_000).map(|id| format!(r#"{{"id":{id},"action":"QUERY","targetType":"X"}}"#)).collect();
    assert_spilling_changes_nothing(lines.join("\n").as_bytes(), 700_000);
}

// ---- Alerts

fn alerts_of(store: &MemoryStore) -> Vec<Alert> {
    let mut alerts = Vec::new();
    run(visit_alerts(store, .., &mut |alert| alerts.push(alert))).unwrap();
    alerts
}

fn in_words<'a>(alerts: impl IntoIterator<Item = &'a Alert>) -> Vec<String> {
    alerts.into_iter().map(|alert| serde_json::to_string_pretty(alert.detail()).unwrap()).collect()
}

/// Of each alert, how many events it counts and how many it shows.
fn events_and_examples(store: &MemoryStore) -> Vec<(usize, usize)> {
    alerts_of(store)
        .iter()
        .map(|alert| (usize::try_from(alert.count()).unwrap(), alert.detail().examples.len()))
        .collect()
}

#[test]
fn the_same_event_in_two_exports_counts_once_in_its_alert() {
    let both = grant(1, "ann", "2026-11-02T09:00:00Z", "GOVERNANCE");
    let only_one = grant(2, "ann", "2026-11-02T10:00:00Z", "AUDIT");
    let exports = exports(&[both.clone().into(), format!("{both}\n{only_one}\n{both}").into()]);
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    for export in &exports {
        commit(&store, &clock, export, &PACK).unwrap();
    }
    assert_eq!(events_and_examples(&store), [(2, 2)]);
}

/// Received twice, and with no time of its own: the time of receipt is not part of the event.
#[test]
fn an_event_received_twice_is_one_example_of_its_alert() {
    let received = |id, time: &str| grant_without_time(id, "ann", &format!("2026-11-02T{time}:00Z"));
    let exports = exports(&[received(1, "11:00").into(), received(2, "12:00").into(), received(1, "13:00").into()]);
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    for export in &exports {
        commit(&store, &clock, export, &PACK).unwrap();
    }
    assert_eq!(events_and_examples(&store), [(2, 2)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn alerts_do_not_depend_on_the_order_of_exports(
        (contents, shuffled) in prop::collection::vec(export(), 2..4).prop_flat_map(|contents| {
            let numbered: Vec<_> = contents.iter().cloned().enumerate().collect();
            (Just(contents), Just(numbered).prop_shuffle())
        }),
    ) {
        let exports = exports(&contents);
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        for (number, _) in &shuffled {
            commit(&store, &clock, &exports[*number], &PACK).unwrap();
        }
        let in_order = store_with(&lake_of(&exports, &PACK));
        prop_assert_eq!(in_words(&alerts_of(&store)), in_words(&alerts_of(&in_order)));

        // Nor on the order in which contributions are folded, whatever the exports are called.
        let contributions = |numbers: &mut dyn Iterator<Item = usize>| -> Vec<Contribution> {
            numbers.flat_map(|number| contributions_of(&store, &exports[number])).collect()
        };
        let folded = |contributions| -> Vec<Alert> {
            let folded = Alert::fold(contributions).into_values();
            folded.map(|folded| Alert::of(folded, &Approvals::default())).collect()
        };
        let forwards = folded(contributions(&mut (0..exports.len())));
        let by_shuffle = folded(contributions(&mut shuffled.iter().map(|(number, _)| *number)));
        prop_assert_eq!(in_words(&forwards), in_words(&by_shuffle));
    }
}

fn contributions_of(store: &MemoryStore, export: &TestExport) -> Vec<Contribution> {
    let ending = format!("{}.ndjson", export.source().id);
    let files =
        store.files().into_iter().filter(|(name, _)| name.starts_with(names::ALERTS) && name.ends_with(&ending));
    files
        .flat_map(|(_, content)| {
            let lines: Vec<_> =
                serde_json::Deserializer::from_slice(&content).into_iter().map(Result::unwrap).collect();
            lines
        })
        .collect()
}

#[test]
fn an_alert_of_an_unfinished_attempt_is_not_there() {
    let export = TestExport::new(&uri(0), first_version());
    let mut unfinished = 0;
    loop {
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        let dying = Process::on(store.as_holder("dying")).that_dies(unfinished + 1, Moment::BeforeTheEffect);
        let _ = commit(&dying, &clock, &export, &PACK);
        if store.files().keys().any(|name| name.starts_with(names::MANIFESTS)) {
            assert_eq!(alerts_of(&store).len(), 2);
            break;
        }
        assert!(alerts_of(&store).is_empty(), "{:?}", store.files().keys());
        unfinished += 1;
    }
    assert!(unfinished > 10, "the manifest is written last, not in call {unfinished}");
}
