//! Calendars: the working days, hours and holidays of a place, and what a moment is in them.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Working days and hours in one time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// The IANA time zone, daylight saving time included.
    pub zone: Zone,
    /// The working days.
    #[serde(default)]
    pub days: Days,
    /// The working hours of each of them.
    #[serde(default)]
    pub hours: Hours,
    /// Local dates on which nobody is expected to work.
    #[serde(default)]
    #[schemars(with = "Vec<super::schema::Date>")]
    pub holidays: BTreeSet<NaiveDate>,
    /// An iCalendar file with more of them, relative to the configuration file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holidays_file: Option<String>,
}

/// A moment in the local time of a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The local date.
    pub date: NaiveDate,
    /// The local weekday.
    pub weekday: Weekday,
    /// The local time of day, in minutes after midnight: 0 to 1439.
    pub minute: u16,
    /// Whether the local date is a holiday.
    pub holiday: bool,
    /// Whether people are expected to work.
    pub business_hours: bool,
}

impl Default for Calendar {
    /// UTC, Monday to Friday, 08:00 to 18:00.
    fn default() -> Self {
        let zone = Zone { name: "UTC".to_owned(), zone: TimeZone::UTC };
        Self { zone, days: Days::default(), hours: Hours::default(), holidays: BTreeSet::new(), holidays_file: None }
    }
}

impl Calendar {
    /// What a moment is here.
    ///
    /// Every UTC time has one local time, so that the hour which a clock change repeats is told apart, and the one that it
    /// skips never occurs. A span that passes midnight belongs to the day on which it begins.
    #[must_use]
    pub fn moment(&self, time: DateTime<Utc>) -> Moment {
        // jiff reaches from the year -9999 to 9999, and event times lie within 1 to 9999 UTC; the last hours of that are cut
        // off here rather than refused.
        let second = time.timestamp().clamp(EARLIEST, LATEST);
        let instant = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let local = self.zone.zone.to_datetime(instant);
        let date = date_of(local.date());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let yesterday = local.date().yesterday().ok();
        let works = |day: jiff::civil::Date| self.days.0.contains(&index(day.weekday())) && !self.is_holiday(day);
        let business_hours = self.hours.0.iter().any(|span| {
            if span.passes_midnight() {
                (minute >= span.from && works(local.date())) || (minute < span.until && yesterday.is_some_and(works))
            } else {
                (span.from..span.until).contains(&minute) && works(local.date())
            }
        });
        Moment { date, weekday: local.weekday(), minute, holiday: self.is_holiday(local.date()), business_hours }
    }

    /// Whether people work on the local date of a moment, at whatever hours.
    #[must_use]
    pub fn is_working_day(&self, moment: &Moment) -> bool {
        self.days.0.contains(&index(moment.weekday)) && !moment.holiday
    }

    fn is_holiday(&self, day: jiff::civil::Date) -> bool {
        self.holidays.contains(&date_of(day))
    }
}

impl fmt::Display for Calendar {
    /// `monday to friday 08:00-18:00 Europe/Berlin`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.days, self.hours, self.zone.name)
    }
}

impl Moment {
    /// The local hour: 0 to 23.
    #[must_use]
    pub fn hour(&self) -> u16 {
        self.minute / 60
    }

    /// The weekday in lower case, as `watch.weekday` says it.
    #[must_use]
    pub fn weekday_name(&self) -> &'static str {
        WEEKDAYS[usize::from(index(self.weekday))]
    }
}

impl fmt::Display for Moment {
    /// `saturday 2026-11-21 02:37`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:02}:{:02}", self.weekday_name(), self.date, self.minute / 60, self.minute % 60)
    }
}

/// 0001-01-02T00:00:00Z and 9999-12-30T00:00:00Z, in seconds.
const EARLIEST: i64 = -62_135_510_400;
const LATEST: i64 = 253_402_128_000;

pub(super) const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Monday is 0.
fn index(day: Weekday) -> u8 {
    day.to_monday_zero_offset().unsigned_abs()
}

fn date_of(day: jiff::civil::Date) -> NaiveDate {
    let (month, day_of_month) = (day.month().unsigned_abs(), day.day().unsigned_abs());
    NaiveDate::from_ymd_opt(day.year().into(), month.into(), day_of_month.into()).unwrap_or_default()
}

