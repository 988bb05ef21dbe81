//! Parameters of an operation as a form shows them: bodies flattened to one entry per property.

use hookmill_model::{Object, Value};
use serde::{Deserialize, Serialize};

use crate::document::{Document, SCHEMA_DEPTH_MAX, Trail, is_required, is_true, text, type_of};

/// How many entries a body is flattened to; the rest stays reachable as an object.
const PARAMETERS_MAX: usize = 2_000;

/// How prominently a form shows something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Nothing said: after the important ones.
    #[default]
    #[serde(rename = "")]
    Normal,
    /// Shown first.
    Important,
    /// Shown under *advanced*.
    Advanced,
    /// Never shown; filled from the default or by Hookmill.
    Internal,
}

impl Visibility {
    /// Reads `x-ms-visibility` (also in the spelling of one published connector).
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let written = value.get("x-ms-visibility").or_else(|| value.get("x-ms-visibiltiy")).and_then(Value::as_str);
        match written.map(str::to_ascii_lowercase).as_deref() {
            Some("important") => Self::Important,
            Some("advanced") => Self::Advanced,
            Some("internal") => Self::Internal,
            _ => Self::Normal,
        }
    }

    /// The text in `x-ms-visibility`; empty for normal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Important => "important",
            Self::Advanced => "advanced",
            Self::Internal => "internal",
        }
    }
}

/// Where a parameter goes in the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// A `{name}` of the path.
    #[serde(rename = "path")]
    Path,
    /// After the question mark.
    #[default]
    #[serde(rename = "query")]
    Query,
    /// A header.
    #[serde(rename = "header")]
    Header,
    /// The body, or a property of it.
    #[serde(rename = "body")]
    Body,
    /// A field of a form.
    #[serde(rename = "formData")]
    FormData,
}

impl Place {
    /// The text of `in`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Body => "body",
            Self::FormData => "formData",
        }
    }

    /// Reads the text of `in`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Path, Self::Query, Self::Header, Self::Body, Self::FormData]
            .into_iter()
            .find(|place| place.as_str().eq_ignore_ascii_case(text))
    }
}

/// Where the callback URL goes when a webhook is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackPlace {
    /// Body, query, header, path or form.
    #[serde(rename = "in")]
    pub place: Place,
    /// Property names into the body (`[]` for the items of a list), or the one name of the parameter.
    pub path: Vec<String>,
}

/// A value to choose, with what people read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// What is sent.
    pub value: Value,
    /// What is shown.
    pub title: String,
}

/// One entry of an operation's form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// The parameter's or property's own name.
    pub name: String,
    /// Where it goes.
    #[serde(rename = "in")]
    pub place: Place,
    /// The name in a definition's `inputs.parameters`: `owner`, `body/config/url`.
    pub key: String,
    /// Title for people; empty where the file gives none.
    pub summary: String,
    /// Longer text.
    pub description: String,
    /// Whether a value must be given (a default counts).
    pub required: bool,
    /// A schema that stands alone.
    pub schema: Value,
    /// The value where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// How prominent it is.
    pub visibility: Visibility,
    /// The values to choose from.
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
    /// The same with titles, where the file has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// `x-ms-dynamic-list` or `x-ms-dynamic-values` as written: choices that the service knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_values: Option<Value>,
    /// `x-ms-dynamic-properties` or `x-ms-dynamic-schema` as written: a schema that the service knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_schema: Option<Value>,
    /// Whether the callback URL goes here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub callback: bool,
}

/// A parameter object of the document, `$ref` followed.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub value: Value,
    pub name: String,
    pub place: Place,
}

