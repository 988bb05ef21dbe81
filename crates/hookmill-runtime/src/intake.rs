//! The callback door. What comes in is on disk before it is answered; nothing is parsed on the way.

use std::time::Duration;

use bytes::Bytes;
use hookmill_definition::plan::TriggerKind;
use hookmill_engine::Input;
use hookmill_expression::content;
use hookmill_model::{EventId, FlowState, Object, RunId, SubscriptionState, Value};
use hookmill_store::{Change, Dedupe, Event, Lane, StoreError, Unit};
use tokio::sync::oneshot;

use crate::{Answer, Error, Runtime, locked};

/// Headers by which senders name a delivery, so that one that is sent twice is taken once.
const DELIVERY_HEADERS: &[&str] =
    &["x-github-delivery", "x-gitlab-event-uuid", "x-gitea-delivery", "x-shopify-webhook-id", "webhook-id", "svix-id"];

/// A call of a callback address.
#[derive(Clone, Debug, Default)]
pub struct Notification {
    /// In capitals.
    pub method: String,
    /// Names and texts.
    pub headers: Object,
    /// Names and texts.
    pub query: Object,
    /// Below the capability, without a slash at its beginning.
    pub path: String,
    /// Byte by byte.
    pub body: Bytes,
}

/// What the caller gets.
#[derive(Clone, Debug)]
pub enum Accepted {
    /// 202: the notification is on disk, or needs no run.
    Stored {
        /// The event; `None` for what needs none, such as a ping.
        event: Option<EventId>,
    },
    /// The flow answered.
    Respond {
        /// The HTTP status.
        status: u16,
        /// Names and texts.
        headers: Object,
        /// `None` for none.
        body: Option<Value>,
    },
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
    /// 413
    #[error("the body is larger than {max} bytes")]
    TooLarge {
        /// Bytes.
        max: usize,
    },
    /// 404, with a code of the definition language.
    #[error("{message}")]
    NotMatched {
        /// `TriggerRequestMethodNotValid`, `TriggerRelativePathNotValid`
        code: &'static str,
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
            (Some(own), Some(value)) => match own.strip_prefix('{').and_then(|own| own.strip_suffix('}')) {
                Some(name) if !value.is_empty() => {
                    found.insert(name, value);
                }
                None if own == value => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

impl Runtime {
    /// Takes a call of `/callback/<capability>`.
    ///
    /// # Errors
    /// Why it is refused. Nothing is stored then.
    pub async fn accept(&self, capability: &str, notification: Notification) -> Result<Accepted, AcceptError> {
        let max = self.0.config.body_bytes_max;
        if notification.body.len() > max {
            return Err(AcceptError::TooLarge { max });
        }
        if capability.starts_with("run_") {
            return self.accept_for_run(capability, &notification).await;
        }
        let hash = self.0.vault.lookup("callback", capability);
        let found = self.0.store.subscription_by_capability(&hash).await?.ok_or(AcceptError::Unknown)?;
        if !matches!(found.state, SubscriptionState::Live | SubscriptionState::Creating) {
            return Err(AcceptError::Gone);
        }
        let flow =
            self.0.store.flow(found.flow).await?.filter(|flow| flow.deleted_at.is_none()).ok_or(AcceptError::Gone)?;
        if flow.state != FlowState::On && found.state == SubscriptionState::Live {
            return Err(AcceptError::Gone);
        }
        if is_ping(&notification.headers) {
            tracing::info!(flow = %flow.id, "the service pinged the webhook");
            return Ok(Accepted::Stored { event: None });
        }
        let version = self.version(flow.id, flow.version).await?;
        let trigger = version.plan.triggers.first();
        let mut parameters = None;
        let mut responds = false;
        if let Some(TriggerKind::Request { method, relative_path, .. }) = trigger.map(|trigger| &trigger.kind) {
            if let Some(method) = method.as_ref().filter(|method| !method.eq_ignore_ascii_case(&notification.method)) {
                let message = format!("The trigger takes {method} only.");
                return Err(AcceptError::NotMatched { code: "TriggerRequestMethodNotValid", message });
            }
            let template = relative_path.as_deref().unwrap_or_default();
            let Some(found) = relative(template, &notification.path) else {
                let message = "The path does not fit the trigger's relative path.".to_owned();
                return Err(AcceptError::NotMatched { code: "TriggerRelativePathNotValid", message });
            };
            parameters = (!found.is_empty()).then_some(found);
            responds = version.plan.responds();
        }
        let now = self.now();
        let mut head = Object::new();
        head.insert("headers", notification.headers.clone());
        if !notification.query.is_empty() {
            head.insert("queries", notification.query);
        }
        if let Some(parameters) = parameters {
            head.insert("relativePathParameters", parameters);
        }
        let key = DELIVERY_HEADERS
            .iter()
            .find_map(|name| header(&notification.headers, name).map(|id| format!("{name}:{id}")));
        let is_webhook = trigger.is_some_and(|trigger| {
            matches!(trigger.kind, TriggerKind::ConnectorWebhook(_) | TriggerKind::HttpWebhook { .. })
        });
        let dedupe =
            key.filter(|_| is_webhook).map(|key| Dedupe { key: key.into(), window: Duration::from_secs(24 * 3_600) });
        let limit = trigger.and_then(|trigger| trigger.concurrency);
        if limit.is_some_and(|limit| !self.0.gates.expect(flow.id, limit)) {
            return Err(AcceptError::TooManyRuns { retry_after_s: 10 });
        }
        let event = Event {
            id: self.new_id(),
            flow: flow.id,
            subscription: Some(found.id),
            received_at: now,
            summary: header(&notification.headers, "x-github-event")
                .unwrap_or(&notification.method)
                .chars()
                .take(80)
                .collect(),
            head: Value::from(head).to_json().into(),
            body: notification.body,
        };
        let id = event.id;
        let waiter = responds.then(|| {
            let (sender, receiver) = oneshot::channel();
            locked(&self.0.waiters).insert(id, sender);
            receiver
        });
        let stored = self.0.store.commit(Unit::from(Change::AddEvent(event.clone(), dedupe)), Lane::Intake).await;
        match stored {
            Ok(_) => {}
            Err(error) => {
                if limit.is_some() {
                    self.0.gates.arrived(flow.id);
                }
                if matches!(error, StoreError::Duplicate { .. }) {
                    return Ok(Accepted::Stored { event: None });
                }
                locked(&self.0.waiters).remove(&id);
                return Err(error.into());
            }
        }
        // When the channel is full the dispatcher finds the event in the store.
        let _ = self.0.events.try_send(event);
        let Some(waiter) = waiter else { return Ok(Accepted::Stored { event: Some(id) }) };
        let answer = tokio::time::timeout(self.0.config.response_wait, waiter).await;
        locked(&self.0.waiters).remove(&id);
        match answer {
            Ok(Ok(Answer::Response(response))) => Ok(Accepted::Respond {
                status: response.status,
                headers: response.headers.as_object().cloned().unwrap_or_default(),
                body: response.body,
            }),
            Ok(_) => Err(AcceptError::NoResponse),
            Err(_) => Err(AcceptError::TimedOut),
        }
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
        match self.tell(id, input).await? {
            Some(true) => Ok(Accepted::Stored { event: None }),
            Some(false) => Err(AcceptError::Gone),
            None => match self.0.store.run(id).await? {
                Some(_) => Err(AcceptError::Gone),
                None => Err(AcceptError::Unknown),
            },
        }
    }
}
