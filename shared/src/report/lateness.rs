//! How long after an event its record was received.

use chrono::TimeDelta;

/// How long after an event its record was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lateness {
    /// Half of the events took at most this long
    pub median: TimeDelta,
    /// 95 of 100 events took at most this long
    pub p95: TimeDelta,
    /// The longest
    pub longest: TimeDelta,
}

/// Counts by whole minutes, up to two weeks.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    minutes: Vec<u64>,
    count: u64,
    longest: Option<TimeDelta>,
}

const MOST_MINUTES: usize = 14 * 24 * 60;

impl Histogram {
    pub(super) fn add(&mut self, late: TimeDelta) {
        let minute = usize::try_from(late.num_minutes().max(0)).unwrap_or(MOST_MINUTES).min(MOST_MINUTES);
        if self.minutes.len() <= minute {
            self.minutes.resize(minute + 1, 0);
        }
        self.minutes[minute] += 1;
        self.count += 1;
        self.longest = self.longest.max(Some(late));
    }

    pub(super) fn summary(&self) -> Option<Lateness> {
        let longest = self.longest?;
        let quantile = |percent: u64| {
            let mut left = (self.count * percent).div_ceil(100);
            let minute = self.minutes.iter().position(|count| {
                let reached = *count >= left;
                left = left.saturating_sub(*count);
                reached
            });
            // A minute's events took at most up to its end.
            let minutes = i64::try_from(minute.unwrap_or(MOST_MINUTES)).unwrap_or(i64::MAX);
            TimeDelta::minutes(minutes + 1).min(longest)
        };
        Some(Lateness { median: quantile(50), p95: quantile(95), longest })
    }
}
