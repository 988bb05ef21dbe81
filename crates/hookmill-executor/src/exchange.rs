//! A request as it is sent and as it is shown, and an answer as an outcome.

use std::sync::Arc;

use hookmill_connector::Answer;
use hookmill_engine::{Chunks, Outcome, Performed};
use hookmill_expression::content;
use hookmill_http::{Client, HeaderMap, HeaderName, Redactor, Request, Response, StatusCode, header, is_secret_header};
use hookmill_model::{Object, Str, Value};

use crate::chunked;
use crate::refusal::Refusal;

/// What stands for a value that is never shown.
pub(crate) const SANITIZED: &str = "*sanitized*";

/// Headers whose names have one customary spelling, which flows are used to see.
const CUSTOMARY: [HeaderName; 24] = [
    header::ACCEPT,
    header::ACCEPT_RANGES,
    header::AGE,
    header::ALLOW,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::DATE,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::PRAGMA,
    header::RETRY_AFTER,
    header::SERVER,
    header::TRANSFER_ENCODING,
    header::USER_AGENT,
    header::VARY,
];

/// A request that is ready to be sent.
pub(crate) struct Prepared {
    pub request: Request,
    /// The body as a value, for the history.
    pub body: Value,
    /// Knows the secrets of the connection or the action; they are taken out of the answer too.
    pub redactor: Redactor,
    /// Knows the secrets of the run; the flow may need them in the answer.
    pub of_run: Redactor,
    /// Names of query parameters whose values are never shown.
    pub secret_queries: Vec<String>,
    /// Bodies go in parts.
    pub chunks: Option<Chunks>,
    /// Of a call through a connection: what the connector makes of the answer.
    pub answer: Option<Arc<Answer>>,
}

/// An answer with what the caller may want beside the outcome.
pub(crate) struct Ended {
    pub performed: Performed,
    /// The status of an answer.
    pub status: Option<StatusCode>,
}

impl Prepared {
    /// Sends the request and reports how it ended.
    pub async fn send(self, client: &Client) -> Ended {
        let shown = self.shown();
        let Self { request, redactor, chunks, answer, .. } = self;
        let sent = match chunks {
            Some(chunks) => Box::pin(chunked::send(client, request, chunks)).await,
            None => Box::pin(client.send(request)).await.map_err(Refusal::from),
        };
        match sent {
            Ok(response) => {
                let status = Some(response.status);
                Ended {
                    performed: Performed { outcome: replied(&response, &redactor, answer.as_deref()), request: shown },
                    status,
                }
            }
            Err(mut refusal) => {
                refusal.message = redactor.text(&refusal.message).into_owned();
                Ended { performed: Performed { outcome: refusal.into(), request: shown }, status: None }
            }
        }
    }

    /// `{method, uri, headers, body}` without secrets.
    pub(crate) fn shown(&self) -> Value {
        let request = &self.request;
        let mut members = Object::with_capacity(4);
        members.insert("method", request.method.as_str());
        members.insert("uri", self.without_secrets(&without_values(&request.url, &self.secret_queries)));
        members.insert("headers", self.shown_headers());
        if !self.body.is_null() {
            members.insert("body", self.of_run.value(&self.redactor.value(&self.body)));
        }
        members.into()
    }

    fn without_secrets(&self, text: &str) -> String {
        self.of_run.text(&self.redactor.text(text)).into_owned()
    }

    fn shown_headers(&self) -> Object {
        let is_secret = |name: &HeaderName| {
            is_secret_header(name.as_str())
                || self.request.secret_headers.contains(name)
                || self.request.headers.get_all(name).iter().any(hookmill_http::HeaderValue::is_sensitive)
        };
        let mut shown = Object::new();
        for (name, text) in joined(&self.request.headers) {
            let text = if is_secret(name) { SANITIZED.to_owned() } else { self.without_secrets(&text) };
            shown.insert(spelling(name), text);
        }
        shown
    }
}

