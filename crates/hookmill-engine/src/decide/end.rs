//! How runs end: by their last action, by Terminate, by a person, by time. And the answer to the caller.

use hookmill_definition::plan::{ActionIndex, ActionKind, GroupIndex, ROOT};
use hookmill_expression::{Compiled, content};
use hookmill_model::{ActionStatus, Object, RunStatus, Str, Value};

use super::control::action_failed;
use super::{Decision, Ending, Step};
use crate::answer;
use crate::fact::{self, ActionError, Fact};
use crate::scope::ActionScope;
use crate::state::Indexes;

impl Decision<'_> {
    pub(super) fn terminate(&mut self, action: ActionIndex, indexes: Indexes, inputs: &Compiled) -> Step {
        let evaluated = match self.evaluate(action, &indexes, inputs) {
            Ok(evaluated) => evaluated,
            Err(ending) => {
                self.started(action, &indexes, None)?;
                return self.end(action, indexes, ending);
            }
        };
        self.started(action, &indexes, Some(evaluated.clone()))?;
        let status = match evaluated
            .get("runStatus")
            .and_then(Value::as_str)
            .unwrap_or("Failed")
            .to_ascii_lowercase()
            .as_str()
        {
            "succeeded" => RunStatus::Succeeded,
            "cancelled" => RunStatus::Cancelled,
            _ => RunStatus::Failed,
        };
        let error = evaluated.get("runError").filter(|error| !error.is_null() && status == RunStatus::Failed);
        let error = error.map(|error| ActionError {
            code: content::to_text(error.get("code").unwrap_or(&Value::Null)),
            message: content::to_text(error.get("message").unwrap_or(&Value::Null)),
        });
        let error = error.or_else(|| (status == RunStatus::Failed).then(action_failed));
        let code = error.as_ref().map_or_else(|| Str::from("Terminated"), |error| error.code.clone());
        self.end(action, indexes, Ending::done("NotSpecified", None))?;
        self.stop(status, &code, error, Some("Terminated"))
    }

    /// Stops everything. With `skip_code` actions that have not begun get a skip record of that code.
    pub(super) fn stop(
        &mut self,
        status: RunStatus,
        code: &str,
        error: Option<ActionError>,
        skip_code: Option<&str>,
    ) -> Step {
        self.emit(Fact::RunStopped(fact::RunStopped {
            at: self.now(),
            status,
            code: code.into(),
            error: error.clone(),
        }))?;
        let open_code: Str =
            skip_code.unwrap_or(if status == RunStatus::TimedOut { code } else { "ActionCancelled" }).into();
        self.stop_group(ROOT, &[], &open_code, skip_code.is_some())?;
        self.finish(status, code.into(), error)
    }

    fn stop_group(&mut self, group: GroupIndex, indexes: &[u32], code: &Str, records_skips: bool) -> Step {
        let plan = self.plan;
        for action in &plan.groups[group].actions {
            match self.status_of(*action, indexes) {
                Some(status) if status.is_final() => {}
                Some(_) => self.stop_action(*action, indexes, code, records_skips)?,
                None if records_skips => self.skip_stopped(*action, indexes, code)?,
                None => {}
            }
        }
        Ok(())
    }

    fn stop_action(&mut self, action: ActionIndex, indexes: &[u32], code: &Str, records_skips: bool) -> Step {
        let plan = self.plan;
        let kind = &plan.actions[action].kind;
        if kind.is_loop() {
            let path = self.path(action, indexes);
            let active: Vec<u32> =
                self.state.loops.get(&path).map(|own| own.active.iter().copied().collect()).unwrap_or_default();
            for index in active {
                let mut inner = indexes.to_vec();
                inner.push(index);
                for group in kind.groups() {
                    self.stop_group(group, &inner, code, records_skips)?;
                }
            }
        } else {
            for group in kind.groups() {
                self.stop_group(group, indexes, code, records_skips)?;
            }
        }
        self.end(action, indexes.to_vec(), Ending::terminated(ActionStatus::Cancelled, code))
    }

    fn skip_stopped(&mut self, action: ActionIndex, indexes: &[u32], code: &Str) -> Step {
        let plan = self.plan;
        for group in plan.actions[action].kind.groups() {
            for child in &plan.groups[group].actions {
                self.skip_stopped(*child, indexes, code)?;
            }
        }
        self.record_skip(action, indexes, Ending::terminated(ActionStatus::Skipped, code))
    }

    /// Ends the run, once nothing is open any more: the ends of subscriptions are waited for.
    pub(super) fn finish(&mut self, status: RunStatus, code: Str, error: Option<ActionError>) -> Step {
        if self.state.stop.is_none() && !self.state.open.is_empty() {
            return self.emit(Fact::RunStopped(fact::RunStopped { at: self.now(), status, code, error }));
        }
        if !self.state.open.is_empty() {
            return Ok(());
        }
        let (outputs, error) = self.outputs(error);
        self.emit(Fact::RunEnded(fact::RunEnded { at: self.now(), status, code, error, outputs }))
    }

    /// Goes on ending a run that waited for its last requests.
    pub(super) fn finish_stopped(&mut self) -> Step {
        let Some(stop) = self.state.stop.clone() else { return Ok(()) };
        self.finish(stop.status, stop.code, stop.error)
    }

    /// The definition's outputs. A failure becomes the run's error, and undoes nothing.
    fn outputs(&self, error: Option<ActionError>) -> (Option<Value>, Option<ActionError>) {
        if self.plan.outputs.is_empty() {
            return (None, error);
        }
        let scope =
            ActionScope::new(self.plan, self.state, self.now(), &[], &[], ("outputs", 0)).while_wanted(self.wanted);
        let mut members = Object::new();
        for (name, value) in &self.plan.outputs {
            match value.evaluate(&scope) {
                Ok(value) => {
                    members.insert(name.clone(), Value::object([("value", value)]));
                }
                Err((_, fault)) => {
                    if fault.is_of_memory {
                        self.note_shortage();
                    }
                    let message = format!("The output '{name}' cannot be evaluated: {}", fault.message);
                    let fault = ActionError::new("OutputParameterEvaluationFailed", message);
                    return (Some(members.into()), error.or(Some(fault)));
                }
            }
        }
        (Some(members.into()), error)
    }

    pub(super) fn respond(&mut self, action: ActionIndex, indexes: Indexes, inputs: &Compiled) -> Step {
        let evaluated = match self.evaluate(action, &indexes, inputs) {
            Ok(evaluated) => evaluated,
            Err(ending) => {
                self.started(action, &indexes, None)?;
                return self.end(action, indexes, ending);
            }
        };
        self.started(action, &indexes, Some(evaluated.clone()))?;
        if self.state.response.is_some() {
            let message = "The caller has been answered by another Response action.";
            return self.end(action, indexes, Ending::failed("ActionResponseAlreadyDefined", message));
        }
        let status = match evaluated.get("statusCode") {
            None | Some(Value::Null) => Some(200),
            Some(status) => status.as_i64().or_else(|| status.as_str().and_then(|text| text.trim().parse().ok())),
        };
        let status = status
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| matches!(status, 200..=299 | 400..=599));
        let Some(status) = status else {
            let message = "The status of a Response is one of 2xx, 4xx and 5xx.";
            return self.end(
                action,
                indexes,
                Ending::failed("WorkflowRunActionResponseStatusCodeNotSupported", message),
            );
        };
        if !self.state.caller_waits {
            let message = "Nobody waits for the response.";
            return self.end(action, indexes, Ending::skipped("ActionResponseSkipped", message));
        }
        let is_asked_for_later = self.plan.actions[action].options.asynchronous_response;
        if !is_asked_for_later && self.state.caller_until.is_some_and(|until| self.now() > until) {
            let message = "The caller has stopped waiting for the response.";
            return self.end(action, indexes, Ending::failed("ActionResponseTimedOut", message));
        }
        let headers = match answer::headers(evaluated.get("headers")) {
            Ok(headers) => headers,
            Err(why) => return self.end(action, indexes, Ending::failed("BadRequest", why)),
        };
        let body = evaluated.get("body").cloned();
        let mut outputs = Object::new();
        outputs.insert("statusCode", Value::Integer(status.into()));
        if !headers.is_empty() {
            outputs.insert("headers", headers.clone());
        }
        if let Some(body) = &body {
            outputs.insert("body", body.clone());
        }
        self.emit(Fact::Responded(fact::Responded { at: self.now(), status, headers: headers.into(), body }))?;
        self.end(action, indexes, Ending::done("OK", Some(outputs.into())))
    }

    /// Whether the kind of an action is one that subscribes.
    pub(super) fn subscribes(&self, action: ActionIndex) -> bool {
        matches!(self.plan.actions[action].kind, ActionKind::HttpWebhook { .. } | ActionKind::ConnectorWebhook(_))
    }
}
