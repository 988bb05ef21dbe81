//! Wrong input of every kind: a problem document that names the place, and nothing stored half.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};

use crate::world::{Answer, FORGE, Who, World, owned_world, request_flow};

async fn post_raw(world: &World, who: &Who, path: &str, kind: &str, body: &str) -> Answer {
    let request = Request::builder().method(Method::POST).uri(path).header(header::CONTENT_TYPE, kind);
    world.send(who, request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Imports a file as a browser sends it.
async fn import(world: &World, who: &Who, file: &str) -> Answer {
    let body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\n\r\n{file}\r\n--edge--\r\n"
    );
    post_raw(world, who, "/api/connectors", "multipart/form-data; boundary=edge", &body).await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, pointer: &str) {
    answer.expect(status);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json");
    let at = answer.json.get("pointer").and_then(Value::as_str).unwrap_or("-");
    assert_eq!((answer.text("/code").as_str(), at), (code, pointer), "{}", answer.json);
    assert_eq!(answer.text("/type"), format!("/docs/errors/{code}"));
}

async fn counts(world: &World, who: &Who) -> Vec<usize> {
    let mut all = Vec::new();
    for list in ["connectors", "connections", "flows", "runs"] {
        all.push(world.get(who, &format!("/api/{list}")).await.json["items"].as_array().unwrap().len());
    }
    all
}

fn forge_with(change: impl FnOnce(&mut Value)) -> String {
    let mut document: Value = serde_json::from_str(FORGE).unwrap();
    change(&mut document);
    document.to_string()
}

#[tokio::test]
async fn files_that_cannot_be_connectors() {
    let (world, owner) = owned_world().await;
    let hook = "/repos/{owner}/{repo}/hooks";
    let cases: Vec<(&str, String, &str, &str)> = vec![
        ("not YAML", "swagger: [\"2.0\"".to_owned(), "not_json", ""),
        ("neither JSON nor YAML", "\u{1}\u{2} a text".to_owned(), "not_json", ""),
        ("YAML that has no operations", "swagger: \"2.0\"".to_owned(), "not_openapi", ""),
        ("cut off", FORGE[..FORGE.len() / 2].to_owned(), "not_json", ""),
        ("empty", String::new(), "not_json", ""),
        ("JSON that is not OpenAPI", r#"{"hello":"world"}"#.to_owned(), "not_openapi", ""),
        ("a list", "[1,2]".to_owned(), "not_openapi", ""),
        ("paths that are a list", r#"{"swagger":"2.0","paths":[]}"#.to_owned(), "not_openapi", "/paths"),
        (
            "a reference to nowhere",
            forge_with(|document| {
                document["paths"][hook]["post"]["parameters"][2]["schema"] = json!({"$ref": "#/definitions/Nowhere"});
            }),
            "reference_dangling",
            "/paths/~1repos~1{owner}~1{repo}~1hooks/post/parameters/2/schema/$ref",
        ),
    ];
    for (what, file, code, pointer) in cases {
        let answer = import(&world, &owner, &file).await;
        let first = answer.json["diagnostics"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["severity"] == "error"))
            .unwrap_or_else(|| panic!("{what}: {}", answer.json));
        assert_eq!((first["code"].as_str(), first["pointer"].as_str()), (Some(code), Some(pointer)), "{what}");
        refused(&answer, 422, "connector_invalid", pointer);
        assert!(first["hint"].is_string() || first["message"].is_string(), "{what}");
    }
    assert_eq!(counts(&world, &owner).await, [0, 0, 0, 0]);
}

/// Real files have such paths: the operation cannot be called before it is mended, the others can.
#[tokio::test]
async fn a_path_parameter_that_nobody_declares_is_told() {
    let (world, owner) = owned_world().await;
    let file = forge_with(|document| {
        document["paths"]["/repos/{owner}/{repo}"]["get"]["parameters"].as_array_mut().unwrap().remove(0);
    });
    let made = import(&world, &owner, &file).await;
    let finding = &made.expect(201)["diagnostics"][0];
    assert_eq!(
        (finding["code"].as_str(), finding["pointer"].as_str()),
        (Some("path_parameter_missing"), Some("/paths/~1repos~1{owner}~1{repo}/get/parameters"))
    );
    assert!(finding["hint"].as_str().unwrap().contains("owner"));
}

#[tokio::test]
async fn references_in_circles_are_no_fault() {
    let (world, owner) = owned_world().await;
    let file = forge_with(|document| {
        document["definitions"] = json!({
            "Tree": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/definitions/Tree"}}}},
            "A": {"$ref": "#/definitions/B"}, "B": {"$ref": "#/definitions/A"},
        });
        let get = &mut document["paths"]["/repos/{owner}/{repo}"]["get"];
        get["responses"]["200"]["schema"] = json!({"$ref": "#/definitions/Tree"});
    });
    let made = import(&world, &owner, &file).await;
    // A schema may hold itself; two names that only stand for each other stand for nothing.
    refused(&made, 422, "connector_invalid", "/definitions/A/$ref");
    let mut document: Value = serde_json::from_str(&file).unwrap();
    document["definitions"].as_object_mut().unwrap().retain(|name, _| name == "Tree");
    let file = document.to_string();
    let made = import(&world, &owner, &file).await;
    made.expect(201);
    let shown = world.get(&owner, &format!("/api/connectors/{}/operations/repo", made.id())).await;
    shown.expect(200);
    assert!(shown.json["dynamic_content"].as_array().unwrap().len() > 1);
}

#[tokio::test]
async fn bodies_that_are_no_forms() {
    let (world, owner) = owned_world().await;
    let cases = [
        ("/api/flows", "application/json", "{", 400, "request_malformed", "-"),
        ("/api/flows", "application/json", "", 400, "request_malformed", "-"),
        ("/api/flows", "application/json", "{}", 400, "request_invalid", ""),
        ("/api/flows", "application/json", r#"{"definition":{}} x"#, 400, "request_malformed", "-"),
        ("/api/flows", "text/plain", r#"{"definition":{}}"#, 415, "media_type_unsupported", "-"),
        (
            "/api/flows",
            "application/json",
            r#"{"definition":{},"connections":{"a/b":{"connection_id":"mine"}}}"#,
            400,
            "request_invalid",
            "/connections/a~1b/connection_id",
        ),
        ("/api/flows", "application/json", r#"{"definition":{},"state":"maybe"}"#, 400, "request_invalid", "/state"),
        (
            "/api/connectors",
            "application/json",
            r#"{"settings":{"authentication":{"type":"magic"}}}"#,
            400,
            "request_invalid",
            "/settings/authentication/type",
        ),
        (
            "/api/users",
            "application/json",
            r#"{"name":"x","email":"x","password":"long enough it is"}"#,
            400,
            "account_invalid",
            "/email",
        ),
        (
            "/api/users",
            "application/json",
            r#"{"name":"x","email":"x@y","password":"short"}"#,
            400,
            "password_short",
            "/password",
        ),
        (
            "/api/users",
            "application/json",
            r#"{"name":"x","email":"x@y","password":"long enough it is","role":"king"}"#,
            400,
            "request_invalid",
            "/role",
        ),
        ("/api/connections", "application/json", r#"{"connector_id":"x","name":"y"}"#, 404, "not_found", "-"),
        ("/api/tokens", "application/json", r#"{"name":" "}"#, 400, "name_missing", "/name"),
        (
            "/api/devices",
            "application/json",
            r#"{"endpoint":"phone","keys":{"p256dh":"x","auth":"y"}}"#,
            400,
            "device_invalid",
            "/endpoint",
        ),
        (
            "/api/authoring/request-from-sample",
            "application/json",
            r#"{"method":"FETCH","url":"/x"}"#,
            400,
            "sample_invalid",
            "/method",
        ),
        ("/api/authoring/request-from-sample", "application/json", r#"{"url":"/x/{y"}"#, 400, "sample_invalid", "/url"),
        (
            "/api/authoring/request-from-sample",
            "application/json",
            r#"{"curl":"wget x"}"#,
            400,
            "sample_invalid",
            "/curl",
        ),
        (
            "/api/authoring/schema-from-samples",
            "application/json",
            r#"{"samples":[]}"#,
            400,
            "sample_invalid",
            "/samples",
        ),
        ("/api/flows/import", "multipart/form-data; boundary=x", "--x--\r\n", 400, "file_missing", "-"),
        ("/api/connectors", "multipart/form-data; boundary=x", "--x--\r\n", 400, "file_missing", "-"),
    ];
    for (path, kind, body, status, code, pointer) in cases {
        let answer = post_raw(&world, &owner, path, kind, body).await;
        refused(&answer, status, code, pointer);
    }
    assert_eq!(counts(&world, &owner).await, [0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_cannot_run() {
    let (world, owner) = owned_world().await;
    let connector = world.forge(&owner).await;
    let form = json!({"connector_id": connector, "name": "mine"});
    let connection = world.post(&owner, "/api/connections", form).await.id();
    let before = counts(&world, &owner).await;
    let with_actions = |actions: Value| {
        let mut definition = request_flow();
        definition["actions"] = actions;
        definition
    };
    let call = |operation: &str, parameters: Value| {
        with_actions(json!({"Get": {"type": "OpenApiConnection", "inputs": {
            "host": {"connectionName": "forge", "operationId": operation, "apiId": "/apis/shared_forge"},
            "parameters": parameters}}}))
    };
    let say = |inputs: &str, after: Value| json!({"type": "Compose", "inputs": inputs, "runAfter": after});
    let cases = [
        (
            "runAfter names nothing",
            with_actions(json!({"A": say("x", json!({"Ghost": ["Succeeded"]}))})),
            "/actions/A/runAfter/Ghost",
        ),
        (
            "runAfter in a circle",
            with_actions(json!({
                "A": say("x", json!({"B": ["Succeeded"]})), "B": say("x", json!({"A": ["Succeeded"]})),
            })),
            "/actions/A/runAfter",
        ),
        (
            "an expression that does not parse",
            with_actions(json!({"A": say("@concat('a'", json!({}))})),
            "/actions/A/inputs",
        ),
        ("an unknown operation", call("nothing", json!({})), "/actions/Get"),
        ("a path parameter without value", call("repo", json!({"owner": "acme"})), "/actions/Get/inputs/parameters"),
        ("no definition at all", json!("hello"), ""),
    ];
    for (what, definition, pointer) in cases {
        let form =
            json!({"name": "Wrong", "definition": definition, "connections": {"forge": {"connection_id": connection}}});
        let answer = world.post(&owner, "/api/flows", form.clone()).await;
        answer.expect(422);
        let errors: Vec<&str> = answer.json["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["severity"] == "error")
            .map(|one| one["pointer"].as_str().unwrap())
            .collect();
        assert!(errors.contains(&pointer), "{what}: {}", answer.json);
        refused(&answer, 422, "definition_invalid", errors[0]);
        // The checker says the same without saving.
        let checked = world.post(&owner, "/api/flows/check", form).await;
        assert_eq!(checked.expect(200)["diagnostics"], answer.json["diagnostics"], "{what}");
    }
    assert_eq!(counts(&world, &owner).await, before, "nothing is stored half");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_with_broken_json_is_taken_as_text() {
    let (world, owner) = owned_world().await;
    let made = world.flow(&owner, "Door").await;
    let url = made.text("/webhook/callback_url");
    let path = url.strip_prefix("https://me.test").unwrap();
    let taken = post_raw(&world, &Who::Nobody, path, "application/json", r#"{"a": "#).await;
    assert!(taken.status.is_success(), "{}", taken.json);
    for _ in 0..100 {
        let runs = world.get(&owner, "/api/runs?status=Succeeded").await;
        if let Some(run) = runs.json["items"].as_array().unwrap().first() {
            let run = world.get(&owner, &format!("/api/runs/{}", run["id"].as_str().unwrap())).await;
            assert_eq!(run.json["trigger"]["outputs"]["body"], json!(r#"{"a": "#), "{}", run.json);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the flow did not run");
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_that_are_refused() {
    let (world, owner) = owned_world().await;
    let unknown = post_raw(&world, &Who::Nobody, "/callback/guessed", "application/json", "{}").await;
    refused(&unknown, 404, "not_found", "-");
    let made = world.flow(&owner, "Door").await;
    let url = made.text("/webhook/callback_url");
    let path = url.strip_prefix("https://me.test").unwrap().to_owned();
    let large = "x".repeat(10 * 1024 * 1024 + 1);
    refused(&post_raw(&world, &Who::Nobody, &path, "text/plain", &large).await, 413, "too_large", "-");
    world.delete(&owner, &format!("/api/flows/{}", made.id())).await.expect(204);
    refused(&post_raw(&world, &Who::Nobody, &path, "application/json", "{}").await, 410, "webhook_gone", "-");
    assert_eq!(counts(&world, &owner).await, [0, 0, 0, 0]);
}
