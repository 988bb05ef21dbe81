//! `/api/openapi.json` and the router say the same, and strangers get nowhere.

use axum::http::StatusCode;

use crate::world::{DOCUMENT, Who, operations, world};

/// Whether an operation may be used by strangers, as the document says.
fn is_public(operation: &serde_json::Value) -> bool {
    operation["security"].as_array().is_some_and(|all| all.iter().any(|one| one.as_object().unwrap().is_empty()))
}

#[tokio::test]
async fn every_operation_of_the_document_is_a_route_and_refuses_strangers() {
    let world = world().await;
    let mut refused = 0;
    for (path, method, operation) in operations() {
        let address = path.replace("{id}", "x").replace("{which}", "inputs").replace(['{', '}'], "");
        let answer = world.call(&Who::Nobody, method.clone(), &address, None).await;
        assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        if is_public(operation) {
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            continue;
        }
        answer.expect(401);
        assert_eq!(answer.text("/code"), "sign_in_required", "{method} {path}");
        refused += 1;
    }
    assert!(refused > 70, "only {refused} operations refuse strangers");
}

#[test]
fn only_these_operations_are_open_to_strangers() {
    let open: Vec<String> = operations()
        .filter(|(_, _, operation)| is_public(operation))
        .map(|(path, method, _)| format!("{method} {path}"))
        .collect();
    let expected = [
        "POST /callback/{capability}",
        "GET /api/approval-links/{link}",
        "POST /api/approval-links/{link}/response",
        "GET /api/openapi.json",
        "GET /docs/connectors/{name}",
        "GET /docs/errors/{code}",
        "GET /health/live",
        "GET /health/ready",
        "GET /api/setup",
        "POST /api/setup",
        "POST /api/session",
    ];
    let mut open = open;
    open.sort();
    let mut expected = expected.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(open, expected);
}

/// Routes come from the table that the document is made from; only these few are written by hand.
#[test]
fn no_route_is_made_beside_the_table() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut by_hand = Vec::new();
    let mut folders = vec![sources];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            by_hand.extend(text.lines().filter(|line| line.contains(".route(")).map(|line| line.trim().to_owned()));
        }
    }
    by_hand.sort();
    let expected = [
        ".route(\"/callback/{capability}\", any(callback::call))",
        ".route(\"/callback/{capability}/{*rest}\", any(callback::call_below))",
        ".route(\"/workflows/{flow}/runs/{run}/response\", get(callback::answer_later))",
        ".route(\"/workflows/{flow}/triggers/{trigger}/paths/invoke\", any(callback::invoke))",
        ".route(\"/workflows/{flow}/triggers/{trigger}/paths/invoke/{*rest}\", any(callback::invoke_below))",
        "Router::new().route(ADDRESS, get(serve))",
        "transport::serve(listener, Router::new().route(\"/metrics\", get(page)), limits, TrustedProxies::default(), stop)",
    ];
    assert_eq!(by_hand, expected);
}

#[tokio::test]
async fn the_document_is_served() {
    let world = world().await;
    let served = world.get(&Who::Nobody, "/api/openapi.json").await;
    assert_eq!(served.expect(200), &*DOCUMENT);
    assert_eq!(served.json["openapi"], "3.1.0");
}

#[test]
fn every_operation_has_a_summary_a_tag_and_a_name_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for (path, method, operation) in operations() {
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{method} {path}");
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "{name} is used twice");
    }
}

/// Forms of the web are refused by every route, whatever a type is called.
#[test]
fn every_body_is_json_a_file_or_a_form_with_files() {
    let mut bodies = 0;
    for (path, method, operation) in operations() {
        let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
        bodies += 1;
        for media in content.keys() {
            let known = ["application/json", "multipart/form-data", "image/*", "*/*"].contains(&media.as_str());
            assert!(known, "{method} {path} takes {media}");
        }
    }
    assert!(bodies > 25, "only {bodies} operations take a body");
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(serde_json::Value::as_str) {
                    assert!(DOCUMENT.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
                }
                members.values().for_each(walk);
            }
            serde_json::Value::Array(elements) => elements.iter().for_each(walk),
            _ => {}
        }
    }
    walk(&DOCUMENT);
}

/// The interface's client is generated from this file.
#[test]
fn the_interface_has_the_same_document() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/openapi.json");
    let Ok(kept) = std::fs::read_to_string(path) else { return };
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept, *DOCUMENT, "run `cargo xtask schema`, then `npm run api` in ui/");
}

/// A response for any status would hide answers that nobody thought of.
#[test]
fn every_operation_lists_its_statuses() {
    let mut listed = 0;
    for (path, method, operation) in operations() {
        let responses = operation["responses"].as_object().unwrap();
        let is_door = path.starts_with("/callback/");
        assert_eq!(responses.contains_key("default"), is_door, "{method} {path}");
        assert!(responses.keys().all(|status| status == "default" || status.len() == 3), "{method} {path}");
        if !is_public(operation) {
            assert!(responses.contains_key("401"), "{method} {path}");
        }
        if method != axum::http::Method::GET && path.starts_with("/api/") {
            assert!(responses.contains_key("413"), "{method} {path}");
        } else if !is_door {
            assert!(!responses.contains_key("409"), "{method} {path} changes nothing");
        }
        listed += responses.len();
    }
    assert!(listed > 500, "{listed} statuses");
}
