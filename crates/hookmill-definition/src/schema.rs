//! JSON Schemas of ParseJson actions and Request triggers, compiled once.

mod steps;
mod violation;

use std::sync::Arc;

use hookmill_model::Value;

pub use violation::Violation;

/// Keywords that draft 4 does not have.
const NEWER: &[&str] = &["const", "contains", "propertyNames", "if", "$defs", "dependentRequired", "dependentSchemas"];
/// Findings beyond this many are not listed.
const ERRORS_MAX: usize = 20;

/// A compiled schema.
#[derive(Clone)]
pub struct Schema(Arc<Parts>);

struct Parts {
    source: Value,
    validator: jsonschema::Validator,
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({})", self.0.source)
    }
}

/// Why a schema is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaError {
    /// It uses a keyword that the definition language does not allow.
    NotSupported(&'static str),
    /// It is not a schema.
    Invalid(String),
}

impl Schema {
    /// Compiles a schema of draft 4 or later.
    ///
    /// # Errors
    /// A keyword that is not allowed, or what is wrong with it.
    pub fn new(source: &Value) -> Result<Self, SchemaError> {
        for keyword in ["pattern", "patternProperties"] {
            if mentions(source, keyword) {
                return Err(SchemaError::NotSupported(keyword));
            }
        }
        // Draft 4 tells 5 from 5.0 and has exclusive bounds of its own; newer keywords mean what newer drafts say.
        let is_newer = NEWER.iter().any(|keyword| mentions(source, keyword)) || has_numeric_bound(source);
        let draft = if is_newer { jsonschema::Draft::Draft201909 } else { jsonschema::Draft::Draft4 };
        let validator = jsonschema::options()
            .with_draft(draft)
            .build(&serde_json::Value::from(&relaxed(source)))
            .map_err(|error| SchemaError::Invalid(error.to_string()))?;
        Ok(Self(Arc::new(Parts { source: source.clone(), validator })))
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.0.source
    }

    /// Everything in the value that violates the schema, at most twenty findings. A value that would take too many steps
    /// is not checked, and has one finding that says so.
    #[must_use]
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        if !steps::are_bounded(&self.0.source, value) {
            return vec![Violation::too_many_steps()];
        }
        let value = serde_json::Value::from(value);
        let mut found = Vec::new();
        for error in self.0.validator.iter_errors(&value).take(ERRORS_MAX) {
            violation::violations(&error, &mut found);
        }
        found.truncate(ERRORS_MAX);
        found
    }
}

/// Whether an exclusive bound is a number, as in newer drafts, and not a flag beside the bound.
fn has_numeric_bound(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(name, value)| {
            (matches!(&**name, "exclusiveMinimum" | "exclusiveMaximum") && value.as_f64().is_some())
                || has_numeric_bound(value)
        }),
        Value::Array(elements) => elements.iter().any(has_numeric_bound),
        _ => false,
    }
}

/// Whether a keyword stands where a schema's keyword can stand; property names do not count.
fn mentions(schema: &Value, keyword: &str) -> bool {
    let Some(members) = schema.as_object() else { return false };
    if members.contains_key(keyword) {
        return true;
    }
    members.iter().any(|(name, value)| match &**name {
        "properties" | "definitions" | "$defs" => {
            value.as_object().is_some_and(|named| named.values().any(|schema| mentions(schema, keyword)))
        }
        "allOf" | "anyOf" | "oneOf" => {
            value.as_array().is_some_and(|schemas| schemas.iter().any(|schema| mentions(schema, keyword)))
        }
        "items" | "additionalProperties" | "not" | "if" | "then" | "else" => mentions(value, keyword),
        _ => false,
    })
}

/// What designers write although draft 4 does not allow it: `required` that is not a list, a foreign `$schema`.
fn relaxed(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => Value::object(
            members
                .iter()
                .filter(|(name, value)| match &***name {
                    "$schema" | "id" | "$id" | "$anchor" | "$dynamicAnchor" | "$recursiveAnchor" => false,
                    "required" => value.as_array().is_some_and(|names| !names.is_empty()),
                    "type" => value.as_str().is_some_and(|text| !text.is_empty()) || value.as_array().is_some(),
                    _ => true,
                })
                .map(|(name, value)| {
                    let value = match &**name {
                        "properties" | "definitions" | "$defs" => match value {
                            Value::Object(named) => {
                                Value::object(named.iter().map(|(name, schema)| (name.clone(), relaxed(schema))))
                            }
                            other => other.clone(),
                        },
                        "enum" | "default" | "example" | "const" => value.clone(),
                        _ => relaxed(value),
                    };
                    (name.clone(), value)
                }),
        ),
        Value::Array(elements) => Value::array(elements.iter().map(relaxed).collect()),
        other => other.clone(),
    }
}
