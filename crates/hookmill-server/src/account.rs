//! Set-up, sessions and API tokens; and who calls.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookmill_model::{SessionId, Timestamp, TokenId, UserId, hex};
use hookmill_store::{Change, Expect, Lane, Role, Session, StoreError, Token, Unit, User};
use hookmill_vault as vault;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::attempts::Secret;
use crate::browser::browser;
use crate::devices::Cookie;
use crate::extract::{Json, Query};
use crate::list::Page;
use crate::schema;
use crate::{Problem, ServerState, passwords};

/// A session ends after this time at the latest.
const SESSION: Duration = Duration::from_secs(30 * 24 * 3_600);
/// A session that is used is extended this often at most.
const EXTENSION_NOTED: Duration = Duration::from_secs(600);
/// A token ends after this time unless its maker says otherwise.
const TOKEN: Duration = Duration::from_secs(90 * 24 * 3_600);
/// The use of a token is noted this often at most.
const USE_NOTED: Duration = Duration::from_secs(3_600);
/// Longer names and addresses are refused.
const NAME_CHARS_MAX: usize = 254;

/// Who calls: a person with a session, or a program with a token.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: UserId,
    session: Option<Session>,
    token: Option<TokenId>,
}

fn stranger() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "sign_in_required", "Sign in first, or send an API token.")
}

/// The token that a page must send with every change; only pages of this server can read it.
fn csrf(session: &Session) -> String {
    let mark = vault::hash_token(&format!("csrf {}", hex(&session.secret_hash)));
    hex(&mark)
}

impl Caller {
    /// The session, for a person.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(|session| session.id)
    }

    /// Whether the session or token is still there, and the user as well.
    pub(crate) async fn is_known(&self, state: &ServerState) -> Result<bool, StoreError> {
        let now = state.runtime.now();
        let is_open = match (self.session_id(), self.token) {
            (Some(own), _) => {
                let sessions = state.store().sessions(self.user).await?;
                sessions.iter().any(|session| session.id == own && session.expires_at > now)
            }
            (None, Some(own)) => {
                let tokens = state.store().tokens(self.user).await?;
                tokens.iter().any(|token| token.id == own && token.expires_at.is_none_or(|at| at > now))
            }
            (None, None) => false,
        };
        Ok(is_open && state.store().user(self.user).await?.is_some())
    }
}

/// The token that a program sent. Wrong ones are counted for where they come from, right ones never.
async fn known_token(parts: &Parts, state: &ServerState, token: &str) -> Result<Token, Problem> {
    let hash = vault::hash_token(token);
    let source = state.source(&parts.extensions, &parts.headers);
    let attempt = match state.attempts.begin(Secret::ApiToken, Some(source)) {
        Ok(attempt) => Some(attempt),
        // Others behind the same address must not suffer: a token that was right lately is looked at again.
        Err(_) if state.tokens_seen.contains(&hash) => None,
        Err(paused) => return Err(paused),
    };
    let found = state.store().token_by_hash(&hash).await?;
    let found =
        found.filter(|token| token.expires_at.is_none_or(|at| at > state.runtime.now())).ok_or_else(stranger)?;
    if let Some(attempt) = attempt {
        attempt.right();
    }
    state.tokens_seen.note(hash);
    Ok(found)
}

impl FromRequestParts<ServerState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        // A request that waits for its turn was looked at before.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let now = state.runtime.now();
        let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(token) = bearer.and_then(|text| text.strip_prefix("Bearer ")) {
            let token = known_token(parts, state, token.trim()).await?;
            // Known to the hour: a program that calls often must not write as often.
            if token.used_at.is_none_or(|used| now.since(used) >= USE_NOTED) {
                state.store().commit(Unit::from(Change::UseToken(token.id, now)), Lane::Work).await?;
            }
            return Ok(Self { user: token.user, session: None, token: Some(token.id) });
        }
        let secret = state.cookie(Cookie::Session, &parts.headers).ok_or_else(stranger)?;
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
        // Each use moves the end, but no further than a session lasts in all.
        let end = now.plus(state.config.session_idle).min(session.created_at.plus(SESSION));
        if end.since(session.expires_at) >= EXTENSION_NOTED.min(state.config.session_idle / 4) {
            state.store().commit(Unit::from(Change::ExtendSession(session.id, end)), Lane::Work).await?;
        }
        Ok(Self { user: session.user, session: Some(session), token: None })
    }
}

/// The owner's account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// What the server printed when it started.
    token: String,
    /// The owner's name.
    name: String,
    /// The owner's e-mail address.
    email: String,
    /// At least ten characters.
    #[schema(format = Password)]
    password: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SetUpQuery {
    /// Whether to make an API token too, for the command line.
    #[serde(default)]
    api_token: bool,
}

/// Whether the owner's account is still to be made.
#[derive(Serialize, ToSchema)]
pub struct SetUpState {
    /// No account exists.
    needed: bool,
}

/// Tokens that were right lately, by their hash.
#[derive(Default)]
pub(crate) struct TokensSeen(Mutex<HashSet<[u8; 32]>>);

