//! Wakes what is due: runs that wait for long, and flows whose trigger or webhook has something to do.
//!
//! A timer is set in the unit that makes it necessary, and cleared or moved once that is done. So a crash at any moment
//! leaves the timer, and the next start takes up what was not done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hookmill_model::Timestamp;
use hookmill_store::{Change, Lane, Timer, TimerKey, Unit};

use crate::{Error, Runtime, locked};

/// Timers that are handed out at a time.
const BATCH: usize = 256;
/// The store is asked this often, whatever was heard.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// What failed is tried again after this time.
const AGAIN: Duration = Duration::from_secs(10);

impl Runtime {
    pub(crate) async fn watch_timers(self) {
        let mut stopped = self.stopped();
        let busy: Arc<std::sync::Mutex<BTreeSet<TimerKey>>> = Arc::default();
        loop {
            let now = self.now();
            let due = self.0.store.due_timers(now, BATCH).await.unwrap_or_default();
            for timer in due {
                if !locked(&busy).insert(timer.key) {
                    continue;
                }
                let (runtime, busy) = (self.clone(), Arc::clone(&busy));
                tokio::spawn(async move {
                    if let Err(error) = Box::pin(runtime.wake(timer.key)).await {
                        tracing::error!(timer = %timer.key, %error, "what was due cannot be done now");
                        let again = Timer { key: timer.key, due_at: runtime.now().plus(AGAIN) };
                        let _ = runtime.0.store.commit(Unit::from(Change::SetTimer(again)), Lane::Work).await;
                    }
                    locked(&busy).remove(&timer.key);
                    runtime.0.timers.notify_one();
                });
            }
            // What is being done is still due in the store; its end is heard.
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
