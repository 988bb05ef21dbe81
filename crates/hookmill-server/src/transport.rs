//! Takes connections and keeps their bounds: how many there are, in all and from one source, and how long each may take.
//!
//! HTTP/1.1 only, on purpose: behind a proxy nothing is gained by HTTP/2, and its streams, resets and header tables
//! would need bounds of their own. `axum::serve` is not used, since it gives the HTTP library no timer, and without one
//! a head may take for ever.
//!
//! A new connection always gets in where an old one does nothing: when all places are taken, the oldest connection that
//! has no request under way is closed. Only when every connection is being answered, new ones get 503 at once.

mod framing;
mod stream;

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, watch};
use tower::Service;

use crate::source::{Peer, Source, TrustedProxies};
use stream::{Progress, Timed, Times};

/// A pause after accepting failed, for want of files for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a head and of what follows it that are held for a connection.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// A request has so many headers at most.
const HEADERS_MAX: usize = 100;
/// Bytes of answers that the system holds for a connection whose caller does not take them; it doubles the figure for
/// its own needs. With more, the pace of slow callers could be seen only now and then.
const SEND_BUFFER_BYTES: u32 = 128 * 1024;
/// Connections that the system holds until they are accepted.
const BACKLOG: u32 = 1_024;
/// A caller takes so many bytes of an answer in each second that it lets the server wait.
pub use stream::TAKEN_BYTES_MIN as ANSWER_BYTES_MIN;

/// The bounds of connections.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Connections in all.
    pub connections_max: usize,
    /// Connections from one source: an IPv4 address, or a /64 network of IPv6. Loopback and trusted proxies have none.
    pub connections_per_source_max: usize,
    /// The head of a request must be complete after this time.
    pub head_wait: Duration,
    /// A connection without a request is closed after this time.
    pub idle_wait: Duration,
    /// So long the server waits for a caller that takes its answer more slowly than
    /// [`ANSWER_BYTES_MIN`] a second; then the connection is closed.
    pub stalled_wait: Duration,
    /// When the server stops, requests under way have this time to end.
    pub stop_wait: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_source_max: 256,
            head_wait: Duration::from_secs(10),
            idle_wait: Duration::from_secs(60),
            stalled_wait: Duration::from_secs(30),
            stop_wait: Duration::from_secs(8),
        }
    }
}

/// Listens, so that connections have the bounds which only the system can give them.
///
/// # Errors
/// The address is taken, is not one of this machine, or may not be used.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections take the size over from the listener.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The head was read in a way that another server may not share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused(pub &'static str);

/// One open connection.
struct Open {
    source: Option<Source>,
    progress: Arc<Progress>,
    close: Arc<Notify>,
}

/// All open connections.
#[derive(Default)]
struct Table {
    open: BTreeMap<u64, Open>,
    per_source: HashMap<Source, usize>,
}

#[derive(Default)]
struct Connections {
    table: Mutex<Table>,
    next: AtomicU64,
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    All,
    Source,
}

impl Connections {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a connection its place; its number, how the two sides tell each other, and what closes it.
    fn enter(
        self: &Arc<Self>,
        source: Option<Source>,
        limits: &ConnectionLimits,
    ) -> Result<(Place, Arc<Progress>, Arc<Notify>), Full> {
        let mut table = self.table();
        if let Some(source) = source {
            let count = table.per_source.entry(source).or_default();
            if *count >= limits.connections_per_source_max {
                return Err(Full::Source);
            }
            *count += 1;
        }
        if table.open.len() >= limits.connections_max && !table.close_oldest_idle() {
            if let Some(source) = source {
                table.leave(source);
            }
            return Err(Full::All);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (progress, close) = (Arc::<Progress>::default(), Arc::new(Notify::new()));
        table.open.insert(number, Open { source, progress: Arc::clone(&progress), close: Arc::clone(&close) });
        Ok((Place { connections: Arc::clone(self), number }, progress, close))
    }

    fn count(&self) -> usize {
        self.table().open.len()
    }

    /// Closes connections without a request under way.
    fn close_idle(&self) {
        while self.table().close_oldest_idle() {}
    }
}

impl Table {
    fn leave(&mut self, source: Source) {
        if let Some(count) = self.per_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.per_source.remove(&source);
            }
        }
    }

    /// Whether a connection gave up its place.
    fn close_oldest_idle(&mut self) -> bool {
        let Some(number) = self.open.iter().find(|(_, open)| !open.progress.is_busy()).map(|(number, _)| *number)
        else {
            return false;
        };
        self.remove(number);
        true
    }

    fn remove(&mut self, number: u64) {
        let Some(open) = self.open.remove(&number) else { return };
        open.close.notify_one();
        if let Some(source) = open.source {
            self.leave(source);
        }
    }
}

