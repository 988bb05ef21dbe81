//! Runs: lists, and what happened in one.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookmill_engine::history::ActionRun;
use hookmill_model::{RunId, Value};
use hookmill_runtime::WhichVersion;
use hookmill_store::{RunFilter, RunListed};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::account::Caller;
use crate::{Problem, ServerState, connectors};

/// Larger inputs and outputs are named, not shown, in the run's page.
const SHOWN_BYTES_MAX: usize = 256 * 1024;
/// Runs of an action in the run's page; further ones are read by page.
const REPETITIONS_SHOWN: usize = 1;

pub(crate) fn accepted(run: RunId) -> Response {
    (StatusCode::ACCEPTED, Json(json!({"run": run.to_string()}))).into_response()
}

fn id_of(id: &str) -> Result<RunId, Problem> {
    id.parse().map_err(|_| Problem::missing("run"))
}

fn listed(listed: &RunListed) -> Json_ {
    let run = &listed.run;
    let duration = run.ended_at.map(|at| u64::try_from(at.since(run.started_at).as_millis()).unwrap_or(u64::MAX));
    json!({
        "id": run.id.to_string(),
        "flow": {"id": run.flow.to_string(), "name": listed.flow_name},
        "version": run.version,
        "kind": run.kind.as_str(),
        "status": run.status.as_str(),
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "duration_ms": duration,
        "trigger": {"name": run.trigger, "summary": run.summary},
        "error": run.error.as_ref().map(|error| json!({"code": error.code, "message": error.message, "hint": error.hint})),
        "resubmitted_from": run.resubmitted_from.map(|run| run.to_string()),
    })
}

fn cut(value: Option<&Value>) -> Option<Json_> {
    value.map(|value| match value.json_bytes() {
        bytes if bytes > SHOWN_BYTES_MAX => json!({"$truncated": true, "bytes": bytes}),
        _ => json!(value),
    })
}

/// Action → type, nested ones too.
fn types(definition: &Value) -> HashMap<String, String> {
    fn walk(actions: Option<&Value>, found: &mut HashMap<String, String>) {
        for (name, action) in actions.and_then(Value::as_object).into_iter().flat_map(hookmill_model::Object::iter) {
            let kind = action.get("type").and_then(Value::as_str).unwrap_or_default();
            found.insert(name.to_string(), kind.to_owned());
            walk(action.get("actions"), found);
            for member in ["else", "default"] {
                walk(action.get(member).and_then(|branch| branch.get("actions")), found);
            }
            let cases = action.get("cases").and_then(Value::as_object);
            for case in cases.into_iter().flat_map(hookmill_model::Object::values) {
                walk(case.get("actions"), found);
            }
        }
    }
    let mut found = HashMap::new();
    walk(definition.get("actions"), &mut found);
    found
}

fn action(run: &ActionRun, repetitions: usize, types: &HashMap<String, String>) -> Json_ {
    let attempts: Vec<Json_> = run
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "attempt": attempt.attempt,
                "started_at": attempt.started_at,
                "ended_at": attempt.ended_at,
                "status": attempt.status,
                "code": attempt.code,
                "error": attempt.error,
                "request": attempt.request,
                "redispatched": attempt.redispatched,
            })
        })
        .collect();
    json!({
        "name": run.path.action,
        "type": types.get(&*run.path.action),
        "index": run.path.indexes,
        "status": run.status.as_str(),
        "code": run.code,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "inputs": cut(run.inputs.as_ref()),
        "outputs": cut(run.outputs.as_ref()),
        "error": run.error,
        "attempts": attempts,
        "iterations": run.iterations,
        "branch": run.branch,
        "repetitions": repetitions,
        "secure_inputs": run.secure_inputs,
        "secure_outputs": run.secure_outputs,
        "tracked_properties": run.tracked_properties,
        "taken_over": run.taken_over,
    })
}

pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let wrong = |name: &str| {
        Problem::bad("filter_invalid", format!("The filter '{name}' is not valid."))
            .with("pointer", json!(format!("/{name}")))
    };
    let mut filter = RunFilter::of(caller.user);
    if let Some(flow) = query.get("flow") {
        filter.flow = Some(flow.parse().map_err(|_| wrong("flow"))?);
    }
    if let Some(status) = query.get("status").filter(|status| !status.is_empty()) {
        filter.status = Some(status.parse().map_err(|_| wrong("status"))?);
    }
    if let Some(kind) = query.get("kind").filter(|kind| !kind.is_empty()) {
        filter.kind = Some(kind.parse().map_err(|_| wrong("kind"))?);
    }
    if let Some(from) = query.get("from") {
        filter.from = Some(from.parse().map_err(|_| wrong("from"))?);
    }
    if let Some(to) = query.get("to") {
        filter.to = Some(to.parse().map_err(|_| wrong("to"))?);
    }
    filter.q = query.get("q").cloned();
    let page = state.store().runs(&filter, connectors::page(&query)).await?;
    let items: Vec<Json_> = page.items.iter().map(listed).collect();
    Ok(Json(json!({"items": items, "next_cursor": page.next.map(|id| id.to_string())})).into_response())
}

