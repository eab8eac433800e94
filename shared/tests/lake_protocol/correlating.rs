//! Correlations over a lake: once swept, what stands there depends on the exports alone; whatever goes wrong on the way.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use immuta_watch::alerts::Alert;
use immuta_watch::config::Configuration;
use immuta_watch::export::Limits;
use immuta_watch::findings::Blob;
use immuta_watch::lake::{
    Clock, CorrelateError, CorrelatedTally, Correlator, MemoryStore, Store, Taken, move_watermark, names, verify,
    visit_alerts,
};
use immuta_watch::rules::{Pack, PackFile};
use proptest::prelude::*;

use crate::exports;
use crate::world::{
    Files, MOMENTS, Pause, Process, TestClock, TestExport, assert_same_swept, commit, commit_again, poll, run,
};

pub(crate) static CONFIGURATION: LazyLock<Configuration> = LazyLock::new(Configuration::default);

/// A rule that is only counted, of a kind of its own.
pub(crate) fn counted(name: &str, kind: &str, number: u32) -> PackFile {
    let text = format!(
        "title: {name}
id: 00000000-0000-0000-0000-{number:012}
status: test
logsource: {{product: immuta, service: audit}}
detection: {{a: {{watch.kind: {kind}}}, condition: a}}
watch:
  examples:
    positive: [{{name: one, event: {{auditPayload: {{type: {kind}AuditPayload}}}}}}]
    negative: [{{name: other, event: {{auditPayload: {{type: OtherAuditPayload}}}}}}]
"
    );
    PackFile { path: format!("{name}.yml"), text }
}

pub(crate) fn correlation(name: &str, number: u32, section: &str, window: &str, unless: &str) -> PackFile {
    let text = format!(
        "title: {name}
id: 00000000-0000-0000-0001-{number:012}
status: test
correlation:
{section}
level: high
watch:
  question: queries
  route: notification
  window: {window}
  runbook: [Look.]
{unless}
  examples:
    positive: [{{name: one, events: [{{event: {{auditPayload: {{type: X}}}}}}]}}]
    negative: [{{name: other, events: [{{event: {{auditPayload: {{type: X}}}}}}]}}]
"
    )
    .replace("question: queries", "question: denied-queries");
    PackFile { path: format!("{name}.yml"), text }
}

/// One correlation of every type.
pub(crate) static CORRELATIONS: LazyLock<Pack> = LazyLock::new(|| {
    let by_actor = |kind: &str, rules: &str, span: &str, rest: &str| {
        format!("  type: {kind}\n  rules: {rules}\n  group-by: [watch.actor]\n  timespan: {span}\n{rest}")
    };
    let files = [
        counted("a", "A", 1),
        counted("b", "B", 2),
        counted("c", "C", 3),
        correlation("count", 1, &by_actor("event_count", "[a, b]", "1h", "  condition: {gte: 3}"), "6h", ""),
        correlation(
            "values",
            2,
            &by_actor("value_count", "[a]", "2h", "  condition: {field: watch.object, gte: 2}"),
            "1d",
            "",
        ),
        correlation(
            "sum",
            3,
            &by_actor("value_sum", "[a]", "3h", "  condition: {field: auditPayload.rows, gt: 10}"),
            "1d",
            "",
        ),
        correlation("together", 4, &by_actor("temporal", "[a, b]", "90m", ""), "1h", ""),
        correlation("ordered", 5, &by_actor("temporal_ordered", "[a, b]", "1d", ""), "1d", "  unless: c"),
        correlation("alone", 6, &by_actor("absence", "[a, b]", "4h", ""), "1d", ""),
        correlation("few", 7, &by_actor("event_count", "[c]", "30m", "  condition: {lte: 1}"), "12h", ""),
        correlation(
            "new",
            8,
            &by_actor("first_value", "[a, b]", "2d", "  condition: {field: watch.object, known: 1d}"),
            "1d",
            "",
        ),
        correlation("back", 9, &by_actor("return", "[c]", "3d", "  condition: {silent: 1d}"), "1d", ""),
    ];
    Pack::compile(&files, &CONFIGURATION).unwrap_or_else(|errors| panic!("{errors}"))
});

pub(crate) fn correlator<'c, S>(store: &'c S, clock: &'c TestClock) -> Correlator<'c, S> {
    Correlator {
        store,
        clock,
        pack: &CORRELATIONS,
        configuration: &CONFIGURATION,
        lake: "s3://lake/",
        taken: Taken::All,
        alone: false,
        until: None,
    }
}

