//! One run against the world, and the properties that must hold on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hookmill_definition::Plan;
use hookmill_engine::{
    ActionPath, ActionRequest, Allowance, Command, EffectId, Environment, Input, Outcome, RunState, Start, outlook,
    pending,
};
use hookmill_model::{Id, Object, RunId, RunStatus, Str, Timestamp, Value};

use crate::journal::Journal;
use crate::mutation::Mutation;
use crate::naive::Expected;
use crate::{Random, bound, naive, world};

const BEGIN: Timestamp = Timestamp::from_millis(1_735_689_600_000);
/// A run of a random flow needs far fewer decisions.
const STEPS_MAX: usize = 50_000;
/// What the addresses of webhook actions begin with.
const CALLBACKS: &str = "https://h/";

/// How a run is disturbed.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    /// The process dies before and after commits; the store refuses, or says that it refused what it took.
    pub crashes: bool,
    /// Outcomes come for requests that nobody made.
    pub wrong_outcomes: bool,
    /// A person cancels.
    pub cancels: bool,
    /// Decisions may make little at a time: they pause, or are broken off and made again.
    pub pauses: bool,
}

impl Disturbance {
    /// Nothing goes wrong but what services do.
    pub const CALM: Self = Self { crashes: false, wrong_outcomes: false, cancels: false, pauses: false };
    /// Everything but a person.
    pub const STORM: Self = Self { crashes: true, wrong_outcomes: true, cancels: false, pauses: true };
    /// Everything.
    pub const CANCELLED: Self = Self { crashes: true, wrong_outcomes: true, cancels: true, pauses: true };
}

/// What a run ended with.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The run's status.
    pub status: RunStatus,
    /// The status of each action run, and the counted variable.
    pub reached: Expected,
    /// How many facts it took, those of crashes left out.
    pub facts: usize,
    /// The journal as it was stored.
    pub journal: Vec<Vec<u8>>,
}

/// The identifier of all simulated runs.
#[must_use]
pub fn run_id() -> RunId {
    RunId::make(BEGIN, [3; 10])
}

/// How the process ends a step.
enum Step {
    /// The facts are stored.
    Stored,
    /// They are not, and the process does not live to see it or is told so.
    NotStored,
    /// They are stored, and the process dies or is told that they are not.
    StoredUnseen,
}

/// What is under way.
#[derive(Default)]
struct World {
    /// Answers on their way to the process; a crash forgets them.
    answers: BTreeMap<(Timestamp, u64), (EffectId, Outcome)>,
    /// Calls on their way to the process; the service repeats them until they are taken.
    calls: BTreeMap<(Timestamp, u64), Str>,
    /// What this process has handed out.
    known: BTreeSet<EffectId>,
    /// The idempotency keys that services saw.
    keys: BTreeSet<String>,
    subscribed: BTreeSet<ActionPath>,
    count: u64,
}

impl World {
    fn crash(&mut self) {
        self.answers.clear();
        self.known.clear();
    }

    fn place(&mut self, at: Timestamp) -> (Timestamp, u64) {
        self.count += 1;
        (at, self.count)
    }

    /// A service gets a request.
    fn perform(&mut self, drive: &Drive<'_>, effect: &EffectId, request: &ActionRequest) -> Result<(), String> {
        if !self.known.insert(effect.clone()) {
            return Ok(());
        }
        let own = effect.to_string();
        let is_again = self.keys.contains(&own);
        let key = if drive.mutation == Mutation::NewKeyAfterCrash && is_again { format!("{own}/again") } else { own };
        if is_again && !self.keys.contains(&key) {
            return Err(format!("(b) {effect} was performed with two idempotency keys"));
        }
        self.keys.insert(key);
        let answer = world::answer(drive.seed, effect);
        if let ActionRequest::Http(request) = request
            && let Some(token) = request.body.as_str().and_then(|url| url.strip_prefix(CALLBACKS))
            && matches!(answer.outcome, Outcome::Replied { status: ..=399, .. })
            && let Some(after) = world::callback(drive.seed, &effect.path)
            && self.subscribed.insert(effect.path.clone())
        {
            let (first, second) = (self.place(drive.now.plus(after)), self.place(drive.now.plus(after * 2)));
            self.calls.insert(first, token.into());
            self.calls.insert(second, token.into());
        }
        let at = drive.now.plus(answer.delay);
        let place = self.place(at);
        self.answers.insert(place, (effect.clone(), answer.outcome.clone()));
        if let Some(after) = answer.again_after {
            let place = self.place(at.plus(after));
            self.answers.insert(place, (effect.clone(), answer.outcome));
        }
        Ok(())
    }
}

