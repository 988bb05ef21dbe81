//! Secrets are put into every place that takes one, and looked for in everything that comes out: answers, live updates,
//! logs of all levels, exports, backups, and the bytes of the data folder.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{Answer, Message, SETUP_TOKEN, Server, Service, eventually, hookmill, http, text};

const OWNERS_PASSWORD: &str = "canary-of-the-owners-password-01";
const CONNECTION: &str = "canary-password-of-a-connection-02";
const API_KEY: &str = "canary-api-key-of-a-connection-03";
const CLIENT: &str = "canary-client-secret-of-oauth-04";
const INLINE: &str = "canary-inline-authentication-05";
const HEADER: &str = "canary-key-in-a-literal-header-06";
const GIVEN: &str = "canary-given-secure-parameter-07";
const DEFAULT: &str = "canary-default-secure-parameter-08";
const WEBHOOK: &str = "canary-secret-of-a-webhook-09";
const AUTHORIZATION: &str = "canary-authorization-of-a-caller-10";
const COOKIE: &str = "canary-cookie-of-a-caller-11";
const TRIGGER: &str = "canary-in-a-secured-trigger-12";
const OUTPUT: &str = "canary-in-secured-outputs-13";
const INPUT: &str = "canary-in-secured-inputs-14";
const MAIL: &str = "canary-password-of-the-mail-server-15";
const GUESS: &str = "canary-guess-of-a-password-16";

/// Which secrets a text shows, in any spelling.
struct Canaries(Vec<(String, Vec<Vec<u8>>)>);

impl Canaries {
    fn new() -> Self {
        let mut canaries = Self(Vec::new());
        for secret in [
            OWNERS_PASSWORD,
            CONNECTION,
            API_KEY,
            CLIENT,
            INLINE,
            HEADER,
            GIVEN,
            DEFAULT,
            WEBHOOK,
            AUTHORIZATION,
            COOKIE,
            TRIGGER,
            OUTPUT,
            INPUT,
            MAIL,
            GUESS,
            SETUP_TOKEN,
        ] {
            canaries.add(secret);
        }
        canaries
    }

    fn add(&mut self, secret: &str) {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut spellings = vec![secret.to_owned(), hex.to_uppercase(), hex];
        // The characters in the middle, wherever the secret stands in what is encoded.
        for shift in 0..3 {
            let encoded = STANDARD.encode([&b"xx"[..shift], secret.as_bytes()].concat());
            spellings.push(encoded[4..encoded.len() - 4].to_owned());
        }
        self.0.push((secret.to_owned(), spellings.into_iter().map(String::into_bytes).collect()));
    }

    fn found(&self, bytes: &[u8]) -> Vec<&str> {
        let stands = |spelling: &Vec<u8>| bytes.windows(spelling.len()).any(|window| window == &spelling[..]);
        self.0.iter().filter(|(_, spellings)| spellings.iter().any(stands)).map(|(secret, _)| &**secret).collect()
    }

    fn none_in(&self, what: &str, bytes: &[u8]) {
        let found = self.found(bytes);
        if !found.is_empty() {
            let text = String::from_utf8_lossy(bytes);
            let at = text.find(found[0]).unwrap_or(0);
            let around: String = text.chars().skip(at.saturating_sub(300)).take(700).collect();
            panic!("{what} shows {found:?}: {around}");
        }
    }

    /// Searches for many spellings at once: the files are megabytes.
    fn none_in_folder(&self, folder: &Path) -> u64 {
        let patterns: Vec<&[u8]> = self.0.iter().flat_map(|(_, all)| all.iter().map(Vec::as_slice)).collect();
        let search = aho_corasick::AhoCorasick::new(&patterns).unwrap();
        let mut looked_at = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().unwrap() == "master.key" {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            looked_at += bytes.len() as u64;
            if let Some(found) = search.find(&bytes) {
                let which = String::from_utf8_lossy(patterns[found.pattern().as_usize()]).into_owned();
                let around = &bytes[found.start().saturating_sub(200)..(found.end() + 100).min(bytes.len())];
                panic!("{} holds {which}: {}", path.display(), String::from_utf8_lossy(around));
            }
        }
        looked_at
    }
}

