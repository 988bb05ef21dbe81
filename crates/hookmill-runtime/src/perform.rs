//! What a command needs before it can be performed: a connection, a connector's plan, the inbox, another flow.

use std::time::Duration;

use hookmill_connector::{PlanError, PlannedRequest};
use hookmill_engine::{ActionRequest, ConnectorRequest, EffectId, OperationRequest, Outcome, Performed};
use hookmill_executor::{CallContext, Outgoing, is_local};
use hookmill_expression::content;
use hookmill_model::{ConnectionId, ConnectorId, FlowId, Id, NotificationId, Object, Str, Timestamp, UserId, Value};
use hookmill_store::{Flow, Link, List, Unit};

use crate::dispatch::Origin;
use crate::run::Exchange;
use crate::{Error, Runtime};

/// How long a child flow may take to answer.
const CHILD_WAIT: Duration = Duration::from_secs(3_600);

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
fn refused(code: &str, message: impl Into<Str>) -> Performed {
    let outcome = Outcome::NoReply { code: code.into(), message: message.into(), maybe_sent: false, retryable: false };
    Performed { outcome, request: Value::Null }
}

fn replied(status: u16, body: Value) -> Performed {
    Performed { outcome: Outcome::Replied { status, headers: Object::new(), body: Some(body) }, request: Value::Null }
}

