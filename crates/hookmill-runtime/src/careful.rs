//! Careful starts: a run that ends the process each time it is taken up must not keep all others from going on.
//!
//! Each start is counted until all runs that an earlier process left have been taken up. The third start in a row that
//! finds its predecessors uncounted is careful: nothing is handed out, while the doors take notifications, flows can be
//! turned off and runs cancelled. Runs are taken up one at a time, marked on disk before and unmarked after; then pending
//! events begin their runs, a few at a time, marked in the same way. What was marked when a process ended comes last, when
//! the server has been up for a while and all others go on, and alone; what was marked three times is set aside.
//!
//! The wait tells a run that ends the process from one that happened to be marked when somebody ended it: a server that is
//! killed again and again soon after its start never comes to the marked runs, and sets none of them aside.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hookmill_engine::Input;
use hookmill_model::{EventId, RunId, RunKind, RunStatus};
use hookmill_store::{Change, Event, Lane, OpenRun, RunUpdate, Shard, StoreError, TimerKey, Unit};
use serde::{Deserialize, Serialize};

use crate::insist::start_deadline;
use crate::{Error, Runtime};

/// The name of the setting that counts starts.
const STARTS: &str = "starts";
/// So many starts in a row that did not take up all runs make the next one careful.
const UNFINISHED_MAX: u32 = 2;
/// A run that was marked so often when a process ended is set aside.
const TRIES_MAX: u32 = 3;
/// How long the server is up before runs that were marked are tried again.
const MARKED_WAIT: Duration = Duration::from_secs(3);
/// Runs that are read at a time.
const PAGE: usize = 500;
/// How long a run may take to decide before the next one is taken up.
const DECIDE_WAIT: Duration = Duration::from_secs(10);
/// So many events are marked at a time.
const EVENTS_MARKED: usize = 32;
/// How often it is looked whether all runs were taken up.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// A start that lasted so long is none that a run ended.
const FINISHED_AFTER: u32 = 60;

/// What is known of the last starts.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Starts {
    /// Starts in a row after which not all runs were taken up.
    unfinished: u32,
    /// The run that is being taken up.
    marked: Option<RunId>,
    /// How often a process ended while a run was marked.
    tries: BTreeMap<RunId, u32>,
    /// The events whose runs are being begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marked_events: Vec<EventId>,
    /// How often a process ended while an event was marked.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    event_tries: BTreeMap<EventId, u32>,
}

impl Starts {
    /// A further start.
    fn begin(mut self) -> Self {
        self.unfinished += 1;
        if let Some(run) = self.marked.take() {
            *self.tries.entry(run).or_insert(0) += 1;
        }
        for event in std::mem::take(&mut self.marked_events) {
            *self.event_tries.entry(event).or_insert(0) += 1;
        }
        self
    }

    const fn is_careful(&self) -> bool {
        self.unfinished > UNFINISHED_MAX
    }
}

impl Runtime {
    /// Counts this start; where it is a careful one, nothing is handed out yet.
    pub(crate) async fn count_start(&self) -> Result<(), Error> {
        let deadline = start_deadline();
        // Reckoned once: a count whose answer was lost must not count this start twice.
        let starts = self.insist_until(deadline, || self.starts()).await?.begin();
        self.insist_until(deadline, || self.store_starts(&starts)).await?;
        if starts.is_careful() {
            tracing::warn!(
                starts = starts.unfinished,
                "the last starts ended before all runs were taken up: they are taken up one at a time"
            );
            self.0.careful.store(true, Ordering::Relaxed);
            self.0.queue.hold();
        }
        Ok(())
    }

    /// The name of the setting that counts the starts of this node: of servers beside each other each counts its own.
    fn starts_setting(&self) -> String {
        self.name_among_others().map_or_else(|| STARTS.to_owned(), |node| format!("{STARTS} {node}"))
    }

    async fn starts(&self) -> Result<Starts, Error> {
        match self.0.store.setting(&self.starts_setting()).await?.filter(|stored| !stored.is_empty()) {
            // Only a count: a start that cannot read it counts anew.
            Some(stored) => {
                match hookmill_store::read("the count of starts", &stored, |bytes| serde_json::from_slice(bytes)) {
                    Ok(starts) => Ok(starts),
                    Err(damaged) => {
                        tracing::warn!(%damaged, "starts are counted anew");
                        Ok(Starts::default())
                    }
                }
            }
            None => Ok(Starts::default()),
        }
    }

