//! Calls of a connector's operations that the declarations of a webhook ask for: whether a request is genuine, the secret
//! of a webhook, its renewal, what was missed.

use hookmill_connector::{Call, Lookup, Plan};
use hookmill_engine::{Outcome, Performed};
use hookmill_executor::CallContext;
use hookmill_model::Value;
use hookmill_store::{Flow, Subscription};
use hookmill_webhook::{Asked, Question};

use crate::exchange::not_sent;
use crate::plans::Bound;
use crate::record::Record;
use crate::tokens::not_made;
use crate::{Error, Runtime};

/// Questions about requests that are under way at services. Whoever knows an address can bring them about.
pub(crate) const QUESTIONS_MAX: usize = 16;

impl Runtime {
    /// Calls an operation with the connection of a generation.
    ///
    /// # Errors
    /// The store failed. Everything else is in the exchange.
    pub(crate) async fn ask_operation(&self, flow: &Flow, record: &Record, asked: &Asked) -> Result<Performed, Error> {
        let bound = match self.bound_record(flow, record).await {
            Ok(bound) => bound,
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(not_made(&error)),
        };
        let parameters = Value::from(asked.parameters.clone());
        let plan =
            |bound: &Bound, lookups: &[Lookup]| Self::planned_operation(bound, &asked.operation, &parameters, lookups);
        let wait = self.0.config.service_wait;
        let sent = self.send_through(&bound, wait, &CallContext::outside_runs(), plan).await;
        Ok(sent.unwrap_or_else(|message: String| not_sent(&message)))
    }

    /// The request of an operation that a declaration names.
    pub(crate) fn planned_operation(
        bound: &Bound,
        operation: &str,
        parameters: &Value,
        lookups: &[Lookup],
    ) -> Result<Plan, String> {
        let found = bound.connector.operation(operation);
        let found =
            found.ok_or_else(|| format!("The connector has no operation '{operation}', which its webhook needs."))?;
        let credentials = bound.credentials.as_ref();
        let call = Call { parameters: Some(parameters), credentials, lookups, ..Call::default() };
        bound.connector.plan_request(found, &call).map_err(|error| error.to_string())
    }

    /// Asks the service whether it sent a request; `None` where it cannot be asked now.
    pub(crate) async fn confirmed(
        &self,
        flow: &Flow,
        generation: &Subscription,
        question: &Question,
    ) -> Result<Option<bool>, Error> {
        let Ok(_place) = self.0.questions.try_acquire() else { return Ok(None) };
        let record = self.opened_record(generation)?;
        if record.is_local() && !record.is_by_hand {
            return Ok(Some(false));
        }
        let performed = self.ask_operation(flow, &record, &question.call).await?;
        Ok(match &performed.outcome {
            Outcome::Replied { status: 200..=299, body, .. } => {
                Some(question.is_confirmed(body.as_ref().unwrap_or(&Value::Null)))
            }
            // The service has looked at the question and does not know of such a request.
            Outcome::Replied { status: 400 | 404 | 410 | 422, .. } => Some(false),
            _ => None,
        })
    }
}
