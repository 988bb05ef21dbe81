//! Reads as queries. Lists go by identifier from the newest on, along an index.

mod account;
mod approval;
mod connector;
mod event;
mod flow;
mod inbox;
pub(crate) mod run;
mod subscription;

use hookmill_model::Id;
use hookmill_store::{List, Page, StoreError};
use tokio_postgres::Row;

use crate::column::{Arg, key};
use crate::readers::Readers;

type Answer<T> = Result<T, StoreError>;

/// What looking for one page may cost, in rows. A page that stops here says where the next one goes on.
const COST_MAX: usize = 10_000;
/// Rows that one statement gives at most where a page looks for something.
const CHUNK_MAX: usize = 2_000;

/// One row or none.
async fn one<T>(
    readers: &Readers,
    sql: &str,
    values: &[Arg<'_>],
    read: impl FnOnce(&Row) -> Answer<T>,
) -> Answer<Option<T>> {
    readers.row(sql, values).await?.as_ref().map(read).transpose()
}

/// All rows.
async fn all<T>(
    readers: &Readers,
    sql: &str,
    values: &[Arg<'_>],
    read: impl FnMut(&Row) -> Answer<T>,
) -> Answer<Vec<T>> {
    readers.rows(sql, values).await?.iter().map(read).collect()
}

/// The bytes that every identifier is below of: 16 bytes, or 17 where there is no bound.
fn below<I: Id>(id: Option<I>) -> Vec<u8> {
    id.map_or_else(|| vec![0xFF; 17], |id| key(id).0.to_vec())
}

/// The bytes that every identifier behind `id` is above of.
fn above<I: Id>(id: Option<I>) -> Vec<u8> {
    id.map_or_else(Vec::new, |id| key(id).0.to_vec())
}

/// A number of rows for a value.
fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A row that was looked at.
struct Looked<T, I> {
    id: I,
    /// What is shown; `None` for a row that is passed over.
    item: Option<T>,
    /// What it took, as part of the cost that a page may have.
    cost: usize,
}

/// One page while it is read. A first statement asks for a little more than the page, the next ones for more, since
/// little of what was looked at is shown.
struct Paging<T, I> {
    limit: usize,
    cost_max: usize,
    items: Vec<T>,
    last: Option<I>,
    cost: usize,
    looked_at: usize,
    /// Where the next statement goes on.
    from: Option<I>,
    size: usize,
    /// Where the next page begins, once this one is full.
    end: Option<Option<I>>,
}

impl<T, I: Id> Paging<T, I> {
    fn new(list: List<I>, cost_max: usize) -> Self {
        let limit = list.bounded();
        let (items, size) = (Vec::new(), limit + 1);
        Self { limit, cost_max, items, last: None, cost: 0, looked_at: 0, from: list.after, size, end: None }
    }

    /// The bytes below which rows are wanted, and how many; `None` when the page is read.
    fn wanted(&self) -> Option<(Vec<u8>, i64)> {
        self.end.is_none().then(|| (below(self.from), rows(self.size)))
    }

    /// Takes what the wanted statement gave, newest first.
    fn add(&mut self, found: Vec<Looked<T, I>>) {
        let is_last = found.len() < self.size;
        for looked in found {
            self.looked_at += 1;
            self.cost += looked.cost;
            self.from = Some(looked.id);
            match looked.item {
                // There is one more than fits: the next page begins behind the last that does.
                Some(_) if self.items.len() == self.limit => {
                    self.end = Some(self.last);
                    return;
                }
                Some(item) => {
                    self.items.push(item);
                    self.last = Some(looked.id);
                }
                None => {}
            }
            if self.cost >= self.cost_max {
                self.end = Some(Some(looked.id));
                return;
            }
        }
        if is_last {
            self.end = Some(None);
        }
        self.size = (self.size * 4).clamp(64, CHUNK_MAX);
    }

    fn end(self) -> Page<T, I> {
        Page { items: self.items, next: self.end.flatten(), looked_at: self.looked_at }
    }
}

#[cfg(test)]
pub(crate) mod plans;
