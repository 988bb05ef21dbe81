//! The cases of the engine: the project's own, and the shared ones where they lie beside the project.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may read files and stop at once.

use std::path::{Path, PathBuf};

use hookmill_engine::case;
use hookmill_model::Value;

fn check(path: &Path) {
    let file = Value::from_json(&std::fs::read(path).unwrap()).unwrap();
    let cases = file.as_array().or_else(|| file.get("cases").and_then(Value::as_array)).unwrap();
    assert!(!cases.is_empty());
    let failures: Vec<String> = cases
        .iter()
        .map(case::run)
        .filter(|verdict| !verdict.failures.is_empty())
        .map(|verdict| format!("{}: {}", verdict.id, verdict.failures.join("; ")))
        .collect();
    assert!(failures.is_empty(), "{} of {} cases failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn own_cases_pass() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data/runs.json"));
}

#[test]
fn shared_cases_pass() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/runs.json"));
    if path.exists() {
        check(&path);
    } else {
        println!("skipped: {} is not there", path.display());
    }
}
