//! What a change of a connector breaks in the flows that use it, before it is saved.

use hookmill_connector::{Break, BreakKind, Connector};
use hookmill_definition::Plan;
use hookmill_definition::plan::{ActionKind, ConnectorInputs, OperationInputs, TriggerKind};
use hookmill_model::{ConnectorId, Diagnostic, FlowId, Pointer, UserId, Value};
use hookmill_store::Flow;

use crate::flows::{usual_method, written};
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

/// The steps of a plan that call connectors, with their names, and whether they subscribe.
fn calls(plan: &Plan) -> impl Iterator<Item = (String, &ConnectorInputs, bool)> {
    let triggers = plan.triggers.iter().filter_map(|trigger| match &trigger.kind {
        TriggerKind::ConnectorWebhook(call) => Some((trigger.name.to_string(), call, true)),
        TriggerKind::ConnectorPolling(call) => Some((trigger.name.to_string(), call, false)),
        _ => None,
    });
    let actions = plan.actions.iter().filter_map(|action| match &action.kind {
        ActionKind::Connector(call) => Some((action.name.to_string(), call, false)),
        ActionKind::ConnectorWebhook(call) => Some((action.name.to_string(), call, true)),
        _ => None,
    });
    triggers.chain(actions)
}

/// What a call by method and path loses.
fn breaks_by_path(before: &Connector, after: &Connector, request: &Value, subscribes: bool) -> Vec<Break> {
    let fault = |connector| written::check(connector, request, usual_method(subscribes), &Pointer::root());
    // What was wrong before is not broken by the change.
    if fault(before).is_some() {
        return Vec::new();
    }
    let broken = |found: Diagnostic| {
        let is_gone = found.code == "operation_unknown";
        let kind = if is_gone { BreakKind::OperationRemoved } else { BreakKind::OperationRefused };
        Break { kind, message: found.message.to_string() }
    };
    fault(after).map(broken).into_iter().collect()
}

impl Runtime {
    /// Which connectors of a flow were changed since it was saved.
    pub(crate) async fn earlier_connectors(&self, flow: &Flow) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for binding in &flow.bindings {
            let (Some(id), Some(version)) = (binding.connector, binding.version.as_deref()) else { continue };
            if let Ok(newest) = self.newest_connector(id).await
                && newest.version != version
            {
                let name = &newest.connector.name;
                let message = format!("The connector '{name}' was changed since; the flow runs on the version before.");
                let finding = Diagnostic::warning("connector_changed", Pointer::root(), message);
                found.push(finding.with_hint("Save the flow again to have it run on the connector as it is now."));
            }
        }
        found
    }

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
            for (step, call, subscribes) in calls(&version.plan) {
                let bound = flow.bindings.iter().find(|own| own.key.eq_ignore_ascii_case(&call.connection));
                let is_bound = bound.is_some_and(|own| own.connector == Some(id) || own.connection.is_some_and(is_own));
                if !is_bound {
                    continue;
                }
                // Each flow runs on the version that it was saved with.
                let saved_with = bound.and_then(|own| own.version.as_deref());
                let before = self.connector_in(id, saved_with).await?;
                let breaks = match &call.operation {
                    OperationInputs::ById { operation_id, parameters } => {
                        before.breaks(after, operation_id, parameters.source())
                    }
                    OperationInputs::ByPath(request) => breaks_by_path(&before, after, request.source(), subscribes),
                };
                for what in breaks {
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
