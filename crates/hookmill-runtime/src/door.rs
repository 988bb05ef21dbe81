//! What the callback door knows about each webhook: its declarations, its secrets, and the requests it refused.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookmill_connector::Connector;
use hookmill_definition::plan::{Trigger, TriggerKind};
use hookmill_definition::secret;
use hookmill_engine::trigger::evaluate;
use hookmill_model::{
    ConnectorId, Diagnostic, FlowId, FlowState, Object, Pointer, Str, SubscriptionId, SubscriptionState, Timestamp,
    Value,
};
use hookmill_store::{Flow, Subscription, Unit};
use hookmill_webhook::{
    Decision, Declarations, Fetch, Generation, Outcome, Registered, Request, Secret, State, case, decide, read,
};

use crate::notification::{AcceptError, Notification};
use crate::owed::{OWED, owing};
use crate::plans::{Bound, Version, version_of_record};
use crate::record::Record;
use crate::sealed::is_lost;
use crate::throttle::Throttle;
use crate::{Error, Runtime, cores, locked};

/// Webhooks kept ready; all are forgotten when there are more, and made again when needed.
const WEBHOOKS_MAX: usize = 10_000;
/// Fetched documents (certificates, key sets) kept.
const DOCUMENTS_MAX: usize = 100;
/// A proof of a body of at most so many bytes is short work.
const SHORT_BYTES_MAX: usize = 64 * 1_024;
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
/// Deliveries that services were asked for again and that are remembered.
const EXPECTED_MAX: usize = 4_000;
/// Characters of a fingerprint that stand before the identifiers of deliveries.
const MADE_FOR_CHARS: usize = 24;
/// Secrets that one generation has.
const SECRETS_MAX: usize = 4;
/// How long an event waits for its webhook to be created, and how often it looks.
const CREATION_WAIT: Duration = Duration::from_secs(2);
const CREATION_LOOK: Duration = Duration::from_millis(50);

/// A webhook as the door needs it.
#[derive(Debug, Default)]
pub(crate) struct Webhook {
    pub declarations: Declarations,
    /// What its generations have in common that are made for the same: their deliveries are told apart together, so one
    /// that comes by the old and by the new generation of a renewed webhook is known.
    made_for: Str,
    secrets: Vec<Str>,
    parameters: Object,
    inputs: Object,
    kept: Object,
    /// What the service answered to the creation.
    registered: Option<Registered>,
    is_by_hand: bool,
}

impl Webhook {
    /// What the store is told of a delivery that the service calls `key`.
    pub fn delivery(&self, key: &str) -> Bytes {
        Bytes::from(format!("{} {key}", self.made_for))
    }

    /// What a handshake brought and its service wants to hear from a person: the secret of a webhook that no request
    /// created.
    pub fn token(&self) -> Option<&Str> {
        let secret = self.declarations.registration.as_ref()?.secret.as_ref()?;
        let is_told = matches!(secret, Secret::Handshake) && self.registered.is_none();
        self.secrets.first().filter(|_| is_told)
    }

    /// A notification that proved its sender, without the secrets that it showed in doing so: they say nothing more, and
    /// whoever reads them could send notifications.
    pub fn without_secrets(&self, mut notification: Notification) -> Notification {
        let secrets: Vec<&str> = self.secrets.iter().map(|own| &**own).filter(|own| !own.is_empty()).collect();
        if secrets.is_empty() {
            return notification;
        }
        for values in [&mut notification.headers, &mut notification.query] {
            for (_, value) in values.iter_mut() {
                let Some(text) = value.as_str() else { continue };
                if let Some(shown) = secrets.iter().find(|secret| text.contains(**secret)) {
                    *value = text.replace(shown, secret::HIDDEN).into();
                }
            }
        }
        notification
    }
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
    throttles: Mutex<HashMap<SubscriptionId, Throttle>>,
    /// What services were asked to deliver again, by what they call it.
    expected: Mutex<VecDeque<(SubscriptionId, String)>>,
}

impl Door {
    /// A service was asked to deliver something again.
    pub fn expect_again(&self, generation: SubscriptionId, key: String) {
        let mut expected = locked(&self.expected);
        expected.push_back((generation, key));
        if expected.len() > EXPECTED_MAX {
            expected.pop_front();
        }
    }

