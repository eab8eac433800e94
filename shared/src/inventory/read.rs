//! Reading the CSV file in which a customer hands over lists. Strict: whatever is not understood is said, with its line, and
//! then nothing of the file counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::NaiveDate;
use csv::{ReaderBuilder, StringRecord, Trim};

use super::list::{List, ListKind, Row};
use crate::spelling::did_you_mean;

/// The columns that a file may have, in any order; `kind` it must have.
pub const COLUMNS: [&str; 7] = ["date", "kind", "id", "name", "permission", "group", "group_id"];

/// The most bytes of a file: it is held in memory as a whole. A hundred thousand rows have some 10 MB.
pub const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The most bytes of a value. Names are shorter; what is longer is most likely a quote that was left open.
pub const LONGEST: usize = 1000;

/// So many faults are told; a file of the wrong form has one in every line.
const MOST_FAULTS: usize = 20;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1
    pub line: u64,
    /// What is wrong with it
    pub what: String,
}

/// Why a file is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults {
    /// The first of them, at least one
    pub first: Vec<Fault>,
    /// How many more there are
    pub more: u64,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Fault { line, what }) in self.first.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}line {line}: {what}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl Faults {
    fn one(line: u64, what: impl Into<String>) -> Self {
        Self { first: vec![Fault { line, what: what.into() }], more: 0 }
    }
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The lists, by date and kind
    pub lists: Vec<List>,
    /// Rows that say what another one says
    pub repeated: u64,
}

/// Reads a file: CSV in UTF-8 with a header, its columns separated by commas, semicolons or tabs. `date` is when the lists were
/// taken, for rows that do not say it.
///
/// # Errors
/// [`Faults`]
pub fn read(content: &[u8], date: Option<NaiveDate>) -> Result<Taken, Faults> {
    if content.len() as u64 > MOST_BYTES {
        return Err(Faults::one(1, format!("the file has more than {} MiB; import it in parts", MOST_BYTES >> 20)));
    }
    if content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) {
        return Err(Faults::one(1, "the file is in UTF-16; save it as CSV in UTF-8"));
    }
    let delimiter = delimiter_of(content);
    if let Some(line) = open_quote(content, delimiter) {
        return Err(Faults::one(line, "a quote is opened here and never closed"));
    }
    // Whether rows have as many values as the header names is told below, in words that say what to do.
    let mut builder = ReaderBuilder::new();
    let mut rows = builder.has_headers(false).flexible(true).trim(Trim::All).delimiter(delimiter).from_reader(content);
    let (mut record, mut columns, mut found) = (StringRecord::new(), None, Found::default());
    loop {
        match rows.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                found.fault(line_of(error.position(), content), unreadable(&error));
                continue;
            }
        }
        let line = line_of(record.position(), content);
        match &columns {
            None => columns = Some(Columns::of(&record).map_err(|what| Faults::one(line, what))?),
            Some(_) if record.iter().all(str::is_empty) => {}
            Some(columns) => match columns.row(&record, date) {
                Ok(row) => found.take(row),
                Err(what) => found.fault(line, what),
            },
        }
    }
    if columns.is_none() {
        let known = COLUMNS.join(", ");
        return Err(Faults::one(1, format!("the file is empty; its first line names the columns, of {known}")));
    }
    found.finish()
}

/// What separates the columns: programs write a semicolon where a comma stands in numbers.
fn delimiter_of(content: &[u8]) -> u8 {
    let header = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| memchr::memchr_iter(separator, header).count();
    // Of equal counts the last one wins: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

/// Where a scan for quotes stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Start,
    Plain,
    Quoted,
    Closed,
}

/// The line of a quote that is not closed. The CSV reader would take the rest of the file for one value.
fn open_quote(content: &[u8], delimiter: u8) -> Option<u64> {
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    let (mut line, mut opened, mut at) = (1, 1, At::Start);
    for byte in content {
        at = match (at, *byte) {
            (At::Quoted, b'"') => At::Closed,
            // Two in a row stand for one.
            (At::Quoted, _) | (At::Closed, b'"') => At::Quoted,
            (At::Start, b'"') => {
                opened = line;
                At::Quoted
            }
            (_, b'\n' | b'\r') => At::Start,
            (_, other) if other == delimiter => At::Start,
            _ => At::Plain,
        };
        line += u64::from(*byte == b'\n');
    }
    (at == At::Quoted).then_some(opened)
}

/// The line in which a record begins. The reader's position is before the blank lines above it.
fn line_of(position: Option<&csv::Position>, content: &[u8]) -> u64 {
    let Some(position) = position else { return 1 };
    let rest = usize::try_from(position.byte()).ok().and_then(|byte| content.get(byte..)).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
    position.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}

