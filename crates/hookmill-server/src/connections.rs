//! Connections: credentials go in sealed, and never come out.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookmill_model::{ConnectionId, ConnectorId};
use hookmill_store::{Change, Connection, ConnectionFilter, Expect, Health, Lane, StoreError, Unit};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::account::Caller;
use crate::{Problem, ServerState, connectors};

#[derive(Deserialize)]
pub struct Form {
    connector_id: Option<String>,
    name: Option<String>,
    username: Option<String>,
    password: Option<String>,
    api_key: Option<String>,
}

async fn shown(state: &ServerState, connection: &Connection) -> Result<Json_, Problem> {
    let connector = state.store().connector(connection.connector).await?;
    let uses = state.store().connection_uses(connection.id).await?;
    Ok(json!({
        "id": connection.id.to_string(),
        "name": connection.name,
        "connector": connector.map(|connector| json!({"id": connector.id.to_string(), "name": connector.name, "icon_url": connectors::icon_url(&connector)})),
        "username": connection.username,
        "authentication": state.runtime.connector(connection.connector).await.ok().map(|own| json!(own.authentication)),
        "health": connection.health.as_str(),
        "health_detail": connection.health_detail,
        "used_by_count": uses.flows.len(),
        "created_at": connection.created_at,
        "updated_at": connection.updated_at,
    }))
}

pub(crate) async fn own(state: &ServerState, caller: &Caller, id: &str) -> Result<Connection, Problem> {
    let id: ConnectionId = id.parse().map_err(|_| Problem::missing("connection"))?;
    let found = state.store().connection(id).await?.filter(|connection| connection.owner == caller.user);
    found.ok_or_else(|| Problem::missing("connection"))
}

/// Seals what the form has; of a connection that exists, what it leaves out stays as it was.
fn sealed(state: &ServerState, id: ConnectionId, form: &Form, old: Option<&[u8]>) -> Result<bytes::Bytes, Problem> {
    let old = old.and_then(|old| state.runtime.vault().unseal(&id.to_string(), old).ok());
    let old: Json_ = old.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default();
    let kept = |name: &str, given: &Option<String>| {
        given.clone().unwrap_or_else(|| old[name].as_str().unwrap_or_default().to_owned())
    };
    let plain = json!({
        "username": kept("username", &form.username),
        "password": kept("password", &form.password),
        "api_key": kept("api_key", &form.api_key),
    });
    let sealed = state.runtime.vault().seal(&id.to_string(), plain.to_string().as_bytes());
    Ok(sealed.map_err(|error| Problem::explain(&error))?.into())
}

pub async fn create(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<Form>,
) -> Result<Response, Problem> {
    let wanted = form.connector_id.clone().unwrap_or_default();
    let connector = connectors::own(&state, &caller, &wanted).await?;
    let name = form.name.clone().unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        return Err(Problem::bad("name_missing", "A connection needs a name.").with("pointer", json!("/name")));
    }
    let id: ConnectionId = state.runtime.new_id();
    let now = state.runtime.now();
    let connection = Connection {
        id,
        owner: caller.user,
        connector: connector.id,
        name,
        username: form.username.clone().filter(|name| !name.is_empty()),
        sealed: sealed(&state, id, &form, None)?,
        health: Health::Unknown,
        health_detail: None,
        etag: 1,
        created_at: now,
        updated_at: now,
    };
    state.store().commit(Unit::from(Change::PutConnection(connection.clone())), Lane::Work).await?;
    Ok((StatusCode::CREATED, Json(shown(&state, &connection).await?)).into_response())
}

pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let connector: Option<ConnectorId> = query.get("connector").and_then(|id| id.parse().ok());
    let filter = ConnectionFilter { owner: Some(caller.user), connector, health: None, q: query.get("q").cloned() };
    let page = state.store().connections(&filter, connectors::page(&query)).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for connection in &page.items {
        items.push(shown(&state, connection).await?);
    }
    Ok(Json(json!({"items": items, "next_cursor": page.next.map(|id| id.to_string())})).into_response())
}

pub async fn show(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let connection = own(&state, &caller, &id).await?;
    Ok(Json(shown(&state, &connection).await?).into_response())
}

pub async fn update(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<Form>,
) -> Result<Response, Problem> {
    let mut connection = own(&state, &caller, &id).await?;
    let expected = Expect::ConnectionEtag(connection.id, connection.etag);
    if let Some(name) = form.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        connection.name = name.to_owned();
    }
    if form.password.is_some() || form.api_key.is_some() || form.username.is_some() {
        connection.sealed = sealed(&state, connection.id, &form, Some(&connection.sealed))?;
        connection.username = form.username.filter(|name| !name.is_empty()).or(connection.username);
        connection.health = Health::Unknown;
        connection.health_detail = None;
    }
    connection.etag += 1;
    connection.updated_at = state.runtime.now();
    let unit = Unit::from(Change::PutConnection(connection.clone())).expect(expected);
    state.store().commit(unit, Lane::Work).await?;
    Ok(Json(shown(&state, &connection).await?).into_response())
}

pub async fn remove(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let connection = own(&state, &caller, &id).await?;
    let unit = Unit::from(Change::DeleteConnection(connection.id)).expect(Expect::ConnectionUnused(connection.id));
    match state.store().commit(unit, Lane::Work).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(StoreError::Conflict { .. }) => {
            let uses = state.store().connection_uses(connection.id).await?;
            let problem = Problem::new(StatusCode::CONFLICT, "connection_in_use", "Flows use this connection.");
            Err(problem.with("used_by", connectors::used_by(&uses)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn uses(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let connection = own(&state, &caller, &id).await?;
    let uses = state.store().connection_uses(connection.id).await?;
    Ok(Json(json!({"used_by": connectors::used_by(&uses)})).into_response())
}

/// Calls something harmless through the connection, and remembers whether the service accepted it.
pub async fn test(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut connection = own(&state, &caller, &id).await?;
    let connector = state.runtime.connector(connection.connector).await?;
    let harmless = connector.actions().find(|operation| {
        let needs = |own: &hookmill_connector::Parameter| own.required && own.default.is_none();
        &*operation.method == "GET" && !connector.parameters(operation).iter().any(needs)
    });
    let (health, detail) = match harmless {
        None => {
            (Health::Unknown, Some("The connector has no operation that could be called without inputs.".to_owned()))
        }
        Some(operation) => {
            let parameters = hookmill_model::Object::new().into();
            let call = state
                .runtime
                .call_operation(
                    caller.user,
                    connection.connector,
                    Some(connection.id),
                    &operation.operation_id,
                    parameters,
                )
                .await?;
            match call.status {
                Some(200..=399) => (Health::Ok, None),
                Some(status @ (401 | 403)) => {
                    let said = format!(
                        "The service answered {status} to '{}': it does not accept the credentials.",
                        operation.operation_id
                    );
                    (Health::Broken, Some(said))
                }
                Some(status) => {
                    (Health::Unknown, Some(format!("The service answered {status} to '{}'.", operation.operation_id)))
                }
                None => (Health::Unknown, call.error),
            }
        }
    };
    let expected = Expect::ConnectionEtag(connection.id, connection.etag);
    connection.health = health;
    connection.health_detail.clone_from(&detail);
    connection.etag += 1;
    state.store().commit(Unit::from(Change::PutConnection(connection)).expect(expected), Lane::Work).await?;
    Ok(Json(json!({"health": health.as_str(), "detail": detail})).into_response())
}
