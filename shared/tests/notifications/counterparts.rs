//! The same change comes by webhook and in an export: it is told once, and the later alert confirms the earlier.

use std::io::Write as _;

use immuta_watch::alerts::AlertId;
use immuta_watch::findings::{Bounds, Context};
use immuta_watch::lake::{Announce, Correlator, Lake, Outcome as Committed, Taken};
use immuta_watch::notify::{Announcer, Delivery, State, Telling, deliveries_of};

use super::*;

/// Ann gives Tom a permission, as the audit log has it.
pub(super) fn audited(id: &str, permission: &str, to: &str, at: &str) -> Value {
    json!({
        "id": id, "eventTimestamp": at, "receivedTimestamp": at, "action": "CREATE", "actionStatus": "SUCCESS",
        "targetType": "USER", "actor": {"type": "USER_ACTOR", "id": "ann@x", "name": "Ann"},
        "targets": [{"type": "USER", "id": to, "name": to}], "tenantId": "acme",
        "auditPayload": {"type": "PermissionAppliedAuditPayload", "permission": permission},
    })
}

impl World {
    /// Commits an export with these records and correlates, as `classify` does.
    pub(super) async fn export(&self, name: &str, records: &[Value], now: DateTime<Utc>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let mut file = std::fs::File::create(&path).unwrap();
        for record in records {
            writeln!(file, "{record}").unwrap();
        }
        let export = LocalExport::at(&path).unwrap();
        let context = Context {
            pack: &self.pack,
            configuration: &self.configuration,
            limits: Limits::default(),
            bounds: Bounds::default(),
        };
        let mut announcer = Announcer::new(&self.pack, &self.configuration.notify, LAKE, name, now);
        let announcer: Option<&mut dyn Announce> = Some(&mut announcer);
        let clock = At(now);
        let lake = Lake::new(&self.store, &clock);
        let committed = lake.commit(&export, &context, false, announcer, &mut |_| {}).await.unwrap();
        assert!(matches!(committed, Committed::Committed(_)));
        let (store, pack, configuration) = (&self.store, &self.pack, &self.configuration);
        let (taken, alone) = (Taken::Announced, false);
        let correlator =
            Correlator { store, clock: &clock, pack, configuration, lake: LAKE, taken, alone, until: None };
        assert_eq!(correlator.correlate().await.unwrap().left, 0);
    }

    /// How the alert of the one record of that export stands with the chat.
    async fn delivery(&self, rule: &str) -> (AlertId, Delivery) {
        let mut found = Vec::new();
        immuta_watch::lake::visit_alerts(&self.store, .., &mut |alert| found.push(alert)).await.unwrap();
        let alert = found.iter().find(|alert| alert.detail().rule_name == rule).unwrap().detail();
        let told = deliveries_of(&self.store, &alert.rule, alert.window_start, &alert.alert).await.unwrap();
        let Some(Telling::ByItself(delivery)) = told.get("chat") else { panic!("{told:?}") };
        (alert.alert.clone(), delivery.clone())
    }
}

const TOLD: &str = "2026-11-23T22:00:05Z";
const HAPPENED: &str = "2026-11-23T22:00:00Z";

fn hours_later(hours: i64) -> DateTime<Utc> {
    time(HAPPENED) + TimeDelta::hours(hours)
}

