//! Recorded runs against a changed definition: which would have gone another way, and where.
//!
//! A replay begins with the recorded trigger and answers each request of the new definition with what the action of the
//! same name, at the same indexes, got then. The clock is the recorded one, so that `utcNow()` gives the same. What the
//! recorded run has no answer for is assumed to succeed with an empty answer, and said so.

use std::collections::{BTreeMap, BTreeSet};

use hookmill_definition::Plan;
use hookmill_model::{ActionStatus, Object, RunStatus, Str, Timestamp, Value};
use serde::Serialize;

use crate::command::{ActionPath, Command, EffectId, Outcome, Performed};
use crate::decide::{Allowance, Environment, Input, Start, callback_token, decide_while, pending};
use crate::fact::{self, ActionError, Fact, WaitReason};
use crate::history::{ActionRun, RunHistory};
use crate::state::RunState;
use crate::trigger::{Event, admits};

/// A replay that needs more inputs does not end.
const STEPS_MAX: usize = 1_000_000;
/// At most so many differences are listed; all are counted.
const DIFFERENCES_MAX: usize = 200;
/// Makes the addresses of webhook actions in a replay; nobody is called there.
const KEY: &[u8] = b"backtest";

/// In what something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The action would run now, and did not then.
    New,
    /// The action ran then, and would not now.
    Gone,
    /// It would end otherwise.
    Status,
    /// Another branch would be chosen.
    Branch,
    /// The loop would have another number of iterations.
    Iterations,
    /// It would be given something else.
    Inputs,
    /// It would give something else.
    Outputs,
}

/// One action run that would have gone another way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The action.
    pub action: Str,
    /// The indexes of the loops around it.
    pub indexes: Vec<u32>,
    /// In what.
    pub kind: DifferenceKind,
    /// As recorded.
    pub was: Value,
    /// With the changed definition.
    pub would_be: Value,
}

/// How a recorded run would have gone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replay {
    /// How it ended then.
    pub was: RunStatus,
    /// How it would end; `None` where it would not begin, or does not come to an end.
    pub would_be: Option<RunStatus>,
    /// Why it would not begin, or not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Str>,
    /// Action runs whose answers are assumed, since there is no record of one.
    pub assumed: Vec<String>,
    /// The first differences in the order in which the new run meets them.
    pub differences: Vec<Difference>,
    /// How many there are.
    pub differences_count: usize,
    /// How often each container would choose each of its branches, by action and branch.
    pub branches: BTreeMap<Str, BTreeMap<Str, u32>>,
}

impl Replay {
    /// Whether nothing would have gone another way.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.would_be == Some(self.was) && self.differences_count == 0
    }
}

/// What a journal has to answer with.
struct Recorded<'a> {
    effects: BTreeMap<(&'a ActionPath, u32), (Timestamp, &'a Performed)>,
    callbacks: BTreeMap<&'a ActionPath, (Timestamp, &'a Value)>,
}

impl<'a> Recorded<'a> {
    fn read(facts: &'a [Fact]) -> Self {
        let mut own = Self { effects: BTreeMap::new(), callbacks: BTreeMap::new() };
        for fact in facts {
            match fact {
                Fact::EffectEnded(fact::EffectEnded { at, path, attempt, performed }) => {
                    own.effects.insert((path, *attempt), (*at, performed));
                }
                Fact::CallbackReceived(fact::CallbackReceived { at, path, outputs }) => {
                    own.callbacks.insert(path, (*at, outputs));
                }
                _ => {}
            }
        }
        own
    }
}

