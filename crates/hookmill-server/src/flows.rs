//! Flows: save, switch, run, delete; expressions for whoever writes them.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::{Multipart, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookmill_definition::{Profile, compile, file};
use hookmill_engine::backtest::Replay;
use hookmill_expression::{Limits, case, content};
use hookmill_model::{ConnectionId, FlowId, FlowState, Object, Value};
use hookmill_runtime::{ConnectionBinding, FlowForm, FlowSaved, FlowView};
use hookmill_store::{ConnectorFilter, Flow, FlowFilter, FlowStats, List};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::account::Caller;
use crate::{Problem, ServerState, connectors, runs};

#[derive(Deserialize)]
pub struct BindingForm {
    connection_id: Option<ConnectionId>,
    api: Option<String>,
}

#[derive(Deserialize)]
pub struct Form {
    #[serde(default)]
    name: String,
    description: Option<String>,
    definition: Value,
    #[serde(default)]
    connections: BTreeMap<String, BindingForm>,
    #[serde(default)]
    parameters: Value,
    /// `la` (bare definitions) or `pa` (Power Automate): it chooses defaults.
    profile: Option<String>,
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
            state: self.state,
        }
    }
}

fn id_of(id: &str) -> Result<FlowId, Problem> {
    id.parse().map_err(|_| Problem::missing("flow"))
}

fn listed(flow: &Flow, stats: Option<&FlowStats>) -> Json_ {
    let trigger = Value::from_json(&flow.trigger).unwrap_or_default();
    let last = stats.and_then(|stats| stats.last_run.as_ref());
    let recent: Vec<&str> =
        stats.map(|stats| stats.recent.iter().map(|status| status.as_str()).collect()).unwrap_or_default();
    json!({
        "id": flow.id.to_string(),
        "name": flow.name,
        "description": flow.description,
        "state": flow.state.as_str(),
        "version": flow.version,
        "etag": flow.etag,
        "trigger": trigger,
        "last_run": last.map(|listed| json!({"id": listed.run.id.to_string(), "status": listed.run.status.as_str(), "started_at": listed.run.started_at})),
        "recent": recent,
        "created_at": flow.created_at,
        "updated_at": flow.updated_at,
    })
}

async fn shown(state: &ServerState, view: &FlowView) -> Result<Json_, Problem> {
    let stats = state.store().flow_stats(&[view.flow.id]).await?;
    let mut members = listed(&view.flow, stats.first());
    members["definition"] = json!(view.definition);
    members["parameters"] = json!(view.parameters);
    members["profile"] = json!(view.profile.as_str());
    let connections: serde_json::Map<String, Json_> = view
        .flow
        .bindings
        .iter()
        .map(|binding| {
            let bound = json!({"connection_id": binding.connection.map(|id| id.to_string()), "connector_id": binding.connector.map(|id| id.to_string()), "api": binding.api});
            (binding.key.clone(), bound)
        })
        .collect();
    members["connections"] = json!(connections);
    members["diagnostics"] = json!(view.diagnostics);
    members["webhook"] = json!(view.webhook.as_ref().map(|webhook| json!({
        "state": webhook.state.as_str(),
        "generation": webhook.generation,
        "location": webhook.location,
        "callback_url": webhook.callback_url,
        "created_at": webhook.created_at,
        "warning": webhook.warning,
        "error": webhook.error.as_ref().map(|error| json!({"code": error.code, "message": error.message, "hint": error.hint})),
        "retry_at": webhook.retry_at,
    })));
    Ok(members)
}

async fn saved(state: &ServerState, saved: FlowSaved, status: StatusCode) -> Result<Response, Problem> {
    let mut members = shown(state, &saved.view).await?;
    members["run"] = json!(saved.run.map(|run| run.to_string()));
    if let Some(problem) = saved.problem {
        members["problem"] = json!({"code": problem.code, "detail": problem.message, "hint": problem.hint, "run": saved.run.map(|run| run.to_string())});
    }
    let etag = format!("\"{}\"", saved.view.flow.etag);
    Ok((status, [(header::ETAG, etag)], Json(members)).into_response())
}

pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let wanted = query.get("state").and_then(|state| state.parse().ok());
    let filter = FlowFilter { owner: Some(caller.user), state: wanted, q: query.get("q").cloned() };
    let page = state.store().flows(&filter, connectors::page(&query)).await?;
    let ids: Vec<FlowId> = page.items.iter().map(|flow| flow.id).collect();
    let stats = state.store().flow_stats(&ids).await?;
    let items: Vec<Json_> = page.items.iter().zip(&stats).map(|(flow, stats)| listed(flow, Some(stats))).collect();
    Ok(Json(json!({"items": items, "next_cursor": page.next.map(|id| id.to_string())})).into_response())
}

pub async fn create(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<Form>,
) -> Result<Response, Problem> {
    let made = Box::pin(state.runtime.create_flow(caller.user, form.read())).await?;
    saved(&state, made, StatusCode::CREATED).await
}

