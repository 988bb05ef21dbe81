//! A connection's bytes with time limits: how long a head, a pause between requests and a stalled answer may take.
//!
//! The time limit of a body is kept by `bodies`, which knows how many bytes came. While a request is answered, reading
//! has no limit: a flow may take its time, and live updates stay open.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::framing::Framing;

/// How long the parts of an exchange may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From the first byte of a head, or from the connection's beginning, to the head's end.
    pub head: Duration,
    /// Between two requests of one connection.
    pub idle: Duration,
    /// An answer of which the caller takes no byte.
    pub stalled: Duration,
}

/// What the two sides of a connection, bytes and requests, know of each other.
#[derive(Debug, Default)]
pub struct Progress {
    framing: Mutex<Framing>,
    /// Requests whose answers have left, or were given up.
    answered: AtomicU64,
    /// The reader that waits without a limit while a request is answered.
    reader: AtomicWaker,
}

impl Progress {
    fn framing(&self) -> MutexGuard<'_, Framing> {
        self.framing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the bytes that came.
    pub fn follow(&self, bytes: &[u8]) {
        self.framing().follow(bytes);
    }

    /// Why the request with this number is refused.
    pub fn refused(&self, number: u64) -> Option<&'static str> {
        self.framing().refused(number)
    }

    /// An answer has left.
    pub fn answered(&self) {
        self.answered.fetch_add(1, Ordering::AcqRel);
        self.reader.wake();
    }

    /// Whether a request is being answered, its body being read included.
    pub fn is_busy(&self) -> bool {
        self.framing().heads() > self.answered.load(Ordering::Acquire)
    }
}

/// What the time limit of reading is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    FirstHead,
    Head,
    Request,
}

/// A stream with time limits.
pub struct Timed<S> {
    stream: S,
    times: Times,
    progress: Arc<Progress>,
    reading: Option<(Waiting, Pin<Box<Sleep>>)>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    /// The time limit of the first head begins now.
    pub fn new(stream: S, times: Times, progress: Arc<Progress>) -> Self {
        let reading = Some((Waiting::FirstHead, Box::pin(tokio::time::sleep(times.head))));
        Self { stream, times, progress, reading, writing: None }
    }

    /// Whether the caller has been waited for long enough. Called when there is nothing to read.
    fn poll_read_limit(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.progress.is_busy() {
            self.reading = None;
            self.progress.reader.register(context.waker());
            // An answer that left before the waker was there has woken nobody.
            if self.progress.is_busy() {
                return Poll::Pending;
            }
        }
        let waiting = if self.progress.framing().is_inside_head() { Waiting::Head } else { Waiting::Request };
        // The first head has one limit from the beginning, whenever its first byte comes.
        if !matches!(&self.reading, Some((now, _)) if *now == waiting || *now == Waiting::FirstHead) {
            let limit = if waiting == Waiting::Head { self.times.head } else { self.times.idle };
            self.reading = Some((waiting, Box::pin(tokio::time::sleep(limit))));
        }
        let Some((_, sleep)) = &mut self.reading else { return Poll::Pending };
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "no complete request came in time"))
    }

    fn poll_write_limit(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let stalled = self.times.stalled;
        let sleep = self.writing.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + stalled)));
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the caller does not take the answer"))
    }

    fn written(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        self.poll_write_limit(context).map(Err)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                self.progress.follow(&buffer.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_read_limit(context).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(context, written)
    }
}
