//! The beginning of runs: the trigger fires, and what follows is stored in the unit that takes the event from the queue.

use std::sync::Arc;

use hookmill_engine::trigger::{Event as Fired, Firing, fire};
use hookmill_engine::{ActionError, Fact, Input, RunState, Start, Summary, TakenOver, summary};
use hookmill_model::{FlowId, Object, RunId, RunKind, RunStatus, Timestamp, Value};
use hookmill_store::{Change, Event, Expect, Flow, Lane, Run, RunError, StoreError, Unit};

use crate::gates::is_counted;
use crate::guard::decided;
use crate::intake::{header_lines, run_of};
use crate::live::LiveKind;
use crate::plans::Version;
use crate::queue::Slot;
use crate::run::Active;
use crate::{Answer, Error, Runtime, locked};

/// What stands in place of an event's kind where the caller named none.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The journal's epoch of this process. One process owns a folder, so it never differs.
pub(crate) const EPOCH: u64 = 1;

/// Where the runs that begin come from.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// An event of the trigger.
    Event(&'a Event),
    /// A trigger that fires by time; what it was, in a word.
    Time(&'static str),
    /// A person who wants a run now.
    Person,
    /// An action of another run, which waits for the Response.
    Parent {
        /// That run.
        run: RunId,
        /// The run that begins: the same one, however often the action is handed out.
        child: RunId,
    },
    /// The run that is repeated, with the results that are not asked for again.
    Repeated(RunId, &'a [TakenOver]),
}

impl Runtime {
    /// An event that breaks the program once would do so again and again: it leaves the queue, and the history says so.
    pub(crate) async fn set_event_aside(&self, event: &Event, why: &str) -> Result<(), Error> {
        tracing::error!(event = %event.id, why, "an event is set aside");
        let unit = Unit::new().expect(Expect::EventPending(event.id)).with(Change::ConsumeEvent(event.id));
        match self.0.store.flow(event.flow).await? {
            Some(flow) => {
                let why = ActionError::new("run_faulted", why);
                self.not_begun(unit, &flow, Origin::Event(event), RunStatus::Faulted, &why).await.map(drop)
            }
            None => self.commit_begin(unit).await.map(drop),
        }
    }

    /// Begins the runs of an event, the first one in the slot.
    pub(crate) async fn begin_runs(&self, event: &Event, slot: Slot) -> Result<(), Error> {
        let unit = Unit::new().expect(Expect::EventPending(event.id)).with(Change::ConsumeEvent(event.id));
        let flow = self.0.store.flow(event.flow).await?.filter(|flow| flow.deleted_at.is_none());
        let Some(flow) = flow else { return self.commit_begin(unit).await.map(drop) };
        let version = match self.version(flow.id, flow.version).await {
            Ok(version) => version,
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => {
                let fault = ActionError::new("InvalidTemplate", error.to_string());
                return self.not_begun(unit, &flow, Origin::Event(event), RunStatus::Failed, &fault).await.map(drop);
            }
        };
        let Some(trigger) = version.plan.triggers.first() else { return self.commit_begin(unit).await.map(drop) };
        let mut outputs =
            Value::from_json(&event.head).ok().and_then(|head| head.as_object().cloned()).unwrap_or_default();
        let headers = outputs.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
        let webhook = self.declarations_of(&flow, &version, event.subscription).await?;
        let lines = header_lines(&headers);
        let request = hookmill_webhook::Request { method: "", url: "", headers: &lines, body: &event.body };
        let body_bytes_max = self.0.config.body_bytes_max;
        if let Some(body) = hookmill_webhook::event_body(&webhook.declarations, request, body_bytes_max).value {
            outputs.insert("body", body);
        }
        let fired = Fired {
            outputs: outputs.into(),
            parameters: version.parameters.clone(),
            workflow: workflow(&flow, None),
            origin: event.id.to_string().into(),
            seed: seed(),
            now: self.now(),
        };
        let origin = Origin::Event(event);
        match fire(&version.plan, trigger, &fired) {
            Firing::Runs(records) => self.begin_in(Some(slot), unit, &flow, &version, records, origin).await.map(drop),
            Firing::Skipped(error) => self.not_begun(unit, &flow, origin, RunStatus::Skipped, &error).await.map(drop),
            Firing::Failed(error) | Firing::Refused(error) => {
                self.not_begun(unit, &flow, origin, RunStatus::Failed, &error).await.map(drop)
            }
        }
    }

    /// `false` where another task was faster.
    pub(crate) async fn commit_begin(&self, unit: Unit) -> Result<bool, Error> {
        match self.0.store.commit(unit, Lane::Work).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. } | StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that a trigger fired and began no run, and why.
    pub(crate) async fn not_begun(
        &self,
        unit: Unit,
        flow: &Flow,
        origin: Origin<'_>,
        status: RunStatus,
        why: &ActionError,
    ) -> Result<bool, Error> {
        let mut run = self.new_run(flow, flow.version, origin);
        run.status = status;
        run.ended_at = Some(self.now());
        run.error = Some(RunError { code: why.code.to_string(), message: why.message.to_string(), hint: None });
        let id = run.id;
        let stored = self.commit_begin(unit.with(Change::StartRun(run, Vec::new()))).await?;
        if stored {
            let of = Some(flow.id.to_string());
            self.0.live.publish(flow.owner, LiveKind::Run, id.to_string(), of, Some(status.as_str()));
        }
        if let Some(waiter) = locked(&self.0.waiters).remove(&id) {
            let _ = waiter.send(if status == RunStatus::Skipped { Answer::NotBegun } else { Answer::NoResponse });
        }
        Ok(stored)
    }

    fn new_run(&self, flow: &Flow, version: u32, origin: Origin<'_>) -> Run {
        let (mut event, mut parent, mut resubmitted_from, mut summary) = (None, None, None, String::new());
        let mut id = None;
        match origin {
            Origin::Event(own) => {
                event = Some(own);
                summary.clone_from(&own.summary);
                id = Some(run_of(own.id));
            }
            Origin::Time(word) => word.clone_into(&mut summary),
            Origin::Person => {}
            Origin::Parent { run, child } => (parent, id) = (Some(run), Some(child)),
            Origin::Repeated(run, _) => resubmitted_from = Some(run),
        }
        let trigger = Value::from_json(&flow.trigger).unwrap_or_default();
        Run {
            id: id.unwrap_or_else(|| self.new_id()),
            owner: flow.owner,
            flow: flow.id,
            version,
            kind: RunKind::Flow,
            status: RunStatus::Running,
            epoch: EPOCH,
            facts: 0,
            started_at: self.now(),
            ended_at: None,
            trigger: trigger.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            summary,
            event: event.map(|event| event.id),
            subscription: event.and_then(|event| event.subscription),
            resubmitted_from,
            parent,
            error: None,
        }
    }

    /// Begins one run per trigger record in one unit, and gives their identifiers.
    pub(crate) async fn begin(
        &self,
        unit: Unit,
        flow: &Flow,
        version: &Arc<Version>,
        records: Vec<Value>,
        origin: Origin<'_>,
    ) -> Result<Vec<RunId>, Error> {
        self.begin_in(None, unit, flow, version, records, origin).await
    }

    /// The same, with a slot for the first run.
    async fn begin_in(
        &self,
        mut slot: Option<Slot>,
        unit: Unit,
        flow: &Flow,
        version: &Arc<Version>,
        records: Vec<Value>,
        origin: Origin<'_>,
    ) -> Result<Vec<RunId>, Error> {
        let is_counted = version.plan.triggers.first().is_some_and(is_counted);
        // Runs that are counted begin one after the other, and are counted once they are stored.
        let alone = if is_counted { Some(self.0.gates.alone(flow.id).await) } else { None };
        let (unit, begun) = self.decided_beginnings(unit, flow, version, records, origin).await?;
        let open = begun.iter().filter(|one| !one.state.status().is_final()).map(|one| one.run.id);
        let unheeded = Unheeded { runtime: self, flow: flow.id, is_counted, runs: open.collect() };
        let is_stored = self.is_stored(unit, &begun).await;
        if is_stored.is_ok() {
            unheeded.heeded();
        }
        if !is_stored? {
            return Ok(Vec::new());
        }
        if is_counted {
            for one in begun.iter().filter(|one| !one.state.status().is_final()) {
                self.0.gates.enter(flow.id, one.run.id, one.state.is_held());
            }
        }
        drop(alone);
        let ids = begun.iter().map(|one| one.run.id).collect();
        for Begun { run, state, bytes } in begun {
            let status = run.status.as_str();
            self.0.live.publish(run.owner, LiveKind::Run, run.id.to_string(), Some(run.flow.to_string()), Some(status));
            self.answer_waiters(&run, &state);
            if state.status().is_final() || state.is_held() {
                continue;
            }
            let id = run.id;
            match slot.take().or_else(|| self.0.queue.try_slot(flow.id, bytes)) {
                Some(slot) => {
                    let active = Active { run, version: Arc::clone(version), flow: flow.clone(), slot };
                    // Nobody else knows of a run that has just begun.
                    let _ = self.activate(active, state, None, false);
                }
                None => self.0.queue.push_run(flow.id, id, None),
            }
        }
        if is_counted {
            // A place that became free while this was stored.
            self.release_waiting(flow.id);
        }
        Ok(ids)
    }

    /// The first decision of each run, and the unit that stores them.
    async fn decided_beginnings(
        &self,
        mut unit: Unit,
        flow: &Flow,
        version: &Arc<Version>,
        records: Vec<Value>,
        origin: Origin<'_>,
    ) -> Result<(Unit, Vec<Begun>), Error> {
        let callbacks = &self.0.callbacks;
        let counted = version.plan.triggers.first().filter(|trigger| is_counted(trigger));
        let mut begun: Vec<Begun> = Vec::with_capacity(records.len());
        let mut running = 0;
        for record in records {
            let mut run = self.new_run(flow, version.number, origin);
            if !begun.is_empty() {
                run.id = self.new_id();
            }
            let held = counted.is_some_and(|trigger| self.0.gates.must_wait(flow.id, running, trigger.concurrency));
            if held {
                run.status = RunStatus::Waiting;
            } else {
                running += 1;
            }
            let start = self.start_of(&run, flow, version, record, origin, held);
            let mut state = RunState::default();
            let turn = self.0.cores.turn(flow.id).await;
            let facts =
                decided(&version.plan, &mut state, callbacks.environment(self.now()), Input::Start(Box::new(start)));
            drop(turn);
            let facts = facts.map_err(Error::Internal)?;
            run.facts = state.facts();
            if let Some(trigger) = version.plan.triggers.first() {
                run.summary = summarised(run.summary, summary(&version.plan, trigger, &state, run.started_at));
            }
            if state.status().is_final() {
                run.status = state.status();
                run.ended_at = Some(self.now());
                run.error = crate::history::run_error(version, &state);
                running -= usize::from(!held);
            }
            let encoded: Vec<Vec<u8>> = facts.iter().map(Fact::encode).collect();
            let bytes = encoded.iter().map(Vec::len).sum();
            unit.push(Change::StartRun(run.clone(), encoded));
            begun.push(Begun { run, state, bytes });
        }
        Ok((unit, begun))
    }

    fn start_of(
        &self,
        run: &Run,
        flow: &Flow,
        version: &Version,
        record: Value,
        origin: Origin<'_>,
        held: bool,
    ) -> Start {
        let (caller_waits, caller_until) = self.caller(version, origin, run);
        let taken_over = if let Origin::Repeated(_, taken_over) = origin { taken_over.to_vec() } else { Vec::new() };
        Start {
            run: run.id,
            seed: seed(),
            trigger: record,
            parameters: version.parameters.clone(),
            workflow: workflow(flow, Some(run.id)),
            caller_waits,
            caller_until,
            taken_over,
            held,
        }
    }

    /// Stores runs that begin; `false` where another task was faster.
    async fn is_stored(&self, unit: Unit, begun: &[Begun]) -> Result<bool, Error> {
        match (self.commit_begin(unit).await, begun.first()) {
            // Nobody else would look after runs that were stored nevertheless.
            (Err(Error::Store(error)), Some(first)) if error.is_unknown() => {
                let run = first.run.id;
                tracing::warn!(%run, %error, "the commit's outcome is unknown; checking whether run {run} was stored");
                let found = self.read_until_stopped(|| self.0.store.run(run)).await;
                found.map(|found| found.is_some()).ok_or(Error::Store(StoreError::Closed))
            }
            (stored, _) => stored,
        }
    }
}

/// Runs that are being stored. Should whoever begins them go away at that moment, they are looked after nevertheless.
struct Unheeded<'a> {
    runtime: &'a Runtime,
    flow: FlowId,
    is_counted: bool,
    runs: Vec<RunId>,
}

impl Unheeded<'_> {
    fn heeded(mut self) {
        self.runs.clear();
    }
}

