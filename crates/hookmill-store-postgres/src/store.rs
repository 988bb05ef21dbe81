//! Opening the store, and handing units to the writer.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::Timestamp;
use hookmill_store::{
    Asked, Committed, Figures, Lane, Leases, Log, Node, Nodes, Purged, Retention, Shard, Store, StoreError, Unit,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::info;

use crate::column::number;
use crate::desk::Desk;
use crate::keeper::Keeper;
use crate::lanes::{Lanes, Order, Places, Waiting};
use crate::place::Place;
use crate::readers::Readers;
use crate::step::Packed;
use crate::writer::{Identity, Writer};

/// Units with more bytes are compressed on a thread that may block, so that other tasks go on.
const PACKED_ASIDE_FROM: usize = 256 * 1_024;

/// Where the database is, and how many connections the store may use.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Such as `postgres://hookmill:secret@db.example.org/hookmill`. `sslmode`, `sslrootcert`, `sslcert` and `sslkey`
    /// mean what they mean to PostgreSQL's own programs; without `sslmode` other machines must prove who they are.
    pub address: String,
    /// Connections that read; one more writes.
    pub readers: usize,
    /// What this server is called in the list of those that work with the database.
    pub name: String,
}

impl PostgresOptions {
    /// A database with the usual number of connections.
    #[must_use]
    pub fn at(address: impl Into<String>) -> Self {
        Self { address: address.into(), readers: 8, name: "hookmill".to_owned() }
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("PostgresOptions").field("readers", &self.readers).finish_non_exhaustive()
    }
}

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    shown: String,
    lanes: Arc<Lanes>,
    pub(crate) readers: Readers,
    broken: watch::Receiver<Option<StoreError>>,
    pub(crate) desk: Arc<Desk>,
    address: String,
    own: Identity,
    writer: Mutex<Option<JoinHandle<()>>>,
    keeper: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("database", &self.shown).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens the store in a database, whose tables are made or brought up to date. This node takes its share of the shards
    /// before it answers, and gives them up when it is closed or dropped.
    ///
    /// # Errors
    /// [`StoreError::Database`] says why the database cannot be used, [`StoreError::TooNew`] refuses the tables of a
    /// later release, [`StoreError::Full`] and [`StoreError::Unavailable`] are about the state of the database.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let place = Place::parse(&options.address)?;
        let mut id = [0; 16];
        getrandom::fill(&mut id)
            .map_err(|error| StoreError::Unavailable { detail: error.to_string(), unknown: false })?;
        let own = Identity::new(id, options.name);
        let lanes = Arc::new(Lanes::new());
        let (told, broken) = watch::channel(None);
        let writer = Writer::new(place.clone(), Arc::clone(&lanes), own.clone(), told).await?;
        let desk = Arc::new(Desk::new(place.clone(), own.clone()));
        let keeper = Keeper::new(place.clone(), own.clone(), Arc::clone(&desk)).await?;
        let task = tokio::spawn(writer.run());
        let keeping = vec![tokio::spawn(keeper.run()), tokio::spawn(Arc::clone(&desk).run())];
        let shown = place.shown.clone();
        info!(store.database = shown, "the store in {shown} is open");
        let readers = Readers::new(place, options.readers);
        let (writer, keeper) = (Mutex::new(Some(task)), Mutex::new(keeping));
        Ok(Self { shown, lanes, readers, broken, desk, address: options.address, own, writer, keeper })
    }

    /// The numbers of the shards that this node holds, for a statement.
    pub(crate) fn held(&self) -> Vec<i64> {
        self.desk.leases.held().iter().map(|shard| i64::from(shard.number())).collect()
    }

    async fn order(&self, unit: Packed, places: Places, lane: Lane) -> Result<Committed, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.lanes.put(Order::Commit(Waiting { unit, answer, _places: places }), lane)?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, unit: Unit, lane: Lane) -> Result<Committed, StoreError> {
        let bytes = unit.payload_bytes();
        let epoch = match unit.shard {
            Some(shard) => {
                let epoch = self.desk.leases.epoch(shard);
                Some(epoch.ok_or(StoreError::NotOwner { shard: shard.number() })?)
            }
            None => None,
        };
        let places = self.lanes.places(lane, bytes).await?;
        let unit = if bytes > PACKED_ASIDE_FROM {
            let packing = tokio::task::spawn_blocking(move || Packed::new(unit, epoch)).await;
            packing.map_err(|stopped| StoreError::Unavailable { detail: stopped.to_string(), unknown: false })?
        } else {
            Packed::new(unit, epoch)
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

    async fn copy_to(&self, _file: &Path) -> Result<(), StoreError> {
        let detail = format!(
            "{} is backed up with the means of PostgreSQL, such as pg_dump or a base backup; only the master key is in \
             the data folder",
            self.shown
        );
        Err(StoreError::Unavailable { detail, unknown: false })
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
        let sql = "SELECT pg_database_size(current_database()),
                       (SELECT count(*) FROM flow WHERE deleted IS NULL), (SELECT count(*) FROM connector),
                       (SELECT count(*) FROM connection), (SELECT count(*) FROM \"user\")";
        let Some(row) = self.readers.row(sql, &[]).await? else { return Ok(Figures::default()) };
        // Not every user of every installation may ask for it.
        let checkpoint = "SELECT greatest(0, extract(epoch FROM now() - checkpoint_time) * 1000)::int8
                          FROM pg_control_checkpoint()";
        let log = match self.readers.row(checkpoint, &[]).await {
            Ok(Some(row)) => Some(Log { bytes: None, checkpoint_age: Some(Duration::from_millis(number(&row, 0)?)) }),
            Ok(None) | Err(_) => None,
        };
        Ok(Figures {
            bytes: number(&row, 0)?,
            flows: number(&row, 1)?,
            connectors: number(&row, 2)?,
            connections: number(&row, 3)?,
            users: number(&row, 4)?,
            disk: None,
            log,
        })
    }

    async fn close(&self) {
        self.lanes.close();
        let task = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
        self.desk.close();
        let keeper = std::mem::take(&mut *self.keeper.lock().unwrap_or_else(PoisonError::into_inner));
        for task in keeper {
            let _ = task.await;
        }
    }

    fn location(&self) -> String {
        self.shown.clone()
    }
}

#[async_trait]
impl Nodes for PostgresStore {
    fn leases(&self) -> Arc<Leases> {
        Arc::clone(&self.desk.leases)
    }

    async fn let_go(&self, shards: &[Shard], orderly: bool) -> Result<(), StoreError> {
        self.desk.let_go(shards, orderly).await
    }

    async fn drain(&self) {
        self.desk.drains();
    }

    async fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8";
        let row = self.readers.row(sql, &[]).await?;
        row.map(|row| crate::column::moment(&row, 0)).transpose()
    }

    fn was_orderly(&self, shard: Shard) -> Option<bool> {
        Some(self.desk.was_orderly(shard))
    }

    fn has_others(&self) -> bool {
        self.desk.has_others()
    }

    fn tell_others(&self, notice: String) {
        self.desk.tell(notice);
    }

    fn notices(&self) -> Option<broadcast::Receiver<String>> {
        Some(self.desk.notices())
    }

    async fn ask(&self, shard: Shard, body: Bytes, wait: Duration) -> Result<Bytes, StoreError> {
        self.desk.ask(shard, body, wait).await
    }

    fn asked(&self) -> Option<mpsc::Receiver<Asked>> {
        self.desk.take_asked()
    }

    async fn hold(&self, name: &str, span: Duration) -> Result<bool, StoreError> {
        self.desk.hold(name, span).await
    }

    async fn give_back(&self, name: &str) -> Result<(), StoreError> {
        self.desk.give_back(name).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        crate::nodes::nodes_for(&self.address, Some(&self.own.id)).await
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.lanes.close();
        self.desk.close();
    }
}

/// The writer's task ended without an answer, which it never does by itself.
fn gone() -> StoreError {
    StoreError::Unavailable { detail: "the task that writes has ended".to_owned(), unknown: true }
}
