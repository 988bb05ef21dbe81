//! Creating webhooks at services: by a connector's operation, or by the request that the definition describes.

use hookmill_connector::{Lookup, Plan};
use hookmill_definition::plan::{OperationInputs, Trigger, TriggerKind};
use hookmill_engine::subscription::{Fact, Input, Upkept};
use hookmill_engine::trigger::{evaluate, request};
use hookmill_engine::{ActionRequest, Outcome, Performed};
use hookmill_executor::CallContext;
use hookmill_model::{
    Diagnostic, FlowState, Object, Pointer, RunId, RunKind, RunStatus, SubscriptionState, Timestamp, Value,
};
use hookmill_store::{Change, Flow, Lane, RunError, RunUpdate, Shard, StoreError, Subscription, Unit};
use hookmill_webhook::Secret;

use crate::creation_plan::{Learned, learned, plan};
use crate::door::secret_name;
use crate::exchange::not_sent;
use crate::live::LiveKind;
use crate::plans::{Bound, Version};
use crate::record::Record;
use crate::sealed::is_lost;
use crate::search::Found;
use crate::tokens::not_made;
use crate::{Error, Runtime};

/// A larger answer to a creation is not kept for declarations that read it.
pub(crate) const REPLY_BYTES_MAX: usize = 64 * 1_024;

/// Where a creation stands after another try.
pub(crate) struct Resumed {
    /// When it is taken up again.
    pub again: Option<Timestamp>,
    /// Whether its outcome cannot be found out, so that the next generation takes over.
    pub is_given_up: bool,
}

/// What a generation is made for.
pub(crate) struct MadeFor {
    /// Another value asks for another generation.
    pub fingerprint: String,
    /// By what its deliveries are told apart, where it takes the place of one that was changed in place.
    pub told_apart_by: Option<String>,
}

/// Whether the request that the definition describes says where the service shall call.
fn says_where_to_call(trigger: &Trigger) -> bool {
    let TriggerKind::HttpWebhook { subscribe, .. } = &trigger.kind else { return true };
    subscribe.source().to_json().to_ascii_lowercase().contains("listcallbackurl")
}

const NO_CALLBACK: &str =
    "The request that subscribes does not hold @listCallbackUrl(), so the service would never call.";

/// What is wrong with a webhook that the definition describes, before it is created.
pub(crate) fn check_trigger(trigger: &Trigger) -> Option<Diagnostic> {
    let at = || Pointer::root().child("triggers").child(&trigger.name).child("inputs").child("subscribe");
    (!says_where_to_call(trigger)).then(|| {
        Diagnostic::error("callback_place_missing", at(), NO_CALLBACK)
            .with_hint("Write @{listCallbackUrl()} where the service expects the address, in the body for example.")
    })
}

impl Runtime {
    /// Creates a generation and its webhook. `earlier` creations were sent for the generation before, whose outcome
    /// could not be found out. Gives the run that records it, and when it is taken up again.
    pub(crate) async fn create(
        &self,
        flow: &Flow,
        MadeFor { fingerprint, told_apart_by }: MadeFor,
        (version, trigger): (&Version, &Trigger),
        earlier: u32,
    ) -> Result<(RunId, Option<Timestamp>), Error> {
        let (mut generation, capability, sealed) = self.new_generation(flow).await?;
        let url = format!("{}/callback/{capability}", self.0.config.hooks_url());
        let mut record = Record { fingerprint, told_apart_by, sealed, ..Record::default() };
        if !self.take_trigger(&mut record, flow, version, trigger, &url).await? {
            record.described_in = Some(version.number);
        }
        self.make_secret(flow, &generation, &mut record).await?;
        let input = Input::Create { callback: self.callback_shown(), earlier };
        let facts = record.decide(self.now(), input)?;
        generation.state = record.life().state;
        let run = self.webhook_run(flow, &generation, RunKind::CreateWebhook, facts.len());
        record.run = Some(run.id);
        generation.record = self.record_bytes(generation.id, &record)?;
        let unit = Unit::from(Change::PutSubscription(generation.clone()))
            .with(Change::StartRun(run.clone(), facts.iter().map(Fact::encode).collect()))
            .secret(version.is_secret)
            .owned(flow.id);
        self.0.store.commit(unit, Lane::Work).await?;
        let sent = self.send_creation(flow, generation, record, &url).await?;
        Ok((run.id, sent.again))
    }

