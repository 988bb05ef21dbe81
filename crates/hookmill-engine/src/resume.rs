//! What a run that begins again at its failed actions takes over from the run before.
//!
//! A result is taken over where asking again could only give the same: the action run succeeded, its definition is
//! unchanged, and nothing before it is done again. An action run that did not succeed makes everything after it *stale*:
//! the actions that follow in its group, those that follow the containers around it, and the later rounds of an Until
//! around it. Decisions are never taken over; conditions and loops decide again, from what was taken over.

use std::collections::{BTreeMap, BTreeSet};

use hookmill_definition::Plan;
use hookmill_definition::plan::{ActionIndex, ActionKind, VariableChange};
use hookmill_model::{ActionStatus, Str, Value};

use crate::command::ActionPath;
use crate::fact::{self, Fact, TakenOver};

/// Members of an action that hold other actions.
const NESTED: &[&str] = &["actions", "else", "cases", "default"];

/// A plan with the definition it was compiled from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its definition.
    pub definition: &'a Value,
}

/// How the action runs of a journal ended, in order of their paths; read fact by fact, without any of their values.
#[derive(Debug, Default)]
pub struct Ends(BTreeMap<ActionPath, Option<ActionStatus>>);

impl Ends {
    /// Reads the next fact.
    pub fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::ActionStarted(fact::ActionStarted { path, .. }) => {
                self.0.entry(path.clone()).or_default();
            }
            Fact::ActionEnded(fact::ActionEnded { path, status, .. }) => {
                self.0.insert(path.clone(), Some(*status));
            }
            _ => {}
        }
    }
}

/// The results of those action runs that are taken over, read fact by fact. A variable is set between the start and the
/// end of its action.
#[derive(Debug)]
pub struct Results {
    wanted: BTreeSet<ActionPath>,
    inputs: BTreeMap<ActionPath, Value>,
    set: Vec<(Str, Str, Value)>,
    appended: Vec<(Str, Value)>,
    taken: BTreeMap<ActionPath, TakenOver>,
    bytes: usize,
}

impl Results {
    /// Of a journal of which nothing was read yet; `wanted` is what [`taken_over`] says.
    #[must_use]
    pub const fn new(wanted: BTreeSet<ActionPath>) -> Self {
        Self {
            wanted,
            inputs: BTreeMap::new(),
            set: Vec::new(),
            appended: Vec::new(),
            taken: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Bytes of all values that were found, as JSON.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reads the next fact.
    pub fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::RunStarted(_) | Fact::RunEnded(_) | Fact::RunStopped(_) => self.forget_variables(),
            Fact::ActionStarted(fact::ActionStarted { path, inputs, .. }) => {
                self.forget_variables();
                if let Some(inputs) = inputs.as_ref().filter(|_| self.wanted.contains(path)) {
                    self.bytes += inputs.json_bytes();
                    self.inputs.insert(path.clone(), inputs.clone());
                }
            }
            Fact::VariableSet(fact::VariableSet { name, kind, value }) => {
                self.bytes += value.json_bytes();
                self.set.push((name.clone(), kind.clone(), value.clone()));
            }
            Fact::VariableAppended(fact::VariableAppended { name, value }) => {
                self.bytes += value.json_bytes();
                self.appended.push((name.clone(), value.clone()));
            }
            Fact::ActionEnded(fact::ActionEnded { path, code, outputs, tracked, .. }) if self.wanted.contains(path) => {
                self.bytes += outputs.iter().chain(tracked).map(Value::json_bytes).sum::<usize>();
                let result = TakenOver {
                    path: path.clone(),
                    inputs: self.inputs.remove(path),
                    code: code.clone(),
                    outputs: outputs.clone(),
                    tracked: tracked.clone(),
                    variables: std::mem::take(&mut self.set),
                    appended: std::mem::take(&mut self.appended),
                };
                self.taken.insert(path.clone(), result);
            }
            Fact::ActionEnded(_) => self.forget_variables(),
            _ => {}
        }
    }

    /// Forgets the values that were found so far, for whoever only counts: the few that stand between the start and the
    /// end of an action at this moment count although they may not be taken.
    pub fn let_go(&mut self) {
        self.inputs.clear();
        self.set.clear();
        self.appended.clear();
        self.taken.clear();
    }

    /// What was found, in order of paths.
    #[must_use]
    pub fn finished(self) -> Vec<TakenOver> {
        self.taken.into_values().collect()
    }

    fn forget_variables(&mut self) {
        let set = self.set.drain(..).map(|(_, _, value)| value);
        self.bytes -=
            set.chain(self.appended.drain(..).map(|(_, value)| value)).map(|own| own.json_bytes()).sum::<usize>();
    }
}

struct Staleness<'a> {
    plan: &'a Plan,
    /// Action runs after something that is done again.
    runs: BTreeSet<(ActionIndex, Vec<u32>)>,
    /// Actions of which no run is taken over.
    actions: BTreeSet<ActionIndex>,
    /// The first round of an Until that is done again.
    rounds: BTreeMap<(ActionIndex, Vec<u32>), u32>,
}

