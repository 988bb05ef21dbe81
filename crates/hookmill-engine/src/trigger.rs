//! What a fired trigger starts: one run, one per element, or none.
//!
//! Whoever asks says with `wanted` for how long: once it says no, expressions end where they are, and what is given then
//! is no result.

use hookmill_definition::Plan;
use hookmill_definition::plan::{Trigger, TriggerKind};
use hookmill_expression::{Compiled, content, date_text};
use hookmill_model::{Object, Str, Timestamp, Value};

use crate::command::{ActionRequest, ConnectorRequest, HttpRequest, OperationRequest};
use crate::decide::{Ending, http_request, operation_request};
use crate::fact::ActionError;
use crate::scope::ActionScope;
use crate::state::RunState;

/// What came, and what the trigger's expressions may know.
#[derive(Clone, Debug)]
pub struct Event {
    /// `triggerOutputs()`: `headers`, `body`, `queries`, `relativePathParameters`.
    pub outputs: Value,
    /// Values of parameters: name → value.
    pub parameters: Value,
    /// What `workflow()` gives.
    pub workflow: Value,
    /// The name under which all runs of this event are found.
    pub origin: Str,
    /// Begins the random numbers of the trigger's expressions.
    pub seed: u64,
    /// The time.
    pub now: Timestamp,
}

/// What follows from an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Firing {
    /// These runs start, each with the record of its trigger.
    Runs(Vec<Value>),
    /// No run starts, and nothing is wrong.
    Skipped(ActionError),
    /// No run starts, since the trigger failed.
    Failed(ActionError),
    /// The body is not what the trigger asks for; the caller's mistake.
    Refused(ActionError),
}

/// The items of an event, each of which may start a run.
#[derive(Clone, Debug)]
pub struct Items {
    elements: Value,
    /// What came, with the whole body.
    outputs: Value,
}

