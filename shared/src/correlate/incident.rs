//! Incidents: that what a correlation asks for came about, in one group and one alert window.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::baseline::Before;
use super::signal::Signal;
use super::time_line::Moment;
use crate::rules::Correlation;

/// A stretch of time, its ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stretch {
    /// The first event
    pub from: DateTime<Utc>,
    /// The last event
    pub to: DateTime<Utc>,
}

/// What came about in one group and one alert window.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// When the alert window begins
    pub window_start: DateTime<Utc>,
    /// What its events have in common: names with values
    pub group: Vec<(String, String)>,
    /// The stretches of time in which it held, apart from each other and in order
    pub stretches: Vec<Stretch>,
    /// How many events there are in them
    pub events: u64,
    /// The highest value that what is counted came to
    pub value: f64,
    /// How it was before, if that is what it is compared with
    pub before: Option<Before>,
    /// The events worth showing
    pub moments: Vec<Moment>,
}

impl Incident {
    /// Whether an event of this time belongs to it.
    #[must_use]
    pub fn spans(&self, time: DateTime<Utc>) -> bool {
        let at = self.stretches.partition_point(|stretch| stretch.to < time);
        self.stretches.get(at).is_some_and(|stretch| stretch.from <= time)
    }

    /// Whether the event of a signal of its group belongs to it.
    pub(super) fn is_of(&self, signal: &Signal, correlation: &Correlation) -> bool {
        let has_what_is_new = |values: &[String]| {
            correlation.test.fields().iter().flat_map(|field| signal.values(field)).any(|value| values.contains(value))
        };
        let is_new = match &self.before {
            Some(Before::NotThere { values, .. }) => has_what_is_new(values),
            _ => true,
        };
        is_new && self.spans(signal.time)
    }

    /// Its first event's time.
    #[must_use]
    pub fn first(&self) -> Option<DateTime<Utc>> {
        self.stretches.first().map(|stretch| stretch.from)
    }

    /// Its last event's time.
    #[must_use]
    pub fn last(&self) -> Option<DateTime<Utc>> {
        self.stretches.last().map(|stretch| stretch.to)
    }
}
