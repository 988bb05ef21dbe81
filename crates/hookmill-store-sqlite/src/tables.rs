//! The store as tables, for moving it to another database or here from one.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use hookmill_store::StoreError;
use hookmill_store::tables::{Kind, MARK, Row, Table, Tables, Value};
use rusqlite::types::{Value as Column, ValueRef};
use rusqlite::{Connection, params_from_iter};

use crate::error::store_error;
use crate::folder::{self, Claim};
use crate::schema;

/// The database of a data folder while no server works with it.
pub struct SqliteTables {
    folder: PathBuf,
    connection: Mutex<Connection>,
    _claim: Claim,
}

impl std::fmt::Debug for SqliteTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteTables").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl SqliteTables {
    /// Opens the database of a folder, which is made where it is missing, with tables up to date.
    ///
    /// # Errors
    /// As [`crate::SqliteStore::open`]; a folder whose database is gone is accepted here, since it is to be filled.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let claim = folder::claim(folder)?;
        let connection = schema::open_writer(folder, 16 * 1_024)?;
        Ok(Self { folder: folder.to_owned(), connection: Mutex::new(connection), _claim: claim })
    }

    // A poisoned lock means nothing: what was not committed is taken back.
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|error| store_error(&error, &folder::shown(&self.folder)))
    }
}

fn column(value: Value) -> Column {
    match value {
        Value::Null => Column::Null,
        Value::Int(number) => Column::Integer(number),
        Value::Text(text) => Column::Text(text),
        Value::Bytes(bytes) => Column::Blob(bytes),
    }
}

fn value(of: Kind, found: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match (of, found) {
        (_, ValueRef::Null) => Value::Null,
        (Kind::Int, found) => Value::Int(found.as_i64()?),
        (Kind::Text, found) => Value::Text(found.as_str()?.to_owned()),
        (Kind::Bytes, found) => Value::Bytes(found.as_blob()?.to_vec()),
    })
}

fn read(
    connection: &Connection,
    sql: &str,
    values: Vec<Column>,
    of: &Table,
    width: usize,
) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let columns = of.columns[..width].iter().enumerate();
        rows.push(columns.map(|(at, (_, kind))| value(*kind, row.get_ref(at)?)).collect::<rusqlite::Result<Row>>()?);
    }
    Ok(rows)
}

#[async_trait]
impl Tables for SqliteTables {
    async fn rows(&self, table: &'static Table, after: Option<&[Value]>, limit: usize) -> Result<Vec<Row>, StoreError> {
        let key = table.key_list();
        let mut values: Vec<Column> = after.unwrap_or_default().iter().cloned().map(column).collect();
        let marks = vec!["?"; values.len()].join(", ");
        let condition = if after.is_some() { format!("WHERE ({key}) > ({marks})") } else { String::new() };
        let sql = format!("SELECT {} FROM {} {condition} ORDER BY {key} LIMIT ?", table.column_list(), table.name);
        values.push(Column::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        self.with(|connection| read(connection, &sql, values, table, table.columns.len()))
    }

    async fn last(&self, table: &'static Table) -> Result<Option<Vec<Value>>, StoreError> {
        let key = table.key_list();
        let newest = key.split(", ").map(|column| format!("{column} DESC")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {key} FROM {} ORDER BY {newest} LIMIT 1", table.name);
        Ok(self.with(|connection| read(connection, &sql, Vec::new(), table, table.key))?.pop())
    }

    async fn put(&self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError> {
        let marks = vec!["?"; table.columns.len()].join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES ({marks})", table.name, table.column_list());
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut statement = transaction.prepare_cached(&sql)?;
                for row in rows {
                    statement.execute(params_from_iter(row.into_iter().map(column)))?;
                }
            }
            transaction.commit()
        })
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.with(|connection| {
            connection.execute("DELETE FROM setting WHERE name = ?1", [MARK])?;
            connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        })
    }

    fn location(&self) -> String {
        folder::shown(&self.folder)
    }
}
