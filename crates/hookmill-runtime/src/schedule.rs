//! Triggers that fire by time: timetables, sliding windows, polls.
//!
//! What a trigger remembers (when it is due, where it polls next) is stored in the unit in which its runs begin, so a
//! crash neither loses a firing nor doubles it.

use std::sync::Arc;
use std::time::Duration;

use hookmill_connector::PollEnded;
use hookmill_definition::plan::{CallInputs, OperationInputs, Trigger, TriggerKind};
use hookmill_definition::recurrence::Recurrence;
use hookmill_engine::trigger::{Event as Fired, Firing, Surroundings, evaluate, fire, follow, request};
use hookmill_engine::{ActionError, Outcome, RetryPolicy, retry_after};
use hookmill_executor::CallContext;
use hookmill_expression::{content, date_text, member};
use hookmill_model::{FlowId, FlowState, Object, RunStatus, Str, Timestamp, Value};
use hookmill_store::{Change, Damaged, Expect, Flow, Lane, Timer, TimerKey, Unit};
use serde::{Deserialize, Serialize};

use crate::beginning::Origin;
use crate::plans::Version;
use crate::surroundings::{seed, workflow};
use crate::{Error, Runtime};

/// Windows and polls in one look at a flow; further ones follow in the next.
const FIRINGS_MAX: usize = 100;
/// Runs of a trigger with a single instance that are looked at before it fires.
const COUNTED_MAX: usize = 16;
/// What a trigger gives is counted up to so many bytes: no evaluation about more is short.
const OUTPUTS_BYTES_MAX: usize = 1_024 * 1_024;
/// A service that asks for it is polled again at once, but not more often than this.
const POLL_WAIT_MIN: Duration = Duration::from_secs(1);

/// What a trigger remembers from one time to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct TriggerState {
    /// What it was made for; another value begins anew. Empty while the flow is off.
    fingerprint: String,
    /// What is asked for at the service; another value forgets where the service wants to be polled next.
    #[serde(default)]
    asked: String,
    /// The first moment of the timetable.
    first: Timestamp,
    /// When it is due; `None` where it never is again.
    next: Option<Timestamp>,
    /// The beginning of the next window.
    #[serde(default)]
    window: Option<Timestamp>,
    /// Firings so far.
    #[serde(default)]
    fired: u64,
    /// Where the service wants to be polled next.
    #[serde(default)]
    location: Option<Str>,
    /// The answer to the poll before, as `trigger()` shows it.
    #[serde(default)]
    outputs: Option<Value>,
    /// Retries of a poll that failed.
    #[serde(default)]
    retries: u32,
    /// What the polls before left for the next one, of a connector whose polls go on where the one before ended.
    #[serde(default)]
    left: Option<Value>,
}

/// What a trigger that fires by time has for its run.
enum Fetched {
    /// Outputs of the trigger; a run may start.
    Outputs(Value),
    /// Nothing new.
    Nothing,
    /// The poll failed for good.
    Failed(ActionError),
}

const fn fires_by_time(kind: &TriggerKind) -> bool {
    matches!(
        kind,
        TriggerKind::Recurrence
            | TriggerKind::SlidingWindow { .. }
            | TriggerKind::HttpPolling(_)
            | TriggerKind::ConnectorPolling(_)
    )
}

fn delay(trigger: &Trigger) -> Duration {
    match &trigger.kind {
        TriggerKind::SlidingWindow { delay } => *delay,
        _ => Duration::ZERO,
    }
}

impl TriggerState {
    fn begin(fingerprint: String, trigger: &Trigger, recurrence: &Recurrence, now: Timestamp) -> Self {
        let mut state = Self { fingerprint, ..Self::default() };
        let Some(first) = recurrence.first(now) else { return state };
        state.first = first;
        if matches!(trigger.kind, TriggerKind::SlidingWindow { .. }) {
            // A window is known once it has ended, and the time that it is held back has passed.
            state.window = Some(first);
            state.next = recurrence.next(first, first).map(|end| end.plus(delay(trigger)));
        } else {
            state.next = Some(first);
        }
        state
    }

