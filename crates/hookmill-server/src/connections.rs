//! Connections: credentials go in sealed, and never come out.

pub mod consent;

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use hookmill_connector::Authentication;
use hookmill_model::{ConnectionId, ConnectorId, Timestamp};
use hookmill_runtime::{Error, Secrets, SecretsForm};
use hookmill_store::{Change, Connection, ConnectionFilter, Expect, Health, Lane, StoreError, Unit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::connectors::ConnectorNamed;
use crate::extract::{Json, Query};
use crate::list::{ListQuery, Page, filter};
use crate::schema::{self, UsesView};
use crate::{Problem, ServerState, connectors};

/// A connection to make or to change; of one that exists, what is left out stays as it was.
#[derive(Deserialize, ToSchema)]
#[schema(as = ConnectionForm)]
#[serde(deny_unknown_fields)]
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
    /// The parameter set, of a connector that has several; another one begins without values.
    parameter_set: Option<String>,
    /// Values of the connector's fields by name, sealed at rest; `null` takes one away.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<BTreeMap<String, serde_json::Value>>,
    /// Further origins that credentials may go to, such as `https://eu.example.org`.
    hosts: Option<Vec<String>>,
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
    /// The parameter set that was chosen; empty where there is one only.
    parameter_set: String,
    /// Values of fields that are no secret, by name.
    #[schema(value_type = Object)]
    parameters: BTreeMap<String, serde_json::Value>,
    /// Names of the fields that have a value, also of secret ones.
    given: Vec<String>,
    /// Further origins that credentials may go to.
    hosts: Vec<String>,
    /// What the connector asks for; `null` where its document cannot be read.
    #[schema(required)]
    authentication: Option<Authentication>,
    #[schema(value_type = schema::Health)]
    health: &'static str,
    /// What the last test or call found.
    #[schema(required)]
    health_detail: Option<String>,
    /// Whether a person has still to sign in at the service.
    needs_sign_in: bool,
    /// When a person signed in there last.
    #[schema(required)]
    signed_in_at: Option<Timestamp>,
    /// How many flows use it.
    used_by_count: usize,
    created_at: Timestamp,
    updated_at: Timestamp,
}

