//! The flow engine: given a plan, the facts so far and one input, it says which facts follow and what the world owes.
//!
//! Pure: no clock, randomness, files, sockets or async. Time is an argument, randomness comes from the seed in the first
//! fact of a run.

mod command;
pub mod subscription;

pub use command::{
    ActionPath, ActionRequest, Command, ConnectorRequest, EffectId, HttpRequest, OperationRequest, Outcome, Performed,
};
