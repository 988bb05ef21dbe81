//! Speaks HTTP to people and services: the API, the callback door, sign-in.
//!
//! | file | purpose |
//! |---|---|
//! | `account`, `sessions` | set-up, signing in and out, API tokens; who calls |
//! | `connectors`, `connections` | custom connectors and credentials |
//! | `flows`, `runs`, `backtest` | flows, their runs, changed definitions on recorded runs |
//! | `expressions` | evaluation, the list of functions |
//! | `authoring` | operations from samples, the catalog of steps, lists of choices |
//! | `settings`, `reachability`, `backup` | settings and users, whether services reach the server, copies of the data |
//! | `attention` | what a person should look at |
//! | `live` | server-sent events |
//! | `interface` | the files of the web interface |
//! | `inbox` | notifications and devices |
//! | `callback` | the door for services |
//! | `about` | health, version |
//! | `openapi` | the table of routes, and the document made from it |
//! | `extract`, `schema` | what requests carry and what many answers share |
//! | `problem`, `pages` | errors as RFC 9457 documents, and the pages about them |

mod about;
mod account;
mod attention;
mod authoring;
mod backtest;
mod backup;
mod callback;
mod connections;
mod connectors;
mod expressions;
mod extract;
mod flows;
mod inbox;
mod interface;
mod live;
mod openapi;
mod pages;
mod problem;
mod reachability;
mod runs;
mod schema;
mod sessions;
mod settings;
mod timetables;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get};
use hookmill_runtime::Runtime;
use hookmill_store::Store;

pub use openapi::document as openapi_document;
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
    /// Where copies of the data for browsers are made; `None` for a server that makes none.
    pub folder: Option<std::path::PathBuf>,
}

/// What all handlers share.
#[derive(Clone)]
pub struct ServerState {
    pub(crate) runtime: Runtime,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) started: Instant,
    pub(crate) attempts: Arc<account::Attempts>,
    pub(crate) probes: Arc<reachability::Probes>,
    pub(crate) backups: Arc<backup::Backups>,
    /// True once the server stops: what would go on for ever ends then.
    pub(crate) stopping: Arc<tokio::sync::watch::Sender<bool>>,
}

impl ServerState {
    /// From a running runtime.
    #[must_use]
    pub fn new(runtime: Runtime, config: ServerConfig) -> Self {
        if let Some(folder) = &config.folder {
            backup::forget_left_over(folder);
        }
        Self {
            runtime,
            config: Arc::new(config),
            started: Instant::now(),
            attempts: Arc::default(),
            probes: Arc::default(),
            backups: Arc::default(),
            stopping: Arc::default(),
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        self.runtime.store()
    }
}

/// Serves until `stop` ends; requests under way are finished, live updates end.
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: tokio::net::TcpListener,
    state: ServerState,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let stopping = Arc::clone(&state.stopping);
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    axum::serve(listener, router(state)).with_graceful_shutdown(stop).await
}

/// All routes.
pub fn router(state: ServerState) -> Router {
    let callback_bytes = state.runtime.config().body_bytes_max;
    let callbacks = Router::new()
        .route("/callback/{capability}", any(callback::call))
        .route("/workflows/{flow}/triggers/{trigger}/paths/invoke", any(callback::invoke))
        .route("/workflows/{flow}/triggers/{trigger}/paths/invoke/{*rest}", any(callback::invoke_below))
        .route("/workflows/{flow}/runs/{run}/response", get(callback::answer_later))
        // One byte more than allowed, so that the door itself says what is too much.
        .layer(DefaultBodyLimit::max(callback_bytes + 1));
    let (api, document) = openapi::routes().split_for_parts();
    Router::new()
        .merge(api.layer(DefaultBodyLimit::max(API_BYTES_MAX)))
        .merge(callbacks)
        .merge(openapi::page(&document))
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
