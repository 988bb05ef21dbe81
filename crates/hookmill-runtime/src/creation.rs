//! Creating webhooks at services: by a connector's operation, or by the request that the definition describes.

use std::time::Duration;

use hookmill_connector::{Call, Creation, DeletionAddress, Lookup, Plan, WrittenRequest, match_existing};
use hookmill_definition::plan::{OperationInputs, Trigger, TriggerKind};
use hookmill_engine::subscription::{self as machine, Fact, Input};
use hookmill_engine::trigger::{evaluate, request};
use hookmill_engine::{ActionRequest, Outcome, Performed};
use hookmill_executor::CallContext;
use hookmill_expression::content;
use hookmill_model::{FlowState, Object, RunId, RunKind, RunStatus, SubscriptionState, Timestamp, Value};
use hookmill_store::{Change, Flow, Lane, RunError, RunUpdate, Subscription, Unit};

use crate::begin::EPOCH;
use crate::live::LiveKind;
use crate::plans::{Bound, Version};
use crate::subscriptions::{Record, fold};
use crate::tokens::not_made;
use crate::{Error, Runtime};

/// A service that cannot say which webhooks it has is asked again after this time.
const SEARCH_AGAIN: Duration = Duration::from_secs(30);

impl Runtime {
    /// Creates a generation and its webhook. Gives the run that records it.
    pub(crate) async fn create(
        &self,
        flow: &Flow,
        fingerprint: String,
        version: &Version,
        trigger: &Trigger,
    ) -> Result<RunId, Error> {
        let (mut generation, capability, sealed) = self.new_generation(flow).await?;
        let url = format!("{}/callback/{capability}", self.0.config.hooks_url());
        let mut record = Record { fingerprint, sealed, ..Record::default() };
        if let TriggerKind::ConnectorWebhook(call) = &trigger.kind {
            let surroundings = self.surroundings(flow, version, Some(url.as_str().into()));
            record.parameters = evaluate(&version.plan, trigger, call.operation.inputs(), &surroundings)
                .map_err(|error| Error::Inputs(error.message.to_string()))?;
            // A request by path is resolved against the connector when it is sent.
            record.operation = Some(match &call.operation {
                OperationInputs::ById { operation_id, .. } => operation_id.to_string(),
                OperationInputs::ByPath(_) => String::new(),
            });
            let bound = flow.bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(&call.connection));
            record.connection = Some(call.connection.to_string());
            record.connection_id = bound.and_then(|binding| binding.connection);
        } else {
            record.described_in = Some(version.number);
        }
        self.make_secret(flow, &generation, &mut record).await?;
        let callback = format!("{}/callback/…", self.0.config.hooks_url());
        let mut state = machine::Subscription::default();
        let facts = machine::decide(&state, self.now(), Input::Create { callback: callback.into() });
        fold(&mut state, &facts);
        generation.state = record.take(state);
        let run = self.webhook_run(flow, &generation, RunKind::CreateWebhook, facts.len());
        record.run = Some(run.id);
        generation.record = serde_json::to_vec(&record).unwrap_or_default().into();
        let unit = Unit::from(Change::PutSubscription(generation.clone()))
            .with(Change::StartRun(run.clone(), facts.iter().map(Fact::encode).collect()));
        self.0.store.commit(unit, Lane::Work).await?;
        self.send_creation(flow, generation, record, &url).await?;
        Ok(run.id)
    }

    /// Sends the creation and stores what came of it.
    async fn send_creation(
        &self,
        flow: &Flow,
        mut generation: Subscription,
        record: Record,
        url: &str,
    ) -> Result<(), Error> {
        let mark = generation.id.to_string();
        let context = CallContext { idempotency_key: Some(&mark), ..CallContext::outside_runs() };
        let mut record = record;
        if let Some(number) = record.described_in {
            let (performed, address) = self.subscribe(flow, number, url, &context).await?;
            record.reply = address.as_ref().and_then(|_| reply(&performed.outcome));
            let input = Input::CreationEnded {
                performed: self.without_capability(performed, url),
                address,
                warning: None,
                refused: None,
            };
            let facts = machine::decide(&record.machine(SubscriptionState::Creating), self.now(), input);
            return self.finish_creation(flow, generation, record, facts).await;
        }
        let bound = self.bound_record(flow, &record).await;
        let (performed, learned) = match bound {
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => (not_made(&error), Learned::default()),
            Ok(bound) => {
                let wait = self.0.config.service_wait;
                // A policy may have sent the creation elsewhere than the connector's file says.
                let created = std::sync::Mutex::new(String::new());
                let planned = |bound: &Bound, lookups: &[Lookup]| {
                    let planned = self.plan_creation(bound, &generation, &record, url, lookups)?;
                    if let Plan::Request(planned) = &planned {
                        *crate::locked(&created) = planned.url.to_string();
                    }
                    Ok::<_, String>(planned)
                };
                let sent = self.send_through(&bound, wait, &context, planned).await;
                let mut performed = sent.unwrap_or_else(|message| not_sent(&message));
                self.learn_secret(&bound, &mut generation, &mut record, &mut performed).await?;
                let created = crate::locked(&created).clone();
                let learned = learned(&bound, &record, &created, &performed);
                (self.without_capability(performed, url), learned)
            }
        };
        let Learned { address, warning, refused } = learned;
        let address = address.map(|address| self.kept_address(&generation, &address)).transpose()?;
        let input = Input::CreationEnded {
            performed,
            address,
            warning: warning.map(Into::into),
            refused: refused.map(Into::into),
        };
        let facts = machine::decide(&record.machine(SubscriptionState::Creating), self.now(), input);
        self.finish_creation(flow, generation, record, facts).await
    }

    /// The creation with the secret of the webhook in its place. A secret that the maker gave stays.
    fn plan_creation(
        &self,
        bound: &Bound,
        generation: &Subscription,
        record: &Record,
        url: &str,
        lookups: &[Lookup],
    ) -> Result<Plan, String> {
        let mut planned = match plan(bound, record, url, lookups)? {
            Plan::Request(planned) => planned,
            lookup @ Plan::Lookup(_) => return Ok(lookup),
        };
        let declarations = bound.connector.webhook(record.operation.as_deref().unwrap_or_default());
        let Some((_, _, place)) = declarations.generated() else { return Ok(Plan::Request(planned)) };
        let kept = self.kept_secrets(generation, record).map_err(|error| error.to_string())?;
        if let Some(secret) = kept.get("secret").and_then(Value::as_str) {
            place.put(&mut planned.body, secret);
            planned.secrets.push(secret.into());
        }
        Ok(Plan::Request(planned))
    }

    /// Takes the secret that the service shows in its answer, and hides it there. What a handshake left during the
    /// creation is taken over.
    async fn learn_secret(
        &self,
        bound: &Bound,
        generation: &mut Subscription,
        record: &mut Record,
        performed: &mut Performed,
    ) -> Result<(), Error> {
        if let Some(newest) = self.0.store.subscription_by_capability(&generation.capability).await?
            && newest.etag != generation.etag
        {
            record.kept = Record::of(&newest).kept;
            *generation = newest;
        }
        let Outcome::Replied { status: 200..=299, headers, body } = &mut performed.outcome else { return Ok(()) };
        let headers_value = Value::from(headers.clone());
        let secret = self.take_secret(bound, generation, record, &headers_value, body.as_ref())?;
        if let (Some(secret), Some(body)) = (secret, body.as_mut()) {
            let hidden = body.to_json().replace(&Value::from(secret).to_json(), "\"…\"");
            *body = Value::from_json(hidden.as_bytes()).unwrap_or_default();
        }
        Ok(())
    }

    /// Sends the subscription that the definition describes. Without `unsubscribe` it cannot be deleted.
    async fn subscribe(
        &self,
        flow: &Flow,
        number: u32,
        url: &str,
        context: &CallContext<'_>,
    ) -> Result<(Performed, Option<Value>), Error> {
        let version = self.version(flow.id, number).await?;
        let Some(trigger) = version.plan.triggers.first() else {
            return Ok((not_sent("The version has no trigger."), None));
        };
        let surroundings = self.surroundings(flow, &version, Some(url.into()));
        let made = request(&version.plan, trigger, &surroundings);
        let performed = match made {
            Ok(mut made) => {
                if let ActionRequest::Http(http) = &mut made {
                    http.timeout = http.timeout.min(self.0.config.service_wait);
                }
                self.perform_request(flow, &made, context).await
            }
            Err(error) => not_sent(&error.message),
        };
        let can_end = matches!(&trigger.kind, TriggerKind::HttpWebhook { unsubscribe: Some(_), .. });
        Ok((performed, can_end.then(|| Value::object([("method", "DELETE"), ("url", "")]))))
    }

    /// The unguessable address is shown nowhere.
    pub(crate) fn without_capability(&self, mut performed: Performed, url: &str) -> Performed {
        let shown = format!("{}/callback/…", self.0.config.hooks_url());
        let replace = |value: &Value| -> Value {
            Value::from_json(value.to_json().replace(url, &shown).as_bytes()).unwrap_or_default()
        };
        performed.request = replace(&performed.request);
        if let Outcome::Replied { body: Some(body), .. } = &mut performed.outcome {
            *body = replace(body);
        }
        performed
    }

    pub(crate) async fn finish_creation(
        &self,
        flow: &Flow,
        generation: Subscription,
        mut record: Record,
        facts: Vec<Fact>,
    ) -> Result<(), Error> {
        let mut state = record.machine(SubscriptionState::Creating);
        fold(&mut state, &facts);
        let after = record.take(state);
        let mut unit = Unit::new();
        if let Some(run) = record.run {
            let error = record.refusal.as_ref().map(|refusal| RunError {
                code: refusal.code.to_string(),
                message: refusal.message.to_string(),
                hint: refusal.hint.as_ref().map(|hint| hint.to_string()),
            });
            let status = if after == SubscriptionState::Live { RunStatus::Succeeded } else { RunStatus::Failed };
            let from = self.0.store.run(run).await?.map_or(0, |listed| listed.run.facts);
            let update = RunUpdate::ended(status, self.now(), error);
            unit.push(Change::AppendFacts {
                run,
                epoch: EPOCH,
                from,
                facts: facts.iter().map(Fact::encode).collect(),
                update,
            });
            self.0.live.publish(
                flow.owner,
                LiveKind::Run,
                run.to_string(),
                Some(flow.id.to_string()),
                Some(status.as_str()),
            );
        }
        if after == SubscriptionState::Failed {
            // A flow whose webhook was refused is saved, and off.
            if let Some(mut stored) = self.0.store.flow(flow.id).await? {
                stored.state = FlowState::Off;
                stored.etag += 1;
                stored.updated_at = self.now();
                unit.push(Change::PutFlow(stored));
            }
        }
        self.put(generation, after, &record, unit).await?;
        self.0.live.publish(flow.owner, LiveKind::Flow, flow.id.to_string(), None, None);
        Ok(())
    }

    /// A creation whose outcome a crash hid, of a generation that is not wanted any more or cannot be looked for.
    pub(crate) async fn give_up_creation(
        &self,
        flow: &Flow,
        generation: Subscription,
        record: Record,
    ) -> Result<Option<Timestamp>, Error> {
        let facts = machine::decide(&record.machine(SubscriptionState::Creating), self.now(), Input::CannotSearch);
        self.finish_creation(flow, generation, record, facts).await?;
        // Another look creates what is wanted.
        Ok(Some(self.now()))
    }

    /// A crash hid the answer to a creation: the service is asked what it has. Gives when to look again.
    pub(crate) async fn resume_creation(
        &self,
        flow: &Flow,
        generation: Subscription,
        record: Record,
    ) -> Result<Option<Timestamp>, Error> {
        if record.described_in.is_some() {
            return self.give_up_creation(flow, generation, record).await;
        }
        let Some(url) = self.callback_url(&generation, &record) else {
            return Err(Error::Credentials { name: "webhook".to_owned() });
        };
        let bound = match self.bound_record(flow, &record).await {
            Ok(bound) => bound,
            Err(Error::TokenUnavailable { .. }) => return Ok(Some(self.now().plus(SEARCH_AGAIN))),
            Err(Error::SignedOut { .. } | Error::TokenRefused { .. } | Error::OauthIncomplete { .. }) => {
                return self.give_up_creation(flow, generation, record).await;
            }
            Err(error) => return Err(error),
        };
        let operation = creation(&bound, &record);
        let search = |bound: &Bound| {
            let (own, values) = operation.as_ref()?;
            bound.connector.plan_search(own, values, bound.credentials.as_ref())
        };
        let (Some((operation, parameters)), Some(planned)) = (&operation, search(&bound)) else {
            return self.give_up_creation(flow, generation, record).await;
        };
        let created = planned.url.to_string();
        let plan = |bound: &Bound, _: &[Lookup]| {
            search(bound).map(Plan::Request).ok_or("The service cannot be asked for its webhooks.")
        };
        let context = CallContext::outside_runs();
        let asked = self.send_through(&bound, self.0.config.service_wait, &context, plan).await;
        let performed = asked.unwrap_or_else(not_sent);
        let Outcome::Replied { status: 200..=299, body, .. } = &performed.outcome else {
            // The service cannot be asked now.
            return Ok(Some(self.now().plus(SEARCH_AGAIN)));
        };
        match match_existing(body.as_ref().unwrap_or(&Value::Null), &url) {
            Some(found) => {
                let headers = Object::new();
                let creation =
                    Creation { url: &created, parameters, status: 200, headers: &headers, body: Some(found) };
                let address = bound.connector.deletion_address(operation, &creation, bound.credentials.as_ref()).ok();
                let address = address.map(|address| self.kept_address(&generation, &address)).transpose()?;
                let address = address.unwrap_or_default();
                let input = Input::Found { address, performed: self.without_capability(performed, &url) };
                let facts = machine::decide(&record.machine(SubscriptionState::Creating), self.now(), input);
                self.finish_creation(flow, generation, record, facts).await?;
            }
            None => self.send_creation(flow, generation, record, &url).await?,
        }
        Ok(None)
    }
}

