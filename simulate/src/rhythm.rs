//! How much happens when: working days, weekends and holidays, the hours of three offices, batches round the clock.
//!
//! All weights are whole numbers, so that no rounding of a processor can change a result.

use chrono::{DateTime, Datelike, Timelike};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::jobs::{JOBS, Job};
use crate::offices::{Clocks, Day, MANY, OFFICES};

/// How much of a day's work falls into each hour of a person's own clock, per mille.
const OFFICE: [u64; 24] = [2, 1, 1, 1, 1, 4, 10, 25, 80, 120, 128, 118, 70, 90, 118, 105, 70, 30, 10, 6, 4, 3, 2, 1];

/// How much of a day's batches falls into each hour of UTC, per mille: the nightly loads weigh most.
const BATCH: [u64; 24] =
    [60, 90, 90, 60, 40, 40, 60, 40, 35, 35, 35, 40, 45, 35, 35, 35, 35, 35, 45, 35, 20, 20, 20, 15];

/// Of 1,000 events of an average day: queries of service accounts, application events of machines round the clock and in
/// jobs, and the rest, which is the people's.
const SERVICES: u64 = 360;
const MACHINES: u64 = 12;
const PEOPLE: u64 = 1000 - SERVICES - MACHINES - jobs();

const fn jobs() -> u64 {
    let (mut sum, mut number) = (0, 0);
    while number < JOBS.len() {
        sum += JOBS[number].share;
        number += 1;
    }
    sum
}

/// How many events of each sort an hour has.
pub(crate) struct Hour {
    pub(crate) by_people: u64,
    pub(crate) by_services: u64,
    pub(crate) by_machines: u64,
    /// Jobs that begin in this hour, with their events.
    pub(crate) by_jobs: Vec<(&'static Job, u64)>,
    /// How many of the hour's people's events fall to each office; a weight.
    pub(crate) offices: [u32; MANY],
}

/// The load of the hour that begins at `at`.
pub(crate) fn hour(rng: &mut ChaCha8Rng, clocks: &Clocks, at: i64, events_per_day: u64) -> Hour {
    let time = DateTime::from_timestamp_millis(at).unwrap_or_default();
    let clock = time.hour();
    let mut offices = [0; MANY];
    let mut people = 0;
    for (number, office) in OFFICES.iter().enumerate() {
        // Five days of 1,330 and two of 175 per mille make seven average days.
        let day = match clocks.day(number, at) {
            Day::Working => 1330,
            Day::Weekend => 175,
            Day::Holiday => 120,
        };
        // The hour of a civil time is 0 to 23.
        let hour = usize::try_from(clocks.local(number, at).hour()).unwrap_or_default();
        let weight = u64::from(office.share) * day * OFFICE[hour];
        people += weight;
        // At most 10 times 1330 times 128.
        offices[number] = u32::try_from(weight).unwrap_or(u32::MAX);
    }
    let mut expect = |weight: u64| {
        let weight = u128::from(weight) * u128::from(rng.random_range(850..=1150_u64));
        let expected = weight * u128::from(events_per_day);
        // What is left of a whole event happens with that probability.
        let whole = (expected + rng.random_range(0..SCALE)) / SCALE;
        u64::try_from(whole).unwrap_or(u64::MAX)
    };
    let by_jobs = JOBS.iter().filter(|job| job.begins(time.weekday(), clock));
    Hour {
        by_people: expect(PEOPLE * people / 10),
        by_services: expect(SERVICES * 1000 * BATCH[clock as usize]),
        by_machines: expect(MACHINES * 1_000_000 / 24),
        by_jobs: by_jobs.map(|job| (job, expect(job.share * 1_000_000 * 7 / job.days.len() as u64))).collect(),
        offices,
    }
}

/// Share, day, hour and chance, each per mille.
const SCALE: u128 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::{Stream, dice};
    use crate::plan::HOUR;

    #[test]
    fn a_week_has_seven_average_days() {
        assert_eq!(OFFICE.iter().sum::<u64>(), 1000);
        assert_eq!(BATCH.iter().sum::<u64>(), 1000);
        assert_eq!(OFFICES.iter().map(|office| office.share).sum::<u32>(), 10);
        let clocks = Clocks::new().unwrap();
        let monday = 1_790_553_600_000;
        let total: u64 = (0..168)
            .map(|number| {
                let rng = &mut dice(1, Stream::Hour, number);
                let at = monday + i64::try_from(number).unwrap() * HOUR;
                let hour = hour(rng, &clocks, at, 10_000);
                let jobs: u64 = hour.by_jobs.iter().map(|(_, events)| events).sum();
                hour.by_people + hour.by_services + hour.by_machines + jobs
            })
            .sum();
        assert!((67_000..73_000).contains(&total), "{total}");
    }

    #[test]
    fn few_people_work_on_a_holiday_of_their_office() {
        let clocks = Clocks::new().unwrap();
        // Tuesday, 6 October 2026, when Berlin is away, and the day after it, at ten in Berlin.
        let [away, after] = [1_791_273_600_000, 1_791_360_000_000];
        let berlin = |at| hour(&mut dice(1, Stream::Hour, 0), &clocks, at, 10_000).offices[0];
        assert!(berlin(away) * 8 < berlin(after));
    }
}
