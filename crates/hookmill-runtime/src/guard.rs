//! The border that no panic crosses: a bug that one flow, event or run meets must not stop the others, nor come back
//! again and again.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use hookmill_definition::Plan;
use hookmill_engine::backtest::{Replay, replay};
use hookmill_engine::{Allowance, BrokenOff, Environment, Fact, Input, RunState, decide_while};
use hookmill_model::Value;

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the program met a state that should be impossible: {}", text.unwrap_or("no more is known"))
}

/// What a future gives; the words of its panic where it breaks off.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|panic| words(&*panic))
}

/// Asks the engine. After an error the state must be forgotten, and the run be set aside. Where the decision was broken
/// off the state must be forgotten, too, and the input may be given again.
pub(crate) fn decided(
    plan: &Plan,
    state: &mut RunState,
    environment: Environment<'_>,
    input: Input,
    allowance: Allowance,
    wanted: &dyn Fn() -> bool,
) -> Result<Result<Vec<Fact>, BrokenOff>, String> {
    std::panic::catch_unwind(AssertUnwindSafe(|| decide_while(plan, state, environment, input, allowance, wanted)))
        .map_err(|panic| words(&*panic))?
        .map_err(|fault| fault.to_string())
}

/// Runs a recorded run again with a changed definition, while somebody waits for it.
pub(crate) fn replayed(
    plan: &Plan,
    parameters: &Value,
    facts: &[Fact],
    wanted: &dyn Fn() -> bool,
) -> Result<Replay, String> {
    std::panic::catch_unwind(AssertUnwindSafe(|| replay(plan, parameters, facts, wanted)))
        .map_err(|panic| words(&*panic))?
}