struct Drive<'a> {
    plan: &'a Plan,
    seed: u64,
    mutation: Mutation,
    now: Timestamp,
}

/// Drives a run to its end. The plan is the engine's; `checked` is the one that it should be.
///
/// # Errors
/// The property that does not hold.
pub fn drive(
    plan: &Plan,
    checked: &Plan,
    seed: u64,
    disturbance: Disturbance,
    mutation: Mutation,
) -> Result<Ended, String> {
    let mut random = Random::new(seed ^ 0xD1B5_4A32_D192_ED03);
    let mut drive = Drive { plan, seed, mutation, now: BEGIN };
    let mut journal = Journal::default();
    let mut world = World::default();
    let mut state = RunState::default();
    let mut next = Some(start(seed));
    for _ in 0..STEPS_MAX {
        let input = next.take().unwrap_or(Input::Tick);
        let changes_nothing = match &input {
            Input::EffectEnded { effect, .. } => {
                (!journal.is_open(&effect.path, effect.attempt) || effect.run != run_id())
                    && !outlook(plan, &state).wants_to_go_on
            }
            _ => false,
        };
        let environment = Environment { now: drive.now, callback_base: CALLBACKS, callback_key: b"k" };
        let allowance = if disturbance.pauses { allowance(&mut random) } else { Allowance::ALL };
        let decided = |state: &mut RunState, allowance| {
            let decided = mutation.decide(plan, state, environment, input.clone(), &journal, allowance);
            decided.map_err(|fault| format!("illegal: {fault}"))
        };
        let facts = match decided(&mut state, allowance)? {
            Some(facts) => facts,
            None => {
                state = journal.fold(|fact| mutation.forgets(fact))?;
                decided(&mut state, Allowance::ALL)?.ok_or("a decision without a bound was broken off")?
            }
        };
        if changes_nothing && !facts.is_empty() {
            return Err(format!("(c) an outcome that nobody waits for made {} facts", facts.len()));
        }
        let step = match (disturbance.crashes && random.once_in(6), random.once_in(2)) {
            (false, _) => Step::Stored,
            (true, true) => Step::NotStored,
            (true, false) => Step::StoredUnseen,
        };
        if matches!(step, Step::Stored | Step::StoredUnseen) {
            journal.commit(checked, &facts, &state)?;
            if journal.without_crashes() > bound::facts_max(checked) {
                return Err("(f) the run makes more facts than its plan allows".to_owned());
            }
            if state.status().is_final() {
                return Ok(ended(&state, &journal));
            }
        }
        if !matches!(step, Step::Stored) {
            if mutation == Mutation::LosesFacts && journal.len() > 4 {
                journal.lose_last();
            }
            state = journal.fold(|fact| mutation.forgets(fact))?;
            world.crash();
            // Who called is not answered, and calls again.
            if let (Input::CallbackReceived { token, .. }, Step::NotStored) = (&input, &step) {
                let place = world.place(drive.now.plus(Duration::from_secs(1)));
                world.calls.insert(place, token.clone());
            }
            next = Some(if journal.is_empty() { input } else { Input::Recovered });
            continue;
        }
        next = match (disturbance.cancels && random.once_in(40), disturbance.wrong_outcomes && random.once_in(12)) {
            (true, _) => Some(Input::CancelRequested),
            (_, true) => Some(wrong_outcome(&mut random, &state, plan)),
            _ => drive.go_on(&state, &mut world)?,
        };
    }
    Err("(f) the run does not end".to_owned())
}

/// What a decision may make: everything, a few facts, or so little that an evaluation has no room.
fn allowance(random: &mut Random) -> Allowance {
    match random.below(4) {
        0 | 1 => Allowance::ALL,
        2 => Allowance { fact_bytes: 100 << random.below(6), evaluation_bytes: None },
        _ => Allowance { fact_bytes: 0, evaluation_bytes: Some(1 << random.below(8)) },
    }
}

fn start(seed: u64) -> Input {
    Input::Start(Box::new(Start {
        run: run_id(),
        seed,
        trigger: Value::object([("outputs", Value::from(Object::new()))]),
        parameters: Value::Null,
        workflow: Value::Null,
        caller_waits: true,
        caller_until: None,
        taken_over: Vec::new(),
        held: false,
        secret: false,
    }))
}

fn ended(state: &RunState, journal: &Journal) -> Ended {
    let count = state.variables().get("n").and_then(|variable| variable.value().as_i64()).unwrap_or(0);
    Ended {
        status: state.status(),
        reached: Expected { statuses: journal.statuses.clone(), count },
        facts: journal.without_crashes(),
        journal: journal.bytes().to_vec(),
    }
}

