//! A server in this process, and callers whose answers are held against the document of the API.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use hookmill_http::{AddressPolicy, Client, ClientConfig};
use hookmill_runtime::{Runtime, RuntimeConfig};
use hookmill_server::{ServerConfig, ServerState, router};
use hookmill_store::{MemoryStore, Store};
use hookmill_store_sqlite::{SqliteOptions, SqliteStore};
use hookmill_vault::Vault;
use serde_json::{Value, json};
use tower::ServiceExt;

/// The document, as clients get it.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(hookmill_server::openapi_document()).unwrap());

pub const SETUP_TOKEN: &str = "the set-up token";
pub const PASSWORD: &str = "correct horse battery";

/// An operation of the document: path, method, its object.
pub fn operations() -> impl Iterator<Item = (&'static str, Method, &'static Value)> {
    DOCUMENT["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            (path.as_str(), Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), operation)
        })
    })
}

#[derive(Clone)]
pub enum Who {
    Nobody,
    Token(String),
    Session { cookie: String, csrf: String },
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    pub json: Value,
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        &self.json
    }

    /// The text of a member.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let found = self.json.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} of {}", self.json)).to_owned()
    }

    #[track_caller]
    pub fn id(&self) -> String {
        self.text("/id")
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

pub struct World {
    pub store: Arc<dyn Store>,
    pub runtime: Runtime,
    state: ServerState,
    router: Router,
    folder: tempfile::TempDir,
}

pub async fn world() -> World {
    world_with(RuntimeConfig::default()).await
}

/// A client that may call services of the tests.
pub fn outgoing() -> Client {
    let policy = AddressPolicy::new(&["127.0.0.0/8".to_owned()], &[], false).unwrap();
    Client::new(ClientConfig { policy, ..ClientConfig::default() }).unwrap()
}

pub async fn world_with(config: RuntimeConfig) -> World {
    let folder = tempfile::tempdir().unwrap();
    world_on(Arc::new(MemoryStore::new()), folder, config).await
}

/// A server whose data is on disk.
pub async fn world_on_disk() -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap();
    world_on(Arc::new(store), folder, RuntimeConfig::default()).await
}

async fn world_on(store: Arc<dyn Store>, folder: tempfile::TempDir, config: RuntimeConfig) -> World {
    let vault = Arc::new(Vault::open(folder.path(), None).unwrap());
    let config = RuntimeConfig { public_url: "https://me.test".to_owned(), ..config };
    let runtime = Runtime::start(config, Arc::clone(&store), vault, outgoing()).await.unwrap();
    let state = ServerState::new(runtime.clone(), config_of(&folder));
    World { store, runtime, router: router(state.clone()), state, folder }
}

fn config_of(folder: &tempfile::TempDir) -> ServerConfig {
    ServerConfig {
        setup_token: SETUP_TOKEN.to_owned(),
        public_url: "https://me.test".to_owned(),
        folder: Some(folder.path().to_owned()),
        gallery: folder.path().join("gallery").display().to_string(),
        ..ServerConfig::default()
    }
}

/// A server with its owner.
pub async fn owned_world() -> (World, Who) {
    with_owner(world().await).await
}

/// Makes the owner.
pub async fn with_owner(world: World) -> (World, Who) {
    let form = json!({"token": SETUP_TOKEN, "name": "Ada", "email": "ada@example.org", "password": PASSWORD});
    let made = world.post(&Who::Nobody, "/api/setup?api_token=true", form).await;
    made.expect(201);
    let owner = Who::Token(made.text("/token"));
    (world, owner)
}

impl World {
    /// The folder of the data.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Forgets what the server had in memory, as a restart does.
    pub fn restart(&mut self) {
        self.state = ServerState::new(self.runtime.clone(), config_of(&self.folder));
        self.router = router(self.state.clone());
    }

