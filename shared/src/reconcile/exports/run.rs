//! One run: exports come in page by page, and what is due comes out: which to put into the queue, what to tell, and what
//! to leave to the next run.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::compared::Compared;
use super::missing::{Known, Missing, MissingError, Step, Unfinished};
use crate::lake::{Condition, ListedObject, S3Address, SMALL_FILES, Store, StoreError, at_once};
use crate::notify::{Notice, read_notice};
use crate::report::{Arrivals, Silence};

/// A younger export is probably under way: its notification, and an attempt or two.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(15);

/// The most exports that one run puts into the queue: those that arrive meanwhile must not be held up for hours.
const MOST_ENQUEUED: usize = 1000;

/// The most missing exports that are remembered, and so the most that are put into the queue before any of them is in the
/// lake: some two megabytes in memory.
const MOST_REMEMBERED: usize = 10_000;

/// The most notices of one run. Each takes a few calls; past a handful they are told in one message anyway.
const MOST_NOTICES: usize = 50;

/// What a run counted, in exports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Listed
    pub exports: u64,
    /// Not in the lake as they are, and so young that they are probably under way
    pub under_way: u64,
    /// Not in the lake as they are
    pub missing: u64,
    /// Of those: refused by classify, which told so
    pub refused: u64,
    /// Of those: given up, and told of, by this run or one before
    pub given_up: u64,
    /// Of those: left to a later run, since one puts only so many into the queue
    pub waiting: u64,
    /// Manifests that had to be read
    pub read: u64,
}

/// A run.
pub struct Run<'r, S> {
    store: &'r S,
    now: DateTime<Utc>,
    /// When the comparison began that this run is part of
    began: DateTime<Utc>,
    compared: Compared,
    known: Missing,
    condition: Condition,
    /// Where this run began
    after: Option<String>,
    last_key: Option<String>,
    /// What is to be remembered of the exports that this run came to
    left: BTreeMap<String, Known>,
    /// How much is remembered of others
    elsewhere: usize,
    left_some: bool,
    arrivals: Arrivals,
    enqueue: Vec<ListedObject>,
    tell: Vec<Notice>,
    counts: Counts,
}

/// What comparing says of an export.
enum Found {
    Committed,
    UnderWay,
    Refused,
    Missing(ListedObject),
}

/// What is due after a run.
pub struct Due {
    /// To be put into the queue, once `missing` is written
    pub enqueue: Vec<ListedObject>,
    /// To be told before `missing` is written
    pub tell: Vec<Notice>,
    /// To be left to the next run
    pub missing: Missing,
    /// On which condition
    pub condition: Condition,
    /// What was left to this run
    pub former: Missing,
    /// What was counted
    pub counts: Counts,
    /// How many manifests there are
    pub manifests: usize,
    /// When the newest export arrived, of those listed
    pub newest: Option<DateTime<Utc>>,
    /// The present silence, if every export was listed and it is longer than usual
    pub silence: Option<Silence>,
}

