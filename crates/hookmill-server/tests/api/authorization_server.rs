//! A service that gives tokens and takes them: an authorization server with PKCE and rotating refresh tokens, and an
//! API behind it. Every secret that it knows or gives holds the word "canary".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Barrier, Notify};
use url::Url;

pub const CLIENT_ID: &str = "client-1";
pub const CLIENT_SECRET: &str = "canary-client-secret";
pub const REDIRECT_URL: &str = "https://me.test/oauth/callback";

#[derive(Default)]
pub struct Held {
    /// Code → challenge.
    codes: BTreeMap<String, String>,
    /// The refresh token that is good.
    pub refresh: Option<String>,
    /// The access tokens that are good.
    pub access: BTreeSet<String>,
    given: u32,
    /// The forms that asked for tokens.
    pub asked: Vec<BTreeMap<String, String>>,
    /// The calls of the API: path and token.
    pub called: Vec<(String, String)>,
    /// What the token endpoint answers instead.
    pub fails: Option<(u16, Value)>,
    /// The client has to show its secret in the header.
    pub wants_header: bool,
    /// Calls with a bad token wait here for each other before they are refused.
    pub together: Option<Arc<Barrier>>,
}

#[derive(Clone)]
pub struct Service {
    pub host: String,
    held: Arc<Mutex<Held>>,
    changed: Arc<Notify>,
}

impl Service {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let service = Self { host, held: Arc::default(), changed: Arc::default() };
        let router = Router::new()
            .route("/token", post(token))
            .route("/items", get(items))
            .route("/hooks", post(subscribe))
            .route("/hooks/1", delete(unsubscribe))
            .with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    /// Waits until something has happened here.
    pub async fn until(&self, happened: impl Fn(&Held) -> bool) {
        loop {
            let next = self.changed.notified();
            if happened(&self.held()) {
                return;
            }
            next.await;
        }
    }

    /// The grants that tokens were asked with.
    pub fn grants(&self) -> Vec<String> {
        self.held().asked.iter().map(|form| form["grant_type"].clone()).collect()
    }

    /// The tokens that the API was called with.
    pub fn tokens(&self) -> Vec<String> {
        self.held().called.iter().map(|(_, token)| token.clone()).collect()
    }

    /// A person agrees: what the service sends them back with.
    pub fn agree(&self, address: &str) -> Value {
        let url = Url::parse(address).unwrap();
        assert_eq!((url.host_str(), url.path()), (Some("127.0.0.1"), "/authorize"));
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let fixed = ["response_type", "client_id", "redirect_uri", "code_challenge_method", "scope", "prompt"];
        let fixed = fixed.map(|name| query[name].as_str());
        assert_eq!(fixed, ["code", CLIENT_ID, REDIRECT_URL, "S256", "items:read hooks", "consent"]);
        let mut held = self.held();
        held.given += 1;
        let code = format!("canary-code-{}", held.given);
        held.codes.insert(code.clone(), query["code_challenge"].clone());
        json!({"state": query["state"], "code": code})
    }
}

fn refused(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body.clone())).into_response()
}

async fn token(State(service): State<Service>, headers: HeaderMap, body: String) -> Response {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let mut held = service.held();
    held.asked.push(form.clone());
    service.changed.notify_waiters();
    if let Some((status, body)) = &held.fails {
        return refused(*status, body);
    }
    let part = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let by_body = part("client_id") == CLIENT_ID && part("client_secret") == CLIENT_SECRET;
    let pair = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    let by_header = headers.get(header::AUTHORIZATION).is_some_and(|value| value == pair.as_str());
    if !(if held.wants_header { by_header } else { by_body }) {
        // A careless server that repeats what it got.
        let said = format!("no client with {}", part("client_secret"));
        return refused(401, &json!({"error": "invalid_client", "error_description": said}));
    }
    let is_good = match part("grant_type") {
        "authorization_code" => {
            let challenge = held.codes.remove(part("code"));
            let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(part("code_verifier").as_bytes()));
            challenge == Some(proof) && part("redirect_uri") == REDIRECT_URL
        }
        "refresh_token" => held.refresh.as_deref() == Some(part("refresh_token")),
        "client_credentials" => part("scope") == "items:read hooks",
        _ => false,
    };
    if !is_good {
        let said = format!("{} is not good", part("refresh_token"));
        return refused(400, &json!({"error": "invalid_grant", "error_description": said}));
    }
    held.given += 1;
    let access = format!("canary-access-{}", held.given);
    held.access.insert(access.clone());
    let mut answer = json!({"access_token": access, "token_type": "bearer", "expires_in": "3600"});
    if part("grant_type") != "client_credentials" {
        let refresh = format!("canary-refresh-{}", held.given);
        answer["refresh_token"] = json!(refresh);
        held.refresh = Some(refresh);
    }
    axum::Json(answer).into_response()
}

/// Notes a call; says whether its token is good.
async fn let_in(service: &Service, path: &str, headers: &HeaderMap) -> bool {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = token.strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let (is_good, together) = {
        let mut held = service.held();
        held.called.push((path.to_owned(), token.clone()));
        service.changed.notify_waiters();
        (held.access.contains(&token), held.together.clone())
    };
    if let Some(together) = together.filter(|_| !is_good) {
        together.wait().await;
    }
    is_good
}

async fn items(State(service): State<Service>, headers: HeaderMap) -> Response {
    if !let_in(&service, "/items", &headers).await {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // A careless service that repeats the token.
    let own = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    axum::Json(json!({"items": [1], "called_with": own})).into_response()
}

async fn subscribe(State(service): State<Service>, headers: HeaderMap) -> Response {
    if !let_in(&service, "POST /hooks", &headers).await {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let location = format!("http://{}/hooks/1", service.host);
    (StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(json!({"id": 1}))).into_response()
}

async fn unsubscribe(State(service): State<Service>, headers: HeaderMap) -> StatusCode {
    if let_in(&service, "DELETE /hooks/1", &headers).await { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED }
}
