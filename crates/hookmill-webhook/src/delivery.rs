//! Identifiers of deliveries, and the body of an event.

use std::time::Duration;

use hookmill_expression::content;
use hookmill_model::Value;

use crate::declaration::{Declarations, Dedupe, Items};
use crate::key::{Encoding, Hash};
use crate::request::{Known, Reading, Request};
use crate::template::{Scope, segments, walk, xml_texts};

/// A longer identifier is replaced by its SHA-256.
const KEY_BYTES_MAX: usize = 256;
/// Identifiers of one delivery beyond this many are not told apart.
const KEYS_MAX: usize = 1_000;

/// The identifiers of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// One, or one for each item. The delivery is a duplicate when all of them are known.
    pub keys: Vec<String>,
    /// Some item has none, so the delivery is never a duplicate.
    pub incomplete: bool,
    /// How long they are known.
    pub window: Duration,
}

/// The identifiers of a delivery; `None` where it has none.
pub fn keys(dedupe: &Dedupe, reading: &Reading<'_>, known: &Known<'_>) -> Option<Keys> {
    let scope = Scope::new(reading, known);
    let of = |scope: &Scope<'_>| {
        dedupe.keys.iter().find_map(|template| {
            let bytes = template.bytes(scope)?;
            let empty = bytes.iter().all(|byte| *byte == b' ');
            (!empty).then(|| short(&bytes))
        })
    };
    let Some(items) = &dedupe.items else {
        return Some(Keys { keys: vec![of(&scope)?], incomplete: false, window: dedupe.window });
    };
    let items: Vec<Value> = match items {
        Items::Json(pointer) => {
            let mut found = Vec::new();
            walk(reading.json()?, &segments(pointer).ok()?, &mut found);
            found.pop().flatten()?.as_array()?.to_vec()
        }
        Items::Xml(path) => xml_texts(reading.decoded().ok()?, path).into_iter().map(Value::from).collect(),
    };
    let found: Vec<_> = items.iter().take(KEYS_MAX).map(|item| of(&Scope { item: Some(item), ..scope })).collect();
    let incomplete = items.len() > KEYS_MAX || found.iter().any(Option::is_none);
    let mut keys: Vec<String> = Vec::new();
    for key in found.into_iter().flatten() {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    (!keys.is_empty()).then_some(Keys { keys, incomplete, window: dedupe.window })
}

fn short(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= KEY_BYTES_MAX => text.to_owned(),
        _ => format!("sha256:{}", Encoding::Hex.encode(&Hash::Sha256.digest(bytes))),
    }
}

/// The body of an event as a value, and why a body that says it is JSON is kept as text.
///
/// A body whose codings cannot be undone within `body_bytes_max` is a content object of the bytes as they were sent.
#[must_use]
pub fn event_body(declarations: &Declarations, request: Request<'_>, body_bytes_max: usize) -> content::Body {
    let reading = Reading::new(request, body_bytes_max);
    let header = request.header_text("content-type");
    let Ok(body) = reading.decoded() else {
        let value = Some(content::object("application/octet-stream", request.body));
        return content::Body { value, broken: None };
    };
    if let (Some(field), [(name, value)]) = (&declarations.form_field, reading.form())
        && **field == **name
        && let content::Body { value: Some(value @ (Value::Object(_) | Value::Array(_))), broken: None } =
            content::body(Some("application/json"), value.as_bytes())
    {
        return content::Body { value: Some(value), broken: None };
    }
    // A service that sends JSON as text, and whose declarations read it as JSON, means JSON.
    if declarations.reads_json() && reading.media_type().starts_with("text/") {
        let charset = reading.content_type().split_once(';').map(|(_, rest)| format!("application/json;{rest}"));
        let read = content::body(Some(charset.as_deref().unwrap_or("application/json")), body);
        if matches!(read.value, Some(Value::Object(_) | Value::Array(_))) {
            return read;
        }
    }
    content::body(header, body)
}
