//! How the server does, for its owner: what ran lately, what waits, the servers side by side, the disk, the last backup.
//!
//! What is stored is the same whichever server is asked. What a server counts by itself is said to be its own.

use std::collections::BTreeMap;

use axum::extract::State;
use hookmill_model::{FlowId, RunStatus, Timestamp, UserId};
use hookmill_store::{Node, RunBrief, SHARDS};
use serde::Serialize;
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::Json;
use crate::schema::millis;
use crate::{Problem, ServerState, backup, measures, settings};

/// How far back runs are looked at.
const SPAN_MS: i64 = 3_600_000;
/// More runs are not looked at: the newest ones tell enough.
const RUNS_MAX: usize = 20_000;
/// How many flows each list shows.
const FLOWS_MAX: usize = 5;
const MINUTE_MS: i64 = 60_000;

/// Runs that began within a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunMinute {
    /// When the minute began.
    at: Timestamp,
    runs: u64,
    /// Those of them that failed.
    failed: u64,
}

/// Runs that began lately, of all users.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecentRuns {
    /// Runs that began since then are counted: an hour, or less where there were too many to look at.
    since: Timestamp,
    /// How many began.
    runs: u64,
    failed: u64,
    /// Those that have not ended.
    open: u64,
    /// Each minute since then, oldest first.
    minutes: Vec<RunMinute>,
}

/// How long the runs of a flow took lately, waiting included.
#[derive(Serialize, ToSchema)]
pub struct SlowFlow {
    id: String,
    name: String,
    /// Whether it is the caller's, so that its page can be opened.
    is_own: bool,
    /// Runs that have ended.
    runs: u64,
    mean_ms: u64,
    longest_ms: u64,
}

/// A flow whose events wait.
#[derive(Serialize, ToSchema)]
pub struct WaitingFlow {
    id: String,
    name: String,
    /// Whether it is the caller's, so that its page can be opened.
    is_own: bool,
    events: u64,
}

/// What waits.
#[derive(Serialize, ToSchema)]
pub struct QueueView {
    /// Stored events that no run has taken yet, of all servers.
    events: u64,
    /// Flows with the most of them.
    flows: Vec<WaitingFlow>,
    /// Runs in the memory of the server that answers.
    runs_in_memory: usize,
    /// Requests to services that are under way there.
    requests: usize,
    /// Those that wait for their turn.
    requests_waiting: usize,
    /// Services that are tried only now and then, since they do not answer.
    services_silent: usize,
    /// Whether the store refuses what it is given.
    store_refuses: bool,
}

/// Calls of webhooks and flows that the server that answers has had since it began.
#[derive(Serialize, ToSchema)]
pub struct CallsView {
    accepted: u64,
    refused: u64,
}

/// A server among those that share a database.
#[derive(Serialize, ToSchema)]
pub struct NodeView {
    name: String,
    version: String,
    /// Shares of the flows that it looks after.
    shards: usize,
    /// Whether it gives them up and takes no others.
    drains: bool,
    /// How long ago it last said that it lives.
    silent_ms: u64,
    uptime_ms: u64,
    /// Whether it is the one that answers.
    is_this: bool,
}

/// Where the data is.
#[derive(Serialize, ToSchema)]
pub struct StoreView {
    /// What the data takes.
    bytes: u64,
    /// What is free on its disk; `null` for a database on another machine.
    #[schema(required)]
    disk_free: Option<u64>,
    #[schema(required)]
    disk_total: Option<u64>,
    /// What is committed and safe, and not yet copied into the tables; `null` where the database does not tell.
    #[schema(required)]
    log_bytes: Option<u64>,
    /// How long ago it was last copied; `null` where it never was, or the database does not tell.
    #[schema(required)]
    checkpoint_age_ms: Option<u64>,
}

/// How the server does.
#[derive(Serialize, ToSchema)]
#[schema(as = Overview)]
pub struct OverviewView {
    /// What the server that answers is called among others; `null` for one that is alone.
    #[schema(required)]
    node: Option<String>,
    uptime_ms: u64,
    /// Its memory; `null` where the system does not tell.
    #[schema(required)]
    memory_bytes: Option<u64>,
    calls: CallsView,
    recent: RecentRuns,
    /// Slowest first.
    slowest: Vec<SlowFlow>,
    queue: QueueView,
    /// Empty for a server that is alone.
    nodes: Vec<NodeView>,
    /// How many shares of the flows there are.
    shards: usize,
    store: StoreView,
    /// When a copy of the data was last fetched with the browser or the API; `null` where it never was, and where the
    /// database is backed up by its own means.
    #[schema(required)]
    backup: Option<backup::BackupFetched>,
    /// Whether the server makes copies itself.
    makes_backups: bool,
}

