//! Which signals a commit changed: what correlations have yet to look at.
//!
//! An entry is written before the manifest, so that no commit goes unnoticed, and counts once that manifest is in force. Who
//! correlates the windows removes it then; who dies over it leaves it to the next. A commit that follows another before that
//! was correlated takes over what it had changed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::names;
use super::store::{ETag, Entry, Store, StoreError};
use crate::export::SourceId;
use crate::findings::{Blob, Findings};
use crate::rules::RuleId;

/// Hours of a day.
const DAY: i64 = 24;

/// Which signals a commit changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Touched {
    /// The manifest's name
    pub(super) manifest: String,
    /// Stands for everything that the manifest depends on
    pub(super) commit: String,
    /// Whether people are told of what comes of it
    pub(super) announce: bool,
    /// The hash of the pack that has to look at it
    pub(super) pack: String,
    /// Whether the export was classified by another pack before, so that what its correlations found may be out of date
    #[serde(default)]
    pub(super) repacked: bool,
    /// The correlations of that pack which have looked at it
    #[serde(default)]
    pub(super) done: BTreeSet<RuleId>,
    /// For each rule the hours since 1970 in which signals came, or may have gone
    pub(super) hours: BTreeMap<RuleId, BTreeSet<i64>>,
}

impl Touched {
    /// What a commit changes: the signals of these findings come, and those of the former manifest may go. What stands in
    /// entries of former commits is added, and whether one of them was announced is kept.
    pub(super) async fn by(
        store: &impl Store,
        findings: &Findings,
        source: &SourceId,
        former: Option<&Manifest>,
        announce: bool,
    ) -> Result<Self, StoreError> {
        let mut hours: BTreeMap<RuleId, BTreeSet<i64>> = BTreeMap::new();
        let mut touched = Self {
            manifest: names::manifest(source),
            commit: String::new(),
            announce,
            pack: former.map_or_else(String::new, |former| former.pack.clone()),
            repacked: false,
            done: BTreeSet::new(),
            hours: BTreeMap::new(),
        };
        for entry in of_source(store, source).await? {
            let Some(stored) = store.get(&entry.name).await? else { continue };
            // One that cannot be read was of this export, and is done over.
            let Ok(found) = serde_json::from_slice::<Self>(&stored.content) else { continue };
            touched.announce |= found.announce;
            touched.repacked |= found.repacked;
            for (rule, of_rule) in found.hours {
                hours.entry(rule).or_default().extend(of_rule);
            }
        }
        for (rule, hour) in findings.signal_hours() {
            hours.entry(*rule).or_default().insert(*hour);
        }
        for file in former.into_iter().flat_map(|manifest| &manifest.files) {
            // Of a former commit only the days are known.
            let Some((rule, date)) = names::rule_of(&file.name).zip(names::date_of(&file.name)) else { continue };
            let first = date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp().div_euclid(3600);
            hours.entry(rule).or_default().extend(first..first + DAY);
        }
        Ok(Self { hours, ..touched })
    }

    /// Leaves an entry for the commit that is about to come; its name, if there is anything to look at.
    pub(super) async fn leave(mut self, store: &impl Store, manifest: &Manifest) -> Result<Option<String>, StoreError> {
        if self.hours.is_empty() {
            return Ok(None);
        }
        self.commit = names::commit_digest(&manifest.made_from());
        self.repacked |= !self.pack.is_empty() && self.pack != manifest.pack;
        self.pack.clone_from(&manifest.pack);
        let name = names::touched(self.announce, &manifest.source, fastrand::u64(..));
        store.put(&name, &mut Blob::of(&self.encode())).await?;
        Ok(Some(name))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Removes the entries of commits before the one that stands now, which has taken them over.
    pub(super) async fn clear_before(
        store: &impl Store,
        source: &SourceId,
        own: Option<&String>,
    ) -> Result<(), StoreError> {
        for entry in of_source(store, source).await?.into_iter().filter(|entry| Some(&entry.name) != own) {
            store.remove(&entry.name).await?;
        }
        Ok(())
    }

    /// The times that the signals of a rule lie between, for each hour.
    pub(super) fn spans_of(&self, rule: RuleId) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let hours = self.hours.get(&rule).into_iter().flatten();
        hours.filter_map(|hour| {
            let from = DateTime::from_timestamp(hour * 3600, 0)?;
            Some((from, from + TimeDelta::hours(1) - TimeDelta::microseconds(1)))
        })
    }
}

/// Every entry of an export.
async fn of_source(store: &impl Store, source: &SourceId) -> Result<Vec<Entry>, StoreError> {
    let mut entries = store.list(&names::touched_of(true, source)).await?;
    entries.extend(store.list(&names::touched_of(false, source)).await?);
    Ok(entries)
}

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its commit is in force, and its windows are to be correlated
    InForce(Box<Touched>, ETag),
    /// Its commit has not come yet, or was followed by another
    NotInForce,
    /// Somebody was quicker
    Gone,
}

/// Reads an entry, and looks whether its commit is in force.
pub(super) async fn standing(store: &impl Store, name: &str) -> Result<Standing, StoreError> {
    let Some(stored) = store.get(name).await? else { return Ok(Standing::Gone) };
    let etag = stored.etag;
    let touched: Touched = serde_json::from_slice(&stored.content)
        .map_err(|error| StoreError::new("read", name, format!("it is damaged: {error}; `run --again` mends it")))?;
    let Some(stored) = store.get(&touched.manifest).await? else { return Ok(Standing::NotInForce) };
    let manifest: Manifest = serde_json::from_slice(&stored.content)
        .map_err(|error| StoreError::new("read", &touched.manifest, format!("the manifest is damaged: {error}")))?;
    let is_in_force = names::commit_digest(&manifest.made_from()) == touched.commit;
    Ok(if is_in_force { Standing::InForce(Box::new(touched), etag) } else { Standing::NotInForce })
}
