//! Ten thousand sequences in which whatever can go wrong does, by chance. Afterwards the lake is that of a world where
//! nothing ever did, byte for byte; every alert reached every destination, and none came twice but where nobody could
//! know that it had been taken, and then marked and counted.
//!
//! A sequence that fails is named by its number: `DISTURBED_SEQUENCE=1234 cargo test --workspace --test lake_protocol
//! disturbed_sequences` runs that one alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use immuta_watch::config::Configuration;
use immuta_watch::export::Limits;
use immuta_watch::findings::{Blob, Bounds, Context};
use immuta_watch::lake::{Clock, Lake, OpenExport, Outcome, Store, names};
use immuta_watch::notify::{Announcer, Book, Failures, Office, State};
use immuta_watch::rules::{Pack, read_folder};

use crate::disturbed::{Acceptance, Disturbed, End, Life, Worker, deliveries_in, interleave};
use crate::records::grant;
use crate::world::{Files, TestExport, assert_same, run};

/// So many in each of two tests, which run at once.
const SEQUENCES: u64 = 5_000;

#[test]
fn whatever_goes_wrong_the_lake_is_right_and_everybody_was_told_once() {
    sequences(0..SEQUENCES);
}

#[test]
fn whatever_else_goes_wrong_the_lake_is_right_and_everybody_was_told_once() {
    sequences(SEQUENCES..2 * SEQUENCES);
}

fn sequences(numbers: Range<u64>) {
    match std::env::var("DISTURBED_SEQUENCE") {
        Ok(number) => {
            let number: u64 = number.parse().unwrap();
            if numbers.contains(&number) {
                sequence(number);
            }
        }
        Err(_) => numbers.for_each(sequence),
    }
}

// ---- What exports hold

const DESTINATIONS: [&str; 2] = ["chat", "topic"];

/// So many alerts of a rule and window are told one by one.
const STORM: usize = 3;

static CONFIGURATION: LazyLock<Configuration> = LazyLock::new(|| configuration(STORM));

fn configuration(storm: usize) -> Configuration {
    let text = format!(
        "
notify:
  storm: {storm}
  destinations:
    topic: {{sns: {{topic: 'arn:aws:sns:eu-west-1:1:alerts'}}}}
    chat: {{slack: {{url_from: 'ssm:/slack'}}}}
"
    );
    Configuration::parse(&text, &|_| unreachable!()).unwrap()
}

/// The rules about permissions: one of them judges every event here, and a small pack is quick.
static PACK: LazyLock<Pack> = LazyLock::new(|| {
    let mut files = read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules")).unwrap();
    files.retain(|file| file.path == "permissions/permission_granted.yml" || file.path.starts_with("lists/"));
    Pack::compile(&files, &CONFIGURATION).unwrap()
});

/// What an export may hold; the first events of some are the same.
static CONTENTS: LazyLock<Vec<Content>> = LazyLock::new(|| {
    let recent = |id: u8, actor: &str| grant(id, actor, "2026-11-23T07:00:00Z", "GOVERNANCE");
    let old = |id: u8, actor: &str| grant(id, actor, "2026-10-02T07:00:00Z", "GOVERNANCE");
    let many = |first: u8, last: u8| (first..=last).map(|id| recent(id, &format!("actor-{id}"))).collect();
    let contents: [Vec<String>; 8] = [
        vec![recent(1, "ann")],
        vec![recent(1, "ann"), recent(2, "bob")],
        // Another event of the same alert
        vec![grant(3, "ann", "2026-11-23T06:00:00Z", "USER_ADMIN")],
        vec![recent(4, "dan"), old(5, "eve")],
        vec![old(5, "eve"), old(6, "eve")],
        many(10, 12),
        many(12, 15),
        // For the dashboard only
        vec![grant(7, "fay", "2026-11-23T10:00:00Z", "CREATE_PROJECT")],
    ];
    contents.iter().map(|lines| Content::of(&lines.join("\n"))).collect()
});

