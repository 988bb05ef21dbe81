//! Wakes what is due: flows whose trigger or webhook has something to do, and runs that wait for long.
//!
//! A timer is set in the unit that makes it necessary, and cleared or moved once that is done. So a crash at any moment
//! leaves the timer, and the next start takes up what was not done. The two kinds have a loop each: however many runs
//! are due, a recurrence is in time. Runs that are due wait for memory in the queue of their flow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_model::{FlowId, Id as _, RunId, Timestamp};
use hookmill_store::{Change, DueRun, Expect, Flow, Lane, StoreError, Timer, TimerKey, TimerKind, Unit};
use tokio::sync::Notify;

use crate::guard::caught;
use crate::{Error, Runtime, locked};

/// Timers that are read at a time.
const BATCH: usize = 256;
/// Flows that are looked at by the clock at the same time.
const FLOWS_MAX: usize = 256;
/// The store is asked this often, whatever was heard.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// The same for flows while some are being looked at.
const BUSY_INTERVAL: Duration = Duration::from_millis(250);
/// What failed is tried again after this time, and after twice the time when it fails again.
const AGAIN: Duration = Duration::from_secs(10);
/// The longest such time.
const AGAIN_MAX: Duration = Duration::from_secs(3_600);

/// What wakes the loops, and how far the one of runs has come.
#[derive(Default)]
pub(crate) struct Timers {
    flows: Notify,
    runs: Notify,
    progress: Mutex<Progress>,
}

/// How far the timers of runs were handed on.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// The last one.
    handed_on: Option<DueRun>,
    /// The earliest one that was set since the store was last asked.
    set: Option<Timestamp>,
}

impl Progress {
    /// A timer was set. Where it stands before what was handed on, the next search begins in front of it.
    fn set(&mut self, due_at: Timestamp) {
        self.set = Some(self.set.map_or(due_at, |set| set.min(due_at)));
        if self.handed_on.is_some_and(|last| due_at <= last.due_at) {
            self.handed_on = Some(before(due_at));
        }
    }

    /// The store was asked; gives from where.
    fn asks(&mut self) -> Option<DueRun> {
        self.set = None;
        self.handed_on
    }

    /// The store answered up to `last`. What was set meanwhile may be missing in the answer.
    fn answered(&mut self, after: Option<DueRun>, last: DueRun) {
        if self.handed_on != after {
            return;
        }
        self.handed_on = Some(match self.set {
            Some(set) if set <= last.due_at => before(set),
            _ => last,
        });
    }
}

/// A place in front of all timers of this moment.
fn before(due_at: Timestamp) -> DueRun {
    DueRun { due_at: Timestamp::from_micros(due_at.as_micros() - 1), run: RunId::from_bits(u128::MAX), flow: None }
}

impl Timers {
    fn set(&self, timer: Timer) {
        match timer.key {
            TimerKey::Flow(_) => self.flows.notify_one(),
            TimerKey::Run(_) => {
                locked(&self.progress).set(timer.due_at);
                self.runs.notify_one();
            }
        }
    }
}

impl Runtime {
    /// Looks at flows when they are due.
    pub(crate) async fn watch_flows(self) {
        let mut stopped = self.stopped();
        let busy: Arc<Mutex<BTreeSet<FlowId>>> = Arc::default();
        // How often in a row each failed.
        let failures: Arc<Mutex<BTreeMap<FlowId, u32>>> = Arc::default();
        loop {
            // What is being done is still due in the store: others must be seen behind it.
            let under_way = locked(&busy).len();
            let due = if under_way < FLOWS_MAX {
                self.read_until_stopped(|| self.0.store.due_flows(self.now(), BATCH + under_way)).await
            } else {
                Some(Vec::new())
            };
            let Some(due) = due else { return };
            for flow in due {
                if !self.0.shards.may_begin(flow) || locked(&busy).len() >= FLOWS_MAX || !locked(&busy).insert(flow) {
                    continue;
                }
                let (runtime, busy, failures) = (self.clone(), Arc::clone(&busy), Arc::clone(&failures));
                tokio::spawn(async move {
                    let looked = caught(Box::pin(runtime.look(flow))).await;
                    match looked.unwrap_or_else(|why| Err(Error::Internal(why))) {
                        Ok(_) => drop(locked(&failures).remove(&flow)),
                        // Its new owner finds it due.
                        Err(Error::Store(StoreError::NotOwner { .. })) => {}
                        Err(error) => {
                            let times = *locked(&failures).entry(flow).and_modify(|times| *times += 1).or_insert(1);
                            runtime.look_later(flow, times, &error).await;
                        }
                    }
                    locked(&busy).remove(&flow);
                    runtime.0.timers.flows.notify_one();
                });
            }
            let is_busy = !locked(&busy).is_empty();
            if !self.sleep_until_due(TimerKind::Flow, &self.0.timers.flows, is_busy, &mut stopped).await {
                return;
            }
        }
    }