#[tokio::test]
async fn the_export_confirms_what_the_webhook_told() {
    let world = World::new();
    let (_, decision) = world.receive("permissionsUpdated", &permission("USER_ADMIN"), TOLD).await;
    assert_eq!(world.deliver(time(TOLD)).await.sent, 1);
    // Tom is `tom@x` in both.
    world.export("e1", &[audited("1", "USER_ADMIN", "tom@x", HAPPENED)], hours_later(4)).await;
    assert_eq!(world.deliver(hours_later(4)).await, Tally { confirmed: 1, ..Tally::default() });
    assert_eq!(world.chat.taken().len(), 1);
    let (_, delivery) = world.delivery("permission_granted").await;
    assert_eq!(delivery.state, State::Confirmed);
    assert_eq!(delivery.told_by.as_ref(), Some(&decision.matches()[0].alert));
    assert!(world.store.list(names::OUTBOX).await.unwrap().is_empty());
    assert_eq!(world.problems().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_webhook_did_not_tell_of_is_told() {
    for other in [
        audited("1", "GOVERNANCE", "tom@x", HAPPENED),
        audited("1", "USER_ADMIN", "mia@x", HAPPENED),
        audited("1", "USER_ADMIN", "tom@x", "2026-11-23T20:00:00Z"),
    ] {
        let world = World::new();
        world.receive("permissionsUpdated", &permission("USER_ADMIN"), TOLD).await;
        world.deliver(time(TOLD)).await;
        world.export("e1", std::slice::from_ref(&other), hours_later(4)).await;
        assert_eq!(world.deliver(hours_later(4)).await.sent, 1, "{other}");
    }
}

#[tokio::test]
async fn a_further_event_of_a_confirmed_alert_is_told() {
    let world = World::new();
    world.receive("permissionsUpdated", &permission("USER_ADMIN"), TOLD).await;
    world.deliver(time(TOLD)).await;
    world.export("e1", &[audited("1", "USER_ADMIN", "tom@x", HAPPENED)], hours_later(4)).await;
    assert_eq!(world.deliver(hours_later(4)).await.confirmed, 1);
    let confirmed = world.delivery("permission_granted").await.0;
    // The same alert by its key and window, an hour and a half later, without a notification.
    world.export("e2", &[audited("2", "USER_ADMIN", "tom@x", "2026-11-23T23:30:00Z")], hours_later(5)).await;
    assert_eq!(world.deliver(hours_later(5)).await.sent, 1);
    let (alert, delivery) = world.delivery("permission_granted").await;
    assert_eq!((alert, delivery.state, delivery.told_by), (confirmed, State::Sent, None));
}

#[tokio::test]
async fn what_was_not_delivered_yet_is_waited_for_and_what_was_refused_is_told() {
    for (answer, then) in [
        (Sent::NotTaken { reason: "down".to_owned(), retry_after: None }, State::Confirmed),
        (Sent::Rejected { reason: "no such channel".to_owned() }, State::Sent),
    ] {
        let world = World::new();
        world.receive("permissionsUpdated", &permission("USER_ADMIN"), TOLD).await;
        let is_down = matches!(answer, Sent::NotTaken { .. });
        *world.chat.answer.lock().unwrap() = Some(answer);
        world.deliver(time(TOLD)).await;
        world.export("e1", &[audited("1", "USER_ADMIN", "tom@x", HAPPENED)], hours_later(1)).await;
        if is_down {
            let tally = world.deliver(hours_later(1)).await;
            assert_eq!((tally.pending, tally.confirmed), (2, 0), "the one by webhook, and the one that waits for it");
        }
        *world.chat.answer.lock().unwrap() = None;
        // One round tells of the first, and the next sees that it was told.
        for hours in [3, 4] {
            world.deliver(hours_later(hours)).await;
        }
        assert_eq!(world.chat.taken().len(), 1);
        assert_eq!(world.delivery("permission_granted").await.1.state, then);
        assert!(world.store.list(names::OUTBOX).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_burst_that_was_told_in_a_few_messages_is_confirmed_as_a_whole() {
    const BURST: usize = 500;
    let world = World::new();
    for number in 0..BURST {
        let inner = json!({ "actor": {"type": "USER_ACTOR", "id": "ann@x"}, "user": format!("user{number}@x"),
            "permissions": ["USER_ADMIN"] });
        let body = body(&format!("Ann gave USER_ADMIN to user{number}"), &inner);
        world.receive("permissionsUpdated", &body, TOLD).await;
    }
    let told = world.deliver(time(TOLD)).await;
    assert_eq!((told.sent, told.folded), (11, BURST as u64 - 10), "ten one by one, and one about all");
    assert!(world.chat.taken()[10].headline.ends_with("11 alerts so far, too many to tell one by one"));
    let later = world.deliver(time(TOLD) + TimeDelta::minutes(10)).await;
    assert_eq!(later, Tally::default(), "what is due at the end of the window is not pending");
    let records: Vec<Value> = (0..BURST)
        .map(|number| audited(&number.to_string(), "USER_ADMIN", &format!("user{number}@x"), HAPPENED))
        .collect();
    world.export("e1", &records, hours_later(4)).await;
    let confirmed = world.deliver(hours_later(4)).await;
    assert_eq!((confirmed.sent, confirmed.pending), (1, 0));
    let taken = world.chat.taken();
    assert_eq!(taken.len(), 12);
    assert_eq!(taken[11].headline, "Permissions updated (webhook): 500 alerts in all");
    assert_eq!(taken[11].facts[1].value, "500 high");
    assert!(world.store.list(names::OUTBOX).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_notification_stands_for_one_event() {
    let world = World::new();
    world.receive("permissionsUpdated", &permission("USER_ADMIN"), TOLD).await;
    // Two repeats, that nobody is told of.
    for seconds in [10, 20] {
        let at = time(TOLD) + TimeDelta::seconds(seconds);
        let at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        world.receive("permissionsUpdated", &permission("USER_ADMIN"), &at).await;
    }
    world.deliver(time(TOLD)).await;
    // Given, and given once more ten minutes later: two changes, of which one was told.
    world.export("e1", &[audited("1", "USER_ADMIN", "tom@x", HAPPENED)], hours_later(1)).await;
    assert_eq!(world.deliver(hours_later(1)).await.confirmed, 1);
    world.export("e2", &[audited("2", "USER_ADMIN", "tom@x", "2026-11-23T21:50:00Z")], hours_later(2)).await;
    assert_eq!(world.deliver(hours_later(2)).await.sent, 1);
    // Whoever looks again finds the same.
    world.export("e3", &[audited("1", "USER_ADMIN", "tom@x", HAPPENED)], hours_later(3)).await;
    assert_eq!(world.deliver(hours_later(3)).await.sent, 0);
}

#[tokio::test]
async fn what_was_told_elsewhere_or_cannot_be_read_leads_to_telling() {
    let told = async |disturb: &dyn Fn(&mut World)| {
        let mut world = World::new();
        world.receive("permissionsUpdated", &permission("USER_ADMIN"), TOLD).await;
        world.deliver(time(TOLD)).await;
        disturb(&mut world);
        world.export("e1", &[audited("1", "USER_ADMIN", "tom@x", HAPPENED)], hours_later(1)).await;
        world.deliver(hours_later(1)).await
    };
    let not_at_all = told(&|_| {}).await;
    assert_eq!((not_at_all.confirmed, not_at_all.sent), (1, 0));
    let another_channel = |world: &mut World| {
        let other = CONFIGURATION.replace("ssm:/chat", "ssm:/other");
        world.configuration.notify = World::with(&other).configuration.notify;
    };
    assert_eq!(told(&another_channel).await.sent, 1, "the name is the same, the channel is not");
}

#[tokio::test]
async fn a_record_or_an_entry_that_is_damaged_holds_up_nothing() {
    let world = World::new();
    world.receive("permissionsUpdated", &permission("USER_ADMIN"), TOLD).await;
    world.deliver(time(TOLD)).await;
    let books = world.store.list(names::DELIVERIES).await.unwrap();
    let gone = books[0].name.replace("chat.json", "gone.json");
    for damaged in [gone, format!("{}0-0.json", names::OUTBOX)] {
        let condition = immuta_watch::lake::Condition::Absent;
        world.store.put_if(&damaged, b"{".to_vec(), condition).await.unwrap();
    }
    world.export("e1", &[audited("1", "USER_ADMIN", "tom@x", HAPPENED)], hours_later(1)).await;
    let clock = At(hours_later(1));
    let (store, messenger, notify) = (&world.store, &world.chat, &world.configuration.notify);
    let failures = Failures::default();
    let office = Office { store, messenger, clock: &clock, notify, lake: LAKE, until: None, failures };
    let (tally, _) = office.deliver(names::OUTBOX).await;
    assert_eq!((tally.confirmed, tally.pending), (1, 0));
}

#[tokio::test]
async fn an_alert_that_nobody_goes_on_delivering_is_not_waited_for() {
    let mut world = World::new();
    world.receive("permissionsUpdated", &permission("USER_ADMIN"), TOLD).await;
    *world.chat.answer.lock().unwrap() = Some(Sent::NotTaken { reason: "404".to_owned(), retry_after: None });
    world.deliver(time(TOLD)).await;
    // The destination is taken out, so that the entry leaves the outbox, and put in again.
    let notify = std::mem::take(&mut world.configuration.notify.destinations);
    world.deliver(hours_later(1)).await;
    assert!(world.store.list(names::OUTBOX).await.unwrap().is_empty());
    world.configuration.notify.destinations = notify;
    *world.chat.answer.lock().unwrap() = None;
    world.export("e1", &[audited("1", "USER_ADMIN", "tom@x", HAPPENED)], hours_later(2)).await;
    let tally = world.deliver(hours_later(2)).await;
    assert_eq!((tally.sent, tally.pending), (1, 0));
}
