//! How many runs of a trigger are active: limits of concurrency, and who may begin next.
//!
//! Runs of such a trigger begin one after the other, under the gate's lock, in the order of acceptance; whether a run
//! must wait is decided there and counted once the run is stored. So no run can wait that nobody knows of, and none
//! can overtake.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use hookmill_definition::plan::{Concurrency, Trigger};
use hookmill_model::{FlowId, RunId};
use hookmill_store::Shard;

use crate::locked;

/// Whether the runs of a trigger are counted.
pub(crate) const fn is_counted(trigger: &Trigger) -> bool {
    trigger.concurrency.is_some() || trigger.single_instance
}

/// The gates of all flows whose runs are counted. In memory only: after a start it is made from the runs that have not
/// ended.
#[derive(Default)]
pub(crate) struct Gates(Mutex<HashMap<FlowId, Gate>>);

#[derive(Default)]
struct Gate {
    running: BTreeSet<RunId>,
    waiting: VecDeque<RunId>,
    /// Runs of events that were accepted and have not become runs yet.
    accepted: BTreeSet<RunId>,
    /// Held while runs begin and while they are released.
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl Gate {
    fn is_idle(&self) -> bool {
        self.running.is_empty()
            && self.waiting.is_empty()
            && self.accepted.is_empty()
            && Arc::strong_count(&self.lock) == 1
    }
}

impl Gates {
    /// Waits until no other run of the flow begins or is released.
    pub async fn alone(&self, flow: FlowId) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = Arc::clone(&locked(&self.0).entry(flow).or_default().lock);
        lock.lock_owned().await
    }

    /// Whether a run that begins behind `begun` others which are not counted yet must wait. The gate's lock is held.
    pub fn must_wait(&self, flow: FlowId, begun: usize, limit: Option<Concurrency>) -> bool {
        let gates = locked(&self.0);
        let (running, waiting) = gates.get(&flow).map_or((0, 0), |gate| (gate.running.len(), gate.waiting.len()));
        limit.is_some_and(|limit| waiting > 0 || running + begun >= limit.runs as usize)
    }

    /// Counts a run that is stored.
    pub fn enter(&self, flow: FlowId, run: RunId, waits: bool) {
        let mut gates = locked(&self.0);
        let gate = gates.entry(flow).or_default();
        gate.accepted.remove(&run);
        if !waits {
            gate.running.insert(run);
        } else if !gate.waiting.contains(&run) {
            gate.waiting.push_back(run);
        }
    }

    /// A run ended.
    pub fn leave(&self, flow: FlowId, run: RunId) {
        let mut gates = locked(&self.0);
        if let Some(gate) = gates.get_mut(&flow) {
            gate.running.remove(&run);
            gate.waiting.retain(|waiting| *waiting != run);
            if gate.is_idle() {
                gates.remove(&flow);
            }
        }
    }

    /// Forgets the runs of a shard: another node counts them.
    pub fn forget(&self, shard: Shard) {
        locked(&self.0).retain(|flow, _| Shard::of(*flow) != shard);
    }

    /// The next run that may begin now, counted as running; `None` where none waits or none may. The gate's lock is
    /// held.
    pub fn release(&self, flow: FlowId, limit: Option<Concurrency>) -> Option<RunId> {
        let mut gates = locked(&self.0);
        let gate = gates.get_mut(&flow)?;
        if limit.is_some_and(|limit| gate.running.len() >= limit.runs as usize) {
            return None;
        }
        let run = gate.waiting.pop_front()?;
        gate.running.insert(run);
        Some(run)
    }

    /// A run that was to be released could not be told: it is the next one again.
    pub fn take_back(&self, flow: FlowId, run: RunId) {
        let mut gates = locked(&self.0);
        let gate = gates.entry(flow).or_default();
        if gate.running.remove(&run) {
            gate.waiting.push_front(run);
        }
    }

    /// Counts an event that will become a run; `false` where no further run may wait.
    pub fn accept(&self, flow: FlowId, run: RunId, limit: Concurrency) -> bool {
        let mut gates = locked(&self.0);
        let gate = gates.entry(flow).or_default();
        let all = gate.running.len() + gate.waiting.len() + gate.accepted.len();
        let fits = all < (limit.runs + limit.waiting) as usize;
        if fits {
            gate.accepted.insert(run);
        }
        fits
    }

    /// An event that was counted became no run, or was not stored.
    pub fn arrived(&self, flow: FlowId, run: RunId) {
        let mut gates = locked(&self.0);
        if let Some(gate) = gates.get_mut(&flow) {
            gate.accepted.remove(&run);
            if gate.is_idle() {
                gates.remove(&flow);
            }
        }
    }

    /// The runs that are counted, at most `most`.
    pub fn counted(&self, flow: FlowId, most: usize) -> Vec<RunId> {
        let gates = locked(&self.0);
        let runs = gates.get(&flow).map(|gate| gate.running.iter().chain(&gate.waiting).copied().take(most).collect());
        runs.unwrap_or_default()
    }

    /// How many runs run and wait.
    pub fn count(&self, flow: FlowId) -> (usize, usize) {
        locked(&self.0).get(&flow).map_or((0, 0), |gate| (gate.running.len(), gate.waiting.len()))
    }

    /// The flows with runs that wait.
    pub fn waiting_flows(&self) -> Vec<FlowId> {
        #[allow(clippy::disallowed_methods)] // Each flow is looked at on its own.
        locked(&self.0).iter().filter(|(_, gate)| !gate.waiting.is_empty()).map(|(flow, _)| *flow).collect()
    }
}
