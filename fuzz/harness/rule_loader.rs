//! The loader of rules, given any file: it compiles, or says what is wrong and where.

use immuta_watch::config::Configuration;
use immuta_watch::event::{Event, Record};
use immuta_watch::rules::{Pack, PackFile};

const RECORDS: &[&str] = &[
    r#"{"actor":{"id":"ann"},"auditPayload":{"type":"PermissionAppliedAuditPayload","permission":"GOVERNANCE"}}"#,
    r#"{"eventTimestamp":"2026-11-02T09:00:00Z","auditPayload":{"type":"QueryAuditPayload","objectsAccessed":[{"name":"a.b"}]}}"#,
];

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    // As YAML counts them, for which a carriage return alone ends a line.
    let lines = text.matches(['\n', '\r']).count() as u64 + 1;
    let file = |path: &str, text: String| PackFile { path: path.to_owned(), text };
    let files =
        [file("permissions/fuzzed.yml", text), file("lists/high_risk.txt", "GOVERNANCE\nIMPERSONATE_*\n".to_owned())];
    match Pack::compile(&files, &Configuration::default()) {
        Err(errors) => {
            assert!(!errors.0.is_empty(), "it fails and says nothing");
            for error in errors.0 {
                assert!(!error.file.is_empty() && !error.message.is_empty(), "{error:?}");
                assert!(error.line.is_none_or(|line| (1..=lines).contains(&line)), "{error:?} of {lines} lines");
            }
        }
        Ok(pack) => {
            for rule in pack.rules() {
                assert!(!rule.id.is_empty() && !rule.alert_key.is_empty() && !rule.runbook.is_empty());
            }
            for record in RECORDS {
                let record = Record::parse(record.as_bytes()).expect("a sound record");
                let event = Event::of(&record);
                for matched in pack.matches(&event) {
                    let _ = pack.conditions(matched.rule, &event, false);
                }
            }
            let _ = pack.run_examples();
        }
    }
}