    async fn store_starts(&self, starts: &Starts) -> Result<(), Error> {
        let bytes = serde_json::to_vec(starts).map_err(|error| Error::Internal(error.to_string()))?;
        self.0.store.commit(Unit::from(Change::PutSetting(self.starts_setting(), bytes.into())), Lane::Work).await?;
        Ok(())
    }

    /// The end of a start's count: all runs were taken up, or the server stops in order.
    pub(crate) fn starts_are_fine(&self) -> Change {
        Change::PutSetting(self.starts_setting(), bytes::Bytes::new())
    }

    /// Ends the count once all runs that an earlier process left have been taken up.
    pub(crate) async fn finish_start(self) {
        let mut stopped = self.stopped();
        let mut calm = 0;
        for _ in 0..FINISHED_AFTER {
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            // Twice, since what was taken from the queue last may be about to end the process.
            calm = if self.0.queue.has_due_runs() { 0 } else { calm + 1 };
            if calm == 2 {
                break;
            }
        }
        if let Err(error) = self.0.store.commit(Unit::from(self.starts_are_fine()), Lane::Work).await {
            tracing::warn!(%error, "it cannot be stored that all runs were taken up");
        }
    }

    /// Takes up the runs that an earlier process left, one at a time, and lets the others go on then.
    pub(crate) async fn recover_carefully(
        &self,
        wants: &(impl Fn(Shard) -> bool + Sync),
        was_orderly: &(impl Fn(Shard) -> bool + Sync),
    ) -> Result<(), Error> {
        let mut starts = self.insist(|| self.starts()).await?;
        let mut after = None;
        loop {
            let runs = self.insist(|| async { Ok(self.0.store.open_runs(after, PAGE).await?) }).await?;
            let Some(last) = runs.last() else { break };
            after = Some(last.id);
            let is_fresh = |run: &OpenRun| {
                run.kind == RunKind::Flow && wants(Shard::of(run.flow)) && !starts.tries.contains_key(&run.id)
            };
            let fresh: Vec<OpenRun> = runs.into_iter().filter(is_fresh).collect();
            for run in fresh {
                let was_orderly = was_orderly(Shard::of(run.flow));
                self.take_up_marked(&mut starts, run, was_orderly).await?;
            }
        }
        // Nobody else takes those that were marked.
        for event in starts.event_tries.keys() {
            self.0.queue.know(*event);
        }
        self.begin_pending(&mut starts, wants).await?;
        self.insist(|| self.store_starts(&starts)).await?;
        self.begin_handing_out(&Shard::all().filter(|shard| wants(*shard)).collect());
        if !starts.tries.is_empty() || !starts.event_tries.is_empty() {
            let mut stopped = self.stopped();
            tokio::select! {
                _ = stopped.changed() => return Ok(()),
                () = tokio::time::sleep(MARKED_WAIT) => {}
            }
        }
        for (run, tries) in starts.tries.clone() {
            let listed = self.insist(|| async { Ok(self.0.store.run(run).await?) }).await?;
            let listed = listed.filter(|listed| !listed.run.status.is_final() && wants(Shard::of(listed.run.flow)));
            if let Some(listed) = listed {
                if tries >= TRIES_MAX {
                    let why = format!("the server ended {tries} times while it took up this run");
                    self.insist(|| self.set_aside(run, &why)).await?;
                } else {
                    let open = OpenRun {
                        id: run,
                        flow: listed.run.flow,
                        kind: listed.run.kind,
                        status: listed.run.status,
                        version: listed.run.version,
                        due_at: self.insist(|| async { Ok(self.0.store.timer(TimerKey::Run(run)).await?) }).await?,
                    };
                    let was_orderly = was_orderly(Shard::of(open.flow));
                    self.take_up_marked(&mut starts, open, was_orderly).await?;
                }
            }
            starts.tries.remove(&run);
        }
        for (id, tries) in starts.event_tries.clone() {
            match self.insist(|| async { Ok(self.0.store.event(id).await?) }).await? {
                Some(event) if wants(Shard::of(event.flow)) && tries < TRIES_MAX => {
                    self.begin_marked(&mut starts, vec![event]).await?;
                }
                Some(event) if wants(Shard::of(event.flow)) => {
                    let why = format!("the server ended {tries} times while it began the runs of this notification");
                    self.insist(|| self.set_event_aside(&event, &why)).await?;
                    self.0.queue.forget(id);
                }
                _ => self.0.queue.forget(id),
            }
            starts.event_tries.remove(&id);
        }
        self.insist(|| self.store_starts(&starts)).await?;
        self.0.careful.store(false, Ordering::Relaxed);
        tracing::info!("all runs were taken up");
        Ok(())
    }

