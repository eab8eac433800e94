//! Webhooks against exports, run by run: what is missing at one end is told of once, and only when it can be known.

use immuta_watch::notify::Notice;
use immuta_watch::reconcile::changes::{Counts, Known, Run};

use super::counterparts::audited;
use super::*;

/// Noon on a Monday; hours are counted from here.
fn hour(hour: i64) -> DateTime<Utc> {
    time("2026-11-23T12:00:00Z") + TimeDelta::hours(hour)
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn notified(permission: &str, to: &str) -> Vec<u8> {
    let inner = json!({ "actor": {"type": "USER_ACTOR", "id": "ann@x"}, "user": to, "permissions": [permission] });
    body(&format!("Ann gave {permission} to {to}"), &inner)
}

/// Something that says how far the audit log goes.
fn sign_in(at: DateTime<Utc>) -> Value {
    json!({ "id": text(at), "eventTimestamp": text(at), "actor": {"id": "bob@x"}, "action": "CREATE", "targetType": "USER",
        "auditPayload": {"type": "UserAuthenticatedAuditPayload"} })
}

impl World {
    /// A notification, received and written at this time.
    async fn notify(&self, permission: &str, to: &str, at: DateTime<Utc>) -> String {
        self.store.set_time(at);
        self.receive("permissionsUpdated", &notified(permission, to), &text(at)).await.0.name
    }

    /// An export, written at this time.
    async fn export_at(&self, name: &str, records: &[Value], at: DateTime<Utc>) {
        self.store.set_time(at);
        self.export(name, records, at).await;
    }

    /// One run; what it tells and counts.
    async fn compare(&self, now: DateTime<Utc>) -> (Vec<Notice>, Counts) {
        let due = Run::of(&self.store, now, true, &|| false).await.unwrap();
        assert!(due.known.write(&self.store, due.condition).await.unwrap().is_some());
        (due.tell, due.counts)
    }

    async fn known(&self) -> Known {
        Known::read(&self.store).await.unwrap().0
    }
}

#[tokio::test]
async fn a_notification_waits_for_its_event_and_is_told_of_if_the_audit_log_goes_on_without_it() {
    let world = World::new();
    let kept = world.notify("USER_ADMIN", "tom@x", hour(0)).await;
    assert_eq!(world.compare(hour(1)).await.1.notifications, 1);
    world.export_at("e1", &[sign_in(hour(2))], hour(4)).await;
    for at in [5, 20, 47] {
        let (tell, counts) = world.compare(hour(at)).await;
        assert!(tell.is_empty());
        assert_eq!((counts.notifications, counts.waiting), (0, 1), "after {at} hours");
    }
    let (tell, counts) = world.compare(hour(48)).await;
    assert_eq!((counts.missing, counts.waiting), (1, 0));
    let [Notice::NotificationsNotAudited { kind, count: 1, receipts, .. }] = &tell[..] else { panic!("{tell:?}") };
    assert_eq!((kind.as_str(), receipts), ("permissionsUpdated", &vec![kept]));
    assert!(world.compare(hour(49)).await.0.is_empty(), "it is told of once");
}

#[tokio::test]
async fn while_no_export_comes_nothing_is_missing_in_it() {
    let world = World::new();
    world.export_at("e1", &[sign_in(hour(-1))], hour(-1)).await;
    world.notify("USER_ADMIN", "tom@x", hour(0)).await;
    for at in (1..200).step_by(7) {
        assert!(world.compare(hour(at)).await.0.is_empty(), "after {at} hours");
    }
    let known = world.known().await;
    assert!(known.waiting.is_empty(), "after a week nothing will be known");
    assert_eq!(known.notifications["permissionsUpdated"].values().next().unwrap().untold, 1);
}

#[tokio::test]
async fn the_event_settles_it_however_late_it_comes_and_whichever_comes_first() {
    let world = World::new();
    world.notify("USER_ADMIN", "tom@x", hour(0)).await;
    world.compare(hour(1)).await;
    world.export_at("e1", &[sign_in(hour(9))], hour(10)).await;
    world.compare(hour(11)).await;
    world.export_at("e2", &[audited("1", "USER_ADMIN", "tom@x", &text(hour(0)))], hour(40)).await;
    assert_eq!(world.compare(hour(41)).await.1, Counts { found: 1, events: 1, ..Counts::default() });
    // An export that is written between a change and its notification, seen by an earlier run.
    let at = hour(50) - TimeDelta::minutes(30);
    world.export_at("e3", &[audited("2", "USER_ADMIN", "mia@x", &text(at))], at + TimeDelta::seconds(2)).await;
    world.compare(at + TimeDelta::seconds(2) + TimeDelta::minutes(31)).await;
    world.notify("USER_ADMIN", "mia@x", at + TimeDelta::minutes(2)).await;
    assert_eq!(world.compare(hour(52)).await.1.found, 1);
    assert!(world.compare(hour(150)).await.0.is_empty());
}

#[tokio::test]
async fn a_repeat_and_a_type_without_a_counterpart_wait_for_nothing() {
    let world = World::new();
    world.notify("USER_ADMIN", "tom@x", hour(0)).await;
    world.notify("USER_ADMIN", "tom@x", hour(0) + TimeDelta::minutes(5)).await;
    world.receive("policyUpdated", &body("computed anew", &json!({})), &text(hour(0))).await;
    assert_eq!(world.compare(hour(1)).await.1.notifications, 1);
}

#[tokio::test]
async fn an_event_without_its_notification_is_told_of_once_notifications_of_its_kind_have_proved_to_come() {
    let world = World::new();
    let without = |number: i64, at| audited(&format!("untold {number}"), "GOVERNANCE", "eve@x", &text(at));
    // Before any notification of the type has come, nobody expects one.
    world.export_at("before", &[without(0, hour(-3))], hour(-2)).await;
    assert_eq!(world.compare(hour(-1)).await.1.events, 0);
    for day in 0..6 {
        let mut records = Vec::new();
        for number in 0..10 {
            let (at, to) = (hour(24 * day) + TimeDelta::minutes(5 * number), format!("user{number}@x"));
            world.notify("USER_ADMIN", &to, at + TimeDelta::seconds(3)).await;
            records.push(audited(&format!("{day}.{number}"), "USER_ADMIN", &to, &text(at)));
        }
        if day == 2 {
            records.push(without(1, hour(24 * day + 2)));
        }
        world.export_at(&format!("day {day}"), &records, hour(24 * day + 4)).await;
        let (tell, counts) = world.compare(hour(24 * day + 6)).await;
        assert!(tell.is_empty(), "staged on day {day}");
        assert_eq!((counts.found, counts.untold), (10, u64::from(day == 2)));
    }
    // The very first one came before any notification.
    let rate = &world.known().await.events["PermissionApplied"];
    assert_eq!((rate.events(), rate.told(), rate.is_proven), (60, 59, true));
    world.export_at("last", &[without(2, hour(150)), without(3, hour(151))], hour(152)).await;
    let (tell, counts) = world.compare(hour(153)).await;
    assert_eq!(counts.suspicious, 2);
    let [notice @ Notice::ChangesNotAnnounced { count: 2, events: 62, told: 59, .. }] = &tell[..] else {
        panic!("{tell:?}")
    };
    let message = notice.message(LAKE);
    assert_eq!(message.headline, "Immuta did not tell of 2 changes by webhook (PermissionApplied)");
    assert!(message.facts[0].value.contains("ann → eve@x, governance"), "{:?}", message.facts);
    assert!(world.compare(hour(154)).await.0.is_empty());
}

#[tokio::test]
async fn a_run_that_ends_early_leaves_the_rest_to_the_next() {
    let world = World::new();
    for number in 0..4 {
        let (at, to) = (hour(number), format!("user{number}@x"));
        world.notify("USER_ADMIN", &to, at).await;
        let record = audited(&number.to_string(), "USER_ADMIN", &to, &text(at));
        world.export_at(&format!("e{number}"), &[record], at + TimeDelta::minutes(30)).await;
    }
    let mut found = 0;
    for _ in 0..4 {
        let due = Run::of(&world.store, hour(6), true, &|| true).await.unwrap();
        assert_eq!(due.counts.events, 1, "one file each");
        found += due.counts.found;
        due.known.write(&world.store, due.condition).await.unwrap();
    }
    let known = world.known().await;
    assert_eq!((found, known.waiting.len()), (4, 0));
    assert_eq!(known.events["PermissionApplied"].events(), 4, "each is counted once");
}

#[tokio::test]
async fn of_two_runs_at_once_one_leaves_its_own_and_both_would_tell_the_same() {
    let world = World::new();
    world.notify("USER_ADMIN", "tom@x", hour(0)).await;
    world.compare(hour(1)).await;
    world.export_at("e1", &[sign_in(hour(2))], hour(4)).await;
    let one = Run::of(&world.store, hour(50), true, &|| false).await.unwrap();
    let other = Run::of(&world.store, hour(51), true, &|| false).await.unwrap();
    assert_eq!(one.tell[0].id(), other.tell[0].id());
    assert!(one.known.write(&world.store, one.condition).await.unwrap().is_some());
    assert_eq!(other.known.write(&world.store, other.condition).await.unwrap(), None);
}

#[tokio::test]
async fn while_an_export_is_missing_nothing_is_said_to_be_missing_in_it() {
    let world = World::new();
    world.notify("USER_ADMIN", "tom@x", hour(0)).await;
    world.compare(hour(1)).await;
    world.export_at("e1", &[sign_in(hour(2)), sign_in(hour(500))], hour(4)).await;
    let due = Run::of(&world.store, hour(50), false, &|| false).await.unwrap();
    assert_eq!((due.tell.len(), due.counts.waiting), (0, 1));
    let due = Run::of(&world.store, hour(50), true, &|| false).await.unwrap();
    assert_eq!(due.tell.len(), 1, "an event of the future says nothing of how far the log goes");
}

#[tokio::test]
async fn a_notice_is_named_by_all_that_it_is_about() {
    let world = World::new();
    world.notify("USER_ADMIN", "tom@x", hour(0)).await;
    world.compare(hour(1)).await;
    world.export_at("e1", &[sign_in(hour(9))], hour(10)).await;
    let one = Run::of(&world.store, hour(48), true, &|| false).await.unwrap();
    // It is told, and that could not be entered; meanwhile another one is due.
    world.notify("AUDIT", "mia@x", hour(1)).await;
    let two = Run::of(&world.store, hour(50), true, &|| false).await.unwrap();
    assert!(matches!(&two.tell[..], [Notice::NotificationsNotAudited { count: 2, .. }]));
    assert_ne!(one.tell[0].id(), two.tell[0].id());
    let again = Run::of(&world.store, hour(48), true, &|| false).await.unwrap();
    assert_eq!(again.counts.missing, 1);
}

#[tokio::test]
async fn a_notification_that_says_nothing_proves_nothing() {
    let world = World::new();
    world.store.set_time(hour(0));
    world.receive("permissionsUpdated", &body("Permissions were updated", &json!({})), &text(hour(0))).await;
    let record = audited("1", "USER_ADMIN", "tom@x", &text(hour(0) + TimeDelta::minutes(1)));
    world.export_at("e1", &[record], hour(2)).await;
    let (_, counts) = world.compare(hour(3)).await;
    assert_eq!((counts.found, counts.events), (1, 0), "it may be told of, so neither is missed");
}
