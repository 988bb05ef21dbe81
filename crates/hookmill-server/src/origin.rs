//! Keeps what flows answer apart from the interface and the API.
//!
//! A maker writes the answers of flows, so a browser must never take one for a page of Hookmill. Everything under
//! `/callback/` and `/workflows/` is therefore sandboxed: it runs no script, has no origin, and can be no service worker.
//! Headers that would reach beyond the one answer, such as `Set-Cookie`, are taken out. With a host name of their own
//! (`--hooks-url`) flows share nothing with the interface at all: that host serves nothing else, and calls of
//! `/workflows/` on the interface's host are sent there. Webhooks that services know under the interface's host keep
//! working; their answers are never a flow's.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::{Problem, ServerState, problem};

/// What an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Flows and their webhooks.
    Flows,
    Api,
    Health,
    /// Files of the interface and the pages about errors.
    Interface,
}

impl Part {
    fn of(path: &str) -> Self {
        match path.split('/').nth(1).unwrap_or_default() {
            "callback" | "workflows" => Self::Flows,
            "api" => Self::Api,
            "health" => Self::Health,
            _ => Self::Interface,
        }
    }
}

const POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// A year.
const HSTS: &str = "max-age=31536000";
const INTERFACE_CSP: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
/// What the API answers is no page, whatever its type says.
const API_CSP: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
const NO_PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()";

/// What flows and webhooks may be called with. Which of these one takes is its own matter.
const DOOR_METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

/// The host with its port as addresses and `Host` headers have it: in small letters, without the port of the scheme.
fn host_of(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
}

/// Whether a request was sent to the host of flows.
fn is_at_hooks(request: &Request, hooks_url: &str) -> bool {
    let given = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let given = request.uri().authority().map_or(given, |authority| authority.as_str()).to_ascii_lowercase();
    let usual = if hooks_url.starts_with("https:") { ":443" } else { ":80" };
    // A name with a dot at its end is the same name.
    let given = given.strip_suffix(usual).unwrap_or(&given).replace(".:", ":");
    host_of(hooks_url).is_some_and(|host| host == given.strip_suffix('.').unwrap_or(&given))
}

/// Whether a browser wants the script of a worker, which would run on and on.
fn asks_for_worker(headers: &HeaderMap) -> bool {
    let mut wanted = headers.get_all("sec-fetch-dest").iter().filter_map(|value| value.to_str().ok());
    headers.contains_key("service-worker")
        || wanted.any(|own| {
            ["serviceworker", "sharedworker", "worker"].iter().any(|kind| own.trim().eq_ignore_ascii_case(kind))
        })
}

/// What is refused before anything is read, or sent elsewhere.
fn elsewhere(state: &ServerState, request: &Request, part: Part) -> Option<Response> {
    if asks_for_worker(request.headers()) && part != Part::Interface {
        let detail = "There are no scripts of service workers here.";
        return Some(Problem::new(StatusCode::FORBIDDEN, "service_worker_refused", detail).into_response());
    }
    // Nothing is tunnelled here, and no request is sent back with the credentials that it carries.
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) && matches!(part, Part::Flows | Part::Interface) {
        return Some(problem::method_not_allowed(if part == Part::Flows { DOOR_METHODS } else { "GET, HEAD" }));
    }
    let hooks_url = state.config.hooks_url.as_deref()?;
    match (is_at_hooks(request, hooks_url), part) {
        (true, Part::Flows | Part::Health) | (false, Part::Api | Part::Health | Part::Interface) => None,
        (true, Part::Api | Part::Interface) => Some(
            Problem::new(StatusCode::NOT_FOUND, "not_found", "This host serves flows only.")
                .hint(format!("The interface and the API are at {}.", state.config.public_url))
                .into_response(),
        ),
        (false, Part::Flows) if request.uri().path().starts_with("/workflows/") => {
            let rest = request.uri().path_and_query().map_or("/", |rest| rest.as_str());
            let place = HeaderValue::from_str(&format!("{hooks_url}{rest}")).ok()?;
            Some((StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, place)]).into_response())
        }
        (false, Part::Flows) => None,
    }
}

/// Headers that keep answers from being misused.
pub(crate) async fn apart(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    let part = Part::of(request.uri().path());
    let mut response = match elsewhere(&state, &request, part) {
        Some(response) => response,
        None => next.run(request).await,
    };
    if part == Part::Api {
        response = problem::in_form(response).await;
    }
    protect(response.headers_mut(), part, state.is_https());
    response
}

fn protect(headers: &mut HeaderMap, part: Part, is_https: bool) {
    let mut put = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(OPENER, "same-origin");
    if is_https {
        put(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    match part {
        Part::Flows => {
            put(header::CONTENT_SECURITY_POLICY, "sandbox");
            put(header::REFERRER_POLICY, "no-referrer");
            put(RESOURCE, "same-origin");
        }
        Part::Api | Part::Health => {
            put(header::CONTENT_SECURITY_POLICY, API_CSP);
            put(header::REFERRER_POLICY, "no-referrer");
            put(RESOURCE, "same-origin");
            put(POLICY, NO_PERMISSIONS);
            headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
        Part::Interface => {
            put(header::CONTENT_SECURITY_POLICY, INTERFACE_CSP);
            put(header::REFERRER_POLICY, "same-origin");
            put(RESOURCE, "same-origin");
            put(POLICY, NO_PERMISSIONS);
        }
    }
}

/// Takes out of a flow's own headers what would reach beyond its answer, and the body where the status has none: a
/// length beside such a status is read in two ways.
pub(crate) async fn contained(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED) {
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    for name in hookmill_engine::TAKEN_OUT_HEADERS {
        response.headers_mut().remove(name);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_the_usual_port() {
        let at = |host: &str, url: &str| {
            let request = Request::builder().uri("/callback/x").header("host", host).body(Body::empty());
            is_at_hooks(&request.unwrap(), url)
        };
        assert!(at("hooks.example", "https://hooks.example"));
        assert!(at("HOOKS.example:443", "https://hooks.example"));
        assert!(at("hooks.example:8443", "https://hooks.example:8443"));
        assert!(at("hooks.example:80", "http://hooks.example/"));
        assert!(!at("hooks.example:8443", "https://hooks.example"));
        assert!(!at("hooks.example.evil", "https://hooks.example"));
        assert!(!at("app.example", "https://hooks.example"));
    }

    #[test]
    fn every_address_belongs_to_a_part() {
        assert_eq!(Part::of("/callback/abc"), Part::Flows);
        assert_eq!(Part::of("/workflows/f/runs/r/response"), Part::Flows);
        assert_eq!(Part::of("/api/openapi.json"), Part::Api);
        assert_eq!(Part::of("/health/live"), Part::Health);
        assert_eq!(Part::of("/"), Part::Interface);
        assert_eq!(Part::of("/callbacks"), Part::Interface);
    }
}
