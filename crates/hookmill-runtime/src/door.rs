//! What the callback door knows about each webhook: its declarations, its secrets, and the requests it refused.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_definition::plan::{Trigger, TriggerKind};
use hookmill_engine::trigger::evaluate;
use hookmill_model::{
    Diagnostic, FlowId, FlowState, Object, Pointer, Str, SubscriptionId, SubscriptionState, Timestamp, Value,
};
use hookmill_store::{Flow, Subscription, Unit};
use hookmill_webhook::{
    Call, Decision, Declarations, Fetch, Generation, Outcome, Registered, Request, Secret, State, case, decide, read,
};

use crate::intake::{AcceptError, Notification};
use crate::plans::{Bound, Version};
use crate::subscriptions::Record;
use crate::{Error, Runtime, locked};

/// Webhooks kept ready; all are forgotten when there are more, and made again when needed.
const WEBHOOKS_MAX: usize = 10_000;
/// Fetched documents (certificates, key sets) kept.
const DOCUMENTS_MAX: usize = 100;
/// A document is fetched anew after this time.
const DOCUMENT_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// No certificate and no key set is larger.
const DOCUMENT_BYTES_MAX: usize = 64 * 1_024;
/// Documents fetched for one request.
const FETCHES_MAX: usize = 2;
/// Refusals kept of each flow.
const REFUSALS_MAX: usize = 20;
/// Flows whose refusals are kept.
const REFUSING_FLOWS_MAX: usize = 1_000;
/// Header names kept of a refusal.
const NAMES_MAX: usize = 40;
/// How often a call after a handshake is tried.
const CALLS_MAX: u32 = 4;
/// How long an event waits for its webhook to be created, and how often it looks.
const CREATION_WAIT: Duration = Duration::from_secs(2);
const CREATION_LOOK: Duration = Duration::from_millis(50);

/// A webhook as the door needs it.
#[derive(Debug, Default)]
pub(crate) struct Webhook {
    pub declarations: Declarations,
    secrets: Vec<Str>,
    parameters: Object,
    inputs: Object,
    kept: Object,
}

/// A request that did not prove its sender. Its body is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCall {
    /// When it came.
    pub at: Timestamp,
    /// In capitals.
    pub method: String,
    /// The names of its headers, without their values.
    pub headers: Vec<String>,
    /// Why it was refused: one reason for each way of proving.
    pub reasons: Vec<String>,
}

/// The requests of a flow that did not prove their sender, since the server was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedCalls {
    /// All of them.
    pub count: u64,
    /// The last ones, newest first.
    pub last: VecDeque<RefusedCall>,
}

/// By generation and version of the flow, each with the etag of the generation.
type Webhooks = HashMap<(SubscriptionId, u32), (u64, Arc<Webhook>)>;

/// What the door keeps in memory.
#[derive(Default)]
pub(crate) struct Door {
    webhooks: Mutex<Webhooks>,
    documents: Mutex<BTreeMap<String, (Timestamp, Str)>>,
    refused: Mutex<BTreeMap<FlowId, RefusedCalls>>,
}

impl Door {
    /// Forgets what was made of connectors that may have changed.
    pub fn forget(&self) {
        locked(&self.webhooks).clear();
    }

    fn note(&self, flow: FlowId, call: RefusedCall) {
        let mut refused = locked(&self.refused);
        if refused.len() >= REFUSING_FLOWS_MAX && !refused.contains_key(&flow) {
            refused.clear();
        }
        let calls = refused.entry(flow).or_default();
        calls.count += 1;
        calls.last.push_front(call);
        calls.last.truncate(REFUSALS_MAX);
    }
}

/// The declarations that a trigger of the definition itself holds.
fn declared_by_trigger(trigger: &Trigger) -> Option<&Object> {
    let members = trigger.inputs.source().as_object()?;
    hookmill_webhook::has_declarations(members).then_some(members)
}

/// What is wrong with the declarations of a trigger that is called at the flow's own address.
pub(crate) fn check_trigger(trigger: &Trigger) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let (Some(members), TriggerKind::Request { .. }) = (declared_by_trigger(trigger), &trigger.kind) else {
        return findings;
    };
    let at = Pointer::root().child("triggers").child(&trigger.name).child("inputs");
    let declarations = read(&[(members, at.clone())], &mut findings);
    // An expression is not a secret yet; only what is written out can be looked at.
    for secret in texts(members.get("x-hookmill-secret")).iter().filter(|secret| !secret.starts_with('@')) {
        if let Some(why) = hookmill_webhook::kind_of_secret(&declarations.verification, secret) {
            findings.push(Diagnostic::error("webhook_secret", at.child("x-hookmill-secret"), why));
        }
    }
    findings
}

