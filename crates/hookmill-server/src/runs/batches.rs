//! Many runs at once: a batch resubmits, resumes or cancels what a person chose, and says how far it is.
//!
//! A batch holds identifiers only and does a few runs at a time, so it needs little memory however large it is. It goes
//! on when the page that began it is closed, and when the server is started again: what it has to do is stored before
//! the answer, and how far it is every few runs. What was repeated between the last note and the end of a process is
//! found by looking for newer runs that repeat one of the batch, so nothing is repeated twice.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookmill_model::{EventId, FlowId, Id as _, RunId, RunStatus, Timestamp, UserId};
use hookmill_runtime::Error;
use hookmill_store::{Change, Lane, RunFilter, Unit};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use utoipa::ToSchema;

use super::{ResumeVersion, RunQuery, causes, filter_of};
use crate::account::Caller;
use crate::extract::Json;
use crate::list::Page;
use crate::{Problem, ServerState};

/// A batch has at most so many runs.
const RUNS_MAX: usize = 10_000;
/// So many runs of a batch are repeated at the same time.
const AT_ONCE: usize = 4;
/// So many batches of one person work at the same time.
const UNDER_WAY_MAX: usize = 4;
/// So many batches are remembered, of all people; those that ended first are forgotten first.
const KEPT_MAX: usize = 200;
/// So many different reasons for refusals are told; the others are counted together.
const REASONS_MAX: usize = 20;
/// So many newer runs are looked at for those that repeat one of the batch already.
const NEWER_MAX: usize = 50_000;
/// While the store refuses, a run of the batch is tried again after this pause, and so often.
const PAUSE: Duration = Duration::from_secs(1);
const TRIES_MAX: u32 = 60;

/// What the names of stored batches begin with; the identifier follows.
const STORED: &str = "batch ";
/// How far a batch is, is stored every so many runs.
const NOTED_EVERY: usize = 250;

/// What is done with each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchAction {
    /// The stored trigger outputs run again, with the flow's present version.
    Resubmit,
    /// Failed runs are taken up again at the action that failed.
    Resume,
    /// Runs that have not ended are cancelled.
    Cancel,
}

/// What to do with which runs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchForm {
    action: BatchAction,
    /// With which definition runs are resumed.
    #[serde(default)]
    version: ResumeVersion,
    /// These runs, at most 10,000.
    runs: Option<Vec<String>>,
    /// Instead of `runs`: the newest 10,000 runs that a list with this filter shows, as they are now.
    filter: Option<BatchFilter>,
    /// Runs that were resubmitted or resumed before are done once more; otherwise they are left out.
    #[serde(default)]
    again: bool,
}

/// Which runs, as `GET /api/runs` takes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchFilter {
    /// Only of this flow.
    flow: Option<String>,
    /// Only with one of these statuses, separated by commas; where not said, those with which the action is possible.
    status: Option<String>,
    /// Begun at this moment or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<String>,
    /// Begun before this moment.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<String>,
    /// A text in the summary, the trigger's name, the error, the identifier or what the trigger gave.
    q: Option<String>,
    /// Only those that failed for this cause, as `GET /api/runs/causes` names it.
    cause: Option<String>,
}

impl From<BatchFilter> for RunQuery {
    fn from(filter: BatchFilter) -> Self {
        let BatchFilter { flow, status, from, to, q, cause } = filter;
        Self { flow, status, kind: Some(hookmill_model::RunKind::Flow.to_string()), from, to, q, cause }
    }
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchStage {
    /// It works.
    Working,
    /// It has done all of its runs.
    Done,
    /// Somebody stopped it.
    Stopped,
}

/// Why some runs of a batch were not done.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
pub struct BatchRefusal {
    /// In words; `null` for all further reasons together.
    #[schema(required)]
    message: Option<String>,
    count: usize,
    /// One of the runs.
    run: String,
}

/// A batch of runs.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = RunBatch)]
pub struct BatchView {
    id: String,
    action: BatchAction,
    stage: BatchStage,
    /// The flow of all of its runs; `null` where they are of several.
    #[schema(required)]
    flow: Option<String>,
    made_at: Timestamp,
    #[schema(required)]
    ended_at: Option<Timestamp>,
    /// How many runs it has.
    total: usize,
    /// Begun again, or cancelled.
    done: usize,
    /// Left out, since they were repeated before.
    repeated: usize,
    /// Not possible; `refusals` says why.
    refused: usize,
    refusals: Vec<BatchRefusal>,
    /// More runs fit than a batch may have: the older ones are not in it.
    and_more: bool,
}

struct Batch {
    owner: UserId,
    view: BatchView,
    is_stopped: bool,
}

/// The batches that this process remembers.
#[derive(Default)]
pub(crate) struct Batches(Mutex<Vec<Batch>>);

/// A batch as it is stored.
#[derive(Deserialize, Serialize)]
struct StoredBatch {
    owner: UserId,
    /// The server that works on it, among others that share its store.
    #[serde(default)]
    node: Option<String>,
    view: BatchView,
    /// With the present version, where runs are resumed.
    is_now: bool,
    /// What it has to do, oldest first; of one that has ended nothing.
    runs: Vec<RunId>,
}

/// What became of one run of a batch.
enum Ended {
    Done,
    Refused(String),
    /// The server stops.
    Left,
}

impl Batches {
    fn all(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, id: &str, change: impl FnOnce(&mut Batch) -> T) -> Option<T> {
        self.all().iter_mut().find(|batch| batch.view.id == id).map(change)
    }

