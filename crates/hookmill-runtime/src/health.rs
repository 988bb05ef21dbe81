//! Whether the store takes what it is given. While it does not, nothing is handed out whose outcome could not be
//! recorded, outcomes that have arrived are kept up to a bound, and the log has one line when it begins and one when
//! it ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use hookmill_store::StoreError;
use tokio::sync::watch;

use crate::{Error, Runtime};

/// Bytes of facts that are kept while the store refuses.
const KEPT_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// How often a store that refuses is tried.
const TRY_INTERVAL: Duration = Duration::from_millis(250);

/// What is known of the store.
pub(crate) struct Health {
    refuses: watch::Sender<bool>,
    kept: AtomicUsize,
}

impl Default for Health {
    fn default() -> Self {
        Self { refuses: watch::channel(false).0, kept: AtomicUsize::new(0) }
    }
}

/// Facts that wait for the store; counted until this is dropped.
pub(crate) struct Kept<'a>(&'a Health, usize);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.0.kept.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl Health {
    /// Notes a failure. One that the store may get over is logged where it begins, all others each time.
    pub fn refused(&self, error: &Error, what: impl FnOnce() -> String) {
        match error {
            Error::Store(hookmill_store::StoreError::Closed | hookmill_store::StoreError::NotOwner { .. }) => {}
            Error::Store(refusal) if refusal.is_retryable() => {
                // One that is only busy is no state to speak of.
                let is_busy = matches!(refusal, hookmill_store::StoreError::Overloaded { .. });
                if !is_busy && !self.refuses.send_replace(true) {
                    tracing::warn!(%error, "the store refuses what it is given: {}", what());
                }
            }
            _ => tracing::error!(%error, "{}", what()),
        }
    }

    /// Whether the store refuses.
    pub fn refuses(&self) -> bool {
        *self.refuses.borrow()
    }

    /// Until the store takes what it is given.
    pub async fn recovered(&self) {
        // The sender lives as long as this does.
        let _ = self.refuses.subscribe().wait_for(|refuses| !refuses).await;
    }

    /// Room for facts that wait for the store; `None` where as much is kept as may be.
    pub fn keep(&self, bytes: usize) -> Option<Kept<'_>> {
        let kept = self.kept.fetch_add(bytes, Ordering::Relaxed);
        let own = Kept(self, bytes);
        (kept + bytes <= KEPT_BYTES_MAX).then_some(own)
    }
}

impl Runtime {
    /// Refuses to read back what a commit without an answer stored, once the disk has not confirmed a write: the system
    /// shows then what may not be on disk.
    ///
    /// # Errors
    /// Nothing that is read back proves anything.
    pub(crate) fn may_read_back(&self) -> Result<(), StoreError> {
        self.0.store.broken().now_or_never().map_or(Ok(()), Err)
    }

    /// Tries a store that refuses until it does not.
    pub(crate) async fn watch_store(self) {
        let (mut stopped, mut refuses) = (self.stopped(), self.0.health.refuses.subscribe());
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                refused = refuses.wait_for(|refuses| *refuses) => if refused.is_err() { return },
            }
            while self.0.store.ping().await.is_err() {
                tokio::select! {
                    _ = stopped.changed() => return,
                    () = tokio::time::sleep(TRY_INTERVAL) => {}
                }
            }
            self.0.health.refuses.send_replace(false);
            tracing::warn!("the store takes what it is given again");
        }
    }
}

#[cfg(test)]
mod tests {
    use hookmill_store::StoreError;

    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let health = Health::default();
        let first = health.keep(KEPT_BYTES_MAX - 10);
        assert!(first.is_some());
        assert!(health.keep(11).is_none());
        assert!(health.keep(10).is_some());
        drop(first);
        assert!(health.keep(KEPT_BYTES_MAX).is_some());
    }

    #[tokio::test]
    async fn a_refusal_is_a_state() {
        let health = Health::default();
        health.refused(&Error::Store(StoreError::Overloaded { retry_after_s: 1 }), String::new);
        assert!(!health.refuses(), "a store with much to do is not out of order");
        health.refused(&Error::Store(StoreError::Full), String::new);
        assert!(health.refuses());
        health.refuses.send_replace(false);
        health.recovered().await;
    }
}
