//! Custom connectors: lists, settings, operations, tests.

pub mod changes;
pub mod dynamic;
pub mod files;
pub mod gallery;
mod icon;
pub mod imports;
pub mod policies;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hookmill_connector as model;
use hookmill_connector::{Authentication, OperationSummary, Parameter, Settings, Token};
use hookmill_model::{ConnectionId, ConnectorId, Object, Timestamp, Value};
use hookmill_runtime::{connector_settings, version_of_connector};
use hookmill_store::{
    Change, Connector, ConnectorDocument, ConnectorFilter, ConnectorVersion, Expect, Lane, StoreError, Unit,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::list::{ListQuery, Page};
use crate::schema::{self, Diagnostic, UsesView, findings};
use crate::{Problem, ServerState};

/// A connector as other things name it.
#[derive(Serialize, ToSchema)]
pub struct ConnectorNamed {
    id: String,
    name: String,
    #[schema(required)]
    icon_url: Option<String>,
}

impl ConnectorNamed {
    pub(crate) fn of(connector: &Connector) -> Self {
        Self { id: connector.id.to_string(), name: connector.name.clone(), icon_url: icon_url(connector) }
    }
}

pub(crate) fn icon_url(connector: &Connector) -> Option<String> {
    connector.icon_type.as_ref().map(|_| format!("/api/connectors/{}/icon?version={}", connector.id, connector.etag))
}

pub(crate) async fn own(state: &ServerState, caller: &Caller, id: &str) -> Result<Connector, Problem> {
    let id: ConnectorId = id.parse().map_err(|_| Problem::missing("connector"))?;
    let found = state.store().connector(id).await?.filter(|connector| connector.owner == caller.user);
    found.ok_or_else(|| Problem::missing("connector"))
}

/// A connector as lists show it.
#[derive(Serialize, ToSchema)]
pub struct ConnectorListed {
    id: String,
    name: String,
    description: String,
    #[schema(required)]
    icon_url: Option<String>,
    /// `#rrggbb`
    color: String,
    /// Host with its port; empty where nobody has said it yet.
    host: String,
    /// Begins with `/`; empty for none.
    base_path: String,
    /// `https` or `http`.
    scheme: String,
    authentication: Authentication,
    /// Whether a client secret for OAuth 2.0 is stored; it is never shown.
    has_client_secret: bool,
    triggers_count: usize,
    actions_count: usize,
    connections_count: usize,
    /// Ready for `If-Match`.
    etag: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A connector with its operations.
#[derive(Serialize, ToSchema)]
#[schema(as = Connector)]
pub struct ConnectorWhole {
    #[serde(flatten)]
    listed: ConnectorListed,
    /// In the order of the document.
    operations: Vec<OperationSummary>,
    /// Operations whose requests custom code (C#) rewrites, which does not run here.
    scripted: Vec<String>,
    /// Those of them that are sent without it, by the maker's choice.
    without_script: Vec<String>,
    /// What is odd in the document.
    diagnostics: Vec<Diagnostic>,
}

async fn listed(state: &ServerState, stored: &Connector) -> Result<ConnectorListed, Problem> {
    let connector = state.runtime.connector(stored.id).await?;
    let uses = state.store().connector_uses(stored.id).await?;
    let triggers = connector.triggers().count();
    Ok(ConnectorListed {
        id: stored.id.to_string(),
        name: stored.name.clone(),
        description: stored.description.clone(),
        icon_url: icon_url(stored),
        color: connector.color.to_string(),
        host: connector.host.to_string(),
        base_path: connector.base_path.to_string(),
        scheme: connector.scheme.to_string(),
        authentication: connector.authentication.clone(),
        has_client_secret: stored.sealed.is_some(),
        triggers_count: triggers,
        actions_count: connector.operations.len() - triggers,
        connections_count: uses.connections.len(),
        etag: schema::etag(stored.etag),
        created_at: stored.created_at,
        updated_at: stored.updated_at,
    })
}

/// An answer with its entity tag.
pub type Tagged = ([(header::HeaderName, String); 1], Json<ConnectorWhole>);

async fn whole(state: &ServerState, stored: &Connector) -> Result<Tagged, Problem> {
    let connector = state.runtime.connector(stored.id).await?;
    let settings = connector_settings(stored).map_err(hookmill_runtime::Error::from)?;
    let import = model::Connector::import_value(connector.document(), connector.properties(), &settings);
    let whole = ConnectorWhole {
        listed: listed(state, stored).await?,
        operations: connector.operations.iter().map(model::Operation::summary).collect(),
        scripted: connector.scripted_operations().iter().map(ToString::to_string).collect(),
        without_script: connector.without_script().iter().map(ToString::to_string).collect(),
        diagnostics: findings(import.diagnostics),
    };
    Ok(([(header::ETAG, schema::etag(stored.etag))], Json(whole)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConnectorQuery {
    /// A text in the name or description.
    q: Option<String>,
}

/// One's connectors, newest first
#[utoipa::path(get, path = "/api/connectors", tag = "connectors", params(ListQuery, ConnectorQuery), responses((status = 200, body = Page<ConnectorListed>)))]
pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(page): Query<ListQuery>,
    Query(query): Query<ConnectorQuery>,
) -> Result<Json<Page<ConnectorListed>>, Problem> {
    let filter = ConnectorFilter { owner: Some(caller.user), q: query.q };
    let found = state.store().connectors(&filter, page.list()?).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for connector in &found.items {
        items.push(listed(&state, connector).await?);
    }
    Ok(Json(Page::of(items, found.next)))
}

/// One connector with its operations
#[utoipa::path(get, path = "/api/connectors/{id}", tag = "connectors", responses((status = 200, body = ConnectorWhole)))]
pub async fn show(caller: Caller, State(state): State<ServerState>, Path(id): Path<String>) -> Result<Tagged, Problem> {
    whole(&state, &own(&state, &caller, &id).await?).await
}

/// What to change of a connector; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorForm {
    settings: Option<Settings>,
    /// The client secret for OAuth 2.0, sealed at rest, never shown again; an empty one leaves the stored one.
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// An OpenAPI document.
    document: Option<Value>,
    /// The content of `apiProperties.json`.
    properties: Option<Value>,
}

/// Whether flows may break.
#[derive(Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Acceptance {
    /// Saves the change also where it breaks flows; they break from then on.
    #[serde(default)]
    accept_breaks: bool,
}

/// Change a connector's settings or document
#[utoipa::path(put, path = "/api/connectors/{id}", tag = "connectors", params(("If-Match" = Option<String>, Header, description = "The etag that the change is based on."), Acceptance), responses((status = 200, body = ConnectorWhole)))]
pub async fn update(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Query(acceptance): Query<Acceptance>,
    headers: HeaderMap,
    Json(form): Json<ConnectorForm>,
) -> Result<Tagged, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let text = |value: Value| Bytes::from(value.to_json());
    let mut properties = form.properties;
    // A secret in the file is sealed as one that a person entered.
    let of_file = properties.as_mut().and_then(model::take_client_secret).map(|secret| secret.to_string());
    let to = Replacement {
        settings: form.settings,
        client_secret: form.client_secret.filter(|secret| !secret.trim().is_empty()).or(of_file),
        document: form.document.map(text),
        properties: properties.map(text),
    };
    replace(&state, stored, (&headers, acceptance), to).await
}

pub(crate) async fn stored_document(state: &ServerState, stored: &Connector) -> Result<ConnectorDocument, Problem> {
    state.store().connector_document(stored.id).await?.ok_or_else(|| Problem::missing("connector"))
}

pub(crate) async fn document_of(state: &ServerState, stored: &Connector) -> Result<Value, Problem> {
    let document = stored_document(state, stored).await?;
    Value::from_json(&document.document).map_err(|error| Problem::internal(&error))
}

/// Refuses a change that is based on an older state.
pub(crate) fn check_etag(stored: &Connector, headers: &HeaderMap) -> Result<(), Problem> {
    match schema::if_match(headers) {
        Some(wanted) if wanted != stored.etag => Err(Problem::stale("connector", stored.etag)),
        _ => Ok(()),
    }
}

/// The new parts of a connector; what is not there stays.
#[derive(Default)]
pub(crate) struct Replacement {
    pub settings: Option<Settings>,
    pub client_secret: Option<String>,
    pub document: Option<Bytes>,
    pub properties: Option<Bytes>,
}

impl Replacement {
    pub(crate) fn document(document: &Value) -> Self {
        Self { document: Some(document.to_json().into()), ..Self::default() }
    }
}

/// Seals a client secret that a person entered. A connector without OAuth 2.0 keeps none.
pub(crate) fn seal_client_secret(
    state: &ServerState,
    stored: &mut Connector,
    authentication: &Authentication,
    entered: Option<&str>,
    leads_elsewhere: bool,
) -> Result<(), Problem> {
    if authentication.oauth2().is_none() || leads_elsewhere {
        stored.sealed = None;
    }
    if authentication.oauth2().is_none() {
        return Ok(());
    }
    if let Some(secret) = entered.map(str::trim).filter(|secret| !secret.is_empty()) {
        state.runtime.seal_client_secret(stored, secret)?;
    }
    Ok(())
}

/// Stores a changed connector, if its document can be used, nobody else changed it meanwhile, and no flow breaks that
/// nobody has agreed to.
pub(crate) async fn replace(
    state: &ServerState,
    mut stored: Connector,
    (headers, acceptance): (&HeaderMap, Acceptance),
    to: Replacement,
) -> Result<Tagged, Problem> {
    check_etag(&stored, headers)?;
    let expected = Expect::ConnectorEtag(stored.id, stored.etag);
    let old = stored_document(state, &stored).await?;
    let settings_before = connector_settings(&stored).map_err(hookmill_runtime::Error::from)?;
    let settings = to.settings.unwrap_or_else(|| settings_before.clone());
    let before = imports::imported(&old.document, old.properties.as_deref(), &settings_before);
    let (before_settings, kept) = (stored.settings.clone(), old.clone());
    let document = to.document.unwrap_or(old.document);
    let properties = to.properties.or(old.properties);
    let import = imports::imported(&document, properties.as_deref(), &settings);
    let (connector, document) = imports::usable(&import)?;
    if !acceptance.accept_breaks {
        changes::check(state, &stored, connector).await?;
    }
    stored.name = connector.name.to_string();
    stored.description = connector.description.to_string();
    stored.settings = serde_json::to_vec(&settings).unwrap_or_default().into();
    // The client secret was given for the addresses at which it is exchanged.
    let leads_elsewhere = before.connector.is_none_or(|before| before.destination() != connector.destination());
    let entered = to.client_secret.as_deref();
    seal_client_secret(state, &mut stored, &connector.authentication, entered, leads_elsewhere)?;
    stored.etag += 1;
    stored.updated_at = state.runtime.now();
    let document = ConnectorDocument { document: document.to_json().into(), properties };
    // Flows that were saved with the version before go on with it.
    let version = version_of_connector(&before_settings, &kept);
    let kept = ConnectorVersion { settings: before_settings, document: kept };
    let unit = Unit::from(Change::PutConnector(stored.clone()))
        .with(Change::PutConnectorDocument(stored.id, document))
        .with(Change::KeepConnectorVersion(stored.id, version, kept))
        .with(Change::DropConnectorVersions(stored.id))
        .expect(expected);
    commit(state, &stored, unit).await?;
    whole(state, &stored).await
}

/// Commits a change of a connector whose etag is expected.
pub(crate) async fn commit(state: &ServerState, stored: &Connector, unit: Unit) -> Result<(), Problem> {
    match state.store().commit(unit, Lane::Work).await {
        Ok(_) => {
            state.runtime.forget_connector(stored.id);
            Ok(())
        }
        Err(StoreError::Conflict { .. }) => {
            let now = state.store().connector(stored.id).await?.ok_or_else(|| Problem::missing("connector"))?;
            Err(Problem::stale("connector", now.etag))
        }
        Err(error) => Err(error.into()),
    }
}

/// What connections of a connector ask for.
#[derive(Serialize, ToSchema)]
pub struct ConnectionFields {
    authentication: Authentication,
    /// One where the file has no kinds to choose from.
    parameter_sets: Vec<model::ParameterSet>,
}

/// The fields of a connector's connections, to make a form of them
#[utoipa::path(get, path = "/api/connectors/{id}/connection-fields", tag = "connectors", responses((status = 200, body = ConnectionFields)))]
pub async fn connection_fields(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<ConnectionFields>, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let connector = state.runtime.connector(stored.id).await?;
    let (authentication, parameter_sets) = (connector.authentication.clone(), connector.sets.clone());
    Ok(Json(ConnectionFields { authentication, parameter_sets }))
}

/// Delete a connector that no connection and no flow uses
#[utoipa::path(delete, path = "/api/connectors/{id}", tag = "connectors", responses((status = 204)))]
pub async fn remove(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let unit = Unit::from(Change::DeleteConnector(stored.id)).expect(Expect::ConnectorUnused(stored.id));
    match state.store().commit(unit, Lane::Work).await {
        Ok(_) => {
            state.runtime.forget_connector(stored.id);
            Ok(StatusCode::NO_CONTENT)
        }
        Err(StoreError::Conflict { .. }) => {
            let uses = state.store().connector_uses(stored.id).await?;
            let problem =
                Problem::new(StatusCode::CONFLICT, "connector_in_use", "Connections or flows use this connector.");
            Err(problem.used_by(schema::uses(&uses)).hint("Delete them first, or let them use another connector."))
        }
        Err(error) => Err(error.into()),
    }
}

/// The connector's OpenAPI document
#[utoipa::path(get, path = "/api/connectors/{id}/definition", tag = "connectors", responses((status = 200, body = Object, content_type = "application/json")))]
pub async fn definition(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let document = stored_document(&state, &stored).await?;
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::ETAG, schema::etag(stored.etag))];
    Ok((headers, document.document).into_response())
}

