//! Deleting webhooks at services, again and again until they are gone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_connector::{DeletionAddress, Lookup, Plan};
use hookmill_engine::subscription::{Fact, Input};
use hookmill_engine::trigger::unsubscription;
use hookmill_engine::{Outcome, Performed};
use hookmill_executor::CallContext;
use hookmill_model::{RunKind, RunStatus, SubscriptionState, Timestamp, Value};
use hookmill_store::{Change, Flow, RunError, RunUpdate, Subscription, Unit};

use crate::creation::REPLY_BYTES_MAX;
use crate::exchange::not_sent;
use crate::live::LiveKind;
use crate::plans::Bound;
use crate::record::Record;
use crate::sealed::is_lost;
use crate::tokens::not_made;
use crate::{Error, Runtime};

impl Runtime {
    /// The address as it is kept beside the webhook. What the service answered may be secret where it goes into a
    /// query, a header or a body, so such an address is sealed, and only the place of the request stays readable.
    pub(crate) fn kept_address(&self, generation: &Subscription, address: &DeletionAddress) -> Result<Value, Error> {
        let internal = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
        let whole = serde_json::to_value(address).map_err(|error| internal(&error))?;
        if address.shown().is_some() {
            return Ok(whole.into());
        }
        let bytes = whole.to_string();
        let sealed =
            self.0.vault.seal(&generation.id.to_string(), bytes.as_bytes()).map_err(|error| internal(&error))?;
        let place = address.url.split('?').next().unwrap_or_default();
        Ok(Value::object([("method", &*address.method), ("url", place), ("sealed", &STANDARD.encode(sealed))]))
    }

