//! One budget of memory over all runs, beside the bound of each.
//!
//! A run is small as long as its values take no more than [`SMALL_BYTES`]; the window of the queue bounds how many of
//! those there are. A decision that needs more is broken off, and waits for the turn: one run at a time may grow, up to
//! its own bound, while what the others have grown to fits beside it. It keeps the turn until it waits for something
//! else, and gives it back after [`TURN`] where others want it; then it leaves the memory and goes on from its journal.
//! The flow that had the turn least recently gets it next, so no flow keeps it from others.
//!
//! A run that has grown keeps what it has while it waits for an answer. That never comes to a standstill: whoever was
//! given the turn last fits beside all others, and so can go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookmill_engine::Allowance;
use hookmill_model::FlowId;
use hookmill_store::StoreError;
use tokio::sync::oneshot;

use crate::{Error, locked};

/// The values of a run may take so many bytes without the turn.
pub(crate) const SMALL_BYTES: usize = 1_024 * 1_024;
/// The turn is given while all others that have grown take no more than this.
const OTHERS_BYTES_MAX: usize = 32 * 1_024 * 1_024;
/// Facts of about so many bytes are stored at a time by a run that has the turn.
const FACT_BYTES: usize = 4 * 1_024 * 1_024;
/// How long a run may keep the turn while others want it. To take a large run into memory again costs seconds, and
/// values that it shared until then stand there several times.
const TURN: Duration = Duration::from_secs(20);
/// So many may wait for the turn before they have begun, or are read from their journals. Further ones come back later.
const WAITING_MAX: usize = 64;
/// When they come back.
const AGAIN_S: u32 = 1;
/// Flows whose last turn is remembered.
const FLOWS_KEPT: usize = 4_096;

#[derive(Default)]
struct State {
    is_taken: bool,
    /// What all runs take together beyond what each may take without the turn.
    held: usize,
    /// Counts the turns.
    turns: u64,
    /// The number of a flow's last turn.
    last: HashMap<FlowId, u64>,
    /// Who waits, in the order of coming.
    waiting: Vec<Waiting>,
}

struct Waiting {
    flow: FlowId,
    /// What it holds itself meanwhile.
    held: usize,
    sender: oneshot::Sender<Turn>,
}

impl State {
    /// Whether somebody who holds `own` bytes fits beside the others.
    const fn fits(&self, own: usize) -> bool {
        !self.is_taken && self.held.saturating_sub(own) <= OTHERS_BYTES_MAX
    }

    fn take(&mut self, flow: FlowId) {
        self.is_taken = true;
        self.turns += 1;
        self.last.insert(flow, self.turns);
        if self.last.len() > FLOWS_KEPT {
            let old = self.turns.saturating_sub(FLOWS_KEPT as u64 / 2);
            self.last.retain(|_, turn| *turn > old);
        }
    }
}

/// The budget; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Budget(Arc<Mutex<State>>);

/// The right to grow; the next one gets it when this is dropped.
struct Turn {
    budget: Budget,
    since: Instant,
}

impl Budget {
    /// For a run of a flow that takes no memory yet.
    pub fn room(&self, flow: FlowId) -> Room {
        Room { budget: self.clone(), flow, held: 0, turn: None }
    }

    /// Whether somebody waits for the turn.
    pub fn is_wanted(&self) -> bool {
        locked(&self.0).waiting.iter().any(|own| !own.sender.is_closed())
    }

    fn ask(&self, flow: FlowId, held: usize) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut state = locked(&self.0);
        if state.fits(held) && !state.waiting.iter().any(|other| state.fits(other.held)) {
            state.take(flow);
            return Ok(Turn { budget: self.clone(), since: Instant::now() });
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push(Waiting { flow, held, sender });
        Err(receiver)
    }

    /// Gives the turn to who is next, where it is free and one fits.
    fn hand_on(&self) {
        let (sender, turn) = {
            let mut state = locked(&self.0);
            state.waiting.retain(|own| !own.sender.is_closed());
            let fitting = state.waiting.iter().enumerate().filter(|(_, own)| state.fits(own.held));
            let next = fitting.min_by_key(|(_, own)| state.last.get(&own.flow).copied().unwrap_or(0));
            let Some(next) = next.map(|(index, _)| index) else { return };
            let Waiting { flow, sender, .. } = state.waiting.remove(next);
            state.take(flow);
            (sender, Turn { budget: self.clone(), since: Instant::now() })
        };
        // Where it went away meanwhile the turn comes back, and is dropped: then the next one gets it.
        drop(sender.send(turn));
    }

    fn change(&self, before: usize, after: usize) {
        let mut state = locked(&self.0);
        state.held = state.held - before + after;
        drop(state);
        if after < before {
            self.hand_on();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        locked(&self.budget.0).is_taken = false;
        self.budget.hand_on();
    }
}

/// What one run takes of the budget; given back when this is dropped.
pub(crate) struct Room {
    budget: Budget,
    flow: FlowId,
    /// Bytes beyond [`SMALL_BYTES`].
    held: usize,
    turn: Option<Turn>,
}

impl Room {
    /// What the next decision may make.
    pub const fn allowance(&self) -> Allowance {
        match self.turn {
            Some(_) => Allowance { fact_bytes: FACT_BYTES, evaluation_bytes: None },
            None => Allowance { fact_bytes: SMALL_BYTES, evaluation_bytes: Some(SMALL_BYTES) },
        }
    }

    /// Whether the run may grow.
    pub const fn has_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// Waits for the turn.
    pub async fn widen(&mut self) {
        if self.turn.is_some() {
            return;
        }
        self.turn = match self.budget.ask(self.flow, self.held) {
            Ok(turn) => Some(turn),
            // Who waits is given the turn while the process lives.
            Err(waits) => waits.await.ok(),
        };
    }

    /// Waits for the turn, unless many others do.
    ///
    /// # Errors
    /// It comes back later.
    pub async fn try_widen(&mut self) -> Result<(), Error> {
        if self.turn.is_none() && locked(&self.budget.0).waiting.len() >= WAITING_MAX {
            return Err(Error::Store(StoreError::Overloaded { retry_after_s: AGAIN_S }));
        }
        self.widen().await;
        Ok(())
    }

    /// Says what the values of the run take now.
    pub fn hold(&mut self, bytes: usize) {
        let held = bytes.saturating_sub(SMALL_BYTES);
        if held != self.held {
            let before = std::mem::replace(&mut self.held, held);
            self.budget.change(before, held);
        }
    }

    /// Gives the turn back; what the run has grown to stays held.
    pub fn give_back(&mut self) {
        self.turn = None;
    }

    /// Whether it has had the turn for as long as it may while others want it.
    pub fn is_over(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.since.elapsed() >= TURN) && self.budget.is_wanted()
    }

    /// Whether others want what it has grown to.
    pub fn is_wanted(&self) -> bool {
        self.held > 0 && self.budget.is_wanted()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests;
