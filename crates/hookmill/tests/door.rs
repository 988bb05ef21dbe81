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

    // A status that has no body has none, whatever the flow says.
    let nothing = json!({"Answer": {"type": "Response", "inputs": {"statusCode": 204, "body": "text"}}});
    let answer = call(&server, "POST", &flow(&server, &request, &nothing), "{}");
    let length = answer.header("content-length").unwrap_or("0");
    assert_eq!((answer.status(), answer.header("content-type"), length), (204, None, "0"));

    // What the flow keeps to itself.
    let silent = json!({"type": "Request", "operationOptions": "SuppressWorkflowHeadersOnResponse"});
    let answer = call(&server, "POST", &flow(&server, &silent, &text), "{}");
    assert_eq!(answer.header("x-ms-workflow-run-id"), None);
}

/// A case of the door as a person would set it up: the declarations and the secrets in a Request trigger.
fn declared(case: &Value) -> Option<Value> {
    let mut inputs = case.get("declarations").cloned().unwrap_or_else(|| json!({}));
    let preset = case["preset"].as_str();
    // What is signed with a time of its own, with another address or by a certificate cannot be played against a clock.
    let timed =
        ["slack", "stripe", "zoom", "standard-webhooks", "box", "linear", "twilio", "square", "trello", "aws-sns"];
    let steps = case["steps"].as_array()?;
    let plain = |step: &Value| {
        step.get("state").is_none()
            && step.get("path").is_none()
            && step["now"] == steps[0]["now"]
            && step["request"]["headers"].as_object().is_some_and(|headers| headers.values().all(Value::is_string))
            && step["request"]["headers"].get("Content-Length").is_none()
    };
    let items = case["id"].as_str()?.contains("items");
    let declares = preset.is_some() || case.get("declarations").is_some();
    // A flow at an address of its own has no connector whose service could be asked.
    let asks = case["declarations"].pointer("/x-hookmill-verification/remote").is_some();
    let fits = declares && !asks && !items && case.get("creation").is_none() && steps.iter().all(plain);
    if !fits || preset.is_some_and(|preset| timed.contains(&preset)) || case.to_string().contains("-Timestamp\"") {
        return None;
    }
    if let Some(preset) = preset {
        inputs["x-hookmill-preset"] = preset.into();
    }
    for (member, from) in
        [("x-hookmill-secret", "secrets"), ("x-hookmill-parameters", "parameters"), ("x-hookmill-parameters", "inputs")]
    {
        if let Some(given) = case.get(from) {
            inputs[member] = given.clone();
        }
    }
    Some(inputs)
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[test]
fn conversations_with_the_door_go_as_their_cases_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &["--body-bytes-max", "1048576"]);
    server.set_up();
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../hookmill-webhook/test_data/door.json");
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/door.json");
    let (mut played, mut slowest, mut failures) = (0, Duration::ZERO, Vec::new());
    for path in [own, shared] {
        let Ok(file) = std::fs::read(path) else { continue };
        let cases: Value = serde_json::from_slice(&file).unwrap();
        for case in cases.as_array().unwrap() {
            let Some(inputs) = declared(case) else { continue };
            let door = flow(&server, &json!({"type": "Request", "kind": "Http", "inputs": inputs}), &json!({}));
            played += 1;
            for (index, step) in case["steps"].as_array().unwrap().iter().enumerate() {
                let request = &step["request"];
                let headers: Vec<(&str, &str)> = request["headers"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                    .collect();
                if headers.iter().any(|(_, value)| !value.bytes().all(|byte| (0x20..0x7F).contains(&byte))) {
                    continue;
                }
                let body = match request["bodyBase64"].as_str() {
                    Some(text) => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap(),
                    None => request["body"].as_str().unwrap_or_default().as_bytes().to_vec(),
                };
                let mut at = door.clone();
                if let Some(query) = request["rawQuery"].as_str() {
                    at = format!("{at}&{query}");
                }
                for (name, value) in request["query"].as_object().into_iter().flatten() {
                    at = format!("{at}&{}={}", encoded(name), encoded(value.as_str().unwrap()));
                }
                let begun = std::time::Instant::now();
                let answer = http(&server.address, request["method"].as_str().unwrap(), &at, &headers, &body);
                let expected = &step["expected"];
                if expected["event"] == false {
                    slowest = slowest.max(begun.elapsed());
                }
                let mut wrong = |what: String| failures.push(format!("{} step {}: {what}", case["id"], index + 1));
                if expected["status"].as_u64().is_some_and(|status| status != u64::from(answer.status())) {
                    wrong(format!("status {} instead of {}", answer.status(), expected["status"]));
                }
                if let Some(text) = expected["body"].as_str()
                    && text.as_bytes() != answer.body
                {
                    wrong(format!("body {:?} instead of {text:?}", String::from_utf8_lossy(&answer.body)));
                }
                for (name, value) in expected["headers"].as_object().into_iter().flatten() {
                    let given = answer
                        .header(&name.to_lowercase())
                        .map(|value| value.split(';').next().unwrap_or_default().trim());
                    if value.as_str() != Some("*") && value.as_str() != given {
                        wrong(format!("header {name} {given:?} instead of {value}"));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(played > 5, "{played} cases were played");
    println!("{played} conversations; the slowest answer without an event took {slowest:?}");
}
