//! Which facts follow from one input.
//!
//! A decision works through a list of what has become due: an action whose predecessors have ended, a group whose
//! actions have all ended, a loop that may begin iterations. Each step costs what it touches, never the size of the
//! run; a decision that has grown long stops where a loop would begin a further iteration, and [`pending`] says that it
//! wants to go on.

mod call;
mod control;
mod data;
mod delay;
mod end;
mod memory;
mod outlook;
mod page;
mod table;
mod variable;

pub use call::was_called_back;
pub(crate) use call::{callback_token, http_request, operation_request};
pub use memory::Allowance;
pub use outlook::{outlook, pending};

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use hookmill_definition::Plan;
use hookmill_definition::plan::{ActionIndex, ActionKind, GroupIndex, ROOT};
use hookmill_expression::Compiled;
use hookmill_model::{ActionStatus, Object, RunId, RunStatus, Str, Timestamp, Value};

use crate::command::{ActionPath, EffectId, Performed};
use crate::fact::{self, ActionError, ENGINE_REVISION, Fact, TakenOver, deadline};
use crate::scope::{ActionScope, describe};
use crate::state::{IllegalFact, Indexes, Record, RunState};

/// A decision begins no further iteration once it has made so many facts.
const FACTS_MAX: usize = 1_000;

/// What a decision may know beside plan, state and input.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// The time.
    pub now: Timestamp,
    /// What the addresses of webhook actions begin with.
    pub callback_base: &'a str,
    /// Makes those addresses unguessable.
    pub callback_key: &'a [u8],
}

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct Start {
    /// Its identifier.
    pub run: RunId,
    /// Its random numbers begin here.
    pub seed: u64,
    /// The record of its trigger: `name`, `outputs`, …
    pub trigger: Value,
    /// Values of parameters: name → value.
    pub parameters: Value,
    /// What `workflow()` gives.
    pub workflow: Value,
    /// Whether somebody waits for a Response, or will ask for it.
    pub caller_waits: bool,
    /// When the caller gives up; open where it does not.
    pub caller_until: Option<Timestamp>,
    /// Results of an earlier run that are not asked for again; see [`crate::resume`].
    pub taken_over: Vec<TakenOver>,
    /// Nothing begins before [`Input::Released`]: too many runs of the trigger are active.
    pub held: bool,
    /// Something that the run received is secret; see [`RunState::is_secret`].
    pub secret: bool,
}

/// What can happen to a run.
#[derive(Clone, Debug)]
pub enum Input {
    /// It begins.
    Start(Box<Start>),
    /// A run that was held may begin.
    Released,
    /// A request has an outcome.
    EffectEnded {
        /// The request.
        effect: EffectId,
        /// The outcome.
        performed: Box<Performed>,
    },
    /// The address of a webhook action was called.
    CallbackReceived {
        /// The part of the address that names the action.
        token: Str,
        /// What came: `headers`, `queries`, `body`.
        outputs: Value,
    },
    /// Time has passed, or the last decision wants to go on.
    Tick,
    /// A person wants the run to stop.
    CancelRequested,
    /// The process died and begins anew: what was in flight is handed out again.
    Recovered,
}

enum Work {
    Open(GroupIndex, Indexes),
    Consider(ActionIndex, Indexes),
    GroupEnded(GroupIndex, Indexes),
    Advance(ActionIndex, Indexes),
}

/// How an action ends.
#[derive(Debug)]
pub(crate) struct Ending {
    status: ActionStatus,
    code: Str,
    outputs: Option<Value>,
    error: Option<ActionError>,
}

impl Ending {
    /// Why it failed.
    pub(crate) fn into_error(self) -> ActionError {
        self.error.unwrap_or_else(|| ActionError::new(&self.code, ""))
    }

    fn done(code: &str, outputs: Option<Value>) -> Self {
        Self { status: ActionStatus::Succeeded, code: code.into(), outputs, error: None }
    }

    fn failed(code: &str, message: impl Into<Str>) -> Self {
        Self::failed_as(code, code, message)
    }

