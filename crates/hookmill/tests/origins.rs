//! What a flow answers is never a page of Hookmill: headers, service workers, and a host name of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use serde_json::{Value, json};
use support::{Message, Server, http, try_http};

fn page_flow(server: &Server) -> String {
    let answer = json!({"Answer": {"type": "Response", "inputs": {"statusCode": 200, "headers": {
        "Content-Type": "text/html", "Content-Security-Policy": "default-src *", "Set-Cookie": "hookmill_session=planted",
        "Service-Worker-Allowed": "/", "Clear-Site-Data": "\"*\"", "Content-Length": "3", "X-Own": "kept",
    }, "body": "<script src=\"/workflows/other\"></script>"}}});
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": answer});
    let made = server.post("/api/flows", &json!({"name": "Page", "definition": definition}));
    made["webhook"]["callback_url"].as_str().unwrap().to_owned()
}

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Message {
    try_http(&server.address, "GET", path, headers, b"", std::time::Duration::from_secs(10)).unwrap()
}

fn path(url: &str) -> &str {
    &url[url.find("/workflows/").unwrap()..]
}

#[test]
fn answers_of_flows_have_no_origin() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let url = page_flow(&server);
    let page = get(&server, path(&url), &[]);
    assert_eq!(
        (page.status(), page.header("x-own"), page.header("content-type")),
        (200, Some("kept"), Some("text/html"))
    );
    assert!(page.body.starts_with(b"<script"), "{:?}", page.body);
    for doors in [&page, &http(&server.address, "POST", "/callback/nobody", &[], b"{}")] {
        assert_eq!(doors.header("content-security-policy"), Some("sandbox"));
        assert_eq!(doors.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(doors.header("cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(doors.header("cross-origin-resource-policy"), Some("same-origin"));
        for header in ["set-cookie", "service-worker-allowed", "clear-site-data"] {
            assert_eq!(doors.header(header), None, "{header}");
        }
    }
    for place in [path(&url), "/workflows/nothing", "/callback/nobody", "/callback/nobody/below", "/api/openapi.json"] {
        let kinds = ["serviceworker", "sharedworker", "worker"].map(|kind| ("Sec-Fetch-Dest", kind));
        for header in std::iter::once(("Service-Worker", "script")).chain(kinds) {
            let worker = get(&server, place, &[header]);
            let found = (worker.status(), worker.json()["code"].as_str().map(str::to_owned));
            assert_eq!(found, (403, Some("service_worker_refused".to_owned())), "{place} {header:?}");
            assert_eq!(worker.header("content-security-policy").map(|policy| policy.contains("sandbox")), Some(true));
        }
    }
    assert_eq!(get(&server, path(&url), &[("Sec-Fetch-Dest", "document")]).status(), 200);
    // What the API answers is no page either, and nobody keeps it.
    let api = get(&server, "/api/openapi.json", &[]);
    assert!(api.header("content-security-policy").unwrap().contains("sandbox"));
    assert_eq!(api.header("cache-control"), Some("no-store"));
    assert!(api.header("permissions-policy").unwrap().contains("camera=()"));
    let interface = get(&server, "/", &[]);
    assert!(interface.header("content-security-policy").unwrap().contains("script-src 'self'"));
    assert_eq!(interface.header("cross-origin-opener-policy"), Some("same-origin"));
    assert_eq!(interface.header("strict-transport-security"), None, "there is no https here");
}

/// What a Response names and no answer can have is said in the history of the run, or the action fails.
#[test]
fn headers_that_are_not_sent_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let answered = |headers: &Value| {
        let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": {"Answer": {"type": "Response",
            "inputs": {"statusCode": 200, "headers": headers, "body": "x"}}}});
        let flow = server.post("/api/flows", &json!({"name": "Answer", "definition": definition}));
        let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
        let answer = http(&server.address, "POST", path(&url), &[], b"");
        let run = answer.header("x-ms-workflow-run-id").map(str::to_owned);
        let runs = format!("/api/runs?flow={}&kind=flow", flow["id"].as_str().unwrap());
        let run = run.unwrap_or_else(|| server.get(&runs)["items"][0]["id"].as_str().unwrap().to_owned());
        let action = support::eventually("the end of the run", || {
            let run = server.get(&format!("/api/runs/{run}"));
            run["ended_at"].is_string().then(|| run["actions"][0].clone())
        });
        (answer, action)
    };
    let (answer, action) = answered(&json!({"Set-Cookie": "a=b", "Connection": "upgrade", "X-Kept": "Käse"}));
    assert_eq!(answer.status(), 200);
    assert_eq!((answer.header("set-cookie"), answer.header("x-kept")), (None, Some("Käse")));
    assert_eq!(action["status"], "Succeeded");
    assert_eq!(action["removed_headers"], json!(["Set-Cookie", "Connection"]), "{action}");
    assert_eq!(action["outputs"]["headers"], json!({"X-Kept": "Käse"}), "{action}");
    for (name, value) in [("X Y", "1"), ("X-Y", "1\r\nSet-Cookie: a=b")] {
        let (answer, action) = answered(&json!({name: value}));
        assert_eq!((answer.status(), answer.header("set-cookie")), (502, None), "{name}");
        let told = action["error"]["message"].as_str().unwrap();
        assert!(action["status"] == "Failed" && told.contains(name), "{action}");
    }
}

#[test]
fn flows_have_a_host_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--public-url", "https://app.example.test", "--hooks-url", "https://hooks.example.test"];
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &flags);
    server.set_up();
    let url = page_flow(&server);
    assert!(url.starts_with("https://hooks.example.test/workflows/"), "{url}");
    let at = |host: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        support::raw(&server.address, request.as_bytes())
    };
    assert_eq!(at("hooks.example.test", path(&url)).status(), 200);
    assert_eq!(at("hooks.example.test", "/health/live").status(), 200);
    for own in ["/", "/api/openapi.json", "/assets/x.js", "/docs/errors/not_found"] {
        assert_eq!(at("HOOKS.example.test:443", own).status(), 404, "{own}");
    }
    let moved = at("app.example.test", path(&url));
    assert_eq!((moved.status(), moved.header("location")), (308, Some(url.as_str())));
    assert_eq!(at("app.example.test", "/api/openapi.json").status(), 200);
    // Webhooks that services know under the old address still arrive.
    assert_eq!(at("app.example.test", "/callback/nobody").status(), 404);
    let page = at("app.example.test", "/");
    assert_eq!(page.header("strict-transport-security"), Some("max-age=31536000"));
    assert_eq!(server.get("/api/about")["hooks_url"], "https://hooks.example.test");
    // The same host with another port would share the cookies.
    let shared = ["--public-url", "https://app.example.test", "--hooks-url", "https://app.example.test:8443"];
    let refused = Server::try_start(&folder.path().join("other"), "127.0.0.1:0", &shared).err().unwrap();
    assert!(refused.contains("host name of its own"), "{refused}");
}
