//! The loop between the pure engine and the world: takes inputs, asks the engine, commits, then hands out commands.
//!
//! | file | purpose |
//! |---|---|
//! | `intake` | the doors: a notification is on disk before it is answered |
//! | `asked` | operations that the declarations of webhooks ask for |
//! | `paths` | whether a call fits method and path of its trigger |
//! | `notification` | a call of an address: what came, what its caller gets |
//! | `address` | the signed addresses of Request triggers and later answers |
//! | `queue` | what waits for memory, by flow; the window of runs in memory |
//! | `dispatch` | from the queue to tasks |
//! | `beginning`, `begin`, `split` | from an event, a moment or a person to begun runs; events of many items page by page |
//! | `active`, `message`, `run`, `calls` | one task per run in memory: input → decision → commit → commands |
//! | `shards`, `order`, `elsewhere` | which flows this node looks after, and what it hands to the owners of others |
//! | `memory`, `recover` | how runs come into memory and leave it; what a start takes up |
//! | `places` | places for requests at services; services that do not answer |
//! | `budget` | how much memory runs take together that have grown |
//! | `surroundings` | what expressions see beside their run |
//! | `spans` | which runs and requests have ended, for a collector of traces |
//! | `cores`, `wanted`, `bounded` | shares of the processors; whether somebody still waits for what is computed |
//! | `health`, `insist` | whether the store takes what it is given; work that is repeated until it does |
//! | `by_hand`, `resume`, `backtest` | runs by hand and runs again: from the event, from the failed action, against a changed definition |
//! | `history` | runs as people see them |
//! | `perform` | what a command needs: connections, connectors, the inbox, child flows |
//! | `exchange` | requests with what came of them |
//! | `flow_view`, `flows` | saving, switching and deleting flows |
//! | `stored`, `event_body` | parts of flows and events as they are stored; bodies of events to which journals refer |
//! | `flow_cache` | flows and their webhooks in memory, so that doors read nothing |
//! | `timers`, `schedule` | what is due: runs that wait for long, triggers that fire by time |
//! | `gates` | how many runs of a trigger are active |
//! | `guard` | the border that no panic crosses |
//! | `upkeep` | renewal of webhooks, and asking services for what they could not deliver |
//! | `record`, `webhook_view` | what is kept of a webhook, and what is shown |
//! | `door` | declarations and secrets of webhooks, ready for their doors |
//! | `subscriptions`, `creation`, `creation_plan`, `search`, `deletion` | webhooks at services: what should be against what is |
//! | `received` | each call of a flow's address with its verdict, for people |
//! | `damages`, `left_webhooks` | what was found unreadable in the store, or left behind at a service |
//! | `approvals` | what runs ask people |
//! | `failures`, `digest` | what people are told of failed runs, and of a day |
//! | `restored` | after a restore every webhook is asked for |
//! | `careful` | starts after crashes: runs are taken up one at a time |
//! | `inbox`, `deliveries` | notifications, web push |
//! | `settings` | mail, retention: what the owner sets while the server runs |
//! | `reach` | whether services could reach this server |
//! | `loops` | flows that call themselves come to an end |
//! | `sealed`, `sealing`, `unbound` | the store with what is secret sealed; what older releases left in plain or unbound |
//! | `visible` | what people may see of what is kept |
//! | `plans`, `changed` | compiled plans and connectors, kept; what a change of a connector breaks |
//! | `secrets`, `tokens`, `consent` | what connections keep sealed; tokens that hold; a person's consent at a service |
//! | `figures` | what is measured of queues, places and calls |
//! | `clock`, `live`, `error` | the time; messages for open pages; refusals in words |

mod active;
mod address;
mod approvals;
mod asked;
mod backtest;
mod begin;
mod beginning;
mod bounded;
mod budget;
mod by_hand;
mod calls;
mod careful;
mod changed;
mod clock;
mod consent;
mod cores;
mod creation;
mod creation_plan;
mod damages;
mod deletion;
mod deliveries;
mod digest;
mod dispatch;
mod door;
mod elsewhere;
mod error;
mod event_body;
mod exchange;
mod failures;
mod figures;
mod first;
mod flow_cache;
mod flow_view;
mod flows;
mod gates;
mod guard;
mod health;
mod history;
mod inbox;
mod insist;
mod intake;
mod left_webhooks;
mod live;
mod loops;
mod memory;
mod message;
mod notification;
mod order;
mod owed;
mod paths;
mod perform;
mod places;
mod plans;
mod queue;
mod reach;
mod received;
mod record;
mod recover;
mod restored;
mod resume;
mod run;
mod schedule;
mod sealed;
mod sealing;
mod search;
mod secrets;
mod settings;
mod shards;
mod spans;
mod split;
mod stored;
mod subscriptions;
mod surroundings;
mod throttle;
mod timers;
mod tokens;
mod unbound;
mod update;
mod upkeep;
mod visible;
mod wanted;
mod webhook_secret;
mod webhook_view;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hookmill_definition::Limits;
use hookmill_executor::Executor;
use hookmill_model::{ConnectionId, FlowId, Id, RunId, Timestamp, UserId};
use hookmill_store::Store;
use hookmill_vault::Vault;
use tokio::sync::{broadcast, oneshot, watch};