#[test]
fn the_search_finds_what_is_planted() {
    let canaries = Canaries::new();
    for text in [format!("a {INLINE} b"), STANDARD.encode(format!("user:{INLINE}")), STANDARD.encode(INLINE)] {
        assert_eq!(canaries.found(text.as_bytes()), [INLINE], "{text}");
    }
    assert!(canaries.found(b"nothing").is_empty());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), format!("x{MAIL}")).unwrap();
    let search = std::panic::catch_unwind(|| Canaries::new().none_in_folder(folder.path()));
    assert!(search.is_err());
}

/// A connector whose operations want what `security` says.
fn document(service: &str, security: &Value) -> Value {
    json!({"swagger": "2.0", "info": {"title": "Forge", "version": "1.0"}, "host": service, "basePath": "/", "schemes": ["http"],
        "securityDefinitions": {"own": security}, "security": [{"own": []}],
        "paths": {"/me": {"get": {"operationId": "Me", "summary": "Me", "responses": {"200": {"description": "OK", "schema": {"type": "object"}}}}}}})
}

fn connector(server: &Server, service: &str, security: &Value, settings: &Value) -> String {
    let made = server.post(
        "/api/connectors",
        &json!({
        "document": document(service, security), "settings": settings,
        "client_secret": if settings == &json!({}) { Value::Null } else { CLIENT.into() }}),
    );
    made["id"].as_str().unwrap().to_owned()
}

/// The service answers with what it got, as debugging ones do.
fn echo() -> Service {
    Service::start(|call: &Message, _: &str| {
        let headers: serde_json::Map<String, Value> =
            call.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let secret = if call.path().starts_with("/secured") { OUTPUT } else { "plain" };
        Answer::new("200 OK", &json!({"headers": headers, "body": body, "own": secret}))
            .with("Set-Cookie", format!("own={COOKIE}"))
    })
}

fn definition(service: &str) -> Value {
    let url = |path: &str| format!("http://{service}{path}");
    let after = |name: &str| json!({name: ["Succeeded", "Failed", "TimedOut", "Skipped"]});
    json!({
        "parameters": {"given": {"type": "SecureString"}, "fixed": {"type": "SecureObject", "defaultValue": {"key": DEFAULT}},
            "$connections": {"type": "Object", "defaultValue": {}}},
        "triggers": {"T": {"type": "Request", "kind": "Http", "operationOptions": "IncludeAuthorizationHeadersInOutputs",
            "metadata": {"runSummary": ["@parameters('given')", "@triggerOutputs()?['headers']?['Authorization']", "@base64(concat('user:',parameters('given')))"]},
            "inputs": {"x-hookmill-preset": "gitlab", "x-hookmill-secret": WEBHOOK}}},
        "actions": {
            "Echo": {"type": "Compose", "inputs": "@triggerOutputs()"},
            "Plain": {"type": "Compose", "inputs": "@parameters('given')", "runAfter": {}},
            "Sixty": {"type": "Compose", "inputs": "@base64(concat('user:',parameters('fixed')['key']))"},
            "Keep": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "v", "type": "string", "value": "@concat('x',parameters('given'))"}]}},
            "Wrong": {"type": "Compose", "inputs": "@int(parameters('given'))"},
            "Call": {"type": "Http", "inputs": {"method": "POST", "uri": url("/inline"), "headers": {"X-Api-Key": HEADER},
                "body": "@parameters('given')", "authentication": {"type": "Basic", "username": "octo", "password": INLINE}}},
            "Connected": {"type": "OpenApiConnection", "inputs": {"host": {"connectionName": "shared_basic", "operationId": "Me", "apiId": "/apis/shared_basic"}, "parameters": {}}},
            "Keyed": {"type": "OpenApiConnection", "inputs": {"host": {"connectionName": "shared_key", "operationId": "Me", "apiId": "/apis/shared_key"}, "parameters": {}}},
            "Secured": {"type": "Http", "inputs": {"method": "POST", "uri": url("/secured"), "body": "@concat('canary-in-', triggerBody()?['rest'])"},
                "runtimeConfiguration": {"secureData": {"properties": ["inputs", "outputs"]}}},
            "Reads": {"type": "Compose", "inputs": "@body('Secured')", "runAfter": after("Secured")},
            "Refused": {"type": "Http", "runAfter": after("Call"), "inputs": {"method": "GET", "uri": "http://localhost:1/@{parameters('given')}", "retryPolicy": {"type": "none"}}},
            "Answer": {"type": "Response", "runAfter": after("Reads"), "inputs": {"statusCode": 200, "body": "done"}}
        },
        "outputs": {"o": {"type": "string", "value": "@base64(parameters('given'))"}}
    })
}

