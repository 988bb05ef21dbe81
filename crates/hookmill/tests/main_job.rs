//! The main job with the real binary, a stand-in for GitHub, and a push service that decrypts with other people's code.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};
use serde_json::{Value, json};
use support::{
    Answer, Server, Service, callback, event_headers, eventually, forge_file, http, notify, push_payload, text, trigger,
};

const SECRET: &str = "ghp_0123456789abcdef-secret";
/// `ada` and the secret, as basic authentication writes them.
const BASIC: &str = "Basic YWRhOmdocF8wMTIzNDU2Nzg5YWJjZGVmLXNlY3JldA==";
const PNG: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0d\x49\x44\x41\x54\x78\x9c\x63\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99\x3d\x1d\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// A service like GitHub: webhooks need basic authentication and JSON; each gets a number.
fn forge() -> Service {
    let next = AtomicU32::new(7);
    Service::start(move |call, own| match call.method() {
        _ if call.header("authorization") != Some(BASIC) => {
            Answer::new("401 Unauthorized", &json!({"message": "Bad credentials"}))
        }
        "POST" if call.path().contains("/missing/") => Answer::new("404 Not Found", &json!({"message": "Not Found"})),
        "POST" if call.path().contains("/wrong/") => {
            Answer::new("422 Unprocessable Entity", &json!({"message": "Validation Failed"}))
        }
        "POST" if call.path().contains("/slow/") => {
            let mut answer = Answer::new("201 Created", &json!({"id": 1}));
            answer.delay = Duration::from_secs(4);
            answer
        }
        "POST" if call.path().ends_with("/hooks") => {
            let id = next.fetch_add(1, Ordering::SeqCst);
            let location = format!("http://{own}{}/{id}", call.path());
            Answer::new("201 Created", &json!({"id": id, "type": "Repository"})).with("Location", location)
        }
        "DELETE" => Answer::new("204 No Content", &Value::Null),
        "GET" => Answer::new("200 OK", &json!([{"name": "Hello-World"}])),
        _ => Answer::new("405 Method Not Allowed", &Value::Null),
    })
}

struct World {
    server: Server,
    forge: Service,
    connector: String,
    connection: String,
    folder: tempfile::TempDir,
}

impl World {
    /// Steps 2 and 3: the connector with an icon and chosen security, the connection.
    fn new() -> Self {
        Self::with(tempfile::tempdir().unwrap(), &[])
    }

    fn with(folder: tempfile::TempDir, flags: &[&str]) -> Self {
        let forge = forge();
        let flags = [&["--service-wait", "2"], flags].concat();
        let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &flags);
        server.set_up();
        let icon = folder.path().join("icon.png");
        std::fs::write(&icon, PNG).unwrap();
        let connector = import(&server, &forge_file(folder.path()), &forge.address, "http", &icon);
        let connection = connection(&server, &connector);
        Self { server, forge, connector, connection, folder }
    }

    fn flow(&self, name: &str, trigger: &Value, actions: &Value) -> Value {
        json!({"name": name, "definition": {"triggers": trigger, "actions": actions},
            "connections": {"shared_forge": {"connection_id": self.connection}}})
    }

    fn runs(&self, flow: &str) -> Vec<Value> {
        let page = self.server.get(&format!("/api/runs?flow={flow}"));
        page["items"].as_array().unwrap().clone()
    }
}

fn import(server: &Server, file: &Path, host: &str, scheme: &str, icon: &Path) -> String {
    let security = r#"{"type":"basic","username_label":"User name","password_label":"Password"}"#;
    server.done(&[
        "connector",
        "import",
        file.to_str().unwrap(),
        "--authentication",
        security,
        "--host",
        host,
        "--scheme",
        scheme,
        "--icon",
        icon.to_str().unwrap(),
    ])
}

fn connection(server: &Server, connector: &str) -> String {
    let made = Command::new(support::BINARY)
        .args(["connection", "create", "--connector", connector, "--name", "mine", "--username", "ada"])
        .env("HOOKMILL_URL", format!("http://{}", server.address))
        .env("HOOKMILL_TOKEN", &server.token)
        .env("HOOKMILL_PASSWORD", SECRET)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    text(&made.stdout).trim().to_owned()
}

/// Every file below a folder, as bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

