use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::Row;
use super::*;
use crate::event::{Event, Record};

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// An event of a day of November 2026, with an id of its own.
fn event(number: u32, day: u32, kind: &str, rest: &str) -> Change {
    let line = format!(
        r#"{{"id":"{number}","eventTimestamp":"2026-11-{day:02}T12:00:{:02}Z","actor":{{"id":"marta@x"}},{rest},
            "auditPayload":{{"type":"{kind}AuditPayload","permission":"GOVERNANCE"}}}}"#,
        number % 60
    );
    let record = Record::parse(line.as_bytes()).unwrap();
    Change::of(&Event::of(&record)).unwrap()
}

fn user(id: &str, name: &str) -> String {
    format!(r#""targets":[{{"type":"USER","id":"{id}","name":"{name}"}}]"#)
}

fn member(id: &str, group: &str) -> String {
    format!(r#""targets":[{{"type":"GROUP","name":"{group}"}}],"relatedResources":[{{"type":"USER","id":"{id}"}}]"#)
}

fn source(id: &str, name: &str) -> String {
    format!(r#""targets":[{{"type":"DATASOURCE","id":"{id}","name":"{name}"}}]"#)
}

fn list(kind: ListKind, day: u32, rows: &[(&str, &str, &str)]) -> List {
    let row = |(id, name, of): &(&str, &str, &str)| {
        let mut row = Row { id: (*id).to_owned(), name: (*name).to_owned(), ..Row::default() };
        match kind {
            ListKind::Permission => (*of).clone_into(&mut row.permission),
            ListKind::GroupMember => (*of).clone_into(&mut row.group),
            ListKind::DataSource => {}
        }
        row
    };
    let date = NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
    List::new(kind, date, rows.iter().map(row).collect::<BTreeSet<_>>())
}

fn permissions(day: u32, rows: &[(&str, &str, &str)]) -> List {
    list(ListKind::Permission, day, rows)
}

fn standing(lists: &[List], changes: &[Change]) -> Standing {
    Standing::at(at("2026-12-31T00:00:00Z"), lists, changes)
}

/// Who holds what, and how that is known: the day of the list, or of the event.
fn held(standing: &Standing) -> Vec<String> {
    let known = |known: &Known| match known {
        Known::List(date) => format!("list {}", date.format("%d")),
        Known::Event { at, .. } => format!("event {}", at.format("%d")),
    };
    let holders = standing.holders().into_iter();
    holders
        .flat_map(|holder| {
            let of = |(permission, how): (&&str, &&Known)| format!("{} {permission}: {}", holder.who.name, known(how));
            holder.permissions.iter().map(of).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn changes_count_on_top_of_the_latest_list() {
    let lists = [
        permissions(1, &[("ann@x", "Ann", "USER_ADMIN"), ("tom@x", "Tom", "AUDIT")]),
        permissions(10, &[("ann@x", "Ann", "User Admin"), ("eve@x", "Eve", "AUDIT"), ("kim@x", "Kim", "GOVERNANCE")]),
    ];
    let changes = [
        event(1, 5, "PermissionApplied", &user("tom@x", "Tom")), // on no later list: it was taken, somehow
        event(2, 6, "PermissionApplied", &user("kim@x", "Kim")),
        event(3, 12, "PermissionApplied", &user("ann@x", "Ann")),
        event(4, 13, "PermissionApplied", &user("eve@x", "Eve")),
        event(5, 14, "PermissionRemoved", &user("eve@x", "Eve")),
    ];
    let standing = standing(&lists, &changes);
    assert_eq!(
        held(&standing),
        ["Ann GOVERNANCE: event 12", "Ann USER_ADMIN: list 01", "Eve AUDIT: list 10", "Kim GOVERNANCE: event 06"]
    );
    let basis = standing.basis(ListKind::Permission);
    assert_eq!((basis.list, basis.listed, basis.came, basis.went), (Some(lists[1].date), 3, 2, 1));
}

#[test]
fn a_moment_sees_what_was_before_it() {
    let lists = [permissions(1, &[("ann@x", "Ann", "AUDIT")]), permissions(10, &[("eve@x", "Eve", "AUDIT")])];
    let changes = [event(1, 5, "PermissionApplied", &user("tom@x", "Tom"))];
    let on = |moment| held(&Standing::at(at(moment), &lists, &changes));
    assert_eq!(on("2026-11-04T00:00:00Z"), ["Ann AUDIT: list 01"]);
    assert_eq!(on("2026-11-06T00:00:00Z"), ["Ann AUDIT: list 01", "Tom GOVERNANCE: event 05"]);
    assert_eq!(on("2026-11-09T09:59:59Z"), on("2026-11-06T00:00:00Z"));
    // Somewhere it is the tenth by then.
    assert_eq!(on("2026-11-09T10:00:00Z"), ["Eve AUDIT: list 10"]);
}

#[test]
fn a_list_says_nothing_of_other_kinds_and_without_one_what_was_seen_stands() {
    let lists = [list(ListKind::DataSource, 10, &[("7", "hr.pay", "")])];
    let changes = [event(1, 5, "PermissionApplied", &user("tom@x", "Tom"))];
    let standing = standing(&lists, &changes);
    assert_eq!(held(&standing), ["Tom GOVERNANCE: event 05"]);
    assert_eq!(standing.basis(ListKind::Permission).list, None);
    assert_eq!(standing.count(ListKind::DataSource), 1);
}

#[test]
fn what_was_done_on_the_day_of_the_list_comes_to_the_same_before_and_after_it() {
    let lists = [permissions(10, &[("ann@x", "Ann", "GOVERNANCE")])];
    let changes = [
        event(1, 10, "PermissionRemoved", &user("ann@x", "Ann")),
        event(2, 10, "PermissionApplied", &user("ann@x", "Ann")),
        event(3, 10, "PermissionApplied", &user("tom@x", "Tom")),
        event(4, 10, "PermissionRemoved", &user("tom@x", "Tom")),
    ];
    assert_eq!(held(&standing(&lists, &changes)), ["Ann GOVERNANCE: event 10"]);
}

#[test]
fn people_are_told_apart_by_identifier_and_else_by_name() {
    let lists = [permissions(1, &[("jw1@x", "Julia Weber", "AUDIT"), ("jw2@x", "Julia Weber", "AUDIT")])];
    let one = [event(1, 5, "PermissionApplied", &user("JW2@x", "J. Weber"))];
    let found = standing(&lists, &one);
    let with_both: Vec<_> = found.holders().into_iter().filter(|holder| holder.permissions.len() == 2).collect();
    assert_eq!((with_both.len(), with_both[0].who.id.as_deref()), (1, Some("jw2@x")));
    assert_eq!(found.unclear, 0);
    // By name alone it could be either: nothing is taken from the wrong one.
    let changes = [event(1, 5, "PermissionApplied", &user("", "Julia Weber"))];
    let found = standing(&lists, &changes);
    assert_eq!((found.holders().len(), found.unclear), (3, 1));
}

#[test]
fn whoever_is_deleted_holds_nothing_and_is_in_no_group() {
    let lists = [
        permissions(1, &[("ann@x", "Ann", "AUDIT"), ("ann@x", "Ann", "GOVERNANCE"), ("tom@x", "Tom", "AUDIT")]),
        list(ListKind::GroupMember, 1, &[("ann@x", "Ann", "Sales"), ("tom@x", "Tom", "Sales"), ("tom@x", "Tom", "HR")]),
    ];
    let found = standing(&lists, &[event(1, 5, "UserDeleted", &user("ann@x", "Ann"))]);
    assert_eq!(held(&found), ["Tom AUDIT: list 01"]);
    assert_eq!(found.memberships().len(), 2);
    assert_eq!((found.basis(ListKind::Permission).went, found.basis(ListKind::GroupMember).went), (2, 1));
    let group = event(2, 6, "GroupDeleted", r#""targets":[{"type":"GROUP","name":"sales"}]"#);
    let found = standing(&lists, &[group]);
    assert_eq!(found.memberships().iter().map(|(group, ..)| group.name.as_str()).collect::<Vec<_>>(), ["HR"]);
}

#[test]
fn members_and_data_sources_come_and_go() {
    let changes = [
        event(1, 2, "GroupMemberAdded", &member("977", "Sales")),
        event(2, 3, "GroupMemberAdded", &member("12", "Sales")),
        event(3, 4, "GroupMemberRemoved", &member("977", "sales")),
        event(4, 2, "DatasourceCreated", &source("7", "hr.pay")),
        event(5, 3, "DatasourceCreated", &source("8", "hr.staff")),
        event(6, 4, "DatasourceDeleted", &source("7", "renamed")),
    ];
    let found = standing(&[], &changes);
    assert_eq!(found.memberships().iter().map(|(_, who, _)| who.name.as_str()).collect::<Vec<_>>(), ["12"]);
    assert_eq!(found.data_sources().iter().map(|(source, _)| source.name.as_str()).collect::<Vec<_>>(), ["hr.staff"]);
}

const KINDS: [&str; 8] = [
    "PermissionApplied",
    "PermissionRemoved",
    "GroupMemberAdded",
    "GroupMemberRemoved",
    "DatasourceCreated",
    "DatasourceDeleted",
    "UserDeleted",
    "GroupDeleted",
];

/// One of few users, some of whom share a name, so that events meet.
fn someone() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("ann@x", "Ann"),
        ("977", "Ann"),
        ("", "Ann"),
        ("tom@x", ""),
        ("tom@x", "Ann"),
        ("8", "Tom"),
    ])
}

fn some_event() -> impl Strategy<Value = (u32, usize, &'static str, &'static str)> {
    (1..29_u32, 0..KINDS.len(), someone()).prop_map(|(day, kind, (id, name))| (day, kind, id, name))
}

fn made(number: usize, (day, kind, id, name): (u32, usize, &str, &str)) -> Change {
    let kind = KINDS[kind];
    let rest = match kind {
        "PermissionApplied" | "PermissionRemoved" | "UserDeleted" => user(id, name),
        "GroupMemberAdded" | "GroupMemberRemoved" => member(id, name),
        "GroupDeleted" => format!(r#""targets":[{{"type":"GROUP","name":"{name}"}}]"#),
        _ => source(id, name),
    };
    event(u32::try_from(number).unwrap(), day, kind, &rest)
}

fn some_list() -> impl Strategy<Value = List> {
    let rows = prop::collection::vec((someone(), prop::sample::select(vec!["AUDIT", "GOVERNANCE"])), 1..6);
    (1..29_u32, prop::sample::select(ListKind::ALL.to_vec()), rows).prop_map(|(day, kind, rows)| {
        let rows: Vec<_> = rows.into_iter().map(|((id, name), of)| (id, name, of)).collect();
        list(kind, day, &rows)
    })
}

proptest! {
    /// Exports come in any order and twice, and so do lists: what stands is the same.
    #[test]
    fn the_order_of_exports_and_imports_does_not_matter(
        lists in prop::collection::vec(some_list(), 0..4),
        events in prop::collection::vec(some_event(), 0..40),
        order in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        // One list per kind and day, as the lake has them.
        let lists: BTreeMap<_, _> = lists.into_iter().map(|list| ((list.date, list.kind), list)).collect();
        let lists: Vec<List> = lists.into_values().collect();
        let changes: Vec<Change> = events.into_iter().enumerate().map(|(number, event)| made(number, event)).collect();
        let expected = standing(&lists, &changes);
        let mut other = changes.clone();
        if !changes.is_empty() {
            other.extend_from_slice(&changes[order.index(changes.len())..]);
        }
        // Shuffled by a hash of the place.
        let mut other: Vec<_> = other.into_iter().enumerate().collect();
        other.sort_by_key(|(place, _)| (*place as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let other: Vec<Change> = other.into_iter().map(|(_, change)| change).collect();
        let reversed: Vec<List> = lists.iter().rev().cloned().collect();
        let found = standing(&reversed, &other);
        prop_assert_eq!(held(&found), held(&expected));
        prop_assert_eq!(found.memberships(), expected.memberships());
        prop_assert_eq!(found.data_sources(), expected.data_sources());
        prop_assert_eq!((&found.bases, found.unclear), (&expected.bases, expected.unclear));
    }

    /// A list of everything that stands changes nothing but how much is known of it.
    #[test]
    fn a_list_of_what_stands_changes_nothing(events in prop::collection::vec(some_event(), 0..40)) {
        let changes: Vec<Change> = events
            .into_iter()
            // Everybody by an identifier: by name alone two of a list cannot be told apart.
            .filter(|(_, _, id, _)| id.contains('@'))
            .enumerate()
            .map(|(number, event)| made(number, event))
            .collect();
        let before = standing(&[], &changes);
        let rows: Vec<_> = before
            .holders()
            .into_iter()
            .flat_map(|holder| {
                let id = holder.who.id.clone().unwrap_or_else(|| holder.who.name.clone());
                holder.permissions.into_keys().map(move |permission| (id.clone(), permission.to_owned())).collect::<Vec<_>>()
            })
            .collect();
        let rows: Vec<(&str, &str, &str)> = rows.iter().map(|(id, permission)| (&**id, "", &**permission)).collect();
        let found = standing(&[permissions(30, &rows)], &changes);
        prop_assert_eq!(held(&found), held(&before));
    }
}
