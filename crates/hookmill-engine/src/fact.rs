//! What happened in a run, fact by fact. The state of a run is the fold of its facts; its history is read from them.
//!
//! Facts are stored for as long as a run is kept, so their form is a promise: members are only added, with a default.

use std::time::Duration;

use hookmill_model::{ActionStatus, RunId, RunStatus, Str, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::command::{ActionPath, ActionRequest, Performed};
use crate::retry::RetryPolicy;

/// The behaviour of decisions that a run was begun with; a changed decision looks at it.
pub const ENGINE_REVISION: u32 = 2;

/// Code and message of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionError {
    /// A code of the definition language.
    pub code: Str,
    /// For people.
    pub message: Str,
}

impl ActionError {
    /// From its parts.
    #[must_use]
    pub fn new(code: &str, message: impl Into<Str>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// What an effect is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The action's own request.
    Call,
    /// A look whether an accepted request is done.
    Poll,
    /// A further page of the result.
    Page,
    /// The subscription of a webhook action.
    Subscribe,
    /// Its end; nothing waits for it but the end of the run.
    Unsubscribe,
}

/// Why an action waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// It is a delay.
    Delay,
    /// The next attempt of its request.
    Retry,
    /// The next look whether an accepted request is done.
    Poll,
    /// A call-back.
    Callback,
}

/// How the requests of an action are repeated and bounded; evaluated when it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallSettings {
    /// The retry policy.
    pub retry: RetryPolicy,
    /// When the action times out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Pages are followed until so many items have come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_items_min: Option<u64>,
}

/// Everything inside of a loop, nested containers included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopBody {
    /// The names of its actions.
    pub actions: Vec<Str>,
    /// Its groups.
    pub groups: Vec<u32>,
}

