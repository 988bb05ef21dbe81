//! Dynamic content: the tokens that a schema offers to later steps, with the expressions they insert.

use hookmill_model::{Object, Value};
use serde::Serialize;
use utoipa::ToSchema;

use crate::operation::Visibility;

/// How deep tokens go; deeper values are reached through their object's token.
const DEPTH_MAX: usize = 16;

/// How many tokens one schema gives at most.
const TOKENS_MAX: usize = 2_000;

/// One entry of the dynamic content panel.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Token {
    /// What people read.
    pub title: String,
    /// The path in names, joined with `/`; `[]` for the items of a list; empty for the whole.
    pub path: String,
    /// What is inserted, without `@`: `triggerBody()?['head_commit']?['id']`. Below a list it begins with `item()`.
    pub expression: String,
    /// `string`, `integer`, `number`, `boolean`, `array`, `object`, or empty for any.
    #[serde(rename = "type")]
    pub kind: String,
    /// The schema's format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whether the value is always there.
    pub required: bool,
    /// How prominent it is; internal ones are left out.
    pub visibility: Visibility,
    /// For a value below a list: the expression of that list, to loop over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_array: Option<String>,
    /// Longer text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An example.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<Value>,
}

/// The tokens of a schema that stands alone (see [`crate::Connector::outputs_schema`]), depth first. `root` is the
/// expression of the whole, such as `triggerBody()` or `body('Get_repository')`. The first token is the whole.
#[must_use]
pub fn dynamic_content(schema: &Value, root: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let place = Place { expression: root.to_owned(), path: Vec::new(), in_array: None, required: true };
    if schema.as_object().is_none_or(Object::is_empty) {
        out.push(token("Body", schema, &place));
        return out;
    }
    let title = [text(schema, "x-ms-summary"), text(schema, "title")].into_iter().find(|one| !one.is_empty());
    out.push(token(title.as_deref().unwrap_or("Body"), schema, &place));
    below(schema, &place, 0, &mut out);
    out
}

impl Token {
    /// A header of what started a run.
    pub(crate) fn header(name: &str) -> Self {
        Self {
            title: name.to_owned(),
            path: format!("headers/{name}"),
            expression: format!("triggerOutputs()?['headers']?['{}']", name.replace('\'', "''")),
            kind: "string".to_owned(),
            format: None,
            required: false,
            visibility: Visibility::Usual,
            in_array: None,
            description: None,
            sample: None,
        }
    }
}

struct Place {
    expression: String,
    path: Vec<String>,
    in_array: Option<String>,
    required: bool,
}

fn below(schema: &Value, place: &Place, depth: usize, out: &mut Vec<Token>) {
    if depth > DEPTH_MAX || out.len() >= TOKENS_MAX {
        return;
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        if Visibility::of(property) == Visibility::Internal || out.len() >= TOKENS_MAX {
            continue;
        }
        let mut path = place.path.clone();
        path.push(name.to_string());
        let inner = Place {
            expression: format!("{}?['{}']", place.expression, name.replace('\'', "''")),
            path,
            in_array: place.in_array.clone(),
            required: place.required && is_required(schema, name),
        };
        let title =
            [text(property, "x-ms-summary"), text(property, "title")].into_iter().find(|one| !one.trim().is_empty());
        out.push(token(&title.unwrap_or_else(|| words(&inner.path)), property, &inner));
        below(property, &inner, depth + 1, out);
    }
    let Some(items) = schema.get("items").filter(|items| items.as_object().is_some_and(|all| !all.is_empty())) else {
        return;
    };
    let mut path = place.path.clone();
    path.push("[]".to_owned());
    let inner =
        Place { expression: "item()".to_owned(), path, in_array: Some(place.expression.clone()), required: false };
    let title = [text(items, "x-ms-summary"), text(items, "title")].into_iter().find(|one| !one.trim().is_empty());
    out.push(token(&title.unwrap_or_else(|| words(&inner.path)), items, &inner));
    below(items, &inner, depth + 1, out);
}

fn token(title: &str, schema: &Value, place: &Place) -> Token {
    let optional = |name: &str| Some(text(schema, name)).filter(|one| !one.is_empty());
    Token {
        title: title.trim().to_owned(),
        path: place.path.join("/"),
        expression: place.expression.clone(),
        kind: type_of(schema).to_owned(),
        format: optional("format"),
        required: place.required,
        visibility: Visibility::of(schema),
        in_array: place.in_array.clone(),
        description: optional("description"),
        sample: ["example", "x-ms-test-value", "default"].iter().find_map(|name| schema.get(name)).cloned(),
    }
}

/// A path in words: `head_commit`, `author` → `Head commit author`; `[]` → `item`.
fn words(path: &[String]) -> String {
    let mut out = String::new();
    for name in path {
        let mut before = ' ';
        if !out.is_empty() {
            out.push(' ');
        }
        if name == "[]" {
            out.push_str("item");
            continue;
        }
        for letter in name.chars() {
            match letter {
                '_' | '-' | '.' | '@' | ' ' => {
                    if !out.is_empty() && !out.ends_with(' ') {
                        out.push(' ');
                    }
                }
                _ if letter.is_uppercase() && before.is_lowercase() => {
                    out.push(' ');
                    out.extend(letter.to_lowercase());
                }
                _ => out.push(letter),
            }
            before = letter;
        }
    }
    let mut letters = out.trim().chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array).unwrap_or_default();
    required.iter().any(|own| own.as_str() == Some(name))
}

fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "",
    }
}
