//! The bound of what the values of a run take: the run is stopped where it would go beyond. And what one decision may
//! make before it pauses, so that whoever stores its facts need not hold much at a time.

use hookmill_definition::plan::{ActionIndex, GroupIndex};
use hookmill_model::{RunStatus, Value};

use super::{Decision, Ending, Step, Work, number};
use crate::fact::{self, ActionError, Due, Fact};
use crate::scope::room;

/// What one decision may make, beside the run's own bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Once its facts take about so many bytes a decision pauses, and goes on with the next input. Where it is none it
    /// pauses as soon as the input is recorded.
    pub fact_bytes: usize,
    /// One evaluation may make so many bytes; where one needs more, the decision is broken off. `None` where only the
    /// run's bound counts.
    pub evaluation_bytes: Option<usize>,
}

impl Allowance {
    /// Only the run's own bound counts.
    pub const ALL: Self = Self { fact_bytes: usize::MAX, evaluation_bytes: None };
    /// The input is recorded, and what follows from it is left to the next decision.
    pub const INPUT_ONLY: Self = Self { fact_bytes: 0, evaluation_bytes: None };
}

/// The code of a run whose values take more memory than they may.
const MEMORY_CODE: &str = "limit_memory";

impl Decision<'_> {
    /// Stops the run where its values take more memory than they may.
    pub(super) fn bound(&mut self) -> Step {
        if self.state.stop.is_some() || self.state.status.is_final() {
            return Ok(());
        }
        let most = self.plan.limits.run_bytes_max;
        let culprit = self.exhausted_by.take();
        if culprit.is_none() {
            // Looking through the state costs up to `most`, so it must have grown by a part of that.
            if self.state.bytes_added() <= most / 16 || self.state.bytes() <= most / 2 {
                return Ok(());
            }
            self.state.measure();
            if self.state.bytes() <= most {
                return Ok(());
            }
        }
        let place = match culprit.or_else(|| self.latest.clone()).or_else(|| self.state.largest_action()) {
            Some(action) => format!("with the action '{action}'"),
            None => "with the outputs of its trigger".to_owned(),
        };
        let message = format!("The values of the run would take more than {} KiB of memory {place}.", most / 1_024);
        self.stop(RunStatus::Failed, MEMORY_CODE, Some(ActionError::new(MEMORY_CODE, message)), None)
    }

    /// Notes what a fact adds to those of this decision.
    pub(super) const fn made(&mut self, bytes_before: usize) {
        self.fact_bytes = self.fact_bytes.saturating_add(self.state.bytes().saturating_sub(bytes_before));
    }

    /// Whether the decision has made as much as it may.
    pub(super) const fn is_full(&self) -> bool {
        self.allowance.fact_bytes == 0 || self.fact_bytes > self.allowance.fact_bytes
    }

    /// Whether one evaluation needed more than it was allowed: what was decided since is of no use.
    pub(super) const fn is_short(&self) -> bool {
        self.is_short.get()
    }

    /// Notes that an evaluation ran out of the memory that it was allowed.
    pub(super) fn note_shortage(&self) {
        if self.state.allowed().is_some() {
            self.is_short.set(true);
        }
    }

    /// Pauses where the decision has made as much as it may and more is due.
    pub(super) fn pause(&mut self) -> Step<bool> {
        if !self.is_full() || self.work.is_empty() || self.state.stop.is_some() {
            return Ok(false);
        }
        let due = self.work.iter().map(|work| self.due(work)).collect();
        self.emit(Fact::DecisionPaused(fact::DecisionPaused { at: self.now(), due }))?;
        Ok(true)
    }

    fn due(&self, work: &Work) -> Due {
        match work {
            Work::Open(group, indexes) => Due::Open { group: number(*group), indexes: indexes.clone() },
            Work::Consider(action, indexes) => Due::Consider { path: self.path(*action, indexes) },
            Work::GroupEnded(group, indexes) => Due::GroupEnded { group: number(*group), indexes: indexes.clone() },
            Work::Advance(action, indexes) => Due::Advance { path: self.path(*action, indexes) },
        }
    }

    /// Goes on with what was due when the decision before paused.
    pub(super) fn resume(&mut self) -> Step {
        if self.state.due.is_empty() {
            return Ok(());
        }
        let due = self.state.due.clone();
        self.emit(Fact::DecisionResumed(fact::DecisionResumed { at: self.now() }))?;
        let group =
            |group: u32| usize::try_from(group).ok().filter(|group: &GroupIndex| *group < self.plan.groups.len());
        // What another plan does not have is not due in it.
        let work: Vec<Work> = due
            .into_iter()
            .filter_map(|due| {
                Some(match due {
                    Due::Open { group: own, indexes } => Work::Open(group(own)?, indexes),
                    Due::Consider { path } => Work::Consider(self.action_of(&path)?, path.indexes),
                    Due::GroupEnded { group: own, indexes } => Work::GroupEnded(group(own)?, indexes),
                    Due::Advance { path } => Work::Advance(self.action_of(&path)?, path.indexes),
                })
            })
            .collect();
        self.work.extend(work);
        Ok(())
    }

    /// The end of an action that would make more than there is room for. The run is stopped once it is recorded.
    pub(super) fn out_of_memory(&self, action: ActionIndex) -> Ending {
        self.note_shortage();
        let name = &self.plan.actions[action].name;
        *self.exhausted_by.borrow_mut() = Some(name.clone());
        let most = self.plan.limits.run_bytes_max / 1_024;
        let message = format!(
            "The action '{name}' would make values for which the run has no room: all its values together may take {most} KiB of memory."
        );
        Ending::failed(MEMORY_CODE, message)
    }

    /// Refuses a value that is larger than a run may be where nothing in it is shared: a fact that holds it is written
    /// out in full.
    pub(super) fn fits(&self, action: ActionIndex, value: Value) -> Result<Value, Ending> {
        let most = self.plan.limits.run_bytes_max;
        let most = self.state.allowed().map_or(most, |allowed| allowed.min(most));
        if value.heap_bytes_within(most) > most { Err(self.out_of_memory(action)) } else { Ok(value) }
    }

    /// Bytes for which the run has room.
    pub(super) fn room(&self) -> usize {
        room(self.plan, self.state)
    }
}
