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

#[derive(Default)]
struct Seen {
    inputs: Option<Value>,
    variables: Vec<(Str, Str, Value)>,
    appended: Vec<(Str, Value)>,
    end: Option<End>,
}

struct End {
    status: ActionStatus,
    code: Str,
    outputs: Option<Value>,
    tracked: Option<Value>,
}

/// The action runs of a journal in order of their paths. A variable is set between the start and the end of its action.
fn action_runs(facts: &[Fact]) -> BTreeMap<ActionPath, Seen> {
    let mut runs: BTreeMap<ActionPath, Seen> = BTreeMap::new();
    let mut set = Vec::new();
    let mut appended = Vec::new();
    for fact in facts {
        match fact {
            Fact::RunStarted(_) | Fact::RunEnded(_) | Fact::RunStopped(_) => {
                set.clear();
                appended.clear();
            }
            Fact::ActionStarted(fact::ActionStarted { path, inputs, .. }) => {
                set.clear();
                appended.clear();
                runs.entry(path.clone()).or_default().inputs.clone_from(inputs);
            }
            Fact::VariableSet(fact::VariableSet { name, kind, value }) => {
                set.push((name.clone(), kind.clone(), value.clone()))
            }
            Fact::VariableAppended(fact::VariableAppended { name, value }) => {
                appended.push((name.clone(), value.clone()))
            }
            Fact::ActionEnded(fact::ActionEnded { path, status, code, outputs, tracked, .. }) => {
                let run = runs.entry(path.clone()).or_default();
                run.variables = std::mem::take(&mut set);
                run.appended = std::mem::take(&mut appended);
                let (code, outputs, tracked) = (code.clone(), outputs.clone(), tracked.clone());
                run.end = Some(End { status: *status, code, outputs, tracked });
            }
            _ => {}
        }
    }
    runs
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

/// What a new run with the plan `new` takes over from a run that ended, of which `facts` is the journal and `old` the
/// plan. The same plan may be given twice: the definition of then.
#[must_use]
pub fn taken_over(old: Source<'_>, new: Source<'_>, facts: &[Fact]) -> Vec<TakenOver> {
    let plan = new.plan;
    let mut stale = Staleness { plan, runs: BTreeSet::new(), actions: BTreeSet::new(), rounds: BTreeMap::new() };
    if !std::ptr::eq(old.plan, new.plan) {
        for action in 0..plan.actions.len() {
            if !is_unchanged(old, new, action) {
                stale.changed(action);
            }
        }
    }
    let runs = action_runs(facts);
    let index = |path: &ActionPath| plan.names.get(path.action.to_lowercase().as_str()).copied();
    for (path, run) in &runs {
        let kept =
            run.end.as_ref().is_some_and(|end| matches!(end.status, ActionStatus::Succeeded | ActionStatus::Skipped));
        if !kept && let Some(action) = index(path) {
            stale.done_again(action, &path.indexes);
        }
    }
    let mut taken = Vec::new();
    for (path, run) in runs {
        let Some(end) = run.end.filter(|end| end.status == ActionStatus::Succeeded) else { continue };
        let Some(action) = index(&path) else { continue };
        if has_result(&plan.actions[action].kind) && !stale.is_stale(action, &path.indexes) {
            taken.push(TakenOver {
                path,
                inputs: run.inputs,
                code: end.code,
                outputs: end.outputs,
                tracked: end.tracked,
                variables: run.variables,
                appended: run.appended,
            });
        }
    }
    taken
}
