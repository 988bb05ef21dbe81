//! The runtime itself in a storm: random flows on a store that refuses commits or lies about them, a process that ends
//! and begins again at any moment, services that break connections. What each run comes to must be what the naive
//! interpreter says, and nothing may be logged as an error.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests read their settings and stop at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_engine::{ActionPath, EffectId, Fact, Outcome, fact};
use hookmill_http::{AddressPolicy, Client, ClientConfig};
use hookmill_model::{FlowId, Id, Object, RunKind, Timestamp, UserId, Value};
use hookmill_runtime::{Clock, FlowForm, Runtime, RuntimeConfig};
use hookmill_sim::drive::run_id;
use hookmill_sim::mutation::Mutation;
use hookmill_sim::naive::{self, Statuses};
use hookmill_sim::{Random, flow, world};
use hookmill_store::{CommitFault, List, MemoryStore, RunFilter, Runs as _, Store, StoreError};
use hookmill_vault::Vault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const BEGIN: Timestamp = Timestamp::from_millis(1_735_689_600_000);
/// Flows that run at the same time, unless `HOOKMILL_SIM_RUNTIME_FLOWS` says otherwise.
const FLOWS: u64 = 60;
/// The process ends and begins again so often.
const RESTARTS: usize = 12;

/// The messages of errors that were logged.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Errors {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            let mut text = String::new();
            event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                text.push_str(&format!("{field}={value:?} "));
            });
            self.0.lock().unwrap().push(text);
        }
    }
}

/// The flow without what this world cannot say: its services answer at once, and nobody calls or waits.
fn plain(source: &Value, address: &str) -> Value {
    match source {
        Value::Object(members) => {
            let replaced = matches!(source.get("type").and_then(Value::as_str), Some("HttpWebhook" | "Response"));
            if replaced {
                let after = source.get("runAfter").cloned().unwrap_or_default();
                return Value::object([("type", "Compose".into()), ("inputs", "x".into()), ("runAfter", after)]);
            }
            let is_call = source.get("type").and_then(Value::as_str) == Some("Http");
            let kept = members.iter().filter(|(name, _)| !is_call || &***name != "limit");
            Value::object(kept.map(|(name, value)| (name.clone(), plain(value, address))))
        }
        Value::Array(elements) => Value::array(elements.iter().map(|own| plain(own, address)).collect()),
        Value::String(text) if text.starts_with("https://service.test/x") => address.into(),
        other => other.clone(),
    }
}

/// `run_…/a1[0][2]/3` as an effect of the simulated run.
fn effect(key: &str) -> Option<EffectId> {
    let mut parts = key.rsplitn(3, '/');
    let attempt = parts.next()?.parse().ok()?;
    let path = parts.next()?;
    let (action, indexes) = path.split_once('[').unwrap_or((path, ""));
    let indexes = indexes.trim_end_matches(']').split("][").filter(|index| !index.is_empty());
    let indexes = indexes.map(str::parse).collect::<Result<Vec<u32>, _>>().ok()?;
    Some(EffectId { run: run_id(), path: ActionPath { action: action.into(), indexes }, attempt })
}

/// A service that answers as the simulated world does, by the seed in the path and the idempotency key.
/// All tries of a request have one key, so which try it is stands in the journal.
async fn service(keys: Arc<Mutex<BTreeSet<String>>>, store: Arc<MemoryStore>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let Ok((mut socket, _)) = listener.accept().await else { return };
            let (keys, store) = (Arc::clone(&keys), Arc::clone(&store));
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let mut chunk = [0; 4_096];
                while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
                    match socket.read(&mut chunk).await {
                        Ok(0) | Err(_) => return,
                        Ok(read) => bytes.extend_from_slice(&chunk[..read]),
                    }
                }
                let head = String::from_utf8_lossy(&bytes).to_string();
                let seed = head.split(['/', ' ']).nth(2).and_then(|seed| seed.parse().ok()).unwrap_or(0);
                let key = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("idempotency-key").then(|| value.trim().trim_matches('"').to_owned())
                });
                let key = key.unwrap_or_default();
                let Some(mut effect) = effect(&key) else { return };
                let Some(run) = key.split('/').next().and_then(|run| run.parse().ok()) else { return };
                for bytes in store.run_facts(run, 0).await.unwrap() {
                    if let Fact::EffectStarted(fact::EffectStarted { path, attempt, .. }) =
                        Fact::decode(&bytes).unwrap()
                        && path == effect.path
                    {
                        effect.attempt = effect.attempt.max(attempt);
                    }
                }
                keys.lock().unwrap().insert(format!("{seed} {key}"));
                let Outcome::Replied { status, .. } = world::answer(seed, &effect).outcome else { return };
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = socket.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

