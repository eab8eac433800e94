//! The configuration: what today is in each calendar, until when its holidays are known, and what the lists hold.

use chrono::{DateTime, TimeDelta, Utc};

use super::exports::counted;
use super::finding::{Area, Finding};
use crate::config::{Calendar, Configuration};
use crate::rules::Pack;

/// A calendar whose last holiday is nearer than this wants new ones: time enough for whoever keeps it.
const ENDS_SOON: TimeDelta = TimeDelta::days(60);

/// What now is in each calendar, and until when its holidays are known.
#[must_use]
pub fn look_at_calendars(configuration: &Configuration, now: DateTime<Utc>) -> Vec<Finding> {
    if configuration.calendars.is_empty() {
        let found = format!("none of its own, so one for all: {}, without holidays", Calendar::default());
        return vec![Finding::ok(Area::Configuration, "calendars", found)];
    }
    configuration.calendars.iter().map(|(name, calendar)| calendar_of(name, calendar, now)).collect()
}

fn calendar_of(name: &str, calendar: &Calendar, now: DateTime<Utc>) -> Finding {
    let about = format!("calendar {name}");
    let moment = calendar.moment(now);
    let day = match (moment.holiday, calendar.is_working_day(&moment)) {
        (true, _) => "a holiday",
        (false, true) => "a working day",
        (false, false) => "a day off",
    };
    let hours = if moment.business_hours { "business hours" } else { "not business hours" };
    let today = format!("now {moment} in {}: {day}, {hours}", calendar.zone.name());
    let Some(last) = calendar.holidays.last() else {
        return Finding::ok(Area::Configuration, about, format!("{today}; no holidays are set"));
    };
    let to_do = format!(
        "Give calendars.{name} the holidays of the time to come (holidays, or a newer holidays_file) and publish. Without \
         them a change on a holiday passes for one in business hours."
    );
    if *last < moment.date {
        Finding::warning(Area::Configuration, about, format!("{today}; its last holiday was {last}"), to_do)
    } else if *last - moment.date < ENDS_SOON {
        Finding::warning(Area::Configuration, about, format!("{today}; its last holiday is {last}"), to_do)
    } else {
        Finding::ok(Area::Configuration, about, format!("{today}; holidays until {last}"))
    }
}

/// How many entries each list has, and which have none or are used by nothing.
#[must_use]
pub fn look_at_lists(pack: &Pack) -> Vec<Finding> {
    let (lists, used) = (pack.lists(), pack.used_lists());
    if lists.is_empty() {
        return vec![Finding::ok(Area::Configuration, "lists", "the pack has none")];
    }
    let sizes: Vec<String> = lists.values().map(|list| format!("{} {}", list.name, list.values.len())).collect();
    let mut found = vec![Finding::ok(
        Area::Configuration,
        "lists",
        format!("{}, with so many entries: {}", counted(lists.len() as u64, "list"), sizes.join(", ")),
    )];
    for list in lists.values() {
        let about = format!("list {}", list.name);
        if !used.contains(list.name.as_str()) {
            let to_do = "Take it out of the pack, or let a rule refer to it.";
            found.push(Finding::warning(Area::Configuration, about, "no rule uses it", to_do));
        } else if list.values.is_empty() {
            let to_do = format!("Say under lists.{} in the configuration what belongs on it, and publish.", list.name);
            found.push(Finding::warning(Area::Configuration, about, "it is empty, so that it fits nothing", to_do));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;
    use crate::rules::PackFile;

    fn calendar(yaml: &str, now: &str) -> Finding {
        let text = format!("calendars: {{office: {yaml}}}\ndefault_calendar: office\n");
        let configuration = Configuration::parse(&text, &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap();
        look_at_calendars(&configuration, now.parse().unwrap()).remove(0)
    }

    #[test]
    fn what_now_is_in_a_calendar_is_said_in_its_own_time() {
        let found = calendar("{zone: Europe/Berlin}", "2026-11-20T07:30:00Z");
        assert_eq!(
            (found.verdict, found.found.as_str()),
            (
                Verdict::Ok,
                "now friday 2026-11-20 08:30 in Europe/Berlin: a working day, business hours; no holidays are set"
            )
        );
        let said = |yaml, now| calendar(yaml, now).found;
        assert!(
            said("{zone: Asia/Tokyo}", "2026-11-20T16:00:00Z")
                .contains("saturday 2026-11-21 01:00 in Asia/Tokyo: a day off")
        );
        assert!(
            said("{zone: UTC, holidays: [2026-11-20]}", "2026-11-20T12:00:00Z").contains("a holiday, not business")
        );
    }

    #[test]
    fn holidays_that_have_run_out_or_soon_will_are_worth_a_look() {
        for (last, verdict) in [
            ("2026-11-19", Verdict::Warning),
            ("2026-11-20", Verdict::Warning),
            ("2027-01-18", Verdict::Warning),
            ("2027-01-19", Verdict::Ok),
        ] {
            let found = calendar(&format!("{{zone: UTC, holidays: [2025-12-25, {last}]}}"), "2026-11-20T12:00:00Z");
            assert_eq!(found.verdict, verdict, "{last}: {}", found.found);
        }
    }

    #[test]
    fn lists_are_counted_and_those_that_are_empty_or_unused_are_named() {
        let rule = include_str!("../../../rules/permissions/permission_granted.yml");
        let file = |path: &str, text: &str| PackFile { path: path.to_owned(), text: text.to_owned() };
        let mut files = vec![file("permission_granted.yml", rule), file("lists/forgotten.txt", "a\nb\n")];
        for name in ["high_risk_permissions", "provisioning_actors", "system_actor_types"] {
            files.push(file(&format!("lists/{name}.txt"), "x\n"));
        }
        files.push(file("lists/service_accounts.txt", "# none\n"));
        let found = look_at_lists(&Pack::compile(&files, &Configuration::default()).unwrap());
        assert!(found[0].found.starts_with("5 lists, with so many entries: forgotten 2, "), "{found:?}");
        let named: Vec<_> = found[1..].iter().map(|finding| (finding.about.as_str(), finding.found.as_str())).collect();
        assert_eq!(
            named,
            [("list forgotten", "no rule uses it"), ("list service_accounts", "it is empty, so that it fits nothing")]
        );
    }
}
