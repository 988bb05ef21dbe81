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
