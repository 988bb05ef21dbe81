//! The two queues in front of the writer, both bounded.
//!
//! Work waits for a place; intake is refused when its queue is full, before memory grows. A place is held until the
//! unit is answered. The writer takes work first, but leaves a quarter of each batch to intake: otherwise a server
//! that is busy would never accept anything.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hookmill_store::{Committed, Lane, Purged, Retention, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::step::Packed;

/// Units that one transaction takes at most: more gain nothing.
pub(crate) const BATCH_UNITS_MAX: usize = 256;
/// So many units are worth a transaction of their own.
const BATCH_UNITS_ENOUGH: usize = 64;
/// Bytes that one transaction takes at most.
const BATCH_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Places of each lane.
const PLACES: usize = 4_096;
/// KiB of events that wait at most.
const INTAKE_KIB_MAX: usize = 64 * 1_024;

/// What the writer shall do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Store a unit.
    Commit {
        unit: Packed,
        answer: oneshot::Sender<Result<Committed, StoreError>>,
        /// Given back when the order is done.
        _places: Places,
    },
    /// Forget a little.
    Purge { retention: Retention, answer: oneshot::Sender<Result<Purged, StoreError>> },
}

/// The places that an order takes in its lane.
#[derive(Debug)]
pub(crate) struct Places {
    _unit: OwnedSemaphorePermit,
    _kib: Option<OwnedSemaphorePermit>,
}

/// What the writer finds.
pub(crate) enum Taken {
    /// Orders to perform together.
    Batch(Vec<Order>),
    /// Nothing came in time.
    Idle,
    /// Nothing will come any more.
    Closed,
}

#[derive(Debug, Default)]
struct Queues {
    work: VecDeque<Order>,
    intake: VecDeque<Order>,
    closed: bool,
    /// The writer sleeps until it is woken.
    is_asleep: bool,
}

/// The queues.
#[derive(Debug)]
pub(crate) struct Lanes {
    queues: Mutex<Queues>,
    ready: Condvar,
    work_places: Arc<Semaphore>,
    intake_places: Arc<Semaphore>,
    intake_kib: Arc<Semaphore>,
    /// Units per second, as the writer last measured.
    rate: AtomicU32,
    closed: AtomicBool,
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Self {
            queues: Mutex::default(),
            ready: Condvar::new(),
            work_places: Arc::new(Semaphore::new(PLACES)),
            intake_places: Arc::new(Semaphore::new(PLACES)),
            intake_kib: Arc::new(Semaphore::new(INTAKE_KIB_MAX)),
            rate: AtomicU32::new(1_000),
            closed: AtomicBool::new(false),
        }
    }

    /// Finds places for a unit that carries `bytes`.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] on the intake lane, [`StoreError::Closed`] on both.
    pub(crate) async fn places(&self, lane: Lane, bytes: usize) -> Result<Places, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        match lane {
            Lane::Work => {
                let unit = Arc::clone(&self.work_places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
                Ok(Places { _unit: unit, _kib: None })
            }
            Lane::Intake => {
                let full = |_| StoreError::Overloaded { retry_after_s: self.retry_after_s() };
                let unit = Arc::clone(&self.intake_places).try_acquire_owned().map_err(full)?;
                // One body above the whole bound must still be able to pass when nothing else waits.
                let kib = (bytes / 1_024 + 1).min(INTAKE_KIB_MAX);
                let kib = u32::try_from(kib).unwrap_or(u32::MAX);
                let kib = Arc::clone(&self.intake_kib).try_acquire_many_owned(kib).map_err(full)?;
                Ok(Places { _unit: unit, _kib: Some(kib) })
            }
        }
    }

    fn retry_after_s(&self) -> u32 {
        let waiting = 2 * PLACES - self.work_places.available_permits() - self.intake_places.available_permits();
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        waiting.div_ceil(self.rate.load(Ordering::Relaxed).max(1)).clamp(1, 60)
    }

    /// Puts an order into its queue.
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub(crate) fn put(&self, order: Order, lane: Lane) -> Result<(), StoreError> {
        let mut queues = self.queues();
        if queues.closed {
            return Err(StoreError::Closed);
        }
        match lane {
            Lane::Work => queues.work.push_back(order),
            Lane::Intake => queues.intake.push_back(order),
        }
        // Waking costs a call of the system, which a writer that is busy does not need.
        let is_asleep = std::mem::take(&mut queues.is_asleep);
        drop(queues);
        if is_asleep {
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Refuses everything from here on. What is queued is still performed.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.queues().closed = true;
        self.ready.notify_all();
    }

    /// Waits for orders, at most for `patience`, and takes what one transaction takes. Before `not_before` only as many
    /// as are worth a transaction are taken: what comes until then shares it.
    pub(crate) fn take(&self, patience: Option<Duration>, not_before: Instant) -> Taken {
        let until = patience.map(|patience| Instant::now() + patience);
        let mut queues = self.queues();
        while queues.work.is_empty() && queues.intake.is_empty() {
            if queues.closed {
                return Taken::Closed;
            }
            queues.is_asleep = true;
            queues = match until {
                None => self.ready.wait(queues).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Taken::Idle;
                    }
                    self.ready.wait_timeout(queues, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        queues.is_asleep = false;
        let early = not_before.saturating_duration_since(Instant::now());
        if !early.is_zero() && !queues.closed && queues.work.len() + queues.intake.len() < BATCH_UNITS_ENOUGH {
            drop(queues);
            std::thread::sleep(early);
            queues = self.queues();
        }
        let mut batch = Vec::with_capacity(BATCH_UNITS_MAX.min(queues.work.len() + queues.intake.len()));
        let mut bytes = 0;
        let Queues { work, intake, .. } = &mut *queues;
        move_orders(work, &mut batch, &mut bytes, BATCH_UNITS_MAX * 3 / 4);
        move_orders(intake, &mut batch, &mut bytes, BATCH_UNITS_MAX);
        move_orders(work, &mut batch, &mut bytes, BATCH_UNITS_MAX);
        Taken::Batch(batch)
    }

    /// Notes how fast the writer is.
    pub(crate) fn note_rate(&self, units: usize, elapsed: Duration) {
        let per_second = units as u128 * 1_000_000 / elapsed.as_micros().max(1);
        let measured = u32::try_from(per_second).unwrap_or(u32::MAX);
        let before = self.rate.load(Ordering::Relaxed);
        self.rate.store(before / 8 * 7 + measured / 8 + 1, Ordering::Relaxed);
    }

    // The queues are whole after every statement below, so a poisoned lock means nothing here.
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn move_orders(queue: &mut VecDeque<Order>, batch: &mut Vec<Order>, bytes: &mut usize, units_max: usize) {
    while batch.len() < units_max && (batch.is_empty() || *bytes < BATCH_BYTES_MAX) {
        let Some(order) = queue.pop_front() else { return };
        if let Order::Commit { unit, .. } = &order {
            *bytes += unit.bytes;
        }
        batch.push(order);
    }
}
