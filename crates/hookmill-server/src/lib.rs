//! Speaks HTTP to people and services: the API, the callback door, sign-in.
//!
//! | file | purpose |
//! |---|---|
//! | `account`, `sessions` | set-up, signing in and out, API tokens; who calls |
//! | `connectors`, `connections` | custom connectors and credentials |
//! | `flows`, `runs`, `backtest` | flows with their files and tags, their runs one by one and in batches, changed definitions on recorded runs |
//! | `webhooks`, `deliveries` | webhooks of flows at their services, and what came in at their addresses |
//! | `timetables` | when triggers would fire |
//! | `approvals`, `digest` | what flows ask people, and what a person is told of a day |
//! | `templates` | flows to start from |
//! | `expressions` | evaluation, the list of functions |
//! | `authoring` | operations from samples, the catalog of steps, lists of choices |
//! | `settings`, `reachability`, `backup` | settings and users, whether services reach the server, copies of the data |
//! | `overview` | how the server does: runs, what waits, servers, disk |
//! | `attention` | what a person should look at |
//! | `live` | server-sent events |
//! | `interface` | the files of the web interface |
//! | `inbox` | notifications and devices |
//! | `callback` | the door for services |
//! | `about` | health, version |
//! | `attempts`, `passwords`, `devices` | guesses and their waits, which passwords are taken, cookies |
//! | `origin` | keeps what flows answer apart from the interface |
//! | `measures` | what is measured, for Prometheus |
//! | `pool` | heavy work away from the threads that answer |
//! | `transport` | connections and their bounds |
//! | `bodies` | bodies and their bounds |
//! | `source` | the address of a caller, also behind proxies |
//! | `openapi` | the table of routes, and the document made from it |
//! | `extract`, `schema` | what requests carry and what many answers share |
//! | `queries` | refuses what an address of the API does not take |
//! | `problem`, `pages` | errors as RFC 9457 documents, and the pages about them |

mod about;
mod account;
mod approvals;
mod attempts;
mod attention;
mod authoring;
mod backtest;
mod backup;
mod bodies;
mod browser;
mod callback;
mod connections;
mod connectors;
mod deliveries;
mod devices;
mod digest;
mod expressions;
mod extract;
mod flows;
mod inbox;
mod interface;
mod list;
mod live;
mod measures;
mod openapi;
mod origin;
mod overview;
mod pages;
mod passwords;
mod pool;
mod problem;
mod queries;
mod reachability;
mod runs;
mod schema;
mod sessions;
mod settings;
mod source;
mod templates;
mod timetables;
mod transport;
mod webhooks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use hookmill_runtime::Runtime;
use tokio::sync::{broadcast, watch};
use tracing::Instrument as _;

pub use measures::{describe_measures, look_at_measures, serve_metrics};
pub use openapi::document as openapi_document;
pub use problem::Problem;
pub use source::{NotANetwork, TrustedProxies};
pub use transport::{ANSWER_BYTES_MIN, ConnectionLimits, Stop, listen};

/// Hashes of passwords that wait for their turn.
const HASHING_WAITING_MAX: usize = 32;
/// Heavy requests that wait for their turn.
const HEAVY_WAITING_MAX: usize = 32;

/// Those of them that one user may have.
const HEAVY_WAITING_EACH_MAX: usize = 8;

/// What servers of one store tell each other: accounts changed, a guess was made.
const ACCOUNTS: &str = "accounts";
const ATTEMPT: &str = "attempt";

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
    /// Where the files of the public collection of connectors are: an address or a folder.
    pub gallery: String,
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
            gallery: usual_gallery(),
        }
    }
}

/// The public collection, as it was when the index of the gallery was made.
#[must_use]
pub fn usual_gallery() -> String {
    format!("{}/{}", hookmill_connector::COLLECTION_URL, hookmill_connector::COLLECTION_COMMIT.trim())
}

/// What all handlers share; clones are the same one.
#[derive(Clone)]
pub struct ServerState(Arc<Shared>);

