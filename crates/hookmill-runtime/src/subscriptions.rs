//! Webhooks at services: what should be against what is. Level-triggered: every look compares the flow with its
//! generations and takes the next step, so that it does not matter what was missed.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_connector::{DeletionAddress, match_existing};
use hookmill_definition::plan::{ConnectorInputs, OperationInputs, Trigger, TriggerKind};
use hookmill_engine::subscription::{self as machine, Fact, Input};
use hookmill_engine::trigger::{Surroundings, evaluate};
use hookmill_engine::{Outcome, Performed};
use hookmill_executor::CallContext;
use hookmill_expression::{content, member};
use hookmill_model::{
    ConnectionId, FlowId, FlowState, RunId, RunKind, RunStatus, Str, SubscriptionState, Timestamp, Value,
};
use hookmill_store::{Change, Expect, Flow, Lane, Run, RunError, RunUpdate, Subscription, Unit};
use serde::{Deserialize, Serialize};

use crate::dispatch::EPOCH;
use crate::live::LiveKind;
use crate::perform::outgoing;
use crate::plans::{Bound, Version};
use crate::{Error, Runtime, locked};

/// What is kept of a generation beside its state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What it was made for; another value asks for another generation.
    pub fingerprint: String,
    /// The sealed capability, base64.
    pub sealed: String,
    /// The bound connection's key.
    pub connection: Option<String>,
    /// The connection that it was made with; it is deleted with the same one.
    pub connection_id: Option<ConnectionId>,
    /// The operation that creates it.
    pub operation: Option<String>,
    /// The evaluated parameters of the creation.
    pub parameters: Value,
    /// How it is deleted.
    pub address: Option<Value>,
    /// What the maker should know.
    pub warning: Option<String>,
    /// Why it was refused.
    pub refusal: Option<machine::Refusal>,
    /// Deletions tried.
    pub tries: u32,
    /// When the next deletion is due.
    pub retry_at: Option<Timestamp>,
    /// The run that records the creation.
    pub run: Option<RunId>,
}

impl Record {
    pub(crate) fn of(subscription: &Subscription) -> Self {
        serde_json::from_slice(&subscription.record).unwrap_or_default()
    }

    fn machine(&self, state: SubscriptionState) -> machine::Subscription {
        machine::Subscription {
            state,
            address: self.address.clone(),
            warning: self.warning.as_deref().map(Into::into),
            refusal: self.refusal.clone(),
            tries: self.tries,
            retry_at: self.retry_at,
        }
    }

    fn take(&mut self, machine: machine::Subscription) -> SubscriptionState {
        self.address = machine.address;
        self.warning = machine.warning.map(|warning| warning.to_string());
        self.refusal = machine.refusal;
        self.tries = machine.tries;
        self.retry_at = machine.retry_at;
        machine.state
    }
}

/// What a flow's trigger needs of the world.
enum Desired {
    /// Nothing.
    Nothing,
    /// An address of its own.
    Local,
    /// A webhook at a service.
    Remote { call: ConnectorInputs, fingerprint: String },
}

fn desired(flow: &Flow, trigger: Option<&Trigger>) -> Desired {
    if flow.state != FlowState::On || flow.deleted_at.is_some() {
        return Desired::Nothing;
    }
    match trigger.map(|trigger| (&trigger.kind, trigger)) {
        Some((TriggerKind::Request { .. }, _)) => Desired::Local,
        Some((TriggerKind::ConnectorWebhook(call), trigger)) => {
            let bound = flow.bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(&call.connection));
            let connection = bound.and_then(|binding| binding.connection).map(|id| id.to_string());
            let fingerprint = format!("{}\n{}", connection.unwrap_or_default(), trigger.inputs.source());
            Desired::Remote { call: call.clone(), fingerprint }
        }
        _ => Desired::Nothing,
    }
}

impl Runtime {
    fn flow_lock(&self, flow: FlowId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(locked(&self.0.locks).entry(flow).or_default())
    }

    /// Takes up creations and deletions that an earlier process left.
    pub(crate) async fn recover_subscriptions(self) {
        let unfinished = self.0.store.subscriptions_unfinished().await.unwrap_or_default();
        let mut flows: Vec<FlowId> = unfinished.iter().map(|subscription| subscription.flow).collect();
        flows.sort();
        flows.dedup();
        for flow in flows {
            if let Err(error) = Box::pin(self.reconcile(flow)).await {
                tracing::error!(%flow, %error, "a webhook cannot be taken up");
            }
        }
    }