/// So many are kept; all are forgotten when there are more.
const TOKENS_SEEN_MAX: usize = 4_096;

impl TokensSeen {
    fn contains(&self, hash: &[u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(hash)
    }

    fn note(&self, hash: [u8; 32]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= TOKENS_SEEN_MAX && !seen.contains(&hash) {
            seen.clear();
        }
        seen.insert(hash);
    }
}

/// Whether the owner's account is still to be made
#[utoipa::path(get, path = "/api/setup", tag = "account", responses((status = 200, body = SetUpState)), security(()))]
pub async fn setup_state(State(state): State<ServerState>) -> Result<Json<SetUpState>, Problem> {
    Ok(Json(SetUpState { needed: state.store().users().await?.is_empty() }))
}

/// Name, address and password as an account needs them.
pub(crate) fn check_account(
    state: &ServerState,
    name: &str,
    email: &str,
    password: Option<&str>,
) -> Result<(), Problem> {
    for (field, value) in [("name", name), ("email", email)] {
        if value.chars().count() > NAME_CHARS_MAX {
            let detail = format!("This has at most {NAME_CHARS_MAX} characters.");
            return Err(Problem::bad("account_invalid", detail).at(&format!("/{field}")));
        }
    }
    if name.trim().is_empty() {
        return Err(Problem::bad("account_invalid", "An account needs a name.").at("/name"));
    }
    if !email.trim().split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) {
        return Err(Problem::bad("account_invalid", "An account needs an e-mail address.").at("/email"));
    }
    let Some(password) = password else { return Ok(()) };
    let host = url::Url::parse(&state.config.public_url).ok();
    let host = host.as_ref().and_then(url::Url::host_str).unwrap_or_default();
    passwords::check(password, name, email, host).map_err(|problem| problem.at("/password"))
}

fn set_up_already() -> Problem {
    Problem::new(StatusCode::CONFLICT, "set_up_already", "The owner's account exists. Sign in.")
}

/// Make the owner's account
#[utoipa::path(post, path = "/api/setup", tag = "account", params(SetUpQuery), responses((status = 201, body = SessionView)), security(()))]
pub async fn setup(
    State(state): State<ServerState>,
    Query(query): Query<SetUpQuery>,
    extensions: Extensions,
    headers: HeaderMap,
    Json(form): Json<SetUp>,
) -> Result<Response, Problem> {
    let source = state.source(&extensions, &headers);
    let attempt = state.attempts.begin(Secret::SetUp(source), Some(source))?;
    if !vault::same(form.token.as_bytes(), state.config.setup_token.as_bytes()) {
        let message = "This is not the set-up token that the server printed when it started.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "setup_token_wrong", message));
    }
    attempt.right();
    if !state.store().users().await?.is_empty() {
        return Err(set_up_already());
    }
    check_account(&state, &form.name, &form.email, Some(&form.password))?;
    let now = state.runtime.now();
    let user = User {
        id: state.runtime.new_id(),
        name: form.name.trim().to_owned(),
        email: form.email.trim().to_owned(),
        password_hash: passwords::hashed(&state, form.password).await?,
        role: Role::Owner,
        created_at: now,
        updated_at: now,
    };
    let unit = Unit::from(Change::PutUser(user.clone())).expect(Expect::NoUser);
    match state.store().commit(unit, Lane::Work).await {
        Ok(_) => {}
        Err(StoreError::Conflict { .. }) => {
            return Err(set_up_already());
        }
        Err(error) => return Err(error.into()),
    }
    let token =
        if query.api_token { Some(new_token(&state, user.id, "set-up", Some(now.plus(TOKEN))).await?.1) } else { None };
    begin_session(&state, &user, (StatusCode::CREATED, &headers), token).await
}

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    id: String,
    name: String,
    email: String,
    #[schema(value_type = schema::UserRole)]
    role: &'static str,
}