fn contains(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

fn actions() -> Value {
    json!({
        "Is_main": {"type": "If", "expression": {"equals": ["@triggerBody()?['ref']", "refs/heads/main"]}, "actions": {
            "Text": {"type": "Compose", "inputs": "@{triggerBody()?['pusher']?['name']} pushed to @{triggerBody()?['repository']?['full_name']}"}},
            "else": {"actions": {"Stop": {"type": "Terminate", "inputs": {"runStatus": "Cancelled"}}}}},
        "Repositories": {"type": "OpenApiConnection", "runAfter": {"Is_main": ["Succeeded"]}, "inputs": {
            "host": {"connectionName": "shared_forge", "operationId": "userRepos", "apiId": "/apis/shared_forge"}, "parameters": {}}},
        "Notify": notify("@outputs('Text')", &json!({"Repositories": ["Succeeded"]}))
    })
}

#[test]
fn a_push_at_the_service_becomes_a_run_and_a_notification() {
    from_push_to_notification(&World::new());
}

#[test]
fn a_database_server_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::start(folder.path(), &ClusterOptions::default()).unwrap() else { return };
    let address = cluster.address(&cluster.database().unwrap());
    from_push_to_notification(&World::with(folder, &["--store", &address]));
}

fn from_push_to_notification(world: &World) {
    let server = &world.server;

    // The connector has the chosen security, whatever the file declares, its operations, and the icon.
    let connector = server.get(&format!("/api/connectors/{}", world.connector));
    assert_eq!(
        connector["authentication"],
        json!({"type": "basic", "username_label": "User name", "password_label": "Password"})
    );
    let webhook = connector["operations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|own| own["operation_id"] == "webhook-trigger")
        .unwrap();
    assert_eq!((&webhook["role"], &webhook["trigger_kind"]), (&json!("trigger"), &json!("webhook")));
    assert_eq!(webhook["callback"]["path"], json!(["config", "url"]));
    let bearer = format!("Bearer {}", server.token);
    let icon_path = format!("/api/connectors/{}/icon", world.connector);
    let icon = http(&server.address, "GET", &icon_path, &[("Authorization", &bearer)], &[]);
    // It is decoded and written anew.
    assert_eq!((icon.header("content-type"), &icon.body[..8]), (Some("image/png"), &PNG[..8]));
    let svg = http(
        &server.address,
        "PUT",
        &icon_path,
        &[("Authorization", &bearer)],
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    );
    assert_eq!((svg.status(), svg.json()["code"].as_str()), (415, Some("icon_type")));
    let large =
        http(&server.address, "PUT", &icon_path, &[("Authorization", &bearer)], &[PNG, &vec![0; 1024 * 1024]].concat());
    assert_eq!(large.status(), 413);

    // What is in use is not deleted, and says by whom.
    let (status, refused) = server.call("DELETE", &format!("/api/connectors/{}", world.connector), &Value::Null);
    assert_eq!((status, &refused["used_by"][0]["name"]), (409, &json!("mine")));
    let exported = server.done(&["connector", "export", &world.connector]);
    assert!(exported.contains("webhook-trigger"), "{exported}");

    // Creating the flow creates the webhook.
    let made = server.post("/api/flows", &world.flow("Pushes", &trigger("Hello-World"), &actions()));
    let flow = made["id"].as_str().unwrap().to_owned();
    assert_eq!((&made["state"], &made["webhook"]["state"]), (&json!("on"), &json!("live")), "{made}");
    let creation = world.forge.last("POST");
    assert_eq!(creation.path(), "/repos/octo%20cat/Hello-World/hooks");
    assert_eq!(creation.header("content-type").map(|kind| kind.starts_with("application/json")), Some(true));
    let body = creation.json();
    assert_eq!((&body["name"], &body["active"], &body["events"]), (&json!("web"), &json!(true), &json!(["push"])));
    assert_eq!(body["config"]["content_type"], "json");
    let door = callback(&world.forge);
    assert!(door.len() >= "/callback/".len() + 22, "128 bits at least: {door}");
    assert_eq!(
        made["webhook"]["location"],
        format!("http://{}/repos/octo%20cat/Hello-World/hooks/7", world.forge.address)
    );

    // The first entry of the history is the creation, without secrets and without the unguessable address.
    let first = world.runs(&flow).remove(0);
    assert_eq!((&first["kind"], &first["status"]), (&json!("create_webhook"), &json!("Succeeded")));
    let entry = server.get(&format!("/api/runs/{}", first["id"].as_str().unwrap()));
    assert_eq!(entry["response"]["statusCode"], 201);
    assert!(!entry.to_string().contains(SECRET) && !entry.to_string().contains(&door), "{entry}");

    // The service pings, then notifies.
    let ping =
        http(&server.address, "POST", &door, &event_headers("ping", "d-0"), br#"{"zen":"Keep it logically awesome."}"#);
    assert_eq!(ping.status(), 202);
    let answer = http(&server.address, "POST", &door, &event_headers("push", "d-1"), &push_payload());
    assert_eq!(answer.status(), 202);
    let again = http(&server.address, "POST", &door, &event_headers("push", "d-1"), &push_payload());
    assert_eq!(again.status(), 202, "a delivery that comes twice is taken once");
    let run = eventually("the run's end", || {
        let runs = world.runs(&flow);
        runs.iter().find(|run| run["kind"] == "flow" && run["ended_at"].is_string()).cloned()
    });
    assert_eq!(run["status"], "Succeeded", "{run}");
    assert_eq!(world.runs(&flow).len(), 2);
    let detail = server.get(&format!("/api/runs/{}", run["id"].as_str().unwrap()));
    let action =
        |name: &str| detail["actions"].as_array().unwrap().iter().find(|own| own["name"] == name).unwrap().clone();
    assert_eq!(action("Is_main")["branch"], "true");
    assert_eq!(action("Text")["outputs"], "Codertocat pushed to Codertocat/Hello-World");
    assert_eq!(action("Repositories")["outputs"]["body"][0]["name"], "Hello-World");
    assert_eq!((&action("Notify")["status"], &action("Stop")["status"]), (&json!("Succeeded"), &json!("Skipped")));
    assert!(action("Notify")["started_at"].is_string() && action("Notify")["ended_at"].is_string());
    assert_eq!(detail["trigger"]["outputs"]["headers"]["x-github-event"], "push");
    assert!(!detail.to_string().contains(SECRET));
    let inbox = server.get("/api/notifications");
    assert_eq!(inbox["items"][0]["text"], "Codertocat pushed to Codertocat/Hello-World");
    assert_eq!(inbox["items"][0]["link"]["label"], "See the changes");
    let listed = server.done(&["run", "list", "--flow", &flow]);
    // A heading, the run, the creation of the webhook.
    assert_eq!(listed.lines().count(), 3, "{listed}");

    // What is broken JSON is taken as text: the service did call.
    let broken = http(&server.address, "POST", &door, &event_headers("push", "d-2"), b"{\"ref\": ");
    assert_eq!(broken.status(), 202);
    eventually("the run of the broken event", || {
        world.runs(&flow).iter().filter(|run| run["kind"] == "flow" && run["ended_at"].is_string()).nth(1).cloned()
    });

    // Changed actions keep the webhook; a changed trigger renews it.
    let calls = world.forge.calls().len();
    let kept = world.flow("Pushes", &trigger("Hello-World"), &json!({"Say": {"type": "Compose", "inputs": 1}}));
    let (status, saved) = server.call("PUT", &format!("/api/flows/{flow}"), &kept);
    assert_eq!((status, &saved["webhook"]["generation"]), (200, &json!(1)), "{saved}");
    assert_eq!(world.forge.calls().len(), calls);
    let (status, saved) =
        server.call("PUT", &format!("/api/flows/{flow}"), &world.flow("Pushes", &trigger("docs"), &json!({})));
    assert_eq!((status, &saved["webhook"]["generation"]), (200, &json!(2)), "{saved}");
    assert_eq!(
        world.forge.lines()[calls..],
        ["DELETE /repos/octo%20cat/Hello-World/hooks/7", "POST /repos/octo%20cat/docs/hooks"]
    );
    let renewed = callback(&world.forge);
    assert_ne!(door, renewed);
    assert_eq!(http(&server.address, "POST", &door, &event_headers("push", "d-3"), b"{}").status(), 410);
    assert_eq!(http(&server.address, "POST", "/callback/nobody-knows-this-one", &[], b"{}").status(), 404);
    assert_eq!(http(&server.address, "POST", &renewed, &[], &vec![b' '; 10 * 1024 * 1024 + 1]).status(), 413);

    // Another connection renews it as well, and the old one is deleted with the old credentials.
    let other = connection(server, &world.connector);
    let mut form = world.flow("Pushes", &trigger("docs"), &json!({}));
    form["connections"]["shared_forge"]["connection_id"] = json!(other);
    assert_eq!(server.call("PUT", &format!("/api/flows/{flow}"), &form).1["webhook"]["generation"], 3);

    // Off, on, deleted.
    server.done(&["flow", "off", &flow]);
    assert_eq!(world.forge.lines().last().unwrap(), "DELETE /repos/octo%20cat/docs/hooks/9");
    server.done(&["flow", "on", &flow]);
    assert_eq!(world.forge.lines().last().unwrap(), "POST /repos/octo%20cat/docs/hooks");
    server.done(&["flow", "delete", &flow]);
    assert_eq!(world.forge.lines().last().unwrap(), "DELETE /repos/octo%20cat/docs/hooks/10");
    assert!(world.runs(&flow).len() > 5, "the history stays");

    // Nothing that is stored or logged has the secret.
    let stored = files(&world.folder.path().join("data"));
    let leaks: Vec<_> = stored.iter().filter(|(_, bytes)| contains(bytes, SECRET)).map(|(name, _)| name).collect();
    assert!(leaks.is_empty() && !server.logged().contains(SECRET), "{leaks:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let keys = stored.iter().filter(|(name, _)| name.ends_with(".key"));
        let modes: Vec<u32> =
            keys.map(|(name, _)| std::fs::metadata(name).unwrap().permissions().mode() & 0o777).collect();
        assert_eq!(modes, [0o600]);
    }
    let shown =
        server.get("/api/connections").to_string() + &server.get(&format!("/api/connections/{other}")).to_string();
    assert!(!shown.contains(SECRET), "{shown}");
}

#[test]
fn a_refused_creation_is_kept_with_what_to_do() {
    let world = World::new();
    let server = &world.server;
    let secure = import(
        server,
        &forge_file(world.folder.path()),
        &world.forge.address,
        "https",
        &world.folder.path().join("icon.png"),
    );
    let secure = connection(server, &secure);
    let unknown = server.post(
        "/api/connections",
        &json!({"connector_id": world.connector, "name": "wrong", "username": "ada", "password": "some-other-token"}),
    );
    let unknown = unknown["id"].as_str().unwrap().to_owned();
    // Repository, connection, what the history must say, and a word of the advice.
    let cases = [
        ("missing", &world.connection, "404", "admin:repo_hook"),
        ("wrong", &world.connection, "422", ""),
        ("any", &unknown, "401", "connection"),
        ("any", &secure, "TLS handshake", ""),
    ];
    for (repo, connection, said, advice) in cases {
        let mut form = world.flow(repo, &trigger(repo), &json!({}));
        form["connections"]["shared_forge"]["connection_id"] = json!(connection);
        let made = server.post("/api/flows", &form);
        assert_eq!((&made["state"], &made["webhook"]["state"]), (&json!("off"), &json!("failed")), "{made}");
        let code = made["problem"]["code"].as_str().unwrap();
        assert_eq!(code, if said.parse::<u16>().is_ok() { "webhook_refused" } else { "service_unreachable" });
        let hint = made["problem"]["hint"].as_str().unwrap_or_default();
        assert!(!hint.is_empty() && hint.contains(advice), "{repo}: {hint}");
        let runs = world.runs(made["id"].as_str().unwrap());
        assert_eq!((runs.len(), &runs[0]["kind"], &runs[0]["status"]), (1, &json!("create_webhook"), &json!("Failed")));
        let entry = server.get(&format!("/api/runs/{}", runs[0]["id"].as_str().unwrap()));
        let shown = entry.to_string();
        assert!(shown.contains(said), "{repo}: {shown}");
        assert!(shown.contains("/repos/octo%20cat/"), "the request is shown: {shown}");
        assert!(
            !shown.contains(SECRET) && !shown.contains("some-other-token") && !shown.contains(&BASIC["Basic ".len()..]),
            "{shown}"
        );
    }
    // A service that does not answer in time may have created it: that is no refusal.
    let made = server.post("/api/flows", &world.flow("slow", &trigger("slow"), &json!({})));
    assert_eq!((&made["state"], &made["webhook"]["state"]), (&json!("on"), &json!("creating")), "{made}");
    assert!(made["webhook"]["warning"].as_str().unwrap().contains("within"), "{made}");
    assert!(made["webhook"]["retry_at"].is_string(), "{made}");
}

#[test]
fn a_deletion_that_fails_is_tried_again_across_a_restart() {
    let world = World::new();
    let gone = Arc::new(AtomicU32::new(0));
    let times = Arc::clone(&gone);
    // This service refuses the first deletion; the next finds nothing, which is as good as done.
    let stubborn = Service::start(move |call, own| match call.method() {
        "DELETE" => match times.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::new("500 Internal Server Error", &json!({"message": "later"})),
            _ => Answer::new("404 Not Found", &Value::Null),
        },
        _ => Answer::new("201 Created", &json!({"id": 7})).with("Location", format!("http://{own}{}/7", call.path())),
    });
    let icon = world.folder.path().join("icon.png");
    let connector = import(&world.server, &forge_file(world.folder.path()), &stubborn.address, "http", &icon);
    let connection = connection(&world.server, &connector);
    let mut form = world.flow("Stubborn", &trigger("x"), &json!({}));
    form["connections"]["shared_forge"]["connection_id"] = json!(connection);
    let made = world.server.post("/api/flows", &form);
    let flow = made["id"].as_str().unwrap().to_owned();
    let off = world.server.post(&format!("/api/flows/{flow}/off"), &Value::Null);
    assert_eq!(off["webhook"]["state"], "deleting", "{off}");
    assert!(off["webhook"]["retry_at"].is_string(), "the next try is visible: {off}");
    let World { server, folder, .. } = world;
    let (address, token) = (server.address.clone(), server.token.clone());
    server.kill();
    let mut server = Server::start(&folder.path().join("data"), &address, &[]);
    server.token = token;
    eventually("the deletion", || {
        (server.get(&format!("/api/flows/{flow}"))["webhook"]["state"] == "gone").then_some(())
    });
    assert_eq!(gone.load(Ordering::SeqCst), 2);
}

/// A service that gives no `Location`: the delete operation and the identifier in the answer say how it is deleted.
#[test]
fn without_location_the_document_says_how_to_delete() {
    let folder = tempfile::tempdir().unwrap();
    let other = Service::start(|_, _| Answer::new("200 OK", &Value::Null));
    let elsewhere = format!("http://{}/api/elsewhere/9", other.address);
    let board = Service::start(move |call, _| match (call.method(), call.path()) {
        (_, _) if call.header("x-api-key") != Some(SECRET) => Answer::new("403 Forbidden", &Value::Null),
        ("POST", "/v2/boards/b%2F1/subscriptions") => {
            Answer::new("200 OK", &json!({"subscription": {"id": "s-1"}, "id": "s-1"}))
        }
        ("POST", "/v2/boards/away/subscriptions") => {
            Answer::new("201 Created", &Value::Null).with("Location", elsewhere.clone())
        }
        ("DELETE", _) => Answer::new("204 No Content", &Value::Null),
        _ => Answer::new("404 Not Found", &Value::Null),
    });
    let document = json!({"swagger": "2.0", "info": {"title": "Board", "version": "1"}, "host": board.address, "basePath": "/v2", "schemes": ["http"],
        "paths": {
            "/boards/{board}/subscriptions": {
                "x-ms-notification-content": {"schema": {"type": "object"}},
                "post": {"operationId": "Subscribe", "x-ms-trigger": "single", "summary": "Card moved", "responses": {"200": {"description": "ok"}},
                    "parameters": [{"name": "board", "in": "path", "required": true, "type": "string"},
                        {"name": "body", "in": "body", "schema": {"type": "object", "properties": {"target": {"type": "string", "x-ms-notification-url": true, "x-ms-visibility": "internal"}}}}]}},
            "/boards/{board}/subscriptions/{id}": {"delete": {"operationId": "Unsubscribe", "responses": {"204": {"description": "ok"}},
                "parameters": [{"name": "board", "in": "path", "required": true, "type": "string"}, {"name": "id", "in": "path", "required": true, "type": "string"}]}}}});
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let security = json!({"type": "api_key", "in": "header", "name": "X-Api-Key", "label": "Key"});
    let connector =
        server.post("/api/connectors", &json!({"document": document, "settings": {"authentication": security}}));
    let connection =
        server.post("/api/connections", &json!({"connector_id": connector["id"], "name": "board", "api_key": SECRET}));
    let form = |board: &str| {
        json!({"name": board, "connections": {"board": {"connection_id": connection["id"]}}, "definition": {"actions": {}, "triggers": {
        "Card_moved": {"type": "ApiConnectionWebhook", "inputs": {"host": {"connection": {"name": "@parameters('$connections')['board']['connectionId']"}},
            "path": "/boards/@{encodeURIComponent('".to_owned() + board + "')}/subscriptions", "body": {"target": "@listCallbackUrl()"}}}}}})
    };
    let made = server.post("/api/flows", &form("b/1"));
    assert_eq!(made["webhook"]["state"], "live", "{made}");
    assert!(board.last("POST").json()["target"].as_str().unwrap().contains("/callback/"));
    server.post(&format!("/api/flows/{}/off", made["id"].as_str().unwrap()), &Value::Null);
    assert_eq!(board.lines().last().unwrap(), "DELETE /v2/boards/b%2F1/subscriptions/s-1");

    // A Location on another host never gets the credentials; where it does not fit the delete operation, the flow says so.
    let made = server.post("/api/flows", &form("away"));
    assert_eq!(made["webhook"]["state"], "live", "{made}");
    assert!(made["webhook"]["warning"].is_string(), "{made}");
    server.post(&format!("/api/flows/{}/off", made["id"].as_str().unwrap()), &Value::Null);
    assert!(other.calls().is_empty(), "{:?}", other.lines());
}

/// Runs the check with Node, which installs its one dependency into the target folder.
fn node(argument: &str, input: &Value) -> Value {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web-push");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("web-push");
    std::fs::create_dir_all(&target).unwrap();
    for name in ["package.json", "package-lock.json", "check.mjs"] {
        std::fs::copy(source.join(name), target.join(name)).unwrap();
    }
    if !target.join("node_modules/http_ece").exists() {
        let made = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&target).output().unwrap();
        assert!(made.status.success(), "npm ci: {}", text(&made.stderr));
    }
    let mut child = Command::new("node")
        .args(["check.mjs", argument])
        .current_dir(&target)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.to_string().as_bytes()).unwrap();
    let made = child.wait_with_output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    serde_json::from_slice(&made.stdout).unwrap()
}

