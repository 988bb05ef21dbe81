//! Set-up, sessions and API tokens; and who calls.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookmill_model::{SessionId, Timestamp, TokenId, UserId};
use hookmill_store::{Change, Expect, Lane, Role, Session, StoreError, Token, Unit, User};
use hookmill_vault as vault;
use serde::Deserialize;
use serde_json::json;

use crate::{Problem, ServerState};

const COOKIE: &str = "hookmill_session";
/// A session ends after this time.
const SESSION: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Shorter passwords are refused.
const PASSWORD_CHARS_MIN: usize = 10;

/// Who calls: a person with a session, or a program with a token.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: UserId,
    session: Option<Session>,
}

fn stranger() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "sign_in_required", "Sign in first, or send an API token.")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The token that a page must send with every change; only pages of this server can read it.
fn csrf(session: &Session) -> String {
    let mark = vault::hash_token(&format!("csrf {}", hex(&session.secret_hash)));
    hex(&mark)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Caller {
    /// The session, for a person.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(|session| session.id)
    }
}

impl FromRequestParts<ServerState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let now = state.runtime.now();
        let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(token) = bearer.and_then(|text| text.strip_prefix("Bearer ")) {
            let token = state.store().token_by_hash(&vault::hash_token(token.trim())).await?.ok_or_else(stranger)?;
            if token.expires_at.is_some_and(|at| at <= now) {
                return Err(stranger());
            }
            return Ok(Self { user: token.user, session: None });
        }
        let secret = cookie(&parts.headers).ok_or_else(stranger)?;
        let session = state.store().session_by_hash(&vault::hash_token(secret)).await?.ok_or_else(stranger)?;
        if session.expires_at <= now {
            return Err(stranger());
        }
        if !parts.method.is_safe() {
            let sent = parts.headers.get("x-csrf-token").map(|value| value.as_bytes()).unwrap_or_default();
            if !vault::same(sent, csrf(&session).as_bytes()) {
                let message = "The request does not carry this page's X-CSRF-Token.";
                return Err(Problem::new(StatusCode::FORBIDDEN, "csrf_token_wrong", message));
            }
        }
        Ok(Self { user: session.user, session: Some(session) })
    }
}

/// Wrong passwords per address: after some, signing in pauses.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<String, (u32, Instant)>>);

/// So many wrong passwords are free.
const ATTEMPTS_FREE: u32 = 8;
/// Then signing in pauses for so long.
const ATTEMPTS_PAUSE: Duration = Duration::from_secs(60);
/// Addresses that are remembered; all are forgotten when there are more.
const ATTEMPTS_KNOWN: usize = 10_000;

impl Attempts {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<String, (u32, Instant)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How many seconds to wait; `None` for none.
    fn wait(&self, who: &str) -> Option<u64> {
        let map = self.map();
        let (count, since) = map.get(who)?;
        let left = ATTEMPTS_PAUSE.checked_sub(since.elapsed())?;
        (*count >= ATTEMPTS_FREE).then(|| left.as_secs() + 1)
    }

    fn failed(&self, who: &str) {
        let mut map = self.map();
        if map.len() >= ATTEMPTS_KNOWN {
            map.clear();
        }
        let entry = map.entry(who.to_owned()).or_insert((0, Instant::now()));
        if entry.1.elapsed() > ATTEMPTS_PAUSE {
            entry.0 = 0;
        }
        *entry = (entry.0 + 1, Instant::now());
    }

    fn forget(&self, who: &str) {
        self.map().remove(who);
    }
}

#[derive(Deserialize)]
pub struct SetUp {
    token: String,
    name: String,
    email: String,
    password: String,
}

#[derive(Deserialize)]
pub struct SetUpQuery {
    #[serde(default)]
    api_token: bool,
}

pub async fn setup_state(State(state): State<ServerState>) -> Result<Response, Problem> {
    Ok(Json(json!({"needed": state.store().users().await?.is_empty()})).into_response())
}

pub(crate) async fn hashed(password: String) -> Result<String, Problem> {
    let made = tokio::task::spawn_blocking(move || vault::hash_password(&password)).await;
    let internal = |detail: String| {
        tracing::error!(detail, "a password could not be hashed");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "The password could not be stored.")
    };
    made.map_err(|error| internal(error.to_string()))?.map_err(|error| internal(error.to_string()))
}

/// Name, address and password as an account needs them.
pub(crate) fn check_account(name: &str, email: &str, password: Option<&str>) -> Result<(), Problem> {
    if !email.contains('@') || name.trim().is_empty() {
        return Err(Problem::bad("account_invalid", "An account needs a name and an e-mail address."));
    }
    if password.is_some_and(|password| password.chars().count() < PASSWORD_CHARS_MIN) {
        let detail = format!("The password needs at least {PASSWORD_CHARS_MIN} characters.");
        return Err(Problem::bad("password_short", detail).with("pointer", json!("/password")));
    }
    Ok(())
}

/// Whether this is the user's password.
pub(crate) async fn is_password(password: String, user: &User) -> bool {
    let hash = user.password_hash.clone();
    let checked = tokio::task::spawn_blocking(move || vault::verify_password(&password, &hash));
    matches!(checked.await, Ok(Ok(true)))
}