    /// Moves on behind `now`; what was missed is passed over.
    fn advance(&mut self, recurrence: &Recurrence, now: Timestamp) {
        self.fired += 1;
        self.next = recurrence.next(self.first, now);
        if recurrence.count.is_some_and(|count| self.fired >= count) {
            self.next = None;
        }
    }

    /// Moves on to the window that follows; none is passed over. Gives the one that ended.
    fn advance_window(&mut self, trigger: &Trigger, recurrence: &Recurrence) -> Option<(Timestamp, Timestamp)> {
        let begin = self.window?;
        let end = recurrence.next(self.first, begin)?;
        self.fired += 1;
        self.window = Some(end);
        self.next = recurrence.next(self.first, end).map(|end| end.plus(delay(trigger)));
        if recurrence.count.is_some_and(|count| self.fired >= count) {
            self.next = None;
        }
        Some((begin, end))
    }
}

impl Runtime {
    /// Does what is due for a trigger that fires by time, and says when to look again.
    pub(crate) async fn on_time(
        &self,
        flow: &Flow,
        version: Option<&Arc<Version>>,
    ) -> Result<Option<Timestamp>, Error> {
        let key = TimerKey::Flow(flow.id);
        // Read before the state: where another process fires in between, the timer is not where it was any more.
        let timer = self.0.store.timer(key).await?;
        let stored = self.0.store.trigger_state(flow.id).await?;
        let on = version.filter(|_| flow.state == FlowState::On && flow.deleted_at.is_none());
        let trigger = on.and_then(|version| Some((version, version.plan.triggers.first()?)));
        let found = trigger.and_then(|(version, trigger)| Some((version, trigger, trigger.recurrence.as_ref()?)));
        let Some((version, trigger, recurrence)) = found.filter(|(_, trigger, _)| fires_by_time(&trigger.kind)) else {
            if let Some(bytes) = stored {
                self.0.store.commit(Unit::from(paused(flow, &bytes)?).owned(flow.id), Lane::Work).await?;
            }
            return Ok(None);
        };
        let (timetable, asked) = self.fingerprint(flow, version, trigger).await?;
        let fingerprint = format!("{timetable}\n{asked}");
        let known = stored.as_deref().map(|bytes| read_state(flow, bytes)).transpose()?;
        let mut state = match known {
            Some(known) if known.fingerprint == fingerprint => known,
            known => {
                let mut state = TriggerState::begin(fingerprint, trigger, recurrence, self.now());
                if let Some(known) = known.filter(|known| known.asked == asked) {
                    (state.location, state.outputs, state.left) = (known.location, known.outputs, known.left);
                }
                state.asked = asked;
                let unit = Unit::from(Change::PutTriggerState(flow.id, encoded(&state))).owned(flow.id);
                self.0.store.commit(unit, Lane::Work).await?;
                state
            }
        };
        let Some(due_at) = timer else { return Ok(state.next) };
        let mut fence = Timer { key, due_at };
        for _ in 0..FIRINGS_MAX {
            if state.next.is_none_or(|next| next > self.now()) || *self.stopped().borrow() {
                break;
            }
            if !self.fire_due(flow, (version, trigger, recurrence), &mut state, &mut fence).await? {
                // Another process was faster; what it left is seen at the next look.
                return Ok(self.0.store.timer(key).await?);
            }
        }
        Ok(state.next)
    }

    /// Counts no run any more whose end is stored: its own task may not have come to say so.
    async fn forget_ended(&self, flow: FlowId) -> Result<(), Error> {
        for run in self.0.gates.counted(flow, COUNTED_MAX) {
            if self.0.store.run(run).await?.is_some_and(|listed| listed.run.status.is_final()) {
                self.0.gates.leave(flow, run);
            }
        }
        Ok(())
    }