fn unreadable(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "this is not UTF-8; save the file as CSV in UTF-8".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

/// Where each column stands.
struct Columns {
    places: BTreeMap<&'static str, usize>,
    count: usize,
}

/// A row, and where it belongs.
type Placed = (ListKind, NaiveDate, Row);

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, String> {
        let known = COLUMNS.join(", ");
        let mut places = BTreeMap::new();
        for (index, name) in header.iter().enumerate() {
            let lower = name.to_lowercase();
            let Some(column) = COLUMNS.into_iter().find(|column| *column == lower) else {
                let shown = shortened(name);
                return Err(format!(
                    "there is no column {shown:?}{}; the columns are {known}",
                    did_you_mean(&shortened(&lower), COLUMNS)
                ));
            };
            if places.insert(column, index).is_some() {
                return Err(format!("the column {column} is named twice"));
            }
        }
        if !places.contains_key("kind") {
            let kinds = kinds();
            return Err(format!(
                "the column kind is missing, which says what a row is ({kinds}); the columns are {known}"
            ));
        }
        Ok(Self { places, count: header.len() })
    }

    fn row(&self, record: &StringRecord, date: Option<NaiveDate>) -> Result<Placed, String> {
        if record.len() != self.count {
            let (has, names) = (record.len(), self.count);
            return Err(format!(
                "it has {has} values, and the header names {names}; put a value with a separator in quotes"
            ));
        }
        let value = |column: &str| self.places.get(column).and_then(|place| record.get(*place)).unwrap_or_default();
        for column in self.places.keys() {
            let bytes = value(column).len();
            if bytes > LONGEST {
                return Err(format!(
                    "{column} has {bytes} bytes, and {LONGEST} at the most are taken; is a quote left open?"
                ));
            }
        }
        let kind = kind_of(value("kind"))?;
        let date = date_of(value("date"), date)?;
        let row = Row {
            id: value("id").to_owned(),
            name: value("name").to_owned(),
            permission: value("permission").to_owned(),
            group: value("group").to_owned(),
            group_id: value("group_id").to_owned(),
        };
        check(kind, &row)?;
        Ok((kind, date, row))
    }
}

fn kinds() -> String {
    ListKind::ALL.map(ListKind::as_str).join(", ")
}

fn kind_of(text: &str) -> Result<ListKind, String> {
    let word = text.to_lowercase().replace([' ', '-'], "_");
    ListKind::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| {
        if text.is_empty() {
            return format!("it has no kind; it is one of {}", kinds());
        }
        let nearest = did_you_mean(&shortened(&word), ListKind::ALL.map(ListKind::as_str));
        format!("there is no kind {:?}{nearest}; it is one of {}", shortened(text), kinds())
    })
}

fn date_of(text: &str, given: Option<NaiveDate>) -> Result<NaiveDate, String> {
    if text.is_empty() {
        return given.ok_or_else(|| "it has no date; add a column date, or say it with --date".to_owned());
    }
    // A year has four digits in the names of the lake.
    let read = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == "2026-11-01".len());
    let read = read.ok_or_else(|| format!("{:?} is no date; write it like 2026-11-01", shortened(text)))?;
    match given {
        Some(given) if given != read => Err(format!("it bears the date {read}, and --date says {given}")),
        _ => Ok(read),
    }
}

/// Whether a row says what its kind takes, and nothing else.
fn check(kind: ListKind, row: &Row) -> Result<(), String> {
    if row.id.is_empty() && row.name.is_empty() {
        let of = if kind == ListKind::DataSource { "data source" } else { "user" };
        return Err(format!("it names no {of}: id or name is needed"));
    }
    match kind {
        ListKind::Permission if row.permission.is_empty() => return Err("it has no permission".to_owned()),
        ListKind::GroupMember if row.group.is_empty() && row.group_id.is_empty() => {
            return Err("it names no group: group or group_id is needed".to_owned());
        }
        _ => {}
    }
    let others = [
        ("permission", &row.permission, ListKind::Permission),
        ("group", &row.group, ListKind::GroupMember),
        ("group_id", &row.group_id, ListKind::GroupMember),
    ];
    match others.into_iter().find(|(_, value, of)| !value.is_empty() && *of != kind) {
        Some((column, ..)) => Err(format!("a {kind} has no {column}; leave it empty")),
        None => Ok(()),
    }
}

/// The beginning of a text that is quoted in a message.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// What was found so far.
#[derive(Default)]
struct Found {
    lists: BTreeMap<(NaiveDate, ListKind), BTreeSet<Row>>,
    repeated: u64,
    faults: Vec<Fault>,
    more: u64,
}

impl Found {
    fn take(&mut self, (kind, date, row): Placed) {
        self.repeated += u64::from(!self.lists.entry((date, kind)).or_default().insert(row));
    }

    fn fault(&mut self, line: u64, what: String) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { line, what });
        } else {
            self.more += 1;
        }
    }

    fn finish(self) -> Result<Taken, Faults> {
        if !self.faults.is_empty() {
            return Err(Faults { first: self.faults, more: self.more });
        }
        if self.lists.is_empty() {
            return Err(Faults::one(1, "the file has no row below its header"));
        }
        let lists = self.lists.into_iter().map(|((date, kind), rows)| List::new(kind, date, rows)).collect();
        Ok(Taken { lists, repeated: self.repeated })
    }
}

#[cfg(test)]
mod tests;
