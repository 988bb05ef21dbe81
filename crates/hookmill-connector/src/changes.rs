//! What another version of a connector breaks in the flows that use it.

use hookmill_model::Value;
use serde::Serialize;
use utoipa::ToSchema;

use crate::connector::Connector;
use crate::operation::{Operation, TriggerKind, TriggerMode, Visibility};
use crate::parameter::Parameter;

/// What breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConnectorBreakKind)]
pub enum BreakKind {
    /// The operation is not there any more.
    OperationRemoved,
    /// The operation is refused when it is used: a policy or a script does not run here.
    OperationRefused,
    /// A parameter that the flow does not give is required now.
    ParameterRequired,
    /// A parameter that the flow gives is not there any more, so its value is not sent.
    ParameterRemoved,
    /// The operation starts flows no more, or in another way.
    TriggerChanged,
    /// A trigger gives one event instead of a list, or a list instead of one.
    ModeChanged,
    /// The callback URL goes elsewhere, so the webhook has to be created anew.
    CallbackMoved,
}

/// One thing that breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConnectorBreak)]
pub struct Break {
    /// What breaks.
    pub kind: BreakKind,
    /// The same in a sentence.
    pub message: String,
}

impl Connector {
    /// What a step of a flow loses where `after` takes the place of this connector. `given` are the step's parameters as
    /// the definition writes them; what one expression makes is not looked into.
    #[must_use]
    pub fn breaks(&self, after: &Self, operation_id: &str, given: &Value) -> Vec<Break> {
        let mut found = Vec::new();
        let mut tell = |kind, message: String| found.push(Break { kind, message });
        // What was not there before is not broken by the change.
        let Some(old) = self.operation(operation_id) else { return found };
        let Some(new) = after.operation(operation_id) else {
            tell(BreakKind::OperationRemoved, format!("The operation '{operation_id}' is not there any more."));
            return found;
        };
        if let (Ok(()), Err(why)) = (self.usable(old), after.usable(new)) {
            tell(BreakKind::OperationRefused, why.to_string());
        }
        match (old.trigger, new.trigger) {
            (old, new) if old == new => {}
            (Some((kind, before)), Some((other, now))) if kind == other => {
                let word = |mode| if mode == TriggerMode::Batch { "a list of events" } else { "one event" };
                let message = format!("The trigger '{operation_id}' gives {} instead of {}.", word(now), word(before));
                tell(BreakKind::ModeChanged, message);
            }
            (_, now) => {
                let word = match now {
                    None => "is an action now",
                    Some((TriggerKind::Webhook, _)) => "is called by the service now",
                    Some((TriggerKind::Polling, _)) => "asks the service again and again now",
                };
                tell(BreakKind::TriggerChanged, format!("The operation '{operation_id}' {word}."));
            }
        }
        if old.trigger.is_some() && new.trigger.is_some() && old.callbacks != new.callbacks {
            let message = format!(
                "The callback URL of the trigger '{operation_id}' goes elsewhere; its webhook is created anew when the flow is saved."
            );
            tell(BreakKind::CallbackMoved, message);
        }
        if let Some(members) = given.as_object() {
            let keys: Vec<&str> = members.keys().map(|key| &**key).collect();
            let (before, now) = (self.parameters(old), after.parameters(new));
            for parameter in now.iter().filter(|own| is_asked(own) && !is_given(&keys, own)) {
                if !before.iter().any(|own| own.key == parameter.key && is_asked(own)) {
                    let message = format!("'{operation_id}' needs the parameter '{}' now.", parameter.key);
                    tell(BreakKind::ParameterRequired, message);
                }
            }
            for key in keys {
                if takes(old, &before, key) && !takes(new, &now, key) {
                    let message = format!("'{operation_id}' has no parameter '{key}' any more.");
                    tell(BreakKind::ParameterRemoved, message);
                }
            }
        }
        found
    }
}

/// Whether a person has to give it.
fn is_asked(parameter: &Parameter) -> bool {
    parameter.required
        && parameter.default.is_none()
        && parameter.visibility != Visibility::Internal
        && !parameter.callback
}

/// A key below the body, without the name of the body parameter, which may be written in two ways.
fn below(key: &str) -> &str {
    key.split_once('/').map_or("", |(_, below)| below)
}