    /// The timetable, and what is asked for at the service.
    async fn fingerprint(&self, flow: &Flow, version: &Version, trigger: &Trigger) -> Result<(String, String), Error> {
        let definition = self.definition(&flow.id, version.number).await?;
        let part = |name: &str| {
            let at = definition.get("triggers").and_then(|triggers| triggers.get(&trigger.name)?.get(name));
            at.map(Value::to_json).unwrap_or_default()
        };
        let bindings: Vec<String> =
            flow.bindings.iter().filter_map(|binding| binding.connection.map(|id| id.to_string())).collect();
        let bindings =
            if matches!(trigger.kind, TriggerKind::ConnectorPolling(_)) { bindings.join(",") } else { String::new() };
        Ok((part("recurrence"), format!("{}\n{bindings}", part("inputs"))))
    }

    async fn fire_due(
        &self,
        flow: &Flow,
        (version, trigger, recurrence): (&Arc<Version>, &Trigger, &Recurrence),
        state: &mut TriggerState,
        fence: &mut Timer,
    ) -> Result<bool, Error> {
        let now = self.now();
        if trigger.single_instance {
            self.forget_ended(flow.id).await?;
        }
        let (running, waiting) = self.0.gates.count(flow.id);
        let full = trigger.concurrency.is_some_and(|limit| waiting >= limit.waiting as usize);
        if full || (trigger.single_instance && running + waiting > 0) {
            tracing::info!(flow = %flow.id, "the trigger is due, and too many of its runs are active");
            // A window is never passed over: it waits.
            if state.window.is_some() {
                state.next = Some(now.plus(Duration::from_secs(5)));
            } else {
                state.advance(recurrence, now);
            }
            return self.commit_begin(moved(flow, state, fence), Lane::Work).await;
        }
        let fetched = match &trigger.kind {
            TriggerKind::Recurrence => {
                state.advance(recurrence, now);
                Fetched::Outputs(Object::new().into())
            }
            TriggerKind::SlidingWindow { .. } => {
                let Some((begin, end)) = state.advance_window(trigger, recurrence) else {
                    state.next = None;
                    return self.commit_begin(moved(flow, state, fence), Lane::Work).await;
                };
                let window = [("windowStartTime", date_text(begin)), ("windowEndTime", date_text(end))];
                Fetched::Outputs(Value::object(window))
            }
            _ => self.poll(flow, version, trigger, recurrence, state).await?,
        };
        let unit = moved(flow, state, fence);
        let (summary, is_poll) = match &trigger.kind {
            TriggerKind::Recurrence => ("Schedule", false),
            TriggerKind::SlidingWindow { .. } => ("Window", false),
            _ => ("Poll", true),
        };
        let origin = Origin::Time(summary);
        let outputs = match fetched {
            Fetched::Outputs(outputs) => outputs,
            Fetched::Nothing => return self.commit_begin(unit, Lane::Work).await,
            Fetched::Failed(error) => return self.not_begun(unit, flow, origin, RunStatus::Failed, &error).await,
        };
        let fired = Fired {
            outputs,
            parameters: version.parameters.clone(),
            workflow: workflow(flow, None),
            origin: self.new_id::<hookmill_model::EventId>().to_string().into(),
            seed: seed(),
            now,
        };
        let is_short = version.is_short(fired.outputs.heap_bytes_within(OUTPUTS_BYTES_MAX));
        let firing = self.bounded(flow.id, is_short, |wanted| fire(&version.plan, trigger, &fired, wanted)).await;
        match firing.or_else(|unfinished| unfinished.of_trigger(&trigger.name).map(Firing::Failed))? {
            Firing::Runs(records) => Ok(!self.begin(unit, flow, version, records, origin).await?.is_empty()),
            // A poll whose conditions are not met is like one that found nothing.
            Firing::Skipped(_) if is_poll => self.commit_begin(unit, Lane::Work).await,
            Firing::Skipped(error) => self.not_begun(unit, flow, origin, RunStatus::Skipped, &error).await,
            Firing::Failed(error) | Firing::Refused(error) => {
                self.not_begun(unit, flow, origin, RunStatus::Failed, &error).await
            }
        }
    }

