//! Runs: lists, and what happened in one.

pub(crate) mod batches;
pub(crate) mod causes;
mod failure;

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookmill_engine::history::{self, ActionRun};
use hookmill_engine::{ActionPath, WaitReason, is_removed};
use hookmill_model::{Id, Object, RunId, Timestamp, Value};
use hookmill_runtime::{WhichVersion, cut};
use hookmill_store::{Event, Needle, RunFilter, RunListed};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::list::{ListQuery, Page, filter};
use crate::schema::{self, Explained, Named, WaitingFor};
use crate::{Problem, ServerState};

/// A run that was taken on.
#[derive(Serialize, ToSchema)]
pub struct RunAccepted {
    /// Its identifier.
    run: String,
}

impl RunAccepted {
    pub(crate) fn of(run: RunId) -> (StatusCode, Json<Self>) {
        (StatusCode::ACCEPTED, Json(Self { run: run.to_string() }))
    }
}

/// A run in the list of flows.
#[derive(Serialize, ToSchema)]
pub struct RunMark {
    pub id: String,
    #[schema(value_type = schema::RunStatus)]
    pub status: &'static str,
    pub started_at: Timestamp,
}

/// The trigger of a run. Lists have name and summary only.
#[derive(ToSchema)]
#[schema(as = RunTrigger)]
#[expect(dead_code, reason = "the record of a trigger is stored as JSON; this is its schema")]
struct TriggerSchema {
    /// Its name in the definition.
    #[schema(required)]
    name: Option<String>,
    /// What was received, in short.
    summary: String,
    #[schema(value_type = Option<schema::ActionStatus>)]
    status: Option<String>,
    code: Option<String>,
    inputs: Option<Value>,
    /// What was received: headers and body. `{"$truncated": true}` where it is too large for this page.
    outputs: Option<Value>,
    error: Option<Value>,
}

/// A run as lists show it.
#[derive(Serialize, ToSchema)]
#[schema(as = RunListed)]
pub struct Listed {
    id: String,
    flow: Named,
    /// The version of the flow's definition.
    version: u32,
    #[schema(value_type = schema::RunKind)]
    kind: &'static str,
    #[schema(value_type = schema::RunStatus)]
    status: &'static str,
    started_at: Timestamp,
    #[schema(required)]
    ended_at: Option<Timestamp>,
    #[schema(required)]
    duration_ms: Option<u64>,
    #[schema(value_type = TriggerSchema)]
    trigger: Value,
    #[schema(required)]
    error: Option<Explained>,
    /// The run whose trigger this one repeats.
    #[schema(required)]
    resubmitted_from: Option<String>,
}

fn id_of(id: &str) -> Result<RunId, Problem> {
    id.parse().map_err(|_| Problem::missing("run"))
}

fn listed(listed: &RunListed) -> Listed {
    let run = &listed.run;
    Listed {
        id: run.id.to_string(),
        flow: Named { id: run.flow.to_string(), name: listed.flow_name.clone() },
        version: run.version,
        kind: run.kind.as_str(),
        status: run.status.as_str(),
        started_at: run.started_at,
        ended_at: run.ended_at,
        duration_ms: run.ended_at.map(|at| schema::millis(at.since(run.started_at))),
        trigger: Value::object([("name", run.trigger.as_str()), ("summary", run.summary.as_str())]),
        error: run.error.as_ref().map(|error| Explained {
            code: error.code.clone(),
            message: error.message.clone(),
            hint: error.hint.clone(),
        }),
        resubmitted_from: run.resubmitted_from.map(|run| run.to_string()),
    }
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

/// One request of an action run.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptView {
    /// Counts from 1.
    attempt: u32,
    /// Which retry of the same request it is; 0 for the first time.
    retry: u32,
    started_at: Timestamp,
    #[schema(required)]
    ended_at: Option<Timestamp>,
    /// The HTTP status of the answer.
    #[schema(required)]
    status: Option<u16>,
    /// The status by name, or why there was no answer.
    #[schema(required)]
    code: Option<String>,
    #[schema(required)]
    error: Option<Explained>,
    /// `{method, uri, headers, body}` as it was sent, secrets redacted; `null` where nothing was sent.
    request: Value,
    /// `{statusCode, headers, body}`; `null` where there was no answer or where outputs are secure.
    response: Value,
    /// How often it was sent again after a crash, when the outcome was unknown.
    redispatched: u32,
}

