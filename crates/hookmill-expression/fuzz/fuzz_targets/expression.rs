//! Fuzzes expressions; see `targets.rs` for what is asked of them. Run it from `crates/hookmill-expression`:
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo +nightly fuzz run expression -- -max_len=4096 -max_total_time=600
//! ```
#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::expression(data));