/// How long runs of one flow took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Took {
    runs: u64,
    total_ms: u64,
    longest_ms: u64,
}

impl Took {
    fn mean_ms(self) -> u64 {
        self.total_ms / self.runs.max(1)
    }
}

/// Reckons with runs, newest first, that began at `from` or later. Where there are `runs_max` of them, the oldest tells
/// since when they are all there.
fn reckoned(runs: &[RunBrief], from: Timestamp, now: Timestamp, runs_max: usize) -> (RecentRuns, Vec<(FlowId, Took)>) {
    let since = runs.last().filter(|_| runs.len() >= runs_max).map_or(from, |oldest| oldest.started_at);
    let first = since.as_millis().div_euclid(MINUTE_MS);
    let last = now.as_millis().div_euclid(MINUTE_MS).max(first);
    let minute = |number: i64| RunMinute { at: Timestamp::from_millis(number * MINUTE_MS), runs: 0, failed: 0 };
    let mut minutes: Vec<RunMinute> = (first..=last).map(minute).collect();
    let (mut failed, mut open) = (0, 0);
    let mut took: BTreeMap<FlowId, Took> = BTreeMap::new();
    for run in runs {
        let is_failed = matches!(run.status, RunStatus::Failed | RunStatus::TimedOut | RunStatus::Faulted);
        failed += u64::from(is_failed);
        open += u64::from(!run.status.is_final());
        let number = run.started_at.as_millis().div_euclid(MINUTE_MS).clamp(first, last);
        if let Some(minute) = usize::try_from(number - first).ok().and_then(|index| minutes.get_mut(index)) {
            minute.runs += 1;
            minute.failed += u64::from(is_failed);
        }
        // A run that was skipped took no time, and says nothing.
        if let Some(ended_at) = run.ended_at.filter(|_| run.status != RunStatus::Skipped) {
            let ms = u64::try_from(ended_at.as_millis() - run.started_at.as_millis()).unwrap_or(0);
            let own = took.entry(run.flow).or_default();
            own.runs += 1;
            own.total_ms = own.total_ms.saturating_add(ms);
            own.longest_ms = own.longest_ms.max(ms);
        }
    }
    let mut slowest: Vec<(FlowId, Took)> = took.into_iter().collect();
    slowest.sort_by_key(|(_, took)| std::cmp::Reverse(took.mean_ms()));
    slowest.truncate(FLOWS_MAX);
    (RecentRuns { since, runs: runs.len() as u64, failed, open, minutes }, slowest)
}

/// The name of a flow and whether it is the caller's; one that is gone has none.
async fn named(state: &ServerState, caller: UserId, id: FlowId) -> Result<(String, bool), Problem> {
    let flow = state.store().flow(id).await?;
    Ok(flow
        .map_or_else(|| (id.to_string(), false), |flow| (flow.name, flow.owner == caller && flow.deleted_at.is_none())))
}

fn shown(node: Node) -> NodeView {
    NodeView {
        name: node.name,
        version: node.version,
        shards: node.shards,
        drains: node.drains,
        silent_ms: node.silent_s.saturating_mul(1_000),
        uptime_ms: node.age_s.saturating_mul(1_000),
        is_this: node.is_this,
    }
}

