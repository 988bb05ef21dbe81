//! Runs in memory: how they are taken in, told something, and left out again.
//!
//! Each has an inbox; whoever tells a run something finds it there or has it read from its journal. Both happen under
//! one lock with the leaving, so that nothing is told to a run that is about to go.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use hookmill_engine::{Input, RunState};
use hookmill_model::{FlowId, RunId, RunKind, RunStatus};
use hookmill_store::{Change, Lane, Run, RunError, RunUpdate, StoreError, TimerKey, Unit};
use tokio::sync::{mpsc, oneshot, watch};

use crate::active::{Active, Left};
use crate::budget::Room;
use crate::gates::is_counted;
use crate::guard::caught;
use crate::message::Message;
use crate::places::{Granted, Turn};
use crate::queue::Slot;
use crate::{Answer, Error, Runtime, locked};

/// Messages that wait for a run.
const MESSAGES_MAX: usize = 64;
/// If a run is unloaded while an input is being delivered, delivery is retried this many times.
const TELL_TRIES: u32 = 10;
/// The first pause between these tries; each further one is longer by as much.
const TELL_PAUSE: Duration = Duration::from_millis(5);
/// A run that could not be taken into memory is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);

/// Where a run in memory is found.
struct Inbox {
    messages: mpsc::Sender<Message>,
    hurry: Hurry,
}

/// How many people wait for a run to heed what they told it: it does not finish long decisions before.
pub(crate) type Hurry = watch::Sender<usize>;

/// Somebody who waits; no more when this is dropped.
struct Waits(Hurry);

impl Waits {
    fn new(hurry: Hurry) -> Self {
        hurry.send_modify(|waiting| *waiting += 1);
        Self(hurry)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }
}

/// What the task of a run in memory hears.
pub(crate) struct Hears {
    pub messages: mpsc::Receiver<Message>,
    pub hurry: watch::Receiver<usize>,
}

/// The inboxes of the runs in memory.
#[derive(Default)]
pub(crate) struct Inboxes(Mutex<HashMap<RunId, Inbox>>);

impl Inboxes {
    pub fn len(&self) -> usize {
        locked(&self.0).len()
    }

    pub fn contains(&self, run: RunId) -> bool {
        locked(&self.0).contains_key(&run)
    }

    fn get(&self, run: RunId) -> Option<mpsc::Sender<Message>> {
        locked(&self.0).get(&run).map(|inbox| inbox.messages.clone())
    }

    /// Lets a run in memory break off a long decision, for as long as the answer is kept.
    fn hurry(&self, run: RunId) -> Option<Waits> {
        locked(&self.0).get(&run).map(|inbox| Waits::new(inbox.hurry.clone()))
    }

    /// A run is in memory from here on; `None` where it is already.
    fn open(&self, run: RunId) -> Option<Hears> {
        let mut inboxes = locked(&self.0);
        if inboxes.contains_key(&run) {
            return None;
        }
        let (sender, messages) = mpsc::channel(MESSAGES_MAX);
        let (waiting, hurry) = watch::channel(0);
        inboxes.insert(run, Inbox { messages: sender, hurry: waiting });
        Some(Hears { messages, hurry })
    }

    fn close(&self, run: RunId) {
        locked(&self.0).remove(&run);
    }

    /// Ends a run's place in memory, unless a message came before: then it keeps one, with the further messages.
    pub fn leave(&self, run: RunId, inbox: &mut mpsc::Receiver<Message>) -> Option<Message> {
        // Under the lock, so that nobody takes the run up while it is not sure that it leaves.
        let mut inboxes = locked(&self.0);
        inbox.close();
        let Ok(message) = inbox.try_recv() else {
            inboxes.remove(&run);
            return None;
        };
        let Some(own) = inboxes.get_mut(&run) else { return Some(message) };
        let (sender, fresh) = mpsc::channel(MESSAGES_MAX);
        let mut old = std::mem::replace(inbox, fresh);
        while let Ok(further) = old.try_recv() {
            // The channel is as large as the old one, so there is room.
            let _ = sender.try_send(further);
        }
        own.messages = sender;
        Some(message)
    }

