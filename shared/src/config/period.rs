//! Periods of time as people write them.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of minutes, hours or days: `30m`, `12h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    minutes: u32,
}

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;
/// The longest period: ten years of days.
const LONGEST: u32 = 3660 * DAY;

impl Period {
    /// Reads `30m`, `12h` or `7d`, up to ten years.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let number: u32 = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
        let unit = match unit {
            "m" => 1,
            "h" => HOUR,
            "d" => DAY,
            _ => return None,
        };
        number.checked_mul(unit).filter(|minutes| *minutes <= LONGEST).map(|minutes| Self { minutes })
    }

    /// So many minutes.
    pub(crate) const fn minutes(minutes: u32) -> Self {
        Self { minutes }
    }

    /// So many hours.
    pub(super) const fn hours(hours: u32) -> Self {
        Self { minutes: hours * HOUR }
    }

    /// The period as a difference of times.
    #[must_use]
    pub fn delta(self) -> TimeDelta {
        TimeDelta::minutes(self.minutes.into())
    }
}

impl Default for Period {
    /// Seven days.
    fn default() -> Self {
        Self { minutes: 7 * DAY }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minutes {
            minutes if minutes.is_multiple_of(DAY) => write!(f, "{}d", minutes / DAY),
            minutes if minutes.is_multiple_of(HOUR) => write!(f, "{}h", minutes / HOUR),
            minutes => write!(f, "{minutes}m"),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let message = || de::Error::custom(format!("{text:?} is no period; write 30m, 12h or 7d"));
        Self::parse(&text).ok_or_else(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_written_in_the_largest_unit() {
        for (text, written) in [("7d", "7d"), ("48h", "2d"), ("90m", "90m"), ("120m", "2h"), ("0h", "0d")] {
            assert_eq!(Period::parse(text).unwrap().to_string(), written);
        }
        for text in ["", "7", "d", "-1d", "+1d", "1w", "1.5h", "99999d", "4294967295d"] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }
}
