//! The thread that writes: one transaction for all units that wait, one fsync, then the answers.
//!
//! A unit that is refused must not harm its neighbours. Savepoints around each unit would do, but they copy every page
//! that a unit touches. So the first try goes without: a unit that is refused before it wrote anything simply drops
//! out; only when one wrote something first is the transaction rolled back and repeated with savepoints.
//!
//! Most of what a transaction costs does not depend on how many units it has. So after one the writer waits for as long
//! as that took, a millisecond at most, before the next: what comes meanwhile shares it. Whoever comes when the writer
//! has been idle for that long waits for nobody.
//!
//! No other connection runs checkpoints: a second one that never finds the writer pausing lets the log grow without
//! end. The writer runs them itself, when enough has been written and when nothing waits.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookmill_store::{Committed, Log, StoreError};
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};
use tracing::{debug, error, warn};

use crate::change::{self, Ended};
use crate::error::{Failure, store_error};
use crate::folder::Claim;
use crate::lanes::{Lanes, Order, Places, Taken};
use crate::purge;
use crate::step::Packed;

/// Bytes of a frame of the log.
const FRAME_BYTES: u64 = 8 * 1_024;
/// Frames of the log after which a checkpoint is due: 16 MiB, about 10 ms of copying.
const CHECKPOINT_FRAMES: i32 = 2_048;
/// Frames that make a pause worth a checkpoint.
const CHECKPOINT_FRAMES_IDLE: i32 = 128;
const PAUSE: Duration = Duration::from_millis(5);
/// The longest wait for units that share a transaction.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// After this long without work the log is emptied.
const REST: Duration = Duration::from_secs(10);

type Answer = oneshot::Sender<Result<Committed, StoreError>>;

struct Waiting {
    unit: Packed,
    answer: Answer,
    _places: Places,
}

/// What the writer tells of its log.
#[derive(Debug, Default)]
pub(crate) struct LogNote {
    /// Bytes that are in the log only.
    bytes: AtomicU64,
    /// When a checkpoint last copied all that was there.
    copied_at: Mutex<Option<Instant>>,
}

impl LogNote {
    pub(crate) fn now(&self) -> Log {
        let copied_at = *self.copied_at.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = Some(self.bytes.load(Ordering::Relaxed));
        Log { bytes, checkpoint_age: copied_at.map(|at| at.elapsed()) }
    }
}

pub(crate) struct Writer {
    connection: Connection,
    lanes: Arc<Lanes>,
    folder: String,
    /// Frames in the log, told by SQLite at each commit.
    frames: Arc<AtomicI32>,
    /// Frames that are already in the database.
    copied: i32,
    /// Why nothing can be written any more.
    broken: Option<StoreError>,
    /// Hears of that.
    told: watch::Sender<Option<StoreError>>,
    /// What others see of the log.
    log: Arc<LogNote>,
    _claim: Claim,
}

