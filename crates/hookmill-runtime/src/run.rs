//! One task per active run: input → decision → commit → commands. What was not committed did not happen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookmill_definition::Plan;
use hookmill_engine::history::RunHistory;
use hookmill_engine::{
    Command, Culprit, EffectId, Environment, Fact, Input, Performed, RunState, culprit, pending, refusal, subscription,
};
use hookmill_model::{FlowId, RunId, RunKind, RunStatus, Timestamp, UserId, Value};
use hookmill_store::{Change, Flow, Lane, Run, RunError, RunListed, RunUpdate, StoreError, TimerKey, Unit};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::dispatch::EPOCH;
use crate::gates::is_counted;
use crate::guard::{caught, decided};
use crate::live::LiveKind;
use crate::perform::Call;
use crate::plans::Version;
use crate::{Answer, Error, Runtime, locked};

/// Inputs from people and services that wait for a run.
const MESSAGES_MAX: usize = 64;
/// A run that leaves the memory while it is told something is told again.
const TELL_TRIES: usize = 10;
/// The wait before a commit that failed for a reason that may pass is tried again.
const COMMIT_WAIT: Duration = Duration::from_secs(1);
/// How long a waiting run stays in memory when there is little room.
const PARK_CROWDED: Duration = Duration::from_secs(1);
/// How often it is looked whether there is room.
const ROOM_WAIT: Duration = Duration::from_millis(250);
/// A run that is held stays in memory so long after it was told something.
const HELD_WAIT: Duration = Duration::from_secs(1);

/// An input from outside of the run's own task; `done` hears whether it changed anything, after the commit.
pub(crate) struct Message {
    pub input: Input,
    pub done: Option<oneshot::Sender<bool>>,
}

impl From<Input> for Message {
    fn from(input: Input) -> Self {
        Self { input, done: None }
    }
}

/// Requests that wait for a child flow. Their runs do not count as what fills the memory: the children need room.
#[derive(Default)]
pub(crate) struct Parents(AtomicUsize);

/// One of them, until it is dropped.
pub(crate) struct ParentWaits<'a>(&'a Parents);

impl Parents {
    pub fn wait(&self) -> ParentWaits<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        ParentWaits(self)
    }
}

impl Drop for ParentWaits<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A run with everything its task needs.
pub(crate) struct Active {
    pub run: Run,
    pub version: Arc<Version>,
    pub flow: Flow,
}

/// A run as people see it.
#[derive(Clone, Debug)]
pub struct RunView {
    /// The summary.
    pub listed: RunListed,
    /// What happened inside; `None` for the creation and deletion of webhooks.
    pub history: Option<RunHistory>,
    /// The exchange with the service, for the creation and deletion of webhooks.
    pub exchange: Option<Exchange>,
    /// The definition that it ran.
    pub definition: Option<Value>,
}

/// A request and its answer, secrets redacted.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// `{method, uri, headers, body}`
    pub request: Value,
    /// `{statusCode, headers, body?}`, or `{error: {code, message}}` without an answer.
    pub response: Value,
}

/// Why a run failed, for lists: the engine says that an action did, people want to know which one and why.
pub(crate) fn run_error(plan: &Plan, state: &RunState) -> Option<RunError> {
    let error = state.error()?;
    let code = error.code.to_string();
    let message = match culprit(plan, state).filter(|_| code == "ActionFailed") {
        Some(Culprit::Action(name, record)) => {
            let is_secure = plan.find(name).is_none_or(|index| plan.actions[index].options.secure_outputs);
            let answer = record.outputs.as_ref().filter(|_| !is_secure).and_then(refusal);
            let why = record.error.as_ref().map(|error| error.message.to_string()).or(answer);
            format!("{} failed: {}", name.replace('_', " "), why.unwrap_or_else(|| record.code.to_string()))
        }
        Some(Culprit::Inside(name)) => format!("An action in \"{}\" failed.", name.replace('_', " ")),
        None => error.message.to_string(),
    };
    Some(RunError { code, message, hint: None })
}

/// How a run leaves its task.
enum Left {
    /// It has ended.
    Ended,
    /// It goes on at the next start, from its journal.
    Open,
    /// It left the memory, and may be back in another task already.
    Parked,
}

enum Happened {
    Input(Message),
    /// Nothing before this moment, which is far.
    Far(Timestamp),
    Stopped,
}