    async fn look_later(&self, flow: FlowId, times: u32, error: &Error) {
        let wait = AGAIN.saturating_mul(1 << (times - 1).min(16)).min(AGAIN_MAX);
        let told = || format!("what was due for flow {flow} cannot be done now; it is tried again after {wait:?}");
        self.0.health.refused(error, told);
        let again = Timer { key: TimerKey::Flow(flow), due_at: self.now().plus(wait) };
        if let Err(error) = self.0.store.commit(Unit::from(Change::SetTimer(again)).owned(flow), Lane::Work).await {
            tracing::warn!(%flow, %error, "the timer of a flow cannot be moved");
            tokio::time::sleep(AGAIN.min(wait)).await;
        }
    }

    /// Hands runs that are due to the queues of their flows.
    pub(crate) async fn watch_runs(self) {
        let mut stopped = self.stopped();
        loop {
            let after = locked(&self.0.timers.progress).asks();
            let read = || self.0.store.due_runs(self.now(), after, BATCH);
            let Some(due) = self.read_until_stopped(read).await else { return };
            if let Some(last) = due.last() {
                locked(&self.0.timers.progress).answered(after, *last);
            }
            let is_all = due.len() < BATCH;
            for timer in due {
                match timer.flow {
                    Some(flow) => {
                        if self.0.shards.owns(flow) {
                            self.0.queue.push_run(flow, timer.run, None);
                        }
                    }
                    None => self.clear_timer(TimerKey::Run(timer.run)).await,
                }
            }
            if is_all && !self.sleep_until_due(TimerKind::Run, &self.0.timers.runs, true, &mut stopped).await {
                return;
            }
        }
    }

    async fn clear_timer(&self, key: TimerKey) {
        // One that cannot be cleared now is found again at the next search.
        if let Err(error) = self.0.store.commit(Unit::from(Change::ClearTimer(key)), Lane::Work).await {
            tracing::warn!(timer = %key, %error, "a timer of something that is gone cannot be cleared");
        }
    }

    /// Until something is due, was set, or could have been missed; `false` where the server stops. While something
    /// `is_busy`, its own timer is still due in the store, and others may be due behind it.
    async fn sleep_until_due(
        &self,
        kind: TimerKind,
        set: &Notify,
        is_busy: bool,
        stopped: &mut tokio::sync::watch::Receiver<bool>,
    ) -> bool {
        let (next, interval) = match (kind, is_busy) {
            (TimerKind::Run, _) => {
                let handed_on = locked(&self.0.timers.progress).handed_on;
                let next = self.0.store.due_runs(Timestamp::from_micros(i64::MAX), handed_on, 1).await;
                (next.ok().and_then(|next| next.first().map(|next| next.due_at)), LOOK_INTERVAL)
            }
            (TimerKind::Flow, true) => (None, BUSY_INTERVAL),
            (TimerKind::Flow, false) => (self.0.store.next_timer(kind).await.ok().flatten(), LOOK_INTERVAL),
        };
        tokio::select! {
            _ = stopped.changed() => false,
            () = set.notified() => true,
            () = self.0.config.clock.sleep_until(next.unwrap_or_default()), if next.is_some() => true,
            () = tokio::time::sleep(interval) => {
                if kind == TimerKind::Run {
                    locked(&self.0.timers.progress).handed_on = None;
                }
                true
            }
        }
    }

