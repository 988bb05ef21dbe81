//! The published schema of the declarations fits what the reader takes.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may read files and stop at once.

use hookmill_webhook::presets;

fn schema() -> jsonschema::Validator {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/x-hookmill.schema.json");
    let schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_preset_fits_the_schema() {
    let schema = schema();
    for preset in presets() {
        let value = serde_json::to_value(hookmill_model::Value::from(preset.extensions.clone())).unwrap();
        let errors: Vec<_> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", preset.name);
    }
}

#[test]
fn what_the_reader_refuses_does_not_fit() {
    let schema = schema();
    for text in [
        r#"{"x-hookmill-verification":{"scheme":"md5","signature":{"from":"header:X"}}}"#,
        r#"{"x-hookmill-verification":{"scheme":"hmac","hash":"sha256","contents":"x"}}"#,
        r#"{"x-hookmill-handshake":[{"when":{"head:X":"*"},"reply":{}}]}"#,
        r#"{"x-hookmill-reply":{"status":500}}"#,
        r#"{"x-hookmill-registration":{"secret":{"generate":{"bytes":4},"into":"body:/s"}}}"#,
        r#"{"x-hookmill-dedupe":{"window":"P1D"}}"#,
    ] {
        assert!(!schema.is_valid(&serde_json::from_str(text).unwrap()), "{text}");
    }
}
