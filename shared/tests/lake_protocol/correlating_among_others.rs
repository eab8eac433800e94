//! Correlations next to other packs, other runs and damage: nothing that was announced goes untold, nothing stays that is no
//! longer so.

use std::collections::BTreeSet;
use std::pin::pin;

use immuta_watch::findings::Blob;
use immuta_watch::lake::{Clock, Correlator, Lake, MemoryStore, OpenExport, Store, Taken, names};
use immuta_watch::notify::Announcer;
use immuta_watch::rules::Pack;

use crate::correlating::{CONFIGURATION, CORRELATIONS, alerts, correlation, correlator, counted, event, sweep};
use crate::exports;
use crate::world::{Pause, Process, TestClock, TestExport, commit, commit_again, context, poll, run};

fn of_pack<'c, S>(store: &'c S, clock: &'c TestClock, pack: &'c Pack, taken: Taken) -> Correlator<'c, S> {
    Correlator { pack, taken, ..correlator(store, clock) }
}

fn commit_announced(store: &impl Store, clock: &TestClock, export: &TestExport) {
    let uri = export.source().uri.clone();
    let mut announcer = Announcer::new(&CORRELATIONS, &CONFIGURATION.notify, "s3://lake", &uri, clock.now());
    let lake = Lake::new(store, clock);
    run(lake.commit(export, &context(&CORRELATIONS), false, Some(&mut announcer), &mut |_| ())).unwrap();
}

fn is_in_the_outbox(store: &MemoryStore) -> bool {
    store.files().keys().any(|name| name.starts_with(names::OUTBOX))
}

/// Three events of ann within the hour.
fn ann_alone() -> String {
    let lines: Vec<String> = (0..3).map(|number| event(number, "A", "ann", i64::from(number) * 5, 1)).collect();
    lines.join("\n")
}

/// The same, and one of bob beside them.
fn of_two_people() -> Vec<TestExport> {
    exports(&[ann_alone().into_bytes(), event(9, "A", "bob", 30, 1).into_bytes()])
}

#[test]
fn what_was_announced_is_told_although_a_silent_run_found_it_first() {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    let found = of_two_people();
    commit_announced(&store, &clock, &found[0]);
    commit(&store, &clock, &found[1], &CORRELATIONS).unwrap();
    run(of_pack(&store, &clock, &CORRELATIONS, Taken::Silent).correlate()).unwrap();
    assert!(!alerts(&store).is_empty());
    assert!(is_in_the_outbox(&store));
    run(of_pack(&store, &clock, &CORRELATIONS, Taken::Announced).correlate()).unwrap();
    assert!(!store.files().keys().any(|name| name.starts_with(names::TOUCHED)));
}

#[test]
fn what_nobody_is_to_be_told_of_is_left_in_no_outbox() {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    for export in &of_two_people() {
        commit(&store, &clock, export, &CORRELATIONS).unwrap();
    }
    run(sweep(&store, &clock)).unwrap();
    assert!(!alerts(&store).is_empty() && !is_in_the_outbox(&store));
}

#[test]
fn what_was_judged_stands_although_another_correlator_began_before() {
    let mut turns = 0;
    loop {
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        let lines = [event(1, "A", "ann", 0, 1), event(3, "A", "carl", 5, 1), event(2, "Other", "bob", 1_900, 1)];
        let found = exports(&lines.map(String::into_bytes));
        commit(&store, &clock, &found[0], &CORRELATIONS).unwrap();
        run(sweep(&store, &clock)).unwrap();
        commit(&store, &clock, &found[1], &CORRELATIONS).unwrap();
        let one = Process::on(store.as_holder("one")).that_pauses(Pause::Around);
        let mut first = pin!(async { correlator(&one, &clock).correlate().await });
        if (0..turns).any(|_| poll(first.as_mut()).is_ready()) {
            break;
        }
        commit(&store, &clock, &found[2], &CORRELATIONS).unwrap();
        run(sweep(&store, &clock)).unwrap();
        let ids = |store: &MemoryStore| -> BTreeSet<String> {
            let alone = alerts(store).into_iter().filter(|alert| alert.detail().rule_name == "alone");
            alone.map(|alert| alert.detail().alert.to_string()).collect()
        };
        let judged = ids(&store);
        run(first).unwrap();
        assert!(judged.is_subset(&ids(&store)), "after {turns} turns");
        turns += 1;
    }
    assert!(turns > 20, "correlating takes more turns than {turns}");
}

