//! What a run is told, whether it is in memory or not.

use hookmill_engine::Input;
use tokio::sync::oneshot;

use crate::places::Granted;

/// What a run in memory is told.
pub(crate) enum Message {
    /// An input from outside of the run's own task; `done` hears whether it changed anything, after the commit.
    Input { input: Input, done: Option<oneshot::Sender<bool>> },
    /// What came of the wait for a place.
    Granted(Granted),
    /// Something that it waits for may have happened.
    Look,
}

impl From<Input> for Message {
    fn from(input: Input) -> Self {
        Self::Input { input, done: None }
    }
}
