//! How often exports arrive, learned from when they did; and whether the present silence is longer than usual.
//!
//! Arrivals are counted by slots of ten minutes, so that an hour's twenty files are one arrival. What is learned is the
//! 95th percentile of the gaps between occupied slots, over the four weeks before the newest arrival (four, so that one
//! export a day makes gaps enough; two would make thirteen). Unlike a mean or the longest gap, one outage in the past
//! hardly moves it. Silence is longer than usual when three such gaps have gone by, and it is not the usual silence of
//! these hours of the week: a tenant that works from Monday to Friday is silent on every weekend. So the same stretch of
//! the weeks before is looked at, too, with two hours left out at each of its ends, which is more than clocks jump when
//! daylight saving begins or ends.
//!
//! What this cannot tell: a public holiday from an outage, for a tenant that is silent outside working hours only; that
//! one of several streams of exports has stopped; anything before twenty gaps are known; that a silence is unusual of
//! which most weeks before had the like.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

/// Arrivals within a slot are one, in seconds.
const SLOT: i64 = 10 * 60;

/// What is learned from: so long before the newest arrival.
const WINDOW: TimeDelta = TimeDelta::weeks(4);

/// Arrivals are kept for so long before now: those before the newest count even when it is long ago.
const KEPT: TimeDelta = TimeDelta::weeks(8);

/// From fewer gaps nothing is learned.
const LEAST_GAPS: usize = 20;

/// The usual gap is never taken for shorter: exports are late now and then.
const LEAST_USUAL: TimeDelta = TimeDelta::hours(2);

/// So many usual gaps of silence are too long.
const GAPS_OF_SILENCE: i32 = 3;

/// The ends of a stretch that do not count when weeks are compared.
const ENDS: TimeDelta = TimeDelta::hours(2);

/// When exports arrived. Holds a few thousand numbers at the most, however many exports there are.
#[derive(Debug, Clone)]
pub struct Arrivals {
    now: DateTime<Utc>,
    slots: BTreeSet<i64>,
    newest: Option<DateTime<Utc>>,
}

/// No export for longer than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// When the last one arrived
    pub since: DateTime<Utc>,
    /// 95 of 100 gaps were at most this long
    pub usual_gap: TimeDelta,
}

impl Arrivals {
    /// None so far, as seen at this time.
    #[must_use]
    pub fn seen_at(now: DateTime<Utc>) -> Self {
        Self { now, slots: BTreeSet::new(), newest: None }
    }

    /// Adds an arrival; in any order, and more than once without effect.
    pub fn add(&mut self, at: DateTime<Utc>) {
        self.newest = self.newest.max(Some(at));
        if at > self.now - KEPT {
            self.slots.insert(slot(at));
        }
    }

    /// When the newest export arrived.
    #[must_use]
    pub fn newest(&self) -> Option<DateTime<Utc>> {
        self.newest
    }

    /// 95 of 100 gaps were at most this long, and never less than two hours; none if too little is known.
    #[must_use]
    pub fn usual_gap(&self) -> Option<TimeDelta> {
        let newest = self.newest?;
        let learned: Vec<i64> = self.slots.range(slot(newest - WINDOW)..).copied().collect();
        let mut gaps: Vec<i64> = learned.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if gaps.len() < LEAST_GAPS {
            return None;
        }
        gaps.sort_unstable();
        let rank = (gaps.len() * 95).div_ceil(100);
        let slots = gaps.get(rank - 1)?;
        Some(TimeDelta::seconds(slots * SLOT).max(LEAST_USUAL))
    }

    /// The present silence, if it is longer than usual.
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        let (since, usual_gap) = (self.newest?, self.usual_gap()?);
        let is_long = self.now - since > usual_gap * GAPS_OF_SILENCE;
        (is_long && !self.is_usual_for_the_week(since)).then_some(Silence { since, usual_gap })
    }

    /// Whether the stretch from then until now was as silent in most of the weeks before that are known.
    fn is_usual_for_the_week(&self, since: DateTime<Utc>) -> bool {
        let Some(oldest) = self.slots.first().copied() else { return false };
        let stretches = (1..=WINDOW.num_weeks()).map(|weeks| {
            let before = TimeDelta::weeks(weeks);
            (slot(since + ENDS - before), slot(self.now - ENDS - before))
        });
        let known: Vec<_> = stretches.filter(|(from, until)| *from > oldest && from < until).collect();
        let silent = known.iter().filter(|(from, until)| self.slots.range(from..until).next().is_none()).count();
        silent * 2 > known.len()
    }
}

