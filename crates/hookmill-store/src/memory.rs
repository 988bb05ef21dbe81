//! A store without a disk, for simulations and tests: the same answers as the others, and faults on request.
//!
//! Tables are ordered maps. Each change notes how to take it back, so that a refused unit leaves nothing behind.

mod change;
mod read;
mod state;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Committed, Figures, Lane, Leases, Nodes, Purged, Retention, Store, StoreError, Unit};
use state::State;

/// What a simulated disk does with one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CommitFault {
    /// It works.
    #[default]
    None,
    /// Nothing is stored, and this is answered.
    Refuse(StoreError),
    /// The unit is stored if it can be, but this is answered.
    LoseAnswer(StoreError),
}

type Faults = Box<dyn FnMut(u64, &Unit, Lane) -> CommitFault + Send>;

/// A store in memory. What is in it is lost with it.
pub struct MemoryStore {
    state: Mutex<State>,
    faults: Mutex<Option<Faults>>,
    leases: Arc<Leases>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { state: Mutex::default(), faults: Mutex::default(), leases: Leases::alone() }
    }
}

impl Nodes for MemoryStore {
    fn leases(&self) -> Arc<Leases> {
        Arc::clone(&self.leases)
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `faults` before each commit what shall happen. It gets the number of the commit, from 0.
    pub fn set_faults(&self, faults: impl FnMut(u64, &Unit, Lane) -> CommitFault + Send + 'static) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(faults));
    }

    /// The disk works from here on.
    pub fn clear_faults(&self) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many units were stored.
    #[must_use]
    pub fn units_committed(&self) -> u64 {
        self.state().units
    }

    /// Takes back [`Store::close`], as a restart of the process would.
    pub fn reopen(&self) {
        self.state().closed = false;
    }

    // A panic while the lock was held can only come from a bug in a test's own fault function; the maps are whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, number: u64, unit: &Unit, lane: Lane) -> CommitFault {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.as_mut().map_or(CommitFault::None, |ask| ask(number, unit, lane))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, unit: Unit, lane: Lane) -> Result<Committed, StoreError> {
        let mut state = self.state();
        if state.closed {
            return Err(StoreError::Closed);
        }
        let number = state.attempts;
        state.attempts += 1;
        match self.fault(number, &unit, lane) {
            CommitFault::None => state.commit(unit),
            CommitFault::Refuse(error) => Err(error),
            CommitFault::LoseAnswer(error) => {
                state.commit(unit)?;
                Err(error)
            }
        }
    }

    async fn purge(&self, retention: Retention) -> Result<Purged, StoreError> {
        let mut state = self.state();
        if state.closed { Err(StoreError::Closed) } else { Ok(state.purge(retention)) }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.commit(Unit::new(), Lane::Work).await.map(|_| ())
    }

    async fn copy_to(&self, _file: &Path) -> Result<(), StoreError> {
        let detail = "a store in memory has nothing to copy".to_owned();
        Err(StoreError::Unavailable { detail, unknown: false })
    }

    async fn figures(&self) -> Result<Figures, StoreError> {
        let state = self.state();
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        Ok(Figures {
            bytes: 0,
            flows: count(state.flows.values().filter(|flow| flow.deleted_at.is_none()).count()),
            connectors: count(state.connectors.len()),
            connections: count(state.connections.len()),
            users: count(state.users.len()),
            ..Figures::default()
        })
    }

    async fn close(&self) {
        self.state().closed = true;
    }

    fn location(&self) -> String {
        "memory".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story;

    #[tokio::test]
    async fn memory_keeps_the_contract() -> story::Told {
        story::tell(|| async { Ok(std::sync::Arc::new(MemoryStore::new()) as std::sync::Arc<dyn Store>) }).await
    }

    #[tokio::test]
    async fn faults_refuse_or_hide_a_commit() -> story::Told {
        let store = MemoryStore::new();
        let put = |name: &str| Unit::from(crate::Change::PutSetting(name.to_owned(), "1".into()));
        store.set_faults(|number, _, _| match number {
            0 => CommitFault::Refuse(StoreError::Full),
            _ => CommitFault::LoseAnswer(StoreError::Unavailable { detail: "cut".to_owned(), unknown: true }),
        });
        assert_eq!(store.commit(put("a"), Lane::Work).await, Err(StoreError::Full));
        assert!(store.commit(put("b"), Lane::Work).await.is_err_and(|error| error.is_unknown()));
        store.clear_faults();
        assert!(store.commit(put("c"), Lane::Work).await.is_ok());
        let names: Vec<String> =
            crate::Accounts::settings(&store, "").await?.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "c"]);
        Ok(())
    }
}
