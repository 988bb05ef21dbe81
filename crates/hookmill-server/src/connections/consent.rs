//! Signing in at a service (OAuth 2.0): where a person agrees, and what the service sends them back with.
//!
//! The redirect URL is a page of the interface. It hands what it got over with the person's own session, so nothing
//! happens by following a link, and every refusal is shown as any other.

use axum::extract::{Path, State};
use hookmill_model::Timestamp;
use hookmill_runtime::ConsentAnswer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ConnectionView, own, shown};
use crate::account::Caller;
use crate::extract::Json;
use crate::{Problem, ServerState};

/// Where a person agrees.
#[derive(Serialize, ToSchema)]
pub struct ConsentRequest {
    /// The service's page, for the person's browser.
    url: String,
    /// Until when the answer is taken.
    expires_at: Timestamp,
}

/// Begin to sign a connection in at its service; a sign-in that is under way ends
#[utoipa::path(post, path = "/api/connections/{id}/sign-in", tag = "connections", responses((status = 200, body = ConsentRequest)))]
pub async fn sign_in(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<ConsentRequest>, Problem> {
    let connection = own(&state, &caller, &id).await?;
    let asked = state.runtime.ask_consent(caller.user, connection.id).await?;
    Ok(Json(ConsentRequest { url: asked.url, expires_at: asked.expires_at }))
}

/// What the service sent the person back with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentForm {
    state: String,
    /// The code of a person who agreed.
    #[schema(format = Password)]
    code: Option<String>,
    /// What is wrong otherwise.
    error: Option<String>,
    /// The same in the service's words.
    error_description: Option<String>,
}

/// Finish a sign-in: only who began it can, and only once
#[utoipa::path(post, path = "/api/connections/signed-in", tag = "connections", responses((status = 200, body = ConnectionView)))]
pub async fn signed_in(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<ConsentForm>,
) -> Result<Json<ConnectionView>, Problem> {
    let answer = ConsentAnswer {
        state: form.state,
        code: form.code,
        error: form.error,
        error_description: form.error_description,
    };
    let connection = state.runtime.take_consent(caller.user, answer).await?;
    Ok(Json(shown(&state, &connection).await?))
}