/// What an export may hold, and what becomes of it where nothing goes wrong.
struct Content {
    text: String,
    /// The lakes of the exports at [`uri`] that hold it, one each
    lakes: Vec<Files>,
    /// As they were before anybody was told: what is left in the outbox, too
    untold: Vec<Files>,
    /// The alerts that are told one by one, were it not for their number
    alerts: BTreeSet<String>,
    /// Whether it holds alerts for the summary
    is_late: bool,
}

const MOST_EXPORTS: usize = 3;

fn uri(number: usize) -> String {
    format!("s3://audit/export-{number}.ndjson")
}

impl Content {
    fn of(text: &str) -> Self {
        let mut told = BTreeSet::new();
        let (mut lakes, mut untold) = (Vec::new(), Vec::new());
        for number in 0..MOST_EXPORTS {
            let world = Disturbed::calm();
            let worker = Worker::new(&world, 0, false);
            let export = TestExport::new(&uri(number), text);
            assert!(run(commit(&worker, &world, &export)));
            untold.push(world.store.files());
            assert!(run(deliver(&worker, &world, &configuration(100), names::OUTBOX)));
            told.extend(world.taken.lock().unwrap().iter().map(|taken| taken.id.clone()));
            lakes.push(lake(&world));
        }
        let is_late = told.iter().any(|id| id.starts_with("late-"));
        told.retain(|id| !id.starts_with("late-"));
        Self { text: text.to_owned(), lakes, untold, alerts: told, is_late }
    }
}

/// What exports became, without the history of what was told.
fn lake(world: &Disturbed) -> Files {
    world.store.files().into_iter().filter(|(name, _)| !name.starts_with(names::DELIVERIES)).collect()
}

// ---- What workers do

/// Commits an export. Whether that was done, now or before.
async fn commit(worker: &Worker<'_>, world: &Disturbed, export: &TestExport) -> bool {
    let (clock, notify) = (&world.clock, &CONFIGURATION.notify);
    let mut announcer = Announcer::new(&PACK, notify, "s3://lake", &export.source().uri, clock.now());
    let context =
        Context { pack: &PACK, configuration: &CONFIGURATION, limits: Limits::default(), bounds: Bounds::default() };
    let lake = Lake::new(worker, clock);
    let outcome = lake.commit(export, &context, false, Some(&mut announcer), &mut |_| {}).await;
    matches!(outcome, Ok(Outcome::Committed(_) | Outcome::AlreadyCommitted(_)))
}

/// Delivers what the outbox holds. Whether all of that could be tried.
async fn deliver(worker: &Worker<'_>, world: &Disturbed, configuration: &Configuration, prefix: &str) -> bool {
    let (clock, notify) = (&world.clock, &configuration.notify);
    let office = Office {
        store: worker,
        messenger: worker,
        clock,
        notify,
        lake: "s3://lake",
        until: None,
        failures: Failures::default(),
    };
    let (tally, error) = office.deliver(prefix).await;
    worker.count(&tally);
    error.is_none()
}

/// Commits an export and delivers what is in the outbox: of this export, or of all.
async fn handle(worker: &Worker<'_>, world: &Disturbed, export: &TestExport, delivers_all: bool) -> bool {
    let prefix = if delivers_all { names::OUTBOX.to_owned() } else { names::outbox_of(&export.source().id) };
    commit(worker, world, export).await && deliver(worker, world, &CONFIGURATION, &prefix).await
}

/// Takes notifications as they come, until there are none. One that was not dealt with comes once more.
async fn work(worker: &Worker<'_>, world: &Disturbed, exports: &[TestExport], notifications: &Mutex<Vec<usize>>) {
    loop {
        let Some(export) = notifications.lock().unwrap().pop() else { return };
        let delivers_all = world.draw(3) == 0;
        if !handle(worker, world, &exports[export], delivers_all).await && world.draw(2) == 0 {
            notifications.lock().unwrap().push(export);
        }
    }
}

// ---- One sequence

/// Says which sequence it was that failed.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Sequence {0} failed; DISTURBED_SEQUENCE={0} runs it alone.", self.0);
        }
    }
}