/// The place of a connection, given back when it is dropped.
struct Place {
    connections: Arc<Connections>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.table().remove(self.number);
    }
}

/// An answer's body that tells when it has left or was given up.
struct Answered {
    body: Body,
    progress: Arc<Progress>,
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.progress.answered();
    }
}

impl http_body::Body for Answered {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// The server runs.
    No,
    /// Requests under way may end within [`ConnectionLimits::stop_wait`]; half requests are closed.
    Orderly,
    /// Every connection is closed.
    AtOnce,
}

/// Until a stop has come this far.
pub(crate) async fn reached(stop: &mut watch::Receiver<Stop>, far: Stop) {
    if stop.wait_for(|stop| *stop >= far).await.is_err() {
        // Nobody is left who could stop the server.
        std::future::pending::<()>().await;
    }
}

/// Serves `router` until `stop` says otherwise. Returns when no connection is left, or when their time is over.
///
/// # Errors
/// None today: what goes wrong with one connection ends that one only.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    trusted: TrustedProxies,
    mut stop: watch::Receiver<Stop>,
) -> io::Result<()> {
    let connections = Arc::<Connections>::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = reached(&mut stop, Stop::Orderly) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_of_one_connection(&error) {
                    tracing::warn!(%error, "accepting a connection failed");
                    connections.table().close_oldest_idle();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let address = peer.ip().to_canonical();
        let source = (!address.is_loopback() && !trusted.contains(address)).then(|| Source::of(address));
        match connections.enter(source, &limits) {
            Ok((place, progress, close)) => {
                let _ = stream.set_nodelay(true);
                let times = Times { head: limits.head_wait, idle: limits.idle_wait, stalled: limits.stalled_wait };
                let stream = Timed::new(stream, times, Arc::clone(&progress));
                let connection = connection(stream, peer, router.clone(), progress, stop.clone());
                tokio::spawn(async move {
                    let _place = place;
                    tokio::select! {
                        () = connection => {}
                        () = close.notified() => {}
                    }
                });
            }
            Err(full) => refuse(stream, full),
        }
    }
    drop(listener);
    let end = tokio::time::Instant::now() + limits.stop_wait;
    while connections.count() > 0 {
        connections.close_idle();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
            () = tokio::time::sleep_until(end) => break,
            () = reached(&mut stop, Stop::AtOnce) => break,
        }
    }
    let mut table = connections.table();
    if !table.open.is_empty() {
        tracing::warn!(count = table.open.len(), "requests did not end in time; their connections are closed");
    }
    while let Some(number) = table.open.keys().next().copied() {
        table.remove(number);
    }
    Ok(())
}

/// Whether only the connection is broken that was to be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers 503 (all places taken) or 429 (too many from there) without reading anything.
fn refuse(stream: TcpStream, full: Full) {
    let line = match full {
        Full::All => "503 Service Unavailable",
        Full::Source => "429 Too Many Requests",
    };
    tracing::debug!(?full, "a connection is refused");
    let answer = format!("HTTP/1.1 {line}\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // The buffer of a new connection is empty, so this needs no wait.
    let _ = stream.try_write(answer.as_bytes());
}

/// Serves one connection to its end.
async fn connection(
    stream: Timed<TcpStream>,
    peer: SocketAddr,
    router: Router,
    progress: Arc<Progress>,
    mut stop: watch::Receiver<Stop>,
) {
    let number = AtomicU64::new(0);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let number = number.fetch_add(1, Ordering::Relaxed) + 1;
        answer(router.clone(), request, peer, Arc::clone(&progress), number)
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(HEADERS_MAX)
        .max_header_size(framing::HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = reached(&mut stop, Stop::Orderly) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

async fn answer(
    mut router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    progress: Arc<Progress>,
    number: u64,
) -> Result<Response<Answered>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer.ip().to_canonical()));
    let refused = progress.refused(number);
    if let Some(reason) = refused {
        request.extensions_mut().insert(Refused(reason));
    }
    // Nothing that follows a chunked body or a wish for another protocol was looked at, so nothing may follow.
    let is_last = progress.is_last(number);
    let mut given_up = Answered { body: Body::empty(), progress };
    let mut response = router.call(request).await?;
    if is_last {
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    let (head, body) = response.into_parts();
    given_up.body = body;
    Ok(Response::from_parts(head, given_up))
}

#[cfg(test)]
mod tests;
