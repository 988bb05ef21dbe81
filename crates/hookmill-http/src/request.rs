//! What is asked of a service, and what it answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use crate::Identity;

/// What to do with a reply 301, 302, 303, 307 or 308 that names another address. At most
/// [`crate::ClientConfig::redirects_max`] are followed, never from `https` to `http`; each is checked against the
/// address policy. A reply that is not followed is given back as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Give the reply back.
    #[default]
    None,
    /// Follow where scheme, host and port stay the same.
    SameOrigin,
    /// Follow anywhere. At another origin only headers go along that say how the answer should be and what the body is.
    Any,
}

/// One request. Build it with [`Request::new`] and set what differs.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Absolute, `http` or `https`, without user information.
    pub url: String,
    /// As they are sent. `User-Agent` is added where it is missing; `Host` and `Content-Length` are always ours.
    pub headers: HeaderMap,
    /// Empty for none.
    pub body: Bytes,
    /// The longest time to the complete answer, redirects and waiting for a place included; `None` for the client's.
    pub timeout: Option<Duration>,
    /// Whether redirects are followed.
    pub redirects: Redirects,
    /// Headers that carry credentials although their names are those of others: they never go along when a redirect
    /// leads to another origin. Values marked as sensitive are treated alike.
    pub secret_headers: Vec<HeaderName>,
    /// The largest body to read, after decompression; `None` for the client's.
    pub response_bytes_max: Option<usize>,
    /// The certificate to show to the service.
    pub identity: Option<Arc<Identity>>,
}

impl Request {
    /// A request without headers and body that follows no redirect.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: None,
            redirects: Redirects::None,
            secret_headers: Vec::new(),
            response_bytes_max: None,
            identity: None,
        }
    }

    /// Adds a header beside those of the same name.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the longest time to the complete answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets what to do with redirects.
    #[must_use]
    pub fn with_redirects(mut self, redirects: Redirects) -> Self {
        self.redirects = redirects;
        self
    }
}

impl fmt::Debug for Request {
    /// Without the values of headers, the query and the body, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url.split(['?', '#']).next().unwrap_or_default())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}

/// A complete answer, whatever its status.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// In the order of arrival, names in lower case; a repeated header keeps all its values.
    pub headers: HeaderMap,
    /// Complete and decompressed.
    pub body: Bytes,
    /// From the call of [`crate::Client::send`] to the last byte.
    pub elapsed: Duration,
    /// The address that answered: another than asked after redirects.
    pub url: Url,
    /// How many redirects were followed.
    pub redirects: u32,
}

impl fmt::Debug for Response {
    /// Without the values of headers and the body, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .field("elapsed", &self.elapsed)
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}
