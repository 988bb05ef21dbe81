//! Errors as problem documents (RFC 9457): what happened, whose move it is, what to try.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookmill_model::{Explain, Fault};
use hookmill_store::StoreError;
use serde_json::{Map, Value as Json_, json};

/// A refused request.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    members: Map<String, Json_>,
    retry_after: Option<u64>,
}

impl Problem {
    /// From its parts.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let mut members = Map::new();
        members.insert("type".to_owned(), json!(format!("/docs/errors/{code}")));
        members.insert("title".to_owned(), json!(status.canonical_reason().unwrap_or_default()));
        members.insert("status".to_owned(), json!(status.as_u16()));
        members.insert("code".to_owned(), json!(code));
        members.insert("detail".to_owned(), json!(detail.into()));
        Self { status, members, retry_after: None }
    }

    /// A wrong request.
    #[must_use]
    pub fn bad(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// What is not there, or belongs to somebody else.
    #[must_use]
    pub fn missing(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}."))
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Json_) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// Says when to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// From an error that explains itself. What is Hookmill's own fault is logged, not told.
    #[must_use]
    pub fn explain(error: &dyn Explain) -> Self {
        let status = match (error.code(), error.fault()) {
            ("not_found", _) => StatusCode::NOT_FOUND,
            ("version_conflict", _) => StatusCode::PRECONDITION_FAILED,
            ("definition_invalid", _) => StatusCode::UNPROCESSABLE_ENTITY,
            ("overloaded", _) => StatusCode::SERVICE_UNAVAILABLE,
            (_, Fault::Author) => StatusCode::BAD_REQUEST,
            (_, Fault::Service) => StatusCode::BAD_GATEWAY,
            (_, Fault::Operator) => StatusCode::SERVICE_UNAVAILABLE,
            (_, Fault::Hookmill) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let detail = if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %error, "a request failed");
            "The server made a mistake; its log says more.".to_owned()
        } else {
            error.to_string()
        };
        let problem = Self::new(status, error.code(), detail).with("fault", json!(error.fault()));
        match error.hint() {
            Some(hint) => problem.with("hint", json!(hint)),
            None => problem,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let problem = Self::explain(&error);
        match error {
            StoreError::Overloaded { retry_after_s } => problem.retry_after(retry_after_s.into()),
            _ => problem,
        }
    }
}

impl From<hookmill_runtime::Error> for Problem {
    fn from(error: hookmill_runtime::Error) -> Self {
        let problem = Self::explain(&error);
        match error.diagnostics() {
            [] => problem,
            findings => problem.with("diagnostics", json!(findings)),
        }
    }
}

tokio::task_local! {
    /// The identifier of the request that is being answered.
    pub(crate) static REQUEST_ID: String;
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        if let Ok(id) = REQUEST_ID.try_with(Clone::clone) {
            self.members.insert("request_id".to_owned(), json!(id));
        }
        let mut response = (self.status, Json(self.members)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