/// One action in one run.
#[derive(Serialize, ToSchema)]
#[schema(as = ActionRun)]
pub struct ActionView {
    name: String,
    /// Its type in the definition.
    #[serde(rename = "type")]
    #[schema(required)]
    kind: Option<String>,
    /// The indexes of the loops around it, outermost first.
    index: Vec<u32>,
    /// Its place among all runs of the action in this run, counted from 0.
    place: usize,
    #[schema(value_type = schema::ActionStatus)]
    status: &'static str,
    #[schema(required)]
    code: Option<String>,
    #[schema(required)]
    started_at: Option<Timestamp>,
    #[schema(required)]
    ended_at: Option<Timestamp>,
    /// `null` where there are none or they are secure; `{"$truncated": true}` where they are too large for this page.
    inputs: Option<Value>,
    /// As `inputs`.
    outputs: Option<Value>,
    #[schema(required)]
    error: Option<Explained>,
    attempts: Vec<AttemptView>,
    /// How often a request is repeated at most; `null` for actions that make none.
    #[schema(required)]
    retries_max: Option<u32>,
    /// Why it waits: `delay`, `retry`, `poll` or `callback`.
    #[schema(required)]
    waits_for: Option<&'static str>,
    /// Until when it waits; `null` where that is open.
    #[schema(required)]
    waits_until: Option<Timestamp>,
    /// Iterations of a loop that have begun.
    #[schema(required)]
    iterations: Option<u32>,
    /// What a condition or switch chose.
    #[schema(required)]
    branch: Option<String>,
    /// How often the action ran in this run, in all iterations.
    repetitions: usize,
    /// How many of those failed or took too long.
    failed_repetitions: usize,
    secure_inputs: bool,
    secure_outputs: bool,
    tracked_properties: Option<Value>,
    /// The result is that of the run that was resumed.
    taken_over: bool,
    /// Headers that a Response named and that were not sent: no answer may have them.
    removed_headers: Vec<String>,
}

fn explained(error: &hookmill_engine::ActionError) -> Explained {
    Explained { code: error.code.to_string(), message: error.message.to_string(), hint: None }
}

fn attempt(attempt: &history::Attempt) -> AttemptView {
    AttemptView {
        attempt: attempt.attempt,
        retry: attempt.retry,
        started_at: attempt.started_at,
        ended_at: attempt.ended_at,
        status: attempt.status,
        code: attempt.code.as_ref().map(ToString::to_string),
        error: attempt.error.as_ref().map(explained),
        request: cut(&attempt.request),
        response: attempt.response.as_ref().map(cut).unwrap_or_default(),
        redispatched: attempt.redispatched,
    }
}

const fn waiting(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Delay => "delay",
        WaitReason::Retry => "retry",
        WaitReason::Poll => "poll",
        WaitReason::Callback => "callback",
    }
}

/// The headers of a Response that were not sent.
fn removed_headers(run: &ActionRun, types: &HashMap<String, String>) -> Vec<String> {
    let is_response = types.get(&*run.path.action).is_some_and(|kind| kind.eq_ignore_ascii_case("Response"));
    let written = run.inputs.as_ref().and_then(|inputs| inputs.get("headers")).and_then(Value::as_object);
    let names = written.into_iter().flat_map(Object::keys).filter(|name| is_removed(name));
    names.filter(|_| is_response).map(ToString::to_string).collect()
}

