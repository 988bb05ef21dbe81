//! The door for services. Nothing is parsed here, and nothing is answered 2xx before it is on disk.

use crate::{Problem, ServerState};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hookmill_expression::content;
use hookmill_model::{Object, RunId};
use hookmill_runtime::{AcceptError, Accepted, AnswerLater, Notification};

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
    if let Some(answer) = body.as_ref().ok().and_then(|body| state.probes.answer(&capability, body)) {
        return answer;
    }
    match notification(&state, String::new(), &method, query, &headers, body) {
        Ok(notification) => told(state.runtime.accept(&capability, notification).await),
        Err(error) => refusal(error),
    }
}

/// The same below the callback URL, where the connector says that its service puts a path behind it.
pub async fn call_below(
    State(state): State<ServerState>,
    Path((capability, rest)): Path<(String, String)>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match notification(&state, rest, &method, query, &headers, body) {
        Ok(notification) => told(state.runtime.accept(&capability, notification).await),
        Err(error) => refusal(error),
    }
}

/// The signed address of a Request trigger.
pub async fn invoke(
    State(state): State<ServerState>,
    Path((flow, trigger)): Path<(String, String)>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    request(&state, &flow, &trigger, notification(&state, String::new(), &method, query, &headers, body)).await
}

/// The same with a relative path.
pub async fn invoke_below(
    State(state): State<ServerState>,
    Path((flow, trigger, _)): Path<(String, String, String)>,
    uri: Uri,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let rest = uri.path().split_once("/paths/invoke/").map_or("", |(_, rest)| rest).to_owned();
    request(&state, &flow, &trigger, notification(&state, rest, &method, query, &headers, body)).await
}

/// Where the caller of an asynchronous Response asks for the answer.
pub async fn answer_later(
    State(state): State<ServerState>,
    Path((flow, run)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    told(state.runtime.answer_of(&flow, &run, &read_query(query)).await)
}

async fn request(
    state: &ServerState,
    flow: &str,
    trigger: &str,
    notification: Result<Notification, AcceptError>,
) -> Response {
    match notification {
        Ok(notification) => told(state.runtime.accept_request(flow, trigger, notification).await),
        Err(error) => refusal(error),
    }
}

fn read_query(query: Option<String>) -> Object {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn notification(
    state: &ServerState,
    path: String,
    method: &Method,
    query: Option<String>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Notification, AcceptError> {
    let max = state.runtime.config().body_bytes_max;
    let Ok(body) = body else { return Err(AcceptError::TooLarge { max }) };
    let mut named = Object::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        named.insert(name.as_str(), values.join(", "));
    }
    let lines = headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    let (method, raw_query) = (method.as_str().to_owned(), query.clone().unwrap_or_default());
    Ok(Notification { method, headers: named, query: read_query(query), path, raw_query, lines, body })
}

fn told(answered: Result<Accepted, AcceptError>) -> Response {
    match answered {
        Ok(Accepted::Stored { .. }) => (StatusCode::ACCEPTED, axum::Json(Object::new())).into_response(),
        Ok(Accepted::Answered { response, .. }) => declared(response),
        Ok(Accepted::Began { run, tracking_id, answer }) => {
            let mut response = StatusCode::ACCEPTED.into_response();
            name_run(&mut response, run, Some(&tracking_id));
            if let Some(AnswerLater { url, retry_after_s }) = answer {
                put(&mut response, header::LOCATION, &url);
                put(&mut response, header::RETRY_AFTER, &retry_after_s.to_string());
            }
            response
        }
        Ok(Accepted::Respond { run, status, headers, body }) => {
            let mut response = answer(status, &headers, body.as_ref());
            name_run(&mut response, run, None);
            response
        }
        Err(error) => refusal(error),
    }
}

/// The answer that the webhook's declarations ask for.
fn declared(made: hookmill_webhook::Response) -> Response {
    let mut response = made.body.into_response();
    *response.status_mut() = StatusCode::from_u16(made.status).unwrap_or(StatusCode::OK);
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in &made.headers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            put(&mut response, name, value);
        }
    }
    response
}

fn put(response: &mut Response, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        response.headers_mut().insert(name, value);
    }
}

/// Says which run the caller began.
fn name_run(response: &mut Response, run: Option<RunId>, tracking_id: Option<&str>) {
    let Some(run) = run.map(|run| run.to_string()) else { return };
    put(response, HeaderName::from_static("x-ms-workflow-run-id"), &run);
    if let Some(tracking_id) = tracking_id {
        put(response, HeaderName::from_static("x-ms-tracking-id"), &run);
        put(response, HeaderName::from_static("x-ms-client-tracking-id"), tracking_id);
    }
}

/// What the flow's Response action said.
fn answer(status: u16, headers: &Object, body: Option<&hookmill_model::Value>) -> Response {
    let maker = hookmill_expression::member(headers, "Content-Type").map(content::to_text);
    let (bytes, kind) = body.and_then(|body| content::to_bytes_as(body, maker.as_deref())).unwrap_or_default();
    let mut response = bytes.into_response();
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().remove(header::CONTENT_TYPE);
    if let Ok(kind) = HeaderValue::from_str(&kind)
        && !kind.is_empty()
    {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    for (name, value) in headers.iter() {
        let pair =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(content::to_text(value).as_bytes()));
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
        AcceptError::MethodNotAllowed => {
            let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
            put(&mut response, header::ALLOW, "POST, PUT, PATCH");
            return response;
        }
        AcceptError::TooLarge { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail),
        AcceptError::Unsigned => Problem::new(StatusCode::UNAUTHORIZED, "signature_wrong", detail),
        AcceptError::InputRefused { .. } => Problem::bad("TriggerInputSchemaMismatch", detail),
        AcceptError::NotMatched { code, .. } => Problem::new(StatusCode::NOT_FOUND, code, detail),
        AcceptError::Loop { .. } => Problem::new(StatusCode::CONFLICT, "flow_loop", detail),
        AcceptError::TooManyRuns { retry_after_s } => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "WorkflowMaximumWaitingRunCountExceeded", detail)
                .retry_after(retry_after_s)
        }
        AcceptError::Throttled { retry_after_s } => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "callback_throttled", detail).retry_after(retry_after_s)
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
