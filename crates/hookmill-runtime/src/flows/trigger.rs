//! What is wrong with the inputs of a trigger, found out when a flow is saved.

use hookmill_definition::plan::{Plan, TriggerKind};
use hookmill_model::{Diagnostic, Object, Pointer, Value};

use crate::Runtime;

impl Runtime {
    /// A webhook's inputs are evaluated once, when it is created: what fails then is found out now.
    pub(super) fn check_trigger_inputs(&self, plan: &Plan, parameters: &Value) -> Option<Diagnostic> {
        use hookmill_engine::trigger::{Surroundings, request};
        let Some(trigger) = plan.triggers.first() else {
            let at = Pointer::root().child("triggers");
            return Some(Diagnostic::error("trigger_missing", at, "A flow needs a trigger: nothing would start it."));
        };
        if !matches!(trigger.kind, TriggerKind::ConnectorWebhook(_) | TriggerKind::HttpWebhook { .. }) {
            return None;
        }
        let surroundings = Surroundings {
            parameters: parameters.clone(),
            workflow: Object::new().into(),
            callback_url: Some(self.0.config.hooks_url().into()),
            now: self.now(),
            ..Surroundings::default()
        };
        let error = request(plan, trigger, &surroundings).err()?;
        let at = Pointer::root().child("triggers").child(&trigger.name).child("inputs");
        Some(Diagnostic::error("trigger_inputs_invalid", at, &*error.message))
    }
}