pub(crate) fn shown(user: &User) -> UserView {
    UserView { id: user.id.to_string(), name: user.name.clone(), email: user.email.clone(), role: user.role.as_str() }
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// The user.
    user: UserView,
    /// What a page sends as `X-CSRF-Token` with every change; `null` for a program that sends an API token.
    #[schema(required)]
    csrf_token: Option<String>,
    /// The API token that was asked for; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

async fn begin_session(
    state: &ServerState,
    user: &User,
    (status, request): (StatusCode, &HeaderMap),
    token: Option<String>,
) -> Result<Response, Problem> {
    let secret = vault::make_capability().map_err(|error| Problem::explain(&error))?;
    let now = state.runtime.now();
    let session = Session {
        id: state.runtime.new_id(),
        user: user.id,
        secret_hash: vault::hash_token(&secret),
        browser: browser(request),
        created_at: now,
        expires_at: now.plus(state.config.session_idle.min(SESSION)),
    };
    state.store().commit(Unit::from(Change::PutSession(session.clone())), Lane::Work).await?;
    let body = SessionView { user: shown(user), csrf_token: Some(csrf(&session)), token };
    let mut response = (status, Json(body)).into_response();
    let cookies = [
        state.set_cookie(Cookie::Session, &secret, SESSION),
        // A browser that is known already keeps its mark, and the guesses that were counted for it.
        state.known_device(user.id, request).is_none().then(|| state.device_cookie(user.id)).flatten(),
    ];
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The account's e-mail address, in any case.
    email: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
}

/// Sign in: the answer sets the session's cookie
#[utoipa::path(post, path = "/api/session", tag = "account", responses((status = 200, body = SessionView)), security(()))]
pub async fn sign_in(
    State(state): State<ServerState>,
    extensions: Extensions,
    headers: HeaderMap,
    Json(form): Json<SignIn>,
) -> Result<Response, Problem> {
    let address = form.email.trim();
    let user = state.store().user_by_email(address).await?;
    let device = user.as_ref().and_then(|user| Some((user.id, state.known_device(user.id, &headers)?)));
    let attempt = match device {
        Some((user, mark)) => state.attempts.begin(Secret::PasswordOnDevice(user, mark), None)?,
        None => {
            let account = Secret::Password(vault::hash_token(&address.to_lowercase()));
            state.attempts.begin(account, Some(state.source(&extensions, &headers)))?
        }
    };
    // A wrong address costs as much time as a wrong password.
    let right = match passwords::is_right(&state, form.password, user.as_ref()).await {
        Ok(right) => right,
        Err(problem) => {
            attempt.not_made();
            return Err(problem);
        }
    };
    let Some(user) = user.filter(|_| right) else {
        let detail = "The e-mail address or the password is wrong.";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "sign_in_failed", detail));
    };
    attempt.right();
    begin_session(&state, &user, (StatusCode::OK, &headers), None).await
}

/// Who is signed in
#[utoipa::path(get, path = "/api/session", tag = "account", responses((status = 200, body = SessionView)))]
pub async fn session(caller: Caller, State(state): State<ServerState>) -> Result<Json<SessionView>, Problem> {
    let user = state.store().user(caller.user).await?.ok_or_else(stranger)?;
    Ok(Json(SessionView { user: shown(&user), csrf_token: caller.session.as_ref().map(csrf), token: None }))
}

/// Sign out
#[utoipa::path(delete, path = "/api/session", tag = "account", responses((status = 204)))]
pub async fn sign_out(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    if let Some(session) = caller.session {
        state.store().commit(Unit::from(Change::DeleteSession(session.id)), Lane::Work).await?;
        state.accounts_changed();
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(gone) = state.set_cookie(Cookie::Session, "", Duration::ZERO) {
        response.headers_mut().insert(header::SET_COOKIE, gone);
    }
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
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

/// An API token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenForm {
    /// What it is for.
    name: String,
    /// When it ends; after 90 days where not said, never where it is `null`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Timestamp>)]
    expires_at: Option<Option<Timestamp>>,
}

/// Tells a member that is `null` from one that is not there.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

/// A personal API token.
#[derive(Serialize, ToSchema)]
pub struct ApiToken {
    id: String,
    name: String,
    created_at: Timestamp,
    /// When it ends.
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// When it was used last, to the hour.
    #[schema(required)]
    used_at: Option<Timestamp>,
    /// The token itself, only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

fn shown_token(token: &Token, secret: Option<String>) -> ApiToken {
    ApiToken {
        id: token.id.to_string(),
        name: token.name.clone(),
        created_at: token.created_at,
        expires_at: token.expires_at,
        used_at: token.used_at,
        token: secret,
    }
}

/// Make an API token; it is shown this once
#[utoipa::path(post, path = "/api/tokens", tag = "account", responses((status = 201, body = ApiToken)))]
pub async fn make_token(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<TokenForm>,
) -> Result<(StatusCode, Json<ApiToken>), Problem> {
    if form.name.trim().is_empty() {
        return Err(Problem::bad("name_missing", "A token needs a name.").at("/name"));
    }
    let now = state.runtime.now();
    let expires_at = form.expires_at.unwrap_or_else(|| Some(now.plus(TOKEN)));
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::bad("request_invalid", "The token would have ended already.").at("/expires_at"));
    }
    let (token, secret) = new_token(&state, caller.user, form.name.trim(), expires_at).await?;
    Ok((StatusCode::CREATED, Json(shown_token(&token, Some(secret)))))
}

/// One's API tokens, newest first
#[utoipa::path(get, path = "/api/tokens", tag = "account", responses((status = 200, body = Page<ApiToken>)))]
pub async fn tokens(caller: Caller, State(state): State<ServerState>) -> Result<Json<Page<ApiToken>>, Problem> {
    let tokens = state.store().tokens(caller.user).await?;
    Ok(Json(Page::whole(tokens.iter().map(|token| shown_token(token, None)))))
}

/// Delete an API token: it ends at once
#[utoipa::path(delete, path = "/api/tokens/{id}", tag = "account", responses((status = 204)))]
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
    state.accounts_changed();
    Ok(StatusCode::NO_CONTENT)
}