/// An answer as an outcome. Cookies and secrets that a service sends back stay out of the history.
fn replied(response: &Response, redactor: &Redactor, answer: Option<&Answer>) -> Outcome {
    let status = response.status.as_u16();
    let headers = joined(&response.headers)
        .filter(|(name, _)| !is_secret_header(name.as_str()))
        .map(|(name, text)| (spelling(name).into(), Str::from(&*redactor.text(&text))))
        .collect();
    match read(status, headers, &response.body, answer) {
        Ok((headers, body)) => Outcome::Replied { status, headers, body: body.map(|body| redactor.value(&body)) },
        Err(message) => Outcome::NoReply {
            code: "BadGateway".into(),
            message: redactor.text(&format!("The service answered {status}, but {message}")).into_owned().into(),
            maybe_sent: true,
            retryable: false,
        },
    }
}

/// The outputs of an answer: its headers and its body, read by its content type. `answer` has the policies of the
/// connector that was called; headers are changed before the body is read.
pub(crate) fn read(
    status: u16,
    mut headers: Vec<(Str, Str)>,
    bytes: &[u8],
    answer: Option<&Answer>,
) -> Result<(Object, Option<Value>), String> {
    if let Some(answer) = answer {
        answer.change_headers(status, &mut headers, bytes)?;
    }
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.map(|(_, text)| text.to_string());
    // To operations of connectors, XML is text.
    let as_text = content_type.as_deref().filter(|_| answer.is_some()).and_then(|own| {
        let (media_type, rest) = own.split_once(';').unwrap_or((own, ""));
        let media_type = media_type.trim().to_ascii_lowercase();
        (media_type == "application/xml" || media_type.ends_with("+xml")).then(|| format!("text/xml;{rest}"))
    });
    let mut body = content::body(as_text.as_deref().or(content_type.as_deref()), bytes).value;
    if let (Some(answer), Some(Value::Object(_) | Value::Array(_))) = (answer, &body)
        && !answer.is_empty()
        && body.as_ref().is_some_and(|body| body.get("$content").is_none())
    {
        let mut changed = body.take().unwrap_or_default();
        answer.change_body(status, &headers, &mut changed)?;
        body = Some(changed);
    }
    Ok((headers.into_iter().collect(), body))
}

/// Each header once, in the order of arrival, its values joined with a comma.
fn joined(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, String)> {
    headers.keys().map(|name| {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (name, values.join(", "))
    })
}

/// The customary spelling of a name that HTTP gives in lower case.
fn spelling(name: &HeaderName) -> String {
    if *name == header::ETAG {
        return "ETag".to_owned();
    }
    if !CUSTOMARY.contains(name) {
        return name.as_str().to_owned();
    }
    let mut upper = true;
    name.as_str()
        .chars()
        .map(|letter| {
            let written = if upper { letter.to_ascii_uppercase() } else { letter };
            upper = letter == '-';
            written
        })
        .collect()
}

/// The address with the values of some query parameters left out.
fn without_values(address: &str, names: &[String]) -> String {
    let Some((before, query)) = address.split_once('?').filter(|_| !names.is_empty()) else {
        return address.to_owned();
    };
    let (query, fragment) = query.split_once('#').map_or((query, None), |(query, rest)| (query, Some(rest)));
    let decoded = |name: &str| {
        let spaced = name.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if names.contains(&decoded(name)) => format!("{name}={SANITIZED}"),
            _ => pair.to_owned(),
        })
        .collect();
    let fragment = fragment.map(|rest| format!("#{rest}")).unwrap_or_default();
    format!("{before}?{}{fragment}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_queries_keep_their_names_only() {
        let names = vec!["api key".to_owned()];
        assert_eq!(without_values("https://a/b?x=1&api+key=abc#f", &names), "https://a/b?x=1&api+key=*sanitized*#f");
        assert_eq!(without_values("https://a/b?api%20key=abc", &names), "https://a/b?api%20key=*sanitized*");
        assert_eq!(without_values("https://a/b", &names), "https://a/b");
    }

    #[test]
    fn names_are_spelled_as_flows_know_them() {
        assert_eq!(spelling(&header::CONTENT_TYPE), "Content-Type");
        assert_eq!(spelling(&header::ETAG), "ETag");
        assert_eq!(spelling(&HeaderName::from_static("x-github-request-id")), "x-github-request-id");
    }
}
