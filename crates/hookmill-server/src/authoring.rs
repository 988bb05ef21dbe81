//! Authoring of connectors: operations from samples, schemas, dynamic content, the catalog of steps, lists of choices.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use hookmill_connector as model;
use hookmill_connector::{OperationForm, Role, SampleRequest, SampledRequest, Token, TriggerKind, Visibility};
use hookmill_model::{Object, Value};
use hookmill_store::{ConnectorFilter, List};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::connectors::{self, Acceptance, ConnectorWhole, Replacement, Tagged};
use crate::extract::{Json, Query};
use crate::list::Page;
use crate::{Problem, ServerState};

/// Connectors in the catalog.
const CATALOG_CONNECTORS: usize = 500;
/// Entries of a catalog page.
const CATALOG_MAX: usize = 300;

/// A sample of a request: a curl command, or its parts.
#[derive(Deserialize, Default, ToSchema)]
#[serde(default)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// A pasted command; where it is there, the parts below are not looked at.
    curl: Option<String>,
    /// GET where empty.
    method: String,
    /// Absolute or a path, with `{name}` or `:name` for what differs from call to call.
    url: String,
    headers: Object,
    body: Value,
    /// The host of the connector, for a note where the sample calls another.
    host: String,
    /// The base path of the connector, taken off the sample's path.
    base_path: String,
    /// The header or query parameter of the connector's API key, which is left out.
    key_name: String,
}

/// The request part of an operation, from a sample
#[utoipa::path(post, path = "/api/authoring/request-from-sample", tag = "authoring", responses((status = 200, body = SampledRequest)))]
pub async fn request_from_sample(_: Caller, Json(form): Json<Sample>) -> Result<Json<SampledRequest>, Problem> {
    let wrong = |pointer: &str, detail: String| Problem::bad("sample_invalid", detail).at(pointer);
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
    let context = model::SampleContext { host: &form.host, base_path: &form.base_path, key_name: &form.key_name };
    let made =
        model::request_from_sample(&sample, context).map_err(|error| wrong(error.pointer(), error.to_string()))?;
    Ok(Json(made))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), ToOwned::to_owned)
}

/// Samples of one thing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    samples: Vec<Value>,
    /// Headers that came with a sample.
    #[serde(default)]
    headers: Object,
}

/// A schema that all samples fit.
#[derive(Serialize, ToSchema)]
pub struct InferredSchema {
    #[schema(value_type = Object)]
    schema: Value,
    /// The names of the headers that can be used.
    headers: Vec<String>,
    /// Which headers were left out, in sentences.
    notes: Vec<String>,
}

/// A schema from samples
#[utoipa::path(post, path = "/api/authoring/schema-from-samples", tag = "authoring", responses((status = 200, body = InferredSchema)))]
pub async fn schema_from_samples(_: Caller, Json(form): Json<Samples>) -> Result<Json<InferredSchema>, Problem> {
    if form.samples.is_empty() {
        return Err(Problem::bad("sample_invalid", "There is no sample to learn from.").at("/samples"));
    }
    let sample: Vec<_> = form.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let (headers, notes) = model::headers_from_sample(&sample);
    Ok(Json(InferredSchema { schema: model::infer_schema(&form.samples), headers, notes }))
}

/// A schema and the expression of the whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamicContentForm {
    #[schema(value_type = Object)]
    schema: Value,
    /// Such as `triggerBody()` or `body('Get_repository')`.
    root: String,
}

/// What later steps can insert.
#[derive(Serialize, ToSchema)]
pub struct DynamicContent {
    tokens: Vec<Token>,
}

/// The tokens of a schema, with the expressions they insert
#[utoipa::path(post, path = "/api/authoring/dynamic-content", tag = "authoring", responses((status = 200, body = DynamicContent)))]
pub async fn dynamic_content(_: Caller, Json(form): Json<DynamicContentForm>) -> Json<DynamicContent> {
    Json(DynamicContent { tokens: model::dynamic_content(&form.schema, &form.root) })
}

