//! The history of a run, read from its facts: what people see, action by action, attempt by attempt.

mod digest;

use std::collections::BTreeMap;

use hookmill_definition::plan::VariableKind;
use hookmill_model::{ActionStatus, Object, RunStatus, Str, Timestamp, Value};

use crate::command::{ActionPath, Outcome};
use crate::fact::{self, ActionError, Fact, Purpose, WaitReason};
use crate::state::{Indexes, Response, reply_value};
use crate::status_code;
use crate::variable::Variable;

pub use digest::{Digest, Keeps, Seen};

/// One request of an action run.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Counts the requests of the action run, from 1.
    pub attempt: u32,
    /// Which retry of the same request it is; 0 for the first time.
    pub retry: u32,
    /// What it was for.
    pub purpose: Purpose,
    /// When it was handed out.
    pub started_at: Timestamp,
    /// When its outcome came.
    pub ended_at: Option<Timestamp>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// The code: the status by name, or why there was no answer.
    pub code: Option<Str>,
    /// Why there was no answer.
    pub error: Option<ActionError>,
    /// The request as it was sent, secrets redacted.
    pub request: Value,
    /// The answer: `{statusCode, headers, body?}`.
    pub response: Option<Value>,
    /// How often it was handed out again after a crash.
    pub redispatched: u32,
}

/// One action run.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionRun {
    /// The action, with the repetitions of the loops around it.
    pub path: ActionPath,
    /// How it stands.
    pub status: ActionStatus,
    /// Its code, once it has ended.
    pub code: Option<Str>,
    /// When it began; `None` where it was skipped.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its inputs; `None` where there are none or they are secure.
    pub inputs: Option<Value>,
    /// Its outputs; `None` where there are none or they are secure.
    pub outputs: Option<Value>,
    /// Why it failed or was skipped.
    pub error: Option<ActionError>,
    /// Its requests.
    pub attempts: Vec<Attempt>,
    /// Iterations of a loop that have begun.
    pub iterations: Option<u32>,
    /// What a condition or switch chose.
    pub branch: Option<Str>,
    /// Its tracked properties.
    pub tracked_properties: Option<Value>,
    /// The inputs are not shown.
    pub secure_inputs: bool,
    /// The outputs are not shown.
    pub secure_outputs: bool,
    /// Why it waits.
    pub waits_for: Option<WaitReason>,
    /// Until when it waits.
    pub waits_until: Option<Timestamp>,
    /// How often a request is repeated at most; `None` for actions that make none.
    pub retries_max: Option<u32>,
    /// It was not done here: its result is that of the run that was resumed.
    pub taken_over: bool,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunHistory {
    /// How it stands.
    pub status: RunStatus,
    /// Its code, once it has ended.
    pub code: Option<Str>,
    /// Why it failed.
    pub error: Option<ActionError>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The record of its trigger, with outputs that may be secure: see [`Self::trigger_shown`].
    pub trigger: Value,
    secure_trigger: bool,
    /// Values of parameters.
    pub parameters: Value,
    /// The definition's outputs.
    pub outputs: Option<Value>,
    /// The answer to the caller.
    pub response: Option<Response>,
    set: BTreeMap<Str, Variable>,
    runs: BTreeMap<Str, BTreeMap<Indexes, ActionRun>>,
    order: Vec<Str>,
    /// Of a history that does not keep all runs of actions.
    tallies: digest::Tallies,
}

impl RunHistory {
    /// Reads a journal; a fact that does not fit is passed over, since a history shows what there is.
    #[must_use]
    pub fn read<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Self {
        let mut history = Self::unread();
        for fact in facts {
            history.take(fact);
        }
        history
    }

    fn unread() -> Self {
        Self {
            status: RunStatus::Waiting,
            code: None,
            error: None,
            started_at: Timestamp::default(),
            ended_at: None,
            trigger: Value::Null,
            secure_trigger: false,
            parameters: Value::Null,
            outputs: None,
            response: None,
            set: BTreeMap::new(),
            runs: BTreeMap::new(),
            order: Vec::new(),
            tallies: BTreeMap::new(),
        }
    }