fn is_same(key: &str, own: &str) -> bool {
    key == own || (key.starts_with("body/") && below(key) == below(own))
}

/// Whether one of the keys gives the parameter, a part of it, or the whole that it is a part of.
fn is_given(keys: &[&str], parameter: &Parameter) -> bool {
    let own = &*parameter.key;
    let begins = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('/'));
    keys.iter().any(|key| {
        is_same(key, own)
            || begins(own, key)
            || begins(key, own)
            || (key.starts_with("body/") && begins(below(own), below(key)))
    })
}

/// Whether an operation takes a value under a key.
fn takes(operation: &Operation, form: &[Parameter], key: &str) -> bool {
    form.iter().any(|own| is_given(&[key], own)) || crate::place::path_names(&operation.path).contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn connector(paths: &str) -> Connector {
        let text =
            format!(r#"{{"swagger":"2.0","info":{{"title":"T","version":"1"}},"host":"a.example","paths":{paths}}}"#);
        Connector::import(text.as_bytes(), None, &Settings::default()).connector.unwrap()
    }

    fn check(before: &str, after: &str, given: &str, wanted: &[BreakKind]) {
        let given = Value::from_json(given.as_bytes()).unwrap();
        let found = connector(before).breaks(&connector(after), "A", &given);
        assert_eq!(found.iter().map(|own| own.kind).collect::<Vec<_>>(), wanted, "{found:?}");
    }

    #[test]
    fn what_breaks_is_told() {
        let plain = r#"{"/a":{"get":{"operationId":"A","parameters":[{"name":"q","in":"query","type":"string"}]}}}"#;
        check(plain, plain, r#"{"q":"1"}"#, &[]);
        check(plain, "{}", "{}", &[BreakKind::OperationRemoved]);
        let needs = r#"{"/a":{"get":{"operationId":"A","parameters":[{"name":"q","in":"query","type":"string"},{"name":"r","in":"query","required":true,"type":"string"}]}}}"#;
        check(plain, needs, r#"{"q":"1"}"#, &[BreakKind::ParameterRequired]);
        check(plain, needs, r#"{"q":"1","r":"2"}"#, &[]);
        check(plain, needs, r#""@outputs('x')""#, &[]);
        check(needs, plain, r#"{"r":"2"}"#, &[BreakKind::ParameterRemoved]);
        let body = |required: &str, name: &str| {
            format!(
                r#"{{"/a":{{"post":{{"operationId":"A","parameters":[{{"name":"item","in":"body","required":true,"schema":{{"type":"object","required":[{required}],"properties":{{"{name}":{{"type":"string"}},"d":{{"type":"string","default":"x"}}}}}}}}]}}}}}}"#
            )
        };
        check(&body("", "a"), &body(r#""a","d""#, "a"), r#"{"body/d":"1"}"#, &[BreakKind::ParameterRequired]);
        check(&body("", "a"), &body(r#""a""#, "a"), r#"{"body/a":"1"}"#, &[]);
        check(&body("", "a"), &body(r#""a""#, "a"), r#"{"item":{"a":"1"}}"#, &[]);
        check(&body("", "a"), &body("", "b"), r#"{"item/a":"1"}"#, &[BreakKind::ParameterRemoved]);
        let hook = |mode: &str, place: &str| {
            format!(
                r#"{{"/a":{{"post":{{"operationId":"A","x-ms-trigger":"{mode}","parameters":[{{"name":"{place}","in":"query","type":"string","x-ms-notification-url":true}}]}}}}}}"#
            )
        };
        check(&hook("single", "u"), &hook("batch", "u"), "{}", &[BreakKind::ModeChanged]);
        check(&hook("single", "u"), &hook("single", "v"), "{}", &[BreakKind::CallbackMoved]);
        check(&hook("single", "u"), plain, "{}", &[BreakKind::TriggerChanged]);
        let styled = r#"{"/a":{"get":{"operationId":"A","parameters":[{"name":"q","in":"query","type":"array","collectionFormat":"odd"}]}}}"#;
        check(plain, styled, r#"{"q":"1"}"#, &[BreakKind::OperationRefused]);
    }
}
