//! A connection's bytes with time limits: how long a head and a pause between requests may take, and how fast a caller
//! takes its answer.
//!
//! The time limit of a body is kept by `bodies`, which knows how many bytes came. While a request is answered, reading
//! has no limit: a flow may take its time, and live updates stay open.
//!
//! A caller that takes its answer slowly uses up a credit of time. Only time counts in which bytes are ready and the
//! caller has no room for them, so live updates without news cost nothing. Bytes that the caller takes give time back.

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
    /// The credit of time that a caller has for taking what is ready for it.
    pub stalled: Duration,
}

/// In each second of waiting a caller takes so many bytes of its answer, or it uses up its credit.
pub const TAKEN_BYTES_MIN: u32 = 4 * 1024;

/// How long a caller may still be waited for.
#[derive(Clone, Copy, Debug)]
struct Credit {
    left: Duration,
    max: Duration,
}

impl Credit {
    const fn full(max: Duration) -> Self {
        Self { left: max, max }
    }

    /// Bytes were taken after a wait.
    fn taken(&mut self, bytes: usize, waited: Duration) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(1) * bytes / TAKEN_BYTES_MIN;
        self.left = (self.left.saturating_sub(waited) + earned).min(self.max);
    }
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

    /// Whether the connection ends with the request of this number.
    pub fn is_last(&self, number: u64) -> bool {
        self.framing().is_last(number)
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
    credit: Credit,
    /// Since when the caller has had no room for what is ready, and the end of its credit.
    writing: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Timed<S> {
    /// The time limit of the first head begins now.
    pub fn new(stream: S, times: Times, progress: Arc<Progress>) -> Self {
        let reading = Some((Waiting::FirstHead, Box::pin(tokio::time::sleep(times.head))));
        Self { stream, times, progress, reading, credit: Credit::full(times.stalled), writing: None }
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

    fn written(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if let Some((since, _)) = self.writing.take() {
                    self.credit.taken(bytes, since.elapsed());
                } else if self.credit.left < self.credit.max {
                    self.credit.taken(bytes, Duration::ZERO);
                }
                written
            }
            Poll::Ready(Err(_)) => written,
            Poll::Pending => {
                let left = self.credit.left;
                let begun = || (Instant::now(), Box::pin(tokio::time::sleep(left)));
                let (_, end) = self.writing.get_or_insert_with(begun);
                ready!(end.as_mut().poll(context));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller takes its answer too slowly")))
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_takes_too_little_uses_up_its_credit() {
        let mut slow = Credit::full(Duration::from_secs(30));
        let mut enough = slow;
        for second in 1..=60 {
            slow.taken(1024, Duration::from_secs(1));
            enough.taken(TAKEN_BYTES_MIN as usize, Duration::from_secs(1));
            // Three quarters of each second are used up, so the fortieth is not waited for to its end.
            assert_eq!(slow.left < Duration::from_secs(1), second >= 39, "{second}");
            assert_eq!(enough.left, enough.max);
        }
    }

    #[test]
    fn a_caller_that_pauses_may_make_up_for_it_and_saves_nothing_up() {
        let mut credit = Credit::full(Duration::from_secs(30));
        credit.taken(4096, Duration::from_secs(20));
        assert_eq!(credit.left, Duration::from_secs(11));
        credit.taken(usize::MAX, Duration::from_secs(1));
        assert_eq!(credit.left, credit.max);
        credit.taken(1, Duration::from_secs(31));
        assert!(credit.left < Duration::from_millis(1));
    }
}
