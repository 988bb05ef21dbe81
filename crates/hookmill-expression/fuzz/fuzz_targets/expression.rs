//! Fuzzes parser, printer and evaluator: nothing panics, nothing runs on, printing is the inverse of parsing.
//!
//! The first line of the input is a template, the rest a context in JSON. Run it from `crates/hookmill-expression`:
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo +nightly fuzz run expression -- -max_len=4096 -max_total_time=600
//! ```
//!
//! The bounded relatives of this in `tests/it/properties.rs` run with every test.
#![no_main]

use hookmill_expression::{Limits, Template, case};
use hookmill_model::{Timestamp, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (template, context) = text.split_once('\n').unwrap_or((&text, ""));
    if let Ok(parsed) = Template::parse(template) {
        let again = Template::parse(&parsed.to_string()).expect("what is printed can be parsed");
        assert_eq!(again, parsed, "{template} printed as {parsed}");
    }
    let context = Value::from_json(context.as_bytes()).unwrap_or_default();
    let limits = Limits { result_bytes_max: 1 << 20, work_max: 1 << 24, ..Limits::DEFAULT };
    let scope = case::Context::new(&context, Timestamp::default(), 1, limits);
    if let Err(error) = case::evaluate(&template.into(), &scope) {
        assert!(template.is_char_boundary(error.position.byte.min(template.len())));
        let _ = error.explained(template);
    }
});
