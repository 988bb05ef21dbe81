//! The statuses with which an operation may refuse, beside those that stand at the operation itself.
//!
//! They follow from what an operation is: who may call it, what it reads, what it changes. No operation has a response
//! for any status: an answer that is not listed is a fault, and tests find it.

use axum::http::{Method, StatusCode};

use crate::pool;

/// What is known of an operation.
pub(super) struct Form<'a> {
    pub method: &'a Method,
    /// As in the document, with `{…}` for its parameters.
    pub path: &'a str,
    /// Strangers may call it.
    pub is_public: bool,
    pub has_body: bool,
}

/// Operations of the server's owner alone.
const OWNERS: &[&str] = &["users", "settings", "backups", "overview"];
/// What can be in another state than a change needs: in use, ended, taken, already there.
const STATEFUL: &[&str] = &[
    "account",
    "approval-links",
    "approvals",
    "backups",
    "connections",
    "connectors",
    "devices",
    "flows",
    "left-behind-webhooks",
    "run-batches",
    "runs",
    "settings",
    "setup",
    "users",
];
/// What is checked as a whole, with findings.
const CHECKED: &[&str] = &["connections", "connectors", "flows"];
/// Whose changes may call a service.
const CALLING: &[&str] = &["connections", "connectors", "devices", "flows", "left-behind-webhooks", "settings"];

/// The statuses, each with words.
pub(super) fn refusals(form: &Form<'_>) -> Vec<(StatusCode, &'static str)> {
    let mut parts = form.path.split('/').skip(1);
    let (first, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if first != "api" {
        return outside(form.path);
    }
    let changes = *form.method != Method::GET;
    let of = |kinds: &[&str]| kinds.contains(&kind);
    let is_heavy = pool::is_heavy(form.method, form.path);
    let found = [
        (StatusCode::BAD_REQUEST, true, "The request cannot be read, or does not fit."),
        (StatusCode::UNAUTHORIZED, !form.is_public || kind == "session", "Nobody is signed in."),
        (
            StatusCode::FORBIDDEN,
            changes && (!form.is_public || kind == "setup") || of(OWNERS),
            "The caller may not do that, or the page's token is missing.",
        ),
        (
            StatusCode::NOT_FOUND,
            form.path.contains('{') || changes && of(CHECKED) || kind == "flow-packages",
            "There is no such thing.",
        ),
        (StatusCode::REQUEST_TIMEOUT, changes, "The body came too slowly."),
        (StatusCode::CONFLICT, changes && of(STATEFUL), "The thing is in a state in which that cannot be done."),
        (StatusCode::PRECONDITION_FAILED, changes && of(CHECKED), "The thing was changed since it was read."),
        (StatusCode::PAYLOAD_TOO_LARGE, changes || kind == "flow-packages", "It is larger than this server takes."),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, form.has_body, "The body is of a type that is not taken here."),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            changes && (of(CHECKED) || kind == "runs") || is_heavy,
            "What was sent can be read and has faults, or took too long.",
        ),
        (StatusCode::FAILED_DEPENDENCY, changes && of(CALLING), "A service that was asked did not do its part."),
        (StatusCode::TOO_MANY_REQUESTS, true, "There were too many tries; Retry-After says when to come back."),
        (StatusCode::INTERNAL_SERVER_ERROR, true, "The server made a mistake; its log says more."),
        (
            StatusCode::BAD_GATEWAY,
            *form.method == Method::POST && kind == "connectors",
            "A service gave no usable answer.",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            true,
            "The server cannot do that now; Retry-After may say when to try again.",
        ),
    ];
    found.into_iter().filter(|(_, is_possible, _)| *is_possible).map(|(status, _, words)| (status, words)).collect()
}

/// What is not the API: health, pages about errors. A flow at the door may answer as it likes, so its statuses stand at
/// the operation.
fn outside(path: &str) -> Vec<(StatusCode, &'static str)> {
    match path {
        "/health/ready" => vec![(StatusCode::SERVICE_UNAVAILABLE, "The server is not ready; the body says why.")],
        "/docs/connectors/{name}" => vec![(StatusCode::NOT_FOUND, "There is no such connector.")],
        "/docs/errors/{code}" => vec![(StatusCode::NOT_FOUND, "There is no such code.")],
        "/callback/{capability}" => [
            (StatusCode::BAD_REQUEST, "The call cannot be read, or does not fit the trigger's schema."),
            (StatusCode::UNAUTHORIZED, "The call does not prove its sender."),
            (StatusCode::NOT_FOUND, "There is no such address."),
            (StatusCode::REQUEST_TIMEOUT, "The body came too slowly."),
            (StatusCode::CONFLICT, "The flow calls itself too often in a row."),
            (StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than this server takes."),
            (StatusCode::TOO_MANY_REQUESTS, "Too many runs of the flow wait."),
            (StatusCode::INTERNAL_SERVER_ERROR, "The server made a mistake; its log says more."),
            (StatusCode::BAD_GATEWAY, "The flow ended without an answer."),
            (StatusCode::SERVICE_UNAVAILABLE, "The server cannot take the call now."),
            (StatusCode::GATEWAY_TIMEOUT, "The flow did not answer in time."),
        ]
        .to_vec(),
        _ => Vec::new(),
    }
}
