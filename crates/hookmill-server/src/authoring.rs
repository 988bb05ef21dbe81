//! Authoring of connectors: operations from samples, schemas, dynamic content, the catalog of steps, lists of choices.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use hookmill_connector as model;
use hookmill_connector::{OperationForm, Role, SampleRequest, TriggerKind, Visibility};
use hookmill_model::{ConnectionId, Object, Value};
use hookmill_store::{ConnectorFilter, List};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::account::Caller;
use crate::{Problem, ServerState, connectors};

/// Connectors in the catalog.
const CATALOG_CONNECTORS: usize = 500;
/// Entries of a catalog page.
const CATALOG_MAX: usize = 300;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Sample {
    curl: Option<String>,
    method: String,
    url: String,
    headers: Object,
    body: Value,
    host: String,
    base_path: String,
}

pub async fn request_from_sample(_: Caller, Json(form): Json<Sample>) -> Result<Json<Json_>, Problem> {
    let wrong = |pointer: &str, detail: String| Problem::bad("sample_invalid", detail).with("pointer", json!(pointer));
    let sample = match form.curl.filter(|command| !command.trim().is_empty()) {
        Some(command) => model::request_from_curl(&command).map_err(|error| wrong("/curl", error.to_string()))?,
        None => SampleRequest {
            method: form.method,
            url: form.url,
            headers: form.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: (!form.body.is_null()).then(|| text(&form.body)),
            fields: Vec::new(),
        },
    };
    let made = model::request_from_sample(&sample, &form.host, &form.base_path)
        .map_err(|error| wrong("/url", error.to_string()))?;
    Ok(Json(json!(made)))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), ToOwned::to_owned)
}

#[derive(Deserialize)]
pub struct Samples {
    samples: Vec<Value>,
}

pub async fn schema_from_samples(_: Caller, Json(form): Json<Samples>) -> Json<Json_> {
    Json(json!({"schema": model::infer_schema(&form.samples)}))
}

#[derive(Deserialize)]
pub struct TokenForm {
    schema: Value,
    root: String,
}

pub async fn dynamic_content(_: Caller, Json(form): Json<TokenForm>) -> Json<Json_> {
    Json(json!({"tokens": model::dynamic_content(&form.schema, &form.root)}))
}

/// Puts an operation into the connector's document, or replaces one.
pub async fn put_operation(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, original)): Path<(String, String)>,
    headers: HeaderMap,
    Json(form): Json<OperationForm>,
) -> Result<Response, Problem> {
    let stored = connectors::own(&state, &caller, &id).await?;
    let document = connectors::document_of(&state, &stored).await?;
    let known = state.runtime.connector(stored.id).await?.operation(&original).is_some();
    let made = model::put_operation(&document, known.then_some(original.as_str()), &form)
        .map_err(|error| Problem::bad("operation_invalid", error.message).with("pointer", json!(error.pointer)))?;
    connectors::replace(&state, stored, &headers, None, Some(made.to_json().into())).await
}

/// Takes an operation out of the connector's document.
pub async fn delete_operation(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, operation)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let stored = connectors::own(&state, &caller, &id).await?;
    let document = connectors::document_of(&state, &stored).await?;
    let made = model::remove_operation(&document, &operation).ok_or_else(|| Problem::missing("operation"))?;
    connectors::replace(&state, stored, &headers, None, Some(made.to_json().into())).await
}

/// Replaces the whole document.
pub async fn put_definition(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    document: Bytes,
) -> Result<Response, Problem> {
    let stored = connectors::own(&state, &caller, &id).await?;
    connectors::replace(&state, stored, &headers, None, Some(document)).await
}

