//! What waits for memory, by flow: events that become runs, runs that are due. And the window: which runs have a slot.
//!
//! Flows with work take turns, deficit round robin: a turn is worth some bytes and some runs, so that neither many small
//! things nor a few large ones of one flow hold up the others. A flow may take a further slot of the window only while
//! it has fewer than are free: one flow alone gets half of them, and a flow that comes new always finds some.
//!
//! Nothing here reads the store or the clock, and no lock is held while somebody waits.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use hookmill_model::{EventId, FlowId, RunId};
use hookmill_store::{Event, SHARDS, Shard};
use tokio::sync::Notify;

use crate::locked;
use crate::message::Message;

/// Bytes that cost as much as one run.
const BYTES_PER_COST: usize = 16 * 1_024;
/// Nothing costs more.
const COST_MAX: i64 = 64;
/// What a flow may spend in one turn.
const QUANTUM: i64 = 8;
/// The same for a flow whose services do not answer: its retries must not crowd out flows that get something done.
const QUANTUM_SLOWED: i64 = 1;
/// A run that is read from the store counts as so many bytes until its journal is known.
const RUN_BYTES: usize = 16 * 1_024;
/// A body takes about so many times its bytes once it is parsed.
pub(crate) const PARSED_FACTOR: usize = 4;
/// An event of many items begins no further runs while so many of its flow wait for memory.
const DUE_MAX: usize = 512;
/// Flows that are looked at again when a slot is given back.
const LOOK_AGAIN: usize = 64;

/// The bounds of the window and of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Runs in memory.
    pub runs: usize,
    /// Bytes that they are reckoned to take.
    pub run_bytes: usize,
    /// Events that wait in memory; further ones are read from the store when their turn comes.
    pub events: usize,
    /// Bytes of their bodies.
    pub event_bytes: usize,
    /// A flow with so many runs that wait for a place at a service begins no further ones.
    pub waiting: usize,
}

impl Bounds {
    /// For a window of `runs` runs.
    pub fn of(runs: usize) -> Self {
        Self {
            runs: runs.max(1),
            run_bytes: 128 * 1_024 * 1_024,
            events: 4_096,
            event_bytes: 64 * 1_024 * 1_024,
            waiting: 1_000,
        }
    }
}

/// Something to do for a flow.
pub(crate) enum Work {
    /// Begin the runs of an event.
    Event(Event, Slot),
    /// Read further pending events, from behind this position.
    Read(Option<u64>),
    /// Take a run into memory, with something to tell it.
    Run(RunId, Option<Message>, Slot),
}

/// What is known of the events that wait in the store only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Backlog {
    /// There are none.
    #[default]
    None,
    /// There may be some behind this position.
    Behind(Option<u64>),
    /// They are being read.
    Reading {
        /// Another one was stored meanwhile.
        again: bool,
    },
}

#[derive(Default)]
struct Lane {
    events: VecDeque<Event>,
    event_bytes: usize,
    runs: VecDeque<(RunId, Option<Message>)>,
    backlog: Backlog,
    /// Events become runs one after the other, in the order of acceptance.
    is_serial: bool,
    /// Events that become runs at this moment.
    beginning: usize,
    deficit: i64,
    is_in_turn: bool,
    is_blocked: bool,
    /// Runs in memory, those that wait for a child flow left out.
    slots: usize,
    /// The same with those.
    runs_in_memory: usize,
    run_bytes: usize,
    /// Runs that wait for a place at a service.
    waiting: usize,
    is_slowed: bool,
}

impl Lane {
    fn is_idle(&self) -> bool {
        self.events.is_empty()
            && self.runs.is_empty()
            && self.backlog == Backlog::None
            && self.beginning + self.runs_in_memory + self.waiting == 0
    }
}

/// What is taken of the window.
#[derive(Default)]
struct Held {
    slots: usize,
    run_bytes: usize,
}

/// What may be done in a shard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// It belongs to another node: nothing is taken in.
    Closed,
    /// Runs may go on. It is not known yet which runs an earlier owner left, so that events must wait.
    Runs,
    /// Events may become runs.
    Open,
}

/// The doors of all shards. A node that is alone has none to close.
struct Doors([Door; SHARDS]);

impl Default for Doors {
    fn default() -> Self {
        Self([Door::Runs; SHARDS])
    }
}

impl Doors {
    fn of(&self, flow: FlowId) -> Door {
        self.0[Shard::of(flow).index()]
    }
}

