//! What is on disk: the facts of a run as stored bytes, and the properties that every one of them must keep.

use std::collections::{BTreeMap, BTreeSet};

use hookmill_definition::Plan;
use hookmill_engine::{ActionPath, Fact, RunState, fact};

use crate::naive::Statuses;

/// The journal of one run.
#[derive(Default)]
pub struct Journal {
    facts: Vec<Vec<u8>>,
    /// The fold of the stored bytes.
    folded: RunState,
    /// The status of each action run that has ended.
    pub statuses: Statuses,
    started: BTreeSet<(String, Vec<u32>)>,
    open: BTreeSet<(ActionPath, u32)>,
    callbacks: BTreeMap<ActionPath, u32>,
    redispatched: usize,
    ended: bool,
}

impl Journal {
    /// How many facts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// How many facts there are without those that crashes add.
    #[must_use]
    pub fn without_crashes(&self) -> usize {
        self.facts.len() - self.redispatched
    }

    /// Whether a request waits for its outcome.
    #[must_use]
    pub fn is_open(&self, path: &ActionPath, attempt: u32) -> bool {
        self.open.contains(&(path.clone(), attempt))
    }

    /// An open request of the action run.
    #[must_use]
    pub fn open_attempt(&self, path: &ActionPath) -> Option<u32> {
        self.open.iter().find(|(own, _)| own == path).map(|(_, attempt)| *attempt)
    }

    /// Stores facts and checks each: its order, single ends, nothing behind the end. Then the state of whoever decided
    /// them must be the fold of what is stored.
    ///
    /// # Errors
    /// The property that does not hold.
    pub fn commit(&mut self, plan: &Plan, facts: &[Fact], state: &RunState) -> Result<(), String> {
        for fact in facts {
            self.check(plan, fact)?;
            let bytes = fact.encode();
            let read = Fact::decode(&bytes).map_err(|fault| format!("a stored fact cannot be read: {fault}"))?;
            self.folded.apply(&read).map_err(|fault| format!("(a) {fault}"))?;
            self.facts.push(bytes);
        }
        if self.folded != *state {
            return Err("(a) the fold of the facts is not the state".to_owned());
        }
        Ok(())
    }

    fn check(&mut self, plan: &Plan, fact: &Fact) -> Result<(), String> {
        if self.ended {
            return Err("(e) a fact follows the end of the run".to_owned());
        }
        match fact {
            Fact::ActionStarted(fact::ActionStarted { path, .. }) => {
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
            Fact::EffectStarted(fact::EffectStarted { path, attempt, .. }) => {
                self.open.insert((path.clone(), *attempt));
            }
            Fact::EffectEnded(fact::EffectEnded { path, attempt, .. })
                if !self.open.remove(&(path.clone(), *attempt)) =>
            {
                return Err(format!("(c) a request of {} ended twice", path.action));
            }
            Fact::EffectRedispatched(_) | Fact::DecisionPaused(_) | Fact::DecisionResumed(_) => {
                self.redispatched += 1;
            }
            Fact::CallbackReceived(fact::CallbackReceived { path, .. }) => {
                let count = self.callbacks.entry(path.clone()).or_insert(0);
                *count += 1;
                if *count > 1 {
                    return Err(format!("(c) {} took two calls", path.action));
                }
            }
            Fact::ActionEnded(fact::ActionEnded { path, status, .. }) => {
                let key = (path.action.to_string(), path.indexes.clone());
                self.open.retain(|(own, _)| own != path);
                if self.statuses.insert(key, *status).is_some() {
                    return Err(format!("(d) {} ended twice", path.action));
                }
            }
            Fact::RunEnded(_) => {
                self.ended = true;
                if let Some((action, _)) = self.started.iter().find(|key| !self.statuses.contains_key(*key)) {
                    return Err(format!("(d) the run ended, but {action} did not"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The state after a crash: what the stored bytes say.
    ///
    /// # Errors
    /// They do not fold.
    pub fn fold(&self, forgets: impl Fn(&Fact) -> bool) -> Result<RunState, String> {
        let mut state = RunState::default();
        for bytes in &self.facts {
            let fact = Fact::decode(bytes).map_err(|fault| fault.to_string())?;
            if !forgets(&fact) {
                state.apply(&fact).map_err(|fault| format!("(a) {fault}"))?;
            }
        }
        Ok(state)
    }

    /// Loses the last fact, as a store that breaks its promise would.
    pub fn lose_last(&mut self) {
        self.facts.pop();
    }

    /// The stored bytes.
    #[must_use]
    pub fn bytes(&self) -> &[Vec<u8>] {
        &self.facts
    }
}
