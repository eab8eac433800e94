//! On which days notifications may be undecided: the last ones, and whatever day before that was not seen to be clean.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::lake::{Condition, Store, StoreError, names};

/// The version of this form; a later one may add fields, never change the meaning of one.
const VERSION: u32 = 1;

/// So many days are always looked at: a notification that Immuta could not deliver may be kept under the day that it was sent.
const ALWAYS: Days = Days::new(8);

/// How far the first look goes back.
const FIRST: Days = Days::new(60);

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    #[serde(rename = "backlog_version")]
    version: u32,
    /// Every notification of an earlier day is decided
    clean_before: NaiveDate,
}

/// What one run of the sweep leaves to the next.
#[derive(Debug)]
pub struct Backlog {
    clean_before: Option<NaiveDate>,
    condition: Condition,
    today: NaiveDate,
}

impl Backlog {
    /// What was left. One that is damaged counts as none: then all days are looked at again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn read(store: &impl Store, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let stored = store.get(names::BACKLOG).await?;
        let condition = stored.as_ref().map_or(Condition::Absent, |stored| Condition::Matches(stored.etag.clone()));
        let kept = stored.and_then(|stored| serde_json::from_slice::<Kept>(&stored.content).ok());
        let clean_before = kept.filter(|kept| kept.version == VERSION).map(|kept| kept.clean_before);
        Ok(Self { clean_before, condition, today: now.date_naive() })
    }

    /// The days to look at, the earliest first.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let ago = |days| self.today.checked_sub_days(days).unwrap_or(self.today);
        let first = self.clean_before.unwrap_or_else(|| ago(FIRST)).min(ago(ALWAYS));
        let today = self.today;
        first.iter_days().take_while(move |day| *day <= today)
    }

    /// Leaves to the next run that all is decided up to a day. That another run did so meanwhile does no harm.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn write(self, store: &impl Store, earliest_undecided: Option<NaiveDate>) -> Result<(), StoreError> {
        let clean_before = earliest_undecided.unwrap_or(self.today).min(self.today);
        if self.clean_before == Some(clean_before) {
            return Ok(());
        }
        let text = serde_json::to_vec(&Kept { version: VERSION, clean_before }).unwrap_or_default();
        store.put_if(names::BACKLOG, text, self.condition).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::MemoryStore;

    fn at(day: u32) -> DateTime<Utc> {
        NaiveDate::from_ymd_opt(2026, 11, day).unwrap().and_hms_opt(12, 0, 0).unwrap().and_utc()
    }

    async fn first_of(store: &MemoryStore, now: DateTime<Utc>) -> NaiveDate {
        Backlog::read(store, now).await.unwrap().days().next().unwrap()
    }

    #[tokio::test]
    async fn a_day_is_looked_at_until_it_is_clean_however_long_that_takes() {
        let store = MemoryStore::default();
        let backlog = Backlog::read(&store, at(20)).await.unwrap();
        assert_eq!(backlog.days().count(), 61);
        backlog.write(&store, Some(at(1).date_naive())).await.unwrap();
        assert_eq!(first_of(&store, at(25)).await, at(1).date_naive());
        Backlog::read(&store, at(25)).await.unwrap().write(&store, None).await.unwrap();
        assert_eq!(first_of(&store, at(26)).await, at(18).date_naive(), "the last days are always looked at");
        store.put_if(names::BACKLOG, b"{".to_vec(), Condition::Absent).await.unwrap();
        assert_eq!(first_of(&store, at(26)).await, at(18).date_naive());
    }
}