    /// Whether a delivery was asked for again.
    pub fn is_recovered(&self, generation: SubscriptionId, keys: &[String]) -> bool {
        let mut expected = locked(&self.expected);
        let place = expected.iter().position(|(own, key)| *own == generation && keys.contains(key));
        place.and_then(|place| expected.remove(place)).is_some()
    }

    /// Forgets what was made of connectors that may have changed.
    pub fn forget(&self) {
        locked(&self.webhooks).clear();
    }

    /// Whether a call of an address is looked at.
    fn admits(&self, generation: SubscriptionId, now: Timestamp) -> bool {
        locked(&self.throttles).get_mut(&generation).is_none_or(|throttle| throttle.admits(now))
    }

    fn is_throttled(&self, generation: SubscriptionId, now: Timestamp) -> bool {
        locked(&self.throttles).get(&generation).is_some_and(|throttle| throttle.is_on(now))
    }

    fn note(&self, flow: FlowId, generation: SubscriptionId, call: RefusedCall) {
        {
            let mut throttles = locked(&self.throttles);
            if throttles.len() >= WEBHOOKS_MAX {
                throttles.retain(|_, throttle| throttle.is_on(call.at));
            }
            throttles.entry(generation).or_default().refused(call.at);
        }
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
    // Nothing was registered through a connection, so there is no service that could be asked for anything.
    if declarations.ask_service() {
        let message =
            "A flow's own address cannot ask a service whether a call is genuine: all calls would be refused.";
        findings
            .push(Diagnostic::error("webhook_contradiction", at.child("x-hookmill-verification"), message).with_hint(
                "Declare a signature or a token here. Or declare this in a connector, for its own webhook.",
            ));
    }
    for name in ["x-hookmill-registration", "x-hookmill-renewal", "x-hookmill-recovery"] {
        if members.contains_key(name) {
            let message = format!("{name} has no effect at a flow's own address: nothing is registered at a service.");
            findings.push(Diagnostic::warning("webhook_contradiction", at.child(name), message));
        }
    }
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
    /// Whether there were so many lately that few calls of its address are looked at.
    pub is_throttled: bool,
    /// Whether the service has sent a token that a person has to enter at the service.
    pub has_token: bool,
}

/// What a secret is kept as. The first is the only one nearly everywhere.
pub(crate) fn secret_name(place: usize) -> Str {
    if place == 0 { "secret".into() } else { format!("secret.{}", place + 1).into() }
}

fn secrets_in(kept: &Object) -> Vec<Str> {
    let named = (0..SECRETS_MAX).map(secret_name);
    named.filter_map(|name| kept.get(&name).and_then(Value::as_str).map(Str::from)).collect()
}

/// The answer to the creation, where it is kept.
pub(crate) fn registered(record: &Record) -> Option<Registered> {
    let reply = record.reply.as_ref().filter(|reply| !is_lost(reply))?;
    let headers = reply.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
    Some(Registered { headers, body: reply.get("body").cloned().unwrap_or_default() })
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
        let is_throttled = self.0.door.is_throttled(generation.id, self.now());
        let has_token = webhook.token().is_some();
        Ok(WebhookProof { preset, state, refused: self.refused_calls(flow.id), is_throttled, has_token })
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
        let record = self.opened_record(generation)?;
        let mut made = match version.plan.triggers.first() {
            Some(trigger) if record.is_local() && !record.is_by_hand => {
                self.own_webhook(flow, version, trigger).await?
            }
            _ => {
                // The address that a person enters stays when the trigger's parameters change.
                let now = if record.is_by_hand { self.creation_record(flow, version).await? } else { None };
                let inputs = now.map_or_else(|| record.parameters.clone(), |now| now.parameters);
                let inputs = inputs.as_object().cloned().unwrap_or_default();
                Webhook {
                    declarations: self.declared(flow, &record).await?,
                    // What a declaration asks for beside the secret is a parameter of the trigger.
                    parameters: inputs.clone(),
                    inputs,
                    is_by_hand: record.is_by_hand,
                    ..Webhook::default()
                }
            }
        };
        if let Some(field) = hookmill_connector::entered_secret(&made.declarations) {
            made.secrets.extend(self.secret_of_connection(flow, &record, &field).await?);
        }
        let kept = self.kept_secrets(generation, &record)?;
        made.secrets.extend(secrets_in(&kept));
        made.kept = kept;
        made.registered = registered(&record);
        let told_apart_by = record.told_apart_by.as_ref().unwrap_or(&record.fingerprint);
        made.made_for = told_apart_by.chars().take(MADE_FOR_CHARS).collect::<String>().into();
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
    async fn own_webhook(&self, flow: &Flow, version: &Version, trigger: &Trigger) -> Result<Webhook, Error> {
        let Some(members) = declared_by_trigger(trigger) else { return Ok(Webhook::default()) };
        let at = Pointer::root().child("triggers").child(&trigger.name).child("inputs");
        let declarations = read(&[(members, at)], &mut Vec::new());
        let surroundings = self.surroundings(flow, version, None);
        let inputs =
            |wanted: &dyn Fn() -> bool| evaluate(&version.plan, trigger, &trigger.inputs, &surroundings, wanted);
        let inputs = self.bounded(flow.id, version.is_short(0), inputs).await?;
        let inputs = inputs.map_err(|error| Error::Inputs(error.message.to_string()))?;
        let parameters = inputs.get("x-hookmill-parameters").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut secrets = texts(inputs.get("x-hookmill-secret"));
        secrets.retain(|secret| !secret.is_empty());
        let inputs = parameters.clone();
        Ok(Webhook { declarations, secrets, inputs, parameters, ..Webhook::default() })
    }

    /// What the connector declares for a webhook at a service.
    pub(crate) async fn declared(&self, flow: &Flow, record: &Record) -> Result<Declarations, Error> {
        let Some(operation) = record.operation.as_deref().filter(|operation| !operation.is_empty()) else {
            return Ok(Declarations::default());
        };
        match self.connector_id_of(flow, record).await? {
            Some(connector) => {
                Ok(self.connector_in(connector, version_of_record(flow, record)).await?.webhook(operation))
            }
            None => Ok(Declarations::default()),
        }
    }

    /// Whether the connector says that its service puts this path behind the callback URL.
    pub(crate) async fn takes_suffix(&self, flow: &Flow, generation: &Subscription, path: &str) -> Result<bool, Error> {
        let record = Record::of(generation)?;
        let Some(operation) = record.operation.as_deref() else { return Ok(false) };
        let connector = self.connector_of_record(flow, &record).await?;
        Ok(connector.operation(operation).is_some_and(|operation| operation.takes_suffix(path)))
    }

    async fn connector_id_of(&self, flow: &Flow, record: &Record) -> Result<Option<ConnectorId>, Error> {
        Ok(match record.connection_id {
            Some(connection) => match self.0.store.connection(connection).await? {
                Some(connection) => Some(connection.connector),
                None => None,
            },
            None => {
                let key = record.connection.as_deref().unwrap_or_default();
                let binding = flow.bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(key));
                binding.and_then(|binding| binding.connector)
            }
        })
    }

