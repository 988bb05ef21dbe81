//! Reads bodies within bounds that hold for all requests together, and takes the memory before it is used.
//!
//! A body is read when somebody asks for it, so a caller who is not signed in has none of it read. Its bytes are counted
//! against three budgets as they come: of the server, of the door (services, API), and of the one address that is called.
//! The bytes stay counted for as long as they are in memory. A body that finds no budget is refused with 503, one that
//! comes too slowly with 408; the connection is closed then.
//!
//! Every route has its own bound, which is compared with `Content-Length` before a byte is read.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes};
use hookmill_connector::MAX_DOCUMENT_BYTES;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::{Problem, ServerState};

/// Bytes of bodies in memory, in all.
const ALL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The part of it that services, or callers of the API, can take.
const DOOR_BYTES_MAX: usize = 40 * 1024 * 1024;
/// The part of it that callers of one address can take, where its own bound is not larger.
const ADDRESS_BYTES_MAX: usize = 24 * 1024 * 1024;
/// The first byte comes within this time, and so does every further part.
const WINDOW: Duration = Duration::from_secs(5);
/// In each window at least so many bytes come, or the last ones: 1 KiB a second.
const WINDOW_BYTES_MIN: usize = 5 * 1024;
/// The same while more than half of the budget is taken: 64 KiB a second.
const WINDOW_BYTES_MIN_BUSY: usize = 320 * 1024;
/// What is still read of a refused body, so that the caller gets to read the answer.
const DISCARDED_BYTES_MAX: usize = 256 * 1024;
const DISCARDING_WAIT: Duration = Duration::from_secs(1);

/// Larger bodies are read only where there is somebody to take them.
const STRANGER_BYTES_MAX: usize = 16 * 1024;

/// Files are larger than forms.
const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The file of a connector as large as its reader takes it, and the form around it.
const CONNECTOR_BYTES_MAX: usize = MAX_DOCUMENT_BYTES + FORM_BYTES_MAX;
const DEFINITION_BYTES_MAX: usize = 8 * 1024 * 1024;
const FORM_BYTES_MAX: usize = 1024 * 1024;
const SMALL_FORM_BYTES_MAX: usize = 16 * 1024;

/// Which budget a body is counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Services,
    Api,
}

/// The door of a path, and how large a body may be there.
fn bound(path: &str, service_bytes_max: usize) -> (Door, usize) {
    let parts: Vec<&str> = path.split('/').skip(1).take(5).collect();
    let bytes = match parts.as_slice() {
        ["callback" | "workflows", ..] => return (Door::Services, service_bytes_max),
        [
            "api",
            "session" | "setup" | "tokens" | "sessions" | "users" | "account" | "notifications" | "devices",
            ..,
        ] => SMALL_FORM_BYTES_MAX,
        // More than an icon may have, so that it is told what an icon may be.
        ["api", "connectors", _, "icon"] => 2 * FORM_BYTES_MAX,
        ["api", "connectors" | "authoring", ..] => CONNECTOR_BYTES_MAX,
        ["api", "flows", "import"] => FILE_BYTES_MAX,
        ["api", "flows" | "expressions", ..] => DEFINITION_BYTES_MAX,
        _ => FORM_BYTES_MAX,
    };
    (Door::Api, bytes)
}

#[derive(Default)]
struct Counts {
    all: usize,
    services: usize,
    api: usize,
    /// Addresses with bodies in memory, by path.
    addresses: HashMap<Arc<str>, usize>,
}

/// Counts the bytes of bodies that are in memory.
#[derive(Default)]
pub(crate) struct Budget(Mutex<Counts>);

impl Budget {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_busy(&self) -> bool {
        self.counts().all > ALL_BYTES_MAX / 2
    }
}

/// What one body has taken of the budget; given back when it is dropped.
struct Share {
    budget: Arc<Budget>,
    door: Door,
    address: Arc<str>,
    address_bytes_max: usize,
    taken: usize,
}

impl Share {
    /// Takes more; `false` leaves everything as it was.
    fn take(&mut self, bytes: usize) -> bool {
        let mut counts = self.budget.counts();
        let door = match self.door {
            Door::Services => counts.services,
            Door::Api => counts.api,
        };
        let address = counts.addresses.get(&self.address).copied().unwrap_or(0);
        let fits = |now: usize, max: usize| now.checked_add(bytes).is_some_and(|sum| sum <= max);
        if !fits(counts.all, ALL_BYTES_MAX) || !fits(door, DOOR_BYTES_MAX) || !fits(address, self.address_bytes_max) {
            return false;
        }
        counts.all += bytes;
        match self.door {
            Door::Services => counts.services += bytes,
            Door::Api => counts.api += bytes,
        }
        *counts.addresses.entry(Arc::clone(&self.address)).or_default() += bytes;
        self.taken += bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.taken == 0 {
            return;
        }
        let mut counts = self.budget.counts();
        counts.all -= self.taken;
        match self.door {
            Door::Services => counts.services -= self.taken,
            Door::Api => counts.api -= self.taken,
        }
        if let Some(count) = counts.addresses.get_mut(&self.address) {
            *count -= self.taken;
            if *count == 0 {
                counts.addresses.remove(&self.address);
            }
        }
    }
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    TooLarge { max: usize },
    NoBudget,
    TooSlow,
    Malformed,
    Stopping,
}

