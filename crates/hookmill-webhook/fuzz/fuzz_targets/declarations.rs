//! Fuzzes the declarations; see `targets.rs` for what is asked of it.
#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::declarations(data));
