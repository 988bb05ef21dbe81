//! From the queue to tasks: hands out work as long as there are slots and permits, flow by flow.

use std::sync::Arc;
use std::time::Duration;

use hookmill_model::{EventId, FlowId};
use hookmill_store::{Event, StoreError};
use tokio::sync::Semaphore;

use crate::gates::is_counted;
use crate::guard::caught;
use crate::queue::{Slot, Work};
use crate::stored::run_of;
use crate::{Error, Runtime};

/// Pieces of work that are begun at a time: enough to fill a group commit.
const STARTING_MAX: usize = 256;
/// Events of a flow that are read at a time.
const PAGE: usize = 64;
/// How often the store is asked for events that no message announced.
const SCAN_INTERVAL: Duration = Duration::from_secs(10);
/// What cannot be stored or read is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);

impl Runtime {
    /// Hands out what is ready, until the server stops.
    pub(crate) async fn dispatch(self) {
        let permits = Arc::new(Semaphore::new(STARTING_MAX));
        let mut stopped = self.stopped();
        loop {
            let permit = tokio::select! {
                _ = stopped.changed() => return,
                permit = Arc::clone(&permits).acquire_owned() => permit,
            };
            let Ok(permit) = permit else { return };
            let Some((flow, work)) = self.0.queue.next() else {
                drop(permit);
                tokio::select! {
                    _ = stopped.changed() => return,
                    () = self.0.queue.ready() => {}
                }
                continue;
            };
            let runtime = self.clone();
            tokio::spawn(async move {
                match work {
                    Work::Event(event, slot) => runtime.begin_event(event, slot).await,
                    Work::Read(after) => runtime.read_events(flow, after).await,
                    Work::Run(run, message, slot) => Box::pin(runtime.wake_in(slot, flow, run, message)).await,
                }
                drop(permit);
            });
        }
    }

    async fn begin_event(&self, event: Event, slot: Slot) {
        let (id, flow): (EventId, FlowId) = (event.id, event.flow);
        let begun = self.begin_or_set_aside(&event, slot).await;
        let stays = begun.is_err();
        if let Err(error) = begun {
            // Where many wait for the turn of the budget it comes back; the store does not refuse then.
            if !matches!(error, Error::Store(StoreError::Overloaded { .. })) {
                self.0.health.refused(&error, || format!("event {id} could not become a run; it stays in the queue"));
            }
            tokio::time::sleep(AGAIN).await;
        }
        self.0.queue.begun(flow, id, stays);
    }

    /// Begins the runs of an event that is not in the queue of this process.
    pub(crate) async fn begin_event_alone(&self, event: &Event) -> Result<(), Error> {
        let slot = self.0.queue.slot(event.flow);
        self.begin_or_set_aside(event, slot).await
    }

    /// Begins the runs of an event. One that the program cannot take is set aside.
    async fn begin_or_set_aside(&self, event: &Event, slot: Slot) -> Result<(), Error> {
        let begun = match caught(Box::pin(self.begin_runs(event, slot))).await {
            Ok(Err(Error::Internal(why))) | Err(why) => self.set_event_aside(event, &why).await,
            Ok(begun) => begun,
        };
        self.0.gates.arrived(event.flow, run_of(event.id));
        begun
    }

    /// Reads pending events of a flow.
    async fn read_events(&self, flow: FlowId, after: Option<u64>) {
        let is_serial = async {
            let Some(stored) = self.0.store.flow(flow).await? else { return Ok(false) };
            if stored.version == 0 {
                return Ok(false);
            }
            match self.version(flow, stored.version).await {
                Ok(version) => Ok(version.plan.triggers.first().is_some_and(is_counted)),
                Err(Error::Store(error)) => Err(error),
                // The event says so when it fires.
                Err(_) => Ok(false),
            }
        };
        let read = async {
            let is_serial = is_serial.await?;
            Ok::<_, hookmill_store::StoreError>((is_serial, self.0.store.pending_events(flow, after, PAGE).await?))
        };
        match read.await {
            Ok((is_serial, pending)) => {
                let last = pending.last().map(|pending| pending.position);
                let events = pending.into_iter().map(|pending| pending.event).collect();
                self.0.queue.push_read(flow, is_serial, events, last);
            }
            Err(error) => {
                let error = Error::Store(error);
                self.0.health.refused(&error, || format!("events of flow {flow} cannot be read now"));
                tokio::time::sleep(AGAIN).await;
                // The search begins anew.
                self.0.queue.push_read(flow, false, Vec::new(), None);
                self.0.queue.missed(flow);
            }
        }
    }

    /// Finds the flows with pending events that an earlier process left, or that no message announced.
    pub(crate) async fn find_pending(self) {
        let mut stopped = self.stopped();
        loop {
            let Some(counts) = self.read_until_stopped(|| self.0.store.pending_counts()).await else { return };
            for (flow, _) in counts.into_iter().filter(|(flow, _)| self.0.shards.owns(*flow)) {
                self.0.queue.may_have_missed(flow);
            }
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(SCAN_INTERVAL) => {}
            }
        }
    }
}
