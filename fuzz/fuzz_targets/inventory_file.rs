//! Fuzzes what `harness/inventory_file.rs` checks.
#![no_main]

#[path = "../harness/inventory_file.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::check(data));
