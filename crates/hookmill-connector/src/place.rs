//! Where the parameters of an operation go, and the path that some of them go into.

use std::fmt;

use hookmill_model::{Pointer, Str, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Place {
    /// Into the path.
    #[serde(rename = "path")]
    Path,
    /// Into the query.
    #[serde(rename = "query")]
    Query,
    /// Into a header.
    #[serde(rename = "header")]
    Header,
    /// Into a form field.
    #[serde(rename = "formData")]
    Form,
    /// Into the body, or it is the body.
    #[serde(rename = "body")]
    Body,
    /// Into the header `Cookie`.
    #[serde(rename = "cookie")]
    Cookie,
}

impl Place {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value.get("in").and_then(Value::as_str)?.to_ascii_lowercase().as_str() {
            "path" => Some(Self::Path),
            "query" => Some(Self::Query),
            "header" => Some(Self::Header),
            "formdata" => Some(Self::Form),
            "body" => Some(Self::Body),
            "cookie" => Some(Self::Cookie),
            _ => None,
        }
    }

    /// The word of the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Form => "formData",
            Self::Body => "body",
            Self::Cookie => "cookie",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A parameter of the file with its references followed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declared {
    pub name: Str,
    pub place: Place,
    pub required: bool,
    /// The parameter object.
    pub source: Value,
    pub pointer: Pointer,
}

impl Declared {
    /// The schema: of a body its own, of others the parameter itself.
    pub(crate) fn schema(&self) -> &Value {
        self.source.get("schema").unwrap_or(&self.source)
    }
}

/// The names in braces of a path.
pub(crate) fn path_names(path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        names.push(name);
        rest = after;
    }
    names
}

/// The path without what tells two operations of one address apart.
#[must_use]
pub(crate) fn address(path: &str) -> &str {
    path.split('#').next().unwrap_or_default()
}

/// The member of this name: exactly, else ignoring case.
pub(crate) fn given<'a>(parameters: &'a Value, name: &str) -> Option<&'a Value> {
    let members = parameters.as_object()?;
    let found = members
        .get(name)
        .or_else(|| members.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value));
    found.filter(|value| !value.is_null())
}