impl Items {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.elements.as_array().map_or(0, <[Value]>::len)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of the trigger for one item, from 0; `None` where a condition is not met, or there is no such item.
    ///
    /// # Errors
    /// A condition cannot be evaluated.
    pub fn record(
        &self,
        plan: &Plan,
        trigger: &Trigger,
        event: &Event,
        index: usize,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Value>, ActionError> {
        let Some(element) = self.elements.as_array().and_then(|elements| elements.get(index)) else { return Ok(None) };
        let mut members = self.outputs.as_object().cloned().unwrap_or_default();
        members.insert("body", element.clone());
        admit(plan, trigger, event, members.into(), index + 1, wanted)
    }

    /// Why an event starts no run none of whose items does.
    #[must_use]
    pub fn none_fits(trigger: &Trigger) -> ActionError {
        let message = format!("The event has no item for which the trigger '{}' starts a run.", trigger.name);
        ActionError::new("TriggerConditionNotMet", message)
    }
}

/// What follows from an event whose items are not looked at yet.
#[derive(Clone, Debug)]
pub enum Split {
    /// The trigger does not split its events, or starts nothing.
    Whole(Firing),
    /// Each item may start a run.
    Items(Items),
}

/// Decides what an event starts: the schema, then `splitOn`, then the conditions.
#[must_use]
pub fn fire(plan: &Plan, trigger: &Trigger, event: &Event, wanted: &dyn Fn() -> bool) -> Firing {
    let items = match split(plan, trigger, event, wanted) {
        Split::Whole(firing) => return firing,
        Split::Items(items) => items,
    };
    let mut records = Vec::with_capacity(items.len());
    // An item whose conditions cannot be evaluated starts no run; the others do.
    let mut fault = None;
    for index in 0..items.len() {
        match items.record(plan, trigger, event, index, wanted) {
            Ok(record) => records.extend(record),
            Err(error) => fault = fault.or(Some(error)),
        }
        if !wanted() {
            break;
        }
    }
    match (records.is_empty(), fault) {
        (false, _) => Firing::Runs(records),
        (true, Some(error)) => Firing::Failed(error),
        (true, None) => Firing::Skipped(Items::none_fits(trigger)),
    }
}

/// As [`fire`], but leaves the items of an event that is split to be looked at one by one.
#[must_use]
pub fn split(plan: &Plan, trigger: &Trigger, event: &Event, wanted: &dyn Fn() -> bool) -> Split {
    match split_or_end(plan, trigger, event, wanted) {
        Ok(items) => Split::Items(items),
        Err(firing) => Split::Whole(firing),
    }
}

fn split_or_end(plan: &Plan, trigger: &Trigger, event: &Event, wanted: &dyn Fn() -> bool) -> Result<Items, Firing> {
    let outputs =
        if trigger.keep_authorization { event.outputs.clone() } else { without_authorization(&event.outputs) };
    if let Some(error) = violation(trigger, outputs.get("body").unwrap_or(&Value::Null)) {
        return Err(Firing::Refused(error));
    }
    let Some(split_on) = &trigger.split_on else {
        return Err(match admit(plan, trigger, event, outputs, 0, wanted) {
            Ok(Some(record)) => Firing::Runs(vec![record]),
            Ok(None) => Firing::Skipped(not_met(trigger)),
            Err(error) => Firing::Failed(error),
        });
    };
    let state = state_of(trigger, event, &outputs);
    let scope = ActionScope::new(plan, &state, event.now, &[], &[], (&trigger.name, 0)).while_wanted(wanted);
    let split = split_on.evaluate(&scope);
    let elements = match split {
        Ok(Value::Array(elements)) => elements,
        Ok(other) => {
            let message = format!(
                "The template language expression '{}' of 'splitOn' in the trigger '{}' must give an array; it gives a value of the type '{}'.",
                content::to_text(split_on.source()),
                trigger.name,
                other.type_name()
            );
            return Err(Firing::Failed(ActionError::new("InvalidTemplate", message)));
        }
        Err((_, fault)) => return Err(Firing::Failed(failure(trigger, &fault))),
    };
    let most =
        if trigger.concurrency.is_some() { plan.limits.split_items_limited_max } else { plan.limits.split_items_max };
    if elements.len() > most {
        let message = format!("The event has {} items; at most {most} are split.", elements.len());
        return Err(Firing::Failed(ActionError::new("SplitOnItemsExceeded", message)));
    }
    Ok(Items { elements: Value::Array(elements), outputs })
}

/// What is wrong with a body, for a trigger that wants its bodies checked.
#[must_use]
pub fn violation(trigger: &Trigger, body: &Value) -> Option<ActionError> {
    let schema = trigger.schema.as_ref().filter(|_| trigger.validate_schema)?;
    let violation = schema.violations(body).into_iter().next()?;
    let message =
        format!("The input body for trigger '{}' does not match its schema: {}", trigger.name, violation.message);
    Some(ActionError::new("TriggerInputSchemaMismatch", message))
}

fn without_authorization(outputs: &Value) -> Value {
    let Some(headers) = outputs.get("headers").and_then(Value::as_object) else { return outputs.clone() };
    if !headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
        return outputs.clone();
    }
    let kept: Object = headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut members = outputs.as_object().cloned().unwrap_or_default();
    members.insert("headers", kept);
    members.into()
}

fn state_of(trigger: &Trigger, event: &Event, outputs: &Value) -> RunState {
    RunState {
        seed: event.seed,
        trigger: record(trigger, event, outputs.clone(), None),
        parameters: event.parameters.as_object().cloned().unwrap_or_default(),
        workflow: event.workflow.clone(),
        ..RunState::default()
    }
}

fn record(trigger: &Trigger, event: &Event, outputs: Value, tracking_id: Option<Str>) -> Value {
    let mut members = Object::with_capacity(8);
    members.insert("name", trigger.name.clone());
    members.insert("outputs", outputs);
    members.insert("startTime", date_text(event.now));
    members.insert("endTime", date_text(event.now));
    members.insert("originHistoryName", event.origin.clone());
    if let Some(tracking_id) = tracking_id {
        members.insert("clientTrackingId", tracking_id);
    }
    members.insert("status", "Succeeded");
    members.into()
}

