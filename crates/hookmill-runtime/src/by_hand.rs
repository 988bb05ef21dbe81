//! Runs that a person starts, as if the trigger had been called.

use hookmill_engine::trigger::violation;
use hookmill_model::{FlowId, Object, RunId, UserId, Value};
use hookmill_store::Unit;

use crate::begin::Origin;
use crate::elsewhere::Order;
use crate::{Error, Runtime};

impl Runtime {
    /// Starts a run by hand, with a body and headers as if the trigger had been called.
    ///
    /// # Errors
    /// There is no such flow, or it cannot run.
    pub async fn run_now(&self, owner: UserId, id: FlowId, body: Value, headers: Object) -> Result<RunId, Error> {
        if !self.0.shards.owns(id) {
            self.own_flow(owner, id).await?;
            return self.order(id, Order::RunNow { owner, flow: id, body, headers }).await;
        }
        self.run_now_here(owner, id, body, headers).await
    }

    pub(crate) async fn run_now_here(
        &self,
        owner: UserId,
        id: FlowId,
        body: Value,
        headers: Object,
    ) -> Result<RunId, Error> {
        let flow = self.own_flow(owner, id).await?;
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
        let begun = self.begin(Unit::new(), &flow, &version, vec![record], Origin::Person).await?;
        begun.first().copied().ok_or_else(|| Error::Internal("the run was not begun".to_owned()))
    }
}