fn sequence(number: u64) {
    let _named = Named(number);
    let world = Disturbed::of(number);
    let draw_content = || world.draw(CONTENTS.len().try_into().unwrap()) as usize;
    let mut contents: Vec<usize> = (0..2 + world.draw(2)).map(|_| draw_content()).collect();
    let exports: Vec<TestExport> =
        contents.iter().enumerate().map(|(at, content)| TestExport::new(&uri(at), &CONTENTS[*content].text)).collect();
    let mut held: BTreeSet<(usize, usize)> = contents.iter().copied().enumerate().collect();
    let mut replaced = (world.draw(6) == 0).then(|| (world.draw(40), draw_content()));

    // Where not all are new, somebody committed most of them and died before telling anybody: reading an export takes
    // more time than all the rest.
    let all_are_new = world.draw(6) == 0;
    for (number, content) in contents.iter().enumerate() {
        if !all_are_new && world.draw(8) > 0 {
            for (name, file) in &CONTENTS[*content].untold[number] {
                run(world.store.put(name, &mut Blob::of(file))).unwrap();
            }
        }
    }
    // Each comes at least once, some again, in any order.
    let mut order: Vec<usize> = (0..exports.len()).collect();
    for _ in 0..world.draw(3) {
        order.push(world.draw(exports.len().try_into().unwrap()) as usize);
    }
    world.shuffle(&mut order);
    let notifications = Mutex::new(order);

    let mut ends: Vec<End> = Vec::new();
    let mut repeated = 0;
    for round in 0..=world.draw(2) {
        let first = ends.len();
        let many = if round == 0 { 2 + world.draw(3) } else { 1 } as usize;
        let workers: Vec<_> = (first..first + many).map(|worker| Worker::new(&world, worker, true)).collect();
        let live = |worker| -> Life<'_> { Box::pin(work(worker, &world, &exports, &notifications)) };
        ends.extend(interleave(&world, &workers, live, || match replaced {
            Some((0, content)) => {
                exports[0].replace(&CONTENTS[content].text);
                contents[0] = content;
                held.insert((0, content));
                notifications.lock().unwrap().push(0);
                replaced = None;
            }
            Some((turns, content)) => replaced = Some((turns - 1, content)),
            None => {}
        }));
        repeated += counted(&workers, &ends[first..]);
        world.clock.advance([10, 70, 400, 2000][world.draw(4) as usize]);
        notifications.lock().unwrap().push(world.draw(exports.len().try_into().unwrap()) as usize);
    }

    world.calm_down();
    for round in 0.. {
        assert!(round < 30, "something is left: {:?}", world.store.files().keys().collect::<Vec<_>>());
        // The last rounds outlast what waits for a commit that never comes.
        world.clock.advance(if round < 8 { 20 * 60 } else { 25 * 3600 });
        let worker = [Worker::new(&world, ends.len(), false)];
        for export in &exports {
            run(handle(&worker[0], &world, export, true));
        }
        ends.push(End { died: false, failures: 0, jumps: world.jumps() });
        repeated += counted(&worker, &ends[ends.len() - 1..]);
        let is_left = |name: &String| name.starts_with(names::OUTBOX) || name.starts_with(names::LEASES);
        if !world.store.files().keys().any(is_left) {
            break;
        }
    }

    let expected: Files =
        contents.iter().enumerate().flat_map(|(at, held)| CONTENTS[*held].lakes[at].clone()).collect();
    assert_same(&lake(&world), &expected, "afterwards");
    let taken = world.taken.lock().unwrap();
    everybody_was_told(&taken, &contents, &held);
    nobody_was_told_twice(&taken, &ends);
    repeats_are_counted(&world, &taken, &ends, repeated);
}