/// Reads live updates until it is dropped.
fn live_updates(server: &Server) -> Arc<Mutex<Vec<u8>>> {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let request = format!(
        "GET /api/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        server.address, server.token
    );
    stream.write_all(request.as_bytes()).unwrap();
    let got: Arc<Mutex<Vec<u8>>> = Arc::default();
    let own = Arc::clone(&got);
    std::thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok(read @ 1..) = stream.read(&mut bytes) {
            own.lock().unwrap().extend_from_slice(&bytes[..read]);
        }
    });
    got
}

fn set_up(server: &mut Server, canaries: &mut Canaries) {
    let url = format!("http://{}", server.address);
    let made = hookmill(
        &[
            "setup",
            "--url",
            &url,
            "--setup-token",
            SETUP_TOKEN,
            "--name",
            "Ada",
            "--email",
            "ada@example.org",
            "--password",
            OWNERS_PASSWORD,
        ],
        &[],
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    server.token = text(&made.stdout).trim().to_owned();
    canaries.add(&server.token);
    // A browser's session, its device mark, and a guess.
    let sign_in = |password: &str| {
        let body = json!({"email": "ada@example.org", "password": password}).to_string();
        http(&server.address, "POST", "/api/session", &[("Content-Type", "application/json")], body.as_bytes())
    };
    canaries.none_in("a refused sign-in", &sign_in(GUESS).body);
    let session = sign_in(OWNERS_PASSWORD);
    assert_eq!(session.status(), 200);
    for (_, cookie) in session.headers.iter().filter(|(name, _)| name == "set-cookie") {
        let value = cookie.split(';').next().unwrap().split_once('=').unwrap().1;
        canaries.add(value);
    }
}

fn call(server: &Server, url: &str, body: &Value) -> Message {
    let path = &url[url.find("/workflows/").unwrap()..];
    let (bearer, cookie) = (format!("Bearer {AUTHORIZATION}"), format!("session={COOKIE}"));
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", bearer.as_str()),
        ("Cookie", cookie.as_str()),
        ("X-Gitlab-Token", WEBHOOK),
    ];
    http(&server.address, "POST", path, &headers, body.to_string().as_bytes())
}

