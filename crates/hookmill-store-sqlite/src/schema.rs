//! Opening connections, and bringing the tables up to date.

use std::path::Path;
use std::time::Duration;

use hookmill_store::StoreError;
use rusqlite::{Connection, OpenFlags};

use crate::error::store_error;
use crate::folder;

/// Every step from one version of the tables to the next. Steps are added, never changed.
const STEPS: &[&str] = &[include_str!("../schema/1.sql")];

/// The version this release writes.
pub(crate) fn version_known() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// Opens the connection that writes, with tables up to date.
pub(crate) fn open_writer(folder: &Path, cache_kib: u32) -> Result<Connection, StoreError> {
    let shown = folder::shown(folder);
    let problem = |error: &rusqlite::Error| store_error(error, &shown);
    let mut connection = connect(folder, cache_kib).map_err(|error| problem(&error))?;
    if connection.is_readonly("main").map_err(|error| problem(&error))? {
        let detail = format!("{} is read-only", folder::DATABASE);
        return Err(StoreError::ReadOnly { folder: shown, detail });
    }
    let found = version(&connection).map_err(|error| problem(&error))?;
    if found > version_known() {
        return Err(StoreError::TooNew { found, known: version_known() });
    }
    prepare(&connection, found).map_err(|error| problem(&error))?;
    migrate(&mut connection, folder, found).map_err(|error| problem(&error))?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(crate) fn open_reader(folder: &Path, cache_kib: u32) -> Result<Connection, StoreError> {
    let open = || {
        let connection = connect(folder, cache_kib)?;
        connection.execute_batch("PRAGMA query_only = ON")?;
        Ok(connection)
    };
    open().map_err(|error| store_error(&error, &folder::shown(folder)))
}

fn connect(folder: &Path, cache_kib: u32) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder::database(folder), flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(256);
    // No memory map: a stray I/O error stays an error and does not become a signal.
    connection.execute_batch(&format!(
        "PRAGMA cache_size = -{cache_kib}; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
    ))?;
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn prepare(connection: &Connection, found: u32) -> rusqlite::Result<()> {
    if found == 0 {
        // Only possible while the file is empty. 8 KiB hold four usual events, compressed.
        connection.execute_batch("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;")?;
    }
    // FULL: a commit is on disk before it is answered. Checkpoints are the writer's own work, at moments it chooses.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;",
    )
}

fn migrate(connection: &mut Connection, folder: &Path, found: u32) -> rusqlite::Result<()> {
    if found == version_known() {
        return Ok(());
    }
    if found > 0 {
        let copy = folder.join(format!("hookmill.before-{}.db", version_known()));
        // An earlier try may have left a copy that is not whole.
        if copy.exists() {
            let _ = std::fs::remove_file(&copy);
        }
        connection.execute("VACUUM INTO ?1", [copy.display().to_string()])?;
    }
    for (version, step) in (1_u32..).zip(STEPS).skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before 3.51.3 two connections that write and checkpoint at the same moment could damage a database.
    #[test]
    fn the_bundled_sqlite_is_sound() {
        assert!(rusqlite::version_number() >= 3_051_003, "SQLite {}", rusqlite::version());
    }

    #[test]
    fn the_file_is_made_as_meant() {
        let folder = tempfile::tempdir().unwrap();
        let writer = open_writer(folder.path(), 1_024).unwrap();
        let read = |pragma: &str| -> String {
            writer
                .query_row(&format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"), [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!(read("page_size"), "8192");
        assert_eq!(read("journal_mode"), "wal");
        assert_eq!(read("auto_vacuum"), "2");
        assert_eq!(read("synchronous"), "2");
        assert_eq!(read("user_version"), version_known().to_string());
        let reader = open_reader(folder.path(), 1_024).unwrap();
        assert!(reader.execute("DELETE FROM run", []).is_err());
    }

    /// Every list goes along an index: a plan that walks or sorts a whole table would be slow one day.
    #[test]
    fn no_table_of_a_list_is_walked() {
        let folder = tempfile::tempdir().unwrap();
        let writer = open_writer(folder.path(), 1_024).unwrap();
        let lists = [
            "SELECT * FROM run INDEXED BY run_owner WHERE owner = 1 AND id < 2 ORDER BY id DESC",
            "SELECT * FROM run INDEXED BY run_active WHERE status < 2 AND id < 2 ORDER BY id DESC",
            "SELECT * FROM run INDEXED BY run_flow_status WHERE flow = 1 AND status > 2 AND status = 3 AND id < 2 ORDER BY id DESC",
            "SELECT * FROM event INDEXED BY event_flow WHERE flow = 1 AND id < 2 ORDER BY id DESC",
            "SELECT * FROM notification INDEXED BY notification_unread WHERE owner = 1 AND id < 2 AND read IS NULL ORDER BY id DESC",
            "SELECT * FROM timer WHERE due <= 1 ORDER BY due",
            "SELECT * FROM delivery WHERE next_attempt <= 1 ORDER BY next_attempt",
            "SELECT * FROM subscription WHERE flow = 1 ORDER BY generation DESC, id DESC LIMIT 1",
            "SELECT * FROM connection WHERE connector = 1 AND id < 2 ORDER BY id DESC",
        ];
        for sql in lists {
            let mut plan = writer.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            let bad = steps.iter().any(|step| step.contains("SCAN") || step.contains("TEMP B-TREE"));
            assert!(!bad, "{sql}: {steps:?}");
        }
    }
}