    fn is_stopped(&self, id: &str) -> bool {
        self.with(id, |batch| batch.is_stopped).unwrap_or(true)
    }

    /// Takes a batch on, unless its owner has too many under way.
    /// Gives the one that is forgotten for it.
    fn add(&self, owner: UserId, view: BatchView) -> Result<Option<String>, Problem> {
        let mut all = self.all();
        let is_working = |batch: &Batch| batch.view.stage == BatchStage::Working;
        if all.iter().filter(|batch| batch.owner == owner && is_working(batch)).count() >= UNDER_WAY_MAX {
            let detail = format!("{UNDER_WAY_MAX} batches of yours are working already.");
            let problem = Problem::new(StatusCode::CONFLICT, "not_possible", detail);
            return Err(problem.hint("Wait until one of them is done, or stop one."));
        }
        let mut forgotten = None;
        if all.len() >= KEPT_MAX {
            let Some(oldest) = all.iter().position(|batch| !is_working(batch)) else {
                let detail = "The server works on as many batches as it takes at the same time.";
                return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail));
            };
            forgotten = Some(all.remove(oldest).view.id);
        }
        all.push(Batch { owner, view, is_stopped: false });
        Ok(forgotten)
    }

    fn forget(&self, id: &str) {
        self.all().retain(|batch| batch.view.id != id);
    }

    fn note(&self, id: &str, run: RunId, ended: Ended) {
        self.with(id, |Batch { view, .. }| match ended {
            Ended::Done => view.done += 1,
            Ended::Left => {}
            Ended::Refused(message) => {
                view.refused += 1;
                let known = view.refusals.iter().position(|one| one.message.as_deref() == Some(&message));
                let others = view.refusals.iter().position(|one| one.message.is_none());
                match known.or(others.filter(|_| view.refusals.len() > REASONS_MAX)) {
                    Some(place) => view.refusals[place].count += 1,
                    None => {
                        let message = (view.refusals.len() < REASONS_MAX).then_some(message);
                        view.refusals.push(BatchRefusal { message, count: 1, run: run.to_string() });
                    }
                }
            }
        });
    }

    fn end(&self, id: &str, at: Timestamp) {
        self.with(id, |Batch { view, is_stopped, .. }| {
            let whole = view.done + view.repeated + view.refused >= view.total;
            view.stage = if *is_stopped || !whole { BatchStage::Stopped } else { BatchStage::Done };
            view.ended_at = Some(at);
        });
    }
}

/// The runs of a batch, oldest first, so that they are repeated in the order in which they came.
struct Chosen {
    runs: Vec<RunId>,
    flow: Option<FlowId>,
    and_more: bool,
}

