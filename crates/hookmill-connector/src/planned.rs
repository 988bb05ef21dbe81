//! A request ready to be sent.

use std::sync::Arc;

use hookmill_model::{Str, Value};

use crate::answer::Answer;
use crate::draft::{Body, Draft};
use crate::serialise::{content, content_object};

/// A request ready to be sent, credentials included.
#[derive(Clone, Default, PartialEq)]
pub struct PlannedRequest {
    /// In capitals.
    pub method: Str,
    /// Absolute, with its query.
    pub url: Str,
    /// Names and texts; repeated names are sent one after the other.
    pub headers: Vec<(Str, Str)>,
    /// `Null` for none. Text is sent as it is, content objects as their bytes, `$multipart` and `$formdata` put
    /// together, all else as JSON; a `Content-Type` among the headers wins over the body's own.
    pub body: Value,
    /// Headers that carry credentials: shown without their values, left out where a reply leads to another origin.
    pub secret_headers: Vec<Str>,
    /// Query parameters whose values are never shown.
    pub secret_queries: Vec<Str>,
    /// Texts that must not be seen, wherever they stand in the request or come back in the answer.
    pub secrets: Vec<Str>,
    /// What the policies of the connector make of the answer.
    pub answer: Arc<Answer>,
}

impl std::fmt::Debug for PlannedRequest {
    /// Without query, headers' values, body and secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlannedRequest")
            .field("method", &self.method)
            .field("url", &self.url.split(['?', '#']).next().unwrap_or_default())
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Draft {
    /// The request, with what is still missing: `Accept`, and `Content-Type` where the body does not bring its own.
    pub(crate) fn finished(mut self) -> PlannedRequest {
        if !self.has_header("accept") {
            self.headers.push(("Accept".into(), "application/json, */*".into()));
        }
        let url = self.url().into();
        let body = match &self.body {
            Body::None { .. } => Value::Null,
            Body::Json(value) => {
                if !self.has_header("content-type") {
                    let content_type = self.content_type.clone().unwrap_or_else(|| "application/json".into());
                    self.headers.push(("Content-Type".into(), content_type));
                }
                match value {
                    // A bare text would be sent without its quotation marks.
                    Value::String(_) => value.to_json().into(),
                    // Would be taken for bytes or a form.
                    Value::Object(members) if members.contains_key("$content-type") => value.to_json().into(),
                    other => other.clone(),
                }
            }
            Body::Ready(value) => {
                if let Some(content_type) = self.content_type.clone().filter(|_| !self.has_header("content-type")) {
                    self.headers.push(("Content-Type".into(), content_type));
                }
                match content_object(value) {
                    Some((content_type, base64)) => content(content_type, base64),
                    None => value.clone(),
                }
            }
        };
        PlannedRequest { method: self.method, url, headers: self.headers, body, ..PlannedRequest::default() }
    }
}
