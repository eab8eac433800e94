//! Which exports are committed as they are now, without reading every manifest.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::export::{Source, SourceId};
use crate::lake::{ListedObject, Store, StoreError, names};

/// What was written within so long before the last comparison is compared again. S3 dates an object that was uploaded
/// in parts by when the upload began, so that it may come to light later than others of its time; and clocks differ.
const MARGIN: TimeDelta = TimeDelta::hours(3);

/// The time of a manifest in a store that keeps none: so late that it is always read.
const UNKNOWN: u32 = u32::MAX;

/// The manifests of a lake by name, and until when they were compared with the exports.
///
/// A listing says when an export and its manifest were written, and not which version of the export the manifest is of;
/// only the manifest says that. To read all of them each hour would cost money: a lake of two years has some 100,000. But
/// a pair that was compared by a run before, and of which neither was written since, need not be compared again. So each
/// run reads the manifests of the last hours' exports alone.
#[derive(Debug)]
pub struct Compared {
    /// Their ids, in order, and when they were written: seconds since 1970, in four bytes
    manifests: Vec<([u8; 16], u32)>,
    until: Option<DateTime<Utc>>,
}

/// Of a manifest, what is looked at here.
#[derive(Deserialize)]
struct Version {
    etag: String,
}

impl Compared {
    /// Lists the manifests. Everything that was written before `until` was compared.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(store: &impl Store, until: Option<DateTime<Utc>>) -> Result<Self, StoreError> {
        let mut manifests = Vec::new();
        let mut take = |entry: crate::lake::Entry| {
            let Some(id) = names::source_of(&entry.name).and_then(bytes_of) else { return };
            let written = entry.written.and_then(|time| u32::try_from(time.timestamp()).ok());
            manifests.push((id, written.unwrap_or(UNKNOWN)));
        };
        store.visit(names::MANIFESTS, &mut take).await?;
        manifests.sort_unstable();
        Ok(Self { manifests, until })
    }

    /// How many manifests there are.
    #[must_use]
    pub fn manifests(&self) -> usize {
        self.manifests.len()
    }

    /// Whether the lake has committed an export in the version that was listed, and whether a manifest was read for that.
    /// Without `suspicion`, what was compared before is not compared again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_committed(
        &self,
        store: &impl Store,
        export: &ListedObject,
        suspicion: bool,
    ) -> Result<(bool, bool), StoreError> {
        let source = Source::at(export.address.to_string()).id;
        let Some(written) = self.written(&source) else { return Ok((false, false)) };
        if !suspicion && self.was_compared(export.last_modified, written) {
            return Ok((true, false));
        }
        // One that is damaged stands for no version.
        let stored = store.get(&names::manifest(&source)).await?;
        let read = stored.and_then(|stored| serde_json::from_slice::<Version>(&stored.content).ok());
        Ok((read.is_some_and(|version| version.etag == export.etag), true))
    }

    /// When the manifest of an export was written; none if it has no manifest.
    fn written(&self, source: &SourceId) -> Option<u32> {
        let id = bytes_of(source.as_str())?;
        let at = self.manifests.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.manifests[at].1)
    }

    fn was_compared(&self, export: Option<DateTime<Utc>>, manifest: u32) -> bool {
        let (Some(until), Some(export)) = (self.until, export) else { return false };
        let before = (until - MARGIN).timestamp();
        export.timestamp() < before && i64::from(manifest) < before
    }
}

fn bytes_of(id: &str) -> Option<[u8; 16]> {
    if id.len() != 32 {
        return None;
    }
    u128::from_str_radix(id, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_compared_until_both_are_older_than_the_last_comparison() {
        let now = DateTime::from_timestamp(1_793_613_600, 0).unwrap();
        let hours_ago = |hours| now - TimeDelta::hours(hours);
        let seconds = |time: DateTime<Utc>| u32::try_from(time.timestamp()).unwrap();
        let compared = Compared { manifests: Vec::new(), until: Some(now) };
        assert!(compared.was_compared(Some(hours_ago(5)), seconds(hours_ago(4))));
        assert!(!compared.was_compared(Some(hours_ago(5)), seconds(hours_ago(2))));
        assert!(!compared.was_compared(Some(hours_ago(2)), seconds(hours_ago(4))));
        assert!(!compared.was_compared(None, seconds(hours_ago(4))));
        assert!(!compared.was_compared(Some(hours_ago(5)), UNKNOWN));
        let first = Compared { manifests: Vec::new(), until: None };
        assert!(!first.was_compared(Some(hours_ago(5)), seconds(hours_ago(4))));
    }
}
