//! Fuzzes what `harness/export_reader.rs` checks.
#![no_main]

#[path = "../harness/export_reader.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::check(data));
