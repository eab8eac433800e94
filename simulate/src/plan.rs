//! What to simulate, what came of it, and what can go wrong.

use std::path::PathBuf;

use chrono::{DateTime, Days, NaiveDate};

/// The size and the length of a simulation. Everything follows from it; two equal plans give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Chooses the tenant and all that happens in it.
    pub seed: u64,
    /// The first day, in UTC.
    pub start: NaiveDate,
    /// How many days, 1 to 3660. What would be received after the last of them is not simulated.
    pub days: u32,
    /// Events per day on average over a week, 1 to 10 million; working days have more, weekends fewer.
    pub events_per_day: u64,
    /// People of the tenant, in three offices, 1 to 100,000; service accounts and local administrators come on top.
    pub users: u32,
    /// Registered data sources, 1 to 100,000.
    pub data_sources: u32,
    /// Hours between two exports; must divide 24.
    pub export_hours: u32,
    /// Whether to plant incidents, and near misses beside them, all of which the truth file then names.
    pub incidents: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            // 1 October 2026; 20,727 days after the epoch is in range, so the fallback is never taken.
            start: NaiveDate::from_ymd_opt(2026, 10, 1).unwrap_or_default(),
            days: 30,
            events_per_day: 10_000,
            users: 1000,
            data_sources: 800,
            export_hours: 2,
            incidents: true,
        }
    }
}

/// What a simulation wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files written.
    pub exports: u64,
    /// Lines that hold an event, those that appear twice counted twice.
    pub events: u64,
    /// Bytes of all exports before compression.
    pub bytes: u64,
    /// Incidents planted that are one event each.
    pub incidents: u64,
    /// Near misses planted beside them, which no rule should notify anybody of.
    pub near_misses: u64,
    /// What several events together are, as a correlation should find it.
    pub correlations: u64,
    /// What only looks like it, which no correlation should find.
    pub correlation_near_misses: u64,
    /// Lines with nothing on them.
    pub blank: u64,
    /// Lines that hold no readable JSON.
    pub damaged: u64,
}

/// Why a simulation was not made.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A number of the plan is not usable.
    #[error("{name} is {value}, but must be {allowed}: choose another value")]
    OutOfRange {
        /// The field of the plan.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// The folder for the exports holds something already.
    #[error("{} is not empty: choose another folder, or remove it first", .0.display())]
    NotEmpty(PathBuf),
    /// A file or folder could not be read or written.
    #[error("cannot write {}: {source}; check that the folder exists, may be written and has room", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A record could not be turned into JSON; a defect of the simulator.
    #[error(
        "cannot write a record as JSON: {0}; this is a defect of the simulator, please report it with the plan used"
    )]
    Json(#[from] serde_json::Error),
    /// A time zone of the tenant is not known; a defect of the simulator.
    #[error("the time zone {0} is not built in; this is a defect of the simulator, please report it")]
    Zone(&'static str),
    /// A thread of the simulation stopped early; a defect of the simulator.
    #[error("a worker thread stopped early; this is a defect of the simulator, please report it with the plan used")]
    Worker,
}

/// Milliseconds in an hour.
pub(crate) const HOUR: i64 = 3_600_000;
/// Milliseconds in a minute.
pub(crate) const MINUTE: i64 = 60_000;
/// Milliseconds in a second.
pub(crate) const SECOND: i64 = 1_000;

impl Plan {
    /// Checks every number; all other code relies on it.
    pub(crate) fn check(&self) -> Result<(), SimulateError> {
        let refuse = |name, value: String, allowed| Err(SimulateError::OutOfRange { name, value, allowed });
        if !(1..=3660).contains(&self.days) {
            return refuse("days", self.days.to_string(), "from 1 to 3660");
        }
        if !(1..=10_000_000).contains(&self.events_per_day) {
            let value = self.events_per_day.to_string();
            return refuse("events per day", value, "from 1 to 10000000");
        }
        if !(1..=100_000).contains(&self.users) {
            return refuse("users", self.users.to_string(), "from 1 to 100000");
        }
        if !(1..=100_000).contains(&self.data_sources) {
            let value = self.data_sources.to_string();
            return refuse("data sources", value, "from 1 to 100000");
        }
        if self.export_hours == 0 || !24_u32.is_multiple_of(self.export_hours) {
            let value = self.export_hours.to_string();
            return refuse("export hours", value, "1, 2, 3, 4, 6, 8, 12 or 24");
        }
        let first = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap_or_default();
        let last = NaiveDate::from_ymd_opt(9998, 12, 31).unwrap_or_default();
        let end = self.start.checked_add_days(Days::new(self.days.into()));
        if self.start < first || end.is_none_or(|end| end > last) {
            let value = self.start.to_string();
            return refuse("start", value, "a date such that all days lie from 1970 to 9998");
        }
        Ok(())
    }

    /// The first moment, in milliseconds since the epoch.
    pub(crate) fn start_ms(&self) -> i64 {
        let epoch = DateTime::UNIX_EPOCH.date_naive();
        self.start.signed_duration_since(epoch).num_days() * 24 * HOUR
    }

    /// The first moment that is no longer simulated.
    pub(crate) fn end_ms(&self) -> i64 {
        self.start_ms() + i64::from(self.days) * 24 * HOUR
    }

    /// How many exports are written.
    pub(crate) fn exports(&self) -> u64 {
        u64::from(self.days) * u64::from(24 / self.export_hours)
    }

    /// Which export holds what was received at `at`; negative or past the last one when none does.
    pub(crate) fn export_of(&self, at: i64) -> Option<u64> {
        let since = at - self.start_ms();
        let export = u64::try_from(since / (i64::from(self.export_hours) * HOUR)).ok()?;
        (since >= 0 && export < self.exports()).then_some(export)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_out_of_range_is_refused_by_name() {
        let refused = |plan: Plan| plan.check().unwrap_err().to_string();
        let plan = Plan::default();
        assert!(plan.check().is_ok());
        assert!(refused(Plan { users: 0, ..plan.clone() }).contains("users is 0"));
        assert!(refused(Plan { export_hours: 5, ..plan.clone() }).contains("export hours is 5"));
        assert!(refused(Plan { export_hours: 0, ..plan.clone() }).contains("export hours is 0"));
        assert!(refused(Plan { days: 0, ..plan.clone() }).contains("days is 0"));
        assert!(refused(Plan { events_per_day: 0, ..plan.clone() }).contains("events per day is 0"));
        assert!(refused(Plan { start: NaiveDate::MAX, ..plan }).contains("start is"));
    }
}