    /// Lets the server listen, and says where.
    pub async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(hookmill_server::serve(
            listener,
            self.state.clone(),
            tokio::sync::watch::channel(hookmill_server::Stop::No).1,
        ));
        format!("http://{address}")
    }

    pub async fn get(&self, who: &Who, path: &str) -> Answer {
        self.call(who, Method::GET, path, None).await
    }

    pub async fn post(&self, who: &Who, path: &str, body: Value) -> Answer {
        self.call(who, Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, who: &Who, path: &str, body: Value) -> Answer {
        self.call(who, Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, who: &Who, path: &str) -> Answer {
        self.call(who, Method::DELETE, path, None).await
    }

    pub async fn call(&self, who: &Who, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(who, request.body(body).unwrap()).await
    }

    /// Sends a request as somebody; the answer must be one that the document describes.
    pub async fn send(&self, who: &Who, mut request: Request<Body>) -> Answer {
        match who {
            Who::Nobody => {}
            Who::Token(token) => {
                request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
            }
            Who::Session { cookie, csrf } => {
                request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
                request.headers_mut().insert("x-csrf-token", csrf.parse().unwrap());
            }
        }
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let is_stream = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let bytes = if is_stream {
            Vec::new()
        } else {
            axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
        };
        assert!(!bytes.windows(6).any(|part| part == b"canary"), "a secret: {}", String::from_utf8_lossy(&bytes));
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        let answer = Answer { status, headers, bytes, json };
        check(&method, &path, &answer);
        answer
    }

    /// All bytes in the folder of the data, the key left out.
    pub fn stored(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let kept = files.filter(|path| path.is_file() && path.extension().is_none_or(|own| own != "key"));
        kept.flat_map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// A further user, with a token.
    pub async fn user(&self, owner: &Who, name: &str) -> Who {
        let email = format!("{name}@example.org");
        let form = json!({"name": name, "email": email, "password": PASSWORD});
        self.post(owner, "/api/users", form).await.expect(201);
        let session = self.session(&email).await;
        let made = self.post(&session, "/api/tokens", json!({"name": "test"})).await;
        made.expect(201);
        Who::Token(made.text("/token"))
    }

    pub async fn session(&self, email: &str) -> Who {
        let signed = self.post(&Who::Nobody, "/api/session", json!({"email": email, "password": PASSWORD})).await;
        signed.expect(200);
        let cookie = signed.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
        Who::Session { cookie, csrf: signed.text("/csrf_token") }
    }
}

/// Whether a path of the document stands for an address.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
}

/// Holds an answer of the API against the document: the status is one of the operation, the body fits its schema.
fn check(method: &Method, path: &str, answer: &Answer) {
    // Of several templates that fit, the one with fewer parameters is meant.
    let found = operations()
        .filter(|(template, own, _)| own == method && fits(template, path))
        .min_by_key(|(template, ..)| template.matches('{').count());
    let Some((template, _, operation)) = found else { return };
    let status = answer.status.as_u16().to_string();
    let responses = &operation["responses"];
    let response = match responses.get(&status) {
        Some(response) => response,
        // Only at the door anybody else decides about the status.
        None if responses.get("default").is_some() => &responses["default"],
        None => panic!("the document does not say that {method} {template} may answer {status}: {}", answer.json),
    };
    let kind = answer.header(header::CONTENT_TYPE).split(';').next().unwrap_or_default();
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        assert!(answer.bytes.is_empty(), "{method} {template} {status} has a body: {}", answer.json);
        return;
    };
    let matching = content.iter().find(|(own, _)| {
        *own == kind || *own == "*/*" || own.ends_with("/*") && kind.starts_with(own.trim_end_matches('*'))
    });
    let Some((_, described)) = matching else {
        panic!("{method} {template} {status} answers {kind}, the document says {content:?}")
    };
    if !kind.ends_with("json") {
        return;
    }
    let mut schema = described["schema"].clone();
    schema["components"] = DOCUMENT["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(&answer.json).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{method} {template} {status}: {faults:?} in {}", answer.json);
}

pub const FORGE: &str = r##"{"swagger":"2.0","info":{"title":"Forge","version":"1"},"host":"forge.test","basePath":"/","schemes":["https"],"paths":{
  "/repos/{owner}/{repo}/hooks":{
    "x-ms-notification-content":{"schema":{"type":"object","properties":{"ref":{"type":"string"}}}},
    "post":{"operationId":"webhook-trigger","summary":"When something is pushed","x-ms-trigger":"single","parameters":[
      {"name":"owner","in":"path","required":true,"type":"string"},{"name":"repo","in":"path","required":true,"type":"string"},
      {"name":"request","in":"body","schema":{"type":"object","properties":{"url":{"type":"string","x-ms-notification-url":true}}}}],
      "responses":{"201":{"description":"made"}}}},
  "/repos/{owner}/{repo}":{"get":{"operationId":"repo","summary":"Get a repository","parameters":[
      {"name":"owner","in":"path","required":true,"type":"string"},{"name":"repo","in":"path","required":true,"type":"string"}],
      "responses":{"200":{"description":"it","schema":{"type":"object","properties":{"id":{"type":"integer"}}}}}}}}}"##;

/// The definition of a flow that starts when its own address is called.
pub fn request_flow() -> Value {
    json!({
        "triggers": {"manual": {"type": "Request", "inputs": {}}},
        "actions": {"Say": {"type": "Compose", "inputs": "@triggerBody()"}}
    })
}

impl World {
    pub async fn forge(&self, who: &Who) -> String {
        let document: Value = serde_json::from_str(FORGE).unwrap();
        let made = self.post(who, "/api/connectors", json!({"document": document})).await;
        made.expect(201);
        made.id()
    }

    /// The run once it has ended; `meanwhile` is done between two looks.
    pub async fn ended_while(&self, who: &Who, run: &str, meanwhile: impl Fn()) -> Value {
        let mut live = self.runtime.live();
        loop {
            let found = self.get(who, &format!("/api/runs/{run}")).await;
            if !["Running", "Waiting"].contains(&found.expect(200)["status"].as_str().unwrap()) {
                return found.json;
            }
            meanwhile();
            let _ = tokio::time::timeout(std::time::Duration::from_millis(200), live.recv()).await;
        }
    }

    pub async fn ended(&self, who: &Who, run: &str) -> Value {
        self.ended_while(who, run, || ()).await
    }

    pub async fn flow(&self, who: &Who, name: &str) -> Answer {
        let made = self.post(who, "/api/flows", json!({"name": name, "definition": request_flow()})).await;
        made.expect(201);
        made
    }
}

/// The body of an answer that does not end by itself.
pub struct Stream(axum::body::BodyDataStream);

impl Stream {
    /// The next piece of text.
    pub async fn next(&mut self) -> String {
        let bytes = futures_util::StreamExt::next(&mut self.0).await.expect("the stream ended").unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Until the server ends it.
    pub async fn ended(mut self) {
        while let Some(Ok(_)) = futures_util::StreamExt::next(&mut self.0).await {}
    }
}

impl World {
    /// Opens a stream of events.
    pub async fn open(&self, request: Request<Body>) -> Stream {
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Stream(response.into_body().into_data_stream())
    }
}