/// How the server does: runs of the last hour, what waits, servers, disk, last backup
#[utoipa::path(get, path = "/api/overview", tag = "settings", responses((status = 200, body = OverviewView)))]
pub async fn overview(caller: Caller, State(state): State<ServerState>) -> Result<Json<OverviewView>, Problem> {
    settings::owner(&state, &caller).await?;
    let store = state.store();
    let now = state.runtime.now();
    let from = Timestamp::from_millis(now.as_millis() - SPAN_MS);
    let runs = store.recent_runs(from, RUNS_MAX).await?;
    let (recent, slow) = reckoned(&runs, from, now, RUNS_MAX);
    let mut slowest = Vec::with_capacity(slow.len());
    for (id, took) in slow {
        let (name, is_own) = named(&state, caller.user, id).await?;
        let Took { runs, longest_ms, .. } = took;
        slowest.push(SlowFlow { id: id.to_string(), name, is_own, runs, mean_ms: took.mean_ms(), longest_ms });
    }
    let mut waiting = store.pending_counts().await?;
    let events = waiting.iter().map(|(_, events)| events).sum();
    waiting.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
    let mut flows = Vec::new();
    for (id, events) in waiting.into_iter().take(FLOWS_MAX) {
        let (name, is_own) = named(&state, caller.user, id).await?;
        flows.push(WaitingFlow { id: id.to_string(), name, is_own, events });
    }
    let own = state.runtime.figures();
    let held = store.figures().await?;
    let (accepted, refused) = state.calls.counted();
    Ok(Json(OverviewView {
        node: state.runtime.name_among_others().map(ToOwned::to_owned),
        uptime_ms: millis(state.started.elapsed()),
        memory_bytes: measures::memory(),
        calls: CallsView { accepted, refused },
        recent,
        slowest,
        queue: QueueView {
            events,
            flows,
            runs_in_memory: own.runs_in_memory,
            requests: own.places.in_use,
            requests_waiting: own.places.waiting,
            services_silent: own.places.services_silent,
            store_refuses: own.store_refuses,
        },
        nodes: store.nodes().await?.into_iter().map(shown).collect(),
        shards: SHARDS,
        store: StoreView {
            bytes: held.bytes,
            disk_free: held.disk.map(|disk| disk.free),
            disk_total: held.disk.map(|disk| disk.total),
            log_bytes: held.log.and_then(|log| log.bytes),
            checkpoint_age_ms: held.log.and_then(|log| log.checkpoint_age).map(millis),
        },
        backup: backup::last(&***store).await?,
        makes_backups: state.config.folder.is_some(),
    }))
}

#[cfg(test)]
mod tests {
    use hookmill_model::{Id as _, RunId};

    use super::*;

    /// A run that began so many seconds after the epoch and took so long.
    fn run(flow: u128, began_s: i64, took_ms: Option<i64>, status: RunStatus) -> RunBrief {
        let started_at = Timestamp::from_millis(began_s * 1_000);
        let ended_at = took_ms.map(|ms| Timestamp::from_millis(began_s * 1_000 + ms));
        RunBrief { id: RunId::from_bits(1), flow: FlowId::from_bits(flow), status, started_at, ended_at }
    }

    #[test]
    fn runs_are_counted_by_minute_and_flows_by_how_long_they_took() {
        let runs = [
            run(1, 130, None, RunStatus::Running),
            run(2, 100, Some(4_000), RunStatus::Failed),
            run(2, 90, Some(2_000), RunStatus::Succeeded),
            run(1, 61, Some(10), RunStatus::Succeeded),
            run(3, 60, Some(0), RunStatus::Skipped),
        ];
        let (from, now) = (Timestamp::from_millis(0), Timestamp::from_millis(130_000));
        let (recent, slowest) = reckoned(&runs, from, now, 100);
        assert_eq!((recent.since, recent.runs, recent.failed, recent.open), (from, 5, 1, 1));
        let minutes: Vec<_> = recent.minutes.iter().map(|minute| (minute.runs, minute.failed)).collect();
        assert_eq!(minutes, [(0, 0), (4, 1), (1, 0)]);
        let told: Vec<_> =
            slowest.iter().map(|(flow, took)| (flow.to_bits(), took.mean_ms(), took.longest_ms)).collect();
        assert_eq!(told, [(2, 3_000, 4_000), (1, 10, 10)]);

        // Too many to look at: the oldest one that was says since when.
        let (recent, _) = reckoned(&runs, from, now, 5);
        assert_eq!((recent.since, recent.minutes.len()), (Timestamp::from_millis(60_000), 2));
    }

    #[test]
    fn a_server_where_nothing_ran_has_empty_minutes() {
        let (recent, slowest) = reckoned(&[], Timestamp::from_millis(0), Timestamp::from_millis(3_600_000), 5);
        assert_eq!((recent.minutes.len(), recent.runs, slowest.len()), (61, 0, 0));
    }
}
