//! Deleting webhooks at services, again and again until they are gone.

use hookmill_connector::DeletionAddress;
use hookmill_engine::Performed;
use hookmill_engine::subscription::{self as machine, Fact, Input};
use hookmill_engine::trigger::unsubscription;
use hookmill_executor::CallContext;
use hookmill_model::{RunKind, RunStatus, SubscriptionState, Timestamp};
use hookmill_store::{Change, Flow, RunError, RunUpdate, Subscription, Unit};

use crate::creation::not_sent;
use crate::dispatch::EPOCH;
use crate::live::LiveKind;
use crate::perform::outgoing;
use crate::subscriptions::{Record, fold};
use crate::{Error, Runtime};

impl Runtime {
    /// Deletes a webhook at the service, or arranges another try.
    pub(crate) async fn delete(
        &self,
        flow: &Flow,
        generation: Subscription,
        mut record: Record,
    ) -> Result<Option<Timestamp>, Error> {
        let mut state = record.machine(generation.state);
        let begun = machine::decide(&state, self.now(), Input::Delete);
        fold(&mut state, &begun);
        let after = record.take(state);
        let run = self.webhook_run(flow, &generation, RunKind::DeleteWebhook, begun.len());
        let unit = Unit::from(Change::StartRun(run.clone(), begun.iter().map(Fact::encode).collect()));
        let generation = self.put(generation, after, &record, unit).await?;
        let performed = match record.described_in {
            Some(number) => self.unsubscribe(flow, number, &generation, &record).await?,
            None => self.send_deletion(flow, &record).await,
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
        self.0.live.publish(flow.owner, LiveKind::Flow, flow.id.to_string(), None, None);
        Ok(record.retry_at.filter(|_| after == SubscriptionState::Deleting))
    }

    /// Asks the service to delete a webhook of a connector; `None` where nobody knows how.
    async fn send_deletion(&self, flow: &Flow, record: &Record) -> Option<Performed> {
        let address: DeletionAddress = record
            .address
            .as_ref()
            .and_then(|address| serde_json::from_value(serde_json::Value::from(address)).ok())?;
        let planned = match self.bound_record(flow, record).await {
            Ok(bound) => {
                bound.connector.plan_deletion(&address, bound.credentials.as_ref()).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        Some(match planned {
            Ok(planned) => {
                let outgoing = outgoing(planned, self.0.config.service_wait);
                self.0.executor.send(&outgoing, &CallContext::outside_runs()).await
            }
            Err(message) => not_sent(&message),
        })
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
        let url = self.callback_url(generation, record);
        let mut surroundings = self.surroundings(flow, &version, url.as_deref().map(Into::into));
        surroundings.outputs.clone_from(&record.reply);
        let performed = match unsubscription(&version.plan, trigger, &surroundings) {
            Ok(None) => return Ok(None),
            Ok(Some(request)) => self.perform_request(flow, &request, &CallContext::outside_runs()).await,
            Err(error) => not_sent(&error.message),
        };
        Ok(Some(match url {
            Some(url) => self.without_capability(performed, &url),
            None => performed,
        }))
    }
}