impl Staleness<'_> {
    fn prefix(&self, action: ActionIndex, indexes: &[u32]) -> Vec<u32> {
        indexes.iter().take(self.plan.actions[action].loops.len()).copied().collect()
    }

    /// This action run is done again: what follows it and its containers is stale.
    fn done_again(&mut self, action: ActionIndex, indexes: &[u32]) {
        let mut current = Some(action);
        while let Some(own) = current {
            let at = self.prefix(own, indexes);
            let mut open: Vec<ActionIndex> = self.plan.actions[own].successors.clone();
            while let Some(next) = open.pop() {
                if self.runs.insert((next, at.clone())) {
                    open.extend(&self.plan.actions[next].successors);
                }
            }
            if matches!(self.plan.actions[own].kind, ActionKind::Until { .. })
                && let Some(round) = indexes.get(at.len())
            {
                let first = self.rounds.entry((own, at)).or_insert(*round);
                *first = (*first).min(*round);
            }
            current = self.plan.actions[own].parent;
        }
    }

    /// No run of this action is taken over, nor of anything after it.
    fn changed(&mut self, action: ActionIndex) {
        let mut current = Some(action);
        while let Some(own) = current {
            let mut open: Vec<ActionIndex> = self.plan.actions[own].successors.clone();
            while let Some(next) = open.pop() {
                if self.actions.insert(next) {
                    open.extend(&self.plan.actions[next].successors);
                }
            }
            current = self.plan.actions[own].parent;
        }
        self.actions.insert(action);
    }

    fn is_stale(&self, action: ActionIndex, indexes: &[u32]) -> bool {
        let mut current = Some(action);
        while let Some(own) = current {
            let at = self.prefix(own, indexes);
            let later_round = indexes.get(at.len()).is_some_and(|round| {
                self.rounds.get(&(own, at.clone())).is_some_and(|first| own != action && round > first)
            });
            if later_round || self.actions.contains(&own) || self.runs.contains(&(own, at)) {
                return true;
            }
            current = self.plan.actions[own].parent;
        }
        false
    }
}

/// Whether a result of such an action can be taken over; what decides or counts is done again.
const fn has_result(kind: &ActionKind) -> bool {
    match kind {
        ActionKind::ChangeVariable { change, .. } => matches!(change, VariableChange::Set),
        ActionKind::Scope { .. }
        | ActionKind::If { .. }
        | ActionKind::Switch { .. }
        | ActionKind::Foreach { .. }
        | ActionKind::Until { .. }
        | ActionKind::Terminate(_)
        | ActionKind::Unsupported => false,
        _ => true,
    }
}

/// The action as written, without what is nested in it.
fn own_part(definition: &Value, pointer: &str) -> Option<Value> {
    let action = definition.pointer(pointer)?.as_object()?;
    let own = action.iter().filter(|(name, _)| !NESTED.contains(&&***name));
    Some(Value::object(own.map(|(name, value)| (name.clone(), value.clone()))))
}

/// Whether an action of the new plan is the same as in the old one, with the same containers around it.
fn is_unchanged(old: Source<'_>, new: Source<'_>, action: ActionIndex) -> bool {
    let own = &new.plan.actions[action];
    let Some(before) = old.plan.find(&own.name) else { return false };
    let before = &old.plan.actions[before];
    let name_of = |plan: &Plan, action: Option<ActionIndex>| action.map(|action| plan.actions[action].name.clone());
    before.name == own.name
        && name_of(old.plan, before.parent) == name_of(new.plan, own.parent)
        && before.loops.len() == own.loops.len()
        && own_part(old.definition, before.pointer.as_str()) == own_part(new.definition, own.pointer.as_str())
}

/// Which action runs a new run with the plan `new` takes over from a run that ended as `ends` says and had the plan `old`.
/// The same plan may be given twice: the definition of then.
#[must_use]
pub fn taken_over(old: Source<'_>, new: Source<'_>, ends: &Ends) -> BTreeSet<ActionPath> {
    let plan = new.plan;
    let mut stale = Staleness { plan, runs: BTreeSet::new(), actions: BTreeSet::new(), rounds: BTreeMap::new() };
    if !std::ptr::eq(old.plan, new.plan) {
        for action in 0..plan.actions.len() {
            if !is_unchanged(old, new, action) {
                stale.changed(action);
            }
        }
    }
    let index = |path: &ActionPath| plan.names.get(path.action.to_lowercase().as_str()).copied();
    for (path, status) in &ends.0 {
        let kept = matches!(status, Some(ActionStatus::Succeeded | ActionStatus::Skipped));
        if !kept && let Some(action) = index(path) {
            stale.done_again(action, &path.indexes);
        }
    }
    let succeeded = ends.0.iter().filter(|(_, status)| **status == Some(ActionStatus::Succeeded));
    let taken = succeeded.map(|(path, _)| path).filter(|path| {
        index(path)
            .is_some_and(|action| has_result(&plan.actions[action].kind) && !stale.is_stale(action, &path.indexes))
    });
    taken.cloned().collect()
}
