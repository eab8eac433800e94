//! The offices of the company: where they are, when they are open, and when they are shut. The simulated people keep to this,
//! and the configuration file that is written beside the exports says the same.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::plan::SimulateError;

/// An office.
pub(crate) struct Office {
    /// The name of its calendar.
    pub(crate) calendar: &'static str,
    /// IANA name of its time zone.
    pub(crate) zone: &'static str,
    /// How many of ten people work there.
    pub(crate) share: u32,
    /// What its people's ids end in.
    pub(crate) domain: &'static str,
    /// How many people look after governance there, if it has that many.
    pub(crate) stewards: usize,
    /// Public holidays with a fixed date, month and day.
    public: &'static [(i8, i8, &'static str)],
    /// One day a month when the whole office is away: which of which weekday.
    away: (i8, Weekday),
}

/// How many offices there are.
pub(crate) const MANY: usize = 3;

/// The main office: the administrators that exist in Immuta only sit here, and its calendar is the default one.
pub(crate) const BERLIN: usize = 0;
/// The office whose people are known by the end of their id.
pub(crate) const NEW_YORK: usize = 1;
/// The office whose people are known by a list of members.
pub(crate) const SINGAPORE: usize = 2;

/// The offices. Together they are open for most of a working day of UTC.
pub(crate) const OFFICES: [Office; MANY] = [
    Office {
        calendar: "berlin",
        zone: "Europe/Berlin",
        share: 5,
        domain: "northwind.example",
        stewards: 8,
        public: &[
            (1, 1, "New Year's Day"),
            (3, 8, "International Women's Day"),
            (5, 1, "Labour Day"),
            (10, 3, "German Unity Day"),
            (12, 25, "Christmas Day"),
            (12, 26, "Second Day of Christmas"),
        ],
        away: (1, Weekday::Tuesday),
    },
    Office {
        calendar: "new-york",
        zone: "America/New_York",
        share: 3,
        domain: "us.northwind.example",
        stewards: 5,
        public: &[
            (1, 1, "New Year's Day"),
            (6, 19, "Juneteenth"),
            (7, 4, "Independence Day"),
            (11, 11, "Veterans Day"),
            (12, 25, "Christmas Day"),
        ],
        away: (2, Weekday::Thursday),
    },
    Office {
        calendar: "singapore",
        zone: "Asia/Singapore",
        share: 2,
        domain: "northwind.example",
        stewards: 4,
        public: &[(1, 1, "New Year's Day"), (5, 1, "Labour Day"), (8, 9, "National Day"), (12, 25, "Christmas Day")],
        away: (3, Weekday::Wednesday),
    },
];

/// The name of the monthly day on which an office is away.
const AWAY: &str = "Office away day";

/// Business hours of every office, in minutes of the local day.
const HOURS: std::ops::Range<i64> = 8 * 60..18 * 60;
/// Minutes that administration keeps from both ends of the business hours, so that what follows on it still falls inside.
const MARGIN: i64 = 15;
/// Nights end and begin an hour before and after the business hours, so that nobody can mistake one for the other.
const NIGHT: i64 = 60;

/// What sort of day an office has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    Working,
    Weekend,
    /// A holiday that is no weekend.
    Holiday,
}

impl Office {
    /// The holidays of a year, by date.
    pub(crate) fn holidays(&self, year: i16) -> Vec<(Date, &'static str)> {
        let public =
            self.public.iter().filter_map(|(month, day, name)| Some((Date::new(year, *month, *day).ok()?, *name)));
        let away = (1..=12).filter_map(|month| Some((self.away_day(Date::new(year, month, 1).ok()?)?, AWAY)));
        let mut days: Vec<_> = public.chain(away).collect();
        days.sort_unstable();
        // A public holiday on the away day leaves one entry, under the public name.
        days.dedup_by(|away, public| away.0 == public.0);
        days
    }

    fn is_holiday(&self, date: Date) -> bool {
        self.public.iter().any(|(month, day, _)| (date.month(), date.day()) == (*month, *day))
            || (date.weekday() == self.away.1 && self.away_day(date) == Some(date))
    }

    /// The away day in the month of `date`.
    fn away_day(&self, date: Date) -> Option<Date> {
        let (which, weekday) = self.away;
        date.nth_weekday_of_month(which, weekday).ok()
    }
}

/// The clocks of the offices.
pub(crate) struct Clocks([TimeZone; MANY]);

impl Clocks {
    /// The clocks, from the zones that are built into the program: what a machine knows of time zones must not change a result.
    pub(crate) fn new() -> Result<Self, SimulateError> {
        let zones = TimeZoneDatabase::bundled();
        let zone = |office: &Office| zones.get(office.zone).map_err(|_| SimulateError::Zone(office.zone));
        let [berlin, new_york, singapore] = &OFFICES;
        Ok(Self([zone(berlin)?, zone(new_york)?, zone(singapore)?]))
    }

    /// What the clock on the wall of `office` shows at `at`, in milliseconds since the epoch.
    pub(crate) fn local(&self, office: usize, at: i64) -> DateTime {
        // A plan's dates lie between 1970 and 9998, all of which jiff can hold.
        let time = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
        self.0[office].to_datetime(time)
    }

