//! The parameters of an operation as a form shows them: bodies taken apart to one entry per property.

use hookmill_model::{Object, Str, Value};
use serde::Serialize;
use utoipa::ToSchema;

use crate::connector::Connector;
use crate::dynamic_content::{Token, dynamic_content};
use crate::operation::{Operation, Visibility};
use crate::place::Place;
use crate::schema;
use crate::schema::is_internal;

/// Bodies are taken apart this deep; below, an object is one entry.
const DEPTH_MAX: usize = 6;
/// A form has no more entries.
const ENTRIES_MAX: usize = 500;

/// One entry of a form.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Parameter {
    /// The parameter's or the property's own name.
    #[schema(value_type = String)]
    pub name: Str,
    /// Where it goes.
    #[serde(rename = "in")]
    pub place: Place,
    /// The key in a definition's `inputs.parameters`: `owner`, `body/config/url`.
    pub key: String,
    /// What people read.
    #[schema(value_type = String)]
    pub summary: Str,
    /// More of it.
    #[schema(value_type = String)]
    pub description: Str,
    /// Whether a value must be given.
    pub required: bool,
    /// A schema without references.
    #[schema(value_type = Object)]
    pub schema: Value,
    /// The value where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// How prominent it is.
    pub visibility: Visibility,
    /// The values to choose from.
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
    /// `x-ms-dynamic-values` or `x-ms-dynamic-list` as written: choices that the service knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_values: Option<Value>,
    /// `x-ms-dynamic-schema` or `x-ms-dynamic-properties` as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_schema: Option<Value>,
    /// `x-ms-dynamic-tree` as written: a tree of choices that the service knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_tree: Option<Value>,
    /// Hookmill puts the callback URL here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub callback: bool,
}

impl Connector {
    /// The form of an operation.
    #[must_use]
    pub fn parameters(&self, operation: &Operation) -> Vec<Parameter> {
        let mut form = Vec::new();
        for declared in &operation.declared {
            let callback = operation.callback.as_ref().filter(|callback| callback.place == declared.place);
            let mut path = Vec::new();
            if declared.place == Place::Body {
                let entry = Entry { key: declared.name.to_string(), required: declared.required, place: Place::Body };
                let callback = callback.map(|callback| &callback.path[..]);
                self.flatten(declared.schema(), &declared.name, entry, callback, &mut path, &mut form);
            } else {
                let entry =
                    Entry { key: declared.name.to_string(), required: declared.required, place: declared.place };
                let mut made = self.entry(&declared.name, &declared.source, entry);
                made.callback = callback.is_some_and(|callback| callback.path.first() == Some(&declared.name));
                form.push(made);
            }
        }
        form
    }

    /// The schema of what an operation gives to later steps: of a webhook its notifications, else its first answer.
    #[must_use]
    pub fn outputs_schema(&self, operation: &Operation) -> Value {
        if let Some(schema) = &operation.notification_schema {
            return schema::without_references(&self.document, schema);
        }
        let responses = operation.source.get("responses").and_then(Value::as_object);
        let good = responses.into_iter().flat_map(Object::iter).find(|(status, _)| status.starts_with('2'));
        let schema = good.and_then(|(_, response)| self.document.resolve(response).get("schema").cloned());
        schema.map(|schema| schema::without_references(&self.document, &schema)).unwrap_or_default()
    }

    /// The form of a body, or a part of it, whose schema the service gave: one entry per property below `key`.
    #[must_use]
    pub fn parameters_of_schema(&self, key: &str, schema: &Value) -> Vec<Parameter> {
        let name: Str = key.rsplit('/').next().unwrap_or(key).into();
        let entry = Entry { key: key.to_owned(), required: true, place: Place::Body };
        let mut form = Vec::new();
        self.flatten(schema, &name, entry, None, &mut Vec::new(), &mut form);
        form
    }

    /// Which operation knows the schema of what an operation gives: `x-ms-dynamic-schema` or `x-ms-dynamic-properties` as
    /// written, of the notification or the first good answer.
    #[must_use]
    pub fn dynamic_outputs(&self, operation: &Operation) -> Option<Value> {
        let schema = self.outputs_schema(operation);
        let of = |schema: &Value| {
            ["x-ms-dynamic-properties", "x-ms-dynamic-schema"].iter().find_map(|name| schema.get(name).cloned())
        };
        of(&schema).or_else(|| of(schema.get("items")?))
    }

    /// The tokens that later steps can insert: those of [`Self::outputs_schema`], and the headers of notifications.
    #[must_use]
    pub fn dynamic_content(&self, operation: &Operation) -> Vec<Token> {
        let root = if operation.trigger.is_some() { "triggerBody()" } else { "body('Action')" };
        let mut tokens = dynamic_content(&self.outputs_schema(operation), root);
        tokens.extend(operation.notification_headers.iter().map(|name| Token::header(name)));
        tokens
    }

    fn entry(&self, name: &Str, source: &Value, entry: Entry) -> Parameter {
        let resolved = self.document.resolve(source);
        let either = |word: &str| source.get(word).or_else(|| resolved.get(word));
        let text = |word: &str| either(word).and_then(Value::as_str).unwrap_or_default();
        let summary =
            [text("x-ms-summary"), text("title")].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let visibility = if is_internal(resolved) {
            Visibility::Internal
        } else {
            Visibility::of(if source.get("x-ms-visibility").is_some() { source } else { resolved })
        };
        let mut schema = schema::without_references(&self.document, source);
        if let Some(members) = schema.as_object_mut()
            && entry.place != Place::Body
        {
            for word in ["name", "in", "required"] {
                members.remove(word);
            }
        }
        Parameter {
            name: name.clone(),
            place: entry.place,
            key: entry.key,
            summary: summary.into(),
            description: text("description").into(),
            required: entry.required,
            schema,
            default: either("default").cloned(),
            visibility,
            values: either("enum").and_then(Value::as_array).map(<[Value]>::to_vec),
            dynamic_values: either("x-ms-dynamic-list").or_else(|| either("x-ms-dynamic-values")).cloned(),
            dynamic_schema: either("x-ms-dynamic-properties").or_else(|| either("x-ms-dynamic-schema")).cloned(),
            dynamic_tree: either("x-ms-dynamic-tree").cloned(),
            callback: false,
        }
    }

    fn flatten(
        &self,
        source: &Value,
        name: &Str,
        entry: Entry,
        callback: Option<&[Str]>,
        path: &mut Vec<Str>,
        form: &mut Vec<Parameter>,
    ) {
        let properties = schema::properties(&self.document, source);
        if properties.is_empty() || path.len() >= DEPTH_MAX || form.len() >= ENTRIES_MAX {
            let mut made = self.entry(name, source, entry);
            made.callback = callback.is_some_and(|callback| *callback == path[..]);
            form.push(made);
            return;
        }
        let required = schema::required(&self.document, source);
        for (below, property) in properties {
            let own = Entry {
                key: format!("{}/{below}", entry.key),
                required: entry.required && required.contains(&&**below),
                place: Place::Body,
            };
            path.push(below.clone());
            self.flatten(property, below, own, callback, path, form);
            path.pop();
        }
    }
}

struct Entry {
    key: String,
    required: bool,
    place: Place,
}
