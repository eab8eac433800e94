//! The clock of the edges. Wall-clock time stands in leases only, never in the data.

use chrono::{DateTime, Utc};

/// A clock, so that what depends on time can be tested.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
