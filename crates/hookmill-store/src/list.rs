//! Pages of lists, newest first, and what a store holds in numbers.

use std::time::Duration;

/// What part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<I> {
    /// At most so many items. Stores give no more than [`List::LIMIT_MAX`].
    pub limit: usize,
    /// The `next` of the page before; `None` for the newest.
    pub after: Option<I>,
}

impl<I> List<I> {
    /// No page is longer.
    pub const LIMIT_MAX: usize = 1_000;

    /// The newest items.
    #[must_use]
    pub const fn first(limit: usize) -> Self {
        Self { limit, after: None }
    }

    /// The items that follow on `after`.
    #[must_use]
    pub const fn after(limit: usize, after: I) -> Self {
        Self { limit, after: Some(after) }
    }

    /// The limit within bounds: 1 to [`List::LIMIT_MAX`].
    #[must_use]
    pub fn bounded(&self) -> usize {
        self.limit.clamp(1, Self::LIMIT_MAX)
    }
}

/// One page. It may hold fewer items than asked for although `next` is there: a search looks at a bounded number of
/// rows per page, so that no page is slow, and says how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, I> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end of the list.
    pub next: Option<I>,
    /// How many rows were looked at, shown ones too.
    pub looked_at: usize,
}

impl<T, I> Page<T, I> {
    /// Changes each item.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U, I> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next, looked_at: self.looked_at }
    }
}

/// What a store holds, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes on disk, journals of changes too.
    pub bytes: u64,
    /// Flows that are not deleted.
    pub flows: u64,
    /// Connectors.
    pub connectors: u64,
    /// Connections.
    pub connections: u64,
    /// Users.
    pub users: u64,
    /// The disk that it is on; `None` where that is another machine's, or not known.
    pub disk: Option<Disk>,
    /// What was committed and is not yet in the database itself; `None` where nobody can tell.
    pub log: Option<Log>,
}

/// A disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that this process may still write.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// The log that a database writes before it changes its tables. What is in it is safe; the longer it is, the longer a
/// start after a crash takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Bytes that are in the log only; `None` where nobody can tell.
    pub bytes: Option<u64>,
    /// How long ago the last checkpoint ended, which copies the log into the tables; `None` before the first one.
    pub checkpoint_age: Option<Duration>,
}
