//! What keeps the quiet part of a tenant quiet, however many events an hour of it has.
//!
//! A dense plan would have people refused, or reading sensitive data, more often within an hour than any real ones, and every
//! rule that counts would speak up. So what is counted has a most for each hour of the clock. Any sixty minutes touch two such
//! hours: twice the most, and a few planted events beside it, stay below the thresholds that the constants name.

use std::collections::{HashMap, HashSet};

/// Queries of one actor on sensitive data; a hundred within an hour are a spike.
const SENSITIVE: usize = 45;
/// Refused records of one actor; fifteen within an hour are too many.
const REFUSED: usize = 6;
/// Actors who are refused on one object; five within an hour are too many.
const REFUSED_ON: usize = 2;
/// Records of queries in which one actor stands behind others; thirty within an hour are too many.
const IMPERSONATED: usize = 13;
/// Requests that end with access given by hand. All that come in over the longest run of days on which every office is shut
/// leave each steward, once the work begins, with less than half of the fifty changes within an hour that are too many.
const BY_HAND: usize = 6;

/// What one hour of the clock has had so far.
#[derive(Default)]
pub(crate) struct Restraint {
    sensitive: HashMap<String, usize>,
    refused: HashMap<String, usize>,
    refused_on: HashMap<String, HashSet<String>>,
    impersonated: HashMap<String, usize>,
    by_hand: usize,
}

impl Restraint {
    /// Whether `actor` may read sensitive data once more; counts it if so.
    pub(super) fn reads_sensitive_data(&mut self, actor: &str) -> bool {
        take(&mut self.sensitive, actor, 1, SENSITIVE)
    }

    /// Whether `behind` may stand behind a query with so many records; counts them if so.
    pub(super) fn impersonates(&mut self, behind: &str, records: usize) -> bool {
        take(&mut self.impersonated, behind, records, IMPERSONATED)
    }

    /// Whether `actor` may be refused on these objects; counts it if so.
    pub(super) fn is_refused(&mut self, actor: &str, objects: &[&str]) -> bool {
        let full = |object: &&str| {
            let actors = self.refused_on.get(*object);
            actors.is_some_and(|actors| actors.len() >= REFUSED_ON && !actors.contains(actor))
        };
        if objects.iter().any(full) || !take(&mut self.refused, actor, objects.len(), REFUSED) {
            return false;
        }
        for object in objects {
            self.refused_on.entry((*object).to_owned()).or_default().insert(actor.to_owned());
        }
        true
    }

    /// Whether one more request may end with access given by hand; counts it if so.
    pub(crate) fn lets_in_by_hand(&mut self) -> bool {
        self.by_hand += 1;
        self.by_hand <= BY_HAND
    }
}

fn take(counts: &mut HashMap<String, usize>, of: &str, more: usize, most: usize) -> bool {
    let count = counts.entry(of.to_owned()).or_default();
    let fits = *count + more <= most;
    *count += if fits { more } else { 0 };
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_refused_more_often_than_the_most_and_a_refusal_that_is_not_taken_is_not_counted() {
        let mut restraint = Restraint::default();
        assert!((0..5).all(|_| restraint.is_refused("ada", &["orders"])));
        assert!(!restraint.is_refused("ada", &["orders", "stores"]));
        assert!(restraint.is_refused("ada", &["stores"]));
        assert!(!restraint.is_refused("ada", &["stores"]));
    }

    #[test]
    fn an_object_refuses_two_and_nobody_else() {
        let mut restraint = Restraint::default();
        assert!(restraint.is_refused("ada", &["orders"]) && restraint.is_refused("ben", &["orders"]));
        assert!(!restraint.is_refused("mei", &["stores", "orders"]));
        assert!(restraint.is_refused("ada", &["orders"]) && restraint.is_refused("mei", &["stores"]));
    }
}