#[derive(Default)]
struct State {
    lanes: HashMap<FlowId, Lane>,
    /// Flows with work, in the order of their turns.
    turns: VecDeque<FlowId>,
    /// Flows with work for which there was no slot.
    blocked: VecDeque<FlowId>,
    /// Events that somebody looks after.
    known: HashSet<EventId>,
    /// Runs that wait to be taken into memory, so that none stands there twice for nothing.
    due: HashSet<RunId>,
    held: Held,
    events: usize,
    event_bytes: usize,
    shards: Doors,
    /// Nothing is handed out.
    is_held: bool,
}

/// The queue; clones are the same one.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    state: Mutex<State>,
    ready: Notify,
}

/// A run's slot in the window; free again when it is dropped.
pub(crate) struct Slot {
    queue: Queue,
    flow: FlowId,
    bytes: usize,
    is_lent: bool,
}

impl Slot {
    /// Says how many bytes the journal of the run has.
    pub fn resize(&mut self, journal_bytes: usize) {
        self.set(RUN_BYTES + PARSED_FACTOR * journal_bytes);
    }

    fn set(&mut self, bytes: usize) {
        let mut state = locked(&self.queue.0.state);
        state.held.run_bytes = state.held.run_bytes + bytes - self.bytes;
        if let Some(lane) = state.lanes.get_mut(&self.flow) {
            lane.run_bytes = lane.run_bytes + bytes - self.bytes;
        }
        self.bytes = bytes;
    }

    /// Says what the values of the run take now.
    pub fn grow(&mut self, bytes: usize) {
        let bytes = RUN_BYTES + bytes;
        // What hardly changes is not worth a look at everybody who waits.
        if bytes.abs_diff(self.bytes) > RUN_BYTES {
            self.set(bytes);
        }
    }

    /// The run waits for children, which need slots themselves: until [`Slot::take_back`] its own does not count.
    pub fn lend(&mut self) {
        if !self.is_lent {
            self.is_lent = true;
            self.queue.change(self.flow, |held, lane| {
                held.slots -= 1;
                lane.slots -= 1;
            });
        }
    }

    /// The slot counts again, even where there are too many then.
    pub fn take_back(&mut self) {
        if self.is_lent {
            self.is_lent = false;
            self.queue.change(self.flow, |held, lane| {
                held.slots += 1;
                lane.slots += 1;
            });
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let (bytes, lent) = (self.bytes, self.is_lent);
        self.queue.change(self.flow, |held, lane| {
            if !lent {
                held.slots -= 1;
                lane.slots -= 1;
            }
            held.run_bytes -= bytes;
            lane.run_bytes -= bytes;
            lane.runs_in_memory -= 1;
        });
    }
}

/// An event between its door and the queue. Should its door go away in between, it is looked for in the store.
pub(crate) struct Announcement<'a> {
    queue: &'a Queue,
    flow: FlowId,
    /// The event, where nobody else may take it meanwhile.
    known: Option<EventId>,
    is_over: bool,
}

impl Announcement<'_> {
    /// The event is stored.
    pub fn announce(mut self, event: Event) {
        if self.known.is_some() {
            self.is_over = true;
            self.queue.push_event(event);
        }
    }

    /// It is certain that the event was not stored.
    pub fn nothing_to_look_for(mut self) {
        self.is_over = true;
        self.forget();
    }

    fn forget(&self) {
        if let Some(event) = self.known {
            self.queue.forget(event);
        }
    }
}

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.forget();
            self.queue.missed(self.flow);
        }
    }
}

