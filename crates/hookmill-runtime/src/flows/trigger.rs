//! What is wrong with the inputs of a trigger, found out when a flow is saved.

use std::time::Duration;

use hookmill_definition::plan::{Plan, TriggerKind};
use hookmill_model::{Diagnostic, Object, Pointer, Value};

use crate::Runtime;
use crate::bounded::Unfinished;

/// The inputs are evaluated for so long.
const WAIT: Duration = Duration::from_secs(5);

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
        let at = Pointer::root().child("triggers").child(&trigger.name).child("inputs");
        let made = self.bounded_within(false, WAIT, |wanted| request(plan, trigger, &surroundings, wanted).err());
        let error = match made {
            Ok(error) => error?,
            Err(Unfinished::TookTooLong(_)) => {
                let message = "the inputs of the trigger take too long to evaluate";
                return Some(Diagnostic::error("trigger_inputs_invalid", at, message));
            }
            Err(Unfinished::Stopped | Unfinished::Left) => {
                return Some(Diagnostic::error("cancelled", at, "it was stopped, since nobody waits for it"));
            }
        };
        Some(Diagnostic::error("trigger_inputs_invalid", at, &*error.message))
    }
}