    /// Changes every value and every text that came from outside: what `value` and `text` do not let through is not
    /// in the history any more.
    #[must_use]
    pub fn seen_through(mut self, value: &dyn Fn(&Value) -> Value, text: &dyn Fn(&str) -> String) -> Self {
        let option = |own: &mut Option<Value>| {
            if let Some(inside) = own {
                *inside = value(inside);
            }
        };
        let error = |own: &mut Option<ActionError>| {
            if let Some(error) = own {
                error.message = text(&error.message).into();
            }
        };
        if let Some(record) = self.trigger.as_object_mut() {
            for (_, member) in record.iter_mut() {
                *member = value(member);
            }
        }
        self.parameters = value(&self.parameters);
        option(&mut self.outputs);
        error(&mut self.error);
        if let Some(response) = &mut self.response {
            let shown = value(&Value::object([("headers", response.headers.clone())]));
            response.headers = shown.get("headers").cloned().unwrap_or_default();
            option(&mut response.body);
        }
        for variable in self.set.values_mut() {
            *variable = Variable::new(variable.name.clone(), variable.kind, value(&variable.value()));
        }
        for run in self.runs.values_mut().flat_map(BTreeMap::values_mut) {
            option(&mut run.inputs);
            option(&mut run.outputs);
            option(&mut run.tracked_properties);
            error(&mut run.error);
            for attempt in &mut run.attempts {
                attempt.request = value(&attempt.request);
                option(&mut attempt.response);
                error(&mut attempt.error);
            }
        }
        self
    }

    /// The record of the trigger as people see it.
    #[must_use]
    pub fn trigger_shown(&self) -> Value {
        let Some(members) = self.trigger.as_object().filter(|_| self.secure_trigger) else {
            return self.trigger.clone();
        };
        let shown = members.iter().filter(|(name, _)| &***name != "outputs");
        Value::object(shown.map(|(name, value)| (name.clone(), value.clone())))
    }

    /// The last value of each variable.
    #[must_use]
    pub fn variables(&self) -> Object {
        self.set.values().map(|variable| (variable.name.clone(), variable.value())).collect()
    }

    /// Without what the trigger received.
    #[must_use]
    pub fn without_trigger_outputs(mut self) -> Self {
        self.secure_trigger = true;
        self
    }

    /// The names of actions that have records, in the order in which the first of each appeared.
    #[must_use]
    pub fn actions(&self) -> &[Str] {
        &self.order
    }

    /// All runs of an action in order of index; one for an action outside of loops.
    pub fn runs_of(&self, action: &str) -> impl DoubleEndedIterator<Item = &ActionRun> {
        self.runs.get(action).into_iter().flat_map(BTreeMap::values)
    }

    /// The run of an action at the indexes of the loops around it.
    #[must_use]
    pub fn run_of(&self, action: &str, indexes: &[u32]) -> Option<&ActionRun> {
        self.runs.get(action)?.get(indexes)
    }

    /// How many runs an action has.
    #[must_use]
    pub fn count_of(&self, action: &str) -> usize {
        let kept = self.runs.get(action).map_or(0, BTreeMap::len);
        self.tallies.get(action).map_or(kept, |(count, _)| *count)
    }

    /// How many runs of an action failed or took too long.
    #[must_use]
    pub fn failures_of(&self, action: &str) -> usize {
        let has_failed = |run: &&ActionRun| matches!(run.status, ActionStatus::Failed | ActionStatus::TimedOut);
        self.tallies.get(action).map_or_else(|| self.runs_of(action).filter(has_failed).count(), |(_, failed)| *failed)
    }

    fn slot(&mut self, path: &ActionPath) -> &mut ActionRun {
        if !self.runs.contains_key(&path.action) {
            self.order.push(path.action.clone());
        }
        self.runs.entry(path.action.clone()).or_default().entry(path.indexes.clone()).or_insert_with(|| ActionRun {
            path: path.clone(),
            status: ActionStatus::Pending,
            code: None,
            started_at: None,
            ended_at: None,
            inputs: None,
            outputs: None,
            error: None,
            attempts: Vec::new(),
            iterations: None,
            branch: None,
            tracked_properties: None,
            secure_inputs: false,
            secure_outputs: false,
            waits_for: None,
            waits_until: None,
            retries_max: None,
            taken_over: false,
        })
    }

    fn attempt(&mut self, path: &ActionPath, attempt: u32) -> Option<&mut Attempt> {
        self.slot(path).attempts.iter_mut().find(|own| own.attempt == attempt)
    }

    fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::Released(fact::Released { at, .. }) => {
                self.status = RunStatus::Running;
                self.started_at = *at;
            }
            Fact::RunStarted(fact::RunStarted { at, trigger, parameters, held, secure_trigger, .. }) => {
                self.secure_trigger = *secure_trigger;
                self.status = if *held { RunStatus::Waiting } else { RunStatus::Running };
                self.started_at = *at;
                self.trigger = trigger.clone();
                self.parameters = parameters.clone();
            }
            Fact::ActionStarted(fact::ActionStarted {
                at,
                path,
                inputs,
                call,
                secure_inputs,
                secure_outputs,
                taken_over,
            }) => {
                let run = self.slot(path);
                run.retries_max = call.as_ref().map(|call| call.retry.count);
                run.taken_over = *taken_over;
                run.status = ActionStatus::Running;
                run.started_at = Some(*at);
                run.secure_inputs = *secure_inputs;
                run.secure_outputs = *secure_outputs;
                run.inputs = inputs.clone().filter(|_| !*secure_inputs);
            }
            Fact::EffectStarted(fact::EffectStarted { at, path, attempt, retry, purpose, .. }) => {
                let run = self.slot(path);
                if !run.status.is_final() {
                    run.status = ActionStatus::Running;
                    run.waits_for = None;
                    run.waits_until = None;
                }
                run.attempts.push(Attempt {
                    attempt: *attempt,
                    retry: *retry,
                    purpose: *purpose,
                    started_at: *at,
                    ended_at: None,
                    status: None,
                    code: None,
                    error: None,
                    request: Value::Null,
                    response: None,
                    redispatched: 0,
                });
            }
            Fact::EffectRedispatched(fact::EffectRedispatched { path, attempt, .. }) => {
                if let Some(own) = self.attempt(path, *attempt) {
                    own.redispatched += 1;
                }
            }
            Fact::EffectEnded(fact::EffectEnded { at, path, attempt, performed }) => {
                let (hide_inputs, hide_outputs) = {
                    let run = self.slot(path);
                    (run.secure_inputs, run.secure_outputs)
                };
                let Some(own) = self.attempt(path, *attempt) else { return };
                own.ended_at = Some(*at);
                if !hide_inputs {
                    own.request = performed.request.clone();
                }
                match &performed.outcome {
                    Outcome::Replied { status, headers, body } => {
                        own.status = Some(*status);
                        own.code = Some(status_code::name(*status));
                        own.response = (!hide_outputs).then(|| reply_value(*status, headers, body.as_ref()));
                    }
                    Outcome::NoReply { code, message, .. } => {
                        own.code = Some(code.clone());
                        own.error = Some(ActionError { code: code.clone(), message: message.clone() });
                    }
                }
            }
            Fact::Waiting(fact::Waiting { path, reason, until, .. }) => {
                let run = self.slot(path);
                run.waits_for = Some(*reason);
                run.status = ActionStatus::Waiting;
                run.waits_until = *until;
            }
            Fact::CallbackReceived(_)
            | Fact::CancelRequested(_)
            | Fact::IterationEnded(_)
            | Fact::DecisionPaused(_)
            | Fact::DecisionResumed(_) => {}
            Fact::BranchChosen(fact::BranchChosen { path, branch, .. }) => {
                self.slot(path).branch = Some(branch.clone())
            }
            Fact::LoopStarted(fact::LoopStarted { path, .. }) => self.slot(path).iterations = Some(0),
            Fact::IterationStarted(fact::IterationStarted { path, index, .. }) => {
                self.slot(path).iterations = Some(*index + 1)
            }
            Fact::ActionEnded(fact::ActionEnded { at, path, status, code, outputs, error, tracked, .. }) => {
                let run = self.slot(path);
                run.status = *status;
                run.code = Some(code.clone());
                run.ended_at = Some(*at);
                run.outputs = outputs.clone().filter(|_| !run.secure_outputs);
                run.error = error.clone();
                run.tracked_properties = tracked.clone();
                run.waits_for = None;
                run.waits_until = None;
            }
            Fact::VariableSet(fact::VariableSet { name, kind, value }) => {
                let kind = VariableKind::parse(kind).unwrap_or(VariableKind::Object);
                let lower: Str = name.to_lowercase().into();
                self.set.insert(lower, Variable::new(name.clone(), kind, value.clone()));
            }
            Fact::VariableAppended(fact::VariableAppended { name, value }) => {
                if let Some(variable) = self.set.get_mut(name.to_lowercase().as_str()) {
                    variable.append(value);
                }
            }
            Fact::Responded(_) => self.response = Response::of(fact),
            Fact::RunStopped(fact::RunStopped { error, .. }) => self.error = error.clone(),
            Fact::RunEnded(fact::RunEnded { at, status, code, error, outputs }) => {
                self.status = *status;
                self.code = Some(code.clone());
                self.error = error.clone();
                self.ended_at = Some(*at);
                self.outputs = outputs.clone();
            }
        }
    }
}
