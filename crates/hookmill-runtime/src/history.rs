//! Runs as people see them, and what people do with them.

use hookmill_engine::history::RunHistory;
use hookmill_engine::{Culprit, Fact, Input, RunState, culprit, refusal, subscription};
use hookmill_model::{FlowId, RunId, RunKind, UserId, Value};
use hookmill_store::{Damaged, Event, RunError, RunListed};

use crate::budget::{Room, SMALL_BYTES};
use crate::cores;
use crate::event_body::referred_body;
use crate::intake::event_of;
use crate::places::WaitingFor;
use crate::plans::Version;
use crate::queue::PARSED_FACTOR;
use crate::visible::list_redactor;
use crate::{Error, Runtime};

/// Reading a journal of at most so many bytes is short work.
const SHORT_BYTES_MAX: usize = 256 * 1_024;
/// About so many bytes of a journal are read at a time.
const PAGE_BYTES: usize = 512 * 1_024;

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
/// flow's secrets and the caller's, which messages may repeat.
pub(crate) fn run_error(version: &Version, state: &RunState) -> Option<RunError> {
    let plan = &version.plan;
    let error = state.error()?;
    let code = error.code.to_string();
    let redactor = list_redactor(version, state.trigger());
    let message = match culprit(plan, state).filter(|_| code == "ActionFailed") {
        Some(Culprit::Action(name, record)) => {
            let is_secure = plan.find(name).is_none_or(|index| plan.actions[index].options.secure_outputs);
            // What an answer says is cut, so its secrets are taken out before.
            let shown = |outputs: &Value| redactor.as_ref().map_or_else(|| outputs.clone(), |own| own.value(outputs));
            let answer = record.outputs.as_ref().filter(|_| !is_secure).map(shown).as_ref().and_then(refusal);
            let why = record.error.as_ref().map(|error| error.message.to_string()).or(answer);
            format!("{} failed: {}", name.replace('_', " "), why.unwrap_or_else(|| record.code.to_string()))
        }
        Some(Culprit::Inside(name, inner)) => {
            let inner = inner.and_then(|failure| {
                let is_secure =
                    plan.find(&failure.action).is_none_or(|index| plan.actions[index].options.secure_outputs);
                let said = failure.refusal.clone().filter(|_| !is_secure);
                Some((failure.action.replace('_', " "), failure.message.clone().or(said)?))
            });
            match inner {
                Some((action, why)) => format!("{action} failed: {why}"),
                None => format!("An action in \"{}\" failed.", name.replace('_', " ")),
            }
        }
        None => error.message.to_string(),
    };
    let message = redactor.map_or_else(|| message.clone(), |own| own.text(&message).into_owned());
    Some(RunError { code, message, hint: None })
}

/// The body that the journal of a run refers to.
fn body_of(run: RunId, event: Option<&Event>) -> Result<Value, Damaged> {
    event.map(referred_body).transpose()?.flatten().ok_or_else(|| Damaged {
        what: format!("the journal of {run}"),
        detail: "it refers to the body of an event that is not there".to_owned(),
    })
}

fn decoded(run: RunId, stored: &[bytes::Bytes]) -> Result<Vec<Fact>, Error> {
    let what = format_args!("the journal of run {run}");
    let read = |bytes: &bytes::Bytes| Ok(hookmill_store::read(what, bytes, Fact::decode)?);
    stored.iter().map(read).collect()
}

