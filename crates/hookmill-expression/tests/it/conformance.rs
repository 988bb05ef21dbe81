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

/// The project's own cases, a file for each subject.
fn own_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn own_cases_pass() {
    own_files().iter().for_each(|path| check(path));
}

/// Every function has cases, more than one, and one that it refuses where it takes arguments.
#[test]
fn every_function_has_cases() {
    let cases: Vec<Value> = own_files().iter().flat_map(|path| cases(path)).collect();
    for function in functions() {
        let call = format!("{}(", function.name);
        let own = cases
            .iter()
            .filter(|case| case.get("expression").and_then(Value::as_str).is_some_and(|text| text.contains(&call)));
        let (mut good, mut refused) = (0, 0);
        for case in own {
            if case.get("error").is_some() { refused += 1 } else { good += 1 }
        }
        assert!(good >= 2, "{} has {good} cases", function.name);
        assert!(refused >= 1 || function.arguments_max == Some(0), "no case says what {} refuses", function.name);
    }
}

/// Files are read by people and by `git diff`: a case a line, each with a name of its own.
#[test]
fn own_cases_are_named() {
    let mut known = std::collections::BTreeSet::new();
    for path in own_files() {
        for case in cases(&path) {
            let id = case.get("id").and_then(Value::as_str).unwrap().to_owned();
            assert!(known.insert(id.clone()), "{id} stands twice");
        }
    }
}

#[test]
fn shared_cases_pass() {
    for file in ["expressions.json", "expressions-reported.json"] {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance"));
        let path = folder.join(file);
        if path.exists() {
            check(&path);
        } else {
            println!("skipped: {} is not there", path.display());
        }
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
