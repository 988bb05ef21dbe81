//! The task that writes: one transaction for all units that wait, one flush to the disk, then the answers.
//!
//! Several servers write into a database, each over one connection. What one writes as the owner of a shard carries the
//! epoch of its lease: a transaction shares the locks of its shards and compares the epochs behind that, so a late writer
//! is refused (`keeper` has the other half).
//!
//! The connection holds a session lock of this server alone. When the answer to a COMMIT is lost, the number of the batch
//! is read back, which stands in the same transaction: over a new connection, and behind the lock, so that the old one
//! can do nothing any more. Beside that it shares the lock of servers, which keeps moves of whole stores away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hookmill_store::{Committed, DatabaseProblem, StoreError};
use tokio::sync::watch;
use tokio_postgres::{Client, Error};
use tracing::{debug, warn};

use crate::batch::{self, Part};
use crate::change::{self, EndedRun};
use crate::column::{args, get};
use crate::error::{Failure, all, is_about_values, is_lost, store_error};
use crate::lanes::{Lanes, Order, Waiting};
use crate::place::{Place, Use};
use crate::purge;
use crate::schema::{self, LOCKS};
use crate::step::Packed;

/// The lock that servers share, and that a move of the whole store has alone.
pub(crate) const LOCK_OF_SERVERS: i32 = 0;
/// So long a server waits for its locks: a move, or a connection that was lost a moment ago, may still have them.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// So long what became of a COMMIT is asked for, before its outcome counts as unknown.
const ANSWER_WAIT: Duration = Duration::from_secs(8);
/// So often a connection that has nothing to write is looked at.
const BEAT: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_millis(1_000);

type Results = Vec<Result<Committed, StoreError>>;

/// Why a transaction did not come to its end.
struct Broken {
    problem: Failure,
    /// What the units are answered if the COMMIT, which was on its way, reached its end.
    committing: Option<Results>,
}

impl Broken {
    fn before(problem: impl Into<Failure>) -> Self {
        Self { problem: problem.into(), committing: None }
    }
}

/// Who this process is, among those that work with one database.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Tells it from all others, also from the one before it at the same address.
    pub(crate) id: [u8; 16],
    /// For people.
    pub(crate) name: String,
    /// The session lock of the connection that writes.
    pub(crate) lock: i32,
}

impl Identity {
    pub(crate) fn new(id: [u8; 16], name: String) -> Self {
        // Numbers below are locks that have a meaning each, negative ones those of things (`batch/load`).
        let lock = (i32::from_be_bytes([id[0], id[1], id[2], id[3]]) & 0x3FFF_FFFF) | 0x4000_0000;
        Self { id, name, lock }
    }
}

pub(crate) struct Writer {
    place: Place,
    /// None while the connection is lost.
    client: Option<Client>,
    lanes: Arc<Lanes>,
    own: Identity,
    /// The process at the server that holds our lock.
    backend: i32,
    batch: i64,
    /// Why nothing can be written any more.
    broken: Option<StoreError>,
    /// Hears of that.
    told: watch::Sender<Option<StoreError>>,
}

impl Writer {
    /// Opens the connection that writes, with its locks.
    pub(crate) async fn new(
        place: Place,
        lanes: Arc<Lanes>,
        own: Identity,
        told: watch::Sender<Option<StoreError>>,
    ) -> Result<Self, StoreError> {
        let client = place.connect(Use::Write).await?;
        place.check(&client).await?;
        let mut writer = Self { place, client: None, lanes, own, backend: 0, batch: 0, broken: None, told };
        writer.lock(&client).await?;
        schema::migrate(&client, &writer.place).await?;
        writer.register(client).await?;
        Ok(writer)
    }

