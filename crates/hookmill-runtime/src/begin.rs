//! The beginning of runs: the trigger fires, and what follows is stored in the unit that takes the event from the queue.

use std::sync::Arc;
use std::time::Duration;

use hookmill_definition::plan::Trigger;
use hookmill_engine::trigger::{Event as Fired, Firing, Split, split};
use hookmill_engine::{ActionError, Fact, RunState, Start, Summary, summary};
use hookmill_model::{FlowId, Object, RunId, RunKind, RunStatus, Timestamp, Value};
use hookmill_store::{Change, Event, Expect, Flow, Lane, Run, RunError, StoreError, Unit};
use tokio::sync::oneshot;

use crate::active::Active;
use crate::beginning::{BeginError, Beginning, FreshEvent, Origin};
use crate::budget::{Room, SMALL_BYTES};
use crate::cores;
use crate::door::Webhook;
use crate::event_body::plain_body;
use crate::failures::note_of;
use crate::gates::is_counted;
use crate::guard::caught;
use crate::live::LiveKind;
use crate::notification::header_lines;
use crate::plans::Version;
use crate::queue::{PARSED_FACTOR, Slot};
use crate::sealed::{has_credentials, is_sealed};
use crate::split::Splitting;
use crate::stored::{event_head, run_of, trigger_name};
use crate::surroundings::{seed, workflow};
use crate::visible::{list_redactor, run_error};
use crate::{Answer, Error, Runtime, locked};

/// An event's kind where the caller named none.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Larger bodies are stored before anything else.
const AT_ONCE_BYTES_MAX: usize = 64 * 1_024;

/// What lists say of a run is evaluated for so long.
const SUMMARY_WAIT: Duration = Duration::from_secs(1);

/// What a run received is counted up to so many bytes: no decision about more is short.
const RECORD_BYTES_MAX: usize = 1_024 * 1_024;

impl Runtime {
    /// An event that breaks the program once would do so again and again: it leaves the queue, and the history says so.
    pub(crate) async fn set_event_aside(&self, event: &Event, why: &str) -> Result<(), Error> {
        tracing::error!(event = %event.id, why, "an event is set aside");
        let unit = Unit::new().expect(Expect::EventPending(event.id)).with(Change::ConsumeEvent(event.id));
        let unit = self.0.splits.forget(event.id).into_iter().fold(unit, Unit::with);
        let origin = if self.0.splits.has_begun(event.id) { Origin::Item(event) } else { Origin::Event(event) };
        let unit = unit.owned(event.flow);
        match self.0.store.flow(event.flow).await? {
            Some(flow) => {
                let why = ActionError::new("run_faulted", why);
                self.not_begun(unit, &flow, origin, RunStatus::Faulted, &why).await.map(drop)
            }
            None => self.commit_begin(unit, Lane::Work).await.map(drop),
        }
    }