impl Drop for Unheeded<'_> {
    fn drop(&mut self) {
        let (runtime, flow, is_counted) = (self.runtime.clone(), self.flow, self.is_counted);
        let runs = std::mem::take(&mut self.runs);
        if runs.is_empty() {
            return;
        }
        tokio::spawn(async move {
            for run in runs {
                let stored = runtime.read_until_stopped(|| runtime.0.store.run(run)).await.flatten();
                let Some(status) = stored.map(|listed| listed.run.status).filter(|status| !status.is_final()) else {
                    continue;
                };
                let is_held = status == RunStatus::Waiting;
                if is_counted {
                    runtime.0.gates.enter(flow, run, is_held);
                    runtime.release_waiting(flow);
                }
                if !is_held {
                    runtime.0.queue.push_run(flow, run, None);
                }
            }
        });
    }
}

/// A run whose first decision is made.
struct Begun {
    run: Run,
    state: RunState,
    /// Of its first facts.
    bytes: usize,
}

impl Runtime {
    /// Whether somebody waits for the Response of a run, and until when.
    fn caller(&self, version: &Version, origin: Origin<'_>, run: &Run) -> (bool, Option<Timestamp>) {
        match origin {
            Origin::Event(event) if locked(&self.0.waiters).contains_key(&run.id) => {
                (true, Some(event.received_at.plus(self.0.config.response_wait)))
            }
            Origin::Event(_) => (version.plan.responds_later(), None),
            Origin::Parent { .. } => (version.plan.has_response(), None),
            Origin::Time(_) | Origin::Person | Origin::Repeated(..) => (false, None),
        }
    }
}

