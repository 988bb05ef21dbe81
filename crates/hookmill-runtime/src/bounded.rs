//! Expressions of makers outside of a run's decisions: the conditions of a trigger and what it splits, its inputs, what
//! lists say of a run. Memory and work are bounded by the language; here time is, too. They leave their thread to the doors,
//! have turns of half of the processors, so that runs go on beside them, and end when the server stops and when their caller
//! leaves.

use std::cell::Cell;
use std::time::{Duration, Instant};

use hookmill_engine::ActionError;
use hookmill_model::{FlowId, Str};
use hookmill_store::StoreError;
use tokio::sync::watch;

use crate::wanted::{Wanted, wanted};
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
        let turn = if is_short { None } else { self.0.looks.turn(flow).await };
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
        within(is_short, most, (&self.stopped(), &wanted()), work)
    }
}

fn within<T>(
    is_short: bool,
    most: Duration,
    (stopped, is_wanted): (&watch::Receiver<bool>, &Wanted),
    work: impl FnOnce(&dyn Fn() -> bool) -> T,
) -> Result<T, Unfinished> {
    let since = Instant::now();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_not_wanted_any_more_gives_no_result() {
        let (sender, stopped) = watch::channel(false);
        let long = Duration::from_secs(3_600);
        let asked = |most, is_there: bool| {
            let is_there: Wanted = Arc::new(move || is_there);
            // It asks twice: what was stopped stays so.
            within(true, most, (&stopped, &is_there), |wanted| (wanted(), wanted()))
        };
        assert_eq!(asked(long, true), Ok((true, true)));
        assert_eq!(asked(long, false), Err(Unfinished::Left));
        assert_eq!(asked(Duration::ZERO, true), Err(Unfinished::TookTooLong(Duration::ZERO)));
        sender.send_replace(true);
        assert_eq!(asked(long, true), Err(Unfinished::Stopped));
        // What is over before it asks is whole.
        assert_eq!(within(true, long, (&stopped, &(Arc::new(|| false) as Wanted)), |_| 1), Ok(1));
        let told = Unfinished::TookTooLong(long).of_trigger("t").map(|error| error.code.to_string());
        assert_eq!(told.ok().as_deref(), Some("took_too_long"));
        assert!(Unfinished::Stopped.of_trigger("t").is_err(), "the event stays where it is");
    }
}