    /// Begins the runs of an event that waits in the queue, the first one in the slot.
    pub(crate) async fn begin_runs(&self, event: &Event, slot: Slot) -> Result<(), Error> {
        let unit = Unit::new().expect(Expect::EventPending(event.id)).with(Change::ConsumeEvent(event.id));
        let unit = unit.owned(event.flow);
        let entry = self.flow_entry(event.flow).await?.filter(|entry| entry.flow.deleted_at.is_none());
        let Some(entry) = entry else {
            let unit = self.0.splits.forget(event.id).into_iter().fold(unit, Unit::with);
            return self.commit_begin(unit, Lane::Work).await.map(drop);
        };
        let flow = &entry.flow;
        if self.0.splits.is_damaged(event.id) {
            let why =
                "How many of its items have begun runs cannot be read. The event is kept; resubmit what is missing.";
            return self.set_event_aside(event, why).await;
        }
        let number = self.0.splits.version_of(event.id).unwrap_or(flow.version);
        let version = match self.version(flow.id, number).await {
            Ok(version) => version,
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => {
                let fault = ActionError::new("InvalidTemplate", error.to_string());
                return self.not_begun(unit, flow, Origin::Event(event), RunStatus::Failed, &fault).await.map(drop);
            }
        };
        let Some(trigger) = version.plan.triggers.first() else {
            return self.commit_begin(unit, Lane::Work).await.map(drop);
        };
        if is_sealed(&event.head) {
            let why = "The notification was sealed with a master key that is not here.";
            return self.set_event_aside(event, why).await;
        }
        let head = match event_head(event) {
            Ok(head) => head,
            Err(damaged) => {
                let fault = ActionError::new("InternalServerError", Error::from(damaged).sentence());
                return self.not_begun(unit, flow, Origin::Event(event), RunStatus::Failed, &fault).await.map(drop);
            }
        };
        let webhook = self.declarations_of(flow, &version, event.subscription).await?;
        let origin = Origin::Event(event);
        let mut room = self.0.budget.room(flow.id);
        if PARSED_FACTOR * event.body.len() > SMALL_BYTES {
            room.try_widen().await?;
        }
        let is_short = version.is_short(event.body.len());
        let fired = |wanted: &dyn Fn() -> bool| self.fired(event, head, (flow, &version, trigger), &webhook, wanted);
        let (split, fired, is_plain) = match self.bounded(flow.id, is_short, fired).await {
            Ok(fired) => fired,
            Err(unfinished) => {
                let fault = unfinished.of_trigger(&trigger.name)?;
                return self.not_begun(unit, flow, origin, RunStatus::Failed, &fault).await.map(drop);
            }
        };
        let firing = match split {
            Split::Whole(firing) => firing,
            Split::Items(items) => {
                let splitting = Splitting { event, flow, version: &version, trigger, items, fired };
                return self.begin_items(splitting, slot, room).await;
            }
        };
        match firing {
            Firing::Runs(records) => {
                let lane = Lane::Work;
                let beginning = Beginning { unit, lane, flow, version: &version, origin, is_plain };
                let begun = self.begin_in(beginning, records, &mut room).await?;
                self.activate_all(flow, &version, begun, Some(slot), room);
                Ok(())
            }
            Firing::Skipped(error) => self.not_begun(unit, flow, origin, RunStatus::Skipped, &error).await.map(drop),
            Firing::Failed(error) | Firing::Refused(error) => {
                self.not_begun(unit, flow, origin, RunStatus::Failed, &error).await.map(drop)
            }
        }
    }

    /// Whether the run of an event that comes in may begin at the door. Runs that are counted begin in the order of
    /// acceptance, which the store alone knows; and nobody waits at the door for a decision that may take long.
    pub(crate) fn may_begin_at_once(&self, version: &Version, event: &Event) -> bool {
        let trigger = version.plan.triggers.first();
        trigger.is_some_and(|trigger| !is_counted(trigger) && trigger.split_on.is_none())
            && event.body.len() <= AT_ONCE_BYTES_MAX
            && version.is_short(event.body.len())
            && self.0.shards.may_begin(event.flow)
            && !*self.0.stopped.borrow()
            && !self.0.health.refuses()
    }

    /// Stores an event that comes in together with the beginning of its run, tells the door, and lets the run go on.
    /// What is `Err` without being told is the event's own fault: it takes its turn in the queue, which sets it aside.
    pub(crate) async fn begin_at_once(
        self,
        fresh: FreshEvent,
        slot: Slot,
        told: oneshot::Sender<Result<(), BeginError>>,
    ) {
        let FreshEvent { event, head, is_secret, dedupe, flow, version, webhook } = fresh;
        let unit = Unit::new().with(Change::AddEvent(event.clone(), dedupe)).with(Change::ConsumeEvent(event.id));
        let unit = self.as_known(unit.secret(is_secret || version.is_secret).owned(flow.id), &flow);
        let mut room = self.0.budget.room(flow.id);
        let begun = caught(async {
            let Some(trigger) = version.plan.triggers.first() else { return Ok(Vec::new()) };
            let origin = Origin::Event(&event);
            let fired =
                |wanted: &dyn Fn() -> bool| self.fired(&event, head, (&flow, &version, trigger), &webhook, wanted);
            let (split, _, is_plain) = self.bounded(flow.id, true, fired).await?;
            let Split::Whole(firing) = split else {
                return Err(Error::Internal("an event that is split began at its door".to_owned()));
            };
            let why = match firing {
                Firing::Runs(records) => {
                    let lane = Lane::Intake;
                    let beginning = Beginning { unit, lane, flow: &flow, version: &version, origin, is_plain };
                    return self.begin_in(beginning, records, &mut room).await;
                }
                Firing::Skipped(error) => (RunStatus::Skipped, error),
                Firing::Failed(error) | Firing::Refused(error) => (RunStatus::Failed, error),
            };
            let run = self.unbegun(&flow, origin, why.0, &why.1);
            self.store_unbegun(unit, Lane::Intake, &flow, run).await.map(|_| Vec::new())
        });
        match begun.await {
            Ok(Ok(begun)) => {
                let _ = told.send(Ok(()));
                // The trigger does not split its events, so there is one run.
                if let Some(Begun { run, state, .. }) = begun.into_iter().find(Begun::goes_on) {
                    self.go_on(Active { run, version, flow, slot, room }, state).await;
                }
            }
            Ok(Err(Error::Store(StoreError::Overloaded { .. }))) => drop(told.send(Err(BeginError::NoRoom))),
            Ok(Err(Error::Store(error))) => drop(told.send(Err(BeginError::Store(error)))),
            Ok(Err(error)) => drop(told.send(Err(BeginError::Fault(error.to_string())))),
            Err(why) => drop(told.send(Err(BeginError::Fault(why)))),
        }
    }

