//! A request while it is being planned: every part by itself, until the policies have run.

use hookmill_model::{Str, Value};

use crate::request::PlannedRequest;
use crate::serialise::{content, content_object, encoded};

static NOTHING: Value = Value::Null;

/// A pair of the query, encoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub name: String,
    pub value: String,
}

impl Query {
    /// From plain texts.
    pub(crate) fn new(name: &str, value: &str) -> Self {
        Self { name: encoded(name), value: encoded(value) }
    }
}

/// Where the paths of operations begin.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Base {
    /// `https://host` with a port where it is not the usual one.
    pub origin: String,
    /// Begins with `/`, does not end with it; empty for none.
    pub path: String,
}

/// What is sent beside the head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// Nothing.
    None {
        /// Whether the operation has a body parameter.
        is_declared: bool,
    },
    /// JSON, which policies can change.
    Json(Value),
    /// Text, bytes, a form or parts, in the words of the executor.
    Ready(Value),
}

impl Body {
    /// The JSON that expressions see.
    pub(crate) const fn json(&self) -> &Value {
        match self {
            Self::Json(value) => value,
            Self::None { .. } | Self::Ready(_) => &NOTHING,
        }
    }
}

/// A request while it is being planned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    pub method: Str,
    pub base: Base,
    /// Below the base, encoded, begins with `/`.
    pub path: String,
    /// Values of the names in the operation's path, encoded.
    pub path_values: Vec<(Str, String)>,
    pub queries: Vec<Query>,
    pub headers: Vec<(Str, Str)>,
    pub body: Body,
    /// The content type of the body, where the body does not say its own.
    pub content_type: Option<Str>,
}

impl Draft {
    /// The absolute address.
    pub(crate) fn url(&self) -> String {
        let mut url = format!("{}{}{}", self.base.origin, self.base.path, self.path);
        for pair in &self.queries {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&pair.name);
            url.push('=');
            url.push_str(&pair.value);
        }
        url
    }

    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    /// The request, with what is still missing: `Accept`, and `Content-Type` where the body does not bring its own.
    pub(crate) fn finished(mut self) -> PlannedRequest {
        if !self.has_header("accept") {
            self.headers.push(("Accept".into(), "application/json, */*".into()));
        }
        let url = self.url().into();
        let body = match &self.body {
            Body::None { .. } => Value::Null,
            Body::Json(value) => {
                if !self.has_header("content-type") {
                    let content_type = self.content_type.clone().unwrap_or_else(|| "application/json".into());
                    self.headers.push(("Content-Type".into(), content_type));
                }
                match value {
                    // A bare text would be sent without its quotation marks.
                    Value::String(_) => value.to_json().into(),
                    // Would be taken for bytes or a form.
                    Value::Object(members) if members.contains_key("$content-type") => value.to_json().into(),
                    other => other.clone(),
                }
            }
            Body::Ready(value) => {
                if let Some(content_type) = self.content_type.clone().filter(|_| !self.has_header("content-type")) {
                    self.headers.push(("Content-Type".into(), content_type));
                }
                match content_object(value) {
                    Some((content_type, base64)) => content(content_type, base64),
                    None => value.clone(),
                }
            }
        };
        PlannedRequest { method: self.method, url, headers: self.headers, body, ..PlannedRequest::default() }
    }
}
