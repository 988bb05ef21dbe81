//! Work on the store that is repeated while the store refuses it for a reason that may pass: it is overloaded, full, or
//! cannot be reached, or the answer to a commit was lost. Work must come to the same result when it is done twice.

use std::time::Duration;

use hookmill_store::StoreError;
use tokio::time::Instant;

use crate::{Error, Runtime};

/// How long to wait before work is repeated.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a start waits for its store before it ends with the store's error.
const START_WAIT: Duration = Duration::from_secs(30);

/// Until when a start that begins now waits for its store.
pub(crate) fn start_deadline() -> Instant {
    Instant::now() + START_WAIT
}

impl Runtime {
    /// Repeats `work` until the store takes it, or until the server stops.
    ///
    /// # Errors
    ///
    /// What `work` answers for a reason that does not pass; [`StoreError::Closed`] once the server stops.
    pub(crate) async fn insist<T, F: Future<Output = Result<T, Error>>>(
        &self,
        work: impl Fn() -> F,
    ) -> Result<T, Error> {
        self.repeat(None, work).await
    }

    /// Like [`Runtime::insist`], but answers the store's last error once `deadline` has passed.
    pub(crate) async fn insist_until<T, F: Future<Output = Result<T, Error>>>(
        &self,
        deadline: Instant,
        work: impl Fn() -> F,
    ) -> Result<T, Error> {
        self.repeat(Some(deadline), work).await
    }

    async fn repeat<T, F: Future<Output = Result<T, Error>>>(
        &self,
        deadline: Option<Instant>,
        work: impl Fn() -> F,
    ) -> Result<T, Error> {
        let mut stopped = self.stopped();
        let mut is_told = false;
        loop {
            match work().await {
                Err(Error::Store(error)) if error.is_retryable() => {
                    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                        return Err(Error::Store(error));
                    }
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, "the start waits for the store");
                    }
                }
                done => return done,
            }
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return Err(Error::Store(StoreError::Closed)),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}