    /// Whether the trigger fires for an event, and with which records; and whether the journal of a run that is alone
    /// may refer to the event's body.
    fn fired(
        &self,
        event: &Event,
        head: Object,
        (flow, version, trigger): (&Flow, &Version, &Trigger),
        webhook: &Webhook,
        wanted: &dyn Fn() -> bool,
    ) -> (Split, Fired, bool) {
        let mut outputs = head;
        let headers = outputs.get("headers").and_then(Value::as_object);
        let plain = headers.filter(|_| webhook.declarations.is_empty());
        let plain = plain.and_then(|headers| plain_body(headers, &event.body));
        let is_plain = plain.is_some() && trigger.split_on.is_none();
        let body = plain.or_else(|| {
            let lines = headers.map(header_lines).unwrap_or_default();
            let request = hookmill_webhook::Request { method: "", url: "", headers: &lines, body: &event.body };
            hookmill_webhook::event_body(&webhook.declarations, request, self.0.config.body_bytes_max).value
        });
        if let Some(body) = body {
            outputs.insert("body", body);
        }
        let fired = Fired {
            outputs: outputs.into(),
            parameters: version.parameters.clone(),
            workflow: workflow(flow, None),
            origin: event.id.to_string().into(),
            seed: seed(),
            now: self.now(),
        };
        (split(&version.plan, trigger, &fired, wanted), fired, is_plain)
    }