fn action(
    (place, run): (usize, &ActionRun),
    (repetitions, failed): (usize, usize),
    types: &HashMap<String, String>,
) -> ActionView {
    ActionView {
        place,
        name: run.path.action.to_string(),
        kind: types.get(&*run.path.action).cloned(),
        index: run.path.indexes.to_vec(),
        status: run.status.as_str(),
        code: run.code.as_ref().map(ToString::to_string),
        started_at: run.started_at,
        ended_at: run.ended_at,
        inputs: run.inputs.as_ref().map(cut),
        outputs: run.outputs.as_ref().map(cut),
        error: failure::explained(run),
        attempts: run.attempts.iter().map(attempt).collect(),
        retries_max: run.retries_max,
        waits_for: run.waits_for.map(waiting),
        waits_until: run.waits_until,
        iterations: run.iterations,
        branch: run.branch.as_ref().map(ToString::to_string),
        repetitions,
        failed_repetitions: failed,
        secure_inputs: run.secure_inputs,
        secure_outputs: run.secure_outputs,
        tracked_properties: run.tracked_properties.clone(),
        taken_over: run.taken_over,
        removed_headers: removed_headers(run, types),
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Only of this flow.
    flow: Option<String>,
    /// Only with one of these statuses, separated by commas.
    status: Option<String>,
    /// Only of this kind.
    #[param(value_type = Option<schema::RunKind>)]
    kind: Option<String>,
    /// Begun at this moment or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<String>,
    /// Begun before this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<String>,
    /// Words, in any order, in the summary, the trigger's name, the error and the identifier, or in what the trigger gave. A page looks
    /// through a bounded number of runs: one with few items and a cursor has not looked at all.
    q: Option<String>,
    /// Only those that failed for this cause, as `GET /api/runs/causes` names it.
    cause: Option<String>,
}

/// What the store is asked for; the cause is looked at afterwards.
fn filter_of(caller: &Caller, query: &RunQuery) -> Result<RunFilter, Problem> {
    let statuses = query.status.as_deref().unwrap_or_default().split(',').map(str::trim);
    let statuses = statuses.filter_map(|status| filter("status", Some(status)).transpose());
    Ok(RunFilter {
        owner: caller.user,
        flow: filter("flow", query.flow.as_deref())?,
        statuses: statuses.collect::<Result<_, _>>()?,
        kind: filter("kind", query.kind.as_deref())?,
        from: filter("from", query.from.as_deref())?,
        to: filter("to", query.to.as_deref())?,
        q: query.q.clone(),
        outputs_have: Some(outputs_have),
    })
}

/// One page of runs.
#[derive(Serialize, ToSchema)]
pub struct RunPage {
    /// Newest first.
    items: Vec<Listed>,
    /// The `cursor` of the next page; `null` on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
    /// How many runs were looked at for this page.
    looked_at: usize,
    /// The moment back to which runs were looked at; `null` where all were.
    #[schema(required)]
    looked_back_to: Option<Timestamp>,
}

/// Whether what a trigger gave has the text.
fn outputs_have(first_fact: &[u8], event: &mut dyn FnMut() -> Option<Event>, needle: &Needle) -> bool {
    let sought = needle.sought();
    let is_it = |text: &str| sought.ends_with(text);
    if !hookmill_engine::may_lack_body(first_fact) {
        return needle.may_be_in(first_fact) && hookmill_engine::trigger_gave(first_fact, || None, is_it);
    }
    let event = event();
    let stored = event.as_ref().map_or(&[][..], |event| &event.body[..]);
    // The body stands there as its sender wrote it: an escape may stand for any letter.
    if !stored.contains(&b'\\') && !needle.may_be_in(&[first_fact, stored].concat()) {
        return false;
    }
    // A search must not fail for one event whose head cannot be read; the run's own page says so.
    let body = || match event.as_ref().map(hookmill_runtime::referred_body) {
        Some(Ok(body)) => body,
        Some(Err(_)) | None => None,
    };
    hookmill_engine::trigger_gave(first_fact, body, is_it)
}

/// One's runs, newest first
#[utoipa::path(get, path = "/api/runs", tag = "runs", params(ListQuery, RunQuery), responses((status = 200, body = RunPage)))]
pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(page): Query<ListQuery>,
    Query(query): Query<RunQuery>,
) -> Result<Json<RunPage>, Problem> {
    let filter = filter_of(&caller, &query)?;
    let found = state.store().runs(&filter, page.list()?).await?;
    let fits = |run: &&RunListed| query.cause.as_deref().is_none_or(|cause| causes::is_caused_by(run, cause));
    let items = found.items.iter().filter(fits).map(listed).collect();
    let Page { items, next_cursor } = Page::of(items, found.next);
    let (looked_at, looked_back_to) = (found.looked_at, found.next.map(|run| run.made_at()));
    Ok(Json(RunPage { items, next_cursor, looked_at, looked_back_to }))
}

