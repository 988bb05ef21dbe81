//! Signed-in browsers: which there are, and ending them.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookmill_model::{SessionId, Timestamp};
use hookmill_store::{Change, Lane, Unit};
use serde::Serialize;
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::Json;
use crate::list::Page;
use crate::{Problem, ServerState};

/// A signed-in browser.
#[derive(Serialize, ToSchema)]
pub struct SessionListed {
    id: String,
    /// The browser in short; empty where it did not say.
    browser: String,
    /// When it signed in.
    created_at: Timestamp,
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

/// One's signed-in browsers, newest first
#[utoipa::path(get, path = "/api/sessions", tag = "account", responses((status = 200, body = Page<SessionListed>)))]
pub async fn sessions(caller: Caller, State(state): State<ServerState>) -> Result<Json<Page<SessionListed>>, Problem> {
    let now = state.runtime.now();
    let found = state.store().sessions(caller.user).await?;
    Ok(Json(Page::whole(found.into_iter().filter(|session| session.expires_at > now).map(|session| SessionListed {
        current: caller.session_id() == Some(session.id),
        id: session.id.to_string(),
        browser: session.browser,
        created_at: session.created_at,
        expires_at: session.expires_at,
    }))))
}

/// Sign one browser out
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "account", responses((status = 204)))]
pub async fn end_session(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::missing("session"))?;
    if !state.store().sessions(caller.user).await?.iter().any(|session| session.id == id) {
        return Err(Problem::missing("session"));
    }
    state.store().commit(Unit::from(Change::DeleteSession(id)), Lane::Work).await?;
    state.accounts_changed();
    Ok(StatusCode::NO_CONTENT)
}

/// Sign all other browsers out
#[utoipa::path(post, path = "/api/sessions/end-others", tag = "account", responses((status = 204)))]
pub async fn end_others(caller: Caller, State(state): State<ServerState>) -> Result<StatusCode, Problem> {
    let change = Change::DeleteOtherSessions(caller.user, caller.session_id());
    state.store().commit(Unit::from(change), Lane::Work).await?;
    state.accounts_changed();
    Ok(StatusCode::NO_CONTENT)
}