/// The form of the executor.
pub(crate) fn outgoing(planned: PlannedRequest, timeout: Duration) -> Outgoing {
    Outgoing {
        method: planned.method,
        url: planned.url,
        headers: planned.headers,
        body: planned.body,
        secret_headers: planned.secret_headers,
        secret_queries: planned.secret_queries,
        secrets: planned.secrets,
        timeout,
    }
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

/// The exchange of a performed request.
pub(crate) fn exchange(performed: &Performed) -> Exchange {
    let response = match &performed.outcome {
        Outcome::Replied { status, headers, body } => {
            let mut members = Object::new();
            members.insert("statusCode", Value::Integer(i64::from(*status)));
            members.insert("headers", headers.clone());
            if let Some(body) = body {
                members.insert("body", body.clone());
            }
            members.into()
        }
        Outcome::NoReply { code, message, .. } => {
            Value::object([("error", Value::object([("code", code.clone()), ("message", message.clone())]))])
        }
    };
    Exchange { request: performed.request.clone(), response }
}

impl Runtime {
    /// Performs one request of a run. Whatever goes wrong is part of the result.
    /// `again` says that it may have been performed before.
    pub(crate) async fn perform(
        &self,
        flow: &Flow,
        effect: &EffectId,
        request: &ActionRequest,
        again: bool,
    ) -> Performed {
        let id = flow.id.to_string();
        let context = CallContext { flow: Some(&id), ..CallContext::of(effect) };
        match request {
            ActionRequest::ChildFlow { flow: child, headers, body } => {
                self.child(flow, effect, child, headers, body).await
            }
            ActionRequest::Connector(call) if is_local(request) => self.notification(flow, effect, call, again).await,
            other => self.perform_request(flow, other, &context).await,
        }
    }

    /// Sends one request of a flow: of an action, or of its trigger.
    pub(crate) async fn perform_request(
        &self,
        flow: &Flow,
        request: &ActionRequest,
        context: &CallContext<'_>,
    ) -> Performed {
        match request {
            ActionRequest::Connector(call) => match self.planned(flow, call).await {
                Ok(planned) => self.0.executor.send(&outgoing(planned, call.timeout), context).await,
                Err(Error::Store(error)) => {
                    let outcome = Outcome::NoReply {
                        code: "InternalServerError".into(),
                        message: error.to_string().into(),
                        maybe_sent: false,
                        retryable: true,
                    };
                    Performed { outcome, request: Value::Null }
                }
                Err(error @ Error::Inputs(_)) => refused("BadRequest", error.to_string()),
                Err(error) => refused("InvalidConnection", error.to_string()),
            },
            other => match self.0.executor.perform(other, context).await {
                Ok(performed) => performed,
                Err(error) => refused("InternalServerError", error.to_string()),
            },
        }
    }

    async fn planned(&self, flow: &Flow, call: &ConnectorRequest) -> Result<PlannedRequest, Error> {
        let bound = self.bound_key(flow.owner, &flow.bindings, &call.connection).await?;
        let credentials = bound.credentials.as_ref();
        let callback = call.callback_url.as_deref();
        let wrong = |error: PlanError| Error::Inputs(error.to_string());
        match &call.operation {
            OperationRequest::ById { operation_id, parameters } => {
                let operation = bound.connector.operation(operation_id).ok_or_else(|| {
                    Error::Inputs(format!(
                        "The connector '{}' has no operation '{operation_id}'.",
                        bound.connector.name
                    ))
                })?;
                bound.connector.plan_request(operation, parameters, callback, credentials).map_err(wrong)
            }
            OperationRequest::ByPath { method, path, queries, headers, body } => {
                bound.connector.plan_by_path(method, path, queries, headers, body, callback, credentials).map_err(wrong)
            }
            OperationRequest::Follow { method, uri } => {
                bound.connector.plan_follow(method, uri, credentials).map_err(wrong)
            }
        }
    }

    /// *Push notification*: the random part of the inbox entry's identifier is made from the effect, so that an entry
    /// which was made before is found.
    async fn notification(&self, flow: &Flow, effect: &EffectId, call: &ConnectorRequest, again: bool) -> Performed {
        let OperationRequest::ById { operation_id, parameters } = &call.operation else {
            return refused("BadRequest", "The connector Notifications is called by operation.");
        };
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| parameters.pointer(&format!("/{}", name.replace('/', "~1"))));
            found.filter(|value| !value.is_null()).map(|value| content::to_text(value).to_string()).unwrap_or_default()
        };
        if operation_id.to_ascii_lowercase().starts_with("sendemailnotification") {
            let part = |name: &str| text(&[&format!("NotificationEmailDefinition/{name}"), name]);
            return self.mail(flow, &part).await;
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
        let mark = self.0.vault.lookup("notification", &effect.to_string());
        let mut random = [0; 10];
        random.copy_from_slice(&mark[..10]);
        let id = <NotificationId as Id>::make(self.now(), random);
        let known = if again { self.entry_like(flow.owner, id, effect.run.made_at()).await } else { Ok(None) };
        let sent = match known {
            Ok(Some(known)) => return replied(200, Value::object([("notificationId", known.to_string())])),
            Ok(None) => {
                self.put_notification(id, flow.owner, &flow.name, &shown, link, Some(effect.run), Some(flow.id)).await
            }
            Err(error) => Err(error),
        };
        match sent {
            Ok(()) => replied(200, Value::object([("notificationId", id.to_string())])),
            Err(error) => {
                let outcome = Outcome::NoReply {
                    code: "InternalServerError".into(),
                    message: error.to_string().into(),
                    maybe_sent: true,
                    retryable: true,
                };
                Performed { outcome, request: Value::Null }
            }
        }
    }

    /// *Send me an email notification*: to the owner of the flow, unless it says to whom.
    async fn mail(&self, flow: &Flow, part: &(dyn Fn(&str) -> String + Sync)) -> Performed {
        let mut to = part("notificationTo");
        if to.is_empty() {
            match self.0.store.user(flow.owner).await {
                Ok(Some(user)) => to = user.email,
                Ok(None) => return refused("BadRequest", "The flow's owner is not there any more."),
                Err(error) => return refused("InternalServerError", error.to_string()),
            }
        }
        let html = part("notificationBody");
        let message = crate::Mail {
            to,
            subject: part("notificationSubject"),
            text: plain(&html),
            html: html.contains('<').then_some(html),
            ..crate::Mail::default()
        };
        match self.send_mail(&message).await {
            Ok(()) => replied(200, Value::object([("sent", Value::Bool(true))])),
            Err(error @ Error::ServiceUnreachable { .. }) => {
                let message = error.to_string().into();
                let outcome =
                    Outcome::NoReply { code: "MailNotSent".into(), message, maybe_sent: true, retryable: true };
                Performed { outcome, request: Value::Null }
            }
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
        let mut list = List::first(List::<NotificationId>::LIMIT_MAX);
        loop {
            let page = self.0.store.notifications(owner, false, list).await?;
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

    /// Runs another flow of the same owner and waits for its answer.
    async fn child(&self, flow: &Flow, effect: &EffectId, child: &str, headers: &Value, body: &Value) -> Performed {
        let name = child.rsplit('/').next().unwrap_or(child);
        let Ok(id) = name.parse::<FlowId>() else {
            return refused("WorkflowNotFound", format!("There is no flow '{child}'; name it by its identifier."));
        };
        let begun = async {
            let child = self.own_flow(flow.owner, id).await?;
            let version = self.version(child.id, child.version).await?;
            let trigger = version.plan.triggers.first().map(|trigger| trigger.name.clone()).unwrap_or_default();
            let mut outputs = Object::new();
            outputs.insert("headers", if headers.is_null() { Object::new().into() } else { headers.clone() });
            outputs.insert("body", body.clone());
            let record = Value::object([
                ("name", Value::from(trigger)),
                ("outputs", outputs.into()),
                ("status", "Succeeded".into()),
            ]);
            self.begin(Unit::new(), &child, &version, vec![record], Origin::Parent(effect.run)).await
        };
        let run = match begun.await {
            Ok(runs) => runs.first().copied(),
            Err(error) => return refused("WorkflowNotFound", error.to_string()),
        };
        let Some(run) = run else { return refused("InternalServerError", "The child flow was not begun.") };
        let begin = std::time::Instant::now();
        // The answer is read from the child's journal, so that nothing is lost when the process ends meanwhile.
        while begin.elapsed() < CHILD_WAIT {
            match self.run_view(flow.owner, run).await {
                Ok(view) => {
                    if let Some(response) = view.history.as_ref().and_then(|history| history.response.clone()) {
                        let headers = response.headers.as_object().cloned().unwrap_or_default();
                        let outcome = Outcome::Replied { status: response.status, headers, body: response.body };
                        return Performed { outcome, request: Value::Null };
                    }
                    if view.listed.run.status.is_final() {
                        return refused("NoResponse", "The child flow ended without a response.");
                    }
                }
                Err(error) => return refused("InternalServerError", error.to_string()),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        refused("GatewayTimeout", "The child flow did not answer in time.")
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
        let (connector, credentials) = match connection {
            Some(connection) => {
                let bound = self.bound(owner, connection).await?;
                (bound.connector, bound.credentials)
            }
            None => (self.connector(connector).await?, None),
        };
        let operation = connector.operation(operation_id).ok_or_else(|| Error::not_found("operation", operation_id))?;
        let planned = connector
            .plan_request(operation, &parameters, None, credentials.as_ref())
            .map_err(|error| Error::Inputs(error.to_string()))?;
        let begin = std::time::Instant::now();
        let outgoing = outgoing(planned, Duration::from_secs(60));
        let performed = self.0.executor.send(&outgoing, &CallContext::outside_runs()).await;
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
