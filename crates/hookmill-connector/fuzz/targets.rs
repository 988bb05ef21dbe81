//! What is asked of any bytes that claim to be a connector: nothing panics, nothing runs on, what is found is bounded, and
//! what is read can be used. Run with every test by `tests/fuzz.rs`, and for long by `cargo fuzz`.

use hookmill_connector::{Call, Connector, Credentials, Plan, Settings, check};
use hookmill_model::{Object, Severity, Value};

/// Operations that are used of one connector; the others are like them.
const OPERATIONS_MAX: usize = 6;

/// A document that policies can be tried on.
const PLAIN: &[u8] = br#"{"swagger":"2.0","info":{"title":"a","version":"1"},"host":"forge.example.org","schemes":["https"],
    "securityDefinitions":{"own":{"type":"apiKey","in":"header","name":"X-Key"}},
    "paths":{"/a/{b}":{"get":{"operationId":"one","parameters":[{"name":"b","in":"path","required":true,"type":"string"}],
    "responses":{"200":{"description":"OK","schema":{"type":"object"}}}}}}}"#;

/// Bytes as the document of a connector: OpenAPI 2.0 or 3, a collection; JSON or YAML.
pub fn document(data: &[u8]) {
    used(data, None);
}

/// Bytes as the properties beside a document.
pub fn properties(data: &[u8]) {
    used(PLAIN, Some(data));
}

fn used(document: &[u8], properties: Option<&[u8]>) {
    let import = Connector::import(document, properties, &Settings::default());
    let has_error = import.diagnostics.iter().any(|finding| finding.severity == Severity::Error);
    assert!(import.connector.is_some() || has_error, "a file that cannot be used says why");
    let report = check(document, properties);
    assert!(report.valid || !import.is_valid(), "the check refuses nothing that the import takes");
    let Some(connector) = import.connector else { return };
    let credentials = Credentials {
        parameters: ["username", "password", "api_key"]
            .into_iter()
            .map(|name| (name, "canary-of-the-fuzzer"))
            .collect(),
        ..Credentials::default()
    };
    for operation in connector.operations.iter().take(OPERATIONS_MAX) {
        let _ = operation.summary();
        let _ = connector.dynamic_content(operation);
        let _ = connector.webhook(&operation.operation_id);
        let given: Object =
            connector.parameters(operation).iter().map(|own| (own.key.as_str(), Value::from("../x"))).collect();
        for parameters in [Value::Null, given.into()] {
            let call = Call {
                parameters: Some(&parameters),
                credentials: Some(&credentials),
                callback_url: operation.callback.is_some().then_some("https://me.example.org/callback/x"),
                ..Call::default()
            };
            if let Ok(Plan::Request(planned)) = connector.plan_request(operation, &call) {
                let path = planned.url.split(['?', '#']).next().unwrap_or_default();
                assert!(!path.split('/').any(|part| matches!(part, "." | "..")), "{path} is where it was meant");
            }
        }
    }
}
