//! Bodies of messages as values, and values as bodies.
//!
//! JSON is parsed, `text/*` is a string, forms and multipart bodies become content objects with `$formdata` and
//! `$multipart`, anything else a content object.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use hookmill_model::{Object, Value};

use crate::content_object::{content, content_bytes, content_type};
use crate::item::text as text_of;

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

/// The media type of a `Content-Type` header in small letters, without parameters.
#[must_use]
pub fn media_type(header: &str) -> String {
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

/// The text of a body: its byte order mark decides, else its `charset`, else it is UTF-8.
fn text<'a>(bytes: &'a [u8], header: &str) -> Cow<'a, str> {
    let named = parameter(header, "charset").and_then(|charset| Encoding::for_label(charset.as_bytes()));
    named.unwrap_or(UTF_8).decode(bytes).0
}

/// Reads JSON as services send it. Numbers that no double can hold become their text, and a lone half of a surrogate
/// pair becomes U+FFFD, so that the rest can be read.
fn json(text: &str) -> Result<Value, String> {
    let read = |text: &str| Value::from_json_within(text.as_bytes(), HEAP_BYTES_MAX);
    read(text).or_else(|error| match mend(text, Numbers::TooLarge) {
        Cow::Borrowed(_) => Err(error.to_string()),
        Cow::Owned(mended) => read(&mended).map_err(|_| error.to_string()),
    })
}

/// Reads a body as JSON whatever its type says, with each number as the text that stands there; `None` where it is no
/// JSON.
#[must_use]
pub fn json_texts(header: &str, bytes: &[u8]) -> Option<Value> {
    Value::from_json_within(mend(&text(bytes, header), Numbers::All).as_bytes(), HEAP_BYTES_MAX).ok()
}

/// Which numbers become texts.
#[derive(Clone, Copy, PartialEq)]
enum Numbers {
    TooLarge,
    All,
}

/// Rewrites what a strict reader of JSON refuses although its meaning is plain.
fn mend(text: &str, numbers: Numbers) -> Cow<'_, str> {
    let (bytes, mut mended, mut copied, mut at, mut quoted) = (text.as_bytes(), String::new(), 0, 0, false);
    while at < bytes.len() {
        let from = at;
        let instead = match bytes[at] {
            b'"' => {
                quoted = !quoted;
                at += 1;
                continue;
            }
            b'\\' if quoted => {
                let (length, lone) = escape(&bytes[at..]);
                at += length;
                lone.then(|| "\\ufffd".to_owned())
            }
            b'-' | b'0'..=b'9' if !quoted => {
                let digits = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                at += bytes[at..].iter().take_while(digits).count();
                let number = &text[from..at];
                let large = || number.parse::<f64>().is_ok_and(f64::is_infinite);
                (is_number(number) && (numbers == Numbers::All || large())).then(|| format!("\"{number}\""))
            }
            _ => {
                at += 1;
                continue;
            }
        };
        if let Some(instead) = instead {
            mended.push_str(&text[copied..from]);
            mended.push_str(&instead);
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(&text[copied..]);
    Cow::Owned(mended)
}

/// The length of an escape at the beginning, and whether it is a lone half of a surrogate pair.
fn escape(bytes: &[u8]) -> (usize, bool) {
    let unit = |at: usize| match bytes.get(at..at + 6) {
        Some([b'\\', b'u', digits @ ..]) if digits.iter().all(u8::is_ascii_hexdigit) => {
            std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok())
        }
        _ => None,
    };
    match unit(0) {
        Some(0xD800..=0xDBFF) => match unit(6) {
            Some(0xDC00..=0xDFFF) => (12, false),
            _ => (6, true),
        },
        Some(0xDC00..=0xDFFF) => (6, true),
        Some(_) => (6, false),
        // A backslash and what follows it; the character after it may be longer than a byte.
        None => (bytes.len().min(if bytes.get(1).is_some_and(u8::is_ascii) { 2 } else { 1 }), false),
    }
}

/// Whether text is a number by the grammar of JSON.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
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
    if is_json(&media_type) {
        let text = text(bytes, header);
        return match json(&text) {
            Ok(value) => whole(value),
            Err(error) => Body { value: Some((*text).into()), broken: Some(error) },
        };
    }
    if media_type.starts_with("text/") {
        return whole((*text(bytes, header)).into());
    }
    if header.is_empty() {
        // Senders that name no type mostly send JSON.
        let (text, _, broken) = UTF_8.decode(bytes);
        return whole(match json(&text) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
            _ if broken => content("application/octet-stream", bytes),
            _ => (*text).into(),
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
        scalar => Some((scalar.to_json().into_bytes(), "application/json; charset=utf-8".to_owned())),
    }
}

/// Whether a media type is one of JSON: `application/json`, `application/problem+json`, whatever parameters follow.
#[must_use]
pub fn is_json(media_type: &str) -> bool {
    let plain = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    plain.ends_with("/json") || plain.ends_with("+json")
}

/// The bytes of an outgoing body whose sender names the media type: under a type of JSON every value is JSON, null too,
/// and texts go as they are; under another type a single value goes as its text.
#[must_use]
pub fn to_bytes_as(value: &Value, media_type: Option<&str>) -> Option<(Vec<u8>, String)> {
    match (value, media_type) {
        (Value::Null, Some(media_type)) if is_json(media_type) => Some((b"null".to_vec(), media_type.to_owned())),
        (Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Decimal(_), Some(media_type))
            if !is_json(media_type) =>
        {
            Some((text_of(value).as_bytes().to_vec(), media_type.to_owned()))
        }
        _ => to_bytes(value),
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

#[cfg(test)]
mod tests;
