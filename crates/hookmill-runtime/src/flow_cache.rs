//! Flows with the generations of their webhooks, kept in memory, so that the doors and the beginning of a run read
//! nothing from the store.
//!
//! Invariant: whoever asks after a commit has been answered never gets what stood there before it. So each commit of
//! this process goes through [`RuntimeStore`], which drops the entries of the flows that the commit changes before it
//! answers, and an entry that was read while anything changed is used once and not kept.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use hookmill_model::FlowId;
use hookmill_store::{Change, Committed, Damaged, Flow, Lane, StoreError, Subscription, Unit};

use crate::record::Record;
use crate::sealed::SealedStore;
use crate::{Runtime, locked};

/// At most so many flows are kept; all are dropped when there are more, and read again when needed.
const FLOWS_MAX: usize = 4_096;

/// A flow with the generations of its webhook.
#[derive(Debug)]
pub(crate) struct FlowEntry {
    /// The flow; deleted ones too.
    pub flow: Arc<Flow>,
    /// Every generation, newest first.
    pub generations: Vec<Subscription>,
    /// Which of them is the address of the flow's own.
    local: Option<usize>,
}

impl FlowEntry {
    fn new(flow: Flow, generations: Vec<Subscription>) -> Self {
        let is_local = |generation: &Subscription| matches!(Record::of(generation), Ok(record) if record.is_local());
        let local = generations.iter().position(is_local);
        Self { flow: Arc::new(flow), generations, local }
    }

    /// The generation of the flow's own address, where it has one.
    ///
    /// # Errors
    /// It has none that can be read, and what is kept of another generation is damaged.
    pub fn local(&self) -> Result<Option<&Subscription>, Damaged> {
        if let Some(local) = self.local {
            return Ok(self.generations.get(local));
        }
        self.generations.iter().try_for_each(|generation| Record::of(generation).map(drop)).map(|()| None)
    }
}

#[derive(Default)]
struct Cached {
    /// Counts the changes of flows and generations.
    changes: u64,
    flows: HashMap<FlowId, Arc<FlowEntry>>,
    /// Whose webhook has a capability, by its keyed hash. A capability never moves to another flow.
    capabilities: HashMap<[u8; 32], FlowId>,
}

/// The flows that are kept.
#[derive(Default)]
pub(crate) struct FlowCache(Mutex<Cached>);

impl FlowCache {
    /// The entry of a flow; how many changes there were so far where there is none.
    fn get(&self, flow: FlowId) -> Result<Arc<FlowEntry>, u64> {
        let cached = locked(&self.0);
        cached.flows.get(&flow).map(Arc::clone).ok_or(cached.changes)
    }

    /// Keeps an entry, unless anything changed since `changes` were counted: it may be older than that then.
    fn keep(&self, entry: &Arc<FlowEntry>, changes: u64) {
        let mut cached = locked(&self.0);
        if cached.changes != changes {
            return;
        }
        if cached.flows.len() >= FLOWS_MAX || cached.capabilities.len() >= 4 * FLOWS_MAX {
            cached.flows.clear();
            cached.capabilities.clear();
        }
        for generation in &entry.generations {
            cached.capabilities.insert(generation.capability, entry.flow.id);
        }
        cached.flows.insert(entry.flow.id, Arc::clone(entry));
    }

    /// Drops what commits of these flows have changed.
    fn forget(&self, flows: &[FlowId]) {
        let mut cached = locked(&self.0);
        cached.changes += 1;
        for flow in flows {
            cached.flows.remove(flow);
        }
    }
}

/// The flows whose rows or generations a unit changes.
fn flows_changed(unit: &Unit) -> Vec<FlowId> {
    let changed = unit.changes.iter().filter_map(|change| match change {
        Change::PutFlow(flow) => Some(flow.id),
        Change::DeleteFlow(flow, _) => Some(*flow),
        Change::PutSubscription(generation) => Some(generation.flow),
        _ => None,
    });
    changed.collect()
}

/// The store as the runtime uses it: what is secret is sealed there, and what commits change is dropped from memory before they are answered. Clones are
/// the same one.
#[derive(Clone)]
pub struct RuntimeStore {
    store: Arc<SealedStore>,
    cache: Arc<FlowCache>,
}

