//! A grant and the approved request behind it, in different exports.

use immuta_watch::alerts::Alert;
use immuta_watch::lake::MemoryStore;
use immuta_watch::rules::{Level, Route};

use crate::records::{access_approved, access_given, grant};
use crate::world::{PACK, TestClock, TestExport, commit};
use crate::{alerts_of, uri};

const GRANTED: &str = "2026-11-10T09:00:00Z";

/// The alert about the grant, once these exports are committed in this order.
fn alert_of(exports: &[&TestExport]) -> Alert {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    for export in exports {
        commit(&store, &clock, export, &PACK).unwrap();
    }
    let mut alerts = alerts_of(&store);
    alerts.retain(|alert| alert.detail().rule_name == "access_granted");
    assert_eq!(alerts.len(), 1);
    alerts.remove(0)
}

fn outcome(alert: &Alert) -> (Level, Route) {
    (alert.detail().level, alert.detail().route)
}

fn asks_for_hands(alert: &Alert) -> bool {
    let example = &alert.detail().examples[0];
    alert.conditions(example).iter().any(|held| held.field.as_deref() == Some("watch.manual"))
}

#[test]
fn a_grant_by_a_person_that_nobody_approved_notifies() {
    let alert = alert_of(&[&TestExport::new(&uri(0), access_given(1, "ann", GRANTED))]);
    assert_eq!(outcome(&alert), (Level::Medium, Route::Notification));
    assert!(asks_for_hands(&alert));
    assert_eq!(alert.detail().raised.len(), 1);
}

#[test]
fn an_approval_in_another_export_stands_behind_a_grant_in_whatever_order_they_come() {
    let grant = TestExport::new(&uri(0), access_given(1, "ann", GRANTED));
    let approval = TestExport::new(&uri(1), access_approved(1, "2026-11-08T17:00:00Z"));
    for order in [[&grant, &approval], [&approval, &grant]] {
        let alert = alert_of(&order);
        assert_eq!(outcome(&alert), (Level::Informational, Route::Dashboard));
        let example = &alert.detail().examples[0];
        assert_eq!(alert.approval(example.key).unwrap().by, "owner");
        assert!(!asks_for_hands(&alert));
        assert!(alert.detail().raised.is_empty());
    }
}

#[test]
fn an_approval_counts_only_within_its_time() {
    for (approved, expected) in [
        ("2026-11-03T09:00:00Z", Route::Dashboard),
        ("2026-11-03T08:59:59Z", Route::Notification),
        ("2026-11-10T09:05:00Z", Route::Dashboard),
        ("2026-11-10T09:05:01Z", Route::Notification),
    ] {
        let grant = TestExport::new(&uri(0), access_given(1, "ann", GRANTED));
        let approval = TestExport::new(&uri(1), access_approved(1, approved));
        assert_eq!(alert_of(&[&grant, &approval]).detail().route, expected, "{approved}");
    }
}

#[test]
fn one_grant_of_two_that_was_not_approved_keeps_the_alert_raised() {
    let both = format!("{}\n{}", access_given(1, "ann", GRANTED), access_given(2, "ann", "2026-11-10T20:00:00Z"));
    let grants = TestExport::new(&uri(0), both);
    // Behind the second one alone.
    let approval = TestExport::new(&uri(1), access_approved(1, "2026-11-10T19:00:00Z"));
    let alert = alert_of(&[&grants, &approval]);
    assert_eq!((alert.count(), outcome(&alert)), (2, (Level::Medium, Route::Notification)));
    let approved: Vec<bool> =
        alert.detail().examples.iter().map(|example| alert.approval(example.key).is_some()).collect();
    assert_eq!(approved, [false, true]);
}

#[test]
fn the_grant_that_nobody_approved_is_shown_however_many_approved_ones_came_before_it() {
    let grants: Vec<String> =
        (1..=9).map(|number| access_given(number, "ann", &format!("2026-11-10T{number:02}:00:00Z"))).collect();
    let grants = TestExport::new(&uri(0), grants.join("\n"));
    // Behind all but the last: approvals count from seven days before to five minutes after.
    let approval = TestExport::new(&uri(1), access_approved(1, "2026-11-03T08:30:00Z"));
    let alert = alert_of(&[&grants, &approval]);
    assert_eq!((alert.count(), outcome(&alert)), (9, (Level::Medium, Route::Notification)));
    assert_eq!(alert.detail().examples.len(), 5);
    let shown = &alert.detail().examples[0];
    assert!(alert.approval(shown.key).is_none() && shown.record.get().contains("\"s9\""), "{}", shown.record);
}

#[test]
fn the_event_that_raised_an_alert_is_shown_however_many_came_before_it() {
    let everyday: Vec<String> = (1..=9)
        .map(|number| grant(number, "ann", &format!("2026-11-10T09:{number:02}:00Z"), "CREATE_PROJECT"))
        .collect();
    let late = grant(10, "ann", "2026-11-10T17:00:00Z", "USER_ADMIN");
    for exports in [
        vec![TestExport::new(&uri(0), format!("{}\n{late}", everyday.join("\n")))],
        vec![TestExport::new(&uri(0), everyday.join("\n")), TestExport::new(&uri(1), &late)],
        vec![TestExport::new(&uri(0), &late), TestExport::new(&uri(1), everyday.join("\n"))],
    ] {
        let (store, clock) = (MemoryStore::default(), TestClock::new());
        for export in &exports {
            commit(&store, &clock, export, &PACK).unwrap();
        }
        let alerts = alerts_of(&store);
        assert_eq!((alerts.len(), alerts[0].detail().level), (1, Level::High));
        let shown: Vec<&str> = alerts[0].detail().examples.iter().map(|example| example.record.get()).collect();
        assert_eq!(shown.len(), 5);
        assert!(shown[0].contains("USER_ADMIN") && shown[1].contains("\"g1\""), "{shown:?}");
    }
}
