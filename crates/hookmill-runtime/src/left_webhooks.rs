//! Webhooks that were left behind at services: Hookmill has ended them here, and may not have ended them there.
//!
//! Such a generation is `Gone` and has a warning. Its calls are answered 410. Nothing is tried by itself any more; a
//! person has it deleted again, for example once the connector says by which operation, or marks it as done.

use hookmill_connector::DeletionRule;
use hookmill_engine::subscription::{Fact, Input};
use hookmill_engine::{Outcome, Performed};
use hookmill_model::{FlowId, RunId, SubscriptionId, SubscriptionState, Timestamp, UserId, Value};
use hookmill_store::{Flow, List, Page, Subscription, Unit};

use crate::creation_plan::learned;
use crate::record::Record;
use crate::{Error, Runtime};

/// So many generations are looked through for one page.
const SCAN_MAX: usize = 5_000;
/// So many of them at a time.
const SCAN_STEP: usize = 500;

/// A webhook that may still exist at its service.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftWebhook {
    /// Its identifier.
    pub id: SubscriptionId,
    /// The flow that it was made for.
    pub flow: FlowId,
    /// The flow's title.
    pub flow_name: String,
    /// Whether the flow is deleted.
    pub flow_is_deleted: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was left behind.
    pub left_at: Timestamp,
    /// Why it was left behind, in a sentence.
    pub why: String,
    /// Where it would be deleted; `None` where that is not known.
    pub address: Option<String>,
    /// The request that created it, secrets redacted; null where its history is gone.
    pub request: Value,
    /// What the service answered to that: `{statusCode, headers, body}`; null where there was no answer.
    pub answer: Value,
    /// The run that records the creation.
    pub run: Option<RunId>,
}

/// A request about the webhook of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookCall {
    /// In capitals.
    pub method: String,
    /// Absolute, with what is known filled in; names that only the service's answer fills stay in braces. Empty where
    /// only the service's answer tells it.
    pub url: String,
    /// How the address of a deletion is found.
    pub rule: Option<DeletionRule>,
}

/// What will be called for the webhook of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookCalls {
    /// When the flow is turned on, and when its trigger is changed.
    pub create: WebhookCall,
    /// When values of the trigger are changed that the service can take over into the webhook; `None` where the connector
    /// names no operation for that.
    pub update: Option<WebhookCall>,
    /// When the flow is turned off or deleted, and when its trigger is changed; `None` where nobody knows how.
    pub delete: Option<WebhookCall>,
    /// Whether the address of the deletion is that of the webhook which exists now.
    pub is_live: bool,
}

impl Runtime {
    /// The webhooks of an owner that were left behind at services, newest first.
    ///
    /// # Errors
    /// The store refused.
    pub async fn webhooks_left_behind(
        &self,
        owner: UserId,
        list: List<SubscriptionId>,
    ) -> Result<Page<LeftWebhook, SubscriptionId>, Error> {
        let (mut items, mut after, mut looked) = (Vec::new(), list.after, 0);
        loop {
            let step = List { limit: SCAN_STEP, after };
            let page = self.0.store.subscriptions_stuck(owner, SubscriptionState::Gone, step).await?;
            for generation in &page.items {
                looked += 1;
                after = Some(generation.id);
                // A record that cannot be read is shown as damage elsewhere.
                let Ok(record) = self.opened_record(generation) else { continue };
                if let Some(why) = record.life().warning.clone().filter(|_| !record.is_local()) {
                    items.push(self.shown_left_behind(generation, record, why.to_string()).await?);
                }
                if items.len() == list.limit {
                    return Ok(Page { items, next: after, looked_at: looked });
                }
            }
            if page.next.is_none() {
                return Ok(Page { items, next: None, looked_at: looked });
            }
            if looked >= SCAN_MAX {
                return Ok(Page { items, next: after, looked_at: looked });
            }
        }
    }