    /// Compares a flow with its webhooks and does what is missing. Gives the run of a creation.
    pub(crate) async fn reconcile(&self, id: FlowId) -> Result<Option<RunId>, Error> {
        let lock = self.flow_lock(id);
        let _held = lock.lock().await;
        let flow = self.0.store.flow(id).await?.ok_or_else(|| Error::not_found("flow", id))?;
        let version = if flow.version > 0 && flow.state == FlowState::On {
            Some(self.version(id, flow.version).await?)
        } else {
            None
        };
        let desired = desired(&flow, version.as_ref().and_then(|version| version.plan.triggers.first()));
        let mut existing = false;
        for generation in self.0.store.subscriptions_of(id).await? {
            let record = Record::of(&generation);
            let is_local = record.operation.is_none();
            let fits = match &desired {
                Desired::Nothing => false,
                Desired::Local => is_local,
                Desired::Remote { fingerprint, .. } => !is_local && record.fingerprint == *fingerprint,
            };
            match generation.state {
                SubscriptionState::Creating if fits => {
                    Box::pin(self.resume_creation(&flow, generation, record)).await?;
                    return Ok(None);
                }
                SubscriptionState::Live if fits && !existing => existing = true,
                SubscriptionState::Gone if is_local && fits && !existing => {
                    self.put(generation, SubscriptionState::Live, &record, Unit::new()).await?;
                    existing = true;
                }
                SubscriptionState::Live | SubscriptionState::Creating if is_local => {
                    self.put(generation, SubscriptionState::Gone, &record, Unit::new()).await?;
                }
                SubscriptionState::Live => Box::pin(self.delete(&flow, generation, record)).await?,
                SubscriptionState::Creating => {
                    let facts =
                        machine::decide(&record.machine(SubscriptionState::Creating), self.now(), Input::CannotSearch);
                    self.finish_creation(&flow, generation, record, facts).await?;
                }
                SubscriptionState::Deleting if record.retry_at.is_none_or(|at| at <= self.now()) => {
                    Box::pin(self.delete(&flow, generation, record)).await?;
                }
                SubscriptionState::Deleting => self.look_again(id, record.retry_at),
                _ => {}
            }
        }
        match desired {
            Desired::Local if !existing => {
                self.create_local(&flow).await?;
                Ok(None)
            }
            Desired::Remote { call, fingerprint } if !existing => {
                let Some(version) = version else { return Ok(None) };
                let Some(trigger) = version.plan.triggers.first() else { return Ok(None) };
                Box::pin(self.create(&flow, &call, fingerprint, (&version, trigger))).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    fn look_again(&self, flow: FlowId, at: Option<Timestamp>) {
        let runtime = self.clone();
        let wait = at.map(|at| at.since(self.now())).unwrap_or_default();
        let mut stopped = self.stopped();
        tokio::spawn(async move {
            tokio::select! {
                _ = stopped.changed() => {}
                () = tokio::time::sleep(wait) => {
                    if let Err(error) = runtime.reconcile_boxed(flow).await {
                        tracing::error!(%flow, %error, "a webhook cannot be deleted now");
                    }
                }
            }
        });
    }

    /// The same look; its type is erased, since looks arrange further looks.
    fn reconcile_boxed(
        &self,
        flow: FlowId,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Option<RunId>, Error>> + Send + '_>> {
        Box::pin(self.reconcile(flow))
    }

    /// Stores a generation in its new state, together with further changes.
    async fn put(
        &self,
        mut generation: Subscription,
        state: SubscriptionState,
        record: &Record,
        unit: Unit,
    ) -> Result<Subscription, Error> {
        let expected = Expect::SubscriptionEtag(generation.id, generation.etag);
        generation.state = state;
        generation.etag += 1;
        generation.updated_at = self.now();
        generation.record = serde_json::to_vec(record).unwrap_or_default().into();
        let unit = unit.expect(expected).with(Change::PutSubscription(generation.clone()));
        self.0.store.commit(unit, Lane::Work).await?;
        Ok(generation)
    }

    /// What the inputs of a flow's trigger may know.
    pub(crate) fn surroundings(&self, flow: &Flow, version: &Version, callback_url: Option<Str>) -> Surroundings {
        Surroundings {
            parameters: version.parameters.clone(),
            workflow: crate::dispatch::workflow(flow, None),
            callback_url,
            outputs: None,
            seed: 1,
            now: self.now(),
        }
    }

    async fn new_generation(&self, flow: &Flow) -> Result<(Subscription, String, String), Error> {
        let internal = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
        let capability = hookmill_vault::make_capability().map_err(|error| internal(&error))?;
        let newest = self.0.store.subscriptions_of(flow.id).await?.iter().map(|known| known.generation).max();
        let now = self.now();
        let id = self.new_id();
        let generation = Subscription {
            id,
            flow: flow.id,
            owner: flow.owner,
            generation: newest.unwrap_or(0) + 1,
            state: SubscriptionState::Creating,
            etag: 1,
            capability: self.0.vault.lookup("callback", &capability),
            record: Vec::new().into(),
            created_at: now,
            updated_at: now,
        };
        let sealed = self.0.vault.seal(&id.to_string(), capability.as_bytes()).map_err(|error| internal(&error))?;
        Ok((generation, capability.to_string(), STANDARD.encode(sealed)))
    }

    async fn create_local(&self, flow: &Flow) -> Result<(), Error> {
        let (mut generation, _, sealed) = self.new_generation(flow).await?;
        let record = Record { sealed, ..Record::default() };
        generation.state = SubscriptionState::Live;
        generation.record = serde_json::to_vec(&record).unwrap_or_default().into();
        self.0.store.commit(Unit::from(Change::PutSubscription(generation)), Lane::Work).await?;
        Ok(())
    }

    /// The callback URL of a generation.
    pub(crate) fn callback_url(&self, generation: &Subscription, record: &Record) -> Option<String> {
        let sealed = STANDARD.decode(&record.sealed).ok()?;
        let capability = self.0.vault.unseal(&generation.id.to_string(), &sealed).ok()?;
        let capability = std::str::from_utf8(&capability).ok()?;
        Some(format!("{}/callback/{capability}", self.0.config.public_url))
    }

    /// The connection that a generation was made with.
    async fn bound_record(&self, flow: &Flow, record: &Record) -> Result<Bound, Error> {
        match record.connection_id {
            Some(connection) => self.bound(flow.owner, connection).await,
            None => self.bound_key(flow.owner, &flow.bindings, record.connection.as_deref().unwrap_or_default()).await,
        }
    }

    fn webhook_run(&self, flow: &Flow, generation: &Subscription, kind: RunKind, facts: usize) -> Run {
        Run {
            id: self.new_id(),
            owner: flow.owner,
            flow: flow.id,
            version: flow.version,
            kind,
            status: RunStatus::Running,
            epoch: EPOCH,
            facts: facts as u64,
            started_at: self.now(),
            ended_at: None,
            trigger: Value::from_json(&flow.trigger)
                .ok()
                .and_then(|trigger| trigger.get("name")?.as_str().map(ToOwned::to_owned))
                .unwrap_or_default(),
            summary: if kind == RunKind::CreateWebhook { "Webhook created" } else { "Webhook deleted" }.to_owned(),
            event: None,
            subscription: Some(generation.id),
            resubmitted_from: None,
            parent: None,
            error: None,
        }
    }

    async fn create(
        &self,
        flow: &Flow,
        call: &ConnectorInputs,
        fingerprint: String,
        (version, trigger): (&Version, &Trigger),
    ) -> Result<RunId, Error> {
        let (mut generation, capability, sealed) = self.new_generation(flow).await?;
        let url = format!("{}/callback/{capability}", self.0.config.public_url);
        let (operation, inputs) = match &call.operation {
            OperationInputs::ById { operation_id, parameters } => (Some(operation_id.to_string()), parameters),
            OperationInputs::ByPath(request) => (None, request),
        };
        let surroundings = self.surroundings(flow, version, Some(url.as_str().into()));
        let evaluated = evaluate(&version.plan, trigger, inputs, &surroundings)
            .map_err(|error| Error::Inputs(error.message.to_string()))?;
        let mut record = Record {
            fingerprint,
            sealed,
            connection: Some(call.connection.to_string()),
            connection_id: flow
                .bindings
                .iter()
                .find(|binding| binding.key.eq_ignore_ascii_case(&call.connection))
                .and_then(|binding| binding.connection),
            // A request by path is resolved against the connector when it is sent.
            operation: Some(operation.unwrap_or_default()),
            parameters: evaluated,
            ..Record::default()
        };
        let callback = format!("{}/callback/…", self.0.config.public_url);
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
        generation: Subscription,
        record: Record,
        url: &str,
    ) -> Result<(), Error> {
        let no_reply = |message: String| Performed {
            outcome: Outcome::NoReply {
                code: "BadRequest".into(),
                message: message.into(),
                maybe_sent: false,
                retryable: false,
            },
            request: Value::Null,
        };
        let bound = self.bound_record(flow, &record).await;
        let (performed, address, warning) = match bound {
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => (no_reply(error.to_string()), None, None),
            Ok(bound) => match plan(&bound, &record, url) {
                Err(message) => (no_reply(message), None, None),
                Ok(planned) => {
                    let created = planned.url.to_string();
                    let mark = generation.id.to_string();
                    let context = CallContext { idempotency_key: Some(&mark), ..CallContext::outside_runs() };
                    let performed =
                        self.0.executor.send(&outgoing(planned, self.0.config.service_wait), &context).await;
                    let (address, warning) = learned(&bound, &record, &created, &performed);
                    (self.without_capability(performed, url), address, warning)
                }
            },
        };
        let input = Input::CreationEnded { performed, address, warning: warning.map(Into::into) };
        let facts = machine::decide(&record.machine(SubscriptionState::Creating), self.now(), input);
        self.finish_creation(flow, generation, record, facts).await
    }

    /// The unguessable address is shown nowhere.
    fn without_capability(&self, mut performed: Performed, url: &str) -> Performed {
        let shown = format!("{}/callback/…", self.0.config.public_url);
        let replace = |value: &Value| -> Value {
            Value::from_json(value.to_json().replace(url, &shown).as_bytes()).unwrap_or_default()
        };
        performed.request = replace(&performed.request);
        if let Outcome::Replied { body: Some(body), .. } = &mut performed.outcome {
            *body = replace(body);
        }
        performed
    }

    async fn finish_creation(
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

    /// A crash hid the answer to a creation: the service is asked what it has.
    async fn resume_creation(&self, flow: &Flow, generation: Subscription, record: Record) -> Result<(), Error> {
        let Some(url) = self.callback_url(&generation, &record) else {
            return Err(Error::Credentials { name: "webhook".to_owned() });
        };
        let bound = self.bound_record(flow, &record).await?;
        let operation = creation(&bound, &record);
        let search = operation
            .as_ref()
            .and_then(|(own, values)| bound.connector.plan_search(own, values, bound.credentials.as_ref()));
        let state = record.machine(SubscriptionState::Creating);
        let (Some((operation, parameters)), Some(search)) = (operation, search) else {
            let facts = machine::decide(&state, self.now(), Input::CannotSearch);
            self.finish_creation(flow, generation, record, facts).await?;
            self.look_again(flow.id, None);
            return Ok(());
        };
        let created = search.url.to_string();
        let performed =
            self.0.executor.send(&outgoing(search, self.0.config.service_wait), &CallContext::outside_runs()).await;
        let answer = match &performed.outcome {
            Outcome::Replied { status: 200..=299, body, .. } => body.clone().unwrap_or_default(),
            _ => {
                // The service cannot be asked now: look again soon.
                self.look_again(flow.id, Some(self.now().plus(Duration::from_secs(30))));
                return Ok(());
            }
        };
        match match_existing(&answer, &url) {
            Some(found) => {
                let address =
                    bound.connector.deletion_address(operation, &parameters, &created, None, Some(found)).ok();
                let address =
                    address.and_then(|address| serde_json::to_value(address).ok()).map(Value::from).unwrap_or_default();
                let input = Input::Found { address, performed: self.without_capability(performed, &url) };
                let facts = machine::decide(&state, self.now(), input);
                self.finish_creation(flow, generation, record, facts).await
            }
            None => self.send_creation(flow, generation, record, &url).await,
        }
    }

    /// Deletes a webhook at the service, or arranges another try.
    async fn delete(&self, flow: &Flow, generation: Subscription, mut record: Record) -> Result<(), Error> {
        let mut state = record.machine(generation.state);
        let begun = machine::decide(&state, self.now(), Input::Delete);
        fold(&mut state, &begun);
        let after = record.take(state);
        let run = self.webhook_run(flow, &generation, RunKind::DeleteWebhook, begun.len());
        let unit = Unit::from(Change::StartRun(run.clone(), begun.iter().map(Fact::encode).collect()));
        let generation = self.put(generation, after, &record, unit).await?;
        let address: Option<DeletionAddress> =
            record.address.as_ref().and_then(|address| serde_json::from_value(serde_json::Value::from(address)).ok());
        let performed = match address {
            None => None,
            Some(address) => {
                let planned = match self.bound_record(flow, &record).await {
                    Ok(bound) => bound
                        .connector
                        .plan_deletion(&address, bound.credentials.as_ref())
                        .map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                Some(match planned {
                    Ok(planned) => {
                        self.0
                            .executor
                            .send(&outgoing(planned, self.0.config.service_wait), &CallContext::outside_runs())
                            .await
                    }
                    Err(message) => Performed {
                        outcome: Outcome::NoReply {
                            code: "BadRequest".into(),
                            message: message.into(),
                            maybe_sent: false,
                            retryable: false,
                        },
                        request: Value::Null,
                    },
                })
            }
        };
        let mut state = record.machine(generation.state);
        let facts = machine::decide(&state, self.now(), Input::DeletionEnded(performed));
        fold(&mut state, &facts);
        let after = record.take(state);
        let (status, error) = match (after, record.retry_at) {
            (SubscriptionState::Gone, _) => (RunStatus::Succeeded, None),
            _ => {
                let message = "The service did not delete the webhook; it is tried again.".to_owned();
                (RunStatus::Failed, Some(RunError { code: "webhook_undeleted".to_owned(), message, hint: None }))
            }
        };
        let update = RunUpdate::ended(status, self.now(), error);
        let change = Change::AppendFacts {
            run: run.id,
            epoch: EPOCH,
            from: begun.len() as u64,
            facts: facts.iter().map(Fact::encode).collect(),
            update,
        };
        self.put(generation, after, &record, Unit::from(change)).await?;
        if after == SubscriptionState::Deleting {
            self.look_again(flow.id, record.retry_at);
        }
        self.0.live.publish(flow.owner, LiveKind::Flow, flow.id.to_string(), None, None);
        Ok(())
    }
}

fn fold(state: &mut machine::Subscription, facts: &[Fact]) {
    for fact in facts {
        if let Err(error) = machine::apply(state, fact) {
            tracing::error!(%error, "a webhook's fact does not follow");
        }
    }
}

fn plan(bound: &Bound, record: &Record, url: &str) -> Result<hookmill_connector::PlannedRequest, String> {
    let credentials = bound.credentials.as_ref();
    let id = record.operation.as_deref().unwrap_or_default();
    if id.is_empty() {
        let part = |name: &str| record.parameters.get(name).cloned().unwrap_or_default();
        let method = record.parameters.get("method").map_or_else(|| "post".into(), content::to_text);
        let path = record.parameters.get("path").map(content::to_text).unwrap_or_default();
        return bound
            .connector
            .plan_by_path(&method, &path, &part("queries"), &part("headers"), &part("body"), Some(url), credentials)
            .map_err(|error| error.to_string());
    }
    let operation = bound.connector.operation(id);
    let operation =
        operation.ok_or_else(|| format!("The connector '{}' has no trigger '{id}'.", bound.connector.name))?;
    bound
        .connector
        .plan_request(operation, &record.parameters, Some(url), credentials)
        .map_err(|error| error.to_string())
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

/// What the answer to a creation says about the deletion.
fn learned(bound: &Bound, record: &Record, created: &str, performed: &Performed) -> (Option<Value>, Option<String>) {
    let Outcome::Replied { status: 200..=299, headers, body } = &performed.outcome else { return (None, None) };
    let Some((operation, parameters)) = creation(bound, record) else {
        return (
            None,
            Some("The connector does not describe the creation, so the webhook cannot be deleted.".to_owned()),
        );
    };
    let location = member(headers, "Location").map(content::to_text);
    let found = bound.connector.deletion_address(operation, &parameters, created, location.as_deref(), body.as_ref());
    match found {
        Ok(address) => (serde_json::to_value(address).ok().map(Value::from), None),
        Err(reason) => (None, Some(reason)),
    }
}
