//! Fuzzes what `harness/notification.rs` checks.
#![no_main]

#[path = "../harness/notification.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::check(data));