pub use approvals::{ApprovalLink, ApprovalRecord, ApprovalRule, ApprovalSeen, AskedPerson, GivenAnswer};
pub use backtest::{BACKTEST_MAX, Backtested};
pub use changed::FlowBreak;
pub use clock::Clock;
pub use consent::{ConsentAnswer, ConsentRequest, REDIRECT_PATH};
pub use damages::{Damage, LeftBehind};
pub use digest::Digest;
pub use door::{RefusedCall, RefusedCalls, WebhookProof};
pub use error::Error;
pub use event_body::referred_body;
pub use exchange::Exchange;
pub use failures::OnFailure;
pub use figures::FLOW_CLASSES;
pub use flow_cache::RuntimeStore;
pub use flow_view::{ConnectionBinding, FlowForm, FlowSaved, FlowView, Problem, WebhookView};
pub use history::{Repetitions, RunView};
pub use hookmill_executor::{APPROVALS_API, NOTIFICATIONS_API, is_own_api, own_operation_fault};
pub use hookmill_push::mail::Mail;
pub use inbox::leads_on;
pub use left_webhooks::{LeftWebhook, WebhookCall, WebhookCalls};
pub use live::{LiveEvent, LiveKind};
pub use notification::{AcceptError, Accepted, AnswerLater, Notification};
pub use perform::CallView;
pub use places::{PlacesMax, WaitingFor};
pub use plans::{connector_settings, version_of_connector};
pub use reach::{Knock, Leads, knock, leads};
pub use received::{REPLAY_MAX, ReceivedCall, ReceivedFilter, ReceivedPage, Verdict};
pub use restored::RESTORED;
pub use resume::WhichVersion;
pub use sealed::SealedStore;
pub use secrets::{Secrets, SecretsForm};
pub use settings::{MailSettings, Settings, stored_settings};
pub use spans::{Span, SpanOf};
pub use stored::trigger_summary;
pub use visible::{EventSeen, FlowVersionView, cut};
pub use wanted::{Wanted, wanted, while_wanted};

/// How the runtime behaves.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Where services and browsers reach this server, without a slash at the end.
    pub public_url: String,
    /// Where services reach webhooks and flows, without a slash at the end, when that is another host.
    pub hooks_url: Option<String>,
    /// Larger notifications are refused.
    pub body_bytes_max: usize,
    /// Bounds of definitions and runs.
    pub limits: Limits,
    /// Runs in memory at a time; events and runs that are due wait on disk while there are more.
    pub active_runs_max: usize,
    /// How long a service may take to create or delete a webhook.
    pub service_wait: Duration,
    /// A run that waits for longer than this leaves the memory until it is due.
    pub park_after: Duration,
    /// The time.
    pub clock: Clock,
    /// How many requests of runs may be under way.
    pub places: PlacesMax,
    /// How long the caller of a flow with a Response action waits.
    pub response_wait: Duration,
    /// What this server is called among others that share its store; the same after each start.
    pub node: String,
    /// Who hears of runs and requests that ended.
    pub spans: Option<tokio::sync::mpsc::Sender<Span>>,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:7780".to_owned(),
            hooks_url: None,
            body_bytes_max: 10 * 1024 * 1024,
            limits: Limits::default(),
            active_runs_max: 4_096,
            service_wait: Duration::from_secs(60),
            park_after: Duration::from_secs(5 * 60),
            clock: Clock::default(),
            places: PlacesMax::default(),
            response_wait: Duration::from_secs(120),
            node: String::new(),
            spans: None,
        }
    }
}

impl RuntimeConfig {
    /// The beginning of callback URLs and of signed addresses, without a slash at the end.
    #[must_use]
    pub fn hooks_url(&self) -> &str {
        self.hooks_url.as_deref().unwrap_or(&self.public_url)
    }
}

/// What the caller of a trigger gets.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Response(hookmill_engine::Response),
    /// The run ended without one.
    NoResponse,
    /// The trigger's conditions let no run begin.
    NotBegun,
}

