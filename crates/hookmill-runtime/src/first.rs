//! The first decision of a run, before it is stored.

use std::time::{Duration, Instant};

use hookmill_engine::{Allowance, BrokenOff, Fact, Input, RunState, Start};
use hookmill_model::FlowId;

use crate::budget::Room;
use crate::cores;
use crate::guard::decided;
use crate::plans::Version;
use crate::{Error, Runtime};

/// A first decision that takes longer is left to the run's own task: there people see the run, and can cancel it.
const FIRST_DECISION_WAIT: Duration = Duration::from_secs(1);

impl Runtime {
    /// Decides how a run begins, in as much room as it needs.
    ///
    /// # Errors
    /// Many others wait for room; or the program met a state that should be impossible.
    pub(crate) async fn first_decision(
        &self,
        version: &Version,
        flow: FlowId,
        start: Start,
        is_short: bool,
        room: &mut Room,
    ) -> Result<(RunState, Vec<Fact>), Error> {
        let mut begins_only = false;
        loop {
            let mut state = RunState::default();
            let turn = self.0.cores.turn(flow).await;
            let environment = self.0.callbacks.environment(self.now());
            let allowance = if begins_only { Allowance::INPUT_ONLY } else { room.allowance() };
            let (input, since) = (Input::Start(Box::new(start.clone())), Instant::now());
            let wanted = || is_short || begins_only || since.elapsed() < FIRST_DECISION_WAIT;
            let decide = || decided(&version.plan, &mut state, environment, input, allowance, &wanted);
            let facts = cores::aside(is_short, decide);
            drop(turn);
            match facts.map_err(Error::Internal)? {
                Ok(facts) => return Ok((state, facts)),
                Err(BrokenOff::Memory) => room.try_widen().await?,
                Err(BrokenOff::Stopped) => begins_only = true,
            }
        }
    }
}