    fn failed_as(code: &str, error: &str, message: impl Into<Str>) -> Self {
        Self {
            status: ActionStatus::Failed,
            code: code.into(),
            outputs: None,
            error: Some(ActionError::new(error, message)),
        }
    }

    fn skipped(error: &str, message: impl Into<Str>) -> Self {
        Self {
            status: ActionStatus::Skipped,
            code: "ActionSkipped".into(),
            outputs: None,
            error: Some(ActionError::new(error, message)),
        }
    }

    /// Skipped or stopped since the run stops.
    fn terminated(status: ActionStatus, code: &Str) -> Self {
        Self { status, code: code.clone(), outputs: None, error: None }
    }
}

type Step<T = ()> = Result<T, IllegalFact>;

struct Decision<'a> {
    plan: &'a Plan,
    state: &'a mut RunState,
    environment: Environment<'a>,
    /// Whether somebody waits for the decision.
    wanted: &'a dyn Fn() -> bool,
    facts: Vec<Fact>,
    work: VecDeque<Work>,
    /// The action of the last fact, for the message where the run takes too much memory.
    latest: Option<Str>,
    /// An action whose evaluation would have taken more memory than the run may have.
    exhausted_by: RefCell<Option<Str>>,
    allowance: Allowance,
    /// About so many bytes its facts take.
    fact_bytes: usize,
    /// An evaluation needed more memory than it was allowed.
    is_short: Cell<bool>,
}

/// Says which facts follow from the input, and applies them to the state as it goes: each decision sees the ones
/// before. Whoever cannot store the facts must forget the state and fold it anew.
///
/// An input that changes nothing (an outcome that came twice, a tick before its time) gives no facts.
///
/// # Errors
/// A decision made a fact that cannot follow. That is a fault of the engine or a damaged journal; the run must be set
/// aside.
pub fn decide(
    plan: &Plan,
    state: &mut RunState,
    environment: Environment<'_>,
    input: Input,
) -> Result<Vec<Fact>, IllegalFact> {
    // Without an allowance, and with somebody who waits, nothing is broken off.
    let facts = made(plan, state, environment, input, Allowance::ALL, &|| true)?;
    Ok(facts.unwrap_or_default())
}

/// Why there is no decision. The state must be forgotten and folded anew then, as where facts cannot be stored; the input
/// may be given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenOff {
    /// An evaluation needs more memory than the allowance has.
    Memory,
    /// Nobody waits for it any more.
    Stopped,
}

/// Decides as [`decide`] does, within an allowance, for as long as `wanted` says that somebody waits for the decision. It is
/// asked before each action, and every few milliseconds while an expression is evaluated.
///
/// A decision that pauses leaves what is due in the state, and [`outlook`] says that it wants to go on. One that is broken
/// off is never another decision: there is none then.
///
/// # Errors
/// As [`decide`].
pub fn decide_while(
    plan: &Plan,
    state: &mut RunState,
    environment: Environment<'_>,
    input: Input,
    allowance: Allowance,
    wanted: &dyn Fn() -> bool,
) -> Result<Result<Vec<Fact>, BrokenOff>, IllegalFact> {
    let is_stopped = Cell::new(false);
    // Once it was stopped it stays so: parts that were decided before and after a stop must not be mixed.
    let still = || {
        is_stopped.set(is_stopped.get() || !wanted());
        !is_stopped.get()
    };
    let facts = made(plan, state, environment, input, allowance, &still);
    if is_stopped.get() { Ok(Err(BrokenOff::Stopped)) } else { facts.map(|facts| facts.ok_or(BrokenOff::Memory)) }
}

