//! The events of an incident that are worth showing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::group::{GroupKey, groups_of};
use super::incident::Incident;
use super::signal::Signal;
use crate::event::EventKey;
use crate::rules::{Correlation, Test};

/// So many events of an incident are kept from its beginning, and as many from its end; of each rule the first and the last
/// are kept besides.
pub const MOMENTS: usize = 10;

/// One event of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Event time
    pub time: DateTime<Utc>,
    /// Event key
    pub event: EventKey,
    /// The rule that matched, by its id
    pub rule: String,
    /// The export's address
    pub export: String,
    /// The line in the export, counted from 1
    pub line: u64,
    /// What correlations ask of it
    pub fields: BTreeMap<String, Vec<String>>,
}

/// What moments are in order by.
type Place = (DateTime<Utc>, usize, EventKey);

/// Finds the events of incidents, going through the signals a second time.
pub struct TimeLines<'c> {
    correlation: &'c Correlation,
    incidents: Vec<Incident>,
    /// The incidents of a group
    by_group: HashMap<GroupKey, Vec<usize>>,
    kept: Vec<Kept>,
    /// So many are kept from the beginning, and as many from the end
    most: usize,
}

/// Moments of an incident, each where it is wanted for.
#[derive(Default)]
struct Kept {
    first: BTreeMap<Place, Moment>,
    last: BTreeMap<Place, Moment>,
    by_rule: BTreeMap<usize, (Place, Moment, Place, Moment)>,
}

impl<'c> TimeLines<'c> {
    /// For the incidents of a correlation: the events worth showing.
    #[must_use]
    pub fn new(correlation: &'c Correlation, incidents: Vec<Incident>) -> Self {
        Self::of(correlation, incidents, MOMENTS)
    }

    /// For the incidents of a correlation: every event.
    #[must_use]
    pub fn whole(correlation: &'c Correlation, incidents: Vec<Incident>) -> Self {
        Self::of(correlation, incidents, usize::MAX)
    }

    fn of(correlation: &'c Correlation, incidents: Vec<Incident>, most: usize) -> Self {
        let mut by_group: HashMap<GroupKey, Vec<usize>> = HashMap::new();
        for (index, incident) in incidents.iter().enumerate() {
            let key = incident.group.iter().map(|(_, value)| value.clone()).collect();
            by_group.entry(key).or_default().push(index);
        }
        let kept = incidents.iter().map(|_| Kept::default()).collect();
        Self { correlation, incidents, by_group, kept, most }
    }

    /// Takes signals in, in whatever order.
    pub fn take<'s>(&mut self, signals: impl IntoIterator<Item = &'s Signal>) {
        // Of an absence, what should have come is not there, and what did come elsewhere is of no account.
        let shown = if matches!(self.correlation.test, Test::Absent(_)) { 1 } else { self.correlation.rules.len() };
        for signal in signals {
            let positions = self.correlation.rules.iter().take(shown).enumerate();
            for (position, _) in positions.filter(|(_, rule)| rule.id == signal.rule) {
                let groups: BTreeSet<GroupKey> = groups_of(self.correlation, position, signal).into_iter().collect();
                for index in groups.iter().filter_map(|group| self.by_group.get(group)).flatten() {
                    if self.incidents[*index].is_of(signal, self.correlation) {
                        self.kept[*index].take(position, signal, self.most);
                    }
                }
            }
        }
    }

    /// The incidents, each with its moments.
    #[must_use]
    pub fn finish(self) -> Vec<Incident> {
        let mut incidents = self.incidents;
        for (incident, kept) in incidents.iter_mut().zip(self.kept) {
            incident.moments = kept.in_order();
        }
        incidents
    }
}

impl Kept {
    fn take(&mut self, position: usize, signal: &Signal, most: usize) {
        let moment = Moment {
            time: signal.time,
            event: signal.event,
            rule: signal.rule.clone(),
            export: signal.export.to_string(),
            line: signal.line,
            fields: signal.fields.clone(),
        };
        let place = (signal.time, position, signal.event);
        keep(&mut self.first, place, &moment);
        if self.first.len() > most {
            self.first.pop_last();
        }
        keep(&mut self.last, place, &moment);
        if self.last.len() > most {
            self.last.pop_first();
        }
        let of_rule = self.by_rule.entry(position).or_insert_with(|| (place, moment.clone(), place, moment.clone()));
        if (place, &moment.export, moment.line) < (of_rule.0, &of_rule.1.export, of_rule.1.line) {
            (of_rule.0, of_rule.1) = (place, moment.clone());
        }
        // Of two copies of the last event, too, the one in the export that sorts first.
        let is_later = place > of_rule.2
            || (place == of_rule.2 && (&moment.export, moment.line) < (&of_rule.3.export, of_rule.3.line));
        if is_later {
            (of_rule.2, of_rule.3) = (place, moment);
        }
    }

    fn in_order(self) -> Vec<Moment> {
        let mut moments = self.first;
        let of_rules =
            self.by_rule.into_values().flat_map(|(first, moment, last, other)| [(first, moment), (last, other)]);
        for (place, moment) in self.last.into_iter().chain(of_rules) {
            keep(&mut moments, place, &moment);
        }
        moments.into_values().collect()
    }
}

/// Of two copies of an event, keeps the one in the export that sorts first, so that their order is of no account.
fn keep(moments: &mut BTreeMap<Place, Moment>, place: Place, moment: &Moment) {
    let known = moments.entry(place).or_insert_with(|| moment.clone());
    if (&moment.export, moment.line) < (&known.export, known.line) {
        *known = moment.clone();
    }
}
