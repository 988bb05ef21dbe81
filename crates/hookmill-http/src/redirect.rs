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

fn drop_credentials(request: &mut Request) {
    for name in [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE] {
        request.headers.remove(name);
    }
    for name in std::mem::take(&mut request.secret_headers) {
        request.headers.remove(name);
    }
    let sensitive: Vec<HeaderName> =
        request.headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect();
    for name in sensitive {
        request.headers.remove(name);
    }
    // The certificate is a credential too.
    request.identity = None;
}
