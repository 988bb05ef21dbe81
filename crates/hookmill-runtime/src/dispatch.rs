//! From stored events to begun runs. An event leaves the queue in the same unit in which its runs begin.

use std::sync::Arc;
use std::time::Duration;

use hookmill_engine::trigger::{Event as Fired, Firing, fire};
use hookmill_engine::{ActionError, Environment, Fact, Input, RunState, Start, Summary, TakenOver, summary};
use hookmill_model::{Object, RunId, RunKind, RunStatus, Timestamp, Value};
use hookmill_store::{Change, Event, Expect, Flow, Lane, Run, RunError, StoreError, Unit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::gates::is_counted;
use crate::guard::{caught, decided};
use crate::intake::{Announced, header_lines, run_of};
use crate::live::LiveKind;
use crate::plans::Version;
use crate::run::Active;
use crate::{Answer, Error, Runtime, locked};

/// Events that become runs at a time: enough to fill a group commit.
const DISPATCHING_MAX: usize = 512;
/// How often the store is asked for events that no message announced.
const SCAN_INTERVAL: Duration = Duration::from_secs(2);
/// Events that are read at a time then.
const SCAN_PAGE: usize = 256;

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
    pub(crate) async fn dispatch(self, mut receiver: mpsc::Receiver<Announced>) {
        let places = Arc::new(Semaphore::new(DISPATCHING_MAX));
        let mut stopped = self.stopped();
        let mut scan = tokio::time::interval(SCAN_INTERVAL);
        scan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                announced = receiver.recv() => match announced {
                    Some(Announced { event, room }) => self.hand_on(event, Some(room), &places).await,
                    None => return,
                },
                _ = scan.tick() => self.take_up_events(&places).await,
                () = self.0.coming.missed.notified() => {
                    // What was announced goes first: the search would read it only to step over it.
                    for _ in 0..receiver.max_capacity() {
                        let Ok(Announced { event, room }) = receiver.try_recv() else { break };
                        self.hand_on(event, Some(room), &places).await;
                    }
                    self.take_up_events(&places).await;
                }
            }
        }
    }

    /// Finds stored events that nobody looks after.
    async fn take_up_events(&self, places: &Arc<Semaphore>) {
        let mut after = None;
        while !*self.stopped().borrow() {
            let pending = self.0.store.pending_events(after, SCAN_PAGE).await.unwrap_or_default();
            let Some(last) = pending.last() else { return };
            after = Some(last.position);
            for event in pending.into_iter().map(|pending| pending.event) {
                if self.0.coming.take(event.id) {
                    self.hand_on(event, None, places).await;
                }
            }
        }
    }

    /// Begins the runs of an event in a task of its own, once there is room for them.
    async fn hand_on(&self, event: Event, room: Option<OwnedSemaphorePermit>, places: &Arc<Semaphore>) {
        self.wait_for_room(|| DISPATCHING_MAX - places.available_permits()).await;
        let Ok(place) = Arc::clone(places).acquire_owned().await else { return };
        let runtime = self.clone();
        tokio::spawn(async move {
            let (id, flow) = (event.id, event.flow);
            let begun = match caught(Box::pin(runtime.begin_runs(&event))).await {
                Ok(Err(Error::Internal(why))) | Err(why) => runtime.set_event_aside(&event, &why).await,
                Ok(begun) => begun,
            };
            runtime.0.gates.arrived(flow, run_of(id));
            runtime.0.coming.leave(id);
            if let Err(error) = begun {
                tracing::error!(event = %id, %error, "an event could not become a run; it stays in the queue");
            }
            drop((place, room));
        });
    }

    /// An event that breaks the program once would do so again and again: it leaves the queue, and the history says so.
    async fn set_event_aside(&self, event: &Event, why: &str) -> Result<(), Error> {
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

    async fn begin_runs(&self, event: &Event) -> Result<(), Error> {
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
            Firing::Runs(records) => self.begin(unit, &flow, &version, records, origin).await.map(drop),
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
        mut unit: Unit,
        flow: &Flow,
        version: &Arc<Version>,
        records: Vec<Value>,
        origin: Origin<'_>,
    ) -> Result<Vec<RunId>, Error> {
        let key = self.0.vault.derive("action callbacks");
        let base = format!("{}/callback/", self.0.config.hooks_url());
        let mut begun: Vec<(Run, RunState)> = Vec::with_capacity(records.len());
        let counted = version.plan.triggers.first().filter(|trigger| is_counted(trigger));
        let mut entered = Vec::new();
        let mut fault = None;
        for record in records {
            let mut run = self.new_run(flow, version.number, origin);
            if !begun.is_empty() {
                run.id = self.new_id();
            }
            let (caller_waits, caller_until) = self.caller(version, origin, &run);
            let taken_over =
                if let Origin::Repeated(_, taken_over) = origin { taken_over.to_vec() } else { Vec::new() };
            let mut held = false;
            if let Some(trigger) = counted {
                let (waits, is_new) = self.0.gates.enter(flow.id, run.id, trigger.concurrency);
                held = waits;
                entered.extend(is_new.then_some(run.id));
            }
            let start = Start {
                run: run.id,
                seed: seed(),
                trigger: record,
                parameters: version.parameters.clone(),
                workflow: workflow(flow, Some(run.id)),
                caller_waits,
                caller_until,
                taken_over,
                held,
            };
            if held {
                run.status = RunStatus::Waiting;
            }
            let mut state = RunState::default();
            let environment = Environment { now: self.now(), callback_base: &base, callback_key: &key[..] };
            match decided(&version.plan, &mut state, environment, Input::Start(Box::new(start))) {
                Ok(facts) => {
                    run.facts = state.facts();
                    if let Some(trigger) = version.plan.triggers.first() {
                        run.summary = summarised(run.summary, summary(&version.plan, trigger, &state, run.started_at));
                    }
                    if state.status().is_final() {
                        run.status = state.status();
                        run.ended_at = Some(self.now());
                        run.error = crate::run::run_error(&version.plan, &state);
                    }
                    let encoded = facts.iter().map(Fact::encode).collect();
                    unit.push(Change::StartRun(run.clone(), encoded));
                    begun.push((run, state));
                }
                Err(why) => {
                    fault = Some(why);
                    break;
                }
            }
        }
        let stored = match fault {
            Some(why) => Err(Error::Internal(why)),
            None => match (self.commit_begin(unit).await, begun.first()) {
                // Nobody else would look after runs that were stored nevertheless.
                (Err(Error::Store(error)), Some((run, _))) if error.is_unknown() => {
                    tracing::warn!(run = %run.id, %error, "it is looked whether a run was stored");
                    self.0.store.run(run.id).await.map(|found| found.is_some()).map_err(Error::from)
                }
                (stored, _) => stored,
            },
        };
        let is_open = |id: &RunId| {
            let own = begun.iter().find(|(run, _)| run.id == *id);
            matches!(stored, Ok(true)) && own.is_some_and(|(_, state)| !state.status().is_final())
        };
        entered.retain(|id| !is_open(id));
        if !entered.is_empty() {
            for run in entered {
                self.0.gates.leave(flow.id, run);
            }
            self.release_waiting(flow.id);
        }
        if !stored? {
            return Ok(Vec::new());
        }
        let ids = begun.iter().map(|(run, _)| run.id).collect();
        for (run, state) in begun {
            let status = run.status.as_str();
            self.0.live.publish(run.owner, LiveKind::Run, run.id.to_string(), Some(run.flow.to_string()), Some(status));
            let active = Active { run, version: Arc::clone(version), flow: flow.clone() };
            self.answer_waiters(&active, &state);
            if !state.status().is_final() && !state.is_held() {
                self.activate(active, state, None, false);
            }
        }
        Ok(ids)
    }
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
