//! Every input that fuzzing found worth keeping, through the same checks, with no fuzzer and no nightly compiler.
//!
//! An input that once made a check fail stays in `fuzz/corpus/`, named after what was wrong.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

#[path = "../../fuzz/harness/event_view.rs"]
mod event_view;
#[path = "../../fuzz/harness/export_reader.rs"]
mod export_reader;
#[path = "../../fuzz/harness/inventory_file.rs"]
mod inventory_file;
#[path = "../../fuzz/harness/notification.rs"]
mod notification;
#[path = "../../fuzz/harness/rule_loader.rs"]
mod rule_loader;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() > 10, "the corpus of {target} is gone");
    for input in inputs {
        eprintln!("{}", input.display()); // shown only if the test fails: the last one is the one that did
        check(&fs::read(&input).unwrap());
    }
}

#[test]
fn the_reader_of_exports_holds_what_it_promises() {
    replay("export_reader", export_reader::check);
}

#[test]
fn the_view_of_an_event_holds_what_it_promises() {
    replay("event_view", event_view::check);
}

#[test]
fn the_loader_of_rules_holds_what_it_promises() {
    replay("rule_loader", rule_loader::check);
}

#[test]
fn what_a_webhook_sends_holds_what_it_promises() {
    replay("notification", notification::check);
}

#[test]
fn a_file_of_lists_holds_what_it_promises() {
    replay("inventory_file", inventory_file::check);
}