/// Parameters of a path and of its operation; the operation's win over the path's of the same name and place.
pub(crate) fn declared(document: &Document, path_item: &Value, operation: &Value) -> Vec<Declared> {
    let mut all: Vec<Declared> = Vec::new();
    for owner in [path_item, operation] {
        for written in owner.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let Some(value) = document.resolve(written) else { continue };
            let Some(place) = value.get("in").and_then(Value::as_str).and_then(Place::parse) else { continue };
            let name = value.get("name").and_then(Value::as_str).map_or_else(
                || if place == Place::Body { "body".to_owned() } else { String::new() },
                ToOwned::to_owned,
            );
            if name.is_empty() {
                continue;
            }
            let one = Declared { value: value.clone(), name, place };
            let same = |old: &Declared| old.place == place && (place == Place::Body || old.name == one.name);
            match all.iter_mut().find(|old| same(old)) {
                Some(old) => *old = one,
                None => all.push(one),
            }
        }
    }
    all
}

/// The schema of a parameter: its own for a body, the members that describe the value for all others.
pub(crate) fn schema_of(parameter: &Declared) -> Value {
    if parameter.place == Place::Body {
        return parameter.value.get("schema").cloned().unwrap_or_else(|| Object::new().into());
    }
    let skipped = ["name", "in", "required", "description", "x-ms-url-encoding", "collectionFormat"];
    let members = parameter.value.as_object().into_iter().flat_map(Object::iter);
    members
        .filter(|(name, _)| !skipped.contains(&&***name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<Object>()
        .into()
}

/// Finds `x-ms-notification-url` among the parameters of an operation.
pub(crate) fn callback_place(document: &Document, parameters: &[Declared], operation: &Value) -> Option<CallbackPlace> {
    // Written by the mapping of OpenAPI 3 `callbacks`.
    if let Some(place) = operation.get("x-hookmill-callback")
        && let Ok(place) = serde_json::from_value(serde_json::Value::from(place))
    {
        return Some(place);
    }
    parameters.iter().find_map(|parameter| {
        if parameter.place != Place::Body {
            return is_true(parameter.value.get("x-ms-notification-url"))
                .then(|| CallbackPlace { place: parameter.place, path: vec![parameter.name.clone()] });
        }
        if is_true(parameter.value.get("x-ms-notification-url")) {
            return Some(CallbackPlace { place: Place::Body, path: Vec::new() });
        }
        let schema = parameter.value.get("schema")?;
        let mut path = Vec::new();
        find_callback(document, schema, &Trail::default(), &mut path)
            .then_some(CallbackPlace { place: Place::Body, path })
    })
}

fn find_callback(document: &Document, schema: &Value, trail: &Trail, path: &mut Vec<String>) -> bool {
    if path.len() > SCHEMA_DEPTH_MAX {
        return false;
    }
    let Some((opened, trail)) = document.open(schema, trail) else { return false };
    if is_true(opened.get("x-ms-notification-url")) {
        return true;
    }
    for (name, property) in opened.get("properties").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        path.push(name.to_string());
        if find_callback(document, property, &trail, path) {
            return true;
        }
        path.pop();
    }
    if let Some(items) = opened.get("items") {
        path.push("[]".to_owned());
        if find_callback(document, items, &trail, path) {
            return true;
        }
        path.pop();
    }
    false
}

/// The form of an operation.
pub(crate) fn flatten(
    document: &Document,
    parameters: &[Declared],
    callback: Option<&CallbackPlace>,
) -> Vec<Parameter> {
    let mut out = Vec::new();
    for parameter in parameters {
        let required = is_true(parameter.value.get("required")) || parameter.place == Place::Path;
        if parameter.place == Place::Body {
            let schema = schema_of(parameter);
            let mut flattening = Flattening { document, callback, out: &mut out };
            let whole = Whole { required, visibility: Visibility::of(&parameter.value) };
            flattening.property(
                &parameter.name,
                &schema,
                &Trail::default(),
                &mut Vec::new(),
                &parameter.name,
                whole,
                Some(parameter),
            );
        } else {
            let schema = document.expand(&schema_of(parameter));
            let mut one = describe(&parameter.name, parameter.place, parameter.name.clone(), &schema);
            one.required = required;
            one.description = text(&parameter.value, "description");
            one.callback = callback
                .is_some_and(|callback| callback.place == parameter.place && callback.path == [parameter.name.clone()]);
            out.push(one);
        }
    }
    out
}

#[derive(Clone, Copy)]
struct Whole {
    required: bool,
    visibility: Visibility,
}

struct Flattening<'a> {
    document: &'a Document,
    callback: Option<&'a CallbackPlace>,
    out: &'a mut Vec<Parameter>,
}