fn failure(trigger: &Trigger, fault: &hookmill_expression::Error) -> ActionError {
    let message = format!(
        "Unable to process template language expressions for trigger '{}' at line '{}' and column '{}': '{}'.",
        trigger.name, fault.position.line, fault.position.column, fault.message
    );
    ActionError::new("InvalidTemplate", message)
}

/// Whether the conditions of the trigger let an event that was split already start a run.
///
/// # Errors
/// Why not: a condition is not met or cannot be evaluated.
pub fn admits(plan: &Plan, trigger: &Trigger, event: &Event, wanted: &dyn Fn() -> bool) -> Result<(), ActionError> {
    match admit(plan, trigger, event, event.outputs.clone(), 0, wanted)? {
        Some(_) => Ok(()),
        None => Err(not_met(trigger)),
    }
}

/// What the inputs of a trigger may know; they are evaluated outside of any run.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Values of parameters: name → value.
    pub parameters: Value,
    /// What `workflow()` gives.
    pub workflow: Value,
    /// What `listCallbackUrl()` gives.
    pub callback_url: Option<Str>,
    /// What `trigger()` and `action()` give as outputs: the reply to the subscription, or the previous poll.
    pub outputs: Option<Value>,
    /// Begins the random numbers.
    pub seed: u64,
    /// The time.
    pub now: Timestamp,
}

/// Evaluates a part of a trigger's inputs.
///
/// # Errors
/// Code and message of the definition language.
pub fn evaluate(
    plan: &Plan,
    trigger: &Trigger,
    part: &Compiled,
    surroundings: &Surroundings,
    wanted: &dyn Fn() -> bool,
) -> Result<Value, ActionError> {
    let now = surroundings.now;
    let mut members = Object::with_capacity(3);
    members.insert("name", trigger.name.clone());
    members.insert("startTime", date_text(now));
    if let Some(outputs) = &surroundings.outputs {
        members.insert("outputs", outputs.clone());
    }
    let record = Value::from(members);
    let state = RunState {
        seed: surroundings.seed,
        trigger: record.clone(),
        parameters: surroundings.parameters.as_object().cloned().unwrap_or_default(),
        workflow: surroundings.workflow.clone(),
        ..RunState::default()
    };
    let mut scope = ActionScope::new(plan, &state, now, &[], &[], (&trigger.name, 0)).while_wanted(wanted);
    scope.callback_url.clone_from(&surroundings.callback_url);
    scope.current = Some(record);
    part.evaluate(&scope).map_err(|(_, fault)| failure(trigger, &fault))
}

/// The request of a trigger that polls, or that subscribes by a request of its own.
///
/// # Errors
/// Its inputs cannot be evaluated, or make no request.
pub fn request(
    plan: &Plan,
    trigger: &Trigger,
    surroundings: &Surroundings,
    wanted: &dyn Fn() -> bool,
) -> Result<ActionRequest, ActionError> {
    let timeout = plan.limits.request_duration_max;
    let http = |part: &Compiled| {
        let inputs = evaluate(plan, trigger, part, surroundings, wanted)?;
        http_request(&inputs, timeout).map(ActionRequest::Http).map_err(Ending::into_error)
    };
    match &trigger.kind {
        TriggerKind::HttpPolling(call) => http(&call.request),
        TriggerKind::HttpWebhook { subscribe, .. } => http(subscribe),
        TriggerKind::ConnectorPolling(call) | TriggerKind::ConnectorWebhook(call) => {
            let inputs = evaluate(plan, trigger, call.operation.inputs(), surroundings, wanted)?;
            let subscribes = matches!(trigger.kind, TriggerKind::ConnectorWebhook(_));
            Ok(ActionRequest::Connector(ConnectorRequest {
                connection: call.connection.clone(),
                api: call.api.clone(),
                operation: operation_request(&call.operation, inputs, subscribes).1,
                callback_url: surroundings.callback_url.clone().filter(|_| subscribes),
                timeout,
            }))
        }
        _ => Err(ActionError::new("BadRequest", format!("The trigger '{}' asks nothing of a service.", trigger.name))),
    }
}