    async fn shown_left_behind(
        &self,
        generation: &Subscription,
        record: Record,
        why: String,
    ) -> Result<LeftWebhook, Error> {
        let flow = self.0.store.flow(generation.flow).await?;
        let created = self.created_by(&record).await?;
        let (request, answer) = created.map_or((Value::Null, Value::Null), |performed| {
            let exchange = crate::exchange::exchange(&performed);
            (exchange.request, exchange.response)
        });
        let address = record.life().address.as_ref().and_then(|kept| kept.get("url")?.as_str().map(ToOwned::to_owned));
        Ok(LeftWebhook {
            id: generation.id,
            flow: generation.flow,
            flow_name: flow.as_ref().map(|flow| flow.name.clone()).unwrap_or_default(),
            flow_is_deleted: flow.is_none_or(|flow| flow.deleted_at.is_some()),
            created_at: generation.created_at,
            left_at: generation.updated_at,
            why,
            address: address.filter(|url| !url.is_empty()),
            request,
            answer,
            run: record.run,
        })
    }

    /// The exchange of a webhook's creation, as its history has it.
    async fn created_by(&self, record: &Record) -> Result<Option<Performed>, Error> {
        let Some(run) = record.run else { return Ok(None) };
        let stored = self.0.store.run_facts(run, 0).await?;
        let read = |bytes: &bytes::Bytes| {
            hookmill_store::read(format_args!("a fact of run {run}"), bytes, Fact::decode).map_err(Error::from)
        };
        let facts = stored.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let ended = facts.into_iter().filter_map(|fact| match fact {
            Fact::CreationEnded(ended) => Some(ended.performed),
            _ => None,
        });
        Ok(ended.last())
    }

    async fn own_left_behind(
        &self,
        owner: UserId,
        id: SubscriptionId,
    ) -> Result<(Flow, Subscription, Record, String), Error> {
        let missing = || Error::not_found("webhook", id);
        let generation = self.0.store.subscription(id).await?.filter(|own| own.owner == owner).ok_or_else(missing)?;
        let flow = self.0.store.flow(generation.flow).await?.ok_or_else(missing)?;
        let record = self.opened_record(&generation)?;
        match record
            .life()
            .warning
            .clone()
            .filter(|_| generation.state == SubscriptionState::Gone && !record.is_local())
        {
            Some(why) => Ok((flow, generation, record, why.to_string())),
            None => {
                Err(Error::NotPossible("This webhook was not left behind: it is deleted, or still in use.".to_owned()))
            }
        }
    }

    /// Has a webhook that was left behind deleted again: at the address that was kept, else where the connector as it
    /// is now says it is. A service that cannot be reached is asked again later.
    ///
    /// # Errors
    /// There is none of this owner, or there is still no way to delete it.
    pub async fn delete_left_behind(&self, owner: UserId, id: SubscriptionId) -> Result<(), Error> {
        let flow = {
            let (flow, ..) = self.own_left_behind(owner, id).await?;
            let _alone = self.subscription_guard(flow.id).await;
            // Somebody may have been quicker.
            let (flow, generation, mut record, _) = self.own_left_behind(owner, id).await?;
            if record.described_in.is_none() {
                match self.address_now(&flow, &generation, &record).await? {
                    Ok(address) => {
                        record.decide(self.now(), Input::Learn { address })?;
                    }
                    Err(_) if record.life().address.is_some() => {}
                    Err(why) => return Err(Error::NotPossible(why)),
                }
            }
            Box::pin(self.delete(&flow, generation, record)).await?;
            flow.id
        };
        // What the service did not delete yet is tried again in time.
        self.look_anywhere(flow).await?;
        Ok(())
    }

