//! Moving a whole store: every table as rows of plain values, in the order of its key.
//!
//! Stores in databases have the same tables and columns, so a move reads rows here and writes them there. The target
//! carries a mark until everything has been compared, and no server works with a store that carries it. A move that was
//! broken off goes on behind the last row of each table: rows are written in the order in which they are read.

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::StoreError;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number with sign, 64 bits.
    Int,
    /// A text.
    Text,
    /// Bytes of any kind.
    Bytes,
}

/// A table that is moved.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, in quotes where SQL wants them.
    pub name: &'static str,
    /// Its columns; the first ones, `key` in number, are those of the key.
    pub columns: &'static [(&'static str, Kind)],
    /// How many columns the key has.
    pub key: usize,
}

/// The value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The column holds nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes of any kind.
    Bytes(Vec<u8>),
}

/// The values of one row, in the order of the table's columns.
pub type Row = Vec<Value>;

/// The name of the setting that marks a store into which a move is under way.
pub const MARK: &str = "store.moving";

macro_rules! tables {
    ($($name:literal $key:literal: $($column:ident $kind:ident),+;)*) => {
        &[$(Table { name: $name, key: $key, columns: &[$((stringify!($column), Kind::$kind)),+] }),*]
    };
}

/// All tables, what others name before what names them. A column with a name that means something in SQL is in quotes
/// in its statements.
pub const TABLES: &[Table] = tables! {
    "\"user\"" 1: id Bytes, name Text, email Text, email_folded Text, password_hash Text, role Text, created Int,
        updated Int;
    "session" 1: id Bytes, user Bytes, secret_hash Bytes, created Int, expires Int, browser Text;
    "token" 1: id Bytes, user Bytes, name Text, secret_hash Bytes, created Int, expires Int, used Int;
    "setting" 1: name Text, value Bytes;
    "connector" 1: id Bytes, owner Bytes, name Text, description Text, etag Int, settings Bytes, summary Bytes,
        icon_type Text, created Int, updated Int, sealed Bytes;
    "connector_document" 1: connector Bytes, document Bytes, properties Bytes;
    "connector_version" 2: connector Bytes, version Text, settings Bytes, document Bytes, properties Bytes;
    "icon" 1: connector Bytes, content_type Text, bytes Bytes;
    "connection" 1: id Bytes, owner Bytes, connector Bytes, name Text, username Text, sealed Bytes, health Text,
        health_detail Text, etag Int, created Int, updated Int;
    "flow" 1: id Bytes, owner Bytes, name Text, description Text, state Text, etag Int, version Int,
        trigger_row Bytes, created Int, updated Int, deleted Int;
    "binding" 2: flow Bytes, place Int, key Text, connector Bytes, connection Bytes, api Text, version Text;
    "flow_version" 2: flow Bytes, version Int, definition Bytes, parameters Bytes, profile Text, envelope Bytes,
        created Int;
    "trigger_state" 1: flow Bytes, state Bytes;
    "failing" 1: flow Bytes, owner Bytes, failures Int, run Bytes;
    "subscription" 1: id Bytes, flow Bytes, owner Bytes, generation Int, state Text, etag Int, capability Bytes,
        record Bytes, created Int, updated Int;
    "event" 1: seq Int, id Bytes, flow Bytes, subscription Bytes, received Int, summary Text, payload Bytes;
    "pending" 2: flow Bytes, seq Int;
    "dedupe" 3: bucket Int, scope Bytes, key Bytes, event Bytes;
    "run" 1: id Bytes, owner Bytes, flow Bytes, version Int, kind Int, status Int, epoch Int, facts Int, started Int,
        ended Int, trigger_name Text, summary Text, event Bytes, subscription Bytes, resubmitted_from Bytes,
        parent Bytes, error_code Text, error_message Text, error_hint Text;
    "fact" 2: run Bytes, first Int, facts Bytes;
    "run_count" 2: flow Bytes, status Int, runs Int;
    "timer" 2: kind Int, id Bytes, due Int;
    "notification" 1: id Bytes, owner Bytes, title Text, text Text, link_uri Text, link_label Text, run Bytes,
        flow Bytes, created Int, read Int;
    "approval" 1: id Bytes, owner Bytes, flow Bytes, run Bytes, state Text, etag Int, record Bytes, created Int,
        ended Int;
    "approval_person" 2: person Bytes, approval Bytes, awaited Int;
    "device" 1: id Bytes, owner Bytes, name Text, endpoint Text, p256dh Text, auth Text, created Int, delivered Int;
    "delivery" 2: notification Bytes, device Bytes, attempts Int, next_attempt Int, last_error Text;
};

