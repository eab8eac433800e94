//! Documentation that is generated from the code, and kept in step by these tests.
//!
//! `UPDATE_DOCS=1 cargo test -p immuta-watch --test documentation` writes it anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::path::Path;

use immuta_watch::circumstances::Circumstance;
use immuta_watch::config::Configuration;
use immuta_watch::event::{Field, Service};
use immuta_watch::findings::ledger::Ledger;
use immuta_watch::function::telemetry::Metric;
use immuta_watch::rules::{Pack, Question, Raise, Role, Rule};

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
fn the_schema_of_the_configuration_is_in_step() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/immuta-watch.schema.json");
    let expected = immuta_watch::config::schema();
    if std::fs::read_to_string(&path).is_ok_and(|found| found == expected) {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    panic!("{} is out of step; UPDATE_DOCS=1 cargo test -p immuta-watch --test documentation mends it", path.display());
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

#[test]
fn every_circumstance_is_documented() {
    let mut table = "| field | what it says |\n| --- | --- |\n".to_owned();
    for circumstance in Circumstance::ALL {
        writeln!(table, "| `{}` | {} |", circumstance.name(), circumstance.meaning()).unwrap();
    }
    check("fields.md", "circumstances", &table);
}

#[test]
fn every_metric_is_documented() {
    let mut table = "| metric | unit | what it says |\n| --- | --- | --- |\n".to_owned();
    for metric in Metric::ALL {
        writeln!(table, "| `{}` | {} | {} |", metric.name(), metric.unit(), metric.meaning()).unwrap();
    }
    check("operations.md", "metrics", &table);
}

/// Every governance question, the rules that answer it, what they watch, where that shows, and an example of each.
#[test]
fn every_question_has_its_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let pack = Pack::load(&folder, &Configuration::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let mut text = String::new();
    for question in Question::ALL {
        let rules: Vec<&Rule> = pack
            .rules()
            .iter()
            .filter(|rule| rule.question == question && !matches!(rule.role, Role::Counted))
            .collect();
        assert!(!rules.is_empty(), "no rule answers {question}: {}", question.asks());
        writeln!(text, "\n### {}\n", question.asks()).unwrap();
        writeln!(text, "`{question}` · beside the alerts: {}\n", question.also_in()).unwrap();
        writeln!(text, "| rule | events | where it shows | example |\n| --- | --- | --- | --- |").unwrap();
        for rule in rules {
            let shows = [format!("{}, {}", rule.route, rule.level)].into_iter().chain(rule.raises().map(raised));
            let example = rule.positive_examples().next().expect("every rule has a positive example");
            writeln!(
                text,
                "| [{}](../rules/{}) | {} | {} | {example} |",
                rule.title,
                rule.file,
                events(rule),
                shows.collect::<Vec<_>>().join("<br>"),
            )
            .unwrap();
        }
    }
    check("questions.md", "questions", &text);
}

/// The kinds that a rule is about; those of webhooks are marked.
fn events(rule: &Rule) -> String {
    if let Some(correlation) = rule.correlation() {
        return format!("over several events: {}", correlation.in_words());
    }
    let kinds = rule.kinds.join(", ");
    if rule.service == Service::Webhook { format!("webhook: {kinds}") } else { kinds }
}

fn raised(raise: &Raise) -> String {
    let to = [raise.route.map(|route| route.to_string()), raise.level.map(|level| level.to_string())];
    format!("{}: {}", to.into_iter().flatten().collect::<Vec<_>>().join(", "), raise.because.replace('|', "\\|"))
}