/// What happened in a run.
#[derive(Serialize, ToSchema)]
#[schema(as = Run)]
pub struct RunWhole {
    #[serde(flatten)]
    listed: Listed,
    /// The definition that it ran; `null` for the creation and deletion of webhooks.
    #[schema(value_type = Option<Object>, required)]
    definition: Option<Value>,
    /// In the order in which they began; of actions in loops the first repetition.
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<ActionView>>,
    /// The definition's outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Value>,
    /// For the creation and deletion of webhooks: `{method, uri, headers, body}`, secrets redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Value>,
    /// For the creation and deletion of webhooks: `{statusCode, headers, body}`, or `{error}` without an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Value>,
    /// Services for which requests of the run wait; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting_for: Vec<WaitingFor>,
}

/// One run, action by action
#[utoipa::path(get, path = "/api/runs/{id}", tag = "runs", responses((status = 200, body = RunWhole)))]
pub async fn show(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<RunWhole>, Problem> {
    let view = state.runtime.run_page(caller.user, id_of(&id)?).await?;
    let mut run = RunWhole {
        listed: listed(&view.listed),
        waiting_for: view.waiting_for.into_iter().map(Into::into).collect(),
        definition: view.definition,
        actions: None,
        outputs: None,
        request: None,
        response: None,
    };
    if let Some(exchange) = view.exchange {
        run.request = Some(exchange.request);
        run.response = Some(exchange.response);
    }
    if let Some(history) = &view.history {
        let types = run.definition.as_ref().map(types).unwrap_or_default();
        let actions = history.actions().iter().flat_map(|name| {
            let count = (history.count_of(name), history.failures_of(name));
            let types = &types;
            history.runs_of(name).take(1).map(move |run| action((0, run), count, types))
        });
        run.actions = Some(actions.collect());
        run.outputs.clone_from(&history.outputs);
        if let Some(record) = history.trigger_shown().as_object() {
            let mut trigger = record.clone();
            if let Some(outputs) = record.get("outputs") {
                trigger.insert("outputs", cut(outputs));
            }
            trigger.insert("summary", view.listed.run.summary.as_str());
            run.listed.trigger = trigger.into();
        }
    }
    Ok(Json(run))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RepetitionQuery {
    /// Only those that failed or took too long.
    #[serde(default)]
    failed: bool,
}

/// All runs of one action in a run, by page; a cursor is the place from which on they are looked at, counted from 0
#[utoipa::path(get, path = "/api/runs/{id}/actions/{name}/repetitions", tag = "runs", params(ListQuery, RepetitionQuery), responses((status = 200, body = Page<ActionView>)))]
pub async fn repetitions(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, name)): Path<(String, String)>,
    Query(page): Query<ListQuery>,
    Query(query): Query<RepetitionQuery>,
) -> Result<Json<Page<ActionView>>, Problem> {
    let from: usize = filter("cursor", page.cursor())?.unwrap_or(0);
    let which = (from, page.limit()?, query.failed);
    let found = state.runtime.repetitions(caller.user, id_of(&id)?, &name, which).await?;
    let types = found.definition.as_ref().map(types).unwrap_or_default();
    let count = (found.count, found.failures);
    let items = found.runs.iter().map(|(place, run)| action((*place, run), count, &types)).collect();
    Ok(Json(Page::of(items, found.next)))
}