/// What [`ServerState`] leads to.
pub struct Shared {
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
    pub(crate) batches: Arc<runs::batches::Batches>,
    /// Held while tags are changed.
    pub(crate) tagging: Arc<tokio::sync::Mutex<()>>,
    pub(crate) bodies: Arc<bodies::Budget>,
    /// Calls of webhooks and flows since the start.
    pub(crate) calls: measures::Calls,
    /// True once the server stops: what would go on for ever ends then.
    pub(crate) stopping: Arc<watch::Sender<bool>>,
}

impl std::ops::Deref for ServerState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl ServerState {
    /// From a running runtime.
    #[must_use]
    pub fn new(runtime: Runtime, config: ServerConfig) -> Self {
        if let Some(folder) = &config.folder {
            backup::forget_left_over(folder);
        }
        let tells = runtime.clone();
        let attempts = attempts::Attempts::told(move |guess| tells.tell_others(format!("{ATTEMPT} {guess}")));
        let state = Self(Arc::new(Shared {
            runtime,
            config: Arc::new(config),
            started: Instant::now(),
            attempts: Arc::new(attempts),
            tokens_seen: Arc::default(),
            hashing: pool::Pool::new(2, HASHING_WAITING_MAX, HASHING_WAITING_MAX),
            heavy: pool::Pool::new(heavy_turns(), HEAVY_WAITING_MAX, HEAVY_WAITING_EACH_MAX),
            accounts: Arc::default(),
            listeners: Arc::default(),
            probes: Arc::default(),
            backups: Arc::default(),
            batches: Arc::default(),
            tagging: Arc::default(),
            bodies: Arc::default(),
            calls: measures::Calls::default(),
            stopping: Arc::default(),
        }));
        if state.runtime.notices().is_some() {
            tokio::spawn(state.clone().hear_others());
        }
        state
    }

    /// Says that sessions, tokens or users may have ended.
    pub(crate) fn accounts_changed(&self) {
        self.accounts.send_replace(());
        self.runtime.tell_others(ACCOUNTS.to_owned());
    }

    /// Hears what other servers of the same store tell: accounts that changed, guesses of secrets.
    async fn hear_others(self) {
        let Some(mut notices) = self.runtime.notices() else { return };
        loop {
            let notice = tokio::select! {
                () = self.stopped() => return,
                notice = notices.recv() => notice,
            };
            match notice {
                Ok(notice) => match notice.split_once(' ') {
                    Some((ATTEMPT, guess)) => self.attempts.made_elsewhere(guess),
                    // Empty where anything may have been missed.
                    _ if notice == ACCOUNTS || notice.is_empty() => self.accounts.send_replace(()),
                    _ => {}
                },
                Err(broadcast::error::RecvError::Lagged(_)) => self.accounts.send_replace(()),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
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

    pub(crate) fn store(&self) -> &hookmill_runtime::RuntimeStore {
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
    tokio::spawn(runs::batches::take_up(state.clone()));
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
        .route("/callback/{capability}/{*rest}", any(callback::call_below))
        .route("/workflows/{flow}/triggers/{trigger}/paths/invoke", any(callback::invoke))
        .route("/workflows/{flow}/triggers/{trigger}/paths/invoke/{*rest}", any(callback::invoke_below))
        .route("/workflows/{flow}/runs/{run}/response", get(callback::answer_later))
        .layer(middleware::from_fn(origin::contained));
    let (api, document) = openapi::routes().split_for_parts();
    let known = queries::Known::of(&document);
    let api = api.merge(openapi::page(&document)).route_layer(middleware::from_fn_with_state(known, queries::known));
    Router::new()
        .merge(api)
        .merge(callbacks)
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
    let measure = measures::Measure::begin(&request);
    let answer = async move {
        match refused {
            Some(transport::Refused(reason)) => Problem::bad("request_malformed", reason).into_response(),
            None => next.run(request).await,
        }
    };
    let answer = problem::REQUEST_ID.scope(id.clone(), answer);
    let span = tracing::info_span!("request", request.id = %id);
    let mut response = answer.instrument(span.clone()).await;
    span.in_scope(|| measure.end(&response, &state.calls));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
