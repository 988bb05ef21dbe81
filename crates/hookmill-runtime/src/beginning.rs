//! What begins runs, before they have begun: where they come from, and what is stored with them.

use std::sync::Arc;

use hookmill_engine::TakenOver;
use hookmill_model::{Object, RunId};
use hookmill_store::{Dedupe, Event, Flow, Lane, StoreError, Unit};

use crate::door::Webhook;
use crate::plans::Version;

/// Where the runs that begin come from.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// An event of the trigger.
    Event(&'a Event),
    /// A further item of an event whose first run has begun.
    Item(&'a Event),
    /// A trigger that fires by time; what it was, in a word.
    Time(&'static str),
    /// A person who wants a run now.
    Person {
        /// The run that begins: the same one, however often the order is handed out.
        run: RunId,
    },
    /// An action of another run, which waits for the Response.
    Parent {
        /// That run.
        run: RunId,
        /// The run that begins: the same one, however often the action is handed out.
        child: RunId,
        /// What that run keeps is sealed.
        is_secret: bool,
    },
    /// A person who wants a run again.
    Repeated {
        /// The run that begins: the same one, however often the order is handed out.
        run: RunId,
        /// The run that is repeated.
        of: RunId,
        /// Its results that are not asked for again.
        taken: &'a [TakenOver],
        /// What it keeps is sealed.
        is_secret: bool,
    },
}

impl Origin<'_> {
    /// Whether what the run receives is secret where it comes from.
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Parent { is_secret: true, .. } | Self::Repeated { is_secret: true, .. })
    }
}

/// Runs that are to begin.
pub(crate) struct Beginning<'a> {
    /// What is stored with them.
    pub unit: Unit,
    pub lane: Lane,
    pub flow: &'a Arc<Flow>,
    pub version: &'a Arc<Version>,
    pub origin: Origin<'a>,
    /// The journal of the one run refers to the body of its event.
    pub is_plain: bool,
}

/// An event that is not stored yet, with what its run needs.
pub(crate) struct FreshEvent {
    pub event: Event,
    /// What [`Event::head`] says: `headers`, `queries`, `relativePathParameters`.
    pub head: Object,
    /// It has headers that carry credentials.
    pub is_secret: bool,
    pub dedupe: Option<Dedupe>,
    pub flow: Arc<Flow>,
    pub version: Arc<Version>,
    pub webhook: Arc<Webhook>,
}

/// Why an event that comes in could not begin its run at once.
pub(crate) enum BeginError {
    /// It could not be stored.
    Store(StoreError),
    /// It needs more memory than there is now, or the store has more to do than it can.
    NoRoom,
    /// The program met a state that should be impossible.
    Fault(String),
}
