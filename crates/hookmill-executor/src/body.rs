//! Values as the bytes of a request.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hookmill_expression::content;
use hookmill_model::{Object, Value};

use crate::refusal::Refusal;

/// The bytes of a body and the content type they have of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub bytes: Vec<u8>,
    pub content_type: String,
}

/// Encodes a body; `None` for none. `seed` makes the boundary of a multipart body: the same request, sent again, has
/// the same bytes, as services that compare idempotency keys demand. `media_type` is the one that the maker gave.
pub(crate) fn encode(body: &Value, media_type: Option<&str>, seed: &str) -> Result<Option<Encoded>, Refusal> {
    if let Some((media_type, parts)) = multipart(body) {
        return encode_parts(media_type, parts, seed).map(Some);
    }
    if let Some(form) = form(body) {
        return Ok(Some(form));
    }
    if let Some((media_type, text)) = content_object(body)
        && content::bytes(body).is_none()
    {
        return Err(Refusal::bad_request(format!(
            "The body says it has the content type {media_type}, but its $content ({} characters) is not base64",
            text.chars().count()
        )));
    }
    if body.is_null() {
        return Ok(None);
    }
    Ok(content::to_bytes_as(body, media_type).map(|(bytes, content_type)| Encoded { bytes, content_type }))
}

/// `$content-type` and `$content` of an object that has nothing else.
fn content_object(body: &Value) -> Option<(&str, &str)> {
    let members = body.as_object().filter(|members| members.len() == 2)?;
    Some((members.get("$content-type")?.as_str()?, members.get("$content")?.as_str()?))
}

/// Parts to be put together; a body that was received has its bytes in `$content` and goes out as it came.
fn multipart(body: &Value) -> Option<(&str, &[Value])> {
    let members = body.as_object().filter(|members| !members.contains_key("$content"))?;
    Some((members.get("$content-type")?.as_str()?, members.get("$multipart")?.as_array()?))
}

/// A form given by its fields.
fn form(body: &Value) -> Option<Encoded> {
    let members = body.as_object().filter(|members| !members.contains_key("$content"))?;
    let content_type = members.get("$content-type")?.as_str()?.to_owned();
    let fields = members.get("$formdata")?.as_array()?;
    let text = |field: &Value, name: &str| field.get(name).map(content::to_text).unwrap_or_default();
    let pairs: Vec<(_, _)> = fields.iter().map(|field| (text(field, "key"), text(field, "value"))).collect();
    Some(Encoded { bytes: form_text(pairs.iter().map(|(name, value)| (&**name, &**value))).into_bytes(), content_type })
}

/// The text of `application/x-www-form-urlencoded`.
pub(crate) fn form_text<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b' ');
    let encode = |text: &str| percent_encoding::utf8_percent_encode(text, KEPT).to_string().replace(' ', "+");
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

fn encode_parts(media_type: &str, parts: &[Value], seed: &str) -> Result<Encoded, Refusal> {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/")) {
        return Err(Refusal::bad_request(format!(
            "A body with $multipart needs a $content-type such as multipart/form-data, not \"{media_type}\""
        )));
    }
    let parts = parts
        .iter()
        .enumerate()
        .map(|(index, part)| encode_part(part).map_err(|words| (index, words)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|(index, words)| Refusal::bad_request(format!("Part {} of the body: {words}", index + 1)))?;
    let boundary = boundary(&parts, seed);
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + boundary.len() + 8).sum());
    for part in &parts {
        bytes.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(Encoded { bytes, content_type: format!("{media_type}; boundary={boundary}") })
}

