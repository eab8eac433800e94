//! A list: all data sources, holders of permissions or members of groups that there were on a day, and the form that it has in
//! the lake.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::digest;

/// The version of the form; a later one may add fields, never change the meaning of one.
const VERSION: u32 = 1;

/// How long before its date begins in UTC a list may have been taken: where the day begins first, clocks are 14 hours ahead
/// (Kiribati, by the IANA database). Changes from then on are counted on top of the list. What it has already, and what was
/// done before it was taken, comes to the same when it is counted again.
pub const EARLIEST: TimeDelta = TimeDelta::hours(14);

/// What a list is of. It is complete for that, and says nothing of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// Data sources
    DataSource,
    /// Users or groups, and a permission that they hold
    Permission,
    /// Users, and a group that they are in
    GroupMember,
}

impl ListKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::DataSource, Self::Permission, Self::GroupMember];

    /// The word in the column `kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataSource => "data_source",
            Self::Permission => "permission",
            Self::GroupMember => "group_member",
        }
    }

    /// What its file in the lake is called, without the ending.
    #[must_use]
    pub fn stem(self) -> &'static str {
        match self {
            Self::DataSource => "data-sources",
            Self::Permission => "permissions",
            Self::GroupMember => "group-members",
        }
    }

    /// What it lists, in words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::DataSource => "data sources",
            Self::Permission => "permissions",
            Self::GroupMember => "group members",
        }
    }
}

impl fmt::Display for ListKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One line of a list. What does not belong to its kind is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The identifier of the data source, or of the user or group
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub id: String,
    /// Its name
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub name: String,
    /// The permission held
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub permission: String,
    /// The group's name
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub group: String,
    /// The group's identifier
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub group_id: String,
}

/// A list, as it stands in the lake: its rows in order, each once, so that two copies of a list are the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// What it is of
    pub kind: ListKind,
    /// The day on which it was taken
    pub date: NaiveDate,
    rows: Vec<Row>,
}

/// The first line of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    inventory_version: u32,
    kind: ListKind,
    date: NaiveDate,
    rows: u64,
    /// SHA-256 of the whole file with an empty seal: tells a change by accident
    seal: String,
}

impl List {
    /// A list of these rows.
    #[must_use]
    pub fn new(kind: ListKind, date: NaiveDate, rows: BTreeSet<Row>) -> Self {
        Self { kind, date, rows: rows.into_iter().collect() }
    }

    /// Its rows, in order.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// From when on changes are counted on top of it.
    #[must_use]
    pub fn counts_from(&self) -> DateTime<Utc> {
        let begins = self.date.and_time(NaiveTime::MIN).and_utc();
        begins.checked_sub_signed(EARLIEST).unwrap_or(begins)
    }

    /// Its file: a line about the list, then a line for each row.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for row in &self.rows {
            body.extend(serde_json::to_vec(row).unwrap_or_default()); // text alone: it cannot fail
            body.push(b'\n');
        }
        let mut header = Header {
            inventory_version: VERSION,
            kind: self.kind,
            date: self.date,
            rows: self.rows.len() as u64,
            seal: String::new(),
        };
        header.seal = digest::full(&file(&header, &body));
        file(&header, &body)
    }

    /// Reads its file.
    ///
    /// # Errors
    /// What is wrong with it, in words, and in which line.
    pub fn decode(content: &[u8]) -> Result<Self, (usize, String)> {
        let mut lines = content.split(|byte| *byte == b'\n').zip(1_usize..).filter(|(line, _)| !line.is_empty());
        let (first, _) = lines.next().ok_or((1, "it is empty".to_owned()))?;
        let header: Header = serde_json::from_slice(first).map_err(|error| (1, error.to_string()))?;
        if header.inventory_version != VERSION {
            let version = header.inventory_version;
            return Err((1, format!("its form is version {version}, and this program knows {VERSION}")));
        }
        let read = |(line, number)| serde_json::from_slice::<Row>(line).map_err(|error| (number, error.to_string()));
        let rows: Vec<Row> = lines.map(read).collect::<Result<_, _>>()?;
        let list = Self { kind: header.kind, date: header.date, rows };
        if list.encode() == content { Ok(list) } else { Err((1, "it is not as it was written".to_owned())) }
    }
}

fn file(header: &Header, body: &[u8]) -> Vec<u8> {
    let mut file = serde_json::to_vec(header).unwrap_or_default(); // likewise
    file.push(b'\n');
    file.extend(body);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> List {
        let row =
            |id: &str, permission: &str| Row { id: id.to_owned(), permission: permission.to_owned(), ..Row::default() };
        let rows = BTreeSet::from([row("b", "GOVERNANCE"), row("a", "AUDIT")]);
        List::new(ListKind::Permission, "2026-11-01".parse().unwrap(), rows)
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let content = list().encode();
        assert_eq!(List::decode(&content).unwrap(), list());
        let text = String::from_utf8(content).unwrap();
        assert!(
            text.ends_with("{\"id\":\"a\",\"permission\":\"AUDIT\"}\n{\"id\":\"b\",\"permission\":\"GOVERNANCE\"}\n")
        );
    }

    #[test]
    fn any_change_of_its_file_is_told() {
        let text = String::from_utf8(list().encode()).unwrap();
        let without_a_row = text.rsplit_once("{\"id\":\"b\"").unwrap().0;
        for damaged in [
            text.replace("AUDIT", "GOVERNANCE"),
            text.replace("2026-11-01", "2026-11-02"),
            text.replace("\"rows\":2", "\"rows\":3"),
            format!("{text}\n"),
            without_a_row.to_owned(),
        ] {
            assert_eq!(List::decode(damaged.as_bytes()).unwrap_err(), (1, "it is not as it was written".to_owned()));
        }
        let version = text.replace("\"inventory_version\":1", "\"inventory_version\":2");
        assert!(List::decode(version.as_bytes()).unwrap_err().1.contains("version 2"));
        assert_eq!(List::decode(text.replace("{\"id\":\"b\"", "{").as_bytes()).unwrap_err().0, 3);
        assert!(List::decode(b"").is_err());
    }

    #[test]
    fn changes_count_from_when_the_day_begins_anywhere() {
        assert_eq!(list().counts_from().to_rfc3339(), "2026-10-31T10:00:00+00:00");
    }
}