impl<'r, S: Store> Run<'r, S> {
    /// Begins a run over the exports at an address, where the last one ended if it came to no end.
    ///
    /// # Errors
    /// [`MissingError`]
    pub async fn begin(store: &'r S, exports: &S3Address, now: DateTime<Utc>) -> Result<Self, MissingError> {
        let (known, condition) = Missing::read(store, exports).await?;
        let compared = Compared::list(store, known.compared_until).await?;
        let unfinished = known.unfinished.as_ref();
        let after = unfinished.map(|unfinished| unfinished.after.clone());
        let elsewhere = known.exports.keys().filter(|key| after.as_ref().is_some_and(|after| *key <= after)).count();
        Ok(Self {
            store,
            now,
            began: unfinished.map_or(now, |unfinished| unfinished.began),
            left_some: unfinished.is_some_and(|unfinished| unfinished.left_some),
            compared,
            known,
            condition,
            last_key: after.clone(),
            after,
            left: BTreeMap::new(),
            elsewhere,
            arrivals: Arrivals::seen_at(now),
            enqueue: Vec::new(),
            tell: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// The key behind which the listing is to begin, if not at the beginning.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Takes exports in, in the order of their keys.
    ///
    /// # Errors
    /// Those of the store; what came before counts.
    pub async fn take(&mut self, page: Vec<ListedObject>) -> Result<(), StoreError> {
        let Some(last_key) = page.last().map(|export| export.address.key().to_owned()) else { return Ok(()) };
        self.counts.exports += page.len() as u64;
        page.iter().filter_map(|export| export.last_modified).for_each(|at| self.arrivals.add(at));
        for export in self.missing_of(page).await? {
            self.decide(export);
        }
        self.last_key = Some(last_key);
        Ok(())
    }

    /// Those that are missing; those that are under way, and those that classify refused and told so, are counted and left
    /// out.
    async fn missing_of(&mut self, exports: Vec<ListedObject>) -> Result<Vec<ListedObject>, StoreError> {
        let (store, compared, known, now) = (self.store, &self.compared, &self.known, self.now);
        // Whether one was refused is asked of those alone that would be put into the queue.
        let has_room = self.has_room();
        let asked = exports.into_iter().map(|export| async move {
            let is_known = known.exports.get(export.address.key()).is_some_and(|known| known.etag == export.etag);
            let (is_committed, was_read) = compared.is_committed(store, &export, is_known).await?;
            let found = if is_committed {
                Found::Committed
            } else if export.last_modified.is_some_and(|at| now - at < UNDER_WAY) {
                Found::UnderWay
            } else if has_room && !is_known && is_refused(store, &export).await? {
                Found::Refused
            } else {
                Found::Missing(export)
            };
            Ok::<_, StoreError>((found, was_read))
        });
        let (mut missing, counts) = (Vec::new(), &mut self.counts);
        at_once(SMALL_FILES, asked, |(found, was_read)| {
            counts.read += u64::from(was_read);
            counts.missing += u64::from(matches!(found, Found::Refused | Found::Missing(_)));
            match found {
                Found::Committed => {}
                Found::UnderWay => counts.under_way += 1,
                Found::Refused => counts.refused += 1,
                Found::Missing(export) => missing.push(export),
            }
        })
        .await?;
        Ok(missing)
    }

    /// Whether an export of which nothing is known may be put into the queue.
    fn has_room(&self) -> bool {
        self.enqueue.len() < MOST_ENQUEUED && self.left.len() + self.elsewhere < MOST_REMEMBERED
    }

    fn decide(&mut self, export: ListedObject) {
        let key = export.address.key().to_owned();
        let may_enqueue = self.enqueue.len() < MOST_ENQUEUED;
        let Some(known) = self.known.exports.get(&key).filter(|known| known.etag == export.etag) else {
            if self.has_room() {
                self.left.insert(key, Known::new(&export.etag, self.now));
                self.enqueue.push(export);
            } else {
                self.counts.waiting += 1;
                self.left_some = true;
            }
            return;
        };
        let mut known = known.clone();
        match known.step(self.now) {
            Step::Enqueue if may_enqueue => {
                known.enqueued += 1;
                known.enqueued_at = self.now;
                self.enqueue.push(export);
            }
            Step::Enqueue => self.counts.waiting += 1,
            Step::Tell if self.tell.len() < MOST_NOTICES => {
                known.told = true;
                let (uri, etag) = (export.address.to_string(), export.etag);
                self.tell.push(Notice::ExportNotClassified { uri, etag, since: known.since });
            }
            Step::Tell | Step::Wait => {}
        }
        self.counts.given_up += u64::from(known.told);
        self.left.insert(key, known);
    }

    /// What is due. Unless the end of the listing was reached, the next run goes on from here.
    #[must_use]
    pub fn finish(self, reached_the_end: bool) -> Due {
        let was_passed = |key: &String| {
            self.after.as_ref().is_none_or(|after| key > after)
                && (reached_the_end || self.last_key.as_ref().is_some_and(|last| key <= last))
        };
        let mut missing = self.known.clone();
        missing.exports.retain(|key, _| !was_passed(key));
        missing.exports.extend(self.left);
        missing.unfinished = None;
        if reached_the_end {
            // What is missing and is remembered by nobody must be compared again.
            missing.compared_until = if self.left_some { missing.compared_until } else { Some(self.began) };
        } else if let Some(after) = self.last_key {
            missing.unfinished = Some(Unfinished { began: self.began, after, left_some: self.left_some });
        }
        let saw_all = reached_the_end && self.after.is_none();
        Due {
            enqueue: self.enqueue,
            tell: self.tell,
            missing,
            condition: self.condition,
            former: self.known,
            counts: self.counts,
            manifests: self.compared.manifests(),
            newest: self.arrivals.newest(),
            silence: if saw_all { self.arrivals.silence() } else { None },
        }
    }
}

impl Due {
    /// What is to be left to the next run if these could not be put into the queue: they are due again.
    #[must_use]
    pub fn without<'e>(&self, unsent: impl IntoIterator<Item = &'e ListedObject>) -> Missing {
        let mut missing = self.missing.clone();
        for export in unsent {
            let key = export.address.key();
            missing.exports.remove(key);
            if let Some(known) = self.former.exports.get(key).filter(|known| known.etag == export.etag) {
                missing.exports.insert(key.to_owned(), known.clone());
            }
        }
        missing.compared_until = self.former.compared_until;
        if let Some(unfinished) = &mut missing.unfinished {
            unfinished.left_some = true;
        }
        missing
    }
}

/// Whether classify refused this version of an export, and told so: nothing comes of putting it into the queue.
async fn is_refused(store: &impl Store, export: &ListedObject) -> Result<bool, StoreError> {
    let Some(at) = export.last_modified else { return Ok(false) };
    let (uri, etag) = (export.address.to_string(), export.etag.clone());
    let refused = Notice::ExportTooLarge { uri, etag, bytes: export.bytes, most: 0, at };
    Ok(read_notice(store, &refused.id()).await?.is_some())
}

#[cfg(test)]
mod tests;
