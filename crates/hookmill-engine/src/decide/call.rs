//! Actions that ask something of the world: requests, retries, polls, pages, call-backs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use hookmill_definition::duration;
use hookmill_definition::plan::{ActionIndex, ActionKind, ConnectorInputs, OperationInputs};
use hookmill_expression::{Compiled, content, member};
use hookmill_model::{Object, RunId, Str, Value};
use sha2::Sha256;

use super::page::{items_min, page_items};
use super::{Decision, Ending, Step, body};
use crate::command::{
    ActionPath, ActionRequest, Chunks, ConnectorRequest, EffectId, HttpRequest, OperationRequest, Outcome, Performed,
};
use crate::fact::{self, CallSettings, Fact, Purpose, WaitReason};
use crate::retry::{RetryPolicy, retry_after};
use crate::scope::{ActionScope, describe};
use crate::state::{Indexes, reply_value};
use crate::status_code;
use crate::trigger::follow;

/// The wait before a poll where the service names none.
const POLL_WAIT: Duration = Duration::from_secs(10);
/// A script is stopped after that.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Members of `authentication` that are no secrets.
const PLAIN_AUTHENTICATION: &[&str] =
    &["type", "username", "tenant", "audience", "clientId", "authority", "credentialType", "identity"];
/// What stands in a history for a secret.
const SANITIZED: &str = "*sanitized*";

/// What a call through a connection asks for: what a history shows beside the host, and the request.
pub(crate) fn operation_request(
    operation: &OperationInputs,
    inputs: Value,
    subscribes: bool,
) -> (Object, OperationRequest) {
    match operation {
        OperationInputs::ById { operation_id, .. } => {
            let shown = [("parameters", inputs.clone())].into_iter().collect();
            (shown, OperationRequest::ById { operation_id: operation_id.clone(), parameters: inputs })
        }
        OperationInputs::ByPath(_) => {
            let part = |name: &str| inputs.get(name).cloned().unwrap_or_default();
            let text = |name: &str, usual: &str| inputs.get(name).map_or_else(|| usual.into(), content::to_text);
            let request = OperationRequest::ByPath {
                method: text("method", if subscribes { "post" } else { "get" }),
                path: text("path", "/"),
                queries: part("queries"),
                headers: part("headers"),
                body: part("body"),
            };
            let shown = inputs.as_object().into_iter().flat_map(Object::iter).filter(|(name, _)| &***name != "host");
            (shown.map(|(name, value)| (name.clone(), value.clone())).collect(), request)
        }
    }
}

/// The part of the address of a webhook action that names one action run and cannot be guessed.
pub(crate) fn callback_token(key: &[u8], run: RunId, path: &ActionPath) -> Str {
    let mut text = format!("{run}/{}", path.action);
    for index in &path.indexes {
        text.push_str(&format!("[{index}]"));
    }
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return "".into() };
    mac.update(text.as_bytes());
    format!("{run}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())).into()
}

/// Whether a call-back with this token has come in already, by the journal of its run.
#[must_use]
pub fn was_called_back(facts: &[Fact], key: &[u8], run: RunId, token: &str) -> bool {
    facts
        .iter()
        .any(|fact| matches!(fact, Fact::CallbackReceived(fact::CallbackReceived { path, .. }) if *callback_token(key, run, path) == *token))
}

/// The inputs as a history shows them, and the request.
type Built = (Option<Value>, ActionRequest, Purpose);