    /// The address that was kept; `None` where there is none that can be used.
    fn address_of(&self, generation: &Subscription, kept: &Value) -> Result<Option<DeletionAddress>, Error> {
        let Some(sealed) = kept.get("sealed").and_then(Value::as_str) else {
            // The form of an earlier release, and the one for a webhook that the definition describes.
            return Ok(serde_json::from_value(kept.into()).ok());
        };
        let unreadable = || Error::Credentials { name: "webhook".to_owned() };
        let sealed = STANDARD.decode(sealed).map_err(|_| unreadable())?;
        let bytes = self.0.vault.unseal(&generation.id.to_string(), &sealed).map_err(|_| unreadable())?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| unreadable())
    }

    /// Deletes a webhook at the service, or arranges another try.
    pub(crate) async fn delete(
        &self,
        flow: &Flow,
        generation: Subscription,
        mut record: Record,
    ) -> Result<Option<Timestamp>, Error> {
        let begun = record.decide(self.now(), Input::Delete)?;
        let run = self.webhook_run(flow, &generation, RunKind::DeleteWebhook, begun.len());
        let is_secret = self.keeps_secrets(flow).await;
        let unit = Unit::from(Change::StartRun(run.clone(), begun.iter().map(Fact::encode).collect()));
        let unit = unit.secret(is_secret).owned(flow.id);
        let generation = self.put(generation, &record, unit).await?;
        let mut facts = Vec::new();
        if record.life().is_sought {
            // Nobody knows where it is, or whether it exists at all: the service is asked first.
            let found = self.search(flow, &generation, &record).await?.input(self.callback_shown());
            facts = record.decide(self.now(), found)?;
        }
        if !facts.iter().any(|fact| matches!(fact, Fact::DeletionEnded(_))) {
            let performed = match record.described_in {
                Some(number) => self.unsubscribe(flow, number, &generation, &record).await?,
                None => self.send_deletion(flow, &generation, &record).await,
            };
            let input = match performed {
                Some(performed) if self.is_unproven(&generation, &record, &performed) => {
                    Input::DeletionUnproven(performed)
                }
                performed => Input::DeletionEnded(performed),
            };
            facts.extend(record.decide(self.now(), input)?);
        }
        let after = record.life().state;
        let (status, error) = match after {
            SubscriptionState::Gone => (RunStatus::Succeeded, None),
            _ => {
                let message = "The service did not delete the webhook; it is tried again.".to_owned();
                (RunStatus::Failed, Some(RunError { code: "webhook_undeleted".to_owned(), message, hint: None }))
            }
        };
        let update = RunUpdate::ended(status, self.now(), error);
        let change = Change::AppendFacts {
            run: run.id,
            epoch: run.epoch,
            from: begun.len() as u64,
            facts: facts.iter().map(Fact::encode).collect(),
            update,
        };
        self.put(generation, &record, Unit::from(change).secret(is_secret).owned(flow.id)).await?;
        self.0.live.publish(flow.owner, LiveKind::Flow, flow.id.to_string(), None, None);
        Ok(record.life().retry_at.filter(|_| after == SubscriptionState::Deleting))
    }

    /// Whether the service has nothing at an address that was only derived, which proves nothing about the webhook.
    fn is_unproven(&self, generation: &Subscription, record: &Record, performed: &Performed) -> bool {
        if !matches!(performed.outcome, Outcome::Replied { status: 404 | 410, .. }) || record.described_in.is_some() {
            return false;
        }
        let kept = record.life().address.as_ref().and_then(|kept| self.address_of(generation, kept).ok().flatten());
        kept.is_some_and(|address| !address.rule.proves_gone())
    }

    /// Asks the service to delete a webhook of a connector; `None` where nobody knows how.
    async fn send_deletion(&self, flow: &Flow, generation: &Subscription, record: &Record) -> Option<Performed> {
        let address = match self.address_of(generation, record.life().address.as_ref()?) {
            Ok(address) => address?,
            Err(error) => return Some(not_sent(&error.to_string())),
        };
        let bound = match self.bound_record(flow, record).await {
            Ok(bound) => bound,
            Err(error) => return Some(not_made(&error)),
        };
        // The next try begins at the first again: what is gone already is answered 404.
        let mut last = None;
        for address in std::iter::once(&address).chain(&address.also) {
            let plan = |bound: &Bound, _: &[Lookup]| {
                bound.connector.plan_deletion(address, bound.credentials.as_ref()).map(Plan::Request)
            };
            let context = CallContext::outside_runs();
            let sent = self.send_through(&bound, self.0.config.service_wait, &context, plan).await;
            let performed = sent.unwrap_or_else(|error| not_sent(&error.to_string()));
            let is_done = matches!(performed.outcome, Outcome::Replied { status: 200..=299 | 404 | 410, .. });
            last = Some(performed);
            if !is_done {
                break;
            }
        }
        last
    }

    /// Sends the `unsubscribe` of the definition; `None` where it has none.
    async fn unsubscribe(
        &self,
        flow: &Flow,
        number: u32,
        generation: &Subscription,
        record: &Record,
    ) -> Result<Option<Performed>, Error> {
        let version = self.version(flow.id, number).await?;
        let Some(trigger) = version.plan.triggers.first() else { return Ok(None) };
        if record.reply.as_ref().is_some_and(is_lost) {
            let why = "What the service answered was sealed with a master key that is not here.";
            return Ok(Some(not_sent(why)));
        }
        let url = self.callback_url(generation, record)?;
        let mut surroundings = self.surroundings(flow, &version, Some(url.as_str().into()));
        surroundings.outputs.clone_from(&record.reply);
        let bytes = record.reply.as_ref().map_or(0, |reply| reply.heap_bytes_within(REPLY_BYTES_MAX));
        let ask = |wanted: &dyn Fn() -> bool| unsubscription(&version.plan, trigger, &surroundings, wanted);
        let made = match self.bounded(flow.id, version.is_short(bytes), ask).await {
            Ok(made) => made,
            Err(unfinished) => Err(unfinished.of_trigger(&trigger.name)?),
        };
        let performed = match made {
            Ok(None) => return Ok(None),
            Ok(Some(request)) => self.perform_request(flow, &request, &CallContext::outside_runs()).await,
            // It refers to an answer that never came.
            Err(_) if record.reply.is_none() => return Ok(None),
            Err(error) => not_sent(&error.message),
        };
        Ok(Some(self.without_capability(performed, &url)))
    }
}