/// The facts of a decision; `None` where an evaluation needs more than its allowance.
fn made(
    plan: &Plan,
    state: &mut RunState,
    environment: Environment<'_>,
    input: Input,
    allowance: Allowance,
    wanted: &dyn Fn() -> bool,
) -> Result<Option<Vec<Fact>>, IllegalFact> {
    if state.status.is_final() {
        return Ok(Some(Vec::new()));
    }
    state.allow(allowance.evaluation_bytes);
    let mut decision = Decision {
        plan,
        state,
        environment,
        wanted,
        facts: Vec::new(),
        work: VecDeque::new(),
        latest: None,
        exhausted_by: RefCell::default(),
        allowance,
        fact_bytes: 0,
        is_short: Cell::default(),
    };
    decision.resume()?;
    decision.take(input)?;
    decision.bound()?;
    decision.settle()?;
    let facts = (!decision.is_short()).then_some(decision.facts);
    state.allow(None);
    Ok(facts)
}

impl<'a> Decision<'a> {
    fn now(&self) -> Timestamp {
        self.environment.now
    }

    fn emit(&mut self, fact: Fact) -> Step {
        if let Fact::ActionStarted(fact::ActionStarted { path, .. })
        | Fact::ActionEnded(fact::ActionEnded { path, .. })
        | Fact::EffectEnded(fact::EffectEnded { path, .. })
        | Fact::CallbackReceived(fact::CallbackReceived { path, .. })
        | Fact::LoopStarted(fact::LoopStarted { path, .. }) = &fact
        {
            self.latest = Some(path.action.clone());
        }
        let before = self.state.bytes();
        self.state.apply(&fact)?;
        self.made(before);
        self.facts.push(fact);
        Ok(())
    }

    fn path(&self, action: ActionIndex, indexes: &[u32]) -> ActionPath {
        ActionPath { action: self.plan.actions[action].name.clone(), indexes: indexes.to_vec() }
    }

    /// The action that a path names; a journal of another plan has none.
    fn action_of(&self, path: &ActionPath) -> Option<ActionIndex> {
        self.plan.names.get(path.action.to_lowercase().as_str()).copied()
    }

    fn status_of(&self, action: ActionIndex, indexes: &[u32]) -> Option<ActionStatus> {
        self.state.record(&self.plan.actions[action].name, indexes).map(|record| record.status)
    }

    fn scope<'s>(&'s self, action: ActionIndex, indexes: &'s [u32], phase: u32) -> ActionScope<'s> {
        let own = &self.plan.actions[action];
        ActionScope::new(self.plan, self.state, self.now(), &own.loops, indexes, (&own.name, phase))
            .while_wanted(self.wanted)
    }

    /// Evaluates a part of an action; the failure is the action's end.
    fn evaluate(&self, action: ActionIndex, indexes: &[u32], part: &Compiled) -> Result<Value, Ending> {
        let value = part
            .evaluate(&self.scope(action, indexes, 0))
            .map_err(|fault| self.template_failure(action, &fault.1, "inputs"))?;
        self.fits(action, value)
    }

    fn template_failure(&self, action: ActionIndex, fault: &hookmill_expression::Error, part: &str) -> Ending {
        if fault.is_of_memory {
            return self.out_of_memory(action);
        }
        let name = &self.plan.actions[action].name;
        let place =
            if part == "inputs" { format!("in action '{name}' inputs") } else { format!("for action '{name}'") };
        let message = format!(
            "Unable to process template language expressions {place} at line '{}' and column '{}': '{}'.",
            fault.position.line, fault.position.column, fault.message
        );
        Ending::failed_as("BadRequest", "InvalidTemplate", message)
    }

    fn take(&mut self, input: Input) -> Step {
        match input {
            Input::Start(start) => self.start(*start),
            Input::Released => self.release(),
            Input::EffectEnded { effect, performed } => self.effect_ended(&effect, *performed),
            Input::CallbackReceived { token, outputs } => self.callback_received(&token, outputs),
            Input::Tick => self.tick(),
            Input::CancelRequested => self.cancel(),
            Input::Recovered => {
                let open: Vec<(ActionPath, u32)> = self.state.open.keys().cloned().collect();
                for (path, attempt) in open {
                    self.emit(Fact::EffectRedispatched(fact::EffectRedispatched { at: self.now(), path, attempt }))?;
                }
                Ok(())
            }
        }
    }

