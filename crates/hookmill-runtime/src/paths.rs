//! Whether a call of a Request trigger fits its method and relative path.

use hookmill_definition::plan::{Trigger, TriggerKind};
use hookmill_model::Object;

use crate::notification::{AcceptError, Notification};

/// What fills the `{names}` of a relative path.
fn relative(template: &str, path: &str) -> Option<Object> {
    let (mut own, mut other) = (template.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
    let mut found = Object::new();
    loop {
        match (own.next(), other.next()) {
            (None, None) => return Some(found),
            (Some(own), Some(value)) => {
                // Decoded here, so that a segment may hold an encoded slash.
                let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                match own.strip_prefix('{').and_then(|own| own.strip_suffix('}')) {
                    Some(name) if !value.is_empty() => {
                        found.insert(name, &*value);
                    }
                    None if own == value => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

/// Checks method and path of a call, and gives what fills the names of the relative path.
pub(crate) fn matched(trigger: &Trigger, notification: &Notification) -> Result<Object, AcceptError> {
    let TriggerKind::Request { method, relative_path, .. } = &trigger.kind else { return Err(AcceptError::Unknown) };
    if let Some(method) = method.as_ref().filter(|method| !method.eq_ignore_ascii_case(&notification.method)) {
        let message = format!("The trigger takes {method} only.");
        return Err(AcceptError::NotMatched { code: "TriggerRequestMethodNotValid", message });
    }
    relative(relative_path.as_deref().unwrap_or_default(), &notification.path).ok_or_else(|| {
        let message = "The path does not fit the trigger's relative path.".to_owned();
        AcceptError::NotMatched { code: "TriggerRelativePathNotValid", message }
    })
}

#[cfg(test)]
mod tests {
    use hookmill_model::Value;

    use super::*;

    #[test]
    fn paths_are_taken_apart_before_they_are_decoded() {
        let found = |template: &str, path: &str| relative(template, path).map(|found| Value::from(found).to_json());
        assert_eq!(found("/a/{x}/c", "a/b%2Fd/c/").as_deref(), Some(r#"{"x":"b/d"}"#));
        assert_eq!(found("a b/{x}", "a%20b/1").as_deref(), Some(r#"{"x":"1"}"#));
        assert_eq!(found("", "").as_deref(), Some("{}"));
        for (template, path) in [("a/{x}", "a"), ("a/{x}", "a//"), ("a", "b"), ("", "a"), ("a/{x}", "a/1/2")] {
            assert_eq!(found(template, path), None, "{template} {path}");
        }
    }
}
