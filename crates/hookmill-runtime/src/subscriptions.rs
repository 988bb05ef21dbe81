//! Webhooks at services: what should be against what is. Level-triggered: every look compares the flow with its
//! generations and takes the next step, so that it does not matter what was missed.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_definition::plan::{Trigger, TriggerKind};
use hookmill_engine::subscription::{self as machine, Fact};
use hookmill_engine::trigger::Surroundings;
use hookmill_model::{
    ConnectionId, FlowId, FlowState, RunId, RunKind, RunStatus, Str, SubscriptionState, Timestamp, Value,
};
use hookmill_store::{Change, Expect, Flow, Lane, Run, Subscription, TimerKey, Unit};
use serde::{Deserialize, Serialize};

use crate::begin::EPOCH;
use crate::plans::{Bound, Version};
use crate::{Error, Runtime, locked};

/// The fingerprint of a generation whose address a person gave up.
const RENEWED: &str = "renewed";

/// What is kept of a generation beside its state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What it was made for; another value asks for another generation. [`RENEWED`] fits nothing.
    pub fingerprint: String,
    /// The sealed capability, base64.
    pub sealed: String,
    /// The secret of the webhook and what its handshakes left: a sealed object, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// The bound connection's key.
    pub connection: Option<String>,
    /// The connection that it was made with; it is deleted with the same one.
    pub connection_id: Option<ConnectionId>,
    /// The operation that creates it.
    pub operation: Option<String>,
    /// The evaluated parameters of the creation.
    pub parameters: Value,
    /// For a webhook that the definition describes itself: the version whose requests create and delete it.
    #[serde(default)]
    pub described_in: Option<u32>,
    /// What the service answered to that creation: the deletion may refer to it.
    #[serde(default)]
    pub reply: Option<Value>,
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

    /// Whether it is an address of the flow's own, of which no service knows.
    pub(crate) const fn is_local(&self) -> bool {
        self.operation.is_none() && self.described_in.is_none()
    }

    pub(crate) fn machine(&self, state: SubscriptionState) -> machine::Subscription {
        machine::Subscription {
            state,
            address: self.address.clone(),
            warning: self.warning.as_deref().map(Into::into),
            refusal: self.refusal.clone(),
            tries: self.tries,
            retry_at: self.retry_at,
        }
    }

    pub(crate) fn take(&mut self, machine: machine::Subscription) -> SubscriptionState {
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
    Remote { fingerprint: String },
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
            Desired::Remote { fingerprint }
        }
        Some((TriggerKind::HttpWebhook { .. }, trigger)) => {
            Desired::Remote { fingerprint: trigger.inputs.source().to_json() }
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
            if let Err(error) = Box::pin(self.look(flow)).await {
                tracing::error!(%flow, %error, "a webhook cannot be taken up");
            }
        }
    }

    /// Looks at a flow: its webhooks, and what is due for its trigger. Gives the run of a creation.
    pub(crate) async fn look(&self, id: FlowId) -> Result<Option<RunId>, Error> {
        let lock = self.flow_lock(id);
        let held = lock.lock().await;
        let flow = self.0.store.flow(id).await?.ok_or_else(|| Error::not_found("flow", id))?;
        let version = if flow.version > 0 && flow.state == FlowState::On {
            Some(self.version(id, flow.version).await?)
        } else {
            None
        };
        let (run, retry_at) = Box::pin(self.reconcile(&flow, version.as_ref())).await?;
        let due = Box::pin(self.on_time(&flow, version.as_ref())).await?;
        self.set_timer(TimerKey::Flow(id), [retry_at, due].into_iter().flatten().min()).await?;
        drop(held);
        self.release_waiting(id);
        Ok(run)
    }

    /// Compares a flow with its webhooks and does what is missing. Gives the run of a creation, and when to look again.
    async fn reconcile(
        &self,
        flow: &Flow,
        version: Option<&Arc<Version>>,
    ) -> Result<(Option<RunId>, Option<Timestamp>), Error> {
        let desired = desired(flow, version.and_then(|version| version.plan.triggers.first()));
        let (mut existing, mut again): (bool, Option<Timestamp>) = (false, None);
        for generation in self.0.store.subscriptions_of(flow.id).await? {
            let record = Record::of(&generation);
            let is_local = record.is_local();
            let fits = match &desired {
                Desired::Nothing => false,
                Desired::Local => is_local && record.fingerprint != RENEWED,
                Desired::Remote { fingerprint } => !is_local && record.fingerprint == *fingerprint,
            };
            let wanted = match generation.state {
                SubscriptionState::Creating if fits && !existing => {
                    existing = true;
                    Box::pin(self.resume_creation(flow, generation, record)).await?
                }
                SubscriptionState::Live if fits && !existing => {
                    existing = true;
                    None
                }
                SubscriptionState::Gone if is_local && fits && !existing => {
                    self.put(generation, SubscriptionState::Live, &record, Unit::new()).await?;
                    existing = true;
                    None
                }
                SubscriptionState::Live | SubscriptionState::Creating if is_local => {
                    self.put(generation, SubscriptionState::Gone, &record, Unit::new()).await?;
                    None
                }
                SubscriptionState::Live => Box::pin(self.delete(flow, generation, record)).await?,
                SubscriptionState::Creating => Box::pin(self.give_up_creation(flow, generation, record)).await?,
                SubscriptionState::Deleting if record.retry_at.is_none_or(|at| at <= self.now()) => {
                    Box::pin(self.delete(flow, generation, record)).await?
                }
                SubscriptionState::Deleting => record.retry_at,
                _ => None,
            };
            again = [again, wanted].into_iter().flatten().min();
        }
        let run = match (desired, version) {
            (Desired::Local, _) if !existing => {
                self.create_local(flow).await?;
                None
            }
            (Desired::Remote { fingerprint }, Some(version)) if !existing => match version.plan.triggers.first() {
                Some(trigger) => Some(Box::pin(self.create(flow, fingerprint, version, trigger)).await?),
                None => None,
            },
            _ => None,
        };
        Ok((run, again))
    }

    /// Gives the address of a flow up, so that the next look makes another one.
    pub(crate) async fn give_up_address(&self, flow: FlowId) -> Result<(), Error> {
        let lock = self.flow_lock(flow);
        let _held = lock.lock().await;
        for generation in self.0.store.subscriptions_of(flow).await? {
            if matches!(generation.state, SubscriptionState::Live | SubscriptionState::Creating) {
                let state = generation.state;
                let record = Record { fingerprint: RENEWED.to_owned(), ..Record::of(&generation) };
                self.put(generation, state, &record, Unit::new()).await?;
            }
        }
        Ok(())
    }

    /// Stores a generation in its new state, together with further changes.
    pub(crate) async fn put(
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
            workflow: crate::begin::workflow(flow, None),
            callback_url,
            outputs: None,
            seed: 1,
            now: self.now(),
        }
    }

    pub(crate) async fn new_generation(&self, flow: &Flow) -> Result<(Subscription, String, String), Error> {
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
        Some(format!("{}/callback/{capability}", self.0.config.hooks_url()))
    }

    /// The connection that a generation was made with.
    pub(crate) async fn bound_record(&self, flow: &Flow, record: &Record) -> Result<Bound, Error> {
        match record.connection_id {
            Some(connection) => self.bound(flow.owner, connection).await,
            None => self.bound_key(flow.owner, &flow.bindings, record.connection.as_deref().unwrap_or_default()).await,
        }
    }

    pub(crate) fn webhook_run(&self, flow: &Flow, generation: &Subscription, kind: RunKind, facts: usize) -> Run {
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
}

pub(crate) fn fold(state: &mut machine::Subscription, facts: &[Fact]) {
    for fact in facts {
        if let Err(error) = machine::apply(state, fact) {
            tracing::error!(%error, "a webhook's fact does not follow");
        }
    }
}
