//! How many runs of a trigger are active: limits of concurrency, and who may begin next.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Mutex;

use hookmill_definition::plan::{Concurrency, Trigger};
use hookmill_model::{FlowId, RunId};

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
    coming: BTreeSet<RunId>,
}

impl Gates {
    /// Takes a run in. Gives whether it must wait, and whether it was not in already.
    pub fn enter(&self, flow: FlowId, run: RunId, limit: Option<Concurrency>) -> (bool, bool) {
        let mut gates = locked(&self.0);
        let gate = gates.entry(flow).or_default();
        gate.coming.remove(&run);
        if gate.running.contains(&run) {
            return (false, false);
        }
        if gate.waiting.contains(&run) {
            return (true, false);
        }
        let waits = limit.is_some_and(|limit| gate.running.len() >= limit.runs as usize || !gate.waiting.is_empty());
        if waits {
            gate.waiting.push_back(run);
        } else {
            gate.running.insert(run);
        }
        (waits, true)
    }

    /// Takes in what an earlier process left.
    pub fn restore(&self, flow: FlowId, run: RunId, waits: bool) {
        let mut gates = locked(&self.0);
        let gate = gates.entry(flow).or_default();
        if waits {
            gate.waiting.push_back(run);
        } else {
            gate.running.insert(run);
        }
    }

    /// A run ended, or was not stored.
    pub fn leave(&self, flow: FlowId, run: RunId) {
        let mut gates = locked(&self.0);
        if let Some(gate) = gates.get_mut(&flow) {
            gate.running.remove(&run);
            gate.waiting.retain(|waiting| *waiting != run);
            if gate.running.is_empty() && gate.waiting.is_empty() && gate.coming.is_empty() {
                gates.remove(&flow);
            }
        }
    }

    /// The next run that may begin now, counted as running; `None` where none waits or none may.
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

    /// Counts an event that will become a run; `false` where no further run may wait.
    pub fn expect(&self, flow: FlowId, run: RunId, limit: Concurrency) -> bool {
        let mut gates = locked(&self.0);
        let gate = gates.entry(flow).or_default();
        let all = gate.running.len() + gate.waiting.len() + gate.coming.len();
        let fits = all < (limit.runs + limit.waiting) as usize;
        if fits {
            gate.coming.insert(run);
        }
        fits
    }

    /// An event that was counted became no run, or was not stored.
    pub fn arrived(&self, flow: FlowId, run: RunId) {
        if let Some(gate) = locked(&self.0).get_mut(&flow) {
            gate.coming.remove(&run);
        }
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