/// Runs a recorded run again with a changed definition, for as long as `wanted` says that somebody waits for it.
///
/// # Errors
/// The journal does not begin with the start of a run.
pub fn replay(plan: &Plan, parameters: &Value, facts: &[Fact], wanted: &dyn Fn() -> bool) -> Result<Replay, String> {
    let Some(Fact::RunStarted(fact::RunStarted {
        at,
        run,
        seed,
        trigger,
        workflow,
        caller_waits,
        caller_until,
        taken_over,
        ..
    })) = facts.first()
    else {
        return Err("the journal does not begin with the start of a run".to_owned());
    };
    let then = RunHistory::read(facts);
    let mut result = Replay {
        was: then.status,
        would_be: None,
        reason: None,
        assumed: Vec::new(),
        differences: Vec::new(),
        differences_count: 0,
        branches: BTreeMap::new(),
    };
    let Some(own_trigger) = plan.triggers.first() else {
        result.reason = Some("The definition has no trigger.".into());
        return Ok(result);
    };
    let event = Event {
        outputs: trigger.get("outputs").cloned().unwrap_or_default(),
        parameters: parameters.clone(),
        workflow: workflow.clone(),
        origin: trigger.get("originHistoryName").and_then(Value::as_str).unwrap_or_default().into(),
        seed: *seed,
        now: *at,
    };
    if let Err(ActionError { message, .. }) = admits(plan, own_trigger, &event, wanted) {
        result.reason = Some(message);
        return Ok(result);
    }
    let start = Start {
        run: *run,
        seed: *seed,
        trigger: trigger.clone(),
        parameters: parameters.clone(),
        workflow: workflow.clone(),
        caller_waits: *caller_waits,
        caller_until: *caller_until,
        taken_over: taken_over.clone(),
        held: false,
        secret: false,
    };
    let recorded = Recorded::read(facts);
    let mut world = World { plan, wanted, recorded, clock: *at, assumed: BTreeSet::new() };
    let now = match world.run(start) {
        Ok(made) => RunHistory::read(&made),
        Err(reason) => {
            result.reason = Some(reason.into());
            return Ok(result);
        }
    };
    result.would_be = Some(now.status);
    result.assumed = world.assumed.iter().map(ToString::to_string).collect();
    result.branches = chosen(&now);
    compare(&then, &now, &mut result);
    Ok(result)
}

fn chosen(now: &RunHistory) -> BTreeMap<Str, BTreeMap<Str, u32>> {
    let mut branches: BTreeMap<Str, BTreeMap<Str, u32>> = BTreeMap::new();
    for action in now.actions() {
        for branch in now.runs_of(action).filter_map(|run| run.branch.as_ref()) {
            *branches.entry(action.clone()).or_default().entry(branch.clone()).or_default() += 1;
        }
    }
    branches
}

struct World<'a> {
    plan: &'a Plan,
    wanted: &'a dyn Fn() -> bool,
    recorded: Recorded<'a>,
    clock: Timestamp,
    assumed: BTreeSet<EffectId>,
}

