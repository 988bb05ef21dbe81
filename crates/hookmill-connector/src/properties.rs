//! `apiProperties.json`: the fields of a connection, and the policies that change requests on their way.

use hookmill_model::{Str, Value};
use serde::Serialize;

use crate::document::{elements, members, text};

/// One policy of the file: a named change of requests or replies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Policy {
    /// What kind of change, in lower case: `setheader`, `dynamichosturl`…
    pub template: Str,
    /// Its title, for people.
    pub title: Str,
    /// Its settings as written.
    pub parameters: Value,
}

impl Policy {
    /// A setting by the last part of its name: `name`, `value`, `newPath`…
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters.get(&format!("x-ms-apimTemplateParameter.{name}"))
    }

    /// Whether it changes requests of this operation.
    #[must_use]
    pub fn concerns_request(&self, operation_id: &str) -> bool {
        let section = self.parameters.get("x-ms-apimTemplate-policySection").and_then(Value::as_str);
        if section.is_some_and(|section| !section.eq_ignore_ascii_case("request")) {
            return false;
        }
        match self.parameters.get("x-ms-apimTemplate-operationName") {
            Some(Value::Array(names)) if !names.is_empty() => {
                names.iter().filter_map(Value::as_str).any(|name| name == operation_id)
            }
            Some(Value::String(name)) if !name.is_empty() => &**name == operation_id,
            _ => true,
        }
    }
}

pub(crate) fn policies(properties: &Value) -> Vec<Policy> {
    properties
        .get("properties")
        .map(|inner| elements(inner, "policyTemplateInstances"))
        .unwrap_or_default()
        .iter()
        .filter_map(|policy| {
            Some(Policy {
                template: text(policy, "templateId")?.to_ascii_lowercase().into(),
                title: text(policy, "title").unwrap_or_default(),
                parameters: policy.get("parameters").cloned().unwrap_or_default(),
            })
        })
        .collect()
}

/// The kinds of a connection's fields, sorted, each once; `parameterSets` where the person chooses between sets.
pub(crate) fn field_kinds(properties: &Value) -> Vec<Str> {
    let Some(inner) = properties.get("properties") else { return Vec::new() };
    let mut kinds: Vec<Str> =
        members(inner, "connectionParameters").filter_map(|(_, field)| text(field, "type")).collect();
    if inner.get("connectionParameterSets").is_some_and(|sets| !sets.is_null()) {
        kinds.push("parameterSets".into());
    }
    kinds.sort();
    kinds.dedup();
    kinds
}
