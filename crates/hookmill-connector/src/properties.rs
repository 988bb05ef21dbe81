//! `apiProperties.json`: what its report says of the fields of a connection.

use hookmill_model::{Str, Value};

use crate::document::{members, text};

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
