//! Counting made-up rows, in every order.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::change::samples::{change, key, time};
use super::super::windows::wanted;
use super::*;

/// A made-up row, by numbers alone.
#[derive(Debug, Clone, Copy)]
struct Row {
    number: u64,
    /// Hours from the change
    hours: i64,
    status: &'static str,
    user: &'static str,
    object: &'static str,
}

const AT: &str = "2026-11-10T09:00:00Z";

fn row(number: u64, hours: i64, status: &'static str, user: &'static str, object: &'static str) -> Row {
    Row { number, hours, status, user, object }
}

fn counted(rows: &[Row]) -> (Compared, Compared) {
    let windows = wanted(time(AT), TimeDelta::days(1));
    let scope = Scope::of(&change(1, "TagRemoved", "PII", &["hr.pay"]), &[]);
    let mut tally = Tally::new([(&windows, &scope)]);
    let mut rows = rows.to_vec();
    // Dates come one after the other, the rows within one in whatever order.
    rows.sort_by_key(|row| (time(AT) + TimeDelta::hours(row.hours)).date_naive());
    for dates in rows.chunk_by(|a, b| {
        let date = |row: &Row| (time(AT) + TimeDelta::hours(row.hours)).date_naive();
        date(a) == date(b)
    }) {
        for row in dates {
            let (event, time) = (key(row.number), time(AT) + TimeDelta::hours(row.hours));
            let objects = [row.object];
            if row.status.starts_with("Subscription") {
                let subjects = [row.user];
                tally.grant(&Grant {
                    event,
                    time,
                    kind: row.status,
                    status: None,
                    subjects: &subjects,
                    objects: &objects,
                });
                continue;
            }
            let about =
                About { actor: row.user, actor_name: None, actor_profile: None, objects: &objects, columns: &[] };
            let (status, sensitivity) = (Some(row.status), Some("SENSITIVE"));
            tally.query(&Query { event, time, status, sensitivity, about });
        }
        tally.end_of_date();
    }
    let (inside, outside) = tally.finish().remove(0);
    (inside, outside.unwrap())
}

const WEEK: i64 = 7 * 24;

#[test]
fn each_window_and_each_part_is_counted_by_itself() {
    let rows = [
        row(1, 1 - WEEK, "SUCCESS", "ann", "hr.pay"),
        row(2, 2 - WEEK, "SUCCESS", "tom", "hr.pay"),
        row(3, 1, "SUCCESS", "ann", "hr.pay"),
        row(4, 2, "UNAUTHORIZED", "tom", "hr.pay"),
        row(5, 3, "SUCCESS", "eve", "HR.PAY"),
        row(6, 3, "FAILURE", "eve", "hr.pay"),
        row(7, 3, "SUCCESS", "eve", "sales.orders"),
        row(8, 24, "SUCCESS", "ann", "hr.pay"),
        row(9, -1, "SUCCESS", "ann", "hr.pay"),
        row(10, 4, "SubscriptionCreated", "eve", "hr.pay"),
        row(11, 4, "SubscriptionDeleted", "tom", "hr.pay"),
        row(12, 4, "SubscriptionDeleted", "tom", "sales.orders"),
    ];
    let (inside, outside) = counted(&rows);
    let before = Counts { queries: 2, sensitive: 2, readers: 2, objects_read: 1, ..Counts::default() };
    assert_eq!(inside.before, before);
    let after = Counts {
        queries: 4,
        denied: 1,
        failed: 1,
        sensitive: 4,
        readers: 2,
        objects_read: 2,
        users_denied: 1,
        grants: 1,
        removals: 1,
    };
    assert_eq!(inside.after, after);
    assert_eq!((outside.after.queries, outside.after.removals, outside.before.queries), (1, 1, 0));
    let names = |list: &List| list.first.iter().map(|listed| listed.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&inside.moves.users_reached), ["eve"]);
    assert_eq!(names(&inside.moves.users_left), ["tom"]);
    assert_eq!(names(&inside.moves.users_denied), ["tom"]);
    assert_eq!(names(&inside.moves.objects_denied), ["hr.pay"]);
}

#[test]
fn somebody_refused_before_is_not_newly_refused() {
    let rows = [
        row(1, -WEEK, "SUCCESS", "ann", "hr.pay"),
        row(2, -WEEK, "UNAUTHORIZED", "ann", "hr.pay"),
        row(3, 1, "UNAUTHORIZED", "ann", "hr.pay"),
        row(4, 1, "UNAUTHORIZED", "new", "hr.pay"),
    ];
    assert_eq!(counted(&rows).0.moves.users_denied, List::default());
}

#[test]
fn a_list_has_the_most_queries_first_and_says_how_many_there_are() {
    let mut map = HashMap::new();
    for number in 0..250_u64 {
        entry(&mut map, &format!("user {number:03}")).read[AFTER] = number % 10 + 1;
    }
    let found = list(&map, |seen| seen.read[AFTER]);
    assert_eq!((found.total, found.first.len()), (250, MOST_LISTED));
    assert_eq!((found.first[0].name.as_str(), found.first[0].queries), ("user 009", 10));
    assert!(found.first.is_sorted_by_key(|listed| Reverse(listed.queries)));
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let hours = prop_oneof![-WEEK - 3..-WEEK + 27, -3_i64..27];
    let status =
        prop::sample::select(vec!["SUCCESS", "UNAUTHORIZED", "FAILURE", "SubscriptionCreated", "SubscriptionDeleted"]);
    let user = prop::sample::select(vec!["ann", "tom", "eve", "kim"]);
    let object = prop::sample::select(vec!["hr.pay", "HR.Pay", "sales.orders"]);
    let rows = prop::collection::vec((hours, status, user, object), 0..60);
    rows.prop_map(|rows| {
        (1..)
            .zip(rows)
            .map(|(number, (hours, status, user, object))| row(number, hours, status, user, object))
            .collect()
    })
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_matters(
        (rows, mixed) in rows().prop_flat_map(|rows| {
            let twice: Vec<Row> = rows.iter().chain(&rows).copied().collect();
            (Just(rows), Just(twice).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(counted(&rows), counted(&mixed));
    }
}