impl World<'_> {
    fn run(&mut self, start: Start) -> Result<Vec<Fact>, String> {
        let run = start.run;
        let mut state = RunState::default();
        let mut facts = Vec::new();
        let mut input = Input::Start(Box::new(start));
        for _ in 0..STEPS_MAX {
            let environment =
                Environment { now: self.clock, callback_base: "https://backtest.invalid/", callback_key: KEY };
            let made = decide_while(self.plan, &mut state, environment, input, Allowance::ALL, self.wanted);
            let made = made.map_err(|fault| fault.to_string())?;
            facts.extend(made.map_err(|_| "It was stopped, since nobody waits for it.")?);
            if state.status().is_final() {
                return Ok(facts);
            }
            let commands = pending(self.plan, &state);
            let effect = self.earliest(&commands);
            input = if let Some(effect) = effect {
                let performed = self.answer(&effect);
                Input::EffectEnded { effect, performed: Box::new(performed) }
            } else if commands.contains(&Command::Continue) {
                Input::Tick
            } else if let Some((path, outputs)) = self.callback(&state) {
                Input::CallbackReceived { token: callback_token(KEY, run, &path), outputs }
            } else if let Some(Command::WakeAt(at)) = commands.first() {
                self.clock = self.clock.max(*at);
                Input::Tick
            } else {
                return Err("The run waits for something that does not come.".to_owned());
            };
        }
        Err("The run does not end.".to_owned())
    }

    /// The open request whose answer came first then; those without a record come last.
    fn earliest(&self, commands: &[Command]) -> Option<EffectId> {
        let effects = commands.iter().filter_map(|command| match command {
            Command::Perform { effect, .. } => Some(effect),
            _ => None,
        });
        let at = |effect: &EffectId| self.recorded.effects.get(&(&effect.path, effect.attempt)).map(|(at, _)| *at);
        effects.min_by_key(|effect| at(effect).map_or((1, Timestamp::default()), |at| (0, at))).cloned()
    }

    fn answer(&mut self, effect: &EffectId) -> Performed {
        if let Some((at, performed)) = self.recorded.effects.get(&(&effect.path, effect.attempt)) {
            self.clock = self.clock.max(*at);
            return (*performed).clone();
        }
        self.assumed.insert(effect.clone());
        Performed {
            outcome: Outcome::Replied { status: 200, headers: Object::new(), body: None },
            request: Value::Null,
        }
    }

    /// What came for an action that waits to be called; without a record nothing but empty texts.
    fn callback(&mut self, state: &RunState) -> Option<(ActionPath, Value)> {
        let waiting = state.waits.iter().filter(|(_, wait)| wait.reason == WaitReason::Callback);
        let (path, _) = waiting.min_by_key(|(path, _)| {
            self.recorded.callbacks.get(path).map_or((1, Timestamp::default()), |(at, _)| (0, *at))
        })?;
        if let Some((at, outputs)) = self.recorded.callbacks.get(path) {
            self.clock = self.clock.max(*at);
            return Some((path.clone(), (*outputs).clone()));
        }
        let run = state.run?;
        self.assumed.insert(EffectId { run, path: path.clone(), attempt: 0 });
        let outputs = Value::object([("headers", Value::from(Object::new())), ("body", Value::Null)]);
        Some((path.clone(), outputs))
    }
}

/// A skipped action has a record, and did nothing.
fn happened(run: &ActionRun) -> bool {
    run.status != ActionStatus::Skipped
}

fn compare(then: &RunHistory, now: &RunHistory, result: &mut Replay) {
    let mut note = |run: &ActionRun, kind, was: Value, would_be: Value| {
        result.differences_count += 1;
        if result.differences.len() < DIFFERENCES_MAX {
            let (action, indexes) = (run.path.action.clone(), run.path.indexes.clone());
            result.differences.push(Difference { action, indexes, kind, was, would_be });
        }
    };
    let text = |text: Option<&Str>| text.cloned().map(Value::from).unwrap_or_default();
    let count = |count: Option<u32>| count.map_or(Value::Null, |count| Value::Integer(count.into()));
    for action in now.actions() {
        for run in now.runs_of(action) {
            let before = then.run_of(action, &run.path.indexes).filter(|before| happened(before));
            let Some(before) = before else {
                if happened(run) {
                    note(run, DifferenceKind::New, Value::Null, run.status.as_str().into());
                }
                continue;
            };
            if !happened(run) {
                note(run, DifferenceKind::Gone, before.status.as_str().into(), Value::Null);
                continue;
            }
            if before.inputs != run.inputs {
                let (was, would_be) = (before.inputs.clone(), run.inputs.clone());
                note(run, DifferenceKind::Inputs, was.unwrap_or_default(), would_be.unwrap_or_default());
            }
            if before.branch != run.branch {
                note(run, DifferenceKind::Branch, text(before.branch.as_ref()), text(run.branch.as_ref()));
            }
            if before.iterations != run.iterations {
                note(run, DifferenceKind::Iterations, count(before.iterations), count(run.iterations));
            }
            if before.status != run.status {
                note(run, DifferenceKind::Status, before.status.as_str().into(), run.status.as_str().into());
            } else if before.outputs != run.outputs {
                let (was, would_be) = (before.outputs.clone(), run.outputs.clone());
                note(run, DifferenceKind::Outputs, was.unwrap_or_default(), would_be.unwrap_or_default());
            }
        }
    }
    for action in then.actions() {
        let gone = then.runs_of(action).filter(|run| now.run_of(action, &run.path.indexes).is_none());
        for run in gone.filter(|run| happened(run)) {
            note(run, DifferenceKind::Gone, run.status.as_str().into(), Value::Null);
        }
    }
}
