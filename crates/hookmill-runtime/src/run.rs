//! One task per run in memory: input → decision → commit → commands. What was not committed did not happen.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hookmill_engine::{Allowance, BrokenOff, EffectId, Fact, Input, Outcome, Performed, RunState, outlook};
use hookmill_model::{RunStatus, Timestamp};
use hookmill_store::{Change, Lane, Run, RunUpdate, StoreError, TimerKey, Unit};
use tokio::sync::{mpsc, oneshot, watch};

use crate::active::{Active, Left};
use crate::budget::SMALL_BYTES;
use crate::calls::Calls;
use crate::cores::{self, Turn};
use crate::failures::note_of;
use crate::guard::decided;
use crate::live::LiveKind;
use crate::memory::Hears;
use crate::message::Message;
use crate::places::Granted;
use crate::sealed::has_credentials;
use crate::shards::Phase;
use crate::visible::run_error;
use crate::{Answer, Error, Runtime, locked};

/// The first wait before a commit is tried again that failed for a reason that may pass.
const COMMIT_WAIT: Duration = Duration::from_millis(50);
/// The longest such wait.
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long a waiting run stays in memory when its flow has many there.
const PARK_CROWDED: Duration = Duration::from_secs(1);
/// How often a run that only waits looks whether it should leave the memory.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// An input is counted up to so many bytes: no decision about more is short.
const INPUT_BYTES_MAX: usize = 1_024 * 1_024;
/// A decision that is begun while the server stops has so long; then the rest of it is left to the next start.
const STOPPING_WAIT: Duration = Duration::from_secs(1);
/// A run that is held stays in memory so long after it was told something.
const HELD_WAIT: Duration = Duration::from_secs(1);

enum Happened {
    Message(Message),
    Ended(EffectId, Performed),
    /// Something may have changed: what is pending is looked at again.
    Look,
    /// It waits for what is not in memory, and for nothing else before this moment.
    Leaves(Option<Timestamp>),
    /// Others want the memory that it would need to go on: it goes on when its turn comes again.
    MakesRoom,
    Stopped,
}

/// How much of a decision is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// All of it, unless the server stops or a person waits meanwhile.
    Whole,
    /// All of it, whoever waits: it is short.
    Briefly,
    /// The input is recorded. What follows is decided later, here or after the next start.
    InputOnly,
}

/// What came of a commit.
enum Stored {
    Yes,
    /// The state is not what is stored: it must be folded anew.
    No,
}

/// A run while it is in memory.
struct Drive<'a> {
    runtime: &'a Runtime,
    active: Active,
    state: RunState,
    inbox: mpsc::Receiver<Message>,
    /// How many people wait for it to heed what they told it.
    hurry: watch::Receiver<usize>,
    calls: Calls,
    /// What is to be decided next.
    inputs: VecDeque<Input>,
    has_timer: bool,
    was_refolded: bool,
    /// What it keeps is sealed.
    is_secret: bool,
    /// Twice, since one is waited on while the other one is looked at.
    stopping: watch::Receiver<Phase>,
    stopped: watch::Receiver<Phase>,
}

/// What an input brings into a decision, in bytes of memory.
fn bytes_of(input: &Input) -> usize {
    match input {
        Input::EffectEnded { performed, .. } => match &performed.outcome {
            Outcome::Replied { body: Some(body), .. } => body.heap_bytes_within(INPUT_BYTES_MAX),
            Outcome::Replied { body: None, .. } | Outcome::NoReply { .. } => 0,
        },
        Input::CallbackReceived { outputs, .. } => outputs.heap_bytes_within(INPUT_BYTES_MAX),
        Input::Start(start) => start.trigger.heap_bytes_within(INPUT_BYTES_MAX),
        Input::Released | Input::Tick | Input::CancelRequested | Input::Recovered => 0,
    }
}

/// Waits until a decision should not be begun: a person waits, or the server stops.
async fn is_hurried(hurry: &mut watch::Receiver<usize>, stopping: &mut watch::Receiver<Phase>) {
    // Both senders live as long as the run is in memory.
    tokio::select! {
        _ = hurry.wait_for(|waiting| *waiting > 0) => {}
        _ = stopping.wait_for(|phase| *phase >= Phase::Leaves) => {}
    }
}

