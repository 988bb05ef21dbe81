//! Connections: credentials go in sealed, and never come out.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookmill_connector::Authentication;
use hookmill_model::{ConnectionId, ConnectorId, Timestamp};
use hookmill_store::{Change, Connection, ConnectionFilter, Expect, Health, Lane, StoreError, Unit};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json_, json};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::connectors::ConnectorNamed;
use crate::extract::{Json, Query};
use crate::schema::{self, ListQuery, Page, UsesView};
use crate::{Problem, ServerState, connectors};

/// A connection to make or to change; of one that exists, what is left out stays as it was.
#[derive(Deserialize, ToSchema)]
#[schema(as = ConnectionForm)]
pub struct Form {
    /// The connector; only when it is made.
    connector_id: Option<String>,
    name: Option<String>,
    username: Option<String>,
    /// Sealed at rest, never shown again.
    #[schema(format = Password)]
    password: Option<String>,
    /// Sealed at rest, never shown again.
    #[schema(format = Password)]
    api_key: Option<String>,
}

/// A connection without its secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = Connection)]
pub struct ConnectionView {
    id: String,
    name: String,
    /// What it connects to.
    connector: ConnectorNamed,
    #[schema(required)]
    username: Option<String>,
    /// What the connector asks for; `null` where its document cannot be read.
    #[schema(required)]
    authentication: Option<Authentication>,
    #[schema(value_type = schema::Health)]
    health: &'static str,
    /// What the last test or call found.
    #[schema(required)]
    health_detail: Option<String>,
    /// How many flows use it.
    used_by_count: usize,
    created_at: Timestamp,
    updated_at: Timestamp,
}

async fn shown(state: &ServerState, connection: &Connection) -> Result<ConnectionView, Problem> {
    let connector = state.store().connector(connection.connector).await?;
    let connector = connector.ok_or_else(|| Problem::missing("connector"))?;
    let uses = state.store().connection_uses(connection.id).await?;
    let authentication = state.runtime.connector(connection.connector).await.ok();
    Ok(ConnectionView {
        id: connection.id.to_string(),
        name: connection.name.clone(),
        connector: ConnectorNamed::of(&connector),
        username: connection.username.clone(),
        authentication: authentication.map(|connector| connector.authentication.clone()),
        health: connection.health.as_str(),
        health_detail: connection.health_detail.clone(),
        used_by_count: uses.flows.len(),
        created_at: connection.created_at,
        updated_at: connection.updated_at,
    })
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

/// Make a connection
#[utoipa::path(post, path = "/api/connections", tag = "connections", request_body = Form, responses((status = 201, body = ConnectionView)))]
pub async fn create(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<Form>,
) -> Result<(StatusCode, Json<ConnectionView>), Problem> {
    let wanted = form.connector_id.clone().unwrap_or_default();
    let connector = connectors::own(&state, &caller, &wanted).await?;
    let name = form.name.clone().unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        return Err(Problem::bad("name_missing", "A connection needs a name.").at("/name"));
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
    Ok((StatusCode::CREATED, Json(shown(&state, &connection).await?)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConnectionQuery {
    /// Only of this connector.
    connector: Option<String>,
    /// Only with this health.
    #[param(value_type = Option<schema::Health>)]
    health: Option<String>,
    /// A text in the name or user name.
    q: Option<String>,
}

/// One's connections, newest first
#[utoipa::path(get, path = "/api/connections", tag = "connections", params(ListQuery, ConnectionQuery), responses((status = 200, body = Page<ConnectionView>)))]
pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(page): Query<ListQuery>,
    Query(query): Query<ConnectionQuery>,
) -> Result<Json<Page<ConnectionView>>, Problem> {
    let filter = ConnectionFilter {
        owner: Some(caller.user),
        connector: schema::filter::<ConnectorId>("connector", query.connector.as_deref())?,
        health: schema::filter("health", query.health.as_deref())?,
        q: query.q,
    };
    let found = state.store().connections(&filter, page.list()?).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for connection in &found.items {
        items.push(shown(&state, connection).await?);
    }
    Ok(Json(Page::of(items, found.next)))
}

/// One connection
#[utoipa::path(get, path = "/api/connections/{id}", tag = "connections", responses((status = 200, body = ConnectionView)))]
pub async fn show(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<ConnectionView>, Problem> {
    let connection = own(&state, &caller, &id).await?;
    Ok(Json(shown(&state, &connection).await?))
}

/// Change a connection, or enter its credentials again
#[utoipa::path(put, path = "/api/connections/{id}", tag = "connections", request_body = Form, responses((status = 200, body = ConnectionView)))]
pub async fn update(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<Form>,
) -> Result<Json<ConnectionView>, Problem> {
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
    Ok(Json(shown(&state, &connection).await?))
}

/// Delete a connection that no flow uses
#[utoipa::path(delete, path = "/api/connections/{id}", tag = "connections", responses((status = 204)))]
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
            Err(problem.used_by(schema::uses(&uses)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What uses a connection
#[utoipa::path(get, path = "/api/connections/{id}/uses", tag = "connections", responses((status = 200, body = UsesView)))]
pub async fn uses(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<UsesView>, Problem> {
    let connection = own(&state, &caller, &id).await?;
    let uses = state.store().connection_uses(connection.id).await?;
    Ok(Json(UsesView { used_by: schema::uses(&uses) }))
}

/// What a test of a connection found.
#[derive(Serialize, ToSchema)]
pub struct ConnectionTest {
    #[schema(value_type = schema::Health)]
    health: &'static str,
    /// What the service answered.
    #[schema(required)]
    detail: Option<String>,
}

/// Call something harmless through the connection, and remember whether the service accepted it
#[utoipa::path(post, path = "/api/connections/{id}/test", tag = "connections", responses((status = 200, body = ConnectionTest)))]
pub async fn test(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<ConnectionTest>, Problem> {
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
    Ok(Json(ConnectionTest { health: health.as_str(), detail }))
}