pub(crate) struct Inner {
    pub config: RuntimeConfig,
    pub store: RuntimeStore,
    pub vault: Arc<Vault>,
    pub client: hookmill_http::Client,
    pub executor: Executor,
    pub live: live::Live,
    pub plans: plans::Plans,
    pub inboxes: memory::Inboxes,
    /// Who waits for the Response of a run.
    pub waiters: Mutex<HashMap<RunId, oneshot::Sender<Answer>>>,
    pub locks: Mutex<HashMap<FlowId, Arc<tokio::sync::Mutex<()>>>>,
    /// Held while a token of the connection is asked for.
    pub renewals: Mutex<HashMap<ConnectionId, Arc<tokio::sync::Mutex<()>>>>,
    pub door: door::Door,
    pub received: received::Received,
    /// Places for questions whether a request is genuine.
    pub questions: tokio::sync::Semaphore,
    pub queue: queue::Queue,
    pub budget: budget::Budget,
    pub places: places::Places,
    pub cores: cores::Cores,
    /// Turns for what is evaluated outside of runs: runs go on beside it.
    pub looks: cores::Cores,
    pub health: health::Health,
    pub damages: damages::Damages,
    /// Runs are taken up one at a time.
    pub careful: std::sync::atomic::AtomicBool,
    pub callbacks: Callbacks,
    /// The millisecond and the random part of the identifier made last.
    pub newest_id: Mutex<(i64, [u8; 10])>,
    pub gates: gates::Gates,
    pub loops: loops::Loops,
    pub splits: split::Splits,
    pub timers: timers::Timers,
    pub push: tokio::sync::Notify,
    pub failures: failures::Failures,
    /// Rings when an approval is decided.
    pub decided: tokio::sync::Notify,
    /// Places at the mail server.
    pub mails: tokio::sync::Semaphore,
    /// Nothing new is begun.
    pub stopped: watch::Sender<bool>,
    pub shards: shards::Shards,
}

/// What the addresses of webhook actions are made of.
pub(crate) struct Callbacks {
    base: String,
    key: zeroize::Zeroizing<[u8; 32]>,
}

impl Callbacks {
    pub(crate) fn environment(&self, now: Timestamp) -> hookmill_engine::Environment<'_> {
        hookmill_engine::Environment { now, callback_base: &self.base, callback_key: &self.key[..] }
    }
}

/// The runtime; clones are the same one.
#[derive(Clone)]
pub struct Runtime(pub(crate) Arc<Inner>);

