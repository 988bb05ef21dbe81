//! Test cases of connectors: the project's own, and those beside the project where they are.
#![allow(clippy::print_stdout)] // A test says that it is skipped.

use std::path::Path;

use hookmill_executor::run_case;
use hookmill_model::Value;

fn failures(file: &Path) -> Vec<String> {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let cases = Value::from_json(&bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let cases = cases.as_array().unwrap_or_default();
    assert!(!cases.is_empty());
    let verdicts = cases.iter().map(run_case).filter(|verdict| !verdict.failures.is_empty());
    verdicts.map(|verdict| format!("{}: {}", verdict.id, verdict.failures.join("; "))).collect()
}

#[test]
fn the_cases_of_the_project_hold() {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/test_data/connector-cases.json"));
    assert_eq!(failures(file), [""; 0]);
}

#[test]
fn the_cases_beside_the_project_hold() {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/requests.json"));
    if !file.exists() {
        println!("skipped: no cases beside the project");
        return;
    }
    let failures = failures(file);
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_case_that_does_not_hold_says_what_differs() {
    let case = Value::from_json(
        br#"{"id":"x","definition":{"swagger":"2.0","host":"a.example","paths":{"/b":{"get":{"operationId":"B"}}}},
            "operationId":"B","parameters":{},
            "expected":{"request":{"method":"POST","url":"https://a.example/c","headers":{"X":"1"},"body":{"a":1}},
                        "diagnostics":[{"severity":"error","contains":"nothing"}]},
            "reply":{"status":200,"body":{"a":1}},"expectedOutputs":{"statusCode":201,"body":2},
            "expectedCreation":"failed","expectedUnsubscribe":{"method":"DELETE","url":"https://a.example/b/1"}}"#,
    )
    .unwrap();
    let verdict = run_case(&case);
    for part in ["method", "https://a.example/c", "header X", "body", "nothing", "status", "expected to fail"] {
        assert!(verdict.failures.iter().any(|own| own.contains(part)), "{part}: {verdict:?}");
    }
}