/// A time zone of the IANA database that is built into the program: the same on every machine.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The zone of an IANA name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok()?;
        Some(Self { name: zone.iana_name().unwrap_or(name).to_owned(), zone })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A moment on its clocks, to the minute, with the zone's abbreviation, which tells the hour that a clock change
    /// repeats apart: `2026-11-21 02:37 CET`.
    #[must_use]
    pub fn clock(&self, time: DateTime<Utc>) -> String {
        let second = time.timestamp().clamp(EARLIEST, LATEST);
        let instant = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let local = instant.to_zoned(self.zone.clone());
        local.strftime("%Y-%m-%d %H:%M %Z").to_string()
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown =
            || de::Error::custom(format!("{name:?} is no time zone; write its IANA name, such as Europe/Berlin"));
        Self::named(&name).ok_or_else(unknown)
    }
}

/// Days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days(BTreeSet<u8>);

impl Default for Days {
    /// Monday to Friday.
    fn default() -> Self {
        Self((0..5).collect())
    }
}

impl fmt::Display for Days {
    /// `monday to friday` where they follow on each other, else one by one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|day| WEEKDAYS[usize::from(*day)]).collect();
        let run =
            self.0.last().zip(self.0.first()).is_some_and(|(last, first)| usize::from(last - first) + 1 == names.len());
        match (names.first(), names.last()) {
            (Some(first), Some(last)) if run && names.len() > 2 => write!(f, "{first} to {last}"),
            _ => f.write_str(&names.join(", ")),
        }
    }
}

impl Serialize for Days {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|day| WEEKDAYS[usize::from(*day)]))
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let day = |name: &String| {
            let wanted = name.to_lowercase();
            let found = WEEKDAYS.iter().position(|day| wanted.len() >= 3 && day.starts_with(&wanted));
            let unknown = || de::Error::custom(format!("{name:?} is no weekday; write monday, or mon"));
            found.and_then(|position| u8::try_from(position).ok()).ok_or_else(unknown)
        };
        let days: BTreeSet<u8> = names.iter().map(day).collect::<Result<_, _>>()?;
        if days.is_empty() { Err(de::Error::custom("a calendar needs a working day")) } else { Ok(Self(days)) }
    }
}

/// Spans of the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours(Vec<Span>);

/// Minutes after midnight, the second one not included; it passes midnight if it ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from: u16,
    until: u16,
}

impl Span {
    fn passes_midnight(self) -> bool {
        self.until <= self.from
    }

