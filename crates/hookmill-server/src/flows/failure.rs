//! What happens when a run of a flow fails: its owner is told, another flow runs.

use axum::extract::{Path, State};
use hookmill_runtime::OnFailure;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id_of;
use crate::account::Caller;
use crate::extract::Json;
use crate::{Problem, ServerState};

/// What happens when a run of the flow fails.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = OnFailure)]
#[serde(deny_unknown_fields)]
pub struct OnFailureForm {
    /// Tell the owner, in the inbox and on the phone.
    #[serde(default)]
    notify: bool,
    /// Tell the owner by mail, too.
    #[serde(default)]
    by_mail: bool,
    /// After that nothing more is told for so many minutes; what fails meanwhile is counted and told together. A week at
    /// most.
    #[serde(default = "hour")]
    #[schema(maximum = 10_080)]
    minutes: u32,
    /// The flow that runs with what failed; its trigger gives `flow`, `run`, `error` and `trigger`.
    #[schema(required)]
    run_flow: Option<String>,
}

const fn hour() -> u32 {
    60
}

fn shown(wanted: &OnFailure) -> OnFailureForm {
    OnFailureForm {
        notify: wanted.notify,
        by_mail: wanted.by_mail,
        minutes: wanted.minutes,
        run_flow: wanted.run_flow.map(|flow| flow.to_string()),
    }
}

/// What happens when a run of the flow fails
#[utoipa::path(get, path = "/api/flows/{id}/on-failure", tag = "flows", responses((status = 200, body = OnFailureForm)))]
pub async fn on_failure(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<OnFailureForm>, Problem> {
    let wanted = state.runtime.on_failure(caller.user, id_of(&id)?).await?;
    Ok(Json(shown(&wanted)))
}

/// Set what happens when a run of the flow fails. It makes no version and touches no webhook
#[utoipa::path(put, path = "/api/flows/{id}/on-failure", tag = "flows", request_body = OnFailureForm, responses((status = 200, body = OnFailureForm)))]
pub async fn put_on_failure(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<OnFailureForm>,
) -> Result<Json<OnFailureForm>, Problem> {
    let OnFailureForm { notify, by_mail, minutes, run_flow } = form;
    let run_flow = match run_flow.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => Some(id.parse().map_err(|_| Problem::bad("request_invalid", "This is no flow.").at("/run_flow"))?),
        None => None,
    };
    let wanted = OnFailure { notify, by_mail, minutes, run_flow, ..OnFailure::default() };
    let wanted = state.runtime.set_on_failure(caller.user, id_of(&id)?, wanted).await?;
    Ok(Json(shown(&wanted)))
}
