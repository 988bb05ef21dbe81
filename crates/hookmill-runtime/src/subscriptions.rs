//! Webhooks at services: what should be against what is. Level-triggered: every look compares the flow with its
//! generations and takes the next step, so that it does not matter what was missed.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_definition::plan::{OperationInputs, Trigger, TriggerKind};
use hookmill_engine::subscription::{Input, Upkept};
use hookmill_engine::trigger::Surroundings;
use hookmill_model::{
    FlowId, FlowState, RunId, RunKind, RunStatus, Str, SubscriptionId, SubscriptionState, Timestamp, Value,
};
use hookmill_store::{
    Binding, Change, Damaged, EPOCH_ALONE, Expect, Flow, Lane, Run, Shard, StoreError, Subscription, TimerKey, Unit,
};

use crate::creation::MadeFor;
use crate::plans::{Bound, Version, version_of_record};
use crate::record::{FINGERPRINT_MARK, RENEWED, Record, has_plain_fingerprint};
use crate::sealed::is_lost;
use crate::update::Updated;
use crate::{Error, Runtime, locked};

fn record_context(id: SubscriptionId) -> String {
    format!("subscription/{id}")
}

/// What a flow's trigger needs of the world.
enum Desired {
    /// Nothing.
    Nothing,
    /// An address of its own.
    Local,
    /// An address that a person enters at the service of a connector.
    ByHand { fingerprint: String },
    /// A webhook at a service.
    Remote { fingerprint: String },
}

