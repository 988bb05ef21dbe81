//! A runtime on a store in memory, and a service with webhooks that it talks to.
#![allow(dead_code)] // Each test file uses a part of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_http::{AddressPolicy, Client, ClientConfig};
use hookmill_model::{ConnectionId, ConnectorId, FlowId, Id, Object, RunKind, RunStatus, Timestamp, UserId, Value};
use hookmill_runtime::{
    AcceptError, Accepted, ConnectionBinding, FlowForm, MailSettings, Notification, Runtime, RuntimeConfig, Settings,
};
use hookmill_store::{
    Change, Connection, Connector, ConnectorDocument, Health, Lane, List, MemoryStore, RunFilter, Runs as _, Store,
    Unit,
};
use hookmill_vault::Vault;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// What the stand-in saw: method, path, authorization, body.
pub type Seen = Arc<Mutex<Vec<(String, String, String, Value)>>>;

/// A service that answers webhooks like GitHub; `refuse` makes creations 404, `no_location` leaves `Location` out.
pub async fn service(refuse: bool, no_location: bool) -> (String, Seen) {
    answering(move |own, method, path, _| {
        let (status, location, answer) = match (method, refuse) {
            ("POST", true) => ("404 Not Found", String::new(), r#"{"message":"Not Found"}"#),
            ("POST", false) if no_location => ("201 Created", String::new(), r#"{"id":7}"#),
            ("POST", false) => ("201 Created", format!("Location: http://{own}{path}/7\r\n"), r#"{"id":7}"#),
            ("DELETE", _) => ("204 No Content", String::new(), ""),
            _ => ("200 OK", String::new(), "[]"),
        };
        (status.to_owned(), location, answer.to_owned())
    })
    .await
}

/// Status, header lines, body.
pub type Reply = (String, String, String);

/// A service that answers as a function of its own address, method, path and body says.
pub async fn answering(answer: impl Fn(&str, &str, &str, &Value) -> Reply + Send + Sync + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen: Seen = Arc::default();
    let (log, own, answer) = (Arc::clone(&seen), address.clone(), Arc::new(answer));
    tokio::spawn(async move {
        loop {
            let Ok((mut socket, _)) = listener.accept().await else { return };
            let (log, own, answer) = (Arc::clone(&log), own.clone(), Arc::clone(&answer));
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let mut chunk = [0; 4_096];
                let (head, length) = loop {
                    let read = socket.read(&mut chunk).await.unwrap_or(0);
                    if read == 0 {
                        return;
                    }
                    bytes.extend_from_slice(&chunk[..read]);
                    if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                        let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
                        let lower = head.to_lowercase();
                        let length =
                            lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
                        break (head, at + 4 + length.unwrap_or(0_usize));
                    }
                };
                while bytes.len() < length {
                    let read = socket.read(&mut chunk).await.unwrap_or(0);
                    if read == 0 {
                        break;
                    }
                    bytes.extend_from_slice(&chunk[..read]);
                }
                let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| bytes[at + 4..].to_vec());
                let mut words = head.split_whitespace();
                let (method, path) =
                    (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
                let find = |name: &str| {
                    head.lines()
                        .find(|line| line.to_lowercase().starts_with(name))
                        .map(|line| line[name.len()..].trim().to_owned())
                };
                let authorization = find("authorization:").unwrap_or_default();
                let body = Value::from_json(&body.unwrap_or_default()).unwrap_or_default();
                log.lock().unwrap().push((method.clone(), path.clone(), authorization, body.clone()));
                let (status, location, answer) = answer(&own, &method, &path, &body);
                let reply = format!(
                    "HTTP/1.1 {status}\r\n{location}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                    answer.len()
                );
                let _ = socket.write_all(reply.as_bytes()).await;
            });
        }
    });
    (address, seen)
}

/// A service that gives answers by turns, the last one again and again: status, header lines, body.
pub async fn scripted(answers: Vec<(&'static str, String, &'static str)>) -> (String, Seen) {
    scripted_after(Duration::ZERO, answers).await
}

