//! Values in their places: percent-encoding, lists and objects in queries, paths, headers and form fields.

use hookmill_model::{Object, Str, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::place::{Declared, Place};
use crate::plan_error::PlanError;

/// What RFC 3986 calls unreserved stays as it is; all else becomes `%XX` of its UTF-8 bytes.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The member by which an operation that was written in OpenAPI 3 keeps `style` and `explode` of a parameter.
pub(crate) const STYLE: &str = "x-hookmill-style";
/// The member by which a form field that was written in OpenAPI 3 keeps the content type of its part.
pub(crate) const PART_TYPE: &str = "x-hookmill-content-type";
/// The deepest nesting of a `deepObject`.
const DEPTH_MAX: usize = 8;

pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

pub(crate) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The text of a value: text as it is, `true`/`false`, the JSON text of all else, nothing for `null`.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => String::new(),
        other => other.to_json(),
    }
}

/// How a parameter writes lists and objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// One text, with this between the elements.
    Joined(&'static str),
    /// One text, the members of an object too: `k,v,k,v` (OpenAPI 3, `form` without `explode`).
    JoinedMembers,
    /// A pair for each element.
    Repeated,
    /// A pair for each element or member (OpenAPI 3, `form` with `explode`).
    Exploded,
    /// `name[member]=value` (OpenAPI 3).
    DeepObject,
}

/// The style of a parameter.
///
/// # Errors
/// The name of a style that is not supported (`label`, `matrix`).
pub(crate) fn style(parameter: &Declared) -> Result<Style, String> {
    if let Some(written) = parameter.source.get(STYLE) {
        let explode = written.get("explode").and_then(Value::as_bool);
        return match (written.get("style").and_then(Value::as_str), parameter.place) {
            (Some("deepObject"), _) => Ok(Style::DeepObject),
            (Some("spaceDelimited"), _) if explode != Some(true) => Ok(Style::Joined(" ")),
            (Some("pipeDelimited"), _) if explode != Some(true) => Ok(Style::Joined("|")),
            (None | Some("form" | "spaceDelimited" | "pipeDelimited"), Place::Query | Place::Form | Place::Cookie) => {
                Ok(if explode == Some(false) { Style::JoinedMembers } else { Style::Exploded })
            }
            (None | Some("simple"), _) => Ok(Style::Joined(",")),
            (Some(other), _) => Err(other.to_owned()),
        };
    }
    let word = parameter.source.get("collectionFormat").and_then(Value::as_str).unwrap_or("csv");
    match (word, parameter.place) {
        ("csv", _) => Ok(Style::Joined(",")),
        ("ssv", _) => Ok(Style::Joined(" ")),
        ("tsv", _) => Ok(Style::Joined("\t")),
        ("pipes", _) => Ok(Style::Joined("|")),
        ("multi", Place::Query | Place::Form) => Ok(Style::Repeated),
        // "multi" is valid in queries and forms only; elsewhere the default counts.
        ("multi", _) => Ok(Style::Joined(",")),
        (other, _) => Err(format!("collectionFormat {other}")),
    }
}

/// A parameter as pairs of name and text; none for `null` and empty lists.
///
/// # Errors
/// The parameter has a style that is not supported.
pub(crate) fn pairs(parameter: &Declared, value: &Value) -> Result<Vec<(String, String)>, PlanError> {
    let name = parameter.name.to_string();
    let style = style(parameter).map_err(|style| PlanError::Style { name: name.clone(), style })?;
    Ok(match (value, style) {
        (Value::Null, _) => Vec::new(),
        (Value::Array(elements), _) if elements.is_empty() => Vec::new(),
        (Value::Array(elements), Style::Repeated | Style::Exploded) => {
            elements.iter().map(|element| (name.clone(), text(element))).collect()
        }
        (Value::Object(_) | Value::Array(_), Style::DeepObject) => {
            let mut found = Vec::new();
            deep(&name, value, DEPTH_MAX, &mut found);
            found
        }
        (Value::Array(elements), style) => {
            let separator = if let Style::Joined(separator) = style { separator } else { "," };
            vec![(name, elements.iter().map(text).collect::<Vec<_>>().join(separator))]
        }
        (Value::Object(members), Style::Exploded) => {
            members.iter().map(|(member, value)| (member.to_string(), text(value))).collect()
        }
        (Value::Object(members), Style::JoinedMembers) => {
            let parts = members.iter().flat_map(|(member, value)| [member.to_string(), text(value)]);
            vec![(name, parts.collect::<Vec<_>>().join(","))]
        }
        (other, _) => vec![(name, text(other))],
    })
}