/// What a webhook was made for, from what its flow says. A stored one may be in plain, which older versions kept; it says
/// the same.
fn is_same(stored: &str, wanted: &str, mark: impl FnOnce() -> String) -> bool {
    stored == wanted || stored == mark()
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
    pub(crate) fn flow_lock(&self, flow: FlowId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(locked(&self.0.locks).entry(flow).or_default())
    }

    /// Waits until nobody else works at the webhooks of a flow; nobody does while the guard lives.
    pub(crate) async fn subscription_guard(&self, flow: FlowId) -> tokio::sync::OwnedMutexGuard<()> {
        self.flow_lock(flow).lock_owned().await
    }

    /// Takes up creations and deletions that an earlier process left.
    pub(crate) async fn recover_subscriptions(self) {
        self.find_left_behind().await;
        self.take_up_subscriptions(&|shard| self.0.shards.holds(shard)).await;
    }

    /// Takes up creations and deletions that an earlier owner of some shards left.
    pub(crate) async fn take_up_subscriptions(&self, wants: &(impl Fn(Shard) -> bool + Sync)) {
        let read = || self.0.store.subscriptions_unfinished();
        let Some(unfinished) = self.read_until_stopped(read).await else { return };
        let flows: BTreeSet<FlowId> = unfinished.iter().map(|subscription| subscription.flow).collect();
        for flow in flows.into_iter().filter(|flow| wants(Shard::of(*flow))) {
            // The timer of the flow brings it up, and up again where it fails.
            if let Err(error) = self.set_timer(TimerKey::Flow(flow), Some(self.now())).await {
                let told = || format!("the webhook of flow {flow} cannot be taken up; the next start tries again");
                self.0.health.refused(&error, told);
            }
        }
    }

    /// Looks at a flow: its webhooks, and what is due for its trigger. Gives the run of a creation.
    pub(crate) async fn look(&self, id: FlowId) -> Result<Option<RunId>, Error> {
        let Some(_busy) = self.0.shards.begin(id) else {
            return Err(Error::Store(StoreError::NotOwner { shard: Shard::of(id).number() }));
        };
        let lock = self.flow_lock(id);
        let held = lock.lock().await;
        let flow = self.0.store.flow(id).await?.ok_or_else(|| Error::not_found("flow", id))?;
        let version = if flow.version > 0 && flow.state == FlowState::On {
            Some(self.version(id, flow.version).await?)
        } else {
            None
        };
        let (run, retry_at) = Box::pin(self.reconcile(&flow, version.as_ref())).await?;
        let due = match Box::pin(self.on_time(&flow, version.as_ref())).await {
            Err(Error::Damaged(damaged)) => {
                // When the trigger fired last is not known: it stands still, and its webhook does not.
                self.0.damages.note_of(&flow, &damaged);
                None
            }
            due => due?,
        };
        self.set_flow_timer(&flow, [retry_at, due].into_iter().flatten().min()).await?;
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
        let trigger = version.and_then(|version| version.plan.triggers.first());
        let desired = match desired(flow, trigger) {
            Desired::Remote { .. } => match self.by_hand(flow, trigger).await? {
                Some(fingerprint) => Desired::ByHand { fingerprint },
                None => desired(flow, trigger),
            },
            other => other,
        };
        let (mut existing, mut again, mut earlier): (bool, Option<Timestamp>, u32) = (false, None, 0);
        // A live generation whose place the next one takes.
        let mut outdated: Option<(Subscription, Record)> = None;
        self.0.damages.forget_of(flow.id);
        self.0.damages.note_left_behind(flow, &[]);
        for generation in self.0.store.subscriptions_of(flow.id).await? {
            let is_over = matches!(generation.state, SubscriptionState::Gone | SubscriptionState::Failed);
            let mut record = match self.opened_record(&generation) {
                Ok(record) => record,
                Err(_) if is_over => continue,
                Err(damaged) => {
                    // What it is for is not known, so it is neither deleted nor replaced.
                    self.0.damages.note_of(flow, &damaged);
                    existing = true;
                    continue;
                }
            };
            let is_local = record.is_local();
            let fits = match &desired {
                Desired::Nothing => false,
                Desired::Local => is_local && !record.is_by_hand && record.fingerprint != RENEWED,
                Desired::ByHand { fingerprint } => {
                    record.is_by_hand
                        && is_same(&record.fingerprint, fingerprint, || self.fingerprint_mark(fingerprint))
                }
                Desired::Remote { fingerprint } => {
                    // While it is changed in place, what it is for is not known.
                    !is_local
                        && !record.life().upkeep.is_updating
                        && is_same(&record.fingerprint, fingerprint, || self.fingerprint_mark(fingerprint))
                }
            };
            let wanted = match generation.state {
                SubscriptionState::Creating if fits && !existing => {
                    let creations = record.life().creations;
                    let resumed = Box::pin(self.resume_creation(flow, generation, record)).await?;
                    // One whose outcome cannot be found out makes room for the next generation.
                    existing = !resumed.is_given_up;
                    earlier = if resumed.is_given_up { creations } else { 0 };
                    let next = Box::pin(self.after_creating(flow, None)).await?;
                    [resumed.again, next].into_iter().flatten().min()
                }
                SubscriptionState::Live if fits && !is_local && record.life().upkeep.is_outdated => {
                    if self.is_succeeded(&generation).await? {
                        self.0.damages.note_renewal(flow, None);
                        Box::pin(self.delete(flow, generation, record)).await?
                    } else if existing {
                        None
                    } else {
                        let upkeep = &record.life().upkeep;
                        let wait = upkeep.renew_at.filter(|at| upkeep.failures > 0 && *at > self.now());
                        existing = wait.is_some();
                        self.0.damages.note_renewal(flow, upkeep.trouble.as_deref());
                        if wait.is_none() {
                            outdated = Some((generation, record));
                        }
                        wait
                    }
                }
                SubscriptionState::Live if fits && !existing => {
                    self.0.damages.note_left_behind(flow, &record.left_behind);
                    let tended = Box::pin(self.tend(flow, generation, record)).await?;
                    if tended.record.life().upkeep.is_outdated {
                        outdated = Some((tended.generation, tended.record));
                    } else {
                        existing = true;
                    }
                    tended.again
                }
                SubscriptionState::Gone if is_local && fits && !existing => {
                    record.decide(self.now(), Input::Open)?;
                    self.put(generation, &record, Unit::new().owned(flow.id)).await?;
                    existing = true;
                    None
                }
                SubscriptionState::Live | SubscriptionState::Creating if is_local => {
                    record.decide(self.now(), Input::Close)?;
                    self.put(generation, &record, Unit::new().owned(flow.id)).await?;
                    None
                }
                SubscriptionState::Live => match (&desired, version) {
                    (Desired::Remote { fingerprint }, Some(version))
                        if !existing && !record.life().upkeep.is_outdated =>
                    {
                        let wanted = (version.as_ref(), fingerprint.as_str());
                        match Box::pin(self.update_in_place(flow, wanted, generation, record)).await? {
                            Updated::InHand(again) => {
                                existing = true;
                                again
                            }
                            Updated::NotPossible(own) => {
                                let (generation, record) = *own;
                                Box::pin(self.delete(flow, generation, record)).await?
                            }
                        }
                    }
                    _ => Box::pin(self.delete(flow, generation, record)).await?,
                },
                SubscriptionState::Creating => Box::pin(self.withdraw_creation(flow, generation, record)).await?,
                SubscriptionState::Deleting if record.life().retry_at.is_none_or(|at| at <= self.now()) => {
                    Box::pin(self.delete(flow, generation, record)).await?
                }
                SubscriptionState::Deleting => record.life().retry_at,
                _ => None,
            };
            again = [again, wanted].into_iter().flatten().min();
        }
        let run = match (desired, version) {
            (Desired::Local, _) if !existing => {
                self.create_local(flow, Record::default()).await?;
                None
            }
            (Desired::ByHand { fingerprint }, Some(version)) if !existing => {
                // The address stays as long as trigger and connection do: it stands at the service.
                let record = self.creation_record(flow, version).await?.unwrap_or_default();
                self.create_local(flow, Record { fingerprint, is_by_hand: true, ..record }).await?;
                None
            }
            (Desired::Remote { fingerprint }, Some(version)) if !existing => match version.plan.triggers.first() {
                Some(trigger) => {
                    let told_apart_by = outdated.as_ref().and_then(|(_, record)| record.told_apart_by.clone());
                    let made_for = MadeFor { fingerprint, told_apart_by };
                    let (run, next) =
                        Box::pin(self.create(flow, made_for, (version.as_ref(), trigger), earlier)).await?;
                    again = [again, next].into_iter().flatten().min();
                    let next = Box::pin(self.after_creating(flow, outdated)).await?;
                    again = [again, next].into_iter().flatten().min();
                    Some(run)
                }
                None => None,
            },
            _ => None,
        };
        Ok((run, again))
    }

    /// The generation that a flow's page shows: the newest, but a successor that was refused does not hide the webhook that
    /// goes on meanwhile.
    pub(crate) async fn shown_generation(&self, flow: FlowId) -> Result<Option<Subscription>, Error> {
        let mut all = self.0.store.subscriptions_of(flow).await?;
        let is_refused = all.first().is_some_and(|newest| newest.state == SubscriptionState::Failed);
        let live = all.iter().position(|own| own.state == SubscriptionState::Live);
        let shown = live.filter(|_| is_refused).unwrap_or(0);
        Ok((shown < all.len()).then(|| all.swap_remove(shown)))
    }

    /// Whether a later generation of the same flow is live.
    async fn is_succeeded(&self, generation: &Subscription) -> Result<bool, Error> {
        let all = self.0.store.subscriptions_of(generation.flow).await?;
        Ok(all.iter().any(|own| own.generation > generation.generation && own.state == SubscriptionState::Live))
    }

    /// When to look again after a creation. Where it was refused and was to take the place of a live generation, that one
    /// stays as long as its service keeps it, and the creation is tried again.
    async fn after_creating(
        &self,
        flow: &Flow,
        outdated: Option<(Subscription, Record)>,
    ) -> Result<Option<Timestamp>, Error> {
        let Some(newest) = self.0.store.subscriptions_newest(&[flow.id]).await?.into_iter().next() else {
            return Ok(None);
        };
        match (newest.state, outdated) {
            // The one before is deleted now.
            (SubscriptionState::Live, Some(_)) => Ok(Some(self.now())),
            // When it expires is learned now.
            (SubscriptionState::Live, None) => {
                let record = self.opened_record(&newest)?;
                let tended = Box::pin(self.tend(flow, newest, record)).await?;
                let is_outdated = tended.record.life().upkeep.is_outdated;
                Ok(if is_outdated { Some(self.now()) } else { tended.again })
            }
            (SubscriptionState::Failed, Some((old, mut record))) => {
                let refusal = self.opened_record(&newest)?.life().refusal.clone();
                let why = refusal.map_or_else(|| "the service did not create its successor".into(), |own| own.message);
                record.decide(self.now(), Input::Upkeep(Upkept::NotReplaced { why }))?;
                let upkeep = record.life().upkeep.clone();
                self.put(old, &record, Unit::new().owned(flow.id)).await?;
                self.0.damages.note_renewal(flow, upkeep.trouble.as_deref());
                Ok(upkeep.renew_at)
            }
            _ => Ok(None),
        }
    }

    /// What the webhook of a trigger is for, where a person enters it at the service: connection and operation.
    async fn by_hand(&self, flow: &Flow, trigger: Option<&Trigger>) -> Result<Option<String>, Error> {
        let Some(TriggerKind::ConnectorWebhook(call)) = trigger.map(|trigger| &trigger.kind) else { return Ok(None) };
        let OperationInputs::ById { operation_id, .. } = &call.operation else { return Ok(None) };
        let bound = flow.bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(&call.connection));
        let is_chosen = |own: &&Binding| own.connection.is_some() || own.connector.is_some();
        let Some(binding) = bound.filter(is_chosen) else { return Ok(None) };
        let connector = self.connector_of_binding(flow.owner, binding).await;
        match connector {
            Ok(connector) => {
                let connection = bound.and_then(|bound| bound.connection).map(|id| id.to_string()).unwrap_or_default();
                let own = connector.operation(operation_id).filter(|own| own.is_by_hand);
                Ok(own.map(|_| format!("{connection}\n{operation_id}")))
            }
            Err(Error::Store(error)) => Err(error.into()),
            // The creation says what is wrong.
            Err(_) => Ok(None),
        }
    }

    /// Gives the address of a flow up, so that the next look makes another one.
    pub(crate) async fn give_up_address(&self, flow: FlowId) -> Result<(), Error> {
        let lock = self.flow_lock(flow);
        let _held = lock.lock().await;
        for generation in self.0.store.subscriptions_of(flow).await? {
            if matches!(generation.state, SubscriptionState::Live | SubscriptionState::Creating) {
                let record = Record { fingerprint: RENEWED.to_owned(), ..Record::of(&generation)? };
                self.put(generation, &record, Unit::new().owned(flow)).await?;
            }
        }
        Ok(())
    }

    /// What is kept of a fingerprint: it holds the trigger's inputs, and they may hold secrets.
    pub(crate) fn fingerprint_mark(&self, fingerprint: &str) -> String {
        let mark = self.0.vault.lookup("webhook fingerprint", fingerprint);
        format!("{FINGERPRINT_MARK}{}", hookmill_model::hex(&mark))
    }

    /// A record as it is stored: what the webhook was made with, and what the service answered, is sealed.
    pub(crate) fn record_bytes(&self, id: SubscriptionId, record: &Record) -> Result<bytes::Bytes, Error> {
        let context = record_context(id);
        let seal = |value: &Value| match value {
            Value::Null => Ok(Value::Null),
            value if is_lost(value) => Ok(value.clone()),
            value => self.0.store.sealed_value(&context, value),
        };
        let mut kept = record.clone();
        kept.parameters = seal(&record.parameters)?;
        kept.reply = record.reply.as_ref().map(seal).transpose()?;
        if has_plain_fingerprint(&record.fingerprint) {
            kept.fingerprint = self.fingerprint_mark(&record.fingerprint);
        }
        serde_json::to_vec(&kept).map(Into::into).map_err(|error| Error::Internal(error.to_string()))
    }

    /// The record of a generation, opened. What was sealed with another master key stays sealed: see [`is_lost`].
    pub(crate) fn opened_record(&self, generation: &Subscription) -> Result<Record, Damaged> {
        let context = record_context(generation.id);
        let mut record = Record::of(generation)?;
        record.parameters = self.0.store.opened_value(&context, &record.parameters);
        record.reply = record.reply.map(|reply| self.0.store.opened_value(&context, &reply));
        Ok(record)
    }

    /// Stores a generation where its facts have brought it, together with further changes. Steps of its life are taken by
    /// the owner of the flow, whose unit says so; what any server may note (secrets, what a service says of a webhook) is
    /// fenced by the entity tag alone.
    pub(crate) async fn put(
        &self,
        mut generation: Subscription,
        record: &Record,
        unit: Unit,
    ) -> Result<Subscription, Error> {
        let expected = Expect::SubscriptionEtag(generation.id, generation.etag);
        generation.state = record.life().state;
        generation.etag += 1;
        generation.updated_at = self.now();
        generation.record = self.record_bytes(generation.id, record)?;
        let unit = unit.expect(expected).with(Change::PutSubscription(generation.clone()));
        self.0.store.commit(unit, Lane::Work).await?;
        Ok(generation)
    }

    /// What the inputs of a flow's trigger may know.
    pub(crate) fn surroundings(&self, flow: &Flow, version: &Version, callback_url: Option<Str>) -> Surroundings {
        Surroundings {
            parameters: version.parameters.clone(),
            workflow: crate::surroundings::workflow(flow, None),
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

    async fn create_local(&self, flow: &Flow, record: Record) -> Result<(), Error> {
        let (mut generation, _, sealed) = self.new_generation(flow).await?;
        let mut record = Record { sealed, ..record };
        record.decide(self.now(), Input::Open)?;
        generation.state = record.life().state;
        generation.record = self.record_bytes(generation.id, &record)?;
        let unit = Unit::from(Change::PutSubscription(generation)).owned(flow.id);
        self.0.store.commit(unit, Lane::Work).await?;
        Ok(())
    }

    /// The callback URL of a generation.
    ///
    /// # Errors
    /// It was sealed with another master key, or is damaged.
    pub(crate) fn callback_url(&self, generation: &Subscription, record: &Record) -> Result<String, Error> {
        let unreadable = || Error::Credentials { name: "webhook".to_owned() };
        let sealed = STANDARD.decode(&record.sealed).map_err(|_| unreadable())?;
        let capability = self.0.vault.unseal(&generation.id.to_string(), &sealed).map_err(|_| unreadable())?;
        let capability = std::str::from_utf8(&capability).map_err(|_| unreadable())?;
        Ok(format!("{}/callback/{capability}", self.0.config.hooks_url()))
    }

    /// A callback URL as histories show it: the unguessable part is left out.
    pub(crate) fn callback_shown(&self) -> Str {
        format!("{}/callback/…", self.0.config.hooks_url()).into()
    }

    /// The connection that a generation was made with.
    pub(crate) async fn bound_record(&self, flow: &Flow, record: &Record) -> Result<Bound, Error> {
        match record.connection_id {
            Some(connection) => self.bound_after(flow.owner, connection, (version_of_record(flow, record), None)).await,
            None => self.bound_key(flow.owner, &flow.bindings, record.connection.as_deref().unwrap_or_default()).await,
        }
    }

    /// How many facts the run of a creation has, and its epoch.
    pub(crate) async fn written_of(&self, run: RunId) -> Result<(u64, u64), Error> {
        let listed = self.0.store.run(run).await?;
        Ok(listed.map_or((0, EPOCH_ALONE), |listed| (listed.run.facts, listed.run.epoch)))
    }

    pub(crate) fn webhook_run(&self, flow: &Flow, generation: &Subscription, kind: RunKind, facts: usize) -> Run {
        Run {
            id: self.new_id(),
            owner: flow.owner,
            flow: flow.id,
            version: flow.version,
            kind,
            status: RunStatus::Running,
            epoch: self.0.shards.epoch(flow.id),
            facts: facts as u64,
            started_at: self.now(),
            ended_at: None,
            trigger: crate::stored::trigger_name(flow),
            summary: if kind == RunKind::CreateWebhook { "Webhook created" } else { "Webhook deleted" }.to_owned(),
            event: None,
            subscription: Some(generation.id),
            resubmitted_from: None,
            parent: None,
            error: None,
        }
    }
}