/// How far the sender of a flow's calls is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookProof {
    /// The well-known service that is declared.
    pub preset: Option<Str>,
    /// `verified`, `waiting` (for its secret), or `address` (the address is the only proof).
    pub state: &'static str,
    /// Calls that proved nothing, since the server was started.
    pub refused: RefusedCalls,
}

fn texts(value: Option<&Value>) -> Vec<Str> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(Str::from)).collect(),
        _ => Vec::new(),
    }
}

impl Runtime {
    /// The requests of a flow that did not prove their sender, since the server was started.
    #[must_use]
    pub fn refused_calls(&self, flow: FlowId) -> RefusedCalls {
        locked(&self.0.door.refused).get(&flow).cloned().unwrap_or_default()
    }

    /// How far the sender of a generation's calls is proven.
    pub(crate) async fn proof_of(&self, flow: &Flow, generation: &Subscription) -> Result<WebhookProof, Error> {
        let version = self.version(flow.id, flow.version).await?;
        let webhook = self.webhook(flow, generation, &version).await?;
        let state = match &webhook.declarations {
            declarations if declarations.is_unverified() => "address",
            declarations if declarations.needs_secret() && webhook.secrets.is_empty() => "waiting",
            _ => "verified",
        };
        let preset = webhook.declarations.preset.clone();
        Ok(WebhookProof { preset, state, refused: self.refused_calls(flow.id) })
    }

    /// The webhook of a generation, with its declarations and secrets.
    pub(crate) async fn webhook(
        &self,
        flow: &Flow,
        generation: &Subscription,
        version: &Version,
    ) -> Result<Arc<Webhook>, Error> {
        let key = (generation.id, version.number);
        if let Some((etag, known)) = locked(&self.0.door.webhooks).get(&key)
            && *etag == generation.etag
        {
            return Ok(Arc::clone(known));
        }
        let record = Record::of(generation);
        let mut made = match version.plan.triggers.first() {
            Some(trigger) if record.is_local() => self.own_webhook(flow, version, trigger)?,
            _ => Webhook {
                declarations: self.declared(flow, &record).await?,
                inputs: record.parameters.as_object().cloned().unwrap_or_default(),
                ..Webhook::default()
            },
        };
        let kept = self.kept_secrets(generation, &record)?;
        made.secrets.extend(kept.get("secret").and_then(Value::as_str).map(Str::from));
        made.kept = kept;
        let made = Arc::new(made);
        let mut webhooks = locked(&self.0.door.webhooks);
        if webhooks.len() >= WEBHOOKS_MAX {
            webhooks.clear();
        }
        webhooks.insert(key, (generation.etag, Arc::clone(&made)));
        Ok(made)
    }

    /// The webhook of a trigger that is called at the flow's own address: what its inputs declare, with the secret
    /// and the parameters that stand there.
    fn own_webhook(&self, flow: &Flow, version: &Version, trigger: &Trigger) -> Result<Webhook, Error> {
        let Some(members) = declared_by_trigger(trigger) else { return Ok(Webhook::default()) };
        let at = Pointer::root().child("triggers").child(&trigger.name).child("inputs");
        let declarations = read(&[(members, at)], &mut Vec::new());
        let surroundings = self.surroundings(flow, version, None);
        let inputs = evaluate(&version.plan, trigger, &trigger.inputs, &surroundings);
        let inputs = inputs.map_err(|error| Error::Inputs(error.message.to_string()))?;
        let parameters = inputs.get("x-hookmill-parameters").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut secrets = texts(inputs.get("x-hookmill-secret"));
        secrets.retain(|secret| !secret.is_empty());
        Ok(Webhook { declarations, secrets, inputs: parameters.clone(), parameters, kept: Object::new() })
    }

