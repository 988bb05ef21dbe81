//! The doors: for services that call back, and for callers of Request triggers. What comes in is on disk before it is
//! answered; nothing is parsed on the way, except where the trigger wants its body checked.

use std::time::Duration;

use bytes::Bytes;
use hookmill_definition::plan::{Trigger, TriggerKind};
use hookmill_engine::history::RunHistory;
use hookmill_engine::trigger::violation;
use hookmill_engine::{Input, Response, depth_of, was_called_back};
use hookmill_expression::content;
use hookmill_model::{EventId, FlowId, FlowState, Id as _, Object, RunId, SubscriptionState, Value};
use hookmill_store::{Change, Dedupe, Event, Flow, Lane, StoreError, Subscription, Unit};
use hookmill_webhook::{Keys, Outcome};
use tokio::sync::oneshot;

use crate::address::{answer_permission, own_query, trigger_permission};
use crate::gates::is_counted;
use crate::loops::Refused;
use crate::plans::Version;
use crate::queue::Queue;
use crate::subscriptions::Record;
use crate::{Answer, Error, Runtime, locked};

/// Headers by which senders name a delivery, so that one that is sent twice is taken once.
const DELIVERY_HEADERS: &[&str] =
    &["x-github-delivery", "x-gitlab-event-uuid", "x-gitea-delivery", "x-shopify-webhook-id", "webhook-id", "svix-id"];
/// When the caller of an asynchronous Response asks again.
const ANSWER_WAIT_S: u64 = 5;

/// An event between its door and its announcement. Should the caller go away in between, the event is looked for in
/// the store.
struct Unannounced<'a>(&'a Queue, FlowId, EventId);

impl Drop for Unannounced<'_> {
    fn drop(&mut self) {
        self.0.abandon(self.1, self.2);
    }
}

/// Somebody who waits for a flow's answer; gone when this is dropped.
struct Waiter<'a> {
    runtime: &'a Runtime,
    run: RunId,
    answer: oneshot::Receiver<Answer>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        locked(&self.runtime.0.waiters).remove(&self.run);
    }
}

/// The run that an event begins, or the first of several.
pub(crate) fn run_of(event: EventId) -> RunId {
    RunId::from_bits(event.to_bits())
}

/// A call of a callback address.
#[derive(Clone, Debug, Default)]
pub struct Notification {
    /// In capitals.
    pub method: String,
    /// Names and texts.
    pub headers: Object,
    /// Names and texts.
    pub query: Object,
    /// Below the trigger's address, percent-encoded, without a slash at its beginning.
    pub path: String,
    /// The query as it came, without its question mark.
    pub raw_query: String,
    /// Header lines as they came; empty where only `headers` are known.
    pub lines: Vec<(String, Vec<u8>)>,
    /// Byte by byte.
    pub body: Bytes,
}

impl Notification {
    /// Header lines as they came.
    pub(crate) fn header_lines(&self) -> Vec<(String, Vec<u8>)> {
        if self.lines.is_empty() { header_lines(&self.headers) } else { self.lines.clone() }
    }

    /// An address with the query of this call.
    fn at(&self, address: String) -> String {
        if self.raw_query.is_empty() { address } else { format!("{address}?{}", self.raw_query) }
    }
}

/// Header lines of an object of names and texts.
pub(crate) fn header_lines(headers: &Object) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_string(), content::to_text(value).as_bytes().to_vec())).collect()
}

/// What the caller gets.
#[derive(Clone, Debug)]
pub enum Accepted {
    /// 202: the notification is on disk, or needs no run.
    Stored {
        /// The event; `None` for what needs none, such as a ping.
        event: Option<EventId>,
    },
    /// As the webhook's declarations say; the event, if it is one, is on disk.
    Answered {
        /// The event; `None` for what is none, or came before.
        event: Option<EventId>,
        /// The answer in full.
        response: hookmill_webhook::Response,
    },
    /// 202: the call of a Request trigger is on disk.
    Began {
        /// The run, unless the flow keeps that to itself.
        run: Option<RunId>,
        /// What the caller calls the run; the run's identifier where it says nothing.
        tracking_id: String,
        /// Where the answer will be, if the flow gives one later.
        answer: Option<AnswerLater>,
    },
    /// The flow answered.
    Respond {
        /// The run, unless the flow keeps that to itself.
        run: Option<RunId>,
        /// The HTTP status.
        status: u16,
        /// Names and texts.
        headers: Object,
        /// `None` for none.
        body: Option<Value>,
    },
}

