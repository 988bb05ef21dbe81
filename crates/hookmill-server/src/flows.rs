//! Flows: save, switch, run, delete.

pub(crate) mod failure;
pub(crate) mod files;
pub(crate) mod tags;

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use hookmill_definition::Profile;
use hookmill_model::{ConnectionId, FlowId, FlowState, Object, Timestamp, Value};
use hookmill_runtime::{ConnectionBinding, FlowForm, FlowSaved, FlowView};
use hookmill_store::{Flow, FlowFilter, FlowStats, List};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::list::{ListQuery, Page, filter};
use crate::runs::{RunAccepted, RunMark};
use crate::schema::{self, Diagnostic, Explained, WaitingFor, findings};
use crate::{Problem, ServerState};

/// The connection for a key of a definition's references.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingForm {
    /// The connection; `null` for a key that needs none or has none yet.
    #[schema(value_type = Option<String>)]
    connection_id: Option<ConnectionId>,
    /// The connector as the definition names it.
    api: Option<String>,
}

/// A flow to save.
#[derive(Deserialize, ToSchema)]
#[schema(as = FlowForm)]
#[serde(deny_unknown_fields)]
pub struct Form {
    #[serde(default)]
    name: String,
    description: Option<String>,
    /// The workflow definition.
    #[schema(value_type = Object)]
    #[serde(deserialize_with = "hookmill_model::deserialize_bounded")]
    definition: Value,
    /// Key of a connection reference → connection.
    #[serde(default)]
    connections: BTreeMap<String, BindingForm>,
    /// Parameter → value.
    #[serde(default, deserialize_with = "hookmill_model::deserialize_bounded")]
    parameters: Value,
    /// `la` (bare definitions) or `pa` (Power Automate): it chooses defaults.
    profile: Option<String>,
    /// What stood around the definition in the file that it came from; an export writes it again.
    #[serde(default, deserialize_with = "hookmill_model::deserialize_bounded")]
    envelope: Value,
    /// On where not said; a draft may have faults.
    #[schema(value_type = Option<schema::FlowState>)]
    state: Option<FlowState>,
}

fn bindings(connections: BTreeMap<String, BindingForm>) -> BTreeMap<String, ConnectionBinding> {
    let of = |binding: BindingForm| ConnectionBinding { connection_id: binding.connection_id, api: binding.api };
    connections.into_iter().map(|(key, binding)| (key, of(binding))).collect()
}

impl Form {
    fn read(self) -> FlowForm {
        FlowForm {
            name: self.name,
            description: self.description,
            definition: self.definition,
            connections: bindings(self.connections),
            parameters: self.parameters,
            profile: self.profile.as_deref().map(Profile::parse),
            envelope: self.envelope,
            state: self.state,
        }
    }
}

fn id_of(id: &str) -> Result<FlowId, Problem> {
    id.parse().map_err(|_| Problem::missing("flow"))
}

/// What a flow's trigger is, in short.
#[derive(Serialize, ToSchema)]
#[schema(as = FlowTrigger)]
struct TriggerSchema {
    /// Its name in the definition.
    name: String,
    /// Its type in the definition.
    #[serde(rename = "type")]
    kind_of: String,
    /// Its name in words.
    summary: String,
    /// `webhook`, `request`, `schedule` or `polling`.
    kind: Option<String>,
}

/// The connection that a flow uses for a key of its definition.
#[derive(Serialize, ToSchema)]
#[schema(as = FlowConnection)]
pub struct BoundView {
    #[schema(required)]
    connection_id: Option<String>,
    #[schema(required)]
    connector_id: Option<String>,
    /// The connector as the definition names it.
    #[schema(required)]
    api: Option<String>,
}

/// The webhook of a flow's trigger at the service, or the flow's own address.
#[derive(Serialize, ToSchema)]
#[schema(as = FlowWebhook)]
pub struct WebhookView {
    #[schema(value_type = schema::WebhookState)]
    state: &'static str,
    /// Counts from 1; each generation has its own callback URL.
    generation: u32,
    /// Where it is deleted at the service.
    #[schema(required)]
    location: Option<String>,
    /// The address that callers use; only for Request triggers.
    #[schema(required)]
    callback_url: Option<String>,
    created_at: Timestamp,
    /// When the last notification of the flow came.
    #[schema(required)]
    last_notification_at: Option<Timestamp>,
    /// What the maker should know.
    #[schema(required)]
    warning: Option<String>,
    /// Why the service refused it.
    #[schema(required)]
    error: Option<Explained>,
    /// When the next attempt to delete it is made.
    #[schema(required)]
    retry_at: Option<Timestamp>,
    /// When the service forgets it unless it is renewed, which happens by itself; `null` where it does not, or did not say.
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// How far the sender of a call is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Proof>,
}

