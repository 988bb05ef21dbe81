//! The history of a run for a page, read from a journal of any length: it takes the memory of what the page shows.

use std::collections::{BTreeMap, BTreeSet};

use hookmill_model::{Object, Str, Value};

use super::RunHistory;
use crate::command::ActionPath;
use crate::fact::{self, ActionError, Fact};
use crate::state::Indexes;

/// Which action runs a history has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// The first run of each action; the others are counted.
    First,
    /// These; no others are counted.
    These(BTreeSet<ActionPath>),
}

/// What people see of values and texts that came from outside.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// What is shown of a value.
    pub value: &'a dyn Fn(&Value) -> Value,
    /// What is shown of what a run received, and of the outputs of its definition.
    pub whole: &'a dyn Fn(&Value) -> Value,
    /// What is shown of a message.
    pub text: &'a dyn Fn(&str) -> String,
}

/// How often each action ran, and how often it failed or took too long.
pub(super) type Tallies = BTreeMap<Str, (usize, usize)>;

/// A history that is read fact by fact. Variables and the answer to the caller are not in it.
#[derive(Debug)]
pub struct Digest {
    history: RunHistory,
    keeps: Keeps,
    tallies: Tallies,
    /// Runs of actions that have begun and not ended.
    open: BTreeSet<ActionPath>,
    /// Which run of an action is the first one, as far as the journal was read.
    first: BTreeMap<Str, Indexes>,
}

/// The action run that a fact is about.
const fn path_of(fact: &Fact) -> Option<&ActionPath> {
    match fact {
        Fact::ActionStarted(fact::ActionStarted { path, .. })
        | Fact::EffectStarted(fact::EffectStarted { path, .. })
        | Fact::EffectRedispatched(fact::EffectRedispatched { path, .. })
        | Fact::EffectEnded(fact::EffectEnded { path, .. })
        | Fact::Waiting(fact::Waiting { path, .. })
        | Fact::CallbackReceived(fact::CallbackReceived { path, .. })
        | Fact::BranchChosen(fact::BranchChosen { path, .. })
        | Fact::LoopStarted(fact::LoopStarted { path, .. })
        | Fact::IterationStarted(fact::IterationStarted { path, .. })
        | Fact::IterationEnded(fact::IterationEnded { path, .. })
        | Fact::ActionEnded(fact::ActionEnded { path, .. }) => Some(path),
        _ => None,
    }
}

impl Digest {
    /// Of a journal of which nothing was read yet.
    #[must_use]
    pub fn new(keeps: Keeps) -> Self {
        Self {
            history: RunHistory::unread(),
            keeps,
            tallies: Tallies::new(),
            open: BTreeSet::new(),
            first: BTreeMap::new(),
        }
    }

    /// Reads the next fact. A fact that does not fit is passed over.
    pub fn take(&mut self, fact: &Fact, seen: Seen<'_>) {
        let Some(path) = path_of(fact) else {
            if !matches!(fact, Fact::VariableSet(_) | Fact::VariableAppended(_) | Fact::Responded(_)) {
                self.history.take(fact);
                self.see_run(fact, seen);
            }
            return;
        };
        self.count(fact, path);
        if self.keeps(path) {
            self.history.take(fact);
            self.see_action(fact, path, seen);
        }
    }

    /// The history of what was read.
    #[must_use]
    pub fn finished(self) -> RunHistory {
        RunHistory { tallies: self.tallies, ..self.history }
    }

    fn keeps(&mut self, path: &ActionPath) -> bool {
        if let Keeps::These(these) = &self.keeps {
            return these.contains(path);
        }
        match self.first.get_mut(&path.action) {
            Some(first) if *first == path.indexes => true,
            Some(first) if *first < path.indexes => false,
            Some(first) => {
                // One of an earlier iteration, which came later: it takes the place.
                let later = std::mem::replace(first, path.indexes.clone());
                if let Some(runs) = self.history.runs.get_mut(&path.action) {
                    runs.remove(&later);
                }
                true
            }
            None => {
                self.first.insert(path.action.clone(), path.indexes.clone());
                true
            }
        }
    }

    fn count(&mut self, fact: &Fact, path: &ActionPath) {
        if self.keeps != Keeps::First {
            return;
        }
        let Some((_, has_failed)) = fact.begins_or_ends() else { return };
        // What was skipped ends without having begun.
        let begins = matches!(fact, Fact::ActionStarted(_));
        let is_new = if begins { self.open.insert(path.clone()) } else { !self.open.remove(path) };
        let (count, failed) = self.tallies.entry(path.action.clone()).or_default();
        *count += usize::from(is_new);
        *failed += usize::from(has_failed);
    }

    fn see_run(&mut self, fact: &Fact, seen: Seen<'_>) {
        let history = &mut self.history;
        match fact {
            Fact::RunStarted(_) => {
                for (_, member) in history.trigger.as_object_mut().into_iter().flat_map(Object::iter_mut) {
                    *member = (seen.whole)(member);
                }
                history.parameters = Value::Null;
            }
            Fact::RunStopped(_) => message(&mut history.error, seen),
            Fact::RunEnded(_) => {
                message(&mut history.error, seen);
                shown(&mut history.outputs, seen.whole);
            }
            _ => {}
        }
    }

    fn see_action(&mut self, fact: &Fact, path: &ActionPath, seen: Seen<'_>) {
        let run = self.history.slot(path);
        match fact {
            Fact::ActionStarted(_) => shown(&mut run.inputs, seen.value),
            Fact::EffectEnded(fact::EffectEnded { attempt, .. }) => {
                if let Some(own) = run.attempts.iter_mut().find(|own| own.attempt == *attempt) {
                    own.request = (seen.value)(&own.request);
                    shown(&mut own.response, seen.value);
                    message(&mut own.error, seen);
                }
            }
            Fact::ActionEnded(_) => {
                shown(&mut run.outputs, seen.value);
                shown(&mut run.tracked_properties, seen.value);
                message(&mut run.error, seen);
            }
            _ => {}
        }
    }
}

fn shown(own: &mut Option<Value>, seen: &dyn Fn(&Value) -> Value) {
    if let Some(inside) = own {
        *inside = seen(inside);
    }
}

fn message(own: &mut Option<ActionError>, seen: Seen<'_>) {
    if let Some(error) = own {
        error.message = (seen.text)(&error.message).into();
    }
}
