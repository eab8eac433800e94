//! Webhooks' notifications in the lake: kept, decided by the pack that ships, and told.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "notifications/comparing.rs"]
mod comparing;
#[path = "notifications/counterparts.rs"]
mod counterparts;

use std::path::Path;
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use immuta_watch::config::{Configuration, Destination};
use immuta_watch::event::Service;
use immuta_watch::export::Limits;
use immuta_watch::lake::{
    Clock, Judge, Kept, LocalExport, MemoryStore, Store, keep, names, read_alert, read_manifests, undecided, verify,
};
use immuta_watch::notify::{Failures, Message, Messenger, Office, Sent, Tally};
use immuta_watch::rules::{Level, Pack, Route};
use immuta_watch::webhook::{Decision, Outcome};
use serde_json::{Value, json};

const LAKE: &str = "s3://acme/lake";

/// Berlin is an hour ahead of UTC in November, and 2026-11-24 is a holiday there, for this test.
const CONFIGURATION: &str = "
calendars:
  berlin: {zone: Europe/Berlin, hours: '08:00-18:00', holidays: [2026-11-24]}
default_calendar: berlin
notify:
  destinations:
    chat: {slack: {url_from: 'ssm:/chat'}}
";

struct At(DateTime<Utc>);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

/// A destination that takes everything, unless it is told to answer otherwise.
#[derive(Default)]
struct Chat {
    taken: Mutex<Vec<Message>>,
    answer: Mutex<Option<Sent>>,
}

impl Chat {
    fn taken(&self) -> Vec<Message> {
        self.taken.lock().unwrap().clone()
    }
}

impl Messenger for Chat {
    async fn send(&self, _: &str, _: &Destination, message: &Message) -> Sent {
        if let Some(answer) = self.answer.lock().unwrap().clone() {
            return answer;
        }
        self.taken.lock().unwrap().push(message.clone());
        Sent::Accepted { reference: None }
    }
}

struct World {
    store: MemoryStore,
    pack: Pack,
    configuration: Configuration,
    chat: Chat,
}

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn body(text: &str, inner: &Value) -> Vec<u8> {
    json!({ "text": text, "attachments": [{ "text": inner.to_string() }] }).to_string().into_bytes()
}

fn permission(name: &str) -> Vec<u8> {
    let inner = json!({ "actor": {"type": "USER_ACTOR", "id": "ann@x"}, "user": "tom@x", "permissions": [name] });
    body(&format!("Ann gave {name} to Tom"), &inner)
}

impl World {
    fn new() -> Self {
        Self::with(CONFIGURATION)
    }

    fn with(configuration: &str) -> Self {
        let no_file = |_: &str| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        let configuration = Configuration::parse(configuration, &no_file).unwrap();
        let pack = Pack::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules"), &configuration).unwrap();
        Self { store: MemoryStore::default(), pack, configuration, chat: Chat::default() }
    }

    fn judge(&self) -> Judge<'_> {
        Judge { pack: &self.pack, configuration: &self.configuration, lake: LAKE }
    }

    async fn decide(&self, kept: &Kept) -> Decision {
        self.judge().decide(&self.store, kept, kept.receipt.received).await.unwrap()
    }

    async fn receive(&self, kind: &str, body: &[u8], at: &str) -> (Kept, Decision) {
        let kept = keep(&self.store, kind, body, time(at)).await.unwrap();
        let decision = self.decide(&kept).await;
        (kept, decision)
    }

    async fn deliver(&self, now: DateTime<Utc>) -> Tally {
        let clock = At(now);
        let (store, messenger, notify) = (&self.store, &self.chat, &self.configuration.notify);
        let failures = Failures::default();
        let office = Office { store, messenger, clock: &clock, notify, lake: LAKE, until: None, failures };
        let (tally, error) = office.deliver(names::OUTBOX).await;
        assert!(error.is_none(), "{error:?}");
        tally
    }

    async fn problems(&self) -> Vec<String> {
        let none: [LocalExport; 0] = [];
        let found = verify(&self.store, &none, |_| None, Limits::default(), &mut || ()).await.unwrap();
        found.problems.iter().map(ToString::to_string).collect()
    }
}

fn outcome(decision: &Decision) -> Option<(Level, Route)> {
    decision.matches().first().map(|matched| (matched.level, matched.route))
}

