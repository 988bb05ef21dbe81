//! What requests carry, read so that every refusal is a problem document that names the place.
//!
//! The names are those of axum, whose own refusals are plain text.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hookmill_model::Pointer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Problem, ServerState};

/// A JSON body, in either direction.
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned> FromRequest<ServerState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Problem> {
        if !is_json(&request) {
            let problem = Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media_type_unsupported",
                "The body must be JSON, and say so.",
            );
            return Err(problem.hint("Send the header Content-Type: application/json."));
        }
        read(&body(request, state).await?).map(Self)
    }
}

impl<T: DeserializeOwned> OptionalFromRequest<ServerState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ServerState) -> Result<Option<Self>, Problem> {
        if !is_json(&request) {
            return Ok(None);
        }
        let bytes = body(request, state).await?;
        if bytes.trim_ascii().is_empty() { Ok(None) } else { read(&bytes).map(|body| Some(Self(body))) }
    }
}

fn is_json(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// The bytes of a body within the limit.
pub(crate) async fn body(request: Request, state: &ServerState) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than this server takes.")
        }
        _ => Problem::bad("request_malformed", error.body_text()),
    })
}

/// More values than this are not read: each takes many times its text in memory.
const VALUES_MAX: usize = 1_000_000;

/// How many values a JSON text has at least, found without reading it: strings are skipped, everything else is counted
/// by what separates it.
fn values(bytes: &[u8]) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (1, false, false);
    for byte in bytes {
        if is_text {
            is_text = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
        } else {
            match byte {
                b'"' => is_text = true,
                b',' | b'[' | b'{' => count += 1,
                _ => {}
            }
        }
    }
    count
}

/// Reads JSON; what does not fit is named by its pointer.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if values(bytes) > VALUES_MAX {
        let detail = format!("The body has more than {VALUES_MAX} values.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer_of(error.path());
        let inner = error.into_inner();
        match inner.classify() {
            serde_json::error::Category::Data => {
                // The position is that of the text, which a maker's program never saw: the pointer says more.
                let said = inner.to_string();
                let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
                Problem::bad("request_invalid", format!("The request does not fit: {said}.")).pointer(&pointer)
            }
            _ => Problem::bad("request_malformed", format!("The body is not JSON: {inner}.")),
        }
    })?;
    reader.end().map_err(|error| Problem::bad("request_malformed", format!("The body is not JSON: {error}.")))?;
    Ok(read)
}

fn pointer_of(path: &serde_path_to_error::Path) -> Pointer {
    use serde_path_to_error::Segment;
    path.iter().fold(Pointer::root(), |pointer, segment| match segment {
        Segment::Seq { index } => pointer.child(index),
        Segment::Map { key } => pointer.child(key),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// The query of the address.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<ServerState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let read = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        read.map(|axum::extract::Query(query)| Self(query)).map_err(|error: QueryRejection| {
            let text = error.body_text();
            let said = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, said)| said);
            Problem::bad("query_invalid", format!("The query of the address does not fit: {said}."))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_before_they_are_read() {
        assert_eq!(values(b"7"), 1);
        assert_eq!(values(br#"{"a":[1,2,{}],"b":"x,[{\\\",["}"#), 7);
        let many = format!("[{}0]", "0,".repeat(VALUES_MAX));
        let refused = read::<serde_json::Value>(many.as_bytes()).unwrap_err();
        assert_eq!(refused.code(), "too_large");
        let text = format!("[\"{}\"]", ",".repeat(VALUES_MAX));
        assert!(read::<serde_json::Value>(text.as_bytes()).is_ok());
    }
}
