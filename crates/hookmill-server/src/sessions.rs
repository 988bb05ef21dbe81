//! Signed-in browsers: which there are, and ending them.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use hookmill_model::{SessionId, Timestamp};
use hookmill_store::{Change, Lane, Unit};
use serde::Serialize;
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::Json;
use crate::schema::Page;
use crate::{Problem, ServerState};

/// Browsers by a word that only they put into their name, more special ones first.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
];
/// Systems in the same way.
const SYSTEMS: &[(&str, &str)] = &[
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
];

/// The browser of a request in short, such as "Firefox · Linux"; empty for what does not name itself.
pub(crate) fn browser(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let known =
        |table: &[(&str, &'static str)]| table.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name);
    match (known(BROWSERS), known(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => agent.split(['/', ' ']).next().unwrap_or_default().chars().take(40).collect(),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_in_short() {
        let named = |agent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, agent.parse().unwrap());
            browser(&headers)
        };
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36";
        assert_eq!(named(chrome), "Chrome · Linux");
        assert_eq!(named(&format!("{chrome} Edg/141.0")), "Edge · Linux");
        assert_eq!(
            named("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"),
            "Safari · iOS"
        );
        assert_eq!(named("curl/8.9.1"), "curl");
        assert_eq!(browser(&HeaderMap::new()), "");
    }
}
