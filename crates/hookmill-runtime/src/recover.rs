//! What a start takes up: the runs that have not ended, oldest first, through the queues of their flows.
//!
//! The doors are open meanwhile. Only identifiers are read here; each run is folded when it gets its slot.

use std::collections::BTreeSet;

use hookmill_engine::Input;
use hookmill_model::{RunKind, RunStatus};
use hookmill_store::{Change, Lane, OpenRun, Shard, StoreError, Unit};

use crate::gates::is_counted;
use crate::message::Message;
use crate::{Error, Runtime};

/// Runs that are read at a time.
const PAGE: usize = 500;
/// The name of the setting that says how the server stopped.
const STOPPED: &str = "stopped";

impl Runtime {
    /// Takes up all runs of the shards that this node has at its start; then their events may become runs.
    pub(crate) async fn recover_at_start(&self, shards: BTreeSet<Shard>) {
        if !self.0.shards.is_alone() {
            let others = Shard::all().filter(|shard| !shards.contains(shard)).collect::<Vec<_>>();
            self.0.queue.close(&others);
        }
        let Some(was_orderly) = self.read_until_stopped(|| self.stopped_orderly()).await else { return };
        let was_orderly = |shard: Shard| self.0.store.was_orderly(shard).unwrap_or(was_orderly);
        let wants = |shard: Shard| shards.contains(&shard);
        if self.read_until_stopped(|| self.read_splits(&wants)).await.is_none() {
            return;
        }
        if self.is_careful() {
            match self.recover_carefully(&wants, &was_orderly).await {
                Ok(()) => {}
                Err(Error::Store(StoreError::Closed)) => return,
                Err(error) => {
                    tracing::error!(%error, "not all runs could be taken up one at a time; the next start tries again");
                    self.begin_handing_out(&shards);
                    return;
                }
            }
        } else if self.recover_runs_of(&wants, was_orderly).await {
            self.begin_handing_out(&shards);
        } else {
            return;
        }
        tokio::spawn(self.clone().finish_start());
    }

    /// Takes up the runs of some shards; `false` where the server stops before.
    pub(crate) async fn recover_runs_of(
        &self,
        wants: &(impl Fn(Shard) -> bool + Sync),
        was_orderly: impl Fn(Shard) -> bool,
    ) -> bool {
        let mut after = None;
        loop {
            let Some(runs) = self.read_until_stopped(|| self.0.store.open_runs(after, PAGE)).await else {
                return false;
            };
            let Some(last) = runs.last() else { return true };
            after = Some(last.id);
            for run in runs.into_iter().filter(|run| run.kind == RunKind::Flow && wants(Shard::of(run.flow))) {
                let was_orderly = was_orderly(Shard::of(run.flow));
                match self.insist(|| self.recover(&run, was_orderly)).await {
                    Ok(()) => {}
                    // The server stops; the next start takes up what is left.
                    Err(Error::Store(StoreError::Closed)) => return false,
                    Err(error) => {
                        tracing::error!(run = %run.id, %error, "a run cannot be taken up; the next start tries again");
                    }
                }
            }
        }
    }

    /// All runs of these shards are known: events may become runs.
    pub(crate) fn begin_handing_out(&self, shards: &BTreeSet<Shard>) {
        for flow in self.0.gates.waiting_flows() {
            if shards.contains(&Shard::of(flow)) {
                self.release_waiting(flow);
            }
        }
        self.0.queue.open(shards);
    }

    async fn recover(&self, run: &OpenRun, was_orderly: bool) -> Result<(), Error> {
        if self.know(run).await? {
            // After an orderly stop nothing was in flight: what is pending is handed out for the first time.
            let input = if was_orderly { Input::Tick } else { Input::Recovered };
            self.0.queue.push_run(run.flow, run.id, Some(Message::from(input)));
        }
        Ok(())
    }

    /// Counts a run that has not ended; gives whether it must be taken into memory.
    pub(crate) async fn know(&self, run: &OpenRun) -> Result<bool, Error> {
        let version = match self.version(run.flow, run.version).await {
            Ok(version) => version,
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => return self.set_aside(run.id, &error.to_string()).await.map(|()| false),
        };
        let is_held = run.status == RunStatus::Waiting;
        if version.plan.triggers.first().is_some_and(is_counted) {
            self.0.gates.enter(run.flow, run.id, is_held);
        }
        let is_parked = run.due_at.is_some_and(|at| at > self.now());
        Ok(!is_held && !is_parked)
    }

    /// Whether the process before ended all calls before it stopped. It counts once: another end may come at any
    /// moment from now on.
    async fn stopped_orderly(&self) -> Result<bool, hookmill_store::StoreError> {
        if !self.0.shards.is_alone() {
            // Each shard says so by itself.
            return Ok(false);
        }
        let Some(stopped) = self.0.store.setting(STOPPED).await? else { return Ok(false) };
        let forget = Change::PutSetting(STOPPED.to_owned(), bytes::Bytes::new());
        self.0.store.commit(Unit::from(forget), Lane::Work).await?;
        Ok(&stopped[..] == b"orderly")
    }

    /// Notes that no call is under way any more.
    pub(crate) async fn note_orderly_stop(&self) {
        if !self.0.shards.is_alone() {
            if let Err(error) = self.0.store.commit(Unit::from(self.starts_are_fine()), Lane::Work).await {
                tracing::warn!(%error, "it cannot be stored that the server stopped in order");
            }
            let held: Vec<Shard> = Shard::all().filter(|shard| self.0.shards.holds(*shard)).collect();
            if let Err(error) = self.0.store.let_go(&held, true).await {
                tracing::warn!(%error, "the flows of this server are free for others when its lease ends");
            }
            return;
        }
        let note = Change::PutSetting(STOPPED.to_owned(), bytes::Bytes::from_static(b"orderly"));
        if let Err(error) = self.0.store.commit(Unit::from(note).with(self.starts_are_fine()), Lane::Work).await {
            tracing::warn!(%error, "it cannot be stored that the server stopped in order");
        }
    }
}
