//! Opening the store, and handing units to the writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use hookmill_store::{Committed, Figures, Lane, Leases, Nodes, Purged, Retention, Store, StoreError, Unit};
use tokio::sync::{oneshot, watch};
use tracing::info;

use crate::lanes::{Lanes, Order, Places};
use crate::read::store::figures;
use crate::readers::{Readers, TIME_MAX};
use crate::step::Packed;
use crate::writer::{LogNote, Writer};
use crate::{folder, schema};

/// Units with more bytes are compressed on a thread that may block, so that other tasks go on.
const PACKED_ASIDE_FROM: usize = 256 * 1_024;

/// How much memory and how many connections the store may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Connections that read.
    pub readers: usize,
    /// The page cache of the connection that writes, in KiB.
    pub writer_cache_kib: u32,
    /// The page cache of each connection that reads, in KiB.
    pub reader_cache_kib: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { readers: 4, writer_cache_kib: 16 * 1_024, reader_cache_kib: 2 * 1_024 }
    }
}

/// A store in a data folder.
pub struct SqliteStore {
    folder: PathBuf,
    lanes: Arc<Lanes>,
    pub(crate) readers: Readers,
    broken: watch::Receiver<Option<StoreError>>,
    log: Arc<LogNote>,
    writer: Mutex<Option<JoinHandle<()>>>,
    leases: Arc<Leases>,
}

/// One process owns the folder, and with it all shards.
impl Nodes for SqliteStore {
    fn leases(&self) -> Arc<Leases> {
        Arc::clone(&self.leases)
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in `folder`, which is made where it is missing. The folder belongs to this store until it is
    /// closed or dropped. Waits for the disk, so call it before there is anything else to do.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another server uses the folder, [`StoreError::ReadOnly`] where it cannot be
    /// written, [`StoreError::TooNew`] for the data of a later release, [`StoreError::Damaged`] for a file that is
    /// no database, [`StoreError::Full`] and [`StoreError::Unavailable`] for the state of the disk.
    pub fn open(folder: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let folder = folder.as_ref().to_owned();
        let claim = folder::claim(&folder)?;
        folder::check_traces(&folder)?;
        let connection = schema::open_writer(&folder, options.writer_cache_kib)?;
        let readers = Readers::open(&folder, options.readers.max(1), options.reader_cache_kib, TIME_MAX)?;
        let lanes = Arc::new(Lanes::new());
        let (told, broken) = watch::channel(None);
        let log = Arc::new(LogNote::default());
        let unavailable = |detail: String| StoreError::Unavailable {
            detail: format!("the writer did not start: {detail}"),
            unknown: false,
        };
        let writer = Writer::new(connection, Arc::clone(&lanes), folder::shown(&folder), claim, told, Arc::clone(&log))
            .map_err(|error| unavailable(error.to_string()))?;
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| unavailable(error.to_string()))?;
        info!(store.folder = %folder.display(), "the store in {} is open", folder.display());
        Ok(Self { folder, lanes, readers, broken, log, writer: Mutex::new(Some(thread)), leases: Leases::alone() })
    }

    /// Looks for contradictions in what is stored, one sentence each; none for a sound store. It reads everything, so it
    /// takes its time, and it may run while the server works.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where even looking is not possible, and whatever the disk answers.
    pub async fn examine(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.folder.clone();
        match tokio::task::spawn_blocking(move || examine(&folder)).await {
            Ok(result) => result,
            Err(stopped) => Err(StoreError::Unavailable { detail: stopped.to_string(), unknown: false }),
        }
    }

