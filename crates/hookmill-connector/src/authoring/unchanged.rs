//! What of an operation a form left as it was. A form shows schemas without their references and bodies taken apart;
//! writing them back where nothing was edited would lose what the document said with references.

use hookmill_model::Value;

use super::edit::OperationForm;
use super::form::FormParameter;
use crate::connector::{Connector, Settings};

/// The parts that need not be written.
#[derive(Default)]
pub(super) struct Unchanged {
    /// The parameters and the place of the callback URL.
    pub parameters: bool,
    /// The schema of notifications or of the answer.
    pub outputs: bool,
}

impl Unchanged {
    /// Compares a form with what it would show of the operation.
    pub(super) fn of(document: &Value, operation_id: &str, form: &OperationForm) -> Self {
        let import = Connector::import_value(document, None, &Settings::default());
        let Some(connector) = import.connector else { return Self::default() };
        let Some(operation) = connector.operation(operation_id) else { return Self::default() };
        let shown = serde_json::to_value(connector.parameters(operation))
            .and_then(serde_json::from_value::<Vec<FormParameter>>)
            .unwrap_or_default();
        let schema = if operation.is_webhook() { &form.notification_schema } else { &form.response_schema };
        let is_same_kind =
            form.is_webhook() == operation.is_webhook() && (form.role == "trigger") == operation.trigger.is_some();
        Self {
            parameters: shown == form.request.parameters && operation.callback == form.callback_parameter,
            outputs: is_same_kind
                && schema.as_ref().is_some_and(|schema| *schema == connector.outputs_schema(operation)),
        }
    }
}
