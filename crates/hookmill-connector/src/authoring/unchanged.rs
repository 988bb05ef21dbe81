//! What of an operation a form left as it was. A form shows schemas without their references and bodies taken apart;
//! writing them back where nothing was edited would lose what the document said with references.

use hookmill_model::Value;
use serde_json::Value as Json;

use super::edit::{Compare, EditError, OperationForm, Unchanged, put};
use super::form::FormParameter;
use crate::connector::{Connector, Settings};

/// Puts an operation into a document, in place of `original` where one is named. Two operations may have the same verb
/// and address: the second one's key ends in `#` and its id, which is never sent.
///
/// # Errors
/// What the form lacks, or that another operation has its id.
pub fn put_operation(document: &Value, original: Option<&str>, form: &OperationForm) -> Result<Value, EditError> {
    let mut changed = Json::from(document);
    put(&mut changed, original.map(|id| (id, compared as Compare)), form)?;
    Ok(Value::from(changed))
}

/// Compares a form with what it would show of the operation.
fn compared(document: &Value, operation_id: &str, form: &OperationForm) -> Unchanged {
    let import = Connector::import_value(document, None, &Settings::default());
    let Some(connector) = import.connector else { return Unchanged::default() };
    let Some(operation) = connector.operation(operation_id) else { return Unchanged::default() };
    let shown = serde_json::to_value(connector.parameters(operation))
        .and_then(serde_json::from_value::<Vec<FormParameter>>)
        .unwrap_or_default();
    let schema = if operation.is_webhook() { &form.notification_schema } else { &form.response_schema };
    let is_same_kind =
        form.is_webhook() == operation.is_webhook() && (form.role == "trigger") == operation.trigger.is_some();
    Unchanged {
        parameters: shown == form.request.parameters && operation.callback == form.callback_parameter,
        outputs: is_same_kind && schema.as_ref().is_some_and(|schema| *schema == connector.outputs_schema(operation)),
    }
}
