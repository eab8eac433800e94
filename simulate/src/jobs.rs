//! Jobs: what machines do in the application at a set hour, hundreds of changes within minutes.
//!
//! Each looks like much work by hand and is none: a service account stands in every record, or Immuta itself.

use chrono::Weekday;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::dice::weighted;
use crate::plan::MINUTE;

/// A job.
pub(crate) struct Job {
    /// The service account that does it; Immuta itself where there is none.
    pub(crate) account: Option<&'static str>,
    /// The days on which it runs.
    pub(crate) days: &'static [Weekday],
    /// The hour at which it begins, in UTC.
    hour: u32,
    /// The minutes from the hour's beginning to the job's, and how many it lasts.
    minutes: (i64, i64),
    /// Its part of 1,000 events of an average day.
    pub(crate) share: u64,
    /// What it does, with weights.
    kinds: &'static [(&'static str, u32)],
}

/// Every day of the week.
const DAILY: &[Weekday] =
    &[Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// All jobs.
pub(crate) const JOBS: &[Job] = &[
    // The catalogue tells what changed since yesterday.
    Job {
        account: None,
        days: DAILY,
        hour: 1,
        minutes: (20, 25),
        share: 16,
        kinds: &[("DatasourceCatalogSynced", 45), ("TagApplied", 40), ("SDDDatasourceTagUpdated", 15)],
    },
    // New teams get what their department has.
    Job {
        account: Some("svc-onboarding"),
        days: &[Weekday::Tue, Weekday::Thu],
        hour: 4,
        minutes: (0, 9),
        share: 4,
        kinds: &[("SubscriptionCreated", 1)],
    },
    // Roles and terms of access are brought in line.
    Job {
        account: Some("svc-lifecycle"),
        days: &[Weekday::Mon],
        hour: 19,
        minutes: (30, 12),
        share: 3,
        kinds: &[("SubscriptionUpdated", 3), ("SubscriptionDeleted", 1)],
    },
    // Documentation and quality marks come from the pipelines' own files.
    Job {
        account: Some("svc-metadata"),
        days: &[Weekday::Wed, Weekday::Sat],
        hour: 22,
        minutes: (5, 14),
        share: 3,
        kinds: &[("TagApplied", 5), ("DatasourceUpdated", 4), ("TagRemoved", 1)],
    },
    // A release registers its tables.
    Job {
        account: Some("svc-registrar"),
        days: &[Weekday::Fri],
        hour: 3,
        minutes: (45, 7),
        share: 2,
        kinds: &[("DatasourceCreated", 3), ("DatasourceAppliedToProject", 1)],
    },
];

impl Job {
    /// Whether the job begins in this hour of this day, both in UTC.
    pub(crate) fn begins(&self, day: Weekday, hour: u32) -> bool {
        self.hour == hour && self.days.contains(&day)
    }

    /// A moment of the job that begins in the hour from `begin`.
    pub(crate) fn moment(&self, rng: &mut ChaCha8Rng, begin: i64) -> i64 {
        let (after, long) = self.minutes;
        begin + after * MINUTE + rng.random_range(0..long * MINUTE)
    }

    /// One of the kinds of event that the job consists of.
    pub(crate) fn kind(&self, rng: &mut ChaCha8Rng) -> &'static str {
        weighted(rng, self.kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_ends_within_the_hour_in_which_it_begins() {
        for job in JOBS {
            assert!(job.minutes.0 + job.minutes.1 < 60 && job.hour < 24, "{:?}", job.account);
        }
    }
}