    async fn take_up_marked(&self, starts: &mut Starts, run: OpenRun, was_orderly: bool) -> Result<(), Error> {
        if !self.insist(|| self.know(&run)).await? {
            return Ok(());
        }
        starts.marked = Some(run.id);
        self.insist(|| self.store_starts(starts)).await?;
        let input = if was_orderly { Input::Tick } else { Input::Recovered };
        let told = self.insist(|| self.tell(run.id, input.clone()));
        match tokio::time::timeout(DECIDE_WAIT, told).await {
            Ok(Err(Error::Store(StoreError::Closed))) => return Err(Error::Store(StoreError::Closed)),
            Ok(Err(error)) => {
                tracing::error!(run = %run.id, %error, "a run cannot be taken up; the next start tries again");
            }
            Ok(Ok(_)) | Err(_) => {}
        }
        starts.marked = None;
        Ok(())
    }

    /// Begins the runs of the events that an earlier process left, a few at a time.
    async fn begin_pending(&self, starts: &mut Starts, wants: &(impl Fn(Shard) -> bool + Sync)) -> Result<(), Error> {
        let flows = self.insist(|| async { Ok(self.0.store.pending_counts().await?) }).await?;
        for flow in flows.into_iter().map(|(flow, _)| flow).filter(|flow| wants(Shard::of(*flow))) {
            let mut after = None;
            loop {
                let read = || async { Ok(self.0.store.pending_events(flow, after, EVENTS_MARKED).await?) };
                let page = self.insist(read).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.position);
                let fresh = page.into_iter().map(|pending| pending.event);
                let fresh: Vec<Event> = fresh.filter(|event| self.0.queue.know(event.id)).collect();
                self.begin_marked(starts, fresh).await?;
            }
        }
        Ok(())
    }

    /// Begins the runs of events that are known to nobody else; they are marked meanwhile.
    async fn begin_marked(&self, starts: &mut Starts, events: Vec<Event>) -> Result<(), Error> {
        starts.marked_events = events.iter().map(|event| event.id).collect();
        self.insist(|| self.store_starts(starts)).await?;
        for event in events {
            let (id, flow) = (event.id, event.flow);
            let begun = self.begin_event_alone(&event).await;
            self.0.queue.forget(id);
            if let Err(error) = begun {
                tracing::warn!(event = %id, %error, "the runs of an event cannot begin yet");
                self.0.queue.missed(flow);
            }
        }
        starts.marked_events.clear();
        Ok(())
    }

    /// Cancels a run that is not in memory, without reading its journal: that may be what ends the process.
    pub(crate) async fn cancel_unread(&self, run: RunId) -> Result<(), Error> {
        let Some(listed) = self.0.store.run(run).await? else { return Ok(()) };
        let update = RunUpdate::ended(RunStatus::Cancelled, self.now(), None);
        let unit = Unit::from(Change::UpdateRun { run, epoch: listed.run.epoch, update }).owned(listed.run.flow);
        self.0.store.commit(unit.with(Change::ClearTimer(TimerKey::Run(run))), Lane::Work).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hookmill_model::Id as _;

    use super::*;

    #[test]
    fn a_run_is_tried_as_often_as_a_process_ended_while_it_was_marked() {
        let run = RunId::from_bits(7);
        let mut starts = Starts::default().begin();
        assert!(!starts.is_careful());
        starts = starts.begin();
        assert!(!starts.is_careful());
        for tries in 1..=3 {
            starts.marked = Some(run);
            starts = starts.begin();
            assert!(starts.is_careful() && starts.marked.is_none());
            assert_eq!(starts.tries[&run], tries);
        }
        let stored = serde_json::to_vec(&starts).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<Starts>(&stored).ok(), Some(starts));
    }
}
