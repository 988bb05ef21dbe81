//! Wakes what is due: runs that wait for long, and flows whose trigger or webhook has something to do.
//!
//! A timer is set in the unit that makes it necessary, and cleared or moved once that is done. So a crash at any moment
//! leaves the timer, and the next start takes up what was not done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_model::Timestamp;
use hookmill_store::{Change, Lane, Timer, TimerKey, Unit};

use crate::guard::caught;
use crate::{Error, Runtime, locked};

/// Timers that are handed out at a time.
const BATCH: usize = 256;
/// The store is asked this often, whatever was heard.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// What failed is tried again after this time, and after twice the time when it fails again.
const AGAIN: Duration = Duration::from_secs(10);
/// The longest such time.
const AGAIN_MAX: Duration = Duration::from_secs(3_600);

impl Runtime {
    pub(crate) async fn watch_timers(self) {
        let mut stopped = self.stopped();
        let busy: Arc<Mutex<BTreeSet<TimerKey>>> = Arc::default();
        // How often in a row each failed.
        let failures: Arc<Mutex<BTreeMap<TimerKey, u32>>> = Arc::default();
        loop {
            let now = self.now();
            // What is being done is still due in the store: others must be seen behind it.
            let limit = BATCH + locked(&busy).len();
            let due = self.0.store.due_timers(now, limit).await.unwrap_or_default();
            let is_all = due.len() < limit;
            for timer in due {
                if locked(&busy).contains(&timer.key) {
                    continue;
                }
                if matches!(timer.key, TimerKey::Run(_)) {
                    let is_run = |key: &&TimerKey| matches!(key, TimerKey::Run(_));
                    self.wait_for_room(|| locked(&busy).iter().filter(is_run).count()).await;
                }
                locked(&busy).insert(timer.key);
                let (runtime, busy) = (self.clone(), Arc::clone(&busy));
                let failures = Arc::clone(&failures);
                tokio::spawn(async move {
                    let woken = caught(Box::pin(runtime.wake(timer.key))).await;
                    match woken.unwrap_or_else(|why| Err(Error::Internal(why))) {
                        Ok(()) => drop(locked(&failures).remove(&timer.key)),
                        Err(error) => {
                            let times =
                                *locked(&failures).entry(timer.key).and_modify(|times| *times += 1).or_insert(1);
                            let wait = AGAIN.saturating_mul(1 << (times - 1).min(16)).min(AGAIN_MAX);
                            tracing::error!(timer = %timer.key, %error, ?wait, "what was due cannot be done now");
                            let again = Timer { key: timer.key, due_at: runtime.now().plus(wait) };
                            let _ = runtime.0.store.commit(Unit::from(Change::SetTimer(again)), Lane::Work).await;
                        }
                    }
                    locked(&busy).remove(&timer.key);
                    runtime.0.timers.notify_one();
                });
            }
            if !is_all {
                continue;
            }
            // The end of what is being done is heard.
            let next = match self.0.store.next_timer().await {
                Ok(Some(at)) if at > self.now() => at,
                Ok(Some(_)) if locked(&busy).is_empty() => continue,
                _ => self.now().plus(LOOK_INTERVAL),
            };
            tokio::select! {
                _ = stopped.changed() => return,
                () = self.0.timers.notified() => {}
                () = self.0.config.clock.sleep_until(next) => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    async fn wake(&self, key: TimerKey) -> Result<(), Error> {
        match key {
            TimerKey::Run(run) => self.wake_run(run, None).await.map(drop),
            TimerKey::Flow(flow) => self.look(flow).await.map(drop),
        }
    }

    /// Sets or clears a timer, and tells the watch.
    pub(crate) async fn set_timer(&self, key: TimerKey, at: Option<Timestamp>) -> Result<(), Error> {
        let change = match at {
            Some(due_at) => Change::SetTimer(Timer { key, due_at }),
            None => Change::ClearTimer(key),
        };
        self.0.store.commit(Unit::from(change), Lane::Work).await?;
        self.0.timers.notify_one();
        Ok(())
    }
}