    /// `false` where another task was faster.
    pub(crate) async fn commit_begin(&self, unit: Unit, lane: Lane) -> Result<bool, Error> {
        match (self.0.store.commit(unit, lane).await, lane) {
            (Ok(_), _) => Ok(true),
            // Nobody else knows of an event that comes in: a conflict is none with another task there.
            (Err(StoreError::Conflict { .. } | StoreError::Missing { .. }), Lane::Work) => Ok(false),
            (Err(error), _) => Err(error.into()),
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
        let run = self.unbegun(flow, origin, status, why);
        self.store_unbegun(unit, Lane::Work, flow, run).await
    }

    /// What the history has of a trigger that fired and began no run.
    fn unbegun(&self, flow: &Flow, origin: Origin<'_>, status: RunStatus, why: &ActionError) -> Run {
        Run {
            status,
            ended_at: Some(self.now()),
            error: Some(RunError { code: why.code.to_string(), message: why.message.to_string(), hint: None }),
            ..self.new_run(flow, flow.version, origin)
        }
    }

    async fn store_unbegun(&self, unit: Unit, lane: Lane, flow: &Flow, run: Run) -> Result<bool, Error> {
        let (id, status) = (run.id, run.status);
        let note = note_of(&self.0.failures, &run, status, 0, true);
        let mut unit = unit.owned(flow.id).with(Change::StartRun(run, Vec::new()));
        unit.changes.extend(note);
        let stored = self.commit_begin(unit, lane).await?;
        if stored {
            self.0.failures.ring();
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
            Origin::Item(own) => {
                event = Some(own);
                summary.clone_from(&own.summary);
            }
            Origin::Time(word) => word.clone_into(&mut summary),
            Origin::Person { run } => id = Some(run),
            Origin::Parent { run, child, .. } => (parent, id) = (Some(run), Some(child)),
            Origin::Repeated { run, of, .. } => (resubmitted_from, id) = (Some(of), Some(run)),
        }
        Run {
            id: id.unwrap_or_else(|| self.new_id()),
            owner: flow.owner,
            flow: flow.id,
            version,
            kind: RunKind::Flow,
            status: RunStatus::Running,
            epoch: self.0.shards.epoch(flow.id),
            facts: 0,
            started_at: self.now(),
            ended_at: None,
            trigger: trigger_name(flow),
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
        let flow = Arc::new(flow.clone());
        let beginning = Beginning { unit, lane: Lane::Work, flow: &flow, version, origin, is_plain: false };
        let mut room = self.0.budget.room(flow.id);
        let begun = self.begin_in(beginning, records, &mut room).await?;
        let ids = begun.iter().map(|one| one.run.id).collect();
        self.activate_all(&flow, version, begun, None, room);
        Ok(ids)
    }

    /// Stores one run per trigger record in one unit. None where another task was faster.
    pub(crate) async fn begin_in(
        &self,
        beginning: Beginning<'_>,
        records: Vec<Value>,
        room: &mut Room,
    ) -> Result<Vec<Begun>, Error> {
        let Beginning { unit, lane, flow, version, origin, is_plain } = beginning;
        let is_counted = version.plan.triggers.first().is_some_and(is_counted);
        // Runs that are counted begin one after the other, and are counted once they are stored.
        let alone = if is_counted { Some(self.0.gates.alone(flow.id).await) } else { None };
        let (unit, begun) = self.decided_beginnings(unit, flow, version, records, origin, (is_plain, room)).await?;
        let open = begun.iter().filter(|one| !one.state.status().is_final()).map(|one| one.run.id);
        let unheeded = Unheeded { runtime: self, flow: flow.id, is_counted, runs: open.collect() };
        let is_stored = self.is_stored(unit.owned(flow.id), lane, &begun).await;
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
        for Begun { run, state, .. } in &begun {
            if self.0.live.has_listeners() {
                let (id, flow) = (run.id.to_string(), Some(run.flow.to_string()));
                self.0.live.publish(run.owner, LiveKind::Run, id, flow, Some(run.status.as_str()));
            }
            self.answer_waiters(run, state);
            self.note_run(flow, run, state);
        }
        self.0.failures.ring();
        Ok(begun)
    }

    /// Lets runs that were stored go on, the first one in the slot.
    pub(crate) fn activate_all(
        &self,
        flow: &Arc<Flow>,
        version: &Arc<Version>,
        begun: Vec<Begun>,
        mut slot: Option<Slot>,
        room: Room,
    ) {
        let mut room = Some(room);
        for Begun { run, state, bytes } in begun.into_iter().filter(Begun::goes_on) {
            let id = run.id;
            // One that has grown while it began goes on in the room of the beginning, or from its journal.
            let own = room.take().or_else(|| (state.bytes() <= SMALL_BYTES).then(|| self.0.budget.room(flow.id)));
            let slot = own.as_ref().and_then(|_| slot.take().or_else(|| self.0.queue.try_slot(flow.id, bytes)));
            match own.zip(slot) {
                Some((mut room, slot)) => {
                    room.hold(state.bytes());
                    let active = Active { run, version: Arc::clone(version), flow: Arc::clone(flow), slot, room };
                    // Nobody else knows of a run that has just begun.
                    let _ = self.activate(active, state, None, false);
                }
                None => self.0.queue.push_run(flow.id, id, None),
            }
        }
        if version.plan.triggers.first().is_some_and(is_counted) {
            // A place that became free while this was stored.
            self.release_waiting(flow.id);
        }
    }

    /// The first decision of each run, and the unit that stores them.
    async fn decided_beginnings(
        &self,
        mut unit: Unit,
        flow: &Flow,
        version: &Arc<Version>,
        records: Vec<Value>,
        origin: Origin<'_>,
        (is_plain, room): (bool, &mut Room),
    ) -> Result<(Unit, Vec<Begun>), Error> {
        let counted = version.plan.triggers.first().filter(|trigger| is_counted(trigger));
        let mut begun: Vec<Begun> = Vec::with_capacity(records.len());
        let (mut running, mut bytes_before) = (0, 0);
        for record in records {
            let mut run = self.new_run(flow, version.number, origin);
            if !begun.is_empty() {
                run.id = self.new_id();
            }
            let held = counted.is_some_and(|trigger| self.0.gates.must_wait(flow.id, running, trigger.concurrency));
            // Now, since the run before may have ended between the two.
            run.started_at = self.now();
            if held {
                run.status = RunStatus::Waiting;
            } else {
                running += 1;
            }
            // Beyond a bound it does not matter how many there are.
            let bytes = record.heap_bytes_within(RECORD_BYTES_MAX);
            let start = self.start_of(&run, flow, version, record, origin, held);
            let is_short = version.is_short(bytes);
            let (state, facts) = self.first_decision(version, flow.id, start, is_short, room).await?;
            bytes_before += state.bytes();
            room.hold(bytes_before);
            run.facts = state.facts();
            if let Some(trigger) = version.plan.triggers.first() {
                let redactor = list_redactor(version, state.trigger());
                let shown = |text: &str| redactor.as_ref().map_or(text.into(), |own| own.text(text)).into_owned();
                let of = self.bounded_within(is_short, SUMMARY_WAIT, |wanted| {
                    summary(&version.plan, trigger, &state, run.started_at, &shown, wanted)
                });
                // Without it the run begins nevertheless.
                if let Ok(of) = of {
                    run.summary = summarised(std::mem::take(&mut run.summary), of);
                }
            }
            if state.status().is_final() {
                run.status = state.status();
                run.ended_at = Some(self.now());
                run.error = run_error(version, &state);
                running -= usize::from(!held);
            }
            let stored = |fact: &Fact| if is_plain { fact.beside_event().encode() } else { fact.encode() };
            let encoded: Vec<Vec<u8>> = cores::aside(is_short, || {
                let first = facts.first().map(stored);
                first.into_iter().chain(facts.iter().skip(1).map(Fact::encode)).collect()
            });
            let journal_bytes = encoded.iter().map(Vec::len).sum();
            unit.is_secret |= state.is_secret();
            let is_secret = unit.is_secret || version.is_secret;
            let note = note_of(&self.0.failures, &run, run.status, state.depth(), is_secret);
            unit.push(Change::StartRun(run.clone(), encoded));
            unit.changes.extend(note);
            begun.push(Begun { run, state, bytes: journal_bytes });
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
        let secret = version.is_secret || origin.is_secret() || has_credentials(&record);
        let taken_over = if let Origin::Repeated { taken, .. } = origin { taken.to_vec() } else { Vec::new() };
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
            secret,
        }
    }

    /// Stores runs that begin; `false` where another task was faster.
    async fn is_stored(&self, unit: Unit, lane: Lane, begun: &[Begun]) -> Result<bool, Error> {
        match (self.commit_begin(unit, lane).await, begun.first()) {
            // Nobody else looks after runs that were stored nevertheless.
            (Err(Error::Store(error)), Some(first)) if error.is_unknown() => {
                self.may_read_back()?;
                let run = first.run.id;
                tracing::warn!(%run, %error, "nobody knows whether a commit took place: the store is asked");
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
pub(crate) struct Begun {
    run: Run,
    state: RunState,
    /// Of its first facts.
    bytes: usize,
}

impl Begun {
    /// Whether the run goes on from here.
    fn goes_on(&self) -> bool {
        !self.state.status().is_final() && !self.state.is_held()
    }
}

impl Runtime {
    /// Whether somebody waits for the Response of a run, and until when.
    fn caller(&self, version: &Version, origin: Origin<'_>, run: &Run) -> (bool, Option<Timestamp>) {
        match origin {
            Origin::Event(event) if locked(&self.0.waiters).contains_key(&run.id) => {
                (true, Some(event.received_at.plus(self.0.config.response_wait)))
            }
            Origin::Event(_) | Origin::Item(_) => (version.plan.responds_later(), None),
            Origin::Parent { .. } => (version.plan.has_response(), None),
            Origin::Time(_) | Origin::Person { .. } | Origin::Repeated { .. } => (false, None),
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
