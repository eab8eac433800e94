//! Fuzzes what `harness/rule_loader.rs` checks.
#![no_main]

#[path = "../harness/rule_loader.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::check(data));