    /// What sort of day `office` has at `at`.
    pub(crate) fn day(&self, office: usize, at: i64) -> Day {
        day(office, self.local(office, at).date())
    }

    /// Whether people of `office` may do administration at `at`: on a working day, within business hours, not at their edges.
    pub(crate) fn open(&self, office: usize, at: i64) -> bool {
        let local = self.local(office, at);
        well_within_hours(local) && day(office, local.date()) == Day::Working
    }

    /// Whether it is night at `office`: a working day, and an hour or more from the business hours.
    pub(crate) fn night(&self, office: usize, at: i64) -> bool {
        let local = self.local(office, at);
        let awake = HOURS.start - NIGHT..HOURS.end + NIGHT;
        !awake.contains(&minute(local)) && day(office, local.date()) == Day::Working
    }

    /// Whether it is an hour of `office` at which only the holiday keeps it shut.
    pub(crate) fn shut_for_a_holiday(&self, office: usize, at: i64) -> bool {
        let local = self.local(office, at);
        well_within_hours(local) && day(office, local.date()) == Day::Holiday
    }

    /// Whether `office` is shut at `at`, and not about to open or just closed.
    pub(crate) fn shut(&self, office: usize, at: i64) -> bool {
        self.day(office, at) != Day::Working || self.night(office, at)
    }
}

fn minute(local: DateTime) -> i64 {
    i64::from(local.hour()) * 60 + i64::from(local.minute())
}

fn well_within_hours(local: DateTime) -> bool {
    (HOURS.start + MARGIN..HOURS.end - MARGIN).contains(&minute(local))
}

fn day(office: usize, date: Date) -> Day {
    if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
        Day::Weekend
    } else if OFFICES[office].is_holiday(date) {
        Day::Holiday
    } else {
        Day::Working
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{HOUR, MINUTE};

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn an_office_opens_at_the_same_hour_of_its_own_clock_in_summer_and_in_winter() {
        let clocks = Clocks::new().unwrap();
        for (office, opens) in [
            (BERLIN, ["2026-10-23T06:15:00Z", "2026-10-26T07:15:00Z"]),
            (NEW_YORK, ["2026-10-30T12:15:00Z", "2026-11-02T13:15:00Z"]),
            (SINGAPORE, ["2026-07-01T00:15:00Z", "2026-12-01T00:15:00Z"]),
        ] {
            for opens in opens {
                let opens = at(opens);
                assert!(!clocks.open(office, opens - 1) && clocks.open(office, opens), "{office} {opens}");
                let closes = opens + 9 * HOUR + 30 * MINUTE;
                assert!(clocks.open(office, closes - 1) && !clocks.open(office, closes), "{office} {opens}");
            }
        }
    }

    #[test]
    fn a_holiday_is_one_by_the_date_of_the_office() {
        let clocks = Clocks::new().unwrap();
        // The first Tuesday of October: still Monday in New York, and no holiday there.
        let early = at("2026-10-06T02:00:00Z");
        assert_eq!(clocks.day(BERLIN, early), Day::Holiday);
        assert_eq!(clocks.day(NEW_YORK, early), Day::Working);
        assert_eq!(clocks.local(NEW_YORK, early).date().to_string(), "2026-10-05");
        assert!(clocks.shut_for_a_holiday(BERLIN, at("2026-10-06T09:00:00Z")));
        // 3 October 2026 is a Saturday.
        assert_eq!(clocks.day(BERLIN, at("2026-10-03T09:00:00Z")), Day::Weekend);
        assert_eq!(clocks.day(SINGAPORE, at("2027-08-09T03:00:00Z")), Day::Holiday);
    }

    #[test]
    fn every_month_of_every_office_has_a_holiday_and_the_list_is_what_the_clocks_keep() {
        for (number, office) in OFFICES.iter().enumerate() {
            for year in [1970, 2024, 2026, 2027, 9998] {
                let listed: Vec<Date> = office.holidays(year).into_iter().map(|(date, _)| date).collect();
                let mut date = Date::new(year, 1, 1).unwrap();
                while date.year() == year {
                    assert_eq!(listed.contains(&date), office.is_holiday(date), "{number} {date}");
                    date = date.tomorrow().unwrap();
                }
                assert!((1..=12).all(|month| listed.iter().any(|date| date.month() == month)));
                assert!(listed.is_sorted_by(|one, next| one < next));
            }
        }
    }

    #[test]
    fn an_office_is_never_open_and_shut_at_once() {
        let clocks = Clocks::new().unwrap();
        let start = at("2026-10-01T00:00:00Z");
        for office in 0..MANY {
            let mut seen = [0; 3];
            for quarter in 0..60 * 24 * 4 {
                let at = start + quarter * 15 * MINUTE;
                let (open, shut) = (clocks.open(office, at), clocks.shut(office, at));
                assert!(!(open && shut));
                seen[0] += i32::from(open);
                seen[1] += i32::from(shut);
                seen[2] += i32::from(!open && !shut);
            }
            assert!(seen.iter().all(|many| *many > 100), "{office}: {seen:?}");
        }
    }
}