    /// What the connector declares for a webhook at a service.
    pub(crate) async fn declared(&self, flow: &Flow, record: &Record) -> Result<Declarations, Error> {
        let Some(operation) = record.operation.as_deref().filter(|operation| !operation.is_empty()) else {
            return Ok(Declarations::default());
        };
        let connector = match record.connection_id {
            Some(connection) => match self.0.store.connection(connection).await? {
                Some(connection) => Some(connection.connector),
                None => None,
            },
            None => {
                let key = record.connection.as_deref().unwrap_or_default();
                let binding = flow.bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(key));
                binding.and_then(|binding| binding.connector)
            }
        };
        match connector {
            Some(connector) => Ok(self.connector(connector).await?.webhook(operation)),
            None => Ok(Declarations::default()),
        }
    }

    /// What is sealed beside a generation: its secret, and what handshakes left.
    pub(crate) fn kept_secrets(&self, generation: &Subscription, record: &Record) -> Result<Object, Error> {
        let Some(sealed) = &record.kept else { return Ok(Object::new()) };
        let damaged = |what: &str| Error::Internal(format!("the secret of {} {what}", generation.id));
        let sealed = STANDARD.decode(sealed).map_err(|_| damaged("is damaged"))?;
        let bytes =
            self.0.vault.unseal(&generation.id.to_string(), &sealed).map_err(|_| damaged("cannot be opened"))?;
        let kept = Value::from_json(&bytes).map_err(|_| damaged("is damaged"))?;
        kept.as_object().cloned().ok_or_else(|| damaged("is damaged"))
    }

    pub(crate) fn seal_kept(&self, generation: &Subscription, kept: Object) -> Result<String, Error> {
        let text = Value::from(kept).to_json();
        let sealed = self.0.vault.seal(&generation.id.to_string(), text.as_bytes());
        Ok(STANDARD.encode(sealed.map_err(|error| Error::Internal(error.to_string()))?))
    }

    /// A secret of this generation's own, sealed in its record, where the creation has a place for one.
    pub(crate) async fn make_secret(
        &self,
        flow: &Flow,
        generation: &Subscription,
        record: &mut Record,
    ) -> Result<(), Error> {
        let declarations = self.declared(flow, record).await?;
        let Some((bytes, encoding, _)) = declarations.generated() else { return Ok(()) };
        let random = hookmill_vault::random::<64>().map_err(|error| Error::Internal(error.to_string()))?;
        let secret = encoding.write(&random[..bytes.min(random.len())]);
        let kept = [("secret", secret)].into_iter().collect();
        record.kept = Some(self.seal_kept(generation, kept)?);
        Ok(())
    }

    /// Takes the secret from the reply to a creation, where the service shows it there.
    pub(crate) fn take_secret(
        &self,
        bound: &Bound,
        generation: &Subscription,
        record: &mut Record,
        headers: &Value,
        body: Option<&Value>,
    ) -> Result<Option<Str>, Error> {
        let declarations = bound.connector.webhook(record.operation.as_deref().unwrap_or_default());
        let Some(Secret::Replied(selector)) = declarations.registration.and_then(|own| own.secret) else {
            return Ok(None);
        };
        let headers = headers.as_object().cloned().unwrap_or_default();
        let registered = Registered { headers, body: body.cloned().unwrap_or_default() };
        let secret = case::replied(&selector, &registered).filter(|secret| !secret.is_empty());
        if let Some(secret) = &secret {
            let mut kept = self.kept_secrets(generation, record)?;
            kept.insert("secret", secret.clone());
            record.kept = Some(self.seal_kept(generation, kept)?);
        }
        Ok(secret)
    }

    /// Decides about a call of a generation's address: fetches what the proof needs, and does what follows beside an
    /// event. `url` is the address as the service knows it, with the query as it came.
    pub(crate) async fn decided(
        &self,
        flow: &Flow,
        generation: &Subscription,
        webhook: &Webhook,
        url: &str,
        notification: &Notification,
    ) -> Result<Decision, AcceptError> {
        let lines = notification.header_lines();
        let request = Request { method: &notification.method, url, headers: &lines, body: &notification.body };
        let mut decision = self.decide(flow, generation, webhook, request);
        for _ in 0..FETCHES_MAX {
            let Outcome::Fetch(fetch) = &decision.outcome else { break };
            if !self.fetched(fetch).await {
                break;
            }
            decision = self.decide(flow, generation, webhook, request);
        }
        match &decision.outcome {
            Outcome::Unproven { reasons } => {
                tracing::info!(flow = %flow.id, ?reasons, "a call did not prove its sender");
                let headers = lines.iter().take(NAMES_MAX).map(|(name, _)| name.chars().take(80).collect()).collect();
                let (method, reasons) = (notification.method.clone(), reasons.clone());
                self.0.door.note(flow.id, RefusedCall { at: self.now(), method, headers, reasons });
            }
            Outcome::Handshake { kept, calls } => {
                self.keep_handshake(generation, kept).await?;
                for call in calls {
                    tokio::spawn(self.clone().call_after(call.clone()));
                }
            }
            _ => {}
        }
        Ok(decision)
    }

    fn decide(&self, flow: &Flow, generation: &Subscription, webhook: &Webhook, request: Request<'_>) -> Decision {
        let state = match generation.state {
            SubscriptionState::Creating => State::Creating,
            SubscriptionState::Live if flow.state != FlowState::On => State::Off,
            SubscriptionState::Live => State::Live,
            SubscriptionState::Deleting => State::Deleting,
            _ => State::Gone,
        };
        let now = self.now();
        let fetched = |url: &str| {
            let documents = locked(&self.0.door.documents);
            documents.get(url).filter(|(at, _)| now.since(*at) < DOCUMENT_LIFE).map(|(_, text)| text.clone())
        };
        let connection = Object::new();
        let generation = Generation {
            declarations: &webhook.declarations,
            state,
            secrets: &webhook.secrets,
            parameters: &webhook.parameters,
            inputs: &webhook.inputs,
            connection: &connection,
            registered: None,
            kept: &webhook.kept,
            fetched: &fetched,
            body_bytes_max: self.0.config.body_bytes_max,
        };
        decide(&generation, now, request)
    }

    /// Fetches a document that a proof needs. Its address was found to be one of the service.
    async fn fetched(&self, fetch: &Fetch) -> bool {
        let document = match self.download(&fetch.url).await {
            Ok(document) if document.len() <= DOCUMENT_BYTES_MAX => document,
            Ok(document) => {
                tracing::warn!(url = fetch.url, bytes = document.len(), "a certificate or key set is too large");
                return false;
            }
            Err(error) => {
                tracing::warn!(url = fetch.url, %error, "a certificate or key set cannot be fetched");
                return false;
            }
        };
        let Ok(text) = std::str::from_utf8(&document) else { return false };
        let mut documents = locked(&self.0.door.documents);
        if documents.len() >= DOCUMENTS_MAX {
            documents.clear();
        }
        documents.insert(fetch.url.clone(), (self.now(), text.into()));
        true
    }

    /// Seals what a handshake left, before it is answered.
    async fn keep_handshake(&self, generation: &Subscription, kept: &[(Str, String)]) -> Result<(), AcceptError> {
        if kept.is_empty() {
            return Ok(());
        }
        // The creation may be about to store its own change of the generation: then the newest one is read again.
        for _ in 0..3 {
            let newest = self.0.store.subscription_by_capability(&generation.capability).await?;
            let Some(newest) = newest else { return Err(AcceptError::Gone) };
            let mut record = Record::of(&newest);
            let mut all = self.kept_secrets(&newest, &record)?;
            for (name, value) in kept {
                all.insert(name.clone(), value.as_str());
            }
            record.kept = Some(self.seal_kept(&newest, all)?);
            let state = newest.state;
            match self.put(newest, state, &record, Unit::new()).await {
                Ok(_) => return Ok(()),
                Err(Error::Store(hookmill_store::StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AcceptError::Overloaded { retry_after_s: 1 })
    }

    /// Calls what a handshake asked for. The service asks again when nobody calls, so this is tried for a while only.
    async fn call_after(self, call: Call) {
        for attempt in 0..CALLS_MAX {
            let method = call.method.parse().unwrap_or(hookmill_http::Method::GET);
            let request = hookmill_http::Request::new(method, &call.url).with_timeout(Duration::from_secs(30));
            match self.0.client.send(request).await {
                Ok(answer) if answer.status.is_success() => {
                    tracing::info!(host = host(&call.url), "a handshake was confirmed by a call");
                    return;
                }
                Ok(answer) => tracing::warn!(host = host(&call.url), status = %answer.status, "a confirmation failed"),
                Err(error) => tracing::warn!(host = host(&call.url), error = %error.message, "a confirmation failed"),
            }
            tokio::time::sleep(Duration::from_secs(2 << (2 * attempt))).await;
        }
    }

    /// Waits until a generation is not being created any more, for a short while.
    pub(crate) async fn after_creation(&self, generation: Subscription) -> Result<Subscription, AcceptError> {
        let mut newest = generation;
        let until = tokio::time::Instant::now() + CREATION_WAIT;
        while newest.state == SubscriptionState::Creating && tokio::time::Instant::now() < until {
            tokio::time::sleep(CREATION_LOOK).await;
            let found = self.0.store.subscription_by_capability(&newest.capability).await?;
            newest = found.ok_or(AcceptError::Gone)?;
        }
        Ok(newest)
    }

    /// What is declared for the webhook that an event came by, to read its body.
    pub(crate) async fn declarations_of(
        &self,
        flow: &Flow,
        version: &Version,
        subscription: Option<SubscriptionId>,
    ) -> Result<Arc<Webhook>, Error> {
        let Some(id) = subscription else { return Ok(Arc::default()) };
        let trigger = version.plan.triggers.first();
        let plain = trigger.is_some_and(|trigger| {
            matches!(trigger.kind, TriggerKind::Request { .. }) && declared_by_trigger(trigger).is_none()
        });
        if plain {
            return Ok(Arc::default());
        }
        if let Some((_, known)) = locked(&self.0.door.webhooks).get(&(id, version.number)) {
            return Ok(Arc::clone(known));
        }
        let generations = self.0.store.subscriptions_of(flow.id).await?;
        match generations.into_iter().find(|generation| generation.id == id) {
            Some(generation) => self.webhook(flow, &generation, version).await,
            None => Ok(Arc::default()),
        }
    }
}

/// The host of an address, for logs: the rest may hold a token.
fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}
