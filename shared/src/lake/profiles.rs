//! What groups did on closed days, as it stands in the lake: counted once, and compared with for months.
//!
//! It is a cache of the signals, with a version: whoever changes a day's signals leaves word of the day, and it is counted
//! anew. One that is gone, damaged, or counted by another definition or from other files is made again.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::names;
use super::store::{Condition, ETag, Store, StoreError, Written};
use crate::correlate::{OfGroup, Profile};
use crate::digest;
use crate::rules::{Correlation, Rule};

/// The version of this form; a later one may add fields, never change the meaning of one.
const VERSION: u32 = 1;

/// The first line of the file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    profile_version: u32,
    /// The correlation's id
    rule: String,
    date: NaiveDate,
    /// Stands for what is counted
    definition: String,
    /// Stands for the names of the files of signals that it was counted from
    files: String,
    groups: u64,
    /// SHA-256 of the whole file with an empty seal: tells a change by accident
    seal: String,
}

/// Each further line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    group: Vec<String>,
    day: OfGroup,
}

/// What stands in the lake of a day.
pub(super) struct Kept {
    pub(super) date: NaiveDate,
    /// None if there is none, or none of use; with what stands for its files
    profile: Option<(Profile, String)>,
    etag: Option<ETag>,
}

/// Stands for the names of files.
fn files_digest(names: &[&str]) -> String {
    digest::short(names.join("\n").as_bytes())
}

/// Stands for what a correlation counts of a day.
fn definition(correlation: &Correlation) -> String {
    let rules: Vec<&str> = correlation.rules.iter().map(|rule| rule.id.as_str()).collect();
    let groups: Vec<&[String]> = correlation.group_by.iter().map(|group| group.fields.as_slice()).collect();
    let parts = serde_json::to_vec(&(rules, groups, correlation.test.fields())).unwrap_or_default();
    digest::short(&parts)
}

impl Header {
    fn sealed(self, body: &[u8]) -> Self {
        let unsealed = Self { seal: String::new(), ..self };
        let seal = digest::full(&file(&unsealed, body));
        Self { seal, ..unsealed }
    }
}

fn file(header: &Header, body: &[u8]) -> Vec<u8> {
    let mut file = serde_json::to_vec(header).unwrap_or_default();
    file.push(b'\n');
    file.extend(body);
    file
}

fn encode(rule: &Rule, correlation: &Correlation, date: NaiveDate, (profile, files): (&Profile, String)) -> Vec<u8> {
    let mut body = Vec::new();
    let mut groups = 0;
    for (group, day) in profile.groups() {
        let line = Line { group: group.clone(), day: day.clone() };
        body.extend(serde_json::to_vec(&line).unwrap_or_default());
        body.push(b'\n');
        groups += 1;
    }
    let definition = definition(correlation);
    let (rule, seal) = (rule.id.clone(), String::new());
    let header = Header { profile_version: VERSION, rule, date, definition, files, groups, seal };
    file(&header.sealed(&body), &body)
}

/// The header, and the lines below it.
fn decode(content: &[u8]) -> Result<(Header, &[u8]), String> {
    let end = memchr::memchr(b'\n', content).ok_or("it is cut short")?;
    let (header, body) = (&content[..end], &content[end + 1..]);
    let header: Header = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    let (seal, groups) = (header.seal.clone(), header.groups);
    let header = header.sealed(body);
    if header.seal != seal || memchr::memchr_iter(b'\n', body).count() as u64 != groups {
        return Err("what it says is not what was counted".to_owned());
    }
    Ok((header, body))
}

/// What is wrong with a file, if anything is.
pub(super) fn check(name: &str, content: &[u8]) -> Result<(), String> {
    let (header, _) = decode(content)?;
    if names::profile(&header.rule, header.date) != name {
        return Err("it is that of another correlation or day".to_owned());
    }
    Ok(())
}

impl Kept {
    /// Reads what stands of a day.
    pub(super) async fn read(
        store: &impl Store,
        rule: &Rule,
        correlation: &Correlation,
        date: NaiveDate,
    ) -> Result<Self, StoreError> {
        let Some(stored) = store.get(&names::profile(&rule.id, date)).await? else {
            return Ok(Self { date, profile: None, etag: None });
        };
        let lines = decode(&stored.content).ok().filter(|(header, _)| {
            let is_its = header.profile_version == VERSION && header.rule == rule.id && header.date == date;
            is_its && header.definition == definition(correlation)
        });
        let profile = lines.and_then(|(header, body)| {
            let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let read = |line| serde_json::from_slice::<Line>(line).map(|Line { group, day }| (group, day));
            Some((lines.map(read).collect::<Result<Profile, _>>().ok()?, header.files))
        });
        Ok(Self { date, profile, etag: Some(stored.etag) })
    }

    /// Whether it was counted from these files.
    pub(super) fn is_of(&self, names: &[&str]) -> bool {
        self.profile.as_ref().is_some_and(|(_, files)| *files == files_digest(names))
    }

    /// What was counted, if it is of use.
    pub(super) fn into_profile(self) -> Option<Profile> {
        self.profile.map(|(profile, _)| profile)
    }

    /// Writes what was counted since from these files, unless somebody else has. What stands already is not written, nor that
    /// nobody did anything on a day of which nothing stands. Whether nobody else had written.
    pub(super) async fn write(
        &self,
        store: &impl Store,
        rule: &Rule,
        correlation: &Correlation,
        profile: &Profile,
        names: &[&str],
    ) -> Result<bool, StoreError> {
        let stands = self.is_of(names) && self.profile.as_ref().is_some_and(|(known, _)| known == profile);
        if stands || (self.etag.is_none() && profile.is_empty()) {
            return Ok(true);
        }
        let condition = self.etag.clone().map_or(Condition::Absent, Condition::Matches);
        let content = encode(rule, correlation, self.date, (profile, files_digest(names)));
        let written = store.put_if(&names::profile(&rule.id, self.date), content, condition).await?;
        Ok(written != Written::Conflict)
    }
}