fn deep(name: &str, value: &Value, depth: usize, found: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(members) if depth > 0 => {
            members.iter().for_each(|(member, value)| deep(&format!("{name}[{member}]"), value, depth - 1, found));
        }
        Value::Array(elements) if depth > 0 => {
            let each = elements.iter().enumerate();
            each.for_each(|(index, element)| deep(&format!("{name}[{index}]"), element, depth - 1, found));
        }
        other => found.push((name.to_owned(), text(other))),
    }
}

/// A value as one segment of a path, or a part of one.
///
/// # Errors
/// It is an object or empty.
pub(crate) fn segment(name: &str, value: &Value, is_double: bool) -> Result<String, PlanError> {
    let unfit = |what| PlanError::Unfit { name: name.to_owned(), what };
    let plain = match value {
        Value::Object(_) => return Err(unfit("an object")),
        Value::Array(elements) => elements.iter().map(text).collect::<Vec<_>>().join(","),
        other => text(other),
    };
    if plain.is_empty() {
        return Err(unfit("empty"));
    }
    let once = encoded(&plain);
    Ok(if is_double { encoded(&once) } else { once })
}

/// Whether a segment of a path climbs: `.`, `..` and what becomes one of them when it is decoded, once or twice.
pub(crate) fn climbs(segment: &str) -> bool {
    let mut here = segment.to_owned();
    for _ in 0..3 {
        if here == "." || here == ".." {
            return true;
        }
        let next = decoded(&here);
        if next == here {
            return false;
        }
        here = next;
    }
    here == "." || here == ".."
}

/// A value as the text of a header.
///
/// # Errors
/// It holds a line break.
pub(crate) fn header(name: &str, parameter: &Declared, value: &Value) -> Result<Option<String>, PlanError> {
    let texts = pairs(parameter, value)?;
    if texts.is_empty() {
        return Ok(None);
    }
    let text = texts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",");
    one_line(name, &text)?;
    Ok(Some(text))
}

/// Whether a text can be the value of a header.
pub(crate) fn one_line(name: &str, text: &str) -> Result<(), PlanError> {
    if text.contains(['\r', '\n', '\0']) {
        return Err(PlanError::Unfit { name: name.to_owned(), what: "a text with a line break" });
    }
    Ok(())
}

/// The content object of a value: `$content-type` and `$content`, perhaps with `$filename`.
pub(crate) fn content_object(value: &Value) -> Option<(&str, &str)> {
    let members = value.as_object()?;
    let known = |name: &Str| matches!(&**name, "$content-type" | "$content" | "$filename");
    if !members.keys().all(known) {
        return None;
    }
    Some((members.get("$content-type")?.as_str()?, members.get("$content")?.as_str()?))
}

/// A content object as the executor reads it.
pub(crate) fn content(content_type: &str, base64: &str) -> Value {
    Value::object([("$content-type", content_type), ("$content", base64)])
}

/// A form, urlencoded or in parts, as the executor puts it together.
pub(crate) fn form(pairs: Vec<(String, String)>) -> Value {
    let fields =
        pairs.into_iter().map(|(name, value)| Value::object([("key", Value::from(name)), ("value", value.into())]));
    Value::object([
        ("$content-type", Value::from("application/x-www-form-urlencoded")),
        ("$formdata", Value::array(fields.collect())),
    ])
}

/// One part of a multipart body.
pub(crate) fn part(name: &str, filename: Option<&str>, content_type: Option<&str>, body: Value) -> Value {
    let quoted = |text: &str| text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let mut disposition = format!("form-data; name=\"{}\"", quoted(name));
    if let Some(filename) = filename {
        disposition.push_str(&format!("; filename=\"{}\"", quoted(filename)));
    }
    let mut headers = Object::new();
    headers.insert("Content-Disposition", disposition);
    if let Some(content_type) = content_type {
        headers.insert("Content-Type", content_type);
    }
    Value::object([("headers", Value::from(headers)), ("body", body)])
}

/// Parts as one body.
pub(crate) fn multipart(parts: Vec<Value>) -> Value {
    Value::object([("$content-type", Value::from("multipart/form-data")), ("$multipart", Value::array(parts))])
}