impl RuntimeStore {
    pub(crate) fn new(store: Arc<SealedStore>) -> Self {
        Self { store, cache: Arc::default() }
    }

    /// [`SealedStore::commit`].
    ///
    /// # Errors
    /// As there.
    pub async fn commit(&self, unit: Unit, lane: Lane) -> Result<Committed, StoreError> {
        let changed = flows_changed(&unit);
        if changed.is_empty() {
            let committed = self.store.commit(unit, lane).await;
            if let Err(StoreError::Conflict { what: "flow", id, .. } | StoreError::Missing { what: "flow", id }) =
                &committed
                && let Ok(flow) = id.parse()
            {
                // Another node changed it.
                self.forget(flow);
            }
            return committed;
        }
        // In a task of its own: the caller may go away while the commit takes place.
        let own = self.clone();
        let committed = tokio::spawn(async move {
            let committed = own.store.commit(unit, lane).await;
            own.cache.forget(&changed);
            if own.store.has_others() {
                changed.iter().for_each(|flow| own.store.tell_others(format!("flow {flow}")));
            }
            committed
        });
        committed
            .await
            .unwrap_or_else(|stopped| Err(StoreError::Unavailable { detail: stopped.to_string(), unknown: true }))
    }
}

impl RuntimeStore {
    /// Drops what is kept of a flow: another node changed it.
    pub(crate) fn forget(&self, flow: FlowId) {
        self.cache.forget(&[flow]);
    }

    /// Drops everything: any flow may have changed.
    pub(crate) fn forget_all(&self) {
        let mut cached = locked(&self.cache.0);
        cached.changes += 1;
        cached.flows.clear();
    }
}

impl Deref for RuntimeStore {
    type Target = SealedStore;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

impl Runtime {
    /// A flow with its generations; deleted flows too.
    pub(crate) async fn flow_entry(&self, flow: FlowId) -> Result<Option<Arc<FlowEntry>>, StoreError> {
        let store = &self.0.store;
        let changes = match store.cache.get(flow) {
            Ok(entry) => return Ok(Some(entry)),
            Err(changes) => changes,
        };
        let Some(stored) = store.flow(flow).await? else { return Ok(None) };
        let entry = Arc::new(FlowEntry::new(stored, store.subscriptions_of(flow).await?));
        store.cache.keep(&entry, changes);
        Ok(Some(entry))
    }

    /// The flow and the generation to which a capability belongs, by its keyed hash.
    pub(crate) async fn entry_by_capability(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(Arc<FlowEntry>, Subscription)>, StoreError> {
        let known = locked(&self.0.store.cache.0).capabilities.get(hash).copied();
        let flow = match known {
            Some(flow) => flow,
            None => match self.0.store.subscription_by_capability(hash).await? {
                Some(generation) => generation.flow,
                None => return Ok(None),
            },
        };
        let Some(entry) = self.flow_entry(flow).await? else { return Ok(None) };
        let generation = entry.generations.iter().find(|generation| generation.capability == *hash).cloned();
        Ok(generation.map(|generation| (entry, generation)))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hookmill_model::{FlowState, Id as _, Timestamp, UserId};

    use super::*;

    fn entry(name: &str) -> Arc<FlowEntry> {
        let flow = Flow {
            id: FlowId::from_bits(1),
            owner: UserId::from_bits(2),
            name: name.to_owned(),
            description: None,
            state: FlowState::On,
            etag: 1,
            version: 1,
            trigger: Bytes::new(),
            bindings: Vec::new(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            deleted_at: None,
        };
        Arc::new(FlowEntry::new(flow, Vec::new()))
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let cache = FlowCache::default();
        let flow = FlowId::from_bits(1);
        let before = cache.get(flow).unwrap_err();
        // Read, then changed by a commit, then handed in.
        let old = entry("old");
        cache.forget(&[flow]);
        cache.keep(&old, before);
        let now = cache.get(flow).unwrap_err();
        cache.keep(&entry("new"), now);
        assert_eq!(cache.get(flow).unwrap().flow.name, "new");
        cache.forget(&[flow]);
        assert!(cache.get(flow).is_err());
    }
}
