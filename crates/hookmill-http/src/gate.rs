//! Places for requests under way: some per origin, so that one dead service cannot take them all, and a number in all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many origins are remembered before idle ones are forgotten.
const ORIGINS_KEPT: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Gate {
    per_origin: usize,
    all: Arc<Semaphore>,
    origins: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _origin: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Gate {
    pub(crate) fn new(per_origin: usize, all: usize) -> Self {
        Self {
            per_origin: per_origin.max(1),
            all: Arc::new(Semaphore::new(all.clamp(1, Semaphore::MAX_PERMITS))),
            origins: Mutex::new(BTreeMap::new()),
        }
    }

    /// Waits for a place at the origin first: those who wait there hold nothing that others need. `None` never
    /// happens while the gate lives.
    pub(crate) async fn enter(&self, origin: &str) -> Option<Place> {
        let at_origin = self.origin(origin).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place { _origin: at_origin, _all: all })
    }

    fn origin(&self, origin: &str) -> Arc<Semaphore> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = origins.get(origin) {
            return Arc::clone(known);
        }
        if origins.len() >= ORIGINS_KEPT {
            // A place keeps its semaphore alive, so one that only the map knows has nobody inside or waiting.
            origins.retain(|_, one| Arc::strong_count(one) > 1);
        }
        let fresh = Arc::new(Semaphore::new(self.per_origin.min(Semaphore::MAX_PERMITS)));
        origins.insert(origin.to_owned(), Arc::clone(&fresh));
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_origin_does_not_stop_another() {
        let gate = Gate::new(1, 10);
        let first = gate.enter("https://a").await.unwrap();
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), gate.enter("https://a")).await;
        assert!(waits.is_err());
        assert!(gate.enter("https://b").await.is_some());
        drop(first);
        assert!(gate.enter("https://a").await.is_some());
    }

    #[tokio::test]
    async fn idle_origins_are_forgotten() {
        let gate = Gate::new(1, 10);
        let held = gate.enter("held").await;
        for index in 0..ORIGINS_KEPT + 10 {
            drop(gate.enter(&index.to_string()).await);
        }
        let origins = gate.origins.lock().unwrap();
        assert!(origins.len() < 100);
        assert!(origins.contains_key("held"));
        drop(held);
    }
}
