//! What changes while people look: small messages for the open pages of each user.

use std::sync::atomic::{AtomicU64, Ordering};

use hookmill_model::UserId;
use tokio::sync::broadcast;

/// What a live message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveKind {
    /// A run began, went on or ended.
    Run,
    /// A flow was changed, switched, or its webhook's state changed.
    Flow,
    /// A connection was changed or its health was found out.
    Connection,
    /// The inbox has something new.
    Notification,
    /// Something needs attention, or does not any more.
    Attention,
}

impl LiveKind {
    /// The name of the server-sent event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Flow => "flow",
            Self::Connection => "connection",
            Self::Notification => "notification",
            Self::Attention => "attention",
        }
    }
}

/// One live message. It says what to look at again, not what is there: pages fetch that as ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEvent {
    /// Increases by one from message to message of this process.
    pub seq: u64,
    /// Who may see it.
    pub owner: UserId,
    /// What it is about.
    pub kind: LiveKind,
    /// The identifier of the run, flow, …
    pub id: String,
    /// The flow it belongs to, for runs.
    pub flow: Option<String>,
    /// The new status, where there is one.
    pub status: Option<String>,
}

/// The sender of live messages. Nobody waits for a slow listener: it misses messages and is told so by its channel.
#[derive(Debug)]
pub(crate) struct Live {
    sender: broadcast::Sender<LiveEvent>,
    seq: AtomicU64,
}

impl Live {
    pub(crate) fn new() -> Self {
        // 1,024 messages are a few seconds of a busy server; a page that is further behind reloads its lists.
        Self { sender: broadcast::channel(1_024).0, seq: AtomicU64::new(0) }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<LiveEvent> {
        self.sender.subscribe()
    }

    pub(crate) fn publish(
        &self,
        owner: UserId,
        kind: LiveKind,
        id: String,
        flow: Option<String>,
        status: Option<&str>,
    ) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        let event = LiveEvent { seq, owner, kind, id, flow, status: status.map(str::to_owned) };
        // No receiver is left between the count above and here: nobody looks, so nothing is lost.
        let _ = self.sender.send(event);
    }
}
