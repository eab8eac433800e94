//! When things happen: working days and weekends, office hours in two zones, batches round the clock.
//!
//! All weights are whole numbers, so that no rounding of a processor can change a result.

use chrono::{DateTime, Datelike, Timelike};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Offsets from UTC, in hours, of the two offices: Berlin and New York in summer.
pub(crate) const ZONES: [usize; 2] = [2, 20];
/// How the people spread over [`ZONES`], of four.
const ZONE_SHARES: [u64; 2] = [3, 1];

/// How much of a day's work falls into each hour of a person's own clock, per mille.
const OFFICE: [u64; 24] = [2, 1, 1, 1, 1, 4, 10, 25, 80, 120, 128, 118, 70, 90, 118, 105, 70, 30, 10, 6, 4, 3, 2, 1];

/// How much of a day's batches falls into each hour of UTC, per mille: the nightly loads weigh most.
const BATCH: [u64; 24] =
    [60, 90, 90, 60, 40, 40, 60, 40, 35, 35, 35, 40, 45, 35, 35, 35, 35, 35, 45, 35, 20, 20, 20, 15];

/// Of 1,000 events of an average day: queries of service accounts, application events of machines, and the rest, which is
/// the people's.
const SERVICES: u64 = 360;
const MACHINES: u64 = 22;
const PEOPLE: u64 = 1000 - SERVICES - MACHINES;

/// How many events of each sort an hour has.
pub(crate) struct Hour {
    pub(crate) by_people: u64,
    pub(crate) by_services: u64,
    pub(crate) by_machines: u64,
    /// How many of the hour's people's events fall to each zone; a weight.
    pub(crate) zones: [u64; 2],
    /// The hours in which administrators work.
    pub(crate) business: bool,
}

/// The load of the hour that begins at `at`.
pub(crate) fn hour(rng: &mut ChaCha8Rng, at: i64, events_per_day: u64) -> Hour {
    let time = DateTime::from_timestamp_millis(at).unwrap_or_default();
    let clock = time.hour() as usize;
    let weekend = time.weekday().number_from_monday() > 5;
    // Five days of 1,330 and two of 175 per mille make seven average days.
    let day = if weekend { 175 } else { 1330 };
    let zones = [0, 1].map(|zone| ZONE_SHARES[zone] * OFFICE[(clock + ZONES[zone]) % 24]);
    let people = PEOPLE * day * (zones[0] + zones[1]) / 4;
    let mut expect = |weight: u64| {
        let weight = u128::from(weight) * u128::from(rng.random_range(850..=1150_u64));
        let expected = weight * u128::from(events_per_day);
        // What is left of a whole event happens with that probability.
        let whole = (expected + rng.random_range(0..SCALE)) / SCALE;
        u64::try_from(whole).unwrap_or(u64::MAX)
    };
    Hour {
        by_people: expect(people),
        by_services: expect(SERVICES * 1000 * BATCH[clock]),
        by_machines: expect(MACHINES * 1_000_000 / 24),
        zones,
        business: business(at),
    }
}

/// Share, day, hour and chance, each per mille.
const SCALE: u128 = 1_000_000_000_000;

/// Whether `at` lies in the hours in which both a European office and its administrators work.
pub(crate) fn business(at: i64) -> bool {
    let time = DateTime::from_timestamp_millis(at).unwrap_or_default();
    time.weekday().number_from_monday() <= 5 && (8..14).contains(&time.hour())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::{Stream, dice};
    use crate::plan::HOUR;

    #[test]
    fn a_week_has_seven_average_days() {
        assert_eq!(OFFICE.iter().sum::<u64>(), 1000);
        assert_eq!(BATCH.iter().sum::<u64>(), 1000);
        let monday = 1_790_553_600_000;
        let total: u64 = (0..168)
            .map(|number| {
                let rng = &mut dice(1, Stream::Hour, number);
                let at = monday + i64::try_from(number).unwrap() * HOUR;
                let hour = hour(rng, at, 10_000);
                hour.by_people + hour.by_services + hour.by_machines
            })
            .sum();
        assert!((67_000..73_000).contains(&total), "{total}");
    }
}
