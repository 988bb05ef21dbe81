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
//! | `attempts`, `passwords`, `devices` | guesses and their waits, which passwords are taken, cookies |
//! | `origin` | keeps what flows answer apart from the interface |
//! | `pool` | heavy work away from the threads that answer |
//! | `transport` | connections and their bounds |
//! | `bodies` | bodies and their bounds |
//! | `source` | the address of a caller, also behind proxies |
//! | `openapi` | the table of routes, and the document made from it |
//! | `extract`, `schema` | what requests carry and what many answers share |
//! | `problem`, `pages` | errors as RFC 9457 documents, and the pages about them |

mod about;
mod account;
mod attempts;
mod attention;
mod authoring;
mod backtest;
mod backup;
mod bodies;
mod callback;
mod connections;
mod connectors;
mod devices;
mod expressions;
mod extract;
mod flows;
mod inbox;
mod interface;
mod live;
mod openapi;
mod origin;
mod pages;
mod passwords;
mod pool;
mod problem;
mod reachability;
mod runs;
mod schema;
mod sessions;
mod settings;
mod source;
mod templates;
mod timetables;
mod transport;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use hookmill_runtime::Runtime;
use hookmill_store::Store;
use tokio::sync::watch;

pub use openapi::document as openapi_document;
pub use problem::Problem;
pub use source::{NotANetwork, TrustedProxies};
pub use transport::{ConnectionLimits, Stop};

/// Hashes of passwords that wait for their turn.
const HASHING_WAITING_MAX: usize = 32;
/// Heavy requests that wait for their turn.
const HEAVY_WAITING_MAX: usize = 32;

/// Half of the processors work on heavy requests at most; the others answer.
fn heavy_turns() -> usize {
    std::thread::available_parallelism().map_or(1, |all| (all.get() / 2).max(1))
}

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Who knows it may make the owner's account.
    pub setup_token: String,
    /// Where browsers reach the server.
    pub public_url: String,
    /// Where services reach webhooks and flows, when that is another host than the interface's.
    pub hooks_url: Option<String>,
    /// Where copies of the data for browsers are made; `None` for a server that makes none.
    pub folder: Option<std::path::PathBuf>,
    /// A session that is not used for so long ends.
    pub session_idle: Duration,
    /// Bounds of connections.
    pub connections: ConnectionLimits,
    /// Proxies that say who the caller is.
    pub trusted_proxies: TrustedProxies,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            setup_token: String::new(),
            public_url: String::new(),
            hooks_url: None,
            folder: None,
            session_idle: Duration::from_secs(12 * 3_600),
            connections: ConnectionLimits::default(),
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

/// What all handlers share.
#[derive(Clone)]
pub struct ServerState {
    pub(crate) runtime: Runtime,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) started: Instant,
    pub(crate) attempts: Arc<attempts::Attempts>,
    pub(crate) tokens_seen: Arc<account::TokensSeen>,
    /// For hashes of passwords: each takes 19 MiB.
    pub(crate) hashing: Arc<pool::Pool>,
    /// For all other work that takes a processor for long.
    pub(crate) heavy: Arc<pool::Pool>,
    /// Rings when sessions, tokens or users have ended.
    pub(crate) accounts: Arc<watch::Sender<()>>,
    pub(crate) listeners: Arc<live::Listeners>,
    pub(crate) probes: Arc<reachability::Probes>,
    pub(crate) backups: Arc<backup::Backups>,
    pub(crate) bodies: Arc<bodies::Budget>,
    /// True once the server stops: what would go on for ever ends then.
    pub(crate) stopping: Arc<watch::Sender<bool>>,
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
            tokens_seen: Arc::default(),
            hashing: Arc::new(pool::Pool::new(2, HASHING_WAITING_MAX)),
            heavy: Arc::new(pool::Pool::new(heavy_turns(), HEAVY_WAITING_MAX)),
            accounts: Arc::default(),
            listeners: Arc::default(),
            probes: Arc::default(),
            backups: Arc::default(),
            bodies: Arc::default(),
            stopping: Arc::default(),
        }
    }

    /// Says that sessions, tokens or users may have ended.
    pub(crate) fn accounts_changed(&self) {
        self.accounts.send_replace(());
    }

    /// Until the server stops.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = self.stopping.subscribe();
        async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }

    /// The network that a request comes from.
    pub(crate) fn source(
        &self,
        extensions: &axum::http::Extensions,
        headers: &axum::http::HeaderMap,
    ) -> source::Source {
        let caller = self.config.trusted_proxies.caller(extensions, headers);
        source::Source::of(caller.unwrap_or(std::net::IpAddr::from([0, 0, 0, 0])))
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        self.runtime.store()
    }
}

/// Serves until `stop` says otherwise: live updates end, half requests are closed, requests under way may end within
/// [`ConnectionLimits::stop_wait`].
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: tokio::net::TcpListener,
    state: ServerState,
    stop: watch::Receiver<Stop>,
) -> std::io::Result<()> {
    let (stopping, mut told) = (Arc::clone(&state.stopping), stop.clone());
    let tell = async move {
        transport::reached(&mut told, Stop::Orderly).await;
        stopping.send_replace(true);
        std::future::pending::<()>().await;
    };
    let (limits, trusted) = (state.config.connections.clone(), state.config.trusted_proxies.clone());
    tokio::select! {
        () = tell => Ok(()),
        ended = transport::serve(listener, router(state), limits, trusted, stop) => ended,
    }
}

/// All routes.
pub fn router(state: ServerState) -> Router {
    let callbacks = Router::new()
        .route("/callback/{capability}", any(callback::call))
        .route("/workflows/{flow}/triggers/{trigger}/paths/invoke", any(callback::invoke))
        .route("/workflows/{flow}/triggers/{trigger}/paths/invoke/{*rest}", any(callback::invoke_below))
        .route("/workflows/{flow}/runs/{run}/response", get(callback::answer_later))
        .layer(middleware::from_fn(origin::contained));
    let (api, document) = openapi::routes().split_for_parts();
    Router::new()
        .merge(api)
        .merge(callbacks)
        .merge(openapi::page(&document))
        .fallback(interface::serve)
        .layer(middleware::from_fn_with_state(state.clone(), pool::paced))
        // `bodies` has the bound of each route.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(state.clone(), bodies::bounded))
        .layer(middleware::from_fn_with_state(state.clone(), origin::apart))
        .layer(middleware::from_fn_with_state(state.clone(), named))
        .with_state(state)
}

/// Gives each answer an identifier, and refuses what the reader of heads found.
async fn named(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    let id = state.runtime.new_id::<hookmill_model::EventId>().to_string();
    let id = format!("req_{}", id.rsplit('_').next().unwrap_or_default());
    let refused = request.extensions().get::<transport::Refused>().copied();
    let answer = async move {
        match refused {
            Some(transport::Refused(reason)) => Problem::bad("request_malformed", reason).into_response(),
            None => next.run(request).await,
        }
    };
    let mut response = problem::REQUEST_ID.scope(id.clone(), answer).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