/// Where and when to ask for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerLater {
    /// Where.
    pub url: String,
    /// After so many seconds.
    pub retry_after_s: u64,
}

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// 404
    #[error("there is nothing at this address")]
    Unknown,
    /// 410
    #[error("this address is not used any more")]
    Gone,
    /// 405
    #[error("deliveries are sent with POST, PUT or PATCH")]
    MethodNotAllowed,
    /// 413
    #[error("the body is larger than {max} bytes")]
    TooLarge {
        /// Bytes.
        max: usize,
    },
    /// 401
    #[error("the signature of the address is missing or wrong")]
    Unsigned,
    /// 400: the body is not what the trigger asks for.
    #[error("{message}")]
    InputRefused {
        /// What does not fit.
        message: String,
    },
    /// 404, with a code of the definition language.
    #[error("{message}")]
    NotMatched {
        /// `TriggerRequestMethodNotValid`, `TriggerRelativePathNotValid`, `WorkflowTriggerIsNotEnabled`
        code: &'static str,
        /// For the caller.
        message: String,
    },
    /// 409: runs call each other in a row.
    #[error("{message}")]
    Loop {
        /// For the caller.
        message: String,
    },
    /// 429
    #[error("the flow has as many active and waiting runs as it may")]
    TooManyRuns {
        /// When to try again.
        retry_after_s: u64,
    },
    /// 503
    #[error("the server is busy")]
    Overloaded {
        /// When to try again.
        retry_after_s: u64,
    },
    /// 504
    #[error("the flow did not answer in time")]
    TimedOut,
    /// 502
    #[error("the flow ended without an answer")]
    NoResponse,
    /// 500 or 503
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for AcceptError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded { retry_after_s } => Self::Overloaded { retry_after_s: retry_after_s.into() },
            other if other.is_retryable() => Self::Overloaded { retry_after_s: 1 },
            other => Self::Failed(other.into()),
        }
    }
}

/// What the store is told about the identifiers of a delivery. Several items are known together.
fn dedupe_of(keys: Keys) -> Option<Dedupe> {
    let mut own = keys.keys;
    let key = match (own.len(), keys.incomplete) {
        (_, true) | (0, _) => return None,
        (1, _) => own.remove(0),
        _ => {
            own.sort();
            own.join("\n")
        }
    };
    Some(Dedupe { key: key.into(), window: keys.window })
}

fn header<'a>(headers: &'a Object, name: &str) -> Option<&'a str> {
    hookmill_expression::member(headers, name).and_then(Value::as_str)
}

/// What a service sends to see whether somebody listens.
fn is_ping(headers: &Object) -> bool {
    ["x-github-event", "x-gitea-event", "x-gogs-event"]
        .iter()
        .any(|name| header(headers, name).is_some_and(|event| event.eq_ignore_ascii_case("ping")))
}