    /// Gives a message to a run in memory; gives it back where it is not, or has too many.
    fn give(&self, run: RunId, message: Message) -> Result<(), Message> {
        let inboxes = locked(&self.0);
        let Some(inbox) = inboxes.get(&run) else { return Err(message) };
        inbox.messages.try_send(message).map_err(|unheard| match unheard {
            mpsc::error::TrySendError::Full(message) | mpsc::error::TrySendError::Closed(message) => message,
        })
    }
}

impl Runtime {
    /// Lets a run go on in a task of its own, with a message before all others. Gives the message back where the run
    /// is in memory already.
    pub(crate) fn activate(
        &self,
        active: Active,
        state: RunState,
        first: Option<Message>,
        was_read: bool,
    ) -> Result<(), Option<Message>> {
        let Some(hears) = self.0.inboxes.open(active.run.id) else { return Err(first) };
        let runtime = self.clone();
        tokio::spawn(async move { runtime.drive_to_end(active, state, hears, first, was_read).await });
        Ok(())
    }

    /// Lets a run that has just begun go on in the task that asks for it, until it leaves the memory.
    pub(crate) async fn go_on(&self, active: Active, state: RunState) {
        // Nobody else knows of a run that has just begun.
        if let Some(hears) = self.0.inboxes.open(active.run.id) {
            self.drive_to_end(active, state, hears, None, false).await;
        }
    }

    /// Drives a run until it leaves the memory, and does what follows from how it left.
    async fn drive_to_end(
        &self,
        active: Active,
        state: RunState,
        hears: Hears,
        first: Option<Message>,
        was_read: bool,
    ) {
        let (id, flow) = (active.run.id, active.run.flow);
        let counted = active.version.plan.triggers.first().is_some_and(is_counted);
        let mut ended = true;
        match caught(Box::pin(self.drive(active, state, hears, first, was_read))).await {
            Ok(Ok(Left::Ended)) => {}
            Ok(Ok(Left::Open)) => ended = false,
            // Its inbox is gone already, or belongs to the task that took it up again.
            Ok(Ok(Left::Parked)) => return,
            // It would be the same again.
            Ok(Err(error)) if error.is_lasting() => self.set_aside_or_log(id, &error.to_string()).await,
            Err(why) => self.set_aside_or_log(id, &why).await,
            Ok(Err(error)) => {
                self.0.health.refused(&error, || format!("run {id} stopped; it is taken up again"));
                self.0.inboxes.close(id);
                self.wake_later(flow, id, Some(Input::Recovered.into()));
                return;
            }
        }
        self.0.inboxes.close(id);
        if ended {
            self.0.places.forget(id);
        }
        if counted && ended {
            self.0.gates.leave(flow, id);
            self.release_waiting(flow);
        }
    }

    /// Takes a run into memory that waits outside of it, or tells it something where it is in memory; `false` where it
    /// has ended. A message that could not be told stays in `message`.
    async fn load(&self, id: RunId, mut slot: Option<Slot>, message: &mut Option<Message>) -> Result<bool, Error> {
        loop {
            if let Some(inbox) = self.0.inboxes.get(id) {
                // It may be about to leave: whatever was to wake it is looked at again.
                match inbox.send(message.take().unwrap_or(Message::Look)).await {
                    Ok(()) => return Ok(true),
                    Err(unheard) => *message = Some(unheard.0),
                }
                tokio::task::yield_now().await;
            }
            let listed = self.0.store.run(id).await?.filter(|listed| !listed.run.status.is_final());
            let Some(listed) = listed.filter(|listed| listed.run.kind == RunKind::Flow) else {
                if self.0.store.timer(TimerKey::Run(id)).await?.is_some() {
                    self.set_timer(TimerKey::Run(id), None).await?;
                }
                return Ok(false);
            };
            let flow = listed.run.flow;
            let mut room = self.0.budget.room(flow);
            match self.read_run(listed.run, &mut room).await? {
                Some((run, version, flow_row, state, bytes)) => {
                    let mut slot = slot.take().unwrap_or_else(|| self.0.queue.slot(flow));
                    slot.resize(bytes);
                    let active = Active { run, version, flow: std::sync::Arc::new(flow_row), slot, room };
                    match self.activate(active, state, message.take(), true) {
                        Ok(()) => return Ok(true),
                        // Somebody was faster: it is told where it is.
                        Err(untold) => *message = untold,
                    }
                }
                None => return Ok(false),
            }
        }
    }

