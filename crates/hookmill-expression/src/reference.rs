//! Functions that read the run.

use hookmill_model::Value;

use crate::arguments::{Arguments, Result};
use crate::error::ErrorKind;
use crate::item::Item;
use crate::scope::NameKind;
use crate::selection::member;

pub(crate) fn parameters(a: &Arguments) -> Result<Item> {
    let name = a.string(0)?;
    a.scope.parameter(&name).map(Item::Value).ok_or_else(|| a.no_such("parameter", &name, NameKind::Parameter))
}

pub(crate) fn variables(a: &Arguments) -> Result<Item> {
    let name = a.string(0)?;
    a.scope.variable(&name).map(Item::Value).ok_or_else(|| a.no_such("variable", &name, NameKind::Variable))
}

pub(crate) fn trigger(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(a.scope.trigger().unwrap_or_default()))
}

pub(crate) fn trigger_outputs(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(a.scope.trigger_outputs().unwrap_or_default()))
}

pub(crate) fn trigger_body(a: &Arguments) -> Result<Item> {
    let outputs = a.scope.trigger_outputs().unwrap_or_default();
    Ok(Item::Value(body_member(&outputs)))
}

fn body_member(outputs: &Value) -> Value {
    outputs.as_object().and_then(|members| member(members, "body")).cloned().unwrap_or_default()
}

pub(crate) fn actions(a: &Arguments) -> Result<Item> {
    let name = a.string(0)?;
    a.scope.action(&name).map(Item::Value).ok_or_else(|| a.no_such("action", &name, NameKind::Action))
}

pub(crate) fn outputs(a: &Arguments) -> Result<Item> {
    let name = a.string(0)?;
    a.scope.action_outputs(&name).map(Item::Value).ok_or_else(|| a.no_such("action", &name, NameKind::Action))
}

pub(crate) fn body(a: &Arguments) -> Result<Item> {
    let name = a.string(0)?;
    let outputs = a.scope.action_outputs(&name).ok_or_else(|| a.no_such("action", &name, NameKind::Action))?;
    Ok(Item::Value(match &outputs {
        // One output per iteration of the loop that holds the action.
        Value::Array(iterations) => Value::array(iterations.iter().map(body_member).collect()),
        outputs => body_member(outputs),
    }))
}

pub(crate) fn action(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(a.scope.current_action().unwrap_or_default()))
}

pub(crate) fn result(a: &Arguments) -> Result<Item> {
    let name = a.string(0)?;
    a.scope.result(&name).map(Item::Value).ok_or_else(|| a.no_such("scope", &name, NameKind::Action))
}

pub(crate) fn workflow(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(a.scope.workflow()))
}

pub(crate) fn list_callback_url(a: &Arguments) -> Result<Item> {
    let url = a.scope.callback_url().ok_or_else(|| {
        a.error(
            ErrorKind::ReferenceNotFound,
            "The function 'listCallbackUrl' is only for webhook triggers and actions.",
        )
    })?;
    Ok(Item::Value(url))
}
