//! Approvals: what runs ask people, and wait for.

use bytes::Bytes;
use hookmill_model::{ApprovalId, FlowId, RunId, Timestamp, UserId};

/// A question that a run asks people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its identifier.
    pub id: ApprovalId,
    /// The owner of the flow.
    pub owner: UserId,
    /// The flow.
    pub flow: FlowId,
    /// The run that asks.
    pub run: RunId,
    /// How far it is.
    pub state: ApprovalState,
    /// Counts every change.
    pub etag: u64,
    /// What is asked of whom, and what they answered, in the runtime's own form.
    pub record: Bytes,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it was decided or taken back.
    pub ended_at: Option<Timestamp>,
}

/// How far an approval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApprovalState {
    /// Answers are awaited.
    Open,
    /// It is decided, and its run has not heard of it yet.
    Decided,
    /// It is decided, and its run knows.
    Ended,
    /// Nobody waits for it any more: the run ended, or gave up.
    Cancelled,
}

impl ApprovalState {
    /// The text in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Decided => "decided",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::str::FromStr for ApprovalState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Open, Self::Decided, Self::Ended, Self::Cancelled]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| format!("\"{text}\" is not one of open, decided, ended, cancelled"))
    }
}

/// A user who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalPerson {
    /// Who.
    pub user: UserId,
    /// Whether the answer of this person is awaited.
    pub is_awaited: bool,
}

/// Which approvals a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalFilter {
    /// Those that this user is asked.
    Received {
        /// Who is asked.
        user: UserId,
        /// Only those that wait for an answer of this user.
        is_awaited: bool,
    },
    /// Those that flows of this owner ask.
    Sent {
        /// Whose flows.
        owner: UserId,
        /// Only those that are open.
        is_open: bool,
    },
}
