//! The state of a run: the fold of its facts. `apply` never looks at the plan, and refuses what cannot follow.
//!
//! ```text
//! (nothing) ── RunStarted ──▶ Running ── RunStopped ──▶ Running, stopping ── RunEnded ──▶ final
//! (none)    ── ActionStarted ──▶ Running ── Waiting ──▶ Waiting ── EffectStarted ──▶ Running
//! (none) | Running | Waiting ── ActionEnded ──▶ final
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;
use hookmill_definition::plan::VariableKind;
use hookmill_model::{ActionStatus, Object, RunId, RunStatus, Str, Timestamp, Value};

use crate::command::{ActionPath, ActionRequest, EffectId, Outcome};
use crate::depth;
use crate::extent::Extent;
use crate::fact::{self, ActionError, CallSettings, Due, Fact, LoopBody, Purpose, TakenOver, WaitReason};
use crate::trace::Trace;
use crate::variable::Variable;

/// The indexes of the iterations around an action, outermost first.
pub type Indexes = Vec<u32>;

/// A fact that cannot follow from the state: the journal is damaged, or the engine is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fact \"{fact}\" cannot follow: {reason}")]
pub struct IllegalFact {
    /// Which fact.
    pub fact: String,
    /// Why not.
    pub reason: String,
}

/// One action run, as far as decisions need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where it stands.
    pub status: ActionStatus,
    /// Its code, once it has ended.
    pub code: Str,
    /// Its inputs as the history shows them.
    pub inputs: Option<Value>,
    /// Its outputs.
    pub outputs: Option<Value>,
    /// Why it failed or was skipped.
    pub error: Option<ActionError>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Iterations of a loop that have begun.
    pub iterations: u32,
    /// The group that a condition or switch chose.
    pub branch: Option<u32>,
    pub(crate) call: Option<Box<CallState>>,
}

/// The requests of an action that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallState {
    pub settings: CallSettings,
    /// Requests so far.
    pub attempts: u32,
    /// Retries of the present request.
    pub retries: u32,
    /// The attempt whose idempotency key the present request has: all its tries have one, unless the service answered
    /// so that it cannot have acted.
    pub keyed_as: u32,
    /// The last try was answered so.
    pub has_not_acted: bool,
    /// The present request, to be sent again.
    pub request: Option<(Purpose, ActionRequest)>,
    /// The action's first request: polls and pages repeat its authentication.
    pub first: Option<ActionRequest>,
    /// Pages so far.
    pub pages: Vec<Value>,
    /// The reply to the subscription of a webhook action.
    pub subscribed: Option<Value>,
    /// What a call-back brought.
    pub callback: Option<Value>,
}

/// A request that is in flight, or is to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpenEffect {
    /// When it was decided.
    pub at: Timestamp,
    pub request: ActionRequest,
    pub purpose: Purpose,
    /// When it was handed out, the last time.
    pub handed_out_at: Timestamp,
    /// The attempt whose idempotency key it has.
    pub keyed_as: u32,
}

/// Why and until when an action waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wait {
    pub reason: WaitReason,
    pub until: Option<Timestamp>,
    pub uri: Option<Str>,
}

/// A loop that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LoopState {
    pub items: Option<Value>,
    pub count: u32,
    pub concurrency: u32,
    pub until: Option<Timestamp>,
    pub next: u32,
    pub active: BTreeSet<u32>,
    pub any_failed: bool,
    pub last: Option<ActionStatus>,
    /// What is forgotten with each iteration.
    pub forgets: Option<LoopBody>,
}

/// The answer to the caller of the trigger.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names and texts.
    pub headers: Value,
    /// The body.
    pub body: Option<Value>,
}

/// Why nothing new begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stop {
    pub status: RunStatus,
    pub code: Str,
    pub error: Option<ActionError>,
}

/// An action that failed inside of a loop.
#[derive(Clone, Debug, PartialEq)]
pub struct InnerFailure {
    /// Its name.
    pub action: Str,
    /// Why, in the engine's words.
    pub message: Option<Str>,
    /// What the service itself said; not to be shown where the action's outputs are secure.
    pub refusal: Option<Str>,
}

