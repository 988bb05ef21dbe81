//! What happened in a run, fact by fact. The state of a run is the fold of its facts; its history is read from them.
//!
//! Facts are stored for as long as a run is kept, so their form is a promise: members are only added, with a default.

use std::time::Duration;

use hookmill_model::{ActionStatus, Object, RunId, RunStatus, Str, Timestamp, Value};
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

/// Something that is due in a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "due", rename_all = "snake_case")]
pub enum Due {
    /// A group begins.
    Open {
        /// The group.
        group: u32,
        /// The iterations around it, outermost first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        indexes: Vec<u32>,
    },
    /// The predecessors of an action may all have ended.
    Consider {
        /// The action.
        path: ActionPath,
    },
    /// All actions of a group may have ended.
    GroupEnded {
        /// The group.
        group: u32,
        /// The iterations around it, outermost first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        indexes: Vec<u32>,
    },
    /// A loop may begin iterations, or end.
    Advance {
        /// The loop.
        path: ActionPath,
    },
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
    RunStarted(RunStarted),
    Released(Released),
    ActionStarted(ActionStarted),
    EffectStarted(EffectStarted),
    EffectRedispatched(EffectRedispatched),
    EffectEnded(EffectEnded),
    Waiting(Waiting),
    CallbackReceived(CallbackReceived),
    BranchChosen(BranchChosen),
    LoopStarted(LoopStarted),
    IterationStarted(IterationStarted),
    IterationEnded(IterationEnded),
    ActionEnded(ActionEnded),
    VariableSet(VariableSet),
    VariableAppended(VariableAppended),
    Responded(Responded),
    DecisionPaused(DecisionPaused),
    DecisionResumed(DecisionResumed),
    CancelRequested(CancelRequested),
    RunStopped(RunStopped),
    RunEnded(RunEnded),
}

/// The run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// When the run began, in microseconds since 1970.
    pub at: Timestamp,
    /// The identifier of the run.
    pub run: RunId,
    /// The seed of the run's random numbers.
    pub seed: u64,
    /// The record of its trigger.
    pub trigger: Value,
    /// The values of the definition's parameters: name → value.
    pub parameters: Value,
    /// What `workflow()` gives.
    pub workflow: Value,
    /// Whether somebody waits for a Response.
    pub caller_waits: bool,
    /// When the caller gives up; open where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_until: Option<Timestamp>,
    /// When the run has taken too long.
    pub deadline: Timestamp,
    /// The [`ENGINE_REVISION`] of the program that began the run.
    pub revision: u32,
    /// What a resumed run takes over from the run before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_over: Vec<TakenOver>,
    /// Whether no action begins before [`Fact::Released`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Whether what the run keeps is sealed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Whether the history hides the outputs of the trigger.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secure_trigger: bool,
    /// The body of the trigger's outputs is not here: it is the body of the event that began the run. Only stored
    /// facts say so; see [`Fact::beside_event`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub body_in_event: bool,
}

/// A run that was held may begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// When the run was released, in microseconds since 1970.
    pub at: Timestamp,
    /// When the run has taken too long.
    pub deadline: Timestamp,
}

/// An action began; its inputs are evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionStarted {
    /// When the action began, in microseconds since 1970.
    pub at: Timestamp,
    /// The action.
    pub path: ActionPath,
    /// Its inputs as the history shows them; secrets are taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// For actions that ask something of the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallSettings>,
    /// Whether the history hides the inputs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secure_inputs: bool,
    /// Whether the history hides the outputs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secure_outputs: bool,
    /// Whether the result of an earlier run stands in for the work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
}

/// A request must be performed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectStarted {
    /// When the request was handed out, in microseconds since 1970.
    pub at: Timestamp,
    /// The action that asks.
    pub path: ActionPath,
    /// Counts the requests of the action, from 1.
    pub attempt: u32,
    /// Which retry of the same request it is; 0 for the first time.
    #[serde(default)]
    pub retry: u32,
    /// What the request is for.
    pub purpose: Purpose,
    /// What to do.
    pub request: ActionRequest,
}

/// After a crash the request is handed out again, with the same idempotency key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectRedispatched {
    /// When the request was handed out again, in microseconds since 1970.
    pub at: Timestamp,
    /// The action that asks.
    pub path: ActionPath,
    /// The number of the request within the action, from 1.
    pub attempt: u32,
}

/// A request has an outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectEnded {
    /// When the outcome was known, in microseconds since 1970.
    pub at: Timestamp,
    /// The action that asked.
    pub path: ActionPath,
    /// The number of the request within the action, from 1.
    pub attempt: u32,
    /// The outcome.
    pub performed: Performed,
}

/// An action lets time pass or waits to be called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// When it began to wait.
    pub at: Timestamp,
    /// The action.
    pub path: ActionPath,
    /// What the action waits for.
    pub reason: WaitReason,
    /// Until when; open where it waits to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The address of the next poll or page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Str>,
}

/// The address of a webhook action was called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallbackReceived {
    /// When the call came, in microseconds since 1970.
    pub at: Timestamp,
    /// The action.
    pub path: ActionPath,
    /// What came: `headers`, `queries`, `body`.
    pub outputs: Value,
}

/// A condition or switch decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BranchChosen {
    /// When the action decided, in microseconds since 1970.
    pub at: Timestamp,
    /// The action.
    pub path: ActionPath,
    /// The group that runs; `None` where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// `true`, `false`, the name of a case, `default`.
    pub branch: Str,
}

