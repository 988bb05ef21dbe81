//! What a start takes up: the runs that have not ended, oldest first, through the queues of their flows.
//!
//! The doors are open meanwhile. Only identifiers are read here; each run is folded when it gets its slot.

use hookmill_engine::Input;
use hookmill_model::{RunKind, RunStatus};
use hookmill_store::{Change, Lane, OpenRun, Unit};

use crate::gates::is_counted;
use crate::run::Message;
use crate::{Error, Runtime};

/// Runs that are read at a time.
const PAGE: usize = 500;
/// The name of the setting that says how the server stopped.
const STOPPED: &str = "stopped";

impl Runtime {
    /// Takes up all runs that have not ended; then events may become runs.
    pub(crate) async fn recover_runs(self) {
        let Some(was_orderly) = self.read_until_stopped(|| self.stopped_orderly()).await else { return };
        let mut after = None;
        loop {
            let Some(runs) = self.read_until_stopped(|| self.0.store.open_runs(after, PAGE)).await else { return };
            let Some(last) = runs.last() else { break };
            after = Some(last.id);
            for run in runs.into_iter().filter(|run| run.kind == RunKind::Flow) {
                if let Err(error) = self.recover(run, was_orderly).await {
                    tracing::error!(run = %run.id, %error, "a run cannot be taken up; the next start tries again");
                }
            }
        }
        for flow in self.0.gates.waiting_flows() {
            self.release_waiting(flow);
        }
        self.0.queue.open();
    }

    async fn recover(&self, run: OpenRun, was_orderly: bool) -> Result<(), Error> {
        let version = match self.version(run.flow, run.version).await {
            Ok(version) => version,
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => return self.set_aside(run.id, &error.to_string()).await,
        };
        let is_held = run.status == RunStatus::Waiting;
        if version.plan.triggers.first().is_some_and(is_counted) {
            self.0.gates.enter(run.flow, run.id, is_held);
        }
        let is_parked = run.due_at.is_some_and(|at| at > self.now());
        if !is_held && !is_parked {
            // After an orderly stop nothing was in flight: what is pending is handed out for the first time.
            let input = if was_orderly { Input::Tick } else { Input::Recovered };
            self.0.queue.push_run(run.flow, run.id, Some(Message::from(input)));
        }
        Ok(())
    }

    /// Whether the process before ended all calls before it stopped. It counts once: another end may come at any
    /// moment from now on.
    async fn stopped_orderly(&self) -> Result<bool, hookmill_store::StoreError> {
        let Some(stopped) = self.0.store.setting(STOPPED).await? else { return Ok(false) };
        let forget = Change::PutSetting(STOPPED.to_owned(), bytes::Bytes::new());
        self.0.store.commit(Unit::from(forget), Lane::Work).await?;
        Ok(&stopped[..] == b"orderly")
    }

    /// Notes that no call is under way any more.
    pub(crate) async fn note_orderly_stop(&self) {
        let note = Change::PutSetting(STOPPED.to_owned(), bytes::Bytes::from_static(b"orderly"));
        if let Err(error) = self.0.store.commit(Unit::from(note), Lane::Work).await {
            tracing::warn!(%error, "it cannot be stored that the server stopped in order");
        }
    }
}