    /// Asks the service, and moves the state on as its answer says.
    async fn poll(
        &self,
        flow: &Flow,
        version: &Version,
        trigger: &Trigger,
        recurrence: &Recurrence,
        state: &mut TriggerState,
    ) -> Result<Fetched, Error> {
        let now = self.now();
        let mut surroundings = self.surroundings(flow, version, None);
        surroundings.outputs.clone_from(&state.outputs);
        surroundings.seed = seed();
        let is_short =
            version.is_short(state.outputs.as_ref().map_or(0, |own| own.heap_bytes_within(OUTPUTS_BYTES_MAX)));
        let ask = |wanted: &dyn Fn() -> bool| request(&version.plan, trigger, &surroundings, wanted);
        let made = match self.bounded(flow.id, is_short, ask).await {
            Ok(made) => made,
            Err(unfinished) => Err(unfinished.of_trigger(&trigger.name)?),
        };
        let asked = match made {
            Ok(first) => match &state.location {
                Some(location) => follow(first, location.clone()),
                None => first,
            },
            Err(error) => {
                state.advance(recurrence, now);
                return Ok(Fetched::Failed(error));
            }
        };
        let id = flow.id.to_string();
        let left = state.left.clone();
        let poll = left.as_ref().and_then(Value::as_object);
        let context = CallContext { flow: Some(&id), poll, ..CallContext::outside_runs() };
        let performed = self.perform_request(flow, &asked, &context).await;
        let policy = |wanted: &dyn Fn() -> bool| retry_policy(version, trigger, &surroundings, wanted);
        let policy = self.bounded(flow.id, is_short, policy).await?;
        if policy.retries(&performed.outcome) {
            let nth = state.retries + 1;
            if let Some(wait) = policy.wait(nth, seed()) {
                state.retries = nth;
                let asked_for = match &performed.outcome {
                    Outcome::Replied { headers, .. } => retry_after(headers, now),
                    Outcome::NoReply { .. } => None,
                };
                state.next = Some(now.plus(asked_for.unwrap_or(wait)));
                return Ok(Fetched::Nothing);
            }
        }
        state.retries = 0;
        state.advance(recurrence, now);
        let (status, headers, body) = match performed.outcome {
            Outcome::NoReply { code, message, .. } => return Ok(Fetched::Failed(ActionError { code, message })),
            Outcome::Replied { status, headers, body } => (status, headers, body),
        };
        if !(200..300).contains(&status) {
            let code = hookmill_engine::status_code::name(status);
            let message = format!("The service answered {status} to the poll of the trigger '{}'.", trigger.name);
            return Ok(Fetched::Failed(ActionError { code, message: message.into() }));
        }
        state.location =
            member(&headers, "Location").map(content::to_text).and_then(|to| absolute(&performed.request, &to));
        if let (Some(wait), Some(usual)) = (retry_after(&headers, now), state.next) {
            let asked_for = now.plus(wait.max(POLL_WAIT_MIN));
            state.next = Some(if status == 202 { asked_for.max(usual) } else { asked_for });
        }
        let mut outputs = Object::with_capacity(3);
        outputs.insert("statusCode", Value::Integer(status.into()));
        outputs.insert("headers", headers);
        if let Some(body) = body {
            outputs.insert("body", body);
        }
        let outputs = Value::from(outputs);
        state.outputs = Some(outputs.clone());
        if let Some(ended) = self.poll_ended(flow, trigger, poll, &outputs).await? {
            // The first poll only says where the next one begins: what it brings was there before the flow.
            let is_first = ended.has_state && left.is_none();
            state.left = Some(ended.left.into());
            return Ok(if ended.has_data && !is_first { Fetched::Outputs(outputs) } else { Fetched::Nothing });
        }
        // Conditions that look at the status decide instead of the rule that 202 is nothing new.
        let by_status = trigger.conditions.iter().any(|condition| condition.source().to_json().contains("statusCode"));
        Ok(if status == 202 && !by_status { Fetched::Nothing } else { Fetched::Outputs(outputs) })
    }