#[test]
fn a_device_gets_a_message_that_only_it_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let busy = AtomicU32::new(0);
    let push_service = Service::start(move |call, _| match call.path() {
        "/gone" => Answer::new("410 Gone", &Value::Null),
        // The first message is to be sent again.
        _ if busy.fetch_add(1, Ordering::SeqCst) == 0 => {
            Answer::new("429 Too Many Requests", &Value::Null).with("Retry-After", "1")
        }
        _ => Answer::new("201 Created", &Value::Null),
    });
    let mut server =
        Server::start(&folder.path().join("data"), "127.0.0.1:0", &["--public-url", "https://mill.example.org"]);
    server.set_up();
    let keys = node("keys", &Value::Null);
    let device = |path: &str| json!({"name": "phone", "endpoint": format!("http://{}{path}", push_service.address), "keys": {"p256dh": keys["p256dh"], "auth": keys["auth"]}});
    server.post("/api/devices", &device("/phone"));
    server.post("/api/devices", &device("/gone"));
    let actions = json!({"Notify": {"type": "OpenApiConnection", "inputs": {
        "host": {"connectionName": "shared_flowpush", "operationId": "SendNotification", "apiId": "/apis/shared_flowpush"},
        "parameters": {"NotificationDefinition/notificationText": "Grüße von @{triggerBody()?['who']}", "NotificationDefinition/notificationLink/uri": "https://example.org/x"}}}});
    let flow = server.post(
        "/api/flows",
        &json!({"name": "Hello", "definition": {"triggers": {"manual": {"type": "Request"}}, "actions": actions}}),
    );
    server.post(&format!("/api/flows/{}/run", flow["id"].as_str().unwrap()), &json!({"body": {"who": "Ada"}}));
    let message = eventually("the second try of the message", || {
        push_service.calls().into_iter().filter(|call| call.path() == "/phone").nth(1)
    });
    assert_eq!((message.method(), message.header("content-encoding")), ("POST", Some("aes128gcm")));
    assert!(message.header("ttl").is_some());
    assert!(!contains(&message.body, "Ada"), "the message is encrypted");
    let body = base64(&message.body);
    let opened = node(
        "open",
        &json!({"private": keys["private"], "auth": keys["auth"], "body": body, "authorization": message.header("authorization")}),
    );
    assert_eq!(opened["payload"]["text"], "Grüße von Ada");
    assert_eq!(opened["payload"]["link"], "https://example.org/x");
    assert_eq!(opened["claims"]["aud"], format!("http://{}", push_service.address));
    assert_eq!(opened["claims"]["key"], server.get("/api/push/key")["public_key"]);
    eventually("the removal of the device that is gone", || {
        (server.get("/api/devices")["items"].as_array().unwrap().len() == 1).then_some(())
    });
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = usize::try_from((word >> (18 - 6 * at)) & 63).unwrap();
            text.push(if at <= chunk.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    text
}
