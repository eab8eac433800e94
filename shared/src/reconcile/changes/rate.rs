//! How often webhooks told of the changes of one kind that the audit log has, on this tenant.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

/// So many days count.
const DAYS: u64 = 28;

/// Notifications of a kind have proved to come once the audit log had so many events of it …
const EVENTS: u64 = 30;
/// … on so many days: a single bulk job proves nothing …
const ON_DAYS: usize = 5;
/// … of which so many in a hundred were told of.
const PROVES: u64 = 98;
/// And that is taken back once fewer than so many in a hundred are: by then people were told often enough.
const DISPROVES: u64 = 90;

/// Whatever is of this day or before no longer counts.
pub(super) fn first_day(today: NaiveDate) -> NaiveDate {
    today.checked_sub_days(Days::new(DAYS)).unwrap_or(today)
}

/// One day of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Events that a notification told of
    pub told: u64,
    /// Events that none told of
    pub untold: u64,
}

/// How often the two agree on one kind of audit event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchRate {
    /// The last days, by the event's date (UTC)
    pub days: BTreeMap<NaiveDate, Day>,
    /// Whether notifications of this kind have proved to come
    pub is_proven: bool,
}

impl MatchRate {
    /// Counts an event.
    pub(super) fn count(&mut self, date: NaiveDate, is_told: bool) {
        let day = self.days.entry(date).or_default();
        if is_told {
            day.told += 1;
        } else {
            day.untold += 1;
        }
    }

    /// Forgets what is too old, and says anew whether it is proven.
    pub(super) fn settle(&mut self, today: NaiveDate) {
        let first = first_day(today);
        self.days.retain(|date, _| *date > first);
        let (told, events) = (self.told(), self.events());
        let share = |percent: u64| told * 100 >= events * percent;
        self.is_proven = if self.is_proven {
            share(DISPROVES)
        } else {
            events >= EVENTS && self.days.len() >= ON_DAYS && share(PROVES)
        };
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.days.values().map(|day| day.told + day.untold).sum()
    }

    /// How many of them a notification told of.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.days.values().map(|day| day.told).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 1).unwrap() + Days::new(number)
    }

    fn counted(days: u64, told: u64, untold: u64) -> MatchRate {
        let mut rate = MatchRate::default();
        for date in (0..days).map(day) {
            rate.days.insert(date, Day { told, untold });
        }
        rate.settle(day(days));
        rate
    }

    #[test]
    fn it_is_proven_by_many_events_on_several_days_that_were_nearly_all_told_of() {
        assert!(counted(5, 10, 0).is_proven);
        assert!(!counted(1, 500, 0).is_proven, "a bulk job");
        assert!(!counted(5, 5, 0).is_proven, "too few");
        assert!(!counted(10, 95, 5).is_proven, "told of now and then");
        assert!(counted(10, 98, 2).is_proven);
    }

    #[test]
    fn what_is_proven_stays_so_until_one_in_ten_is_not_told_of() {
        let mut rate = counted(10, 20, 0);
        rate.days.insert(day(10), Day { told: 0, untold: 20 });
        rate.settle(day(10));
        assert!(rate.is_proven);
        rate.days.insert(day(11), Day { told: 0, untold: 20 });
        rate.settle(day(11));
        assert!(!rate.is_proven);
    }

    #[test]
    fn what_is_older_than_four_weeks_no_longer_counts() {
        let mut rate = counted(5, 10, 0);
        rate.settle(day(100));
        assert_eq!((rate.events(), rate.told()), (0, 0));
        assert!(rate.is_proven, "nothing speaks against it");
    }
}
