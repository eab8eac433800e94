//! Alerts that events which came later have withdrawn: what people were told stands, and their delivery records say that it is
//! no longer so.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::announcement::{Commit, RuleWindow};
use super::book::Book;
use super::deliver::{DeliverError, Office};
use super::messenger::Messenger;
use super::open_book::OpenBook;
use crate::alerts::AlertId;
use crate::lake::{Store, alerts_committed, names};

/// An alert that was there, and is no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The alert
    pub alert: AlertId,
    /// Its rule and window
    pub of: RuleWindow,
}

impl<S: Store, M: Messenger> Office<'_, S, M> {
    /// Enters withdrawals at every destination that was told; those that stand again by now are left alone.
    pub(super) async fn withdraw(&self, commit: &Commit, withdrawn: &[Withdrawn]) -> Result<(), DeliverError> {
        if withdrawn.is_empty() {
            return Ok(());
        }
        let dates = withdrawn.iter().map(|gone| gone.alert.date()).collect();
        let standing = alerts_committed(self.store, &commit.manifest, &dates).await?;
        let gone: Vec<&Withdrawn> = withdrawn.iter().filter(|gone| !standing.contains(&gone.alert)).collect();
        let folders: BTreeSet<String> =
            gone.iter().map(|gone| names::deliveries_of(&gone.of.rule, gone.of.start)).collect();
        for folder in folders {
            for entry in self.store.list(&folder).await? {
                let mut book = OpenBook::open(self.store, entry.name).await?;
                if gone.iter().any(|gone| book.book().stands(&gone.alert)) {
                    let now = self.clock.now();
                    book.update(|book: &mut Book| gone.iter().for_each(|gone| book.withdraw(&gone.alert, now))).await?;
                }
            }
        }
        Ok(())
    }
}