#[test]
fn secrets_come_out_nowhere() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("data");
    let (service, mut canaries) = (echo(), Canaries::new());
    // The last filter counts: everything that any part of the program logs.
    let mut server = Server::start(&folder, "127.0.0.1:0", &["--log", "trace"]);
    set_up(&mut server, &mut canaries);
    let live = live_updates(&server);
    let mut answers: Vec<(String, Vec<u8>)> = Vec::new();

    let basic = connector(&server, &service.address, &json!({"type": "basic"}), &json!({}));
    let keyed =
        connector(&server, &service.address, &json!({"type": "apiKey", "in": "query", "name": "api_key"}), &json!({}));
    let oauth = json!({"authentication": {"type": "oauth2", "grant": "client_credentials", "client_id": "me", "token_url": format!("http://{}/token", service.address), "scopes": []}});
    let signed = connector(
        &server,
        &service.address,
        &json!({"type": "oauth2", "flow": "application", "tokenUrl": format!("http://{}/token", service.address), "scopes": {}}),
        &oauth,
    );
    let connect = |connector: &str, secret: Value| {
        let mut form = json!({"connector_id": connector, "name": "mine"});
        form.as_object_mut().unwrap().extend(secret.as_object().unwrap().clone());
        server.post("/api/connections", &form)["id"].as_str().unwrap().to_owned()
    };
    let with_password = connect(&basic, json!({"username": "octo", "password": CONNECTION}));
    let with_key = connect(&keyed, json!({"api_key": API_KEY}));
    for (connection, wrong) in
        [(&with_password, json!({"password": GUESS, "passwort": GUESS})), (&with_key, json!({"api_key": {"a": GUESS}}))]
    {
        let (status, refused) = server.call("PUT", &format!("/api/connections/{connection}"), &wrong);
        assert_eq!(status, 400, "{refused}");
        answers.push(("a refused connection".to_owned(), refused.to_string().into_bytes()));
    }
    let mail = json!({"mail": {"host": "mail.example.org", "port": 465, "security": "tls", "username": "me", "password": MAIL, "from": "me@example.org"}});
    let (status, settings) = server.call("PUT", "/api/settings", &mail);
    assert_eq!(status, 200, "{settings}");

    let connections =
        json!({"shared_basic": {"connection_id": with_password}, "shared_key": {"connection_id": with_key}});
    let open = json!({"name": "Open", "definition": definition(&service.address), "connections": connections, "parameters": {"given": GIVEN}});
    let flow = server.post("/api/flows", &open);
    let mut secured = open.clone();
    secured["name"] = "Secured".into();
    secured["definition"]["triggers"]["T"]["runtimeConfiguration"] = json!({"secureData": {"properties": ["outputs"]}});
    let hidden = server.post("/api/flows", &secured);
    // What only a person could have written: a draft whose fault stands beside a secret.
    let mut faulty = open.clone();
    faulty["definition"]["actions"]["Call"]["inputs"]["authentication"]["type"] = "Nonsense".into();
    let (status, refused) = server.call("POST", "/api/flows", &faulty);
    assert_eq!(status, 422, "{refused}");
    answers.push(("a refused flow".to_owned(), refused.to_string().into_bytes()));
    faulty["state"] = "draft".into();
    server.post("/api/flows", &faulty);

    for (flow, body) in
        [(&flow, json!({"rest": "secured-inputs-14"})), (&hidden, json!({"rest": "secured-inputs-14", "own": TRIGGER}))]
    {
        let answer = call(&server, flow["webhook"]["callback_url"].as_str().unwrap(), &body);
        assert_eq!((answer.status(), &answer.body[..]), (200, &b"done"[..]));
    }
    let runs = eventually("the runs ended", || {
        let runs = server.get("/api/runs?kind=flow")["items"].as_array().unwrap().clone();
        let ended = runs.iter().all(|run| !matches!(run["status"].as_str(), Some("Running" | "Waiting")));
        (runs.len() == 2 && ended).then_some(runs)
    });
    assert!(service.lines().iter().any(|line| line.contains(API_KEY)), "the key was used: {:?}", service.lines());

    let mut ask = |path: String| {
        let bearer = format!("Bearer {}", server.token);
        let answer = http(&server.address, "GET", &path, &[("Authorization", &bearer)], b"");
        assert_eq!(answer.status(), 200, "{path}: {}", text(&answer.body));
        answers.push((path, answer.body));
    };
    for flow in [&flow, &hidden] {
        let id = flow["id"].as_str().unwrap();
        for part in ["export", "events", "versions"] {
            ask(format!("/api/flows/{id}/{part}"));
        }
        for event in server.get(&format!("/api/flows/{id}/events"))["items"].as_array().unwrap() {
            ask(format!("/api/flows/{id}/events/{}", event["id"].as_str().unwrap()));
        }
    }
    for run in &runs {
        let id = run["id"].as_str().unwrap();
        ask(format!("/api/runs/{id}"));
        ask(format!("/api/runs/{id}/trigger/outputs"));
        let whole = server.get(&format!("/api/runs/{id}"));
        for action in whole["actions"].as_array().unwrap() {
            let name = action["name"].as_str().unwrap();
            ask(format!("/api/runs/{id}/actions/{name}/repetitions"));
            for which in ["inputs", "outputs"] {
                let (status, answer) =
                    server.call("GET", &format!("/api/runs/{id}/actions/{name}/{which}"), &Value::Null);
                assert!(status == 200 || status == 404, "{status} {answer}");
            }
        }
    }
    for list in [
        "runs",
        "flows",
        "connections",
        "connectors",
        "settings",
        "tokens",
        "sessions",
        "attention",
        "about",
        "users",
        "notifications",
        "backups",
    ] {
        ask(format!("/api/{list}"));
    }
    for connection in [&with_password, &with_key] {
        ask(format!("/api/connections/{connection}"));
    }
    for connector in [&basic, &keyed, &signed] {
        ask(format!("/api/connectors/{connector}"));
        ask(format!("/api/connectors/{connector}/export"));
    }
    for (path, body) in [
        // A changed definition hides nothing: what was hidden stays so.
        (format!("/api/flows/{}/backtest", hidden["id"].as_str().unwrap()), backtest(&open)),
        (format!("/api/flows/{}/backtest", flow["id"].as_str().unwrap()), backtest(&open)),
    ] {
        let (status, answer) = server.call("POST", &path, &body);
        assert_eq!((status, answer["tested"].as_u64()), (200, Some(1)), "{answer}");
        assert!(answer["runs"][0]["differences_count"].as_u64() > Some(0), "{answer}");
        answers.push((path, answer.to_string().into_bytes()));
    }
    for connection in [&with_password, &with_key] {
        let (_, tested) = server.call("POST", &format!("/api/connections/{connection}/test"), &Value::Null);
        answers.push(("a test of a connection".to_owned(), tested.to_string().into_bytes()));
    }
    for (what, bytes) in &answers {
        canaries.none_in(what, bytes);
    }
    println!("{} answers", answers.len());

    let key = std::fs::read_to_string(folder.join("master.key")).unwrap();
    canaries.add(key.trim());
    let looked_at = canaries.none_in_folder(&folder);
    let backup = base.path().join("backup");
    let made = hookmill(&["backup", "--data", &folder.display().to_string(), &backup.display().to_string()], &[]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let copied = canaries.none_in_folder(&backup);
    canaries.none_in("the live updates", &live.lock().unwrap());
    assert!(!live.lock().unwrap().is_empty());
    canaries.none_in("the log", server.logged().as_bytes());
    assert!(server.logged().contains("TRACE"));
    println!("{looked_at} bytes of data, {copied} of a backup, {} of the log", server.logged().len());
    server.signal("TERM");
    assert!(server.ended_within(Duration::from_secs(20)).is_some());
    canaries.none_in_folder(&folder);
    canaries.none_in("the log", server.logged().as_bytes());
}

/// The definition with something else in each action, and nothing hidden.
fn backtest(form: &Value) -> Value {
    let mut definition = form["definition"].clone();
    definition["actions"]["Plain"]["inputs"] = json!({"again": ["@parameters('given')"]});
    definition["actions"]["Echo"]["inputs"] = json!({"again": "@triggerOutputs()"});
    definition["actions"]["Reads"]["inputs"] = json!({"again": "@body('Secured')", "sent": "@actions('Secured')"});
    definition["actions"]["Secured"].as_object_mut().unwrap().remove("runtimeConfiguration");
    json!({"definition": definition, "last": 5})
}