/// `0-2`: the third iteration of the inner loop in the first of the outer one.
fn indexes(text: &str) -> Vec<u32> {
    text.split('-').filter_map(|part| part.parse().ok()).collect()
}

/// Cancel a run
#[utoipa::path(post, path = "/api/runs/{id}/cancel", tag = "runs", responses((status = 202, body = RunAccepted)))]
pub async fn cancel(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<RunAccepted>), Problem> {
    Ok(RunAccepted::of(state.runtime.cancel_run(caller.user, id_of(&id)?).await?))
}

/// Run the same trigger outputs again with today's version
#[utoipa::path(post, path = "/api/runs/{id}/resubmit", tag = "runs", responses((status = 202, body = RunAccepted)))]
pub async fn resubmit(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<RunAccepted>), Problem> {
    Ok(RunAccepted::of(state.runtime.resubmit_run(caller.user, id_of(&id)?).await?))
}

/// With which definition a run is taken up again.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeForm {
    #[serde(default)]
    version: ResumeVersion,
}

/// The definition of then, or of now.
#[derive(Deserialize, Default, Clone, Copy, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ResumeVersion {
    #[default]
    Then,
    Now,
}

impl ResumeVersion {
    const fn which(self) -> WhichVersion {
        match self {
            Self::Then => WhichVersion::Then,
            Self::Now => WhichVersion::Now,
        }
    }
}

/// Take a failed run up again at the action that failed: what succeeded is not done again
#[utoipa::path(post, path = "/api/runs/{id}/resume", tag = "runs", request_body = Option<ResumeForm>, responses((status = 202, body = RunAccepted)))]
pub async fn resume(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    form: Option<Json<ResumeForm>>,
) -> Result<(StatusCode, Json<RunAccepted>), Problem> {
    let which = form.map(|Json(form)| form.version).unwrap_or_default().which();
    Ok(RunAccepted::of(state.runtime.resume_run(caller.user, id_of(&id)?, which).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ValueQuery {
    /// The indexes of the loops around it, such as `0-2`; empty outside of loops.
    #[serde(default)]
    index: String,
}

/// The whole inputs or outputs of an action that the run's page only names
#[utoipa::path(
    get, path = "/api/runs/{id}/actions/{name}/{which}", tag = "runs",
    params(("id" = String, Path), ("name" = String, Path), ("which" = inline(schema::ActionValue), Path), ValueQuery),
    responses((status = 200, body = Option<Value>))
)]
pub async fn value(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, name, which)): Path<(String, String, String)>,
    Query(query): Query<ValueQuery>,
) -> Result<Json<Option<Value>>, Problem> {
    let path = ActionPath { action: name.as_str().into(), indexes: indexes(&query.index) };
    let run = state.runtime.action_run(caller.user, id_of(&id)?, path).await?;
    let run = run.ok_or_else(|| Problem::missing("action"))?;
    match which.as_str() {
        "inputs" => Ok(Json(run.inputs)),
        "outputs" => Ok(Json(run.outputs)),
        _ => Err(Problem::missing("value")),
    }
}

/// The whole of what the trigger of a run gave, where the run's page only names it
#[utoipa::path(get, path = "/api/runs/{id}/trigger/outputs", tag = "runs", responses((status = 200, body = Option<Value>)))]
pub async fn trigger_outputs(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<Option<Value>>, Problem> {
    let trigger = state.runtime.trigger_shown(caller.user, id_of(&id)?).await?;
    let trigger = trigger.ok_or_else(|| Problem::missing("value"))?;
    Ok(Json(trigger.get("outputs").cloned()))
}
