//! `apiProperties.json`: the fields of a connection, and the policies that change requests on their way.

use hookmill_model::{Object, Str, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::document::{elements, members, text};

/// What kinds of changes Hookmill makes. Files may ask for others, which are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PolicyTemplate {
    /// A header gets a constant.
    SetHeader,
    /// A query parameter gets a constant.
    SetQueryParameter,
}

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

    /// The change that it makes; `None` where it is of a kind that Hookmill does not make, changes answers, or has an
    /// expression for its value.
    #[must_use]
    pub fn runs(&self) -> Option<PolicyTemplate> {
        let template = match &*self.template {
            "setheader" => PolicyTemplate::SetHeader,
            "setqueryparameter" => PolicyTemplate::SetQueryParameter,
            _ => return None,
        };
        let word = |name: &str| self.parameter(name).and_then(Value::as_str);
        let is_constant = word("value").is_some_and(|value| !value.contains('@'));
        (self.is_of_requests() && is_constant && word("name").is_some_and(|name| !name.is_empty())).then_some(template)
    }

    fn is_of_requests(&self) -> bool {
        let section = self.parameters.get("x-ms-apimTemplate-policySection").and_then(Value::as_str);
        section.is_none_or(|section| section.eq_ignore_ascii_case("request"))
    }

    /// Whether it changes requests of this operation.
    #[must_use]
    pub fn concerns_request(&self, operation_id: &str) -> bool {
        if !self.is_of_requests() {
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

impl Policy {
    /// Reads an entry of the file; `None` where it has no template.
    #[must_use]
    pub fn read(instance: &Value) -> Option<Self> {
        Some(Self {
            template: text(instance, "templateId")?.to_ascii_lowercase().into(),
            title: text(instance, "title").unwrap_or_default(),
            parameters: instance.get("parameters").cloned().unwrap_or_default(),
        })
    }
}

/// The policies of a properties file as they are written.
#[must_use]
pub fn policy_instances(properties: &Value) -> &[Value] {
    properties.get("properties").map(|inner| elements(inner, "policyTemplateInstances")).unwrap_or_default()
}

/// The properties file with other policies; what else is in it stays.
#[must_use]
pub fn policies_replaced(properties: Option<&Value>, instances: Vec<Value>) -> Value {
    let mut whole = properties.and_then(Value::as_object).cloned().unwrap_or_else(Object::new);
    let mut inner = whole.get("properties").and_then(Value::as_object).cloned().unwrap_or_else(Object::new);
    inner.insert("policyTemplateInstances", Value::array(instances));
    whole.insert("properties", inner);
    whole.into()
}

pub(crate) fn policies(properties: &Value) -> Vec<Policy> {
    policy_instances(properties).iter().filter_map(Policy::read).collect()
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
