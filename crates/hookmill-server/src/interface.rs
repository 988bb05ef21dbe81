//! The files of the web interface, inside of the binary.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rust_embed::RustEmbed;

use crate::{Problem, problem};

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Files;

/// The page of a binary that was built without the interface.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Hookmill</title></head>\
    <body><h1>Hookmill runs</h1><p>This binary was built without the web interface. With Node installed, \
    <code>cargo xtask interface</code> builds it; build the server again after that. <code>cargo xtask run</code> does both.</p>\
    <p>The API is under <code>/api</code>; <code>hookmill --help</code> lists the commands that use it.</p></body></html>";

/// Names with a hash of their content never change.
fn is_immutable(path: &str) -> bool {
    path.starts_with("assets/")
}

fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let accepts = |encoding: &str| {
        let wanted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        wanted.split(',').any(|part| part.split(';').next().is_some_and(|name| name.trim() == encoding))
    };
    let packed = if accepts("br") { Files::get(&format!("{path}.br")) } else { None };
    let encoding = packed.is_some().then_some("br");
    let found = packed.or_else(|| Files::get(path))?;
    let etag = format!("\"{}\"", hookmill_model::hex(&found.metadata.sha256_hash()[..16]));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Some(StatusCode::NOT_MODIFIED.into_response());
    }
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let caching = if is_immutable(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    // The files stand in the binary, so callers who read slowly share them.
    let bytes = match found.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut response = bytes.into_response();
    let own = response.headers_mut();
    let charset = if kind.type_() == "text" || kind.subtype() == "javascript" { "; charset=utf-8" } else { "" };
    let values = [
        (header::CONTENT_TYPE, format!("{}{charset}", kind.essence_str())),
        (header::CACHE_CONTROL, caching.to_owned()),
        (header::ETAG, etag),
        (header::VARY, "Accept-Encoding".to_owned()),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            own.insert(name, value);
        }
    }
    if let Some(encoding) = encoding {
        own.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

/// A file of the interface; pages that the browser's router knows all begin with the same document.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let missing =
        || Problem::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.").into_response();
    if path.starts_with("api/") || path.starts_with("callback/") {
        return missing();
    }
    let found = match path {
        "" | "index.html" => page(&headers),
        _ => match file(path, &headers) {
            Some(found) => found,
            // A file that is not there is not a page.
            None if is_immutable(path) || is_file_name(path) => return missing(),
            None => page(&headers),
        },
    };
    if matches!(method, Method::GET | Method::HEAD) { found } else { problem::method_not_allowed("GET, HEAD") }
}

/// Whether a path ends like that of a file. The signed links of approvals have dots too, and are pages.
fn is_file_name(path: &str) -> bool {
    !path.starts_with("approve/") && path.rsplit('/').next().is_some_and(|name| name.contains('.'))
}

fn page(headers: &HeaderMap) -> Response {
    file("index.html", headers)
        .unwrap_or_else(|| ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response())
}