impl Writer {
    pub(crate) fn new(
        mut connection: Connection,
        lanes: Arc<Lanes>,
        folder: String,
        claim: Claim,
        told: watch::Sender<Option<StoreError>>,
        log: Arc<LogNote>,
    ) -> rusqlite::Result<Self> {
        let frames = Arc::new(AtomicI32::new(0));
        let noted = Arc::clone(&frames);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            noted.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { connection, lanes, folder, frames, copied: 0, broken: None, told, log, _claim: claim })
    }

    /// Performs orders until the lanes are closed and empty.
    pub(crate) fn run(mut self) {
        // What a crash left in the log is copied before the first pause ends.
        let mut rested = false;
        let mut not_before = Instant::now();
        self.frames.fetch_max(CHECKPOINT_FRAMES_IDLE + 1, Ordering::Relaxed);
        loop {
            let behind = self.behind();
            let patience = if behind > CHECKPOINT_FRAMES_IDLE {
                Some(PAUSE)
            } else if rested {
                None
            } else {
                Some(REST)
            };
            match self.lanes.take(patience, not_before) {
                Taken::Batch(orders) => {
                    rested = false;
                    let begun = Instant::now();
                    self.perform(orders);
                    not_before = Instant::now() + begun.elapsed().min(GATHER_MAX);
                    let behind = u64::try_from(self.behind()).unwrap_or(0);
                    self.log.bytes.store(behind * FRAME_BYTES, Ordering::Relaxed);
                    if self.behind() >= CHECKPOINT_FRAMES {
                        self.checkpoint("PASSIVE");
                    }
                }
                Taken::Idle if behind > CHECKPOINT_FRAMES_IDLE => self.checkpoint("PASSIVE"),
                Taken::Idle => {
                    self.checkpoint("TRUNCATE");
                    rested = true;
                }
                Taken::Closed => {
                    self.checkpoint("TRUNCATE");
                    return;
                }
            }
        }
    }

    /// Frames that are in the log only.
    fn behind(&mut self) -> i32 {
        let frames = self.frames.load(Ordering::Relaxed);
        if frames < self.copied {
            // The log began anew: nothing of it is copied yet.
            self.copied = 0;
        }
        frames - self.copied
    }

    fn checkpoint(&mut self, mode: &str) {
        let pragma = format!("PRAGMA wal_checkpoint({mode})");
        let result = self.connection.query_row(&pragma, [], |row| Ok((row.get::<_, i32>(1)?, row.get::<_, i32>(2)?)));
        match result {
            Ok((frames, copied)) => {
                self.frames.store(frames.max(0), Ordering::Relaxed);
                // What a reader keeps from being copied waits for the next time, not for the next pause.
                self.copied = frames.max(0);
                let left = u64::try_from(frames - copied).unwrap_or(0);
                self.log.bytes.store(left * FRAME_BYTES, Ordering::Relaxed);
                if left == 0 {
                    *self.log.copied_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                }
                debug!(store.frames = frames, store.copied = copied, "checkpoint {mode}");
            }
            Err(problem) if is_unconfirmed(&problem) => drop(self.failed(&problem)),
            Err(problem) => {
                self.copied = self.frames.load(Ordering::Relaxed);
                warn!(error = %problem, "a checkpoint of the store failed; it is tried again later");
            }
        }
    }

    fn perform(&mut self, orders: Vec<Order>) {
        let mut units = Vec::with_capacity(orders.len());
        let mut purges = Vec::new();
        for order in orders {
            match order {
                Order::Commit { unit, answer, _places } => units.push(Waiting { unit, answer, _places }),
                Order::Purge { retention, answer } => purges.push((retention, answer)),
            }
        }
        if !units.is_empty() {
            self.commit(units);
        }
        for (retention, answer) in purges {
            let purged = match &self.broken {
                Some(problem) => Err(problem.clone()),
                None => {
                    purge::step(&mut self.connection, retention).map_err(|problem| store_error(&problem, &self.folder))
                }
            };
            // Nobody may be listening any more; the rows are gone nevertheless.
            let _ = answer.send(purged);
        }
    }

    fn commit(&mut self, units: Vec<Waiting>) {
        let begun = Instant::now();
        let results = match &self.broken {
            Some(problem) => Err(problem.clone()),
            None => self.transaction(&units),
        };
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

    /// Stores units in one transaction: the answer for each, or what made all of them fail.
    fn transaction(&mut self, units: &[Waiting]) -> Result<Vec<Result<Committed, StoreError>>, StoreError> {
        let problem = match self.attempt(units, false) {
            Ok(Some(results)) => return Ok(results),
            Ok(None) => match self.attempt(units, true) {
                Ok(Some(results)) => return Ok(results),
                Ok(None) => StoreError::Unavailable { detail: "a savepoint was not kept".to_owned(), unknown: false },
                Err(problem) => self.failed(&problem),
            },
            Err(problem) => self.failed(&problem),
        };
        Err(problem)
    }

    /// One try. `None` when a unit was refused after it wrote something, which only savepoints can take back.
    fn attempt(
        &mut self,
        units: &[Waiting],
        savepoints: bool,
    ) -> rusqlite::Result<Option<Vec<Result<Committed, StoreError>>>> {
        let connection = &self.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let done = fill(connection, units, savepoints);
        let keep = match &done {
            Ok(Some(results)) => results.iter().any(Result::is_ok),
            _ => false,
        };
        if keep {
            connection.prepare_cached("COMMIT")?.execute([])?;
        } else {
            connection.execute_batch("ROLLBACK")?;
        }
        done
    }

    /// Takes back what is left of a transaction and finds the word for what happened.
    fn failed(&mut self, problem: &rusqlite::Error) -> StoreError {
        if !self.connection.is_autocommit()
            && let Err(rollback) = self.connection.execute_batch("ROLLBACK")
        {
            warn!(error = %rollback, "rolling back failed too");
        }
        if is_unconfirmed(problem) {
            let detail = "the disk did not confirm a write (fsync failed)".to_owned();
            let lasting = StoreError::Unavailable { detail, unknown: true };
            error!(error = %problem, "the store stops: the disk did not confirm a write");
            self.broken = Some(lasting.clone());
            self.told.send_replace(Some(lasting.clone()));
            return lasting;
        }
        warn!(error = %problem, "a transaction of the store failed");
        store_error(problem, &self.folder)
    }
}