/// All that the schedule does, once.
pub(crate) async fn sweep(store: &impl Store, clock: &TestClock) -> Result<CorrelatedTally, CorrelateError> {
    let correlator = correlator(store, clock);
    let complete = move_watermark(store, TimeDelta::hours(6), clock.now()).await?;
    let mut tally = correlator.correlate().await?;
    if let Some(complete) = complete {
        tally += correlator.close(complete).await?;
    }
    Ok(tally)
}

/// What outlives it of what people are told lies elsewhere, and so does what is left to do on days that are not closed: it
/// has names that nobody else draws.
fn lake(store: &MemoryStore) -> Files {
    let is_left = |name: &str| name.starts_with(names::OUTBOX) || names::open_day_of(name).is_some();
    store.files().into_iter().filter(|(name, _)| !is_left(name)).collect()
}

fn swept(exports: &[TestExport]) -> Files {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    for export in exports {
        commit(&store, &clock, export, &CORRELATIONS).unwrap();
    }
    run(sweep(&store, &clock)).unwrap();
    lake(&store)
}

pub(crate) fn alerts(store: &MemoryStore) -> Vec<Alert> {
    let mut found = Vec::new();
    run(visit_alerts(store, .., &mut |alert| found.push(alert))).unwrap();
    found
}

pub(crate) fn event(id: u16, kind: &str, actor: &str, minute: i64, object: u8) -> String {
    let start: DateTime<Utc> = "2026-11-02T20:00:00Z".parse().unwrap();
    let time = (start + TimeDelta::minutes(minute)).to_rfc3339();
    format!(
        r#"{{"id":"e{id}","eventTimestamp":"{time}","actionStatus":"SUCCESS","targets":[{{"type":"DATASOURCE","name":"t{object}"}}],"actor":{{"id":"{actor}"}},"auditPayload":{{"type":"{kind}AuditPayload","rows":{object}}}}}"#
    )
}

fn some_event() -> impl Strategy<Value = String> {
    let kind = prop_oneof![3 => Just("A"), 2 => Just("B"), 1 => Just("C"), 1 => Just("Other")];
    let actor = prop_oneof![Just("ann"), Just("bob")];
    let minute = prop_oneof![3 => 0..2_000_i64, 1 => 2_000..6_000_i64];
    (0..200_u16, kind, actor, minute, 1..6_u8)
        .prop_map(|(id, kind, actor, minute, object)| event(id, kind, actor, minute, object))
}

fn some_export() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(some_event(), 0..12).prop_map(|lines| lines.join("\n").into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// In any order, again, correlated now and then on the way or only at the end.
    #[test]
    fn once_swept_the_lake_depends_on_the_exports_alone(
        contents in prop::collection::vec(some_export(), 1..5),
        order in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<bool>()), 0..10),
    ) {
        let exports = exports(&contents);
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        for (index, again, sweeps) in order {
            let export = index.get(&exports);
            if again { commit_again(&store, &clock, export, &CORRELATIONS) } else { commit(&store, &clock, export, &CORRELATIONS) }.unwrap();
            if sweeps {
                run(sweep(&store, &clock)).unwrap();
            }
        }
        for export in exports.iter().rev() {
            commit(&store, &clock, export, &CORRELATIONS).unwrap();
        }
        run(sweep(&store, &clock)).unwrap();
        assert_same_swept(&without_empty(lake(&store)), &without_empty(swept(&exports)), "in another order");
    }

    /// An export that is replaced takes what it had contributed with it.
    #[test]
    fn what_was_replaced_leaves_nothing(former in some_export(), other in some_export(), content in some_export()) {
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        let found = exports(&[former, other.clone()]);
        for export in &found {
            commit(&store, &clock, export, &CORRELATIONS).unwrap();
        }
        run(sweep(&store, &clock)).unwrap();
        found[0].replace(&content);
        commit(&store, &clock, &found[0], &CORRELATIONS).unwrap();
        run(sweep(&store, &clock)).unwrap();
        let (found, expected) = (without_empty(lake(&store)), without_empty(swept(&exports(&[content, other]))));
        // Up to when the log is whole never goes back, although an export that said so may.
        if found.get(names::COMPLETE) == expected.get(names::COMPLETE) {
            assert_same_swept(&found, &expected, "after it was replaced");
        }
    }
}

/// A result from which everything was withdrawn says so by being empty, and says as much as one that is not there. So does
/// the profile of a day from which everything is gone.
fn without_empty(files: Files) -> Files {
    let says_something = |name: &str, content: &[u8]| {
        !(name.starts_with(names::CORRELATED) || name.starts_with(names::PROFILES))
            || content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() > 1
    };
    files.into_iter().filter(|(name, content)| says_something(name, content)).collect()
}