    /// A run with what its task needs; `None` where it had to be set aside.
    #[allow(clippy::type_complexity)] // The parts of one value that is made by the caller, who has the slot.
    async fn read_run(
        &self,
        run: Run,
        room: &mut Room,
    ) -> Result<Option<(Run, std::sync::Arc<crate::plans::Version>, hookmill_store::Flow, RunState, usize)>, Error>
    {
        let (id, of) = (run.id, run.flow);
        let folded = async {
            let flow = self.0.store.flow(of).await?.ok_or_else(|| Error::not_found("flow", of))?;
            let version = self.version(of, run.version).await?;
            let (state, bytes) = self.fold(id, room).await?;
            Ok((version, flow, state, bytes))
        };
        match caught(folded).await.unwrap_or_else(|why| Err(Error::Internal(why))) {
            Ok((version, flow, state, bytes)) => Ok(Some((run, version, flow, state, bytes))),
            Err(Error::Store(error)) if !matches!(error, StoreError::Damaged { .. }) => Err(error.into()),
            // Whatever else is wrong would be wrong again.
            Err(error) => {
                self.set_aside(id, &error.to_string()).await?;
                if self
                    .version(of, run.version)
                    .await
                    .is_ok_and(|own| own.plan.triggers.first().is_some_and(is_counted))
                {
                    self.0.gates.leave(of, id);
                    self.release_waiting(of);
                }
                Ok(None)
            }
        }
    }

    /// A run whose turn in the queue has come.
    pub(crate) async fn wake_in(&self, slot: Slot, flow: FlowId, run: RunId, mut message: Option<Message>) {
        let loaded = self.load(run, Some(slot), &mut message).await;
        match loaded {
            Ok(_) => {}
            // Too many wait for the turn of the budget, or for the store.
            Err(Error::Store(StoreError::Overloaded { .. })) => self.wake_later(flow, run, message),
            Err(error) => {
                self.0.health.refused(&error, || format!("run {run} cannot be taken into memory"));
                self.wake_later(flow, run, message);
            }
        }
    }

    fn wake_later(&self, flow: FlowId, run: RunId, message: Option<Message>) {
        let (runtime, mut stopped) = (self.clone(), self.stopped());
        tokio::spawn(async move {
            tokio::select! {
                _ = stopped.changed() => {}
                () = tokio::time::sleep(AGAIN) => runtime.0.queue.push_run(flow, run, message),
            }
        });
    }

    /// Gives runs that waited for a place what they get.
    pub(crate) async fn hand_on_turns(self, mut turns: mpsc::UnboundedReceiver<Turn>) {
        let mut stopped = self.stopped();
        loop {
            let turn = tokio::select! {
                _ = stopped.changed() => return,
                turn = turns.recv() => turn,
            };
            let Some(Turn { flow, run, granted }) = turn else { return };
            self.0.queue.set_waiting(flow, self.0.places.waiting(flow));
            self.0.queue.set_slowed(flow, matches!(granted, Granted::Refused(..)));
            if let Err(message) = self.0.inboxes.give(run, Message::Granted(granted)) {
                self.0.queue.push_run(flow, run, Some(message));
            }
        }
    }

    /// Gives an input to a run, and hears after the commit whether it changed anything; `None` where it has ended.
    pub(crate) async fn tell(&self, run: RunId, input: Input) -> Result<Option<bool>, Error> {
        match self.flow_elsewhere(run).await? {
            Some(flow) => self.tell_elsewhere(flow, run, input).await,
            None => self.tell_here(run, input).await,
        }
    }

