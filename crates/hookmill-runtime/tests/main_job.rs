//! The main job against a stand-in for GitHub: webhook created, push received, notification in the inbox, crash survived.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_http::{AddressPolicy, Client, ClientConfig};
use hookmill_model::{
    ConnectionId, ConnectorId, FlowState, Id, Object, RunKind, RunStatus, SubscriptionState, Timestamp, UserId, Value,
};
use hookmill_runtime::{AcceptError, Accepted, ConnectionBinding, FlowForm, Notification, Runtime, RuntimeConfig};
use hookmill_store::{
    Change, Connection, Connector, ConnectorDocument, Health, Inbox as _, Lane, List, MemoryStore, RunFilter,
    Runs as _, Store, Unit,
};
use hookmill_vault::Vault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What the stand-in saw: method, path, authorization, body.
type Seen = Arc<Mutex<Vec<(String, String, String, Value)>>>;

/// A service that answers webhooks like GitHub; `refuse` makes creations 404, `no_location` leaves `Location` out.
async fn service(refuse: bool, no_location: bool) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen: Seen = Arc::default();
    let (log, own) = (Arc::clone(&seen), address.clone());
    tokio::spawn(async move {
        loop {
            let Ok((mut socket, _)) = listener.accept().await else { return };
            let (log, own) = (Arc::clone(&log), own.clone());
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
                log.lock().unwrap().push((method.clone(), path.clone(), authorization, body));
                let (status, location, answer) = match (method.as_str(), refuse) {
                    ("POST", true) => ("404 Not Found", String::new(), r#"{"message":"Not Found"}"#),
                    ("POST", false) if no_location => ("201 Created", String::new(), r#"{"id":7}"#),
                    ("POST", false) => ("201 Created", format!("Location: http://{own}{path}/7\r\n"), r#"{"id":7}"#),
                    ("DELETE", _) => ("204 No Content", String::new(), ""),
                    _ => ("200 OK", String::new(), "[]"),
                };
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

struct World {
    runtime: Runtime,
    store: Arc<MemoryStore>,
    owner: UserId,
    connection: ConnectionId,
    _folder: tempfile::TempDir,
    vault: Arc<Vault>,
}

fn client() -> Client {
    let policy = AddressPolicy::new(&["127.0.0.0/8".to_owned()], &[], false).unwrap();
    Client::new(ClientConfig { policy, ..ClientConfig::default() }).unwrap()
}

const DOCUMENT: &str = r#"{"swagger":"2.0","info":{"title":"Forge"},"host":"HOST","basePath":"/","schemes":["http"],"paths":{
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

async fn world(address: &str) -> World {
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
        icon_type: None,
        created_at: now,
        updated_at: now,
    }))
    .with(Change::PutConnectorDocument(
        connector,
        ConnectorDocument { document: DOCUMENT.replace("HOST", address).into(), properties: None },
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
    let runtime = start(&store, &vault).await;
    World { runtime, store, owner, connection, _folder: folder, vault }
}

async fn start(store: &Arc<MemoryStore>, vault: &Arc<Vault>) -> Runtime {
    let config = RuntimeConfig { public_url: "https://me.test".to_owned(), ..RuntimeConfig::default() };
    let store: Arc<dyn Store> = Arc::clone(store) as Arc<dyn Store>;
    Runtime::start(config, store, Arc::clone(vault), client()).await.unwrap()
}

fn form(world: &World, actions: &str, repo: &str) -> FlowForm {
    let definition = format!(
        r#"{{"triggers":{{"When_pushed":{{"type":"OpenApiConnectionWebhook","inputs":{{"host":{{"connectionName":"shared_forge","operationId":"webhook-trigger","apiId":"/apis/shared_forge"}},
        "parameters":{{"owner":"acme","repo":"{repo}"}}}}}}}},"actions":{actions}}}"#
    );
    let binding = ConnectionBinding { connection_id: Some(world.connection), api: None };
    FlowForm {
        name: "Pushes".to_owned(),
        description: None,
        definition: Value::from_json(definition.as_bytes()).unwrap(),
        connections: BTreeMap::from([("shared_forge".to_owned(), binding)]),
        parameters: Value::Null,
        state: None,
    }
}