async fn chosen(
    state: &ServerState,
    caller: &Caller,
    action: BatchAction,
    (runs, filter): (Option<Vec<String>>, Option<BatchFilter>),
) -> Result<Chosen, Problem> {
    let mut chosen = match (runs, filter.map(RunQuery::from)) {
        (Some(runs), None) => {
            if runs.len() > RUNS_MAX {
                let detail = format!("A batch has at most {RUNS_MAX} runs, not {}.", runs.len());
                return Err(Problem::bad("request_invalid", detail).at("/runs"));
            }
            let read = runs.iter().enumerate().map(|(place, run)| {
                let wrong =
                    || Problem::bad("request_invalid", format!("{run:?} is no run.")).at(&format!("/runs/{place}"));
                run.parse().map_err(|_| wrong())
            });
            let runs: Vec<RunId> = read.collect::<Result<_, _>>()?;
            // Only to say of which flow they are and to look for repetitions; whose they are is checked run by run.
            let flow = match runs.first() {
                Some(first) => state.store().run(*first).await?.map(|listed| listed.run.flow),
                None => None,
            };
            Chosen { runs, flow, and_more: false }
        }
        (None, Some(query)) => {
            let mut filter = filter_of(caller, &query)?;
            if filter.statuses.is_empty() {
                filter.statuses = match action {
                    BatchAction::Cancel => RunStatus::ALL.iter().copied().filter(|status| !status.is_final()).collect(),
                    BatchAction::Resume => vec![RunStatus::Failed, RunStatus::TimedOut, RunStatus::Cancelled],
                    BatchAction::Resubmit => Vec::new(),
                };
            }
            let (found, and_more) = causes::newest(state, &filter, query.cause.as_deref(), RUNS_MAX).await?;
            Chosen { runs: found.iter().map(|listed| listed.run.id).collect(), flow: filter.flow, and_more }
        }
        _ => {
            let problem = Problem::bad("request_invalid", "Send either \"runs\" or \"filter\".");
            return Err(
                problem.hint("\"runs\" lists identifiers; \"filter\" has the members that GET /api/runs takes.")
            );
        }
    };
    chosen.runs.sort_unstable();
    chosen.runs.dedup();
    if chosen.runs.is_empty() {
        return Err(Problem::new(StatusCode::CONFLICT, "not_possible", "No run fits, so there is nothing to do."));
    }
    Ok(chosen)
}

/// Those of the runs that a newer run repeats which was made at `since` or later.
async fn repeated(
    state: &ServerState,
    owner: UserId,
    chosen: &Chosen,
    since: Timestamp,
) -> Result<HashSet<RunId>, Problem> {
    let filter = RunFilter { flow: chosen.flow, from: causes::oldest_of(&chosen.runs), ..RunFilter::of(owner) };
    let (newer, _) = causes::newest(state, &filter, None, NEWER_MAX).await?;
    // Identifiers know the millisecond only in which they were made.
    let since = RunId::floor(since);
    let fits = newer.iter().filter(|listed| listed.run.id >= since);
    Ok(fits.filter_map(|listed| listed.run.resubmitted_from).collect())
}

/// Do something with many runs: the answer says how far that is, and so does the batch later
#[utoipa::path(post, path = "/api/run-batches", tag = "runs", request_body = BatchForm, responses((status = 202, body = BatchView)))]
pub async fn make_batch(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<BatchForm>,
) -> Result<(StatusCode, Json<BatchView>), Problem> {
    let BatchForm { action, version, runs, filter, again } = form;
    let mut chosen = chosen(&state, &caller, action, (runs, filter)).await?;
    let total = chosen.runs.len();
    if action != BatchAction::Cancel && !again {
        let repeated = repeated(&state, caller.user, &chosen, Timestamp::default()).await?;
        chosen.runs.retain(|run| !repeated.contains(run));
    }
    let id = state.runtime.new_id::<EventId>().to_string();
    let view = BatchView {
        id: format!("bat_{}", id.rsplit('_').next().unwrap_or_default()),
        action,
        stage: BatchStage::Working,
        flow: chosen.flow.map(|flow| flow.to_string()),
        made_at: state.runtime.now(),
        ended_at: None,
        total,
        done: 0,
        repeated: total - chosen.runs.len(),
        refused: 0,
        refusals: Vec::new(),
        and_more: chosen.and_more,
    };
    let work = Work { owner: caller.user, id: view.id.clone(), action, version, runs: chosen.runs };
    let forgotten = state.batches.add(caller.user, view.clone())?;
    if let Err(problem) = work.store(&state, forgotten).await {
        state.batches.forget(&view.id);
        return Err(problem);
    }
    tokio::spawn(work.all(state));
    Ok((StatusCode::ACCEPTED, Json(view)))
}

struct Work {
    owner: UserId,
    id: String,
    action: BatchAction,
    version: ResumeVersion,
    /// What it has to do, oldest first.
    runs: Vec<RunId>,
}

impl Work {
    /// Stores what the batch has to do and how far it is; the batch `forgotten` is not stored any more.
    async fn store(&self, state: &ServerState, forgotten: Option<String>) -> Result<(), Problem> {
        let Some(view) = state.batches.with(&self.id, |batch| batch.view.clone()) else { return Ok(()) };
        let is_over = view.stage != BatchStage::Working;
        let stored = StoredBatch {
            owner: self.owner,
            node: state.runtime.name_among_others().map(ToOwned::to_owned),
            is_now: matches!(self.version, ResumeVersion::Now),
            runs: if is_over { Vec::new() } else { self.runs.clone() },
            view,
        };
        let bytes = serde_json::to_vec(&stored).map_err(|error| Problem::internal(&error))?;
        let mut unit = Unit::from(Change::PutSetting(format!("{STORED}{}", self.id), bytes.into()));
        if let Some(forgotten) = forgotten {
            unit.push(Change::DeleteSetting(format!("{STORED}{forgotten}")));
        }
        state.store().commit(unit, Lane::Work).await?;
        Ok(())
    }