#[test]
fn another_pack_leaves_nothing_of_the_former_one_behind() {
    let section = |rules: &str| {
        format!(
            "  type: event_count\n  rules: {rules}\n  group-by: [watch.actor]\n  timespan: 1h\n  condition: {{gte: 3}}"
        )
    };
    let of = |rules: &str, window: &str, number: u32| -> &'static Pack {
        let all = section("[a, b]").replace("gte: 3", "gte: 300");
        let files = [
            counted("a", "A", 1),
            counted("b", "B", 2),
            correlation("count", number, &section(rules), window, ""),
            correlation("keep", 9, &all, "1d", ""),
        ];
        Box::leak(Box::new(Pack::compile(&files, &CONFIGURATION).unwrap_or_else(|errors| panic!("{errors}"))))
    };
    let lines: Vec<String> = (0..3).map(|number| event(number, "A", "ann", 210 + i64::from(number) * 25, 1)).collect();
    for (what, former, latter) in [
        ("counts another rule", of("[a]", "1d", 1), of("[b]", "1d", 1)),
        ("is another correlation", of("[a]", "1d", 1), of("[b]", "1d", 2)),
        ("cuts other windows", of("[a]", "1h", 1), of("[a]", "1d", 1)),
    ] {
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        let found = exports(&[lines.join("\n").into_bytes()]);
        commit(&store, &clock, &found[0], former).unwrap();
        run(of_pack(&store, &clock, former, Taken::All).correlate()).unwrap();
        assert_eq!(alerts(&store).len(), 1, "{what}");
        commit_again(&store, &clock, &found[0], latter).unwrap();
        run(of_pack(&store, &clock, latter, Taken::All).correlate()).unwrap();
        let fresh = MemoryStore::default();
        commit(&fresh, &clock, &found[0], latter).unwrap();
        run(of_pack(&fresh, &clock, latter, Taken::All).correlate()).unwrap();
        assert_eq!(alerts(&store).len(), alerts(&fresh).len(), "{what}");
    }
}

#[test]
fn a_former_pack_leaves_to_the_latter_what_it_does_not_know() {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    store.set_time(clock.now());
    let files = [
        counted("a", "A", 1),
        correlation(
            "never",
            8,
            "  type: event_count\n  rules: [a]\n  group-by: [watch.actor]\n  timespan: 1h\n  condition: {gte: 300}",
            "1d",
            "",
        ),
    ];
    let former = Pack::compile(&files, &CONFIGURATION).unwrap_or_else(|errors| panic!("{errors}"));
    commit(&store, &clock, &of_two_people()[0], &CORRELATIONS).unwrap();
    run(of_pack(&store, &clock, &former, Taken::All).correlate()).unwrap();
    run(of_pack(&store, &clock, &CORRELATIONS, Taken::All).correlate()).unwrap();
    assert!(alerts(&store).iter().any(|alert| alert.detail().rule_name == "count"));
}

#[test]
fn a_record_from_the_future_makes_the_log_no_longer() {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    let future = event(1, "A", "ann", 0, 1).replace("2026-11-02", "9999-11-02");
    let found = exports(&[event(2, "A", "ann", 0, 1).into_bytes(), future.into_bytes()]);
    for export in &found {
        commit(&store, &clock, export, &CORRELATIONS).unwrap();
    }
    for _ in 0..3 {
        clock.advance(86_400);
        run(sweep(&store, &clock)).unwrap();
    }
    assert!(!alerts(&store).iter().any(|alert| alert.detail().rule_name == "alone"));
}

#[test]
fn a_damaged_file_holds_up_no_other_export() {
    for folder in [names::TOUCHED, names::MANIFESTS, names::OPEN] {
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        let found = exports(&[event(1, "B", "carl", 0, 1).into_bytes(), b"".to_vec()]);
        commit(&store, &clock, &found[0], &CORRELATIONS).unwrap();
        if folder == names::OPEN {
            let open = "open/00000000-0000-0000-0001-000000000006/20261102T0000.json";
            run(store.put(open, &mut Blob::of(b"{"))).unwrap();
        }
        let damaged = run(store.list(folder)).unwrap().remove(0).name;
        run(store.put(&damaged, &mut Blob::of(b"{"))).unwrap();
        let other = TestExport::new("s3://audit/other", ann_alone());
        commit(&store, &clock, &other, &CORRELATIONS).unwrap();
        let _ = run(correlator(&store, &clock).correlate());
        let _ = run(correlator(&store, &clock).close(clock.now()));
        assert!(alerts(&store).iter().any(|alert| alert.detail().rule_name == "count"), "{folder}");
    }
}
