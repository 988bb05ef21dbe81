//! A request body that notices when a connection takes it. Until then the request is certainly not sent, which is
//! what tells a harmless failure from one that may have had an effect.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Whether a connection took the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(crate) fn maybe(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn mark(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The body of one request. A connection asks whether the body is empty when it writes the head, and at no time
/// before, so even an empty body is a witness.
#[derive(Debug)]
pub(crate) struct WitnessBody {
    bytes: Bytes,
    sent: Sent,
}

impl WitnessBody {
    pub(crate) fn new(bytes: Bytes, sent: Sent) -> Self {
        Self { bytes, sent }
    }
}

impl Body for WitnessBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let body = self.get_mut();
        body.sent.mark();
        if body.bytes.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut body.bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent.mark();
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX))
    }
}