pub async fn show(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = state.runtime.run_view(caller.user, id_of(&id)?).await?;
    let mut members = listed(&view.listed);
    members["definition"] = json!(view.definition);
    if let Some(exchange) = &view.exchange {
        members["request"] = json!(exchange.request);
        members["response"] = json!(exchange.response);
    }
    if let Some(history) = &view.history {
        let types = view.definition.as_ref().map(types).unwrap_or_default();
        let actions: Vec<Json_> = history
            .actions()
            .iter()
            .flat_map(|name| {
                let count = history.count_of(name);
                let types = &types;
                history.runs_of(name).take(REPETITIONS_SHOWN).map(move |run| action(run, count, types))
            })
            .collect();
        members["actions"] = json!(actions);
        let mut trigger = json!(history.trigger_shown());
        if let Some(outputs) = trigger.get("outputs")
            && outputs.to_string().len() > SHOWN_BYTES_MAX
        {
            trigger["outputs"] = json!({"$truncated": true});
        }
        trigger["summary"] = json!(view.listed.run.summary);
        members["trigger"] = trigger;
        members["outputs"] = json!(history.outputs);
    }
    Ok(Json(members).into_response())
}

pub async fn repetitions(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, name)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let view = state.runtime.run_view(caller.user, id_of(&id)?).await?;
    let history = view.history.ok_or_else(|| Problem::missing("action"))?;
    let limit = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(50_usize).clamp(1, 500);
    let after: Option<Vec<u32>> =
        query.get("cursor").map(|cursor| cursor.split('-').filter_map(|part| part.parse().ok()).collect());
    let mut found: Vec<&ActionRun> = history.page(&name, after.as_deref(), &[]).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|run| {
        let parts: Vec<String> = run.path.indexes.iter().map(ToString::to_string).collect();
        parts.join("-")
    });
    let types = view.definition.as_ref().map(types).unwrap_or_default();
    let items: Vec<Json_> = found.into_iter().map(|run| action(run, history.count_of(&name), &types)).collect();
    Ok(Json(json!({"items": items, "next_cursor": next})).into_response())
}

pub async fn cancel(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(accepted(state.runtime.cancel_run(caller.user, id_of(&id)?).await?))
}

pub async fn resubmit(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(accepted(state.runtime.resubmit_run(caller.user, id_of(&id)?).await?))
}

/// With which definition a run is taken up again.
#[derive(Deserialize, Default)]
pub struct ResumeForm {
    #[serde(default)]
    version: ResumeVersion,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum ResumeVersion {
    #[default]
    Then,
    Now,
}

pub async fn resume(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    form: Option<Json<ResumeForm>>,
) -> Result<Response, Problem> {
    let which = match form.map(|Json(form)| form.version).unwrap_or_default() {
        ResumeVersion::Then => WhichVersion::Then,
        ResumeVersion::Now => WhichVersion::Now,
    };
    Ok(accepted(state.runtime.resume_run(caller.user, id_of(&id)?, which).await?))
}

#[derive(Deserialize)]
pub struct ValueQuery {
    #[serde(default)]
    index: String,
}

/// The whole inputs or outputs of an action run that the run's page only names.
pub async fn value(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, name, which)): Path<(String, String, String)>,
    Query(query): Query<ValueQuery>,
) -> Result<Response, Problem> {
    let view = state.runtime.run_view(caller.user, id_of(&id)?).await?;
    let history = view.history.ok_or_else(|| Problem::missing("action"))?;
    let index: Vec<u32> = query.index.split('-').filter_map(|part| part.parse().ok()).collect();
    let run = history.run_of(&name, &index).ok_or_else(|| Problem::missing("action"))?;
    let value = match which.as_str() {
        "inputs" => &run.inputs,
        "outputs" => &run.outputs,
        _ => return Err(Problem::missing("value")),
    };
    Ok(Json(json!(value)).into_response())
}
