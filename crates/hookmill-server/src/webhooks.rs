//! Webhooks of flows at their services: what is called for them, the secret that a person brings, and those that were
//! left behind.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookmill_connector::DeletionRule;
use hookmill_model::{FlowId, SubscriptionId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::list::{ListQuery, Page};
use crate::{Problem, ServerState};

/// The secret that a service shows a person for a webhook.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSecretForm {
    /// As the service shows it. Sealed at rest, never shown again.
    #[schema(format = Password)]
    #[serde(default)]
    secret: String,
}

/// Enter the secret that the service shows for the webhook of a flow; until then its calls are put off
#[utoipa::path(put, path = "/api/flows/{id}/webhook-secret", tag = "flows", request_body = WebhookSecretForm, responses((status = 204)))]
pub async fn enter_secret(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<WebhookSecretForm>,
) -> Result<StatusCode, Problem> {
    let id: FlowId = id.parse().map_err(|_| Problem::missing("flow"))?;
    state.runtime.enter_webhook_secret(caller.user, id, form.secret.trim()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a service sent to a flow's address, to be entered at the service.
#[derive(Serialize, ToSchema)]
pub struct WebhookToken {
    token: String,
}

/// Show the verification token that the service has sent, which a person enters at the service
#[utoipa::path(post, path = "/api/flows/{id}/webhook-token", tag = "flows", responses((status = 200, body = WebhookToken)))]
pub async fn token(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<WebhookToken>, Problem> {
    let id: FlowId = id.parse().map_err(|_| Problem::missing("flow"))?;
    let token = state.runtime.webhook_token(caller.user, id).await?.to_string();
    Ok(Json(WebhookToken { token }))
}

/// A request about the webhook of a flow.
#[derive(Serialize, ToSchema)]
pub struct WebhookCall {
    /// In capitals.
    method: String,
    /// Names in braces are filled from the service's answer; empty where only that answer tells the address.
    url: String,
    /// How the address of a deletion is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<DeletionRule>,
}

impl From<hookmill_runtime::WebhookCall> for WebhookCall {
    fn from(call: hookmill_runtime::WebhookCall) -> Self {
        Self { method: call.method, url: call.url, rule: call.rule }
    }
}

/// What will be called for the webhook of a flow.
#[derive(Serialize, ToSchema)]
pub struct WebhookCalls {
    /// When the flow is turned on, and when its trigger is changed; `null` where no connector makes its webhook.
    #[schema(required)]
    create: Option<WebhookCall>,
    /// When values of its trigger are changed that the service can take over in place; `null` where it cannot.
    #[schema(required)]
    update: Option<WebhookCall>,
    /// When the flow is turned off or deleted, and when its trigger is changed; `null` where nobody knows how.
    #[schema(required)]
    delete: Option<WebhookCall>,
    /// Whether the deletion is that of the webhook which exists now.
    is_live: bool,
}

/// What will be called at the service when a flow is saved, turned off and deleted
#[utoipa::path(get, path = "/api/flows/{id}/webhook-calls", tag = "flows", responses((status = 200, body = WebhookCalls)))]
pub async fn calls(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<WebhookCalls>, Problem> {
    let id: FlowId = id.parse().map_err(|_| Problem::missing("flow"))?;
    Ok(Json(match state.runtime.webhook_calls(caller.user, id).await? {
        None => WebhookCalls { create: None, update: None, delete: None, is_live: false },
        Some(calls) => WebhookCalls {
            create: Some(calls.create.into()),
            update: calls.update.map(Into::into),
            delete: calls.delete.map(Into::into),
            is_live: calls.is_live,
        },
    }))
}

/// A webhook that may still exist at its service.
#[derive(Serialize, ToSchema)]
pub struct LeftBehind {
    id: String,
    flow_id: String,
    flow_name: String,
    flow_is_deleted: bool,
    created_at: Timestamp,
    /// When it was left behind.
    left_at: Timestamp,
    /// Why it was left behind, in a sentence.
    why: String,
    /// Where it would be deleted; `null` where that is not known.
    #[schema(required)]
    address: Option<String>,
    /// The request that created it, secrets redacted; `null` where its history is gone.
    request: Value,
    /// What the service answered to that; `null` where there was no answer.
    answer: Value,
    /// The run that records the creation.
    #[schema(required)]
    run: Option<String>,
}

/// Webhooks that were left behind at services, newest first
#[utoipa::path(get, path = "/api/left-behind-webhooks", tag = "flows", params(ListQuery), responses((status = 200, body = Page<LeftBehind>)))]
pub async fn left_behind(
    caller: Caller,
    State(state): State<ServerState>,
    Query(page): Query<ListQuery>,
) -> Result<Json<Page<LeftBehind>>, Problem> {
    let found = state.runtime.webhooks_left_behind(caller.user, page.list()?).await?;
    let view = |own: hookmill_runtime::LeftWebhook| LeftBehind {
        id: own.id.to_string(),
        flow_id: own.flow.to_string(),
        flow_name: own.flow_name,
        flow_is_deleted: own.flow_is_deleted,
        created_at: own.created_at,
        left_at: own.left_at,
        why: crate::problem::sentence(&own.why),
        address: own.address,
        request: own.request,
        answer: own.answer,
        run: own.run.map(|run| run.to_string()),
    };
    Ok(Json(Page::of(found.items.into_iter().map(view).collect(), found.next)))
}

fn webhook_of(id: &str) -> Result<SubscriptionId, Problem> {
    id.parse().map_err(|_| Problem::missing("webhook"))
}

/// Try again to delete a webhook that was left behind
#[utoipa::path(post, path = "/api/left-behind-webhooks/{id}/delete", tag = "flows", responses((status = 204)))]
pub async fn delete_left_behind(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    Box::pin(state.runtime.delete_left_behind(caller.user, webhook_of(&id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Mark a webhook that was left behind as done
#[utoipa::path(post, path = "/api/left-behind-webhooks/{id}/done", tag = "flows", responses((status = 204)))]
pub async fn settle_left_behind(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.runtime.settle_left_behind(caller.user, webhook_of(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A parameter of a well-known service.
#[derive(Serialize, ToSchema)]
pub struct WebhookPresetParameter {
    name: String,
    /// What it is.
    about: String,
}

/// A well-known service that calls webhooks.
#[derive(Serialize, ToSchema)]
pub struct WebhookPreset {
    /// As `x-hookmill-preset` names it.
    name: String,
    /// For people.
    title: String,
    /// Which secret signs its calls, and where a person finds it; `null` where nothing is signed.
    #[schema(required)]
    secret: Option<String>,
    /// What a person gives beside the secret.
    parameters: Vec<WebhookPresetParameter>,
}

/// The well-known services whose calls can be proven by name
#[utoipa::path(get, path = "/api/webhook-presets", tag = "flows", responses((status = 200, body = Page<WebhookPreset>)))]
pub async fn presets(_: Caller) -> Json<Page<WebhookPreset>> {
    let view = |preset: &hookmill_webhook::Preset| WebhookPreset {
        name: preset.name.to_string(),
        title: preset.title.to_string(),
        secret: preset.secret.as_ref().map(ToString::to_string),
        parameters: preset
            .parameters
            .iter()
            .map(|(name, about)| WebhookPresetParameter { name: name.to_string(), about: about.to_string() })
            .collect(),
    };
    Json(Page::whole(hookmill_webhook::presets().iter().map(view)))
}
