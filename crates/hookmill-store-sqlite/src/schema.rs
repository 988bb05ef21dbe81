//! Opening connections, and bringing the tables up to date.

use std::path::Path;
use std::time::Duration;

use hookmill_store::StoreError;
use rusqlite::{Connection, OpenFlags};

use crate::error::store_error;
use crate::folder;

/// Every step from one version of the tables to the next. Steps are added, never changed.
const STEPS: &[&str] = &[
    include_str!("../schema/1.sql"),
    include_str!("../schema/2.sql"),
    include_str!("../schema/3.sql"),
    include_str!("../schema/4.sql"),
    include_str!("../schema/5.sql"),
    include_str!("../schema/6.sql"),
    include_str!("../schema/7.sql"),
];

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
    if found == 0 && is_without_tables(&connection).map_err(|error| problem(&error))? {
        folder::refuse_traces(folder)?;
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

fn is_without_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
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

    /// A store of the first version learns which flows fail, and keeps a copy of what it was.
    #[test]
    fn a_store_of_the_first_version_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let old = connect(folder.path(), 1_024).unwrap();
        prepare(&old, 0).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        let key = |number: u8| [number; 16];
        // 2 succeeded, 3 failed, 4 was cancelled, 5 took too long.
        let histories: [(u8, &[i64]); 4] = [(1, &[3, 3, 3]), (2, &[3, 2, 3, 4, 5]), (3, &[3, 2]), (4, &[])];
        for (flow, statuses) in histories {
            let sql = "INSERT INTO flow VALUES (?1, ?2, 'Flow', NULL, 'on', 1, 1, x'', 0, 0, NULL)";
            old.execute(sql, (key(flow), key(9))).unwrap();
            for (at, status) in statuses.iter().enumerate() {
                let sql = "INSERT INTO run (id, owner, flow, version, kind, status, epoch, facts, started, ended,
                               trigger_name, summary) VALUES (?1, ?2, ?3, 1, 0, ?4, 1, 0, 0, 0, '', '')";
                old.execute(sql, (key(flow * 10 + u8::try_from(at).unwrap()), key(9), key(flow), status)).unwrap();
            }
        }
        let sql = "INSERT INTO connector VALUES (?1, ?2, 'Forge', '', 3, x'7b7d', x'', NULL, 4, 5)";
        old.execute(sql, (key(8), key(9))).unwrap();
        drop(old);
        let writer = open_writer(folder.path(), 1_024).unwrap();
        assert_eq!(version(&writer).unwrap(), version_known());
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?));
        let kept = writer.query_row("SELECT name, sealed IS NULL FROM connector", [], read).unwrap();
        assert_eq!(kept, ("Forge".to_owned(), true));
        let mut rows = writer.prepare("SELECT flow, failures, run FROM failing ORDER BY flow").unwrap();
        let found: Vec<([u8; 16], i64, [u8; 16])> = rows
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(found, [(key(1), 3, key(12)), (key(2), 2, key(24))]);
        assert!(folder.path().join(format!("hookmill.before-{}.db", version_known())).exists());
    }
}