    async fn note(&self, state: &ServerState) {
        if let Err(problem) = self.store(state, None).await {
            tracing::warn!(batch = %self.id, problem = ?problem, "how far a batch is could not be stored");
        }
    }

    async fn all(self, state: ServerState) {
        let work = Arc::new(self);
        let mut left = work.runs.iter().copied();
        let mut since_noted = 0;
        let mut under_way: JoinSet<(RunId, Ended)> = JoinSet::new();
        loop {
            while under_way.len() < AT_ONCE && !state.batches.is_stopped(&work.id) && !*state.stopping.borrow() {
                let Some(run) = left.next() else { break };
                let (work, state) = (Arc::clone(&work), state.clone());
                under_way.spawn(async move { (run, work.one(&state, run).await) });
            }
            match under_way.join_next().await {
                Some(Ok((run, ended))) => {
                    state.batches.note(&work.id, run, ended);
                    since_noted += 1;
                    if since_noted >= NOTED_EVERY {
                        since_noted = 0;
                        work.note(&state).await;
                    }
                }
                Some(Err(error)) => tracing::error!(%error, batch = %work.id, "a run of a batch could not be done"),
                None => break,
            }
        }
        // The next start goes on with it.
        if *state.stopping.borrow() && !state.batches.is_stopped(&work.id) {
            return;
        }
        state.batches.end(&work.id, state.runtime.now());
        work.note(&state).await;
    }

