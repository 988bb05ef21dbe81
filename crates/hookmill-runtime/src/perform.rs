//! What a command needs before it can be performed: a connection, a connector's plan, the inbox, another flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookmill_connector::{Call as PlannedCall, Lookup, Plan, PlanError, WrittenRequest};
use hookmill_engine::{
    ActionRequest, ConnectorRequest, DEPTH_HEADER, EffectId, OperationRequest, Outcome, Performed, TRACE_HEADER,
    TRACE_STATE_HEADER, Trace,
};
use hookmill_executor::{APPROVALS_API, CallContext, is_local};
use hookmill_expression::content;
use hookmill_model::{
    ConnectionId, ConnectorId, FlowId, FlowState, Id, NotificationId, Object, RunId, Str, Timestamp, UserId, Value,
};
use hookmill_store::{Flow, FlowFilter, Link, List, NotificationFilter, StoreError, Unit};
use tokio::sync::oneshot;

use crate::beginning::Origin;
use crate::guard::caught;
use crate::loops::Refused;
use crate::order::{ChildBegun, ChildOrder, Order};
use crate::plans::{Bound, Version};
use crate::tokens::not_made;
use crate::{Answer, Error, Runtime, locked};

/// One request of a run, with what its performance depends on.
pub(crate) struct Call {
    pub flow: Arc<Flow>,
    pub version: Arc<Version>,
    pub effect: EffectId,
    /// When it was decided.
    pub begun_at: Timestamp,
    /// It may have been performed before.
    pub again: bool,
    /// The same for all tries of a request.
    pub idempotency_key: String,
    /// How many runs called each other to begin this one.
    pub depth: u32,
    /// The trace that the run belongs to.
    pub trace: Option<Trace>,
    /// What the run keeps is sealed.
    pub is_secret: bool,
    /// Set once the child flow that it calls is stored as a run.
    pub child_has_begun: Arc<AtomicBool>,
}

/// Somebody waits for the answer of a child flow. The run may leave the memory meanwhile, which drops this; should the
/// answer be on its way at that moment, the run is woken to ask for it.
struct ChildWait<'a> {
    runtime: &'a Runtime,
    child: RunId,
    parent: RunId,
    is_over: bool,
}

impl Drop for ChildWait<'_> {
    fn drop(&mut self) {
        let is_answered = locked(&self.runtime.0.waiters).remove(&self.child).is_none();
        if is_answered && !self.is_over {
            self.runtime.wake_parent(self.parent, self.child);
        }
    }
}

/// A call that a person made, with what came of it.
#[derive(Clone, Debug)]
pub struct CallView {
    /// `{method, uri, headers, body}`, secrets redacted.
    pub request: Value,
    /// The HTTP status; `None` without an answer.
    pub status: Option<u16>,
    /// The answer's headers.
    pub headers: Object,
    /// The answer's body.
    pub body: Value,
    /// Why there is no answer.
    pub error: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// No answer, and another attempt would be the same.
pub(crate) fn refused(code: &str, message: impl Into<Str>) -> Performed {
    let outcome = Outcome::NoReply { code: code.into(), message: message.into(), maybe_sent: false, retryable: false };
    Performed { outcome, request: Value::Null }
}

/// No answer for a reason that may pass; the same idempotency key is used again.
pub(crate) fn failed(code: &str, error: &Error) -> Performed {
    let (code, message) = (code.into(), error.to_string().into());
    let outcome = Outcome::NoReply { code, message, maybe_sent: true, retryable: true };
    Performed { outcome, request: Value::Null }
}

fn child_answered(answer: Answer) -> Performed {
    match answer {
        Answer::Response(response) => {
            let headers = response.headers.as_object().cloned().unwrap_or_default();
            let outcome = Outcome::Replied { status: response.status, headers, body: response.body };
            Performed { outcome, request: Value::Null }
        }
        Answer::NoResponse | Answer::NotBegun => refused("NoResponse", "The child flow ended without a response."),
    }
}

fn replied(status: u16, body: Value) -> Performed {
    Performed { outcome: Outcome::Replied { status, headers: Object::new(), body: Some(body) }, request: Value::Null }
}

/// The headers for a child flow: its run belongs to the trace of its parent, unless the maker says otherwise.
fn traced(headers: &Value, call: &Call) -> Value {
    let mut own = headers.as_object().cloned().unwrap_or_default();
    if let Some(trace) = &call.trace
        && hookmill_expression::member(&own, TRACE_HEADER).is_none()
    {
        own.insert(TRACE_HEADER, trace.header(&call.effect));
        if let Some(state) = trace.state() {
            own.insert(TRACE_STATE_HEADER, state);
        }
    }
    own.into()
}

/// HTML without its tags.
fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => inside = false,
            other if !inside => text.push(other),
            _ => {}
        }
    }
    text
}