impl Table {
    /// The columns for a statement, each in quotes.
    #[must_use]
    pub fn column_list(&self) -> String {
        quoted(self.columns)
    }

    /// The columns of the key for a statement, each in quotes.
    #[must_use]
    pub fn key_list(&self) -> String {
        quoted(&self.columns[..self.key])
    }
}

fn quoted(columns: &[(&str, Kind)]) -> String {
    columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// A store whose rows can be read and written one table at a time. No server works with it meanwhile.
#[async_trait]
pub trait Tables: Send + Sync {
    /// At most `limit` rows in the order of the key, from behind the row with the key `after`.
    async fn rows(&self, table: &'static Table, after: Option<&[Value]>, limit: usize) -> Result<Vec<Row>, StoreError>;
    /// The key of the last row.
    async fn last(&self, table: &'static Table) -> Result<Option<Vec<Value>>, StoreError>;
    /// Writes rows that do not exist, as a whole or not at all.
    async fn put(&self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError>;
    /// Removes the mark of the move, and makes the store ready for a server, in one transaction.
    async fn finish(&self) -> Result<(), StoreError>;
    /// Where it is, for people.
    fn location(&self) -> String;
}

/// Why a store was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// One of the stores refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target has rows that no move of this source wrote.
    #[error("{target} is not empty: its table {table} has rows")]
    NotEmpty {
        /// Where the target is.
        target: String,
        /// The first table with rows.
        table: &'static str,
    },
    /// A move from elsewhere into the target was begun.
    #[error("a move from {source_before} into {target} has not ended")]
    Other {
        /// Where the target is.
        target: String,
        /// Where the other move came from.
        source_before: String,
    },
    /// Source and target differ after everything was copied.
    #[error("the table {table} differs: {here} rows with checksum {here_sum} here, {there} with {there_sum} there")]
    Differs {
        /// The table.
        table: &'static str,
        /// Rows of the source.
        here: u64,
        /// Their checksum.
        here_sum: String,
        /// Rows of the target.
        there: u64,
        /// Their checksum.
        there_sum: String,
    },
}

/// One table, moved and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
    /// Those that this move wrote; the others were there from one that was broken off.
    pub written: u64,
    /// SHA-256 of all rows in the order of the key, in hexadecimal.
    pub sum: String,
}

/// Rows of one statement at first; more while they are short, fewer while they are long.
const ROWS_BEGIN: usize = 64;
const ROWS_MAX: usize = 4_000;
const BYTES_SMALL: usize = 512 * 1_024;
const BYTES_LARGE: usize = 8 * 1_024 * 1_024;

/// Moves everything from one store into an empty one, or goes on with a move that was broken off. `told` hears of each
/// table when it has been written and compared.
///
/// # Errors
/// [`MoveError`]; the target keeps its mark then, and the source is as it was.
pub async fn copy(from: &dyn Tables, to: &dyn Tables, mut told: impl FnMut(&Moved)) -> Result<Vec<Moved>, MoveError> {
    begin(from, to).await?;
    let mut all = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        let written = copy_table(from, to, table).await?;
        let (here, here_sum) = sum(from, table).await?;
        let (there, there_sum) = sum(to, table).await?;
        if (here, &here_sum) != (there, &there_sum) {
            return Err(MoveError::Differs { table: table.name, here, here_sum, there, there_sum });
        }
        let moved = Moved { table: table.name, rows: here, written, sum: here_sum };
        told(&moved);
        all.push(moved);
    }
    to.finish().await?;
    Ok(all)
}

fn is_mark(table: &Table, row: &[Value]) -> bool {
    table.name == "setting" && matches!(row.first(), Some(Value::Text(name)) if name == MARK)
}

/// Marks the target, unless this move has marked it before.
async fn begin(from: &dyn Tables, to: &dyn Tables) -> Result<(), MoveError> {
    let settings = TABLES.iter().find(|table| table.name == "setting");
    let mut mark = None;
    if let Some(settings) = settings {
        let before = [Value::Text(MARK[..MARK.len() - 1].to_owned())];
        mark = to.rows(settings, Some(&before), 1).await?.into_iter().find(|row| is_mark(settings, row));
    }
    if let Some(mark) = mark {
        let source_before = match mark.get(1) {
            Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        if source_before == from.location() {
            return Ok(());
        }
        return Err(MoveError::Other { target: to.location(), source_before });
    }
    for table in TABLES {
        if to.last(table).await?.is_some() {
            return Err(MoveError::NotEmpty { target: to.location(), table: table.name });
        }
    }
    if let Some(settings) = settings {
        let mark = vec![Value::Text(MARK.to_owned()), Value::Bytes(from.location().into_bytes())];
        to.put(settings, vec![mark]).await?;
    }
    Ok(())
}

/// The last row of a table that a move wrote: the mark is not one of them.
async fn last(to: &dyn Tables, table: &'static Table) -> Result<Option<Vec<Value>>, MoveError> {
    if table.name != "setting" {
        return Ok(to.last(table).await?);
    }
    // There are few settings: all are read.
    let mut found: Option<Vec<Value>> = None;
    loop {
        let rows = to.rows(table, found.as_deref(), ROWS_MAX).await?;
        let Some(row) = rows.iter().rev().find(|row| !is_mark(table, row)) else { return Ok(found) };
        found = Some(row[..table.key].to_vec());
        if rows.len() < ROWS_MAX {
            return Ok(found);
        }
    }
}

async fn copy_table(from: &dyn Tables, to: &dyn Tables, table: &'static Table) -> Result<u64, MoveError> {
    let mut after = last(to, table).await?;
    let (mut limit, mut written) = (ROWS_BEGIN, 0);
    loop {
        let rows = from.rows(table, after.as_deref(), limit).await?;
        let Some(end) = rows.last() else { return Ok(written) };
        after = Some(end[..table.key].to_vec());
        let is_last = rows.len() < limit;
        limit = next_limit(limit, bytes(&rows));
        written += rows.len() as u64;
        to.put(table, rows).await?;
        if is_last {
            return Ok(written);
        }
    }
}

fn next_limit(limit: usize, bytes: usize) -> usize {
    if bytes > BYTES_LARGE {
        (limit / 2).max(1)
    } else if bytes < BYTES_SMALL {
        (limit * 2).min(ROWS_MAX)
    } else {
        limit
    }
}

fn bytes(rows: &[Row]) -> usize {
    let size = |value: &Value| match value {
        Value::Null | Value::Int(_) => 8,
        Value::Text(text) => text.len() + 8,
        Value::Bytes(bytes) => bytes.len() + 8,
    };
    rows.iter().flatten().map(size).sum()
}

/// How many rows a table has, and their checksum.
async fn sum(store: &dyn Tables, table: &'static Table) -> Result<(u64, String), MoveError> {
    let mut hash = Sha256::new();
    let (mut after, mut limit, mut count) = (None::<Vec<Value>>, ROWS_BEGIN, 0);
    loop {
        let rows = store.rows(table, after.as_deref(), limit).await?;
        for row in rows.iter().filter(|row| !is_mark(table, row)) {
            count += 1;
            for value in row {
                add(&mut hash, value);
            }
        }
        let Some(end) = rows.last() else { break };
        after = Some(end[..table.key].to_vec());
        let is_last = rows.len() < limit;
        limit = next_limit(limit, bytes(&rows));
        if is_last {
            break;
        }
    }
    let sum = hookmill_model::hex(&hash.finalize());
    Ok((count, sum))
}

fn add(hash: &mut Sha256, value: &Value) {
    let mut part = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    match value {
        Value::Null => part(0, &[]),
        Value::Int(number) => part(1, &number.to_be_bytes()),
        Value::Text(text) if text.contains('\0') => part(2, text.replace('\0', "\u{2400}").as_bytes()),
        Value::Text(text) => part(2, text.as_bytes()),
        Value::Bytes(bytes) => part(3, bytes),
    }
}