const NOTIFY: &str = r#"{"Notify":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_flowpush","operationId":"SendNotification","apiId":"/providers/Microsoft.PowerApps/apis/shared_flowpush"},
  "parameters":{"NotificationDefinition/notificationText":"@{triggerBody()?['pusher']?['name']} pushed to @{triggerBody()?['repository']?['name']}"}}}}"#;

fn push(id: &str) -> Notification {
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
fn capability(seen: &Seen) -> String {
    let seen = seen.lock().unwrap();
    let created = seen.iter().rev().find(|(method, ..)| method == "POST").unwrap();
    let url = created.3.pointer("/config/url").and_then(Value::as_str).unwrap().to_owned();
    url.strip_prefix("https://me.test/callback/").unwrap().to_owned()
}

async fn runs(world: &World) -> Vec<(RunKind, RunStatus)> {
    let page = world.store.runs(&RunFilter::of(world.owner), List::first(50)).await.unwrap();
    page.items.into_iter().map(|listed| (listed.run.kind, listed.run.status)).collect()
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it did not happen within five seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_becomes_a_notification() {
    let (address, seen) = service(false, false).await;
    let world = world(&address).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    assert_eq!(saved.problem, None);
    let webhook = saved.view.webhook.unwrap();
    assert_eq!(webhook.state, SubscriptionState::Live);
    assert_eq!(webhook.location.unwrap(), format!("http://{address}/repos/acme/site/hooks/7"));
    {
        let seen = seen.lock().unwrap();
        let (method, path, authorization, body) = &seen[0];
        assert_eq!((method.as_str(), path.as_str()), ("POST", "/repos/acme/site/hooks"));
        assert_eq!(authorization, "Basic YWRhOnNlY3JldC10b2tlbi0x");
        assert_eq!(body.pointer("/config/content_type").and_then(Value::as_str), Some("json"));
        assert_eq!(body.get("name").and_then(Value::as_str), Some("web"));
    }
    // The first entry of the history is the creation, without secrets.
    let view = world.runtime.run_view(world.owner, saved.run.unwrap()).await.unwrap();
    let exchange = format!("{:?}", view.exchange.unwrap());
    assert!(exchange.contains("201") && !exchange.contains("secret-token-1"), "{exchange}");
    assert!(!exchange.contains(&capability(&seen)), "the callback address is shown");
    let door = capability(&seen);
    for _ in 0..2 {
        // A delivery that is sent twice is taken once.
        assert!(matches!(world.runtime.accept(&door, push("d-1")).await.unwrap(), Accepted::Stored { .. }));
    }
    let inbox = async || world.store.notifications(world.owner, false, List::first(10)).await.unwrap().items;
    eventually(async || !inbox().await.is_empty()).await;
    assert_eq!(inbox().await[0].text, "ada pushed to mill");
    eventually(async || {
        runs(&world).await == [(RunKind::Flow, RunStatus::Succeeded), (RunKind::CreateWebhook, RunStatus::Succeeded)]
    })
    .await;
    let mut ping = push("d-2");
    ping.headers.insert("X-GitHub-Event", "ping");
    assert!(matches!(world.runtime.accept(&door, ping).await.unwrap(), Accepted::Stored { event: None }));
    assert!(matches!(world.runtime.accept("nope", push("x")).await, Err(AcceptError::Unknown)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_trigger_renews_the_webhook_and_changed_actions_keep_it() {
    let (address, seen) = service(false, true).await;
    let world = world(&address).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    let id = saved.view.flow.id;
    let old = capability(&seen);
    let other = r#"{"Say":{"type":"Compose","inputs":"hi"}}"#;
    world.runtime.update_flow(world.owner, id, None, form(&world, other, "site")).await.unwrap();
    let methods =
        || seen.lock().unwrap().iter().map(|(method, path, ..)| format!("{method} {path}")).collect::<Vec<_>>();
    assert_eq!(methods(), ["POST /repos/acme/site/hooks"], "changed actions keep the webhook");
    let saved = world.runtime.update_flow(world.owner, id, None, form(&world, other, "docs")).await.unwrap();
    assert_eq!(methods()[1..], ["DELETE /repos/acme/site/hooks/7", "POST /repos/acme/docs/hooks"]);
    assert_eq!(saved.view.webhook.unwrap().generation, 2);
    assert!(matches!(world.runtime.accept(&old, push("x")).await, Err(AcceptError::Gone)));
    world.runtime.turn_off(world.owner, id).await.unwrap();
    assert_eq!(methods().last().unwrap(), "DELETE /repos/acme/docs/hooks/7");
    let conflict = world.runtime.update_flow(world.owner, id, Some(1), form(&world, other, "site")).await;
    assert!(matches!(conflict, Err(hookmill_runtime::Error::VersionConflict { .. })));
    world.runtime.turn_on(world.owner, id).await.unwrap();
    world.runtime.delete_flow(world.owner, id).await.unwrap();
    assert_eq!(methods().iter().filter(|line| line.starts_with("DELETE")).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_creation_leaves_the_flow_saved_and_off() {
    let (address, _) = service(true, false).await;
    let world = world(&address).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    assert_eq!(saved.view.flow.state, FlowState::Off);
    let problem = saved.problem.unwrap();
    assert_eq!(problem.code, "webhook_refused");
    assert!(problem.hint.unwrap().contains("admin:repo_hook"));
    let view = world.runtime.run_view(world.owner, saved.run.unwrap()).await.unwrap();
    assert_eq!(view.listed.run.status, RunStatus::Failed);
    assert_eq!(view.exchange.unwrap().response.get("statusCode"), Some(&Value::Integer(404)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_survives_a_crash() {
    let (address, seen) = service(false, false).await;
    let wait = r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Second"}}},
        "Notify":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_flowpush","operationId":"SendNotification","apiId":"x/shared_flowpush"},"parameters":{"NotificationDefinition/notificationText":"done"}},"runAfter":{"Wait":["Succeeded"]}}}"#;
    // The first process is a runtime of its own: all its tasks end at once when it dies.
    let process = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let world = process
        .spawn(async move {
            let world = world(&address).await;
            world.runtime.create_flow(world.owner, form(&world, wait, "site")).await.unwrap();
            let door = capability(&seen);
            for index in 0..20 {
                world.runtime.accept(&door, push(&format!("d-{index}"))).await.unwrap();
            }
            world
        })
        .await
        .unwrap();
    process.shutdown_background();
    let reopened = Arc::clone(&world.store);
    let _runtime = start(&reopened, &world.vault).await;
    let page = async || reopened.notifications(world.owner, false, List::first(100)).await.unwrap().items.len();
    eventually(async || page().await == 20).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(page().await, 20, "no action was performed twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_by_the_flow() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let mut form = form(&world, "{}", "x");
    form.connections.clear();
    form.definition = Value::from_json(
        br#"{"triggers":{"manual":{"type":"Request","inputs":{"method":"POST","relativePath":"greet/{name}"}}},
            "actions":{"Answer":{"type":"Response","inputs":{"statusCode":201,"body":"Hello @{triggerOutputs()['relativePathParameters']['name']}"}}}}"#,
    )
    .unwrap();
    let saved = world.runtime.create_flow(world.owner, form).await.unwrap();
    let url = saved.view.webhook.unwrap().callback_url.unwrap();
    let door = url.strip_prefix("https://me.test/callback/").unwrap();
    let call = Notification { method: "POST".to_owned(), path: "greet/ada".to_owned(), ..Notification::default() };
    match world.runtime.accept(door, call.clone()).await.unwrap() {
        Accepted::Respond { status, body, .. } => assert_eq!((status, body), (201, Some("Hello ada".into()))),
        other => panic!("{other:?}"),
    }
    let wrong = Notification { method: "GET".to_owned(), ..call };
    assert!(matches!(world.runtime.accept(door, wrong).await, Err(AcceptError::NotMatched { .. })));
}