impl Runtime {
    /// The state of a run, and the bytes of its journal, which is read in pages. Where the state grows large, the turn of
    /// the budget is waited for.
    ///
    /// # Errors
    /// The journal cannot be read or does not fold; or many others wait for the turn.
    pub(crate) async fn fold(&self, run: RunId, room: &mut Room) -> Result<(RunState, usize), Error> {
        let (mut state, mut bytes) = (RunState::default(), 0);
        room.hold(0);
        loop {
            let stored = self.0.store.run_facts_page(run, state.facts(), PAGE_BYTES).await?;
            if stored.is_empty() {
                return Ok((state, bytes));
            }
            let page: usize = stored.iter().map(bytes::Bytes::len).sum();
            if page > SMALL_BYTES && !room.has_turn() {
                // It is read again then: nobody holds it while many wait.
                drop(stored);
                room.try_widen().await?;
                continue;
            }
            let is_first = bytes == 0;
            bytes += page;
            let mut facts = cores::aside(page <= SHORT_BYTES_MAX, || decoded(run, &stored))?;
            drop(stored);
            if is_first {
                bytes += self.put_body_back(run, &mut facts, room).await?;
            }
            let fold = || facts.iter().try_for_each(|fact| state.apply(fact));
            cores::aside(page <= SHORT_BYTES_MAX, fold).map_err(|fault| Error::Internal(fault.to_string()))?;
            drop(facts);
            room.hold(state.bytes());
            if state.bytes() > SMALL_BYTES {
                room.try_widen().await?;
            }
        }
    }

    /// Puts the body of its event back into the first fact of a journal, where that refers to it; gives the body's bytes.
    async fn put_body_back(&self, run: RunId, facts: &mut [Fact], room: &mut Room) -> Result<usize, Error> {
        let Some(first) = facts.first_mut().filter(|first| first.lacks_body()) else { return Ok(0) };
        let event = self.0.store.event(event_of(run)).await?;
        let bytes = event.as_ref().map_or(0, |event| event.body.len());
        if bytes * PARSED_FACTOR > SMALL_BYTES {
            room.try_widen().await?;
        }
        first.put_body(body_of(run, event.as_ref())?);
        Ok(bytes)
    }

    pub(crate) async fn facts(&self, run: RunId) -> Result<Vec<Fact>, Error> {
        Ok(self.journal(run).await?.0)
    }

    /// What a run's journal says.
    pub(crate) async fn history_of(&self, run: RunId) -> Result<RunHistory, Error> {
        let (facts, bytes) = self.journal(run).await?;
        Ok(cores::aside(bytes <= SHORT_BYTES_MAX, || RunHistory::read(&facts)))
    }

    /// The journal of a run, with the body of its event where it refers to that, and its bytes.
    async fn journal(&self, run: RunId) -> Result<(Vec<Fact>, usize), Error> {
        let stored = self.0.store.run_facts(run, 0).await?;
        let mut bytes: usize = stored.iter().map(bytes::Bytes::len).sum();
        let mut facts = cores::aside(bytes <= SHORT_BYTES_MAX, || decoded(run, &stored))?;
        if let Some(first) = facts.first_mut().filter(|first| first.lacks_body()) {
            let event = self.0.store.event(event_of(run)).await?;
            first.put_body(body_of(run, event.as_ref())?);
            bytes += event.map_or(0, |event| event.body.len());
        }
        Ok((facts, bytes))
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
                let what = format_args!("the journal of run {run}");
                let fact = hookmill_store::read(what, &bytes, subscription::Fact::decode)?;
                if let Some(performed) = fact.performed() {
                    exchange = Some(crate::perform::exchange(performed));
                }
            }
            return Ok(RunView { listed, history: None, exchange, definition: None, waiting_for: Vec::new() });
        }
        let (facts, bytes) = self.journal(run).await?;
        let (visible, definition) = self.visible(listed.run.flow, listed.run.version).await?;
        let shown = || (visible.history(RunHistory::read(&facts)), visible.definition(&definition));
        let (history, definition) = cores::aside(bytes <= SHORT_BYTES_MAX, shown);
        Ok(RunView {
            history: Some(history),
            exchange: None,
            definition: Some(definition),
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
        if self.is_careful() && !self.0.inboxes.contains(run) {
            return self.cancel_unread(run).await.map(|()| run);
        }
        match self.tell(run, Input::CancelRequested).await? {
            Some(true) => Ok(run),
            _ => Err(Error::NotPossible("The run cannot be cancelled now.".to_owned())),
        }
    }
}
