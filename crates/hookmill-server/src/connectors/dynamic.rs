//! What only the service knows of a parameter or an answer: choices, trees to choose from, schemas.
//!
//! The extensions name an operation of the connector and say which of the form's values it is called with. The newer ones
//! (`x-ms-dynamic-list`, `-properties`) name values by a path such as `body/a`, the older ones by a parameter. Answers are
//! kept for a minute, so that opening a form twice calls the service once.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookmill_connector::{self as model, Connector, Operation, Parameter, Token};
use hookmill_model::{ConnectionId, ConnectorId, Object, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::own;
use crate::account::Caller;
use crate::extract::Json;
use crate::{Problem, ServerState};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(60);
/// Answers that are kept; all are forgotten when there are more.
const KEPT_MAX: usize = 200;
/// An answer that is longer is not kept.
const KEPT_BYTES_MAX: usize = 512 * 1024;

/// A parameter whose choices the service knows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoicesForm {
    #[schema(value_type = Option<String>)]
    connection_id: Option<ConnectionId>,
    operation_id: String,
    /// Its key.
    parameter: String,
    /// What the form has so far.
    #[serde(default)]
    parameters: Value,
}

/// A value to choose.
#[derive(Serialize, ToSchema)]
pub struct Choice {
    value: Value,
    title: String,
}

/// What can be chosen.
#[derive(Serialize, ToSchema)]
pub struct Choices {
    items: Vec<Choice>,
}

/// A level of a tree.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TreeForm {
    #[schema(value_type = Option<String>)]
    connection_id: Option<ConnectionId>,
    operation_id: String,
    /// The key of the parameter.
    parameter: String,
    /// What the form has so far.
    #[serde(default)]
    parameters: Value,
    /// The `item` of the node that is opened; the roots where it is left out.
    #[serde(default)]
    node: Value,
}

/// A node of a tree.
#[derive(Serialize, ToSchema)]
pub struct Node {
    value: Value,
    title: String,
    /// The same with the names of what it is in.
    full_title: String,
    /// Whether there may be nodes below it.
    is_parent: bool,
    /// Whether it may be chosen.
    can_select: bool,
    /// The node as the service gave it, for opening it.
    item: Value,
}

/// Nodes of one level.
#[derive(Serialize, ToSchema)]
pub struct Nodes {
    items: Vec<Node>,
}

/// A part of an operation whose schema the service knows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaForm {
    #[schema(value_type = Option<String>)]
    connection_id: Option<ConnectionId>,
    operation_id: String,
    /// The key of the parameter; the operation's answer where it is left out.
    parameter: Option<String>,
    /// What the form has so far.
    #[serde(default)]
    parameters: Value,
    /// The expression of the answer, for its tokens, such as `body('Get_row')`.
    #[serde(default)]
    root: String,
}

/// A schema, with what a designer makes of it.
#[derive(Serialize, ToSchema)]
pub struct DynamicSchema {
    #[schema(value_type = Object)]
    schema: Value,
    /// The fields of a form; empty for an answer.
    parameters: Vec<Parameter>,
    /// What later steps can insert; empty for a parameter.
    tokens: Vec<Token>,
}

type Answers = HashMap<String, (Instant, Value)>;

static ANSWERS: LazyLock<Mutex<Answers>> = LazyLock::new(Mutex::default);

fn answers() -> std::sync::MutexGuard<'static, Answers> {
    ANSWERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value at a path whose parts are divided by `/` or `.`; the whole for an empty one.
fn at(value: &Value, path: &str) -> Option<Value> {
    if let Some(exact) = value.get(path).filter(|_| !path.is_empty()) {
        return Some(exact.clone());
    }
    let mut here = value;
    for part in path.split(['/', '.']).filter(|part| !part.is_empty()) {
        here = match here.as_array() {
            Some(list) => list.get(part.parse::<usize>().ok()?)?,
            None => here.get(part)?,
        };
    }
    Some(here.clone())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), ToOwned::to_owned)
}

fn member<'v>(source: &'v Value, names: &[&str]) -> &'v str {
    names.iter().find_map(|name| source.get(name).and_then(Value::as_str)).unwrap_or_default()
}

