//! Containers: scopes, conditions, switches and loops.

use hookmill_definition::Plan;
use hookmill_definition::duration;
use hookmill_definition::plan::{ActionIndex, ActionKind, GroupIndex, ROOT};
use hookmill_model::{ActionStatus, RunStatus, Value};

use super::{Decision, Ending, FACTS_MAX, Step, Work, number};
use crate::command::ActionPath;
use crate::fact::{self, ActionError, Fact, LoopBody};
use crate::scope::{ActionScope, is_bad};
use crate::state::{Indexes, LoopState};

/// Whether a loop has something to do without waiting for anything.
pub(super) fn can_advance(plan: &Plan, path: &ActionPath, own: &LoopState) -> bool {
    let Some(action) = plan.names.get(path.action.to_lowercase().as_str()) else { return false };
    match plan.actions[*action].kind {
        ActionKind::Foreach { .. } => {
            let room = u32::try_from(own.active.len()).unwrap_or(u32::MAX) < own.concurrency;
            (room && own.next < own.count) || (own.active.is_empty() && own.next >= own.count)
        }
        _ => own.active.is_empty(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Integer(_) => "Integer",
        Value::Float(_) | Value::Decimal(_) => "Float",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}

impl Decision<'_> {
    pub(super) fn begin_container(&mut self, action: ActionIndex, indexes: Indexes) -> Step {
        let plan = self.plan;
        let own = &plan.actions[action];
        match &own.kind {
            ActionKind::Scope { body } => {
                self.started(action, &indexes, None)?;
                self.work.push_back(Work::Open(*body, indexes));
                Ok(())
            }
            ActionKind::If { condition, then, otherwise } => {
                let scope = self.scope(action, &indexes, 0);
                let outcome = condition.evaluate(&scope);
                let shown = condition.shown(&scope);
                if shown.as_ref().is_err_and(|(_, fault)| fault.is_of_memory) {
                    self.note_shortage();
                }
                let shown = shown.ok();
                let inputs = shown.map(|shown| Value::object([("expression", shown)]));
                self.started(action, &indexes, inputs)?;
                match outcome {
                    Ok(truth) => {
                        let (chosen, other) = if truth { (*then, *otherwise) } else { (*otherwise, *then) };
                        self.choose(action, indexes, Some(chosen), if truth { "true" } else { "false" }, &[other])
                    }
                    Err((_, fault)) => {
                        let ending = if fault.is_no_boolean {
                            let message =
                                format!("The execution of template action '{}' failed: {}", own.name, fault.message);
                            Ending::failed("ExpressionEvaluationFailed", message)
                        } else {
                            self.template_failure(action, &fault, "condition")
                        };
                        self.fail_container(action, indexes, ending)
                    }
                }
            }
            ActionKind::Switch { on, cases, default } => {
                let value = on.evaluate(&self.scope(action, &indexes, 0));
                let value = match value {
                    Ok(value) => value,
                    Err((_, fault)) => {
                        self.started(action, &indexes, None)?;
                        let ending = self.template_failure(action, &fault, "condition");
                        return self.fail_container(action, indexes, ending);
                    }
                };
                self.started(action, &indexes, Some(Value::object([("expression", value.clone())])))?;
                if !matches!(value, Value::String(_) | Value::Integer(_)) {
                    let message = format!(
                        "The execution of template action '{}' failed: the result of the evaluation of 'expression' is of type '{}'. The result of the evaluation is expected to be a value of type 'String, Integer'.",
                        own.name,
                        kind_of(&value)
                    );
                    return self.fail_container(action, indexes, Ending::failed("ExpressionEvaluationFailed", message));
                }
                let found = cases.iter().find(|(_, case, _)| same_case(case, &value));
                let (chosen, branch) = match found {
                    Some((name, _, group)) => (*group, name.to_string()),
                    None => (*default, "default".to_owned()),
                };
                let others: Vec<GroupIndex> = own.kind.groups().into_iter().filter(|group| *group != chosen).collect();
                self.choose(action, indexes, Some(chosen), &branch, &others)
            }
            ActionKind::Foreach { items, concurrency, .. } => self.begin_foreach(action, indexes, items, concurrency),
            ActionKind::Until { count, timeout, .. } => {
                self.begin_until(action, indexes, count.as_ref(), timeout.as_ref())
            }
            _ => Ok(()),
        }
    }

    fn choose(
        &mut self,
        action: ActionIndex,
        indexes: Indexes,
        chosen: Option<GroupIndex>,
        branch: &str,
        others: &[GroupIndex],
    ) -> Step {
        let path = self.path(action, &indexes);
        self.emit(Fact::BranchChosen(fact::BranchChosen {
            at: self.now(),
            path,
            group: chosen.map(number),
            branch: branch.into(),
        }))?;
        for other in others {
            self.skip_group(*other, &indexes, Untaken::Branch)?;
        }
        if let Some(chosen) = chosen {
            self.work.push_back(Work::Open(chosen, indexes));
        }
        Ok(())
    }

    /// Fails a container before its body could start.
    fn fail_container(&mut self, action: ActionIndex, indexes: Indexes, ending: Ending) -> Step {
        let because = (ending.status, ending.code.clone());
        self.skip_children(action, &indexes, because.0, &because.1)?;
        self.end(action, indexes, ending)
    }

    fn begin_foreach(
        &mut self,
        action: ActionIndex,
        indexes: Indexes,
        items: &hookmill_expression::Compiled,
        concurrency: &hookmill_expression::Compiled,
    ) -> Step {
        let own = &self.plan.actions[action];
        let value = items
            .evaluate(&self.scope(action, &indexes, 0))
            .map_err(|(_, fault)| self.template_failure(action, &fault, "foreach"))
            .and_then(|value| self.fits(action, value));
        let value = match value {
            Ok(value) => value,
            Err(ending) => {
                self.started(action, &indexes, None)?;
                return self.fail_container(action, indexes, ending);
            }
        };
        let Some(count) = value.as_array().map(<[Value]>::len) else {
            let message = format!(
                "The execution of template action '{}' failed: the result of the evaluation of 'foreach' expression '{}' is of type '{}'. The result must be a valid array.",
                own.name,
                hookmill_expression::content::to_text(items.source()),
                kind_of(&value)
            );
            self.started(action, &indexes, None)?;
            return self.fail_container(action, indexes, Ending::failed("ExpressionEvaluationFailed", message));
        };
        let concurrency = match self.concurrency(action, &indexes, concurrency) {
            Ok(concurrency) => concurrency,
            Err(ending) => {
                self.started(action, &indexes, None)?;
                return self.fail_container(action, indexes, ending);
            }
        };
        self.started(action, &indexes, None)?;
        if count > self.plan.limits.foreach_items_max {
            let message =
                format!("The loop has {count} items; at most {} are allowed.", self.plan.limits.foreach_items_max);
            return self.fail_container(
                action,
                indexes,
                Ending::failed("WorkflowRunActionRepetitionQuotaExceeded", message),
            );
        }
        let path = self.path(action, &indexes);
        let at = self.now();
        let forgets = self.forgets(action);
        let count = number(count);
        self.emit(Fact::LoopStarted(fact::LoopStarted {
            at,
            path,
            items: Some(value),
            count,
            concurrency,
            until: None,
            forgets,
        }))?;
        self.work.push_back(Work::Advance(action, indexes));
        Ok(())
    }

    /// How many iterations of a loop may run at a time.
    fn concurrency(
        &self,
        action: ActionIndex,
        indexes: &[u32],
        part: &hookmill_expression::Compiled,
    ) -> Result<u32, Ending> {
        let value = part
            .evaluate(&self.scope(action, indexes, 0))
            .map_err(|(_, fault)| self.template_failure(action, &fault, "runtimeConfiguration"))?;
        let most = self.plan.limits.foreach_concurrency_max;
        let count = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        count.and_then(|count| u32::try_from(count).ok()).filter(|count| (1..=most).contains(count)).ok_or_else(|| {
            let message = format!(
                "The execution of template action '{}' failed: 'repetitions' is '{}'. It must be a number from 1 to {most}.",
                self.plan.actions[action].name,
                hookmill_expression::content::to_text(&value)
            );
            Ending::failed("ExpressionEvaluationFailed", message)
        })
    }

    fn begin_until(
        &mut self,
        action: ActionIndex,
        indexes: Indexes,
        count: Option<&hookmill_expression::Compiled>,
        timeout: Option<&hookmill_expression::Compiled>,
    ) -> Step {
        let read = |part: Option<&hookmill_expression::Compiled>| {
            part.map(|part| part.evaluate(&self.scope(action, &indexes, 0))).transpose()
        };
        let limits = read(count).and_then(|count| Ok((count, read(timeout)?)));
        let (count, timeout) = match limits {
            Ok(limits) => limits,
            Err((_, fault)) => {
                self.started(action, &indexes, None)?;
                let ending = self.template_failure(action, &fault, "limit");
                return self.fail_container(action, indexes, ending);
            }
        };
        self.started(action, &indexes, None)?;
        let most = i64::from(self.plan.limits.until_count_max);
        let count = count.map_or(Some(60), |count| {
            count.as_i64().or_else(|| count.as_str().and_then(|text| text.trim().parse().ok()))
        });
        let count = count.filter(|count| (1..=most).contains(count));
        let timeout =
            timeout.map_or_else(|| duration::parse("PT1H"), |timeout| timeout.as_str().and_then(duration::parse));
        let (Some(count), Some(timeout)) = (count, timeout) else {
            let message = format!("The limit of the loop needs a count from 1 to {most} and a timeout like PT1H.");
            return self.fail_container(action, indexes, Ending::failed("WorkflowRunActionUntilLimitInvalid", message));
        };
        let path = self.path(action, &indexes);
        let at = self.now();
        let until = Some(at.plus(timeout));
        let count = u32::try_from(count).unwrap_or(1);
        let forgets = self.forgets(action);
        self.emit(Fact::LoopStarted(fact::LoopStarted {
            at,
            path,
            items: None,
            count,
            concurrency: 1,
            until,
            forgets,
        }))?;
        self.work.push_back(Work::Advance(action, indexes));
        Ok(())
    }

    /// What each iteration of a loop leaves behind that nobody reads.
    fn forgets(&self, action: ActionIndex) -> Option<LoopBody> {
        if self.plan.actions[action].is_read_from_outside {
            return None;
        }
        let mut body = LoopBody::default();
        let mut open = self.plan.actions[action].kind.groups();
        while let Some(group) = open.pop() {
            body.groups.push(number(group));
            for child in &self.plan.groups[group].actions {
                body.actions.push(self.plan.actions[*child].name.clone());
                open.extend(self.plan.actions[*child].kind.groups());
            }
        }
        Some(body)
    }

    /// Begins iterations where there is room, or ends the loop.
    pub(super) fn advance(&mut self, action: ActionIndex, indexes: Indexes) -> Step {
        let path = self.path(action, &indexes);
        let Some(own) = self.state.loops.get(&path).filter(|own| can_advance(self.plan, &path, own)) else {
            return Ok(());
        };
        if self.state.stop.is_some() {
            return Ok(());
        }
        if let ActionKind::Until { condition, body, .. } = &self.plan.actions[action].kind {
            if own.next > 0
                && let Some(ending) = self.until_ending(action, &indexes, condition)
            {
                return self.end(action, indexes, ending);
            }
            if self.facts.len() < FACTS_MAX && !self.is_full() {
                self.iterate(action, indexes, *body)?;
            }
            return Ok(());
        }
        let ActionKind::Foreach { body, .. } = self.plan.actions[action].kind else { return Ok(()) };
        if own.next >= own.count {
            let ending = container_ending(own.any_failed);
            return self.end(action, indexes, ending);
        }
        let mut room = own.concurrency.saturating_sub(number(own.active.len())).min(own.count - own.next);
        while room > 0 && self.facts.len() < FACTS_MAX && !self.is_full() {
            self.iterate(action, indexes.clone(), body)?;
            room -= 1;
        }
        Ok(())
    }

    fn iterate(&mut self, action: ActionIndex, mut indexes: Indexes, body: GroupIndex) -> Step {
        let path = self.path(action, &indexes);
        let index = self.state.loops.get(&path).map_or(0, |own| own.next);
        self.emit(Fact::IterationStarted(fact::IterationStarted { at: self.now(), path, index }))?;
        indexes.push(index);
        self.work.push_back(Work::Open(body, indexes));
        Ok(())
    }

    /// How an Until ends after its last iteration; `None` where it goes on.
    fn until_ending(
        &self,
        action: ActionIndex,
        indexes: &[u32],
        condition: &hookmill_expression::Condition,
    ) -> Option<Ending> {
        let own = &self.plan.actions[action];
        let path = self.path(action, indexes);
        let state = self.state.loops.get(&path)?;
        let mut loops = own.loops.clone();
        loops.push(action);
        let mut inner = indexes.to_vec();
        inner.push(state.next - 1);
        let scope = ActionScope::new(self.plan, self.state, self.now(), &loops, &inner, (&own.name, state.next))
            .while_wanted(self.wanted);
        let is_done = match condition.evaluate(&scope) {
            Ok(is_done) => is_done,
            Err((_, fault)) => return Some(self.template_failure(action, &fault, "condition")),
        };
        let at_count = state.next >= state.count;
        let at_time = state.until.is_some_and(|until| self.now() >= until);
        if !is_done && (at_count || at_time) && own.options.fail_at_limits {
            let (code, limit) = if at_count { ("CountLimitReached", "count") } else { ("TimeLimitReached", "timeout") };
            let message =
                format!("The loop '{}' reached the limit of its {limit} before its condition held.", own.name);
            let mut ending = Ending::failed(code, message);
            ending.status = ActionStatus::TimedOut;
            return Some(ending);
        }
        (is_done || at_count || at_time).then(|| container_ending(state.last.is_some_and(is_bad)))
    }

    /// All actions of a group have ended.
    pub(super) fn group_ended(&mut self, group: GroupIndex, indexes: Indexes) -> Step {
        if self.state.stop.is_some() {
            return Ok(());
        }
        let failed = self.group_fails(group, &indexes);
        if group == ROOT {
            return self.end_run(failed);
        }
        let Some(owner) = self.plan.groups[group].owner else { return Ok(()) };
        let own = &self.plan.actions[owner];
        if !own.kind.is_loop() {
            if self.status_of(owner, &indexes).is_none_or(ActionStatus::is_final) {
                return Ok(());
            }
            return self.end(owner, indexes, container_ending(failed));
        }
        let mut outer = indexes;
        let Some(index) = outer.pop() else { return Ok(()) };
        let path = self.path(owner, &outer);
        if !self.state.loops.get(&path).is_some_and(|own| own.active.contains(&index)) {
            return Ok(());
        }
        let status = if failed { ActionStatus::Failed } else { ActionStatus::Succeeded };
        self.emit(Fact::IterationEnded(fact::IterationEnded {
            at: self.now(),
            path,
            index,
            group: number(group),
            status,
        }))?;
        self.work.push_back(Work::Advance(owner, outer));
        Ok(())
    }

    fn group_fails(&self, group: GroupIndex, indexes: &[u32]) -> bool {
        let leaves = &self.plan.groups[group].leaves;
        leaves.iter().any(|leaf| self.effective(*leaf, indexes).is_some())
    }

    /// The failure that an action stands for: its own, or behind a skip the one that caused it.
    fn effective(&self, leaf: ActionIndex, indexes: &[u32]) -> Option<ActionStatus> {
        let mut seen = std::collections::BTreeSet::new();
        let mut open = vec![leaf];
        let mut found: Option<ActionStatus> = None;
        while let Some(action) = open.pop() {
            if !seen.insert(action) {
                continue;
            }
            match self.status_of(action, indexes) {
                Some(ActionStatus::Skipped) => {
                    open.extend(self.plan.actions[action].run_after.iter().map(|(before, _)| *before));
                }
                Some(status) if is_bad(status) => found = Some(found.map_or(status, |known| known.min(status))),
                _ => {}
            }
        }
        found
    }

    pub(super) fn skip(&mut self, action: ActionIndex, indexes: Indexes, ending: Ending) -> Step {
        self.skip_children(action, &indexes, ActionStatus::Skipped, "ActionSkipped")?;
        self.end(action, indexes, ending)
    }

    /// Skips everything inside a container that does not run. What is inside of a loop has one record then, without
    /// an index for the loop: there is no iteration.
    fn skip_children(&mut self, action: ActionIndex, indexes: &[u32], status: ActionStatus, code: &str) -> Step {
        for group in self.plan.actions[action].kind.groups() {
            self.skip_group(group, indexes, Untaken::Container(action, status, code.into()))?;
        }
        Ok(())
    }

    fn skip_group(&mut self, group: GroupIndex, indexes: &[u32], why: Untaken) -> Step {
        let plan = self.plan;
        for action in &plan.groups[group].actions {
            let own = &plan.actions[*action];
            let ending = match (own.run_after.first(), &why) {
                (Some((before, accepted)), _) => {
                    let listed: Vec<&str> = accepted.iter().map(|status| status.as_str()).collect();
                    let message = format!(
                        "The execution of template action '{}' is skipped: the 'runAfter' condition for action '{}' is not satisfied. Expected status values '{}' and actual value 'Skipped'.",
                        own.name,
                        plan.actions[*before].name,
                        listed.join(", ")
                    );
                    Ending::skipped("ActionConditionFailed", message)
                }
                (None, Untaken::Branch) => {
                    let message = format!(
                        "The execution of template action '{}' skipped: the branching condition for this action is not satisfied.",
                        own.name
                    );
                    Ending::skipped("ActionBranchingConditionNotSatisfied", message)
                }
                (None, Untaken::Container(container, status, code)) => {
                    let message = format!(
                        "The execution of template action '{}' is skipped: dependant action '{}' completed with status '{status}' and code '{code}'.",
                        own.name, plan.actions[*container].name
                    );
                    Ending::skipped("ActionDependencyFailed", message)
                }
            };
            self.skip_children(*action, indexes, ActionStatus::Skipped, "ActionSkipped")?;
            self.record_skip(*action, indexes, ending)?;
        }
        Ok(())
    }

    /// Notes a skip without looking at what follows: the whole group is skipped.
    pub(super) fn record_skip(&mut self, action: ActionIndex, indexes: &[u32], ending: Ending) -> Step {
        let own = &self.plan.actions[action];
        self.emit(Fact::ActionEnded(fact::ActionEnded {
            at: self.now(),
            path: self.path(action, indexes),
            group: number(own.group),
            status: ending.status,
            code: ending.code,
            outputs: None,
            error: ending.error,
            tracked: None,
        }))
    }

    fn end_run(&mut self, failed: bool) -> Step {
        let (status, code, error) = if failed {
            (RunStatus::Failed, "ActionFailed", Some(action_failed()))
        } else {
            (RunStatus::Succeeded, "NotSpecified", None)
        };
        self.finish(status, code.into(), error)
    }
}

/// Why a group does not run.
#[derive(Clone)]
enum Untaken {
    Branch,
    Container(ActionIndex, ActionStatus, hookmill_model::Str),
}

/// The error of a run or a container in which an action failed.
pub(super) fn action_failed() -> ActionError {
    ActionError::new("ActionFailed", "An action failed. No dependent actions succeeded.")
}

fn container_ending(failed: bool) -> Ending {
    if failed {
        let ActionError { code, message } = action_failed();
        return Ending::failed(&code, message);
    }
    Ending::done("NotSpecified", None)
}

/// Texts by case, numbers by value, and nothing across.
fn same_case(case: &Value, value: &Value) -> bool {
    match (case, value) {
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Integer(a), Value::Integer(b)) => a == b,
        _ => false,
    }
}