impl Refusal {
    fn problem(self) -> Problem {
        match self {
            Self::TooLarge { max: CONNECTOR_BYTES_MAX } => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("The file of a connector is larger than {} MiB.", MAX_DOCUMENT_BYTES / (1024 * 1024)),
            )
            .hint("Leave out operations and schemas that no flow needs."),
            Self::TooLarge { max } => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("The body is larger than the {max} bytes that are taken here."),
            ),
            Self::NoBudget => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "The server is reading as many large bodies as it can hold.",
            )
            .retry_after(5),
            Self::TooSlow => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_too_slow",
                "The body came too slowly, or not to its end.",
            ),
            Self::Malformed => {
                Problem::bad("request_malformed", "The body ended early, or its chunks are not well formed.")
            }
            Self::Stopping => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The server is stopping.").retry_after(5)
            }
        }
    }
}

/// What an extractor sees of a refusal; the caller sees the problem document that `bounded` puts in its place.
#[derive(Debug, thiserror::Error)]
#[error("the body was refused")]
struct NotRead;

/// The bytes of a body with their share of the budget.
struct Held {
    bytes: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body that is read to its end within its bounds, and given on in one piece.
struct Bounded {
    body: Body,
    reading: Option<(Vec<u8>, Share)>,
    bytes_max: usize,
    /// What `Content-Length` says.
    announced: Option<usize>,
    window: Option<Pin<Box<Sleep>>>,
    window_bytes: usize,
    refusal: Arc<OnceLock<Refusal>>,
    /// Since when a refused body is read to be thrown away, and how much of it came.
    discarding: Option<usize>,
    server: ServerState,
    /// Ends when the server stops; made when the body is waited for.
    stopping: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Its end is told apart from its bytes: the reader of forms asks twice in a row, and takes bytes and end that come
    /// between the two for a form without a beginning.
    is_end_due: bool,
}

impl Bounded {
    /// Takes the next part of the body; `Err` where it does not fit.
    fn add(&mut self, mut part: Bytes) -> Result<(), Refusal> {
        let Some((bytes, share)) = &mut self.reading else { return Ok(()) };
        let length = bytes.len() + part.len();
        if length > self.bytes_max {
            return Err(Refusal::TooLarge { max: self.bytes_max });
        }
        if length > bytes.capacity() {
            // Grows in few steps, and to the announced length at last. What is reserved and not written takes no memory.
            let end = self.announced.unwrap_or(self.bytes_max).min(self.bytes_max);
            let wanted = length.max((bytes.capacity() * 4).min(end)).max(1024);
            let wanted = if share.take(wanted - bytes.capacity()) {
                wanted
            } else if share.take(length - bytes.capacity()) {
                length
            } else {
                return Err(Refusal::NoBudget);
            };
            bytes.reserve_exact(wanted - bytes.len());
        }
        while part.has_remaining() {
            let chunk = part.chunk();
            bytes.extend_from_slice(chunk);
            let taken = chunk.len();
            part.advance(taken);
        }
        Ok(())
    }

    fn refuse(&mut self, refusal: Refusal) {
        let _ = self.refusal.set(refusal);
        self.reading = None;
        self.discarding = Some(0);
        self.window = Some(Box::pin(tokio::time::sleep(DISCARDING_WAIT)));
    }

