//! What a correlation found in one alert window: one file, written as a whole by whoever has seen all of its signals.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::names;
use super::store::{ETag, Store, StoreError};
use crate::RELEASE;
use crate::alerts::{AlertId, Contribution};
use crate::digest;

/// The first line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The correlation's id
    pub(crate) rule: String,
    /// Its name
    pub(crate) name: String,
    /// When the alert window begins
    pub(crate) window_start: DateTime<Utc>,
    /// The pack's hash
    pub(crate) pack: String,
    /// The configuration's hash
    pub(crate) configuration: String,
    /// The release that found it
    pub(crate) release: String,
    /// How many alerts there are
    pub(crate) alerts: u64,
    /// SHA-256 of the whole file with an empty seal: tells a change by accident
    pub(crate) seal: String,
}

/// What a correlation found in a window, as it stands in the lake.
#[derive(Debug, Clone)]
pub(super) struct Correlated {
    pub(super) header: Header,
    /// What stands below its first line
    body: Vec<u8>,
    pub(super) etag: ETag,
}

impl Header {
    pub(super) fn of(
        rule: &crate::rules::Rule,
        window_start: DateTime<Utc>,
        (pack, configuration): (&str, &str),
        (alerts, body): (usize, &[u8]),
    ) -> Self {
        let unsealed = Self {
            rule: rule.id.clone(),
            name: rule.name.clone(),
            window_start,
            pack: pack.to_owned(),
            configuration: configuration.to_owned(),
            release: RELEASE.to_owned(),
            alerts: alerts as u64,
            seal: String::new(),
        };
        unsealed.sealed(body)
    }

    fn sealed(self, body: &[u8]) -> Self {
        let unsealed = Self { seal: String::new(), ..self };
        let seal = digest::full(&file(&unsealed, body));
        Self { seal, ..unsealed }
    }
}

/// What stands below the header for these alerts: one line each, in the order of their ids.
pub(super) fn body(contributions: &BTreeMap<AlertId, Contribution>) -> Vec<u8> {
    let mut body = Vec::new();
    for contribution in contributions.values() {
        body.extend(serde_json::to_vec(contribution).unwrap_or_default());
        body.push(b'\n');
    }
    body
}

/// The whole file.
pub(super) fn file(header: &Header, body: &[u8]) -> Vec<u8> {
    let mut file = serde_json::to_vec(header).unwrap_or_default();
    file.push(b'\n');
    file.extend(body);
    file
}

/// Stands for the content of a file.
pub(super) fn version(content: &[u8]) -> String {
    digest::short(content)
}

impl Correlated {
    pub(super) async fn read(store: &impl Store, name: &str) -> Result<Option<Self>, StoreError> {
        let Some(stored) = store.get(name).await? else { return Ok(None) };
        let end = stored.content.iter().position(|byte| *byte == b'\n').unwrap_or(stored.content.len());
        let (header, body) = stored.content.split_at(end);
        let header = serde_json::from_slice::<Header>(header).map_err(|error| {
            StoreError::new(
                "read",
                name,
                format!("it is damaged ({error}); remove it, and what it says is found again"),
            )
        })?;
        let body = body.strip_prefix(b"\n").unwrap_or(body).to_vec();
        Ok(Some(Self { header, body, etag: stored.etag }))
    }

    /// Whether it says the same of the same alerts.
    pub(super) fn says(&self, body: &[u8]) -> bool {
        self.body == body
    }

    /// The header of the same file without any alert, found by this pack and configuration.
    pub(super) fn emptied(&self, pack: &str, configuration: &str) -> Header {
        let (pack, configuration, release) = (pack.to_owned(), configuration.to_owned(), RELEASE.to_owned());
        Header { pack, configuration, release, alerts: 0, ..self.header.clone() }.sealed(&[])
    }

    /// Its alerts.
    pub(super) fn alerts(&self, name: &str) -> Result<BTreeMap<AlertId, Contribution>, StoreError> {
        let lines = self.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let read = |line| serde_json::from_slice::<Contribution>(line).map(|found| (found.alert.clone(), found));
        lines
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|error| StoreError::new("read", name, format!("it is damaged: {error}")))
    }
}

/// The version of what stands under a name; none if nothing does. With it the header.
pub(crate) async fn version_of(store: &impl Store, name: &str) -> Result<Option<(Header, String)>, StoreError> {
    let Some(stored) = store.get(name).await? else { return Ok(None) };
    let header = stored.content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header = serde_json::from_slice(header)
        .map_err(|error| StoreError::new("read", name, format!("it is damaged: {error}")))?;
    Ok(Some((header, version(&stored.content))))
}

/// What is wrong with a file, if anything is.
pub(super) fn check(name: &str, content: &[u8]) -> Result<(), String> {
    let end = content.iter().position(|byte| *byte == b'\n').ok_or("it is cut short")?;
    let (header, body) = (&content[..end], &content[end + 1..]);
    let header: Header = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    // Written anew: another spelling of the same header is a change, too.
    if serde_json::to_vec(&header).is_ok_and(|written| written != content[..end]) {
        return Err("its first line was changed".to_owned());
    }
    if names::correlated(&header.rule, header.window_start) != name {
        return Err("it is that of another correlation or window".to_owned());
    }
    if header.clone().sealed(body) != header || memchr::memchr_iter(b'\n', body).count() as u64 != header.alerts {
        return Err("what it says is not what was found".to_owned());
    }
    Ok(())
}

/// Whether a name is that of such a file.
#[must_use]
pub(crate) fn is_correlated(name: &str) -> bool {
    name.starts_with(names::CORRELATED)
}
