//! A simulated tenant as its files show it: the records of all exports, the truth, and what the configuration says of offices.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use immuta_watch_simulate::{Plan, Summary, write};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{files, text};

pub(crate) struct Tenant {
    pub(crate) records: Vec<Value>,
    pub(crate) truth: Value,
    pub(crate) summary: Summary,
    calendars: BTreeMap<String, Calendar>,
    in_singapore: BTreeSet<String>,
}

#[derive(Default)]
struct Calendar {
    zone: Option<TimeZone>,
    holidays: BTreeSet<Date>,
}

impl Tenant {
    pub(crate) fn simulate(plan: &Plan) -> Self {
        let out = tempfile::tempdir().unwrap();
        let summary = write(plan, out.path(), &mut |_| {}).unwrap();
        let lines = files(out.path()).into_iter().map(|path| text(&path)).collect::<Vec<_>>();
        let lines = lines.iter().flat_map(|text| text.lines());
        let records = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        let truth = serde_json::from_slice(&fs::read(out.path().join("truth.json")).unwrap()).unwrap();
        let members = fs::read_to_string(out.path().join("singapore-office.txt")).unwrap();
        let in_singapore = members.lines().map(str::to_owned).collect();
        Self { records, truth, summary, calendars: calendars(out.path()), in_singapore }
    }

    pub(crate) fn by_id(&self) -> BTreeMap<&str, &Value> {
        self.records.iter().filter_map(|record| Some((record["id"].as_str()?, record))).collect()
    }

    pub(crate) fn noted(&self, list: &str) -> &[Value] {
        self.truth[list].as_array().unwrap()
    }

    /// The calendar of an actor, by the configuration file's entries.
    pub(crate) fn office(&self, actor: &str) -> &'static str {
        if actor.ends_with("@us.northwind.example") {
            "new-york"
        } else if self.in_singapore.contains(actor) {
            "singapore"
        } else {
            "berlin"
        }
    }

    /// What the clock of the office showed when the event happened.
    pub(crate) fn local(&self, office: &str, record: &Value) -> DateTime {
        let at = Timestamp::from_millisecond(happened(record)).unwrap();
        self.calendars[office].zone.as_ref().unwrap().to_datetime(at)
    }

    pub(crate) fn is_holiday(&self, office: &str, date: Date) -> bool {
        self.calendars[office].holidays.contains(&date)
    }

    /// Whether the event happened in the business hours of its actor.
    pub(crate) fn in_business_hours(&self, record: &Value) -> bool {
        let office = self.office(record["actor"]["id"].as_str().unwrap());
        let local = self.local(office, record);
        !matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday)
            && !self.is_holiday(office, local.date())
            && (8..18).contains(&local.hour())
    }
}

/// Milliseconds since the epoch at which an event happened.
pub(crate) fn happened(record: &Value) -> i64 {
    record["eventTimestamp"].as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond()
}

/// Just as much YAML and iCalendar as the files have.
fn calendars(out: &Path) -> BTreeMap<String, Calendar> {
    let configuration = fs::read_to_string(out.join("immuta-watch.yml")).unwrap();
    let mut calendars: BTreeMap<String, Calendar> = BTreeMap::new();
    let mut name = String::new();
    let section = configuration.lines().skip_while(|line| *line != "calendars:").skip(1);
    for line in section.take_while(|line| line.starts_with(' ')) {
        let (indent, entry) = (line.len() - line.trim_start().len(), line.trim());
        if entry.starts_with('#') {
            continue;
        }
        if indent == 2 {
            entry.strip_suffix(':').unwrap().clone_into(&mut name);
        }
        let calendar = calendars.entry(name.clone()).or_default();
        if let Some(zone) = entry.strip_prefix("zone: ") {
            calendar.zone = Some(jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap());
        } else if let Some(file) = entry.strip_prefix("holidays_file: ") {
            let events = fs::read_to_string(out.join(file)).unwrap();
            assert!(events.ends_with("END:VCALENDAR\r\n"));
            let days = events.lines().filter_map(|line| line.trim_end().strip_prefix("DTSTART;VALUE=DATE:"));
            calendar.holidays = days.map(|day| Date::strptime("%Y%m%d", day).unwrap()).collect();
        } else if let Some(date) = entry.strip_prefix("- ") {
            calendar.holidays.insert(date.split_whitespace().next().unwrap().parse().unwrap());
        } else if entry.starts_with("hours: ") {
            assert_eq!(entry, "hours: \"08:00-18:00\"");
        }
    }
    assert_eq!(calendars.keys().collect::<Vec<_>>(), ["berlin", "new-york", "singapore"]);
    assert!(calendars.values().all(|calendar| calendar.holidays.len() >= 12));
    calendars
}
