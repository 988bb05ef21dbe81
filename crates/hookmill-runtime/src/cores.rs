//! Shares of the processors: who may decide next.
//!
//! A decision runs on a thread of its own from its beginning to its end, so a flow with many long decisions could keep
//! all threads busy. There are as many turns as processors; where more want one, the flow that has used least time
//! lately gets the next. Work that may take long leaves its thread to the doors and to other runs meanwhile.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hookmill_model::FlowId;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;

use crate::locked;

/// Flows whose use is remembered.
const FLOWS_KEPT: usize = 4_096;

#[derive(Default)]
struct State {
    free: usize,
    /// Microseconds that the flow furthest behind has used, as the others count them.
    clock: u64,
    used: HashMap<FlowId, u64>,
    waiting: HashMap<FlowId, VecDeque<oneshot::Sender<Turn>>>,
    /// Flows that wait, by what they have used.
    order: BTreeSet<(u64, FlowId)>,
}

/// The turns; clones are the same ones.
#[derive(Clone)]
pub(crate) struct Cores(Arc<Mutex<State>>);

/// A turn; the next one gets it when this is dropped.
pub(crate) struct Turn {
    /// `None` where it was never given.
    cores: Option<Cores>,
    flow: FlowId,
    since: Instant,
}

/// Does work that may take long: the other tasks of this thread go on on another one meanwhile. Handing them over costs
/// a few microseconds, which short work need not pay.
pub(crate) fn aside<T>(is_short: bool, work: impl FnOnce() -> T) -> T {
    // A runtime of one thread, as tests have it, has nobody to hand its tasks to.
    let is_alone = || Handle::try_current().map_or(true, |own| own.runtime_flavor() == RuntimeFlavor::CurrentThread);
    if is_short || is_alone() { work() } else { tokio::task::block_in_place(work) }
}

impl Cores {
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: count.max(1), ..State::default() })))
    }

    /// Waits for a turn; `None` never happens while the runtime lives.
    pub async fn turn(&self, flow: FlowId) -> Option<Turn> {
        let waits = {
            let mut state = locked(&self.0);
            if state.free > 0 && state.order.is_empty() {
                state.free -= 1;
                return Some(Turn { cores: Some(self.clone()), flow, since: Instant::now() });
            }
            let (sender, receiver) = oneshot::channel();
            let used = state.used_by(flow);
            state.waiting.entry(flow).or_default().push_back(sender);
            state.order.insert((used, flow));
            receiver
        };
        waits.await.ok()
    }

    fn hand_on(&self) {
        loop {
            let (sender, turn) = {
                let mut state = locked(&self.0);
                let Some((used, flow)) = state.order.pop_first() else {
                    state.free += 1;
                    return;
                };
                state.clock = state.clock.max(used);
                let Some(own) = state.waiting.get_mut(&flow) else { continue };
                let sender = own.pop_front();
                if own.is_empty() {
                    state.waiting.remove(&flow);
                } else {
                    state.order.insert((used, flow));
                }
                (sender, Turn { cores: Some(self.clone()), flow, since: Instant::now() })
            };
            match sender.map(|sender| sender.send(turn)) {
                Some(Ok(())) => return,
                // It went away: its turn is not used, and the next one gets it.
                Some(Err(mut turn)) => turn.cores = None,
                None => {}
            }
        }
    }
}

impl State {
    /// Who has used nothing for a while begins where the others are.
    fn used_by(&self, flow: FlowId) -> u64 {
        self.used.get(&flow).map_or(self.clock, |used| (*used).max(self.clock))
    }

    fn charge(&mut self, flow: FlowId, micros: u64) {
        let before = self.used_by(flow);
        let used = before + micros;
        self.used.insert(flow, used);
        if self.waiting.contains_key(&flow) {
            self.order.retain(|(_, other)| *other != flow);
            self.order.insert((used, flow));
        }
        if self.used.len() > FLOWS_KEPT {
            let clock = self.clock;
            self.used.retain(|_, used| *used > clock);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(cores) = self.cores.take() else { return };
        let micros = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
        {
            let mut state = locked(&cores.0);
            if !state.order.is_empty() {
                state.charge(self.flow, micros);
            }
        }
        cores.hand_on();
    }
}

#[cfg(test)]
mod tests {
    use hookmill_model::Id as _;

    use super::*;

    #[tokio::test]
    async fn who_used_least_comes_next() {
        let cores = Cores::new(1);
        let (greedy, modest) = (FlowId::from_bits(1), FlowId::from_bits(2));
        let order: Arc<Mutex<Vec<FlowId>>> = Arc::default();
        let first = cores.turn(greedy).await;
        let mut tasks = Vec::new();
        for flow in [greedy, greedy, greedy, modest, modest] {
            let (cores, order) = (cores.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let turn = cores.turn(flow).await;
                order.lock().unwrap().push(flow);
                drop(turn);
            }));
            tokio::task::yield_now().await;
        }
        std::thread::sleep(std::time::Duration::from_millis(30));
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [modest, modest, greedy, greedy, greedy]);
        assert!(cores.turn(greedy).await.is_some(), "the turn is free again");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn long_work_leaves_its_thread_to_others() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = tokio::spawn(async move { sender.send("done") });
        // The only thread waits for what another task does.
        let told =
            tokio::spawn(async move { aside(false, || receiver.recv_timeout(std::time::Duration::from_secs(20))) });
        assert_eq!(told.await.unwrap(), Ok("done"));
        other.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_turn_that_nobody_takes_goes_on() {
        let cores = Cores::new(1);
        let flow = FlowId::from_bits(1);
        let held = cores.turn(flow).await;
        let gave_up = tokio::time::timeout(std::time::Duration::from_millis(5), cores.turn(flow)).await;
        assert!(gave_up.is_err());
        drop(held);
        assert!(cores.turn(flow).await.is_some());
    }
}
