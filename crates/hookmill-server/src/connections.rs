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

fn sealed(state: &ServerState, id: ConnectionId, form: &Form) -> Result<bytes::Bytes, Problem> {
    let plain = json!({
        "username": form.username.clone().unwrap_or_default(),
        "password": form.password.clone().unwrap_or_default(),
        "api_key": form.api_key.clone().unwrap_or_default(),
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
        sealed: sealed(&state, id, &form)?,
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
        connection.sealed = sealed(&state, connection.id, &form)?;
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