/// How far the sender of a webhook's calls is proven
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookProof)]
pub struct Proof {
    /// The well-known service that is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    preset: Option<hookmill_model::Str>,
    /// `verified`, `waiting` (events are put off until the secret is known) or `address` (it is the only proof).
    state: &'static str,
    /// Calls that proved nothing and were refused, since the server was started.
    refused: u64,
    /// There were so many of them lately that few calls of the address are looked at.
    throttled: bool,
    /// The service has sent a token that a person enters at the service; `webhook-token` shows it.
    has_token: bool,
    /// The last of them, newest first. Bodies are not kept.
    last_refused: Vec<RefusedCall>,
}

/// A call that was refused because it did not prove its sender
#[derive(Serialize, ToSchema)]
pub struct RefusedCall {
    at: Timestamp,
    method: String,
    /// Names of headers, without their values.
    headers: Vec<String>,
    /// One reason for each way of proving.
    reasons: Vec<String>,
}

fn proof(made: hookmill_runtime::WebhookProof) -> Proof {
    let last = made.refused.last.into_iter().map(|call| RefusedCall {
        at: call.at,
        method: call.method,
        headers: call.headers,
        reasons: call.reasons,
    });
    Proof {
        preset: made.preset,
        state: made.state,
        refused: made.refused.count,
        throttled: made.is_throttled,
        has_token: made.has_token,
        last_refused: last.collect(),
    }
}

/// Why the webhook of a saved flow could not be created.
#[derive(Serialize, ToSchema)]
pub struct FlowProblem {
    code: String,
    detail: String,
    /// What to try.
    #[schema(required)]
    hint: Option<String>,
    /// The run that records request and response.
    #[schema(required)]
    run: Option<String>,
}

