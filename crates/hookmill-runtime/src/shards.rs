//! Which flows this node looks after at this moment, and what follows when that changes.
//!
//! With a store of its own a node has all shards for good, and nothing here ever happens after the start. With others
//! beside it, shards come and go:
//!
//! | a shard | what follows |
//! |---|---|
//! | is taken | its runs that have not ended are taken up, then its events may become runs; its timers are handed on anew |
//! | is to be given up | nothing new is begun there; once no call is under way and no run in memory it is let go |
//! | is lost | its runs leave the memory at once and store nothing more: the store would refuse it anyway |
//!
//! Not here: taking and renewing leases (the store), handing work to the owner (`elsewhere`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookmill_model::FlowId;
use hookmill_store::{EPOCH_ALONE, Leases, SHARDS, Shard};
use tokio::sync::watch;

use crate::Runtime;

/// A lease that ended without anybody having said so is noticed within this time.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How often it is looked whether a shard that is given up is idle.
const IDLE_LOOK: Duration = Duration::from_millis(20);
/// Calls that are under way in a shard that is given up have this long to end; then they are cut off.
const LEAVE_WAIT: Duration = Duration::from_secs(25);

/// What the runs of a shard are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// They go on.
    Works,
    /// They begin nothing, and leave the memory once nothing of them is under way.
    Leaves,
    /// They leave the memory at once.
    Lost,
}

/// The shards as this node sees them.
pub(crate) struct Shards {
    leases: Arc<Leases>,
    phases: Vec<watch::Sender<Phase>>,
    /// How much is being done in each shard beside the runs in memory.
    busy: Vec<AtomicUsize>,
}

/// Something that is being done in a shard; it is not let go before this is dropped.
pub(crate) struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shards {
    pub fn new(leases: Arc<Leases>) -> Self {
        let phases = Shard::all().map(|_| watch::channel(Phase::Works).0).collect();
        Self { leases, phases, busy: (0..SHARDS).map(|_| AtomicUsize::new(0)).collect() }
    }

    /// Whether no other node can ever own anything.
    pub fn is_alone(&self) -> bool {
        self.leases.left().is_none()
    }

    /// Whether this node looks after a flow.
    pub fn owns(&self, flow: FlowId) -> bool {
        self.leases.epoch(Shard::of(flow)).is_some()
    }

    /// Whether something may be begun for a flow here.
    pub fn may_begin(&self, flow: FlowId) -> bool {
        self.leases.may_begin(Shard::of(flow))
    }

    /// Whether what was begun for a flow here may go on with a request that others can see.
    pub fn may_go_on(&self, flow: FlowId) -> bool {
        self.leases.may_go_on(Shard::of(flow))
    }

    /// Whether this node owns a shard.
    pub fn holds(&self, shard: Shard) -> bool {
        self.leases.epoch(shard).is_some()
    }

    /// How many shards this node owns.
    pub fn count(&self) -> usize {
        self.leases.held().len()
    }

    /// The epoch under which runs of a flow are written here. Where the flow is not owned the store refuses the unit,
    /// whatever it says.
    pub fn epoch(&self, flow: FlowId) -> u64 {
        self.leases.epoch(Shard::of(flow)).unwrap_or(EPOCH_ALONE)
    }

    /// What the runs of a flow are to do, from now on.
    pub fn phase(&self, flow: FlowId) -> watch::Receiver<Phase> {
        self.phases[Shard::of(flow).index()].subscribe()
    }

    /// Notes that something is being done for a flow; `None` where nothing may be begun.
    pub fn begin(&self, flow: FlowId) -> Option<Busy<'_>> {
        let count = &self.busy[Shard::of(flow).index()];
        count.fetch_add(1, Ordering::AcqRel);
        let busy = Busy(count);
        self.may_begin(flow).then_some(busy)
    }

    /// Says what all runs are to do, since the server stops.
    pub fn set_all(&self, phase: Phase) {
        Shard::all().for_each(|shard| self.set(shard, phase));
    }

    fn set(&self, shard: Shard, phase: Phase) {
        self.phases[shard.index()].send_replace(phase);
    }
}

