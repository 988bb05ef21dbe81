//! The store as tables, for moving it to another database or here from one.

use async_trait::async_trait;
use hookmill_store::tables::{Kind, MARK, Row, Table, Tables, Value};
use hookmill_store::{DatabaseProblem, StoreError};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::column::{Arg, args, get, text};
use crate::error::store_error;
use crate::place::{Place, Use};
use crate::schema;
use crate::writer::LOCK_OF_SERVERS;

/// A database while no server works with it.
pub struct PostgresTables {
    shown: String,
    client: Client,
}

impl std::fmt::Debug for PostgresTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresTables").field("database", &self.shown).finish_non_exhaustive()
    }
}

/// The values of one column.
enum List {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl List {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Ints(Vec::new()),
            Kind::Text => Self::Texts(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
        }
    }

    /// Whether the value has the kind of the column.
    fn push(&mut self, value: Value) -> bool {
        match (self, value) {
            (Self::Ints(list), Value::Null) => list.push(None),
            (Self::Texts(list), Value::Null) => list.push(None),
            (Self::Bytes(list), Value::Null) => list.push(None),
            (Self::Ints(list), Value::Int(one)) => list.push(Some(one)),
            (Self::Texts(list), Value::Text(one)) => list.push(Some(text(&one))),
            (Self::Bytes(list), Value::Bytes(one)) => list.push(Some(one)),
            _ => return false,
        }
        true
    }

    fn arg(&self) -> Arg<'_> {
        match self {
            Self::Ints(list) => (list as &(dyn ToSql + Sync), Type::INT8_ARRAY),
            Self::Texts(list) => (list, Type::TEXT_ARRAY),
            Self::Bytes(list) => (list, Type::BYTEA_ARRAY),
        }
    }
}

impl PostgresTables {
    /// Opens a database with tables up to date, and keeps servers away from it.
    ///
    /// # Errors
    /// As [`crate::PostgresStore::open`].
    pub async fn open(address: &str) -> Result<Self, StoreError> {
        let place = Place::parse(address)?;
        let client = place.connect(Use::Write).await?;
        place.check(&client).await?;
        let shown = place.shown.clone();
        let lock = "SELECT pg_try_advisory_lock($1, $2)";
        let row = client.query_typed_one(lock, args![schema::LOCKS, LOCK_OF_SERVERS]).await;
        if !get::<bool>(&row.map_err(|error| store_error(&error, &shown))?, 0)? {
            let (problem, detail) = (DatabaseProblem::InUse, "a server works with it".to_owned());
            return Err(StoreError::Database { place: shown, problem, detail });
        }
        schema::migrate(&client, &place).await?;
        Ok(Self { shown, client })
    }

    async fn ask(&self, table: &Table, width: usize, sql: &str, values: &[Arg<'_>]) -> Result<Vec<Row>, StoreError> {
        let found = self.client.query_typed(sql, values).await.map_err(|error| store_error(&error, &self.shown))?;
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            let value = |(at, (_, kind)): (usize, &(&str, Kind))| {
                Ok(match kind {
                    Kind::Int => get::<Option<i64>>(row, at)?.map_or(Value::Null, Value::Int),
                    Kind::Text => get::<Option<String>>(row, at)?.map_or(Value::Null, Value::Text),
                    Kind::Bytes => get::<Option<Vec<u8>>>(row, at)?.map_or(Value::Null, Value::Bytes),
                })
            };
            rows.push(table.columns[..width].iter().enumerate().map(value).collect::<Result<Row, StoreError>>()?);
        }
        Ok(rows)
    }
}

#[async_trait]
impl Tables for PostgresTables {
    async fn rows(&self, table: &'static Table, after: Option<&[Value]>, limit: usize) -> Result<Vec<Row>, StoreError> {
        let key = table.key_list();
        let marks = (1..=table.key).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ");
        let condition = if after.is_some() { format!("WHERE ({key}) > ({marks})") } else { String::new() };
        let sql =
            format!("SELECT {} FROM {} {condition} ORDER BY {key} LIMIT {limit}", table.column_list(), table.name);
        let mut values: Vec<Arg<'_>> = Vec::new();
        for value in after.unwrap_or_default() {
            values.push(match value {
                Value::Int(one) => (one, Type::INT8),
                Value::Text(one) => (one, Type::TEXT),
                Value::Bytes(one) => (one, Type::BYTEA),
                Value::Null => return Err(StoreError::Damaged { detail: format!("{} has an empty key", table.name) }),
            });
        }
        self.ask(table, table.columns.len(), &sql, &values).await
    }

    async fn last(&self, table: &'static Table) -> Result<Option<Vec<Value>>, StoreError> {
        let key = table.key_list();
        let newest = key.split(", ").map(|column| format!("{column} DESC")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {key} FROM {} ORDER BY {newest} LIMIT 1", table.name);
        Ok(self.ask(table, table.key, &sql, &[]).await?.pop())
    }

    async fn put(&self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError> {
        let mut lists: Vec<List> = table.columns.iter().map(|(_, kind)| List::new(*kind)).collect();
        for row in rows {
            let is_whole = row.len() == lists.len();
            if !is_whole || !lists.iter_mut().zip(row).all(|(list, value)| list.push(value)) {
                let detail = format!("a row of {} does not have the columns of its table", table.name);
                return Err(StoreError::Damaged { detail });
            }
        }
        let marks = (1..=lists.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ");
        let sql = format!("INSERT INTO {} ({}) SELECT * FROM unnest({marks})", table.name, table.column_list());
        let values: Vec<Arg<'_>> = lists.iter().map(List::arg).collect();
        let done = self.client.execute_typed(&sql, &values).await;
        done.map(drop).map_err(|error| store_error(&error, &self.shown))
    }

    async fn finish(&self) -> Result<(), StoreError> {
        let told = |error: tokio_postgres::Error| store_error(&error, &self.shown);
        // One statement, so one transaction: positions go on behind the last one, epochs above those of runs, and
        // the mark goes.
        let sql = "WITH positions AS (SELECT setval('event_seq', coalesce((SELECT max(seq) FROM event), 0) + 1)),
                       epochs AS (UPDATE shard SET epoch = greatest(epoch, (SELECT coalesce(max(epoch), 0) FROM run)))
                   DELETE FROM setting WHERE name = $1 AND (SELECT setval FROM positions) > 0";
        self.client.execute_typed(sql, args![MARK]).await.map_err(told)?;
        // The planner knows nothing of rows that came a moment ago.
        self.client.batch_execute("ANALYZE").await.map_err(told)
    }

    fn location(&self) -> String {
        self.shown.clone()
    }
}
