//! Pages of lists, newest first.

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
}
