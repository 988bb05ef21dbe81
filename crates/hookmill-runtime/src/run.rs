//! One task per active run: input → decision → commit → commands. What was not committed did not happen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hookmill_engine::history::RunHistory;
use hookmill_engine::{
    Command, EffectId, Environment, Fact, Input, Performed, RunState, decide, pending, subscription,
};
use hookmill_model::{RunId, RunKind, RunStatus, UserId, Value};
use hookmill_store::{Change, Flow, Lane, Run, RunError, RunListed, RunUpdate, Unit};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::dispatch::EPOCH;
use crate::live::LiveKind;
use crate::plans::Version;
use crate::{Answer, Error, Runtime, locked};

/// Inputs from people and services that wait for a run.
const MESSAGES_MAX: usize = 64;
/// The wait before a commit that failed for a reason that may pass is tried again.
const COMMIT_WAIT: Duration = Duration::from_secs(1);

/// An input from outside of the run's own task; `done` hears whether it changed anything, after the commit.
pub(crate) struct Message {
    pub input: Input,
    pub done: oneshot::Sender<bool>,
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

pub(crate) fn run_error(state: &RunState) -> Option<RunError> {
    state.error().map(|error| RunError { code: error.code.to_string(), message: error.message.to_string(), hint: None })
}

enum Happened {
    Input(Input, Option<oneshot::Sender<bool>>),
    Stopped,
}

impl Runtime {
    /// Takes up all runs that have not ended.
    pub(crate) async fn recover_runs(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let runs = self.0.store.active_runs(after, 500).await?;
            let Some(last) = runs.last() else { return Ok(()) };
            after = Some(last.id);
            for run in runs.into_iter().filter(|run| run.kind == RunKind::Flow) {
                if let Err(error) = self.recover(run.clone()).await {
                    tracing::error!(run = %run.id, %error, "a run cannot be taken up again");
                }
            }
        }
    }

    async fn recover(&self, run: Run) -> Result<(), Error> {
        let flow = self.0.store.flow(run.flow).await?.ok_or_else(|| Error::not_found("flow", run.flow))?;
        let version = self.version(run.flow, run.version).await?;
        match self.fold(run.id).await {
            Ok(state) => {
                self.activate(Active { run, version, flow }, state, true);
                Ok(())
            }
            Err(Error::Store(error)) => Err(error.into()),
            Err(error) => self.set_aside(run.id, &error.to_string()).await,
        }
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
        self.0.store.commit(Unit::from(Change::UpdateRun { run, epoch: EPOCH, update }), Lane::Work).await?;
        Ok(())
    }

    pub(crate) fn activate(&self, active: Active, state: RunState, recovered: bool) {
        let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
        locked(&self.0.runs).insert(active.run.id, sender);
        let runtime = self.clone();
        tokio::spawn(async move {
            let id = active.run.id;
            let slots = Arc::clone(&runtime.0.slots);
            if let Ok(slot) = slots.acquire_owned().await {
                if let Err(error) = Box::pin(runtime.drive(active, state, receiver, recovered)).await {
                    tracing::error!(run = %id, %error, "a run stopped; it is taken up at the next start");
                }
                drop(slot);
            }
            locked(&runtime.0.runs).remove(&id);
        });
    }

    /// Gives an input to an active run, and hears after the commit whether it changed anything; `None` where the run
    /// is not active.
    pub(crate) async fn tell(&self, run: RunId, input: Input) -> Result<Option<bool>, Error> {
        let sender = locked(&self.0.runs).get(&run).cloned();
        let Some(sender) = sender else { return Ok(None) };
        let (done, heard) = oneshot::channel();
        if sender.send(Message { input, done }).await.is_err() {
            return Ok(None);
        }
        Ok(heard.await.ok())
    }

    async fn drive(
        &self,
        mut active: Active,
        mut state: RunState,
        mut receiver: mpsc::Receiver<Message>,
        recovered: bool,
    ) -> Result<(), Error> {
        let mut stopped = self.stopped();
        let mut in_flight: JoinSet<(EffectId, Performed)> = JoinSet::new();
        let mut known: BTreeSet<EffectId> = BTreeSet::new();
        let mut next = recovered.then_some(Input::Recovered);
        loop {
            let (input, done) = match next.take() {
                Some(input) => (input, None),
                None => match self.wait(&active, &state, &mut in_flight, &mut known, &mut receiver, &mut stopped).await
                {
                    Happened::Input(input, done) => (input, done),
                    Happened::Stopped => return Ok(()),
                },
            };
            let before = state.facts();
            let key = self.0.vault.derive("action callbacks");
            let base = format!("{}/callback/", self.0.config.public_url);
            let environment = Environment { now: self.now(), callback_base: &base, callback_key: &key[..] };
            let facts = match decide(&active.version.plan, &mut state, environment, input) {
                Ok(facts) => facts,
                Err(fault) => return self.set_aside(active.run.id, &fault.to_string()).await,
            };
            if facts.is_empty() {
                if let Some(done) = done {
                    let _ = done.send(false);
                }
                continue;
            }
            let update = if state.status().is_final() {
                RunUpdate::ended(state.status(), self.now(), run_error(&state))
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
                    next = Some(Input::Recovered);
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
                return Ok(());
            }
        }
    }

    /// Hands out what is pending and waits for the next thing that happens.
    async fn wait(
        &self,
        active: &Active,
        state: &RunState,
        in_flight: &mut JoinSet<(EffectId, Performed)>,
        known: &mut BTreeSet<EffectId>,
        receiver: &mut mpsc::Receiver<Message>,
        stopped: &mut tokio::sync::watch::Receiver<bool>,
    ) -> Happened {
        let mut wake = None;
        for command in pending(&active.version.plan, state) {
            match command {
                Command::Perform { effect, request } => {
                    if known.insert(effect.clone()) {
                        let runtime = self.clone();
                        let flow = active.flow.clone();
                        in_flight.spawn(async move {
                            let performed = Box::pin(runtime.perform(&flow, &effect, &request)).await;
                            (effect, performed)
                        });
                    }
                }
                Command::WakeAt(at) => wake = Some(at),
                Command::Continue => return Happened::Input(Input::Tick, None),
            }
        }
        let sleep = wake.map(|at| at.since(self.now()));
        tokio::select! {
            _ = stopped.changed() => Happened::Stopped,
            Some(ended) = in_flight.join_next(), if !in_flight.is_empty() => match ended {
                Ok((effect, performed)) => Happened::Input(Input::EffectEnded { effect, performed: Box::new(performed) }, None),
                Err(error) => {
                    tracing::error!(run = %active.run.id, %error, "a request ended in a panic; it is handed out again");
                    known.clear();
                    Happened::Input(Input::Recovered, None)
                }
            },
            message = receiver.recv() => match message {
                Some(message) => Happened::Input(message.input, Some(message.done)),
                None => Happened::Stopped,
            },
            () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => Happened::Input(Input::Tick, None),
        }
    }

    /// Tells the caller of the trigger what the flow answered, once it did.
    pub(crate) fn answer_waiters(&self, active: &Active, state: &RunState) {
        let Some(event) = active.run.event else { return };
        let answer = match state.response() {
            Some(response) => Answer::Response(response.clone()),
            None if state.status().is_final() => Answer::NoResponse,
            None => return,
        };
        if let Some(waiter) = locked(&self.0.waiters).remove(&event) {
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
