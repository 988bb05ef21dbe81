//! What is wrong with calls that a definition writes by method and path, found out when a flow is saved.

use hookmill_connector::{Connector, PlanError};
use hookmill_model::{Diagnostic, Pointer, Value};

/// Stands for what an expression will give, in one part of a path.
const SOME_VALUE: &str = "value";

/// The path with something in the place of each `@{…}`; `None` where one expression makes all of it. And whether it has
/// no expression at all.
fn sketched(path: &str) -> Option<(String, bool)> {
    if path.starts_with('@') && !path.starts_with("@{") && !path.starts_with("@@") {
        return None;
    }
    let (mut sketch, mut rest) = (String::new(), path);
    while let Some(begin) = rest.find("@{") {
        sketch.push_str(&rest[..begin]);
        sketch.push_str(SOME_VALUE);
        rest = rest[begin..].split_once('}').map_or("", |(_, rest)| rest);
    }
    sketch.push_str(rest);
    Some((sketch, !path.contains("@{")))
}

/// What is wrong with a call by method and path, as far as it can be seen before its expressions have values.
pub(crate) fn check(connector: &Connector, request: &Value, usual_method: &str, at: &Pointer) -> Option<Diagnostic> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let method = text("method").unwrap_or(usual_method);
    let (path, is_fixed) = sketched(text("path")?)?;
    if method.starts_with('@') {
        return None;
    }
    match connector.usable_at(method, &path) {
        Ok(_) => None,
        // Its value may have several parts.
        Err(PlanError::NoOperation { .. }) if !is_fixed => None,
        Err(error @ PlanError::NoOperation { .. }) => Some(
            Diagnostic::error("operation_unknown", at.child("inputs").child("path"), error.to_string())
                .with_hint("Describe the operation in the connector, or call the service with an HTTP action."),
        ),
        Err(error) => Some(Diagnostic::error("operation_unsupported", at.clone(), error.to_string()).with_hint(
            "Use another operation, mend the connector's policies, or call the service with an HTTP action.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_some_value() {
        let of = sketched;
        assert_eq!(of("/a/b"), Some(("/a/b".to_owned(), true)));
        assert_eq!(of("/a/@{x('y')}/b/@{z}"), Some(("/a/value/b/value".to_owned(), false)));
        assert_eq!(of("@{x}/b"), Some(("value/b".to_owned(), false)));
        assert_eq!(of("@concat('a', 'b')"), None);
    }
}
