//! Runs that a person starts, as if the trigger had been called.

use std::sync::Arc;

use hookmill_engine::trigger::violation;
use hookmill_model::{EventId, FlowId, Id as _, Object, RunId, UserId, Value};
use hookmill_store::{Flow, Unit};

use crate::beginning::Origin;
use crate::order::Order;
use crate::plans::Version;
use crate::{Error, Runtime};

impl Runtime {
    /// Starts a run by hand, with a body and headers as if the trigger had been called.
    ///
    /// # Errors
    /// There is no such flow, or it cannot run.
    pub async fn run_now(&self, owner: UserId, id: FlowId, body: Value, headers: Object) -> Result<RunId, Error> {
        let begins = self.new_id();
        self.own_flow(owner, id).await?;
        let here = Box::pin(self.run_now_here(owner, id, (body.clone(), headers.clone()), begins));
        let order = || Order::RunNow { owner, flow: id, body, headers, begins: Some(begins) };
        self.here_or_elsewhere(id, here, order).await
    }

    /// Begins the run `begins`, unless an earlier owner of the flow did so for the same order.
    pub(crate) async fn run_now_here(
        &self,
        owner: UserId,
        id: FlowId,
        (body, headers): (Value, Object),
        begins: RunId,
    ) -> Result<RunId, Error> {
        let flow = self.own_flow(owner, id).await?;
        if self.has_begun(&flow, begins).await? {
            return Ok(begins);
        }
        let version = self.version(id, flow.version).await?;
        let trigger = version.plan.triggers.first();
        if let Some(error) = trigger.and_then(|trigger| violation(trigger, &body)) {
            return Err(Error::InputRefused { code: error.code.to_string(), message: error.message.to_string() });
        }
        let name = trigger.map(|trigger| trigger.name.clone()).unwrap_or_default();
        let mut outputs = Object::new();
        outputs.insert("headers", headers);
        if !body.is_null() {
            outputs.insert("body", body);
        }
        let record =
            Value::object([("name", Value::from(name)), ("outputs", outputs.into()), ("status", "Succeeded".into())]);
        self.begin_named(&flow, &version, record, Origin::Person { run: begins }).await
    }

    /// Whether a run that an order names is there already, or the event that begins it. What an owner before wrote is seen
    /// here, and what it writes later is refused.
    pub(crate) async fn has_begun(&self, flow: &Flow, run: RunId) -> Result<bool, Error> {
        if self.0.shards.is_alone() {
            return Ok(false);
        }
        let run_is_there = self.0.store.run(run).await?.is_some_and(|listed| listed.run.flow == flow.id);
        // An event that comes in again has the bits of the run that it begins.
        Ok(run_is_there || self.0.store.event(EventId::from_bits(run.to_bits())).await?.is_some())
    }

    /// Begins the run that an order names.
    pub(crate) async fn begin_named(
        &self,
        flow: &Flow,
        version: &Arc<Version>,
        record: Value,
        origin: Origin<'_>,
    ) -> Result<RunId, Error> {
        let begun = self.begin(Unit::new(), flow, version, vec![record], origin).await?;
        begun.first().copied().ok_or_else(|| Error::Internal("the run was not begun".to_owned()))
    }
}
