//! What a change of a connector breaks in flows, before it is saved.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use hookmill_connector as model;
use hookmill_connector::{BreakKind, OperationForm, Settings};
use hookmill_model::{Diagnostic, Pointer, Value};
use hookmill_runtime::connector_settings;
use hookmill_store::Connector;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{imports, own, stored_document};
use crate::account::Caller;
use crate::extract::Json;
use crate::{Problem, ServerState};

/// A change that is not saved yet; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangesForm {
    settings: Option<Settings>,
    /// An OpenAPI document.
    document: Option<Value>,
    /// The same as the text of a file, JSON or YAML.
    text: Option<String>,
    /// The content of `apiProperties.json`.
    properties: Option<Value>,
    /// An operation that is put in.
    operation: Option<OperationForm>,
    /// The operation that it takes the place of; without `operation`, the one that is taken out.
    replaces: Option<String>,
}

/// The flow of a break.
#[derive(Serialize, ToSchema)]
pub struct BrokenFlow {
    id: String,
    name: String,
}

/// Something of a flow that the change breaks.
#[derive(Serialize, ToSchema)]
pub struct FlowBreakView {
    flow: BrokenFlow,
    /// The trigger or action.
    step: String,
    kind: BreakKind,
    /// What breaks, in a sentence.
    message: String,
}

/// All that a change breaks.
#[derive(Serialize, ToSchema)]
pub struct ConnectorChanges {
    /// At most 500.
    items: Vec<FlowBreakView>,
}

/// Refuses a change that breaks flows, and says which.
pub(super) async fn check(state: &ServerState, stored: &Connector, after: &model::Connector) -> Result<(), Problem> {
    let found = state.runtime.connector_changes(stored.owner, stored.id, after).await?;
    if found.is_empty() {
        return Ok(());
    }
    let told: Vec<Diagnostic> = found
        .into_iter()
        .map(|own| {
            let message = format!("{}, {}: {}", own.name, own.step, own.what.message);
            Diagnostic::error("connector_breaks_flow", Pointer::root(), message)
        })
        .collect();
    let detail = "The change breaks flows that use the connector, so it is not saved; they go on as before.";
    Err(Problem::new(StatusCode::CONFLICT, "connector_breaks_flows", detail)
        .diagnostics(&told)
        .hint("Change the flows first, or send it with ?accept_breaks=true (hookmill apply --accept-breaks)."))
}

/// What a change would break in flows; nothing is stored
#[utoipa::path(post, path = "/api/connectors/{id}/changes", tag = "connectors", responses((status = 200, body = ConnectorChanges)))]
pub async fn changes(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<ChangesForm>,
) -> Result<Json<ConnectorChanges>, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let old = stored_document(&state, &stored).await?;
    let mut document = match (form.document, form.text) {
        (Some(document), _) => Bytes::from(document.to_json()),
        (None, Some(text)) => Bytes::from(text),
        (None, None) => old.document,
    };
    if form.operation.is_some() || form.replaces.is_some() {
        let whole = Value::from_json(&document).map_err(|error| Problem::internal(&error))?;
        let made = match (&form.operation, &form.replaces) {
            (Some(operation), replaces) => model::put_operation(&whole, replaces.as_deref(), operation)
                .map_err(|error| Problem::bad("operation_invalid", error.message).at(error.pointer))?,
            (None, removed) => model::remove_operation(&whole, removed.as_deref().unwrap_or_default())
                .ok_or_else(|| Problem::missing("operation"))?,
        };
        document = Bytes::from(made.to_json());
    }
    let settings = match form.settings {
        Some(settings) => settings,
        None => connector_settings(&stored).map_err(hookmill_runtime::Error::from)?,
    };
    let properties = form.properties.map(|properties| Bytes::from(properties.to_json())).or(old.properties);
    let import = imports::imported(&document, properties.as_deref(), &settings);
    let (after, _) = imports::usable(&import)?;
    let found = state.runtime.connector_changes(caller.user, stored.id, after).await?;
    let items = found.into_iter().map(|own| FlowBreakView {
        flow: BrokenFlow { id: own.flow.to_string(), name: own.name },
        step: own.step,
        kind: own.what.kind,
        message: own.what.message,
    });
    Ok(Json(ConnectorChanges { items: items.collect() }))
}