pub async fn show(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    let etag = format!("\"{}\"", view.flow.etag);
    Ok(([(header::ETAG, etag)], Json(shown(&state, &view).await?)).into_response())
}

pub async fn update(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<Form>,
) -> Result<Response, Problem> {
    let wanted = connectors::if_match(&headers);
    let made = Box::pin(state.runtime.update_flow(caller.user, id_of(&id)?, wanted, form.read())).await?;
    saved(&state, made, StatusCode::OK).await
}

pub async fn remove(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    Box::pin(state.runtime.delete_flow(caller.user, id_of(&id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn on(caller: Caller, State(state): State<ServerState>, Path(id): Path<String>) -> Result<Response, Problem> {
    let made = Box::pin(state.runtime.turn_on(caller.user, id_of(&id)?)).await?;
    saved(&state, made, StatusCode::OK).await
}

pub async fn off(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let made = Box::pin(state.runtime.turn_off(caller.user, id_of(&id)?)).await?;
    saved(&state, made, StatusCode::OK).await
}

#[derive(Deserialize, Default)]
pub struct RunForm {
    #[serde(default)]
    body: Value,
    #[serde(default)]
    headers: Object,
}

pub async fn run(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    form: Option<Json<RunForm>>,
) -> Result<Response, Problem> {
    let form = form.map(|Json(form)| form).unwrap_or_default();
    let run = state.runtime.run_now(caller.user, id_of(&id)?, form.body, form.headers).await?;
    Ok(runs::accepted(run))
}

pub async fn check(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<Form>,
) -> Result<Response, Problem> {
    let form = form.read();
    let profile = form.profile.unwrap_or_default();
    let findings =
        state.runtime.check_flow(caller.user, &form.definition, &form.parameters, profile, &form.connections).await;
    Ok(Json(json!({"diagnostics": findings})).into_response())
}

pub async fn export(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    let connections = view.flow.bindings.iter().map(|binding| file::ConnectionReference {
        key: binding.key.as_str().into(),
        api: binding.api.as_deref().map(Into::into),
        name: None,
    });
    let flow = file::FlowFile {
        entry: None,
        name: Some(view.flow.name.clone()),
        profile: view.profile,
        definition: view.definition,
        pointer: hookmill_model::Pointer::root(),
        connections: connections.collect(),
        parameters: view.parameters,
        envelope: Value::Null,
        diagnostics: Vec::new(),
    };
    let bytes = file::write_package(&flow).map_err(|error| {
        tracing::error!(%error, "a package cannot be written");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "The package cannot be written.")
    })?;
    let name = format!("attachment; filename=\"{}.zip\"", view.flow.id);
    Ok(([(header::CONTENT_TYPE, "application/zip".to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response())
}

#[derive(Deserialize)]
pub struct EvaluateForm {
    expression: Value,
    #[serde(default)]
    context: Value,
}

pub async fn evaluate(_: Caller, State(state): State<ServerState>, Json(form): Json<EvaluateForm>) -> Json<Json_> {
    let context = case::Context::new(&form.context, state.runtime.now(), 1, Limits::default());
    Json(match case::evaluate(&form.expression, &context) {
        Ok(value) => json!({"value": value}),
        Err(error) => json!({"error": {
            "kind": error.kind.as_str(),
            "message": error.message,
            "position": {"byte": error.position.byte, "line": error.position.line, "column": error.position.column},
            "suggestion": error.suggestion,
        }}),
    })
}

pub async fn functions(_: Caller) -> Json<Json_> {
    let items: Vec<Json_> = hookmill_expression::functions()
        .map(|function| {
            json!({
                "name": function.name,
                "category": function.category.as_str(),
                "signature": function.signature,
                "description": function.description,
                "example": function.example,
                "result": function.result,
            })
        })
        .collect();
    Json(json!({"items": items}))
}

#[derive(Deserialize)]
pub struct BacktestForm {
    definition: Value,
    last: Option<usize>,
}

/// Recorded runs when not said otherwise.
const BACKTEST_LAST: usize = 100;

pub async fn backtest(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<BacktestForm>,
) -> Result<Response, Problem> {
    let last = form.last.unwrap_or(BACKTEST_LAST).min(hookmill_runtime::BACKTEST_MAX);
    let tested = state.runtime.backtest(caller.user, id_of(&id)?, &form.definition, last).await?;
    let same = tested.iter().filter(|own| own.replay.as_ref().is_ok_and(Replay::is_same)).count();
    let runs: Vec<Json_> = tested
        .iter()
        .map(|own| {
            let mut members = match &own.replay {
                Ok(replay) => json!(replay),
                Err(reason) => json!({"reason": reason}),
            };
            members["run"] = json!(own.run.to_string());
            members["started_at"] = json!(own.started_at);
            members["summary"] = json!(own.summary);
            members["same"] = json!(own.replay.as_ref().is_ok_and(Replay::is_same));
            members
        })
        .collect();
    Ok(Json(json!({"tested": tested.len(), "same": same, "runs": runs})).into_response())
}

/// The versions of a flow, newest first.
pub async fn versions(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    let versions = state.store().flow_versions(view.flow.id).await?;
    let items: Vec<Json_> =
        versions.iter().map(|(version, saved_at)| json!({"version": version, "saved_at": saved_at})).collect();
    Ok(Json(json!({"items": items, "next_cursor": null})).into_response())
}

/// One version of a flow's definition.
pub async fn version(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, number)): Path<(String, u32)>,
) -> Result<Response, Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    let stored = state.store().flow_version(view.flow.id, number).await?.ok_or_else(|| Problem::missing("version"))?;
    let read = |bytes: &[u8]| Value::from_json(bytes).unwrap_or_default();
    Ok(Json(json!({
        "version": number, "saved_at": stored.created_at,
        "definition": read(&stored.definition), "parameters": read(&stored.parameters), "profile": stored.profile,
    }))
    .into_response())
}

/// A copy of a flow, off.
pub async fn duplicate(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
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
        state: Some(state_of_copy),
    };
    let made = Box::pin(state.runtime.create_flow(caller.user, form)).await?;
    saved(&state, made, StatusCode::CREATED).await
}

/// Reads a package or a definition for the designer; nothing is stored.
pub async fn import(
    caller: Caller,
    State(state): State<ServerState>,
    mut form: Multipart,
) -> Result<Response, Problem> {
    let wrong = |detail: String| Problem::bad("request_malformed", detail);
    let mut bytes = None;
    while let Some(field) = form.next_field().await.map_err(|error| wrong(error.body_text()))? {
        if field.name() == Some("file") {
            bytes = Some(field.bytes().await.map_err(|error| wrong(error.body_text()))?);
        }
    }
    let bytes = bytes.ok_or_else(|| Problem::bad("file_missing", "Send the package or definition as \"file\"."))?;
    let flows = file::read(&bytes).map_err(|finding| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "flow_invalid", finding.message.clone())
            .with("pointer", json!(finding.pointer))
            .with("hint", json!(finding.hint))
    })?;
    let Some(flow) = flows.into_iter().next() else {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "flow_invalid", "The file holds no flow."));
    };
    let known =
        state.store().connectors(&ConnectorFilter { owner: Some(caller.user), q: None }, List::first(500)).await?;
    let plain = |text: &str| text.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let mut connections = serde_json::Map::new();
    let mut needs = Vec::new();
    for reference in &flow.connections {
        let api = reference.api.as_deref().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        let wanted = plain(api.trim_start_matches("shared_"));
        let fits = known
            .items
            .iter()
            .find(|own| own.id.to_string() == api || (!wanted.is_empty() && wanted.starts_with(&plain(&own.name))));
        if fits.is_none() && api != hookmill_runtime::NOTIFICATIONS_API {
            needs.push(json!({"key": reference.key, "api": reference.api, "message": "No connector of this server fits. Import it, then choose a connection."}));
        }
        connections.insert(
            reference.key.to_string(),
            json!({"api": reference.api, "connector_id": fits.map(|own| own.id.to_string())}),
        );
    }
    let compiled = compile(&flow.definition, &flow.parameters, flow.profile, &state.runtime.config().limits);
    Ok(Json(json!({
        "name": flow.name.unwrap_or_else(|| "Imported flow".to_owned()),
        "definition": flow.definition,
        "parameters": flow.parameters,
        "profile": flow.profile.as_str(),
        "connections": connections,
        "needs": needs,
        "diagnostics": compiled.diagnostics,
    }))
    .into_response())
}

/// Past notifications of a flow, newest first.
pub async fn events(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    let page = state.store().events(view.flow.id, connectors::page(&query)).await?;
    let items: Vec<Json_> = page
        .items
        .iter()
        .map(|event| json!({"id": event.id.to_string(), "received_at": event.received_at, "summary": event.summary}))
        .collect();
    Ok(Json(json!({"items": items, "next_cursor": page.next.map(|id| id.to_string())})).into_response())
}

/// One past notification as the trigger saw it.
pub async fn event(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, event)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let view = state.runtime.flow(caller.user, id_of(&id)?).await?;
    let id = event.parse().map_err(|_| Problem::missing("notification"))?;
    let found = state.store().event(id).await?.filter(|event| event.flow == view.flow.id);
    let found = found.ok_or_else(|| Problem::missing("notification"))?;
    let head = Value::from_json(&found.head).unwrap_or_default();
    let headers = head.get("headers").cloned().unwrap_or_default();
    let kind = headers.as_object().and_then(|headers| hookmill_expression::member(headers, "content-type"));
    let body = content::body(kind.and_then(Value::as_str), &found.body).value;
    Ok(Json(json!({"headers": headers, "body": body, "received_at": found.received_at})).into_response())
}