impl InnerFailure {
    /// `None` for what is outside of loops, did not fail, or only contains what failed.
    fn of(
        path: &ActionPath,
        status: ActionStatus,
        error: Option<&ActionError>,
        outputs: Option<&Value>,
    ) -> Option<Self> {
        let is_failure = matches!(status, ActionStatus::Failed | ActionStatus::TimedOut);
        if path.indexes.is_empty() || !is_failure || error.is_some_and(|error| &*error.code == "ActionFailed") {
            return None;
        }
        let message = error.map(|error| error.message.clone());
        let refusal = outputs.and_then(crate::summary::refusal).map(Str::from);
        Some(Self { action: path.action.clone(), message, refusal })
    }
}

/// The state of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    pub(crate) run: Option<RunId>,
    pub(crate) seed: u64,
    pub(crate) started_at: Timestamp,
    pub(crate) deadline: Timestamp,
    pub(crate) trigger: Value,
    pub(crate) parameters: Object,
    pub(crate) workflow: Value,
    pub(crate) caller_waits: bool,
    pub(crate) secret: bool,
    /// When the caller gives up.
    pub(crate) caller_until: Option<Timestamp>,
    pub(crate) status: RunStatus,
    pub(crate) error: Option<ActionError>,
    pub(crate) code: Str,
    pub(crate) outputs: Option<Value>,
    pub(crate) variables: BTreeMap<Str, Variable>,
    pub(crate) records: HashMap<Str, BTreeMap<Indexes, Record>, RandomState>,
    pub(crate) ended: HashMap<(u32, Indexes), u32, RandomState>,
    pub(crate) open: BTreeMap<(ActionPath, u32), OpenEffect>,
    pub(crate) waits: BTreeMap<ActionPath, Wait>,
    pub(crate) deadlines: BTreeSet<(Timestamp, ActionPath)>,
    pub(crate) loops: BTreeMap<ActionPath, LoopState>,
    pub(crate) response: Option<Response>,
    pub(crate) stop: Option<Stop>,
    pub(crate) cancel_requested: bool,
    /// Results of an earlier run that are not asked for again.
    pub(crate) taken_over: BTreeMap<ActionPath, TakenOver>,
    /// Nothing begins before the run is released.
    pub(crate) held: bool,
    /// What was due when the last decision paused.
    pub(crate) due: Vec<Due>,
    /// The engine's revision when the run began.
    pub(crate) revision: u32,
    pub(crate) facts: u64,
    pub(crate) extent: Extent,
    /// What failed last in an iteration: loops forget the records of their iterations, and people ask for the cause.
    pub(crate) inner_failure: Option<InnerFailure>,
}

impl Default for RunState {
    fn default() -> Self {
        Self {
            run: None,
            seed: 0,
            started_at: Timestamp::default(),
            deadline: Timestamp::default(),
            trigger: Value::Null,
            parameters: Object::new(),
            workflow: Value::Null,
            caller_waits: false,
            secret: false,
            caller_until: None,
            status: RunStatus::Waiting,
            error: None,
            code: "".into(),
            outputs: None,
            variables: BTreeMap::new(),
            records: HashMap::default(),
            ended: HashMap::default(),
            open: BTreeMap::new(),
            waits: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            loops: BTreeMap::new(),
            response: None,
            stop: None,
            cancel_requested: false,
            taken_over: BTreeMap::new(),
            held: false,
            due: Vec::new(),
            revision: 0,
            facts: 0,
            extent: Extent::default(),
            inner_failure: None,
        }
    }
}

/// Runs of earlier revisions have a key of its own for each try.
const ONE_KEY_REVISION: u32 = 2;

/// Whether a status says that the service did nothing: a retry may have a new key then, and must where the service keeps
/// what it answered by key. After 408, 409 and 425 another try of the same key may be under way.
const fn has_not_acted(status: u16) -> bool {
    matches!(status, 400..=407 | 410..=424 | 426..=499)
}

impl RunState {
    /// The state after some facts.
    ///
    /// # Errors
    /// The first fact that cannot follow.
    pub fn fold<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Result<Self, IllegalFact> {
        let mut state = Self::default();
        for fact in facts {
            state.apply(fact)?;
        }
        Ok(state)
    }

    /// Where the run stands.
    #[must_use]
    pub const fn status(&self) -> RunStatus {
        self.status
    }

    /// Why it failed.
    #[must_use]
    pub const fn error(&self) -> Option<&ActionError> {
        self.error.as_ref()
    }