/// A request that could not even be made.
pub(crate) fn not_sent(message: &str) -> Performed {
    let code = "BadRequest".into();
    let outcome = Outcome::NoReply { code, message: message.into(), maybe_sent: false, retryable: false };
    Performed { outcome, request: Value::Null }
}

/// The answer as expressions see it.
fn reply(outcome: &Outcome) -> Option<Value> {
    let Outcome::Replied { status, headers, body } = outcome else { return None };
    let mut members = Object::with_capacity(3);
    members.insert("statusCode", Value::Integer((*status).into()));
    members.insert("headers", headers.clone());
    if let Some(body) = body {
        members.insert("body", body.clone());
    }
    Some(members.into())
}

fn plan(bound: &Bound, record: &Record, url: &str, lookups: &[Lookup]) -> Result<Plan, String> {
    let call = Call {
        parameters: Some(&record.parameters),
        callback_url: Some(url),
        credentials: bound.credentials.as_ref(),
        lookups,
        ..Call::default()
    };
    let id = record.operation.as_deref().unwrap_or_default();
    if id.is_empty() {
        let part = |name: &str| record.parameters.get(name).cloned().unwrap_or_default();
        let method = record.parameters.get("method").map_or_else(|| "post".into(), content::to_text);
        let path = record.parameters.get("path").map(content::to_text).unwrap_or_default();
        let (queries, headers, body) = (part("queries"), part("headers"), part("body"));
        let written =
            WrittenRequest { method: &method, path: &path, queries: &queries, headers: &headers, body: &body };
        return bound.connector.plan_by_path(&written, &call).map_err(|error| error.to_string());
    }
    let operation = bound.connector.operation(id);
    let operation =
        operation.ok_or_else(|| format!("The connector '{}' has no trigger '{id}'.", bound.connector.name))?;
    bound.connector.plan_request(operation, &call).map_err(|error| error.to_string())
}

