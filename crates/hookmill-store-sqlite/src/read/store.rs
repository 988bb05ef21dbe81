//! The store in numbers.

use hookmill_store::{Disk, Figures, Log};
use rusqlite::{Connection, Result};

use super::one;
use crate::column::number;

/// Counts what there is. Runs and events are not counted: that would read all of them.
pub(crate) fn figures(c: &Connection, bytes: u64, disk: Option<Disk>, log: Log) -> Result<Figures> {
    let count = |sql: &str| Ok::<_, rusqlite::Error>(one(c, sql, [], |row| number(row, 0))?.unwrap_or(0));
    Ok(Figures {
        bytes,
        flows: count("SELECT count(*) FROM flow INDEXED BY flow_list WHERE deleted IS NULL")?,
        connectors: count("SELECT count(*) FROM connector")?,
        connections: count("SELECT count(*) FROM connection")?,
        users: count("SELECT count(*) FROM user")?,
        disk,
        log: Some(log),
    })
}