impl Queue {
    pub fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared { bounds, state: Mutex::default(), ready: Notify::new() }))
    }

    /// Until something may be ready.
    pub async fn ready(&self) {
        self.0.ready.notified().await;
    }

    /// Changes what is held of the window, and lets flows that waited for that be looked at again.
    fn change(&self, flow: FlowId, change: impl FnOnce(&mut Held, &mut Lane)) {
        let mut state = locked(&self.0.state);
        let State { lanes, held, .. } = &mut *state;
        change(held, lanes.entry(flow).or_default());
        state.look_again(flow);
        let has_work = !state.turns.is_empty();
        drop(state);
        if has_work {
            self.0.ready.notify_one();
        }
    }

    /// What waits and what is in memory at this moment.
    pub fn figures(&self) -> crate::figures::QueueFigures {
        let state = locked(&self.0.state);
        let mut classes = [crate::figures::ClassFigures::default(); 3];
        state.lanes.values().for_each(|lane| {
            let class = &mut classes[if lane.is_slowed { 0 } else { 2 - usize::from(lane.is_serial) }];
            class.events += lane.events.len();
            class.runs += lane.runs.len();
            class.waiting += lane.waiting;
        });
        crate::figures::QueueFigures {
            classes,
            flows: state.turns.len() + state.blocked.len(),
            flows_blocked: state.blocked.len(),
            events: state.events,
            event_bytes: state.event_bytes,
            runs: state.due.len(),
            run_bytes: state.held.run_bytes,
        }
    }

    /// Notes an event that somebody looks after; `false` where somebody does already.
    pub fn know(&self, event: EventId) -> bool {
        locked(&self.0.state).known.insert(event)
    }

    /// Nobody looks after an event any more.
    pub fn forget(&self, event: EventId) {
        locked(&self.0.state).known.remove(&event);
    }

    /// Expects an event that is about to be stored at its door. Where runs are counted they begin in the order of
    /// acceptance, which the store alone knows: such an event is never kept back for its door, and always read.
    pub fn announcement(&self, flow: FlowId, event: EventId, is_counted: bool) -> Announcement<'_> {
        if !is_counted {
            self.know(event);
        }
        Announcement { queue: self, flow, known: (!is_counted).then_some(event), is_over: false }
    }

    /// Hands on an event that was stored. Where there is little room it is read from the store when its turn comes.
    pub fn push_event(&self, event: Event) {
        let mut state = locked(&self.0.state);
        let (flow, bytes, bounds) = (event.flow, event_bytes(&event), self.0.bounds);
        if state.shards.of(flow) == Door::Closed {
            // Its owner reads it from the store.
            state.known.remove(&event.id);
            return;
        }
        let free = bounds.events.saturating_sub(state.events);
        let free_bytes = bounds.event_bytes.saturating_sub(state.event_bytes);
        let lane = state.lanes.entry(flow).or_default();
        // What waits in the store came first.
        let has_room = lane.backlog == Backlog::None
            && !lane.is_serial
            && lane.events.len() < free
            && lane.event_bytes + bytes <= free_bytes;
        if has_room {
            lane.events.push_back(event);
            lane.event_bytes += bytes;
            state.events += 1;
            state.event_bytes += bytes;
        } else {
            lane.missed();
            state.known.remove(&event.id);
        }
        state.take_turns(flow);
        drop(state);
        self.0.ready.notify_one();
    }

    /// There are pending events of a flow in the store that nobody looks after.
    pub fn missed(&self, flow: FlowId) {
        let mut state = locked(&self.0.state);
        if state.shards.of(flow) == Door::Closed {
            return;
        }
        state.lanes.entry(flow).or_default().missed();
        state.take_turns(flow);
        drop(state);
        self.0.ready.notify_one();
    }

    /// There may be pending events of a flow in the store, unless they are being looked for anyway.
    pub fn may_have_missed(&self, flow: FlowId) {
        let is_looked_for = locked(&self.0.state).lanes.get(&flow).is_some_and(|lane| lane.backlog != Backlog::None);
        if !is_looked_for {
            self.missed(flow);
        }
    }

    /// What was read from the store, in order, up to the position `last`; `None` where nothing was left.
    pub fn push_read(&self, flow: FlowId, is_serial: bool, events: Vec<Event>, last: Option<u64>) {
        let mut state = locked(&self.0.state);
        if state.shards.of(flow) == Door::Closed {
            if let Some(lane) = state.lanes.get_mut(&flow) {
                lane.backlog = Backlog::None;
            }
            return;
        }
        for event in events {
            if !state.known.insert(event.id) {
                continue;
            }
            let bytes = event_bytes(&event);
            state.events += 1;
            state.event_bytes += bytes;
            let lane = state.lanes.entry(flow).or_default();
            lane.event_bytes += bytes;
            lane.events.push_back(event);
        }
        let lane = state.lanes.entry(flow).or_default();
        lane.is_serial = is_serial;
        lane.backlog = match (lane.backlog, last) {
            (Backlog::Reading { again: true }, _) => Backlog::Behind(None),
            (_, Some(last)) => Backlog::Behind(Some(last)),
            (_, None) => Backlog::None,
        };
        state.take_turns(flow);
        drop(state);
        self.0.ready.notify_one();
    }

    /// The runs of an event have begun, or it needs none. Where it `stays` in the store it is read again.
    pub fn begun(&self, flow: FlowId, event: EventId, stays: bool) {
        let mut state = locked(&self.0.state);
        state.known.remove(&event);
        let is_here = state.shards.of(flow) != Door::Closed;
        let State { lanes, known, events, event_bytes, .. } = &mut *state;
        if let Some(lane) = lanes.get_mut(&flow) {
            lane.beginning -= 1;
            if stays && is_here {
                // The ones behind it are read again, too, so that the order stays.
                for event in lane.events.drain(..) {
                    known.remove(&event.id);
                    *events -= 1;
                }
                *event_bytes -= std::mem::take(&mut lane.event_bytes);
                lane.missed();
            }
        }
        state.look_again(flow);
        drop(state);
        self.0.ready.notify_one();
    }

    /// A run wants to be taken into memory. Without a message it stands in the queue once.
    pub fn push_run(&self, flow: FlowId, run: RunId, message: Option<Message>) {
        let mut state = locked(&self.0.state);
        if state.shards.of(flow) == Door::Closed {
            return;
        }
        if !state.due.insert(run) && message.is_none() {
            return;
        }
        state.lanes.entry(flow).or_default().runs.push_back((run, message));
        state.take_turns(flow);
        drop(state);
        self.0.ready.notify_one();
    }

    /// Whether few runs of a flow wait to be taken into memory, so that an event of many items may begin further ones.
    pub fn has_few_due(&self, flow: FlowId) -> bool {
        locked(&self.0.state).lanes.get(&flow).is_none_or(|lane| lane.runs.len() < DUE_MAX)
    }

    /// Hands nothing out until the queue is opened.
    pub fn hold(&self) {
        locked(&self.0.state).is_held = true;
    }

    /// Whether nothing is handed out.
    pub fn is_held(&self) -> bool {
        locked(&self.0.state).is_held
    }

    /// Whether runs wait to be taken into memory.
    pub fn has_due_runs(&self) -> bool {
        !locked(&self.0.state).due.is_empty()
    }

    /// Takes in runs of these shards, which belong to this node from here on.
    pub fn expect(&self, shards: &BTreeSet<Shard>) {
        let mut state = locked(&self.0.state);
        shards.iter().for_each(|shard| state.shards.0[shard.index()] = Door::Runs);
    }

    /// Forgets what waits in these shards, and takes nothing in any more. Runs in memory keep their slots.
    pub fn close(&self, shards: &[Shard]) {
        let mut state = locked(&self.0.state);
        shards.iter().for_each(|shard| state.shards.0[shard.index()] = Door::Closed);
        let State { lanes, known, due, events, event_bytes, .. } = &mut *state;
        #[allow(clippy::disallowed_methods)] // Each flow is emptied on its own.
        for (_, lane) in lanes.iter_mut().filter(|(flow, _)| shards.contains(&Shard::of(**flow))) {
            for event in lane.events.drain(..) {
                known.remove(&event.id);
                *events -= 1;
            }
            *event_bytes -= std::mem::take(&mut lane.event_bytes);
            for (run, _) in lane.runs.drain(..) {
                due.remove(&run);
            }
            lane.backlog = Backlog::None;
        }
    }

    /// Whether no run of a shard is in memory, and none of its events becomes one.
    pub fn is_idle(&self, shard: Shard) -> bool {
        let state = locked(&self.0.state);
        #[allow(clippy::disallowed_methods)] // Order does not matter.
        state
            .lanes
            .iter()
            .filter(|(flow, _)| Shard::of(**flow) == shard)
            .all(|(_, lane)| lane.beginning + lane.runs_in_memory == 0)
    }

    /// Runs that an earlier owner left in these shards are known: events may become runs.
    pub fn open(&self, shards: &BTreeSet<Shard>) {
        let mut state = locked(&self.0.state);
        shards.iter().for_each(|shard| state.shards.0[shard.index()] = Door::Open);
        state.is_held = false;
        #[allow(clippy::disallowed_methods)] // Each flow gets its turn.
        let flows: Vec<FlowId> = state.lanes.keys().copied().collect();
        flows.into_iter().for_each(|flow| state.take_turns(flow));
        drop(state);
        self.0.ready.notify_one();
    }

    /// How many runs of a flow wait for a place at a service.
    pub fn set_waiting(&self, flow: FlowId, waiting: usize) {
        self.change(flow, |_, lane| lane.waiting = waiting);
    }

    /// Whether the services of a flow are silent: its turns are worth less then.
    pub fn set_slowed(&self, flow: FlowId, is_slowed: bool) {
        if let Some(lane) = locked(&self.0.state).lanes.get_mut(&flow) {
            lane.is_slowed = is_slowed;
        }
    }

    /// A slot for a run that is there already, unless its flow has its share.
    pub fn try_slot(&self, flow: FlowId, bytes: usize) -> Option<Slot> {
        let mut state = locked(&self.0.state);
        state.lanes.entry(flow).or_default();
        state.may_take(flow, bytes, &self.0.bounds).then(|| self.slot_of(&mut state, flow, bytes))
    }

    /// A slot for the run of an event that has just come in, where nothing of its flow waits: then it need not wait
    /// either. `bytes` are those of the event.
    pub fn slot_at_once(&self, flow: FlowId, bytes: usize) -> Option<Slot> {
        let mut state = locked(&self.0.state);
        let bytes = RUN_BYTES + PARSED_FACTOR * bytes;
        let is_free = state.lanes.get(&flow).is_none_or(|lane| lane.is_free(&self.0.bounds));
        let may_begin = state.shards.of(flow) == Door::Open && is_free && state.may_take(flow, bytes, &self.0.bounds);
        may_begin.then(|| self.slot_of(&mut state, flow, bytes))
    }

    /// A slot for a run that somebody waits for, whatever the window says.
    pub fn slot(&self, flow: FlowId) -> Slot {
        let mut state = locked(&self.0.state);
        self.slot_of(&mut state, flow, RUN_BYTES)
    }

    fn slot_of(&self, state: &mut State, flow: FlowId, bytes: usize) -> Slot {
        state.held.slots += 1;
        state.held.run_bytes += bytes;
        let lane = state.lanes.entry(flow).or_default();
        lane.slots += 1;
        lane.runs_in_memory += 1;
        lane.run_bytes += bytes;
        Slot { queue: self.clone(), flow, bytes, is_lent: false }
    }

    /// Whether runs of this flow that only wait should leave the memory soon.
    pub fn is_crowded(&self, flow: FlowId) -> bool {
        let state = locked(&self.0.state);
        let Some(lane) = state.lanes.get(&flow) else { return false };
        let half = self.0.bounds.runs / 2;
        lane.runs_in_memory * 4 > self.0.bounds.runs
            || state.held.slots > half + half / 2
            || state.held.run_bytes > self.0.bounds.run_bytes / 2
    }

    /// The next thing to do, with the slot it needs; `None` where nothing is ready.
    pub fn next(&self) -> Option<(FlowId, Work)> {
        let bounds = self.0.bounds;
        let mut state = locked(&self.0.state);
        if state.is_held {
            return None;
        }
        // Each turn earns something and costs are bounded, so some flow that is ready can soon pay.
        while let Some(&flow) = state.turns.front() {
            if !state.is_ready(flow, &bounds) {
                state.turns.pop_front();
                state.leave_turns(flow);
                continue;
            }
            let lane = state.lanes.get_mut(&flow)?;
            if lane.deficit <= 0 {
                lane.deficit += if lane.is_slowed { QUANTUM_SLOWED } else { QUANTUM };
                state.turns.rotate_left(1);
                continue;
            }
            let picked = state.pick(flow, &bounds)?;
            return Some((flow, picked.with(|bytes| self.slot_of(&mut state, flow, bytes))));
        }
        None
    }
}