/// A service that takes its time.
pub async fn slow(delay: Duration) -> (String, Seen) {
    scripted_after(delay, vec![("200 OK", String::new(), "{}")]).await
}

async fn scripted_after(delay: Duration, answers: Vec<(&'static str, String, &'static str)>) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen: Seen = Arc::default();
    let (log, answers) = (Arc::clone(&seen), Arc::new(answers));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (log, answers) = (Arc::clone(&log), Arc::clone(&answers));
            tokio::spawn(async move {
                let mut bytes = [0; 8_192];
                let read = socket.read(&mut bytes).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
                let mut words = head.split_whitespace().map(ToOwned::to_owned);
                let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let authorization = head.lines().find(|line| line.to_lowercase().starts_with("authorization:"));
                let authorization = authorization.map(|line| line["authorization:".len()..].trim().to_owned());
                let turn = {
                    let mut log = log.lock().unwrap();
                    log.push((method, path, authorization.unwrap_or_default(), Value::Null));
                    log.len() - 1
                };
                tokio::time::sleep(delay).await;
                let (status, headers, body) = &answers[turn.min(answers.len() - 1)];
                let reply = format!(
                    "HTTP/1.1 {status}\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = socket.write_all(reply.as_bytes()).await;
            });
        }
    });
    (address, seen)
}

pub struct World {
    pub runtime: Runtime,
    pub store: Arc<MemoryStore>,
    pub owner: UserId,
    pub connection: ConnectionId,
    pub _folder: tempfile::TempDir,
    pub vault: Arc<Vault>,
}

pub fn client() -> Client {
    let policy = AddressPolicy::new(&["127.0.0.0/8".to_owned()], &[], false).unwrap();
    Client::new(ClientConfig { policy, ..ClientConfig::default() }).unwrap()
}

pub const DOCUMENT: &str = r#"{"swagger":"2.0","info":{"title":"Forge"},"host":"HOST","basePath":"/","schemes":["http"],"paths":{
  "/feed":{"get":{"operationId":"feed","parameters":[],"responses":{}}},
  "/repos/{owner}/{repo}/hooks":{
    "x-ms-notification-content":{"schema":{"type":"object"}},
    "post":{"operationId":"webhook-trigger","x-ms-trigger":"single","parameters":[
      {"name":"owner","in":"path","required":true,"type":"string"},{"name":"repo","in":"path","required":true,"type":"string"},
      {"name":"request","in":"body","schema":{"type":"object","required":["name","config"],"properties":{
        "name":{"type":"string","default":"web","x-ms-visibility":"internal"},
        "active":{"type":"boolean","default":true,"x-ms-visibility":"internal"},
        "events":{"type":"array","items":{"type":"string"},"default":["push"],"x-ms-visibility":"internal"},
        "config":{"type":"object","properties":{"url":{"type":"string","x-ms-notification-url":true,"x-ms-visibility":"internal"},
          "content_type":{"type":"string","default":"json","x-ms-visibility":"internal"}}}}}}],"responses":{"201":{"description":"ok"}}}},
  "/repos/{owner}/{repo}/hooks/{id}":{"delete":{"operationId":"delete","parameters":[],"responses":{}}}}}"#;

pub async fn world(address: &str) -> World {
    world_with(address, RuntimeConfig::default()).await
}

pub async fn world_with(address: &str, config: RuntimeConfig) -> World {
    world_of(DOCUMENT, address, config).await
}

