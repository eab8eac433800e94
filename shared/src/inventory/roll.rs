//! Everybody, or every group or data source, that lists and events speak of: each once, whatever it is called.

use std::collections::HashMap;

use super::named::Named;
use crate::event::Party;

/// Of one there are this many identifiers and names at the most; more come only of records that are not what they seem.
const MOST_CALLED: usize = 16;

/// So many of one name are looked at; a list in which everybody has the same name is not what it seems, and would take hours.
const MOST_NAMESAKES: usize = 64;

/// Who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody who is known
    None,
    /// This one
    One(usize),
    /// Any of these: they share the name, and nothing tells them apart
    Several(Vec<usize>),
}

/// The roll. Entries are never removed, so that their numbers stay.
#[derive(Debug, Clone, Default)]
pub(super) struct Roll {
    entries: Vec<Named>,
    by_called: HashMap<String, Vec<usize>>,
}

impl Roll {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, index: usize) -> &Named {
        &self.entries[index]
    }

    /// Those that are called so, by identifier or name, in lower case.
    pub(super) fn called(&self, text: &str) -> &[usize] {
        self.by_called.get(text).map_or(&[], Vec::as_slice)
    }

    /// Who is meant. Whoever shares an identifier is meant before those who share a name.
    pub(super) fn find(&self, party: &Party) -> Found {
        let mut meant: Vec<(u8, usize)> = Vec::new();
        for index in party.called().flat_map(|text| self.called(text).iter().take(MOST_NAMESAKES)) {
            let known = &self.entries[*index].party;
            if known.is(party) && !meant.iter().any(|(_, other)| other == index) {
                meant.push((closeness(known, party), *index));
            }
        }
        let closest = meant.iter().map(|(closeness, _)| *closeness).max();
        let mut closest: Vec<usize> =
            meant.into_iter().filter(|(closeness, _)| Some(*closeness) == closest).map(|(_, index)| index).collect();
        closest.sort_unstable();
        match closest[..] {
            [] => Found::None,
            [one] => Found::One(one),
            _ => Found::Several(closest),
        }
    }

    /// The entry that is meant, with what else it is called from now on; a new one where nobody is, or it cannot be told who.
    /// Whether that was so.
    pub(super) fn take(&mut self, named: &Named) -> (usize, bool) {
        match self.find(&named.party) {
            Found::One(index) => {
                self.learn(index, &named.party);
                (index, false)
            }
            Found::None => (self.enter(named.clone()), false),
            Found::Several(_) => (self.enter(named.clone()), true),
        }
    }

    fn enter(&mut self, named: Named) -> usize {
        let index = self.entries.len();
        for text in named.party.called() {
            index_under(&mut self.by_called, text, index);
        }
        self.entries.push(named);
        index
    }

    fn learn(&mut self, index: usize, party: &Party) {
        let known = &mut self.entries[index].party;
        let room = MOST_CALLED.saturating_sub(known.called().count());
        let new = |list: &[String], text: &&String| !list.contains(text);
        let ids: Vec<String> = party.ids.iter().filter(|text| new(&known.ids, text)).take(room).cloned().collect();
        let names: Vec<String> =
            party.names.iter().filter(|text| new(&known.names, text)).take(room).cloned().collect();
        for text in ids.iter().chain(&names) {
            index_under(&mut self.by_called, text, index);
        }
        known.ids.extend(ids);
        known.names.extend(names);
    }
}

fn index_under(by_called: &mut HashMap<String, Vec<usize>>, text: &str, index: usize) {
    let under = by_called.entry(text.to_owned()).or_default();
    // Of a new entry it could only be the last.
    if under.last() != Some(&index) {
        under.push(index);
    }
}

/// How surely two that are the same as far as can be told are the same.
fn closeness(known: &Party, party: &Party) -> u8 {
    let share = |a: &[String], b: &[String]| a.iter().any(|text| b.contains(text));
    if share(&known.ids, &party.ids) || share(&known.ids, &party.names) || share(&known.names, &party.ids) {
        2
    } else {
        u8::from(known == party)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_counts_before_a_name() {
        let mut roll = Roll::default();
        let (first, _) = roll.take(&Named::new("jw1@x", "Julia Weber"));
        let (second, _) = roll.take(&Named::new("jw2@x", "Julia Weber"));
        assert_ne!(first, second);
        assert_eq!(roll.find(&Party::called_so("JW2@x", "somebody")), Found::One(second));
        assert_eq!(roll.find(&Party::called_so("", "jw1@x")), Found::One(first));
        assert_eq!(roll.find(&Party::called_so("", "Julia Weber")), Found::Several(vec![first, second]));
        assert_eq!(roll.find(&Party::called_so("7", "Tom")), Found::None);
    }

    #[test]
    fn one_of_whom_it_cannot_be_told_who_is_somebody_else_and_stays_so() {
        let mut roll = Roll::default();
        roll.take(&Named::new("jw1@x", "Julia Weber"));
        roll.take(&Named::new("jw2@x", "Julia Weber"));
        assert_eq!(roll.take(&Named::new("", "Julia Weber")), (2, true));
        assert_eq!(roll.take(&Named::new("", "julia weber")), (2, false));
    }

    #[test]
    fn what_somebody_is_called_besides_is_kept() {
        let mut roll = Roll::default();
        let (ann, _) = roll.take(&Named::new("ann@x", "Ann Lee"));
        assert_eq!(roll.take(&Named::new("977", "Ann Lee")), (ann, false));
        assert_eq!(roll.find(&Party::called_so("977", "")), Found::One(ann));
        // Another number is somebody else of that name.
        assert_eq!(roll.find(&Party::called_so("12", "Ann Lee")), Found::None);
    }
}