async fn shown(state: &ServerState, connection: &Connection) -> Result<ConnectionView, Problem> {
    let connector = state.store().connector(connection.connector).await?;
    let connector = connector.ok_or_else(|| Problem::missing("connector"))?;
    let uses = state.store().connection_uses(connection.id).await?;
    let compiled = state.runtime.connector(connection.connector).await.ok();
    let (_, needs_sign_in, signed_in_at) =
        compiled.as_ref().map(|compiled| state.runtime.signed_in(connection, compiled)).unwrap_or_default();
    // What cannot be opened counts as empty, so that it can be entered again.
    let secrets = state.runtime.unsealed(connection).unwrap_or_default();
    let (parameter_set, given, parameters) =
        compiled.as_ref().map(|compiled| secrets.shown(compiled)).unwrap_or_default();
    Ok(ConnectionView {
        id: connection.id.to_string(),
        name: connection.name.clone(),
        connector: ConnectorNamed::of(&connector),
        username: connection.username.clone(),
        parameter_set,
        parameters,
        given,
        hosts: secrets.hosts().to_vec(),
        authentication: compiled.as_ref().map(|connector| connector.authentication.clone()),
        health: connection.health.as_str(),
        health_detail: connection.health_detail.clone(),
        needs_sign_in,
        signed_in_at,
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

impl Form {
    fn secrets(&mut self) -> SecretsForm {
        SecretsForm {
            username: self.username.take(),
            password: self.password.take(),
            api_key: self.api_key.take(),
            set: self.parameter_set.take(),
            parameters: self.parameters.take().unwrap_or_default(),
            hosts: self.hosts.take(),
        }
    }
}

/// Make a connection
#[utoipa::path(post, path = "/api/connections", tag = "connections", request_body = Form, responses((status = 201, body = ConnectionView)))]
pub async fn create(
    caller: Caller,
    State(state): State<ServerState>,
    Json(mut form): Json<Form>,
) -> Result<(StatusCode, Json<ConnectionView>), Problem> {
    let wanted = form.connector_id.take().unwrap_or_default();
    let connector = connectors::own(&state, &caller, &wanted).await?;
    let name = form.name.take().unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        return Err(Problem::bad("name_missing", "A connection needs a name.").at("/name"));
    }
    let now = state.runtime.now();
    let connection = Connection {
        id: state.runtime.new_id(),
        owner: caller.user,
        connector: connector.id,
        name,
        username: None,
        sealed: Bytes::new(),
        health: Health::Unknown,
        health_detail: None,
        etag: 1,
        created_at: now,
        updated_at: now,
    };
    let connection = state.runtime.add_connection(connection, form.secrets()).await?;
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
        connector: filter::<ConnectorId>("connector", query.connector.as_deref())?,
        health: filter("health", query.health.as_deref())?,
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
    Json(mut form): Json<Form>,
) -> Result<Json<ConnectionView>, Problem> {
    let held = own(&state, &caller, &id).await?;
    let id = held.id;
    let name = form.name.take().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let entered = form.secrets();
    let is_entered = entered.is_entered();
    let connector = if is_entered { Some(state.runtime.connector(held.connector).await?) } else { None };
    let destination = if is_entered { Some(state.runtime.destination(held.connector).await?) } else { None };
    let change = |connection: &mut Connection, secrets: &mut Secrets| {
        if let Some(name) = &name {
            connection.name.clone_from(name);
        }
        if let Some(destination) = &destination {
            secrets.bind(destination.clone());
        }
        if let Some(connector) = &connector {
            secrets.enter(entered.clone(), connector)?;
            connection.username = secrets.username().map(ToOwned::to_owned);
            (connection.health, connection.health_detail) = (Health::Unknown, None);
        }
        Ok(())
    };
    let (connection, ()) = state.runtime.change_connection(caller.user, id, change).await?;
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
    let connection = own(&state, &caller, &id).await?;
    let (health, detail) = match found(&state, &connection).await {
        Ok(found) => found,
        Err(error @ (Error::SignedOut { .. } | Error::TokenRefused { .. } | Error::DestinationChanged { .. })) => {
            (Health::Broken, Some(error.sentence()))
        }
        Err(error @ Error::TokenUnavailable { .. }) => (Health::Unknown, Some(error.sentence())),
        Err(error) => return Err(error.into()),
    };
    let keep = |connection: &mut Connection, _: &mut Secrets| {
        (connection.health, connection.health_detail) = (health, detail.clone());
        Ok(())
    };
    state.runtime.change_connection(caller.user, connection.id, keep).await?;
    Ok(Json(ConnectionTest { health: health.as_str(), detail }))
}

/// The call that tests a connection: what the file names for it, else a harmless one.
fn test_call(connector: &hookmill_connector::Connector) -> Option<(String, hookmill_model::Value)> {
    if let Some((operation, parameters)) = connector.connection_test() {
        return Some((operation.operation_id.to_string(), parameters));
    }
    let harmless = connector.actions().find(|operation| {
        let needs = |own: &hookmill_connector::Parameter| own.required && own.default.is_none();
        &*operation.method == "GET"
            && connector.usable(operation).is_ok()
            && !connector.parameters(operation).iter().any(needs)
    });
    harmless.map(|operation| (operation.operation_id.to_string(), hookmill_model::Object::new().into()))
}

/// What a call through the connection says about it.
async fn found(state: &ServerState, connection: &Connection) -> Result<(Health, Option<String>), Error> {
    let connector = state.runtime.connector(connection.connector).await?;
    let Some((id, parameters)) = test_call(&connector) else {
        if state.runtime.signed_in(connection, &connector).0 {
            // The authorization server vouches for it.
            state.runtime.check_credentials(connection.owner, connection.id).await?;
            return Ok((Health::Ok, None));
        }
        // Nothing can be called without inputs, so the address itself is: it shows whether the service is there, and
        // whether it refuses the credentials at once.
        let call = state.runtime.call_base(connection.owner, connection.id).await?;
        return Ok(match call.status {
            Some(status @ (401 | 403)) => {
                let said =
                    format!("The service answered {status} to its own address: it does not accept the credentials.");
                (Health::Broken, Some(said))
            }
            Some(status) => {
                let said = format!(
                    "The service is there: it answered {status} to its own address. Whether it accepts the credentials shows at the first call, since the connector has no operation without inputs."
                );
                (Health::Unknown, Some(said))
            }
            None => (Health::Unknown, call.error),
        });
    };
    let call = state
        .runtime
        .call_operation(connection.owner, connection.connector, Some(connection.id), &id, parameters)
        .await?;
    Ok(match call.status {
        Some(200..=399) => (Health::Ok, None),
        Some(status @ (401 | 403)) => {
            let said = format!("The service answered {status} to '{id}': it does not accept the credentials.");
            (Health::Broken, Some(said))
        }
        Some(status) => (Health::Unknown, Some(format!("The service answered {status} to '{id}'."))),
        None => {
            // A token that could not be renewed on the way is known already.
            let now = state.store().connection(connection.id).await?;
            match now.filter(|now| now.health == Health::Broken && now.etag > connection.etag) {
                Some(now) => (Health::Broken, now.health_detail),
                None => (Health::Unknown, call.error),
            }
        }
    })
}