    async fn one(&self, state: &ServerState, run: RunId) -> Ended {
        for _ in 0..TRIES_MAX {
            let done = match self.action {
                BatchAction::Resubmit => state.runtime.resubmit_run(self.owner, run).await,
                BatchAction::Resume => state.runtime.resume_run(self.owner, run, self.version.which()).await,
                BatchAction::Cancel => state.runtime.cancel_run(self.owner, run).await,
            };
            match done {
                Ok(_) => return Ended::Done,
                // Repeating what may be stored already would run it twice.
                Err(Error::Store(error)) if error.is_retryable() && !error.is_unknown() => {
                    if *state.stopping.borrow() || state.batches.is_stopped(&self.id) {
                        return Ended::Left;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Ended::Refused(error.sentence()),
            }
        }
        Ended::Refused("The store did not take it for a minute.".to_owned())
    }
}

/// Takes up the batches that an earlier process left. What cannot be read is told in the log and left alone.
pub(crate) async fn take_up(state: ServerState) {
    let stored = loop {
        match state.store().settings(STORED).await {
            Ok(stored) => break stored,
            Err(error) if error.is_retryable() && !*state.stopping.borrow() => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::error!(%error, "the batches of runs cannot be read");
                return;
            }
        }
    };
    let mut found = Vec::new();
    for (name, bytes) in stored {
        match hookmill_store::read(&name, &bytes, |bytes| serde_json::from_slice::<StoredBatch>(bytes)) {
            // Another server works on it, or will when it is started again.
            Ok(batch) if batch.node.as_deref() != state.runtime.name_among_others() => {}
            Ok(batch) => found.push(batch),
            Err(damaged) => tracing::error!(%damaged, "a batch of runs is not taken up"),
        }
    }
    found.sort_by(|one, other| (one.view.made_at, &one.view.id).cmp(&(other.view.made_at, &other.view.id)));
    for batch in found {
        take_up_one(&state, batch).await;
    }
}

async fn take_up_one(state: &ServerState, batch: StoredBatch) {
    let StoredBatch { owner, mut view, is_now, runs, .. } = batch;
    let is_working = view.stage == BatchStage::Working;
    let mut left = Chosen { runs, flow: None, and_more: false };
    if is_working {
        left.flow = view.flow.as_deref().and_then(|flow| flow.parse().ok());
        let total = left.runs.len();
        if view.action != BatchAction::Cancel {
            match repeated(state, owner, &left, view.made_at).await {
                Ok(repeated) => left.runs.retain(|run| !repeated.contains(run)),
                Err(problem) => {
                    tracing::error!(batch = %view.id, problem = ?problem, "a batch of runs is not taken up");
                    return;
                }
            }
        }
        // What was refused is refused once more, and counted anew.
        view.done = total - left.runs.len();
        (view.refused, view.refusals) = (0, Vec::new());
    }
    let (id, action) = (view.id.clone(), view.action);
    if state.batches.add(owner, view).is_err() {
        tracing::error!(batch = %id, "there are too many batches of runs to take this one up");
        return;
    }
    if is_working {
        let version = if is_now { ResumeVersion::Now } else { ResumeVersion::default() };
        tokio::spawn(Work { owner, id, action, version, runs: left.runs }.all(state.clone()));
    }
}

/// Your batches of runs, newest first
#[utoipa::path(get, path = "/api/run-batches", tag = "runs", responses((status = 200, body = Page<BatchView>)))]
pub async fn batches(caller: Caller, State(state): State<ServerState>) -> Json<Page<BatchView>> {
    let all = state.batches.all();
    Json(Page::whole(all.iter().rev().filter(|batch| batch.owner == caller.user).map(|batch| batch.view.clone())))
}

/// How far a batch is
#[utoipa::path(get, path = "/api/run-batches/{id}", tag = "runs", responses((status = 200, body = BatchView)))]
pub async fn batch(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<BatchView>, Problem> {
    let found = state.batches.with(&id, |batch| (batch.owner == caller.user).then(|| batch.view.clone())).flatten();
    found.map(Json).ok_or_else(missing)
}

/// Stop a batch: what is under way is finished, the rest is left as it is
#[utoipa::path(post, path = "/api/run-batches/{id}/stop", tag = "runs", responses((status = 202, body = BatchView)))]
pub async fn stop_batch(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<BatchView>), Problem> {
    let stopped = state.batches.with(&id, |batch| {
        (batch.owner == caller.user).then(|| {
            batch.is_stopped |= batch.view.stage == BatchStage::Working;
            batch.view.clone()
        })
    });
    stopped.flatten().map(|view| (StatusCode::ACCEPTED, Json(view))).ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::missing("batch").hint("The last 200 batches are remembered; the runs they began stay.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(id: &str, stage: BatchStage) -> BatchView {
        BatchView {
            id: id.to_owned(),
            action: BatchAction::Resubmit,
            stage,
            flow: None,
            made_at: Timestamp::from_millis(0),
            ended_at: None,
            total: 3,
            done: 0,
            repeated: 0,
            refused: 0,
            refusals: Vec::new(),
            and_more: false,
        }
    }

    fn person(number: u8) -> UserId {
        hookmill_model::Id::make(Timestamp::from_millis(i64::from(number)), [number; 10])
    }

    fn run() -> RunId {
        hookmill_model::Id::make(Timestamp::from_millis(1), [1; 10])
    }

    #[test]
    fn one_person_has_a_few_under_way_and_old_ones_are_forgotten() {
        let batches = Batches::default();
        for number in 0..UNDER_WAY_MAX {
            assert!(batches.add(person(1), view(&number.to_string(), BatchStage::Working)).is_ok());
        }
        assert!(batches.add(person(1), view("more", BatchStage::Working)).is_err());
        assert!(batches.add(person(2), view("of another", BatchStage::Working)).is_ok());
        for number in 0..2 * KEPT_MAX {
            assert!(batches.add(person(3), view(&format!("done {number}"), BatchStage::Done)).is_ok());
        }
        assert_eq!(batches.all().len(), KEPT_MAX);
        assert!(batches.with("0", |_| ()).is_some(), "what works is not forgotten");
    }

    #[test]
    fn refusals_are_counted_by_reason() {
        let batches = Batches::default();
        assert!(batches.add(person(1), view("a", BatchStage::Working)).is_ok());
        batches.note("a", run(), Ended::Done);
        for number in 0..2 * REASONS_MAX {
            batches.note("a", run(), Ended::Refused(format!("reason {number}")));
            batches.note("a", run(), Ended::Refused("the same".to_owned()));
        }
        let told = batches.with("a", |batch| batch.view.clone()).unwrap();
        assert_eq!((told.done, told.refused), (1, 4 * REASONS_MAX));
        assert_eq!(told.refusals.len(), REASONS_MAX + 1);
        assert_eq!(told.refusals.iter().map(|one| one.count).sum::<usize>(), told.refused);
        let same = told.refusals.iter().find(|one| one.message.as_deref() == Some("the same")).unwrap();
        assert_eq!(same.count, 2 * REASONS_MAX);
        batches.end("a", Timestamp::from_millis(2));
        assert_eq!(batches.with("a", |batch| batch.view.stage), Some(BatchStage::Done));
    }
}