/// The result of an action run of an earlier run, which a resumed run takes over instead of doing it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakenOver {
    /// Which action run.
    pub path: ActionPath,
    /// Its inputs as the history showed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// Its code.
    pub code: Str,
    /// Its outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
    /// Its tracked properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracked: Option<Value>,
    /// The variables that it made or set: name, kind, value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<(Str, Str, Value)>,
    /// What it appended to variables: name, element or text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub appended: Vec<(Str, Value)>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The run began.
    RunStarted {
        /// When.
        at: Timestamp,
        /// Its identifier.
        run: RunId,
        /// Its random numbers begin here.
        seed: u64,
        /// The record of its trigger.
        trigger: Value,
        /// Values of parameters: name → value.
        parameters: Value,
        /// What `workflow()` gives.
        workflow: Value,
        /// Whether somebody waits for a Response.
        caller_waits: bool,
        /// When the caller gives up; open where it does not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller_until: Option<Timestamp>,
        /// When the run has taken too long.
        deadline: Timestamp,
        /// [`ENGINE_REVISION`] of then.
        revision: u32,
        /// What a resumed run takes over from the run before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        taken_over: Vec<TakenOver>,
        /// Nothing begins before it is released.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        held: bool,
        /// The history does not show the outputs of the trigger.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        secure_trigger: bool,
    },
    /// A run that was held may begin.
    Released {
        /// When.
        at: Timestamp,
        /// When the run has taken too long.
        deadline: Timestamp,
    },
    /// An action began; its inputs are evaluated.
    ActionStarted {
        /// When.
        at: Timestamp,
        /// Which.
        path: ActionPath,
        /// Its inputs as the history shows them; secrets are taken out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inputs: Option<Value>,
        /// For actions that ask something of the world.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallSettings>,
        /// The history does not show the inputs.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        secure_inputs: bool,
        /// The history does not show the outputs.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        secure_outputs: bool,
        /// It is not done again: its result is that of an earlier run.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        taken_over: bool,
    },
    /// A request must be performed.
    EffectStarted {
        /// When.
        at: Timestamp,
        /// By which action.
        path: ActionPath,
        /// Counts the requests of the action, from 1.
        attempt: u32,
        /// Which retry of the same request it is; 0 for the first time.
        #[serde(default)]
        retry: u32,
        /// What for.
        purpose: Purpose,
        /// What to do.
        request: ActionRequest,
    },
    /// After a crash the request is handed out again, with the same idempotency key.
    EffectRedispatched {
        /// When.
        at: Timestamp,
        /// By which action.
        path: ActionPath,
        /// Which request.
        attempt: u32,
    },
    /// A request has an outcome.
    EffectEnded {
        /// When.
        at: Timestamp,
        /// Of which action.
        path: ActionPath,
        /// Which request.
        attempt: u32,
        /// The outcome.
        performed: Performed,
    },
    /// An action lets time pass or waits to be called.
    Waiting {
        /// When it began to wait.
        at: Timestamp,
        /// Which.
        path: ActionPath,
        /// Why.
        reason: WaitReason,
        /// Until when; open where it waits to be called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// The address of the next poll or page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uri: Option<Str>,
    },
    /// The address of a webhook action was called.
    CallbackReceived {
        /// When.
        at: Timestamp,
        /// Which action.
        path: ActionPath,
        /// What came: `headers`, `queries`, `body`.
        outputs: Value,
    },
    /// A condition or switch decided.
    BranchChosen {
        /// When.
        at: Timestamp,
        /// Which action.
        path: ActionPath,
        /// The group that runs; `None` where nothing does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<u32>,
        /// `true`, `false`, the name of a case, `default`.
        branch: Str,
    },
    /// A loop began.
    LoopStarted {
        /// When.
        at: Timestamp,
        /// Which.
        path: ActionPath,
        /// The elements of a Foreach.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        items: Option<Value>,
        /// The most iterations.
        count: u32,
        /// Iterations at a time.
        concurrency: u32,
        /// When an Until begins no further iteration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// What is forgotten with each iteration, since nothing outside of the loop reads it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forgets: Option<LoopBody>,
    },
    /// An iteration began.
    IterationStarted {
        /// When.
        at: Timestamp,
        /// Which loop.
        path: ActionPath,
        /// Which iteration, from 0.
        index: u32,
    },
    /// An iteration ended.
    IterationEnded {
        /// When.
        at: Timestamp,
        /// Which loop.
        path: ActionPath,
        /// Which iteration.
        index: u32,
        /// The group of the loop's body.
        group: u32,
        /// How.
        status: ActionStatus,
    },
    /// An action ended, or was skipped.
    ActionEnded {
        /// When.
        at: Timestamp,
        /// Which.
        path: ActionPath,
        /// Its group.
        group: u32,
        /// How.
        status: ActionStatus,
        /// A code of the definition language.
        code: Str,
        /// Its outputs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<Value>,
        /// Why it failed or was skipped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ActionError>,
        /// Its tracked properties.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tracked: Option<Value>,
    },
    /// A variable has a new value.
    VariableSet {
        /// As written.
        name: Str,
        /// `Integer`, `Float`, …
        kind: Str,
        /// The value.
        value: Value,
    },
    /// An element was appended to an array, or a text to a text: the fact holds what was appended, not the result.
    VariableAppended {
        /// As written.
        name: Str,
        /// The element or the text.
        value: Value,
    },
    /// The caller of the trigger is answered.
    Responded {
        /// When.
        at: Timestamp,
        /// The HTTP status.
        status: u16,
        /// Names and texts.
        headers: Value,
        /// The body; `None` for none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
    },
    /// A person wants the run to stop.
    CancelRequested {
        /// When.
        at: Timestamp,
    },
    /// Nothing new begins; what is open is stopped.
    RunStopped {
        /// When.
        at: Timestamp,
        /// The status that the run gets.
        status: RunStatus,
        /// Its code.
        code: Str,
        /// Its error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ActionError>,
    },
    /// The run ended.
    RunEnded {
        /// When.
        at: Timestamp,
        /// How.
        status: RunStatus,
        /// A code of the definition language.
        code: Str,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ActionError>,
        /// The definition's outputs: name → `{type, value}`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<Value>,
    },
}

impl Fact {
    /// The bytes that are stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// What is wrong with them: a newer program wrote them, or they are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// The end of time for a run that begins now.
pub(crate) fn deadline(now: Timestamp, span: Duration) -> Timestamp {
    now.plus(span)
}
