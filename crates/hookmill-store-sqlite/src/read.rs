//! Reads as queries. Lists go by identifier from the newest on, along an index.

mod account;
mod approval;
pub(crate) mod connector;
mod event;
mod flow;
mod inbox;
mod run;
pub(crate) mod store;
mod subscription;

use hookmill_model::Id;
use hookmill_store::{List, Page};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Result, Row};

use crate::column::key;

/// What looking for one page may cost, in rows whose columns stand in the index or beside it. A page that stops here says
/// where the next one goes on.
const COST_MAX: usize = 10_000;

/// One row or none.
fn one<T>(
    c: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    prepared(c, sql)?.query_row(values, read).optional()
}

/// All rows.
fn all<T>(c: &Connection, sql: &str, values: impl Params, read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    prepared(c, sql)?.query_map(values, read)?.collect()
}

/// The highest identifier a page may show, itself excluded: 16 bytes, or 17 where there is no bound.
fn below<I: Id>(list: &List<I>) -> Vec<u8> {
    list.after.map_or_else(|| vec![0xFF; 17], |after| key(after).to_vec())
}

/// A number of rows for a column.
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

/// Reads one page. `sql` gives rows newest first.
fn page<T, I: Id>(
    c: &Connection,
    sql: &str,
    values: impl Params,
    list: List<I>,
    cost_max: usize,
    mut look: impl FnMut(&Row<'_>) -> Result<Looked<T, I>>,
) -> Result<Page<T, I>> {
    let limit = list.bounded();
    let mut statement = prepared(c, sql)?;
    let mut found = statement.query(values)?;
    let (mut items, mut last, mut cost, mut looked_at) = (Vec::new(), None, 0, 0);
    while let Some(row) = found.next()? {
        let looked = look(row)?;
        looked_at += 1;
        cost += looked.cost;
        match looked.item {
            // There is one more than fits: the next page begins behind the last that does.
            Some(_) if items.len() == limit => return Ok(Page { items, next: last, looked_at }),
            Some(item) => {
                items.push(item);
                last = Some(looked.id);
            }
            None => {}
        }
        if cost >= cost_max {
            return Ok(Page { items, next: Some(looked.id), looked_at });
        }
    }
    Ok(Page { items, next: None, looked_at })
}

/// A page of rows that are all shown.
fn page_of_all<T, I: Id>(
    c: &Connection,
    sql: &str,
    values: impl Params,
    list: List<I>,
    mut read: impl FnMut(&Row<'_>) -> Result<(I, T)>,
) -> Result<Page<T, I>> {
    page(c, sql, values, list, usize::MAX, |row| {
        let (id, item) = read(row)?;
        Ok(Looked { id, item: Some(item), cost: 0 })
    })
}

/// A statement, kept for the next time.
fn prepared<'c>(c: &'c Connection, sql: &str) -> Result<CachedStatement<'c>> {
    #[cfg(test)]
    plans::note(c, sql)?;
    c.prepare_cached(sql)
}

#[cfg(test)]
mod plans;