/// What uses a connector
#[utoipa::path(get, path = "/api/connectors/{id}/uses", tag = "connectors", responses((status = 200, body = UsesView)))]
pub async fn uses(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<UsesView>, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let uses = state.store().connector_uses(stored.id).await?;
    Ok(Json(UsesView { used_by: schema::uses(&uses) }))
}

/// An operation with its form and what it gives to later steps.
#[derive(Serialize, ToSchema)]
#[schema(as = Operation)]
pub struct OperationWhole {
    #[serde(flatten)]
    summary: OperationSummary,
    /// What to fill in; bodies are taken apart to one entry per property.
    parameters: Vec<Parameter>,
    /// The tokens that later steps can insert.
    dynamic_content: Vec<Token>,
    /// The schema of a notification or of the answer, references followed; `null` where the document has none.
    #[schema(value_type = Option<Object>, required)]
    outputs_schema: Value,
    /// Headers of notifications that the document names.
    notification_headers: Vec<String>,
    /// What the operation itself declares for its webhook (`x-hookmill-…`), by name, without how it is deleted.
    #[schema(value_type = Object)]
    declarations: Object,
    /// How the webhook of this trigger will be deleted; `null` where only the service's answer can tell, and for what is
    /// no webhook.
    #[schema(required)]
    deletion: Option<model::DeletionOutlook>,
}