    /// Reads on without keeping anything, for a short time.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let is_lost = matches!(self.refusal.get(), Some(Refusal::TooSlow | Refusal::Malformed | Refusal::Stopping));
        loop {
            if is_lost || self.discarding.is_none_or(|bytes| bytes > DISCARDED_BYTES_MAX) {
                return Poll::Ready(());
            }
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    self.discarding = self.discarding.map(|bytes| bytes + length);
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    return self.window.as_mut().map_or(Poll::Ready(()), |window| window.as_mut().poll(context));
                }
            }
        }
    }

    fn poll_all(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing to anybody here.
                    let Ok(part) = frame.into_data() else { continue };
                    self.window_bytes += part.len();
                    self.add(part)?;
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(Refusal::Malformed)),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    let server = &self.server;
                    let stopping = self.stopping.get_or_insert_with(|| Box::pin(server.stopped()));
                    if stopping.as_mut().poll(context).is_ready() {
                        return Poll::Ready(Err(Refusal::Stopping));
                    }
                    let window = self.window.get_or_insert_with(|| Box::pin(tokio::time::sleep(WINDOW)));
                    ready!(window.as_mut().poll(context));
                    let is_busy = self.reading.as_ref().is_some_and(|(_, share)| share.budget.is_busy());
                    let min = if is_busy { WINDOW_BYTES_MIN_BUSY } else { WINDOW_BYTES_MIN };
                    if self.window_bytes < min {
                        return Poll::Ready(Err(Refusal::TooSlow));
                    }
                    self.window_bytes = 0;
                    window.as_mut().reset(Instant::now() + WINDOW);
                }
            }
        }
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = NotRead;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NotRead>>> {
        if self.discarding.is_none() {
            if self.reading.is_none() {
                if std::mem::take(&mut self.is_end_due) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                return Poll::Ready(None);
            }
            match ready!(self.poll_all(context)) {
                Ok(()) => {
                    let Some((bytes, share)) = self.reading.take().filter(|(bytes, _)| !bytes.is_empty()) else {
                        return Poll::Ready(None);
                    };
                    let all = Bytes::from_owner(Held { bytes, _share: share });
                    return Poll::Ready(Some(Ok(Frame::data(all))));
                }
                Err(refusal) => self.refuse(refusal),
            }
        }
        ready!(self.poll_discard(context));
        self.discarding = Some(usize::MAX);
        Poll::Ready(Some(Err(NotRead)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.reading {
            Some((bytes, _)) => bytes.is_empty() && self.body.is_end_stream(),
            None => self.discarding.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The one address of a path that its callers share: a callback's capability, a flow's trigger, a route of the API.
fn address(path: &str) -> Arc<str> {
    path.splitn(4, '/').take(3).collect::<Vec<_>>().join("/").into()
}

/// Whether a service's address may be one of ours. Only what certainly is none is said to be unknown.
async fn is_known(state: &ServerState, path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next()) {
        // Actions that wait, and calls of this server to itself.
        (Some("callback"), Some(own)) if own.starts_with("run_") || own.contains('.') => true,
        (Some("callback"), Some(capability)) => {
            let hash = state.runtime.vault().lookup("callback", capability);
            !matches!(state.store().subscription_by_capability(&hash).await, Ok(None))
        }
        (Some("workflows"), Some(flow)) => match flow.parse() {
            Ok(id) => !matches!(state.store().flow(id).await, Ok(None)),
            Err(_) => false,
        },
        _ => false,
    }
}

/// Puts bounds around the body of a request, and says what was refused.
pub(crate) async fn bounded(State(state): State<ServerState>, mut request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (door, mut bytes_max) = bound(request.uri().path(), state.runtime.config().body_bytes_max);
    let refusal = Arc::<OnceLock<Refusal>>::default();
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok());
    let length = length.and_then(|text| text.parse::<usize>().ok());
    // Who guesses addresses takes no part of what the senders of notifications need.
    if door == Door::Services
        && length.is_none_or(|length| length > STRANGER_BYTES_MAX)
        && !is_known(&state, request.uri().path()).await
    {
        if length.is_some() {
            *request.body_mut() = Body::empty();
            let mut response = next.run(request).await;
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
        bytes_max = bytes_max.min(STRANGER_BYTES_MAX);
    }
    let share = Share {
        budget: Arc::clone(&state.bodies),
        door,
        address: address(request.uri().path()),
        address_bytes_max: ADDRESS_BYTES_MAX.max(bytes_max),
        taken: 0,
    };
    let (head, body) = request.into_parts();
    let mut own = Bounded {
        body,
        reading: Some((Vec::new(), share)),
        bytes_max,
        announced: length,
        window: None,
        window_bytes: 0,
        refusal: Arc::clone(&refusal),
        discarding: None,
        server: state.clone(),
        stopping: None,
        is_end_due: head
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/")),
    };
    if length.is_some_and(|length| length > bytes_max) {
        own.refuse(Refusal::TooLarge { max: bytes_max });
        // Whoever asks before sending is told before sending.
        if !head.headers.contains_key(header::EXPECT) {
            std::future::poll_fn(|context| own.poll_discard(context)).await;
        }
        return refused(Refusal::TooLarge { max: bytes_max });
    }
    let response = next.run(Request::from_parts(head, Body::new(own))).await;
    refusal.get().map_or(response, |refusal| refused(*refusal))
}

fn refused(refusal: Refusal) -> Response {
    let mut response = refusal.problem().into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests;
