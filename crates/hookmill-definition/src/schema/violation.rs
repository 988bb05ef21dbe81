//! What violates a schema, in the words and the form of the service: flows read `errors` of Parse JSON.
//!
//! Source: reports of users that show `errors`, and the messages of Newtonsoft's JSON Schema, which the service uses.

use hookmill_model::{Object, Value};
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value as Json;

/// The types in the order in which a list of them is written.
const TYPES: &[(JsonType, &str)] = &[
    (JsonType::String, "String"),
    (JsonType::Number, "Number"),
    (JsonType::Integer, "Integer"),
    (JsonType::Boolean, "Boolean"),
    (JsonType::Object, "Object"),
    (JsonType::Array, "Array"),
    (JsonType::Null, "Null"),
];

/// One violation of a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// What is wrong.
    pub message: String,
    /// Where in the value: `[1].FlowState`; empty for the whole value.
    pub path: String,
    /// The value there, or the names that are missing; `None` for null.
    pub value: Option<Value>,
    /// The part of the schema: `#/items/properties/FlowState`.
    pub schema_id: String,
    /// What of the schema is violated: `type`, `required`, `minimumLength`, …
    pub error_type: &'static str,
    /// The violations of the alternatives, where all of them failed.
    pub children: Vec<Self>,
}

impl Violation {
    /// The value takes too many steps to be checked.
    pub(super) fn too_many_steps() -> Self {
        Self {
            message: format!(
                "The schema takes more than {} steps for this value: its references double the work at each level, or lead to themselves.",
                super::steps::STEPS_MAX
            ),
            path: String::new(),
            value: None,
            schema_id: "#".to_owned(),
            error_type: "limit",
            children: Vec::new(),
        }
    }

    /// The element of `errors`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut members = Object::with_capacity(8);
        members.insert("message", self.message.as_str());
        members.insert("lineNumber", Value::Integer(0));
        members.insert("linePosition", Value::Integer(0));
        members.insert("path", self.path.as_str());
        if let Some(value) = &self.value {
            members.insert("value", value.clone());
        }
        members.insert("schemaId", self.schema_id.as_str());
        members.insert("errorType", self.error_type);
        members.insert("childErrors", Value::array(self.children.iter().map(Self::to_value).collect()));
        members.into()
    }
}