/// The operation that creates a webhook, with the values of its names; a request by path is looked up.
fn creation<'a>(bound: &'a Bound, record: &Record) -> Option<(&'a hookmill_connector::Operation, Value)> {
    let id = record.operation.as_deref().unwrap_or_default();
    if let Some(operation) = bound.connector.operation(id) {
        return Some((operation, record.parameters.clone()));
    }
    let method = record.parameters.get("method").map_or_else(|| "post".into(), content::to_text);
    let path = record.parameters.get("path").map(content::to_text)?;
    let (operation, values) = bound.connector.operation_by_path(&method, &path)?;
    Some((operation, values.into()))
}

/// What the answer to a creation says.
#[derive(Default)]
struct Learned {
    /// How the webhook is deleted.
    address: Option<DeletionAddress>,
    /// What the maker should know.
    warning: Option<String>,
    /// Why nothing was created although the status was good.
    refused: Option<String>,
}

fn learned(bound: &Bound, record: &Record, created: &str, performed: &Performed) -> Learned {
    let Outcome::Replied { status: status @ 200..=299, headers, body } = &performed.outcome else {
        return Learned::default();
    };
    let Some((operation, parameters)) = creation(bound, record) else {
        let warning = "The connector does not describe the creation, so the webhook cannot be deleted.".to_owned();
        return Learned { warning: Some(warning), ..Learned::default() };
    };
    let creation = Creation { url: created, parameters: &parameters, status: *status, headers, body: body.as_ref() };
    if let Err(reason) = bound.connector.created(operation, &creation) {
        return Learned { refused: Some(reason), ..Learned::default() };
    }
    match bound.connector.deletion_address(operation, &creation, bound.credentials.as_ref()) {
        Ok(address) => Learned { address: Some(address), ..Learned::default() },
        Err(reason) => Learned { warning: Some(reason), ..Learned::default() },
    }
}
