//! The door for services. Nothing is parsed here, and nothing is answered 2xx before it is on disk.

use crate::{Problem, ServerState};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookmill_expression::content;
use hookmill_model::Object;
use hookmill_runtime::{AcceptError, Accepted, Notification};

type Body = Result<Bytes, BytesRejection>;

/// A service's notification
///
/// Answered 202 only after it is on disk. Bodies of any type are taken, up to the server's limit.
#[utoipa::path(
    post, path = "/callback/{capability}", tag = "callbacks", security(()),
    params(("capability" = String, Path, description = "The unguessable part of the callback URL.")),
    request_body(content = Value, content_type = "*/*"),
    responses((status = 202, body = Object), (status = 410, description = "The webhook of this address is gone.", body = crate::problem::Document, content_type = "application/problem+json"))
)]
pub async fn call(
    State(state): State<ServerState>,
    Path(capability): Path<String>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    take(state, capability, String::new(), method, query, &headers, body).await
}

pub async fn call_below(
    State(state): State<ServerState>,
    Path((capability, rest)): Path<(String, String)>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    take(state, capability, rest, method, query, &headers, body).await
}

async fn take(
    state: ServerState,
    capability: String,
    path: String,
    method: Method,
    query: Option<String>,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let max = state.runtime.config().body_bytes_max;
    let Ok(body) = body else { return refusal(AcceptError::TooLarge { max }) };
    let mut named = Object::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        named.insert(name.as_str(), values.join(", "));
    }
    let query = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let notification = Notification { method: method.as_str().to_owned(), headers: named, query, path, body };
    match state.runtime.accept(&capability, notification).await {
        Ok(Accepted::Stored { .. }) => (StatusCode::ACCEPTED, axum::Json(Object::new())).into_response(),
        Ok(Accepted::Respond { status, headers, body }) => answer(status, &headers, body.as_ref()),
        Err(error) => refusal(error),
    }
}

/// What the flow's Response action said.
fn answer(status: u16, headers: &Object, body: Option<&hookmill_model::Value>) -> Response {
    let (bytes, kind) = body.and_then(content::to_bytes).unwrap_or_default();
    let mut response = bytes.into_response();
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().remove(header::CONTENT_TYPE);
    if let Ok(kind) = HeaderValue::from_str(&kind)
        && !kind.is_empty()
    {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    for (name, value) in headers.iter() {
        let pair = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&content::to_text(value)));
        if let (Ok(name), Ok(value)) = pair {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn refusal(error: AcceptError) -> Response {
    let detail = error.to_string();
    let problem = match error {
        AcceptError::Unknown => Problem::new(StatusCode::NOT_FOUND, "not_found", detail),
        AcceptError::Gone => Problem::new(StatusCode::GONE, "webhook_gone", detail),
        AcceptError::TooLarge { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail),
        AcceptError::NotMatched { code, .. } => Problem::new(StatusCode::NOT_FOUND, code, detail),
        AcceptError::TooManyRuns { retry_after_s } => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "WorkflowMaximumWaitingRunCountExceeded", detail)
                .retry_after(retry_after_s)
        }
        AcceptError::Overloaded { retry_after_s } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(retry_after_s)
        }
        AcceptError::TimedOut => Problem::new(StatusCode::GATEWAY_TIMEOUT, "GatewayTimeout", detail),
        AcceptError::NoResponse => Problem::new(StatusCode::BAD_GATEWAY, "NoResponse", detail),
        AcceptError::Failed(error) => error.into(),
    };
    problem.into_response()
}