    /// [`Runtime::tell`], for a run of a flow that this node looks after.
    ///
    /// # Errors
    /// It comes into memory and leaves it all the time, so that it can be told later only; or as the store says.
    pub(crate) async fn tell_here(&self, run: RunId, input: Input) -> Result<Option<bool>, Error> {
        // A run that comes into memory or leaves it at this moment is told again.
        for tried in 0..TELL_TRIES {
            let (done, heard) = oneshot::channel();
            let mut message = Some(Message::Input { input: input.clone(), done: Some(done) });
            let is_cancelled = matches!(input, Input::CancelRequested);
            let mut waits = is_cancelled.then(|| self.0.inboxes.hurry(run)).flatten();
            if !self.load(run, None, &mut message).await? {
                return Ok(None);
            }
            // Another task may have taken the run into memory meanwhile.
            if is_cancelled && waits.is_none() {
                waits = self.0.inboxes.hurry(run);
            }
            if let Ok(changed) = heard.await {
                return Ok(Some(changed));
            }
            tokio::time::sleep(TELL_PAUSE * tried).await;
        }
        Err(Error::Store(StoreError::Overloaded { retry_after_s: 1 }))
    }

    /// The child of a run has answered, and nobody in memory hears it.
    pub(crate) fn wake_parent(&self, parent: RunId, child: RunId) {
        if self.0.inboxes.give(parent, Message::Look).is_ok() {
            return;
        }
        let runtime = self.clone();
        tokio::spawn(async move {
            let read = || runtime.0.store.run(parent);
            let Some(Some(listed)) = runtime.read_until_stopped(read).await else { return };
            if runtime.0.shards.owns(listed.run.flow) {
                runtime.0.queue.push_run(listed.run.flow, parent, Some(Message::Look));
            } else if !listed.run.status.is_final() {
                runtime.tell_parent_elsewhere(listed.run.flow, parent, child).await;
            }
        });
    }

    /// Lets runs begin that waited for others of their trigger to end.
    pub(crate) fn release_waiting(&self, flow: FlowId) {
        if self.0.gates.count(flow).1 == 0 {
            return;
        }
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut stopped = runtime.stopped();
            while let Err(error) = Box::pin(runtime.release(flow)).await {
                runtime.0.health.refused(&error, || format!("a waiting run of flow {flow} cannot begin now"));
                tokio::select! {
                    _ = stopped.changed() => return,
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
        });
    }

    async fn release(&self, id: FlowId) -> Result<(), Error> {
        let Some(flow) = self.0.store.flow(id).await? else { return Ok(()) };
        let version = self.version(id, flow.version).await?;
        let limit = version.plan.triggers.first().and_then(|trigger| trigger.concurrency);
        // Alone, so that runs are released in the order in which they began.
        let _alone = self.0.gates.alone(id).await;
        while let Some(run) = self.0.gates.release(id, limit) {
            // Told, since somebody may have taken it into memory to ask or cancel it.
            match self.tell_here(run, Input::Released).await {
                Ok(Some(_)) => {}
                Ok(None) => self.0.gates.leave(id, run),
                Err(error) => {
                    self.0.gates.take_back(id, run);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn set_aside_or_log(&self, run: RunId, why: &str) {
        if let Err(error) = self.set_aside(run, why).await {
            self.0.health.refused(&error, || format!("run {run} cannot be set aside now; the next start tries again"));
        }
    }

    /// A run that meets an impossible state keeps its facts and is left alone.
    pub(crate) async fn set_aside(&self, run: RunId, why: &str) -> Result<(), Error> {
        tracing::error!(%run, why, "a run is set aside");
        let error = RunError {
            code: "run_faulted".to_owned(),
            message: why.to_owned(),
            hint: Some("Resubmit the run, and report this.".to_owned()),
        };
        let Some(listed) = self.0.store.run(run).await? else { return Ok(()) };
        let update = RunUpdate::ended(RunStatus::Faulted, self.now(), Some(error));
        let unit = Unit::from(Change::UpdateRun { run, epoch: listed.run.epoch, update }).owned(listed.run.flow);
        self.0.store.commit(unit.with(Change::ClearTimer(TimerKey::Run(run))), Lane::Work).await?;
        if let Some(waiter) = locked(&self.0.waiters).remove(&run) {
            let _ = waiter.send(Answer::NoResponse);
        }
        Ok(())
    }
}
