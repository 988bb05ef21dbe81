//! The doors of the real server: who may call a flow, what is refused and in which words, and how answers come back.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Message, Server, eventually, http, try_http};

/// A flow with a Request trigger; gives path and query of its address.
fn flow(server: &Server, trigger: &Value, actions: &Value) -> String {
    let definition = json!({"triggers": {"manual": trigger}, "actions": actions});
    let made = server.post("/api/flows", &json!({"name": "Door", "definition": definition}));
    let url = made["webhook"]["callback_url"].as_str().unwrap();
    url[url.find("/workflows/").unwrap()..].to_owned()
}

fn call(server: &Server, method: &str, path: &str, body: &str) -> Message {
    http(&server.address, method, path, &[("Content-Type", "application/json")], body.as_bytes())
}

fn refused(answer: &Message, status: u16, code: &str) {
    assert_eq!((answer.status(), answer.json()["code"].as_str()), (status, Some(code)), "{:?}", answer.json());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{:?}", answer.json());
}

#[test]
fn what_is_refused_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &["--body-bytes-max", "2000"]);
    server.set_up();
    let trigger = json!({"type": "Request", "operationOptions": "EnableSchemaValidation", "inputs": {"method": "POST",
        "relativePath": "orders/{id}", "schema": {"type": "object", "required": ["n"]}}});
    let door = flow(&server, &trigger, &json!({}));
    assert!(door.contains("/paths/invoke/orders/{id}?") && door.contains("&sv=1.0&sig="), "{door}");
    let own = door.replace("{id}", "7");
    let began = call(&server, "POST", &own, r#"{"n":1}"#);
    assert_eq!(began.status(), 202);
    let run = began.header("x-ms-workflow-run-id").unwrap().to_owned();
    assert_eq!(began.header("x-ms-client-tracking-id"), Some(run.as_str()));
    eventually("the run", || {
        let (status, run) = server.call("GET", &format!("/api/runs/{run}"), &Value::Null);
        (status == 200 && run["trigger"]["outputs"]["relativePathParameters"]["id"] == "7").then_some(())
    });

    refused(&call(&server, "POST", &own.replace("&sig=", "&sig=A"), r#"{"n":1}"#), 401, "signature_wrong");
    refused(&call(&server, "POST", own.split('?').next().unwrap(), r#"{"n":1}"#), 401, "signature_wrong");
    refused(&call(&server, "POST", &own, r#"{"m":1}"#), 400, "TriggerInputSchemaMismatch");
    refused(&call(&server, "GET", &own, ""), 404, "TriggerRequestMethodNotValid");
    refused(&call(&server, "POST", &own.replace("orders/7", "orders"), "{}"), 404, "TriggerRelativePathNotValid");
    refused(&call(&server, "POST", &own, &"x".repeat(2_001)), 413, "too_large");
    refused(&call(&server, "POST", "/callback/nobody-knows-this-one", "{}"), 404, "not_found");
    let stranger = own.replace("flw_0", "flw_7");
    refused(&call(&server, "POST", &stranger, "{}"), 404, "not_found");
    assert_eq!(server.get("/api/runs?kind=flow")["items"].as_array().unwrap().len(), 1, "nothing else has begun");

    // As many runs as it may have, and no more.
    let limit =
        json!({"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": 1, "maximumWaitingRuns": 1}}});
    let wait = json!({"Wait": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Hour"}}}});
    let narrow = flow(&server, &limit, &wait);
    assert_eq!(call(&server, "POST", &narrow, "{}").status(), 202);
    assert_eq!(call(&server, "POST", &narrow, "{}").status(), 202);
    let full = call(&server, "POST", &narrow, "{}");
    refused(&full, 429, "WorkflowMaximumWaitingRunCountExceeded");
    assert!(full.header("retry-after").unwrap().parse::<u32>().is_ok());
}

#[test]
fn answers_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let request = json!({"type": "Request"});
    let text = json!({"Answer": {"type": "Response", "inputs": {"statusCode": "418",
        "headers": {"X-Own": "@{triggerOutputs()['queries']['q']}", "Content-Type": "text/csv"}, "body": "a;b"}}});
    let door = flow(&server, &request, &text);
    let answer = call(&server, "GET", &format!("{door}&q=x%20y"), "");
    assert_eq!((answer.status(), answer.header("x-own"), answer.body.as_slice()), (418, Some("x y"), &b"a;b"[..]));
    assert_eq!(answer.header("content-type"), Some("text/csv"));
    let run = answer.header("x-ms-workflow-run-id").unwrap();
    assert_eq!(server.get(&format!("/api/runs/{run}"))["id"], run);

    let binary = json!({"Answer": {"type": "Response", "inputs": {"body": {"$content-type": "image/png", "$content": "iVBORw=="}}}});
    let answer = call(&server, "POST", &flow(&server, &request, &binary), "{}");
    assert_eq!((answer.header("content-type"), answer.body.as_slice()), (Some("image/png"), &b"\x89PNG"[..]));

    let never = json!({"If": {"type": "If", "expression": "@false", "actions": text}});
    refused(&call(&server, "POST", &flow(&server, &request, &never), "{}"), 502, "NoResponse");

    let later = json!({"Wait": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Second"}}},
        "Answer": {"type": "Response", "operationOptions": "Asynchronous", "runAfter": {"Wait": ["Succeeded"]},
            "inputs": {"statusCode": 200, "body": {"done": true}}}});
    let began = call(&server, "POST", &flow(&server, &request, &later), "{}");
    assert_eq!(began.status(), 202);
    let place = began.header("location").unwrap();
    let place = place[place.find("/workflows/").unwrap()..].to_owned();
    assert!(began.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    let ask = || try_http(&server.address, "GET", &place, &[], b"", Duration::from_secs(5)).unwrap();
    assert_eq!(ask().status(), 202);
    let answer = eventually("the answer", || Some(ask()).filter(|answer| answer.status() != 202));
    assert_eq!((answer.status(), answer.json()), (200, json!({"done": true})));
    refused(&call(&server, "GET", &place.replace("&sig=", "&sig=A"), ""), 401, "signature_wrong");

    // What the flow keeps to itself.
    let silent = json!({"type": "Request", "operationOptions": "SuppressWorkflowHeadersOnResponse"});
    let answer = call(&server, "POST", &flow(&server, &silent, &text), "{}");
    assert_eq!(answer.header("x-ms-workflow-run-id"), None);
}
