//! Nobody is told twice, and nobody is left untold: the store and the destinations fail at every call in turn.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use immuta_watch::alerts::Contribution;
use immuta_watch::config::{Configuration, Destination};
use immuta_watch::findings::Blob;
use immuta_watch::lake::{
    Clock, Condition, Entry, Lake, MemoryStore, OpenExport, Store, StoreError, Stored, Written, names, visit_alerts,
};
use immuta_watch::notify::{
    Announcer, Failures, Message, Messenger, Office, Sent, State, Telling, deliveries_of, is_in_the_outbox,
    summaries_since,
};

use crate::records::grant;
use crate::world::{self, Files, PACK, Pause, TestClock, TestExport, assert_same, context, lake_of, poll, run};

const CONFIGURATION: &str = "
notify:
  destinations:
    topic: {sns: {topic: 'arn:aws:sns:eu-west-1:1:alerts'}}
    chat: {slack: {url_from: 'ssm:/slack'}}
";

/// How one call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// An error, and nothing happened
    Before,
    /// An error or a time-out, and it took effect
    After,
    /// The process dies, and nothing happened
    DiesBefore,
    /// The process dies once it took effect
    DiesAfter,
}

const FAULTS: [Fault; 4] = [Fault::Before, Fault::After, Fault::DiesBefore, Fault::DiesAfter];

/// What destinations took: every message with its destination.
type Taken = Mutex<Vec<(String, Message)>>;

/// One process: its view of the store and the destinations, which fail in one call.
struct Process<'w> {
    store: MemoryStore,
    taken: &'w Taken,
    fails: Option<(usize, Fault)>,
    calls: AtomicUsize,
    dead: AtomicBool,
    unanswered: &'w AtomicBool,
}

impl Process<'_> {
    async fn call<T>(&self, effect: impl Future<Output = T>) -> Result<T, ()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let fault = self.fails.filter(|(number, _)| *number == call).map(|(_, fault)| fault);
        if matches!(fault, Some(Fault::DiesBefore)) {
            self.dead.store(true, Ordering::Relaxed);
        }
        if self.dead.load(Ordering::Relaxed) || fault == Some(Fault::Before) {
            return Err(());
        }
        let result = effect.await;
        match fault {
            Some(Fault::DiesAfter) => {
                self.dead.store(true, Ordering::Relaxed);
                Err(())
            }
            Some(_) => Err(()),
            None => Ok(result),
        }
    }

    async fn stored<T>(
        &self,
        operation: &'static str,
        name: &str,
        effect: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let failed = |()| StoreError { operation, name: name.to_owned(), reason: "it failed".to_owned() };
        self.call(effect).await.map_err(failed)?
    }
}

impl Store for Process<'_> {
    async fn get(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        self.stored("read", name, self.store.get(name)).await
    }

    async fn put(&self, name: &str, blob: &mut Blob) -> Result<(), StoreError> {
        self.stored("write", name, self.store.put(name, blob)).await
    }

    async fn put_if(&self, name: &str, content: Vec<u8>, condition: Condition) -> Result<Written, StoreError> {
        self.stored("write", name, self.store.put_if(name, content, condition)).await
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.stored("remove", name, self.store.remove(name)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        self.stored("list", prefix, self.store.list(prefix)).await
    }

    fn holder(&self) -> String {
        self.store.holder()
    }

    fn is_gone(&self, _: &str) -> bool {
        false
    }
}

impl Messenger for Process<'_> {
    async fn send(&self, name: &str, _: &Destination, message: &Message) -> Sent {
        let take = async { self.taken.lock().unwrap().push((name.to_owned(), message.clone())) };
        let is_known = matches!(self.fails, Some((_, Fault::Before)));
        match self.call(take).await {
            Ok(()) => Sent::Accepted { reference: None },
            Err(()) if is_known => Sent::NotTaken { reason: "no connection".to_owned(), retry_after: None },
            Err(()) => {
                self.unanswered.store(true, Ordering::Relaxed);
                Sent::Unknown { reason: "no answer".to_owned() }
            }
        }
    }
}

static DESTINATIONS: LazyLock<Configuration> =
    LazyLock::new(|| Configuration::parse(CONFIGURATION, &|_| unreachable!()).unwrap());

/// Commits an export. Whether that was done.
fn commit(process: &Process<'_>, clock: &TestClock, export: &TestExport) -> bool {
    let uri = export.source().uri.clone();
    let mut announcer = Announcer::new(&PACK, &DESTINATIONS.notify, "s3://lake", &uri, clock.now());
    let lake = Lake::new(process, clock);
    run(lake.commit(export, &context(&PACK), false, Some(&mut announcer), &mut |_| {})).is_ok()
}