    /// What the answer to a poll leaves, where a policy of the connector lets polls go on where the one before ended.
    async fn poll_ended(
        &self,
        flow: &Flow,
        trigger: &Trigger,
        before: Option<&Object>,
        outputs: &Value,
    ) -> Result<Option<PollEnded>, Error> {
        let TriggerKind::ConnectorPolling(call) = &trigger.kind else { return Ok(None) };
        let OperationInputs::ById { operation_id, .. } = &call.operation else { return Ok(None) };
        let bound = self.bound_key(flow.owner, &flow.bindings, &call.connection).await?;
        let nothing = Object::new();
        let body = outputs.get("body").unwrap_or(&Value::Null);
        Ok(bound.connector.poll_ended(operation_id, before.unwrap_or(&nothing), body))
    }
}

fn retry_policy(
    version: &Version,
    trigger: &Trigger,
    surroundings: &Surroundings,
    wanted: &dyn Fn() -> bool,
) -> RetryPolicy {
    let source = match &trigger.kind {
        TriggerKind::HttpPolling(CallInputs { retry, .. }) => retry.as_ref(),
        TriggerKind::ConnectorPolling(call) => call.retry.as_ref(),
        _ => None,
    };
    let value = source.and_then(|part| evaluate(&version.plan, trigger, part, surroundings, wanted).ok());
    RetryPolicy::new(value.as_ref(), version.plan.profile).unwrap_or(RetryPolicy::NONE)
}

/// What is remembered of a trigger that does not fire now: where a service wants to be polled next, while its flow is
/// off; nothing, where the flow is gone or has another trigger.
fn paused(flow: &Flow, stored: &[u8]) -> Result<Change, Error> {
    if flow.state == FlowState::On || flow.deleted_at.is_some() {
        return Ok(Change::DeleteTriggerState(flow.id));
    }
    let TriggerState { asked, location, outputs, left, .. } = read_state(flow, stored)?;
    let kept = encoded(&TriggerState { asked, location, outputs, left, ..TriggerState::default() });
    Ok(Change::PutTriggerState(flow.id, kept))
}

fn read_state(flow: &Flow, stored: &[u8]) -> Result<TriggerState, Damaged> {
    hookmill_store::read(format_args!("the state of the trigger of flow {}", flow.id), stored, |bytes| {
        serde_json::from_slice(bytes)
    })
}

/// What was done is remembered, if the timer is still where it was: of two processes one goes on.
fn moved(flow: &Flow, state: &TriggerState, fence: &mut Timer) -> Unit {
    let old = *fence;
    let other = state.next.filter(|next| *next != old.due_at);
    fence.due_at = other.unwrap_or_else(|| old.due_at.plus(Duration::from_micros(1)));
    Unit::from(Change::PutTriggerState(flow.id, encoded(state)))
        .with(Change::SetTimer(*fence))
        .owned(flow.id)
        .expect(Expect::TimerDue(old))
}

/// `Location` is resolved against the request.
fn absolute(request: &Value, location: &str) -> Option<Str> {
    let base = request.get("uri").and_then(Value::as_str).and_then(|uri| url::Url::parse(uri).ok());
    let url = match base {
        Some(base) => base.join(location.trim()).ok()?,
        None => url::Url::parse(location.trim()).ok()?,
    };
    Some(url.as_str().into())
}

fn encoded(state: &TriggerState) -> bytes::Bytes {
    serde_json::to_vec(state).unwrap_or_default().into()
}
