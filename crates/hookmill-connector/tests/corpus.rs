//! Every connector of the corpus beside the project is read exactly as its index says; skipped where it is absent.
#![allow(clippy::print_stdout)] // A test says that it is skipped.

use std::path::PathBuf;

use hookmill_connector::{check, security_kinds};
use hookmill_model::Value;
use serde_json::{Value as Json, json};

fn corpus() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus/connectors"));
    if folder.join("index.json").exists() {
        return Some(folder);
    }
    println!("skipped: no corpus beside the project");
    None
}

#[test]
#[allow(clippy::disallowed_methods)]
fn every_file_is_read_as_the_index_says() {
    let Some(folder) = corpus() else { return };
    let index: Vec<Json> = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for entry in &index {
        let name = entry["name"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(name).join(entry["file"].as_str().unwrap())).unwrap();
        let properties = std::fs::read(folder.join(name).join("apiProperties.json")).unwrap();
        let report = serde_json::to_value(check(&bytes, Some(&properties))).unwrap();
        let mut expect = |what: &str, got: &Json, wanted: &Json| {
            if got != wanted {
                wrong.push(format!("{name} {what}: {got} instead of {wanted}"));
            }
        };
        expect("valid", &report["valid"], &json!(entry.get("invalid").is_none()));
        let kinds = &entry["connectionParameterTypes"];
        if kinds == "invalid" {
            let told = report["diagnostics"][0]["code"].clone();
            expect("properties", &told, &json!("properties_not_json"));
        } else {
            expect("authentication", &report["authentication"], kinds);
        }
        expect("policies", &report["policyTemplates"], &entry["policyTemplates"]);
        if entry.get("invalid").is_some() {
            expect("diagnostic", &report["diagnostics"][0]["code"], &json!("not_json"));
            continue;
        }
        expect("operations", &report["operations"], &entry["operations"]);
        expect("triggers", &report["triggers"], &entry["triggers"]);
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let document = Value::from_json(text).unwrap();
        expect("security", &json!(security_kinds(&document)), &entry["securityDefinitions"]);
        for finding in report["diagnostics"].as_array().unwrap() {
            if std::env::var_os("SHOW_FINDINGS").is_some() {
                println!("{name} {} {} {}", finding["severity"], finding["code"], finding["pointer"]);
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), index.len(), wrong.join("\n"));
    println!("{} files agree", index.len());
}