/// The line of a list about a run: what its maker chose, or else what kind of event it was and what it said.
fn summarised(kind: String, of: Summary) -> String {
    match of {
        Summary::Chosen(text) => text,
        Summary::Words(words) if words.is_empty() => kind,
        // A bare method says less than any word of the body.
        Summary::Words(words) if kind.is_empty() || METHODS.contains(&&*kind) => words,
        Summary::Words(words) => format!("{kind} · {words}"),
    }
}

pub(crate) fn seed() -> u64 {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        return 1;
    }
    u64::from_ne_bytes(bytes)
}

/// What `workflow()` gives.
pub(crate) fn workflow(flow: &Flow, run: Option<RunId>) -> Value {
    let id = flow.id.to_string();
    let mut members = Object::new();
    members.insert("id", format!("/flows/{id}"));
    members.insert("name", id.clone());
    members.insert("type", "Hookmill/flows");
    members.insert("location", "local");
    members.insert("tags", Value::object([("flowDisplayName", flow.name.clone())]));
    if let Some(run) = run {
        members.insert(
            "run",
            Value::object([
                ("id", format!("/flows/{id}/runs/{run}")),
                ("name", run.to_string()),
                ("type", "Hookmill/flows/runs".to_owned()),
            ]),
        );
    }
    members.into()
}