pub async fn setup(
    State(state): State<ServerState>,
    Query(query): Query<SetUpQuery>,
    Json(form): Json<SetUp>,
) -> Result<Response, Problem> {
    if !vault::same(form.token.as_bytes(), state.config.setup_token.as_bytes()) {
        let message = "This is not the set-up token that the server printed when it started.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "setup_token_wrong", message));
    }
    check_account(&form.name, &form.email, Some(&form.password))?;
    let now = state.runtime.now();
    let user = User {
        id: state.runtime.new_id(),
        name: form.name.trim().to_owned(),
        email: form.email.trim().to_owned(),
        password_hash: hashed(form.password).await?,
        role: Role::Owner,
        created_at: now,
        updated_at: now,
    };
    let unit = Unit::from(Change::PutUser(user.clone())).expect(Expect::NoUser);
    match state.store().commit(unit, Lane::Work).await {
        Ok(_) => {}
        Err(StoreError::Conflict { .. }) => {
            return Err(Problem::new(StatusCode::CONFLICT, "set_up_already", "The owner's account exists. Sign in."));
        }
        Err(error) => return Err(error.into()),
    }
    let token = if query.api_token { Some(new_token(&state, user.id, "set-up", None).await?.1) } else { None };
    begin_session(&state, &user, StatusCode::CREATED, token).await
}

pub(crate) fn shown(user: &User) -> serde_json::Value {
    json!({"id": user.id.to_string(), "name": user.name, "email": user.email, "role": user.role.as_str()})
}

async fn begin_session(
    state: &ServerState,
    user: &User,
    status: StatusCode,
    token: Option<String>,
) -> Result<Response, Problem> {
    let secret = vault::make_capability().map_err(|error| Problem::explain(&error))?;
    let now = state.runtime.now();
    let session = Session {
        id: state.runtime.new_id(),
        user: user.id,
        secret_hash: vault::hash_token(&secret),
        created_at: now,
        expires_at: now.plus(SESSION),
    };
    state.store().commit(Unit::from(Change::PutSession(session.clone())), Lane::Work).await?;
    let secure = if state.config.public_url.starts_with("https:") { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", &*secret, SESSION.as_secs());
    let mut body = json!({"user": shown(user), "csrf_token": csrf(&session)});
    if let Some(token) = token {
        body["token"] = json!(token);
    }
    Ok((status, [(header::SET_COOKIE, cookie)], Json(body)).into_response())
}

#[derive(Deserialize)]
pub struct SignIn {
    email: String,
    password: String,
}

pub async fn sign_in(State(state): State<ServerState>, Json(form): Json<SignIn>) -> Result<Response, Problem> {
    let who = form.email.trim().to_lowercase();
    if let Some(seconds) = state.attempts.wait(&who) {
        let detail = "Too many wrong passwords for this address. Wait a little.";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "sign_in_paused", detail).retry_after(seconds));
    }
    let user = state.store().user_by_email(form.email.trim()).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    // A wrong address costs as much time as a wrong password.
    let checked = tokio::task::spawn_blocking(move || match hash {
        Some(hash) => vault::verify_password(&form.password, &hash),
        None => vault::verify_no_password(&form.password),
    });
    let right = matches!(checked.await, Ok(Ok(true)));
    match user.filter(|_| right) {
        Some(user) => {
            state.attempts.forget(&who);
            begin_session(&state, &user, StatusCode::OK, None).await
        }
        None => {
            state.attempts.failed(&who);
            let detail = "The e-mail address or the password is wrong.";
            Err(Problem::new(StatusCode::UNAUTHORIZED, "sign_in_failed", detail))
        }
    }
}

pub async fn session(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    let user = state.store().user(caller.user).await?.ok_or_else(stranger)?;
    let token = caller.session.as_ref().map(csrf);
    Ok(Json(json!({"user": shown(&user), "csrf_token": token})).into_response())
}

pub async fn sign_out(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    if let Some(session) = caller.session {
        state.store().commit(Unit::from(Change::DeleteSession(session.id)), Lane::Work).await?;
    }
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

async fn new_token(
    state: &ServerState,
    user: UserId,
    name: &str,
    expires_at: Option<Timestamp>,
) -> Result<(Token, String), Problem> {
    let secret = vault::make_api_token().map_err(|error| Problem::explain(&error))?;
    let token = Token {
        id: state.runtime.new_id(),
        user,
        name: name.to_owned(),
        secret_hash: vault::hash_token(&secret),
        created_at: state.runtime.now(),
        expires_at,
        used_at: None,
    };
    state.store().commit(Unit::from(Change::PutToken(token.clone())), Lane::Work).await?;
    Ok((token, secret.to_string()))
}

#[derive(Deserialize)]
pub struct TokenForm {
    name: String,
    expires_at: Option<Timestamp>,
}

pub async fn make_token(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<TokenForm>,
) -> Result<Response, Problem> {
    let (token, secret) = new_token(&state, caller.user, form.name.trim(), form.expires_at).await?;
    let body = json!({"id": token.id.to_string(), "name": token.name, "token": secret, "created_at": token.created_at});
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

pub async fn tokens(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    let tokens = state.store().tokens(caller.user).await?;
    let items: Vec<_> = tokens
        .iter()
        .map(|token| json!({"id": token.id.to_string(), "name": token.name, "created_at": token.created_at, "expires_at": token.expires_at, "used_at": token.used_at}))
        .collect();
    Ok(Json(json!({"items": items, "next_cursor": null})).into_response())
}

pub async fn delete_token(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: TokenId = id.parse().map_err(|_| Problem::missing("token"))?;
    let own = state.store().tokens(caller.user).await?.iter().any(|token| token.id == id);
    if !own {
        return Err(Problem::missing("token"));
    }
    state.store().commit(Unit::from(Change::DeleteToken(id)), Lane::Work).await?;
    Ok(StatusCode::NO_CONTENT)
}
