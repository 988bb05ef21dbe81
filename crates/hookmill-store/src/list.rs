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

/// One page. It may hold fewer items than asked for although `next` is there: a search through a text looks at a
/// bounded number of rows per page, so that no page is slow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, I> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end of the list.
    pub next: Option<I>,
}

impl<T, I> Page<T, I> {
    /// Changes each item.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U, I> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}
