//! Reads as queries. Lists go by identifier from the newest on, along an index.

mod account;
pub(crate) mod connector;
mod event;
mod flow;
mod inbox;
mod run;
mod subscription;

use hookmill_model::Id;
use hookmill_store::{List, Page};
use rusqlite::{Connection, OptionalExtension, Params, Result, Row};

use crate::column::key;

/// Rows that one page looks at, at most. A page that stops here says where the next one goes on.
const LOOKED_AT_MAX: usize = 10_000;

/// One row or none.
fn one<T>(
    c: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    c.prepare_cached(sql)?.query_row(values, read).optional()
}

/// All rows.
fn all<T>(c: &Connection, sql: &str, values: impl Params, read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    c.prepare_cached(sql)?.query_map(values, read)?.collect()
}

/// The highest identifier a page may show, itself excluded: 16 bytes, or 17 where there is no bound.
fn below<I: Id>(list: &List<I>) -> Vec<u8> {
    list.after.map_or_else(|| vec![0xFF; 17], |after| key(after).to_vec())
}

/// A number of rows for a column.
fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Reads one page. `sql` gives rows newest first, `read` answers `None` for a row that is not shown and always says
/// its identifier.
fn page<T, I: Id>(
    c: &Connection,
    sql: &str,
    values: impl Params,
    list: List<I>,
    mut read: impl FnMut(&Row<'_>) -> Result<(I, Option<T>)>,
) -> Result<Page<T, I>> {
    let limit = list.bounded();
    let mut statement = c.prepare_cached(sql)?;
    let mut found = statement.query(values)?;
    let mut items = Vec::new();
    let mut shown_last = None;
    let mut looked_at = 0;
    while let Some(row) = found.next()? {
        if items.len() == limit && looked_at >= LOOKED_AT_MAX {
            break;
        }
        looked_at += 1;
        let (id, item) = read(row)?;
        match item {
            // There is one more than fits: the next page begins behind the last that does.
            Some(_) if items.len() == limit => return Ok(Page { items, next: shown_last }),
            Some(item) => {
                items.push(item);
                shown_last = Some(id);
            }
            None => {}
        }
        if looked_at >= LOOKED_AT_MAX {
            return Ok(Page { items, next: Some(id) });
        }
    }
    Ok(Page { items, next: None })
}
