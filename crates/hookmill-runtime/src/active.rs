//! A run in memory: what its task needs, and how it leaves that task.

use std::sync::Arc;

use hookmill_store::{Flow, Run};

use crate::budget::Room;
use crate::plans::Version;
use crate::queue::Slot;

/// A run with everything its task needs.
pub(crate) struct Active {
    pub run: Run,
    pub version: Arc<Version>,
    pub flow: Arc<Flow>,
    pub slot: Slot,
    pub room: Room,
}

/// How a run leaves its task.
pub(crate) enum Left {
    /// It has ended.
    Ended,
    /// It goes on at the next start, from its journal.
    Open,
    /// It left the memory, and may be back in another task already.
    Parked,
}