    /// Performs orders until the lanes are closed and empty.
    pub(crate) async fn run(mut self) {
        loop {
            let orders = match tokio::time::timeout(BEAT, self.lanes.take()).await {
                Ok(Some(orders)) => orders,
                Ok(None) => break,
                Err(_) => {
                    self.beat().await;
                    continue;
                }
            };
            let mut units = Vec::with_capacity(orders.len());
            for order in orders {
                match order {
                    Order::Commit(waiting) => units.push(waiting),
                    Order::Purge { retention, answer } => {
                        let purged = match self.client().await {
                            Ok(client) => purge::step(client, retention).await,
                            Err(problem) => {
                                let _ = answer.send(Err(problem));
                                continue;
                            }
                        };
                        let purged = match purged {
                            Ok(purged) => Ok(purged),
                            Err(problem) => Err(self.failed(&problem).await),
                        };
                        // Nobody may be listening any more; the rows are gone nevertheless.
                        let _ = answer.send(purged);
                    }
                }
            }
            if !units.is_empty() {
                self.commit(units).await;
            }
        }
    }

    /// A connection that was lost while nothing was to be written is opened anew, so that the next unit need not wait.
    async fn beat(&mut self) {
        let Ok(client) = self.client().await else { return };
        if let Err(problem) = client.batch_execute("").await {
            debug!(error = %problem, "the connection that writes was lost");
            if is_lost(&problem) {
                self.client = None;
                let _ = self.client().await;
            }
        }
    }

    async fn commit(&mut self, units: Vec<Waiting>) {
        let begun = Instant::now();
        let packed: Vec<&Packed> = units.iter().map(|waiting| &waiting.unit).collect();
        let results = self.store(&packed).await;
        metrics::histogram!("hookmill_store_commit_duration_seconds").record(begun.elapsed());
        metrics::histogram!("hookmill_store_batch_units").record(u32::try_from(units.len()).unwrap_or(u32::MAX));
        match results {
            Ok(results) => {
                self.lanes.note_rate(units.len(), begun.elapsed());
                for (waiting, result) in units.into_iter().zip(results) {
                    // A caller that went away does not need the answer.
                    let _ = waiting.answer.send(result);
                }
            }
            Err(problem) => {
                metrics::counter!("hookmill_store_failures_total").increment(1);
                for waiting in units {
                    let _ = waiting.answer.send(Err(problem.clone()));
                }
            }
        }
    }

    /// Stores units in one transaction. Where values of one of them are at fault, each gets a transaction of its own.
    async fn store(&mut self, units: &[&Packed]) -> Result<Results, StoreError> {
        match self.transaction(units).await {
            Ok(results) => Ok(results),
            Err(Failure::Database(problem)) if is_about_values(&problem) && units.len() > 1 => {
                let mut results = Vec::with_capacity(units.len());
                for unit in units {
                    results.push(match self.transaction(&[*unit]).await {
                        Ok(mut one) => one.pop().unwrap_or_else(|| Ok(Committed::default())),
                        Err(Failure::Unit(problem)) => Err(problem),
                        Err(Failure::Database(problem)) => Err(self.failed(&problem).await),
                    });
                }
                Ok(results)
            }
            Err(Failure::Unit(problem)) => Err(problem),
            Err(Failure::Database(problem)) => Err(self.failed(&problem).await),
        }
    }

    /// One transaction, tried again over a new connection where the old one had been lost before it began.
    async fn transaction(&mut self, units: &[&Packed]) -> Result<Results, Failure> {
        let mut tries = 0;
        loop {
            self.client().await?;
            self.batch += 1;
            let Some(client) = &self.client else { return Err(StoreError::Closed.into()) };
            let broken = match attempt(client, units, &self.own.id, self.batch).await {
                Ok(results) => return Ok(results),
                Err(broken) => broken,
            };
            let problem = match broken.problem {
                Failure::Database(problem) => problem,
                Failure::Unit(refusal) => {
                    self.take_back().await;
                    return Err(refusal.into());
                }
            };
            if !is_lost(&problem) {
                self.take_back().await;
                return Err(problem.into());
            }
            self.client = None;
            if let Some(results) = broken.committing {
                match self.was_committed().await {
                    Some(true) => return Ok(results),
                    None => {
                        let detail = format!("{}: the connection was lost during a commit", self.place.shown);
                        return Err(StoreError::Unavailable { detail, unknown: true }.into());
                    }
                    Some(false) => {}
                }
            }
            tries += 1;
            if tries > 1 {
                return Err(problem.into());
            }
            debug!(error = %problem, "the connection to the database was lost; the transaction is tried again");
        }
    }

