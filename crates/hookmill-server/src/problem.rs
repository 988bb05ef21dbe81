//! Errors as problem documents (RFC 9457): what happened, whose move it is, what to try.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookmill_model::{Diagnostic, Explain, Fault, Pointer};
use hookmill_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::{self, Use};

/// The type of problem documents.
const PROBLEM_JSON: &str = "application/problem+json";
/// The web framework's own refusals are a line of text.
const REFUSAL_BYTES_MAX: usize = 2_048;

/// A problem document as it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// The page about this code: `/docs/errors/<code>`.
    #[serde(rename = "type")]
    page: String,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable name of what happened.
    code: String,
    /// What happened, in a sentence.
    detail: String,
    /// Who must act for it to go away.
    #[schema(value_type = schema::Fault)]
    fault: Fault,
    /// What to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The place in what was sent, as a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pointer: Option<Pointer>,
    /// Everything that was found in the file or definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Diagnostic>, required = false)]
    diagnostics: Vec<Diagnostic>,
    /// What uses the thing that was to be deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    used_by: Vec<Use>,
    /// The entity tag that the thing has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// The identifier of the request, also in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// A refused request.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    document: Box<Document>,
    retry_after: Option<u64>,
}

impl Problem {
    /// From its parts.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let fault = match status {
            StatusCode::INTERNAL_SERVER_ERROR => Fault::Hookmill,
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT | StatusCode::FAILED_DEPENDENCY => Fault::Service,
            status if status.is_server_error() => Fault::Operator,
            _ => Fault::Author,
        };
        let document = Document {
            page: format!("/docs/errors/{code}"),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            fault,
            hint: None,
            pointer: None,
            diagnostics: Vec::new(),
            used_by: Vec::new(),
            etag: None,
            request_id: None,
        };
        Self { status, document: Box::new(document), retry_after: None }
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

    /// A mistake of ours: the cause is logged, not told.
    #[must_use]
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        let detail = "The server made a mistake; its log says more.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }

    /// Somebody else changed the thing since it was read.
    #[must_use]
    pub fn stale(what: &str, etag: u64) -> Self {
        let detail = format!("The {what} was changed since it was read.");
        let problem = Self::new(StatusCode::PRECONDITION_FAILED, "version_conflict", detail);
        problem.etag(etag).hint("Load it again and make the change there, or send the etag that it has now.")
    }

    /// The stable name of what happened.
    #[cfg(test)]
    pub(crate) fn code(&self) -> &str {
        &self.document.code
    }

    /// Says what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.document.hint = Some(hint.into());
        self
    }

    /// Says where.
    #[must_use]
    pub fn at(self, pointer: &str) -> Self {
        self.pointer(&Pointer::parse(pointer))
    }

    /// Says where.
    #[must_use]
    pub fn pointer(mut self, pointer: &Pointer) -> Self {
        self.document.pointer = Some(pointer.clone());
        self
    }

    /// Everything found.
    #[must_use]
    pub fn diagnostics(mut self, found: &[Diagnostic]) -> Self {
        self.document.diagnostics = found.to_vec();
        self
    }

    /// From the first fault of a user's file; all findings go along.
    #[must_use]
    pub fn found(code: &str, otherwise: &str, found: &[Diagnostic]) -> Self {
        let first = found.iter().find(|finding| finding.severity == hookmill_model::Severity::Error);
        let detail = first.map_or(otherwise, |finding| finding.message.as_str());
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).diagnostics(found);
        problem.document.pointer = first.map(|finding| finding.pointer.clone());
        problem.document.hint = first.and_then(|finding| finding.hint.clone());
        problem
    }

    /// What uses the thing.
    #[must_use]
    pub fn used_by(mut self, uses: Vec<Use>) -> Self {
        self.document.used_by = uses;
        self
    }

    /// The entity tag it has now.
    #[must_use]
    pub fn etag(mut self, etag: u64) -> Self {
        self.document.etag = Some(schema::etag(etag));
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
            ("definition_invalid" | "connection_invalid", _) => StatusCode::UNPROCESSABLE_ENTITY,
            ("not_possible", _) => StatusCode::CONFLICT,
            ("too_large", _) => StatusCode::PAYLOAD_TOO_LARGE,
            ("overloaded", _) => StatusCode::SERVICE_UNAVAILABLE,
            (_, Fault::Author) => StatusCode::BAD_REQUEST,
            // This server is well; what it depends on for this one request is not.
            (_, Fault::Service) => StatusCode::FAILED_DEPENDENCY,
            (code, Fault::Operator) if code.starts_with("mail_") || code == "address_not_allowed" => {
                StatusCode::FAILED_DEPENDENCY
            }
            (_, Fault::Operator) => StatusCode::SERVICE_UNAVAILABLE,
            (_, Fault::Hookmill) => return Self::internal(&error),
        };
        let mut problem = Self::new(status, error.code(), sentence(&error.to_string()));
        problem.document.fault = error.fault();
        problem.document.hint = error.hint();
        problem
    }
}

/// Errors are written to be put behind a colon; a detail is a sentence of its own. Names (`api.github.com`) stay as they are.
pub(crate) fn sentence(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().filter(|_| word.chars().all(char::is_alphabetic));
    let begin =
        first.map_or_else(|| text.to_owned(), |first| first.to_uppercase().collect::<String>() + letters.as_str());
    if begin.ends_with(['.', '!', '?']) { begin } else { begin + "." }
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
        if let hookmill_runtime::Error::Store(error) = error {
            return error.into();
        }
        let problem = Self::explain(&error).diagnostics(error.diagnostics());
        let first = error.diagnostics().iter().find(|own| own.severity == hookmill_model::Severity::Error);
        let problem = match first {
            Some(finding) => problem.pointer(&finding.pointer),
            None => problem,
        };
        match error {
            hookmill_runtime::Error::VersionConflict { current } => problem.etag(current),
            _ => problem,
        }
    }
}

fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method.")
}

/// The answer to a method that an address does not take; `allowed` are those that it takes.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = wrong_method().into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Refusals that the web framework writes as plain text are given the form of all others.
pub(crate) async fn in_form(response: Response) -> Response {
    let status = response.status();
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON);
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (head, body) = response.into_parts();
    let said = axum::body::to_bytes(body, REFUSAL_BYTES_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let problem = match status {
        StatusCode::METHOD_NOT_ALLOWED => wrong_method(),
        _ if status.is_server_error() => Problem::internal(&said),
        _ if said.is_empty() => Problem::new(status, "request_malformed", "The request cannot be read."),
        _ => Problem::new(status, "request_malformed", sentence(&said)),
    };
    let mut response = problem.into_response();
    if let Some(allowed) = head.headers.get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    response
}

tokio::task_local! {
    /// The identifier of the request that is being answered.
    pub(crate) static REQUEST_ID: String;
}

/// The code of a problem, beside the answer that tells it.
#[derive(Clone, Debug)]
pub(crate) struct Told(pub String);

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        self.document.request_id = REQUEST_ID.try_with(Clone::clone).ok();
        let told = Told(self.document.code.clone());
        let mut response = (self.status, axum::Json(self.document)).into_response();
        response.extensions_mut().insert(told);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
