//! Groups: what events have in common, and numbers that stand for them while hits are kept.

use std::collections::HashMap;
use std::hash::Hash;

use super::signal::Signal;
use crate::rules::Correlation;

/// A signal counts in so many groups at the most: of several values each makes one, and of several fields each
/// combination.
pub const MOST_GROUPS: usize = 100;

/// The values that a group has in common, in the order of `group-by`.
pub(super) type GroupKey = Vec<String>;

/// Every combination of the values of some fields, in the order of the fields; none if one of the fields has no value.
pub(super) fn combinations<'s>(fields: impl Iterator<Item = &'s [String]>) -> Vec<GroupKey> {
    let mut found: Vec<GroupKey> = vec![Vec::new()];
    for values in fields {
        let longer = found.iter().flat_map(|so_far| {
            values.iter().map(move |value| so_far.iter().chain([value]).cloned().collect::<GroupKey>())
        });
        found = longer.take(MOST_GROUPS).collect();
    }
    found
}

/// The groups of a signal, for the rule at a position.
pub(super) fn groups_of(correlation: &Correlation, position: usize, signal: &Signal) -> Vec<GroupKey> {
    let fields = correlation.group_by.iter().map(|group| group.fields.get(position).map_or("", String::as_str));
    combinations(fields.map(|field| signal.values(field)))
}

/// Numbers that stand for values.
#[derive(Debug)]
pub(super) struct Numbers<T>(HashMap<T, u32>);

impl<T: Hash + Eq> Numbers<T> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    /// The number of a value; the same for equal ones.
    pub(super) fn of(&mut self, value: T) -> u32 {
        // More values than that do not fit into memory.
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(value).or_insert(next)
    }

    /// The number of a value that was given one.
    pub(super) fn get<Q>(&self, value: &Q) -> Option<u32>
    where
        T: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(value).copied()
    }

    /// Every value by its number.
    pub(super) fn into_values(self) -> Vec<T> {
        let mut values: Vec<(u32, T)> = self.0.into_iter().map(|(value, number)| (number, value)).collect();
        values.sort_by_key(|(number, _)| *number);
        values.into_iter().map(|(_, value)| value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combination_of_values_is_a_group_and_a_field_without_one_makes_none() {
        let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let (people, tables) = (texts(&["ann", "bob"]), texts(&["t1", "t2"]));
        let found = combinations([&people[..], &tables[..]].into_iter());
        assert_eq!(found, [texts(&["ann", "t1"]), texts(&["ann", "t2"]), texts(&["bob", "t1"]), texts(&["bob", "t2"])]);
        assert!(combinations([&people[..], &[]].into_iter()).is_empty());
        assert_eq!(combinations(std::iter::empty()), [texts(&[])]);
        let many: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        assert_eq!(combinations([&many[..], &many[..]].into_iter()).len(), MOST_GROUPS);
    }
}
