//! What is asked of any bytes that claim to be an expression: parser, printer and evaluator do not panic, nothing runs on,
//! printing is the inverse of parsing. Run with every test by `tests/it/fuzz.rs`, and for long by `cargo fuzz`.

use hookmill_expression::{Limits, Template, case};
use hookmill_model::{Timestamp, Value};

/// The first line is a template, the rest a context in JSON.
pub fn expression(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (template, context) = text.split_once('\n').unwrap_or((&text, ""));
    if let Ok(parsed) = Template::parse(template) {
        let again = Template::parse(&parsed.to_string());
        assert_eq!(again.as_ref(), Ok(&parsed), "{template} printed as {parsed}");
    }
    let context = Value::from_json(context.as_bytes()).unwrap_or_default();
    let limits = Limits { result_bytes_max: 1 << 20, work_max: 1 << 24, ..Limits::DEFAULT };
    let scope = case::Context::new(&context, Timestamp::default(), 1, limits);
    if let Err(error) = case::evaluate(&template.into(), &scope) {
        assert!(template.is_char_boundary(error.position.byte.min(template.len())));
        let _ = error.explained(template);
    }
}