impl Decision<'_> {
    pub(super) fn begin_call(&mut self, action: ActionIndex, indexes: Indexes) -> Step {
        let made = self.settings(action, &indexes).and_then(|settings| Ok((settings, self.build(action, &indexes)?)));
        let (settings, (inputs, request, purpose)) = match made {
            Ok(made) => made,
            Err(ending) => {
                self.started(action, &indexes, None)?;
                return self.end(action, indexes, ending);
            }
        };
        self.started_with(action, &indexes, inputs, Some(settings))?;
        let path = self.path(action, &indexes);
        self.emit(Fact::EffectStarted(fact::EffectStarted {
            at: self.now(),
            path,
            attempt: 1,
            retry: 0,
            purpose,
            request,
        }))
    }

    fn settings(&self, action: ActionIndex, indexes: &[u32]) -> Result<CallSettings, Ending> {
        let own = &self.plan.actions[action];
        let retry = match &own.kind {
            ActionKind::Http(call) => call.retry.as_ref(),
            ActionKind::Connector(call) | ActionKind::ConnectorWebhook(call) => call.retry.as_ref(),
            ActionKind::HttpWebhook { retry, .. } | ActionKind::ChildFlow { retry, .. } => retry.as_ref(),
            _ => {
                let deadline = self.deadline(action, indexes)?;
                return Ok(CallSettings { retry: RetryPolicy::NONE, deadline, page_items_min: None });
            }
        };
        let page_items_min = match &own.options.page_items_min {
            Some(least) => {
                let value = self.evaluate(action, indexes, least)?;
                let least = items_min(&value).ok_or_else(|| {
                    let message = format!(
                        "The 'minimumItemCount' of the pagination policy is '{}'. It must be a number from 1 on.",
                        content::to_text(&value)
                    );
                    Ending::failed("InvalidPaginationPolicy", message)
                })?;
                Some(least)
            }
            None => None,
        };
        let retry = retry.map(|retry| self.evaluate(action, indexes, retry)).transpose()?;
        let retry = RetryPolicy::new(retry.as_ref(), self.plan.profile)
            .map_err(|message| Ending::failed("InvalidRetryPolicy", message))?;
        Ok(CallSettings { retry, deadline: self.deadline(action, indexes)?, page_items_min })
    }

    fn deadline(&self, action: ActionIndex, indexes: &[u32]) -> Result<Option<hookmill_model::Timestamp>, Ending> {
        let Some(timeout) = &self.plan.actions[action].timeout else { return Ok(None) };
        let value = self.evaluate(action, indexes, timeout)?;
        let span = value.as_str().and_then(duration::parse).ok_or_else(|| {
            let message = format!("The timeout '{}' is not a duration like PT1H.", content::to_text(&value));
            Ending::failed("WorkflowRunActionTimeoutLimitInvalid", message)
        })?;
        Ok(Some(self.now().plus(span)))
    }

    pub(super) fn build(&self, action: ActionIndex, indexes: &[u32]) -> Result<Built, Ending> {
        let own = &self.plan.actions[action];
        let timeout = self.plan.limits.request_duration_max;
        match &own.kind {
            ActionKind::Http(call) => {
                let inputs = self.evaluate(action, indexes, &call.request)?;
                let chunks =
                    own.options.chunks.map(|(upload_bytes, download_bytes)| Chunks { upload_bytes, download_bytes });
                let request = HttpRequest { chunks, ..http_request(&inputs, timeout)? };
                Ok((Some(sanitized(&inputs)), ActionRequest::Http(request), Purpose::Call))
            }
            ActionKind::HttpWebhook { subscribe, .. } => {
                let path = self.path(action, indexes);
                let mut scope = self.scope(action, indexes, 0);
                scope.callback_url = Some(self.callback_url(&path));
                let inputs =
                    subscribe.evaluate(&scope).map_err(|fault| self.template_failure(action, &fault.1, "inputs"))?;
                let request = http_request(&inputs, timeout)?;
                let shown = Value::object([("subscribe", self.without_token(sanitized(&inputs), &path))]);
                Ok((Some(shown), ActionRequest::Http(request), Purpose::Subscribe))
            }
            ActionKind::Connector(call) => {
                let (inputs, request) = self.connector_request(action, indexes, call, None, timeout)?;
                Ok((Some(inputs), request, Purpose::Call))
            }
            ActionKind::ConnectorWebhook(call) => {
                let url = self.callback_url(&self.path(action, indexes));
                let (inputs, request) = self.connector_request(action, indexes, call, Some(url), timeout)?;
                Ok((Some(inputs), request, Purpose::Subscribe))
            }
            ActionKind::ChildFlow { flow, inputs, .. } => {
                let inputs = self.evaluate(action, indexes, inputs)?;
                let part = |name: &str| inputs.get(name).cloned().unwrap_or_default();
                let request =
                    ActionRequest::ChildFlow { flow: flow.clone(), headers: part("headers"), body: part("body") };
                Ok((Some(inputs), request, Purpose::Call))
            }
            ActionKind::JavaScript { code, dependencies } => {
                let scope = self.scope(action, indexes, 0);
                let seen = dependencies.iter().filter_map(|name| {
                    use hookmill_expression::Scope as _;
                    Some((name.clone(), scope.action(name)?))
                });
                let context = Value::object([
                    ("trigger", self.state.trigger.clone()),
                    ("actions", Value::object(seen)),
                    ("workflow", self.state.workflow.clone()),
                ]);
                let request = ActionRequest::JavaScript { code: code.clone(), context, timeout: SCRIPT_TIMEOUT };
                Ok((Some(Value::object([("code", code.clone())])), request, Purpose::Call))
            }
            _ => Err(Ending::failed("InternalServerError", "The action is not one that calls.")),
        }
    }

    fn connector_request(
        &self,
        action: ActionIndex,
        indexes: &[u32],
        call: &ConnectorInputs,
        callback_url: Option<Str>,
        timeout: Duration,
    ) -> Result<(Value, ActionRequest), Ending> {
        let mut scope = self.scope(action, indexes, 0);
        scope.callback_url = callback_url.clone();
        let evaluate =
            |part: &Compiled| part.evaluate(&scope).map_err(|fault| self.template_failure(action, &fault.1, "inputs"));
        let mut host = Object::new();
        host.insert("connectionName", call.connection.clone());
        if let Some(api) = &call.api {
            host.insert("apiId", api.clone());
        }
        let inputs = evaluate(call.operation.inputs())?;
        let (own, operation) = operation_request(&call.operation, inputs, callback_url.is_some());
        if let OperationRequest::ById { operation_id, .. } = &operation {
            host.insert("operationId", operation_id.clone());
        }
        let shown = [("host".into(), Value::from(host))].into_iter();
        let shown = Value::object(shown.chain(own.iter().map(|(name, value)| (name.clone(), value.clone()))));
        let path = self.path(action, indexes);
        let shown = self.without_token(shown, &path);
        let request = ConnectorRequest {
            connection: call.connection.clone(),
            api: call.api.clone(),
            operation,
            callback_url,
            timeout,
        };
        Ok((shown, ActionRequest::Connector(request)))
    }

    /// The part of a callback address that only this action run has.
    fn token(&self, path: &ActionPath) -> Str {
        self.state.run.map_or_else(|| "".into(), |run| callback_token(self.environment.callback_key, run, path))
    }

    fn callback_url(&self, path: &ActionPath) -> Str {
        format!("{}{}", self.environment.callback_base, self.token(path)).into()
    }

    /// A history does not show the unguessable part.
    fn without_token(&self, shown: Value, path: &ActionPath) -> Value {
        super::redacted(&shown, &[self.token(path)])
    }

    /// The time of a wait has come.
    pub(super) fn waited(&mut self, path: &ActionPath) -> Step {
        let (Some(action), Some(wait)) = (self.action_of(path), self.state.waits.get(path).cloned()) else {
            return Ok(());
        };
        let call = self.state.record_of(path).and_then(|record| record.call.as_deref()).cloned();
        match (wait.reason, call) {
            (WaitReason::Delay, _) => self.end(action, path.indexes.clone(), Ending::done("OK", None)),
            (WaitReason::Retry, Some(call)) => {
                let Some((purpose, request)) = call.request else { return Ok(()) };
                self.send(path, call.attempts + 1, call.retries + 1, purpose, request)
            }
            (WaitReason::Poll, Some(call)) => {
                let uri = wait.uri.unwrap_or_default();
                let Some(first) = call.first else { return Ok(()) };
                let request = follow(first, uri);
                self.send(path, call.attempts + 1, 0, Purpose::Poll, request)
            }
            _ => Ok(()),
        }
    }

    fn send(&mut self, path: &ActionPath, attempt: u32, retry: u32, purpose: Purpose, request: ActionRequest) -> Step {
        self.emit(Fact::EffectStarted(fact::EffectStarted {
            at: self.now(),
            path: path.clone(),
            attempt,
            retry,
            purpose,
            request,
        }))
    }

    pub(super) fn effect_ended(&mut self, effect: &EffectId, performed: Performed) -> Step {
        let key = (effect.path.clone(), effect.attempt);
        let Some(purpose) = self.state.open.get(&key).map(|open| open.purpose) else { return Ok(()) };
        if self.state.run != Some(effect.run) {
            return Ok(());
        }
        let outcome = performed.outcome.clone();
        self.emit(Fact::EffectEnded(fact::EffectEnded {
            at: self.now(),
            path: effect.path.clone(),
            attempt: effect.attempt,
            performed,
        }))?;
        if purpose == Purpose::Unsubscribe || self.state.stop.is_some() {
            return self.finish_stopped();
        }
        let Some(action) = self.action_of(&effect.path) else { return Ok(()) };
        let Some(record) = self.state.record_of(&effect.path) else { return Ok(()) };
        let Some(call) = record.call.as_deref() else { return Ok(()) };
        let (policy, retries) = (call.settings.retry.clone(), call.retries);
        if policy.retries(&outcome)
            && let Some(wait) = self.retry_wait(&policy, retries + 1, &outcome, &effect.path)
        {
            let until = Some(self.now().plus(wait));
            let path = effect.path.clone();
            return self.emit(Fact::Waiting(fact::Waiting {
                at: self.now(),
                path,
                reason: WaitReason::Retry,
                until,
                uri: None,
            }));
        }
        match outcome {
            Outcome::NoReply { code, message, .. } => {
                self.end(action, effect.path.indexes.clone(), Ending::failed(&code, message))
            }
            Outcome::Replied { status, headers, body } => {
                self.replied(action, &effect.path, purpose, status, &headers, body)
            }
        }
    }

    fn retry_wait(&self, policy: &RetryPolicy, nth: u32, outcome: &Outcome, path: &ActionPath) -> Option<Duration> {
        use hookmill_expression::Scope as _;
        let action = self.action_of(path)?;
        let random = self.scope(action, &path.indexes, 1_000 + nth).random();
        let own = policy.wait(nth, random)?;
        let asked = match outcome {
            Outcome::Replied { headers, .. } => retry_after(headers, self.now()),
            Outcome::NoReply { .. } => None,
        };
        Some(asked.unwrap_or(own))
    }

    fn replied(
        &mut self,
        action: ActionIndex,
        path: &ActionPath,
        purpose: Purpose,
        status: u16,
        headers: &Object,
        reply: Option<Value>,
    ) -> Step {
        let own = &self.plan.actions[action];
        let indexes = path.indexes.clone();
        if matches!(own.kind, ActionKind::JavaScript { .. }) {
            return self.end(action, indexes, Ending::done("OK", Some(body(reply.unwrap_or_default()))));
        }
        let code = status_code::name(status);
        if status >= 400 {
            let mut ending = Ending::done(&code, Some(reply_value(status, headers, reply.as_ref())));
            ending.status = hookmill_model::ActionStatus::Failed;
            return self.end(action, indexes, ending);
        }
        if purpose == Purpose::Subscribe {
            let early = self.state.record_of(path).and_then(|record| record.call.as_deref()?.callback.clone());
            return match early {
                Some(outputs) => self.end(action, indexes, Ending::done("OK", Some(outputs))),
                None => {
                    let path = path.clone();
                    self.emit(Fact::Waiting(fact::Waiting {
                        at: self.now(),
                        path,
                        reason: WaitReason::Callback,
                        until: None,
                        uri: None,
                    }))
                }
            };
        }
        let location = member(headers, "Location").map(content::to_text).filter(|location| !location.trim().is_empty());
        // A further 202 may leave out the address: the last one goes on to count.
        let next = match &location {
            Some(location) => Some(self.resolved(path, location)),
            None if purpose == Purpose::Poll => self.polled(path),
            None => None,
        };
        if let (202, false, Some(uri)) = (status, own.options.no_async_pattern, next)
            && matches!(own.kind, ActionKind::Http(_) | ActionKind::Connector(_))
        {
            let wait = retry_after(headers, self.now()).unwrap_or(POLL_WAIT);
            let until = Some(self.now().plus(wait));
            let path = path.clone();
            return self.emit(Fact::Waiting(fact::Waiting {
                at: self.now(),
                path,
                reason: WaitReason::Poll,
                until,
                uri: Some(uri),
            }));
        }
        if let Some(least) = self.page_items_min(action, path) {
            match self.next_page(action, path, least, reply.as_ref()) {
                Ok(Some((attempt, request))) => return self.send(path, attempt, 0, Purpose::Page, request),
                Ok(None) => {}
                Err(ending) => return self.end(action, indexes, ending),
            }
        }
        let reply = match self.state.record_of(path).and_then(|record| record.call.as_deref()) {
            Some(call) if call.pages.len() > 1 => {
                let items = call.pages.iter().filter_map(page_items).flatten().cloned().collect();
                Some(Value::object([("value", Value::array(items))]))
            }
            _ => reply,
        };
        self.end(action, indexes, Ending::done(&code, Some(reply_value(status, headers, reply.as_ref()))))
    }

    /// The address of the present request, against which a poll without a new one goes on.
    fn polled(&self, path: &ActionPath) -> Option<Str> {
        let call = self.state.record_of(path).and_then(|record| record.call.as_deref())?;
        match &call.request {
            Some((_, ActionRequest::Http(request))) => Some(request.uri.clone()),
            Some((_, ActionRequest::Connector(request))) => match &request.operation {
                OperationRequest::Follow { uri, .. } => Some(uri.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// A `Location` against the address of the present request.
    pub(super) fn resolved(&self, path: &ActionPath, location: &str) -> Str {
        let call = self.state.record_of(path).and_then(|record| record.call.as_deref());
        let base = match call.and_then(|call| call.request.as_ref()) {
            Some((_, ActionRequest::Http(request))) => url::Url::parse(&request.uri).ok(),
            _ => None,
        };
        base.and_then(|base| base.join(location).ok()).map_or_else(|| location.into(), |url| url.as_str().into())
    }

    pub(super) fn callback_received(&mut self, token: &str, outputs: Value) -> Step {
        let mut found = None;
        for (action, own) in self.plan.actions.iter().enumerate().filter(|(action, _)| self.subscribes(*action)) {
            let runs = self.state.records.get(&own.name);
            for (indexes, record) in runs.into_iter().flatten().filter(|(_, record)| !record.status.is_final()) {
                let path = ActionPath { action: own.name.clone(), indexes: indexes.clone() };
                let is_new = record.call.as_deref().is_some_and(|call| call.callback.is_none());
                if is_new && *self.token(&path) == *token {
                    found = Some((action, path));
                }
            }
        }
        let Some((action, path)) = found else { return Ok(()) };
        self.emit(Fact::CallbackReceived(fact::CallbackReceived {
            at: self.now(),
            path: path.clone(),
            outputs: outputs.clone(),
        }))?;
        // The call may be faster than the reply to the subscription.
        if self.state.waits.get(&path).is_some_and(|wait| wait.reason == WaitReason::Callback) {
            return self.end(action, path.indexes, Ending::done("OK", Some(outputs)));
        }
        Ok(())
    }

    /// The request that ends the subscription of a webhook action which ends.
    pub(super) fn unsubscription(
        &self,
        action: ActionIndex,
        path: &ActionPath,
        ending: &Ending,
    ) -> Option<(u32, ActionRequest)> {
        if !self.subscribes(action) {
            return None;
        }
        let record = self.state.record_of(path)?;
        let call = record.call.as_deref()?;
        let subscribed = call.subscribed.clone()?;
        let attempt = call.attempts + 1;
        let ActionKind::HttpWebhook { unsubscribe, .. } = &self.plan.actions[action].kind else {
            // Through a connector: what the reply to the subscription named is deleted.
            let Some(ActionRequest::Connector(first)) = call.first.clone() else { return None };
            let headers = subscribed.get("headers").and_then(Value::as_object)?;
            let uri = member(headers, "Location").map(content::to_text).filter(|uri| !uri.is_empty())?;
            let operation = OperationRequest::Follow { method: "DELETE".into(), uri };
            let request = ConnectorRequest { operation, callback_url: None, ..first };
            return Some((attempt, ActionRequest::Connector(request)));
        };
        let unsubscribe = unsubscribe.as_ref()?;
        let mut shown = record.clone();
        shown.outputs = Some(subscribed);
        shown.status = ending.status;
        let loops = &self.plan.actions[action].loops;
        let mut scope = ActionScope::new(self.plan, self.state, self.now(), loops, &path.indexes, (&path.action, 2))
            .while_wanted(self.wanted);
        scope.current = Some(describe(&path.action, &shown, &self.state.tracking_id()));
        scope.callback_url = Some(self.callback_url(path));
        let inputs = unsubscribe.evaluate(&scope);
        if inputs.as_ref().is_err_and(|(_, fault)| fault.is_of_memory) {
            self.note_shortage();
        }
        let inputs = inputs.ok()?;
        let request = http_request(&inputs, self.plan.limits.request_duration_max).ok()?;
        Some((attempt, ActionRequest::Http(request)))
    }
}

/// The inputs of an HTTP call without its secrets.
fn sanitized(inputs: &Value) -> Value {
    let Some(members) = inputs.as_object() else { return inputs.clone() };
    let hidden = members.iter().map(|(name, value)| {
        let value = match (name.to_ascii_lowercase().as_str(), value) {
            ("authentication", Value::Object(parts)) => Value::object(parts.iter().map(|(name, value)| {
                let plain = PLAIN_AUTHENTICATION.contains(&&**name);
                (name.clone(), if plain { value.clone() } else { SANITIZED.into() })
            })),
            ("headers", Value::Object(headers)) => Value::object(headers.iter().map(|(name, value)| {
                let secret = ["authorization", "cookie", "x-api-key"].contains(&name.to_ascii_lowercase().as_str());
                (name.clone(), if secret { SANITIZED.into() } else { value.clone() })
            })),
            ("cookie", _) => SANITIZED.into(),
            _ => value.clone(),
        };
        (name.clone(), value)
    });
    Value::object(hidden)
}

fn percent_encoded(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

/// The request of evaluated inputs: `method`, `uri` (or `url`), `queries`, `headers`, `body`, `authentication`.
pub(crate) fn http_request(inputs: &Value, timeout: Duration) -> Result<HttpRequest, Ending> {
    let method = inputs.get("method").map(content::to_text).unwrap_or_default().to_ascii_uppercase();
    let uri = inputs.get("uri").or_else(|| inputs.get("url")).map(content::to_text).unwrap_or_default();
    let mut uri = uri.trim().to_owned();
    let parsed = url::Url::parse(&uri).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    if parsed.is_none() {
        let message = format!(
            "The provided 'uri' '{}' is not an absolute address that begins with https:// or http://.",
            uri.chars().take(200).collect::<String>()
        );
        return Err(Ending::failed("BadRequest", message));
    }
    if method.is_empty() {
        return Err(Ending::failed("BadRequest", "The inputs need a 'method'."));
    }
    if let Some(queries) = inputs.get("queries").and_then(Value::as_object) {
        let fragment = uri.find('#').map(|at| uri.split_off(at));
        for (name, value) in queries.iter().filter(|(_, value)| !value.is_null()) {
            uri.push(if uri.contains('?') { '&' } else { '?' });
            uri.push_str(&format!("{}={}", percent_encoded(name), percent_encoded(&content::to_text(value))));
        }
        uri.push_str(&fragment.unwrap_or_default());
    }
    let mut headers = Object::new();
    for (name, value) in inputs.get("headers").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        if !value.is_null() {
            headers.insert(name.clone(), content::to_text(value));
        }
    }
    let mut body = inputs.get("body").cloned().unwrap_or_default();
    // No body and null are told apart here: JSON can say null.
    let is_json = member(&headers, "Content-Type").and_then(Value::as_str).is_some_and(content::is_json);
    if is_json && body.is_null() && inputs.get("body").is_some() && !matches!(method.as_str(), "GET" | "HEAD") {
        body = "null".into();
    }
    let own = inputs.pointer("/requestOptions/timeout").and_then(Value::as_str).and_then(duration::parse);
    Ok(HttpRequest {
        method: method.into(),
        uri: uri.into(),
        headers,
        cookie: inputs.get("cookie").map(content::to_text).filter(|cookie| !cookie.is_empty()),
        body,
        authentication: inputs.get("authentication").cloned().unwrap_or_default(),
        timeout: own.map_or(timeout, |own| own.min(timeout)),
        chunks: None,
    })
}
