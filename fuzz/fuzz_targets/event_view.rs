//! Fuzzes what `harness/event_view.rs` checks.
#![no_main]

#[path = "../harness/event_view.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::check(data));