impl Runtime {
    /// Takes up what the shards of this node hold, and follows every change until the server stops.
    pub(crate) async fn watch_shards(self) {
        let mut stopped = self.stopped();
        let leases = Arc::clone(&self.0.shards.leases);
        let mut changes = leases.changes();
        let held = |leases: &Leases| -> BTreeMap<Shard, u64> {
            leases.held().into_iter().filter_map(|shard| Some((shard, leases.epoch(shard)?))).collect()
        };
        let mut known = held(&leases);
        self.recover_at_start(known.keys().copied().collect()).await;
        let mut leaving = BTreeSet::new();
        while !*stopped.borrow() {
            changes.mark_unchanged();
            let now = held(&leases);
            let lost: Vec<Shard> =
                known.iter().filter(|(own, epoch)| now.get(own) != Some(epoch)).map(|(own, _)| *own).collect();
            if !lost.is_empty() {
                self.lose(&lost).await;
                for shard in lost {
                    known.remove(&shard);
                    leaving.remove(&shard);
                }
            }
            let fresh: BTreeSet<Shard> =
                now.keys().filter(|own| !known.contains_key(own) && !leases.is_leaving(**own)).copied().collect();
            if !fresh.is_empty() {
                known.extend(now.iter().filter(|(own, _)| fresh.contains(own)).map(|(own, epoch)| (*own, *epoch)));
                self.take_up(fresh).await;
            }
            for (shard, epoch) in &known {
                if leases.is_leaving(*shard) && leaving.insert(*shard) {
                    self.0.shards.set(*shard, Phase::Leaves);
                    tokio::spawn(self.clone().leave(*shard, *epoch));
                }
            }
            tokio::select! {
                _ = stopped.changed() => {}
                _ = changes.changed() => {}
                () = tokio::time::sleep(LOOK_INTERVAL), if !self.0.shards.is_alone() => {}
            }
        }
    }

    /// Takes up what other nodes left in shards that are ours now.
    async fn take_up(&self, shards: BTreeSet<Shard>) {
        for shard in &shards {
            self.0.shards.set(*shard, Phase::Works);
        }
        self.0.queue.expect(&shards);
        // What a page of this node changed elsewhere may stand in memory still.
        self.0.store.forget_all();
        let wants = |shard: Shard| shards.contains(&shard);
        if self.read_until_stopped(|| self.read_splits(&wants)).await.is_none() {
            return;
        }
        if !self.recover_runs_of(&wants, |shard| self.0.store.was_orderly(shard).unwrap_or(false)).await {
            return;
        }
        self.begin_handing_out(&shards);
        self.hand_on_timers_anew();
        if let Some(counts) = self.read_until_stopped(|| self.0.store.pending_counts()).await {
            for (flow, _) in counts.into_iter().filter(|(flow, _)| shards.contains(&Shard::of(*flow))) {
                self.0.queue.may_have_missed(flow);
            }
        }
        self.take_up_subscriptions(&wants).await;
        self.0.push.notify_one();
    }

    /// Gives a shard up once nothing is under way there.
    async fn leave(self, shard: Shard, epoch: u64) {
        let leases = &self.0.shards.leases;
        let until = tokio::time::Instant::now() + LEAVE_WAIT;
        self.0.queue.close(&[shard]);
        let is_idle = || self.0.shards.busy[shard.index()].load(Ordering::Acquire) == 0 && self.0.queue.is_idle(shard);
        let mut orderly = true;
        while !is_idle() {
            if leases.epoch(shard) != Some(epoch) {
                return;
            }
            if orderly && tokio::time::Instant::now() > until {
                orderly = false;
                self.0.shards.set(shard, Phase::Lost);
            }
            tokio::time::sleep(IDLE_LOOK).await;
        }
        self.0.gates.forget(shard);
        if leases.epoch(shard) == Some(epoch)
            && let Err(error) = self.0.store.let_go(&[shard], orderly).await
        {
            tracing::warn!(%shard, %error, "a share of the flows is free for others when its lease ends");
        }
    }

    async fn lose(&self, shards: &[Shard]) {
        for shard in shards {
            self.0.shards.set(*shard, Phase::Lost);
        }
        self.0.queue.close(shards);
        // Who takes a shard up again must not meet the runs of before.
        for shard in shards {
            while !self.0.queue.is_idle(*shard) && !*self.stopped().borrow() {
                tokio::time::sleep(IDLE_LOOK).await;
            }
            self.0.gates.forget(*shard);
        }
    }
}

#[cfg(test)]
mod tests {
    use hookmill_model::Id as _;

    use super::*;

    #[test]
    fn nothing_is_begun_in_a_shard_that_is_given_up() {
        let leases = Leases::alone();
        let shards = Shards::new(Arc::clone(&leases));
        let flow = FlowId::from_bits(7);
        let busy = shards.begin(flow).unwrap();
        leases.leave(Shard::of(flow));
        assert!(shards.begin(flow).is_none() && shards.owns(flow) && shards.begin(FlowId::from_bits(8)).is_some());
        assert_eq!(shards.busy[7].load(Ordering::Acquire), 1, "who was refused does not count");
        drop(busy);
        assert_eq!(shards.busy[7].load(Ordering::Acquire), 0);
        leases.lose(Shard::of(flow));
        assert!(!shards.owns(flow));
    }
}
