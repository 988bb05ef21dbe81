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
    /// The database is there, and cannot be used.
    #[error("the database {place} cannot be used: {detail}")]
    Database {
        /// Which one, without secrets.
        place: String,
        /// What kind of fault it is.
        problem: DatabaseProblem,
        /// What was found, or the database's own words.
        detail: String,
    },
    /// No space is left.
    #[error("no space is left on the disk of the data folder or the database")]
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
    /// Another node looks after the flow.
    #[error("another server looks after this flow (shard {shard})")]
    NotOwner {
        /// The shard of the flow.
        shard: u8,
    },
    /// The store was closed: the server is stopping.
    #[error("the server is stopping")]
    Closed,
}

/// Why a database cannot be used; each has a way out of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatabaseProblem {
    /// Its address is wrong, or there is no database of this name.
    Address,
    /// User or password is wrong, or the server does not let the user in.
    SignIn,
    /// The user may not do what the store needs.
    Rights,
    /// It is a standby, or read-only.
    Standby,
    /// It would lose what it confirmed.
    Unsafe,
    /// Another server works with it.
    InUse,
    /// A pooler between server and database takes away what the store needs.
    Pooler,
    /// It is too old, or has another encoding.
    Version,
    /// Its schema has tables of something else.
    Foreign,
}

impl DatabaseProblem {
    const fn code(self) -> Code {
        match self {
            Self::Address => "store_address",
            Self::SignIn => "store_sign_in",
            Self::Rights => "store_rights",
            Self::Standby => "store_standby",
            Self::Unsafe => "store_unsafe",
            Self::InUse => "store_locked",
            Self::Pooler => "store_pooler",
            Self::Version => "store_version",
            Self::Foreign => "store_foreign",
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Address => {
                "Give an address such as postgres://hookmill:PASSWORD@HOST/DATABASE, and create the database first: \
                 createdb --encoding UTF8 --owner hookmill DATABASE."
            }
            Self::SignIn => "Check user and password in the address, and the lines for this user in pg_hba.conf.",
            Self::Rights => {
                "As the owner of the database: GRANT CREATE, CONNECT ON DATABASE name TO user; where the schema \
                 \"hookmill\" exists already, it must belong to this user."
            }
            Self::Standby => {
                "Give the address of the primary, or all hosts with target_session_attrs=read-write, so that the \
                 server finds the one that can be written."
            }
            Self::Unsafe => {
                "Set it to on: ALTER DATABASE name SET synchronous_commit = on; for fsync see postgresql.conf. \
                 Otherwise notifications that were accepted could be lost."
            }
            Self::InUse => "Stop the other server first, or give this one a database of its own.",
            Self::Pooler => {
                "Give the address of PostgreSQL itself: the server keeps a few connections open and needs the \
                 settings and locks of its sessions."
            }
            Self::Version => "Use PostgreSQL 14 or later, and a database with the encoding UTF8.",
            Self::Foreign => "Give Hookmill a database of its own, or rename the schema that stands in its way.",
        }
    }
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
            Self::Database { problem, .. } => problem.code(),
            Self::Full => "store_full",
            Self::Damaged { .. } => "store_damaged",
            Self::Unavailable { .. } => "store_unavailable",
            Self::NotOwner { .. } => "not_owner",
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
            Self::Database { problem, .. } => problem.hint(),
            Self::Full => "Free some space; the server goes on by itself then.",
            Self::Damaged { .. } => "Stop the server, keep a copy of the data folder, and restore a backup.",
            Self::NotOwner { .. } => "Try again: the owner is being changed at this moment.",
            Self::Unavailable { .. } => "Look at the server's log and at the disk, then restart the server.",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
