//! A request while it is being planned: every part by itself, until the policies have run.

use hookmill_model::{Str, Value};

use crate::serialise::encoded;

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
}