    /// `08:00-18:00`, `22:00-06:00`, `00:00-24:00`
    fn parse(text: &str) -> Option<Self> {
        let minute = |text: &str| -> Option<u16> {
            let (hour, minute) = text.trim().split_once(':')?;
            let digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            let (hour, minute) = (digits(hour).then_some(hour)?, digits(minute).then_some(minute)?);
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (minute < 60 && hour * 60 + minute <= DAY).then_some(hour * 60 + minute)
        };
        let (from, until) = text.split_once('-')?;
        let (from, until) = (minute(from)?, minute(until)?);
        (from != until && from < DAY && until > 0).then_some(Self { from, until })
    }
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, until } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl Default for Hours {
    /// 08:00 to 18:00.
    fn default() -> Self {
        Self(vec![Span { from: 8 * 60, until: 18 * 60 }])
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "hours are written \"08:00-18:00\", or as a list of such spans")]
        enum OneOrMore {
            One(String),
            More(Vec<String>),
        }
        let texts = match OneOrMore::deserialize(deserializer)? {
            OneOrMore::One(text) => vec![text],
            OneOrMore::More(texts) => texts,
        };
        let span = |text: &String| {
            let message = format!("{text:?} is no span of hours; write \"08:00-18:00\"");
            Span::parse(text).ok_or_else(|| de::Error::custom(message))
        };
        let spans: Vec<Span> = texts.iter().map(span).collect::<Result<_, _>>()?;
        if spans.is_empty() { Err(de::Error::custom("a calendar needs working hours")) } else { Ok(Self(spans)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(yaml: &str) -> Calendar {
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn at(calendar: &Calendar, time: &str) -> (String, bool) {
        let moment = calendar.moment(DateTime::parse_from_rfc3339(time).unwrap().to_utc());
        (moment.to_string(), moment.business_hours)
    }

    #[test]
    fn the_same_utc_hour_is_work_in_winter_and_not_in_summer() {
        let berlin = calendar("zone: Europe/Berlin");
        assert_eq!(at(&berlin, "2026-11-02T16:30:00Z"), ("monday 2026-11-02 17:30".into(), true));
        assert_eq!(at(&berlin, "2026-07-06T16:30:00Z"), ("monday 2026-07-06 18:30".into(), false));
    }

    #[test]
    fn the_repeated_hour_is_local_twice_and_the_skipped_one_never_is() {
        let berlin = calendar("{zone: Europe/Berlin, days: [sunday], hours: '02:00-03:00'}");
        // 25 October 2026: at 01:00 UTC clocks go from 03:00 back to 02:00.
        for (time, local, business_hours) in [
            ("2026-10-24T23:59:00Z", "01:59", false),
            ("2026-10-25T00:30:00Z", "02:30", true),
            ("2026-10-25T01:30:00Z", "02:30", true),
            ("2026-10-25T02:00:00Z", "03:00", false),
        ] {
            assert_eq!(at(&berlin, time), (format!("sunday 2026-10-25 {local}"), business_hours), "{time}");
        }
        // 29 March 2026: at 01:00 UTC clocks go from 02:00 to 03:00.
        assert_eq!(at(&berlin, "2026-03-29T00:59:00Z"), ("sunday 2026-03-29 01:59".into(), false));
        assert_eq!(at(&berlin, "2026-03-29T01:00:00Z"), ("sunday 2026-03-29 03:00".into(), false));
    }

    #[test]
    fn weekends_and_holidays_are_local() {
        let singapore = calendar("{zone: Asia/Singapore, holidays: [2026-08-10]}");
        assert_eq!(at(&singapore, "2026-08-07T09:59:59Z"), ("friday 2026-08-07 17:59".into(), true));
        assert_eq!(at(&singapore, "2026-08-07T17:00:00Z"), ("saturday 2026-08-08 01:00".into(), false));
        assert_eq!(at(&singapore, "2026-08-10T02:00:00Z"), ("monday 2026-08-10 10:00".into(), false));
        assert_eq!(at(&singapore, "2026-08-11T02:00:00Z"), ("tuesday 2026-08-11 10:00".into(), true));
    }

    #[test]
    fn a_span_past_midnight_belongs_to_the_day_it_begins_on() {
        let night = calendar("{zone: UTC, days: [mon], hours: ['22:00-06:00'], holidays: [2026-11-09]}");
        assert!(!at(&night, "2026-11-02T05:00:00Z").1, "the night from Sunday");
        assert!(at(&night, "2026-11-02T22:00:00Z").1);
        assert!(at(&night, "2026-11-03T05:59:00Z").1);
        assert!(!at(&night, "2026-11-03T06:00:00Z").1);
        assert!(!at(&night, "2026-11-09T23:00:00Z").1 && !at(&night, "2026-11-10T01:00:00Z").1, "a holiday's night");
    }

    #[test]
    fn several_spans_and_a_whole_day_are_allowed() {
        let split = calendar("{zone: UTC, hours: ['08:00-12:00', '13:00-17:00']}");
        let open =
            ["07:59", "08:00", "12:00", "13:00", "17:00"].map(|time| at(&split, &format!("2026-11-02T{time}:00Z")).1);
        assert_eq!(open, [false, true, false, true, false]);
        assert!(at(&calendar("{zone: UTC, hours: '00:00-24:00'}"), "2026-11-02T23:59:59Z").1);
    }

    #[test]
    fn what_is_no_calendar_is_refused_with_a_hint() {
        for (yaml, hint) in [
            ("zone: Europe/Berlim", "is no time zone"),
            ("{zone: UTC, days: [m]}", "is no weekday"),
            ("{zone: UTC, hours: '8-18'}", "is no span of hours"),
            ("{zone: UTC, hours: '08:00-08:00'}", "is no span of hours"),
            ("{zone: UTC, hours: '08:00-25:00'}", "is no span of hours"),
            ("{zone: UTC, hours: []}", "needs working hours"),
            ("{zone: UTC, hours: 8}", "hours are written"),
            ("{zone: UTC, days: []}", "needs a working day"),
            ("{zone: UTC, hour: '08:00-09:00'}", "unknown field `hour`"),
        ] {
            let error = serde_saphyr::from_str::<Calendar>(yaml).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn the_ends_of_time_are_moments_too() {
        let calendar = calendar("zone: Pacific/Kiritimati");
        for time in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1900-06-01T12:00:00Z"] {
            let _ = at(&calendar, time);
        }
    }

    #[test]
    fn a_clock_tells_the_repeated_hour_apart() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let clock = |time: &str| berlin.clock(DateTime::parse_from_rfc3339(time).unwrap().to_utc());
        assert_eq!(clock("2026-10-25T00:30:00Z"), "2026-10-25 02:30 CEST");
        assert_eq!(clock("2026-10-25T01:30:59Z"), "2026-10-25 02:30 CET");
    }

    #[test]
    fn a_calendar_says_itself_in_words() {
        assert_eq!(calendar("zone: europe/berlin").to_string(), "monday to friday 08:00-18:00 Europe/Berlin");
        let odd = calendar("{zone: UTC, days: [sun, thu], hours: ['09:00-12:00', '22:00-02:00']}");
        assert_eq!(odd.to_string(), "thursday, sunday 09:00-12:00, 22:00-02:00 UTC");
    }
}