/// Commits an export and delivers what the outbox holds.
fn attempt(process: &Process<'_>, clock: &TestClock, export: &TestExport) {
    if commit(process, clock, export) {
        run(office(process, process, clock).deliver(names::OUTBOX));
    }
}

fn office<'o, S>(store: &'o S, messenger: &'o Process<'o>, clock: &'o TestClock) -> Office<'o, S, Process<'o>> {
    Office {
        store,
        messenger,
        clock,
        notify: &DESTINATIONS.notify,
        lake: "s3://lake",
        until: None,
        failures: Failures::default(),
    }
}

/// Two alerts that notify about this morning, one about last month.
fn export() -> TestExport {
    let lines = [
        grant(1, "ann", "2026-11-23T07:00:00Z", "GOVERNANCE"),
        grant(2, "bob", "2026-11-23T07:30:00Z", "USER_ADMIN"),
        grant(3, "eve", "2026-10-02T07:30:00Z", "GOVERNANCE"),
    ];
    TestExport::new("s3://audit/export", lines.join("\n"))
}

struct World {
    store: MemoryStore,
    taken: Taken,
    clock: TestClock,
    export: TestExport,
    /// Whether a destination took a message and failed to say so
    unanswered: AtomicBool,
}

impl World {
    fn new() -> Self {
        let (store, taken) = (MemoryStore::default(), Mutex::default());
        Self { store, taken, clock: TestClock::new(), export: export(), unanswered: AtomicBool::new(false) }
    }

    fn process(&self, name: &str, fails: Option<(usize, Fault)>) -> Process<'_> {
        let store = self.store.as_holder(name);
        let (calls, dead) = (AtomicUsize::new(0), AtomicBool::new(false));
        Process { store, taken: &self.taken, fails, calls, dead, unanswered: &self.unanswered }
    }

    /// One process that may fail in a call; how many calls it made.
    fn round(&self, name: &str, fails: Option<(usize, Fault)>) -> usize {
        let process = self.process(name, fails);
        attempt(&process, &self.clock, &self.export);
        process.calls.into_inner()
    }

    /// Goes on without faults until nothing is left to do.
    fn mend(&self, when: &str) {
        for round in 0..20 {
            self.clock.outlast_every_lease();
            self.round(&format!("mending {round}"), None);
            let is_left = |name: &String| name.starts_with(names::OUTBOX) || name.starts_with(names::LEASES);
            if !self.store.files().keys().any(is_left) {
                return;
            }
        }
        panic!("{when}: something is left: {:?}", self.store.files().keys().collect::<Vec<_>>());
    }

    /// What the export became, without the history of what was told.
    fn lake(&self) -> Files {
        let is_history = |name: &str| [names::DELIVERIES, names::NOTICES].iter().any(|folder| name.starts_with(folder));
        self.store.files().into_iter().filter(|(name, _)| !is_history(name)).collect()
    }

    /// How often each destination took each message: unmarked, and marked as possibly repeated.
    fn told(&self) -> BTreeMap<(String, String), (usize, usize)> {
        let mut told: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        for (destination, message) in self.taken.lock().unwrap().iter() {
            let counts = told.entry((destination.clone(), message.id.clone())).or_default();
            if message.possibly_repeated { counts.1 += 1 } else { counts.0 += 1 }
        }
        told
    }
}

#[test]
fn every_alert_reaches_every_destination_once() {
    let world = World::new();
    world.round("one", None);
    let told = world.told();
    assert_eq!(told.len(), 6, "two alerts and a summary to two destinations: {told:?}");
    assert!(told.values().all(|counts| *counts == (1, 0)), "{told:?}");
    // Neither the same notification again nor a copy of the export under another name tells anybody more of these.
    world.round("two", None);
    assert_eq!(world.told(), told);
    assert!(!world.store.files().keys().any(|name| name.starts_with(names::OUTBOX)));
}

#[test]
fn a_fault_at_every_call_in_turn_loses_no_alert_and_repeats_none_unmarked() {
    let undisturbed = World::new();
    let calls = undisturbed.round("one", None);
    let expected = undisturbed.told();
    assert!(calls > 30, "{calls} calls");
    for fault in FAULTS {
        for call in 1..=calls {
            let when = format!("{fault:?} in call {call}");
            let world = World::new();
            world.round("failing", Some((call, fault)));
            world.mend(&when);
            assert_same(&world.lake(), &lake_of([&world.export], &PACK), &when);
            let told = world.told();
            assert!(told.keys().eq(expected.keys()), "{when}: {told:?}");
            for (what, (unmarked, marked)) in &told {
                assert!(*unmarked <= 1 && unmarked + marked >= 1, "{when}: {what:?} {unmarked} {marked}");
                assert!(unmarked + marked <= 2, "{when}: {what:?} {unmarked} {marked}");
            }
            let repeated = told.values().filter(|(unmarked, marked)| unmarked + marked > 1).count();
            assert!(repeated <= 1, "{when}: one fault repeats one message at the most: {told:?}");
        }
    }
}

