//! What time it is: the system's clock, or one that tests set.

use std::sync::Arc;

use hookmill_model::Timestamp;
use tokio::sync::watch;

/// A clock; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<watch::Sender<Timestamp>>>);

impl Clock {
    /// A clock that stands still until it is set.
    #[must_use]
    pub fn manual(now: Timestamp) -> Self {
        Self(Some(Arc::new(watch::channel(now).0)))
    }

    /// Sets a manual clock; what is due then happens.
    pub fn set(&self, now: Timestamp) {
        if let Some(manual) = &self.0 {
            manual.send_replace(now);
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        if let Some(manual) = &self.0 {
            return *manual.borrow();
        }
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// Until the moment has come; at once where it has passed.
    pub(crate) async fn sleep_until(&self, at: Timestamp) {
        let Some(manual) = &self.0 else {
            return tokio::time::sleep(at.since(self.now())).await;
        };
        let mut changes = manual.subscribe();
        // The sender is kept by this clock, so it does not go away.
        let _ = changes.wait_for(|now| *now >= at).await;
    }
}