impl Runtime {
    /// Takes up all runs that have not ended.
    pub(crate) async fn recover_runs(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let runs = self.0.store.active_runs(after, 500).await?;
            let Some(last) = runs.last() else { break };
            after = Some(last.id);
            for run in runs.into_iter().filter(|run| run.kind == RunKind::Flow) {
                let id = run.id;
                if let Err(error) = self.recover(run).await {
                    tracing::error!(run = %id, %error, "a run cannot be taken up again");
                }
            }
        }
        for flow in self.0.gates.waiting_flows() {
            self.release_waiting(flow);
        }
        Ok(())
    }

    async fn recover(&self, run: Run) -> Result<(), Error> {
        let version = match self.version(run.flow, run.version).await {
            Ok(version) => version,
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => return self.set_aside(run.id, &error.to_string()).await,
        };
        let held = run.status == RunStatus::Waiting;
        if version.plan.triggers.first().is_some_and(is_counted) {
            self.0.gates.restore(run.flow, run.id, held);
        }
        let parked = self.0.store.timer(TimerKey::Run(run.id)).await?.is_some_and(|at| at > self.now());
        if held || parked {
            return Ok(());
        }
        self.take_up(run, Some(Input::Recovered.into())).await.map(drop)
    }

    /// Folds a run and lets it go on with an input; `false` where it goes on already, or cannot.
    async fn take_up(&self, run: Run, first: Option<Message>) -> Result<bool, Error> {
        let id = run.id;
        let folded = async {
            let flow = self.0.store.flow(run.flow).await?.ok_or_else(|| Error::not_found("flow", run.flow))?;
            let version = self.version(run.flow, run.version).await?;
            let state = self.fold(id).await?;
            Ok((Active { run, version, flow }, state))
        };
        match caught(folded).await.unwrap_or_else(|why| Err(Error::Internal(why))) {
            Ok((active, state)) => Ok(self.activate(active, state, first, true)),
            Err(Error::Store(error)) => Err(error.into()),
            // Whatever else is wrong would be wrong again.
            Err(error) => self.set_aside(id, &error.to_string()).await.map(|()| false),
        }
    }

    /// Takes a run into memory that waits outside of it, with something to tell it; `false` where it has ended.
    ///
    /// What is told is dropped where the run is in memory already.
    pub(crate) async fn wake_run(&self, id: RunId, first: Option<Message>) -> Result<bool, Error> {
        let listed = self.0.store.run(id).await?.filter(|listed| !listed.run.status.is_final());
        let Some(listed) = listed.filter(|listed| listed.run.kind == RunKind::Flow) else {
            self.set_timer(TimerKey::Run(id), None).await?;
            return Ok(false);
        };
        if !locked(&self.0.runs).contains_key(&id) {
            self.take_up(listed.run, first).await?;
        }
        Ok(true)
    }

    /// Lets runs begin that waited for others of their trigger to end.
    pub(crate) fn release_waiting(&self, flow: FlowId) {
        let runtime = self.clone();
        tokio::spawn(async move {
            if let Err(error) = Box::pin(runtime.release(flow)).await {
                tracing::error!(%flow, %error, "a waiting run cannot begin now");
            }
        });
    }

    async fn release(&self, id: FlowId) -> Result<(), Error> {
        let Some(flow) = self.0.store.flow(id).await? else { return Ok(()) };
        let version = self.version(id, flow.version).await?;
        let limit = version.plan.triggers.first().and_then(|trigger| trigger.concurrency);
        while let Some(run) = self.0.gates.release(id, limit) {
            // Told, since somebody may have taken it into memory to ask or cancel it.
            if self.tell(run, Input::Released).await?.is_none() {
                self.0.gates.leave(id, run);
            }
        }
        Ok(())
    }

    async fn fold(&self, run: RunId) -> Result<RunState, Error> {
        let facts = self.facts(run).await?;
        RunState::fold(&facts).map_err(|fault| Error::Internal(fault.to_string()))
    }

    pub(crate) async fn facts(&self, run: RunId) -> Result<Vec<Fact>, Error> {
        let stored = self.0.store.run_facts(run, 0).await?;
        stored
            .iter()
            .map(|bytes| {
                Fact::decode(bytes)
                    .map_err(|error| Error::Internal(format!("the journal of {run} is damaged: {error}")))
            })
            .collect()
    }

    /// A run that meets an impossible state keeps its facts and is left alone.
    async fn set_aside(&self, run: RunId, why: &str) -> Result<(), Error> {
        tracing::error!(%run, why, "a run is set aside");
        let error = RunError {
            code: "run_faulted".to_owned(),
            message: why.to_owned(),
            hint: Some("Resubmit the run, and report this.".to_owned()),
        };
        let update = RunUpdate::ended(RunStatus::Faulted, self.now(), Some(error));
        let unit = Unit::from(Change::UpdateRun { run, epoch: EPOCH, update });
        self.0.store.commit(unit.with(Change::ClearTimer(TimerKey::Run(run))), Lane::Work).await?;
        if let Some(waiter) = locked(&self.0.waiters).remove(&run) {
            let _ = waiter.send(Answer::NoResponse);
        }
        Ok(())
    }

    /// Waits until a further run may come into memory, where `coming` are on their way into it.
    pub(crate) async fn wait_for_room(&self, coming: impl Fn() -> usize + Send + Sync) {
        loop {
            let left = self.0.room.notified();
            let waiting = self.0.parents.0.load(Ordering::Relaxed);
            if (self.runs_in_memory() + coming()).saturating_sub(waiting) < self.0.config.active_runs_max {
                return;
            }
            // Nothing is lost where a message is: it is looked again.
            let _ = tokio::time::timeout(ROOM_WAIT, left).await;
        }
    }

    /// Where there is little room, runs leave the memory that wait for more than a moment.
    fn park_after(&self) -> Duration {
        let is_crowded = self.runs_in_memory() * 4 > self.0.config.active_runs_max * 3;
        if is_crowded { PARK_CROWDED.min(self.0.config.park_after) } else { self.0.config.park_after }
    }

    /// Lets a run go on in a task of its own, with an input before all others; `false` where it has one.
    ///
    /// The task owns the run's timer: only it sets it when it parks the run, and clears it when it `was_parked`, so
    /// that neither can overtake the other.
    pub(crate) fn activate(&self, active: Active, state: RunState, first: Option<Message>, was_parked: bool) -> bool {
        let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
        {
            let mut runs = locked(&self.0.runs);
            if runs.contains_key(&active.run.id) {
                return false;
            }
            runs.insert(active.run.id, sender);
        }
        let runtime = self.clone();
        tokio::spawn(async move {
            let (id, flow) = (active.run.id, active.run.flow);
            let counted = active.version.plan.triggers.first().is_some_and(is_counted);
            let mut ended = true;
            // A timer that cannot be cleared now is found due once more, and cleared then.
            if was_parked && let Err(error) = runtime.set_timer(TimerKey::Run(id), None).await {
                tracing::warn!(run = %id, %error, "the timer of a run that goes on cannot be cleared");
            }
            match caught(Box::pin(runtime.drive(active, state, receiver, first))).await {
                Ok(Ok(Left::Ended)) => {}
                Ok(Ok(Left::Open)) => ended = false,
                // Its entry is gone already, or belongs to the task that took it up again.
                Ok(Ok(Left::Parked)) => return,
                Ok(Err(Error::Internal(why))) | Err(why) => {
                    if let Err(error) = runtime.set_aside(id, &why).await {
                        tracing::error!(run = %id, %error, "a run cannot be set aside now; the next start tries again");
                    }
                }
                Ok(Err(error)) => {
                    tracing::error!(run = %id, %error, "a run stopped; it is taken up at the next start");
                }
            }
            locked(&runtime.0.runs).remove(&id);
            runtime.0.room.notify_waiters();
            if counted && ended {
                runtime.0.gates.leave(flow, id);
                runtime.release_waiting(flow);
            }
        });
        true
    }

    /// Gives an input to a run, and hears after the commit whether it changed anything; `None` where it has ended.
    pub(crate) async fn tell(&self, run: RunId, input: Input) -> Result<Option<bool>, Error> {
        // A run that comes into memory or leaves it at this moment is told again.
        for _ in 0..TELL_TRIES {
            let (done, heard) = oneshot::channel();
            let message = Message { input: input.clone(), done: Some(done) };
            let sender = locked(&self.0.runs).get(&run).cloned();
            match sender {
                Some(sender) => drop(sender.send(message).await),
                None if self.wake_run(run, Some(message)).await? => {}
                None => return Ok(None),
            }
            if let Ok(changed) = heard.await {
                return Ok(Some(changed));
            }
            tokio::task::yield_now().await;
        }
        Ok(None)
    }

    async fn drive(
        &self,
        mut active: Active,
        mut state: RunState,
        mut receiver: mpsc::Receiver<Message>,
        first: Option<Message>,
    ) -> Result<Left, Error> {
        let mut stopped = self.stopped();
        let mut in_flight: JoinSet<(EffectId, Performed)> = JoinSet::new();
        let mut known: BTreeSet<EffectId> = BTreeSet::new();
        // What may have been performed before, by a process that died or a commit that failed.
        let mut again: BTreeSet<EffectId> = BTreeSet::new();
        let mut refolded = false;
        let mut next = first;
        loop {
            let Message { input, done } = match next.take() {
                Some(message) => message,
                None => match self
                    .wait(&active, &state, &mut in_flight, (&mut known, &again), &mut receiver, &mut stopped)
                    .await
                {
                    Happened::Input(message) => message,
                    Happened::Stopped => return Ok(Left::Open),
                    Happened::Far(at) => match self.park(active.run.id, at, &mut receiver).await? {
                        None => return Ok(Left::Parked),
                        Some(message) => message,
                    },
                },
            };
            if matches!(input, Input::Recovered) {
                again.extend(pending(&active.version.plan, &state).into_iter().filter_map(|command| match command {
                    Command::Perform { effect, .. } => Some(effect),
                    _ => None,
                }));
            }
            let before = state.facts();
            let key = self.0.vault.derive("action callbacks");
            let base = format!("{}/callback/", self.0.config.hooks_url());
            let environment = Environment { now: self.now(), callback_base: &base, callback_key: &key[..] };
            let facts = decided(&active.version.plan, &mut state, environment, input).map_err(Error::Internal)?;
            if facts.is_empty() {
                if let Some(done) = done {
                    let _ = done.send(false);
                }
                continue;
            }
            let update = if state.status().is_final() {
                RunUpdate::ended(state.status(), self.now(), run_error(&active.version.plan, &state))
            } else if facts.iter().any(|fact| matches!(fact, Fact::Released { .. })) {
                RunUpdate { started_at: Some(self.now()), ..RunUpdate::status(RunStatus::Running) }
            } else {
                RunUpdate::default()
            };
            let encoded = facts.iter().map(Fact::encode).collect();
            let change = Change::AppendFacts { run: active.run.id, epoch: EPOCH, from: before, facts: encoded, update };
            match self.0.store.commit(Unit::from(change), Lane::Work).await {
                Ok(_) => {}
                Err(error) if error.is_retryable() || error.is_unknown() => {
                    tracing::warn!(run = %active.run.id, %error, "a commit failed; the run is folded anew");
                    tokio::time::sleep(COMMIT_WAIT).await;
                    state = self.fold(active.run.id).await?;
                    in_flight = JoinSet::new();
                    known.clear();
                    next = Some(Input::Recovered.into());
                    continue;
                }
                // Folded while another task had the run, which has left the memory since: whoever sent the input
                // hears nothing and sends it again.
                Err(StoreError::Conflict { .. }) if !refolded => {
                    refolded = true;
                    state = self.fold(active.run.id).await?;
                    in_flight = JoinSet::new();
                    known.clear();
                    next = Some(Input::Recovered.into());
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            if let Some(done) = done {
                let _ = done.send(true);
            }
            self.answer_waiters(&active, &state);
            if state.status().is_final() {
                active.run.status = state.status();
                let (id, flow) = (active.run.id.to_string(), active.run.flow.to_string());
                self.0.live.publish(active.run.owner, LiveKind::Run, id, Some(flow), Some(state.status().as_str()));
                return Ok(Left::Ended);
            }
        }
    }

    /// Takes a run out of memory until a timer wakes it. Gives a message that came at this moment: then it stays.
    async fn park(
        &self,
        id: RunId,
        at: Timestamp,
        receiver: &mut mpsc::Receiver<Message>,
    ) -> Result<Option<Message>, Error> {
        self.set_timer(TimerKey::Run(id), Some(at)).await?;
        let message = self.unlist(id, receiver);
        if message.is_some() {
            self.set_timer(TimerKey::Run(id), None).await?;
        }
        Ok(message)
    }

    /// Ends a run's place in memory, unless a message came before: then it keeps one, with the further messages.
    fn unlist(&self, id: RunId, receiver: &mut mpsc::Receiver<Message>) -> Option<Message> {
        // Under the lock, so that nobody takes the run up while it is not sure that it leaves.
        let mut runs = locked(&self.0.runs);
        receiver.close();
        let Ok(message) = receiver.try_recv() else {
            runs.remove(&id);
            self.0.room.notify_waiters();
            return None;
        };
        let (sender, fresh) = mpsc::channel(MESSAGES_MAX);
        let mut old = std::mem::replace(receiver, fresh);
        while let Ok(further) = old.try_recv() {
            // The channel is as large as the old one, so there is room.
            let _ = sender.try_send(further);
        }
        runs.insert(id, sender);
        Some(message)
    }

    /// Hands out what is pending and waits for the next thing that happens.
    async fn wait(
        &self,
        active: &Active,
        state: &RunState,
        in_flight: &mut JoinSet<(EffectId, Performed)>,
        (known, again): (&mut BTreeSet<EffectId>, &BTreeSet<EffectId>),
        receiver: &mut mpsc::Receiver<Message>,
        stopped: &mut tokio::sync::watch::Receiver<bool>,
    ) -> Happened {
        let mut wake = None;
        for command in pending(&active.version.plan, state) {
            match command {
                Command::Perform { effect, request } => {
                    if known.insert(effect.clone()) {
                        let call = Call {
                            flow: active.flow.clone(),
                            version: Arc::clone(&active.version),
                            begun_at: state.effect_begun_at(&effect).unwrap_or_default(),
                            again: again.contains(&effect),
                            effect,
                        };
                        let runtime = self.clone();
                        in_flight.spawn(async move {
                            let performed = Box::pin(runtime.perform(&call, &request)).await;
                            (call.effect, performed)
                        });
                    }
                }
                Command::WakeAt(at) => wake = Some(at),
                Command::Continue => return Happened::Input(Input::Tick.into()),
            }
        }
        if let Some(at) = wake
            && in_flight.is_empty()
            && receiver.is_empty()
            && at.since(self.now()) > self.park_after()
        {
            return Happened::Far(at);
        }
        tokio::select! {
            _ = stopped.changed() => Happened::Stopped,
            () = tokio::time::sleep(HELD_WAIT), if state.is_held() => Happened::Stopped,
            Some(ended) = in_flight.join_next(), if !in_flight.is_empty() => match ended {
                Ok((effect, performed)) => Happened::Input(Input::EffectEnded { effect, performed: Box::new(performed) }.into()),
                // `perform` lets no panic through, so this is the end of the process.
                Err(_) => Happened::Stopped,
            },
            message = receiver.recv() => match message {
                Some(message) => Happened::Input(message),
                None => Happened::Stopped,
            },
            () = self.0.config.clock.sleep_until(wake.unwrap_or_default()), if wake.is_some() => Happened::Input(Input::Tick.into()),
        }
    }

    /// Tells the caller of the trigger what the flow answered, once it did.
    pub(crate) fn answer_waiters(&self, active: &Active, state: &RunState) {
        let answer = match state.response() {
            Some(response) => Answer::Response(response.clone()),
            None if state.status().is_final() => Answer::NoResponse,
            None => return,
        };
        if let Some(waiter) = locked(&self.0.waiters).remove(&active.run.id) {
            let _ = waiter.send(answer);
        }
    }

    pub(crate) async fn own_run(&self, owner: UserId, run: RunId) -> Result<RunListed, Error> {
        let listed = self.0.store.run(run).await?.filter(|listed| listed.run.owner == owner);
        listed.ok_or_else(|| Error::not_found("run", run))
    }

    /// A run with everything that happened in it.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn run_view(&self, owner: UserId, run: RunId) -> Result<RunView, Error> {
        let listed = self.own_run(owner, run).await?;
        if listed.run.kind != RunKind::Flow {
            let mut exchange = None;
            for bytes in self.0.store.run_facts(run, 0).await? {
                let performed = match subscription::Fact::decode(&bytes) {
                    Ok(subscription::Fact::CreationEnded { performed, .. }) => Some(performed),
                    Ok(subscription::Fact::DeletionEnded { performed, .. }) => performed,
                    _ => None,
                };
                if let Some(performed) = performed {
                    exchange = Some(crate::perform::exchange(&performed));
                }
            }
            return Ok(RunView { listed, history: None, exchange, definition: None });
        }
        let facts = self.facts(run).await?;
        let definition = self.0.store.flow_version(listed.run.flow, listed.run.version).await?;
        let definition = definition.and_then(|version| Value::from_json(&version.definition).ok());
        Ok(RunView { history: Some(RunHistory::read(&facts)), exchange: None, definition, listed })
    }

    /// Cancels a run.
    ///
    /// # Errors
    /// There is none of this owner, or it has ended.
    pub async fn cancel_run(&self, owner: UserId, run: RunId) -> Result<RunId, Error> {
        let listed = self.own_run(owner, run).await?;
        if listed.run.status.is_final() {
            return Err(Error::NotPossible(format!("The run has ended: {}.", listed.run.status)));
        }
        match self.tell(run, Input::CancelRequested).await? {
            Some(true) => Ok(run),
            _ => Err(Error::NotPossible("The run cannot be cancelled now.".to_owned())),
        }
    }
}
