//! Documentation that is generated from the code, and kept in step by these tests.
//!
//! `UPDATE_DOCS=1 cargo test -p immuta-watch --test documentation` writes it anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::path::Path;

use immuta_watch::event::Field;
use immuta_watch::findings::ledger::Ledger;

/// Compares what stands between two marks of a document with what the code says.
fn check(document: &str, name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->\n"));
    let (head, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{document} lacks {begin}"));
    let (found, tail) = rest.split_once(&end).unwrap_or_else(|| panic!("{document} lacks {end}"));
    if found == expected {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{head}{begin}{expected}{end}{tail}")).unwrap();
        return;
    }
    panic!("docs/{document} is out of step; UPDATE_DOCS=1 cargo test -p immuta-watch --test documentation mends it");
}

#[test]
fn every_column_of_the_ledgers_is_documented() {
    for ledger in [Ledger::Access, Ledger::Changes] {
        let mut table = "| column | type | meaning |\n| --- | --- | --- |\n".to_owned();
        for column in ledger.columns() {
            writeln!(table, "| `{}` | {} | {} |", column.name, column.kind().as_str(), column.meaning).unwrap();
        }
        check("ledgers.md", ledger.name(), &table);
    }
}

#[test]
fn every_derived_field_is_documented_with_its_places() {
    let mut table = "| field | where it is looked for, in this order |\n| --- | --- |\n".to_owned();
    for field in Field::all() {
        let places: Vec<String> = field.places().iter().map(|place| format!("`{place}`")).collect();
        writeln!(table, "| `{}` | {} |", field.name(), places.join("<br>")).unwrap();
    }
    check("fields.md", "fields", &table);
}
