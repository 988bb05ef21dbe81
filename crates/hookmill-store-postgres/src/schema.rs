//! Bringing the tables up to date.

use hookmill_store::{DatabaseProblem, StoreError};
use tokio_postgres::Client;

use crate::column::{args, get};
use crate::error::store_error;
use crate::place::{Place, SCHEMA};

/// Every step from one version of the tables to the next. Steps are added, never changed.
const STEPS: &[&str] = &[
    include_str!("../schema/1.sql"),
    include_str!("../schema/2.sql"),
    include_str!("../schema/3.sql"),
    include_str!("../schema/4.sql"),
];

/// What our advisory locks have in common: "hook" as a number.
pub(crate) const LOCKS: i32 = 0x686f_6f6b;
/// The lock of whoever changes tables.
const LOCK_OF_TABLES: i32 = 1;
/// The locks of shards follow each other from here on.
const LOCK_OF_SHARD: i32 = 4_096;

/// The lock of a shard: shared by a transaction of its owner, alone by one that makes another node the owner.
pub(crate) fn shard_lock(shard: i64) -> i32 {
    LOCK_OF_SHARD + i32::try_from(shard).unwrap_or(0)
}

/// The version this release writes.
pub(crate) fn version_known() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// Makes the tables, or brings them up to date: each step is one transaction, and one server at a time takes it.
///
/// # Errors
/// [`StoreError::TooNew`] for the tables of a later release; [`DatabaseProblem::Rights`] where the user may not make
/// them; [`DatabaseProblem::Foreign`] where the schema belongs to something else.
pub(crate) async fn migrate(client: &Client, place: &Place) -> Result<(), StoreError> {
    loop {
        let found = step(client, place).await;
        if found.is_err() {
            // What the step began is taken back; the connection may be gone, and with it the transaction.
            let _ = client.batch_execute("ROLLBACK").await;
        }
        if found? == version_known() {
            return Ok(());
        }
    }
}

/// One step at most. Answers the version that the tables have then.
async fn step(client: &Client, place: &Place) -> Result<u32, StoreError> {
    let told = |error: tokio_postgres::Error| store_error(&error, &place.shown);
    client.batch_execute("BEGIN").await.map_err(told)?;
    let lock = "SELECT pg_advisory_xact_lock($1, $2)";
    client.query_typed(lock, args![LOCKS, LOCK_OF_TABLES]).await.map_err(told)?;
    let Some(found) = version(client, place).await? else {
        let make = format!(
            "CREATE SCHEMA IF NOT EXISTS {SCHEMA};
             CREATE TABLE {SCHEMA}.schema_version (version bigint NOT NULL);
             INSERT INTO {SCHEMA}.schema_version VALUES (0);
             COMMIT"
        );
        client.batch_execute(&make).await.map_err(told)?;
        return Ok(0);
    };
    let next = usize::try_from(found).unwrap_or(usize::MAX);
    let Some(sql) = STEPS.get(next) else {
        client.batch_execute("COMMIT").await.map_err(told)?;
        return if found == version_known() || works_with(client, place).await? <= version_known() {
            Ok(version_known())
        } else {
            Err(StoreError::TooNew { found, known: version_known() })
        };
    };
    client.batch_execute(sql).await.map_err(told)?;
    let version = format!("UPDATE {SCHEMA}.schema_version SET version = {}; COMMIT", found + 1);
    client.batch_execute(&version).await.map_err(told)?;
    tracing::info!(store.version = found + 1, "the tables in {} are at version {}", place.shown, found + 1);
    Ok(found + 1)
}

/// The oldest version of the tables whose servers may work beside those of the version that stands there.
async fn works_with(client: &Client, place: &Place) -> Result<u32, StoreError> {
    let found = client.query_typed_one("SELECT works_with FROM schema_version", &[]).await;
    crate::column::count(&found.map_err(|error| store_error(&error, &place.shown))?, 0)
}

/// The version of the tables; `None` where there are none.
pub(crate) async fn version(client: &Client, place: &Place) -> Result<Option<u32>, StoreError> {
    let told = |error: tokio_postgres::Error| store_error(&error, &place.shown);
    let sql = "SELECT to_regclass($1) IS NOT NULL,
                   EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                           WHERE n.nspname = $2 AND c.relkind IN ('r', 'v', 'p'))";
    let row = client.query_typed_one(sql, args![format!("{SCHEMA}.schema_version"), SCHEMA]).await.map_err(told)?;
    if !get::<bool>(&row, 0)? {
        if get::<bool>(&row, 1)? {
            return Err(StoreError::Database {
                place: place.shown.clone(),
                problem: DatabaseProblem::Foreign,
                detail: format!("its schema \"{SCHEMA}\" has tables that Hookmill did not make"),
            });
        }
        return Ok(None);
    }
    let rows = client.query_typed("SELECT version FROM schema_version", &[]).await.map_err(told)?;
    match rows.as_slice() {
        [row] => crate::column::count(row, 0).map(Some),
        _ => Err(StoreError::Damaged { detail: format!("schema_version has {} rows", rows.len()) }),
    }
}
