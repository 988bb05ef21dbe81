//! Bodies of events to which journals refer, in place of repeating them.
//!
//! Only a body that can be read in one way for ever is referred to: JSON by its content type, in UTF-8, not compressed,
//! read by the strict rules, an object or an array. How all others are read may get better from release to release, so
//! what was read stands in the journal.

use hookmill_expression::{content, member};
use hookmill_model::{Object, Value};
use hookmill_store::{Damaged, Event};

use crate::stored::event_head;

/// Memory that the values of such a body may take.
const HEAP_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// The value of a body to which a journal may refer; `None` where it may not.
pub(crate) fn plain_body(headers: &Object, bytes: &[u8]) -> Option<Value> {
    let header = |name: &str| member(headers, name).and_then(Value::as_str);
    let content_type = header("content-type")?;
    let (_, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let is_utf8 = parameters.trim().is_empty() || parameters.trim().eq_ignore_ascii_case("charset=utf-8");
    let is_json = content::media_type(content_type) == "application/json";
    if !is_json || !is_utf8 || header("content-encoding").is_some() {
        return None;
    }
    match Value::from_json_within(bytes, HEAP_BYTES_MAX) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => Some(value),
        Ok(_) | Err(_) => None,
    }
}

/// The body of an event to which a journal refers; `None` where none may refer to it.
///
/// # Errors
/// The head of the event cannot be read.
pub fn referred_body(event: &Event) -> Result<Option<Value>, Damaged> {
    let head = event_head(event)?;
    let headers = head.get("headers").and_then(Value::as_object);
    Ok(headers.and_then(|headers| plain_body(headers, &event.body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_read_in_one_way_is_referred_to() {
        let plain = |content_type: &str, body: &[u8]| {
            let headers = [("Content-Type", content_type)].into_iter().collect();
            plain_body(&headers, body).map(|value| value.to_json())
        };
        assert_eq!(plain("application/json", b" {\"a\": 1}").as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(plain("Application/JSON; charset=UTF-8", b"[1]").as_deref(), Some("[1]"));
        for (content_type, body) in [
            ("application/json; charset=iso-8859-1", &b"[1]"[..]),
            ("text/plain", b"[1]"),
            ("application/json", b"\"text\""),
            ("application/json", b"[1e999]"),
            ("application/json", b"[1"),
            ("application/json", b"\xEF\xBB\xBF[1]"),
        ] {
            assert_eq!(plain(content_type, body), None, "{content_type} {body:?}");
        }
        let coded = [("content-type", "application/json"), ("content-encoding", "gzip")].into_iter().collect();
        assert_eq!(plain_body(&coded, b"[1]"), None);
    }
}