    async fn order(&self, unit: Packed, places: Places, lane: Lane) -> Result<Committed, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.lanes.put(Order::Commit { unit, answer, _places: places }, lane)?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    fn thread(&self) -> Option<JoinHandle<()>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Where the database of a data folder is.
#[must_use]
pub fn database(folder: &Path) -> PathBuf {
    folder::database(folder)
}

/// [`Store::copy_to`] without opening the store: another process may be the one that serves it.
///
/// # Errors
/// As there; [`StoreError::Unavailable`] where the folder holds no store.
pub fn copy(folder: &Path, file: &Path) -> Result<(), StoreError> {
    let unavailable = |detail: String| StoreError::Unavailable { detail, unknown: false };
    if file.exists() {
        return Err(unavailable(format!("{} exists already", file.display())));
    }
    // A connection of its own: a long copy must not run into the readers' time limit.
    let connection = reader(folder, 2_048)?;
    // `query_only` would forbid the copy, which writes to another file only.
    let copied = connection
        .execute_batch("PRAGMA query_only = OFF")
        .and_then(|()| connection.execute("VACUUM INTO ?1", [file.display().to_string()]));
    copied.map_err(|error| crate::error::store_error(&error, &folder::shown(folder)))?;
    let written = std::fs::File::open(file).and_then(|file| file.sync_all());
    written.map_err(|error| unavailable(error.to_string()))
}

/// [`SqliteStore::examine`] without opening the store: another process may be the one that serves it.
///
/// # Errors
/// As there; [`StoreError::Unavailable`] where the folder holds no store.
pub fn examine(folder: &Path) -> Result<Vec<String>, StoreError> {
    // A connection of its own: this must not run into the readers' time limit.
    let connection = reader(folder, 8_192)?;
    crate::examine::examine(&connection).map_err(|error| crate::error::store_error(&error, &folder::shown(folder)))
}

/// Whether a store that a server may be using has a setting of this name, or an account.
///
/// # Errors
/// As [`examine`].
pub fn has_setting_or_account(folder: &Path, name: &str) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM setting WHERE name = ?1) OR EXISTS (SELECT 1 FROM user)";
    let connection = reader(folder, 1_024)?;
    let found = connection.query_row(SQL, [name], |row| row.get(0));
    found.map_err(|error| crate::error::store_error(&error, &folder::shown(folder)))
}

/// A connection to a database that exists: looking must not make one.
fn reader(folder: &Path, cache_kib: u32) -> Result<rusqlite::Connection, StoreError> {
    if !folder::database(folder).is_file() {
        let detail = format!("there is no store in {}", folder.display());
        return Err(StoreError::Unavailable { detail, unknown: false });
    }
    schema::open_reader(folder, cache_kib)
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.lanes.close();
        if let Some(thread) = self.thread() {
            // A writer that panicked has said so on its own thread.
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, unit: Unit, lane: Lane) -> Result<Committed, StoreError> {
        let bytes = unit.payload_bytes();
        let places = self.lanes.places(lane, bytes).await?;
        let unit = if bytes > PACKED_ASIDE_FROM {
            let packing = tokio::task::spawn_blocking(move || Packed::new(unit)).await;
            packing.map_err(|stopped| StoreError::Unavailable { detail: stopped.to_string(), unknown: false })?
        } else {
            Packed::new(unit)
        };
        self.order(unit, places, lane).await
    }

    async fn purge(&self, retention: Retention) -> Result<Purged, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.lanes.put(Order::Purge { retention, answer }, Lane::Work)?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let places = self.lanes.places(Lane::Work, 0).await?;
        self.order(Packed::beat(), places, Lane::Work).await.map(|_| ())
    }

    async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        let (folder, file) = (self.folder.clone(), file.to_owned());
        match tokio::task::spawn_blocking(move || copy(&folder, &file)).await {
            Ok(result) => result,
            Err(stopped) => Err(StoreError::Unavailable { detail: stopped.to_string(), unknown: false }),
        }
    }

    async fn broken(&self) -> StoreError {
        let mut broken = self.broken.clone();
        let told = broken.wait_for(Option::is_some).await.ok().and_then(|problem| problem.clone());
        match told {
            Some(problem) => problem,
            // The writer has ended in order: there is nothing to tell.
            None => std::future::pending().await,
        }
    }

    async fn figures(&self) -> Result<Figures, StoreError> {
        let (folder, log) = (self.folder.clone(), self.log.now());
        self.readers
            .read(move |c| {
                let size = |suffix: &str| {
                    let path = folder.join(format!("{}{suffix}", folder::DATABASE));
                    std::fs::metadata(path).map_or(0, |facts| facts.len())
                };
                figures(c, size("") + size("-wal"), folder::disk(&folder), log)
            })
            .await
    }

    async fn close(&self) {
        self.lanes.close();
        if let Some(thread) = self.thread() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn location(&self) -> String {
        folder::shown(&self.folder)
    }
}

/// The writer's thread ended without an answer, which it never does by itself.
fn gone() -> StoreError {
    StoreError::Unavailable { detail: "the thread that writes has ended".to_owned(), unknown: true }
}
