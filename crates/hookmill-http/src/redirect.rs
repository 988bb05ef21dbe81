//! Where a reply leads, and what goes along.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use url::Url;

use crate::{Redirects, Request};

/// Where the service leads to, if the request wants to go there.
pub(crate) fn target(request: &Request, at: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(header::LOCATION)?;
    let location = std::str::from_utf8(location.as_bytes()).ok()?;
    let mut next = at.join(location).ok()?;
    if next.fragment().is_none() {
        next.set_fragment(at.fragment());
    }
    let same_origin = next.origin() == at.origin();
    let downgrade = at.scheme() == "https" && next.scheme() != "https";
    let wanted = match request.redirects {
        Redirects::None => false,
        Redirects::SameOrigin => same_origin,
        Redirects::Any => true,
    };
    (wanted && !downgrade).then_some(next)
}

/// Changes the request into the one for `next`.
pub(crate) fn follow(request: &mut Request, at: &Url, next: &Url, status: StatusCode) {
    let becomes_get = match status.as_u16() {
        303 => request.method != Method::HEAD,
        301 | 302 => request.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body.clear();
        let content: Vec<HeaderName> =
            request.headers.keys().filter(|name| name.as_str().starts_with("content-")).cloned().collect();
        for name in content {
            request.headers.remove(name);
        }
    }
    if next.origin() != at.origin() {
        drop_credentials(request);
    }
}

/// What a request may take along to another origin: how the answer should be, and what the body is. Everything else is
/// left out, since services take keys in headers of any name.
const TAKEN_ALONG: [HeaderName; 12] = [
    header::ACCEPT,
    header::ACCEPT_CHARSET,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::RANGE,
    header::USER_AGENT,
];

fn drop_credentials(request: &mut Request) {
    let secret = std::mem::take(&mut request.secret_headers);
    let kept = std::mem::take(&mut request.headers);
    for (name, value) in &kept {
        if TAKEN_ALONG.contains(name) && !secret.contains(name) && !value.is_sensitive() {
            request.headers.append(name, value.clone());
        }
    }
    // The certificate is a credential too.
    request.identity = None;
}