/// A loop began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoopStarted {
    /// When the loop began, in microseconds since 1970.
    pub at: Timestamp,
    /// The action.
    pub path: ActionPath,
    /// The elements of a Foreach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Value>,
    /// The highest number of iterations.
    pub count: u32,
    /// How many iterations run at a time.
    pub concurrency: u32,
    /// When an Until begins no further iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What is forgotten with each iteration, since nothing outside of the loop reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgets: Option<LoopBody>,
}

/// An iteration began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IterationStarted {
    /// When the iteration began, in microseconds since 1970.
    pub at: Timestamp,
    /// The loop.
    pub path: ActionPath,
    /// The number of the iteration, from 0.
    pub index: u32,
}

/// An iteration ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IterationEnded {
    /// When the iteration ended, in microseconds since 1970.
    pub at: Timestamp,
    /// The loop.
    pub path: ActionPath,
    /// The number of the iteration, from 0.
    pub index: u32,
    /// The group of the loop's body.
    pub group: u32,
    /// The status that it ended with.
    pub status: ActionStatus,
}

/// An action ended, or was skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionEnded {
    /// When the action ended, in microseconds since 1970.
    pub at: Timestamp,
    /// The action.
    pub path: ActionPath,
    /// The index of the action's group.
    pub group: u32,
    /// The status that it ended with.
    pub status: ActionStatus,
    /// A code of the definition language.
    pub code: Str,
    /// The outputs, where the action has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ActionError>,
    /// Its tracked properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracked: Option<Value>,
}

/// A variable has a new value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariableSet {
    /// The name of the variable, as written.
    pub name: Str,
    /// `Integer`, `Float`, …
    pub kind: Str,
    /// The new value.
    pub value: Value,
}

/// An element was appended to an array, or a text to a text: the fact holds what was appended, not the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariableAppended {
    /// The name of the variable, as written.
    pub name: Str,
    /// The element or the text.
    pub value: Value,
}

/// The caller of the trigger is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Responded {
    /// When the answer was given, in microseconds since 1970.
    pub at: Timestamp,
    /// The HTTP status.
    pub status: u16,
    /// The headers: name → text.
    pub headers: Value,
    /// The body; `None` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// The decision had made as much as one may, and goes on later with what is due by then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionPaused {
    /// When it paused, in microseconds since 1970.
    pub at: Timestamp,
    /// What is due, in the order in which it became due.
    pub due: Vec<Due>,
}

/// A decision goes on with what was due when the one before paused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionResumed {
    /// When it went on, in microseconds since 1970.
    pub at: Timestamp,
}

/// A person wants the run to stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CancelRequested {
    /// When the person asked, in microseconds since 1970.
    pub at: Timestamp,
}

/// Nothing new begins; what is open is stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStopped {
    /// When the run was stopped, in microseconds since 1970.
    pub at: Timestamp,
    /// The status that the run gets.
    pub status: RunStatus,
    /// The code of the status.
    pub code: Str,
    /// Why the run was stopped, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ActionError>,
}

/// The run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEnded {
    /// When the run ended, in microseconds since 1970.
    pub at: Timestamp,
    /// The status that the run ended with.
    pub status: RunStatus,
    /// A code of the definition language.
    pub code: Str,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ActionError>,
    /// The definition's outputs: name → `{type, value}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
}

impl Fact {
    /// The action run that the fact begins or ends, and whether it failed or took too long.
    #[must_use]
    pub fn begins_or_ends(&self) -> Option<(&ActionPath, bool)> {
        match self {
            Self::ActionStarted(ActionStarted { path, .. }) => Some((path, false)),
            Self::ActionEnded(ActionEnded { path, status, .. }) => {
                Some((path, matches!(status, ActionStatus::Failed | ActionStatus::TimedOut)))
            }
            _ => None,
        }
    }

    /// The beginning of a run as it is stored beside the event that began it: the body of the trigger's outputs stands
    /// in the event already. All other facts as they are.
    #[must_use]
    pub fn beside_event(&self) -> Self {
        let mut fact = self.clone();
        if let Self::RunStarted(RunStarted { trigger, body_in_event, .. }) = &mut fact
            && let Some(outputs) = outputs_mut(trigger)
        {
            *body_in_event = outputs.remove("body").is_some();
        }
        fact
    }

    /// Whether the body of the trigger's outputs must be taken from the event that began the run, before anything is
    /// made of this fact.
    #[must_use]
    pub const fn lacks_body(&self) -> bool {
        matches!(self, Self::RunStarted(RunStarted { body_in_event: true, .. }))
    }

    /// Puts the body of the event that began the run back into a fact that [`Fact::lacks_body`].
    pub fn put_body(&mut self, body: Value) {
        if let Self::RunStarted(RunStarted { trigger, body_in_event, .. }) = self
            && let Some(outputs) = outputs_mut(trigger)
        {
            outputs.insert("body", body);
            *body_in_event = false;
        }
    }

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

/// The outputs in the record of a trigger; copies only where they are shared.
fn outputs_mut(trigger: &mut Value) -> Option<&mut Object> {
    trigger.as_object_mut()?.get_mut("outputs")?.as_object_mut()
}

/// The end of time for a run that begins now.
pub(crate) fn deadline(now: Timestamp, span: Duration) -> Timestamp {
    now.plus(span)
}