impl Runtime {
    pub(crate) async fn drive(
        &self,
        active: Active,
        state: RunState,
        hears: Hears,
        first: Option<Message>,
        was_read: bool,
    ) -> Result<Left, Error> {
        let has_timer = was_read && self.0.store.timer(TimerKey::Run(active.run.id)).await?.is_some();
        let calls = Calls::new(was_read);
        let phase = || self.0.shards.phase(active.run.flow);
        let (stopping, stopped) = (phase(), phase());
        let inputs = VecDeque::new();
        // Runs of before have no mark of their own.
        let is_secret = state.is_secret() || active.version.is_secret || has_credentials(state.trigger());
        let drive = Drive {
            runtime: self,
            active,
            state,
            inbox: hears.messages,
            hurry: hears.hurry,
            calls,
            inputs,
            has_timer,
            was_refolded: false,
            is_secret,
            stopping,
            stopped,
        };
        drive.run(first).await
    }

    /// Tells the caller of the trigger what the flow answered, once it did.
    pub(crate) fn answer_waiters(&self, run: &Run, state: &RunState) {
        let answer = match state.response() {
            Some(response) => Answer::Response(response.clone()),
            None if state.status().is_final() => Answer::NoResponse,
            None => return,
        };
        let waiter = locked(&self.0.waiters).remove(&run.id);
        match (waiter, run.parent) {
            (Some(waiter), _) => drop(waiter.send(answer)),
            (None, Some(parent)) if state.status().is_final() || state.response().is_some() => {
                self.wake_parent(parent, run.id);
            }
            (None, _) => {}
        }
    }
}

