//! Speaks HTTP to people and services: the API, the callback door, sign-in.
//!
//! | file | purpose |
//! |---|---|
//! | `account` | set-up, sessions, API tokens; who calls |
//! | `connectors`, `connections` | custom connectors and credentials |
//! | `flows`, `runs` | flows, their runs, the functions of expressions |
//! | `authoring` | operations from samples, the catalog of steps, lists of choices |
//! | `settings` | settings, users, what needs attention |
//! | `live` | server-sent events |
//! | `interface` | the files of the web interface |
//! | `inbox` | notifications and devices |
//! | `callback` | the door for services |
//! | `problem` | errors as RFC 9457 documents |

mod account;
mod authoring;
mod callback;
mod connections;
mod connectors;
mod flows;
mod inbox;
mod interface;
mod live;
mod problem;
mod runs;
mod settings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post, put};
use axum::{Json, Router};
use hookmill_runtime::Runtime;
use hookmill_store::Store;
use serde_json::json;

pub use problem::Problem;

/// Definitions and OpenAPI files may be this large.
const API_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Who knows it may make the owner's account.
    pub setup_token: String,
    /// Where browsers reach the server.
    pub public_url: String,
}

/// What all handlers share.
#[derive(Clone)]
pub struct ServerState {
    pub(crate) runtime: Runtime,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) started: Instant,
    pub(crate) attempts: Arc<account::Attempts>,
}

impl ServerState {
    /// From a running runtime.
    #[must_use]
    pub fn new(runtime: Runtime, config: ServerConfig) -> Self {
        Self { runtime, config: Arc::new(config), started: Instant::now(), attempts: Arc::default() }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        self.runtime.store()
    }
}

/// Serves until `stop` ends; requests under way are finished.
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: tokio::net::TcpListener,
    state: ServerState,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(state)).with_graceful_shutdown(stop).await
}

