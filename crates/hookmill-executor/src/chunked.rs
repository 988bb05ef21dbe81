//! Bodies in parts, for services that speak Microsoft's protocol of chunks.
//!
//! Up: a request without a body announces the size, the answer names an address, and the parts are sent there one
//! after the other. Down: each request asks for a range until all bytes are here; a 200 is the whole.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use hookmill_engine::Chunks;
use hookmill_http::{Client, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use url::Url;

use crate::http_action::left;
use crate::refusal::Refusal;

const TRANSFER_MODE: HeaderName = HeaderName::from_static("x-ms-transfer-mode");
const CONTENT_LENGTH: HeaderName = HeaderName::from_static("x-ms-content-length");
const CHUNK_SIZE: HeaderName = HeaderName::from_static("x-ms-chunk-size");
/// Where neither the maker nor the service says how large a part is.
const CHUNK_BYTES: u64 = 8 * 1024 * 1024;
/// What all parts together may have.
const TOTAL_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Sends the request in parts, or reads its answer in parts.
pub(crate) async fn send(client: &Client, request: Request, chunks: Chunks) -> Result<Response, Refusal> {
    if request.body.is_empty() {
        if request.method != Method::GET {
            return Ok(client.send(request).await?);
        }
        return download(client, request, chunks.download_bytes.unwrap_or(CHUNK_BYTES).max(1)).await;
    }
    upload(client, request, chunks.upload_bytes).await
}

fn number(response: &Response, name: &HeaderName) -> Option<u64> {
    response.headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn wrong(code: &'static str, words: impl Into<String>) -> Refusal {
    Refusal { maybe_sent: true, ..Refusal::new(code, words) }
}

async fn upload(client: &Client, whole: Request, wanted: Option<u64>) -> Result<Response, Refusal> {
    let (begun, timeout) = (Instant::now(), whole.timeout);
    let total = whole.body.len() as u64;
    let mut announcement = whole.clone();
    announcement.body = Bytes::new();
    announcement.headers.insert(TRANSFER_MODE, HeaderValue::from_static("chunked"));
    announcement.headers.insert(CONTENT_LENGTH, total.into());
    let mut answer = client.send(announcement).await?;
    if !answer.status.is_success() {
        return Ok(answer);
    }
    let place = answer.headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
    let place = place.and_then(|place| answer.url.join(place).ok()).ok_or_else(|| {
        wrong("InvalidProtocolResponse", "The service took the announcement of a body in parts and named no Location")
    })?;
    let mut part = whole.clone();
    part.method = Method::PATCH;
    if !is_same_origin(&whole.url, &place) {
        without_credentials(&mut part);
    }
    part.url = place.into();
    let (mut first, mut size) = (0, wanted.unwrap_or(CHUNK_BYTES));
    while first < total {
        size = number(&answer, &CHUNK_SIZE).unwrap_or(size).max(1);
        let end = total.min(first.saturating_add(size));
        let mut request = part.clone();
        // Both are within the body, whose length fits.
        request.body = whole.body.slice(usize::try_from(first).unwrap_or(0)..usize::try_from(end).unwrap_or(0));
        let range = format!("bytes={first}-{}/{total}", end - 1);
        request.headers.insert(header::CONTENT_RANGE, range.parse().unwrap_or_else(|_| HeaderValue::from_static("")));
        request.timeout = timeout.map(|timeout| left(timeout, begun.elapsed()));
        answer = client.send(request).await?;
        if !answer.status.is_success() {
            return Ok(answer);
        }
        let taken = answer.headers.get(header::RANGE).and_then(|range| range.to_str().ok());
        let next = match taken {
            None => end,
            Some(range) => {
                let last = range.rsplit('-').next().and_then(|last| last.trim().parse::<u64>().ok());
                last.map(|last| last + 1).filter(|next| (first + 1..=end).contains(next)).ok_or_else(|| {
                    wrong("InvalidContentRangeHeader", format!("The service says that it has '{range}' of the body"))
                })?
            }
        };
        first = next;
    }
    Ok(answer)
}

async fn download(client: &Client, request: Request, size: u64) -> Result<Response, Refusal> {
    let (begun, timeout) = (Instant::now(), request.timeout);
    let mut bytes = BytesMut::new();
    loop {
        let first = bytes.len() as u64;
        let mut part = request.clone();
        part.timeout = timeout.map(|timeout| left(timeout, begun.elapsed()));
        let range = format!("bytes={first}-{}", first.saturating_add(size - 1));
        part.headers.insert(header::RANGE, range.parse().unwrap_or_else(|_| HeaderValue::from_static("")));
        part.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut answer = client.send(part).await?;
        if answer.status != StatusCode::PARTIAL_CONTENT {
            if first > 0 && answer.status.is_success() {
                return Err(wrong("InvalidPartialContent", "The service stopped to answer in parts"));
            }
            return Ok(answer);
        }
        let said = answer.headers.get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
        let total = content_range(said, first).ok_or_else(|| {
            wrong("InvalidContentRangeHeader", format!("The service answered a part with the Content-Range '{said}'"))
        })?;
        if answer.body.is_empty() && first < total {
            return Err(wrong("InvalidPartialContent", "The service answered with an empty part"));
        }
        if bytes.len() + answer.body.len() > TOTAL_BYTES_MAX {
            let words = format!("The parts have more than {} MiB together", TOTAL_BYTES_MAX / 1024 / 1024);
            return Err(wrong("ActionResultsSizeLimitExceeded", words));
        }
        bytes.extend_from_slice(&answer.body);
        if bytes.len() as u64 >= total {
            answer.status = StatusCode::OK;
            answer.headers.remove(header::CONTENT_RANGE);
            answer.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
            answer.body = bytes.freeze();
            return Ok(answer);
        }
    }
}

/// The whole length that `bytes a-b/total` says, where it begins at `first`.
fn content_range(text: &str, first: u64) -> Option<u64> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim_start_matches([' ', '=']).split_once('/')?;
    let begin: u64 = range.split('-').next()?.trim().parse().ok()?;
    total.trim().parse().ok().filter(|_| begin == first)
}

fn is_same_origin(address: &str, other: &Url) -> bool {
    Url::parse(address).is_ok_and(|own| own.origin() == other.origin())
}

/// What shows who asks stays at its origin.
fn without_credentials(request: &mut Request) {
    request.identity = None;
    let sensitive = |name: &HeaderName| request.headers.get_all(name).iter().any(HeaderValue::is_sensitive);
    let names: Vec<HeaderName> = request
        .headers
        .keys()
        .filter(|name| {
            hookmill_http::is_secret_header(name.as_str()) || request.secret_headers.contains(name) || sensitive(name)
        })
        .cloned()
        .collect();
    for name in names {
        request.headers.remove(name);
    }
}