    /// Ends a transaction that failed. Where even that fails the connection is given up.
    async fn take_back(&mut self) {
        let ended = match &self.client {
            Some(client) => client.batch_execute("ROLLBACK").await,
            None => Ok(()),
        };
        if ended.is_err() {
            self.client = None;
        }
    }

    async fn failed(&mut self, problem: &Error) -> StoreError {
        self.take_back().await;
        warn!(error = %problem, "a transaction of the store failed");
        store_error(problem, &self.place.shown)
    }

    /// The connection, made anew where it was lost.
    async fn client(&mut self) -> Result<&Client, StoreError> {
        if let Some(problem) = &self.broken {
            return Err(problem.clone());
        }
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.client = None;
            let client = self.place.connect(Use::Write).await?;
            self.place.check(&client).await?;
            if let Err(problem) = self.begin(client).await {
                if matches!(&problem, StoreError::Database { problem: DatabaseProblem::InUse, .. }) {
                    self.broken = Some(problem.clone());
                    self.told.send_replace(Some(problem.clone()));
                }
                return Err(problem);
            }
            warn!("the connection to {} is back", self.place.shown);
        }
        self.client.as_ref().ok_or(StoreError::Closed)
    }

    /// Takes the locks over a new connection.
    async fn begin(&mut self, client: Client) -> Result<(), StoreError> {
        self.lock(&client).await?;
        self.register(client).await
    }

    async fn lock(&mut self, client: &Client) -> Result<(), StoreError> {
        let until = Instant::now() + LOCK_WAIT;
        let told = |problem: Error| store_error(&problem, &self.place.shown);
        loop {
            let sql = "SELECT pg_try_advisory_lock_shared($1, $2), pg_try_advisory_lock($1, $3), pg_backend_pid()";
            let row = client.query_typed_one(sql, args![LOCKS, LOCK_OF_SERVERS, self.own.lock]).await.map_err(told)?;
            let (is_shared, is_own) = (get::<bool>(&row, 0)?, get::<bool>(&row, 1)?);
            if is_shared && is_own {
                self.backend = get(&row, 2)?;
                break;
            }
            client.batch_execute("SELECT pg_advisory_unlock_all()").await.map_err(told)?;
            if self.backend != 0 {
                // Our own old connection, which the server has not given up yet.
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks
                           WHERE locktype = 'advisory' AND classid = $1::int8::oid AND objid = $3::int8::oid AND pid = $2";
                client
                    .query_typed(sql, args![i64::from(LOCKS), self.backend, i64::from(self.own.lock)])
                    .await
                    .map_err(told)?;
            }
            if Instant::now() > until {
                return Err(StoreError::Database {
                    place: self.place.shown.clone(),
                    problem: DatabaseProblem::InUse,
                    detail: "the whole store is being moved, or a server of an older release works with it".to_owned(),
                });
            }
            tokio::time::sleep(PAUSE_MIN).await;
        }
        Ok(())
    }

    /// Says who writes now.
    async fn register(&mut self, client: Client) -> Result<(), StoreError> {
        let told = |problem: Error| store_error(&problem, &self.place.shown);
        let sql = "INSERT INTO node (id, name, version, batch, pid, lock) VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (id) DO UPDATE SET seen = now(), pid = excluded.pid";
        let (pid, lock) = (i64::from(self.backend), i64::from(self.own.lock));
        let version = env!("CARGO_PKG_VERSION");
        client
            .execute_typed(sql, args![&self.own.id[..], self.own.name, version, self.batch, pid, lock])
            .await
            .map_err(told)?;
        self.client = Some(client);
        Ok(())
    }

    /// Whether the last batch was committed; `None` where that cannot be found out in time.
    async fn was_committed(&mut self) -> Option<bool> {
        let until = Instant::now() + ANSWER_WAIT;
        let mut pause = PAUSE_MIN;
        while Instant::now() < until && self.broken.is_none() {
            let (batch, id) = (self.batch, self.own.id);
            if let Ok(client) = self.client().await {
                let sql = "SELECT batch FROM node WHERE id = $1";
                match client.query_typed_opt(sql, args![&id[..]]).await {
                    Ok(row) => return row.and_then(|row| get::<i64>(&row, 0).ok()).map(|found| found >= batch),
                    Err(problem) => debug!(error = %problem, "the outcome of a commit is asked for again"),
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        None
    }
}

/// One try.
async fn attempt(client: &Client, units: &[&Packed], id: &[u8], batch: i64) -> Result<Results, Broken> {
    if units.iter().all(|unit| unit.is_set()) {
        return attempt_sets(client, units, id, batch).await;
    }
    client.batch_execute("BEGIN").await.map_err(Broken::before)?;
    // Before all other locks, so that nobody who takes a shard over waits for one who waits for somebody else.
    let epochs = batch::epochs(client, &parts(units)).await.map_err(Broken::before)?;
    if units.iter().any(|unit| change::must_be_alone(unit)) {
        change::alone(client).await.map_err(Broken::before)?;
    }
    let mut ended: Vec<EndedRun> = Vec::new();
    let mut results = Vec::with_capacity(units.len());
    let mut rest = units;
    while let Some(first) = rest.first() {
        let together = rest.iter().take_while(|unit| unit.is_set()).count();
        if together > 0 {
            let (sets, behind) = rest.split_at(together);
            results.extend(batch::perform(client, &parts(sets), &mut ended).await.map_err(Broken::before)?);
            rest = behind;
        } else {
            results.push(match batch::is_owned(&epochs, first.fence) {
                Ok(()) => change::perform(client, first, &mut ended).await.map_err(Broken::before)?,
                Err(refusal) => Err(refusal),
            });
            rest = &rest[1..];
        }
    }
    if !results.iter().any(Result::is_ok) {
        client.batch_execute("ROLLBACK").await.map_err(Broken::before)?;
        return Ok(results);
    }
    change::count_ended(client, &ended).await.map_err(Broken::before)?;
    mark(client, id, batch).await.map_err(Broken::before)?;
    match client.batch_execute("COMMIT").await {
        Ok(()) => Ok(results),
        Err(problem) => Err(Broken { problem: problem.into(), committing: Some(results) }),
    }
}

/// The usual try: all units are about events, runs and timers. It goes to the database and back twice, since statements
/// are sent without waiting for the answers of those before them.
async fn attempt_sets(client: &Client, units: &[&Packed], id: &[u8], batch: i64) -> Result<Results, Broken> {
    let parts = parts(units);
    let mut ended: Vec<EndedRun> = Vec::new();
    let begin = client.batch_execute("BEGIN");
    let (begun, decided) = tokio::join!(biased; begin, batch::decide(client, &parts, &mut ended));
    begun.map_err(Broken::before)?;
    let mut decided = decided.map_err(Broken::before)?;
    let results = std::mem::take(&mut decided.results);
    if !results.iter().any(Result::is_ok) {
        client.batch_execute("ROLLBACK").await.map_err(Broken::before)?;
        return Ok(results);
    }
    // Behind a statement that failed the COMMIT takes everything back, and answers that it did.
    let done = tokio::join!(
        biased;
        decided.write(client),
        change::count_ended(client, &ended),
        mark(client, id, batch),
        client.batch_execute("COMMIT"),
    );
    match all(done.into()) {
        Ok(_) => Ok(results),
        Err(problem) => Err(Broken { problem: problem.into(), committing: Some(results) }),
    }
}

fn parts<'a>(units: &[&'a Packed]) -> Vec<Part<'a>> {
    units.iter().map(|unit| Part { expects: &unit.expects, steps: &unit.steps, fence: unit.fence }).collect()
}

/// Writes the number of the batch.
async fn mark(client: &Client, id: &[u8], batch: i64) -> Result<(), Error> {
    let sql = "UPDATE node SET batch = $2, seen = now() WHERE id = $1";
    client.execute_typed(sql, args![id, batch]).await.map(drop)
}