/// Put an operation into the connector's document, or replace one
#[utoipa::path(put, path = "/api/connectors/{id}/operations/{operation}", tag = "authoring", params(("id" = String, Path), ("operation" = String, Path), ("If-Match" = Option<String>, Header, description = "The etag that the change is based on."), Acceptance), responses((status = 200, body = ConnectorWhole)))]
pub async fn put_operation(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, original)): Path<(String, String)>,
    Query(acceptance): Query<Acceptance>,
    headers: HeaderMap,
    Json(form): Json<OperationForm>,
) -> Result<Tagged, Problem> {
    let stored = connectors::own(&state, &caller, &id).await?;
    let document = connectors::document_of(&state, &stored).await?;
    let known = state.runtime.connector(stored.id).await?.operation(&original).is_some();
    let made = model::put_operation(&document, known.then_some(original.as_str()), &form)
        .map_err(|error| Problem::bad("operation_invalid", error.message).at(error.pointer))?;
    connectors::replace(&state, stored, (&headers, acceptance), Replacement::document(&made)).await
}

/// Take an operation out of the connector's document
#[utoipa::path(delete, path = "/api/connectors/{id}/operations/{operation}", tag = "authoring", params(("id" = String, Path), ("operation" = String, Path), ("If-Match" = Option<String>, Header, description = "The etag that the change is based on."), Acceptance), responses((status = 200, body = ConnectorWhole)))]
pub async fn delete_operation(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, operation)): Path<(String, String)>,
    Query(acceptance): Query<Acceptance>,
    headers: HeaderMap,
) -> Result<Tagged, Problem> {
    let stored = connectors::own(&state, &caller, &id).await?;
    let document = connectors::document_of(&state, &stored).await?;
    let made = model::remove_operation(&document, &operation).ok_or_else(|| Problem::missing("operation"))?;
    connectors::replace(&state, stored, (&headers, acceptance), Replacement::document(&made)).await
}

/// Replace the connector's whole document
#[utoipa::path(put, path = "/api/connectors/{id}/definition", tag = "authoring", params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The etag that the change is based on."), Acceptance), request_body(content = Object, content_type = "application/json"), responses((status = 200, body = ConnectorWhole)))]
pub async fn put_definition(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Query(acceptance): Query<Acceptance>,
    headers: HeaderMap,
    document: Bytes,
) -> Result<Tagged, Problem> {
    let stored = connectors::own(&state, &caller, &id).await?;
    connectors::replace(
        &state,
        stored,
        (&headers, acceptance),
        Replacement { document: Some(document), ..Replacement::default() },
    )
    .await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CatalogQuery {
    /// Words that must be in the name, the description or the connector's name.
    #[serde(default)]
    q: String,
}

/// The connector of a catalog entry.
#[derive(Serialize, ToSchema)]
pub struct CatalogConnector {
    id: String,
    name: String,
    #[schema(required)]
    icon_url: Option<String>,
    color: String,
}

/// A trigger or an action that a flow can have.
#[derive(Serialize, ToSchema)]
pub struct CatalogItem {
    /// `trigger` or `action`.
    kind: Role,
    /// The `type` in a definition.
    #[serde(rename = "type")]
    type_name: &'static str,
    operation_id: String,
    connector: CatalogConnector,
    title: String,
    description: String,
}

/// Triggers and actions of one's connectors, for the search of the designer
#[utoipa::path(get, path = "/api/catalog", tag = "authoring", params(CatalogQuery), responses((status = 200, body = Page<CatalogItem>)))]
pub async fn catalog(
    caller: Caller,
    State(state): State<ServerState>,
    Query(query): Query<CatalogQuery>,
) -> Result<Json<Page<CatalogItem>>, Problem> {
    let words: Vec<String> = query.q.to_lowercase().split_whitespace().map(ToOwned::to_owned).collect();
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
            items.push(CatalogItem {
                kind: operation.role(),
                type_name: if is_webhook { "OpenApiConnectionWebhook" } else { "OpenApiConnection" },
                operation_id: operation.operation_id.to_string(),
                connector: CatalogConnector {
                    id: stored.id.to_string(),
                    name: stored.name.clone(),
                    icon_url: connectors::icon_url(&stored),
                    color: connector.color.to_string(),
                },
                title: title.to_string(),
                description: operation.description.to_string(),
            });
        }
    }
    Ok(Json(Page::whole(items)))
}