impl Flattening<'_> {
    #[allow(clippy::too_many_arguments)]
    fn property(
        &mut self,
        name: &str,
        schema: &Value,
        trail: &Trail,
        path: &mut Vec<String>,
        key: &str,
        above: Whole,
        root: Option<&Declared>,
    ) {
        let opened = self.document.open(schema, trail);
        let known = opened.is_some();
        let (opened, trail) = opened.unwrap_or_else(|| (Object::new().into(), trail.clone()));
        let own = Visibility::of(&opened);
        let visibility = if above.visibility == Visibility::Internal || own == Visibility::Normal && root.is_some() {
            above.visibility
        } else {
            own
        };
        let properties = opened.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty());
        let dynamic = opened.get("x-ms-dynamic-schema").or_else(|| opened.get("x-ms-dynamic-properties")).is_some();
        if let Some(properties) = properties
            && known
            && !dynamic
            && path.len() < SCHEMA_DEPTH_MAX
            && self.out.len() < PARAMETERS_MAX
        {
            for (below, schema) in properties.iter() {
                let whole = Whole { required: above.required && is_required(&opened, below), visibility };
                // A property named `a/b` is one segment of the key, not two.
                let key = format!("{key}/{}", below.replace('~', "~0").replace('/', "~1"));
                path.push(below.to_string());
                self.property(below, schema, &trail, path, &key, whole, None);
                path.pop();
            }
            return;
        }
        let expanded = self.document.expand(schema);
        let mut one = describe(name, Place::Body, key.to_owned(), &expanded);
        one.required = above.required && !is_true(expanded.get("readOnly"));
        one.visibility = visibility;
        if let Some(root) = root {
            one.description = text(&root.value, "description");
        }
        one.callback = self.callback.is_some_and(|callback| callback.place == Place::Body && callback.path == *path);
        self.out.push(one);
    }
}

fn describe(name: &str, place: Place, key: String, schema: &Value) -> Parameter {
    let summary = [text(schema, "x-ms-summary"), text(schema, "title")].into_iter().find(|one| !one.is_empty());
    let values = schema.get("enum").and_then(Value::as_array).map(<[Value]>::to_vec);
    let choices = schema
        .get("x-ms-enum-values")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| Some(Choice { value: one.get("value")?.clone(), title: text(one, "displayName") }))
        .collect();
    Parameter {
        name: name.to_owned(),
        place,
        key,
        summary: summary.unwrap_or_default(),
        description: text(schema, "description"),
        required: false,
        default: schema.get("default").map(|default| coerce(default, type_of(schema))),
        visibility: Visibility::of(schema),
        values,
        choices,
        dynamic_values: schema.get("x-ms-dynamic-list").or_else(|| schema.get("x-ms-dynamic-values")).cloned(),
        dynamic_schema: schema.get("x-ms-dynamic-properties").or_else(|| schema.get("x-ms-dynamic-schema")).cloned(),
        callback: false,
        schema: schema.clone(),
    }
}

/// Reads a default that a file wrote as text where its schema says otherwise (`"true"`, `"5"`).
pub(crate) fn coerce(value: &Value, kind: &str) -> Value {
    let Some(written) = value.as_str() else { return value.clone() };
    let read = match kind {
        "boolean" => match written.trim().to_ascii_lowercase().as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        "integer" => written.trim().parse::<i64>().ok().map(Value::Integer),
        "number" => match written.trim().parse::<i64>() {
            Ok(whole) => Some(Value::Integer(whole)),
            Err(_) => written.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Float),
        },
        "array" | "object" => Value::from_json(written.as_bytes()).ok().filter(|read| read.type_name() == kind),
        _ => None,
    };
    read.unwrap_or_else(|| value.clone())
}