struct Storm {
    store: Arc<MemoryStore>,
    vault: Arc<Vault>,
    clock: Clock,
}

impl Storm {
    async fn begin(&self) -> Runtime {
        let policy = AddressPolicy::new(&["127.0.0.0/8".to_owned()], &[], false).unwrap();
        let client = Client::new(ClientConfig { policy, ..ClientConfig::default() }).unwrap();
        let config = RuntimeConfig { clock: self.clock.clone(), ..RuntimeConfig::default() };
        let store: Arc<dyn Store> = Arc::clone(&self.store) as Arc<dyn Store>;
        Runtime::start(config, store, Arc::clone(&self.vault), client).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_come_to_what_they_must_in_a_storm() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let errors = Errors::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(errors.clone())).unwrap();
    let count = std::env::var("HOOKMILL_SIM_RUNTIME_FLOWS").ok().and_then(|text| text.parse().ok()).unwrap_or(FLOWS);
    let keys = Arc::default();
    let store = Arc::new(MemoryStore::new());
    let address = service(Arc::clone(&keys), Arc::clone(&store)).await;
    let folder = tempfile::tempdir().unwrap();
    let storm =
        Storm { store, vault: Arc::new(Vault::open(folder.path(), None).unwrap()), clock: Clock::manual(BEGIN) };
    let owner = UserId::make(BEGIN, [1; 10]);
    let mut runtime = storm.begin().await;
    let mut expected: BTreeMap<FlowId, (u64, Statuses)> = BTreeMap::new();
    for seed in 0..count {
        let definition = plain(&flow::make(&mut Random::new(seed)), &format!("{address}/{seed}"));
        let plan = Mutation::None.plan(&definition);
        if !naive::applies(&plan) || plan.actions.len() > 400 {
            continue;
        }
        let form = FlowForm {
            envelope: Value::Null,
            profile: None,
            name: format!("flow {seed}"),
            description: None,
            definition,
            connections: BTreeMap::new(),
            parameters: Value::Null,
            state: None,
        };
        let saved = runtime.create_flow(owner, form).await.unwrap();
        expected.insert(saved.view.flow.id, (seed, naive::expected(&plan, seed, run_id()).statuses));
    }
    let mut random = Random::new(count);
    storm.store.set_faults(move |_, _, _| match random.below(30) {
        0 => CommitFault::Refuse(StoreError::Overloaded { retry_after_s: 1 }),
        1 => {
            CommitFault::LoseAnswer(StoreError::Unavailable { detail: "the answer is lost".to_owned(), unknown: true })
        }
        _ => CommitFault::None,
    });
    let clock = storm.clock.clone();
    let time = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(2)).await;
            clock.set(clock.now().plus(Duration::from_secs(1)));
        }
    });
    for id in expected.keys() {
        // One that was begun although the answer was lost is a run like the others.
        while runtime.run_now(owner, *id, Value::Null, Object::new()).await.is_err() {}
    }
    for _ in 0..RESTARTS {
        tokio::time::sleep(Duration::from_millis(150)).await;
        runtime.stop(Duration::ZERO).await;
        storm.store.reopen();
        runtime = storm.begin().await;
    }
    storm.store.clear_faults();
    for _ in 0..1_200 {
        if storm.store.active_runs(None, 1).await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    time.abort();
    let mut compared = 0;
    let mut next = List::first(200);
    loop {
        let page = storm.store.runs(&RunFilter::of(owner), next).await.unwrap();
        for listed in page.items.iter().filter(|listed| listed.run.kind == RunKind::Flow) {
            let run = &listed.run;
            assert!(run.status.is_final(), "{} of flow {:?} is {}", run.id, expected[&run.flow].0, run.status);
            let (seed, statuses) = &expected[&run.flow];
            let mut reached = Statuses::new();
            for bytes in storm.store.run_facts(run.id, 0).await.unwrap() {
                if let Fact::ActionEnded(fact::ActionEnded { path, status, .. }) = Fact::decode(&bytes).unwrap() {
                    reached.insert((path.action.to_string(), path.indexes), status);
                }
            }
            for (key, status) in statuses {
                assert_eq!(reached.get(key), Some(status), "flow {seed}, {key:?}, run {}", run.id);
            }
            assert_eq!(reached.len(), statuses.len(), "flow {seed} has other records");
            compared += 1;
        }
        let Some(after) = page.next else { break };
        next = List::after(200, after);
    }
    assert!(compared >= expected.len(), "{compared} runs of {} flows", expected.len());
    let logged = errors.0.lock().unwrap();
    assert!(logged.is_empty(), "errors were logged: {logged:#?}");
    println!("{compared} runs, {} requests, {RESTARTS} restarts", keys.lock().unwrap().len());
}
