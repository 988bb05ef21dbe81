//! Whether the server lives and can work, and what it is.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::Json;
use crate::{Problem, ServerState, schema};

/// Whether the process answers
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = String, content_type = "text/plain")), security(()))]
pub async fn live() -> &'static str {
    "live"
}

/// Whether the server can store what it takes on
#[utoipa::path(get, path = "/health/ready", tag = "health", responses((status = 200, body = String, content_type = "text/plain")), security(()))]
pub async fn ready(State(state): State<ServerState>) -> Result<&'static str, Problem> {
    state.store().ping().await?;
    Ok("ready")
}

/// What this server is.
#[derive(Serialize, ToSchema)]
pub struct About {
    version: &'static str,
    /// Where services and browsers reach it.
    public_url: String,
    /// Where services reach webhooks and flows.
    hooks_url: String,
    /// Where services send people back to after they signed a connection in (OAuth 2.0).
    redirect_url: String,
    /// Where the data is.
    data: String,
    uptime_ms: u64,
    /// Runs that have ended since the store was made.
    runs_ended: u64,
    /// What the data takes on disk.
    data_bytes: u64,
    /// Flows that are not deleted, of all users.
    flows: u64,
    /// Connectors of all users.
    connectors: u64,
    /// Connections of all users.
    connections: u64,
    users: u64,
    /// Whether a mail server is set, so that flows can send mail.
    sends_mail: bool,
    /// The licence of this program.
    license: &'static str,
}

/// Version, addresses, counts
#[utoipa::path(get, path = "/api/about", tag = "settings", responses((status = 200, body = About)))]
pub async fn about(_: Caller, State(state): State<ServerState>) -> Result<Json<About>, Problem> {
    let figures = state.store().figures().await?;
    Ok(Json(About {
        version: env!("CARGO_PKG_VERSION"),
        public_url: state.config.public_url.clone(),
        hooks_url: state.runtime.config().hooks_url().to_owned(),
        redirect_url: state.runtime.redirect_url(),
        data: state.store().location(),
        uptime_ms: schema::millis(state.started.elapsed()),
        runs_ended: state.store().runs_ended().await?,
        data_bytes: figures.bytes,
        flows: figures.flows,
        connectors: figures.connectors,
        connections: figures.connections,
        users: figures.users,
        sends_mail: state.runtime.settings().await?.mail.is_some(),
        license: env!("CARGO_PKG_LICENSE"),
    }))
}