/// The longest download for a person.
const DOWNLOAD_WAIT: Duration = Duration::from_secs(30);

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
        let (places, turns) = places::Places::new(config.places);
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let callbacks =
            Callbacks { base: format!("{}/callback/", config.hooks_url()), key: vault.derive("action callbacks") };
        let leases = store.leases();
        let store = Arc::new(sealed::SealedStore::new(store, Arc::clone(&vault)));
        let executor = Executor::new(client.clone(), &hookmill_executor::Settings::default());
        let runtime = Self(Arc::new(Inner {
            queue: queue::Queue::new(queue::Bounds::of(config.active_runs_max)),
            budget: budget::Budget::default(),
            places,
            cores: cores::Cores::new(cores),
            looks: cores::Cores::new(cores / 2),
            health: health::Health::default(),
            damages: damages::Damages::default(),
            careful: std::sync::atomic::AtomicBool::default(),
            callbacks,
            config,
            store: RuntimeStore::new(Arc::clone(&store)),
            vault,
            client,
            executor,
            live: live::Live::new(store),
            plans: plans::Plans::default(),
            inboxes: memory::Inboxes::default(),
            waiters: Mutex::default(),
            locks: Mutex::default(),
            renewals: Mutex::default(),
            door: door::Door::default(),
            received: received::Received::default(),
            questions: tokio::sync::Semaphore::new(asked::QUESTIONS_MAX),
            newest_id: Mutex::default(),
            gates: gates::Gates::default(),
            loops: loops::Loops::default(),
            splits: split::Splits::default(),
            timers: timers::Timers::default(),
            push: tokio::sync::Notify::new(),
            failures: failures::Failures::default(),
            decided: tokio::sync::Notify::new(),
            mails: tokio::sync::Semaphore::new(settings::MAILS_MAX),
            stopped: watch::channel(false).0,
            shards: shards::Shards::new(leases),
        }));
        runtime.insist_until(insist::start_deadline(), || runtime.read_failure_settings()).await?;
        runtime.insist_until(insist::start_deadline(), || runtime.doubt_restored()).await?;
        runtime.count_start().await?;
        tokio::spawn(runtime.clone().watch_shards());
        tokio::spawn(runtime.clone().hear_others());
        tokio::spawn(runtime.clone().do_for_others());
        tokio::spawn(runtime.clone().find_pending());
        tokio::spawn(runtime.clone().dispatch());
        tokio::spawn(runtime.clone().hand_on_turns(turns));
        tokio::spawn(runtime.0.places.clone().watch(runtime.stopped()));
        tokio::spawn(runtime.clone().watch_store());
        tokio::spawn(runtime.clone().deliver());
        tokio::spawn(runtime.clone().hand_on_decisions());
        tokio::spawn(runtime.clone().follow_failures());
        tokio::spawn(runtime.clone().send_digests());
        tokio::spawn(runtime.clone().watch_flows());
        tokio::spawn(runtime.clone().watch_runs());
        tokio::spawn(runtime.clone().forget_old());
        tokio::spawn(runtime.clone().write_received());
        tokio::spawn(runtime.clone().watch_upkeep());
        tokio::spawn(runtime.clone().recover_subscriptions());
        tokio::spawn(runtime.clone().catch_up_with_this_release());
        Ok(runtime)
    }

    /// Begins nothing new from now on; what is under way goes on until [`Runtime::stop`].
    pub fn begin_to_stop(&self) {
        self.0.stopped.send_replace(true);
        self.0.shards.set_all(shards::Phase::Leaves);
    }

    /// Stops: nothing new is begun, and calls that are under way end and are recorded, for `grace` at most. All else is
    /// on disk, and goes on at the next start.
    pub async fn stop(&self, grace: Duration) {
        self.begin_to_stop();
        let ended = async {
            while self.0.inboxes.len() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(grace, ended).await.is_ok() {
            self.note_orderly_stop().await;
        } else {
            tracing::warn!(runs = self.0.inboxes.len(), "calls are cut off: they did not end in time");
        }
        self.0.shards.set_all(shards::Phase::Lost);
        self.0.store.close().await;
    }

    /// What was found unreadable in the store, of an owner and of the server itself.
    #[must_use]
    pub fn damages(&self, owner: UserId) -> Vec<Damage> {
        self.0.damages.of(owner)
    }

    /// Webhooks at services that lead to this server and that its data, which were restored, do not know.
    #[must_use]
    pub fn left_behind(&self, owner: UserId) -> Vec<LeftBehind> {
        self.0.damages.left_behind(owner)
    }

    /// Flows of an owner whose webhooks could not be renewed, and why.
    #[must_use]
    pub fn renewals_failing(&self, owner: UserId) -> Vec<(FlowId, String)> {
        self.0.damages.renewals(owner)
    }

    /// Whether runs are taken up one at a time, since the last starts ended before all were taken up.
    #[must_use]
    pub fn is_careful(&self) -> bool {
        self.0.careful.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The store, with what is secret sealed.
    #[must_use]
    pub fn store(&self) -> &RuntimeStore {
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
        self.0.config.clock.now()
    }

    /// A new identifier.
    #[must_use]
    pub fn new_id<T: Id>(&self) -> T {
        let mut newest = locked(&self.0.newest_id);
        // A clock that was set back must not bring identifiers back.
        let now = self.now().max(Timestamp::from_millis(newest.0));
        if now.as_micros() / 1_000 == newest.0 {
            // Within a millisecond identifiers count upwards, so that lists keep the order of making.
            let _ = newest.1.iter_mut().rev().try_for_each(|byte| {
                *byte = byte.wrapping_add(1);
                if *byte == 0 { std::ops::ControlFlow::Continue(()) } else { std::ops::ControlFlow::Break(()) }
            });
        } else {
            newest.0 = now.as_micros() / 1_000;
            // Without randomness the time alone tells identifiers apart.
            if getrandom::fill(&mut newest.1).is_err() {
                newest.1[..8].copy_from_slice(&now.as_micros().to_be_bytes());
            }
            newest.1[0] &= 0x7F;
        }
        T::make(now, newest.1)
    }

    /// How many runs are in memory; those that wait for long are not.
    #[must_use]
    pub fn runs_in_memory(&self) -> usize {
        self.0.inboxes.len()
    }

    /// Reads a file from the internet for a person, under the same rules as flows.
    ///
    /// # Errors
    /// The address is not allowed, or there is no good answer.
    pub async fn download(&self, url: &str) -> Result<bytes::Bytes, Error> {
        let request = hookmill_http::Request::new(hookmill_http::Method::GET, url).with_timeout(DOWNLOAD_WAIT);
        let answer = self.0.client.send(request).await;
        let answer = answer.map_err(|error| Error::ServiceUnreachable { message: error.message })?;
        if !answer.status.is_success() {
            let message = format!("{url} answered {}.", answer.status);
            return Err(Error::ServiceUnreachable { message });
        }
        Ok(answer.body)
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