/// The request that ends what [`request`] of an `HttpWebhook` trigger subscribed; `None` where the definition has none.
///
/// # Errors
/// Its inputs cannot be evaluated, or make no request.
pub fn unsubscription(
    plan: &Plan,
    trigger: &Trigger,
    surroundings: &Surroundings,
    wanted: &dyn Fn() -> bool,
) -> Result<Option<ActionRequest>, ActionError> {
    let TriggerKind::HttpWebhook { unsubscribe: Some(unsubscribe), .. } = &trigger.kind else { return Ok(None) };
    let inputs = evaluate(plan, trigger, unsubscribe, surroundings, wanted)?;
    let request = http_request(&inputs, plan.limits.request_duration_max).map_err(Ending::into_error)?;
    Ok(Some(ActionRequest::Http(request)))
}

/// The same request to the address that the service named for the next poll. Credentials stay at their origin.
#[must_use]
pub fn follow(request: ActionRequest, uri: Str) -> ActionRequest {
    match request {
        ActionRequest::Http(first) => {
            let is_home = is_same_origin(&first.uri, &uri);
            ActionRequest::Http(HttpRequest {
                method: "GET".into(),
                uri,
                headers: Object::new(),
                cookie: first.cookie.filter(|_| is_home),
                body: Value::Null,
                authentication: if is_home { first.authentication } else { Value::Null },
                timeout: first.timeout,
                chunks: first.chunks,
            })
        }
        ActionRequest::Connector(first) => {
            let operation = OperationRequest::Follow { method: "GET".into(), uri };
            ActionRequest::Connector(ConnectorRequest { operation, callback_url: None, ..first })
        }
        other => other,
    }
}

pub(crate) fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |text: &str| url::Url::parse(text).ok().map(|url| url.origin());
    origin(one).is_some_and(|own| origin(other) == Some(own))
}

fn not_met(trigger: &Trigger) -> ActionError {
    let message = format!("A condition of the trigger '{}' is not met.", trigger.name);
    ActionError::new("TriggerConditionNotMet", message)
}

/// The record of a run that starts; `None` where a condition is false.
fn admit(
    plan: &Plan,
    trigger: &Trigger,
    event: &Event,
    outputs: Value,
    salt: usize,
    wanted: &dyn Fn() -> bool,
) -> Result<Option<Value>, ActionError> {
    let state = state_of(trigger, event, &outputs);
    let salt = u32::try_from(salt).unwrap_or(u32::MAX);
    let scope = ActionScope::new(plan, &state, event.now, &[], &[], (&trigger.name, salt)).while_wanted(wanted);
    for condition in &trigger.conditions {
        if !condition.evaluate(&scope).map_err(|(_, fault)| failure(trigger, &fault))? {
            return Ok(None);
        }
    }
    let given = trigger.tracking_id.as_ref().map(|id| id.evaluate(&scope)).transpose();
    let given = given.map_err(|(_, fault)| failure(trigger, &fault))?.map(|id| content::to_text(&id));
    if given.as_ref().is_some_and(|id| id.is_empty() || id.chars().count() > 128) {
        let message = "The client tracking id must have 1 to 128 characters.";
        return Err(ActionError::new("InvalidClientTrackingId", message));
    }
    let header = outputs.get("headers").and_then(Value::as_object);
    let header = header.and_then(|headers| hookmill_expression::member(headers, "x-ms-client-tracking-id"));
    let tracking_id = given.or_else(|| header.map(content::to_text));
    Ok(Some(record(trigger, event, outputs, tracking_id)))
}
