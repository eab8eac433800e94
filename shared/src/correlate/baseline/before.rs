//! How it was before, for people who are told that it is not so now.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// So many values are said.
const NAMED: usize = 10;

/// How it was in the weeks before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// How many events there were at this hour of the week
    Counts {
        /// The hour with the most events above it
        hour: DateTime<Utc>,
        /// Its events
        events: u64,
        /// Of each week before, the latest first, the most of this hour and its neighbours
        weeks: Vec<u64>,
        /// The median of these
        median: f64,
        /// Their deviation
        deviation: f64,
        /// How many of these the hour lies above the median
        deviations: f64,
    },
    /// Nothing ever, at these hours of the week
    NeverAt {
        /// The hours
        hours: Vec<DateTime<Utc>>,
        /// In so many weeks
        weeks: usize,
    },
    /// Some values were not there
    NotThere {
        /// The first hundred of them, in the order of the alphabet
        values: Vec<String>,
        /// How many there are
        in_all: usize,
        /// Since this day
        since: NaiveDate,
    },
    /// There was nothing after this day
    LastSeen {
        /// The last day with an event
        on: NaiveDate,
    },
}

impl Before {
    /// It in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Counts { hour, events, weeks, median, deviation, deviations } => {
                let weeks: Vec<String> = weeks.iter().map(ToString::to_string).collect();
                format!(
                    "{events} in the hour from {}; around that hour of the week there are usually {median} ({} in the weeks \
                     before, the latest first). A deviation is {deviation:.1}, and this is {deviations:.1} of them more",
                    hour_text(*hour),
                    weeks.join(", ")
                )
            }
            Self::NeverAt { hours, weeks } => {
                let hours: Vec<String> = hours.iter().map(|hour| hour_text(*hour)).collect();
                format!(
                    "nothing around that hour of the week (from {}) in the {weeks} weeks before in which there was anything",
                    hours.join(" and ")
                )
            }
            Self::NotThere { values, in_all, since } => {
                let more = in_all.saturating_sub(NAMED);
                let values = &values[..values.len().min(NAMED)];
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                format!("for the first time since at least {since}: {}{more}", values.join(", "))
            }
            Self::LastSeen { on } => format!("the last one before was on {on}"),
        }
    }
}

fn hour_text(hour: DateTime<Utc>) -> String {
    hour.to_rfc3339_opts(SecondsFormat::Secs, true)
}