/// Work before it has its slot.
enum Picked {
    Event(Event),
    Read(Option<u64>),
    Run(RunId, Option<Message>),
}

impl Picked {
    fn with(self, slot: impl FnOnce(usize) -> Slot) -> Work {
        match self {
            Self::Read(after) => Work::Read(after),
            Self::Run(run, message) => Work::Run(run, message, slot(RUN_BYTES)),
            Self::Event(event) => {
                let bytes = reckoned(&event);
                Work::Event(event, slot(bytes))
            }
        }
    }
}

/// What a run that begins with this event is reckoned to take.
fn reckoned(event: &Event) -> usize {
    RUN_BYTES + PARSED_FACTOR * event_bytes(event)
}

fn event_bytes(event: &Event) -> usize {
    event.body.len() + event.head.len()
}

impl Lane {
    fn missed(&mut self) {
        self.backlog = match self.backlog {
            Backlog::Reading { .. } => Backlog::Reading { again: true },
            _ => Backlog::Behind(None),
        };
    }

    fn has_work(&self) -> bool {
        !self.runs.is_empty() || !self.events.is_empty() || matches!(self.backlog, Backlog::Behind(_))
    }

    /// Whether nothing waits here, so that whatever comes in is the next one.
    fn is_free(&self, bounds: &Bounds) -> bool {
        self.runs.is_empty()
            && self.events.is_empty()
            && self.backlog == Backlog::None
            && !self.is_slowed
            && self.may_begin(bounds)
    }

