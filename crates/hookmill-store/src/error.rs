//! Why the store refused or failed.

use hookmill_model::{Code, EventId, Explain, Fault};

/// A refusal or failure of the store. After any of them nothing of the unit is stored, except where
/// [`StoreError::is_unknown`] says that this cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The queue of units is full. Nothing was kept of the refused one.
    #[error("the server has more to store than it can; try again in {retry_after_s} s")]
    Overloaded {
        /// Seconds until another try makes sense.
        retry_after_s: u32,
    },
    /// The store is not as the unit expects: somebody else was first.
    #[error("{what} {id} is not as expected: {detail}")]
    Conflict {
        /// `flow`, `run`, `event`, …
        what: &'static str,
        /// Its identifier.
        id: String,
        /// What was found in place of what was expected.
        detail: String,
    },
    /// What the unit changes does not exist.
    #[error("there is no {what} {id}")]
    Missing {
        /// `flow`, `run`, `event`, …
        what: &'static str,
        /// Its identifier.
        id: String,
    },
    /// The event's dedupe key was seen before.
    #[error("this notification is already stored as {of}")]
    Duplicate {
        /// The event that came first.
        of: EventId,
    },
    /// A value is larger than the store takes.
    #[error("{what} is too large to be stored")]
    TooLarge {
        /// What.
        what: String,
    },
    /// Another server uses the data folder.
    #[error("another server is using the data folder {folder}")]
    Locked {
        /// The folder.
        folder: String,
    },
    /// The data folder cannot be written.
    #[error("the data folder {folder} cannot be written: {detail}")]
    ReadOnly {
        /// The folder.
        folder: String,
        /// The system's words.
        detail: String,
    },
    /// A later release wrote the store.
    #[error("the data was written by a later release (schema {found}, this release knows {known})")]
    TooNew {
        /// The version in the store.
        found: u32,
        /// The last version known here.
        known: u32,
    },
    /// No space is left.
    #[error("no space is left on the disk of the data folder")]
    Full,
    /// What is stored contradicts itself.
    #[error("the store is damaged: {detail}")]
    Damaged {
        /// Where and how.
        detail: String,
    },
    /// The disk or the database does not do what it should.
    #[error("the store is not available: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
        /// Whether the unit may be stored nevertheless.
        unknown: bool,
    },
    /// The store was closed: the server is stopping.
    #[error("the server is stopping")]
    Closed,
}

impl StoreError {
    /// A conflict.
    pub fn conflict(what: &'static str, id: impl ToString, detail: impl Into<String>) -> Self {
        Self::Conflict { what, id: id.to_string(), detail: detail.into() }
    }

    /// Something that is not there.
    pub fn missing(what: &'static str, id: impl ToString) -> Self {
        Self::Missing { what, id: id.to_string() }
    }

    /// Whether the same unit may succeed later without anybody changing it.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Overloaded { .. } | Self::Full | Self::Unavailable { .. })
    }

    /// Whether the unit may be stored although this error was answered.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unavailable { unknown: true, .. })
    }
}

impl Explain for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::Overloaded { .. } => "overloaded",
            Self::Conflict { .. } => "version_conflict",
            Self::Missing { .. } => "not_found",
            Self::Duplicate { .. } => "event_duplicate",
            Self::TooLarge { .. } => "too_large",
            Self::Locked { .. } => "store_locked",
            Self::ReadOnly { .. } => "store_read_only",
            Self::TooNew { .. } => "store_too_new",
            Self::Full => "store_full",
            Self::Damaged { .. } => "store_damaged",
            Self::Unavailable { .. } => "store_unavailable",
            Self::Closed => "store_closed",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Conflict { .. } | Self::Missing { .. } | Self::Duplicate { .. } | Self::TooLarge { .. } => {
                Fault::Author
            }
            _ => Fault::Operator,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Overloaded { .. } => "Send less at once, or wait until the queue is worked off.",
            Self::Conflict { .. } => "Load it again and repeat the change.",
            Self::Locked { .. } => "Stop the other server first, or start this one with another --data folder.",
            Self::ReadOnly { .. } => {
                "Give the user who runs the server the right to write there, or choose another \
                                      --data folder."
            }
            Self::TooNew { .. } => "Start the release that wrote it, or a later one, or restore a backup.",
            Self::Full => "Free some space; the server goes on by itself then.",
            Self::Damaged { .. } => "Stop the server, keep a copy of the data folder, and restore a backup.",
            Self::Unavailable { .. } => "Look at the server's log and at the disk, then restart the server.",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
