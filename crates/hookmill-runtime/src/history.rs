//! Runs as people see them, and what people do with them.

use std::collections::{BTreeMap, BTreeSet};

use hookmill_engine::history::{ActionRun, Digest, Keeps, RunHistory};
use hookmill_engine::{ActionPath, Fact, Indexes, Input, Response, RunState, fact, subscription, was_called_back};
use hookmill_model::{FlowId, RunId, RunKind, UserId, Value};
use hookmill_store::{Damaged, Event, RunListed};

use crate::budget::{Room, SMALL_BYTES};
use crate::cores;
use crate::event_body::referred_body;
use crate::exchange::Exchange;
use crate::places::WaitingFor;
use crate::queue::PARSED_FACTOR;
use crate::stored::event_of;
use crate::wanted::wanted;
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

/// Some runs of one action.
#[derive(Clone, Debug)]
pub struct Repetitions {
    /// Each with its place among all of them, from 0.
    pub runs: Vec<(usize, ActionRun)>,
    /// The place from which on the next page is.
    pub next: Option<usize>,
    /// How many there are.
    pub count: usize,
    /// How many of them failed or took too long.
    pub failures: usize,
    /// The definition that the run ran.
    pub definition: Option<Value>,
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

    /// The journal of a run as a whole; `None` for one of more than `bytes_max` bytes.
    pub(crate) async fn facts_within(&self, run: RunId, bytes_max: usize) -> Result<Option<Vec<Fact>>, Error> {
        let (mut facts, mut from, mut bytes) = (Vec::new(), 0, 0);
        loop {
            let stored = self.0.store.run_facts_page(run, from, PAGE_BYTES).await?;
            if stored.is_empty() {
                return Ok(Some(facts));
            }
            bytes += stored.iter().map(bytes::Bytes::len).sum::<usize>();
            if bytes > bytes_max {
                return Ok(None);
            }
            from += stored.len() as u64;
            let is_first = facts.is_empty();
            facts.extend(cores::aside(bytes <= SHORT_BYTES_MAX, || decoded(run, &stored))?);
            if is_first && let Some(first) = facts.first_mut().filter(|first| first.lacks_body()) {
                let event = self.0.store.event(event_of(run)).await?;
                bytes += event.as_ref().map_or(0, |event| event.body.len());
                first.put_body(body_of(run, event.as_ref())?);
            }
        }
    }

    /// Reads the journal of a run page by page, as long as `take` wants more and somebody waits.
    pub(crate) async fn read_pages(
        &self,
        run: RunId,
        mut take: impl FnMut(&[Fact]) -> bool + Send,
    ) -> Result<(), Error> {
        let wanted = wanted();
        let mut from = 0;
        loop {
            let stored = self.0.store.run_facts_page(run, from, PAGE_BYTES).await?;
            if stored.is_empty() {
                return Ok(());
            }
            let is_short = stored.iter().map(bytes::Bytes::len).sum::<usize>() <= SHORT_BYTES_MAX;
            let mut facts = cores::aside(is_short, || decoded(run, &stored))?;
            drop(stored);
            if let Some(first) = facts.first_mut().filter(|first| first.lacks_body()) {
                let event = self.0.store.event(event_of(run)).await?;
                first.put_body(body_of(run, event.as_ref())?);
            }
            from += facts.len() as u64;
            if !cores::aside(is_short, || take(&facts)) {
                return Ok(());
            }
            if !wanted() {
                return Err(Error::NotPossible("It was stopped, since nobody waits for it.".to_owned()));
            }
        }
    }

    /// What a run answered to its caller.
    pub(crate) async fn response_of(&self, run: RunId) -> Result<Option<Response>, Error> {
        let mut response = None;
        self.read_pages(run, |facts| {
            response = facts.iter().find_map(Response::of);
            response.is_none()
        })
        .await?;
        Ok(response)
    }

    /// Whether a call-back with this token has come in already, by the journal of its run.
    pub(crate) async fn was_called_back(&self, run: RunId, token: &str) -> Result<bool, Error> {
        let (key, mut was_called) = (self.0.callbacks.environment(self.now()).callback_key, false);
        self.read_pages(run, |facts| {
            was_called = was_called_back(facts, key, run, token);
            !was_called
        })
        .await?;
        Ok(was_called)
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

    /// A run as its page shows it: the first run of each action, and of each value what [`cut`] leaves.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn run_page(&self, owner: UserId, run: RunId) -> Result<RunView, Error> {
        self.run_digest(owner, run, Keeps::First, true).await
    }