    fn start(&mut self, start: Start) -> Step {
        let now = self.now();
        self.emit(Fact::RunStarted(fact::RunStarted {
            at: now,
            run: start.run,
            seed: start.seed,
            trigger: start.trigger,
            parameters: start.parameters,
            workflow: start.workflow,
            caller_waits: start.caller_waits,
            caller_until: start.caller_until,
            deadline: deadline(now, self.plan.limits.run_duration_max),
            revision: ENGINE_REVISION,
            taken_over: start.taken_over,
            held: start.held,
            secret: start.secret,
            secure_trigger: self.plan.triggers.first().is_some_and(|trigger| trigger.secure_outputs),
            body_in_event: false,
        }))?;
        if !start.held {
            self.work.push_back(Work::Open(ROOT, Vec::new()));
        }
        Ok(())
    }

    fn release(&mut self) -> Step {
        if !self.state.held || self.state.stop.is_some() {
            return Ok(());
        }
        let now = self.now();
        self.emit(Fact::Released(fact::Released {
            at: now,
            deadline: deadline(now, self.plan.limits.run_duration_max),
        }))?;
        self.work.push_back(Work::Open(ROOT, Vec::new()));
        Ok(())
    }

    fn tick(&mut self) -> Step {
        let now = self.now();
        if self.state.stop.is_some() {
            return Ok(());
        }
        if now >= self.state.deadline {
            let error = ActionError::new("WorkflowRunTimedOut", "The run has taken longer than it may.");
            return self.stop(RunStatus::TimedOut, "WorkflowRunTimedOut", Some(error), None);
        }
        while let Some((_, path)) = self.state.deadlines.first().filter(|(deadline, _)| *deadline <= now).cloned() {
            let Some(action) = self.action_of(&path) else { break };
            let message = format!("The execution of template action '{}' timed out.", path.action);
            let mut ending = Ending::failed("ActionTimedOut", message);
            ending.status = ActionStatus::TimedOut;
            self.end(action, path.indexes, ending)?;
        }
        let due: Vec<ActionPath> = self
            .state
            .waits
            .iter()
            .filter(|(_, wait)| wait.until.is_some_and(|until| until <= now))
            .map(|(path, _)| path.clone())
            .collect();
        for path in due {
            self.waited(&path)?;
        }
        let loops: Vec<ActionPath> = self.state.loops.keys().cloned().collect();
        for path in loops {
            if let Some(action) = self.action_of(&path) {
                self.work.push_back(Work::Advance(action, path.indexes));
            }
        }
        Ok(())
    }

    fn cancel(&mut self) -> Step {
        if self.state.stop.is_some() || self.state.cancel_requested {
            return Ok(());
        }
        self.emit(Fact::CancelRequested(fact::CancelRequested { at: self.now() }))?;
        self.stop(RunStatus::Cancelled, "ActionCancelled", None, None)
    }

    /// Works until nothing more is due.
    fn settle(&mut self) -> Step {
        while !self.is_short() && (self.wanted)() && !self.pause()? {
            let Some(work) = self.work.pop_front().filter(|_| !self.state.status.is_final()) else { break };
            match work {
                Work::Open(group, indexes) => self.open(group, &indexes),
                Work::Consider(action, indexes) => self.consider(action, indexes)?,
                Work::GroupEnded(group, indexes) => self.group_ended(group, indexes)?,
                Work::Advance(action, indexes) => self.advance(action, indexes)?,
            }
            self.bound()?;
        }
        Ok(())
    }

    fn open(&mut self, group: GroupIndex, indexes: &[u32]) {
        let first = &self.plan.groups[group].first;
        if first.is_empty() {
            self.work.push_back(Work::GroupEnded(group, indexes.to_vec()));
        }
        self.work.extend(first.iter().map(|action| Work::Consider(*action, indexes.to_vec())));
    }

