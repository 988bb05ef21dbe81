//! Bodies of messages as values, and values as bodies.
//!
//! JSON is parsed, `text/*` is a string, forms and multipart bodies become content objects with `$formdata` and
//! `$multipart`, anything else a content object.

use hookmill_model::{Object, Value};

use crate::item::{content, content_bytes, content_type, text as text_of};

/// Memory that the values of a JSON body may take; a body of more is kept as text, which takes what it has.
const HEAP_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// Parts of a multipart body beyond this many stay unread.
const PARTS_MAX: usize = 1_000;

/// A body that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// The value; `None` without a body.
    pub value: Option<Value>,
    /// Why a body that says it is JSON is kept as text: it is none, or its values would take too much memory.
    pub broken: Option<String>,
}

pub(crate) fn media_type(header: &str) -> String {
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A parameter of a content type, such as `boundary`.
pub(crate) fn parameter(header: &str, name: &str) -> Option<String> {
    let mut quoted = false;
    let mut fields = header.split(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    fields.find_map(|field| {
        let (own, value) = field.split_once('=')?;
        own.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn text(bytes: &[u8], header: &str) -> String {
    let charset = parameter(header, "charset").unwrap_or_default().to_ascii_lowercase();
    if matches!(charset.as_str(), "iso-8859-1" | "latin1" | "windows-1252") {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    }
    String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).into_owned()
}

/// Reads a body by its content type.
#[must_use]
pub fn body(header: Option<&str>, bytes: &[u8]) -> Body {
    if bytes.is_empty() {
        return Body { value: None, broken: None };
    }
    let header = header.unwrap_or_default();
    let media_type = media_type(header);
    let whole = |value| Body { value: Some(value), broken: None };
    if media_type == "application/json" || media_type == "text/json" || media_type.ends_with("+json") {
        let bare = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        return match Value::from_json_within(bare, HEAP_BYTES_MAX) {
            Ok(value) => whole(value),
            Err(error) => Body { value: Some(text(bytes, header).into()), broken: Some(error.to_string()) },
        };
    }
    if media_type.starts_with("text/") {
        return whole(text(bytes, header).into());
    }
    if header.is_empty() {
        // Senders that name no type mostly send JSON.
        return whole(match Value::from_json_within(bytes, HEAP_BYTES_MAX) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => text.into(),
                Err(_) => content("application/octet-stream", bytes),
            },
        });
    }
    let mut made = content(header, bytes);
    if let Some(members) = made.as_object_mut() {
        if media_type == "application/x-www-form-urlencoded" {
            members.insert("$formdata", form(bytes));
        } else if media_type.starts_with("multipart/") {
            let parts = parameter(header, "boundary").map(|boundary| multipart(bytes, &boundary)).unwrap_or_default();
            members.insert("$multipart", parts);
        }
    }
    whole(made)
}

fn form(bytes: &[u8]) -> Value {
    let pairs = bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let decode = |part: &[u8]| {
            let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
            percent_encoding::percent_decode(&spaced).decode_utf8_lossy().into_owned()
        };
        Value::object([("key", decode(&pair[..at])), ("value", decode(pair.get(at + 1..).unwrap_or_default()))])
    });
    Value::array(pairs.collect())
}

fn find(bytes: &[u8], search: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(search.len()).position(|window| window == search).map(|at| at + from)
}

fn multipart(bytes: &[u8], boundary: &str) -> Vec<Value> {
    let mark = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let Some(mut at) = find(bytes, &mark, 0) else { return parts };
    while parts.len() < PARTS_MAX {
        let begin = at + mark.len();
        if bytes.get(begin..begin + 2) == Some(b"--") {
            break;
        }
        let Some(end) = find(bytes, &mark, begin) else { break };
        let part = &bytes[begin..end];
        let part = part.strip_prefix(b"\r\n").or_else(|| part.strip_prefix(b"\n")).unwrap_or(part);
        let part = part.strip_suffix(b"\r\n").or_else(|| part.strip_suffix(b"\n")).unwrap_or(part);
        parts.push(part_value(part));
        at = end;
    }
    parts
}

fn part_value(part: &[u8]) -> Value {
    let crlf = find(part, b"\r\n\r\n", 0).map(|at| (at, at + 4));
    let (head_end, body_start) = match part {
        [b'\r', b'\n', ..] => (0, 2),
        _ => crlf.or_else(|| find(part, b"\n\n", 0).map(|at| (at, at + 2))).unwrap_or((part.len(), part.len())),
    };
    let mut headers = Object::new();
    for line in String::from_utf8_lossy(&part[..head_end]).lines() {
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.trim(), value.trim());
        }
    }
    let header = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let bytes = &part[body_start..];
    let value = match header.and_then(|(_, value)| value.as_str()) {
        Some(header) => body(Some(header), bytes).value.unwrap_or_default(),
        None => content("application/octet-stream", bytes),
    };
    Value::object([("headers", Value::from(headers)), ("body", value)])
}

/// The bytes of an outgoing body and the content type they have of their own; `None` for an empty body.
#[must_use]
pub fn to_bytes(value: &Value) -> Option<(Vec<u8>, String)> {
    match value {
        Value::Null => None,
        Value::String(text) => Some((text.as_bytes().to_vec(), "text/plain; charset=utf-8".to_owned())),
        Value::Object(members) => match (content_bytes(members), content_type(members)) {
            (Some(bytes), Some(media_type)) => Some((bytes, media_type.to_owned())),
            _ => Some((value.to_json().into_bytes(), "application/json; charset=utf-8".to_owned())),
        },
        Value::Array(_) => Some((value.to_json().into_bytes(), "application/json; charset=utf-8".to_owned())),
        scalar => Some((text_of(scalar).as_bytes().to_vec(), "application/json; charset=utf-8".to_owned())),
    }
}

/// What interpolation makes of a value: the text of a header, of a part of an address, of a query parameter.
#[must_use]
pub fn to_text(value: &Value) -> hookmill_model::Str {
    text_of(value)
}

/// The bytes of a content object (`$content-type`, `$content`); `None` for any other value.
#[must_use]
pub fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_object().and_then(content_bytes)
}

/// A content object of these bytes.
#[must_use]
pub fn object(media_type: &str, bytes: &[u8]) -> Value {
    content(media_type, bytes)
}