/// What the form has under a key, also where a part of a body is given as a whole.
fn given(parameters: &Value, key: &str) -> Option<Value> {
    let known = parameters.get(key).cloned().or_else(|| at(parameters, key));
    known.filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// The parameters of the call that an extension describes.
fn call_parameters(source: &Value, parameters: &Value, node: &Value) -> Result<Object, Problem> {
    let mut call = Object::new();
    for (name, value) in source.get("parameters").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        let reference = value.get("parameter").or_else(|| value.get("parameterReference")).and_then(Value::as_str);
        let selected = value.get("selectedItemValuePath").and_then(Value::as_str);
        let found = match (reference, selected, value.get("value")) {
            (Some(other), ..) => {
                let found = given(parameters, other);
                let needed = value.get("required") != Some(&Value::Bool(false));
                if found.is_none() && needed {
                    let said = format!("Choose a value for '{other}' first: the choices depend on it.");
                    let at = hookmill_model::Pointer::root().child("parameters").child(other);
                    return Err(Problem::bad("choices_unknown", said).at(at.as_str()));
                }
                found.unwrap_or_default()
            }
            (None, Some(path), _) => at(node, path).unwrap_or_default(),
            (None, None, Some(constant)) => constant.clone(),
            (None, None, None) => value.clone(),
        };
        if !found.is_null() {
            call.insert(name.clone(), found);
        }
    }
    Ok(call)
}

/// Calls the operation that an extension names; answers are kept for a minute.
async fn ask(
    state: &ServerState,
    caller: &Caller,
    (connector, etag): (ConnectorId, u64),
    connection: Option<ConnectionId>,
    source: &Value,
    call: Object,
) -> Result<Value, Problem> {
    let operation = member(source, &["operationId"]).to_owned();
    let call = Value::from(call);
    let place = connection.map(|id| id.to_string()).unwrap_or_default();
    let key = format!("{}\n{connector}\n{etag}\n{place}\n{operation}\n{}", caller.user, call.to_json());
    if let Some((at, body)) = answers().get(&key)
        && at.elapsed() < KEPT
    {
        return Ok(body.clone());
    }
    let asked = state.runtime.call_operation(caller.user, connector, connection, &operation, call).await?;
    if !asked.status.is_some_and(|status| (200..300).contains(&status)) {
        let said =
            asked.status.map_or(asked.error.unwrap_or_default(), |status| format!("The service answered {status}."));
        return Err(Problem::new(StatusCode::BAD_GATEWAY, "choices_unavailable", said));
    }
    if asked.body.to_json().len() <= KEPT_BYTES_MAX {
        let mut answers = answers();
        if answers.len() >= KEPT_MAX {
            answers.clear();
        }
        answers.insert(key, (Instant::now(), asked.body.clone()));
    }
    Ok(asked.body)
}

fn operation_of<'c>(connector: &'c Connector, id: &str) -> Result<&'c Operation, Problem> {
    connector.operation(id).ok_or_else(|| Problem::missing("operation"))
}

/// The parameter of an operation that has a key.
fn parameter_of(connector: &Connector, operation: &str, key: &str) -> Result<Option<Parameter>, Problem> {
    let operation = operation_of(connector, operation)?;
    Ok(connector.parameters(operation).into_iter().find(|own| own.key == key))
}

fn unknown() -> Problem {
    Problem::bad("choices_unknown", "The connector does not say where the choices of this parameter come from.")
        .at("/parameter")
}

/// The list at a path of an answer; the whole where it is a list itself.
fn list_at(body: &Value, path: &str) -> Vec<Value> {
    at(body, path).as_ref().and_then(Value::as_array).map(<[Value]>::to_vec).unwrap_or_default()
}

/// The choices of a parameter that only the service knows (`x-ms-dynamic-values`, `x-ms-dynamic-list`)
#[utoipa::path(post, path = "/api/connectors/{id}/dynamic-values", tag = "authoring", responses((status = 200, body = Choices)))]
pub async fn dynamic_values(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<ChoicesForm>,
) -> Result<Json<Choices>, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let connector = state.runtime.connector(stored.id).await?;
    let parameter = parameter_of(&connector, &form.operation_id, &form.parameter)?;
    let source = parameter.and_then(|own| own.dynamic_values).ok_or_else(unknown)?;
    let call = call_parameters(&source, &form.parameters, &Value::Null)?;
    let body = ask(&state, &caller, (stored.id, stored.etag), form.connection_id, &source, call).await?;
    let collection = member(&source, &["value-collection", "itemsPath"]);
    let (path, title) =
        (member(&source, &["value-path", "itemValuePath"]), member(&source, &["value-title", "itemTitlePath"]));
    let items = list_at(&body, collection).into_iter().filter_map(|item| {
        let value = at(&item, path)?;
        let shown = at(&item, title).filter(|_| !title.is_empty()).unwrap_or_else(|| value.clone());
        Some(Choice { value, title: text(&shown) })
    });
    Ok(Json(Choices { items: items.collect() }))
}

