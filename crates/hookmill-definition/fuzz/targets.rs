//! What is asked of any bytes that claim to be a flow: nothing panics, nothing runs on, what is found is bounded, and what
//! can be read can be written and read again. Run with every test by `tests/fuzz.rs`, and for long by `cargo fuzz`.

use hookmill_definition::{Limits, Profile, compile, file, secret};
use hookmill_model::{Severity, Value};

/// Findings that a definition may have, the note about more included.
const FINDINGS_MAX: usize = 1_001;

/// Bytes as a file of flows: JSON in any of its forms, or a package.
pub fn file(data: &[u8]) {
    let Ok(flows) = file::read(data) else { return };
    for flow in flows.iter().take(4) {
        definition_value(&flow.definition, &flow.parameters);
        let Ok(written) = file::write_package(flow) else { continue };
        // A package that is too large to be imported is the only one that may not be read again.
        if let Ok(again) = file::read(&written) {
            assert_eq!(again[0].definition, flow.definition, "what is written is read");
        }
    }
}

/// Bytes as a bare definition.
pub fn definition(data: &[u8]) {
    if let Ok(value) = Value::from_json_within(data, 1 << 24) {
        definition_value(&value, &Value::Null);
    }
}

fn definition_value(definition: &Value, parameters: &Value) {
    for profile in [Profile::LogicApps, Profile::PowerAutomate] {
        let made = compile(definition, parameters, profile, &Limits::default());
        assert!(made.diagnostics.len() <= FINDINGS_MAX, "{} findings", made.diagnostics.len());
        let has_error = made.diagnostics.iter().any(|finding| finding.severity == Severity::Error);
        assert_eq!(made.is_valid(), !has_error, "a plan exists where nothing is an error");
    }
    let shown = secret::without_secrets(definition);
    assert_eq!(secret::without_secrets(&shown), shown, "hiding twice changes nothing");
    for (_, text) in secret::secrets(&shown, &Value::Null) {
        assert!(text == secret::HIDDEN || !text.is_empty());
    }
}