/// The violations of one error; several properties that are too many are one each.
pub(super) fn violations(error: &ValidationError<'_>, into: &mut Vec<Violation>) {
    let instance = error.instance();
    let path = path(instance_tokens(&error.instance_path().to_string()));
    let schema_path = error.schema_path().to_string();
    let schema_id = format!("#{}", schema_path.rsplit_once('/').map_or("", |(before, _)| before));
    let mut push = |message: String, error_type: &'static str| {
        let value = (!instance.is_null()).then(|| Value::from((**instance).clone()));
        let (path, schema_id) = (path.clone(), schema_id.clone());
        into.push(Violation { message, path, value, schema_id, error_type, children: Vec::new() });
    };
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            push(format!("Invalid type. Expected {} but got {}.", expected(kind), type_name(instance)), "type");
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            // All names that one object lacks are one violation.
            if let Some(last) = into.last_mut()
                && last.error_type == "required"
                && last.path == path
                && last.schema_id == schema_id
                && let Some(names) = last.value.as_mut().and_then(Value::as_array_mut)
            {
                names.push(name.into());
                last.message.pop();
                last.message.push_str(&format!(", {name}."));
                return;
            }
            into.push(Violation {
                message: format!("Required properties are missing from object: {name}."),
                path,
                value: Some(Value::array(vec![name.into()])),
                schema_id,
                error_type: "required",
                children: Vec::new(),
            });
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                let mut tokens = instance_tokens(&error.instance_path().to_string());
                tokens.push(name.clone());
                into.push(Violation {
                    message: format!(
                        "Property '{name}' has not been defined and the schema does not allow additional properties."
                    ),
                    path: self::path(tokens),
                    value: Some(name.as_str().into()),
                    schema_id: schema_id.clone(),
                    error_type: "additionalProperties",
                    children: Vec::new(),
                });
            }
        }
        ValidationErrorKind::Enum { .. } => push(format!("Value {instance} is not defined in enum."), "enum"),
        ValidationErrorKind::Constant { .. } => push(format!("Value {instance} does not match const."), "const"),
        ValidationErrorKind::MinLength { limit } => {
            push(format!("String '{}' is less than minimum length of {limit}.", text(instance)), "minimumLength");
        }
        ValidationErrorKind::MaxLength { limit } => {
            push(format!("String '{}' exceeds maximum length of {limit}.", text(instance)), "maximumLength");
        }
        ValidationErrorKind::Minimum { limit } => {
            push(format!("{} is less than minimum value of {limit}.", number(instance)), "minimum");
        }
        ValidationErrorKind::Maximum { limit } => {
            push(format!("{} exceeds maximum value of {limit}.", number(instance)), "maximum");
        }
        ValidationErrorKind::ExclusiveMinimum { limit } => {
            let message = match instance.as_f64() == limit.as_f64() {
                true => format!("{} equals minimum value of {limit} and exclusive minimum is true.", number(instance)),
                false => format!("{} is less than minimum value of {limit}.", number(instance)),
            };
            push(message, "minimum");
        }
        ValidationErrorKind::ExclusiveMaximum { limit } => {
            let message = match instance.as_f64() == limit.as_f64() {
                true => format!("{} equals maximum value of {limit} and exclusive maximum is true.", number(instance)),
                false => format!("{} exceeds maximum value of {limit}.", number(instance)),
            };
            push(message, "maximum");
        }
        ValidationErrorKind::MultipleOf { multiple_of } => {
            push(format!("{} is not a multiple of {multiple_of}.", number(instance)), "multipleOf");
        }
        ValidationErrorKind::MinItems { limit } => {
            push(
                format!("Array item count {} is less than minimum count of {limit}.", count(instance)),
                "minimumItems",
            );
        }
        ValidationErrorKind::MaxItems { limit } => {
            push(format!("Array item count {} exceeds maximum count of {limit}.", count(instance)), "maximumItems");
        }
        ValidationErrorKind::AdditionalItems { limit } => {
            push(
                format!("Index {limit} has not been defined and the schema does not allow additional items."),
                "additionalItems",
            );
        }
        ValidationErrorKind::MinProperties { limit } => {
            let count = count(instance);
            push(format!("Object property count {count} is less than minimum count of {limit}."), "minimumProperties");
        }
        ValidationErrorKind::MaxProperties { limit } => {
            let count = count(instance);
            push(format!("Object property count {count} exceeds maximum count of {limit}."), "maximumProperties");
        }
        ValidationErrorKind::UniqueItems => {
            let items = instance.as_array().map_or(&[][..], Vec::as_slice);
            let index = (0..items.len()).find(|index| items[..*index].contains(&items[*index])).unwrap_or(0);
            push(format!("Non-unique array item at index {index}."), "uniqueItems");
        }
        ValidationErrorKind::Format { format } => {
            push(format!("String '{}' does not validate against format '{format}'.", text(instance)), "format");
        }
        ValidationErrorKind::Contains => push("No items match contains.".to_owned(), "contains"),
        ValidationErrorKind::Not { .. } => push("JSON is valid against schema from 'not'.".to_owned(), "not"),
        ValidationErrorKind::AnyOf { context } => {
            push("JSON does not match any schemas from 'anyOf'.".to_owned(), "anyOf");
            children(context, into);
        }
        ValidationErrorKind::OneOfNotValid { context } => {
            push("JSON is valid against no schemas from 'oneOf'.".to_owned(), "oneOf");
            children(context, into);
        }
        ValidationErrorKind::OneOfMultipleValid { context } => {
            let valid = context.iter().enumerate().filter(|(_, errors)| errors.is_empty());
            let valid: Vec<String> = valid.map(|(index, _)| index.to_string()).collect();
            let message = format!(
                "JSON is valid against more than one schema from 'oneOf'. Valid schema indexes: {}.",
                valid.join(", ")
            );
            push(message, "oneOf");
        }
        ValidationErrorKind::FalseSchema => push("Schema always fails validation.".to_owned(), "valid"),
        other => {
            let words: String = error.to_string().chars().take(500).collect();
            push(format!("{words}."), if other.keyword() == "dependencies" { "dependencies" } else { "validator" });
        }
    }
}

fn children(context: &[Vec<ValidationError<'static>>], into: &mut [Violation]) {
    let Some(parent) = into.last_mut() else { return };
    for error in context.iter().flatten() {
        violations(error, &mut parent.children);
    }
}

/// The members of a JSON pointer.
fn instance_tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

/// A path as the service writes it: `value[0].state`, `['a b']`.
fn path(tokens: Vec<String>) -> String {
    let mut made = String::new();
    for token in tokens {
        if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) {
            made.push_str(&format!("[{token}]"));
        } else if token.contains([' ', '.', '\'', '"', '/', '[', ']', '(', ')', '\\', '\t', '\n', '\r']) {
            made.push_str(&format!("['{}']", token.replace('\\', "\\\\").replace('\'', "\\'")));
        } else {
            if !made.is_empty() {
                made.push('.');
            }
            made.push_str(&token);
        }
    }
    made
}

fn expected(kind: &TypeKind) -> String {
    let names: Vec<&str> = match kind {
        TypeKind::Single(single) => TYPES.iter().filter(|(own, _)| own == single).map(|(_, name)| *name).collect(),
        TypeKind::Multiple(several) => {
            TYPES.iter().filter(|(own, _)| several.contains(*own)).map(|(_, name)| *name).collect()
        }
    };
    names.join(", ")
}

fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "Null",
        Json::Bool(_) => "Boolean",
        Json::Number(number) if number.is_f64() => "Number",
        Json::Number(_) => "Integer",
        Json::String(_) => "String",
        Json::Array(_) => "Array",
        Json::Object(_) => "Object",
    }
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Json) -> String {
    format!("{} {value}", if value.is_f64() { "Float" } else { "Integer" })
}

fn count(value: &Json) -> usize {
    value.as_array().map(Vec::len).or_else(|| value.as_object().map(serde_json::Map::len)).unwrap_or(0)
}