/// A world whose connector is made from this document; `HOST` in it stands for the service.
pub async fn world_of(document: &str, address: &str, config: RuntimeConfig) -> World {
    let store = Arc::new(MemoryStore::new());
    let folder = tempfile::tempdir().unwrap();
    let vault = Arc::new(Vault::open(folder.path(), None).unwrap());
    let now = Timestamp::from_millis(1_735_689_600_000);
    let owner = UserId::make(now, [1; 10]);
    let connector = ConnectorId::make(now, [2; 10]);
    let connection = ConnectionId::make(now, [3; 10]);
    let sealed = vault.seal(&connection.to_string(), br#"{"username":"ada","password":"secret-token-1"}"#).unwrap();
    let unit = Unit::from(Change::PutConnector(Connector {
        id: connector,
        owner,
        name: "Forge".to_owned(),
        description: String::new(),
        etag: 1,
        settings: br#"{"authentication":{"type":"basic"}}"#.to_vec().into(),
        summary: Vec::new().into(),
        sealed: None,
        icon_type: None,
        created_at: now,
        updated_at: now,
    }))
    .with(Change::PutConnectorDocument(
        connector,
        ConnectorDocument { document: document.replace("HOST", address).into(), properties: None },
    ))
    .with(Change::PutConnection(Connection {
        id: connection,
        owner,
        connector,
        name: "mine".to_owned(),
        username: Some("ada".to_owned()),
        sealed: sealed.into(),
        health: Health::Unknown,
        health_detail: None,
        etag: 1,
        created_at: now,
        updated_at: now,
    }));
    store.commit(unit, Lane::Work).await.unwrap();
    let runtime = start_with(&store, &vault, config).await;
    World { runtime, store, owner, connection, _folder: folder, vault }
}

pub async fn start(store: &Arc<MemoryStore>, vault: &Arc<Vault>) -> Runtime {
    start_with(store, vault, RuntimeConfig::default()).await
}

pub async fn start_with(store: &Arc<MemoryStore>, vault: &Arc<Vault>, config: RuntimeConfig) -> Runtime {
    let config = RuntimeConfig { public_url: "https://me.test".to_owned(), ..config };
    let store: Arc<dyn Store> = Arc::clone(store) as Arc<dyn Store>;
    Runtime::start(config, store, Arc::clone(vault), client()).await.unwrap()
}

pub fn form(world: &World, actions: &str, repo: &str) -> FlowForm {
    let definition = format!(
        r#"{{"triggers":{{"When_pushed":{{"type":"OpenApiConnectionWebhook","inputs":{{"host":{{"connectionName":"shared_forge","operationId":"webhook-trigger","apiId":"/apis/shared_forge"}},
        "parameters":{{"owner":"acme","repo":"{repo}"}}}}}}}},"actions":{actions}}}"#
    );
    let binding = ConnectionBinding { connection_id: Some(world.connection), api: None };
    FlowForm {
        profile: None,
        envelope: Value::Null,
        name: "Pushes".to_owned(),
        description: None,
        definition: Value::from_json(definition.as_bytes()).unwrap(),
        connections: BTreeMap::from([("shared_forge".to_owned(), binding)]),
        parameters: Value::Null,
        state: None,
    }
}

pub const NOTIFY: &str = r#"{"Notify":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_flowpush","operationId":"SendNotification","apiId":"/providers/Microsoft.PowerApps/apis/shared_flowpush"},
  "parameters":{"NotificationDefinition/notificationText":"@{triggerBody()?['pusher']?['name']} pushed to @{triggerBody()?['repository']?['name']}"}}}}"#;

pub fn push(id: &str) -> Notification {
    let headers: Object = [("X-GitHub-Event", "push"), ("X-GitHub-Delivery", id), ("Content-Type", "application/json")]
        .into_iter()
        .collect();
    Notification {
        method: "POST".to_owned(),
        headers,
        body: br#"{"pusher":{"name":"ada"},"repository":{"name":"mill"}}"#.to_vec().into(),
        ..Notification::default()
    }
}

/// The capability in the callback URL that the service was given.
pub fn capability(seen: &Seen) -> String {
    let seen = seen.lock().unwrap();
    let created = seen.iter().rev().find(|(method, ..)| method == "POST").unwrap();
    let url = created.3.pointer("/config/url").and_then(Value::as_str).unwrap().to_owned();
    url.strip_prefix("https://me.test/callback/").unwrap().to_owned()
}