    /// The connector whose operation creates a webhook.
    pub(crate) async fn connector_of_record(&self, flow: &Flow, record: &Record) -> Result<Arc<Connector>, Error> {
        let missing = || Error::Inputs("The trigger has no connection. Choose one for the flow.".to_owned());
        let id = self.connector_id_of(flow, record).await?.ok_or_else(missing)?;
        self.connector_in(id, version_of_record(flow, record)).await
    }

    /// The secret of webhooks that a person entered for the connection.
    async fn secret_of_connection(&self, flow: &Flow, record: &Record, field: &str) -> Result<Option<Str>, Error> {
        let of_key = || {
            let key = record.connection.as_deref().unwrap_or_default();
            flow.bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(key))?.connection
        };
        let Some(id) = record.connection_id.or_else(of_key) else { return Ok(None) };
        let Some(connection) = self.0.store.connection(id).await? else { return Ok(None) };
        let values = self.unsealed(&connection)?.parameters();
        Ok(values.get(field).and_then(Value::as_str).filter(|secret| !secret.is_empty()).map(Str::from))
    }

    /// Secrets of this generation's own, sealed in its record, where the creation has places for them.
    pub(crate) async fn make_secret(
        &self,
        flow: &Flow,
        generation: &Subscription,
        record: &mut Record,
    ) -> Result<(), Error> {
        let declarations = self.declared(flow, record).await?;
        let mut kept = Object::new();
        for (place, own) in declarations.generated().iter().enumerate() {
            let random = hookmill_vault::random::<64>().map_err(|error| Error::Internal(error.to_string()))?;
            kept.insert(secret_name(place), own.encoding.write(&random[..own.bytes.min(random.len())]));
        }
        if !kept.is_empty() {
            record.kept = Some(self.seal_kept(generation, kept)?);
        }
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
        if !self.0.door.admits(generation.id, self.now()) {
            return Err(AcceptError::Throttled { retry_after_s: 1 });
        }
        let lines = notification.header_lines();
        let request = Request { method: &notification.method, url, headers: &lines, body: &notification.body };
        let mut decision = self.decide(flow, generation, webhook, request, None);
        for _ in 0..FETCHES_MAX {
            let Outcome::Fetch(fetch) = &decision.outcome else { break };
            if !self.fetched(fetch).await {
                break;
            }
            decision = self.decide(flow, generation, webhook, request, None);
        }
        if let Outcome::Ask(question) = &decision.outcome
            && let Some(answer) = self.confirmed(flow, generation, question).await?
        {
            decision = self.decide(flow, generation, webhook, request, Some(answer));
        }
        match &decision.outcome {
            Outcome::Ping { action: Some(action), .. } => self.lifecycle(generation, *action).await?,
            Outcome::Unproven { reasons } => {
                tracing::info!(flow = %flow.id, ?reasons, "a call did not prove its sender");
                let headers = lines.iter().take(NAMES_MAX).map(|(name, _)| name.chars().take(80).collect()).collect();
                let (method, reasons) = (notification.method.clone(), reasons.clone());
                self.0.door.note(flow.id, generation.id, RefusedCall { at: self.now(), method, headers, reasons });
            }
            Outcome::Handshake { kept, calls } => {
                // A call that follows is on disk before the handshake is answered: the service does not ask again.
                let mut kept = kept.clone();
                if let Some(call) = calls.first() {
                    kept.push((OWED.into(), owing(call)));
                }
                self.keep_handshake(generation, &kept).await?;
                if !kept.is_empty() {
                    self.look_after_handshake(flow.id, webhook).await?;
                }
                if let Some(call) = calls.first() {
                    tokio::spawn(self.clone().call_after(generation.id, call.clone()));
                }
            }
            _ => {}
        }
        Ok(decision)
    }

    fn decide(
        &self,
        flow: &Flow,
        generation: &Subscription,
        webhook: &Webhook,
        request: Request<'_>,
        asked: Option<bool>,
    ) -> Decision {
        let state = match generation.state {
            SubscriptionState::Creating => State::Creating,
            SubscriptionState::Live if flow.state != FlowState::On => State::Off,
            // One that a person enters at the service is being made until its secret is known.
            SubscriptionState::Live
                if webhook.is_by_hand && webhook.declarations.needs_secret() && webhook.secrets.is_empty() =>
            {
                State::Creating
            }
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
            registered: webhook.registered.as_ref(),
            kept: &webhook.kept,
            fetched: &fetched,
            asked,
            body_bytes_max: self.0.config.body_bytes_max,
        };
        // Proofs read the whole body, some more than once.
        cores::aside(request.body.len() <= SHORT_BYTES_MAX, || decide(&generation, now, request))
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
            let mut record = Record::of(&newest).map_err(Error::from)?;
            let mut all = self.kept_secrets(&newest, &record)?;
            for (name, value) in kept {
                all.insert(name.clone(), value.as_str());
            }
            record.kept = Some(self.seal_kept(&newest, all)?);
            match self.put(newest, &record, Unit::new()).await {
                Ok(_) => return Ok(()),
                Err(Error::Store(hookmill_store::StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AcceptError::Overloaded { retry_after_s: 1 })
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