#[tokio::test]
async fn the_time_of_receipt_in_the_calendar_decides_what_interrupts_somebody() {
    let world = World::new();
    let of = async |name: &str, at: &str| outcome(&world.receive("permissionsUpdated", &permission(name), at).await.1);
    let (dashboard, told) = (Some((Level::Low, Route::Dashboard)), Some((Level::Medium, Route::Notification)));
    let high = Some((Level::High, Route::Notification));
    // A Monday, at two in the afternoon and at eleven at night in Berlin.
    assert_eq!(of("CREATE_PROJECT", "2026-11-23T13:00:00Z").await, dashboard);
    assert_eq!(of("CREATE_PROJECT", "2026-11-23T22:00:00Z").await, told);
    // Eight in the morning is a working hour there, and half past six is not.
    assert_eq!(of("CREATE_PROJECT", "2026-11-23T07:00:00Z").await, dashboard);
    assert_eq!(of("CREATE_PROJECT", "2026-11-23T05:30:00Z").await, told);
    // Half past two in the night, twice: the hour that the end of daylight saving repeats.
    assert_eq!(of("CREATE_PROJECT", "2026-10-25T00:30:00Z").await, told);
    assert_eq!(of("CREATE_PROJECT", "2026-10-25T01:30:00Z").await, told);
    // A holiday, and a Saturday.
    assert_eq!(of("CREATE_PROJECT", "2026-11-24T13:00:00Z").await, told);
    assert_eq!(of("CREATE_PROJECT", "2026-11-28T13:00:00Z").await, told);
    for at in ["2026-11-25T13:00:00Z", "2026-11-25T22:00:00Z", "2026-11-24T13:30:00Z"] {
        assert_eq!(of("USER_ADMIN", at).await, high, "{at}");
    }
}

#[tokio::test]
async fn what_notifies_is_told_once_and_stands_in_the_lake_as_an_alert() {
    let world = World::new();
    let (kept, decision) = world.receive("permissionsUpdated", &permission("USER_ADMIN"), "2026-11-23T13:00:00Z").await;
    let now = kept.receipt.received;
    assert_eq!(world.deliver(now).await.sent, 1);
    assert_eq!(world.deliver(now).await, Tally::default());
    let told = world.chat.taken();
    assert!(told[0].headline.starts_with("Permissions updated (webhook): ann@x"), "{}", told[0].headline);
    assert_eq!(told[0].places[0].export, format!("{LAKE}/{}", kept.name));
    let kept_decision = world.store.get(&names::decision(&kept.name)).await.unwrap().unwrap().content;
    assert_eq!(serde_json::from_slice::<Decision>(&kept_decision).unwrap(), decision);
    let alert = read_alert(&world.store, &decision.matches()[0].alert).await.unwrap().unwrap();
    assert_eq!((alert.count(), alert.detail().level), (1, Level::High));
    assert!(alert.detail().examples[0].record.get().contains("Ann gave USER_ADMIN to Tom"));
    assert_eq!(world.problems().await, Vec::<String>::new());
    let manifests = read_manifests(&world.store).await.unwrap();
    assert_eq!(manifests[0].1.as_ref().unwrap().service, Service::Webhook);
    assert!(world.store.files().keys().all(|name| !name.starts_with("ledger/") && !name.starts_with("rollups/")));
}