/// One operation of a connector
#[utoipa::path(get, path = "/api/connectors/{id}/operations/{operation}", tag = "connectors", responses((status = 200, body = OperationWhole)))]
pub async fn operation(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, operation)): Path<(String, String)>,
) -> Result<Json<OperationWhole>, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let connector = state.runtime.connector(stored.id).await?;
    let operation = connector.operation(&operation).ok_or_else(|| Problem::missing("operation"))?;
    Ok(Json(OperationWhole {
        summary: operation.summary(),
        parameters: connector.parameters(operation),
        dynamic_content: connector.dynamic_content(operation),
        outputs_schema: connector.outputs_schema(operation),
        notification_headers: operation.notification_headers.iter().map(ToString::to_string).collect(),
        declarations: operation.declarations(),
        deletion: if operation.is_webhook() { connector.deletion_outlook(operation) } else { None },
    }))
}

/// A call of an operation.
#[derive(Deserialize, ToSchema)]
#[schema(as = CallForm)]
#[serde(deny_unknown_fields)]
pub struct TestForm {
    /// The connection to call through.
    #[schema(value_type = Option<String>)]
    connection_id: Option<ConnectionId>,
    operation_id: String,
    /// Parameter → value, as a definition writes them.
    #[serde(default)]
    parameters: Value,
}

/// A service's answer.
#[derive(Serialize, ToSchema)]
pub struct CallResponse {
    status: u16,
    headers: Object,
    body: Value,
}

/// What came of a call.
#[derive(Serialize, ToSchema)]
pub struct Call {
    /// `{method, uri, headers, body}` as it was sent, secrets redacted; `null` where nothing was sent.
    request: Value,
    /// `null` without an answer.
    #[schema(required)]
    response: Option<CallResponse>,
    /// Why there is no answer.
    #[schema(required)]
    error: Option<String>,
    elapsed_ms: u64,
}

/// Call an operation of the service, as a test
#[utoipa::path(post, path = "/api/connectors/{id}/test", tag = "connectors", responses((status = 200, body = Call)))]
pub async fn test(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<TestForm>,
) -> Result<Json<Call>, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let call = state
        .runtime
        .call_operation(caller.user, stored.id, form.connection_id, &form.operation_id, form.parameters)
        .await?;
    let (headers, body) = (call.headers, call.body);
    Ok(Json(Call {
        request: call.request,
        response: call.status.map(|status| CallResponse { status, headers, body }),
        error: call.error,
        elapsed_ms: schema::millis(call.elapsed),
    }))
}