    /// The answer to the caller of the trigger, once there is one.
    #[must_use]
    pub const fn response(&self) -> Option<&Response> {
        self.response.as_ref()
    }

    /// Whether the run waits for others of its trigger to end.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held
    }

    /// The requests that are in flight, or are to be.
    pub fn open_requests(&self) -> impl Iterator<Item = (EffectId, &ActionRequest)> {
        let run = self.run.filter(|_| !self.held && !self.status.is_final());
        self.open.iter().filter_map(move |((path, attempt), open)| {
            Some((EffectId { run: run?, path: path.clone(), attempt: *attempt }, &open.request))
        })
    }

    /// The idempotency key of a request that is in flight: the same for all tries of a request, unless the service
    /// answered so that it cannot have acted.
    #[must_use]
    pub fn idempotency_key(&self, effect: &EffectId) -> String {
        let open = self.open.get(&(effect.path.clone(), effect.attempt));
        let attempt = open.map_or(effect.attempt, |open| open.keyed_as);
        EffectId { attempt, ..effect.clone() }.to_string()
    }

    /// When a request that is in flight was decided; a further handing out after a crash does not change it.
    #[must_use]
    pub fn effect_begun_at(&self, effect: &EffectId) -> Option<Timestamp> {
        self.open.get(&(effect.path.clone(), effect.attempt)).map(|open| open.at)
    }

    /// How many runs called each other to begin this one: the number in the header [`depth::DEPTH_HEADER`] of what its trigger
    /// received; 0 where there is none.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.received_headers().map_or(0, depth::depth_of)
    }

    /// The trace that what its trigger received belongs to.
    #[must_use]
    pub fn trace(&self) -> Option<Trace> {
        self.received_headers().and_then(Trace::of)
    }

    fn received_headers(&self) -> Option<&Object> {
        self.trigger.pointer("/outputs/headers").and_then(Value::as_object)
    }

    /// Whether what it keeps is to be sealed: something that it received is secret.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        self.secret
    }

    /// The record of its trigger.
    #[must_use]
    pub const fn trigger(&self) -> &Value {
        &self.trigger
    }

    /// How many facts it is the fold of.
    #[must_use]
    pub const fn facts(&self) -> u64 {
        self.facts
    }

    /// The variables by name in lower case.
    #[must_use]
    pub const fn variables(&self) -> &BTreeMap<Str, Variable> {
        &self.variables
    }

    /// The record of one action run.
    #[must_use]
    pub fn record(&self, action: &str, indexes: &[u32]) -> Option<&Record> {
        self.records.get(action)?.get(indexes)
    }

    /// How many action runs are kept in memory.
    #[must_use]
    pub fn records_kept(&self) -> usize {
        #[allow(clippy::disallowed_methods)] // A sum is the same in any order.
        self.records.values().map(BTreeMap::len).sum()
    }

    pub(crate) fn record_of(&self, path: &ActionPath) -> Option<&Record> {
        self.record(&path.action, &path.indexes)
    }

    fn record_mut(&mut self, path: &ActionPath) -> Option<&mut Record> {
        self.records.get_mut(&path.action)?.get_mut(&path.indexes)
    }

    fn running(&mut self, path: &ActionPath, fact: &Fact) -> Result<&mut Record, IllegalFact> {
        match self.record_mut(path) {
            Some(record) if !record.status.is_final() => Ok(record),
            Some(_) => Err(illegal(fact, format!("the action run {} has ended", path.action))),
            None => Err(illegal(fact, format!("the action run {} has not begun", path.action))),
        }
    }

    /// Takes in one fact.
    ///
    /// # Errors
    /// The fact cannot follow; the state is unchanged then, and of no more use.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), IllegalFact> {
        match (&self.run, self.status.is_final(), fact) {
            (None, _, Fact::RunStarted(_)) => {}
            (None, ..) => return Err(illegal(fact, "the run has not begun".to_owned())),
            (Some(_), _, Fact::RunStarted(_)) => return Err(illegal(fact, "the run has begun".to_owned())),
            (_, true, _) => return Err(illegal(fact, "the run has ended".to_owned())),
            _ => {}
        }
        self.take(fact)?;
        self.facts += 1;
        self.extent.add(fact);
        Ok(())
    }

    fn take(&mut self, fact: &Fact) -> Result<(), IllegalFact> {
        match fact {
            Fact::RunStarted(fact::RunStarted {
                at,
                run,
                seed,
                trigger,
                parameters,
                workflow,
                caller_waits,
                caller_until,
                deadline,
                taken_over,
                held,
                secret,
                revision,
                body_in_event,
                ..
            }) => {
                if *body_in_event {
                    return Err(illegal(fact, "the body of its event has not been put back".to_owned()));
                }
                self.run = Some(*run);
                self.revision = *revision;
                self.held = *held;
                self.secret = *secret;
                self.taken_over = taken_over.iter().map(|own| (own.path.clone(), own.clone())).collect();
                self.seed = *seed;
                self.started_at = *at;
                self.deadline = *deadline;
                self.trigger = trigger.clone();
                self.parameters = parameters.as_object().cloned().unwrap_or_default();
                self.workflow = workflow.clone();
                self.caller_waits = *caller_waits;
                self.caller_until = *caller_until;
                self.status = if self.held { RunStatus::Waiting } else { RunStatus::Running };
            }
            Fact::Released(fact::Released { at, deadline }) => {
                if !self.held {
                    return Err(illegal(fact, "the run is not held".to_owned()));
                }
                self.held = false;
                self.started_at = *at;
                self.deadline = *deadline;
                self.status = RunStatus::Running;
            }
            Fact::ActionStarted(fact::ActionStarted { at, path, inputs, call, .. }) => {
                self.taken_over.remove(path);
                let slot = self.records.entry(path.action.clone()).or_default();
                if slot.contains_key(&path.indexes) {
                    return Err(illegal(fact, format!("the action run {} has begun", path.action)));
                }
                if let Some(deadline) = call.as_ref().and_then(|call| call.deadline) {
                    self.deadlines.insert((deadline, path.clone()));
                }
                let call = call.clone().map(|settings| {
                    Box::new(CallState {
                        settings,
                        attempts: 0,
                        retries: 0,
                        keyed_as: 0,
                        has_not_acted: false,
                        request: None,
                        first: None,
                        pages: Vec::new(),
                        subscribed: None,
                        callback: None,
                    })
                });
                let record = Record {
                    status: ActionStatus::Running,
                    code: "".into(),
                    inputs: inputs.clone(),
                    outputs: None,
                    error: None,
                    started_at: *at,
                    ended_at: None,
                    iterations: 0,
                    branch: None,
                    call,
                };
                slot.insert(path.indexes.clone(), record);
            }
            Fact::EffectStarted(fact::EffectStarted { at, path, attempt, retry, purpose, request }) => {
                let key = (path.clone(), *attempt);
                if self.open.contains_key(&key) {
                    return Err(illegal(fact, "the request is open already".to_owned()));
                }
                let has_one_key = self.revision >= ONE_KEY_REVISION;
                let mut keyed_as = *attempt;
                if *purpose != Purpose::Unsubscribe {
                    let record = self.running(path, fact)?;
                    record.status = ActionStatus::Running;
                    let Some(call) = record.call.as_mut() else {
                        return Err(illegal(fact, format!("the action {} asks nothing of the world", path.action)));
                    };
                    if *retry > 0 && has_one_key && !call.has_not_acted {
                        keyed_as = call.keyed_as;
                    }
                    call.keyed_as = keyed_as;
                    call.has_not_acted = false;
                    call.retries = *retry;
                    call.attempts = *attempt;
                    call.request = Some((*purpose, request.clone()));
                    call.first.get_or_insert_with(|| request.clone());
                    self.waits.remove(path);
                }
                let open =
                    OpenEffect { at: *at, request: request.clone(), purpose: *purpose, handed_out_at: *at, keyed_as };
                self.open.insert(key, open);
            }
            Fact::EffectRedispatched(fact::EffectRedispatched { at, path, attempt }) => {
                let Some(open) = self.open.get_mut(&(path.clone(), *attempt)) else {
                    return Err(illegal(fact, "the request is not open".to_owned()));
                };
                // What went by since the first sending is not the service's fault: the timeout begins anew.
                let lost = at.since(open.handed_out_at);
                open.handed_out_at = *at;
                let call = self.record_mut(path).and_then(|record| record.call.as_mut());
                if let Some(deadline) = call.and_then(|call| call.settings.deadline.as_mut()) {
                    let before = *deadline;
                    *deadline = before.plus(lost);
                    let after = *deadline;
                    self.deadlines.remove(&(before, path.clone()));
                    self.deadlines.insert((after, path.clone()));
                }
            }
            Fact::EffectEnded(fact::EffectEnded { path, attempt, performed, .. }) => {
                let Some(effect) = self.open.remove(&(path.clone(), *attempt)) else {
                    return Err(illegal(fact, "the request is not open".to_owned()));
                };
                if let (Some(record), Outcome::Replied { status, headers, body }) =
                    (self.record_mut(path), &performed.outcome)
                    && let Some(call) = record.call.as_mut()
                {
                    call.has_not_acted = has_not_acted(*status);
                    let reply = reply_value(*status, headers, body.as_ref());
                    match effect.purpose {
                        Purpose::Subscribe => call.subscribed = Some(reply),
                        // The answer to a failed attempt is no page.
                        Purpose::Call | Purpose::Page if *status < 400 => call.pages.extend(body.clone()),
                        Purpose::Call | Purpose::Page | Purpose::Poll | Purpose::Unsubscribe => {}
                    }
                }
            }
            Fact::Waiting(fact::Waiting { path, reason, until, uri, .. }) => {
                self.running(path, fact)?.status = ActionStatus::Waiting;
                self.waits.insert(path.clone(), Wait { reason: *reason, until: *until, uri: uri.clone() });
            }
            Fact::CallbackReceived(fact::CallbackReceived { path, outputs, .. }) => {
                let record = self.running(path, fact)?;
                if let Some(call) = record.call.as_mut() {
                    call.callback = Some(outputs.clone());
                }
            }
            Fact::BranchChosen(fact::BranchChosen { path, group, .. }) => self.running(path, fact)?.branch = *group,
            Fact::LoopStarted(fact::LoopStarted { path, items, count, concurrency, until, forgets, .. }) => {
                self.running(path, fact)?;
                let begun = LoopState {
                    items: items.clone(),
                    count: *count,
                    concurrency: *concurrency,
                    until: *until,
                    next: 0,
                    active: BTreeSet::new(),
                    any_failed: false,
                    last: None,
                    forgets: forgets.clone(),
                };
                self.loops.insert(path.clone(), begun);
            }
            Fact::IterationStarted(fact::IterationStarted { path, index, .. }) => {
                self.running(path, fact)?.iterations = *index + 1;
                let Some(own) = self.loops.get_mut(path).filter(|own| own.next == *index) else {
                    return Err(illegal(fact, "the loop is not at this iteration".to_owned()));
                };
                own.next += 1;
                own.active.insert(*index);
                // The last iteration of an Until is read by its condition, and forgotten when the next one begins.
                let is_until = own.items.is_none();
                if let Some(before) = index.checked_sub(1).filter(|_| is_until) {
                    self.forget_iteration(path, before);
                }
            }
            Fact::IterationEnded(fact::IterationEnded { path, index, group, status, .. }) => {
                let Some(own) = self.loops.get_mut(path).filter(|own| own.active.contains(index)) else {
                    return Err(illegal(fact, "the iteration has not begun".to_owned()));
                };
                own.active.remove(index);
                own.any_failed |= *status != ActionStatus::Succeeded;
                own.last = Some(*status);
                let is_foreach = own.items.is_some();
                let mut indexes = path.indexes.clone();
                indexes.push(*index);
                self.ended.remove(&(*group, indexes));
                if is_foreach {
                    self.forget_iteration(path, *index);
                }
            }
            Fact::ActionEnded(fact::ActionEnded { at, path, group, status, code, outputs, error, .. }) => {
                if let Some(failure) = InnerFailure::of(path, *status, error.as_ref(), outputs.as_ref()) {
                    self.inner_failure = Some(failure);
                }
                self.end(fact, *at, path, *group, *status, code, outputs.as_ref(), error.as_ref())?;
            }
            Fact::VariableSet(fact::VariableSet { name, kind, value }) => {
                let kind = VariableKind::parse(kind).unwrap_or(VariableKind::Object);
                let variable = Variable::new(name.clone(), kind, value.clone());
                self.variables.insert(name.to_lowercase().into(), variable);
            }
            Fact::VariableAppended(fact::VariableAppended { name, value }) => {
                let Some(variable) = self.variables.get_mut(name.to_lowercase().as_str()) else {
                    return Err(illegal(fact, format!("the variable {name} has not been made")));
                };
                variable.append(value);
            }
            Fact::Responded(_) => self.response = Response::of(fact),
            Fact::DecisionPaused(fact::DecisionPaused { due, .. }) => {
                if !self.due.is_empty() {
                    return Err(illegal(fact, "the decision before has not gone on".to_owned()));
                }
                self.due.clone_from(due);
            }
            Fact::DecisionResumed(_) => {
                if self.due.is_empty() {
                    return Err(illegal(fact, "no decision has paused".to_owned()));
                }
                self.due.clear();
            }
            Fact::CancelRequested(_) => self.cancel_requested = true,
            Fact::RunStopped(fact::RunStopped { status, code, error, .. }) => {
                self.stop = Some(Stop { status: *status, code: code.clone(), error: error.clone() });
            }
            Fact::RunEnded(fact::RunEnded { status, code, error, outputs, .. }) => {
                if !self.open.is_empty() {
                    return Err(illegal(fact, "requests are open".to_owned()));
                }
                self.status = *status;
                self.code = code.clone();
                self.error = error.clone();
                self.outputs = outputs.clone();
                self.waits.clear();
                self.deadlines.clear();
                self.loops.clear();
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // They are the members of one fact.
    fn end(
        &mut self,
        fact: &Fact,
        at: Timestamp,
        path: &ActionPath,
        group: u32,
        status: ActionStatus,
        code: &Str,
        outputs: Option<&Value>,
        error: Option<&ActionError>,
    ) -> Result<(), IllegalFact> {
        if !status.is_final() {
            return Err(illegal(fact, format!("{status} is not an end")));
        }
        let slot = self.records.entry(path.action.clone()).or_default();
        let record = slot.entry(path.indexes.clone()).or_insert_with(|| Record {
            status: ActionStatus::Pending,
            code: "".into(),
            inputs: None,
            outputs: None,
            error: None,
            started_at: at,
            ended_at: None,
            iterations: 0,
            branch: None,
            call: None,
        });
        if record.status.is_final() {
            return Err(illegal(fact, format!("the action run {} has ended", path.action)));
        }
        record.status = status;
        record.code = code.clone();
        record.outputs = outputs.cloned();
        record.error = error.cloned();
        record.ended_at = Some(at);
        if let Some(call) = record.call.take() {
            if let Some(deadline) = call.settings.deadline {
                self.deadlines.remove(&(deadline, path.clone()));
            }
            for attempt in 1..=call.attempts {
                self.open.remove(&(path.clone(), attempt));
            }
        }
        self.waits.remove(path);
        self.loops.remove(path);
        *self.ended.entry((group, path.indexes.clone())).or_insert(0) += 1;
        Ok(())
    }

    /// Drops what an iteration left, where nothing outside of the loop reads it.
    fn forget_iteration(&mut self, path: &ActionPath, index: u32) {
        let Some(own) = self.loops.get_mut(path) else { return };
        let Some(body) = own.forgets.take() else { return };
        let mut indexes = path.indexes.clone();
        indexes.push(index);
        self.forget(&indexes, &body);
        if let Some(own) = self.loops.get_mut(path) {
            own.forgets = Some(body);
        }
    }

    /// Drops the records of an iteration. Other loops have iterations of the same indexes, so the body is named.
    fn forget(&mut self, prefix: &[u32], body: &LoopBody) {
        for action in &body.actions {
            if let Some(runs) = self.records.get_mut(action) {
                runs.retain(|indexes, _| !indexes.starts_with(prefix));
            }
        }
        for group in &body.groups {
            self.ended.remove(&(*group, prefix.to_vec()));
        }
    }
}

/// `{statusCode, headers, body?}`
pub(crate) fn reply_value(status: u16, headers: &Object, body: Option<&Value>) -> Value {
    let mut members = Object::with_capacity(3);
    members.insert("statusCode", Value::Integer(status.into()));
    members.insert("headers", headers.clone());
    if let Some(body) = body {
        members.insert("body", body.clone());
    }
    members.into()
}

fn illegal(fact: &Fact, reason: String) -> IllegalFact {
    let name = serde_json::to_value(fact)
        .ok()
        .and_then(|fact| fact.get("fact").and_then(|name| name.as_str().map(ToOwned::to_owned)));
    IllegalFact { fact: name.unwrap_or_default(), reason }
}