/// Calls the signed address of a Request trigger.
pub async fn invoke(runtime: &Runtime, url: &str, notification: Notification) -> Result<Accepted, AcceptError> {
    let url = url::Url::parse(url).unwrap();
    let segments: Vec<&str> = url.path_segments().unwrap().collect();
    let mut notification = notification;
    for (name, value) in url.query_pairs() {
        notification.query.insert(&*name, &*value);
    }
    match segments.as_slice() {
        ["workflows", flow, "triggers", trigger, "paths", "invoke", below @ ..] => {
            notification.path = below.join("/");
            runtime.accept_request(flow, trigger, notification).await
        }
        ["workflows", flow, "runs", run, "response"] => runtime.answer_of(flow, run, &notification.query).await,
        other => panic!("{other:?}"),
    }
}

/// A body as JSON.
pub fn post(body: &str) -> Notification {
    Notification {
        method: "POST".to_owned(),
        headers: [("Content-Type", "application/json")].into_iter().collect(),
        body: body.as_bytes().to_vec().into(),
        ..Notification::default()
    }
}

/// A flow with a bare definition, and the address of its trigger where it has one.
pub async fn create(world: &World, trigger: &str, actions: &str) -> (FlowId, Option<String>) {
    let mut form = form(world, "{}", "x");
    form.connections.clear();
    let definition = format!(r#"{{"triggers":{{"T":{trigger}}},"actions":{actions}}}"#);
    form.definition = Value::from_json(definition.as_bytes()).unwrap();
    let saved = world.runtime.create_flow(world.owner, form).await.unwrap();
    (saved.view.flow.id, saved.view.webhook.and_then(|webhook| webhook.callback_url))
}

/// The runs of flows, oldest first.
pub async fn flow_runs(world: &World) -> Vec<hookmill_store::Run> {
    let filter = RunFilter { kind: Some(RunKind::Flow), ..RunFilter::of(world.owner) };
    let page = world.store.runs(&filter, List::first(500)).await.unwrap();
    page.items.into_iter().rev().map(|listed| listed.run).collect()
}

pub async fn runs(world: &World) -> Vec<(RunKind, RunStatus)> {
    let page = world.store.runs(&RunFilter::of(world.owner), List::first(50)).await.unwrap();
    page.items.into_iter().map(|listed| (listed.run.kind, listed.run.status)).collect()
}

/// Ends a process that is a runtime of its own: what it was committing is committed, or not, before another one looks.
pub async fn die(process: tokio::runtime::Runtime) {
    tokio::task::spawn_blocking(move || process.shutdown_timeout(Duration::from_secs(30))).await.unwrap();
}

pub async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it did not happen within thirty seconds");
}

/// A mail server that says `busy` for the first message; gives what it was told.
pub async fn post_office(busy: u32) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut refusals = busy;
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            let (mut told, mut in_data) = (String::new(), false);
            write.write_all(b"220 post.test ready\r\n").await.unwrap();
            while let Ok(Some(line)) = lines.next_line().await {
                told.push_str(&line);
                told.push('\n');
                let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
                let answer = match verb.as_str() {
                    _ if in_data && line != "." => continue,
                    _ if in_data => {
                        in_data = false;
                        "250 taken"
                    }
                    "EHLO" => "250-post.test\r\n250 AUTH PLAIN",
                    "RCPT" if refusals > 0 => {
                        refusals -= 1;
                        "451 4.7.1 come back later"
                    }
                    "DATA" => {
                        in_data = true;
                        "354 go on"
                    }
                    "QUIT" => "221 bye",
                    "AUTH" => "235 welcome",
                    _ => "250 ok",
                };
                if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                    break;
                }
            }
            let _ = sender.send(told);
        }
    });
    (port, receiver)
}

/// Settings with the mail server at a port of this machine.
pub fn mail_settings(port: u16) -> Settings {
    let mail = MailSettings {
        host: "127.0.0.1".to_owned(),
        port,
        security: "none".to_owned(),
        username: "mill".to_owned(),
        from: "Hookmill <flows@example.org>".to_owned(),
        ..MailSettings::default()
    };
    Settings { mail: Some(mail), ..Settings::default() }
}