    /// Begins an action whose predecessors have all ended, or skips it.
    fn consider(&mut self, action: ActionIndex, indexes: Indexes) -> Step {
        if self.state.stop.is_some() || self.status_of(action, &indexes).is_some() {
            return Ok(());
        }
        let own = &self.plan.actions[action];
        for (before, accepted) in &own.run_after {
            let Some(status) = self.status_of(*before, &indexes) else { return Ok(()) };
            if !accepted.contains(&status) {
                let listed: Vec<&str> = accepted.iter().map(|status| status.as_str()).collect();
                let message = format!(
                    "The execution of template action '{}' is skipped: the 'runAfter' condition for action '{}' is not satisfied. Expected status values '{}' and actual value '{status}'.",
                    own.name,
                    self.plan.actions[*before].name,
                    listed.join(", ")
                );
                return self.skip(action, indexes, Ending::skipped("ActionConditionFailed", message));
            }
        }
        for condition in &own.conditions {
            match condition.evaluate(&self.scope(action, &indexes, 0)) {
                Ok(true) => {}
                Ok(false) => {
                    let message = format!(
                        "The execution of template action '{}' is skipped: a condition of the action is not satisfied.",
                        own.name
                    );
                    return self.skip(action, indexes, Ending::skipped("ActionConditionFailed", message));
                }
                Err((_, fault)) => {
                    let ending = self.template_failure(action, &fault, "condition");
                    self.started(action, &indexes, None)?;
                    return self.end(action, indexes, ending);
                }
            }
        }
        self.begin(action, indexes)
    }

    fn begin(&mut self, action: ActionIndex, indexes: Indexes) -> Step {
        let path = self.path(action, &indexes);
        if let Some(result) = self.state.taken_over.get(&path).cloned() {
            return self.take_over(action, indexes, result);
        }
        if let Some(name) = self.plan.actions[action].options.static_result.clone() {
            return self.static_result(action, indexes, &name);
        }
        let plan = self.plan;
        match &plan.actions[action].kind {
            ActionKind::Http(_)
            | ActionKind::Connector(_)
            | ActionKind::HttpWebhook { .. }
            | ActionKind::ConnectorWebhook(_)
            | ActionKind::ChildFlow { .. }
            | ActionKind::JavaScript { .. } => self.begin_call(action, indexes),
            ActionKind::Wait(_) => self.begin_wait(action, indexes),
            ActionKind::Response(inputs) => self.respond(action, indexes, inputs),
            ActionKind::Scope { .. }
            | ActionKind::If { .. }
            | ActionKind::Switch { .. }
            | ActionKind::Foreach { .. }
            | ActionKind::Until { .. } => self.begin_container(action, indexes),
            ActionKind::Terminate(inputs) => self.terminate(action, indexes, inputs),
            ActionKind::InitializeVariable(_) | ActionKind::ChangeVariable { .. } => {
                self.variable_action(action, indexes)
            }
            ActionKind::Unsupported => {
                self.started(action, &indexes, None)?;
                let message =
                    format!("Hookmill does not run actions of the type '{}'.", plan.actions[action].type_name);
                self.end(action, indexes, Ending::failed("WorkflowRunActionTypeUnsupported", message))
            }
            _ => self.data_action(action, indexes),
        }
    }

    /// Notes that an action began; `inputs` as they are, secrets are taken out here.
    fn started(&mut self, action: ActionIndex, indexes: &[u32], inputs: Option<Value>) -> Step {
        self.started_with(action, indexes, inputs, None)
    }

    fn started_with(
        &mut self,
        action: ActionIndex,
        indexes: &[u32],
        inputs: Option<Value>,
        call: Option<crate::fact::CallSettings>,
    ) -> Step {
        let options = &self.plan.actions[action].options;
        let inputs = inputs.map(|inputs| self.without_secrets(inputs));
        let fact = Fact::ActionStarted(fact::ActionStarted {
            at: self.now(),
            path: self.path(action, indexes),
            inputs,
            call,
            secure_inputs: options.secure_inputs,
            secure_outputs: options.secure_outputs,
            taken_over: false,
        });
        self.emit(fact)
    }

