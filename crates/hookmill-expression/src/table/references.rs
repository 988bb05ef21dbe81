//! Functions that read the run.

use super::{Evaluator::Strict, Function, row};
use crate::reference;

pub(super) static ROWS: &[Function] = &[
    row!(Reference, "parameters(name)", 1..=1, Strict(reference::parameters), "The value of a parameter of the flow.", "@parameters('region')" => r#""eu""#),
    row!(Reference, "variables(name)", 1..=1, Strict(reference::variables), "What a variable holds now.", "@variables('count')" => "3"),
    row!(Reference, "trigger()", 0..=0, Strict(reference::trigger), "The record of the trigger.", "@trigger()?['name']" => r#""When_pushed""#),
    row!(Reference, "triggers()", 0..=0, Strict(reference::trigger), "The same as trigger.", "@triggers()?['name']" => r#""When_pushed""#),
    row!(Reference, "triggerOutputs()", 0..=0, Strict(reference::trigger_outputs), "What started the run: headers and body.", "@triggerOutputs()?['headers']?['X-GitHub-Event']" => r#""push""#),
    row!(Reference, "triggerBody()", 0..=0, Strict(reference::trigger_body), "The body that started the run.", "@triggerBody()?['$content-type']" => r#""application/x-www-form-urlencoded""#),
    row!(Reference, "actions(name)", 1..=1, Strict(reference::actions), "The record of an action: status, code, times, inputs, outputs.", "@actions('Get_form')?['status']" => r#""Succeeded""#),
    row!(Reference, "outputs(name)", 1..=1, Strict(reference::outputs), "The outputs of an action.", "@outputs('Compose')" => r#""made""#),
    row!(Reference, "actionOutputs(name)", 1..=1, Strict(reference::outputs), "The same as outputs.", "@actionOutputs('Compose')" => r#""made""#),
    row!(Reference, "body(name)", 1..=1, Strict(reference::body), "The body of an action's outputs.", "@body('Get_form')?['$content-type']" => r#""application/x-www-form-urlencoded""#),
    row!(Reference, "actionBody(name)", 1..=1, Strict(reference::body), "The same as body.", "@actionBody('Get_form')?['$content-type']" => r#""application/x-www-form-urlencoded""#),
    row!(Reference, "action()", 0..=0, Strict(reference::action), "The record of the action that the expression belongs to.", "@action()?['name']" => r#""Notify""#),
    row!(Reference, "result(scope)", 1..=1, Strict(reference::result), "The records of all actions directly inside a scope or loop.", "@length(result('Scope'))" => "1"),
    row!(Reference, "workflow()", 0..=0, Strict(reference::workflow), "The flow and its run.", "@workflow()?['name']" => r#""flw_1""#),
    row!(Reference, "listCallbackUrl()", 0..=0, Strict(reference::list_callback_url), "The address at which this webhook is called.", "@listCallbackUrl()" => r#""https://hooks.example.org/callback/1""#),
];
