//! Who was given a permission that should be apart from one that they have held for long, or since before the first export.

use chrono::{DateTime, Utc};
use immuta_watch::function::{InForce, Invocation};
use immuta_watch::inventory::{Change, PAIRS, combinations};
use immuta_watch::lake::{LedgerFiles, changes, standing};
use immuta_watch::notify::{HeldTogether, Notice};

use crate::task::Sweeper;

impl Sweeper {
    /// Tells of those who came to hold both permissions of the gravest pair by a grant of the time from `from` to `to`, where the
    /// correlation that counts grants does not see the other one; each once. How many there are. What was so before, as a list
    /// that is imported may say, is not told of: nobody did it now.
    pub(crate) async fn tell_of_combinations(
        &self,
        in_force: &InForce,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        invocation: &Invocation,
    ) -> Result<u64, String> {
        let store = &self.desk.store;
        let files = LedgerFiles::in_lake(store).await.map_err(|error| error.to_string())?;
        let lately = changes(store, &files, Some(from.date_naive())).await.map_err(|error| error.to_string())?;
        let is_due = |at: DateTime<Utc>| from < at && at <= to;
        let [pair, ..] = &PAIRS;
        let gave_one = |change: &Change| pair.permissions.iter().any(|permission| change.gave(permission));
        // On most days nobody is given either, and the ledger need not be read from its beginning.
        if !lately.iter().any(|change| is_due(change.at) && gave_one(change)) {
            return Ok(0);
        }
        // As of now, so that what was taken again meanwhile is not told.
        let standing = standing(store, &files, Utc::now()).await.map_err(|error| error.to_string())?;
        let mut told = 0;
        for combination in combinations(&standing) {
            if combination.pair != pair || !combination.is_not_correlated() || !is_due(combination.since()) {
                continue;
            }
            let Some(held) = HeldTogether::of(&combination) else { continue };
            let notice = Notice::HeldTogether(held);
            told += u64::from(self.desk.tell_once(in_force, &notice, invocation).await?.is_some());
        }
        Ok(told)
    }
}
