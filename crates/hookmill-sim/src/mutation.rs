//! Faults that are planted into a copy of what the engine decides, to see whether the properties find them.

use hookmill_definition::{Limits, Plan, Profile, compile};
use hookmill_engine::{Allowance, Environment, Fact, IllegalFact, Input, RunState, decide_while, fact};
use hookmill_model::{ActionStatus, Value};

use crate::journal::Journal;

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// None: the engine as it is.
    None,
    /// The engine takes an outcome that comes late for that of the request that is open now.
    LateOutcomeCounts,
    /// After a crash the timeouts of what is in flight run on.
    TimeoutsRunOn,
    /// A failed action does not fail its group.
    FailureForgiven,
    /// A predecessor's status is not compared with `runAfter`.
    AnyStatusGoes,
    /// Each request is sent once more than its policy says.
    OneRetryMore,
    /// The fold forgets why an action waits.
    WaitForgotten,
    /// The end of an action is stored twice.
    EndedTwice,
    /// After a crash what was in flight gets another idempotency key.
    NewKeyAfterCrash,
    /// What the store took is gone after a crash.
    LosesFacts,
    /// A decision that pauses forgets what is due.
    PauseForgets,
}

impl Mutation {
    /// All but none.
    pub const ALL: &[Self] = &[
        Self::LateOutcomeCounts,
        Self::TimeoutsRunOn,
        Self::FailureForgiven,
        Self::AnyStatusGoes,
        Self::OneRetryMore,
        Self::WaitForgotten,
        Self::EndedTwice,
        Self::NewKeyAfterCrash,
        Self::LosesFacts,
        Self::PauseForgets,
    ];

    /// The plan that the mutated engine runs.
    #[must_use]
    pub fn plan(self, definition: &Value) -> Plan {
        let limits = Limits { actions_max: 5_000, ..Limits::default() };
        let source = if self == Self::OneRetryMore { more_retries(definition) } else { definition.clone() };
        let made = compile(&source, &Value::Null, Profile::LogicApps, &limits);
        let Some(mut plan) = made.plan else {
            panic!("a random definition has errors: {:?}\n{definition}", made.diagnostics)
        };
        match self {
            Self::FailureForgiven => plan.groups.iter_mut().for_each(|group| group.leaves.clear()),
            Self::AnyStatusGoes => {
                use ActionStatus::{Failed, Skipped, Succeeded, TimedOut};
                for (_, accepted) in plan.actions.iter_mut().flat_map(|action| &mut action.run_after) {
                    *accepted = vec![Succeeded, Failed, Skipped, TimedOut];
                }
            }
            _ => {}
        }
        plan
    }

    /// What the mutated engine decides.
    ///
    /// # Errors
    /// As the engine itself.
    pub fn decide(
        self,
        plan: &Plan,
        state: &mut RunState,
        environment: Environment<'_>,
        mut input: Input,
        journal: &Journal,
        allowance: Allowance,
    ) -> Result<Option<Vec<Fact>>, IllegalFact> {
        if self == Self::TimeoutsRunOn && matches!(input, Input::Recovered) {
            return Ok(Some(Vec::new()));
        }
        if let (Self::LateOutcomeCounts, Input::EffectEnded { effect, .. }) = (self, &mut input)
            && !journal.is_open(&effect.path, effect.attempt)
            && let Some(attempt) = journal.open_attempt(&effect.path)
        {
            effect.attempt = attempt;
        }
        let decided = decide_while(plan, state, environment, input, allowance, &|| true)?;
        let Ok(mut facts) = decided else { return Ok(None) };
        if let (Self::PauseForgets, Some(Fact::DecisionPaused(fact::DecisionPaused { due, .. }))) =
            (self, facts.last_mut())
        {
            due.pop();
        }
        if self == Self::EndedTwice
            && let Some(end) = facts.iter().position(|fact| matches!(fact, Fact::ActionEnded(_)))
        {
            facts.insert(end, facts[end].clone());
        }
        Ok(Some(facts))
    }

    /// Whether the mutated fold passes over a fact.
    #[must_use]
    pub fn forgets(self, fact: &Fact) -> bool {
        self == Self::WaitForgotten && matches!(fact, Fact::Waiting(_))
    }
}

/// The definition with one more attempt in each retry policy.
fn more_retries(definition: &Value) -> Value {
    match definition {
        Value::Object(members) => Value::object(members.iter().map(|(name, value)| {
            let value = match (&**name, value.get("count").and_then(Value::as_i64)) {
                ("retryPolicy", Some(count)) => {
                    let mut policy = value.as_object().cloned().unwrap_or_default();
                    policy.insert("count", Value::Integer(count + 1));
                    policy.into()
                }
                _ => more_retries(value),
            };
            (name.clone(), value)
        })),
        Value::Array(elements) => Value::array(elements.iter().map(more_retries).collect()),
        other => other.clone(),
    }
}
