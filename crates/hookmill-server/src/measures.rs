//! What is measured, in the form that Prometheus reads. It is served on a listener of its own, which operators keep
//! from the public.
//!
//! Counters and durations are noted where things happen. What stands still between two looks (queues, places, states of
//! webhooks, the process itself) is read when somebody asks, and only as far as that is cheap.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hookmill_model::{SubscriptionState, Timestamp};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::problem::Told;
use crate::source::TrustedProxies;
use crate::transport::{self, ConnectionLimits, Stop};
use crate::{ServerState, backup};

/// Deliveries that are counted; more is too many anyway.
const DELIVERIES_MAX: usize = 1_000;
/// Callers of the measures at a time.
const CONNECTIONS_MAX: usize = 64;

/// How many calls of webhooks and flows were taken, and how many were not.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    accepted: AtomicU64,
    refused: AtomicU64,
}

impl Calls {
    /// Accepted, refused.
    pub(crate) fn counted(&self) -> (u64, u64) {
        (self.accepted.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

/// One request while it is answered.
pub(crate) struct Measure {
    begun: Instant,
    method: String,
    route: String,
}

impl Measure {
    pub(crate) fn begin(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
        let method = match request.method().as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        Self { begun: Instant::now(), method: method.to_owned(), route }
    }

    pub(crate) fn end(self, response: &Response, calls: &Calls) {
        let Self { begun, method, route } = self;
        if route.starts_with("/callback/") || (route.starts_with("/workflows/") && route.contains("/triggers/")) {
            // What a flow itself answers is no refusal, whatever its status.
            let result = match response.extensions().get::<Told>() {
                Some(Told(code)) => code.clone(),
                None if response.status() == StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed".to_owned(),
                None => "accepted".to_owned(),
            };
            let counted = if result == "accepted" { &calls.accepted } else { &calls.refused };
            counted.fetch_add(1, Ordering::Relaxed);
            counter!("hookmill_events_total", "result" => result).increment(1);
        }
        let (status, took) = (response.status().as_str().to_owned(), begun.elapsed());
        tracing::info!(method, route, status, took_ms = crate::schema::millis(took), "answered {method} {route}");
        histogram!("hookmill_http_request_duration_seconds", "route" => route.clone()).record(took);
        counter!("hookmill_http_requests_total", "method" => method, "route" => route, "status" => status).increment(1);
    }
}

/// Answers `GET /metrics` on a listener until it is dropped. `render` writes down what was noted.
///
/// # Errors
/// The listener broke.
pub async fn serve_metrics(
    listener: TcpListener,
    state: ServerState,
    render: impl Fn() -> String + Send + Sync + 'static,
) -> std::io::Result<()> {
    let render = Arc::new(render);
    let page = move || {
        let (state, render) = (state.clone(), Arc::clone(&render));
        async move {
            look_at_measures(&state).await;
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render()).into_response()
        }
    };
    // Few ask, and each asks now and then: the bounds are narrower than those of the server itself.
    let limits = ConnectionLimits { connections_max: CONNECTIONS_MAX, ..ConnectionLimits::default() };
    let (_running, stop) = watch::channel(Stop::No);
    transport::serve(listener, Router::new().route("/metrics", get(page)), limits, TrustedProxies::default(), stop)
        .await
}

/// A number as a gauge shows it.
#[expect(clippy::cast_precision_loss, reason = "a gauge is read by people and rules, not reckoned with")]
fn shown(number: u64) -> f64 {
    number as f64
}

fn size(number: usize) -> f64 {
    shown(number as u64)
}

/// Reads what stands still, before what is measured is written down. What cannot be read keeps its last value:
/// `hookmill_up_to_date` says so.
pub async fn look_at_measures(state: &ServerState) {
    let figures = state.runtime.figures();
    gauge!("hookmill_queue_flows").set(size(figures.queue.flows));
    gauge!("hookmill_queue_flows_blocked").set(size(figures.queue.flows_blocked));
    for (class, waits) in hookmill_runtime::FLOW_CLASSES.into_iter().zip(figures.queue.classes) {
        gauge!("hookmill_queue_events", "class" => class).set(size(waits.events));
        gauge!("hookmill_queue_runs", "class" => class).set(size(waits.runs));
        gauge!("hookmill_queue_runs_waiting", "class" => class).set(size(waits.waiting));
    }
    gauge!("hookmill_queue_event_bytes").set(size(figures.queue.event_bytes));
    gauge!("hookmill_runs_in_memory").set(size(figures.runs_in_memory));
    gauge!("hookmill_runs_in_memory_bytes").set(size(figures.queue.run_bytes));
    gauge!("hookmill_places_in_use").set(size(figures.places.in_use));
    gauge!("hookmill_places_waiting").set(size(figures.places.waiting));
    gauge!("hookmill_services_silent").set(size(figures.places.services_silent));
    gauge!("hookmill_store_refuses").set(f64::from(u8::from(figures.store_refuses)));
    gauge!("hookmill_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    gauge!("hookmill_uptime_seconds").set(state.started.elapsed().as_secs_f64());
    let read = stored(state).await;
    if let Err(problem) = &read {
        tracing::warn!(error = %problem, "what is stored could not be measured");
    }
    gauge!("hookmill_up_to_date").set(f64::from(u8::from(read.is_ok())));
    gauge!("hookmill_shards_owned").set(size(figures.shards));
    process();
}

async fn stored(state: &ServerState) -> Result<(), hookmill_runtime::Error> {
    let store = state.store();
    let figures = store.figures().await?;
    gauge!("hookmill_store_bytes").set(shown(figures.bytes));
    gauge!("hookmill_flows").set(shown(figures.flows));
    gauge!("hookmill_connectors").set(shown(figures.connectors));
    gauge!("hookmill_connections").set(shown(figures.connections));
    gauge!("hookmill_users").set(shown(figures.users));
    if let Some(disk) = figures.disk {
        gauge!("hookmill_store_disk_free_bytes").set(shown(disk.free));
        gauge!("hookmill_store_disk_bytes").set(shown(disk.total));
    }
    if let Some(log) = figures.log {
        if let Some(bytes) = log.bytes {
            gauge!("hookmill_store_log_bytes").set(shown(bytes));
        }
        if let Some(age) = log.checkpoint_age {
            gauge!("hookmill_store_checkpoint_age_seconds").set(age.as_secs_f64());
        }
    }
    let pending: u64 = store.pending_counts().await?.iter().map(|(_, events)| *events).sum();
    gauge!("hookmill_events_pending").set(shown(pending));
    // Live webhooks are as many as flows that react; those in between are few, and of those that failed many may be old.
    for wanted in [SubscriptionState::Absent, SubscriptionState::Creating, SubscriptionState::Deleting] {
        let found = store.subscriptions_in(None, &[wanted]).await?;
        gauge!("hookmill_webhooks", "state" => wanted.as_str()).set(size(found.len()));
    }
    let due = store.due_deliveries(state.runtime.now(), DELIVERIES_MAX).await?;
    gauge!("hookmill_deliveries_due").set(size(due.len()));
    if let Some(at) = backup::last_fetched(&***store).await? {
        gauge!("hookmill_backup_last_timestamp_seconds").set(seconds(at));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "seconds with fractions are what Prometheus wants")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1_000.0
}

/// A line of what Linux tells of the process; elsewhere there is none.
fn of_process(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Resident memory in bytes.
pub(crate) fn memory() -> Option<u64> {
    of_process("VmRSS:").map(|kib| kib * 1_024)
}

/// The process, as Linux shows it; elsewhere these are missing.
fn process() {
    if let Some(bytes) = memory() {
        gauge!("process_resident_memory_bytes").set(shown(bytes));
    }
    if let Some(threads) = of_process("Threads:") {
        gauge!("process_threads").set(shown(threads));
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(size(files.count()));
    }
}

/// Says of each measure what it is, in one sentence; once the process measures.
pub fn describe_measures() {
    describe_counter!("hookmill_events_total", "Calls of webhooks and flows, by what became of them.");
    describe_counter!("hookmill_http_requests_total", "Requests by method, route and status.");
    describe_histogram!("hookmill_http_request_duration_seconds", Unit::Seconds, "Time until a request was answered.");
    describe_counter!("hookmill_runs_ended_total", "Runs that ended, by status.");
    describe_histogram!(
        "hookmill_action_duration_seconds",
        Unit::Seconds,
        "Time that requests of actions took, by connector, host and outcome: answered, refused (status 400 and above), no_answer."
    );
    describe_histogram!("hookmill_store_commit_duration_seconds", Unit::Seconds, "Time that a transaction took.");
    describe_histogram!("hookmill_store_batch_units", "Units that shared a transaction.");
    describe_counter!("hookmill_store_failures_total", "Transactions that failed as a whole.");
    describe_gauge!("hookmill_store_refuses", "1 while the store does not take what it is given.");
    describe_gauge!("hookmill_store_bytes", Unit::Bytes, "What the data takes on disk.");
    describe_gauge!(
        "hookmill_store_disk_free_bytes",
        Unit::Bytes,
        "What may still be written to the disk of the data."
    );
    describe_gauge!("hookmill_store_disk_bytes", Unit::Bytes, "The size of that disk.");
    describe_gauge!("hookmill_store_log_bytes", Unit::Bytes, "What is committed and not yet copied into the tables.");
    describe_gauge!("hookmill_store_checkpoint_age_seconds", Unit::Seconds, "Time since the log was last copied.");
    describe_gauge!("hookmill_events_pending", "Stored events that no run has taken yet.");
    describe_gauge!("hookmill_queue_flows", "Flows with something to do.");
    describe_gauge!("hookmill_queue_flows_blocked", "Those of them for which there was no room in the window.");
    describe_gauge!("hookmill_queue_events", "Events in memory that no run has taken, by class of flow.");
    describe_gauge!("hookmill_queue_event_bytes", Unit::Bytes, "Their bytes.");
    describe_gauge!("hookmill_queue_runs", "Runs that wait to be taken into memory, by class of flow.");
    describe_gauge!("hookmill_queue_runs_waiting", "Runs that wait for a place at a service, by class of flow.");
    describe_gauge!("hookmill_runs_in_memory", "Runs in memory.");
    describe_gauge!("hookmill_runs_in_memory_bytes", Unit::Bytes, "Their bytes, as they are reckoned.");
    describe_gauge!("hookmill_places_in_use", "Requests to services that are under way.");
    describe_gauge!("hookmill_places_waiting", "Requests to services that wait for a place.");
    describe_gauge!("hookmill_services_silent", "Services that are only tried now and then, since they do not answer.");
    describe_gauge!("hookmill_shards_owned", "Shares of the flows that this server looks after, of 256.");
    describe_counter!("hookmill_shards_taken_total", "Shares of the flows that this server took over.");
    describe_counter!("hookmill_shards_lost_total", "Shares of the flows that another server took over.");
    describe_counter!("hookmill_spans_dropped_total", "Spans that the collector of traces did not get.");
    describe_counter!("hookmill_notices_dropped_total", "What other servers were not told, since too much waited.");
    describe_gauge!("hookmill_webhooks", "Webhooks that are being created or deleted at services, by state.");
    describe_gauge!("hookmill_deliveries_due", "Messages to devices that are due; counting ends at 1000.");
    describe_gauge!("hookmill_flows", "Flows that are not deleted.");
    describe_gauge!("hookmill_connectors", "Connectors.");
    describe_gauge!("hookmill_connections", "Connections.");
    describe_gauge!("hookmill_users", "Users.");
    describe_gauge!(
        "hookmill_backup_last_timestamp_seconds",
        Unit::Seconds,
        "When a copy of the data was last fetched."
    );
    describe_gauge!("hookmill_build_info", "The version, as a label.");
    describe_gauge!("hookmill_uptime_seconds", Unit::Seconds, "Time since the server began.");
    describe_gauge!("hookmill_up_to_date", "0 when what is stored could not be read, so that its gauges are old.");
    describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "Resident memory.");
    describe_gauge!("process_threads", "Threads.");
    describe_gauge!("process_open_fds", "Open files.");
}