fn slot(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(SLOT)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, Timelike};
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Arrivals at those full hours of four weeks before `until` that are as asked, seen at `now`.
    fn hourly(until: &str, now: &str, is_asked: impl Fn(DateTime<Utc>) -> bool) -> Arrivals {
        let (until, mut arrivals) = (time(until), Arrivals::seen_at(time(now)));
        for at in (0..28 * 24).map(|hours| until - TimeDelta::hours(hours)).filter(|at| is_asked(*at)) {
            arrivals.add(at);
        }
        arrivals
    }

    fn is_at_work(at: DateTime<Utc>) -> bool {
        at.weekday().number_from_monday() <= 5 && (8..18).contains(&at.hour())
    }

    #[test]
    fn hourly_exports_are_missed_after_six_hours() {
        let calm = hourly("2026-11-20T12:00:00Z", "2026-11-20T18:00:00Z", |_| true);
        assert_eq!((calm.usual_gap(), calm.silence()), (Some(TimeDelta::hours(2)), None));
        let silence = hourly("2026-11-20T12:00:00Z", "2026-11-20T18:01:00Z", |_| true).silence().unwrap();
        assert_eq!((silence.since, silence.usual_gap), (time("2026-11-20T12:00:00Z"), TimeDelta::hours(2)));
    }

    #[test]
    fn daily_exports_are_missed_after_three_days() {
        let daily = |now| hourly("2026-11-20T03:00:00Z", now, |at| at.hour() == 3);
        assert_eq!(daily("2026-11-23T02:00:00Z").silence(), None);
        assert_eq!(daily("2026-11-23T04:00:00Z").silence().unwrap().usual_gap, TimeDelta::days(1));
    }

    #[test]
    fn a_weekend_is_no_silence_where_nobody_works_then_and_a_monday_is() {
        let working = |now| hourly("2026-11-20T17:00:00Z", now, is_at_work);
        assert_eq!(working("2026-11-22T23:00:00Z").silence(), None);
        assert_eq!(working("2026-11-23T09:30:00Z").silence(), None);
        assert_eq!(working("2026-11-23T10:30:00Z").silence().unwrap().since, time("2026-11-20T17:00:00Z"));
    }

    #[test]
    fn when_daylight_saving_ends_the_monday_begins_an_hour_later_and_nobody_is_told() {
        let working = |now| hourly("2026-10-23T16:00:00Z", now, |at| is_at_work(at + TimeDelta::hours(1)));
        assert_eq!(working("2026-10-26T08:50:00Z").silence(), None);
    }

    #[test]
    fn too_few_arrivals_teach_nothing() {
        let mut arrivals = Arrivals::seen_at(time("2026-11-20T00:00:00Z"));
        assert_eq!((arrivals.newest(), arrivals.silence()), (None, None));
        for hour in 0..20 {
            arrivals.add(time("2026-11-01T00:00:00Z") + TimeDelta::hours(hour));
        }
        assert_eq!(arrivals.usual_gap(), None);
        arrivals.add(time("2026-11-01T20:00:00Z"));
        assert_eq!(arrivals.usual_gap(), Some(TimeDelta::hours(2)));
    }

    #[test]
    fn one_outage_before_does_not_hide_the_next() {
        let outage = time("2026-11-10T00:00:00Z")..time("2026-11-12T00:00:00Z");
        let arrivals = hourly("2026-11-20T12:00:00Z", "2026-11-20T19:00:00Z", |at| !outage.contains(&at));
        assert!(arrivals.silence().is_some());
    }

    proptest! {
        #[test]
        fn regular_arrivals_are_silent_after_three_gaps_and_never_before(
            minutes in 10_i64..24 * 60, count in 40_i64..400, quiet in 0_i64..10_000, offset in 0_i64..100_000,
        ) {
            let newest = time("2026-11-20T00:00:00Z") + TimeDelta::seconds(offset);
            let quiet = TimeDelta::minutes(quiet);
            let mut arrivals = Arrivals::seen_at(newest + quiet);
            for number in 0..count {
                arrivals.add(newest - TimeDelta::minutes(minutes * number));
            }
            if let Some(usual) = arrivals.usual_gap() {
                let gap = TimeDelta::minutes(minutes).max(LEAST_USUAL);
                prop_assert!((usual - gap).abs() <= TimeDelta::seconds(SLOT), "{usual} {gap}");
                // The weeks before were never as silent: gaps are shorter than what is left of the stretch.
                prop_assert_eq!(arrivals.silence().is_some(), quiet > usual * 3);
            } else {
                prop_assert_eq!(arrivals.silence(), None);
            }
        }

        #[test]
        fn neither_order_nor_repetition_matters(hours in prop::collection::vec(0_i64..2_000, 0..80), now in 0_i64..3_000) {
            let begin = time("2026-09-01T00:00:00Z");
            let arrivals = |hours: &[i64]| {
                let mut arrivals = Arrivals::seen_at(begin + TimeDelta::hours(now));
                for hour in hours {
                    arrivals.add(begin + TimeDelta::hours(*hour));
                }
                (arrivals.newest(), arrivals.usual_gap(), arrivals.silence())
            };
            let mut again = hours.clone();
            again.extend(&hours);
            again.sort_unstable();
            prop_assert_eq!(arrivals(&hours), arrivals(&again));
        }
    }
}
