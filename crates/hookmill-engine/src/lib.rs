//! The flow engine: given a plan, the facts so far and one input, it says which facts follow and what the world owes.
//!
//! Pure: no clock, randomness, files, sockets or async. Time is an argument, randomness comes from the seed in the first
//! fact of a run.
//!
//! | file | purpose |
//! |---|---|
//! | `decide` | which facts follow from an input; what must be in flight |
//! | `state` | the fold of the facts |
//! | `variable`, `extent` | variables that grow piece by piece; how much memory a run takes |
//! | `fact` | what can happen in a run, and its stored form |
//! | `command` | what the engine asks of the world, and what the world answers |
//! | `answer` | which headers the answer to a caller can have |
//! | `retry`, `status_code` | retries, and the names of HTTP statuses |
//! | `trigger` | what a fired trigger starts |
//! | `history` | what people see of a run |
//! | `subscription` | the life of a webhook |
//! | `trace`, `depth` | the trace that a notification belongs to; how many runs called each other |
//! | `resume` | what a run that begins again at its failed actions takes over |
//! | `summary`, `search` | what lists say of a run, and whether what its trigger gave has a text |
//! | `backtest` | recorded runs against a changed definition |
//! | `case` | test cases of flows with scripted replies and a virtual clock |

mod answer;
pub mod backtest;
pub mod case;
mod command;
mod decide;
mod depth;
mod extent;
pub mod fact;
pub mod history;
pub mod resume;
mod retry;
mod scope;
mod search;
mod state;
pub mod status_code;
pub mod subscription;
mod summary;
mod trace;
pub mod trigger;
mod variable;

pub use answer::{TAKEN_OUT_HEADERS, is_removed};
pub use command::{
    ActionPath, ActionRequest, Chunks, Command, ConnectorRequest, EffectId, HttpRequest, OperationRequest, Outcome,
    Performed,
};
pub use decide::{
    Allowance, BrokenOff, Environment, Input, Start, decide, decide_while, outlook, pending, was_called_back,
};
pub use depth::{DEPTH_HEADER, depth_of};
pub use fact::{ActionError, CallSettings, Due, ENGINE_REVISION, Fact, LoopBody, Purpose, TakenOver, WaitReason};
pub use retry::{RetryKind, RetryPolicy, retry_after};
pub use search::{may_lack_body, trigger_gave};
pub use state::{IllegalFact, Indexes, InnerFailure, Record, Response, RunState};
pub use summary::{Culprit, Summary, culprit, refusal, summary};
pub use trace::{TRACE_HEADER, TRACE_STATE_HEADER, Trace, request_span, run_span};
pub use variable::Variable;
