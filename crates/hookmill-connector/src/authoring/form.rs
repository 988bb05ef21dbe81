//! The request part of an operation as a form holds it.

use hookmill_model::Value;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::operation::Visibility;
use crate::place::Place;

/// One parameter of a form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FormParameter {
    /// The parameter's or property's own name.
    #[schema(required)]
    pub name: String,
    /// `path`, `query`, `header`, `body` or `formData`.
    #[serde(rename = "in")]
    #[schema(required, value_type = Place)]
    pub place: String,
    /// The key in a definition's `inputs.parameters`.
    #[schema(required)]
    pub key: String,
    /// Whether a value must be given.
    #[schema(required)]
    pub required: bool,
    /// The schema of its value.
    #[schema(required, value_type = Object)]
    pub schema: Value,
    /// The value where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The values to choose from; an empty list takes them away, none leaves what the schema says.
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
    /// Empty, `important`, `advanced` or `internal`.
    #[schema(required, value_type = Visibility)]
    pub visibility: String,
    /// What people read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// More of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `x-ms-dynamic-list` or `x-ms-dynamic-values` as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_values: Option<Value>,
    /// `x-ms-dynamic-properties` or `x-ms-dynamic-schema` as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_schema: Option<Value>,
    /// `x-ms-dynamic-tree` as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_tree: Option<Value>,
    /// Whether it receives the callback URL, as the server told it; what is sent back is decided by the operation's
    /// `callback_parameter`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub callback: bool,
}

/// Verb, path and parameters of an operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RequestForm {
    /// In capitals.
    #[schema(required)]
    pub method: String,
    /// The template below the base path.
    #[schema(required)]
    pub path: String,
    /// In order of the sample.
    #[schema(required)]
    pub parameters: Vec<FormParameter>,
    /// The media type of the body, where it is not JSON.
    pub consumes: Option<String>,
}
