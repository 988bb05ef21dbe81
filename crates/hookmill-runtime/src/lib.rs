//! The loop between the pure engine and the world: takes inputs, asks the engine, commits, then hands out commands.
//!
//! | file | purpose |
//! |---|---|
//! | `intake` | the callback door: a notification is on disk before it is answered |
//! | `dispatch` | from stored events to begun runs |
//! | `run` | one task per active run: input → decision → commit → commands |
//! | `resume`, `backtest` | runs again: from the event, from the failed action, against a changed definition |
//! | `perform` | what a command needs: connections, connectors, the inbox, child flows |
//! | `flows` | saving, switching and deleting flows |
//! | `subscriptions` | webhooks at services: what should be against what is |
//! | `inbox` | notifications, web push |
//! | `plans` | compiled plans and connectors, kept |
//! | `live`, `error` | messages for open pages; refusals in words |

mod backtest;
mod dispatch;
mod error;
mod flows;
mod inbox;
mod intake;
mod live;
mod perform;
mod plans;
mod resume;
mod run;
mod subscriptions;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hookmill_executor::Executor;
use hookmill_model::{EventId, FlowId, Id, RunId, Timestamp};
use hookmill_store::{Event, Store};
use hookmill_vault::Vault;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};

pub use backtest::{BACKTEST_MAX, Backtested};
pub use error::Error;
pub use flows::{ConnectionBinding, FlowForm, FlowSaved, FlowView, Problem, WebhookView};
pub use intake::{AcceptError, Accepted, Notification};
pub use live::{LiveEvent, LiveKind};
pub use perform::CallView;
pub use resume::WhichVersion;
pub use run::{Exchange, RunView};

/// How the runtime behaves.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Where services and browsers reach this server, without a slash at the end.
    pub public_url: String,
    /// Larger notifications are refused.
    pub body_bytes_max: usize,
    /// Runs in memory at a time; further ones wait.
    pub active_runs_max: usize,
    /// How long a service may take to create or delete a webhook.
    pub service_wait: Duration,
    /// How long the caller of a flow with a Response action waits.
    pub response_wait: Duration,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:7780".to_owned(),
            body_bytes_max: 10 * 1024 * 1024,
            active_runs_max: 4_096,
            service_wait: Duration::from_secs(60),
            response_wait: Duration::from_secs(120),
        }
    }
}

/// What the caller of a trigger gets.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Response(hookmill_engine::Response),
    NoResponse,
}

pub(crate) struct Inner {
    pub config: RuntimeConfig,
    pub store: Arc<dyn Store>,
    pub vault: Arc<Vault>,
    pub client: hookmill_http::Client,
    pub executor: Executor,
    pub live: live::Live,
    pub plans: plans::Plans,
    pub runs: Mutex<HashMap<RunId, mpsc::Sender<run::Message>>>,
    pub waiters: Mutex<HashMap<EventId, oneshot::Sender<Answer>>>,
    pub locks: Mutex<HashMap<FlowId, Arc<tokio::sync::Mutex<()>>>>,
    pub events: mpsc::Sender<Event>,
    pub slots: Arc<Semaphore>,
    pub push: tokio::sync::Notify,
    pub stopped: watch::Sender<bool>,
}

/// The runtime; clones are the same one.
#[derive(Clone)]
pub struct Runtime(pub(crate) Arc<Inner>);

/// Events that wait for a task in memory; further ones are found in the store.
const EVENTS_MAX: usize = 4_096;

impl Runtime {
    /// Starts it: what an earlier process left is taken up again.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start(
        config: RuntimeConfig,
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        client: hookmill_http::Client,
    ) -> Result<Self, Error> {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let executor = Executor::new(client.clone(), &hookmill_executor::Settings::default());
        let slots = Arc::new(Semaphore::new(config.active_runs_max));
        let runtime = Self(Arc::new(Inner {
            config,
            store,
            vault,
            client,
            executor,
            live: live::Live::new(),
            plans: plans::Plans::default(),
            runs: Mutex::default(),
            waiters: Mutex::default(),
            locks: Mutex::default(),
            events,
            slots,
            push: tokio::sync::Notify::new(),
            stopped: watch::channel(false).0,
        }));
        runtime.recover_runs().await?;
        tokio::spawn(runtime.clone().dispatch(receiver));
        tokio::spawn(runtime.clone().deliver());
        tokio::spawn(runtime.clone().recover_subscriptions());
        Ok(runtime)
    }

    /// Stops taking up work. What is under way is on disk, and goes on at the next start.
    pub async fn stop(&self) {
        self.0.stopped.send_replace(true);
        self.0.store.close().await;
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> &Arc<Vault> {
        &self.0.vault
    }

    /// How it was configured.
    #[must_use]
    pub fn config(&self) -> &RuntimeConfig {
        &self.0.config
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// A new identifier.
    #[must_use]
    pub fn new_id<T: Id>(&self) -> T {
        let mut random = [0; 10];
        // Without randomness the time alone tells identifiers apart, within a millisecond by its microseconds.
        if getrandom::fill(&mut random).is_err() {
            random[..8].copy_from_slice(&self.now().as_micros().to_be_bytes());
        }
        T::make(self.now(), random)
    }

    /// Messages for open pages.
    #[must_use]
    pub fn live(&self) -> broadcast::Receiver<LiveEvent> {
        self.0.live.subscribe()
    }

    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.0.stopped.subscribe()
    }
}

/// A lock that a panicking holder left is as good as before: the maps inside are whole after every statement.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
