//! What is exported passes the checks of the public collection's own schemas, wherever the file that was imported does.
//!
//! The collection, with its folder `schemas`, is named by `HOOKMILL_CONNECTORS`; without it only the connectors that come
//! with the product are looked at, by the facts of that format that concern them.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)] // A test tells what it found, and reads files.

use std::path::{Path, PathBuf};

use hookmill_connector::{Connector, PREBUILT, Settings};
use serde_json::{Value as Json, json};

const REDIRECT: &str = "https://flows.example.org/oauth/callback";

/// JSON as these schemas have it: with comments, commas before a closing bracket, and names that no reference can have.
fn lenient(text: &str) -> Json {
    let (mut kept, mut is_text, mut letters) = (String::new(), false, text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => is_text = !is_text,
            '\\' if is_text => {
                kept.push(letter);
                kept.extend(letters.next());
                continue;
            }
            '/' if !is_text && letters.peek() == Some(&'/') => {
                while letters.next_if(|own| *own != '\n').is_some() {}
                continue;
            }
            '}' | ']' if !is_text && kept.trim_end().ends_with(',') => {
                kept.truncate(kept.trim_end().len() - 1);
            }
            _ => {}
        }
        kept.push(letter);
    }
    serde_json::from_str(&kept.replace(['<', '>'], "_")).unwrap_or_else(|error| panic!("{error}"))
}

fn validator(path: &Path) -> jsonschema::Validator {
    jsonschema::validator_for(&lenient(&std::fs::read_to_string(path).unwrap())).unwrap()
}

fn definitions(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            definitions(&path, found);
        } else if entry.file_name().eq_ignore_ascii_case("apiDefinition.swagger.json") {
            found.push(path);
        }
    }
}

#[test]
fn an_export_passes_wherever_the_import_does() {
    let folder = std::env::var_os("HOOKMILL_CONNECTORS").map(PathBuf::from);
    let Some(folder) = folder.filter(|folder| folder.join("schemas").is_dir()) else {
        println!("skipped: HOOKMILL_CONNECTORS names no collection with schemas");
        return;
    };
    let schemas = folder.join("schemas");
    let properties_schema = validator(&schemas.join("paconn-apiProperties.schema.json"));
    let document_schema = validator(&schemas.join("apiDefinition.swagger.schema.json"));
    let mut files = Vec::new();
    definitions(&folder, &mut files);
    files.sort();
    let (mut counts, mut faults) = ([0_usize; 4], Vec::new());
    for file in &files {
        let name = file.strip_prefix(&folder).unwrap().display().to_string();
        let bytes = std::fs::read(file).unwrap();
        let original = std::fs::read(file.with_file_name("apiProperties.json")).ok();
        let import = Connector::import(&bytes, original.as_deref(), &Settings::default());
        let Some(connector) = import.connector else { continue };
        let parsed = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).into_owned();
            serde_json::from_str::<Json>(&text).ok()
        };
        if parsed(&bytes).is_some_and(|document| document_schema.is_valid(&document)) {
            // The definition goes out as it came in.
            assert_eq!(parsed(&bytes), Some(Json::from(import.document.as_ref().unwrap())), "{name}");
            counts[0] += 1;
        }
        let exported = Json::from(&connector.exported_properties(REDIRECT));
        let was_valid = original.as_deref().and_then(parsed).is_none_or(|own| properties_schema.is_valid(&own));
        counts[1] += usize::from(was_valid);
        let errors: Vec<String> = properties_schema
            .iter_errors(&exported)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        counts[if errors.is_empty() { 2 } else { 3 }] += 1;
        if was_valid && !errors.is_empty() {
            faults.push(format!("{name}: {}", errors.join("; ").chars().take(400).collect::<String>()));
        }
    }
    println!(
        "{} definitions and {} properties pass as they came; {} exported properties pass, {} do not",
        counts[0], counts[1], counts[2], counts[3]
    );
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults.join("\n"));
}

/// What the format allows of what the product writes itself.
fn facts() -> Json {
    let shown = json!({"type": "object", "additionalProperties": false, "properties": {
        "displayName": {"type": "string"}, "description": {"type": "string"}, "tooltip": {"type": "string"},
        "constraints": {"type": "object"}}});
    let parameter = json!({"type": "object", "additionalProperties": false, "required": ["type"], "properties": {
        "type": {"enum": ["string", "securestring", "int", "bool", "oauthSetting"]}, "uiDefinition": shown,
        "defaultValue": {"type": "string"}, "allowedValues": {"type": "array"},
        "oAuthSettings": {"type": "object", "required": ["identityProvider", "clientId", "redirectMode"]}}});
    json!({"type": "object", "additionalProperties": false, "required": ["properties"], "properties": {"properties": {
        "type": "object", "additionalProperties": false, "required": ["iconBrandColor"], "properties": {
            "iconBrandColor": {"type": "string"}, "capabilities": {"type": "array", "items": {"type": "string"}},
            "publisher": {"type": "string"}, "stackOwner": {"type": "string"},
            "connectionParameters": {"type": "object", "additionalProperties": false, "patternProperties": {"^[0-9a-zA-Z_]+$": parameter}},
            "policyTemplateInstances": {"type": "array"}}}}})
}

#[test]
fn what_the_product_writes_itself_has_the_form() {
    let schema = jsonschema::validator_for(&facts()).unwrap();
    for prebuilt in PREBUILT {
        let settings = Settings { color: Some(prebuilt.color.into()), ..Settings::default() };
        let connector = Connector::import(prebuilt.document.as_bytes(), None, &settings).connector.unwrap();
        let exported = Json::from(&connector.exported_properties(REDIRECT));
        let errors: Vec<String> = schema.iter_errors(&exported).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}\n{exported:#}", prebuilt.id);
    }
}