    /// The values of one run of an action, whole.
    ///
    /// # Errors
    /// There is no such run of this owner.
    pub async fn action_run(&self, owner: UserId, run: RunId, path: ActionPath) -> Result<Option<ActionRun>, Error> {
        let view = self.run_digest(owner, run, Keeps::These([path.clone()].into()), false).await?;
        Ok(view.history.and_then(|history| history.run_of(&path.action, &path.indexes).cloned()))
    }

    /// Some runs of one action: those from the place `from` on, in order of index, that failed or all; `limit` at most.
    ///
    /// # Errors
    /// There is no such run of this owner.
    pub async fn repetitions(
        &self,
        owner: UserId,
        run: RunId,
        action: &str,
        (from, limit, only_failed): (usize, usize, bool),
    ) -> Result<Repetitions, Error> {
        let listed = self.own_run(owner, run).await?;
        // Which there are, and which of them failed.
        let mut found: BTreeMap<Indexes, bool> = BTreeMap::new();
        if listed.run.kind == RunKind::Flow {
            self.read_pages(run, |facts| {
                for (path, has_failed) in
                    facts.iter().filter_map(Fact::begins_or_ends).filter(|(path, _)| *path.action == *action)
                {
                    found.insert(path.indexes.clone(), has_failed);
                }
                true
            })
            .await?;
        }
        let (count, failures) = (found.len(), found.values().filter(|has_failed| **has_failed).count());
        let places = found.into_iter().enumerate().skip(from);
        let mut shown: Vec<(usize, Indexes)> = places
            .filter(|(_, (_, has_failed))| *has_failed || !only_failed)
            .map(|(place, (indexes, _))| (place, indexes))
            .take(limit + 1)
            .collect();
        let next = shown.get(limit).map(|(place, _)| *place);
        shown.truncate(limit);
        let path = |indexes: &Indexes| ActionPath { action: action.into(), indexes: indexes.clone() };
        let these = Keeps::These(shown.iter().map(|(_, indexes)| path(indexes)).collect());
        let view = self.run_digest(owner, run, these, true).await?;
        let run_at = |(place, indexes): (usize, Indexes)| {
            Some((place, view.history.as_ref()?.run_of(action, &indexes)?.clone()))
        };
        let runs = shown.into_iter().filter_map(run_at).collect();
        Ok(Repetitions { runs, next, count, failures, definition: view.definition })
    }

    /// The record of a run's trigger as people see it, whole; `None` for the creation and deletion of webhooks.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn trigger_shown(&self, owner: UserId, run: RunId) -> Result<Option<Value>, Error> {
        let view = self.run_digest(owner, run, Keeps::These(BTreeSet::new()), false).await?;
        Ok(view.history.map(|history| history.trigger_shown()))
    }

    async fn run_digest(&self, owner: UserId, run: RunId, keeps: Keeps, is_cut: bool) -> Result<RunView, Error> {
        let listed = self.own_run(owner, run).await?;
        if listed.run.kind != RunKind::Flow {
            return self.exchange_view(listed).await;
        }
        let (visible, definition) = self.visible(listed.run.flow, listed.run.version).await?;
        let mut own = None;
        // The trigger stands in the first fact.
        let goes_on = keeps != Keeps::These(BTreeSet::new());
        let mut digest = Digest::new(keeps);
        self.read_pages(run, |facts| {
            let own = own.get_or_insert_with(|| match facts.first() {
                Some(Fact::RunStarted(fact::RunStarted { trigger, .. })) => visible.of_run(trigger),
                _ => visible.of_run(&Value::Null),
            });
            own.digested(&mut digest, facts, is_cut);
            goes_on
        })
        .await?;
        let hides_trigger = visible.hides_trigger();
        let history = digest.finished();
        Ok(RunView {
            // A trigger that was secured since is hidden too.
            history: Some(if hides_trigger { history.without_trigger_outputs() } else { history }),
            exchange: None,
            definition: Some(visible.definition(&definition)),
            waiting_for: self.0.places.run_waits_for(run),
            listed,
        })
    }

    /// The creation or deletion of a webhook.
    async fn exchange_view(&self, listed: RunListed) -> Result<RunView, Error> {
        let run = listed.run.id;
        let mut exchange = None;
        for bytes in self.0.store.run_facts(run, 0).await? {
            let what = format_args!("the journal of run {run}");
            let fact = hookmill_store::read(what, &bytes, subscription::Fact::decode)?;
            if let Some(performed) = fact.performed() {
                exchange = Some(crate::exchange::exchange(performed));
            }
        }
        Ok(RunView { listed, history: None, exchange, definition: None, waiting_for: Vec::new() })
    }

    /// A run with everything that happened in it, in memory as a whole.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn run_view(&self, owner: UserId, run: RunId) -> Result<RunView, Error> {
        let listed = self.own_run(owner, run).await?;
        if listed.run.kind != RunKind::Flow {
            return self.exchange_view(listed).await;
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
