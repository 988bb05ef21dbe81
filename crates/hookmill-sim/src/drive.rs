//! One run against the world, and the properties that must hold on the way.

use std::collections::{BTreeMap, BTreeSet};

use hookmill_definition::Plan;
use hookmill_engine::{Command, EffectId, Environment, Fact, Input, RunState, Start, decide, pending};
use hookmill_model::{ActionStatus, Id, Object, RunId, RunStatus, Timestamp, Value};

use crate::naive::Statuses;
use crate::{Random, world};

const BEGIN: Timestamp = Timestamp::from_millis(1_735_689_600_000);
/// A run of a random flow needs far fewer decisions.
const STEPS_MAX: usize = 50_000;

/// A fault that is planted to see whether the properties find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// None: the engine as it is.
    None,
    /// After a crash what was in flight gets another idempotency key.
    NewKeyAfterCrash,
    /// A predecessor's status is not compared with `runAfter`.
    AnyStatusGoes,
    /// An outcome is forgotten when the process dies after its commit.
    LosesFacts,
}

/// How a run is disturbed.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    /// Crashes, before and after commits.
    pub crashes: bool,
    /// A person cancels.
    pub cancels: bool,
    /// The planted fault.
    pub mutation: Mutation,
}

/// What a run ended with.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The run's status.
    pub status: RunStatus,
    /// The status of each action run.
    pub statuses: Statuses,
    /// How many facts it took.
    pub facts: usize,
}

/// The identifier of all simulated runs.
#[must_use]
pub fn run_id() -> RunId {
    RunId::make(BEGIN, [3; 10])
}

struct Journal {
    facts: Vec<Vec<u8>>,
    statuses: Statuses,
    started: BTreeSet<(String, Vec<u32>)>,
    ended: bool,
}

impl Journal {
    /// Stores facts and checks each: order, single ends, nothing behind the end.
    fn commit(&mut self, plan: &Plan, facts: &[Fact]) -> Result<(), String> {
        for fact in facts {
            if self.ended {
                return Err("(e) a fact follows the end of the run".to_owned());
            }
            match fact {
                Fact::ActionStarted { path, .. } => {
                    let key = (path.action.to_string(), path.indexes.clone());
                    let index = plan.find(&path.action).ok_or("an action that the plan does not have")?;
                    for (before, accepted) in &plan.actions[index].run_after {
                        let before = (plan.actions[*before].name.to_string(), path.indexes.clone());
                        let holds = self.statuses.get(&before).is_some_and(|status| accepted.contains(status));
                        if !holds {
                            return Err(format!("(d) {} started although its runAfter does not hold", path.action));
                        }
                    }
                    if !self.started.insert(key) {
                        return Err(format!("(d) {} started twice", path.action));
                    }
                }
                Fact::ActionEnded { path, status, .. } => {
                    let key = (path.action.to_string(), path.indexes.clone());
                    if self.statuses.insert(key, *status).is_some() {
                        return Err(format!("(d) {} ended twice", path.action));
                    }
                }
                Fact::RunEnded { .. } => self.ended = true,
                _ => {}
            }
            self.facts.push(fact.encode());
        }
        Ok(())
    }

    fn fold(&self) -> Result<RunState, String> {
        let mut state = RunState::default();
        for bytes in &self.facts {
            let fact = Fact::decode(bytes).map_err(|fault| fault.to_string())?;
            state.apply(&fact).map_err(|fault| fault.to_string())?;
        }
        Ok(state)
    }
}

/// What is under way in the process; a crash forgets it.
#[derive(Default)]
struct InFlight {
    answers: BTreeMap<(Timestamp, u64), (EffectId, hookmill_engine::Outcome)>,
    known: BTreeSet<EffectId>,
    count: u64,
}

