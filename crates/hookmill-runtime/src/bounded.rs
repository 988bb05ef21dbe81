//! Expressions of makers outside of a run's decisions: the conditions of a trigger and what it splits, its inputs, what
//! lists say of a run. Memory and work are bounded by the language; here time is, too. They leave their thread to the doors
//! and have turns of the processors as decisions have, and they end when the server stops and when their caller leaves.

use std::cell::Cell;
use std::time::{Duration, Instant};

use hookmill_engine::ActionError;
use hookmill_model::{FlowId, Str};
use hookmill_store::StoreError;

use crate::wanted::wanted;
use crate::{Error, Runtime, cores};

/// An evaluation ends after so long, as those that people ask for do.
const EVALUATION_WAIT: Duration = Duration::from_secs(20);

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// The server stops. The same is evaluated after the next start.
    Stopped,
    /// Nobody waits for it.
    Left,
    /// It would have taken longer than it may.
    TookTooLong(Duration),
}

impl Unfinished {
    /// For the history of a flow, where the evaluation itself is at fault; an error that passes in other cases.
    pub fn of_trigger(self, trigger: &str) -> Result<ActionError, Error> {
        match self {
            Self::TookTooLong(most) => {
                let (code, seconds) = (Str::from("took_too_long"), most.as_secs());
                let message = format!("The expressions of the trigger '{trigger}' took longer than {seconds} s.");
                Ok(ActionError { code, message: message.into() })
            }
            other => Err(other.into()),
        }
    }
}

impl From<Unfinished> for Error {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished {
            Unfinished::Stopped => Self::Store(StoreError::Closed),
            Unfinished::Left => Self::NotPossible("It was stopped, since nobody waits for it.".to_owned()),
            Unfinished::TookTooLong(most) => {
                Self::Inputs(format!("The expressions took longer than {} s.", most.as_secs()))
            }
        }
    }
}

impl Runtime {
    /// Evaluates for a flow, in its turn where that may take long. `work` ends soon after the answer to its question
    /// whether it is still wanted has become no; what it gives then is dropped.
    pub(crate) async fn bounded<T>(
        &self,
        flow: FlowId,
        is_short: bool,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send,
    ) -> Result<T, Unfinished> {
        let turn = if is_short { None } else { self.0.cores.turn(flow).await };
        let made = self.bounded_within(is_short, EVALUATION_WAIT, work);
        drop(turn);
        made
    }

    /// Evaluates for somebody who has a turn already.
    pub(crate) fn bounded_within<T>(
        &self,
        is_short: bool,
        most: Duration,
        work: impl FnOnce(&dyn Fn() -> bool) -> T,
    ) -> Result<T, Unfinished> {
        let (stopped, is_wanted, since) = (self.stopped(), wanted(), Instant::now());
        let unfinished = Cell::new(None);
        let goes_on = || {
            // Once it was stopped it stays so: what was made before and after must not be mixed.
            if unfinished.get().is_none() {
                unfinished.set(if *stopped.borrow() {
                    Some(Unfinished::Stopped)
                } else if !is_wanted() {
                    Some(Unfinished::Left)
                } else if since.elapsed() >= most {
                    Some(Unfinished::TookTooLong(most))
                } else {
                    None
                });
            }
            unfinished.get().is_none()
        };
        let made = cores::aside(is_short, || work(&goes_on));
        unfinished.get().map_or(Ok(made), Err)
    }
}