/// An outcome of a request that nobody made: of another run, an attempt to come, another iteration, a made-up action.
fn wrong_outcome(random: &mut Random, state: &RunState, plan: &Plan) -> Input {
    let open = pending(plan, state).into_iter().find_map(|command| match command {
        Command::Perform { effect, .. } => Some(effect),
        _ => None,
    });
    let path = ActionPath { action: "a1".into(), indexes: Vec::new() };
    let mut effect = open.unwrap_or(EffectId { run: run_id(), path, attempt: 99 });
    match random.below(4) {
        0 => effect.run = RunId::make(BEGIN, [9; 10]),
        1 => effect.attempt += 7,
        2 => effect.path.indexes.push(3),
        _ => effect.path.action = "nobody".into(),
    }
    let outcome =
        Outcome::Replied { status: 599, headers: Object::new(), body: Some(Value::from("not what was asked for")) };
    Input::EffectEnded { effect, performed: Box::new(world::performed(outcome)) }
}

impl Drive<'_> {
    /// Hands out what is pending and lets time pass to the next thing that happens.
    fn go_on(&mut self, state: &RunState, world: &mut World) -> Result<Option<Input>, String> {
        let mut wake = None;
        for command in pending(self.plan, state) {
            match command {
                Command::Perform { effect, request } => world.perform(self, &effect, &request)?,
                Command::WakeAt(at) => wake = Some(at),
                Command::Continue => return Ok(Some(Input::Tick)),
            }
        }
        let answer = world.answers.first_key_value().map(|((at, _), _)| *at);
        let call = world.calls.first_key_value().map(|((at, _), _)| *at);
        let Some(at) = answer.into_iter().chain(call).chain(wake).min() else {
            return Err("(f) the run waits for nothing".to_owned());
        };
        self.now = self.now.max(at);
        if answer == Some(at) {
            return Ok(world.answers.pop_first().map(|(_, (effect, outcome))| Input::EffectEnded {
                effect,
                performed: Box::new(world::performed(outcome)),
            }));
        }
        if call == Some(at) {
            let outputs = Value::object([("headers", Value::from(Object::new()))]);
            return Ok(world.calls.pop_first().map(|(_, token)| Input::CallbackReceived { token, outputs }));
        }
        Ok(Some(Input::Tick))
    }
}

/// Compares what a run reached with the naive interpreter; iterations that were forgotten count too, since the journal
/// has them.
///
/// # Errors
/// The first difference.
pub fn compare(ended: &Ended, expected: &Expected) -> Result<(), String> {
    let reached = &ended.reached.statuses;
    for (key, status) in &expected.statuses {
        match reached.get(key) {
            Some(found) if found == status => {}
            found => return Err(format!("(g) {key:?}: expected {status}, got {found:?}")),
        }
    }
    if let Some((key, status)) = reached.iter().find(|(key, _)| !expected.statuses.contains_key(*key)) {
        return Err(format!("(g) {key:?} has the status {status}, but should have no record"));
    }
    if ended.reached.count != expected.count {
        return Err(format!("(g) the variable is {} instead of {}", ended.reached.count, expected.count));
    }
    Ok(())
}

/// Checks one random flow: undisturbed, with everything that can go wrong, and with a person who cancels.
///
/// # Errors
/// The property that does not hold.
pub fn check(seed: u64, mutation: Mutation) -> Result<usize, String> {
    let definition = crate::flow::make(&mut Random::new(seed));
    let checked = Mutation::None.plan(&definition);
    let used = mutation.plan(&definition);
    let calm = drive(&used, &checked, seed, Disturbance::CALM, mutation)?;
    let is_determined = naive::applies(&checked);
    if is_determined {
        compare(&calm, &naive::expected(&checked, seed, run_id()))?;
    }
    let stormy = drive(&used, &checked, seed, Disturbance::STORM, mutation)?;
    if is_determined && stormy.status != calm.status {
        return Err(format!("(b) with crashes the run ended {} instead of {}", stormy.status, calm.status));
    }
    if is_determined && stormy.reached != calm.reached {
        return Err("(b) with crashes other actions succeeded".to_owned());
    }
    let cancelled = drive(&used, &checked, seed, Disturbance::CANCELLED, mutation)?;
    let further = cancelled.reached.statuses.keys().find(|key| !calm.reached.statuses.contains_key(*key));
    if let Some((action, indexes)) = further.filter(|_| is_determined) {
        return Err(format!("(d) a cancelled run has a record of {action}{indexes:?}, an undisturbed one has not"));
    }
    Ok(calm.facts + stormy.facts + cancelled.facts)
}
