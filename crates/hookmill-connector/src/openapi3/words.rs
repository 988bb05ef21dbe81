//! Security schemes and runtime expressions of OpenAPI 3 in the words of 2.0.

use hookmill_model::{Object, Value};

use crate::authoring::text;
use crate::schemes::BEARER;

pub(super) fn security_scheme(written: &Value) -> Option<Value> {
    let kind = text(written, "type");
    Some(match (kind, text(written, "scheme").to_ascii_lowercase().as_str()) {
        ("http", "basic") => Value::object([("type", "basic")]),
        ("http", _) => Value::object([
            ("type", Value::from("apiKey")),
            ("in", "header".into()),
            ("name", "Authorization".into()),
            ("description", "The token; \"Bearer\" is put in front of it.".into()),
            (BEARER, Value::Bool(true)),
        ]),
        ("apiKey", _) => written.clone(),
        ("oauth2" | "openIdConnect", _) => {
            let flows = written.get("flows").and_then(Value::as_object);
            let (name, flow) =
                flows.and_then(|flows| flows.iter().next()).map_or(("", None), |(name, flow)| (&**name, Some(flow)));
            let mut out = Object::new();
            out.insert("type", "oauth2");
            out.insert(
                "flow",
                match name {
                    "implicit" => "implicit",
                    "password" => "password",
                    "clientCredentials" => "application",
                    _ => "accessCode",
                },
            );
            for member in ["authorizationUrl", "tokenUrl", "refreshUrl", "scopes"] {
                if let Some(value) = flow.and_then(|flow| flow.get(member)) {
                    out.insert(member, value.clone());
                }
            }
            out.into()
        }
        _ => return None,
    })
}

/// Reads a runtime expression such as `{$request.body#/config/url}` as the place of the callback URL.
pub(super) fn callback_place(expression: &str) -> Option<Value> {
    let expression = expression.trim();
    let (inner, suffix) = match expression.find('{') {
        Some(begin) => expression[begin + 1..].split_once('}')?,
        None => (expression, ""),
    };
    let inner = inner.trim().strip_prefix("$request.")?;
    let (place, path) = if let Some(pointer) = inner.strip_prefix("body#") {
        let names = pointer.trim_start_matches('/').split('/');
        ("body", names.map(|name| name.replace("~1", "/").replace("~0", "~").into()).collect())
    } else {
        let (place, name) = inner.split_once('.')?;
        (["query", "header", "path"].into_iter().find(|one| *one == place)?, vec![name.into()])
    };
    let mut found = Value::object([("in", Value::from(place)), ("path", Value::array(path))]);
    // The service puts this behind the address.
    let suffix = suffix.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
    if let Some(members) = found.as_object_mut().filter(|_| !suffix.is_empty()) {
        members.insert("suffix", suffix);
    }
    Some(found)
}
