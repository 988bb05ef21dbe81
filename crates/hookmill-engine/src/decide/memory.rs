//! The bound of what the values of a run take: the run is stopped where it would go beyond.

use hookmill_definition::plan::ActionIndex;
use hookmill_model::{RunStatus, Value};

use super::{Decision, Ending, Step};
use crate::fact::ActionError;
use crate::scope::room;

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
        let place = match culprit.or_else(|| self.latest.clone()) {
            Some(action) => format!("with the action '{action}'"),
            None => "with the outputs of its trigger".to_owned(),
        };
        let message = format!("The values of the run would take more than {} KiB of memory {place}.", most / 1_024);
        self.stop(RunStatus::Failed, MEMORY_CODE, Some(ActionError::new(MEMORY_CODE, message)), None)
    }

    /// The end of an action that would make more than there is room for. The run is stopped once it is recorded.
    pub(super) fn out_of_memory(&self, action: ActionIndex) -> Ending {
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
        if value.heap_bytes_within(most) > most { Err(self.out_of_memory(action)) } else { Ok(value) }
    }

    /// Bytes for which the run has room.
    pub(super) fn room(&self) -> usize {
        room(self.plan, self.state)
    }
}
