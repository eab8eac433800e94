//! Holidays from an iCalendar file (RFC 5545), such as public authorities and office suites publish.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDate};
use icalendar::parser::{Component, Property, read_calendar, unfold};

/// The last year that a yearly holiday without an end is worked out for.
const LAST_YEAR: i32 = 2200;
/// No holiday is longer, in days: a period that is, is a mistake in the file.
const LONGEST: u64 = 366;

/// The dates of all whole-day events.
///
/// Events may last several days and come again every year; cancelled ones do not count.
///
/// # Errors
/// What is no iCalendar, and every event that cannot be said in whole days: a holiday that is silently left out would
/// let a change on that day pass for a working day's.
pub(super) fn read(text: &str) -> Result<BTreeSet<NaiveDate>, String> {
    let text = unfold(text.trim_start_matches('\u{feff}'));
    if !text.trim_start().starts_with("BEGIN:VCALENDAR") {
        return Err("it is no iCalendar file: it does not begin with BEGIN:VCALENDAR".to_owned());
    }
    let calendar = read_calendar(&text).map_err(|error| {
        let first = error.lines().next().unwrap_or_default().trim_start_matches("error: ");
        format!("it is no readable iCalendar file: {first}")
    })?;
    let mut dates = BTreeSet::new();
    for event in calendar.components.iter().filter(|component| component.name.as_str() == "VEVENT") {
        let value = |name| event.find_prop(name).map(|property| property.val.as_str());
        if value("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")) {
            continue;
        }
        let added = add(event, &mut dates);
        added.map_err(|what| format!("the event {:?} {what}", value("SUMMARY").unwrap_or("without a summary")))?;
    }
    if dates.is_empty() && !calendar.components.iter().any(|component| component.name.as_str() == "VEVENT") {
        return Err("there is no event in it".to_owned());
    }
    Ok(dates)
}

fn add(event: &Component<'_>, dates: &mut BTreeSet<NaiveDate>) -> Result<(), String> {
    let first = event.find_prop("DTSTART").ok_or("has no DTSTART")?;
    let first = whole_day(first).ok_or("does not begin on a whole day (DTSTART;VALUE=DATE:YYYYMMDD)")?;
    let rules = event.properties.iter().filter(|property| property.name.as_str() == "RRULE").count();
    if rules > 1 {
        return Err("has more than one RRULE; write an event for each".to_owned());
    }
    for name in ["RDATE", "EXDATE", "DURATION", "RECURRENCE-ID"] {
        let is_one_day = |value: &str| name == "DURATION" && value == "P1D";
        if event.find_prop(name).is_some_and(|property| !is_one_day(property.val.as_str())) {
            return Err(format!("uses {name}, which is not supported; write its dates as events of their own"));
        }
    }
    // DTEND is the first day that no longer belongs to the event.
    let length = match event.find_prop("DTEND") {
        None => 1,
        Some(end) => {
            let end = whole_day(end).ok_or("does not end on a whole day (DTEND;VALUE=DATE:YYYYMMDD)")?;
            // Some programs write the day itself as the end of a single day.
            match (end - first).num_days() {
                0 => 1,
                days => u64::try_from(days).map_err(|_| "ends before it begins".to_owned())?,
            }
        }
    };
    if length > LONGEST {
        return Err(format!("lasts {length} days, and no holiday does"));
    }
    let begins = match event.find_prop("RRULE") {
        None => vec![first],
        Some(rule) => yearly(first, rule.val.as_str())?,
    };
    for begin in begins {
        dates.extend((0..length).filter_map(|day| begin.checked_add_days(Days::new(day))));
    }
    Ok(())
}

/// `20261225`
fn whole_day(property: &Property<'_>) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(property.val.as_str(), "%Y%m%d").ok().filter(|_| property.val.as_str().len() == 8)
}