/// All routes.
pub fn router(state: ServerState) -> Router {
    let callback_bytes = state.runtime.config().body_bytes_max;
    let callbacks = Router::new()
        .route("/callback/{capability}", any(callback::call))
        .route("/callback/{capability}/{*rest}", any(callback::call_below))
        // One byte more than allowed, so that the door itself says what is too much.
        .layer(DefaultBodyLimit::max(callback_bytes + 1));
    let api = Router::new()
        .route("/api/setup", get(account::setup_state).post(account::setup))
        .route("/api/session", get(account::session).post(account::sign_in).delete(account::sign_out))
        .route("/api/tokens", get(account::tokens).post(account::make_token))
        .route("/api/tokens/{id}", delete(account::delete_token))
        .route("/api/connectors", get(connectors::list).post(connectors::import))
        .route("/api/connectors/check", post(connectors::check))
        .route("/api/connectors/{id}", get(connectors::show).put(connectors::update).delete(connectors::remove))
        .route(
            "/api/connectors/{id}/icon",
            get(connectors::icon).put(connectors::put_icon).delete(connectors::delete_icon),
        )
        .route("/api/connectors/from-url", post(connectors::from_url))
        .route("/api/connectors/{id}/definition", get(connectors::definition).put(authoring::put_definition))
        .route("/api/connectors/{id}/export", get(connectors::export))
        .route("/api/connectors/{id}/dynamic-values", post(authoring::dynamic_values))
        .route("/api/connectors/{id}/uses", get(connectors::uses))
        .route(
            "/api/connectors/{id}/operations/{operation}",
            get(connectors::operation).put(authoring::put_operation).delete(authoring::delete_operation),
        )
        .route("/api/connectors/{id}/test", post(connectors::test))
        .route("/api/authoring/schema-from-samples", post(authoring::schema_from_samples))
        .route("/api/authoring/dynamic-content", post(authoring::dynamic_content))
        .route("/api/authoring/request-from-sample", post(authoring::request_from_sample))
        .route("/api/catalog", get(authoring::catalog))
        .route("/api/connections", get(connections::list).post(connections::create))
        .route("/api/connections/{id}", get(connections::show).put(connections::update).delete(connections::remove))
        .route("/api/connections/{id}/uses", get(connections::uses))
        .route("/api/connections/{id}/test", post(connections::test))
        .route("/api/flows", get(flows::list).post(flows::create))
        .route("/api/flows/check", post(flows::check))
        .route("/api/flows/import", post(flows::import))
        .route("/api/flows/{id}/versions", get(flows::versions))
        .route("/api/flows/{id}/versions/{number}", get(flows::version))
        .route("/api/flows/{id}/duplicate", post(flows::duplicate))
        .route("/api/flows/{id}/events", get(flows::events))
        .route("/api/flows/{id}/events/{event}", get(flows::event))
        .route("/api/flows/{id}", get(flows::show).put(flows::update).delete(flows::remove))
        .route("/api/flows/{id}/on", post(flows::on))
        .route("/api/flows/{id}/off", post(flows::off))
        .route("/api/flows/{id}/retry-webhook", post(flows::on))
        .route("/api/flows/{id}/run", post(flows::run))
        .route("/api/flows/{id}/export", get(flows::export))
        .route("/api/flows/{id}/backtest", post(flows::backtest))
        .route("/api/runs", get(runs::list))
        .route("/api/runs/{id}", get(runs::show))
        .route("/api/runs/{id}/cancel", post(runs::cancel))
        .route("/api/runs/{id}/resubmit", post(runs::resubmit))
        .route("/api/runs/{id}/resume", post(runs::resume))
        .route("/api/runs/{id}/actions/{name}/repetitions", get(runs::repetitions))
        .route("/api/runs/{id}/actions/{name}/{which}", get(runs::value))
        .route("/api/expressions/evaluate", post(flows::evaluate))
        .route("/api/expressions/functions", get(flows::functions))
        .route("/api/notifications", get(inbox::list))
        .route("/api/notifications/read-all", post(inbox::read_all))
        .route("/api/notifications/{id}", delete(inbox::remove))
        .route("/api/notifications/{id}/read", post(inbox::read))
        .route("/api/push/key", get(inbox::push_key))
        .route("/api/devices", get(inbox::devices).post(inbox::register))
        .route("/api/devices/{id}", delete(inbox::forget))
        .route("/api/devices/{id}/test", post(inbox::test))
        .route("/api/account", put(settings::account))
        .route("/api/users", get(settings::users).post(settings::create_user))
        .route("/api/users/{id}", delete(settings::delete_user))
        .route("/api/settings", get(settings::show).put(settings::update))
        .route("/api/settings/mail-test", post(settings::mail_test))
        .route("/api/settings/public-url-check", post(settings::public_url_check))
        .route("/api/attention", get(settings::attention))
        .route("/api/events", get(live::events))
        .route("/api/about", get(about))
        .layer(DefaultBodyLimit::max(API_BYTES_MAX));
    Router::new()
        .merge(api)
        .merge(callbacks)
        .route("/health/live", get(|| async { "live" }))
        .route("/health/ready", get(ready))
        .fallback(interface::serve)
        .layer(middleware::from_fn_with_state(state.clone(), secured))
        .with_state(state)
}

/// Headers that keep pages from being misused, and an identifier for each answer.
async fn secured(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    let id = state.runtime.new_id::<hookmill_model::EventId>().to_string();
    let id = format!("req_{}", id.rsplit('_').next().unwrap_or_default());
    let mut response = problem::REQUEST_ID.scope(id.clone(), next.run(request)).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    let pairs = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in pairs {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn ready(State(state): State<ServerState>) -> Response {
    match state.store().ping().await {
        Ok(()) => "ready".into_response(),
        Err(error) => Problem::explain(&error).into_response(),
    }
}

async fn about(_: account::Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    let uptime: Duration = state.started.elapsed();
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "public_url": state.config.public_url,
        "data": state.store().location(),
        "uptime_ms": u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
        "runs_ended": state.store().runs_ended().await?,
    }))
    .into_response())
}