/// A flow as lists show it.
#[derive(Serialize, ToSchema)]
pub struct FlowListed {
    id: String,
    name: String,
    #[schema(required)]
    description: Option<String>,
    #[schema(value_type = schema::FlowState)]
    state: &'static str,
    /// Counts the saved definitions.
    version: u32,
    /// Ready for `If-Match`.
    etag: String,
    #[schema(value_type = Option<TriggerSchema>, required)]
    trigger: Value,
    #[schema(required)]
    last_run: Option<RunMark>,
    /// The statuses of the last runs, newest first.
    #[schema(value_type = Vec<schema::RunStatus>)]
    recent: Vec<&'static str>,
    /// What its owner files it under.
    tags: Vec<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A flow with everything about it.
#[derive(Serialize, ToSchema)]
#[schema(as = Flow)]
pub struct FlowWhole {
    #[serde(flatten)]
    listed: FlowListed,
    /// The workflow definition.
    #[schema(value_type = Object)]
    definition: Value,
    /// Parameter → value.
    parameters: Object,
    /// `la` or `pa`: the product that the definition was written for.
    profile: &'static str,
    /// Key of a connection reference → connection.
    connections: BTreeMap<String, BoundView>,
    diagnostics: Vec<Diagnostic>,
    #[schema(required)]
    webhook: Option<WebhookView>,
    /// Services for which requests of the flow's runs wait; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting_for: Vec<WaitingFor>,
    /// After a change: the run that records the creation of the webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// After a change: why the webhook was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<FlowProblem>,
}

/// Parameters as answers have them: none are an empty object.
fn members(parameters: &Value) -> Object {
    parameters.as_object().cloned().unwrap_or_default()
}

fn listed(flow: &Flow, stats: Option<&FlowStats>, tags: &tags::Tags) -> FlowListed {
    let last = stats.and_then(|stats| stats.last_run.as_ref());
    FlowListed {
        id: flow.id.to_string(),
        name: flow.name.clone(),
        description: flow.description.clone(),
        state: flow.state.as_str(),
        version: flow.version,
        etag: schema::etag(flow.etag),
        trigger: hookmill_runtime::trigger_summary(flow),
        last_run: last.map(|listed| RunMark {
            id: listed.run.id.to_string(),
            status: listed.run.status.as_str(),
            started_at: listed.run.started_at,
        }),
        recent: stats.map(|stats| stats.recent.iter().map(|status| status.as_str()).collect()).unwrap_or_default(),
        tags: tags.of(flow.id),
        created_at: flow.created_at,
        updated_at: flow.updated_at,
    }
}

async fn shown(state: &ServerState, view: FlowView) -> Result<FlowWhole, Problem> {
    let stats = state.store().flow_stats(&[view.flow.id]).await?;
    let last = state.store().events(view.flow.id, List::first(1)).await?;
    let connections = view.flow.bindings.iter().map(|binding| {
        let bound = BoundView {
            connection_id: binding.connection.map(|id| id.to_string()),
            connector_id: binding.connector.map(|id| id.to_string()),
            api: binding.api.clone(),
        };
        (binding.key.clone(), bound)
    });
    let waiting_for = state.runtime.flow_waits_for(view.flow.owner, view.flow.id).await?;
    Ok(FlowWhole {
        waiting_for: waiting_for.into_iter().map(Into::into).collect(),
        listed: listed(&view.flow, stats.first(), &tags::Tags::read(state, view.flow.owner).await?),
        connections: connections.collect(),
        definition: view.definition,
        parameters: members(&view.parameters),
        profile: view.profile.as_str(),
        diagnostics: findings(view.diagnostics),
        webhook: view.webhook.map(|webhook| WebhookView {
            state: webhook.state.as_str(),
            generation: webhook.generation,
            location: webhook.location,
            callback_url: webhook.callback_url,
            created_at: webhook.created_at,
            last_notification_at: last.items.first().map(|event| event.received_at),
            warning: webhook.warning,
            error: webhook.error.map(|error| Explained { code: error.code, message: error.message, hint: error.hint }),
            retry_at: webhook.retry_at,
            expires_at: webhook.expires_at,
            proof: webhook.proof.map(proof),
        }),
        run: None,
        problem: None,
    })
}

/// An answer with its entity tag.
type Tagged<T> = ([(header::HeaderName, String); 1], Json<T>);

fn tagged(flow: FlowWhole) -> Tagged<FlowWhole> {
    ([(header::ETAG, flow.listed.etag.clone())], Json(flow))
}

async fn saved(state: &ServerState, saved: FlowSaved) -> Result<Tagged<FlowWhole>, Problem> {
    let mut flow = shown(state, saved.view).await?;
    flow.run = saved.run.map(|run| run.to_string());
    let run = flow.run.clone();
    flow.problem = saved.problem.map(|problem| FlowProblem {
        code: problem.code,
        detail: problem.message,
        hint: problem.hint,
        run,
    });
    Ok(tagged(flow))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FlowQuery {
    /// Only in this state.
    #[param(value_type = Option<schema::FlowState>)]
    state: Option<String>,
    /// Words in the name or description, in any order.
    q: Option<String>,
}

/// One's flows, newest first
#[utoipa::path(get, path = "/api/flows", tag = "flows", params(ListQuery, FlowQuery), responses((status = 200, body = Page<FlowListed>)))]
pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(page): Query<ListQuery>,
    Query(query): Query<FlowQuery>,
) -> Result<Json<Page<FlowListed>>, Problem> {
    let wanted = filter("state", query.state.as_deref())?;
    let filter = FlowFilter { owner: Some(caller.user), state: wanted, q: query.q };
    let found = state.store().flows(&filter, page.list()?).await?;
    let ids: Vec<FlowId> = found.items.iter().map(|flow| flow.id).collect();
    let stats = state.store().flow_stats(&ids).await?;
    let tags = tags::Tags::read(&state, caller.user).await?;
    let items = found.items.iter().zip(&stats).map(|(flow, stats)| listed(flow, Some(stats), &tags)).collect();
    Ok(Json(Page::of(items, found.next)))
}

/// Create a flow: its webhook is asked for before the answer
#[utoipa::path(post, path = "/api/flows", tag = "flows", request_body = Form, responses((status = 201, body = FlowWhole)))]
pub async fn create(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<Form>,
) -> Result<(StatusCode, Tagged<FlowWhole>), Problem> {
    let made = Box::pin(state.runtime.create_flow(caller.user, form.read())).await?;
    Ok((StatusCode::CREATED, saved(&state, made).await?))
}

/// One flow with its definition
#[utoipa::path(get, path = "/api/flows/{id}", tag = "flows", responses((status = 200, body = FlowWhole)))]
pub async fn show(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Tagged<FlowWhole>, Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    Ok(tagged(shown(&state, view).await?))
}

/// Save a flow: the webhook is renewed where the trigger or its connection changed
#[utoipa::path(put, path = "/api/flows/{id}", tag = "flows", params(("If-Match" = Option<String>, Header, description = "The etag that the change is based on.")), request_body = Form, responses((status = 200, body = FlowWhole)))]
pub async fn update(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<Form>,
) -> Result<Tagged<FlowWhole>, Problem> {
    let wanted = schema::if_match(&headers);
    let made = Box::pin(state.runtime.update_flow(caller.user, id_of(&id)?, wanted, form.read())).await?;
    saved(&state, made).await
}

/// Delete a flow and its webhook; its history is kept until retention
#[utoipa::path(delete, path = "/api/flows/{id}", tag = "flows", responses((status = 204)))]
pub async fn remove(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id_of(&id)?;
    Box::pin(state.runtime.delete_flow(caller.user, id)).await?;
    tags::forget(&state, caller.user, id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Turn a flow on: its webhook is created
#[utoipa::path(post, path = "/api/flows/{id}/on", tag = "flows", responses((status = 200, body = FlowWhole)))]
pub async fn on(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Tagged<FlowWhole>, Problem> {
    let made = Box::pin(state.runtime.turn_on(caller.user, id_of(&id)?)).await?;
    saved(&state, made).await
}

/// Try again to create a webhook that was refused
#[utoipa::path(post, path = "/api/flows/{id}/retry-webhook", tag = "flows", responses((status = 200, body = FlowWhole)))]
pub async fn retry_webhook(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Tagged<FlowWhole>, Problem> {
    let made = Box::pin(state.runtime.retry_webhook(caller.user, id_of(&id)?)).await?;
    saved(&state, made).await
}

/// Give a flow another callback URL or signed address: the old one ends, and a webhook is created again
#[utoipa::path(post, path = "/api/flows/{id}/renew-address", tag = "flows", responses((status = 200, body = FlowWhole)))]
pub async fn renew_address(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Tagged<FlowWhole>, Problem> {
    let made = Box::pin(state.runtime.renew_address(caller.user, id_of(&id)?)).await?;
    saved(&state, made).await
}

/// Turn a flow off: its webhook is deleted
#[utoipa::path(post, path = "/api/flows/{id}/off", tag = "flows", responses((status = 200, body = FlowWhole)))]
pub async fn off(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Tagged<FlowWhole>, Problem> {
    let made = Box::pin(state.runtime.turn_off(caller.user, id_of(&id)?)).await?;
    saved(&state, made).await
}

/// The trigger outputs to simulate.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunForm {
    #[serde(default)]
    body: Value,
    #[serde(default)]
    headers: Object,
}

/// Start a run by hand
#[utoipa::path(post, path = "/api/flows/{id}/run", tag = "flows", request_body = Option<RunForm>, responses((status = 202, body = RunAccepted)))]
pub async fn run(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    form: Option<Json<RunForm>>,
) -> Result<(StatusCode, Json<RunAccepted>), Problem> {
    let form = form.map(|Json(form)| form).unwrap_or_default();
    let run = state.runtime.run_now(caller.user, id_of(&id)?, form.body, form.headers).await?;
    Ok(RunAccepted::of(run))
}

/// What was found in a definition.
#[derive(Serialize, ToSchema)]
pub struct FlowCheck {
    diagnostics: Vec<Diagnostic>,
}

/// Check a definition without saving it
#[utoipa::path(post, path = "/api/flows/check", tag = "flows", request_body = Form, responses((status = 200, body = FlowCheck)))]
pub async fn check(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<Form>,
) -> Result<Json<FlowCheck>, Problem> {
    let form = form.read();
    let profile = form.profile.unwrap_or_default();
    let found =
        state.runtime.check_flow(caller.user, &form.definition, &form.parameters, profile, &form.connections).await;
    Ok(Json(FlowCheck { diagnostics: findings(found) }))
}

/// A saved definition of a flow.
#[derive(Serialize, ToSchema)]
pub struct VersionListed {
    version: u32,
    saved_at: Timestamp,
}

/// The versions of a flow, newest first
#[utoipa::path(get, path = "/api/flows/{id}/versions", tag = "flows", responses((status = 200, body = Page<VersionListed>)))]
pub async fn versions(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<Page<VersionListed>>, Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    let versions = state.store().flow_versions(view.flow.id).await?;
    Ok(Json(Page::whole(versions.into_iter().map(|(version, saved_at)| VersionListed { version, saved_at }))))
}

/// A saved definition of a flow, whole.
#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
pub struct VersionView {
    version: u32,
    saved_at: Timestamp,
    #[schema(value_type = Object)]
    definition: Value,
    parameters: Object,
    profile: String,
}

/// One version of a flow's definition
#[utoipa::path(get, path = "/api/flows/{id}/versions/{number}", tag = "flows", responses((status = 200, body = VersionView)))]
pub async fn version(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, number)): Path<(String, String)>,
) -> Result<Json<VersionView>, Problem> {
    let number: u32 = number.parse().map_err(|_| Problem::missing("version"))?;
    let found = state.runtime.flow_version(caller.user, id_of(&id)?, number).await?;
    Ok(Json(VersionView {
        version: number,
        saved_at: found.created_at,
        definition: found.definition,
        parameters: members(&found.parameters),
        profile: found.profile.as_str().to_owned(),
    }))
}

/// Copy a flow; the copy is off
#[utoipa::path(post, path = "/api/flows/{id}/duplicate", tag = "flows", responses((status = 201, body = FlowWhole)))]
pub async fn duplicate(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Tagged<FlowWhole>), Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    let connections = view.flow.bindings.iter().map(|binding| {
        (binding.key.clone(), ConnectionBinding { connection_id: binding.connection, api: binding.api.clone() })
    });
    let name: String = format!("Copy of {}", view.flow.name).chars().take(256).collect();
    let state_of_copy = if view.flow.state == FlowState::Draft { FlowState::Draft } else { FlowState::Off };
    let form = FlowForm {
        name,
        description: view.flow.description.clone(),
        definition: view.definition,
        connections: connections.collect(),
        parameters: view.parameters,
        profile: Some(view.profile),
        envelope: view.envelope,
        state: Some(state_of_copy),
    };
    let made = Box::pin(state.runtime.create_flow(caller.user, form)).await?;
    Ok((StatusCode::CREATED, saved(&state, made).await?))
}

/// A past notification of a flow.
#[derive(Serialize, ToSchema)]
#[schema(as = EventListed)]
pub struct EventSummary {
    id: String,
    received_at: Timestamp,
    /// What it was, in short.
    summary: String,
}

/// Past notifications of a flow, newest first
#[utoipa::path(get, path = "/api/flows/{id}/events", tag = "flows", params(ListQuery), responses((status = 200, body = Page<EventSummary>)))]
pub async fn events(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Query(page): Query<ListQuery>,
) -> Result<Json<Page<EventSummary>>, Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    let found = state.store().events(view.flow.id, page.list()?).await?;
    let items = found.items.into_iter().map(|event| EventSummary {
        id: event.id.to_string(),
        received_at: event.received_at,
        summary: event.summary,
    });
    Ok(Json(Page::of(items.collect(), found.next)))
}

/// A past notification as the trigger saw it.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    headers: Value,
    /// `null` where there was none.
    body: Option<Value>,
    received_at: Timestamp,
}

/// One past notification as the trigger saw it
#[utoipa::path(get, path = "/api/flows/{id}/events/{event}", tag = "flows", responses((status = 200, body = EventView)))]
pub async fn event(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, event)): Path<(String, String)>,
) -> Result<Json<EventView>, Problem> {
    let event = event.parse().map_err(|_| Problem::missing("notification"))?;
    let seen = state.runtime.event_seen(caller.user, id_of(&id)?, event).await?;
    Ok(Json(EventView { headers: seen.headers, body: seen.body, received_at: seen.received_at }))
}
