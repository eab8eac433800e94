//! The offices: who does what when, by the calendars of the configuration file that is written beside the exports.

use std::collections::{BTreeMap, BTreeSet};

use immuta_watch_simulate::Plan;

use super::judge::{Judge, entry};
use super::tenant::{Tenant, happened};
use super::{kind, small};

/// What people do at any hour; all other kinds are administration when a person does them.
const EVERYDAY: [&str; 6] = [
    "DataProductRequestSubmitted",
    "ProjectPurposesAcknowledged",
    "Query",
    "SubscriptionRequested",
    "UserAuthenticated",
    "UserLogout",
];

#[test]
fn people_do_administration_only_while_their_own_office_is_open() {
    let base = Plan { events_per_day: 1500, incidents: false, ..Plan::default() };
    for plan in [
        // When Berlin, and later New York, put back their clocks.
        Plan { seed: 2, days: 15, start: "2026-10-22".parse().unwrap(), ..base.clone() },
        // When they all have holidays.
        Plan { seed: 3, days: 15, start: "2026-12-21".parse().unwrap(), ..base },
    ] {
        let tenant = Tenant::simulate(&plan);
        let judge = Judge::of(&tenant);
        let mut stewards: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut hours = BTreeSet::new();
        for record in &tenant.records {
            let actor = record["actor"]["id"].as_str().unwrap();
            if EVERYDAY.contains(&kind(record)) || (!judge.manual(record) && !actor.contains('@')) {
                continue;
            }
            assert!(tenant.in_business_hours(record), "{record}");
            stewards.entry(tenant.office(actor)).or_default().insert(actor);
            hours.insert(happened(record) / 3_600_000 % 24);
        }
        for (office, most) in [("berlin", 11), ("new-york", 5), ("singapore", 4)] {
            assert!((1..=most).contains(&stewards[office].len()), "{stewards:?}");
        }
        assert!(hours.len() >= 16, "{hours:?}");
    }
}

#[test]
fn few_people_work_on_a_holiday_or_a_weekend_and_many_in_the_hours_of_their_office() {
    let tenant = Tenant::simulate(&Plan { days: 28, events_per_day: 1500, incidents: false, ..Plan::default() });
    let mut by_office: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
    let mut days: BTreeMap<(&str, bool), BTreeMap<jiff::civil::Date, u32>> = BTreeMap::new();
    for record in tenant.records.iter().filter(|record| kind(record) == "Query") {
        let actor = record["actor"]["id"].as_str().unwrap();
        if !actor.contains('@') {
            continue;
        }
        let office = tenant.office(actor);
        let local = tenant.local(office, record);
        let counts = by_office.entry(office).or_default();
        counts[0] += 1;
        counts[1] += u32::from(tenant.in_business_hours(record));
        if !matches!(local.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday) {
            let holiday = tenant.is_holiday(office, local.date());
            *days.entry((office, holiday)).or_default().entry(local.date()).or_default() += 1;
        }
    }
    let all: u32 = by_office.values().map(|counts| counts[0]).sum();
    for ((office, [queries, within, _]), share) in by_office.into_iter().zip([50, 30, 20]) {
        assert!((share - 5..share + 5).contains(&(queries * 100 / all)), "{office}: {queries} of {all}");
        assert!(within * 100 / queries > 80, "{office}: {within} of {queries}");
        let average = |holiday| {
            let days = &days[&(office, holiday)];
            days.values().sum::<u32>() / u32::try_from(days.len()).unwrap()
        };
        assert!(average(true) * 4 < average(false), "{office}");
    }
}

#[test]
fn behind_every_grant_by_a_person_stands_an_approval_in_the_exports() {
    for seed in 1..4 {
        let plan = Plan { seed, days: 10, events_per_day: 1500, incidents: false, ..Plan::default() };
        let tenant = Tenant::simulate(&plan);
        let judge = Judge::of(&tenant);
        let mut grants = 0;
        for record in tenant.records.iter().filter(|record| kind(record) == "SubscriptionCreated") {
            if record["actor"]["id"].as_str().unwrap().contains('@') {
                assert!(judge.approved(record), "{record}");
                assert_ne!(entry(record, "USER"), record["actor"]["id"].as_str());
                grants += 1;
            }
        }
        assert!(grants > 8, "{grants}");
    }
}

#[test]
fn the_configuration_names_the_years_of_the_plan_and_its_files() {
    let out = tempfile::tempdir().unwrap();
    let plan = Plan { days: 20, start: "2026-12-20".parse().unwrap(), ..small() };
    super::simulate(&plan, out.path());
    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).unwrap();
    let configuration = read("immuta-watch.yml");
    for line in [
        "  - {actor: \"*@us.northwind.example\", calendar: new-york}",
        "  - {group: singapore-office, calendar: singapore}",
        "    members_file: singapore-office.txt",
        "    holidays_file: new-york-holidays.ics",
        "default_calendar: berlin",
        "      - 2026-10-03  # German Unity Day",
        "      - 2027-05-01  # Labour Day",
        "  service_accounts: {add: [\"svc-*\"]}",
        "  provisioning_actors: {add: [okta-scim]}",
    ] {
        assert!(configuration.lines().any(|found| found == line), "{line}");
    }
    assert!(!configuration.contains('\t'));
    let holidays = read("new-york-holidays.ics");
    assert!(holidays.contains("DTSTART;VALUE=DATE:20270704\r\n") && holidays.contains("SUMMARY:Independence Day\r\n"));
    assert!(read("singapore-office.txt").lines().all(|member| member.ends_with("@northwind.example")));
}
