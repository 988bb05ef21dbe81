//! What a change of a connector breaks in the flows that use it, before it is saved.

use hookmill_connector::{Break, Connector};
use hookmill_definition::Plan;
use hookmill_definition::plan::{ActionKind, ConnectorInputs, OperationInputs, TriggerKind};
use hookmill_model::{ConnectorId, FlowId, UserId};

use crate::{Error, Runtime};

/// Things that break, at most.
const BREAKS_MAX: usize = 500;

/// Something of a flow that a change breaks.
#[derive(Clone, Debug)]
pub struct FlowBreak {
    /// The flow.
    pub flow: FlowId,
    /// Its name.
    pub name: String,
    /// The trigger or action.
    pub step: String,
    /// What breaks.
    pub what: Break,
}

/// The steps of a plan that call connectors, with their names.
fn calls(plan: &Plan) -> impl Iterator<Item = (String, &ConnectorInputs)> {
    let triggers = plan.triggers.iter().filter_map(|trigger| match &trigger.kind {
        TriggerKind::ConnectorWebhook(call) | TriggerKind::ConnectorPolling(call) => {
            Some((trigger.name.to_string(), call))
        }
        _ => None,
    });
    let actions = plan.actions.iter().filter_map(|action| match &action.kind {
        ActionKind::Connector(call) | ActionKind::ConnectorWebhook(call) => Some((action.name.to_string(), call)),
        _ => None,
    });
    triggers.chain(actions)
}

impl Runtime {
    /// What breaks in the flows that use a connector where `after` takes its place; 500 things at most.
    ///
    /// # Errors
    /// The store cannot be read, or the connector is not there.
    pub async fn connector_changes(
        &self,
        owner: UserId,
        id: ConnectorId,
        after: &Connector,
    ) -> Result<Vec<FlowBreak>, Error> {
        let before = self.connector(id).await?;
        let uses = self.0.store.connector_uses(id).await?;
        let is_own = |connection| uses.connections.iter().any(|(own, _)| *own == connection);
        let mut found = Vec::new();
        for (flow, _) in &uses.flows {
            let Some(flow) = self.0.store.flow(*flow).await? else { continue };
            if flow.owner != owner || flow.version == 0 || flow.deleted_at.is_some() {
                continue;
            }
            let version = match self.version(flow.id, flow.version).await {
                Ok(version) => version,
                Err(Error::Store(error)) => return Err(error.into()),
                // A draft that does not compile runs neither before nor after.
                Err(_) => continue,
            };
            for (step, call) in calls(&version.plan) {
                let OperationInputs::ById { operation_id, parameters } = &call.operation else { continue };
                let bound = flow.bindings.iter().find(|own| own.key.eq_ignore_ascii_case(&call.connection));
                let is_bound = bound.is_some_and(|own| own.connector == Some(id) || own.connection.is_some_and(is_own));
                if !is_bound {
                    continue;
                }
                for what in before.breaks(after, operation_id, parameters.source()) {
                    if found.len() >= BREAKS_MAX {
                        return Ok(found);
                    }
                    found.push(FlowBreak { flow: flow.id, name: flow.name.clone(), step: step.clone(), what });
                }
            }
        }
        Ok(found)
    }
}
