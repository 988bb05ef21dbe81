//! Requests that are answered and are not events.

use hookmill_model::{Object, Str, Value};

use crate::declaration::{Handshake, Json};
use crate::door::{Call, Response};
use crate::request::{Known, Reading};
use crate::template::{Scope, Selector, Template};
use crate::verification::address;

/// What is echoed is no longer than this.
const ECHO_BYTES_MAX: usize = 4_096;
/// What is signed for somebody else is no longer than this.
const COMPUTED_BYTES_MAX: usize = 256;

/// An answered handshake.
#[derive(Debug, Default)]
pub struct Answered {
    /// The answer.
    pub response: Response,
    /// What is kept with the webhook.
    pub kept: Vec<(Str, String)>,
    /// What Hookmill calls afterwards.
    pub calls: Vec<Call>,
}

/// Answers a handshake whose conditions hold. `secret` is the number of the secret that verified it.
///
/// # Errors
/// The status of a refusal: a condition does not hold, or the request lacks what the answer needs.
pub fn answer(
    handshake: &Handshake,
    reading: &Reading<'_>,
    known: &Known<'_>,
    secret: usize,
) -> Result<Answered, (u16, &'static str)> {
    let scope = Scope::new(reading, known);
    if !handshake.require.hold(&scope) {
        return Err((handshake.otherwise, "a condition of the handshake does not hold"));
    }
    let key = known.secrets.get(secret).or(known.secrets.first());
    let mut computed = Vec::with_capacity(handshake.compute.len());
    for (name, compute) in &handshake.compute {
        for selector in compute.content.selectors() {
            let value = selector.text(&scope).ok_or((400, "the request lacks what the answer needs"))?;
            // Else the door would sign whatever somebody sends, the body of an event too.
            if value.is_empty() || value.len() > COMPUTED_BYTES_MAX || !value.iter().all(|byte| is_token(*byte)) {
                return Err((400, "a value to be signed has characters that no challenge has"));
            }
        }
        let content = compute.content.bytes(&scope).ok_or((400, "the request lacks what the answer needs"))?;
        let key = key.ok_or((503, "there is no secret yet"))?;
        let mac = compute.encoding.encode(&compute.hash.mac(key.as_bytes(), &content));
        computed.push((name.clone(), format!("{}{mac}", compute.prefix)));
    }
    let scope = Scope { computed: &computed, ..scope };
    let call = match &handshake.call {
        None => None,
        Some(call) => {
            let url = text(&call.url, &scope).ok_or((400, "the request names no address"))?;
            let url = address(&url, &call.hosts).map(|_| url);
            let url = url.ok_or((handshake.otherwise, "the address to be called is not one of the service"))?;
            Some(Call { method: call.method.to_string(), url })
        }
    };
    let mut response = Response { status: handshake.reply.status, ..Response::default() };
    for (name, template) in &handshake.reply.headers {
        let value = bytes(template, &scope)?;
        let visible = value.iter().filter(|byte| (0x20..0x7F).contains(*byte)).map(|byte| char::from(*byte));
        response.headers.push((name.to_string(), visible.collect()));
    }
    let mut content_type = handshake.reply.content_type.clone();
    match &handshake.reply.body {
        None => {}
        Some(Json::Bytes(template)) => {
            response.body = bytes(template, &scope)?;
            content_type = content_type.or_else(|| Some("text/plain".into()));
        }
        Some(json) => {
            response.body = value(json, &scope)?.to_json().into_bytes();
            content_type = content_type.or_else(|| Some("application/json".into()));
        }
    }
    if response.body.len() > ECHO_BYTES_MAX {
        return Err((400, "the answer would be longer than 4 KiB"));
    }
    if let Some(kind) = content_type {
        let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_string() };
        response.headers.push(("Content-Type".to_owned(), kind));
    }
    response.headers.push(("X-Content-Type-Options".to_owned(), "nosniff".to_owned()));
    let mut kept = Vec::new();
    for (name, selector) in &handshake.keep {
        // What is kept is optional, except the secret: without it nothing could be verified later.
        match text(selector, &scope).filter(|text| !text.is_empty() && text.len() <= ECHO_BYTES_MAX) {
            Some(value) => kept.push((name.clone(), value)),
            None if **name == *"secret" => return Err((400, "the request lacks the secret")),
            None => {}
        }
    }
    Ok(Answered { response, kept, calls: call.into_iter().collect() })
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_.-".contains(&byte)
}

fn text(selector: &Selector, scope: &Scope<'_>) -> Option<String> {
    selector.text(scope).and_then(|text| String::from_utf8(text.into_owned()).ok())
}

fn bytes(template: &Template, scope: &Scope<'_>) -> Result<Vec<u8>, (u16, &'static str)> {
    let made = template.bytes(scope).ok_or((400, "the request lacks what the answer needs"))?;
    if made.len() > ECHO_BYTES_MAX {
        return Err((400, "the answer would be longer than 4 KiB"));
    }
    Ok(made.into_owned())
}

/// The JSON value of an answer. Texts are put in as values, so none can break out of its string.
fn value(json: &Json, scope: &Scope<'_>) -> Result<Value, (u16, &'static str)> {
    Ok(match json {
        Json::Plain(value) => value.clone(),
        Json::Text(template) | Json::Bytes(template) => {
            Value::string(String::from_utf8_lossy(&bytes(template, scope)?).into_owned())
        }
        Json::Array(items) => Value::array(items.iter().map(|item| value(item, scope)).collect::<Result<Vec<_>, _>>()?),
        Json::Object(members) => {
            let mut made = Object::with_capacity(members.len());
            for (name, member) in members {
                made.insert(name.clone(), value(member, scope)?);
            }
            made.into()
        }
    })
}
