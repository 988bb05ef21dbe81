//! Runs as people see them, and what people do with them.

use hookmill_engine::history::RunHistory;
use hookmill_engine::{Culprit, Fact, Input, RunState, culprit, refusal, subscription};
use hookmill_http::Redactor;
use hookmill_model::{FlowId, RunId, RunKind, UserId, Value};
use hookmill_store::{RunError, RunListed};

use crate::places::WaitingFor;
use crate::plans::Version;
use crate::{Error, Runtime};

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
    /// For which services requests of the run wait.
    pub waiting_for: Vec<WaitingFor>,
}

/// A request and its answer, secrets redacted.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// `{method, uri, headers, body}`
    pub request: Value,
    /// `{statusCode, headers, body?}`, or `{error: {code, message}}` without an answer.
    pub response: Value,
}

/// Why a run failed, for lists: the engine says that an action did, people want to know which one and why. Without the
/// flow's secrets, which messages may repeat.
pub(crate) fn run_error(version: &Version, state: &RunState) -> Option<RunError> {
    let plan = &version.plan;
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
    let secrets = version.secrets.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let message = Redactor::new(secrets).text(&message).into_owned();
    Some(RunError { code, message, hint: None })
}

fn decoded(run: RunId, stored: &[bytes::Bytes]) -> Result<Vec<Fact>, Error> {
    let read = |bytes: &bytes::Bytes| {
        Fact::decode(bytes).map_err(|error| Error::Internal(format!("the journal of {run} is damaged: {error}")))
    };
    stored.iter().map(read).collect()
}

impl Runtime {
    /// The state of a run, and the bytes of its journal.
    pub(crate) async fn fold(&self, run: RunId) -> Result<(RunState, usize), Error> {
        let stored = self.0.store.run_facts(run, 0).await?;
        let bytes = stored.iter().map(bytes::Bytes::len).sum();
        let state = RunState::fold(&decoded(run, &stored)?).map_err(|fault| Error::Internal(fault.to_string()))?;
        Ok((state, bytes))
    }

    pub(crate) async fn facts(&self, run: RunId) -> Result<Vec<Fact>, Error> {
        decoded(run, &self.0.store.run_facts(run, 0).await?)
    }

    /// For which services requests of a flow wait.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn flow_waits_for(&self, owner: UserId, flow: FlowId) -> Result<Vec<WaitingFor>, Error> {
        let flow = self.own_flow(owner, flow).await?;
        Ok(self.0.places.waiting_for(flow.id))
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
            return Ok(RunView { listed, history: None, exchange, definition: None, waiting_for: Vec::new() });
        }
        let facts = self.facts(run).await?;
        let (visible, definition) = self.visible(listed.run.flow, listed.run.version).await?;
        Ok(RunView {
            history: Some(visible.history(RunHistory::read(&facts))),
            exchange: None,
            definition: Some(visible.definition(&definition)),
            waiting_for: self.0.places.run_waits_for(run),
            listed,
        })
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
