//! A second interpreter, as simple as can be: recursion over the plan, no facts, no state, time only within one call. It
//! says which status each action must end with, as long as nothing ends the run early.

use std::collections::BTreeMap;
use std::time::Duration;

use hookmill_definition::plan::{ActionIndex, ActionKind, GroupIndex, ROOT};
use hookmill_definition::{Plan, duration};
use hookmill_engine::{ActionPath, EffectId, Outcome, RetryPolicy};
use hookmill_model::{ActionStatus, RunId, Value};

use crate::world;

/// Action name and indexes → status.
pub type Statuses = BTreeMap<(String, Vec<u32>), ActionStatus>;

/// Whether nothing in the plan ends the run early.
#[must_use]
pub fn applies(plan: &Plan) -> bool {
    !plan.actions.iter().any(|action| matches!(action.kind, ActionKind::Terminate(_)))
}

/// What a run comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// The status of each action run.
    pub statuses: Statuses,
    /// The variable that actions count up.
    pub count: i64,
}

/// What a run must come to.
#[must_use]
pub fn expected(plan: &Plan, seed: u64, run: RunId) -> Expected {
    let mut interpreter = Interpreter { plan, seed, run, found: Statuses::new(), count: 0 };
    interpreter.group(ROOT, &[]);
    Expected { statuses: interpreter.found, count: interpreter.count }
}

struct Interpreter<'a> {
    plan: &'a Plan,
    seed: u64,
    run: RunId,
    found: Statuses,
    count: i64,
}

impl Interpreter<'_> {
    fn status(&self, action: ActionIndex, indexes: &[u32]) -> Option<ActionStatus> {
        self.found.get(&(self.plan.actions[action].name.to_string(), indexes.to_vec())).copied()
    }

    fn set(&mut self, action: ActionIndex, indexes: &[u32], status: ActionStatus) {
        self.found.insert((self.plan.actions[action].name.to_string(), indexes.to_vec()), status);
    }

    fn path(&self, action: ActionIndex, indexes: &[u32]) -> ActionPath {
        ActionPath { action: self.plan.actions[action].name.clone(), indexes: indexes.to_vec() }
    }

    fn answer(&self, action: ActionIndex, indexes: &[u32], attempt: u32) -> (Outcome, Duration) {
        let effect = EffectId { run: self.run, path: self.path(action, indexes), attempt };
        let answer = world::answer(self.seed, &effect);
        (answer.outcome, answer.delay)
    }

    /// Runs the actions in the order of the document, which random flows keep; gives whether the group failed.
    fn group(&mut self, group: GroupIndex, indexes: &[u32]) -> bool {
        for action in self.plan.groups[group].actions.clone() {
            let holds = self.plan.actions[action].run_after.iter().all(|(before, accepted)| {
                self.status(*before, indexes).is_some_and(|status| accepted.contains(&status))
            });
            if holds {
                let status = self.action(action, indexes);
                self.set(action, indexes, status);
            } else {
                self.skip(action, indexes);
            }
        }
        let leaves = self.plan.groups[group].leaves.clone();
        leaves.into_iter().any(|leaf| self.fails(leaf, indexes))
    }

    fn fails(&self, action: ActionIndex, indexes: &[u32]) -> bool {
        match self.status(action, indexes) {
            Some(ActionStatus::Skipped) => {
                self.plan.actions[action].run_after.iter().any(|(before, _)| self.fails(*before, indexes))
            }
            Some(ActionStatus::Succeeded) | None => false,
            Some(_) => true,
        }
    }

    fn skip(&mut self, action: ActionIndex, indexes: &[u32]) {
        self.set(action, indexes, ActionStatus::Skipped);
        for group in self.plan.actions[action].kind.groups() {
            self.skip_group(group, indexes);
        }
    }

    fn skip_group(&mut self, group: GroupIndex, indexes: &[u32]) {
        for action in self.plan.groups[group].actions.clone() {
            self.skip(action, indexes);
        }
    }

    fn action(&mut self, action: ActionIndex, indexes: &[u32]) -> ActionStatus {
        let of = |failed: bool| if failed { ActionStatus::Failed } else { ActionStatus::Succeeded };
        match &self.plan.actions[action].kind {
            ActionKind::Compose(value) => of(value.source().as_str() == Some("@div(1,0)")),
            ActionKind::Scope { body } => of(self.group(*body, indexes)),
            ActionKind::If { condition, then, otherwise } => {
                let truth = condition.source().as_str() == Some("@equals(1,1)");
                let (taken, other) = if truth { (*then, *otherwise) } else { (*otherwise, *then) };
                self.skip_group(other, indexes);
                of(self.group(taken, indexes))
            }
            ActionKind::Foreach { items, body, .. } => {
                let count = items.source().as_array().map_or(0, <[Value]>::len);
                let mut failed = false;
                for index in 0..u32::try_from(count).unwrap_or(0) {
                    failed |= self.group(*body, &[indexes, &[index]].concat());
                }
                of(failed)
            }
            ActionKind::Until { body, count, .. } => {
                let count = count.as_ref().and_then(|count| count.source().as_i64()).unwrap_or(1);
                let mut failed = false;
                for index in 0..u32::try_from(count).unwrap_or(0) {
                    failed = self.group(*body, &[indexes, &[index]].concat());
                }
                of(failed)
            }
            ActionKind::Switch { on, cases, default } => {
                let fits = |(_, case, _): &&(hookmill_model::Str, Value, GroupIndex)| case == on.source();
                let taken = cases.iter().find(fits).map_or(*default, |(_, _, group)| *group);
                for group in self.plan.actions[action].kind.groups() {
                    if group != taken {
                        self.skip_group(group, indexes);
                    }
                }
                of(self.group(taken, indexes))
            }
            ActionKind::ChangeVariable { .. } => {
                self.count += 1;
                ActionStatus::Succeeded
            }
            ActionKind::HttpWebhook { .. } => {
                let (outcome, _) = self.answer(action, indexes, 1);
                let path = self.path(action, indexes);
                match (outcome, world::callback(self.seed, &path)) {
                    (Outcome::Replied { status: ..=399, .. }, Some(_)) => ActionStatus::Succeeded,
                    (Outcome::Replied { status: ..=399, .. }, None) => ActionStatus::TimedOut,
                    _ => ActionStatus::Failed,
                }
            }
            ActionKind::Http(call) => {
                let policy = RetryPolicy::new(call.retry.as_ref().map(|retry| retry.source()), self.plan.profile);
                let policy = policy.unwrap_or(RetryPolicy::NONE);
                let timeout = self.plan.actions[action].timeout.as_ref();
                let timeout = timeout.and_then(|timeout| duration::parse(timeout.source().as_str()?));
                let (mut attempt, mut elapsed) = (1, Duration::ZERO);
                loop {
                    let (outcome, delay) = self.answer(action, indexes, attempt);
                    elapsed += delay;
                    if timeout.is_some_and(|timeout| elapsed > timeout) {
                        return ActionStatus::TimedOut;
                    }
                    if policy.retries(&outcome) && attempt <= policy.count {
                        attempt += 1;
                        elapsed += Duration::from_millis(policy.interval);
                        continue;
                    }
                    return of(!matches!(outcome, Outcome::Replied { status: ..=399, .. }));
                }
            }
            _ => ActionStatus::Succeeded,
        }
    }
}