/// The dates of a rule that says no more than "every year".
fn yearly(first: NaiveDate, rule: &str) -> Result<Vec<NaiveDate>, String> {
    let unsupported = || format!("comes again by RRULE:{rule}; only FREQ=YEARLY on one date is supported");
    let (mut is_yearly, mut most, mut until) = (false, usize::MAX, None);
    for part in rule.split(';').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(unsupported)?;
        let says = |number: u32| value.parse() == Ok(number);
        match name {
            "FREQ" if value == "YEARLY" => is_yearly = true,
            "INTERVAL" if value == "1" => {}
            "BYMONTH" if says(first.month()) => {}
            "BYMONTHDAY" if says(first.day()) => {}
            "WKST" => {}
            "COUNT" => most = value.parse().map_err(|_| unsupported())?,
            "UNTIL" => {
                let day = value.get(..8).and_then(|day| NaiveDate::parse_from_str(day, "%Y%m%d").ok());
                until = Some(day.ok_or_else(unsupported)?);
            }
            _ => return Err(unsupported()),
        }
    }
    if !is_yearly {
        return Err(unsupported());
    }
    // 29 February comes where the year has one, and COUNT counts those.
    let years = (first.year()..=LAST_YEAR.max(first.year())).filter_map(|year| first.with_year(year));
    Ok(years.take(most).take_while(|date| until.is_none_or(|until| *date <= until)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(events: &str) -> Result<Vec<String>, String> {
        let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{events}END:VCALENDAR\r\n");
        read(&text).map(|dates| dates.iter().map(ToString::to_string).collect())
    }

    fn event(lines: &str) -> String {
        format!("BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Some day\r\n{lines}\r\nEND:VEVENT\r\n")
    }

    #[test]
    fn whole_days_are_read_and_the_end_does_not_belong_to_them() {
        let two = event("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227");
        let one = event("DTSTART;VALUE=DATE:20270101");
        assert_eq!(dates(&format!("{two}{one}")).unwrap(), ["2026-12-25", "2026-12-26", "2027-01-01"]);
    }

    #[test]
    fn cancelled_events_and_other_components_do_not_count() {
        let cancelled = event("DTSTART;VALUE=DATE:20261225\r\nSTATUS:CANCELLED");
        let task = "BEGIN:VTODO\r\nUID:2\r\nSUMMARY:x\r\nEND:VTODO\r\n";
        assert_eq!(dates(&format!("{cancelled}{task}")).unwrap(), [""; 0]);
        assert!(dates(task).unwrap_err().contains("no event"));
    }

    #[test]
    fn a_yearly_holiday_comes_every_year_until_its_end() {
        let counted = event("DTSTART;VALUE=DATE:20251003\r\nRRULE:FREQ=YEARLY;COUNT=3");
        assert_eq!(dates(&counted).unwrap(), ["2025-10-03", "2026-10-03", "2027-10-03"]);
        let ended = event("DTSTART;VALUE=DATE:20251003\r\nRRULE:FREQ=YEARLY;UNTIL=20261231T000000Z");
        assert_eq!(dates(&ended).unwrap(), ["2025-10-03", "2026-10-03"]);
        let endless = event("DTSTART;VALUE=DATE:20251003\r\nRRULE:FREQ=YEARLY");
        assert!(dates(&endless).unwrap().contains(&"2199-10-03".to_owned()));
        let old = event("DTSTART;VALUE=DATE:19001225\r\nRRULE:FREQ=YEARLY");
        assert!(dates(&old).unwrap().contains(&"2026-12-25".to_owned()));
        let leap = event("DTSTART;VALUE=DATE:20240229\r\nRRULE:FREQ=YEARLY;COUNT=2");
        assert_eq!(dates(&leap).unwrap(), ["2024-02-29", "2028-02-29"]);
    }

    #[test]
    fn what_cannot_be_said_in_whole_days_is_an_error_that_names_the_event() {
        for (lines, hint) in [
            ("DTSTART:20261225T080000Z", "whole day"),
            ("DTSTART;VALUE=DATE:20261132", "whole day"),
            ("X-NOTHING:1", "no DTSTART"),
            ("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=MONTHLY", "FREQ=MONTHLY"),
            ("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY;BYDAY=4TH", "BYDAY"),
            ("DTSTART;VALUE=DATE:20261225\r\nRDATE;VALUE=DATE:20270101", "RDATE"),
            ("DTSTART;VALUE=DATE:20261225\r\nEXDATE:P1D", "EXDATE"),
            ("DTSTART;VALUE=DATE:20261225\r\nRECURRENCE-ID;VALUE=DATE:20261224", "RECURRENCE-ID"),
            ("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261224", "ends before it begins"),
            ("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY\r\nRRULE:FREQ=YEARLY", "more than one RRULE"),
            ("DTSTART;VALUE=DATE:20200101\r\nDTEND;VALUE=DATE:20261227", "lasts"),
        ] {
            let error = dates(&event(lines)).unwrap_err();
            assert!(error.contains(hint) && error.contains("Some day"), "{error}");
        }
        assert!(read("<html>").unwrap_err().contains("no iCalendar"));
        assert!(read("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n").is_err());
    }
}