#[test]
fn whoever_tidies_the_outbox_never_removes_what_a_commit_leaves_there_meanwhile() {
    // Somebody dies once the entry is there, before the manifest is.
    let has_entry = |world: &World| world.store.files().keys().any(|name| name.starts_with(names::OUTBOX));
    let dies = (1..100).find(|call| {
        let world = World::new();
        world.round("failing", Some((*call, Fault::DiesAfter)));
        has_entry(&world)
    });
    for (step, is_told_at_once) in (0..12).flat_map(|step| [(step, false), (step, true)]) {
        let when = format!("held up after call {step}, told at once: {is_told_at_once}");
        let world = World::new();
        world.round("failing", dies.map(|call| (call, Fault::DiesAfter)));
        assert!(has_entry(&world));
        // A day later nobody expects the commit any more. It comes while somebody is tidying.
        world.clock.advance(25 * 3600);
        let tidying = world::Process::on(world.store.as_holder("tidying")).that_pauses(Pause::After);
        let messenger = world.process("tidying", None);
        let office = office(&tidying, &messenger, &world.clock);
        let mut delivery = pin!(office.deliver(names::OUTBOX));
        let is_over = (0..step).any(|_| poll(delivery.as_mut()).is_ready());
        if is_told_at_once {
            world.round("committing", None);
        } else {
            commit(&world.process("committing", None), &world.clock, &world.export);
        }
        if !is_over {
            run(delivery);
        }
        world.mend(&when);
        let told = world.told();
        assert_eq!(told.len(), 6, "{when}: {told:?}");
    }
}

#[test]
fn a_store_that_fails_once_at_each_call_in_turn_repeats_nothing() {
    for fault in [Fault::Before, Fault::After] {
        for call in 1.. {
            let world = World::new();
            let calls = world.round("failing once", Some((call, fault)));
            if call > calls {
                break;
            }
            world.mend("afterwards");
            let told = world.told();
            let marked = told.values().filter(|(_, marked)| *marked > 0).count();
            // Only what a destination took without saying so is in doubt.
            let unanswered = usize::from(world.unanswered.load(Ordering::Relaxed));
            assert_eq!(marked, unanswered, "{fault:?} in call {call}: {told:?}");
        }
    }
}

#[test]
fn the_delivery_records_say_who_was_told_of_an_alert_and_how() {
    let told = |world: &World| -> Vec<BTreeMap<String, Telling>> {
        let mut alerts = Vec::new();
        run(visit_alerts(&world.store, .., &mut |alert| alerts.push(alert.detail().clone()))).unwrap();
        let told = |alert: &Contribution| {
            run(deliveries_of(&world.store, &alert.rule, alert.window_start, &alert.alert)).unwrap()
        };
        alerts.iter().map(told).collect()
    };
    let state = |telling: &Telling| match telling {
        Telling::ByItself(delivery) => delivery.state,
        Telling::AmongMany(many) => panic!("{many:?}"),
    };
    let world = World::new();
    commit(&world.process("one", None), &world.clock, &world.export);
    assert!(told(&world).iter().all(BTreeMap::is_empty), "nothing was delivered");
    world.round("one", None);
    // The old one first: it is in the summary alone.
    let [old, first, second] = told(&world).try_into().unwrap();
    assert!(old.is_empty());
    for of_one in [first, second] {
        assert_eq!(of_one.values().map(state).collect::<Vec<_>>(), [State::Sent; 2], "{of_one:?}");
        assert!(of_one.keys().eq(["chat", "topic"]));
    }
    let day = world.clock.now().date_naive();
    let summaries = run(summaries_since(&world.store, day)).unwrap();
    assert!(summaries.iter().map(|found| found.destination.as_str()).eq(["chat", "topic"]), "{summaries:?}");
    assert!(summaries.iter().all(|found| found.summary.alerts == 1 && found.day == day));
    assert!(run(summaries_since(&world.store, day.succ_opt().unwrap())).unwrap().is_empty());
}

#[test]
fn what_is_in_the_outbox_is_known_to_be_there() {
    let world = World::new();
    commit(&world.process("one", None), &world.clock, &world.export);
    let in_the_outbox = |world: &World| {
        let mut alerts = Vec::new();
        run(visit_alerts(&world.store, .., &mut |alert| alerts.push(alert.detail().alert.clone()))).unwrap();
        alerts.iter().filter(|alert| run(is_in_the_outbox(&world.store, alert)).unwrap()).count()
    };
    assert_eq!(in_the_outbox(&world), 2);
    world.round("one", None);
    assert_eq!(in_the_outbox(&world), 0);
}