    /// Ends an action with the result that it had in the run before.
    fn take_over(&mut self, action: ActionIndex, indexes: Indexes, result: TakenOver) -> Step {
        let own = &self.plan.actions[action];
        let path = self.path(action, &indexes);
        self.emit(Fact::ActionStarted(fact::ActionStarted {
            at: self.now(),
            path: path.clone(),
            inputs: result.inputs,
            call: None,
            secure_inputs: own.options.secure_inputs,
            secure_outputs: own.options.secure_outputs,
            taken_over: true,
        }))?;
        for (name, kind, value) in result.variables {
            self.emit(Fact::VariableSet(fact::VariableSet { name, kind, value }))?;
        }
        for (name, value) in result.appended {
            self.emit(Fact::VariableAppended(fact::VariableAppended { name, value }))?;
        }
        self.emit(Fact::ActionEnded(fact::ActionEnded {
            at: self.now(),
            path,
            group: number(own.group),
            status: ActionStatus::Succeeded,
            code: result.code,
            outputs: result.outputs,
            error: None,
            tracked: result.tracked,
        }))?;
        self.ended(action, indexes);
        Ok(())
    }

    /// Replaces the values of secure parameters wherever they stand.
    fn without_secrets(&self, value: Value) -> Value {
        let secrets: Vec<Str> = self
            .plan
            .parameters
            .values()
            .filter(|parameter| parameter.is_secure())
            .filter_map(|parameter| {
                let supplied = hookmill_expression::member(&self.state.parameters, &parameter.name);
                match supplied.or(parameter.default.as_ref()) {
                    Some(Value::String(secret)) if secret.len() >= 4 => Some(secret.clone()),
                    _ => None,
                }
            })
            .collect();
        if secrets.is_empty() { value } else { redacted(&value, &secrets) }
    }

    fn static_result(&mut self, action: ActionIndex, indexes: Indexes, name: &str) -> Step {
        let result = self.plan.static_results.get(name).cloned().unwrap_or_default();
        let status = result.get("status").and_then(Value::as_str).and_then(|status| status.parse().ok());
        let status = status.filter(|status: &ActionStatus| status.is_final()).unwrap_or(ActionStatus::Succeeded);
        let usual = if status == ActionStatus::Succeeded { "OK" } else { "ActionFailed" };
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(Str::from);
        let error = result.get("error").map(|error| ActionError {
            code: text(error.get("code")).unwrap_or_else(|| usual.into()),
            message: text(error.get("message")).unwrap_or_default(),
        });
        let code = text(result.get("code")).unwrap_or_else(|| usual.into());
        let inputs = match self.own_inputs(action, &indexes) {
            Ok(inputs) => inputs,
            Err(ending) => {
                self.started(action, &indexes, None)?;
                return self.end(action, indexes, ending);
            }
        };
        self.started(action, &indexes, inputs)?;
        self.end(action, indexes, Ending { status, code, outputs: result.get("outputs").cloned(), error })
    }

    /// The inputs of an action that is not performed.
    fn own_inputs(&self, action: ActionIndex, indexes: &[u32]) -> Result<Option<Value>, Ending> {
        match &self.plan.actions[action].kind {
            ActionKind::Compose(value) => self.evaluate(action, indexes, value).map(Some),
            ActionKind::Http(_)
            | ActionKind::Connector(_)
            | ActionKind::HttpWebhook { .. }
            | ActionKind::ConnectorWebhook(_)
            | ActionKind::ChildFlow { .. } => self.build(action, indexes).map(|(inputs, ..)| inputs),
            _ => Ok(None),
        }
    }