/// What workers that lived on counted as possibly repeated.
fn counted(workers: &[Worker<'_>], ends: &[End]) -> u64 {
    workers.iter().zip(ends).filter(|(_, end)| !end.died).map(|(worker, _)| worker.counted()).sum()
}

// ---- Judging

fn everybody_was_told(taken: &[Acceptance], contents: &[usize], held: &BTreeSet<(usize, usize)>) {
    let alerts = |of: &mut dyn Iterator<Item = &usize>| -> BTreeSet<&String> {
        of.flat_map(|content| &CONTENTS[*content].alerts).collect()
    };
    let possible = alerts(&mut held.iter().map(|(_, content)| content));
    let is_late = contents.iter().any(|content| CONTENTS[*content].is_late);
    for destination in DESTINATIONS {
        let told: BTreeSet<&String> =
            taken.iter().filter(|taken| taken.destination == destination).map(|taken| &taken.id).collect();
        let of_kind = |kind: &str| told.iter().filter(|id| id.starts_with(kind)).count();
        let one_by_one = told.iter().filter(|id| possible.contains(*id)).count();
        assert!(one_by_one <= STORM, "{destination} was told {one_by_one} one by one: {told:?}");
        for alert in alerts(&mut contents.iter()) {
            let is_told = told.contains(alert) || (possible.len() > STORM && of_kind("storm-") == 1);
            assert!(is_told, "{destination} was not told of {alert}: {told:?}");
        }
        assert!(!is_late || of_kind("late-") > 0, "{destination} was not told of old alerts: {told:?}");
        let late_exports = held.iter().filter(|(_, content)| CONTENTS[*content].is_late).count();
        assert!(of_kind("late-") <= late_exports, "{destination} was told of the same old alerts twice: {told:?}");
        // It comes without the message about many if what that was about was replaced before it was sent.
        assert!(of_kind("closing-") <= 1, "{destination} was told of the end of a storm twice: {told:?}");
        let known = one_by_one + of_kind("storm-") + of_kind("closing-") + of_kind("late-");
        assert_eq!(known, told.len(), "{destination} was told what there is not: {told:?}");
    }
}

/// A message comes again only where its sender could not enter that it had been taken, and says so then.
fn nobody_was_told_twice(taken: &[Acceptance], ends: &[End]) {
    let mut by_message: BTreeMap<(&str, &str), Vec<&Acceptance>> = BTreeMap::new();
    for each in taken {
        assert!(!each.was_entered, "it stands in the record that this was taken, and it was sent: {each:?}");
        by_message.entry((&each.destination, &each.id)).or_default().push(each);
    }
    for copies in by_message.values() {
        assert!(copies[1..].iter().all(|copy| copy.marked), "twice, and not marked: {copies:?}");
        for copy in &copies[..copies.len() - 1] {
            let end = ends[copy.worker];
            let could_not_enter = end.died || end.failures - copy.failures >= TRIES || end.jumps > copy.jumps;
            assert!(!copy.is_known || could_not_enter, "{end:?} for no reason a message was repeated: {copies:?}");
        }
    }
}

/// So many store calls must fail before an outcome that is known cannot be entered.
const TRIES: u32 = 6;

/// What came marked stands so in the delivery records, and was counted by whoever sent it and lived.
fn repeats_are_counted(world: &Disturbed, taken: &[Acceptance], ends: &[End], counted: u64) {
    let entered: BTreeSet<(String, String)> = world
        .store
        .files()
        .iter()
        .filter(|(name, _)| name.starts_with(names::DELIVERIES))
        .flat_map(|(name, content)| {
            let destination = name.rsplit('/').next().unwrap().trim_end_matches(".json");
            let book: Book = serde_json::from_slice(content).unwrap();
            let marked = deliveries_in(name, &book).filter(|(_, delivery)| delivery.state == State::PossiblyRepeated);
            marked.map(|(id, _)| (destination.to_owned(), id)).collect::<Vec<_>>()
        })
        .collect();
    let marked = taken.iter().filter(|copy| copy.marked);
    let repeated: BTreeSet<_> = marked.clone().map(|copy| (copy.destination.clone(), copy.id.clone())).collect();
    assert_eq!(entered, repeated, "what the records say came marked, and what did");
    let known = marked.filter(|copy| copy.is_known && !ends[copy.worker].died).count() as u64;
    assert_eq!(counted, known, "messages counted as possibly repeated, and known to have been");
}
