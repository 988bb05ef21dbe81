//! What a run waits for, and what must be in flight: read from its state, without deciding anything.

use hookmill_definition::Plan;
use hookmill_model::Timestamp;

use super::control;
use crate::command::Command;
use crate::state::RunState;

/// What a run waits for beside its open requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// When the next [`Input::Tick`] is due.
    pub wake_at: Option<Timestamp>,
    /// Whether [`Input::Tick`] is due at once: the last decision stopped at its bound, and more is due.
    pub wants_to_go_on: bool,
}

/// Says what a run waits for beside its open requests. Costs what is open, not what the run has done.
#[must_use]
pub fn outlook(plan: &Plan, state: &RunState) -> Outlook {
    if state.status.is_final() || state.held || state.run.is_none() || state.stop.is_some() {
        return Outlook { wake_at: None, wants_to_go_on: false };
    }
    let waits = state.waits.values().filter_map(|wait| wait.until);
    let deadlines = state.deadlines.first().map(|(deadline, _)| *deadline);
    Outlook {
        wake_at: waits.chain(deadlines).chain([state.deadline]).min(),
        wants_to_go_on: !state.due.is_empty()
            || state.loops.iter().any(|(path, own)| control::can_advance(plan, path, own)),
    }
}

/// What must be in flight or waited for. Costs what is open, not what the run has done.
#[must_use]
pub fn pending(plan: &Plan, state: &RunState) -> Vec<Command> {
    let requests = state.open_requests();
    let mut commands: Vec<Command> =
        requests.map(|(effect, request)| Command::Perform { effect, request: request.clone() }).collect();
    let Outlook { wake_at, wants_to_go_on } = outlook(plan, state);
    commands.extend(wants_to_go_on.then_some(Command::Continue));
    commands.extend(wake_at.map(Command::WakeAt));
    commands
}