/// The request of a call through a connection.
fn planned(bound: &Bound, call: &ConnectorRequest, lookups: &[Lookup], poll: Option<&Object>) -> Result<Plan, Error> {
    let wrong = |error: PlanError| Error::Inputs(error.to_string());
    let around = PlannedCall {
        callback_url: call.callback_url.as_deref(),
        credentials: bound.credentials.as_ref(),
        lookups,
        poll,
        ..PlannedCall::default()
    };
    match &call.operation {
        OperationRequest::ById { operation_id, parameters } => {
            let operation = bound.connector.operation(operation_id).ok_or_else(|| {
                Error::Inputs(format!("The connector '{}' has no operation '{operation_id}'.", bound.connector.name))
            })?;
            let call = PlannedCall { parameters: Some(parameters), ..around };
            bound.connector.plan_request(operation, &call).map_err(wrong)
        }
        OperationRequest::ByPath { method, path, queries, headers, body } => bound
            .connector
            .plan_by_path(&WrittenRequest { method, path, queries, headers, body }, &around)
            .map_err(wrong),
        OperationRequest::Follow { method, uri } => {
            bound.connector.plan_follow(method, uri, &around).map(Plan::Request).map_err(wrong)
        }
    }
}

impl Runtime {
    /// Performs one request of a run. Whatever goes wrong is part of the result, a bug too.
    pub(crate) async fn perform(&self, call: &Call, request: &ActionRequest) -> Performed {
        let performed = async {
            match request {
                ActionRequest::ChildFlow { flow, headers, body } => self.child(call, flow, headers, body).await,
                ActionRequest::Connector(local) if is_local(request) => match local.api.as_deref() {
                    Some(APPROVALS_API) => self.approval(call, local).await,
                    _ => self.notification(call, local).await,
                },
                other => {
                    let id = call.flow.id.to_string();
                    let plan = &call.version.plan;
                    let action = plan.find(&call.effect.path.action).map(|action| &plan.actions[action]);
                    let context = CallContext {
                        flow: Some(&id),
                        workflow_headers: action.is_none_or(|action| !action.options.no_workflow_headers),
                        secrets: &call.version.secrets,
                        idempotency_key: Some(&call.idempotency_key),
                        depth: call.depth,
                        trace: call.trace.as_ref(),
                        public_url: &self.0.config.public_url,
                        ..CallContext::of(&call.effect)
                    };
                    self.perform_request(&call.flow, other, &context).await
                }
            }
        };
        caught(performed).await.unwrap_or_else(|why| {
            tracing::error!(effect = %call.effect, why, "a request broke off");
            refused("InternalServerError", why)
        })
    }

    /// Sends one request of a flow: of an action, or of its trigger.
    pub(crate) async fn perform_request(
        &self,
        flow: &Flow,
        request: &ActionRequest,
        context: &CallContext<'_>,
    ) -> Performed {
        match request {
            ActionRequest::Connector(call) => {
                match self.bound_key(flow.owner, &flow.bindings, &call.connection).await {
                    Ok(bound) => {
                        let plan = |bound: &Bound, lookups: &[Lookup]| planned(bound, call, lookups, context.poll);
                        let sent = self.send_through(&bound, call.timeout, context, plan).await;
                        sent.unwrap_or_else(|error| not_made(&error))
                    }
                    Err(error) => not_made(&error),
                }
            }
            other => match self.0.executor.perform(other, context).await {
                Ok(performed) => performed,
                Err(error) => refused("InternalServerError", error.to_string()),
            },
        }
    }