/// Enough for an alert of each, over midnight, in two exports.
fn two_exports() -> Vec<TestExport> {
    let first = [event(1, "A", "ann", 0, 3), event(2, "A", "ann", 10, 4), event(3, "A", "bob", 0, 1)];
    let second = [
        event(4, "A", "ann", 20, 5),
        event(5, "B", "ann", 250, 1),
        event(6, "A", "bob", 1_900, 2),
        event(7, "C", "bob", 0, 1),
        event(8, "C", "bob", 3_500, 1),
        event(9, "Other", "bob", 6_000, 1),
    ];
    exports(&[first.join("\n").into_bytes(), second.join("\n").into_bytes()])
}

fn committed() -> (MemoryStore, TestClock) {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    for export in &two_exports() {
        commit(&store, &clock, export, &CORRELATIONS).unwrap();
    }
    (store, clock)
}

#[test]
fn every_type_finds_what_it_is_for() {
    let (store, clock) = committed();
    run(sweep(&store, &clock)).unwrap();
    let found: BTreeSet<String> = alerts(&store).iter().map(|alert| alert.detail().rule_name.clone()).collect();
    let expected = ["alone", "back", "count", "few", "new", "ordered", "sum", "values"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from(expected));
    assert!(!store.files().keys().any(|name| name.starts_with(names::TOUCHED) || name.starts_with(names::LEASES)));
}

#[test]
fn a_crash_at_every_store_call_in_turn_is_mended_by_the_next_sweep() {
    let expected = swept(&two_exports());
    for moment in MOMENTS {
        let mut call = 1;
        loop {
            let (store, clock) = committed();
            let dying = Process::on(store.as_holder("dying")).that_dies(call, moment);
            let result = run(sweep(&dying, &clock));
            if !dying.is_dead() {
                result.unwrap();
                break;
            }
            clock.outlast_every_lease();
            run(sweep(&store, &clock)).unwrap();
            assert_same_swept(&lake(&store), &expected, &format!("died in call {call}, {moment:?}"));
            call += 1;
        }
        assert!(call > 30, "sweeping takes more calls than {call}");
    }
}

#[test]
fn verify_finds_a_changed_byte_of_what_a_correlation_found_and_what_was_left_undone() {
    let (store, clock) = committed();
    let verified = |store: &MemoryStore| {
        run(verify(store, &two_exports(), |_: &str| None, Limits::default(), &mut || {})).unwrap().problems
    };
    assert!(verified(&store).iter().all(|problem| problem.about.starts_with(names::TOUCHED)));
    run(sweep(&store, &clock)).unwrap();
    assert_eq!(verified(&store), []);
    let is_found = |name: &str| name.starts_with(names::CORRELATED) || name.starts_with(names::PROFILES);
    let found: Files = store.files().into_iter().filter(|(name, _)| is_found(name)).collect();
    assert!(found.keys().any(|name| name.starts_with(names::PROFILES)));
    for (name, content) in found {
        for at in (0..content.len()).step_by(17) {
            let mut damaged = content.to_vec();
            damaged[at] ^= 1 << (at % 8);
            run(store.put(&name, &mut Blob::of(&damaged))).unwrap();
            assert!(verified(&store).iter().any(|problem| problem.about == name), "{name} at {at}");
        }
        run(store.put(&name, &mut Blob::of(&content))).unwrap();
    }
}

/// An export that is committed while another process correlates, at each of its calls in turn.
#[test]
fn an_export_that_comes_at_any_moment_is_seen_and_nothing_is_found_twice() {
    let exports = two_exports();
    let expected = swept(&exports);
    let mut turns = 0;
    loop {
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        commit(&store, &clock, &exports[0], &CORRELATIONS).unwrap();
        let one = Process::on(store.as_holder("one")).that_pauses(Pause::Around);
        {
            let mut first = pin!(sweep(&one, &clock));
            if (0..turns).any(|_| poll(first.as_mut()).is_ready()) {
                break;
            }
            let two = Process::on(store.as_holder("two"));
            run(async {
                commit(&two, &clock, &exports[1], &CORRELATIONS).unwrap();
                // Like classify, which correlates at once; what the other holds it leaves.
                correlator(&two, &clock).correlate().await.unwrap();
            });
            run(first).unwrap();
        }
        let overtaken = format!("overtaken after {turns} turns");
        run(sweep(&store, &clock)).unwrap();
        assert_same_swept(&lake(&store), &expected, &overtaken);
        turns += 1;
    }
    assert!(turns > 60, "sweeping takes more turns than {turns}");
}
