//! Addresses of services with parts that a connection chooses: `servers` with variables of OpenAPI 3, and servers that
//! single operations have.
//!
//! OpenAPI 2.0 has no word for them, so the converted document keeps them in an extension, at its root and at operations:
//! `{"url": "https://{region}.example.org/v1", "variables": {"region": {"default": "eu", "enum": […]}}}`.

use hookmill_model::{Object, Str, Value};

use crate::connection::{Choice, ConnectionField, FieldKind};
use crate::document::{elements, members, text, truth};
use crate::operation::Operation;
use crate::policy::expression::{Expression, Piece, Template};

/// The extension.
pub(crate) const EXTENSION: &str = "x-hookmill-server";

/// One address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Server {
    /// The operation that has it; `None` for all others.
    pub operation: Option<Str>,
    pub url: Template,
    pub variables: Vec<Variable>,
}

/// A part of an address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variable {
    name: Str,
    default: Str,
    description: Str,
    choices: Vec<Value>,
    /// Whether the value is sealed, such as a token in the path.
    is_secret: bool,
}

/// The member of a variable by which a connector says that its value is a secret.
const SECRET: &str = "x-hookmill-secret";

impl Variable {
    /// The field of a connection that chooses it.
    pub(crate) fn field(&self) -> ConnectionField {
        let as_choice = |value: &Value| Choice { value: value.clone(), label: crate::serialise::text(value).into() };
        let default = Some(&self.default).filter(|default| !default.is_empty());
        ConnectionField {
            description: self.description.clone(),
            required: default.is_none(),
            default: default.map(|default| default.clone().into()),
            choices: self.choices.iter().map(as_choice).collect(),
            ..ConnectionField::new(
                &self.name,
                if self.is_secret { FieldKind::Secret } else { FieldKind::String },
                &self.name,
            )
        }
    }
}

/// Reads the servers of a document: that of the whole file, then those of operations.
pub(crate) fn servers(root: &Value, operations: &[Operation]) -> Vec<Server> {
    let own = operations
        .iter()
        .filter_map(|operation| Some(read(operation.source.get(EXTENSION)?, Some(operation.operation_id.clone()))));
    root.get(EXTENSION).map(|written| read(written, None)).into_iter().chain(own).collect()
}

fn read(written: &Value, operation: Option<Str>) -> Server {
    let variables: Vec<Variable> = members(written, "variables")
        .map(|(name, variable)| Variable {
            name: name.clone(),
            default: variable.get("default").map(|own| crate::serialise::text(own).into()).unwrap_or_default(),
            description: text(variable, "description").unwrap_or_default(),
            choices: elements(variable, "enum").to_vec(),
            is_secret: truth(variable, SECRET),
        })
        .collect();
    let url = text(written, "url").unwrap_or_default();
    Server { operation, url: template(&url, &variables), variables }
}

/// The address with its names in braces as values of the connection.
fn template(url: &str, variables: &[Variable]) -> Template {
    let mut pieces = Vec::new();
    let mut rest = url;
    while let Some((before, name, after)) = rest
        .split_once('{')
        .and_then(|(before, inner)| inner.split_once('}').map(|(name, after)| (before, name, after)))
    {
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let default = variables.iter().find(|variable| *variable.name == *name).map(|own| own.default.clone());
        let default = default.filter(|default| !default.is_empty());
        pieces.push(Piece::Call(Expression::Connection { name: name.into(), default }));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Template(pieces)
}

/// What the converted document keeps of the servers of a file; `None` where host and base path say it all, or nothing is
/// said. `level` is the root, a path or an operation; for the latter two, `root` is the first server of the root.
pub(crate) fn kept(level: &Value, root: Option<&Value>) -> Option<Value> {
    let server = level.get("servers").and_then(Value::as_array)?.first()?;
    let url = text(server, "url").unwrap_or_default();
    let mut variables = server.get("variables").and_then(Value::as_object).cloned().unwrap_or_default();
    // An address below the one of the whole file.
    let url = match root.filter(|_| url.starts_with('/')) {
        Some(server) => {
            for (name, variable) in members(server, "variables") {
                if !variables.contains_key(name) {
                    variables.insert(name.clone(), variable.clone());
                }
            }
            let root = text(server, "url").unwrap_or_default();
            let after = root.find("://").map_or(0, |at| at + 3);
            let end = root[after..].find('/').map_or(root.len(), |at| at + after);
            format!("{}{url}", &root[..end]).into()
        }
        None => url,
    };
    let is_absolute = url.contains("://") || url.starts_with('{');
    if !is_absolute || (root.is_none() && variables.is_empty()) {
        return None;
    }
    let mut kept = Object::new();
    kept.insert("url", url);
    if !variables.is_empty() {
        kept.insert("variables", variables);
    }
    Some(kept.into())
}