/// What fills the `{names}` of a relative path.
fn relative(template: &str, path: &str) -> Option<Object> {
    let (mut own, mut other) = (template.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
    let mut found = Object::new();
    loop {
        match (own.next(), other.next()) {
            (None, None) => return Some(found),
            (Some(own), Some(value)) => {
                // Decoded here, so that a segment may hold an encoded slash.
                let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                match own.strip_prefix('{').and_then(|own| own.strip_suffix('}')) {
                    Some(name) if !value.is_empty() => {
                        found.insert(name, &*value);
                    }
                    None if own == value => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

/// Checks method and path of a call, and gives what fills the names of the relative path.
fn matched(trigger: &Trigger, notification: &Notification) -> Result<Object, AcceptError> {
    let TriggerKind::Request { method, relative_path, .. } = &trigger.kind else { return Err(AcceptError::Unknown) };
    if let Some(method) = method.as_ref().filter(|method| !method.eq_ignore_ascii_case(&notification.method)) {
        let message = format!("The trigger takes {method} only.");
        return Err(AcceptError::NotMatched { code: "TriggerRequestMethodNotValid", message });
    }
    relative(relative_path.as_deref().unwrap_or_default(), &notification.path).ok_or_else(|| {
        let message = "The path does not fit the trigger's relative path.".to_owned();
        AcceptError::NotMatched { code: "TriggerRelativePathNotValid", message }
    })
}

fn responded(run: Option<RunId>, response: Response) -> Accepted {
    Accepted::Respond {
        run,
        status: response.status,
        headers: response.headers.as_object().cloned().unwrap_or_default(),
        body: response.body,
    }
}

impl Runtime {
    /// Takes a call of `/callback/<capability>`.
    ///
    /// # Errors
    /// Why it is refused. Nothing is stored then.
    pub async fn accept(&self, capability: &str, notification: Notification) -> Result<Accepted, AcceptError> {
        self.check_size(&notification)?;
        if capability.starts_with("run_") {
            return self.accept_for_run(capability, &notification).await;
        }
        let hash = self.0.vault.lookup("callback", capability);
        let found = self.0.store.subscription_by_capability(&hash).await?.ok_or(AcceptError::Unknown)?;
        let flow = self.0.store.flow(found.flow).await?.filter(|flow| flow.deleted_at.is_none());
        let flow = flow.ok_or(AcceptError::Gone)?;
        self.admit(flow.id, &notification)?;
        let version = self.version(flow.id, flow.version).await?;
        let webhook = self.webhook(&flow, &found, &version).await?;
        if !webhook.declarations.is_empty() {
            let url = notification.at(format!("{}/callback/{capability}", self.0.config.hooks_url()));
            return self.accept_declared(&flow, &version, found, &url, notification).await;
        }
        let live = found.state == SubscriptionState::Live && flow.state == FlowState::On;
        if !live && found.state != SubscriptionState::Creating {
            return Err(AcceptError::Gone);
        }
        if !matches!(&*notification.method, "POST" | "PUT" | "PATCH") {
            return Err(AcceptError::MethodNotAllowed);
        }
        if is_ping(&notification.headers) {
            tracing::info!(flow = %flow.id, "the service pinged the webhook");
            return Ok(Accepted::Stored { event: None });
        }
        let key = DELIVERY_HEADERS
            .iter()
            .find_map(|name| header(&notification.headers, name).map(|id| format!("{name}:{id}")));
        let dedupe = key.map(|key| Dedupe { key: key.into(), window: Duration::from_secs(24 * 3_600) });
        let event = self.event_of(&flow, &found, notification, None);
        Ok(Accepted::Stored { event: self.take_in(&flow, &version, event, dedupe).await? })
    }

    /// Takes a call of a webhook for which something is declared.
    async fn accept_declared(
        &self,
        flow: &Flow,
        version: &Version,
        mut generation: Subscription,
        url: &str,
        notification: Notification,
    ) -> Result<Accepted, AcceptError> {
        let mut webhook = self.webhook(flow, &generation, version).await?;
        let mut decision = self.decided(flow, &generation, &webhook, url, &notification).await?;
        if decision.outcome == Outcome::Early && generation.state == SubscriptionState::Creating {
            generation = self.after_creation(generation).await?;
            webhook = self.webhook(flow, &generation, version).await?;
            decision = self.decided(flow, &generation, &webhook, url, &notification).await?;
        }
        let (response, outcome) = (decision.response, decision.outcome);
        let Outcome::Event { keys, .. } = outcome else { return Ok(Accepted::Answered { event: None, response }) };
        let event = self.event_of(flow, &generation, notification, None);
        let event = self.take_in(flow, version, event, keys.and_then(dedupe_of)).await?;
        Ok(Accepted::Answered { event, response })
    }

    /// Takes a call of a Request trigger's signed address.
    ///
    /// # Errors
    /// Why it is refused. Nothing is stored then.
    pub async fn accept_request(
        &self,
        flow: &str,
        trigger: &str,
        mut notification: Notification,
    ) -> Result<Accepted, AcceptError> {
        self.check_size(&notification)?;
        let (flow, generation) = self.own_address(flow).await?;
        if !self.is_signed(generation.id, &trigger_permission(trigger), &notification.query) {
            return Err(self.unsigned(&flow, trigger, &notification.query).await?);
        }
        if flow.deleted_at.is_some() {
            return Err(AcceptError::Gone);
        }
        if flow.state != FlowState::On || generation.state != SubscriptionState::Live {
            let message = "The flow is turned off.".to_owned();
            return Err(AcceptError::NotMatched { code: "WorkflowTriggerIsNotEnabled", message });
        }
        let version = self.version(flow.id, flow.version).await?;
        self.admit(flow.id, &notification)?;
        let own = version.plan.triggers.first().filter(|own| *own.name == *trigger).ok_or(AcceptError::Unknown)?;
        let webhook = self.webhook(&flow, &generation, &version).await?;
        let mut declared = None;
        if !webhook.declarations.is_empty() {
            let address = self.invoked(flow.id, trigger, &notification.path);
            let url = notification.at(address);
            let decision = self.decided(&flow, &generation, &webhook, &url, &notification).await?;
            let Outcome::Event { keys, .. } = decision.outcome else {
                return Ok(Accepted::Answered { event: None, response: decision.response });
            };
            declared = Some((decision.response, keys.and_then(dedupe_of)));
        }
        let parameters = matched(own, &notification)?;
        if own.validate_schema {
            let kind = header(&notification.headers, "content-type");
            let body = content::body(kind, &notification.body).value.unwrap_or_default();
            if let Some(error) = violation(own, &body) {
                return Err(AcceptError::InputRefused { message: error.message.to_string() });
            }
        }
        notification.query = own_query(&notification.query);
        let tracking_id = header(&notification.headers, "x-ms-client-tracking-id").map(ToOwned::to_owned);
        let event = self.event_of(&flow, &generation, notification, Some(parameters));
        let (id, run) = (event.id, run_of(event.id));
        let shown = Some(run).filter(|_| !own.no_workflow_headers);
        let waiter = version.plan.responds().then(|| {
            let (sender, answer) = oneshot::channel();
            locked(&self.0.waiters).insert(run, sender);
            Waiter { runtime: self, run, answer }
        });
        let (declared, dedupe) = declared.map_or((None, None), |(response, dedupe)| (Some(response), dedupe));
        let taken = self.take_in(&flow, &version, event, dedupe).await?;
        if let Some(response) = declared.filter(|_| waiter.is_none() || taken.is_none()) {
            return Ok(Accepted::Answered { event: taken, response });
        }
        let Some(mut waiter) = waiter else {
            let answer = version.plan.responds_later().then(|| AnswerLater {
                url: self.answer_url(flow.id, generation.id, run),
                retry_after_s: ANSWER_WAIT_S,
            });
            let tracking_id = tracking_id.unwrap_or_else(|| run.to_string());
            return Ok(Accepted::Began { run: shown, tracking_id, answer });
        };
        let answer = async {
            tokio::select! {
                answer = &mut waiter.answer => answer.ok(),
                () = self.goes_on_later(run) => None,
            }
        };
        match tokio::time::timeout(self.0.config.response_wait, answer).await {
            Ok(Some(Answer::Response(response))) => Ok(responded(shown, response)),
            Ok(Some(Answer::NotBegun)) => Ok(Accepted::Stored { event: Some(id) }),
            Ok(Some(Answer::NoResponse)) => Err(AcceptError::NoResponse),
            Ok(None) | Err(_) => Err(AcceptError::TimedOut),
        }
    }

    /// Until the server stops and the run, which the next start takes up, has no call under way.
    async fn goes_on_later(&self, run: RunId) {
        // The sender lives as long as the runtime.
        let _ = self.stopped().wait_for(|stopped| *stopped).await;
        while self.0.inboxes.contains(run) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Gives the answer of an asynchronous Response to the caller that asks for it.
    ///
    /// # Errors
    /// There is no such run, the address is not signed, or the run ended without an answer.
    pub async fn answer_of(&self, flow: &str, run: &str, query: &Object) -> Result<Accepted, AcceptError> {
        let run: RunId = run.parse().map_err(|_| AcceptError::Unknown)?;
        let (flow, generation) = self.own_address(flow).await?;
        if !self.is_signed(generation.id, &answer_permission(run), query) {
            return Err(AcceptError::Unsigned);
        }
        let wait = || Accepted::Began {
            run: Some(run),
            tracking_id: run.to_string(),
            answer: Some(AnswerLater {
                url: self.answer_url(flow.id, generation.id, run),
                retry_after_s: ANSWER_WAIT_S,
            }),
        };
        let Some(listed) = self.0.store.run(run).await? else {
            // The event may wait for its turn.
            return match self.0.store.event(EventId::from_bits(run.to_bits())).await? {
                Some(_) => Ok(wait()),
                None => Err(AcceptError::Unknown),
            };
        };
        match RunHistory::read(&self.facts(run).await?).response {
            Some(response) => Ok(responded(Some(run), response)),
            None if listed.run.status.is_final() => Err(AcceptError::NoResponse),
            None => Ok(wait()),
        }
    }

    fn check_size(&self, notification: &Notification) -> Result<(), AcceptError> {
        let max = self.0.config.body_bytes_max;
        if notification.body.len() > max { Err(AcceptError::TooLarge { max }) } else { Ok(()) }
    }

    /// Why a call of a signed address is refused: it was renewed, or was never one of this flow.
    async fn unsigned(&self, flow: &Flow, trigger: &str, query: &Object) -> Result<AcceptError, AcceptError> {
        let permission = trigger_permission(trigger);
        let known = self.0.store.subscriptions_of(flow.id).await?;
        let is_old = known.iter().any(|generation| self.is_signed(generation.id, &permission, query));
        Ok(if is_old { AcceptError::Gone } else { AcceptError::Unsigned })
    }

    /// Whether a flow takes a call, however many runs called each other before it.
    fn admit(&self, flow: FlowId, notification: &Notification) -> Result<(), AcceptError> {
        let depth = depth_of(&notification.headers.clone().into());
        self.0.loops.admit(flow, depth, self.now()).map_err(|refused| match refused {
            Refused::TooDeep(message) => AcceptError::Loop { message },
            Refused::TooOften { retry_after_s } => AcceptError::TooManyRuns { retry_after_s },
        })
    }

    /// A flow, deleted ones too, with the generation of its own address.
    async fn own_address(&self, flow: &str) -> Result<(Flow, Subscription), AcceptError> {
        let id: FlowId = flow.parse().map_err(|_| AcceptError::Unknown)?;
        let flow = self.0.store.flow(id).await?.ok_or(AcceptError::Unknown)?;
        let generations = self.0.store.subscriptions_of(id).await?;
        let own = generations.into_iter().find(|generation| Record::of(generation).is_local());
        Ok((flow, own.ok_or(AcceptError::Unknown)?))
    }

    fn event_of(
        &self,
        flow: &Flow,
        generation: &Subscription,
        notification: Notification,
        parameters: Option<Object>,
    ) -> Event {
        let summary = header(&notification.headers, "x-github-event").unwrap_or(&notification.method);
        let summary = summary.chars().take(80).collect();
        let mut head = Object::with_capacity(3);
        head.insert("headers", notification.headers);
        if !notification.query.is_empty() {
            head.insert("queries", notification.query);
        }
        if let Some(parameters) = parameters.filter(|parameters| !parameters.is_empty()) {
            head.insert("relativePathParameters", parameters);
        }
        Event {
            id: self.new_id(),
            flow: flow.id,
            subscription: Some(generation.id),
            received_at: self.now(),
            summary,
            head: Value::from(head).to_json().into(),
            body: notification.body,
        }
    }

    /// Stores an event and hands it on; `None` for one that came before.
    pub(crate) async fn take_in(
        &self,
        flow: &Flow,
        version: &Version,
        event: Event,
        dedupe: Option<Dedupe>,
    ) -> Result<Option<EventId>, AcceptError> {
        let limit = version.plan.triggers.first().and_then(|trigger| trigger.concurrency);
        if limit.is_some_and(|limit| !self.0.gates.accept(flow.id, run_of(event.id), limit)) {
            return Err(AcceptError::TooManyRuns { retry_after_s: 10 });
        }
        let id = event.id;
        let is_counted = version.plan.triggers.first().is_some_and(is_counted);
        self.0.queue.know(id);
        let unannounced = Unannounced(&self.0.queue, flow.id, id);
        let stored = self.0.store.commit(Unit::from(Change::AddEvent(event.clone(), dedupe)), Lane::Intake).await;
        if let Err(error) = stored {
            if !error.is_unknown() {
                // It is certain that there is nothing to look for.
                std::mem::forget(unannounced);
                self.0.queue.forget(id);
            }
            if limit.is_some() {
                self.0.gates.arrived(flow.id, run_of(id));
            }
            return if matches!(error, StoreError::Duplicate { .. }) { Ok(None) } else { Err(error.into()) };
        }
        // Where runs are counted, the order of acceptance counts, which the store alone knows.
        if !is_counted {
            std::mem::forget(unannounced);
            self.0.queue.push_event(event);
        }
        Ok(Some(id))
    }

    /// A call for an action that waits.
    async fn accept_for_run(&self, token: &str, notification: &Notification) -> Result<Accepted, AcceptError> {
        let id = token.split('.').next().and_then(|id| id.parse::<RunId>().ok()).ok_or(AcceptError::Unknown)?;
        let mut outputs = Object::new();
        outputs.insert("headers", notification.headers.clone());
        if !notification.query.is_empty() {
            outputs.insert("queries", notification.query.clone());
        }
        let kind = header(&notification.headers, "content-type");
        if let Some(body) = content::body(kind, &notification.body).value {
            outputs.insert("body", body);
        }
        let input = Input::CallbackReceived { token: token.into(), outputs: outputs.into() };
        let told = self.tell(id, input).await?;
        if told == Some(true) {
            return Ok(Accepted::Stored { event: None });
        }
        if told.is_none() && self.0.store.run(id).await?.is_none() {
            return Err(AcceptError::Unknown);
        }
        // A caller whose answer was cut off calls again: what has come in is accepted again.
        let key = self.0.callbacks.environment(self.now()).callback_key;
        if was_called_back(&self.facts(id).await?, key, id, token) {
            return Ok(Accepted::Stored { event: None });
        }
        Err(AcceptError::Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_before_they_are_decoded() {
        let found = |template: &str, path: &str| relative(template, path).map(|found| Value::from(found).to_json());
        assert_eq!(found("/a/{x}/c", "a/b%2Fd/c/").as_deref(), Some(r#"{"x":"b/d"}"#));
        assert_eq!(found("a b/{x}", "a%20b/1").as_deref(), Some(r#"{"x":"1"}"#));
        assert_eq!(found("", "").as_deref(), Some("{}"));
        for (template, path) in [("a/{x}", "a"), ("a/{x}", "a//"), ("a", "b"), ("", "a"), ("a/{x}", "a/1/2")] {
            assert_eq!(found(template, path), None, "{template} {path}");
        }
    }
}
