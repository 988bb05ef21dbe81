//! Changing the webhook of a changed trigger in place, where its connector names an operation for that.
//!
//! The service is asked only where the webhook stays what it is: the same operation through the same connection, created at
//! the same address, and the update sends every parameter that has another value. Everything else, a refusal, and a service
//! that does not say yes in several tries, is a deletion and a creation as without an update.
//!
//! An update says all that it changes, so one whose outcome a crash hides is sent again; that it was begun is on disk before.

use std::collections::BTreeSet;

use hookmill_engine::Outcome;
use hookmill_engine::subscription::{Input, Upkept};
use hookmill_model::{SubscriptionState, Timestamp, Value};
use hookmill_store::{Flow, Subscription, Unit};
use hookmill_webhook::OperationCall;

use crate::left_webhooks::WebhookCall;
use crate::plans::Version;
use crate::record::{Record, has_plain_fingerprint};
use crate::sealed::is_lost;
use crate::upkeep::Tended;
use crate::{Error, Runtime};

/// What came of an update.
pub(crate) enum Updated {
    /// The webhook is changed, or will be; when it is looked at again.
    InHand(Option<Timestamp>),
    /// It is to be deleted, and another one created.
    NotPossible(Box<(Subscription, Record)>),
}

/// The parameters that have another value in `wanted`.
fn changed<'a>(given: &'a Value, wanted: &'a Value) -> BTreeSet<&'a str> {
    let members = |value: &'a Value| value.as_object().into_iter().flat_map(|own| own.iter());
    let names = members(given).chain(members(wanted)).map(|(name, _)| &**name);
    names.filter(|name| given.get(name) != wanted.get(name)).collect()
}

impl Runtime {
    /// Has the service change a live webhook to what its trigger says now.
    pub(crate) async fn update_in_place(
        &self,
        flow: &Flow,
        (version, fingerprint): (&Version, &str),
        generation: Subscription,
        record: Record,
    ) -> Result<Updated, Error> {
        let wanted = match self.creation_record(flow, version).await {
            Ok(Some(wanted)) => wanted,
            Err(Error::Store(error)) => return Err(error.into()),
            // The creation says what is wrong with the trigger.
            Ok(None) | Err(_) => return Ok(Updated::NotPossible(Box::new((generation, record)))),
        };
        let Some(call) = self.update_call(flow, &record, &wanted).await? else {
            return Ok(Updated::NotPossible(Box::new((generation, record))));
        };
        if let Some(later) = record.life().upkeep.update_at.filter(|at| *at > self.now()) {
            return Ok(Updated::InHand(Some(later)));
        }
        let before = Tended { generation, record, again: None };
        let after = Record { parameters: wanted.parameters, ..before.record.clone() };
        let mut tended = Tended { record: after, ..before };
        let Some(asked) = self.filled(&tended, &call)? else {
            return Ok(Updated::NotPossible(Box::new((tended.generation, before.record))));
        };
        let mut record = before.record;
        if !record.decide(self.now(), Input::Upkeep(Upkept::Update))?.is_empty() {
            tended.generation = self.put(tended.generation, &record, Unit::new().owned(flow.id)).await?;
        }
        let performed = self.ask_operation(flow, &record, &asked).await?;
        let refused = match &performed.outcome {
            Outcome::Replied { status: 200..=299, headers, body } => {
                hookmill_connector::update_refused(headers, body.as_ref())
            }
            _ if record.life().upkeep.is_update_refused(&performed) => Some("the service refused it".to_owned()),
            _ => {
                record.decide(self.now(), Input::Upkeep(Upkept::NotUpdated(performed)))?;
                let again = record.life().upkeep.update_at;
                self.put(tended.generation, &record, Unit::new().owned(flow.id)).await?;
                return Ok(Updated::InHand(again));
            }
        };
        if let Some(why) = refused {
            tracing::info!(flow = %flow.id, why, "the webhook is not changed in place; another one takes its place");
            return Ok(Updated::NotPossible(Box::new((tended.generation, record))));
        }
        // Deliveries before and after the change are told apart together.
        if record.told_apart_by.is_none() {
            let is_plain = has_plain_fingerprint(&record.fingerprint);
            let own = if is_plain { self.fingerprint_mark(&record.fingerprint) } else { record.fingerprint.clone() };
            record.told_apart_by = Some(own);
        }
        record.parameters = tended.record.parameters;
        fingerprint.clone_into(&mut record.fingerprint);
        record.decide(self.now(), Input::Upkeep(Upkept::Updated))?;
        let generation = self.put(tended.generation, &record, Unit::new().owned(flow.id)).await?;
        tracing::info!(flow = %flow.id, "the service changed the webhook in place");
        Ok(Updated::InHand(Box::pin(self.tend(flow, generation, record)).await?.again))
    }

    /// The operation that changes a webhook to what its trigger says now; `None` where it has to be replaced.
    async fn update_call(&self, flow: &Flow, record: &Record, wanted: &Record) -> Result<Option<OperationCall>, Error> {
        let operation = record.operation.as_deref().filter(|id| !id.is_empty());
        let is_same = record.operation == wanted.operation
            && record.connection_id == wanted.connection_id
            && record.connection == wanted.connection;
        let Some(operation) = operation.filter(|_| is_same && !is_lost(&record.parameters)) else { return Ok(None) };
        let connector = match self.connector_of_record(flow, record).await {
            Ok(connector) => connector,
            Err(Error::Store(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let Some(found) = connector.operation(operation) else { return Ok(None) };
        let Some(call) = connector.webhook(operation).registration.and_then(|own| own.update) else { return Ok(None) };
        let is_elsewhere =
            connector.address_with(found, &record.parameters) != connector.address_with(found, &wanted.parameters);
        let is_covered = changed(&record.parameters, &wanted.parameters).is_subset(&call.inputs());
        Ok(if is_covered && !is_elsewhere { Some(call) } else { None })
    }

    /// What is called when the trigger of a flow is changed, where its connector can have that done in place.
    pub(crate) async fn shown_update(
        &self,
        flow: &Flow,
        wanted: &Record,
        live: Option<&Subscription>,
    ) -> Result<Option<WebhookCall>, Error> {
        let connector = self.connector_of_record(flow, wanted).await?;
        let operation = wanted.operation.as_deref().unwrap_or_default();
        let Some(call) = connector.webhook(operation).registration.and_then(|own| own.update) else { return Ok(None) };
        let Some(update) = connector.operation(&call.operation) else { return Ok(None) };
        let parameters = match live.filter(|own| own.state == SubscriptionState::Live) {
            Some(live) => {
                let record = self.opened_record(live)?;
                let record = Record { parameters: wanted.parameters.clone(), ..record };
                self.filled(&Tended { generation: live.clone(), record, again: None }, &call)?
            }
            None => None,
        };
        let parameters = parameters.map_or_else(Value::default, |asked| asked.parameters.into());
        let url = connector.address_with(update, &parameters);
        Ok(Some(WebhookCall { method: update.method.to_string(), url, rule: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_came_went_or_changed_are_told() {
        let value = |text: &str| Value::from_json(text.as_bytes()).unwrap_or_default();
        let (given, wanted) = (value(r#"{"a":1,"b":[1],"c":"x"}"#), value(r#"{"a":1,"b":[2],"d":null}"#));
        assert_eq!(changed(&given, &wanted).into_iter().collect::<Vec<_>>(), ["b", "c", "d"]);
        assert!(changed(&given, &given).is_empty());
    }
}
