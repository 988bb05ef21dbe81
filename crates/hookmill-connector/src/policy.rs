//! Policy templates of `apiProperties`: changes to requests and answers that a connector's maker wrote down.

use hookmill_model::{Object, Value};

const PREFIX: &str = "x-ms-apimTemplateParameter.";

/// One policy template with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Name in lower case: `setheader`, `routerequesttoendpoint`, …
    pub template: String,
    /// What the maker called it.
    pub title: String,
    /// The operations it is for; empty for all.
    pub operations: Vec<String>,
    /// Whether it changes the request (else the answer).
    pub on_request: bool,
    /// Its parameters without their prefix.
    pub parameters: Object,
}

impl Policy {
    /// Whether it is for this operation.
    #[must_use]
    pub fn applies_to(&self, operation_id: &str) -> bool {
        self.operations.is_empty() || self.operations.iter().any(|one| one.eq_ignore_ascii_case(operation_id))
    }

    /// A parameter's text; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.parameters.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

fn member<'a>(properties: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    let properties = properties?;
    properties.get("properties").unwrap_or(properties).get(name)
}

/// The policy templates of `apiProperties`, in order.
pub(crate) fn policies(properties: Option<&Value>) -> Vec<Policy> {
    let written = member(properties, "policyTemplateInstances").and_then(Value::as_array);
    written
        .into_iter()
        .flatten()
        .filter_map(|one| {
            let template = one.get("templateId")?.as_str()?.to_ascii_lowercase();
            let all = one.get("parameters").and_then(Value::as_object);
            let get = |name: &str| all.and_then(|all| all.get(name));
            let operations = match get("x-ms-apimTemplate-operationName") {
                Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
                Some(Value::String(name)) => vec![name.to_string()],
                _ => Vec::new(),
            };
            let section = get("x-ms-apimTemplate-policySection").and_then(Value::as_str).unwrap_or("Request");
            let parameters = all.into_iter().flat_map(Object::iter);
            Some(Policy {
                template,
                title: one.get("title").and_then(Value::as_str).unwrap_or_default().to_owned(),
                operations,
                on_request: !section.eq_ignore_ascii_case("Response"),
                parameters: parameters
                    .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value.clone())))
                    .collect(),
            })
        })
        .collect()
}

/// Types of the connection parameters, sorted, each once; `parameterSets` stands for alternatives.
pub(crate) fn connection_parameter_types(properties: &Value) -> Vec<String> {
    let parameters = member(Some(properties), "connectionParameters").and_then(Value::as_object);
    let mut types: Vec<String> = parameters
        .into_iter()
        .flat_map(Object::values)
        .filter_map(|one| one.get("type").and_then(Value::as_str).map(ToOwned::to_owned))
        .collect();
    if member(Some(properties), "connectionParameterSets").is_some_and(|sets| !sets.is_null()) {
        types.push("parameterSets".to_owned());
    }
    types.sort_unstable();
    types.dedup();
    types
}
