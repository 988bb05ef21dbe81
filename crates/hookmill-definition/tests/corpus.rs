//! Real definitions and packages read, check without a false error, and survive a round trip.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may read files and stop at once.

use std::path::{Path, PathBuf};

use hookmill_definition::{Limits, compile, file};
use hookmill_model::{Diagnostic, Severity};

/// Definitions that a designer drew for its own tests and no service would accept, and what is wrong with them.
const FAULTY: &[(&str, &[&str])] = &[
    ("AllScopeNodes.json", &["variable_unknown"]),
    ("Conditionals.json", &["expression_invalid"]),
    ("MultipleRunAftersBig.json", &["property_missing", "variable_unknown"]),
    ("RunAfter.json", &["property_missing", "variable_twice", "reference_unknown", "response_without_caller"]),
    ("SimpleParametersOnly.json", &["parameter_unknown"]),
    ("StressTest600.json", &["limit_actions"]),
    ("StressTest100.json", &["variable_unknown"]),
];

fn corpus(folder: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus").join(folder);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return Vec::new();
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn check(files: &[PathBuf]) {
    let mut errors = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let flows =
            file::read(&std::fs::read(path).unwrap()).unwrap_or_else(|fault| panic!("{name}: {}", fault.message));
        for flow in flows {
            let found = compile(&flow.definition, &flow.parameters, flow.profile, &Limits::default());
            let known = FAULTY.iter().find(|(faulty, _)| name == *faulty).map_or(&[][..], |(_, codes)| codes);
            let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
            for code in known {
                assert!(found.diagnostics.iter().any(|finding| finding.code == *code), "{name}: {code} was not found");
            }
            let surprising =
                found.diagnostics.iter().filter(is_error).filter(|finding| !known.contains(&&*finding.code));
            for finding in surprising {
                errors.push(format!("{name}: {} {} {}", finding.code, finding.pointer, finding.message));
            }
            let again = file::read(&file::write_package(&flow).unwrap()).unwrap();
            assert_eq!(again.len(), 1, "{name}");
            assert_eq!(again[0].definition.to_json(), flow.definition.to_json(), "{name}");
            assert_eq!(again[0].connections, flow.connections, "{name}");
            assert_eq!(again[0].parameters, flow.parameters, "{name}");
        }
    }
    assert!(errors.is_empty(), "{} errors:\n{}", errors.len(), errors.join("\n"));
}

#[test]
fn exported_packages_are_read_and_written() {
    check(&corpus("flow-packages"));
}

#[test]
fn definitions_are_read_and_written() {
    check(&corpus("workflows"));
}

#[test]
fn broken_files_get_one_finding() {
    for (bytes, code) in [
        (&b"{"[..], "not_json"),
        (b"[1]", "definition_malformed"),
        (b"{\"a\":1}", "definition_malformed"),
        (b"PK\x03\x04rubbish", "package_broken"),
        (b"", "not_json"),
    ] {
        assert_eq!(file::read(bytes).unwrap_err().code, code);
    }
}