/// Head and body of one part.
fn encode_part(part: &Value) -> Result<Vec<u8>, String> {
    let none = Object::new();
    let headers = match part.get("headers") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(headers)) => headers,
        Some(other) => return Err(format!("its headers are of type {}, not an object", other.type_name())),
    };
    let mut bytes = Vec::new();
    let mut has_type = false;
    for (name, value) in headers.iter() {
        let text = content::to_text(value);
        let name_fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if !name_fits || text.chars().any(char::is_control) {
            return Err(format!("the header \"{name}\" holds characters that cannot be sent"));
        }
        has_type |= name.eq_ignore_ascii_case("content-type");
        bytes.extend_from_slice(format!("{name}: {text}\r\n").as_bytes());
    }
    let body = part.get("body").unwrap_or(&Value::Null);
    let (body, own_type) = content::to_bytes(body).unwrap_or_default();
    if !has_type && !own_type.is_empty() && !matches!(part.get("body"), Some(Value::String(_))) {
        bytes.extend_from_slice(format!("Content-Type: {own_type}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// A line that stands in no part.
fn boundary(parts: &[Vec<u8>], seed: &str) -> String {
    let mut round = 0_u32;
    loop {
        let mut hasher = DefaultHasher::new();
        (seed, round).hash(&mut hasher);
        let boundary = format!("hookmill-{:016x}", hasher.finish());
        let mark = boundary.as_bytes();
        if !parts.iter().any(|part| part.windows(mark.len()).any(|window| window == mark)) {
            return boundary;
        }
        round += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::from_json(text.as_bytes()).unwrap()
    }

    fn sent(text: &str) -> (String, String) {
        let encoded = encode(&value(text), None, "seed").unwrap().unwrap();
        (String::from_utf8(encoded.bytes).unwrap(), encoded.content_type)
    }

    fn pair(one: &str, other: &str) -> (String, String) {
        (one.to_owned(), other.to_owned())
    }

    #[test]
    fn values_go_out_by_their_kind() {
        assert_eq!(encode(&Value::Null, None, "").unwrap(), None);
        assert_eq!(sent("\"a ü\""), pair("a ü", "text/plain; charset=utf-8"));
        assert_eq!(sent("{\"b\": [1, null]}"), pair("{\"b\":[1,null]}", "application/json; charset=utf-8"));
        assert_eq!(sent("[ ]"), pair("[]", "application/json; charset=utf-8"));
        assert_eq!(sent(r#"{"$content-type":"image/x","$content":"YWI="}"#), pair("ab", "image/x"));
        assert_eq!(sent(r#"{"x":{"$content-type":"a/b","$content":"YWI="}}"#).1, "application/json; charset=utf-8");
        assert_eq!(
            sent(
                r#"{"$content-type":"application/x-www-form-urlencoded","$formdata":[{"key":"a b","value":"ü&"},{"key":"c","value":1}]}"#
            ),
            pair("a+b=%C3%BC%26&c=1", "application/x-www-form-urlencoded")
        );
        let wrong = encode(&value(r#"{"$content-type":"image/x","$content":"%%"}"#), None, "").unwrap_err();
        assert!(wrong.message.contains("not base64"), "{wrong:?}");
    }

    #[test]
    fn what_is_promised_as_json_is_json() {
        let sent = |text: &str, media_type: &str| {
            let encoded = encode(&value(text), Some(media_type), "").unwrap().unwrap();
            String::from_utf8(encoded.bytes).unwrap()
        };
        for json in ["application/json", "application/JSON; charset=utf-8", "application/problem+json", "text/json"] {
            for text in ["true", "false", "7", "1.5", "[1]"] {
                assert_eq!(sent(text, json), text, "{json}");
            }
            // A text is taken as the JSON that its maker wrote.
            assert_eq!(sent(r#""{\"a\":1}""#, json), r#"{"a":1}"#);
        }
        assert_eq!(sent("true", "text/plain"), "True");
        assert_eq!(encode(&Value::Null, Some("text/plain"), "").unwrap(), None);
        let plain = encode(&value("true"), None, "").unwrap().unwrap();
        assert_eq!((&plain.bytes[..], &*plain.content_type), (&b"true"[..], "application/json; charset=utf-8"));
    }

    #[test]
    fn parts_are_put_together_and_come_back() {
        let body = value(
            r#"{"$content-type":"multipart/form-data","$multipart":[
                {"headers":{"Content-Disposition":"form-data; name=\"a\""},"body":"text"},
                {"headers":{"Content-Disposition":"form-data; name=\"f\"; filename=\"x.bin\""},
                 "body":{"$content-type":"application/octet-stream","$content":"AAEC"}},
                {"headers":{"Content-Disposition":"form-data; name=\"j\""},"body":{"k":1}}]}"#,
        );
        let encoded = encode(&body, None, "run_1/Post/1").unwrap().unwrap();
        assert_eq!(encoded, encode(&body, None, "run_1/Post/1").unwrap().unwrap());
        let boundary = encoded.content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text = String::from_utf8_lossy(&encoded.bytes);
        assert!(
            text.starts_with(&format!("--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext\r\n"))
        );
        assert!(text.ends_with(&format!("\r\n\r\n{{\"k\":1}}\r\n--{boundary}--\r\n")), "{text}");
        let back = content::body(Some(&encoded.content_type), &encoded.bytes).value.unwrap();
        let parts = back.get("$multipart").unwrap().as_array().unwrap();
        assert_eq!(parts[1].pointer("/body/$content").unwrap().as_str(), Some("AAEC"));
        assert_eq!(parts[2].get("body"), Some(&value("{\"k\":1}")));
    }

    #[test]
    fn a_part_can_neither_forge_headers_nor_the_boundary() {
        let forged =
            value(r#"{"$content-type":"multipart/form-data","$multipart":[{"headers":{"A":"x\r\nB: y"},"body":"t"}]}"#);
        assert!(encode(&forged, None, "").unwrap_err().message.starts_with("Part 1"));
        let plain = encode_parts("multipart/mixed", &[value(r#"{"body":"t"}"#)], "s").unwrap();
        let mark = plain.content_type.split('=').nth(1).unwrap().to_owned();
        let hostile = Value::object([("body", format!("\r\n--{mark}--"))]);
        let other = encode_parts("multipart/mixed", &[hostile], "s").unwrap();
        assert_ne!(other.content_type, plain.content_type);
    }
}