/// Drives a run to its end.
///
/// # Errors
/// The property that does not hold.
pub fn drive(plan: &Plan, checked: &Plan, seed: u64, disturbance: Disturbance) -> Result<Ended, String> {
    let mut random = Random::new(seed ^ 0xD1B5_4A32_D192_ED03);
    let mut journal = Journal { facts: Vec::new(), statuses: Statuses::new(), started: BTreeSet::new(), ended: false };
    let mut performed: BTreeSet<String> = BTreeSet::new();
    let mut state = RunState::default();
    let mut flight = InFlight::default();
    let mut now = BEGIN;
    let mut inputs = vec![Input::Start(Box::new(Start {
        run: run_id(),
        seed,
        trigger: Value::object([("outputs", Value::from(Object::new()))]),
        parameters: Value::Null,
        workflow: Value::Null,
        caller_waits: false,
        caller_until: None,
        taken_over: Vec::new(),
        held: false,
    }))];
    for step in 0..STEPS_MAX {
        let input = inputs.pop().unwrap_or(Input::Tick);
        let started = matches!(input, Input::Start(_));
        let environment = Environment { now, callback_base: "https://h/", callback_key: b"k" };
        let facts =
            decide(plan, &mut state, environment, input.clone()).map_err(|fault| format!("illegal: {fault}"))?;
        let crash = disturbance.crashes && random.once_in(6);
        if crash && random.once_in(2) {
            // Before the commit: the facts never were.
            state = journal.fold()?;
            flight = InFlight::default();
            inputs = if started && journal.facts.is_empty() { vec![input] } else { vec![Input::Recovered] };
            continue;
        }
        journal.commit(checked, &facts)?;
        if step % 16 == 0 || crash {
            let folded = journal.fold()?;
            if format!("{:?}", summary(&folded)) != format!("{:?}", summary(&state)) {
                return Err("(a) the fold of the facts is not the state".to_owned());
            }
        }
        if state.status().is_final() {
            return Ok(Ended { status: state.status(), statuses: journal.statuses, facts: journal.facts.len() });
        }
        if crash {
            if disturbance.mutation == Mutation::LosesFacts && journal.facts.len() > 4 {
                journal.facts.pop();
            }
            state = journal.fold()?;
            flight = InFlight::default();
            inputs = vec![Input::Recovered];
            continue;
        }
        if disturbance.cancels && random.once_in(40) {
            inputs.push(Input::CancelRequested);
            continue;
        }
        now = go_on(plan, &state, seed, disturbance.mutation, now, &mut flight, &mut inputs, &mut performed)?;
    }
    Err("(f) the run does not end".to_owned())
}

/// Hands out what is pending and lets time pass to the next thing that happens.
#[allow(clippy::too_many_arguments)] // It is one step of the loop above.
fn go_on(
    plan: &Plan,
    state: &RunState,
    seed: u64,
    mutation: Mutation,
    now: Timestamp,
    flight: &mut InFlight,
    inputs: &mut Vec<Input>,
    performed: &mut BTreeSet<String>,
) -> Result<Timestamp, String> {
    if !inputs.is_empty() {
        return Ok(now);
    }
    let mut wake = None;
    for command in pending(plan, state) {
        match command {
            Command::Perform { effect, .. } => {
                if !flight.known.insert(effect.clone()) {
                    continue;
                }
                let mut key = effect.to_string();
                if mutation == Mutation::NewKeyAfterCrash && performed.contains(&key) {
                    key.push_str("/again");
                }
                let action = (effect.path.action.to_string(), effect.path.indexes.clone(), effect.attempt);
                let same = |known: &String| known.starts_with(&effect.to_string()) && *known != key;
                if performed.iter().any(same) {
                    return Err(format!("(b) {action:?} was performed with two idempotency keys"));
                }
                performed.insert(key);
                let answer = world::answer(seed, &effect);
                for _ in 0..=u8::from(answer.twice) {
                    flight.count += 1;
                    let at = now.plus(answer.delay);
                    flight.answers.insert((at, flight.count), (effect.clone(), answer.outcome.clone()));
                }
            }
            Command::WakeAt(at) => wake = Some(at),
            Command::Continue => {
                inputs.push(Input::Tick);
                return Ok(now);
            }
        }
    }
    let next = flight.answers.first_key_value().map(|((at, _), _)| *at);
    match (next, wake) {
        (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
            if let Some((_, (effect, outcome))) = flight.answers.pop_first() {
                inputs.push(Input::EffectEnded { effect, performed: Box::new(world::performed(outcome)) });
            }
            Ok(now.max(at))
        }
        (_, Some(wake)) => Ok(now.max(wake)),
        _ => Err("(f) the run waits for nothing".to_owned()),
    }
}

/// What of a state must be equal after a fold.
fn summary(state: &RunState) -> (RunStatus, u64, usize, Vec<String>) {
    let variables = state.variables().values().map(|variable| format!("{variable:?}")).collect();
    (state.status(), state.facts(), state.records_kept(), variables)
}

/// Compares the statuses with those of the naive interpreter; iterations that were forgotten count too, since the
/// journal has them.
///
/// # Errors
/// The first action that differs.
pub fn compare(ended: &Ended, expected: &Statuses) -> Result<(), String> {
    for (key, status) in expected {
        match ended.statuses.get(key) {
            Some(found) if found == status => {}
            found => return Err(format!("(g) {key:?}: expected {status}, got {found:?}")),
        }
    }
    let surplus = ended.statuses.iter().find(|(key, _)| !expected.contains_key(*key));
    match surplus {
        Some((key, status)) => Err(format!("(g) {key:?} has the status {status}, but should have no record")),
        None => Ok(()),
    }
}

/// Whether a status is one that an undisturbed run may end with.
#[must_use]
pub fn is_plain(status: ActionStatus) -> bool {
    matches!(status, ActionStatus::Succeeded | ActionStatus::Failed | ActionStatus::Skipped)
}