    /// Takes from a trigger what its webhook is created with, and says whether a connector creates it.
    async fn take_trigger(
        &self,
        record: &mut Record,
        flow: &Flow,
        version: &Version,
        trigger: &Trigger,
        url: &str,
    ) -> Result<bool, Error> {
        let TriggerKind::ConnectorWebhook(call) = &trigger.kind else { return Ok(false) };
        let surroundings = self.surroundings(flow, version, Some(url.into()));
        let inputs = |wanted: &dyn Fn() -> bool| {
            evaluate(&version.plan, trigger, call.operation.inputs(), &surroundings, wanted)
        };
        record.parameters = self
            .bounded(flow.id, version.is_short(0), inputs)
            .await?
            .map_err(|error| Error::Inputs(error.message.to_string()))?;
        // A request by path is resolved against the connector when it is sent.
        record.operation = Some(match &call.operation {
            OperationInputs::ById { operation_id, .. } => operation_id.to_string(),
            OperationInputs::ByPath(_) => String::new(),
        });
        let bound = flow.bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(&call.connection));
        record.connection = Some(call.connection.to_string());
        record.connection_id = bound.and_then(|binding| binding.connection);
        Ok(true)
    }

    /// What a webhook of a flow would be created with now; `None` where no connector creates it.
    pub(crate) async fn creation_record(&self, flow: &Flow, version: &Version) -> Result<Option<Record>, Error> {
        let Some(trigger) = version.plan.triggers.first() else { return Ok(None) };
        let mut record = Record::default();
        let is_by_connector = self.take_trigger(&mut record, flow, version, trigger, &self.callback_shown()).await?;
        Ok(is_by_connector.then_some(record))
    }

    /// Sends the creation and stores what came of it.
    async fn send_creation(
        &self,
        flow: &Flow,
        mut generation: Subscription,
        record: Record,
        url: &str,
    ) -> Result<Resumed, Error> {
        if !self.0.shards.may_go_on(flow.id) {
            // Whoever owns the flow by now asks the service first, and would not see a webhook that is made after that.
            return Err(StoreError::NotOwner { shard: Shard::of(flow.id).number() }.into());
        }
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
            let facts = record.decide(self.now(), input)?;
            return self.finish_creation(flow, generation, record, facts).await;
        }
        let bound = self.bound_record(flow, &record).await;
        let (performed, learned) = match bound {
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => (not_made(&error), Learned::default()),
            Ok(bound) => {
                let declared = bound.connector.webhook(record.operation.as_deref().unwrap_or_default());
                if let Some(why) = self.unfit(flow, &generation, &record, &declared).await? {
                    (not_sent(&why), Learned::default())
                } else {
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
                    if !declared.is_empty() {
                        record.reply = reply(&performed.outcome).filter(|reply| reply.json_bytes() <= REPLY_BYTES_MAX);
                    }
                    let created = crate::locked(&created).clone();
                    let learned = learned(&bound, &record, &created, &performed);
                    (self.without_capability(performed, url), learned)
                }
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
        let facts = record.decide(self.now(), input)?;
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
        self.ask_for_life(&declarations, &mut planned.body);
        if declarations.generated().is_empty() {
            return Ok(Plan::Request(planned));
        }
        let kept = self.kept_secrets(generation, record).map_err(|error| error.to_string())?;
        for (number, own) in declarations.generated().iter().enumerate() {
            if let Some(secret) = kept.get(&secret_name(number)).and_then(Value::as_str) {
                own.into.put(&mut planned.body, secret);
                planned.secrets.push(secret.into());
            }
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
            record.kept = Record::of(&newest)?.kept;
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
        if !says_where_to_call(trigger) {
            return Ok((not_sent(NO_CALLBACK), None));
        }
        let surroundings = self.surroundings(flow, &version, Some(url.into()));
        let ask = |wanted: &dyn Fn() -> bool| request(&version.plan, trigger, &surroundings, wanted);
        let made = match self.bounded(flow.id, version.is_short(0), ask).await {
            Ok(made) => made,
            Err(unfinished) => Err(unfinished.of_trigger(&trigger.name)?),
        };
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
        let shown = self.callback_shown();
        let replace = |value: &Value| -> Value {
            Value::from_json(value.to_json().replace(url, &shown).as_bytes()).unwrap_or_default()
        };
        performed.request = replace(&performed.request);
        if let Outcome::Replied { body: Some(body), .. } = &mut performed.outcome {
            *body = replace(body);
        }
        performed
    }

    /// Stores what came of a creation, and withdraws what nobody can find out.
    async fn finish_creation(
        &self,
        flow: &Flow,
        generation: Subscription,
        record: Record,
        facts: Vec<Fact>,
    ) -> Result<Resumed, Error> {
        let after = record.life().state;
        let mut unit = Unit::new().secret(self.keeps_secrets(flow).await).owned(flow.id);
        if let Some(run) = record.run {
            let refusal = record.life().refusal.as_ref().map(|refusal| RunError {
                code: refusal.code.to_string(),
                message: refusal.message.to_string(),
                hint: refusal.hint.as_ref().map(|hint| hint.to_string()),
            });
            let update = match after {
                SubscriptionState::Creating => RunUpdate::default(),
                SubscriptionState::Live => RunUpdate::ended(RunStatus::Succeeded, self.now(), None),
                SubscriptionState::Failed => RunUpdate::ended(RunStatus::Failed, self.now(), refusal),
                _ => RunUpdate::ended(RunStatus::Failed, self.now(), Some(unconfirmed(after))),
            };
            let (from, epoch) = self.written_of(run).await?;
            let status = update.status.map(RunStatus::as_str);
            let facts = facts.iter().map(Fact::encode).collect();
            unit.push(Change::AppendFacts { run, epoch, from, facts, update });
            self.0.live.publish(flow.owner, LiveKind::Run, run.to_string(), Some(flow.id.to_string()), status);
        }
        let is_successor = async || {
            let all = self.0.store.subscriptions_of(flow.id).await?;
            Ok::<_, Error>(all.iter().any(|own| own.id != generation.id && own.state == SubscriptionState::Live))
        };
        // One that was to take the place of a live webhook is tried again beside it.
        if after == SubscriptionState::Failed && !is_successor().await? {
            // A flow whose webhook was refused is saved, and off.
            if let Some(mut stored) = self.0.store.flow(flow.id).await? {
                stored.state = FlowState::Off;
                stored.etag += 1;
                stored.updated_at = self.now();
                unit.push(Change::PutFlow(stored));
            }
        }
        let generation = self.put(generation, &record, unit).await?;
        self.0.live.publish(flow.owner, LiveKind::Flow, flow.id.to_string(), None, None);
        match after {
            // It may exist: what follows is its deletion.
            SubscriptionState::Deleting => {
                let again = Box::pin(self.delete(flow, generation, record)).await?;
                Ok(Resumed { again, is_given_up: true })
            }
            _ => Ok(Resumed { again: record.life().retry_at, is_given_up: after == SubscriptionState::Gone }),
        }
    }

    /// The webhook of a generation is not wanted any more while nobody knows whether it exists.
    pub(crate) async fn withdraw_creation(
        &self,
        flow: &Flow,
        generation: Subscription,
        mut record: Record,
    ) -> Result<Option<Timestamp>, Error> {
        let input = Input::Withdraw { sought: record.described_in.is_none() };
        let facts = record.decide(self.now(), input)?;
        Ok(self.finish_creation(flow, generation, record, facts).await?.again)
    }

    /// Takes a creation up whose outcome is not known: the service is asked what it has, once that is due, and the
    /// creation is sent again where it certainly has no such webhook.
    pub(crate) async fn resume_creation(
        &self,
        flow: &Flow,
        generation: Subscription,
        mut record: Record,
    ) -> Result<Resumed, Error> {
        if let Some(again) = record.life().retry_at.filter(|at| *at > self.now()) {
            return Ok(Resumed { again: Some(again), is_given_up: false });
        }
        let url = self.callback_url(&generation, &record)?;
        let callback = self.callback_shown();
        let input = if record.life().known_absent {
            Input::Create { callback, earlier: 0 }
        } else if record.described_in.is_some() {
            Input::Withdraw { sought: false }
        } else {
            let found = self.search(flow, &generation, &record).await?;
            if let Found::Listed { left_behind, .. } | Found::NotListed { left_behind, .. } = &found
                && record.is_restored
            {
                record.left_behind.clone_from(left_behind);
                record.is_restored = false;
                self.0.damages.note_left_behind(flow, left_behind);
            }
            if let Found::Listed { webhook, .. } = &found {
                self.take_listed(flow, &mut record, webhook).await?;
            }
            found.input(callback)
        };
        let facts = record.decide(self.now(), input)?;
        if record.life().state == SubscriptionState::Live {
            return self.go_on_with_found(flow, generation, record, facts).await;
        }
        if !facts.iter().any(|fact| matches!(fact, Fact::CreationStarted(_))) {
            return self.finish_creation(flow, generation, record, facts).await;
        }
        // On disk before it is sent, so that a crash in between leaves a creation whose outcome is not known.
        let mut unit = Unit::new().owned(flow.id);
        if let Some(run) = record.run {
            let (from, epoch) = self.written_of(run).await?;
            let facts = facts.iter().map(Fact::encode).collect();
            unit.push(Change::AppendFacts { run, epoch, from, facts, update: RunUpdate::default() });
        }
        let generation = self.put(generation, &record, unit).await?;
        self.send_creation(flow, generation, record, &url).await
    }
}

impl Runtime {
    /// Keeps the webhook that the service lists in place of an answer that never arrived, where declarations may need it.
    async fn take_listed(&self, flow: &Flow, record: &mut Record, webhook: &Value) -> Result<(), Error> {
        let is_known = record.reply.as_ref().is_some_and(|reply| !is_lost(reply));
        if is_known || self.declared(flow, record).await?.is_empty() {
            return Ok(());
        }
        let outcome = Outcome::Replied { status: 200, headers: Object::new(), body: Some(webhook.clone()) };
        record.reply = reply(&outcome).filter(|reply| reply.json_bytes() <= REPLY_BYTES_MAX);
        Ok(())
    }

    /// Stores that the service has the webhook, and looks after it at once: its answer to the creation never arrived. A
    /// webhook whose secret was in that answer is replaced; one whose end may have been there is renewed.
    async fn go_on_with_found(
        &self,
        flow: &Flow,
        generation: Subscription,
        mut record: Record,
        facts: Vec<Fact>,
    ) -> Result<Resumed, Error> {
        let declared = self.declared(flow, &record).await?;
        let secret = declared.registration.and_then(|own| own.secret);
        let is_secret_lost = matches!(secret, Some(Secret::Replied(_)))
            && !self.kept_secrets(&generation, &record)?.contains_key(&secret_name(0));
        if is_secret_lost {
            record.decide(self.now(), Input::Upkeep(Upkept::Outdated))?;
        } else if let Some(renewal) = declared.renewal
            && self.expiry_of(&generation, &record, &renewal)?.is_none()
        {
            record.decide(self.now(), Input::Upkeep(Upkept::Demanded))?;
        }
        self.finish_creation(flow, generation, record, facts).await
    }
}

/// Why the run of a creation ended that nobody can find out about.
fn unconfirmed(after: SubscriptionState) -> RunError {
    let message = if after == SubscriptionState::Deleting {
        "The service did not say whether it created the webhook. It is looked for there, and deleted if it exists."
    } else {
        "The service did not say whether it created the webhook, and cannot be asked. Its notifications would be answered 410."
    };
    RunError { code: "webhook_unconfirmed".to_owned(), message: message.to_owned(), hint: None }
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
