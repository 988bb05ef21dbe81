//! The request of the `Http` action: which of the maker's headers go, and what is added.

use std::borrow::Cow;
use std::time::Duration;

use hookmill_engine::{DEPTH_HEADER, HttpRequest, TRACE_HEADER, TRACE_STATE_HEADER};
use hookmill_expression::content;
use hookmill_http::{HeaderMap, HeaderName, HeaderValue, Method, Redirects, Request, header};
use hookmill_model::Object;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::CallContext;
use crate::body::{self, Encoded};
use crate::refusal::Refusal;

/// Everything that a header can hold without doubt stays as it is.
const NOT_VISIBLE: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// The name under which services know an attempt again.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The request without authentication.
pub(crate) fn request(action: &HttpRequest, context: &CallContext<'_>) -> Result<Request, Refusal> {
    let method = method(&action.method)?;
    let mut request = Request::new(method.clone(), action.uri.trim()).with_timeout(action.timeout);
    request.headers = maker_headers(&method, &action.headers)?;
    if let Some(cookie) = &action.cookie {
        let mut value = header_value("Cookie", cookie)?;
        value.set_sensitive(true);
        request.headers.insert(header::COOKIE, value);
    }
    let maker = media_type(&request.headers);
    if let Some(Encoded { bytes, content_type }) = body::encode(&action.body, maker.as_deref(), &context.seed())? {
        put_content_type(&mut request.headers, &content_type)?;
        request.body = bytes.into();
    }
    request.redirects = redirects(&method);
    add_run_headers(&mut request, context);
    Ok(request)
}

/// The media type that the maker gave.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Reads a method.
pub(crate) fn method(text: &str) -> Result<Method, Refusal> {
    Method::from_bytes(text.trim().to_ascii_uppercase().as_bytes())
        .map_err(|_| Refusal::bad_request(format!("\"{text}\" is not a method of HTTP")))
}

/// A reply leads on where nothing is changed by asking again.
pub(crate) fn redirects(method: &Method) -> Redirects {
    if matches!(*method, Method::GET | Method::HEAD) { Redirects::Any } else { Redirects::None }
}

/// Whether the service drops a header of the maker without a word.
fn is_dropped(method: &Method, name: &HeaderName) -> bool {
    let name = name.as_str();
    match name {
        "allow" | "cookie" | "expires" | "host" | "last-modified" | "origin" | "set-cookie" | "transfer-encoding" => {
            true
        }
        "content-disposition" | "content-encoding" | "content-type" => {
            !matches!(*method, Method::POST | Method::PUT | Method::PATCH)
        }
        "accept-version" => false,
        _ => name.starts_with("accept-") || name.starts_with("content-"),
    }
}

fn maker_headers(method: &Method, headers: &Object) -> Result<HeaderMap, Refusal> {
    let mut kept = HeaderMap::with_capacity(headers.len() + 6);
    for (name, value) in headers.iter() {
        let Ok(own) = HeaderName::from_bytes(name.trim().as_bytes()) else {
            return Err(Refusal::bad_request(format!("\"{name}\" is not a name of a header")));
        };
        if value.is_null() || is_dropped(method, &own) {
            continue;
        }
        kept.append(own, header_value(name, &content::to_text(value))?);
    }
    Ok(kept)
}

/// The value of a header; text beyond ASCII goes as UTF-8.
pub(crate) fn header_value(name: &str, text: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_bytes(text.trim().as_bytes())
        .map_err(|_| Refusal::bad_request(format!("The header \"{name}\" holds characters that cannot be sent")))
}

/// The maker's content type stays, except where it cannot describe the body: a multipart type without its boundary.
pub(crate) fn put_content_type(headers: &mut HeaderMap, own: &str) -> Result<(), Refusal> {
    let maker = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let is_multipart = |text: &str| text.trim_start().to_ascii_lowercase().starts_with("multipart/");
    if maker.is_none_or(|maker| is_multipart(&maker) && is_multipart(own)) {
        headers.insert(header::CONTENT_TYPE, header_value("Content-Type", own)?);
    }
    Ok(())
}

/// Says which attempt of which run this is.
pub(crate) fn add_run_headers(request: &mut Request, context: &CallContext<'_>) {
    let is_repeatable = !matches!(request.method, Method::POST | Method::PATCH);
    if let Some(key) = context.key().filter(|_| !is_repeatable) {
        put_absent(&mut request.headers, &IDEMPOTENCY_KEY, &key);
    }
    // A maker who sends a trace of their own knows better.
    if let Some((trace, effect)) = context.trace.zip(context.effect)
        && !request.headers.contains_key(TRACE_HEADER)
    {
        put_absent(&mut request.headers, &HeaderName::from_static(TRACE_HEADER), &trace.header(effect));
        if let Some(state) = trace.state() {
            put_absent(&mut request.headers, &HeaderName::from_static(TRACE_STATE_HEADER), state);
        }
    }
    if leads_home(&request.url, context.public_url) {
        let depth = HeaderValue::from(context.depth.saturating_add(1));
        request.headers.insert(HeaderName::from_static(DEPTH_HEADER), depth);
    }
    if !context.workflow_headers {
        return;
    }
    if let Some(flow) = context.flow {
        put_absent(&mut request.headers, &HeaderName::from_static("x-ms-workflow-id"), flow);
    }
    if let Some(effect) = context.effect {
        let run = effect.run.to_string();
        put_absent(&mut request.headers, &HeaderName::from_static("x-ms-workflow-run-id"), &run);
        let action = &effect.path.action;
        put_absent(&mut request.headers, &HeaderName::from_static("x-ms-workflow-operation-name"), action);
        let tracking = context.tracking_id.unwrap_or(&run);
        put_absent(&mut request.headers, &HeaderName::from_static("x-ms-client-tracking-id"), tracking);
        let attempt = effect.to_string();
        put_absent(&mut request.headers, &HeaderName::from_static("x-ms-client-request-id"), &attempt);
    }
}

/// Whether an address may be one of this server. It can have other names than the public one, so the form of its
/// addresses counts too: a header too many does no harm.
fn leads_home(url: &str, public_url: &str) -> bool {
    let own = !public_url.is_empty()
        && url.get(..public_url.len()).is_some_and(|start| start.eq_ignore_ascii_case(public_url));
    own || ["/workflows/flw_", "/callback/"].iter().any(|path| url.contains(path))
}

fn put_absent(headers: &mut HeaderMap, name: &HeaderName, text: &str) {
    if headers.contains_key(name) {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&Cow::from(utf8_percent_encode(text, NOT_VISIBLE))) {
        headers.insert(name, value);
    }
}

/// What is left of a time.
pub(crate) fn left(timeout: Duration, spent: Duration) -> Duration {
    timeout.saturating_sub(spent).max(Duration::from_millis(1))
}
