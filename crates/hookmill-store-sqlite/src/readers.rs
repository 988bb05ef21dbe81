//! The connections that read. Each read gets one for itself, on a thread that may block.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookmill_store::StoreError;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::store_error;
use crate::{folder, schema};

/// A read that takes longer is stopped: while it lasts, the log cannot be emptied.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS_PER_LOOK: i32 = 20_000;

struct Reader {
    connection: Connection,
    deadline: Arc<Mutex<Option<Instant>>>,
    time_max: Duration,
}

/// A reader in use. It goes back, whatever becomes of the query.
struct Lent {
    reader: Option<Reader>,
    idle: Arc<Mutex<Vec<Reader>>>,
    // Given back after the reader: fields are dropped after `drop` ran.
    _place: OwnedSemaphorePermit,
}

impl Lent {
    fn query<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let reader = self.reader.as_ref().ok_or(rusqlite::Error::InvalidQuery)?;
        *lock(&reader.deadline) = Some(Instant::now() + reader.time_max);
        query(&reader.connection)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            *lock(&reader.deadline) = None;
            lock(&self.idle).push(reader);
        }
    }
}

pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Reader>>>,
    places: Arc<Semaphore>,
    folder: Arc<str>,
}

impl Readers {
    pub(crate) fn open(folder: &Path, count: usize, cache_kib: u32, time_max: Duration) -> Result<Self, StoreError> {
        let shown: Arc<str> = folder::shown(folder).into();
        let mut idle = Vec::with_capacity(count);
        for _ in 0..count {
            let mut connection = schema::open_reader(folder, cache_kib)?;
            let deadline = Arc::new(Mutex::new(None::<Instant>));
            let seen = Arc::clone(&deadline);
            let late =
                move || seen.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() > until);
            connection.progress_handler(STEPS_PER_LOOK, Some(late)).map_err(|error| store_error(&error, &shown))?;
            idle.push(Reader { connection, deadline, time_max });
        }
        Ok(Self { idle: Arc::new(Mutex::new(idle)), places: Arc::new(Semaphore::new(count)), folder: shown })
    }

    /// Reads with a connection of one's own.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let idle = Arc::clone(&self.idle);
        let work = tokio::task::spawn_blocking(move || {
            let reader = lock(&idle).pop();
            let Some(reader) = reader else { return Err(rusqlite::Error::InvalidQuery) };
            let lent = Lent { reader: Some(reader), idle, _place: place };
            lent.query(query)
        });
        match work.await {
            Ok(result) => result.map_err(|error| store_error(&error, &self.folder)),
            Err(stopped) => {
                Err(StoreError::Unavailable { detail: format!("a read was stopped ({stopped})"), unknown: false })
            }
        }
    }
}

// What the locks guard is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_read_without_end_is_stopped_and_the_next_one_works() {
        let folder = tempfile::tempdir().unwrap();
        drop(schema::open_writer(folder.path(), 1_024).unwrap());
        let readers = Readers::open(folder.path(), 1, 1_024, Duration::from_millis(50)).unwrap();
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let stopped = readers.read(move |c| c.query_row(endless, [], |row| row.get::<_, i64>(0))).await;
        assert!(matches!(stopped, Err(StoreError::Unavailable { unknown: false, .. })), "{stopped:?}");
        let one = readers.read(|c| c.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))).await;
        assert_eq!(one, Ok(1));
    }
}