    /// *Push notification*: the random part of the inbox entry's identifier is made from the effect, so that an entry
    /// which was made before is found.
    async fn notification(&self, own: &Call, call: &ConnectorRequest) -> Performed {
        let Call { flow, effect, again, .. } = own;
        let OperationRequest::ById { operation_id, parameters } = &call.operation else {
            return refused("BadRequest", "The connector Notifications is called by operation.");
        };
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| parameters.pointer(&format!("/{}", name.replace('/', "~1"))));
            found.filter(|value| !value.is_null()).map(|value| content::to_text(value).to_string()).unwrap_or_default()
        };
        if operation_id.to_ascii_lowercase().starts_with("sendemailnotification") {
            let part = |name: &str| text(&[&format!("NotificationEmailDefinition/{name}"), name]);
            return self.mail(own, &part).await;
        }
        if !operation_id.eq_ignore_ascii_case("SendNotification") {
            let message = format!("The connector Notifications has no operation '{operation_id}'.");
            return refused("ApiOperationNotFound", message);
        }
        let shown = text(&["NotificationDefinition/notificationText", "notificationText", "text"]);
        if shown.trim().is_empty() {
            return refused("BadRequest", "The notification has no text.");
        }
        let uri = text(&["NotificationDefinition/notificationLink/uri"]);
        let link =
            (!uri.is_empty()).then(|| Link { uri, label: text(&["NotificationDefinition/notificationLink/label"]) });
        let id = <NotificationId as Id>::make(self.now(), self.mark("notification", effect));
        let known = if *again { self.entry_like(flow.owner, id, effect.run.made_at()).await } else { Ok(None) };
        let sent = match known {
            Ok(Some(known)) => return replied(200, Value::object([("notificationId", known.to_string())])),
            Ok(None) => {
                self.put_notification(id, flow.owner, &flow.name, &shown, link, Some(effect.run), Some(flow.id)).await
            }
            Err(error) => Err(error),
        };
        match sent {
            Ok(()) => replied(200, Value::object([("notificationId", id.to_string())])),
            Err(error) => failed("InternalServerError", &error),
        }
    }

    /// *Send me an email notification*: to the owner of the flow, unless it says to whom.
    async fn mail(&self, call: &Call, part: &(dyn Fn(&str) -> String + Sync)) -> Performed {
        let mut to = part("notificationTo");
        if to.is_empty() {
            match self.0.store.user(call.flow.owner).await {
                Ok(Some(user)) => to = user.email,
                Ok(None) => return refused("BadRequest", "The flow's owner is not there any more."),
                Err(error) => return refused("InternalServerError", error.to_string()),
            }
        }
        let html = part("notificationBody");
        let mark = hookmill_model::hex(&self.mark("mail", &call.effect));
        let message = crate::Mail {
            mark,
            to,
            subject: part("notificationSubject"),
            text: plain(&html),
            html: html.contains('<').then_some(html),
            ..crate::Mail::default()
        };
        match self.send_mail(&message).await {
            Ok(()) => replied(200, Value::object([("sent", Value::Bool(true))])),
            Err(Error::Mail(error)) => {
                let outcome = Outcome::NoReply {
                    code: "MailNotSent".into(),
                    message: error.to_string().into(),
                    maybe_sent: error.maybe_sent(),
                    retryable: error.retryable(),
                };
                Performed { outcome, request: Value::Null }
            }
            Err(error @ (Error::Store(_) | Error::ServiceUnreachable { .. })) => failed("MailNotSent", &error),
            Err(error) => refused("MailNotSent", error.to_string()),
        }
    }

    /// An inbox entry made since `since` whose identifier has the same random part.
    async fn entry_like(
        &self,
        owner: UserId,
        id: NotificationId,
        since: Timestamp,
    ) -> Result<Option<NotificationId>, Error> {
        let random = |id: NotificationId| id.to_bits() & ((1 << 80) - 1);
        let filter = NotificationFilter::of(owner);
        let mut list = List::first(List::<NotificationId>::LIMIT_MAX);
        loop {
            let page = self.0.store.notifications(&filter, list).await?;
            let found = page.items.iter().find(|entry| random(entry.id) == random(id));
            if let Some(found) = found {
                return Ok(Some(found.id));
            }
            match page.next.filter(|next| next.made_at() >= since) {
                Some(next) => list = List::after(List::<NotificationId>::LIMIT_MAX, next),
                None => return Ok(None),
            }
        }
    }

    /// Ten bytes that only this effect has: what it makes can be found again after a crash.
    pub(crate) fn mark(&self, purpose: &str, effect: &EffectId) -> [u8; 10] {
        let mark = self.0.vault.lookup(purpose, &effect.to_string());
        let mut random = [0; 10];
        random.copy_from_slice(&mark[..10]);
        random
    }

    /// The flow that a definition names: by its identifier, also as the end of a path, or by its name.
    async fn named_flow(&self, owner: UserId, name: &str) -> Result<Flow, Error> {
        let last = name.rsplit('/').next().unwrap_or(name);
        if let Ok(id) = last.parse::<FlowId>() {
            return self.own_flow(owner, id).await;
        }
        let filter = FlowFilter { owner: Some(owner), state: None, q: Some(last.to_owned()) };
        let mut found = self.0.store.flows(&filter, List::first(List::<FlowId>::LIMIT_MAX)).await?.items;
        found.retain(|flow| flow.name.eq_ignore_ascii_case(last));
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(Error::not_found("flow", last)),
            _ => Err(Error::Inputs(format!("There are several flows of the name '{last}'; use the identifier."))),
        }
    }

    /// Runs another flow of the same owner and waits for its answer. The run has an identifier that is made of the
    /// effect, so that it begins once, however often the effect is handed out.
    async fn child(&self, call: &Call, name: &str, headers: &Value, body: &Value) -> Performed {
        let child = match self.named_flow(call.flow.owner, name).await {
            Ok(child) => child,
            Err(error @ Error::Store(_)) => return failed("InternalServerError", &error),
            Err(error) => return refused("WorkflowNotFound", error.to_string()),
        };
        let run = <RunId as Id>::make(call.begun_at, self.mark("child run", &call.effect));
        let (sender, answer) = oneshot::channel();
        // Before the run begins, since it may answer at once.
        locked(&self.0.waiters).insert(run, sender);
        let mut waits = ChildWait { runtime: self, child: run, parent: call.effect.run, is_over: false };
        let begun = match self.answer_of_child(run, call.again).await {
            Ok(None) => self.begin_child(&child, run, call, headers, body).await,
            Ok(Some(Answer::NotBegun)) => Ok(()),
            Ok(Some(answer)) => Err(child_answered(answer)),
            Err(error) => Err(failed("InternalServerError", &error)),
        };
        let performed = match begun {
            Ok(()) => {
                call.child_has_begun.store(true, Ordering::Release);
                child_answered(answer.await.unwrap_or(Answer::NoResponse))
            }
            Err(performed) => performed,
        };
        waits.is_over = true;
        performed
    }

    /// What a child that was begun before has answered; `NotBegun` where it goes on.
    pub(crate) async fn answer_of_child(&self, run: RunId, again: bool) -> Result<Option<Answer>, Error> {
        if !again {
            return Ok(None);
        }
        let Some(listed) = self.0.store.run(run).await? else { return Ok(None) };
        Ok(Some(match self.response_of(run).await? {
            Some(response) => Answer::Response(response),
            None if listed.run.status.is_final() => Answer::NoResponse,
            None => Answer::NotBegun,
        }))
    }

    async fn begin_child(
        &self,
        child: &Flow,
        run: RunId,
        call: &Call,
        headers: &Value,
        body: &Value,
    ) -> Result<(), Performed> {
        if child.state != FlowState::On {
            let message = format!("The flow '{}' is turned off.", child.name);
            return Err(refused("WorkflowTriggerIsNotEnabled", message));
        }
        let order = ChildOrder {
            flow: child.id,
            run,
            parent: call.effect.run,
            depth: call.depth.saturating_add(1),
            is_secret: call.is_secret,
            headers: traced(headers, call),
            body: body.clone(),
        };
        let begun = if self.0.shards.owns(child.id) {
            self.begin_child_here(child, &order).await
        } else {
            self.order(child.id, Order::BeginChild(Box::new(order))).await
        };
        match begun {
            Ok(ChildBegun::Yes) => Ok(()),
            Ok(ChildBegun::Refused(code, message)) => Err(refused(&code, message)),
            Ok(ChildBegun::Failed(message)) => Err(failed("InternalServerError", &Error::Internal(message))),
            Ok(ChildBegun::Busy(retry_after_s)) => {
                let mut headers = Object::new();
                headers.insert("Retry-After", retry_after_s.to_string());
                let body = Value::object([("code", "flow_busy")]);
                let outcome = Outcome::Replied { status: 429, headers, body: Some(body) };
                Err(Performed { outcome, request: Value::Null })
            }
            Err(error) => Err(failed("InternalServerError", &error)),
        }
    }

    /// Begins the run of a child flow whose parent is at another node.
    pub(crate) async fn begin_child_for(&self, order: ChildOrder) -> Result<ChildBegun, Error> {
        let child = self.0.store.flow(order.flow).await?.ok_or_else(|| Error::not_found("flow", order.flow))?;
        // It may have begun for an order whose answer was lost.
        if self.0.store.run(order.run).await?.is_some() {
            return Ok(ChildBegun::Yes);
        }
        self.begin_child_here(&child, &order).await
    }

    async fn begin_child_here(&self, child: &Flow, order: &ChildOrder) -> Result<ChildBegun, Error> {
        let ChildOrder { run, parent, depth, is_secret, .. } = *order;
        match self.0.loops.admit(child.id, depth, self.now()) {
            Ok(()) => {}
            Err(Refused::TooDeep(message)) => return Ok(ChildBegun::Refused("flow_loop".to_owned(), message)),
            Err(Refused::TooOften { retry_after_s }) => return Ok(ChildBegun::Busy(retry_after_s)),
        }
        let begun = async {
            let version = self.version(child.id, child.version).await?;
            let trigger = version.plan.triggers.first().map(|trigger| trigger.name.clone()).unwrap_or_default();
            let mut outputs = Object::new();
            let mut headers = order.headers.as_object().cloned().unwrap_or_default();
            let given = headers.keys().find(|name| name.eq_ignore_ascii_case(DEPTH_HEADER)).cloned();
            if let Some(given) = given {
                headers.remove(&given);
            }
            headers.insert(DEPTH_HEADER, depth.to_string());
            outputs.insert("headers", headers);
            outputs.insert("body", order.body.clone());
            let record = Value::object([
                ("name", Value::from(trigger)),
                ("outputs", outputs.into()),
                ("status", "Succeeded".into()),
            ]);
            let origin = Origin::Parent { run: parent, child: run, is_secret };
            self.begin(Unit::new(), child, &version, vec![record], origin).await
        };
        match begun.await {
            Ok(runs) if runs.is_empty() => {
                let message = "The child flow was not begun.".to_owned();
                Ok(ChildBegun::Refused("InternalServerError".to_owned(), message))
            }
            Ok(_) => Ok(ChildBegun::Yes),
            Err(error @ Error::Store(StoreError::NotOwner { .. })) => Err(error),
            Err(error @ Error::Store(_)) => Ok(ChildBegun::Failed(error.to_string())),
            Err(error) => Ok(ChildBegun::Refused("WorkflowNotFound".to_owned(), error.to_string())),
        }
    }

    /// Calls an operation for a person: the connector's test, a list of choices.
    ///
    /// # Errors
    /// The connector or the connection is not there, or the parameters do not fit.
    pub async fn call_operation(
        &self,
        owner: UserId,
        connector: ConnectorId,
        connection: Option<ConnectionId>,
        operation_id: &str,
        parameters: Value,
    ) -> Result<CallView, Error> {
        let bound = match connection {
            Some(connection) => self.bound(owner, connection).await?,
            None => {
                Bound { connector: self.connector(connector).await?, credentials: None, signed_in: None, version: None }
            }
        };
        let plan = |bound: &Bound, lookups: &[Lookup]| {
            let operation = bound.connector.operation(operation_id);
            let operation = operation.ok_or_else(|| Error::not_found("operation", operation_id))?;
            let call = PlannedCall {
                parameters: Some(&parameters),
                credentials: bound.credentials.as_ref(),
                lookups,
                ..PlannedCall::default()
            };
            bound.connector.plan_request(operation, &call).map_err(|error| Error::Inputs(error.to_string()))
        };
        self.called(&bound, plan).await
    }

    /// Calls the base address of a connection's service.
    ///
    /// # Errors
    /// The connection is not there, or its connector has no address.
    pub async fn call_base(&self, owner: UserId, connection: ConnectionId) -> Result<CallView, Error> {
        let bound = self.bound(owner, connection).await?;
        let plan = |bound: &Bound, lookups: &[Lookup]| {
            let call = PlannedCall { credentials: bound.credentials.as_ref(), lookups, ..PlannedCall::default() };
            bound.connector.plan_base(&call).map_err(|error| Error::Inputs(error.to_string()))
        };
        self.called(&bound, plan).await
    }

    async fn called(
        &self,
        bound: &Bound,
        plan: impl Fn(&Bound, &[Lookup]) -> Result<Plan, Error> + Send,
    ) -> Result<CallView, Error> {
        let begin = std::time::Instant::now();
        let context = CallContext::outside_runs();
        let performed = self.send_through(bound, Duration::from_secs(60), &context, plan).await?;
        let elapsed = begin.elapsed();
        Ok(match performed.outcome {
            Outcome::Replied { status, headers, body } => {
                let body = body.unwrap_or_default();
                CallView { request: performed.request, status: Some(status), headers, body, error: None, elapsed }
            }
            Outcome::NoReply { message, .. } => CallView {
                request: performed.request,
                status: None,
                headers: Object::new(),
                body: Value::Null,
                error: Some(message.to_string()),
                elapsed,
            },
        })
    }
}
