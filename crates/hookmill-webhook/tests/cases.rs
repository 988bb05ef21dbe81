//! The cases of signatures and of the door: the project's own, and the shared ones where they lie beside the project.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may read files and stop at once.

use std::path::{Path, PathBuf};

use hookmill_model::Value;
use hookmill_webhook::case;

fn failures(path: &Path) -> Vec<String> {
    let file = Value::from_json(&std::fs::read(path).unwrap()).unwrap();
    let cases = file.as_array().unwrap();
    assert!(!cases.is_empty());
    let verdicts = cases.iter().map(case::run).filter(|verdict| !verdict.failures.is_empty());
    verdicts.map(|verdict| format!("{}: {}", verdict.id, verdict.failures.join("; "))).collect()
}

fn pass(path: &Path) {
    let failures = failures(path);
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn own_cases_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data");
    pass(&folder.join("signatures.json"));
    pass(&folder.join("door.json"));
}

#[test]
fn shared_cases_pass() {
    for name in ["signatures.json", "door.json"] {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")).join(name);
        if path.exists() {
            pass(&path);
        } else {
            println!("skipped: {} is not there", path.display());
        }
    }
}

#[test]
fn a_case_that_must_fail_fails() {
    let case = |text: &str| case::run(&Value::from_json(text.as_bytes()).unwrap()).failures;
    let request = r#""now":"2026-01-01T00:00:00Z","request":{"headers":{"X-Gitlab-Token":"a"},"body":""}"#;
    assert_eq!(case(&format!(r#"{{"scheme":"gitlab","secret":"a",{request},"valid":true}}"#)), [""; 0]);
    assert_eq!(case(&format!(r#"{{"scheme":"gitlab","secret":"a",{request},"valid":false}}"#)).len(), 1);
    assert_eq!(case(&format!(r#"{{"scheme":"gitlab","secret":"b",{request},"valid":true}}"#)).len(), 1);
    assert_eq!(case(r#"{"scheme":"gitlab"}"#).len(), 1);
    let step = r#"{"now":"2026-01-01T00:00:00Z","request":{"headers":{},"body":"x"},"expected":EXPECTED}"#;
    for expected in [
        r#"{"status":200}"#,
        r#"{"event":false}"#,
        r#"{"eventBody":"y"}"#,
        r#"{"headers":{"X":"*"}}"#,
        r#"{"body":""}"#,
    ] {
        let step = step.replace("EXPECTED", expected);
        assert_eq!(case(&format!(r#"{{"preset":null,"steps":[{step}]}}"#)).len(), 1, "{expected}");
    }
}