    /// Ends an action and puts what becomes due onto the list.
    fn end(&mut self, action: ActionIndex, indexes: Indexes, ending: Ending) -> Step {
        let own = &self.plan.actions[action];
        let ending = self.within_size(action, ending);
        let path = self.path(action, &indexes);
        let tracked = match (&own.tracked_properties, ending.status) {
            (None, _) | (_, ActionStatus::Skipped) => None,
            (Some(tracked), _) => {
                let before = self.state.record_of(&path);
                let record = Record {
                    status: ending.status,
                    code: ending.code.clone(),
                    inputs: before.and_then(|record| record.inputs.clone()),
                    outputs: ending.outputs.clone(),
                    error: ending.error.clone(),
                    started_at: before.map_or(self.now(), |record| record.started_at),
                    ended_at: Some(self.now()),
                    iterations: 0,
                    branch: None,
                    call: None,
                };
                let mut scope = self.scope(action, &indexes, u32::MAX);
                scope.current = Some(describe(&own.name, &record, &self.state.tracking_id()));
                // A failure here does not fail the action.
                let made = tracked.evaluate(&scope);
                if made.as_ref().is_err_and(|(_, fault)| fault.is_of_memory) {
                    self.note_shortage();
                }
                let made = made.ok();
                made.filter(|made| made.json_bytes() <= self.plan.limits.tracked_chars_max)
            }
        };
        let unsubscribe = self.unsubscription(action, &path, &ending);
        self.emit(Fact::ActionEnded(fact::ActionEnded {
            at: self.now(),
            path: path.clone(),
            group: number(own.group),
            status: ending.status,
            code: ending.code,
            outputs: ending.outputs,
            error: ending.error,
            tracked,
        }))?;
        if let Some((attempt, request)) = unsubscribe {
            let purpose = crate::fact::Purpose::Unsubscribe;
            self.emit(Fact::EffectStarted(fact::EffectStarted {
                at: self.now(),
                path,
                attempt,
                retry: 0,
                purpose,
                request,
            }))?;
        }
        self.ended(action, indexes);
        Ok(())
    }

    /// Outputs that are larger than a message may be make an action fail.
    fn within_size(&self, action: ActionIndex, ending: Ending) -> Ending {
        let most = self.plan.limits.payload_bytes_max;
        match &ending.outputs {
            Some(outputs) if outputs.json_bytes() > most => {
                let name = &self.plan.actions[action].name;
                let message = format!("The outputs of the action '{name}' are larger than {most} bytes.");
                Ending::failed("ActionResultsSizeLimitExceeded", message)
            }
            _ => ending,
        }
    }

    fn ended(&mut self, action: ActionIndex, indexes: Indexes) {
        let own = &self.plan.actions[action];
        for successor in &own.successors {
            let ready = |(before, _): &(ActionIndex, Vec<ActionStatus>)| {
                self.status_of(*before, &indexes).is_some_and(ActionStatus::is_final)
            };
            if self.plan.actions[*successor].run_after.iter().all(ready) {
                self.work.push_back(Work::Consider(*successor, indexes.clone()));
            }
        }
        let all = number(self.plan.groups[own.group].actions.len());
        if self.state.ended.get(&(number(own.group), indexes.clone())).copied().unwrap_or(0) >= all {
            self.work.push_back(Work::GroupEnded(own.group, indexes));
        }
    }
}

/// Replaces secrets in all texts.
fn redacted(value: &Value, secrets: &[Str]) -> Value {
    match value {
        Value::String(text) => {
            let found = secrets.iter().any(|secret| text.contains(&**secret));
            if !found {
                return value.clone();
            }
            let plain = secrets.iter().fold(text.to_string(), |text, secret| text.replace(&**secret, "*sanitized*"));
            plain.into()
        }
        Value::Array(elements) => Value::array(elements.iter().map(|element| redacted(element, secrets)).collect()),
        Value::Object(members) => {
            Value::object(members.iter().map(|(name, value)| (name.clone(), redacted(value, secrets))))
        }
        other => other.clone(),
    }
}

/// Indexes of plans are small.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// `{body: value}`
fn body(value: Value) -> Value {
    let mut members = Object::with_capacity(1);
    members.insert("body", value);
    members.into()
}
