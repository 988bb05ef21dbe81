//! The cases of the language: the project's own, and the shared ones where they lie beside the project.

use std::path::{Path, PathBuf};

use hookmill_expression::{case, example_context, functions};
use hookmill_model::{Timestamp, Value};

fn cases(path: &Path) -> Vec<Value> {
    let bytes = std::fs::read(path).unwrap();
    let file = Value::from_json(&bytes).unwrap();
    let cases = file.as_array().or_else(|| file.get("cases").and_then(Value::as_array)).unwrap();
    cases.to_vec()
}

fn check(path: &Path) {
    let cases = cases(path);
    let failures: Vec<String> = cases
        .iter()
        .map(|one| case::run(one, Timestamp::default()))
        .filter_map(|verdict| verdict.failure.map(|failure| format!("{}: {failure}", verdict.id)))
        .collect();
    assert!(failures.is_empty(), "{} of {} cases failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert!(!cases.is_empty());
}

#[test]
fn own_cases_pass() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data/cases.json"));
}

#[test]
fn shared_cases_pass() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/expressions.json"));
    if path.exists() {
        check(&path);
    } else {
        println!("skipped: {} is not there", path.display());
    }
}

#[test]
fn examples_of_the_documentation_hold() {
    let context_value = example_context();
    assert!(context_value.as_object().is_some(), "the context of the examples is not JSON");
    let mut failures = Vec::new();
    for function in functions() {
        let context = case::Context::new(&context_value, Timestamp::default(), 1, Default::default());
        let expected = Value::from_json(function.result.as_bytes()).unwrap();
        match case::evaluate(&function.example.into(), &context) {
            Ok(value) if case::agrees(&value, &expected) => {}
            Ok(value) => failures.push(format!("{}: expected {expected}, got {value}", function.name)),
            Err(error) => failures.push(format!("{}: {error}", function.name)),
        }
        assert!(function.example.contains(&format!("{}(", function.name)), "{} is not in its example", function.name);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_documentation_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/expressions.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == hookmill_expression::reference_page(),
        "docs/expressions.md differs from the table of functions: cargo xtask schema writes it"
    );
}
