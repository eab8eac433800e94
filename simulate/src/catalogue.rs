//! What the tables of the made-up company look like: columns, the tags on them, and how sensitive they are.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// How sensitive a column or a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Indeterminate,
    Plain,
    Sensitive,
    Highly,
}

/// How a level is written.
#[derive(Clone, Copy)]
pub(crate) enum Spelling {
    /// `HIGHLY_SENSITIVE`.
    Constant,
    /// `Highly Sensitive`, as some releases write it.
    InWords,
}

impl Level {
    /// As Immuta writes it in `score`.
    fn score(self, spelling: Spelling) -> &'static str {
        match (self, spelling) {
            (Self::Indeterminate, Spelling::Constant) => "INDETERMINATE",
            (Self::Indeterminate, Spelling::InWords) => "Indeterminate",
            (Self::Plain, Spelling::Constant) => "NONSENSITIVE",
            (Self::Plain, Spelling::InWords) => "Non-sensitive",
            (Self::Sensitive, Spelling::Constant) => "SENSITIVE",
            (Self::Sensitive, Spelling::InWords) => "Sensitive",
            (Self::Highly, Spelling::Constant) => "HIGHLY_SENSITIVE",
            (Self::Highly, Spelling::InWords) => "Highly Sensitive",
        }
    }
}

/// A level in the place where Immuta keeps it: `{"sensitivity":{"score":…}}`.
#[derive(Clone, Copy)]
pub(crate) struct SecurityProfile(pub(crate) Level, pub(crate) Spelling);

impl Serialize for SecurityProfile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Outer {
            sensitivity: Inner,
        }
        #[derive(Serialize)]
        struct Inner {
            score: &'static str,
        }
        let score = self.0.score(self.1);
        Outer { sensitivity: Inner { score } }.serialize(serializer)
    }
}

/// A column of a table.
#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) tags: &'static [&'static str],
    inferred: bool,
    level: Level,
}

impl Column {
    pub(crate) fn level(&self) -> Level {
        self.level
    }
}

/// How the tags of a column are written.
#[derive(Clone, Copy)]
pub(crate) enum TagForm {
    /// As strings.
    Strings,
    /// As objects with a `name`.
    Named,
    /// As objects with a `tagName`.
    TagNamed,
}

/// A column as it stands in `objectsAccessed[].columns[]`.
pub(crate) struct ShownColumn<'a>(pub(crate) &'a Column, pub(crate) TagForm);

impl Serialize for ShownColumn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(column, form) = self;
        let mut shown = serializer.serialize_struct("Column", 4)?;
        shown.serialize_field("name", column.name)?;
        match form {
            TagForm::Strings => shown.serialize_field("tags", column.tags)?,
            TagForm::Named => shown.serialize_field("tags", &Tags(column.tags, |name| TagObject::Named { name }))?,
            TagForm::TagNamed => {
                shown.serialize_field("tags", &Tags(column.tags, |tag_name| TagObject::TagNamed { tag_name }))?;
            }
        }
        shown.serialize_field("inferred", &column.inferred)?;
        shown.serialize_field("securityProfile", &SecurityProfile(column.level, Spelling::Constant))?;
        shown.end()
    }
}

/// Tags, each of which becomes an object.
struct Tags(&'static [&'static str], fn(&'static str) -> TagObject);

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|tag| self.1(tag)))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum TagObject {
    Named {
        name: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    TagNamed {
        tag_name: &'static str,
    },
}

/// What a column holds; it decides the tags and the level.
#[derive(Clone, Copy)]
enum Holds {
    Nothing,
    FreeText,
    Date,
    Region,
    Amount,
    Person,
    Mail,
    Phone,
    Address,
    Birth,
    NationalId,
    Card,
    Iban,
    Pay,
    Health,
}

impl Holds {
    /// By the word of the catalogue.
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "text" => Self::FreeText,
            "date" => Self::Date,
            "region" => Self::Region,
            "amount" => Self::Amount,
            "person" => Self::Person,
            "mail" => Self::Mail,
            "phone" => Self::Phone,
            "address" => Self::Address,
            "birth" => Self::Birth,
            "national-id" => Self::NationalId,
            "card" => Self::Card,
            "iban" => Self::Iban,
            "pay" => Self::Pay,
            "health" => Self::Health,
            _ => return None,
        })
    }

    fn tags(self) -> &'static [&'static str] {
        match self {
            Self::Nothing | Self::FreeText => &[],
            Self::Date => &["Discovered.Entity.Date"],
            Self::Region => &["Business.Geography.Region"],
            Self::Amount => &["Business.Finance.Amount"],
            Self::Person => &["Discovered.Entity.Person Name", "Discovered.PII"],
            Self::Mail => &["Discovered.Entity.Electronic Mail Address", "Discovered.PII"],
            Self::Phone => &["Discovered.Entity.Telephone Number", "Discovered.PII"],
            Self::Address => &["Discovered.Entity.Location", "Discovered.PII", "Contact Data"],
            Self::Birth => &["Discovered.Entity.Date", "Discovered.PII"],
            Self::NationalId => {
                &["Discovered.Entity.Social Security Number", "Discovered.Country.US", "Discovered.PII"]
            }
            Self::Card => &["Discovered.Entity.Credit Card Number", "Discovered.PCI"],
            Self::Iban => &["Discovered.Entity.IBAN Code", "Discovered.PCI"],
            Self::Pay => &["Business.Compensation", "Discovered.PII"],
            Self::Health => &["Business.Health", "Discovered.PHI"],
        }
    }

    fn level(self) -> Level {
        match self {
            Self::FreeText => Level::Indeterminate,
            Self::Nothing | Self::Date | Self::Region | Self::Amount => Level::Plain,
            Self::Person | Self::Mail | Self::Phone | Self::Address | Self::Birth | Self::Iban => Level::Sensitive,
            Self::NationalId | Self::Card | Self::Pay | Self::Health => Level::Highly,
        }
    }
}

/// A table of the company; the same table is registered several times, on several platforms and for several regions.
pub(crate) struct Table {
    pub(crate) schema: &'static str,
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<Column>,
}

/// All tables: one a line, each column with what it holds unless that is nothing of note. The first column is the key.
const CATALOGUE: &str = include_str!("catalogue.txt");

/// All tables.
pub(crate) fn tables() -> Vec<Table> {
    let table = |line: &'static str| {
        let (name, columns) = line.split_once(": ")?;
        let (schema, name) = name.split_once('.')?;
        Some(Table { schema, name, columns: columns.split(' ').map(column).collect() })
    };
    CATALOGUE.lines().filter_map(table).collect()
}

fn column(text: &'static str) -> Column {
    let (name, word) = text.split_once('=').unwrap_or((text, ""));
    let holds = Holds::named(word).unwrap_or(Holds::Nothing);
    Column {
        name,
        tags: holds.tags(),
        // What a name or an address is, is the scanner's guess.
        inferred: matches!(holds, Holds::Person | Holds::Address | Holds::Birth),
        level: holds.level(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_read_in_full_and_begins_with_a_key() {
        let tables = tables();
        assert_eq!(tables.len(), CATALOGUE.lines().count());
        for table in tables {
            assert!(table.columns[0].level() == Level::Plain, "{}", table.name);
        }
        for column in CATALOGUE.split_whitespace() {
            if let Some((_, word)) = column.split_once('=') {
                assert!(Holds::named(word).is_some(), "{column}");
            }
        }
    }
}
