//! Results that the pack has no use for any more: of correlations that it no longer has, or of windows that are cut otherwise.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::windows::Replacement;
use super::{CorrelatedTally, Correlator, Ready, Starts};
use crate::lake::correlated::Correlated;
use crate::lake::names;
use crate::lake::store::{Store, StoreError};
use crate::notify::RuleWindow;

impl<S: Store> Correlator<'_, S> {
    /// The results that stand on the dates of exports which another pack had classified before, by the correlation: whatever it
    /// counts now, they have to be looked at. Those that nothing in the pack can find any more are emptied.
    pub(super) async fn standing_results(
        &self,
        ready: &[Ready],
        tally: &mut CorrelatedTally,
    ) -> Result<BTreeMap<String, Starts>, StoreError> {
        let mut dates: BTreeMap<NaiveDate, bool> = BTreeMap::new();
        for touched in ready.iter().map(|ready| &ready.touched).filter(|touched| touched.repacked) {
            let hours: BTreeSet<i64> = touched.hours.values().flatten().copied().collect();
            for date in hours.iter().filter_map(|hour| Some(DateTime::from_timestamp(hour * 3600, 0)?.date_naive())) {
                *dates.entry(date).or_default() |= touched.announce;
            }
        }
        let mut found: BTreeMap<String, Starts> = BTreeMap::new();
        for (date, announce) in dates {
            for entry in self.store.list(&names::all_correlated_on(date)).await? {
                let Some((rule, start)) = names::correlated_window_of(&entry.name) else { continue };
                let is_ours = self
                    .pack
                    .correlations()
                    .any(|(known, _)| known.id == rule && known.window.start(Some(start)) == start);
                if is_ours {
                    *found.entry(rule.to_owned()).or_default().entry(start).or_default() |= announce;
                } else {
                    self.empty(&entry.name, rule, start, tally).await?;
                }
            }
        }
        Ok(found)
    }

    async fn empty(
        &self,
        name: &str,
        rule: &str,
        start: DateTime<Utc>,
        tally: &mut CorrelatedTally,
    ) -> Result<(), StoreError> {
        let Some(before) = Correlated::read(self.store, name).await? else { return Ok(()) };
        if before.says(&[]) {
            return Ok(());
        }
        let hours = before.alerts(name)?.values().map(|found| found.window_hours).max().unwrap_or_default();
        let nothing = BTreeMap::new();
        let replacement = Replacement {
            name: name.to_owned(),
            of: RuleWindow { rule: rule.to_owned(), start, hours },
            header: before.emptied(self.pack.hash(), &self.configuration.hash()),
            body: Vec::new(),
            before: Some(before),
            contributions: &nothing,
            announce: false,
        };
        // Should somebody else be at it, it is what they make of it.
        replacement.write(self, tally).await.map(|_| ())
    }
}