    /// Whether events may become runs, as far as the flow itself is concerned.
    fn may_begin(&self, bounds: &Bounds) -> bool {
        self.waiting < bounds.waiting && !(self.is_serial && self.beginning > 0)
    }
}

impl State {
    fn may_take(&self, flow: FlowId, bytes: usize, bounds: &Bounds) -> bool {
        let (slots, run_bytes) = self.lanes.get(&flow).map_or((0, 0), |lane| (lane.slots, lane.run_bytes));
        let free = bounds.runs.saturating_sub(self.held.slots);
        let free_bytes = bounds.run_bytes.saturating_sub(self.held.run_bytes);
        // Something that is larger than all there is must still be able to run alone.
        slots < free && (self.held.slots == 0 || run_bytes + bytes <= free_bytes)
    }

    fn is_ready(&self, flow: FlowId, bounds: &Bounds) -> bool {
        let Some(lane) = self.lanes.get(&flow) else { return false };
        if !lane.runs.is_empty() && self.may_take(flow, RUN_BYTES, bounds) {
            return true;
        }
        if self.shards.of(flow) != Door::Open || !lane.may_begin(bounds) {
            return false;
        }
        match lane.events.front() {
            Some(event) => self.may_take(flow, reckoned(event), bounds),
            None => matches!(lane.backlog, Backlog::Behind(_)),
        }
    }