/// Triggers and actions of one's connectors, for the search of the designer.
pub async fn catalog(
    caller: Caller,
    State(state): State<ServerState>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let words: Vec<String> = query
        .get("q")
        .map(|q| q.to_lowercase().split_whitespace().map(ToOwned::to_owned).collect())
        .unwrap_or_default();
    let filter = ConnectorFilter { owner: Some(caller.user), q: None };
    let mut items = Vec::new();
    for stored in state.store().connectors(&filter, List::first(CATALOG_CONNECTORS)).await?.items {
        let Ok(connector) = state.runtime.connector(stored.id).await else { continue };
        for operation in &connector.operations {
            let is_hidden = operation.visibility == Visibility::Internal
                || (&*operation.method == "DELETE" && operation.summary.is_empty());
            let title = if operation.summary.is_empty() { &operation.operation_id } else { &operation.summary };
            let said =
                format!("{} {title} {} {}", stored.name, operation.description, operation.operation_id).to_lowercase();
            if is_hidden || !words.iter().all(|word| said.contains(word.as_str())) || items.len() >= CATALOG_MAX {
                continue;
            }
            let is_webhook = matches!(operation.trigger, Some((TriggerKind::Webhook, _)));
            items.push(json!({
                "kind": if operation.role() == Role::Trigger { "trigger" } else { "action" },
                "group": "connector",
                "type": if is_webhook { "OpenApiConnectionWebhook" } else { "OpenApiConnection" },
                "operation_id": operation.operation_id,
                "connector": {"id": stored.id.to_string(), "name": stored.name, "icon_url": connectors::icon_url(&stored), "color": connector.color},
                "title": title,
                "description": operation.description,
            }));
        }
    }
    Ok(Json(json!({"items": items, "next_cursor": null})).into_response())
}

#[derive(Deserialize)]
pub struct ChoicesForm {
    connection_id: Option<ConnectionId>,
    operation_id: String,
    parameter: String,
    #[serde(default)]
    parameters: Value,
}

/// The choices of a parameter that only the service knows (`x-ms-dynamic-values`).
pub async fn dynamic_values(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<ChoicesForm>,
) -> Result<Response, Problem> {
    let stored = connectors::own(&state, &caller, &id).await?;
    let connector = state.runtime.connector(stored.id).await?;
    let operation = connector.operation(&form.operation_id).ok_or_else(|| Problem::missing("operation"))?;
    let parameter = connector.parameters(operation).into_iter().find(|own| own.key == form.parameter);
    let source = parameter.and_then(|own| own.dynamic_values).ok_or_else(|| {
        Problem::bad("choices_unknown", "The connector does not say where the choices of this parameter come from.")
            .with("pointer", json!("/parameter"))
    })?;
    let asked = source.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut given = Object::new();
    for (name, value) in source.get("parameters").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        // `{"parameter": "x"}` stands for what the form has there; all else is a constant.
        let reference = value.get("parameter").or_else(|| value.get("parameterReference")).and_then(Value::as_str);
        let value = match (reference, value.get("value")) {
            (Some(other), _) => form.parameters.get(other).cloned().unwrap_or_default(),
            (None, Some(constant)) => constant.clone(),
            (None, None) => value.clone(),
        };
        given.insert(name.clone(), value);
    }
    let call = state.runtime.call_operation(caller.user, stored.id, form.connection_id, &asked, given.into()).await?;
    if !call.status.is_some_and(|status| (200..300).contains(&status)) {
        let said =
            call.status.map_or(call.error.unwrap_or_default(), |status| format!("The service answered {status}."));
        return Err(Problem::new(axum::http::StatusCode::BAD_GATEWAY, "choices_unavailable", said));
    }
    let member = |name: &str, usual: &str| source.get(name).and_then(Value::as_str).unwrap_or(usual).to_owned();
    let collection = member("value-collection", "");
    let at = |value: &Value, path: &str| -> Option<Value> {
        path.split(['/', '.'])
            .filter(|part| !part.is_empty())
            .try_fold(value.clone(), |value, part| value.get(part).cloned())
    };
    let list = at(&call.body, &collection).unwrap_or_default();
    let (path, title) = (member("value-path", ""), member("value-title", ""));
    let items: Vec<Json_> = list
        .as_array()
        .unwrap_or_default()
        .iter()
        .filter_map(|item| {
            let value = at(item, &path)?;
            let shown = at(item, &title).filter(|_| !title.is_empty()).unwrap_or_else(|| value.clone());
            Some(json!({"value": value, "title": text(&shown)}))
        })
        .collect();
    Ok(Json(json!({"items": items})).into_response())
}