#[tokio::test]
async fn what_is_for_the_dashboard_interrupts_nobody_and_what_no_rule_asks_for_leaves_a_decision_alone() {
    let world = World::new();
    let everyday = world.receive("permissionsUpdated", &permission("CREATE_PROJECT"), "2026-11-23T13:00:00Z").await.1;
    assert!(read_alert(&world.store, &everyday.matches()[0].alert).await.unwrap().is_some());
    let noise = world.receive("policyUpdated", &body("computed anew", &json!({})), "2026-11-23T22:00:00Z").await.1;
    assert!(matches!(&noise.outcome, Outcome::Judged { matches, .. } if matches.is_empty()));
    assert_eq!(world.deliver(time("2026-11-23T22:00:00Z")).await, Tally::default());
    assert_eq!(read_manifests(&world.store).await.unwrap().len(), 1);
    assert_eq!(world.problems().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_same_body_within_ten_minutes_is_kept_and_not_judged_again() {
    let world = World::new();
    let body = permission("USER_ADMIN");
    let (first, _) = world.receive("permissionsUpdated", &body, "2026-11-23T23:55:00Z").await;
    // In the same millisecond, and after midnight.
    for at in ["2026-11-23T23:55:00Z", "2026-11-23T23:59:00Z", "2026-11-24T00:04:59.999Z"] {
        let (kept, decision) = world.receive("permissionsUpdated", &body, at).await;
        assert_ne!(kept.name, first.name);
        assert_eq!(decision.outcome, Outcome::Repeat { of: first.name.clone() }, "{at}");
    }
    assert_eq!(world.deliver(time("2026-11-24T00:05:00Z")).await.sent, 1);
    let later = world.receive("permissionsUpdated", &body, "2026-11-24T00:05:00Z").await.1;
    assert!(!later.is_repeat());
    let another_type = world.receive("policyUpdated", &body, "2026-11-23T23:56:00Z").await.1;
    assert!(!another_type.is_repeat(), "two types may have one body");
    let kept = world.store.files().keys().filter(|name| names::received_at(name).is_some()).count();
    assert_eq!(kept, 6);
}

#[tokio::test]
async fn whatever_is_left_undecided_is_found_and_decided_to_the_same_end() {
    let world = World::new();
    let (kept, decision) = world.receive("permissionsUpdated", &permission("USER_ADMIN"), "2026-11-23T13:00:00Z").await;
    let whole = world.store.files();
    let date = kept.receipt.received.date_naive();
    assert!(undecided(&world.store, date).await.unwrap().is_empty());
    // As if the function had died after any of its writes, of which the receipt is the first.
    for missing in whole.keys().filter(|name| **name != kept.name) {
        let died = World::new();
        let is_before = |name: &str| order(name, &kept.name) < order(missing, &kept.name);
        for (name, content) in whole.iter().filter(|(name, _)| is_before(name)) {
            let condition = immuta_watch::lake::Condition::Absent;
            died.store.put_if(name, content.to_vec(), condition).await.unwrap();
        }
        let left = undecided(&died.store, date).await.unwrap();
        assert_eq!(left, std::slice::from_ref(&kept.name), "{missing}");
        let again = Kept::read(&died.store, &left[0]).await.unwrap().unwrap();
        assert_eq!(died.decide(&again).await, decision);
        assert_eq!(died.store.files(), whole, "{missing}");
    }
}

/// By this configuration an everyday change at night is for the dashboard.
const ALWAYS_OPEN: &str = "
calendars:
  open: {zone: UTC, days: [Mon, Tue, Wed, Thu, Fri, Sat, Sun], hours: '00:00-24:00'}
default_calendar: open
";

#[tokio::test]
async fn a_function_that_wakes_after_another_has_decided_by_another_pack_changes_nothing() {
    let (world, other) = (World::new(), World::with(ALWAYS_OPEN));
    let body = permission("CREATE_PROJECT");
    let kept = keep(&world.store, "permissionsUpdated", &body, time("2026-11-23T22:00:00Z")).await.unwrap();
    let by_other = other.judge().decide(&world.store, &kept, kept.receipt.received).await.unwrap();
    let whole = world.store.files();
    assert_eq!(world.decide(&kept).await, by_other, "what stands is what was decided first");
    assert_eq!(world.store.files(), whole);
    // As if it had been frozen behind its look at the manifest: it is there, and its file is another.
    world.store.remove(&names::decision(&kept.name)).await.unwrap();
    assert_eq!(world.decide(&kept).await, by_other);
    assert_eq!(world.store.files(), whole);
    assert_eq!(world.problems().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_an_attempt_by_another_pack_left_half_done_is_replaced() {
    let (world, other) = (World::new(), World::with(ALWAYS_OPEN));
    let body = permission("CREATE_PROJECT");
    let kept = keep(&world.store, "permissionsUpdated", &body, time("2026-11-23T22:00:00Z")).await.unwrap();
    other.judge().decide(&world.store, &kept, kept.receipt.received).await.unwrap();
    for name in world.store.files().into_keys().filter(|name| *name != kept.name && !name.starts_with(names::ALERTS)) {
        world.store.remove(&name).await.unwrap();
    }
    assert_eq!(outcome(&world.decide(&kept).await), Some((Level::Medium, Route::Notification)));
    assert_eq!(world.deliver(kept.receipt.received).await.sent, 1);
    assert_eq!(world.problems().await, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_sends_again_what_nobody_decided_has_it_decided() {
    let world = World::new();
    let body = permission("USER_ADMIN");
    let lost = keep(&world.store, "permissionsUpdated", &body, time("2026-11-23T13:00:00Z")).await.unwrap();
    let again = world.receive("permissionsUpdated", &body, "2026-11-23T13:00:20Z").await.1;
    assert_eq!(again.outcome, Outcome::Repeat { of: lost.name.clone() });
    assert!(world.store.get(&names::decision(&lost.name)).await.unwrap().is_some());
    assert_eq!(world.deliver(time("2026-11-23T13:00:21Z")).await.sent, 1);
}

/// When a file is written: receipt, contributions, outbox, manifest, decision.
fn order(name: &str, receipt: &str) -> usize {
    let folders = [names::ALERTS, names::OUTBOX, names::MANIFESTS];
    if name == receipt { 0 } else { folders.iter().position(|folder| name.starts_with(folder)).map_or(9, |at| at + 1) }
}

#[tokio::test]
async fn what_is_decided_days_later_interrupts_nobody_one_by_one() {
    let world = World::new();
    let kept = keep(&world.store, "permissionsUpdated", &permission("USER_ADMIN"), time("2026-11-23T13:00:00Z")).await;
    let (kept, now) = (kept.unwrap(), time("2026-11-27T13:00:00Z"));
    world.judge().decide(&world.store, &kept, now).await.unwrap();
    assert_eq!(world.deliver(now + TimeDelta::minutes(1)).await.sent, 1);
    let told = world.chat.taken();
    assert!(told[0].id.starts_with("late-"), "{}", told[0].id);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_judged_by_its_text() {
    let world = World::new();
    let text = b"Somebody gave USER_ADMIN to Tom \xff";
    let decision = world.receive("permissionsUpdated", text, "2026-11-23T13:00:00Z").await.1;
    assert_eq!(outcome(&decision), Some((Level::High, Route::Notification)));
    assert!(matches!(decision.outcome, Outcome::Judged { is_understood: false, .. }));
}