    /// How a webhook is deleted by what the connector says now and the service answered then.
    async fn address_now(
        &self,
        flow: &Flow,
        generation: &Subscription,
        record: &Record,
    ) -> Result<Result<Value, String>, Error> {
        let Some(performed) = self.created_by(record).await? else {
            return Ok(Err("What the service answered to the creation is not kept any more.".to_owned()));
        };
        if !matches!(performed.outcome, Outcome::Replied { status: 200..=299, .. }) {
            return Ok(Err("The service did not confirm the creation, so it named no webhook.".to_owned()));
        }
        // The connector may say by now what it did not say when the flow was saved.
        let now = Flow { bindings: Vec::new(), ..flow.clone() };
        let bound = match record.connection_id {
            Some(_) => self.bound_record(&now, record).await?,
            None => self.bound_record(flow, record).await?,
        };
        let created = performed.request.get("uri").and_then(Value::as_str).unwrap_or_default().to_owned();
        let learned = learned(&bound, record, &created, &performed);
        match learned.address {
            Some(address) => Ok(Ok(self.kept_address(generation, &address)?)),
            None => Ok(Err(learned.warning.or(learned.refused).unwrap_or_default())),
        }
    }

    /// Marks a webhook that was left behind as done: a person has deleted it at the service, or does not mind it.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn settle_left_behind(&self, owner: UserId, id: SubscriptionId) -> Result<(), Error> {
        let (flow, ..) = self.own_left_behind(owner, id).await?;
        let _alone = self.subscription_guard(flow.id).await;
        let (_, generation, mut record, _) = self.own_left_behind(owner, id).await?;
        record.decide(self.now(), Input::Settle)?;
        self.put(generation, &record, Unit::new()).await?;
        Ok(())
    }

    /// What will be called for the webhook of a flow; `None` where its trigger is no webhook of a connector.
    ///
    /// # Errors
    /// There is no such flow, its trigger cannot be evaluated, or its connection is not there.
    pub async fn webhook_calls(&self, owner: UserId, id: FlowId) -> Result<Option<WebhookCalls>, Error> {
        let flow = self.own_flow(owner, id).await?;
        if flow.version == 0 {
            return Ok(None);
        }
        let version = self.version(id, flow.version).await?;
        let Some(record) = self.creation_record(&flow, &version).await? else { return Ok(None) };
        let Some(operation_id) = record.operation.as_deref().filter(|own| !own.is_empty()) else { return Ok(None) };
        let connector = self.connector_of_record(&flow, &record).await?;
        let operation = connector.operation(operation_id);
        let operation = operation.ok_or_else(|| Error::not_found("operation", operation_id))?;
        let create = WebhookCall {
            method: operation.method.to_string(),
            url: connector.address_with(operation, &record.parameters),
            rule: None,
        };
        let newest =
            self.0.store.subscriptions_of(id).await?.into_iter().find(|own| own.state == SubscriptionState::Live);
        let kept = match &newest {
            Some(generation) => Record::of(generation)?.life().address.clone(),
            None => None,
        };
        let part = |kept: &Value, name: &str| kept.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let (delete, is_live) = match (&newest, kept) {
            (Some(_), Some(kept)) => {
                let rule = kept.get("rule").and_then(|rule| serde_json::from_value(rule.into()).ok());
                let method = part(&kept, "method").unwrap_or_default();
                (Some(WebhookCall { method, url: part(&kept, "url").unwrap_or_default(), rule }), true)
            }
            (Some(_), None) => (None, true),
            (None, _) => {
                let outlook = connector.deletion_outlook(operation);
                let call = outlook.map(|outlook| WebhookCall {
                    method: outlook.method.to_string(),
                    url: outlook
                        .operation_id
                        .and_then(|id| connector.operation(&id))
                        .map(|delete| connector.address_with(delete, &record.parameters))
                        .unwrap_or_default(),
                    rule: Some(outlook.rule),
                });
                (call, false)
            }
        };
        let update = self.shown_update(&flow, &record, newest.as_ref()).await?;
        Ok(Some(WebhookCalls { create, update, delete, is_live }))
    }
}