    fn pick(&mut self, flow: FlowId, bounds: &Bounds) -> Option<Picked> {
        let may_take_run = self.may_take(flow, RUN_BYTES, bounds);
        let lane = self.lanes.get_mut(&flow)?;
        lane.deficit -= 1;
        if may_take_run && let Some((run, message)) = lane.runs.pop_front() {
            self.due.remove(&run);
            return Some(Picked::Run(run, message));
        }
        if let Some(event) = lane.events.pop_front() {
            let bytes = event_bytes(&event);
            lane.deficit -= i64::try_from(bytes / BYTES_PER_COST).map_or(COST_MAX, |cost| cost.min(COST_MAX));
            lane.event_bytes -= bytes;
            lane.beginning += 1;
            self.events -= 1;
            self.event_bytes -= bytes;
            return Some(Picked::Event(event));
        }
        let Backlog::Behind(after) = lane.backlog else { return None };
        lane.backlog = Backlog::Reading { again: false };
        Some(Picked::Read(after))
    }

    fn take_turns(&mut self, flow: FlowId) {
        if let Some(lane) = self.lanes.get_mut(&flow)
            && lane.has_work()
            && !std::mem::replace(&mut lane.is_in_turn, true)
        {
            self.turns.push_back(flow);
        }
    }

    /// A flow has nothing that is ready.
    fn leave_turns(&mut self, flow: FlowId) {
        let Some(lane) = self.lanes.get_mut(&flow) else { return };
        lane.is_in_turn = false;
        lane.deficit = lane.deficit.min(0);
        if lane.is_idle() {
            self.lanes.remove(&flow);
        } else if lane.has_work() && !std::mem::replace(&mut lane.is_blocked, true) {
            self.blocked.push_back(flow);
        }
    }

    /// Something was given back: this flow and some that waited may go on.
    fn look_again(&mut self, flow: FlowId) {
        self.take_turns(flow);
        for _ in 0..LOOK_AGAIN.min(self.blocked.len()) {
            let Some(blocked) = self.blocked.pop_front() else { break };
            if let Some(lane) = self.lanes.get_mut(&blocked) {
                lane.is_blocked = false;
            }
            self.take_turns(blocked);
        }
        if self.lanes.get(&flow).is_some_and(|lane| !lane.is_in_turn && lane.is_idle()) {
            self.lanes.remove(&flow);
        }
    }
}

#[cfg(test)]
mod tests;