impl Drive<'_> {
    async fn run(mut self, first: Option<Message>) -> Result<Left, Error> {
        let mut granted = None;
        let mut done = self.told(first, &mut granted);
        loop {
            if let Some(input) = self.inputs.pop_front() {
                match self.decide(input, done.take()).await? {
                    Some(left) => return Ok(left),
                    None => continue,
                }
            }
            let may_begin = !self.is_stopping() && self.runtime.0.shards.may_begin(self.active.run.flow);
            if may_begin && !self.runtime.0.health.refuses() {
                if self.has_timer && self.state.open_requests().next().is_some() {
                    // A start takes a run with a timer for one that waits: none has one while a request is under way.
                    let (flow, timer) = (self.active.run.flow, TimerKey::Run(self.active.run.id));
                    self.runtime.set_own_timer(flow, timer, None).await?;
                    self.has_timer = false;
                }
                self.calls.hand_out(self.runtime, &self.active, &self.state, granted.take(), &mut self.inputs).await;
                if !self.inputs.is_empty() {
                    continue;
                }
            }
            granted = None;
            if self.calls.have_children() && !self.calls.are_under_way() {
                self.active.slot.lend();
            }
            let happened = self.wait().await;
            self.active.slot.take_back();
            match happened {
                Happened::Message(message) => done = self.told(Some(message), &mut granted),
                Happened::Ended(effect, performed) => self.ended(effect, performed),
                Happened::Look => {}
                Happened::Stopped => return Ok(Left::Open),
                Happened::MakesRoom => match self.leave(None).await? {
                    None => {
                        let (run, flow) = (self.active.run.id, self.active.flow.id);
                        let queue = self.runtime.0.queue.clone();
                        // What it takes is free before it asks for it again.
                        drop(self);
                        queue.push_run(flow, run, None);
                        return Ok(Left::Parked);
                    }
                    Some(message) => done = self.told(Some(message), &mut granted),
                },
                Happened::Leaves(at) => match self.leave(at).await? {
                    None => return Ok(Left::Parked),
                    Some(message) => done = self.told(Some(message), &mut granted),
                },
            }
        }
    }

    /// Whether nothing more is begun: the server stops, or another node takes the flow over.
    fn is_stopping(&self) -> bool {
        *self.stopping.borrow() >= Phase::Leaves
    }

    /// Takes a message in; gives who wants to hear of it.
    fn told(&mut self, message: Option<Message>, granted: &mut Option<Granted>) -> Option<oneshot::Sender<bool>> {
        match message? {
            Message::Input { input, done } => {
                if matches!(input, Input::Recovered) {
                    self.calls.recovered(&self.state);
                }
                self.inputs.push_back(input);
                done
            }
            Message::Granted(what) => {
                *granted = Some(what);
                None
            }
            Message::Look => None,
        }
    }

    fn ended(&mut self, effect: EffectId, performed: Performed) {
        self.calls.ended(&effect);
        self.inputs.push_back(Input::EffectEnded { effect, performed: Box::new(performed) });
    }

    /// Decides and stores what follows from an input; gives how the run left, where it did.
    async fn decide(&mut self, input: Input, done: Option<oneshot::Sender<bool>>) -> Result<Option<Left>, Error> {
        self.calls.set_free();
        let before = self.state.facts();
        let is_short = self.active.version.is_short(self.state.bytes().saturating_add(bytes_of(&input)));
        // What a person waits for is short: it stops the run.
        let mut pace = if matches!(input, Input::CancelRequested) { Pace::Briefly } else { Pace::Whole };
        let facts = loop {
            let turn = match pace {
                Pace::Whole => self.turn(is_short).await,
                Pace::Briefly | Pace::InputOnly => None,
            };
            if turn.is_none() && pace == Pace::Whole {
                pace = Pace::InputOnly;
            }
            if pace == Pace::InputOnly && matches!(input, Input::Tick) {
                // It brings nothing that would be lost, and comes again.
                return Ok(None);
            }
            match self.decided(input.clone(), pace, turn)? {
                Ok(facts) => break facts,
                Err(BrokenOff::Stopped) if *self.stopped.borrow() == Phase::Lost => return Ok(Some(Left::Open)),
                Err(BrokenOff::Stopped) => pace = Pace::InputOnly,
                Err(BrokenOff::Memory) => tokio::select! {
                    biased;
                    () = self.active.room.widen() => {}
                    () = is_hurried(&mut self.hurry, &mut self.stopping) => pace = Pace::InputOnly,
                },
            }
            self.state = self.runtime.fold(self.active.run.id, &mut self.active.room).await?.0;
        };
        if facts.is_empty() {
            if let Some(done) = done {
                let _ = done.send(false);
            }
            return Ok(None);
        }
        if let Stored::No = self.store(before, &facts).await? {
            // Whoever sent the input hears nothing and sends it again.
            if self.state.bytes() > SMALL_BYTES {
                self.active.room.widen().await;
            }
            self.state = self.runtime.fold(self.active.run.id, &mut self.active.room).await?.0;
            if let Some(listed) = self.runtime.0.store.run(self.active.run.id).await? {
                self.active.run.epoch = listed.run.epoch;
            }
            self.calls.forget();
            self.calls.was_read = true;
            self.inputs.clear();
            self.inputs.push_back(Input::Recovered);
            self.calls.recovered(&self.state);
            return Ok(None);
        }
        if let Some(done) = done {
            let _ = done.send(true);
        }
        self.active.room.hold(self.state.bytes());
        self.active.slot.grow(self.state.bytes());
        self.runtime.answer_waiters(&self.active.run, &self.state);
        if !self.state.status().is_final() {
            return Ok(None);
        }
        self.active.run.status = self.state.status();
        self.runtime.note_run(&self.active.flow, &self.active.run, &self.state);
        self.runtime.0.failures.ring();
        if self.runtime.0.live.has_listeners() {
            let (id, flow) = (self.active.run.id.to_string(), self.active.run.flow.to_string());
            let status = Some(self.state.status().as_str());
            self.runtime.0.live.publish(self.active.run.owner, LiveKind::Run, id, Some(flow), status);
        }
        Ok(Some(Left::Ended))
    }

    /// Waits for room to grow, where the run has grown, and for its turn; `None` where it should rather be brief.
    async fn turn(&mut self, is_short: bool) -> Option<Turn> {
        let Self { runtime, active, state, hurry, stopping, .. } = self;
        let turn = async {
            if state.bytes() > SMALL_BYTES {
                active.room.widen().await;
            }
            runtime.0.cores.turn(active.flow.id).await
        };
        tokio::select! {
            biased;
            turn = turn => turn,
            () = is_hurried(hurry, stopping), if !is_short => None,
        }
    }

    /// Asks the engine within what the run may take now.
    fn decided(&mut self, input: Input, pace: Pace, turn: Option<Turn>) -> Result<Result<Vec<Fact>, BrokenOff>, Error> {
        let (version, environment) = (&self.active.version, self.runtime.0.callbacks.environment(self.runtime.now()));
        let is_short = version.is_short(self.state.bytes().saturating_add(bytes_of(&input)));
        let allowance = match pace {
            Pace::Whole => self.active.room.allowance(),
            Pace::Briefly => Allowance::ALL,
            Pace::InputOnly => Allowance::INPUT_ONLY,
        };
        let (hurry, stopping, since) = (&self.hurry, &self.stopping, Instant::now());
        let wanted = || match *stopping.borrow() {
            Phase::Works => is_short || pace != Pace::Whole || *hurry.borrow() == 0,
            Phase::Leaves => is_short || pace != Pace::Whole || since.elapsed() < STOPPING_WAIT,
            Phase::Lost => is_short,
        };
        let decide = || decided(&version.plan, &mut self.state, environment, input, allowance, &wanted);
        let facts = cores::aside(is_short, decide).map_err(Error::Internal);
        drop(turn);
        facts
    }

    /// Stores facts; as long as the store refuses for a reason that may pass, they are kept and tried again.
    async fn store(&mut self, from: u64, facts: &[Fact]) -> Result<Stored, Error> {
        let health = &self.runtime.0.health;
        let (mut wait, mut kept, mut is_unsure) = (COMMIT_WAIT, None, false);
        loop {
            let encode = || facts.iter().map(Fact::encode).collect();
            let is_short = self.active.version.is_short(self.state.bytes());
            let encoded: Vec<Vec<u8>> = cores::aside(is_short, encode);
            let bytes = encoded.iter().map(Vec::len).sum();
            let unit = self.unit(from, facts, encoded);
            let epoch = self.runtime.0.shards.epoch(self.active.run.flow);
            let error = match self.runtime.0.store.commit(unit, Lane::Work).await {
                Ok(_) => {
                    self.has_timer = false;
                    self.active.run.epoch = epoch;
                    return Ok(Stored::Yes);
                }
                Err(error) => error,
            };
            match error {
                StoreError::Conflict { .. } if is_unsure && self.is_stored(from, facts).await? => {
                    self.active.run.epoch = epoch;
                    return Ok(Stored::Yes);
                }
                // Folded while another task had the run, which has left the memory since.
                StoreError::Conflict { .. } if is_unsure || !self.was_refolded => {
                    self.was_refolded = true;
                    return Ok(Stored::No);
                }
                error if error.is_retryable() => {
                    is_unsure |= error.is_unknown();
                    let run = self.active.run.id;
                    health.refused(&Error::Store(error), || format!("facts of run {run} wait"));
                    if kept.is_none() {
                        kept = health.keep(bytes);
                    }
                    if kept.is_none() {
                        tracing::warn!(%run, "too much waits for the store: what a run did is forgotten and done again");
                        health.recovered().await;
                        return Ok(Stored::No);
                    }
                    tokio::select! {
                        _ = self.stopped.wait_for(|phase| *phase == Phase::Lost) => {
                            return Err(Error::Store(StoreError::Closed));
                        }
                        () = tokio::time::sleep(wait) => wait = (2 * wait).min(COMMIT_WAIT_MAX),
                    }
                }
                error => return Err(error.into()),
            }
        }
    }

    fn unit(&mut self, from: u64, facts: &[Fact], encoded: Vec<Vec<u8>>) -> Unit {
        let status = self.state.status();
        let mut update = if status.is_final() {
            RunUpdate::ended(status, self.runtime.now(), run_error(&self.active.version, &self.state))
        } else {
            RunUpdate::default()
        };
        // Released, it begins at this moment, even where it ends at once.
        if facts.iter().any(|fact| matches!(fact, Fact::Released(_))) {
            update.started_at = Some(self.runtime.now());
            update.status.get_or_insert(RunStatus::Running);
        }
        let run = self.active.run.id;
        self.is_secret |= facts.iter().any(|fact| match fact {
            Fact::CallbackReceived(received) => has_credentials(&received.outputs),
            _ => false,
        });
        // The first commit of a further owner makes the run its own.
        let (epoch, own) = (self.active.run.epoch, self.runtime.0.shards.epoch(self.active.run.flow));
        let update = RunUpdate { epoch: (epoch != own).then_some(own), ..update };
        let unit = Unit::from(Change::AppendFacts { run, epoch, from, facts: encoded, update });
        let unit = unit.secret(self.is_secret).owned(self.active.run.flow);
        let failures = &self.runtime.0.failures;
        let (run_row, depth) = (&self.active.run, self.state.depth());
        let unit = match note_of(failures, run_row, status, depth, self.is_secret) {
            Some(note) => unit.with(note),
            None => unit,
        };
        if self.has_timer { unit.with(Change::ClearTimer(TimerKey::Run(run))) } else { unit }
    }

    /// Whether a commit whose answer was lost took place.
    async fn is_stored(&mut self, from: u64, facts: &[Fact]) -> Result<bool, Error> {
        self.runtime.may_read_back()?;
        let run = self.active.run.id;
        let read = || self.runtime.0.store.run_facts(run, from);
        let Some(stored) = self.runtime.read_until_stopped(read).await else {
            return Err(Error::Store(StoreError::Closed));
        };
        Ok(stored.len() == facts.len() && stored.iter().zip(facts).all(|(bytes, fact)| bytes[..] == fact.encode()[..]))
    }

    /// Waits for the next thing that happens.
    async fn wait(&mut self) -> Happened {
        let runtime = self.runtime;
        let outlook = outlook(&self.active.version.plan, &self.state);
        let is_stopping = self.is_stopping();
        let is_waiting = !self.calls.are_under_way();
        if outlook.wants_to_go_on && !is_stopping {
            let may_leave = is_waiting && self.inbox.is_empty() && !self.calls.have_children();
            if may_leave && self.active.room.is_over() {
                return Happened::MakesRoom;
            }
            if *self.hurry.borrow() == 0 {
                return Happened::Message(Input::Tick.into());
            }
            return tokio::select! {
                Some(message) = self.inbox.recv() => Happened::Message(message),
                _ = self.hurry.wait_for(|waiting| *waiting == 0) => Happened::Look,
                _ = self.stopping.changed() => Happened::Look,
            };
        }
        self.active.room.give_back();
        if is_waiting && is_stopping {
            return Happened::Stopped;
        }
        if is_waiting
            && self.inbox.is_empty()
            && let Some(leaves) = self.leaves(outlook.wake_at)
        {
            return leaves;
        }
        let wake_at = outlook.wake_at.filter(|_| !is_stopping);
        let refuses = runtime.0.health.refuses();
        tokio::select! {
            _ = self.stopped.wait_for(|phase| *phase == Phase::Lost) => Happened::Stopped,
            _ = self.stopping.changed(), if !is_stopping => Happened::Look,
            () = tokio::time::sleep(HELD_WAIT), if self.state.is_held() => Happened::Stopped,
            ended = self.calls.next() => match ended {
                Ok((effect, performed)) => Happened::Ended(effect, performed),
                // `perform` lets no panic through, so this is the end of the process.
                Err(_) => Happened::Stopped,
            },
            message = self.inbox.recv() => match message {
                Some(message) => Happened::Message(message),
                None => Happened::Stopped,
            },
            () = runtime.0.config.clock.sleep_until(wake_at.unwrap_or_default()), if wake_at.is_some() => {
                Happened::Message(Input::Tick.into())
            }
            () = runtime.0.health.recovered(), if refuses => Happened::Look,
            () = tokio::time::sleep(LOOK_INTERVAL), if is_waiting => Happened::Look,
        }
    }

    /// Whether a run that only waits should leave the memory, and when it must be back.
    fn leaves(&self, wake_at: Option<Timestamp>) -> Option<Happened> {
        let is_wanted = self.active.room.is_wanted();
        let (now, is_crowded) = (self.runtime.now(), is_wanted || self.runtime.0.queue.is_crowded(self.active.flow.id));
        // What could not be handed out while the store refused is handed out as soon as it does not.
        if self.state.is_held() || !self.calls.have_all(&self.state) {
            return None;
        }
        let usual = self.runtime.0.config.park_after;
        let park_after = if is_crowded { PARK_CROWDED.min(usual) } else { usual };
        let is_far = wake_at.is_none_or(|at| at.since(now) > park_after);
        match (self.calls.have_children(), self.calls.wait_for_places_until()) {
            (false, None) => wake_at.filter(|_| is_far).map(|at| Happened::Leaves(Some(at))),
            (true, _) => {
                (is_crowded && is_far && self.calls.children_have_begun()).then_some(Happened::Leaves(wake_at))
            }
            // The end of the wait for a place wakes it, too.
            (false, Some(until)) => (is_crowded && is_far).then(|| Happened::Leaves(wake_at.filter(|at| *at < until))),
        }
    }

    /// Takes the run out of memory until something wakes it. Gives a message that came at this moment: then it stays.
    async fn leave(&mut self, at: Option<Timestamp>) -> Result<Option<Message>, Error> {
        let id = self.active.run.id;
        if self.calls.have_children() {
            for (effect, performed) in self.calls.leave_children().await {
                self.ended(effect, performed);
            }
            self.calls.was_read = true;
            if !self.inputs.is_empty() {
                return Ok(Some(Message::Look));
            }
        }
        if let Some(at) = at {
            self.runtime.set_own_timer(self.active.run.flow, TimerKey::Run(id), Some(at)).await?;
            self.has_timer = true;
        }
        Ok(self.runtime.0.inboxes.leave(id, &mut self.inbox))
    }
}