/// One level of the tree that a parameter is chosen from (`x-ms-dynamic-tree`)
#[utoipa::path(post, path = "/api/connectors/{id}/dynamic-tree", tag = "authoring", responses((status = 200, body = Nodes)))]
pub async fn dynamic_tree(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<TreeForm>,
) -> Result<Json<Nodes>, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let connector = state.runtime.connector(stored.id).await?;
    let parameter = parameter_of(&connector, &form.operation_id, &form.parameter)?;
    let tree = parameter.and_then(|own| own.dynamic_tree).ok_or_else(unknown)?;
    let source = tree.get(if form.node.is_null() { "open" } else { "browse" }).cloned().ok_or_else(unknown)?;
    let call = call_parameters(&source, &form.parameters, &form.node)?;
    let body = ask(&state, &caller, (stored.id, stored.etag), form.connection_id, &source, call).await?;
    let may = |name: &str| tree.pointer(&format!("/settings/{name}")).is_none_or(|own| *own != Value::Bool(false));
    let (parents, leaves) = (may("canSelectParentNodes"), may("canSelectLeafNodes"));
    let items = list_at(&body, member(&source, &["itemsPath"])).into_iter().filter_map(|item| {
        let value = at(&item, member(&source, &["itemValuePath"]))?;
        let title = at(&item, member(&source, &["itemTitlePath"])).as_ref().map_or_else(|| text(&value), text);
        let full = member(&source, &["itemFullTitlePath"]);
        let full_title = at(&item, full).filter(|_| !full.is_empty()).as_ref().map_or_else(|| title.clone(), text);
        let parent = member(&source, &["itemIsParent"]);
        // The path may be written as in a condition: `(IsFolder eq true)`.
        let (path, wanted) = condition(parent);
        let is_parent = at(&item, path).is_some_and(|own| text(&own).eq_ignore_ascii_case(wanted));
        let can_select = if is_parent { parents } else { leaves };
        Some(Node { value, title, full_title, is_parent, can_select, item })
    });
    Ok(Json(Nodes { items: items.collect() }))
}

/// The path and the value of a condition such as `(IsFolder eq true)`; a bare path means `true`.
fn condition(written: &str) -> (&str, &str) {
    let inner = written.trim().trim_start_matches('(').trim_end_matches(')');
    match inner.split_once(" eq ") {
        Some((path, value)) => (path.trim(), value.trim().trim_matches('\'')),
        None => (inner, "true"),
    }
}

/// The schema of a parameter or an answer that only the service knows (`x-ms-dynamic-schema`, `x-ms-dynamic-properties`)
#[utoipa::path(post, path = "/api/connectors/{id}/dynamic-schema", tag = "authoring", responses((status = 200, body = DynamicSchema)))]
pub async fn dynamic_schema(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<SchemaForm>,
) -> Result<Json<DynamicSchema>, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let connector = state.runtime.connector(stored.id).await?;
    let source = match &form.parameter {
        Some(key) => parameter_of(&connector, &form.operation_id, key)?.and_then(|own| own.dynamic_schema),
        None => connector.dynamic_outputs(operation_of(&connector, &form.operation_id)?),
    };
    let source = source.ok_or_else(|| {
        Problem::bad("choices_unknown", "The connector does not say where this schema comes from.").at("/parameter")
    })?;
    let call = call_parameters(&source, &form.parameters, &Value::Null)?;
    let body = ask(&state, &caller, (stored.id, stored.etag), form.connection_id, &source, call).await?;
    let schema = at(&body, member(&source, &["value-path", "itemValuePath"])).unwrap_or_default();
    if schema.as_object().is_none() {
        let said = "The answer of the service holds no schema at the place that the connector names.";
        return Err(Problem::new(StatusCode::BAD_GATEWAY, "choices_unavailable", said));
    }
    let parameters =
        form.parameter.as_ref().map(|key| connector.parameters_of_schema(key, &schema)).unwrap_or_default();
    let root = if form.root.is_empty() { "triggerBody()" } else { &form.root };
    let tokens = if form.parameter.is_none() { model::dynamic_content(&schema, root) } else { Vec::new() };
    Ok(Json(DynamicSchema { schema, parameters, tokens }))
}
