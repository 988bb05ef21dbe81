//! The daily digest of the person who is signed in.

use axum::extract::State;
use hookmill_runtime::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::Json;
use crate::{Problem, ServerState};

/// Whether and when the daily digest comes.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Digest)]
#[serde(deny_unknown_fields)]
pub struct DigestForm {
    /// Whether it comes: what the flows did in the last 24 hours, in the inbox and on the phone.
    is_on: bool,
    /// By mail, too.
    #[serde(default)]
    by_mail: bool,
    /// At this hour.
    #[schema(maximum = 23)]
    hour: u8,
    /// The time zone of the hour, by any name that definitions take.
    time_zone: String,
}

fn shown(digest: Digest) -> DigestForm {
    let Digest { is_on, by_mail, hour, time_zone, .. } = digest;
    DigestForm { is_on, by_mail, hour, time_zone }
}

/// Whether and when your daily digest comes
#[utoipa::path(get, path = "/api/account/digest", tag = "account", responses((status = 200, body = DigestForm)))]
pub async fn digest(caller: Caller, State(state): State<ServerState>) -> Result<Json<DigestForm>, Problem> {
    Ok(Json(shown(state.runtime.digest(caller.user).await?)))
}

/// Set whether and when your daily digest comes
#[utoipa::path(put, path = "/api/account/digest", tag = "account", request_body = DigestForm, responses((status = 200, body = DigestForm)))]
pub async fn put_digest(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<DigestForm>,
) -> Result<Json<DigestForm>, Problem> {
    let DigestForm { is_on, by_mail, hour, time_zone } = form;
    let wanted = Digest { is_on, by_mail, hour, time_zone, ..Digest::default() };
    Ok(Json(shown(state.runtime.set_digest(caller.user, wanted).await?)))
}