/// Whether the disk did not confirm a write. The system may have dropped the pages then: nothing that is read back
/// proves anything, and no other write helps.
fn is_unconfirmed(problem: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};
    matches!(problem, rusqlite::Error::SqliteFailure(error, _)
        if matches!(error.extended_code, SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC))
}

fn fill(
    connection: &Connection,
    units: &[Waiting],
    savepoints: bool,
) -> rusqlite::Result<Option<Vec<Result<Committed, StoreError>>>> {
    let mut ended = Ended::default();
    let mut results = Vec::with_capacity(units.len());
    for waiting in units {
        let mut ended_here = Vec::new();
        let changes = connection.total_changes();
        if savepoints {
            connection.prepare_cached("SAVEPOINT unit")?.execute([])?;
        }
        match change::apply(connection, &waiting.unit, &mut ended_here) {
            Ok(committed) => {
                ended.add(ended_here);
                results.push(Ok(committed));
            }
            Err(Failure::Unit(refusal)) => {
                if savepoints {
                    connection.prepare_cached("ROLLBACK TO unit")?.execute([])?;
                } else if connection.total_changes() != changes {
                    return Ok(None);
                }
                results.push(Err(refusal));
            }
            Err(Failure::Database(problem)) => return Err(problem),
        }
        if savepoints {
            connection.prepare_cached("RELEASE unit")?.execute([])?;
        }
    }
    change::count_ended(connection, &ended)?;
    Ok(Some(results))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(extended_code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(extended_code), None)
    }

    #[tokio::test]
    async fn a_write_that_the_disk_did_not_confirm_ends_the_store_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let connection = crate::schema::open_writer(folder.path(), 1_024).unwrap();
        let (told, mut hears) = watch::channel(None);
        let claim = crate::folder::claim(folder.path()).unwrap();
        let mut writer =
            Writer::new(connection, Arc::new(Lanes::new()), "here".to_owned(), claim, told, Arc::default()).unwrap();
        writer.failed(&failure(rusqlite::ffi::SQLITE_IOERR_WRITE));
        assert!(writer.broken.is_none() && hears.borrow().is_none(), "a write that failed may be tried again");
        assert!(writer.failed(&failure(rusqlite::ffi::SQLITE_IOERR_FSYNC)).is_unknown());
        assert!(writer.broken.is_some());
        assert!(hears.wait_for(Option::is_some).await.is_ok());
    }
}