    /// Hands on all timers anew: some belong to this node since a moment ago.
    pub(crate) fn hand_on_timers_anew(&self) {
        locked(&self.0.timers.progress).handed_on = None;
        self.0.timers.runs.notify_one();
        self.0.timers.flows.notify_one();
    }

    /// Sets or clears a timer, and tells the watch.
    pub(crate) async fn set_timer(&self, key: TimerKey, at: Option<Timestamp>) -> Result<(), Error> {
        self.set_timer_in(Unit::new(), key, at).await
    }

    /// The same as the owner of a flow: where it belongs to another node by now, that one's timer stays.
    pub(crate) async fn set_own_timer(&self, flow: FlowId, key: TimerKey, at: Option<Timestamp>) -> Result<(), Error> {
        self.set_timer_in(Unit::new().owned(flow), key, at).await
    }

    /// Sets when a flow that was looked at is looked at again: at once where it was changed meanwhile, since a timer of
    /// that change must not be moved.
    pub(crate) async fn set_flow_timer(&self, flow: &Flow, at: Option<Timestamp>) -> Result<(), Error> {
        let mut unit = Unit::new().owned(flow.id);
        if flow.deleted_at.is_none() {
            unit.expects.push(Expect::FlowEtag(flow.id, flow.etag));
        }
        let key = TimerKey::Flow(flow.id);
        match self.set_timer_in(unit, key, at).await {
            Err(Error::Store(StoreError::Conflict { .. } | StoreError::Missing { .. })) => {
                self.set_own_timer(flow.id, key, Some(self.now())).await
            }
            done => done,
        }
    }

    async fn set_timer_in(&self, unit: Unit, key: TimerKey, at: Option<Timestamp>) -> Result<(), Error> {
        let change = match at {
            Some(due_at) => Change::SetTimer(Timer { key, due_at }),
            None => Change::ClearTimer(key),
        };
        self.0.store.commit(unit.with(change), Lane::Work).await?;
        if let Some(due_at) = at {
            self.0.timers.set(Timer { key, due_at });
        }
        Ok(())
    }

    /// Reads until the store answers; `None` where the server stops.
    pub(crate) async fn read_until_stopped<T, F>(&self, read: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, hookmill_store::StoreError>>,
    {
        let mut stopped = self.stopped();
        let mut is_told = false;
        loop {
            if *stopped.borrow() {
                return None;
            }
            match read().await {
                Ok(found) => return Some(found),
                Err(error) if !std::mem::replace(&mut is_told, true) => {
                    tracing::warn!(%error, "the store cannot be read; it is tried again each second");
                }
                Err(_) => {}
            }
            tokio::select! {
                _ = stopped.changed() => return None,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(second: i64, run: u128) -> DueRun {
        DueRun { due_at: Timestamp::from_millis(second * 1_000), run: RunId::from_bits(run), flow: None }
    }

    #[test]
    fn no_timer_is_passed_over() {
        let mut progress = Progress::default();
        assert_eq!(progress.asks(), None);
        progress.answered(None, due(10, 1));
        assert_eq!(progress.asks(), Some(due(10, 1)));
        // Set before what was handed on.
        progress.set(due(7, 0).due_at);
        let after = progress.asks();
        assert_eq!(after, Some(before(due(7, 0).due_at)));
        // Set while the store is asked: the answer may not have it.
        progress.set(due(8, 0).due_at);
        progress.answered(after, due(10, 1));
        assert_eq!(progress.asks(), Some(before(due(8, 0).due_at)));
        // Set later than all that was handed on.
        progress.set(due(20, 0).due_at);
        progress.answered(Some(before(due(8, 0).due_at)), due(10, 1));
        assert_eq!(progress.asks(), Some(due(10, 1)));
    }
}
