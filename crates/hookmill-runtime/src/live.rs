//! What changes while people look: small messages for the open pages of each user.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hookmill_model::{Id as _, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::sealed::SealedStore;

/// What a live message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LiveKind {
    /// A run began, went on or ended.
    Run,
    /// A flow was changed, switched, or its webhook's state changed.
    Flow,
    /// A connection was changed or its health was found out.
    Connection,
    /// The inbox has something new.
    Notification,
    /// An approval was asked, answered or taken back.
    Approval,
    /// Something needs attention, or does not any more.
    Attention,
    /// Messages may have been missed.
    Reload,
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
            Self::Approval => "approval",
            Self::Attention => "attention",
            Self::Reload => "reload",
        }
    }
}

/// One live message. It says what to look at again, not what is there: pages fetch that as ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub(crate) struct Live {
    sender: broadcast::Sender<LiveEvent>,
    seq: AtomicU64,
    store: Arc<SealedStore>,
    began: Instant,
    /// Until so many milliseconds after `began` pages are open at other nodes; 0 where none were so far.
    others_until: AtomicU64,
}

/// A node that said that pages are open there is believed for so long.
const OTHERS_FOR: Duration = Duration::from_secs(15);

impl Live {
    pub(crate) fn new(store: Arc<SealedStore>) -> Self {
        // 1,024 messages are a few seconds of a busy server; a page that is further behind reloads its lists.
        let (sender, seq, others_until) = (broadcast::channel(1_024).0, AtomicU64::new(0), AtomicU64::new(0));
        Self { sender, seq, store, began: Instant::now(), others_until }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<LiveEvent> {
        if self.store.has_others() {
            self.store.tell_others("listens".to_owned());
        }
        self.sender.subscribe()
    }

    /// Whether anybody looks, so that a message is worth making.
    pub(crate) fn has_listeners(&self) -> bool {
        self.has_own_listeners() || self.have_others()
    }

    pub(crate) fn has_own_listeners(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    fn have_others(&self) -> bool {
        let until = self.others_until.load(Ordering::Relaxed);
        until > 0 && self.began.elapsed() < Duration::from_millis(until)
    }

    /// Pages are open at another node.
    pub(crate) fn others_listen(&self) {
        let until = u64::try_from((self.began.elapsed() + OTHERS_FOR).as_millis()).unwrap_or(0);
        self.others_until.store(until, Ordering::Relaxed);
    }

    /// Open pages fetch everything anew: messages of other nodes may have been missed.
    pub(crate) fn reload(&self) {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        let (owner, kind) = (UserId::from_bits(0), LiveKind::Reload);
        let _ = self.sender.send(LiveEvent { seq, owner, kind, id: String::new(), flow: None, status: None });
    }

    /// A message that another node sends.
    pub(crate) fn publish_of_others(&self, event: LiveEvent) {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = self.sender.send(LiveEvent { seq, ..event });
    }

    pub(crate) fn publish(
        &self,
        owner: UserId,
        kind: LiveKind,
        id: String,
        flow: Option<String>,
        status: Option<&str>,
    ) {
        if !self.has_listeners() {
            return;
        }
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        let event = LiveEvent { seq, owner, kind, id, flow, status: status.map(str::to_owned) };
        if self.have_others()
            && let Ok(text) = serde_json::to_string(&event)
        {
            self.store.tell_others(format!("live {text}"));
        }
        // No receiver is left between the count above and here: nobody looks, so nothing is lost.
        let _ = self.sender.send(event);
    }
}
