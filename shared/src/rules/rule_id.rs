//! A rule's id as a number, where many are kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(u128);

/// The text is no rule id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no rule id: it takes a UUID in lower case")]
pub struct NotARuleId(String);

/// How many digits each group of a UUID has.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

impl FromStr for RuleId {
    type Err = NotARuleId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let groups: Vec<&str> = text.split('-').collect();
        let is_well_formed = groups.len() == GROUPS.len()
            && groups.iter().zip(GROUPS).all(|(group, length)| group.len() == length && group.bytes().all(is_digit));
        let number = is_well_formed.then(|| u128::from_str_radix(&groups.concat(), 16).ok()).flatten();
        number.map(Self).ok_or_else(|| NotARuleId(text.to_owned()))
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let mut rest = digits.as_str();
        for (index, length) in GROUPS.into_iter().enumerate() {
            let (group, others) = rest.split_at(length);
            write!(f, "{}{group}", if index == 0 { "" } else { "-" })?;
            rest = others;
        }
        Ok(())
    }
}

impl Serialize for RuleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_reads_back_and_nothing_else_is_one() {
        let text = "0a98d1b4-deb0-480a-9564-4fd44d24b355";
        assert_eq!(text.parse::<RuleId>().unwrap().to_string(), text);
        for text in ["", "0a98d1b4", "0A98d1b4-deb0-480a-9564-4fd44d24b355", "0a98d1b4-deb0-480a-95644-fd44d24b355"] {
            assert!(text.parse::<RuleId>().is_err(), "{text}");
        }
    }
}
